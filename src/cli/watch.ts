/**
 * `chorus watch`: a live source, the embedded engine, and the person at the terminal. Nothing is kept but the cursor, and the
 * state of one window in memory.
 */
import type { Command } from 'commander';
import type { LiveBatch } from '../consumers/feeds/source.ts';
import { isRecordFormat } from '../consumers/formats/format.ts';
import { ConfigError, type ConfigProblem } from '../errors.ts';
import { LiveEngine, rewoundMs } from '../runtime/live.ts';
import { NdjsonSink, STDOUT } from '../sinks/ndjson.ts';
import type { Revision } from '../stages/campaign.ts';
import { alertBlock } from './alert-block.ts';
import { readConfig, type Reading } from './config.ts';
import { loadEvidence } from './evidence-files.ts';
import { parseFormatFlags } from './format-flags.ts';
import { onInterrupt, type Interrupt } from './interrupt.ts';
import { describeCounters, describeEvent, openLiveSource, type OpenLiveSource } from './live-source.ts';
import { counted } from './summary.ts';
import { loadTable } from './table.ts';
import { ENGINE } from './version.ts';

export interface WatchFlags {
  readonly config?: string;
  readonly window?: string;
  readonly minAccounts?: string;
  readonly outOfOrderness?: string;
  readonly format?: string;
  readonly tokenFile?: string;
  readonly cursor?: string;
  readonly idleTimeout?: string;
  readonly table?: string;
  readonly json?: boolean;
}

const TICK_MS = 1000;
const REPORT_EACH_MS = 60_000;

export function addWatchCommand(program: Command): void {
  program
    .command('watch')
    .description(
      'find the campaigns in a live source, without Kafka; alerts go to the terminal, or as NDJSON into a pipe',
    )
    .argument(
      '[SOURCE]',
      'jetstream, jetstream:wss://HOST, mastodon:HOST[/local|/remote|/hashtag/TAG], or a URL with --format',
    )
    .option('--window <duration>', 'as in replay')
    .option('--min-accounts <n>', 'as in replay')
    .option('--out-of-orderness <duration>', 'how much later than others a post may come (default: 5s)')
    .option('--format <name>', 'what a URL gives')
    .option('--token-file <file>', 'the token of the source; or CHORUS_FEED_TOKEN in the environment')
    .option('--cursor <file>', 'where to keep how far all was told, to go on from there next time')
    .option('--idle-timeout <duration>', 'a connection on which nothing comes for so long is dead (default: 1m)')
    .option('--config <file>', 'settings as YAML; the command line wins')
    .option('--table <file>', 'as in replay')
    .option('--json', 'alerts as NDJSON on a terminal too')
    .addHelpText(
      'after',
      `
Examples:
  chorus watch jetstream --window 30m --min-accounts 8
  CHORUS_FEED_TOKEN=... chorus watch mastodon:mastodon.example/local --out-of-orderness 1m
  chorus watch jetstream --cursor bluesky.cursor > alerts.ndjson
  chorus watch wss://relay.example/posts --format canonical

Ctrl-C ends it with a summary. docs/live.md says what is missed when a connection breaks, and what a cursor does.`,
    )
    .action(async (source: string | undefined, flags: WatchFlags) => {
      await watchCommand(source, flags);
    });
}

/** @throws ConfigError, ChorusError `feed_denied`, `feed_refused`, `sink_io`, `cursor_io` */
async function watchCommand(source: string | undefined, flags: WatchFlags): Promise<void> {
  // Before anything that takes time: whoever ends it meanwhile is to see an end in order.
  const interrupt = onInterrupt();
  try {
    await watchUntil(interrupt, source, flags);
  } finally {
    interrupt.dispose();
  }
}

async function watchUntil(interrupt: Interrupt, source: string | undefined, flags: WatchFlags): Promise<void> {
  const { settings, shell } = settingsOf(source, flags);
  const open = openLiveSource(
    { ...shell.feed, source: shell.feed.source! },
    { source: source === undefined ? 'feed.source' : 'SOURCE', tokenFile: '--token-file' },
    process.env,
    (event) => say(describeEvent(event, open.feed.name)),
  );
  const toldUntilMs = open.cursor?.load();
  const { outOfOrdernessMs, idleMs } = shell.kafka;
  const engine = new LiveEngine({
    settings,
    table: loadTable(shell.table),
    evidence: loadEvidence(shell.evidence),
    engine: ENGINE,
    outOfOrdernessMs,
    source: open.feed.name,
    isCanonical: open.feed.format === 'canonical',
    toldUntilMs: open.feed.isResumable ? toldUntilMs : undefined,
  });
  const rewound = toldUntilMs === undefined ? undefined : rewoundMs(toldUntilMs, settings.windowMs, outOfOrdernessMs);
  await new Watch(open, engine, flags.json === true || !process.stdout.isTTY, idleMs, outOfOrdernessMs).run(
    interrupt,
    open.feed.isResumable ? rewound : toldUntilMs,
  );
}

function settingsOf(source: string | undefined, flags: WatchFlags): Reading {
  const problems: ConfigProblem[] = [];
  const { format } = parseFormatFlags(flags.format === undefined ? {} : { format: flags.format }, problems);
  if (format !== undefined && !isRecordFormat(format)) {
    problems.push({ name: '--format', value: format, bound: 'a format whose records are texts by themselves' });
  }
  const reading = readConfig({
    file: flags.config,
    overrides: {
      window: flags.window,
      minAccounts: flags.minAccounts,
      table: flags.table,
      'kafka.outOfOrderness': flags.outOfOrderness,
      'feed.source': source,
      'feed.format': problems.length === 0 ? flags.format : undefined,
      'feed.tokenFile': flags.tokenFile,
      'feed.cursor': flags.cursor,
      'feed.idleTimeout': flags.idleTimeout,
    },
    secret: process.env['CHORUS_SECRET'],
  });
  problems.push(...reading.problems);
  if (problems.length === 0 && reading.shell.feed.source === undefined) {
    problems.push({ name: 'SOURCE', value: undefined, bound: 'a live source, or feed.source in the configuration' });
  }
  if (problems.length > 0) throw new ConfigError(problems);
  return reading;
}

