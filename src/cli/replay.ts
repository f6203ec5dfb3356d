/**
 * `chorus replay`: options and files or a topic in, sinks and the person at the terminal out. The work is in runtime/replay.ts.
 */
import { statSync } from 'node:fs';
import type { Command } from 'commander';
import type { FormatChoice } from '../consumers/framing.ts';
import { ConfigError, type ConfigProblem } from '../errors.ts';
import type { Alert, Post } from '../model.ts';
import type { EvidenceOptions } from '../runtime/engine.ts';
import { PostFiles } from '../runtime/post-files.ts';
import type { PostSource } from '../runtime/post-source.ts';
import { replay, type ReplayResult } from '../runtime/replay.ts';
import type { Revision } from '../stages/campaign.ts';
import { NdjsonSink, STDOUT } from '../sinks/ndjson.ts';
import { loadConfig, type Config, type ConfigSources } from './config.ts';
import { loadEvidence } from './evidence-files.ts';
import { EXIT } from './exit.ts';
import { parseFeedBound } from './feed-bound.ts';
import type { FeedBounds } from './feed-source.ts';
import {
  checkInputs,
  ENCODING_OPTION,
  FORMAT_OPTION,
  MAP_OPTION,
  parseFormatFlags,
  type FormatFlags,
} from './format-flags.ts';
import { startProgress } from './progress.ts';
import { describeRejections, describeSummary } from './summary.ts';
import { onInterrupt, stdinUntil, type Interrupt } from './interrupt.ts';
import { loadTable } from './table.ts';
import { ENGINE } from './version.ts';

const STDIN = '-';

interface ReplayFlags extends FormatFlags {
  readonly kafka?: string;
  readonly from?: string;
  readonly to?: string;
  readonly window?: string;
  readonly minAccounts?: string;
  readonly alerts?: string;
  readonly final?: boolean;
  readonly members?: string;
  readonly summary?: string;
  readonly config?: string;
  readonly table?: string;
}

/** Returns the exit code. @throws ConfigError, InputError */
async function replayCommand(inputs: readonly string[], flags: ReplayFlags): Promise<number> {
  const plan = await planOf(flags, inputs);
  const { config } = plan;
  const table = loadTable(config.table);
  const evidence = loadEvidence(config.evidence);
  const interrupt = onInterrupt();
  try {
    const { source, close } = await plan.open(interrupt.signal);
    try {
      return await replayFrom(source, { config, table, evidence }, flags, interrupt);
    } finally {
      close();
    }
  } finally {
    interrupt.dispose();
  }
}

interface Engine {
  readonly config: Config;
  readonly table: Uint8Array;
  readonly evidence: EvidenceOptions;
}

async function replayFrom(
  source: PostSource,
  { config, table, evidence }: Engine,
  flags: ReplayFlags,
  interrupt: Interrupt,
): Promise<number> {
  const files = source.feed === undefined ? source.inputs : [];
  const sinks = openSinks(flags, files, () => interrupt.abort());
  const progress = startProgress();
  try {
    const result = await replay({
      source,
      settings: config.settings,
      table,
      evidence,
      engine: ENGINE,
      sortMemoryBytes: config.sortMemoryBytes,
      onRevision: (revision) => writeRevision(sinks, revision),
      signal: interrupt.signal,
      ...(progress === undefined ? {} : { onProgress: progress.update }),
    });
    progress?.stop();
    await sinks.summary?.write(result.summary);
    process.stderr.write(describeSummary(result.summary));
    return exitCode(result);
  } finally {
    progress?.stop();
    await closeSinks(sinks);
  }
}

function exitCode({ summary, rejections, failure }: ReplayResult): number {
  if (failure !== undefined) {
    process.stderr.write(`chorus: ${failure.message}\n`);
    return EXIT.unreadableInput;
  }
  if (summary.rejected.count * 2 <= summary.lines) return EXIT.done;
  process.stderr.write(describeRejections(summary, rejections));
  return EXIT.mostlyRejected;
}

interface OpenSource {
  readonly source: PostSource;
  readonly close: () => void;
}

