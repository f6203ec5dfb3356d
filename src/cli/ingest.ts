/** `chorus ingest`: a live source or files into the feed topic. Owns the process; the work is in runtime/ingest.ts. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Command } from 'commander';
import { isLiveSource } from '../consumers/feeds/address.ts';
import { openRecords } from '../consumers/file.ts';
import { isRecordFormat } from '../consumers/formats/format.ts';
import type { FormatChoice } from '../consumers/framing.ts';
import type { RecordBatch } from '../consumers/records.ts';
import { ChorusError, ConfigError, type ConfigProblem } from '../errors.ts';
import type { DeploymentConfig } from './config-deployment.ts';
import { EXIT } from './exit.ts';
import {
  checkInputs,
  ENCODING_OPTION,
  FORMAT_OPTION,
  MAP_OPTION,
  parseFormatFlags,
  type FormatFlags,
} from './format-flags.ts';
import { aborted, onInterrupt, stdinUntil } from './interrupt.ts';
import { describeCounters, describeEvent, openLiveSource, type OpenLiveSource } from './live-source.ts';
import { counted } from './summary.ts';
import type { Ingest } from '../runtime/ingest.ts';

export interface IngestFlags extends FormatFlags {
  readonly config?: string;
  readonly brokers?: string;
  readonly topic?: string;
  readonly raw?: boolean;
  readonly rate?: string;
  readonly tokenFile?: string;
  readonly cursor?: string;
  readonly idleTimeout?: string;
}

interface Plan {
  readonly config: DeploymentConfig;
  readonly live: OpenLiveSource | undefined;
  readonly files: readonly string[];
  readonly choice: FormatChoice;
  /** Records a second; Infinity where there is no bound. */
  readonly rate: number;
}

const STDIN = '-';
const REPORT_EACH_MS = 10_000;
/** Records that are paced together are sent this often. */
const PACE_MS = 50;

export function addIngestCommand(program: Command): void {
  program
    .command('ingest')
    .description('write a live source or files into the feed topic, by account, at least once')
    .argument('[SOURCE|FILE...]', 'a live source as for "chorus watch", or files, or - for standard input')
    .option('--config <file>', 'settings as YAML; the command line wins')
    .option('--brokers <list>', 'host:port of one or more brokers, in place of kafka.brokers')
    .option('--topic <name>', 'in place of kafka.topic')
    .addOption(FORMAT_OPTION)
    .addOption(MAP_OPTION)
    .addOption(ENCODING_OPTION)
    .option('--raw', 'records as they came, in place of canonical JSON')
    .option('--rate <n>', 'at most so many records of files a second')
    .option('--token-file <file>', 'the token of a live source; or CHORUS_FEED_TOKEN in the environment')
    .option('--cursor <file>', 'where to keep how far a live source is stored, to go on from there next time')
    .option('--idle-timeout <duration>', 'a connection on which nothing comes for so long is dead (default: 1m)')
    .addHelpText(
      'after',
      `
Examples:
  chorus ingest jetstream --config chorus.yaml --cursor bluesky.cursor
  chorus ingest --brokers localhost:9092 --topic posts --rate 500 archive-*.ndjson.zst
  zcat export.csv.gz | chorus ingest --config chorus.yaml --map id=post,account=user,text=body,createdAt=time -

SIGTERM and SIGINT end it when what is under way is stored. Exit codes: 0 done, 2 usage or settings, 3 a file cannot be read,
4 more than half of the records rejected, 5 it cannot go on (start it again).`,
    )
    .action(async (inputs: string[], flags: IngestFlags) => {
      const code = await ingestCommand(inputs, flags);
      // What a broker that is away still holds must not keep the process.
      process.exit(code);
    });
}

/** Returns the exit code. @throws ConfigError, InputError */
async function ingestCommand(inputs: readonly string[], flags: IngestFlags): Promise<number> {
  // Before anything that takes time: whoever ends it while it is being loaded is to see an end in order.
  const interrupt = onInterrupt();
  try {
    return await ingestUntil(interrupt.signal, inputs, flags);
  } finally {
    interrupt.dispose();
  }
}

