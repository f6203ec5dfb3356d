/**
 * How much of one campaign lies in another, as far as two alerts can tell.
 *
 * O1  An account is in both if a post of it is: its first, its last or a sample, by id or by account and time. The name alone
 *     is no proof, for a network of accounts may run several campaigns.
 * O2  A text is in both if both list it and its times overlap: within a file a text is in one campaign at a time. The same
 *     text a day later is another campaign.
 * O3  A post has a text and an account, so each bounds what the other proves: accounts prove nothing where both list all of
 *     their texts and none is in both, and texts prove no larger a share than that of the names that both list.
 */
import { hashStrings } from '../fingerprints/hash.ts';
import { wouldList, type FoundCampaign, type ListedVariant } from './alert-lines.ts';

/** Shares of the smaller of two campaigns that lies in the larger, 0 to 1. */
export interface Overlap {
  /** Of its accounts, among those that both lists would hold. */
  readonly accountShare: number;
  /** Of its posts, by the texts that both list. */
  readonly postShare: number;
}

const NONE: Overlap = { accountShare: 0, postShare: 0 };

interface Shared {
  readonly accountKeys: Set<string>;
  /** Posts of each text that fall into the time that both have of it. */
  readonly posts: Map<ListedVariant, number>;
  readonly otherPosts: Map<ListedVariant, number>;
}

/** The campaigns of one side, to be held against those of the other. */
export class Overlaps {
  /** By a hash of 53 bits, for a string would take three times the memory; a false one alone ties nothing together. */
  readonly #posts = new Map<number, FoundCampaign | FoundCampaign[]>();
  readonly #texts = new Map<string, TextSpans>();

  constructor(campaigns: readonly FoundCampaign[]) {
    for (const campaign of campaigns) {
      for (const [mark] of postMarks(campaign)) this.#addPost(mark, campaign);
      for (const variant of campaign.variants) for (const key of variant.keys) this.#spans(key).add(campaign, variant);
    }
  }

  /** The overlap of a campaign with each that shares something with it, and with each of `others` in any case. */
  of(campaign: FoundCampaign, others: Iterable<FoundCampaign>): Map<FoundCampaign, Overlap> {
    const shared = new Map<FoundCampaign, Shared>();
    const sharedWith = (other: FoundCampaign): Shared => {
      const known = shared.get(other) ?? { accountKeys: new Set(), posts: new Map(), otherPosts: new Map() };
      shared.set(other, known);
      return known;
    };
    for (const [mark, accountKey] of postMarks(campaign)) {
      for (const other of this.#withPost(mark)) sharedWith(other).accountKeys.add(accountKey);
    }
    for (const variant of campaign.variants) {
      for (const key of variant.keys) {
        for (const [other, otherVariant] of this.#texts.get(key)?.overlapping(variant) ?? []) {
          const { posts, otherPosts } = sharedWith(other);
          noteMost(posts, variant, postsWithin(variant, otherVariant));
          noteMost(otherPosts, otherVariant, postsWithin(otherVariant, variant));
        }
      }
    }
    const overlaps = new Map(Array.from(others, (other) => [other, NONE]));
    for (const [other, found] of shared) overlaps.set(other, overlapOf(campaign, other, found));
    return overlaps;
  }

  #addPost(mark: number, campaign: FoundCampaign): void {
    const known = this.#withPost(mark);
    if (known.length === 0) this.#posts.set(mark, campaign);
    else if (known.at(-1) !== campaign) this.#posts.set(mark, [...known, campaign]);
  }

  #withPost(mark: number): readonly FoundCampaign[] {
    const known = this.#posts.get(mark);
    if (known === undefined) return [];
    return Array.isArray(known) ? known : [known];
  }

  #spans(key: string): TextSpans {
    const known = this.#texts.get(key) ?? new TextSpans();
    this.#texts.set(key, known);
    return known;
  }
}

/** O1: what tells a post again, and the account whose post it is. */
function* postMarks({ accounts, samples }: FoundCampaign): Generator<readonly [mark: number, accountKey: string]> {
  for (const { key, firstMs, lastMs } of accounts) {
    yield [markOf(key, String(firstMs)), key];
    if (lastMs !== firstMs) yield [markOf(key, String(lastMs)), key];
  }
  for (const { accountKey, postKey, atMs } of samples) {
    yield [markOf(accountKey, String(atMs)), accountKey];
    // With the account, so that the mark says the same on both sides.
    yield [markOf(accountKey, 'post', postKey), accountKey];
  }
}