interface Plan {
  readonly config: Config;
  /** @throws InputError if there is an input that cannot be read at all */
  readonly open: (signal: AbortSignal) => Promise<OpenSource>;
}

/** @throws ConfigError with all problems of the settings and the flags */
async function planOf(flags: ReplayFlags, inputs: readonly string[]): Promise<Plan> {
  const problems = flags.kafka === undefined ? fileProblems(flags, inputs) : feedProblems(flags, inputs);
  const choice = parseFormatFlags(flags, problems);
  const from = parseFeedBound('--from', flags.from, Date.now(), problems);
  const to = parseFeedBound('--to', flags.to, Date.now(), problems);
  const sources: ConfigSources = {
    file: flags.config,
    overrides: {
      window: flags.window,
      minAccounts: flags.minAccounts,
      table: flags.table,
      'kafka.topic': flags.kafka,
      'kafka.format': flags.kafka === undefined ? undefined : flags.format,
    },
    secret: process.env['CHORUS_SECRET'],
  };
  const read =
    flags.kafka === undefined ? () => filePlan(sources, inputs, choice) : () => feedPlan(sources, { from, to });
  let plan: Plan | undefined;
  try {
    plan = await read();
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    problems.push(...error.problems);
  }
  if (plan === undefined || problems.length > 0) throw new ConfigError(problems);
  return plan;
}

function fileProblems({ from, to }: ReplayFlags, inputs: readonly string[]): ConfigProblem[] {
  const problems: ConfigProblem[] = [];
  const repeated = inputs.filter((input, i) => inputs.indexOf(input) < i);
  if (inputs.length === 0) {
    problems.push({
      name: 'FILE',
      value: undefined,
      bound: 'one or more files, - for standard input, or --kafka <topic>',
    });
  }
  if (repeated.includes(STDIN)) problems.push({ name: 'FILE', value: STDIN, bound: 'given once' });
  for (const [name, value] of Object.entries({ '--from': from, '--to': to })) {
    if (value !== undefined) problems.push({ name, value, bound: 'given with --kafka only' });
  }
  return problems;
}

function feedProblems({ map, encoding }: ReplayFlags, inputs: readonly string[]): ConfigProblem[] {
  const problems = inputs.map((value): ConfigProblem => ({ name: 'FILE', value, bound: 'left out with --kafka' }));
  for (const [name, value] of Object.entries({ '--map': map, '--encoding': encoding })) {
    if (value !== undefined) problems.push({ name, value, bound: 'left out with --kafka' });
  }
  return problems;
}

function filePlan(sources: ConfigSources, inputs: readonly string[], choice: FormatChoice): Promise<Plan> {
  const config = loadConfig(sources);
  const open = async (signal: AbortSignal): Promise<OpenSource> => {
    await checkInputs(inputs, choice);
    const stdin = inputs.includes(STDIN) ? stdinUntil(signal) : undefined;
    return { source: new PostFiles(inputs, stdin, choice), close: () => undefined };
  };
  return Promise.resolve({ config, open });
}

async function feedPlan(sources: ConfigSources, bounds: FeedBounds): Promise<Plan> {
  const { loadDeployment } = await import('./config-deployment.ts');
  const deployment = loadDeployment(sources, process.env);
  // The client of Kafka takes 0.3 s to load.
  const { openFeed } = await import('./feed-source.ts');
  return { config: loadConfig(sources), open: (signal) => openFeed(deployment, bounds, signal) };
}

interface Sinks {
  readonly alerts: NdjsonSink;
  readonly members: NdjsonSink | undefined;
  readonly summary: NdjsonSink | undefined;
  readonly isFinal: boolean;
}

function openSinks(flags: ReplayFlags, inputs: readonly string[], onGone: () => void): Sinks {
  checkOutputs(flags, inputs);
  const open = (name: string, path: string): NdjsonSink => new NdjsonSink({ name, path, onGone });
  return {
    members: flags.members === undefined ? undefined : open('--members', flags.members),
    summary: flags.summary === undefined ? undefined : open('--summary', flags.summary),
    alerts: open('--alerts', flags.alerts ?? STDOUT),
    isFinal: flags.final ?? false,
  };
}

