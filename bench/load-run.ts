/** One scenario from an empty deployment to its end: feed, wait, end event time, count. */
import { setTimeout as sleep } from 'node:timers/promises';
import { createTopics } from '../src/kafka/topics.ts';
import type { OutgoingRecord } from '../src/kafka/producer.ts';
import { readRange } from '../src/kafka/reader.ts';
import type { Exposition } from '../test/support/exposition.ts';
import { endFeed, type Cluster } from './kafka-support.ts';
import { RunningDeployment } from './load-deployment.ts';
import { byLabel, lossesOf, outcomesOf, quantile, slopePerMinute, type Figures, type Sample } from './load-figures.ts';
import { startProxy, type Proxy } from './load-proxy.ts';
import { inventedText, type Scenario } from './load-scenarios.ts';
import {
  handedOver,
  holdUpsOf,
  sinkFaults,
  sinkFiguresOf,
  startSlowSink,
  type SinkOutcome,
  type SlowSink,
} from './load-sink.ts';

export interface RunOptions {
  /** Path of the command that is put under load. */
  readonly command: string;
  readonly seconds: number;
  /** Posts a second. */
  readonly rate: number;
  readonly sampleMs: number;
  /** Does the window hold every post of the run? */
  readonly isWindowWhole: boolean;
}

const SOURCES = 4;
const OUT_OF_ORDER_MS = 1000;
const SLICE_MS = 20;
/** Of one send, so that a feeder that has fallen behind does not fill its own memory. */
const SLICE_RECORDS_MAX = 2000;
const PLANTED_ACCOUNTS = 5;
const PLANTED_WORDS = 12;
/** Numbers of invented texts that no scenario uses. */
const PLANTED_FIRST = 1 << 28;
/** What is planted later is not asked for: its alert may not be out. */
const QUIET_END_MS = 1000;
const DRAIN_MAX_MS = 120_000;
const STOP_MAX_MS = 40_000;
/** Event time, s, that only the end of the feed has. */
const ENDED_SECONDS = 1e12;

interface AlertSeen {
  readonly id: string;
  readonly revision: number;
  readonly status: string;
  readonly text: string;
  readonly postCount: number;
  readonly lastPostAt: string;
}

class AlertReader {
  readonly latenciesMs: number[] = [];
  readonly found = new Set<string>();
  /** `<id>:<revision>` of each record. */
  readonly published = new Set<string>();
  largestClosed = 0;
  /** Of one record, bytes. */
  largest = 0;
  readonly #ending = new AbortController();
  readonly #reading: Promise<void>;

  constructor(cluster: Cluster, topic: string) {
    this.#reading = this.#read(cluster, topic).catch((error: unknown) => {
      if (!this.#ending.signal.aborted) throw error;
    });
    // Told by `stop`.
    this.#reading.catch(() => undefined);
  }

  async #read({ client }: Cluster, topic: string): Promise<void> {
    const { signal } = this.#ending;
    const range = { topic, partition: 0, from: 0, to: Number.MAX_SAFE_INTEGER, fetchMaxWaitMs: 10, signal };
    for await (const { records } of readRange(client, range)) {
      const nowMs = Date.now();
      for (const { value } of records) {
        if (value === null) continue;
        this.largest = Math.max(this.largest, value.length);
        this.#take(JSON.parse(value.toString()) as AlertSeen, nowMs);
      }
    }
  }

  #take({ id, revision, status, text, postCount, lastPostAt }: AlertSeen, nowMs: number): void {
    this.published.add(`${id}:${revision}`);
    if (status === 'closed') this.largestClosed = Math.max(this.largestClosed, postCount);
    const planted = /^planted\d+x /.exec(text)?.[0];
    if (planted === undefined || this.found.has(planted)) return;
    this.found.add(planted);
    this.latenciesMs.push(nowMs - Date.parse(lastPostAt) - OUT_OF_ORDER_MS);
  }

  async stop(): Promise<void> {
    this.#ending.abort();
    await this.#reading;
  }
}

