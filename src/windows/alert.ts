/**
 * A campaign as the world sees it: builds the published alert, the same bytes for the same campaign.
 */
import type { Fingerprinter } from '../fingerprints/fingerprint.ts';
import { hex64 } from '../fingerprints/hash.ts';
import { RECORD_WORDS_MAX } from '../fingerprints/record.ts';
import type { Similarity } from '../fingerprints/similarity.ts';
import type { Alert, AlertAccount, AlertSample, AlertStatus, AlertVariant, Finder } from '../model.ts';
import { FAMILY } from './bucket-index.ts';
import type { AlertState, Campaign } from './campaigns.ts';
import type { AccountSummary, MemberPost, TextNode } from './text-nodes.ts';

export interface AlertSettings {
  readonly windowMs: number;
  readonly engine: string;
  readonly topology: string;
  readonly variantsListed: number;
  readonly accountsListed: number;
  readonly samplesListed: number;
}

export class AlertBuilder {
  readonly #settings: AlertSettings;
  readonly #fingerprinter: Fingerprinter;
  readonly #similarity: Similarity;
  readonly #record = new Uint32Array(RECORD_WORDS_MAX);
  #tokenCount = 0;

  constructor(settings: AlertSettings, fingerprinter: Fingerprinter, similarity: Similarity) {
    this.#settings = settings;
    this.#fingerprinter = fingerprinter;
    this.#similarity = similarity;
  }

  build(campaign: Campaign, state: AlertState, status: AlertStatus, revisedMs: number, mergedInto?: string): Alert {
    const settings = this.#settings;
    // A node whose only post is known under another text has none that counts.
    const nodes = Array.from(campaign.nodes)
      .filter((node) => node.postCount > 0)
      .sort(byReach);
    const representative = nodes[0]!;
    this.#remember(representative.text);
    const variants = nodes.slice(0, settings.variantsListed);
    const summaries = campaign.accountSummaries();
    const accounts = smallest(summaries.values(), settings.accountsListed, byFirstPost);
    const firstMs = nodes.reduce((first, node) => Math.min(first, node.firstPostMs), Infinity);
    const samples = this.#samples(nodes);
    return {
      schema: 'chorus.alert.v1',
      id: state.id,
      revision: state.revision,
      status,
      ...(mergedInto === undefined ? {} : { mergedInto }),
      finding: 'coordinated posting',
      revisedAt: iso(revisedMs),
      openedAt: iso(state.openedMs),
      firstPostAt: iso(firstMs),
      lastPostAt: iso(campaign.lastMs),
      windowMs: settings.windowMs,
      text: representative.text,
      accountCount: campaign.accounts.size,
      postCount: campaign.postCount,
      variantCount: nodes.length,
      forwardCount: campaign.forwardCount,
      platforms: platformsOf(summaries),
      foundBy: findersOf(campaign),
      variants: { listed: variants.map((node) => this.#variant(node)), leftOut: nodes.length - variants.length },
      accounts: { listed: accounts.map(alertAccount), leftOut: campaign.accounts.size - accounts.length },
      samples: { listed: samples.map(alertSample), leftOut: campaign.postCount - samples.length },
      engine: settings.engine,
      topology: settings.topology,
    };
  }

  #remember(text: string): void {
    this.#fingerprinter.compute(text);
    this.#record.set(this.#fingerprinter.record);
    this.#tokenCount = this.#fingerprinter.tokenCount;
  }

  #variant(node: TextNode): AlertVariant {
    const print = this.#fingerprinter;
    print.compute(node.text);
    const similarity = this.#similarity.compare(this.#record, 0, this.#tokenCount, print.record, 0, print.tokenCount);
    return {
      text: node.text,
      postCount: node.postCount,
      accountCount: node.accounts.size,
      firstPostAt: iso(node.firstPostMs),
      lastPostAt: iso(node.lastPostMs),
      simhash: hex64(print.simHi, print.simLo),
      similarity: Math.round(similarity * 1000) / 1000,
    };
  }

  /** The first post of each variant, the widest first; then more of them in order of time. */
  #samples(nodes: readonly TextNode[]): readonly MemberPost[] {
    const listed = this.#settings.samplesListed;
    const firsts = nodes.filter((node) => node.posts.length > 0).map((node) => node.posts[0]!);
    if (firsts.length >= listed) return firsts.slice(0, listed).sort(byTime);
    const rest = smallest(othersOf(nodes), listed - firsts.length, byTime);
    return [...firsts, ...rest].sort(byTime);
  }
}

function* othersOf(nodes: readonly TextNode[]): Generator<MemberPost> {
  for (const node of nodes) for (let i = 1; i < node.posts.length; i++) yield node.posts[i]!;
}

/** The `count` smallest elements in order, without sorting the rest. */
function smallest<T>(elements: Iterable<T>, count: number, order: (a: T, b: T) => number): T[] {
  const kept: T[] = [];
  for (const element of elements) {
    if (kept.length === count && (count === 0 || order(element, kept[count - 1]!) >= 0)) continue;
    if (kept.length === count) kept.pop();
    let at = kept.length;
    while (at > 0 && order(element, kept[at - 1]!) < 0) at--;
    kept.splice(at, 0, element);
  }
  return kept;
}

function byReach(a: TextNode, b: TextNode): number {
  return (
    b.accounts.size - a.accounts.size ||
    b.postCount - a.postCount ||
    a.firstPostMs - b.firstPostMs ||
    compareText(a.id, b.id)
  );
}

function byFirstPost(a: AccountSummary, b: AccountSummary): number {
  return a.firstMs - b.firstMs || compareText(a.platform, b.platform) || compareText(a.account, b.account);
}

function byTime(a: MemberPost, b: MemberPost): number {
  return a.post.createdAt - b.post.createdAt || compareText(a.key, b.key);
}

/** By UTF-16 units, which no locale changes. */
export function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function platformsOf(summaries: ReadonlyMap<string, AccountSummary>): Record<string, number> {
  const counts = new Map<string, number>();
  for (const { platform } of summaries.values()) counts.set(platform, (counts.get(platform) ?? 0) + 1);
  return Object.fromEntries(Array.from(counts).sort((a, b) => compareText(a[0], b[0])));
}

function findersOf(campaign: Campaign): Finder[] {
  const finders: Finder[] = [];
  for (const node of campaign.nodes) {
    if (node.accounts.size < 2) continue;
    finders.push('text');
    break;
  }
  if ((campaign.families & FAMILY.shingle) !== 0) finders.push('shingle');
  if ((campaign.families & FAMILY.simhash) !== 0) finders.push('simhash');
  return finders;
}

function alertAccount(summary: AccountSummary): AlertAccount {
  return {
    platform: summary.platform,
    account: summary.account,
    ...(summary.handle === undefined ? {} : { handle: summary.handle }),
    ...(summary.accountCreatedAt === undefined ? {} : { accountCreatedAt: iso(summary.accountCreatedAt) }),
    postCount: summary.postCount,
    firstPostAt: iso(summary.firstMs),
    lastPostAt: iso(summary.lastMs),
  };
}

function alertSample(member: MemberPost): AlertSample {
  const { platform, id, account, createdAt, text, urls } = member.post;
  return {
    platform,
    id,
    account,
    createdAt: iso(createdAt),
    text,
    ...(urls === undefined || urls.length === 0 ? {} : { urls }),
  };
}

function iso(ms: number): string {
  return new Date(ms).toISOString();
}
