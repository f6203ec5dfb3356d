/**
 * The three stages as their rules say them: every node against every other, plain sets, campaigns by relabelling. Slow.
 */
import { hashStrings, hex64 } from '../../src/fingerprints/hash.ts';
import { Normaliser } from '../../src/fingerprints/normalise.ts';
import { Similarity } from '../../src/fingerprints/similarity.ts';
import { ENTRY, entryRecordAt, entryTokenCount } from '../../src/frames/entry.ts';
import type { Post } from '../../src/model.ts';
import type { StageSettings } from '../../src/runtime/engine.ts';
import { NaiveIndex, textOf, type NaiveNode } from '../support/naive-index.ts';

/** A text's mass is bounded by its letters, wide ones counted twice. */
const NATS_PER_LETTER = 1.25;
const normaliser = new Normaliser();

/** A revision in what decides: the rest of an alert has tests of its own. */
export interface TwinRevision {
  readonly id: string;
  readonly revision: number;
  readonly status: string;
  readonly revisedMs: number;
  readonly accounts: number;
  readonly posts: number;
  readonly variants: number;
  readonly mergedInto?: string;
  readonly members?: readonly string[];
}

interface Sent {
  readonly account: string;
  readonly timeMs: number;
  readonly name: string;
}

interface Node {
  readonly id: string;
  readonly massNats: number;
  readonly links: Map<Node, number>;
  posts: Sent[];
  /** Posts that its campaign counts: those in the window when it joined, and all since. */
  counted: Sent[];
  lastMs: number;
  isCore: boolean;
  campaign: Campaign | undefined;
  border: { core: Node; similarity: number } | undefined;
}

interface AlertState {
  readonly id: string;
  readonly openedMs: number;
  revision: number;
  publishedMs: number;
  accounts: number;
  posts: number;
}

interface Campaign {
  nodes: Set<Node>;
  alert: AlertState | undefined;
  merged: AlertState[];
}

export class Twin {
  readonly revisions: TwinRevision[] = [];
  readonly #settings: StageSettings;
  /** Time, post key and text of the last entry: delivered once more, it changes nothing. */
  #last = '';
  readonly #index: NaiveIndex;
  readonly #similarity: Similarity;
  /** Posts by reference: what the naive index names first posts by. */
  readonly #posts: { key: string; sent: Sent; text: string }[] = [];
  readonly #known = new Map<string, number>();
  readonly #nodes = new Map<string, Node>();
  readonly #campaigns = new Set<Campaign>();
  readonly #changed = new Set<Campaign>();
  #nowMs = 0;

  constructor(settings: StageSettings) {
    this.#settings = settings;
    this.#index = new NaiveIndex(settings.match);
    this.#similarity = new Similarity(settings.match.idfNats);
  }

