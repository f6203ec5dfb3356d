/** When the posts of a campaign came. */
import type { AlertTiming } from '../model.ts';

const MINUTE_MS = 60_000;

export interface TimedPost {
  readonly account: string;
  readonly timeMs: number;
}

export interface TimingFacts {
  readonly firstMs: number;
  readonly lastMs: number;
  /** Of the campaign, with those that are not kept. */
  readonly postCount: number;
  /** Minutes that are listed, the earliest. */
  readonly minutesListed: number;
}

/** @param posts that are kept of a campaign, in order of time */
export function timingOf(posts: readonly TimedPost[], facts: TimingFacts): AlertTiming {
  const { firstMs, lastMs, postCount, minutesListed } = facts;
  const gaps = Float64Array.from(posts.slice(1), ({ timeMs }, i) => timeMs - posts[i]!.timeMs).sort();
  const minutes = new Map<number, number>();
  for (const { timeMs } of posts) {
    const minute = Math.floor(timeMs / MINUTE_MS);
    minutes.set(minute, (minutes.get(minute) ?? 0) + 1);
  }
  const listed = Array.from(minutes)
    .slice(0, minutesListed)
    .map(([minute, count]) => ({ minute: new Date(minute * MINUTE_MS).toISOString(), postCount: count }));
  const early = new Set<string>();
  for (const { account, timeMs } of posts) {
    if (timeMs >= firstMs + MINUTE_MS) break;
    early.add(account);
  }
  return {
    perMinute: { listed, leftOut: listed.reduce((left, minute) => left - minute.postCount, postCount) },
    medianGapMs: medianOf(gaps),
    smallestGapMs: gaps[0] ?? 0,
    firstMinuteAccountCount: early.size,
    spanMs: posts.length === 0 ? 0 : lastMs - firstMs,
  };
}

/** Of an even number the lower one, so that it is a gap that was there. */
function medianOf(sorted: Float64Array): number {
  return sorted.length === 0 ? 0 : sorted[(sorted.length - 1) >> 1]!;
}

/** The shortest stretch of time that holds half of the posts, ms; 0 without posts. */
export function halfSpanMs(posts: readonly TimedPost[]): number {
  if (posts.length === 0) return 0;
  const needed = Math.ceil(posts.length / 2);
  let shortest = Infinity;
  for (let i = 0; i + needed - 1 < posts.length; i++) {
    shortest = Math.min(shortest, posts[i + needed - 1]!.timeMs - posts[i]!.timeMs);
  }
  return shortest;
}
