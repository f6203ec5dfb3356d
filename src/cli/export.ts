/** `chorus export`: alerts in, files for spreadsheets, graph programs and threat-intelligence platforms out. */
import { mkdirSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { Command } from 'commander';
import { ConfigError, type ConfigProblem } from '../errors.ts';
import { AccountBook } from '../report/account-book.ts';
import * as csv from '../report/csv.ts';
import { accountRows, type Evidence } from '../report/evidence.ts';
import { gexfLines, graphmlLines, type AccountGraph } from '../report/graph-files.ts';
import { mispEvent, mispManifestEntry, type MispManifestEntry } from '../report/misp.ts';
import { PairBook, reachOf } from '../report/pairs.ts';
import { stixLines } from '../report/stix.ts';
import { NdjsonSink, STDOUT } from '../sinks/ndjson.ts';
import { AlertArchive } from './alert-archive.ts';
import { EXIT } from './exit.ts';
import { nearest } from './suggest.ts';
import { counted } from './summary.ts';
import { VERSION } from './version.ts';

const FORMATS = ['csv', 'gexf', 'graphml', 'misp', 'stix'] as const;
type Format = (typeof FORMATS)[number];
/** Those that are several files. */
const FOLDER_FORMATS: ReadonlySet<Format> = new Set(['csv', 'misp']);
const STDIN = '-';
const BYTE_ORDER_MARK = '\uFEFF';
const GENERATOR = `Chorus ${VERSION}`;

interface ExportFlags {
  readonly to: string;
  readonly out: string;
  readonly members?: string;
  readonly bom?: boolean;
}

export function addExportCommand(program: Command): void {
  program
    .command('export')
    .description('make files of alerts for other programs: spreadsheets, Gephi, MISP, STIX')
    .argument('<ALERTS>', 'alerts as replay or the alerts topic has them, all revisions or --final, or - for stdin')
    .requiredOption('--to <format>', FORMATS.join(', '))
    .requiredOption('--out <path>', 'a folder for csv and misp; a file, or - for standard output, for the others')
    .option('--members <file>', 'the posts of each campaign, as replay --members writes them, for complete lists')
    .option('--bom', 'csv: begin each file with a byte-order mark, by which Excel knows UTF-8')
    .addHelpText(
      'after',
      `
Examples:
  chorus export --to csv --out tables alerts.ndjson           campaigns.csv, accounts.csv, posts.csv, pairs.csv
  chorus export --to gexf --out accounts.gexf alerts.ndjson   the network of accounts, with times, for Gephi
  chorus export --to misp --out feed alerts.ndjson            a MISP feed: one event a campaign, and a manifest
  chorus export --to stix --out - alerts.ndjson | gzip > campaigns.json.gz

A cell of a table that a spreadsheet would run as a formula has an apostrophe before it. Files in the way are replaced.`,
    )
    .action(async (alerts: string, flags: ExportFlags) => {
      process.exitCode = await exportCommand(alerts, flags);
    });
}

/** Returns the exit code. @throws ConfigError, InputError, ChorusError `sink_io` */
async function exportCommand(alerts: string, flags: ExportFlags): Promise<number> {
  const format = formatOf(alerts, flags);
  const archive = await AlertArchive.read({ alerts, members: flags.members });
  try {
    const job = new ExportJob(archive, flags);
    await job.run(format);
    const { length } = archive.campaigns;
    process.stderr.write(`${archive.complaint}${job.remark}${flags.out}: ${counted(length, 'campaign')}\n`);
    return archive.isMostlyRejected ? EXIT.mostlyRejected : EXIT.done;
  } finally {
    archive.close();
  }
}

function formatOf(alerts: string, { to, out, members, bom }: ExportFlags): Format {
  const problems: ConfigProblem[] = [];
  const format = FORMATS.find((each) => each === to);
  if (format === undefined) {
    const meant = nearest(to, FORMATS);
    const hint = meant === undefined ? '' : `; is "${meant}" meant?`;
    problems.push({ name: '--to', value: to, bound: `one of ${FORMATS.join(', ')}${hint}` });
  } else {
    const bound = FOLDER_FORMATS.has(format) ? folderBound(out) : fileBound(out, [alerts, members]);
    if (bound !== undefined) problems.push({ name: '--out', value: out, bound });
  }
  if (alerts === STDIN && members === STDIN) {
    problems.push({ name: '--members', value: STDIN, bound: 'a file where the alerts are -' });
  }
  if (bom === true && format !== undefined && format !== 'csv') {
    problems.push({ name: '--bom', value: true, bound: 'left out: only csv has it' });
  }
  if (problems.length > 0) throw new ConfigError(problems);
  return format!;
}

/** What `--out` must be, or undefined if it can be used. */
function folderBound(out: string): string | undefined {
  if (out === STDOUT) return 'a folder: this format is several files';
  try {
    readdirSync(out);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') return `a folder (${(error as Error).message})`;
  }
  return undefined;
}

function fileBound(out: string, inputs: readonly (string | undefined)[]): string | undefined {
  const found = statSync(out, { throwIfNoEntry: false });
  if (found?.isDirectory() === true) return 'a file: this format is one';
  const isInput = inputs.some((input) => {
    const other = input === undefined ? undefined : statSync(input, { throwIfNoEntry: false });
    return found?.isFile() === true && other?.isFile() === true && other.dev === found.dev && other.ino === found.ino;
  });
  return isInput ? 'another file than the inputs' : undefined;
}

class ExportJob {
  /** For standard error. */
  remark = '';
  readonly #archive: AlertArchive;
  readonly #out: string;
  readonly #mark: string;

  constructor(archive: AlertArchive, { out, bom }: ExportFlags) {
    this.#archive = archive;
    this.#out = out;
    this.#mark = bom === true ? BYTE_ORDER_MARK : '';
  }

  async run(format: Format): Promise<void> {
    switch (format) {
      case 'csv':
        return this.#csv();
      case 'gexf':
        return this.#write(this.#out, gexfLines(this.#graph()));
      case 'graphml':
        return this.#write(this.#out, graphmlLines(this.#graph()));
      case 'misp':
        return this.#misp();
      case 'stix':
        return this.#write(this.#out, stixLines(this.#name(), this.#campaigns(), this.#book()));
    }
  }

  *#campaigns(): Generator<Evidence> {
    for (const campaign of this.#archive.campaigns) yield this.#archive.load(campaign);
  }

  #ids(): string[] {
    return this.#archive.campaigns.map(({ id }) => id);
  }

  #name(): string {
    return this.#archive.campaigns.map(({ id, revision }) => `${id} ${revision}`).join(' ');
  }

  #book(): AccountBook {
    const book = new AccountBook();
    let number = 0;
    for (const evidence of this.#campaigns()) book.add(number++, accountRows(evidence), evidence.alert.lastMs);
    return book;
  }

  #pairs(): PairBook {
    const counts = Array.from(this.#campaigns(), (evidence) => accountRows(evidence).length);
    const { reach, leftOut } = reachOf(counts);
    if (leftOut > 0) {
      this.remark = `chorus: ${counted(leftOut, 'pair')} of accounts left out: of a large campaign each account is paired with the next ${reach} in time\n`;
    }
    const pairs = new PairBook(reach);
    let number = 0;
    for (const evidence of this.#campaigns()) pairs.add(number++, accountRows(evidence), evidence.alert.lastMs);
    return pairs;
  }

  #graph(): AccountGraph {
    const lastMs = this.#archive.campaigns.reduce((last, campaign) => Math.max(last, campaign.lastMs), 0);
    const [accounts, pairs] = [this.#book().accounts(), this.#pairs().pairs()];
    return { accounts, pairs, campaignIds: this.#ids(), generator: GENERATOR, lastMs };
  }

  async #csv(): Promise<void> {
    this.#makeFolder();
    const book = this.#book();
    const ids = this.#ids();
    await this.#table('campaigns.csv', csv.CAMPAIGNS_HEAD, (evidence) => [csv.campaignLine(evidence)]);
    await this.#table('accounts.csv', csv.ACCOUNTS_HEAD, (evidence) => csv.accountLines(evidence, book));
    await this.#table('posts.csv', csv.POSTS_HEAD, (evidence) => csv.postLines(evidence, book));
    const pairs = this.#pairs();
    await this.#write(join(this.#out, 'pairs.csv'), pairLines(this.#mark, pairs, book, ids));
  }

  async #table(name: string, head: string, linesOf: (evidence: Evidence) => readonly string[]): Promise<void> {
    await this.#write(join(this.#out, name), tableLines(this.#mark + head, this.#campaigns(), linesOf));
  }

  async #misp(): Promise<void> {
    this.#makeFolder();
    const book = this.#book();
    const manifest: Record<string, MispManifestEntry> = {};
    for (const evidence of this.#campaigns()) {
      const event = mispEvent(evidence, book);
      manifest[event.uuid] = mispManifestEntry(event);
      await this.#write(join(this.#out, `${event.uuid}.json`), [JSON.stringify({ Event: event })]);
    }
    await this.#write(join(this.#out, 'manifest.json'), [JSON.stringify(manifest)]);
  }

  #makeFolder(): void {
    try {
      mkdirSync(this.#out, { recursive: true });
    } catch (cause) {
      const bound = `a folder that can be written (${(cause as Error).message})`;
      throw new ConfigError([{ name: '--out', value: this.#out, bound }]);
    }
  }

  async #write(path: string, lines: Iterable<string>): Promise<void> {
    const sink = new NdjsonSink({ name: '--out', path });
    try {
      for (const line of lines) await sink.writeLine(line);
    } finally {
      await sink.close();
    }
  }
}

function* tableLines(
  head: string,
  campaigns: Iterable<Evidence>,
  linesOf: (evidence: Evidence) => readonly string[],
): Generator<string> {
  yield head;
  for (const evidence of campaigns) yield* linesOf(evidence);
}

function* pairLines(mark: string, pairs: PairBook, book: AccountBook, ids: readonly string[]): Generator<string> {
  yield mark + csv.PAIRS_HEAD;
  for (const pair of pairs.pairs()) yield csv.pairLine(pair, book, ids);
}