  get #expiredMs(): number {
    return this.#nowMs - this.#settings.match.windowMs;
  }

  process(words: Uint32Array, post: Post): void {
    const identity = words.slice(ENTRY.timeLo, ENTRY.textLo + 1).join();
    if (identity === this.#last) return;
    this.#last = identity;
    this.#fire(post.createdAt);
    this.#nowMs = post.createdAt;
    this.#index.advance(this.#nowMs);
    for (const [text, node] of this.#nodes) if (node.lastMs <= this.#expiredMs) this.#nodes.delete(text);
    const reference = this.#posts.length;
    const key = hex64(words[ENTRY.postHi]!, words[ENTRY.postLo]!);
    this.#posts.push({
      key,
      sent: { account: `${post.platform} ${post.account}`, timeMs: post.createdAt, name: post.id },
      text: post.text,
    });
    this.#changed.clear();
    const same = this.#index.nodes.get(textOf(words));
    if (same !== undefined) {
      const node = this.#node(same);
      if (!same.isRepeated) this.#send(node, same.firstPost);
      this.#send(node, reference);
      same.isRepeated = true;
      same.lastMs = this.#nowMs;
      node.lastMs = this.#nowMs;
    } else {
      const matches = this.#index.insert(words, this.#nowMs, reference);
      for (const { node: earlier, similarity } of matches) {
        const ends = [this.#node(this.#index.nodes.get(textOf(words))!), this.#node(earlier)] as const;
        this.#send(ends[0], reference);
        if (!earlier.isRepeated) this.#send(ends[1], earlier.firstPost);
        ends[0].links.set(ends[1], similarity);
        ends[1].links.set(ends[0], similarity);
        for (const { campaign } of ends) if (campaign !== undefined) this.#changed.add(campaign);
      }
    }
    this.#promote();
    for (const campaign of this.#campaigns) if (this.#changed.has(campaign)) this.#review(campaign);
  }

  finish(): void {
    this.#fire(Infinity);
  }

  #node(of: NaiveNode): Node {
    let node = this.#nodes.get(of.text);
    if (node === undefined) {
      const { words } = of;
      const nats = this.#similarity.mass(words, entryRecordAt(words, 0), entryTokenCount(words, 0));
      normaliser.normalise(this.#posts[of.firstPost]!.text);
      const massNats = Math.min(nats, NATS_PER_LETTER * normaliser.weight);
      const id = hex64(words[ENTRY.textHi]!, words[ENTRY.textLo]!);
      node = {
        id,
        massNats,
        links: new Map(),
        posts: [],
        counted: [],
        lastMs: of.lastMs,
        isCore: false,
        campaign: undefined,
        border: undefined,
      };
      this.#nodes.set(of.text, node);
    }
    return node;
  }

  /** A post counts once, under the text with which it was sent first, until it has not come for a window. */
  #send(node: Node, reference: number): void {
    const { key, sent } = this.#posts[reference]!;
    const isKnown = (this.#known.get(key) ?? -Infinity) > this.#expiredMs;
    const isNow = reference === this.#posts.length - 1;
    if (!isKnown || isNow) this.#known.set(key, this.#nowMs);
    if (isKnown) return;
    node.posts.push(sent);
    if (node.campaign === undefined) return;
    node.counted.push(sent);
    this.#changed.add(node.campaign);
  }

  /** Accounts with a post in the window, the longest silent first. */
  #recent(node: Node): string[] {
    const accounts = new Set<string>();
    for (const { account, timeMs } of node.posts) {
      if (timeMs <= this.#expiredMs) continue;
      accounts.delete(account);
      accounts.add(account);
    }
    return Array.from(accounts);
  }

  /** The accounts that stand behind a node: all, or of a text of little evidence the longest silent one. */
  #evidence(node: Node): string[] {
    const accounts = this.#recent(node);
    return node.massNats >= this.#settings.campaign.core.massMinNats ? accounts : accounts.slice(0, 1);
  }

  #aliveLinks(node: Node): [Node, number][] {
    return Array.from(node.links).filter(([other]) => other.lastMs > this.#expiredMs);
  }

  #isCore(node: Node): boolean {
    const rule = this.#settings.campaign.core;
    const strong = new Set(this.#evidence(node));
    const weak = new Set(strong);
    for (const [other, similarity] of this.#aliveLinks(node)) {
      for (const account of this.#evidence(other)) {
        if (similarity >= rule.strongSimilarity) strong.add(account);
        if (similarity >= rule.weakSimilarity) weak.add(account);
      }
    }
    return strong.size >= rule.strongAccounts || weak.size >= rule.weakAccounts;
  }

  #join(node: Node, campaign: Campaign): void {
    if (node.campaign !== undefined) {
      node.campaign.nodes.delete(node);
      this.#changed.add(node.campaign);
    } else {
      node.counted = node.posts.filter((post) => post.timeMs > this.#expiredMs);
    }
    node.campaign = campaign;
    campaign.nodes.add(node);
    this.#changed.add(campaign);
  }

  #promote(): void {
    const nodes = Array.from(this.#nodes.values());
    const cores = nodes.filter((node) => !node.isCore && this.#isCore(node));
    for (const core of cores) {
      core.isCore = true;
      core.border = undefined;
      if (core.campaign !== undefined) continue;
      const campaign: Campaign = { nodes: new Set(), alert: undefined, merged: [] };
      this.#campaigns.add(campaign);
      this.#join(core, campaign);
    }
    for (const core of cores) {
      this.#changed.add(core.campaign!);
      for (const [other, similarity] of this.#aliveLinks(core)) {
        if (other.isCore && similarity >= this.#settings.campaign.core.unitesSimilarity)
          this.#unite(core.campaign!, other.campaign!);
      }
    }
    for (const node of nodes) if (!node.isCore) this.#hang(node);
  }

  #unite(a: Campaign, b: Campaign): void {
    if (a === b) return;
    for (const node of b.nodes) {
      node.campaign = a;
      a.nodes.add(node);
    }
    const alerts = [a.alert, b.alert].filter((alert) => alert !== undefined);
    alerts.sort((x, y) => x.openedMs - y.openedMs || (x.id < y.id ? -1 : 1));
    a.alert = alerts[0];
    a.merged.push(...b.merged, ...alerts.slice(1));
    this.#campaigns.delete(b);
    this.#changed.add(a);
  }

  #hang(node: Node): void {
    const before = node.border;
    for (const [core, similarity] of this.#aliveLinks(node)) {
      if (!core.isCore) continue;
      const best = node.border;
      if (
        best === undefined ||
        similarity > best.similarity ||
        (similarity === best.similarity && core.id < best.core.id)
      ) {
        node.border = { core, similarity };
      }
    }
    if (node.border !== before && node.border!.core.campaign !== node.campaign)
      this.#join(node, node.border!.core.campaign!);
  }

  #accounts(campaign: Campaign, afterMs = -Infinity): number {
    const all = Array.from(campaign.nodes).flatMap((node) => node.counted);
    return new Set(all.filter((post) => post.timeMs > afterMs).map((post) => post.account)).size;
  }

  #postCount(campaign: Campaign): number {
    return Array.from(campaign.nodes).flatMap((node) => node.counted).length;
  }

  #review(campaign: Campaign): void {
    const { minAccounts } = this.#settings.campaign;
    const merged = campaign.merged.splice(0);
    for (const state of merged) this.#tell(campaign, state, 'merged', campaign.alert!.id);
    if (campaign.alert !== undefined) {
      if (merged.length > 0 || this.#accounts(campaign) >= 2 * campaign.alert.accounts)
        this.#publish(campaign, 'updated');
      return;
    }
    if (this.#accounts(campaign) < minAccounts) return;
    if (this.#accounts(campaign, this.#expiredMs) < minAccounts) {
      for (const node of campaign.nodes) {
        if (node.lastMs > this.#expiredMs) continue;
        campaign.nodes.delete(node);
        node.campaign = undefined;
      }
      return;
    }
    const smallest = Array.from(campaign.nodes, (node) => node.id).sort()[0]!;
    const { hi, lo } = hashStrings('campaign', smallest, String(this.#nowMs));
    campaign.alert = { id: hex64(hi, lo), openedMs: this.#nowMs, revision: 0, publishedMs: 0, accounts: 0, posts: 0 };
    this.#publish(campaign, 'open');
  }

  #publish(campaign: Campaign, status: string): void {
    const state = campaign.alert!;
    state.publishedMs = this.#nowMs;
    state.accounts = this.#accounts(campaign);
    state.posts = this.#postCount(campaign);
    this.#tell(campaign, state, status);
  }

  #tell(campaign: Campaign, state: AlertState, status: string, mergedInto?: string): void {
    state.revision++;
    const posts = Array.from(campaign.nodes).flatMap((node) => node.counted);
    this.revisions.push({
      id: state.id,
      revision: state.revision,
      status,
      revisedMs: this.#nowMs,
      accounts: this.#accounts(campaign),
      posts: posts.length,
      variants: Array.from(campaign.nodes).filter((node) => node.counted.length > 0).length,
      ...(mergedInto === undefined ? {} : { mergedInto }),
      ...(status === 'closed' ? { members: posts.map((post) => post.name).sort() } : {}),
    });
  }

  /** Lets all that falls due until `timeMs` happen, the earliest first. */
  #fire(timeMs: number): void {
    const { windowMs, latenessMs, updateIntervalMs } = this.#settings.campaign;
    for (;;) {
      let first: { dueMs: number; campaign: Campaign; closes: boolean } | undefined;
      for (const campaign of this.#campaigns) {
        if (campaign.alert === undefined) continue;
        const posts = Array.from(campaign.nodes).flatMap((node) => node.counted);
        const closesMs = Math.max(...posts.map((post) => post.timeMs)) + windowMs + latenessMs;
        const closes = closesMs <= campaign.alert.publishedMs + updateIntervalMs;
        // A border node that leaves may take the last post with it: then it is time already.
        const dueMs = Math.max(this.#nowMs, closes ? closesMs : campaign.alert.publishedMs + updateIntervalMs);
        if (first === undefined || dueMs < first.dueMs) first = { dueMs, campaign, closes };
      }
      if (first === undefined || first.dueMs > timeMs) return;
      this.#nowMs = first.dueMs;
      const { campaign } = first;
      if (first.closes) this.#close(campaign);
      else if (this.#postCount(campaign) > campaign.alert!.posts) this.#publish(campaign, 'updated');
      else campaign.alert!.publishedMs = first.dueMs;
    }
  }

  /** The texts of a closed campaign start anew, should one have been posted since (by a post that was known already). */
  #close(campaign: Campaign): void {
    this.#publish(campaign, 'closed');
    this.#campaigns.delete(campaign);
    for (const [text, node] of this.#nodes) {
      if (!campaign.nodes.has(node)) continue;
      for (const other of node.links.keys()) other.links.delete(node);
      this.#nodes.delete(text);
    }
  }
}