/** Opening an output empties it, so it must be neither an input nor another output. */
function checkOutputs(flags: ReplayFlags, inputs: readonly string[]): void {
  const taken = new Map(inputs.filter((input) => input !== STDIN).map((input) => [identity(input), 'an input']));
  const problems: ConfigProblem[] = [];
  const outputs = { '--alerts': flags.alerts ?? STDOUT, '--members': flags.members, '--summary': flags.summary };
  for (const [name, path] of Object.entries(outputs)) {
    if (path === undefined) continue;
    const id = path === STDOUT ? STDOUT : identity(path);
    const other = taken.get(id);
    if (other !== undefined) problems.push({ name, value: path, bound: `another file than ${other}` });
    taken.set(id, `that of ${name}`);
  }
  if (problems.length > 0) throw new ConfigError(problems);
}

function identity(path: string): string {
  const found = statSync(path, { throwIfNoEntry: false });
  return found === undefined || !found.isFile() ? path : `${found.dev}:${found.ino}`;
}

function writeRevision(sinks: Sinks, { alert, members }: Revision): Promise<void> | undefined {
  const alerts = sinks.isFinal && !isFinal(alert) ? undefined : sinks.alerts.write(alert);
  if (sinks.members === undefined || members === undefined) return alerts;
  return writeMembers(sinks.members, alert.id, members, alerts);
}

async function writeMembers(
  sink: NdjsonSink,
  campaign: string,
  members: readonly Post[],
  alerts: Promise<void> | undefined,
): Promise<void> {
  await alerts;
  for (const { id, account, platform, createdAt } of members) {
    await sink.write({ campaign, post: id, account, platform, createdAt: new Date(createdAt).toISOString() });
  }
}

function isFinal(alert: Alert): boolean {
  return alert.status === 'closed' || alert.status === 'merged';
}

async function closeSinks({ alerts, members, summary }: Sinks): Promise<void> {
  const sinks = [alerts, members, summary].filter((sink) => sink !== undefined);
  const outcomes = await Promise.allSettled(sinks.map((sink) => sink.close()));
  for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason;
}

export function addReplayCommand(program: Command): void {
  program
    .command('replay')
    .description(
      'find the campaigns in files of posts (any format of docs/formats.md; plain, gzip or zstd; any order), or in a Kafka topic',
    )
    .argument('[FILE...]', 'files, or - for standard input')
    .option(
      '--kafka <topic>',
      'a topic in place of files, by the settings of --config; joins no group and writes nothing',
    )
    .option(
      '--from <bound>',
      'with --kafka: a time, a duration back from now, or offsets 0:1200,1:900 (default: all there is)',
    )
    .option('--to <bound>', 'with --kafka: likewise (default: the end as it is now)')
    .addOption(FORMAT_OPTION)
    .addOption(MAP_OPTION)
    .addOption(ENCODING_OPTION)
    .option('--window <duration>', 'how close in time posts must be, such as 90s, 15m, 24h (default: 1h)')
    .option('--min-accounts <n>', 'distinct accounts for an alert (default: 5)')
    .option('--alerts <file>', 'where alerts go (default: standard output)')
    .option('--final', "only each alert's last revision")
    .option('--members <file>', 'the posts of each campaign in the end')
    .option('--summary <file>', 'the closing summary as JSON')
    .option('--config <file>', 'settings as YAML; the command line wins')
    .option('--table <file>', 'frequency table made by "chorus train" (default: the one that comes with Chorus)')
    .addHelpText(
      'after',
      `
Examples:
  chorus replay --window 24h --final --members members.ndjson posts.ndjson.gz
  chorus replay --config chorus.yaml --alerts alerts.ndjson --summary summary.json 2025-*.ndjson.zst
  chorus replay --format csv --map id=post,account=user,text=body,createdAt=time,platform=:forum export.csv
  chorus replay --kafka posts --from 7d --config candidate.yaml --final --alerts candidate.ndjson

Every setting can be in the file, and each problem is told. CHORUS_SECRET in the environment is the secret.`,
    )
    .action(async (inputs: string[], flags: ReplayFlags) => {
      process.exitCode = await replayCommand(inputs, flags);
    });
}