export async function runScenario(
  scenario: Scenario,
  cluster: Cluster,
  folder: string,
  options: RunOptions,
): Promise<Figures> {
  const feedTopic = `${scenario.name}-feed`;
  const alertsTopic = `${scenario.name}-alerts`;
  await createFeed(cluster, feedTopic);
  const port = Number(cluster.broker.bootstrap[0]!.split(':')[1]);
  let proxy: Proxy | undefined;
  let deployment: RunningDeployment | undefined;
  let alerts: AlertReader | undefined;
  let sink: SlowSink | undefined;
  try {
    if (scenario.delayMs !== undefined) proxy = await startProxy(port, scenario.delayMs);
    if (scenario.sink !== undefined) sink = await startSlowSink(scenario.sink);
    const config = { ...configOf(scenario, cluster, feedTopic, alertsTopic), ...sink?.settings };
    deployment = await RunningDeployment.start({
      command: options.command,
      folder,
      config,
      environment: proxy?.environment ?? {},
    });
    alerts = new AlertReader(cluster, alertsTopic);
    return await measure(scenario, cluster, feedTopic, options, deployment, alerts, sink);
  } finally {
    await alerts?.stop();
    await deployment?.kill();
    await proxy?.stop();
    await sink?.stop();
  }
}

async function createFeed(cluster: Cluster, topic: string): Promise<void> {
  const admin = cluster.client.admin();
  await admin.connect();
  const configs = { 'message.timestamp.type': 'LogAppendTime' };
  await createTopics(admin, [{ name: topic, partitions: SOURCES, configs }], 1);
  await admin.disconnect();
}

function configOf(
  { name, settings = {} }: Scenario,
  { broker }: Cluster,
  topic: string,
  alertsTopic: string,
): Record<string, unknown> {
  const kafka = {
    brokers: broker.bootstrap.join(','),
    topic,
    prefix: name,
    alertsTopic,
    deadLettersTopic: `${name}-dead`,
    outOfOrderness: `${OUT_OF_ORDER_MS}ms`,
    idle: '2s',
    ...(settings['kafka'] as object | undefined),
  };
  return { ...settings, kafka };
}

async function measure(
  scenario: Scenario,
  cluster: Cluster,
  feedTopic: string,
  options: RunOptions,
  deployment: RunningDeployment,
  alerts: AlertReader,
  sink: SlowSink | undefined,
): Promise<Figures> {
  const samples = [await deployment.sample()];
  const faults: string[] = [];
  const sampling = new AbortController();
  const sampled = sampleEvery(options.sampleMs, deployment, samples, faults, sampling.signal);
  const startMs = performance.now();
  const fed = await feed(scenario, cluster, feedTopic, options);
  const fedMs = performance.now();
  await until(deployment, 'all records are read', (metrics) => isRead(metrics, fed.sent), faults);
  const doneMs = performance.now();
  // What waits for the slowest source waits for kafka.idle now; where posts tell the time, only a tick says that none will come.
  const isTold = (scenario.settings?.['kafka'] as { eventTime?: string } | undefined)?.eventTime === 'payload';
  if (isTold) await sleep(QUIET_END_MS);
  const drained = await until(deployment, 'no entry waits', (metrics) => isDrained(metrics, fed.sent, isTold), faults);
  sampling.abort();
  await sampled;
  if (drained === undefined) {
    return figuresOf(scenario, deployment, alerts, {
      fed,
      samples,
      faults,
      startMs,
      fedMs,
      doneMs,
      metrics: undefined,
    });
  }
  samples.push(await deployment.sample(drained));
  faults.push(...lossesOf(drained, fed.sent));
  if (options.isWindowWhole) faults.push(...missingOf(drained));
  await endFeed(cluster.producer, feedTopic, SOURCES);
  const ended = await until(deployment, 'event time has ended', isEnded, faults);
  await sleep(QUIET_END_MS);
  const open = ended?.value('chorus_campaigns_open') ?? 0;
  if (open !== 0) faults.push(`${open} campaigns are open after the end of event time`);
  const handed = sink === undefined ? undefined : await handedOver(deployment, alerts.published, sink, samples);
  const all = { fed, samples, faults, startMs, fedMs, doneMs, metrics: drained, handed };
  const figures = figuresOf(scenario, deployment, alerts, { ...all, ended: ended ?? drained });
  if (handed !== undefined) faults.push(...sinkFaults(handed), ...holdUpsOf(figures, scenario.sink!.delayMs));
  const code = await deployment.stop(STOP_MAX_MS);
  if (code !== 0) faults.push(`SIGTERM ended it with ${code ?? 'nothing, it was killed'}`);
  return figures;
}

