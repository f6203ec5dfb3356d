/**
 * From a post on the feed topic to its alert in a reader's hands, at a steady rate.
 *
 *   node bench/kafka-latency.js [--posts FILE] [--rate 5000] [--seconds 60] [--split 'fingerprint,match,campaign']
 *
 * Every second one text is posted by five accounts among the others. The fifth opens an alert; what is measured is the time
 * from the broker's time of that post to the alert's arrival at a consumer, beyond the out-of-orderness that is waited for.
 */
import { parseArgs } from 'node:util';
import type { StageName } from '../src/runtime/deployment.ts';
import { readRange } from '../src/kafka/reader.ts';
import type { OutgoingRecord } from '../src/kafka/producer.ts';
import { Random } from '../src/simulate/random.ts';
import { Instance, startCluster } from './kafka-support.ts';
import { benchLines } from './support.ts';

const { values } = parseArgs({
  options: {
    posts: { type: 'string' },
    rate: { type: 'string', default: '5000' },
    seconds: { type: 'string', default: '60' },
    split: { type: 'string', default: 'fingerprint,match,campaign' },
  },
});
const rate = Number(values.rate);
const seconds = Number(values.seconds);
const SOURCES = 4;
const OUT_OF_ORDER_MS = 1000;
const SLICE_MS = 20;
const ACCOUNTS = 5;
const topics = { feed: 'feed', fingerprints: 'fingerprints', links: 'links', alerts: 'alerts', deadLetters: undefined };
const CONSONANTS = 'bcdfghklmnprstvz';
const VOWELS = 'aeiou';
const plantedTexts = new Set<string>();

const lines = benchLines(values.posts, 250_000);
const cluster = await startCluster([
  { name: topics.feed, partitions: SOURCES, configs: {} },
  { name: topics.fingerprints, partitions: 1, configs: {} },
  { name: topics.links, partitions: 1, configs: {} },
  { name: topics.alerts, partitions: 1, configs: {} },
]);
const instances = values.split.split('|').map(
  (group) =>
    new Instance({
      brokers: cluster.broker.bootstrap,
      stages: group.split(',') as StageName[],
      topics,
      partitions: 1,
      settings: {},
      eventTime: 'record',
      outOfOrdernessMs: OUT_OF_ORDER_MS,
    }),
);
/** When the fifth post of a planted text was appended, by its number. */
const appendedMs = new Map<number, number>();
const latencies: number[] = [];
const ending = new AbortController();

try {
  for (const instance of instances) {
    await instance.until((report) => Object.values(report.stages).every((list) => list.length > 0), 60_000);
  }
  const reading = readAlerts().catch((error: unknown) => {
    if (!ending.signal.aborted) throw error;
  });
  await feed();
  ending.abort();
  await reading;
  latencies.sort((a, b) => a - b);
  const at = (share: number): number =>
    latencies[Math.min(latencies.length - 1, Math.floor(share * latencies.length))]!;
  const result = { rate, seconds, planted: appendedMs.size, alerts: latencies.length };
  console.log(JSON.stringify({ ...result, p50Ms: at(0.5), p90Ms: at(0.9), p99Ms: at(0.99), maxMs: at(1) }));
} finally {
  for (const instance of instances) await instance.stop('SIGKILL');
  await cluster.stop();
}

/** Posts at the rate, in slices; the last two seconds have no planted text, so that all alerts are out by the end. */
async function feed(): Promise<void> {
  const startMs = Date.now();
  let sent = 0;
  let planted = 0;
  for (;;) {
    const elapsedMs = Date.now() - startMs;
    if (elapsedMs >= seconds * 1000) return;
    const due = Math.floor((elapsedMs * rate) / 1000);
    const records: OutgoingRecord[] = [];
    for (; sent < due; sent++) records.push(record(sent, lines[sent % lines.length]!));
    const isPlanting = elapsedMs >= planted * 1000 && elapsedMs < (seconds - 3) * 1000;
    if (isPlanting) records.push(...plant(planted));
    await cluster.producer.send(topics.feed, records);
    if (isPlanting) appendedMs.set(planted++, Date.now());
    await new Promise((resolve) => setTimeout(resolve, SLICE_MS));
  }
}

function record(i: number, line: string): OutgoingRecord {
  const pass = Math.floor(i / lines.length);
  const value = JSON.stringify({ ...(JSON.parse(line) as object), id: `${i}-${pass}` });
  return { partition: i % SOURCES, key: null, value };
}

function plant(number: number): OutgoingRecord[] {
  // Words of its own: alike ones would make one campaign of them all, with one alert.
  const random = new Random(number);
  const syllable = (): string => CONSONANTS[random.below(CONSONANTS.length)]! + VOWELS[random.below(VOWELS.length)]!;
  const text = Array.from({ length: 10 }, () => syllable() + syllable() + syllable()).join(' ');
  plantedTexts.add(text);
  return Array.from({ length: ACCOUNTS }, (_, i) => {
    const post = { id: `c${number}-${i}`, platform: 'bench', account: `a${number}-${i}`, text, createdAt: Date.now() };
    return { partition: i % SOURCES, key: null, value: JSON.stringify(post) };
  });
}

async function readAlerts(): Promise<void> {
  const range = { topic: topics.alerts, partition: 0, from: 0, to: Number.MAX_SAFE_INTEGER, fetchMaxWaitMs: 10 };
  for await (const { records } of readRange(cluster.client, { ...range, signal: ending.signal })) {
    const nowMs = Date.now();
    for (const { value } of records) {
      const alert = JSON.parse(value!.toString()) as { status: string; text: string; lastPostAt: string };
      if (alert.status !== 'open' || !plantedTexts.has(alert.text)) continue;
      latencies.push(nowMs - Date.parse(alert.lastPostAt) - OUT_OF_ORDER_MS);
    }
  }
}
