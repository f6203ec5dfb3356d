/** When the posts of a campaign came. */
import type { AlertTiming } from '../model.ts';
import { isoTime } from './iso.ts';

const MINUTE_MS = 60_000;

export interface TimingFacts {
  /** The account of the post with the time `times[i]`. */
  readonly accountAt: (i: number) => string;
  readonly firstMs: number;
  readonly lastMs: number;
  /** Of the campaign, with those that are not kept. */
  readonly postCount: number;
  /** Minutes that are listed, the earliest. */
  readonly minutesListed: number;
}

/** @param times of the posts that are kept of a campaign, rising */
export function timingOf(times: Float64Array, facts: TimingFacts): AlertTiming {
  const { accountAt, firstMs, lastMs, postCount, minutesListed } = facts;
  const gaps = new Float64Array(Math.max(0, times.length - 1));
  for (let i = 0; i < gaps.length; i++) gaps[i] = times[i + 1]! - times[i]!;
  gaps.sort();
  const listed: { readonly minute: string; readonly postCount: number }[] = [];
  for (let i = 0; i < times.length && listed.length < minutesListed;) {
    const minuteMs = Math.floor(times[i]! / MINUTE_MS) * MINUTE_MS;
    const start = i;
    while (i < times.length && times[i]! < minuteMs + MINUTE_MS) i++;
    listed.push({ minute: isoTime(minuteMs), postCount: i - start });
  }
  const early = new Set<string>();
  for (let i = 0; i < times.length && times[i]! < firstMs + MINUTE_MS; i++) early.add(accountAt(i));
  return {
    perMinute: { listed, leftOut: listed.reduce((left, minute) => left - minute.postCount, postCount) },
    medianGapMs: medianOf(gaps),
    smallestGapMs: gaps[0] ?? 0,
    firstMinuteAccountCount: early.size,
    spanMs: times.length === 0 ? 0 : lastMs - firstMs,
  };
}

/** Of an even number the lower one, so that it is a gap that was there. */
function medianOf(sorted: Float64Array): number {
  return sorted.length === 0 ? 0 : sorted[(sorted.length - 1) >> 1]!;
}

/** The shortest stretch of time that holds half of the posts, ms; 0 without posts. @param times rising */
export function halfSpanMs(times: Float64Array): number {
  if (times.length === 0) return 0;
  const needed = Math.ceil(times.length / 2);
  let shortest = Infinity;
  for (let i = 0; i + needed - 1 < times.length; i++) {
    shortest = Math.min(shortest, times[i + needed - 1]! - times[i]!);
  }
  return shortest;
}
