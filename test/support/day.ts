/** A simulated day with planted campaigns as records of a feed topic, with all that such a topic may hold beside posts. */
import { TICK_HEADER } from '../../src/runtime/fingerprint-task.ts';
import { postLine, simulate } from '../../src/simulate/feed.ts';
import { Random } from '../../src/simulate/random.ts';

export interface FedRecord {
  readonly value: Buffer | string | null;
  readonly headers?: Readonly<Record<string, Buffer | string>>;
  /** Undefined for any. */
  readonly partition?: number;
  readonly fate: Fate;
}

/** What is to become of a record: a post may also have nothing to compare. */
export type Fate = 'post' | 'rejected' | 'late' | 'tombstone' | 'tick';

const START_MS = Date.UTC(2025, 1, 4);
const HOUR_MS = 3_600_000;
/** Above any event time: with it from every source, all that is open closes. */
const END_MS = 8e15;

export interface DayOptions {
  readonly posts: number;
  readonly seed?: number;
  readonly campaigns?: number;
  readonly copying?: number;
  readonly hours?: number;
}

/** Lines of canonical NDJSON, in the order of time. */
export function simulatedDay({ seed = 7, campaigns = 8, copying = 6, hours = 24, ...size }: DayOptions): string[] {
  const feed = simulate({ ...size, seed, startMs: START_MS, durationMs: hours * HOUR_MS, campaigns, copying });
  return Array.from(feed, ({ post }) => postLine(post));
}

export function posts(lines: readonly string[]): FedRecord[] {
  return lines.map((value) => ({ value, fate: 'post' }));
}

/** The end of event time, for each source. */
export function ending(sources: number): FedRecord[] {
  return Array.from({ length: sources }, (_, partition) => ({
    value: null,
    headers: { [TICK_HEADER]: String(END_MS) },
    partition,
    fate: 'tick',
  }));
}

const BAD: readonly (Buffer | string)[] = [
  '',
  'no JSON at all',
  '{"id":"x","platform":"x"}',
  '["a","list"]',
  '{"id":"x","platform":"x","account":"a","text":"t","createdAt":"yesterday"}',
  '{"id":"x","platform":"x","account":"a","text":"from the future","createdAt":"2199-01-01T00:00:00.000Z"}',
  Buffer.from([0x7b, 0xff, 0xfe, 0x7d]),
  // Framed by a registry, where none is configured.
  Buffer.from([0, 0, 0, 0, 9, 1, 2, 3]),
];

/** Every so many records, one of each kind that is no post or comes too late, and a post that comes again. */
const EVERY = 150;

/** The posts, and among them bad records, late posts, tombstones, posts sent twice. `outOfOrdernessMs` must be below three hours. */
export function withFaults(lines: readonly string[], seed: number): FedRecord[] {
  const random = new Random(seed);
  const records: FedRecord[] = [];
  for (const [at, line] of lines.entries()) {
    records.push({ value: line, fate: 'post' });
    if (random.below(EVERY) === 0) records.push({ value: BAD[random.below(BAD.length)]!, fate: 'rejected' });
    if (random.below(EVERY) === 0) records.push({ value: null, fate: 'tombstone' });
    if (random.below(EVERY) === 0)
      records.push({ value: lines[random.between(Math.max(0, at - 20), at)]!, fate: 'post' });
    // By then every source has seen more than four hours.
    if (at > lines.length / 2 && random.below(EVERY) === 0) records.push({ value: lateCopy(line, at), fate: 'late' });
  }
  return records;
}

function lateCopy(line: string, at: number): string {
  const post = JSON.parse(line) as { createdAt: string };
  const createdAt = new Date(Date.parse(post.createdAt) - 4 * HOUR_MS).toISOString();
  return JSON.stringify({ ...post, id: `late-${at}`, createdAt });
}

/** What a replay is to be given: the posts that were not late. */
export function replayLines(records: readonly FedRecord[]): string[] {
  return records.flatMap(({ value, fate }) => (fate === 'post' ? [String(value)] : []));
}

export function countOf(records: readonly FedRecord[], fate: Fate): number {
  return records.filter((record) => record.fate === fate).length;
}
