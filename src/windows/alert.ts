/**
 * A campaign as the world sees it: builds the published alert, the same bytes for the same campaign.
 */
import type { Fingerprinter } from '../fingerprints/fingerprint.ts';
import { hex64 } from '../fingerprints/hash.ts';
import { RECORD_WORDS_MAX } from '../fingerprints/record.ts';
import type { Similarity } from '../fingerprints/similarity.ts';
import { isoTime } from '../evidence/iso.ts';
import { TemplateMaker, TRIED_MAX } from '../evidence/template.ts';
import { diffOf, wordsOf } from '../evidence/words.ts';
import type { Alert, AlertAccount, AlertSample, AlertStatus, AlertVariant, DiffPart, Finder } from '../model.ts';
import { EvidenceBuilder, type EvidenceSettings } from './alert-evidence.ts';
import { FAMILY } from './bucket-index.ts';
import type { AlertState, Campaign } from './campaigns.ts';
import type { Participants } from './participants.ts';
import type { AccountSummary, MemberPost, TextNode } from './text-nodes.ts';

export interface AlertSettings extends EvidenceSettings {
  readonly engine: string;
  readonly topology: string;
  readonly variantsListed: number;
  readonly accountsListed: number;
  readonly samplesListed: number;
  /** Name of the feed topic, where samples tell the records that they were read from. */
  readonly provenance?: string | undefined;
}

/** A variant beside the representative text. */
interface Comparison {
  readonly from: readonly string[];
  readonly to: readonly string[];
  readonly simhash: string;
  readonly similarity: number;
  readonly diff: DiffPart[];
}

export class AlertBuilder {
  readonly #settings: AlertSettings;
  readonly #fingerprinter: Fingerprinter;
  readonly #similarity: Similarity;
  readonly #participants: Participants;
  readonly #evidence: EvidenceBuilder;
  readonly #words = new WeakMap<TextNode, { readonly text: string; readonly words: readonly string[] }>();
  /** What compares two texts stays for as long as both do. */
  readonly #comparisons = new WeakMap<TextNode, Comparison>();
  readonly #templates = new WeakMap<Campaign, TemplateMaker>();
  readonly #record = new Uint32Array(RECORD_WORDS_MAX);
  #tokenCount = 0;
  #remembered = '';

  constructor(
    settings: AlertSettings,
    fingerprinter: Fingerprinter,
    similarity: Similarity,
    participants: Participants,
  ) {
    this.#settings = settings;
    this.#participants = participants;
    this.#evidence = new EvidenceBuilder(settings, fingerprinter.normaliser, participants);
    this.#fingerprinter = fingerprinter;
    this.#similarity = similarity;
  }