async function ingestUntil(signal: AbortSignal, inputs: readonly string[], flags: IngestFlags): Promise<number> {
  const plan = await planOf(inputs, flags);
  const [{ KafkaClient }, { kafkaSettings }, { Ingest, ingestLive }] = await Promise.all([
    import('../kafka/client.ts'),
    import('./config-deployment.ts'),
    import('../runtime/ingest.ts'),
  ]);
  const { config, live, files } = plan;
  if (live === undefined) await checkInputs(files, plan.choice);
  if (signal.aborted) return EXIT.done;
  const client = new KafkaClient(kafkaSettings(config), () => undefined);
  const ingest = new Ingest({
    client,
    topic: config.topics.feed,
    deadLetters: config.topics.deadLetters,
    source: live?.feed.name ?? files.join(', '),
    isRaw: flags.raw === true,
    onSafe: (positionMs) => live?.cursor?.save(positionMs),
    onRetry: (detail) => say(`trying again: ${detail}`),
  });
  const reporting = setInterval(() => say(progressLine(ingest, live)), REPORT_EACH_MS);
  try {
    const opened = ingest.open(signal);
    if (!(await unlessAborted(opened, signal))) return EXIT.done;
    const work =
      live === undefined ? ingestFiles(plan, ingest, signal) : ingestLive(live.feed, ingest, live.cursor, signal);
    const code = await ended(work, signal, config.shell.run.stopTimeoutMs);
    const { records, rejected } = ingest.counters;
    return code === EXIT.done && live === undefined && rejected * 2 > records ? EXIT.mostlyRejected : code;
  } catch (error) {
    if (!(error instanceof ChorusError) || error instanceof ConfigError || error.code.startsWith('input_')) throw error;
    say(error.message);
    return LASTING.has(error.code) ? EXIT.usage : EXIT.failedRun;
  } finally {
    clearInterval(reporting);
    await ingest.close();
    say(progressLine(ingest, live));
  }
}

/** What no new start mends. */
const LASTING: ReadonlySet<string> = new Set([
  'topic_missing',
  'kafka_login',
  'kafka_denied',
  'kafka_tls',
  'feed_denied',
  'feed_refused',
]);

/** False if the signal came first. */
async function unlessAborted(work: Promise<void>, signal: AbortSignal): Promise<boolean> {
  work.catch(() => undefined);
  return await Promise.race([work.then(() => true), aborted(signal).then(() => false)]);
}

/** After the signal there is so much time for what is under way. */
async function ended(work: Promise<void>, signal: AbortSignal, boundMs: number): Promise<number> {
  if (await unlessAborted(work, signal)) return EXIT.done;
  const isInTime = await Promise.race([work.then(() => true), sleep(boundMs, false, { ref: false })]);
  if (!isInTime) say(`not ended within ${boundMs / 1000} s: what was under way may be stored or not`);
  return isInTime ? EXIT.done : EXIT.failedRun;
}

async function ingestFiles(plan: Plan, ingest: Ingest, signal: AbortSignal): Promise<void> {
  const pace = new Pace(plan.rate);
  for (const file of plan.files) {
    const stdin = file === STDIN ? { stdin: stdinUntil(signal) } : {};
    const { batches } = await openRecords(file, plan.choice, stdin);
    for await (const batch of batches) {
      await writePaced(batch, ingest, pace, signal);
      if (signal.aborted) break;
    }
    if (signal.aborted) break;
  }
  await ingest.flush();
}

async function writePaced(batch: RecordBatch, ingest: Ingest, pace: Pace, signal: AbortSignal): Promise<void> {
  for (let from = 0; from < batch.count && !signal.aborted;) {
    const to = Math.min(batch.count, from + pace.step);
    await pace.wait(to - from, signal);
    await ingest.write(batch, undefined, from, to);
    from = to;
  }
}

/** So many records a second, in steps. */
class Pace {
  readonly step: number;
  readonly #rate: number;
  #dueMs = performance.now();

  constructor(rate: number) {
    this.#rate = rate;
    this.step = Number.isFinite(rate) ? Math.max(1, Math.round((rate * PACE_MS) / 1000)) : Infinity;
  }