function markOf(...parts: readonly string[]): number {
  const { hi, lo } = hashStrings(...parts);
  return (hi >>> 11) * 2 ** 32 + (lo >>> 0);
}

function overlapOf(one: FoundCampaign, other: FoundCampaign, { accountKeys, posts, otherPosts }: Shared): Overlap {
  const listsAllTexts = one.variantsLeftOut === 0 && other.variantsLeftOut === 0;
  if (posts.size === 0 && listsAllTexts) return NONE;
  const accounts = comparableAccounts(one, other);
  const isShared = (key: string): boolean => accounts.named.has(key);
  const postShare = share(Math.min(sumOf(posts), sumOf(otherPosts)), Math.min(one.postCount, other.postCount));
  return {
    accountShare: share(Array.from(accountKeys).filter(isShared).length, accounts.count),
    postShare: accounts.count === 0 ? postShare : Math.min(postShare, share(accounts.named.size, accounts.count)),
  };
}

interface ComparableAccounts {
  /** Keys of those that both list, whatever they posted. */
  readonly named: ReadonlySet<string>;
  /** Accounts that one lists and the other would, if they were of both: of the campaign with the fewer such accounts. */
  readonly count: number;
}

function comparableAccounts(one: FoundCampaign, other: FoundCampaign): ComparableAccounts {
  const keys = new Set(one.accounts.map(({ key }) => key));
  const otherKeys = new Set(other.accounts.map(({ key }) => key));
  const isListed = wouldList([one]);
  const isOtherListed = wouldList([other]);
  const comparable = one.accounts.filter((each) => otherKeys.has(each.key) || isOtherListed(each)).length;
  const otherComparable = other.accounts.filter((each) => keys.has(each.key) || isListed(each)).length;
  const named = new Set(Array.from(keys).filter((key) => otherKeys.has(key)));
  return { named, count: Math.min(comparable, otherComparable) };
}

/** Posts of the variant while the other one was posted too, as if they came evenly; two spans that overlap are given. */
function postsWithin(variant: ListedVariant, other: ListedVariant): number {
  const { postCount, firstMs, lastMs } = variant;
  if (lastMs === firstMs) return postCount;
  const commonMs = Math.min(lastMs, other.lastMs) - Math.max(firstMs, other.firstMs);
  // At a single moment that both have there is one post at least.
  return Math.max(1, (postCount * commonMs) / (lastMs - firstMs));
}

function noteMost(posts: Map<ListedVariant, number>, variant: ListedVariant, count: number): void {
  posts.set(variant, Math.max(count, posts.get(variant) ?? 0));
}

function sumOf(posts: ReadonlyMap<ListedVariant, number>): number {
  let sum = 0;
  for (const count of posts.values()) sum += count;
  return sum;
}

function share(part: number, whole: number): number {
  return whole === 0 ? 0 : Math.min(1, part / whole);
}

interface Span {
  readonly campaign: FoundCampaign;
  readonly variant: ListedVariant;
  /** The latest end of this span and those before it. */
  reachMs: number;
}

/**
 * When one text was posted, in which campaign. Looked up by halving: a greeting that comes back each hour for a year is in
 * 8,760 campaigns of each side, and each must not be held against all.
 */
class TextSpans {
  readonly #spans: Span[] = [];
  #isSorted = true;

  add(campaign: FoundCampaign, variant: ListedVariant): void {
    this.#spans.push({ campaign, variant, reachMs: 0 });
    this.#isSorted = false;
  }

  *overlapping({ firstMs, lastMs }: ListedVariant): Generator<readonly [FoundCampaign, ListedVariant]> {
    if (!this.#isSorted) this.#sort();
    const spans = this.#spans;
    let low = 0;
    let high = spans.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (spans[middle]!.reachMs < firstMs) low = middle + 1;
      else high = middle;
    }
    for (let at = low; at < spans.length && spans[at]!.variant.firstMs <= lastMs; at++) {
      const { campaign, variant } = spans[at]!;
      if (variant.lastMs >= firstMs) yield [campaign, variant];
    }
  }

  #sort(): void {
    this.#spans.sort((a, b) => a.variant.firstMs - b.variant.firstMs);
    let reachMs = -Infinity;
    for (const span of this.#spans) {
      reachMs = Math.max(reachMs, span.variant.lastMs);
      span.reachMs = reachMs;
    }
    this.#isSorted = true;
  }
}
