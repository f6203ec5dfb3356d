/** `--from` and `--to` of a feed topic: a time, a duration back from now, or offsets of partitions. */
import { parseTimeMs } from '../consumers/formats/time.ts';
import type { ConfigProblem } from '../errors.ts';
import type { FeedBound } from '../runtime/feed-bounds.ts';
import { parseDurationMs } from './duration.ts';

const OFFSETS = /^\d+:\d+(,\d+:\d+)*$/;
const BOUND =
  'a time such as 2025-02-04T09:00Z or 2025-02-04, a duration back from now such as 36h, or offsets of partitions such as ' +
  '0:1200,1:900, each partition once';

/** @param problems takes what is wrong with the text; the answer is undefined then, as for no text */
export function parseFeedBound(
  name: string,
  text: string | undefined,
  nowMs: number,
  problems: ConfigProblem[],
): FeedBound | undefined {
  if (text === undefined) return undefined;
  const bound = OFFSETS.test(text) ? offsetsOf(text) : timeOf(text, nowMs);
  if (bound === undefined) problems.push({ name, value: text, bound: BOUND });
  return bound;
}

function offsetsOf(text: string): FeedBound | undefined {
  const pairs = text.split(',').map((pair) => pair.split(':').map(Number) as [number, number]);
  const offsets = new Map(pairs);
  const isSound = offsets.size === pairs.length && pairs.flat().every(Number.isSafeInteger);
  return isSound ? { kind: 'offsets', offsets } : undefined;
}

function timeOf(text: string, nowMs: number): FeedBound | undefined {
  const backMs = parseDurationMs(text);
  const timeMs =
    backMs === undefined ? parseTimeMs(/^\d{4}-\d\d-\d\d$/.test(text) ? `${text}T00:00Z` : text) : nowMs - backMs;
  return timeMs === undefined ? undefined : { kind: 'time', timeMs };
}
