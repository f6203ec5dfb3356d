/**
 * `chorus train`: a frequency table from somebody's own feed, and when its accounts were made.
 *
 * Each distinct text counts once and native reposts do not count, so that a campaign in the feed does not make its own words
 * ordinary.
 */
import { writeFileSync } from 'node:fs';
import type { Command } from 'commander';
import { openRecords } from '../consumers/file.ts';
import { ConfigError, type ConfigProblem } from '../errors.ts';
import { trainOn } from '../fingerprints/fingerprint.ts';
import { FrequencyTrainer } from '../fingerprints/frequency-table.ts';
import { hashStrings } from '../fingerprints/hash.ts';
import { Normaliser } from '../fingerprints/normalise.ts';
import type { Decoded, Post } from '../model.ts';
import { CreationTrainer } from './creation-trainer.ts';
import {
  checkInputs,
  ENCODING_OPTION,
  FORMAT_OPTION,
  MAP_OPTION,
  parseFormatFlags,
  type FormatFlags,
} from './format-flags.ts';
import { counted } from './summary.ts';
import { packTable } from './table.ts';
import { TextSet } from './text-set.ts';
import { tokenTexts } from './tokens.ts';

const TABLE_DEFAULT = 'chorus-table.chdf.gz';
/** Four million texts are remembered for telling repeats, in 32 MB; beyond it the oldest are forgotten. */
const TEXT_BUCKET_BITS = 20;

interface TrainOptions extends FormatFlags {
  readonly out: string;
  /** Where the creation dates of the accounts go; undefined for nowhere. */
  readonly creationOut?: string;
}

export interface TrainSummary {
  /** Lines or records; of a page, all that is in it. */
  readonly lines: number;
  readonly rejected: number;
  /** What says nothing that is of use here, and deletions. */
  readonly passedOver: number;
  readonly nativeReposts: number;
  readonly repeated: number;
  /** Posts that the table counts. */
  readonly posts: number;
  readonly bytes: number;
  /** Accounts whose creation date is known, each counted once. */
  readonly accounts: number;
}

/** Reads the files and writes the table. @throws ConfigError, InputError */
export async function train(inputs: readonly string[], options: TrainOptions): Promise<TrainSummary> {
  const problems: ConfigProblem[] = [];
  const choice = parseFormatFlags(options, problems);
  if (problems.length > 0) throw new ConfigError(problems);
  await checkInputs(inputs, choice);
  const training = new Training();
  for (const input of inputs) {
    const { batches } = await openRecords(input, choice);
    for await (const batch of batches) {
      for (let i = 0; i < batch.count; i++) training.take(batch.decode(i));
    }
  }
  if (training.trainer.posts === 0) {
    throw new ConfigError([
      { name: 'FILE', value: inputs.join(', '), bound: 'files with at least one post to learn from' },
    ]);
  }
  const bytes = packTable(training.trainer.finish());
  try {
    writeFileSync(options.out, bytes);
  } catch (cause) {
    throw new ConfigError([
      { name: '--out', value: options.out, bound: `a file that can be written (${(cause as Error).message})` },
    ]);
  }
  if (options.creationOut !== undefined) writeCreation(options.creationOut, training.creation);
  const { lines, rejected, passedOver, nativeReposts, repeated, trainer, creation } = training;
  const accounts = creation.accounts;
  return { lines, rejected, passedOver, nativeReposts, repeated, posts: trainer.posts, bytes: bytes.length, accounts };
}

function writeCreation(path: string, creation: CreationTrainer): void {
  if (creation.accounts === 0) {
    const bound = 'left out where no post tells when its account was made (accountCreatedAt)';
    throw new ConfigError([{ name: '--creation-out', value: path, bound }]);
  }
  try {
    writeFileSync(path, `${JSON.stringify(creation.finish(), undefined, 2)}\n`);
  } catch (cause) {
    const bound = `a file that can be written (${(cause as Error).message})`;
    throw new ConfigError([{ name: '--creation-out', value: path, bound }]);
  }
}

class Training {
  lines = 0;
  rejected = 0;
  passedOver = 0;
  nativeReposts = 0;
  repeated = 0;
  readonly trainer = new FrequencyTrainer();
  readonly creation = new CreationTrainer();
  readonly #normaliser = new Normaliser();
  readonly #known = new TextSet(TEXT_BUCKET_BITS);

  take(decoded: Decoded | readonly Decoded[]): void {
    if ('kind' in decoded) this.#takeOne(decoded);
    else for (const one of decoded) this.#takeOne(one);
  }

  #takeOne(decoded: Decoded): void {
    this.lines++;
    if (decoded.kind === 'rejection') this.rejected++;
    else if (decoded.kind !== 'post') this.passedOver++;
    else this.#takePost(decoded.post);
  }

  #takePost(post: Post): void {
    this.creation.take(post);
    if (post.repostOf !== undefined) this.nativeReposts++;
    else this.#takeText(post.text);
  }

  #takeText(text: string): void {
    const normaliser = this.#normaliser;
    normaliser.normalise(text);
    const { hi, lo } = hashStrings(tokenTexts(normaliser).join(' '));
    if (this.#known.add(hi, lo)) trainOn(this.trainer, normaliser);
    else this.repeated++;
  }
}

export function addTrainCommand(program: Command): void {
  program
    .command('train')
    .description('make a frequency table from your own feed')
    .argument('<FILE...>', 'files of posts, or - for standard input')
    .option('--out <file>', 'where the table goes', TABLE_DEFAULT)
    .option('--creation-out <file>', 'where the creation dates of the accounts go, for evidence.creation')
    .addOption(FORMAT_OPTION)
    .addOption(MAP_OPTION)
    .addOption(ENCODING_OPTION)
    .addHelpText('after', '\nExample:\n  chorus train --out mine.chdf.gz last-week-*.ndjson.gz')
    .action(async (inputs: string[], flags: TrainOptions) => {
      const { lines, posts, repeated, nativeReposts, passedOver, rejected } = await train(inputs, flags);
      process.stderr.write(
        `${flags.out}: ${counted(posts, 'post')} counted of ${counted(lines, 'line')} ` +
          `(${repeated} repeated, ${counted(nativeReposts, 'native repost')}, ${passedOver} passed over, ${rejected} rejected)\n`,
      );
    });
}