interface Fed {
  readonly sent: number;
  readonly flood: number;
  readonly planted: number;
}

/** At its pace, in slices; once a second a small campaign, whose alerts are what is asked for. */
async function feed(scenario: Scenario, cluster: Cluster, topic: string, options: RunOptions): Promise<Fed> {
  const { rate, seconds } = options;
  const value = scenario.feed(Math.ceil(rate * seconds * 10));
  const startMs = performance.now();
  let [due, flood, planted, lastMs] = [0, 0, 0, 0];
  for (;;) {
    const elapsedMs = performance.now() - startMs;
    if (elapsedMs >= seconds * 1000) return { sent: flood + planted * PLANTED_ACCOUNTS, flood, planted };
    due += (rate * scenario.pace(elapsedMs / (seconds * 1000)) * (elapsedMs - lastMs)) / 1000;
    lastMs = elapsedMs;
    const nowMs = Date.now();
    const records: OutgoingRecord[] = [];
    const end = Math.min(Math.floor(due), flood + SLICE_RECORDS_MAX);
    for (; flood < end; flood++) records.push({ partition: flood % SOURCES, key: null, value: value(flood, nowMs) });
    if (elapsedMs >= planted * 1000 && elapsedMs < seconds * 1000 - QUIET_END_MS)
      records.push(...plant(planted++, nowMs));
    await cluster.producer.send(topic, records);
    await sleep(SLICE_MS);
  }
}

function plant(number: number, createdAt: number): OutgoingRecord[] {
  const text = `planted${number}x ${inventedText(PLANTED_FIRST + number, PLANTED_WORDS)}`;
  return Array.from({ length: PLANTED_ACCOUNTS }, (_, i) => {
    const post = { id: `c${number}-${i}`, platform: 'bench', account: `c${number}-${i}`, text, createdAt };
    return { partition: i % SOURCES, key: null, value: JSON.stringify(post) };
  });
}

async function sampleEvery(
  everyMs: number,
  deployment: RunningDeployment,
  samples: Sample[],
  faults: string[],
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    await sleep(everyMs, undefined, { signal }).catch(() => undefined);
    try {
      if (!signal.aborted) samples.push(await deployment.sample());
    } catch (error) {
      faults.push(`/metrics did not answer: ${(error as Error).message}`);
      if (deployment.exitCode !== null) return;
    }
  }
}

async function until(
  deployment: RunningDeployment,
  what: string,
  isSo: (metrics: Exposition) => boolean,
  faults: string[],
): Promise<Exposition | undefined> {
  const endMs = performance.now() + DRAIN_MAX_MS;
  let metrics: Exposition | undefined;
  while (performance.now() < endMs && deployment.exitCode === null) {
    metrics = await deployment.metrics().catch(() => undefined);
    if (metrics !== undefined && isSo(metrics)) return metrics;
    await sleep(100);
  }
  const { exitCode } = deployment;
  const waiting = ['lag_records', 'entries_pending', 'events_pending']
    .map((name) => `${name} ${metrics?.value(`chorus_${name}`) ?? 'unknown'}`)
    .join(', ');
  faults.push(
    exitCode === null
      ? `not in ${DRAIN_MAX_MS} ms: ${what} (${waiting})`
      : `ended by itself with exit code ${exitCode}`,
  );
  return undefined;
}

