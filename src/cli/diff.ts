/** `chorus diff`: two alert files in, what became of each campaign out, for people and as JSON. */
import { statSync } from 'node:fs';
import { isatty } from 'node:tty';
import type { Command } from 'commander';
import { inputBytes, readLines } from '../consumers/file.ts';
import { ConfigError, type ConfigProblem } from '../errors.ts';
import { Rejections } from '../runtime/rejections.ts';
import { NdjsonSink, STDOUT } from '../sinks/ndjson.ts';
import { ALERT_LINE_BYTES_MAX, CampaignCollector, decodeAlert, SharedTexts } from './alert-lines.ts';
import { compareCampaigns, KINDS, type Kind } from './compare-alerts.ts';
import { describeDiff, diffDocument, type DiffSide } from './diff-report.ts';
import { EXIT } from './exit.ts';
import { nearest } from './suggest.ts';
import { counted } from './summary.ts';

const STDIN = '-';
/** As with git diff, and only where it is asked for. */
const DIFFERENT = 1;

interface DiffFlags {
  readonly minChange?: string;
  readonly only?: string;
  readonly json?: string;
  readonly exitCode?: boolean;
}

export function addDiffCommand(program: Command): void {
  program
    .command('diff')
    .description('compare two alert files: which campaigns are only in one, and which have other accounts')
    .argument('<A>', 'alerts as replay writes them, all revisions or --final (plain, gzip or zstd), or - for stdin')
    .argument('<B>', 'likewise')
    .option('--min-change <n>', 'a campaign with fewer accounts added and removed is the same (default: 1)')
    .option('--only <kinds>', `of ${KINDS.join(',')}: only these (default: all; the table leaves out same)`)
    .option('--json <file>', 'everything as JSON; - for standard output, in place of the table')
    .option('--exit-code', 'exit with 1 if there is a difference')
    .addHelpText(
      'after',
      `
Examples:
  chorus replay --final --min-accounts 8 --alerts strict.ndjson posts.ndjson.gz
  chorus diff alerts.ndjson strict.ndjson           what a higher threshold would change
  chorus diff --only only_a --exit-code a.ndjson b.ndjson   fails if a campaign would be lost

Campaigns are matched by id, then by the posts and texts that they share: other settings give other ids. An alert lists
100 accounts and 20 texts unless limits.accountsListed and limits.variantsListed say otherwise; of a larger campaign, a
part that shares none of those is told as only in A or B.`,
    )
    .action(async (a: string, b: string, flags: DiffFlags) => {
      process.exitCode = await diffCommand(a, b, flags);
    });
}

/** Returns the exit code. @throws ConfigError, InputError, ChorusError `sink_io` */
async function diffCommand(inputA: string, inputB: string, flags: DiffFlags): Promise<number> {
  const { minChange, only, json } = optionsOf(inputA, inputB, flags);
  for (const input of [inputA, inputB]) await inputBytes(input);
  const keys = new SharedTexts();
  const [a, b] = [await readSide(inputA, keys), await readSide(inputB, keys)];
  const groups = compareCampaigns(a.side.campaigns, b.side.campaigns, { minChange });
  const diff = { a: a.side, b: b.side, minChange, only: only ?? KINDS, groups };
  if (json !== STDOUT) {
    // Of thousands that stayed as they were nobody asks the names.
    const shown = only ?? KINDS.filter((kind) => kind !== 'same');
    await write('standard output', STDOUT, describeDiff({ ...diff, only: shown }, isatty(1)));
  }
  if (json !== undefined) await write('--json', json, [JSON.stringify(diffDocument(diff), undefined, 2)]);
  for (const { side, rejections } of [a, b]) process.stderr.write(describeRejected(side, rejections));
  if ([a, b].some(({ side }) => isMostlyRejected(side))) return EXIT.mostlyRejected;
  const isDifferent = groups.some(({ kind }) => kind !== 'same' && diff.only.includes(kind));
  return isDifferent && flags.exitCode === true ? DIFFERENT : EXIT.done;
}