  build(campaign: Campaign, state: AlertState, status: AlertStatus, revisedMs: number, mergedInto?: string): Alert {
    const settings = this.#settings;
    // A node whose only post is known under another text has none that counts; one whose posts were all removed has no text.
    const nodes = Array.from(campaign.nodes)
      .filter((node) => node.postCount > 0 && node.text !== '')
      .sort(byReach);
    const text = nodes[0]?.text ?? '';
    const variants = nodes.slice(0, settings.variantsListed).map((node) => this.#variant(node, nodes[0]!));
    const summaries = campaign.accountSummaries();
    const accounts = smallest(summaries.values(), settings.accountsListed, byFirstPost);
    const firstMs = nodes.reduce((first, node) => Math.min(first, node.firstPostMs), Infinity);
    const samples = this.#samples(nodes);
    const members = nodes.flatMap((node) => node.posts).sort(byTime);
    const { timing, creation, explanations, techniques, severity, disclosures } = this.#evidence.of({
      campaign,
      summaries,
      members,
      firstMs,
      variantCount: nodes.length,
      likeness: likenessOf(variants),
    });
    const tried = nodes.slice(0, TRIED_MAX).map((node) => ({ words: this.#wordsOf(node), postCount: node.postCount }));
    const template = this.#templateMaker(campaign).make(tried, campaign.postCount);
    return {
      schema: 'chorus.alert.v1',
      id: state.id,
      revision: state.revision,
      status,
      ...(mergedInto === undefined ? {} : { mergedInto }),
      finding: 'coordinated posting',
      revisedAt: isoTime(revisedMs),
      openedAt: isoTime(state.openedMs),
      // Without a post there is no other time to tell.
      firstPostAt: isoTime(nodes.length === 0 ? state.openedMs : firstMs),
      lastPostAt: isoTime(nodes.length === 0 ? state.openedMs : campaign.lastMs),
      windowMs: settings.windowMs,
      text,
      accountCount: campaign.accounts.size,
      postCount: campaign.postCount,
      variantCount: nodes.length,
      forwardCount: campaign.forwardCount,
      removedCount: campaign.removedCount,
      disclosedCount: disclosures.size,
      severity,
      timing,
      platforms: platformsOf(summaries),
      foundBy: findersOf(campaign),
      variants: { listed: variants, leftOut: nodes.length - variants.length },
      ...(template === undefined ? {} : { template }),
      accounts: {
        listed: accounts.map((each) => this.#account(each, disclosures)),
        leftOut: campaign.accounts.size - accounts.length,
      },
      samples: {
        listed: samples.map((member) => alertSample(member, settings.provenance)),
        leftOut: campaign.postCount - samples.length,
      },
      ...(creation === undefined ? {} : { creation }),
      explanations,
      techniques,
      engine: settings.engine,
      topology: settings.topology,
    };
  }

  #variant(node: TextNode, representative: TextNode): AlertVariant {
    const { simhash, similarity, diff } = this.#comparison(node, representative);
    return {
      text: node.text,
      postCount: node.postCount,
      accountCount: node.accounts.size,
      firstPostAt: isoTime(node.firstPostMs),
      lastPostAt: isoTime(node.lastPostMs),
      simhash,
      similarity,
      diff,
    };
  }

  #comparison(node: TextNode, representative: TextNode): Comparison {
    const from = this.#wordsOf(representative);
    const to = this.#wordsOf(node);
    const known = this.#comparisons.get(node);
    if (known?.from === from && known.to === to) return known;
    this.#remember(representative.text);
    const print = this.#fingerprinter;
    print.compute(node.text);
    const similarity = this.#similarity.compare(this.#record, 0, this.#tokenCount, print.record, 0, print.tokenCount);
    const comparison = {
      from,
      to,
      simhash: hex64(print.simHi, print.simLo),
      similarity: Math.round(similarity * 1000) / 1000,
      diff: diffOf(from, to),
    };
    this.#comparisons.set(node, comparison);
    return comparison;
  }

  #remember(text: string): void {
    if (text === this.#remembered) return;
    this.#fingerprinter.compute(text);
    this.#record.set(this.#fingerprinter.record);
    this.#tokenCount = this.#fingerprinter.tokenCount;
    this.#remembered = text;
  }

  #templateMaker(campaign: Campaign): TemplateMaker {
    let maker = this.#templates.get(campaign);
    if (maker === undefined) this.#templates.set(campaign, (maker = new TemplateMaker()));
    return maker;
  }

  /** The same list for as long as the text is the same. */
  #wordsOf(node: TextNode): readonly string[] {
    const known = this.#words.get(node);
    if (known?.text === node.text) return known.words;
    const words = wordsOf(node.text);
    this.#words.set(node, { text: node.text, words });
    return words;
  }

  #account(summary: AccountSummary, disclosures: ReadonlyMap<string, string>): AlertAccount {
    const disclosure = disclosures.get(summary.key);
    return {
      platform: summary.platform,
      account: summary.account,
      ...(summary.handle === undefined ? {} : { handle: summary.handle }),
      ...(summary.accountCreatedAt === undefined ? {} : { accountCreatedAt: isoTime(summary.accountCreatedAt) }),
      postCount: summary.postCount,
      firstPostAt: isoTime(summary.firstMs),
      lastPostAt: isoTime(summary.lastMs),
      earlierCampaigns: this.#participants.alertsOf(summary.key),
      ...(disclosure === undefined ? {} : { disclosure }),
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

/** R of the listed variants to the representative text, weighted by their posts. */
function likenessOf(variants: readonly AlertVariant[]): number {
  let sum = 0;
  let posts = 0;
  for (const { similarity, postCount } of variants) {
    sum += similarity * postCount;
    posts += postCount;
  }
  return posts === 0 ? 0 : sum / posts;
}

function alertSample({ post, place }: MemberPost, topic: string | undefined): AlertSample {
  const { platform, id, account, createdAt, text, urls } = post;
  return {
    platform,
    id,
    account,
    createdAt: isoTime(createdAt),
    text,
    ...(urls === undefined || urls.length === 0 ? {} : { urls }),
    ...(topic === undefined || place === undefined ? {} : { source: { topic, ...place } }),
  };
}
