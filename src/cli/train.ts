/**
 * `chorus train`: a frequency table from somebody's own feed.
 *
 * Each distinct text counts once and native reposts do not count, so that a campaign in the feed does not make its own words
 * ordinary.
 */
import { writeFileSync } from 'node:fs';
import { inputBytes, readLines } from '../consumers/file.ts';
import { decodeCanonical } from '../consumers/formats/canonical.ts';
import { ConfigError } from '../errors.ts';
import { trainOn } from '../fingerprints/fingerprint.ts';
import { FrequencyTrainer } from '../fingerprints/frequency-table.ts';
import { hashStrings } from '../fingerprints/hash.ts';
import { Normaliser } from '../fingerprints/normalise.ts';
import { packTable } from './table.ts';
import { TextSet } from './text-set.ts';
import { tokenTexts } from './tokens.ts';

export const TABLE_DEFAULT = 'chorus-table.chdf.gz';
/** Four million texts are remembered for telling repeats, in 32 MB; beyond it the oldest are forgotten. */
const TEXT_BUCKET_BITS = 20;

export interface TrainOptions {
  readonly out: string;
}

export interface TrainSummary {
  readonly lines: number;
  readonly rejected: number;
  readonly nativeReposts: number;
  readonly repeated: number;
  /** Posts that the table counts. */
  readonly posts: number;
  readonly bytes: number;
}

/** Reads the files and writes the table. @throws ConfigError, InputError */
export async function train(inputs: readonly string[], { out }: TrainOptions): Promise<TrainSummary> {
  for (const input of inputs) await inputBytes(input);
  const training = new Training();
  for (const input of inputs) {
    for await (const batch of readLines(input)) {
      for (let i = 0; i < batch.count; i++) training.take(batch.text(i));
    }
  }
  if (training.trainer.posts === 0) {
    throw new ConfigError([
      { name: 'FILE', value: inputs.join(', '), bound: 'files with at least one post to learn from' },
    ]);
  }
  const bytes = packTable(training.trainer.finish());
  try {
    writeFileSync(out, bytes);
  } catch (cause) {
    throw new ConfigError([
      { name: '--out', value: out, bound: `a file that can be written (${(cause as Error).message})` },
    ]);
  }
  const { lines, rejected, nativeReposts, repeated, trainer } = training;
  return { lines, rejected, nativeReposts, repeated, posts: trainer.posts, bytes: bytes.length };
}

class Training {
  lines = 0;
  rejected = 0;
  nativeReposts = 0;
  repeated = 0;
  readonly trainer = new FrequencyTrainer();
  readonly #normaliser = new Normaliser();
  readonly #known = new TextSet(TEXT_BUCKET_BITS);

  /** @param line undefined for one that is no text */
  take(line: string | undefined): void {
    this.lines++;
    const decoded = line === undefined ? undefined : decodeCanonical(line);
    if (decoded?.kind !== 'post') this.rejected++;
    else if (decoded.post.repostOf !== undefined) this.nativeReposts++;
    else this.#takeText(decoded.post.text);
  }

  #takeText(text: string): void {
    const normaliser = this.#normaliser;
    normaliser.normalise(text);
    const { hi, lo } = hashStrings(tokenTexts(normaliser).join(' '));
    if (this.#known.add(hi, lo)) trainOn(this.trainer, normaliser);
    else this.repeated++;
  }
}