  async wait(count: number, signal: AbortSignal): Promise<void> {
    if (!Number.isFinite(this.#rate)) return;
    const nowMs = performance.now();
    // What was not used is not made up for.
    this.#dueMs = Math.max(this.#dueMs, nowMs - PACE_MS) + (1000 * count) / this.#rate;
    if (this.#dueMs > nowMs) await sleep(this.#dueMs - nowMs, undefined, { signal }).catch(() => undefined);
  }
}

/** @throws ConfigError with all problems */
async function planOf(inputs: readonly string[], flags: IngestFlags): Promise<Plan> {
  const problems: ConfigProblem[] = [];
  const choice = parseFormatFlags(flags, problems);
  const { loadDeployment } = await import('./config-deployment.ts');
  const source = inputs.length === 1 && isLiveSource(inputs[0]!) ? inputs[0] : undefined;
  const isLive = source !== undefined || inputs.length === 0;
  let config: DeploymentConfig | undefined;
  try {
    config = loadDeployment(
      {
        file: flags.config,
        overrides: {
          'kafka.brokers': flags.brokers,
          'kafka.topic': flags.topic,
          'feed.source': source,
          'feed.format':
            isLive && choice.format !== undefined && isRecordFormat(choice.format) ? choice.format : undefined,
          'feed.tokenFile': flags.tokenFile,
          'feed.cursor': flags.cursor,
          'feed.idleTimeout': flags.idleTimeout,
        },
        secret: process.env['CHORUS_SECRET'],
      },
      process.env,
    );
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    problems.push(...error.problems);
  }
  problems.push(...inputProblems(inputs, flags, isLive, config));
  const rate = flags.rate === undefined ? Infinity : Number(flags.rate);
  if (!(rate > 0)) problems.push({ name: '--rate', value: flags.rate, bound: 'a number above 0' });
  const live = config === undefined || !isLive || problems.length > 0 ? undefined : liveOf(config, source, problems);
  if (config === undefined || problems.length > 0) throw new ConfigError(problems);
  return { config, live, files: isLive ? [] : inputs, choice, rate };
}

function inputProblems(
  inputs: readonly string[],
  flags: IngestFlags,
  isLive: boolean,
  config: DeploymentConfig | undefined,
): ConfigProblem[] {
  const problems: ConfigProblem[] = [];
  const refuse = (name: string, value: unknown, bound: string): void => void problems.push({ name, value, bound });
  if (isLive && inputs.length === 0 && config !== undefined && config.shell.feed.source === undefined) {
    refuse('SOURCE', undefined, 'a live source, files, - for standard input, or feed.source in the configuration');
  }
  if (!isLive && inputs.some((input) => isLiveSource(input))) refuse('SOURCE', inputs.join(' '), 'given alone');
  if (isLive) {
    for (const name of ['rate', 'map', 'encoding'] as const) {
      if (flags[name] !== undefined) refuse(`--${name}`, flags[name], 'left out with a live source');
    }
  } else {
    if (flags.cursor !== undefined)
      refuse('--cursor', flags.cursor, 'left out with files: they are read from the start');
    if (flags.raw === true && (flags.map !== undefined || isTable(flags.format))) {
      refuse('--raw', true, 'left out with tables: their rows are nothing by themselves');
    }
  }
  if (flags.raw !== true && config !== undefined && config.shell.kafka.format !== 'canonical') {
    refuse(
      'kafka.format',
      config.shell.kafka.format,
      'canonical, or --raw given: that is what is written into the topic',
    );
  }
  return problems;
}

function isTable(format: string | undefined): boolean {
  return format === 'csv' || format === 'x-io-csv' || format === 'ira-csv';
}

function liveOf(
  config: DeploymentConfig,
  source: string | undefined,
  problems: ConfigProblem[],
): OpenLiveSource | undefined {
  const { feed } = config.shell;
  const names = { source: source === undefined ? 'feed.source' : 'SOURCE', tokenFile: 'feed.tokenFile' };
  try {
    const open = openLiveSource({ ...feed, source: feed.source! }, names, process.env, (event) =>
      say(describeEvent(event, open.feed.name)),
    );
    return open;
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    problems.push(...error.problems);
    return undefined;
  }
}

function progressLine({ counters }: Ingest, live: OpenLiveSource | undefined): string {
  const { written, posts, deletions, ignored, rejected, rejectedByReason, deadLetters, waiting, retries } = counters;
  const reasons = Array.from(rejectedByReason, ([reason, count]) => `${reason} ${count}`);
  return [
    `${counted(written, 'record')} stored, ${waiting} under way; ${counted(posts, 'post')}, ${counted(deletions, 'deletion')}, ` +
      `${ignored} ignored, ${rejected} rejected${reasons.length === 0 ? '' : ` (${reasons.join(', ')})`}`,
    ...(deadLetters === 0 ? [] : [`${deadLetters} dead letters`]),
    ...(retries === 0 ? [] : [`${retries} retries`]),
    ...(live === undefined ? [] : [describeCounters(live.feed.counters)]),
  ].join('; ');
}

function say(text: string): void {
  process.stderr.write(`chorus: ${text}\n`);
}