function isRead(metrics: Exposition, sent: number): boolean {
  const read = metrics.value('chorus_records_consumed_total', { stage: 'fingerprint' }) ?? 0;
  return read >= sent && metrics.value('chorus_lag_records') === 0;
}

function isDrained(metrics: Exposition, sent: number, mayWait: boolean): boolean {
  const pending = (metrics.value('chorus_entries_pending') ?? 0) + (metrics.value('chorus_events_pending') ?? 0);
  return isRead(metrics, sent) && (mayWait || pending === 0);
}

function isEnded(metrics: Exposition): boolean {
  return (metrics.value('chorus_watermark_seconds', { stage: 'campaign' }) ?? 0) > ENDED_SECONDS;
}

/** What the first stage has accepted is in the window, but for posts that came twice. */
function missingOf(metrics: Exposition): string[] {
  const { accepted, duplicate } = outcomesOf(metrics);
  const kept = metrics.value('chorus_window_posts') ?? 0;
  return kept === accepted || kept === accepted - duplicate
    ? []
    : [`${accepted} posts were accepted, ${duplicate} twice, and ${kept} are in the window`];
}

interface Measured {
  readonly fed: Fed;
  readonly samples: readonly Sample[];
  readonly faults: string[];
  readonly startMs: number;
  readonly fedMs: number;
  readonly doneMs: number;
  readonly metrics: Exposition | undefined;
  readonly handed?: SinkOutcome | undefined;
  readonly ended?: Exposition;
}

function figuresOf(
  scenario: Scenario,
  { complaints }: RunningDeployment,
  alerts: AlertReader,
  { fed, samples, faults, startMs, fedMs, doneMs, metrics, handed, ended }: Measured,
): Figures {
  const empty = {
    value: () => undefined,
    samples: [],
    types: new Map<string, string>(),
    help: new Map<string, string>(),
  };
  const last = ended ?? empty;
  const at = metrics ?? empty;
  const megabytes = (bytes: number): number => Math.round(bytes / 1e6);
  const latencies = alerts.latenciesMs.toSorted((a, b) => a - b);
  if (alerts.found.size < fed.planted) faults.push(`${fed.planted} campaigns planted, ${alerts.found.size} found`);
  if (scenario.isOneCampaign === true && alerts.largestClosed !== fed.flood) {
    faults.push(`the campaign of ${fed.flood} posts has ${alerts.largestClosed} in its last alert`);
  }
  for (const [what, times] of complaints) if (what.startsWith('error')) faults.push(`said ${times} times: ${what}`);
  const cpuSeconds = samples.at(-1)!.cpuSeconds - samples[0]!.cpuSeconds;
  return {
    scenario: scenario.name,
    sent: fed.sent,
    perSecond: fed.sent / ((doneMs - startMs) / 1000),
    drainSeconds: (doneMs - fedMs) / 1000,
    p50Ms: quantile(latencies, 0.5),
    p99Ms: quantile(latencies, 0.99),
    cpuMicrosecondsPerPost: (cpuSeconds / fed.sent) * 1e6,
    rssMegabytes: {
      start: megabytes(samples[0]!.rssBytes),
      end: megabytes(samples.at(-1)!.rssBytes),
      max: megabytes(Math.max(...samples.map(({ rssBytes }) => rssBytes))),
    },
    rssMegabytesPerMinute: slopePerMinute(samples, ({ rssBytes }) => rssBytes / 1e6),
    diskMegabytesPerMinute: slopePerMinute(samples, ({ diskBytes }) => diskBytes / 1e6),
    lagMaxRecords: Math.max(...samples.map(({ lagRecords }) => lagRecords)),
    outcomes: outcomesOf(at),
    planted: { posted: fed.planted, found: alerts.found.size },
    alerts: byLabel(last, 'chorus_alerts_total', 'status'),
    largestAlertBytes: alerts.largest,
    bucketsCapped: at.value('chorus_buckets_capped_total') ?? 0,
    ...(handed === undefined ? {} : { sink: sinkFiguresOf(handed) }),
    complaints: Object.fromEntries(complaints),
    faults,
  };
}
