/**
 * What metrics cost: the three tasks as a deployment runs them, over logs in memory, and beside that what they count and
 * what one look at /metrics takes.
 *
 *   node bench/metrics.js [--posts FILE] [--count 200000]
 *
 * Not measured: Kafka and RocksDB. With them a post takes longer, and metrics a smaller part of it.
 */
import { Buffer } from 'node:buffer';
import { parseArgs } from 'node:util';
import { METRICS, Observations, sumSamples, type Sample } from '../src/metrics.ts';
import { RecordDecoder } from '../src/registry/decoder.ts';
import { alertBytes, CampaignTask } from '../src/runtime/campaign-task.ts';
import { stageSettings } from '../src/runtime/engine.ts';
import { FingerprintTask } from '../src/runtime/fingerprint-task.ts';
import { HealthPort } from '../src/runtime/health.ts';
import { MatchTask } from '../src/runtime/match-task.ts';
import type { Beginning, LogRecord, Output, Task } from '../src/runtime/task.ts';
import { DEFAULTS } from '../src/settings.ts';
import { MemoryStoreProvider } from '../src/state/memory.ts';
import { benchLines, postsOf, tableOf } from './support.ts';

const { values } = parseArgs({ options: { posts: { type: 'string' }, count: { type: 'string', default: '200000' } } });

const TOPOLOGY = '0'.repeat(16);
const BATCH = 500;
const LOOKS = 200;
const SCRAPE_SECONDS = 15;
const INCREMENTS = 50_000_000;

const lines = benchLines(values.posts, Number(values.count));
const settings = stageSettings({ settings: DEFAULTS, table: tableOf(postsOf(lines)), engine: 'chorus/bench' });
const beginning: Beginning = {
  committed: undefined,
  low: 0,
  high: 0,
  read: async function* () {},
  signal: new AbortController().signal,
  onProgress: () => undefined,
};

async function tasksOf(): Promise<{ readonly tasks: readonly Task[]; readonly match: MatchTask }> {
  const fingerprint = new FingerprintTask(
    {
      fingerprint: settings.fingerprint,
      route: { topology: TOPOLOGY, source: 0, sources: 1, targets: 1 },
      outOfOrdernessMs: 1000,
      eventTime: 'payload',
      deadLettersOf: undefined,
    },
    new RecordDecoder(),
  );
  const store = await new MemoryStoreProvider().open('match-0', TOPOLOGY);
  const route = { topology: TOPOLOGY, sources: 1, target: 0, targets: 1 };
  const match = new MatchTask({ match: settings.match, route, cacheBytes: 64 << 20 }, store);
  const campaign = new CampaignTask({
    campaign: settings.campaign,
    route,
    snapshotBytes: 1e12,
    snapshotEveryMs: 1e12,
    encode: (revision) => ({ key: revision.alert.id, value: alertBytes(revision) }),
  });
  const tasks = [fingerprint, match, campaign];
  for (const task of tasks) await task.restore(beginning);
  return { tasks, match };
}

/** Each batch through the three tasks, one after the other. */
async function replay({ tasks: [fingerprint, , campaign], match }: Awaited<ReturnType<typeof tasksOf>>): Promise<void> {
  const offsets = [0, 0];
  const recordsOf = (log: number, outputs: readonly Output[]): LogRecord[] =>
    outputs.map(({ value }) => ({ offset: offsets[log]!++, timestampMs: 0, value, headers: [] }));
  for (let at = 0; at < lines.length; at += BATCH) {
    const records = lines.slice(at, at + BATCH).map((line, i): LogRecord => {
      return { offset: at + i, timestampMs: Number.MAX_SAFE_INTEGER, value: Buffer.from(line), headers: [] };
    });
    const frames = recordsOf(0, (await fingerprint!.process(records, at + records.length)).outputs);
    const step = await match.process(frames, offsets[0]!);
    await match.store.write(step.batch!);
    await campaign!.process(recordsOf(1, step.outputs), offsets[1]!);
  }
}

/** Counters that are added to while a post is worked on; bytes and seconds are, once a batch. */
function countedIn(samples: readonly Sample[]): number {
  const counts = samples.filter(({ name }) => METRICS[name].kind === 'counter' && !/bytes|seconds/.test(name));
  return counts.reduce((sum, { value }) => sum + value, 0);
}

function incrementNs(): number {
  const counters = { a: 0, pair: [0, 0] as [number, number] };
  const startMs = performance.now();
  for (let i = 0; i < INCREMENTS; i++) counters.pair[i & 1]!++;
  const ns = ((performance.now() - startMs) * 1e6) / INCREMENTS;
  if (counters.pair[0] !== INCREMENTS / 2) throw new Error('it was not counted');
  return ns;
}

async function lookMs(tasks: readonly Task[]): Promise<number> {
  const batches = new Observations('batch_seconds');
  const samples = (): Promise<Sample[]> =>
    Promise.resolve([
      ...sumSamples(tasks.flatMap((task) => task.samples())),
      batches.sample('batch_seconds', { stage: 'match' }),
    ]);
  const port = new HealthPort(
    { samples, notReady: () => Promise.resolve(undefined), status: () => Promise.resolve({}) },
    { host: '127.0.0.1', port: 0 },
  );
  const url = `http://127.0.0.1:${await port.start()}/metrics`;
  const look = async (): Promise<string> => await (await fetch(url)).text();
  for (let i = 0; i < LOOKS; i++) await look();
  const start = process.cpuUsage();
  for (let i = 0; i < LOOKS; i++) await look();
  const { user, system } = process.cpuUsage(start);
  await port.stop();
  return (user + system) / 1000 / LOOKS;
}

let nsEach = Infinity;
let tasks: readonly Task[] = [];
for (let pass = 0; pass < 3; pass++) {
  const made = await tasksOf();
  const start = process.cpuUsage();
  await replay(made);
  const { user, system } = process.cpuUsage(start);
  nsEach = Math.min(nsEach, ((user + system) * 1000) / lines.length);
  ({ tasks } = made);
}
const counted = countedIn(tasks.flatMap((task) => task.samples())) / lines.length;
const ns = Math.min(incrementNs(), incrementNs(), incrementNs());
const look = await lookMs(tasks);
const percent = (part: number): string => `${(100 * part).toFixed(2)} %`;
console.log(`posts                          ${lines.length}`);
console.log(`all three tasks                ${nsEach.toFixed(0)} ns of CPU a post`);
console.log(`counted                        ${counted.toFixed(1)} a post at most, ${ns.toFixed(2)} ns each`);
console.log(`  of the time of a post        ${percent((counted * ns) / nsEach)}`);
console.log(`one look at /metrics           ${look.toFixed(2)} ms of CPU, the reader's own included`);
console.log(`  every ${SCRAPE_SECONDS} s, of one core       ${percent(look / 1000 / SCRAPE_SECONDS)}`);
