/**
 * Campaigns -> pairs of accounts that posted in the same ones: the edges of the account network.
 *
 * A campaign of n accounts has n(n-1)/2 pairs, so what is linked is bounded: in order of their first posts, each account is linked
 * with at most `reach` of the next ones, and the reach is the largest with which all campaigns together make `PAIRS_MAX` links.
 */
import { smallestGapMs, type AccountRow } from './evidence.ts';

/** An undirected edge. `a` comes before `b` by code units. */
export interface AccountPair {
  readonly a: string;
  readonly b: string;
  /** Numbers of the campaigns in which both posted. */
  readonly campaigns: readonly number[];
  /** Between a post of one and a post of the other in one campaign, the smallest known. */
  readonly gapMs: number;
  /** From when both had posted in one of the campaigns until the last post of the last of them. */
  readonly startMs: number;
  readonly endMs: number;
}

/** 0.3 GB of pairs. More than a layout program can draw. */
const PAIRS_MAX = 1_000_000;

/** The largest reach that keeps to the bound, at least 1, and the pairs of the campaigns that it leaves out. */
export function reachOf(accountCounts: readonly number[], pairsMax = PAIRS_MAX): { reach: number; leftOut: number } {
  const largest = accountCounts.reduce((most, count) => Math.max(most, count), 0);
  let [low, high] = [1, Math.max(1, largest - 1)];
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if (linked(accountCounts, middle) <= pairsMax) low = middle;
    else high = middle - 1;
  }
  return { reach: low, leftOut: linked(accountCounts, Infinity) - linked(accountCounts, low) };
}

function linked(accountCounts: readonly number[], reach: number): number {
  return accountCounts.reduce((sum, count) => {
    const within = Math.min(reach, count - 1);
    return count < 2 ? sum : sum + within * count - (within * (within + 1)) / 2;
  }, 0);
}

type Entry = { -readonly [Field in keyof AccountPair]: AccountPair[Field] } & { campaigns: number[] };

export class PairBook {
  readonly #reach: number;
  /** By `a` and then `b`: keys of both in one string would be made a million times. */
  readonly #pairs = new Map<string, Map<string, Entry>>();

  constructor(reach: number) {
    this.#reach = reach;
  }

  /** @param rows in order of their first posts, as `accountRows` gives them */
  add(campaign: number, rows: readonly AccountRow[], campaignLastMs: number): void {
    for (const [i, row] of rows.entries()) {
      for (const next of rows.slice(i + 1, i + 1 + this.#reach)) {
        this.#link(campaign, row, next, campaignLastMs);
      }
    }
  }

  #link(campaign: number, first: AccountRow, second: AccountRow, endMs: number): void {
    const [a, b] = first.key < second.key ? [first.key, second.key] : [second.key, first.key];
    let ofA = this.#pairs.get(a);
    if (ofA === undefined) this.#pairs.set(a, (ofA = new Map()));
    const gapMs = smallestGapMs(first.times, second.times);
    const known = ofA.get(b);
    // `second` is the later one of the two.
    if (known === undefined) {
      ofA.set(b, { a, b, campaigns: [campaign], gapMs, startMs: second.firstMs, endMs });
      return;
    }
    known.campaigns.push(campaign);
    known.gapMs = Math.min(known.gapMs, gapMs);
    known.startMs = Math.min(known.startMs, second.firstMs);
    known.endMs = Math.max(known.endMs, endMs);
  }

  /** By `a`, then `b`. */
  *pairs(): Generator<AccountPair> {
    for (const [, ofA] of sortedEntries(this.#pairs)) for (const [, pair] of sortedEntries(ofA)) yield pair;
  }
}

function sortedEntries<Value>(map: ReadonlyMap<string, Value>): [string, Value][] {
  return Array.from(map).sort(([a], [b]) => (a < b ? -1 : 1));
}
