/** Tasks as they run on Kafka, over logs in memory that a test writes by hand. */
import { Buffer } from 'node:buffer';
import { decodeCanonical } from '../../src/consumers/formats/canonical.ts';
import type { Post } from '../../src/model.ts';
import { alertBytes, CampaignTask, type CampaignTaskSettings } from '../../src/runtime/campaign-task.ts';
import { FingerprintTask, type FingerprintTaskSettings } from '../../src/runtime/fingerprint-task.ts';
import { MatchTask, type MatchTaskSettings } from '../../src/runtime/match-task.ts';
import type { Beginning, LogRecord, Output, OutputTopic, Task } from '../../src/runtime/task.ts';
import { MemoryStoreProvider } from '../../src/state/memory.ts';
import type { Store } from '../../src/state/store.ts';
import { settingsOf } from './variants.ts';

export const TOPOLOGY = '00112233445566ff';
export const START_MS = 1_700_000_000_000;
export const STAGES = settingsOf({ windowMs: 1000, minAccounts: 3, latenessMs: 0 }, 64);

export function recordOf(
  offset: number,
  value: Uint8Array | null,
  timestampMs = START_MS,
  headers: Readonly<Record<string, string>> = {},
): LogRecord {
  const list = Object.entries(headers).map(([key, text]) => ({ key, value: Buffer.from(text) }));
  return { offset, timestampMs, value, headers: list };
}

/** Values as records, the first at `from`. */
export function recordsOf(values: readonly Uint8Array[], from = 0): LogRecord[] {
  return values.map((value, i) => recordOf(from + i, value));
}

export function bytesOf(post: unknown): Buffer {
  return Buffer.from(JSON.stringify(post));
}

/** Post i at `timeMs`: five texts that are not alike, each by several accounts. */
export function postOf(i: number, timeMs: number, changes: Partial<Post> = {}): Post {
  const texts = [
    'the harbour bridge closes at midnight for the whole of next week',
    'nobody told the fishermen that the river would be drained today',
    'seventeen teachers were sent home because the school has no heating',
    'every pharmacy in the old town has run out of insulin since monday',
    'our mayor sold the public library to his own brother last winter',
  ];
  return {
    id: `p${i}`,
    platform: 'x',
    account: `a${i % 11}`,
    text: texts[i % texts.length]!,
    createdAt: timeMs,
    ...changes,
  };
}

export function outputsTo(topic: OutputTopic, outputs: readonly Output[]): Output[] {
  return outputs.filter((output) => output.topic === topic);
}

/** A log with these records, for a task that begins. */
export function beginning(
  records: readonly LogRecord[],
  committed?: Beginning['committed'],
  bounds: { readonly low?: number; readonly high?: number } = {},
): Beginning & { readonly reads: (readonly [number, number])[]; readonly progress: (readonly [number, number])[] } {
  const low = bounds.low ?? records[0]?.offset ?? 0;
  const high = bounds.high ?? (records.at(-1)?.offset ?? low - 1) + 1;
  const reads: (readonly [number, number])[] = [];
  const progress: (readonly [number, number])[] = [];
  return {
    committed,
    low,
    high,
    reads,
    progress,
    signal: new AbortController().signal,
    onProgress: (done, total) => progress.push([done, total]),
    read: async function* (from, to) {
      reads.push([from, to]);
      const found = records.filter(({ offset }) => offset >= Math.max(from, low) && offset < to);
      while (found.length > 0) yield await Promise.resolve(found.splice(0, 2));
    },
  };
}

export function fingerprintTask(changes: Partial<FingerprintTaskSettings> = {}): FingerprintTask {
  return new FingerprintTask(
    {
      fingerprint: STAGES.fingerprint,
      route: { topology: TOPOLOGY, source: 0, sources: 1, targets: 1 },
      outOfOrdernessMs: 10,
      eventTime: 'payload',
      deadLettersOf: undefined,
      ...changes,
    },
    { isCanonical: true, decode: (value) => decodeCanonical(Buffer.from(value).toString('utf8')) },
  );
}

export async function matchTask(
  changes: Partial<MatchTaskSettings> = {},
  provider = new MemoryStoreProvider(),
): Promise<{ readonly task: MatchTask; readonly store: Store; readonly provider: MemoryStoreProvider }> {
  const store = await provider.open('match-0', TOPOLOGY);
  const route = { topology: TOPOLOGY, sources: 1, target: 0, targets: 1 };
  const task = new MatchTask({ match: STAGES.match, route, cacheBytes: 4096, ...changes }, store);
  return { task, store, provider };
}

export function campaignTask(changes: Partial<CampaignTaskSettings> = {}): CampaignTask {
  return new CampaignTask({
    campaign: STAGES.campaign,
    route: { topology: TOPOLOGY, sources: 1, target: 0, targets: 1 },
    snapshotBytes: 1e9,
    snapshotEveryMs: 1e9,
    encode: (revision) => ({ key: revision.alert.id, value: alertBytes(revision) }),
    ...changes,
  });
}

/** Posts as the frames that the fingerprint stage makes of them, `perFrame` posts each, with a tick at the end. */
export async function fingerprintLog(posts: readonly Post[], perFrame: number, tickMs?: number): Promise<LogRecord[]> {
  const task = fingerprintTask();
  await task.restore(beginning([]));
  const frames: Uint8Array[] = [];
  for (let at = 0; at < posts.length; at += perFrame) {
    const records = recordsOf(posts.slice(at, at + perFrame).map(bytesOf), at);
    const { outputs } = await task.process(records, at + records.length);
    frames.push(...outputsTo('fingerprints', outputs).map(({ value }) => value));
  }
  const tick = tickMs === undefined ? undefined : await task.tick(tickMs, () => Promise.resolve());
  frames.push(...(tick?.outputs ?? []).map(({ value }) => value));
  return recordsOf(frames);
}

/** Frames as what the match stage makes of them, a frame each. */
export async function linksLog(posts: readonly Post[], perFrame: number, tickMs?: number): Promise<LogRecord[]> {
  const { task } = await matchTask();
  const frames = await linksOf(task, await fingerprintLog(posts, perFrame, tickMs));
  await task.close();
  return recordsOf(frames);
}

async function linksOf(task: MatchTask, log: readonly LogRecord[]): Promise<Uint8Array[]> {
  await task.restore(beginning([]));
  const frames: Uint8Array[] = [];
  for (const record of log) {
    const step = await task.process([record], record.offset + 1);
    await task.store.write(step.batch!);
    frames.push(...step.outputs.map(({ value }) => value));
  }
  return frames;
}

/** Everything that a task says of the rest of its log, `perStep` records at a time; its store is written. */
export async function sayings(
  task: Task & { readonly store?: Store },
  log: readonly LogRecord[],
  from: number,
  perStep = 1,
): Promise<{ outputs: Output[]; commits: { offset: number; metadata: string }[] }> {
  const outputs: Output[] = [];
  const commits: { offset: number; metadata: string }[] = [];
  const rest = log.filter(({ offset }) => offset >= from);
  while (rest.length > 0) {
    const records = rest.splice(0, perStep);
    const step = await task.process(records, records.at(-1)!.offset + 1);
    if (step.batch !== undefined) await task.store!.write(step.batch);
    outputs.push(...step.outputs);
    commits.push({ offset: step.position, metadata: step.metadata });
  }
  return { outputs, commits };
}