class Watch {
  readonly #open: OpenLiveSource;
  readonly #engine: LiveEngine;
  readonly #sink: NdjsonSink | undefined;
  readonly #idleMs: number | undefined;
  readonly #outOfOrdernessMs: number;
  readonly #gone = new AbortController();
  #positionMs: number | undefined;
  #heardMs = Date.now();
  #reportedMs = performance.now();

  constructor(
    open: OpenLiveSource,
    engine: LiveEngine,
    isNdjson: boolean,
    idleMs: number | undefined,
    outOfOrdernessMs: number,
  ) {
    this.#open = open;
    this.#engine = engine;
    this.#idleMs = idleMs;
    this.#outOfOrdernessMs = outOfOrdernessMs;
    this.#sink = isNdjson
      ? new NdjsonSink({ name: '--json', path: STDOUT, onGone: () => this.#gone.abort() })
      : undefined;
  }

  async run(interrupt: Interrupt, fromMs: number | undefined): Promise<void> {
    const signal = AbortSignal.any([interrupt.signal, this.#gone.signal]);
    const { feed, cursor } = this.#open;
    const batches = feed.batches(signal, fromMs);
    try {
      for (let next = batches.next(); ;) {
        const got = await withinTick(next);
        if (got?.done === true) break;
        if (got === undefined) await this.#tick();
        else {
          await this.#take(got.value);
          next = batches.next();
        }
        this.#report();
      }
      // With a cursor the next run tells what still waits.
      if (cursor === undefined || !feed.isResumable) await this.#tell((out) => this.#engine.finish(out));
      cursor?.flush();
    } finally {
      await batches.return(undefined);
      await this.#sink?.close();
      this.#summarise();
    }
  }

  async #take({ records, positionMs }: LiveBatch): Promise<void> {
    const nowMs = Date.now();
    this.#heardMs = nowMs;
    this.#positionMs = positionMs;
    await this.#tell((out) => this.#engine.take(records, nowMs, out));
    this.#save();
  }

  /** By the clock only where nothing older can come: what a source resumes comes with its own times. */
  async #tick(): Promise<void> {
    const { feed } = this.#open;
    const idleMs = this.#idleMs;
    if (feed.isResumable || idleMs === undefined || !feed.counters.isConnected) return;
    const nowMs = Date.now();
    if (nowMs - this.#heardMs < idleMs) return;
    await this.#tell((out) => this.#engine.advance(nowMs - idleMs - this.#outOfOrdernessMs, out));
  }

  /** What is in the cursor has been told. */
  #save(): void {
    const { feed, cursor } = this.#open;
    const positionMs = feed.isResumable ? this.#engine.untilMs : this.#positionMs;
    if (positionMs !== undefined) cursor?.save(positionMs);
  }

  async #tell(work: (out: Revision[]) => void): Promise<void> {
    const out: Revision[] = [];
    work(out);
    for (const { alert } of out) {
      if (this.#sink === undefined) process.stdout.write(alertBlock(alert, true));
      else await this.#sink.write(alert);
    }
    if (out.length > 0) await this.#sink?.flush();
  }

  #report(): void {
    if (performance.now() - this.#reportedMs < REPORT_EACH_MS) return;
    this.#reportedMs = performance.now();
    say(this.#line());
  }

  #line(): string {
    const { posts, opened, merged } = this.#engine.counters;
    return `${counted(posts, 'post')}, ${counted(opened - merged, 'campaign')}; ${describeCounters(this.#open.feed.counters)}`;
  }

  #summarise(): void {
    const { counters, rejections, duplicates, waiting } = this.#engine;
    const reasons = rejections.byReason().map(({ reason, count }) => `${reason} ${count}`);
    const lines = [
      describeCounters(this.#open.feed.counters),
      `${counted(counters.posts, 'post')}, ${counted(counters.deletions, 'deletion')}, ${counters.ignored} ignored, ` +
        `${rejections.count} rejected${reasons.length === 0 ? '' : ` (${reasons.join(', ')})`}`,
      `${counters.late} late, ${duplicates} duplicates, ${counters.nativeReposts} native reposts, ` +
        `${counters.nothingToCompare} without letters, ${waiting} not matched`,
      ...(counters.hurried === 0 ? [] : [`${counters.hurried} matched before their time: too many waited`]),
      `${counted(counters.opened - counters.merged, 'campaign')} of coordinated posting ` +
        `(${counters.opened} opened, ${counters.merged} merged, ${counters.revisions} revisions told` +
        `${counters.retold === 0 ? '' : `, ${counters.retold} known from before`})`,
    ];
    for (const line of lines) say(line);
  }
}

/** Undefined when nothing came within a tick. */
async function withinTick<T>(next: Promise<T>): Promise<T | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const tick = new Promise<undefined>((resolve) => (timer = setTimeout(() => resolve(undefined), TICK_MS)));
  try {
    return await Promise.race([next, tick]);
  } finally {
    clearTimeout(timer);
  }
}

function say(text: string): void {
  process.stderr.write(`chorus: ${text}\n`);
}