interface DiffOptions {
  readonly minChange: number;
  readonly only: readonly Kind[] | undefined;
  readonly json: string | undefined;
}

function optionsOf(inputA: string, inputB: string, { minChange = '1', only, json }: DiffFlags): DiffOptions {
  const problems: ConfigProblem[] = [];
  if (inputA === STDIN && inputB === STDIN) problems.push({ name: 'B', value: STDIN, bound: 'a file where A is -' });
  if (!/^[1-9]\d{0,8}$/.test(minChange)) {
    problems.push({ name: '--min-change', value: minChange, bound: 'an integer from 1 to 999999999' });
  }
  if (json !== undefined && json !== STDOUT && [inputA, inputB].some((input) => isOneFile(input, json))) {
    problems.push({ name: '--json', value: json, bound: 'another file than A and B' });
  }
  const kinds = only?.split(',').map((word) => {
    const kind = KINDS.find((each) => each === word.trim());
    if (kind === undefined) problems.push({ name: '--only', value: word, bound: kindBound(word) });
    return kind;
  });
  if (problems.length > 0) throw new ConfigError(problems);
  return { minChange: Number(minChange), only: kinds?.filter((kind) => kind !== undefined), json };
}

function kindBound(word: string): string {
  const meant = nearest(word, KINDS);
  return `one or more of ${KINDS.join(',')}${meant === undefined ? '' : `; is "${meant}" meant?`}`;
}

function isOneFile(one: string, other: string): boolean {
  const [a, b] = [one, other].map((path) => statSync(path, { throwIfNoEntry: false }));
  return a?.isFile() === true && b?.isFile() === true && a.dev === b.dev && a.ino === b.ino;
}

interface ReadSide {
  readonly side: DiffSide;
  readonly rejections: Rejections;
}

/** An input that breaks off ends it all: campaigns beyond the break would be told as lost. */
async function readSide(input: string, keys: SharedTexts): Promise<ReadSide> {
  const collector = new CampaignCollector(keys);
  const rejections = new Rejections();
  let lines = 0;
  for await (const batch of readLines(input, { lineBytesMax: ALERT_LINE_BYTES_MAX })) {
    for (let i = 0; i < batch.count; i++) {
      lines++;
      const line = batch.text(i);
      const decoded = line === undefined ? undefined : decodeAlert(line);
      if (decoded?.kind === 'alert') collector.take(decoded.alert);
      else {
        const { reason, detail } = decoded ?? { reason: batch.reason(i), detail: 'the line is no text' };
        rejections.add(reason, detail, input, batch.number(i), batch.bytes(i));
      }
    }
  }
  const campaigns = collector.campaigns();
  const side = {
    input,
    lines,
    rejected: { count: rejections.count, byReason: rejections.byReason() },
    superseded: collector.superseded,
    merged: lines - rejections.count - collector.superseded - campaigns.length,
    campaigns,
  };
  return { side, rejections };
}

function isMostlyRejected({ lines, rejected }: DiffSide): boolean {
  return rejected.count * 2 > lines;
}

/** Nothing for a file whose lines are all alerts. */
function describeRejected({ input, lines, rejected }: DiffSide, rejections: Rejections): string {
  if (rejected.count === 0) return '';
  const name = input === STDIN ? 'standard input' : input;
  const told = rejected.byReason.map(({ reason, count, samples }) => {
    const { line, detail } = samples[0]!;
    return `  ${reason}: ${counted(count, 'line')}, the first is ${name}:${line}: ${detail}\n    ${rejections.excerpt(reason)}\n`;
  });
  return `chorus: ${name}: ${rejected.count} of ${counted(lines, 'line')} rejected, must be alerts:\n${told.join('')}`;
}

async function write(name: string, path: string, lines: readonly string[]): Promise<void> {
  const sink = new NdjsonSink({ name, path });
  try {
    for (const line of lines) await sink.writeLine(line);
  } finally {
    await sink.close();
  }
}
