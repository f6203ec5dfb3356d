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
  readonly removed: number;
  /** Texts shown, the variants in order. */
  readonly texts: readonly string[];
  readonly mergedInto?: string;
  readonly members?: readonly string[];
}

interface Sent {
  readonly account: string;
  readonly timeMs: number;
  readonly name: string;
  readonly text: string;
  /** Platform and id, and the time of the edit, 0 for none. */
  readonly post: string;
  readonly versionMs: number;
}

/** All versions of `post` before a time are taken away. */
export interface TwinRetraction {
  readonly platform: string;
  readonly id: string;
  readonly timeMs: number;
  readonly beforeMs: number;
}

interface Node {
  readonly id: string;
  readonly massNats: number;
  readonly links: Map<Node, number>;
  /** The post that its text is shown of. */
  source: Sent | undefined;
  removed: number;
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
  /** Is a post gone that its alert may show? */
  isUntold: boolean;
}

function emptyNode(id: string, massNats: number, lastMs: number): Node {
  return {
    id,
    massNats,
    links: new Map(),
    source: undefined,
    removed: 0,
    posts: [],
    counted: [],
    lastMs,
    isCore: false,
    campaign: undefined,
    border: undefined,
  };
}

export class Twin {
  readonly revisions: TwinRevision[] = [];
  readonly #settings: StageSettings;
  /** Time, post key and text of the last entry: delivered once more, it changes nothing. */
  #last = '';
  readonly #index: NaiveIndex;
  readonly #similarity: Similarity;
  /** Posts by reference: what the naive index names first posts by. */
  readonly #posts: { key: string; sent: Sent }[] = [];
  /** By platform and id. */
  readonly #retracted = new Map<string, { timeMs: number; beforeMs: number }>();
  /** Campaigns that a node belonged to while they had an alert. */
  readonly #former = new Map<Node, Set<AlertState>>();
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

  /** False for what was just there. */
  #begin(words: Uint32Array, timeMs: number): boolean {
    const identity = words.slice(ENTRY.timeLo, ENTRY.textLo + 1).join();
    if (identity === this.#last) return false;
    this.#last = identity;
    this.#fire(timeMs);
    this.#nowMs = timeMs;
    this.#index.advance(this.#nowMs);
    for (const [text, node] of this.#nodes) if (node.lastMs <= this.#expiredMs) this.#nodes.delete(text);
    this.#changed.clear();
    return true;
  }

  #end(): void {
    this.#promote();
    for (const campaign of this.#campaigns) if (this.#changed.has(campaign)) this.#review(campaign);
  }

  retract(words: Uint32Array, { platform, id, timeMs, beforeMs }: TwinRetraction): void {
    if (!this.#begin(words, timeMs)) return;
    const post = JSON.stringify([platform, id]);
    const known = this.#remembered(post);
    this.#retracted.set(post, { timeMs, beforeMs: Math.max(beforeMs, known?.beforeMs ?? 0) });
    const isGone = (sent: Sent): boolean => sent.post === post && sent.versionMs < beforeMs;
    const nodes = new Set(this.#nodes.values());
    for (const campaign of this.#campaigns) for (const node of campaign.nodes) nodes.add(node);
    for (const node of nodes) {
      const removed = node.campaign === undefined ? 0 : node.counted.filter(isGone).length;
      const gone = node.posts.filter(isGone).length;
      node.posts = node.posts.filter((sent) => !isGone(sent));
      node.counted = node.counted.filter((sent) => !isGone(sent));
      node.removed += removed;
      if (removed > 0) this.#untold(node.campaign!);
      for (const campaign of gone > 0 ? this.#campaigns : []) {
        if (campaign !== node.campaign && campaign.alert !== undefined && this.#former.get(node)?.has(campaign.alert))
          this.#untold(campaign);
      }
      if (node.source === undefined || !isGone(node.source)) continue;
      const left =
        node.campaign === undefined ? node.posts.filter((sent) => sent.timeMs > this.#expiredMs) : node.counted;
      node.source = left[0];
    }
    this.#end();
  }

  #untold(campaign: Campaign): void {
    campaign.isUntold = true;
    this.#changed.add(campaign);
  }

  #remembered(post: string): { timeMs: number; beforeMs: number } | undefined {
    const { windowMs, latenessMs } = this.#settings.campaign;
    const known = this.#retracted.get(post);
    return known !== undefined && known.timeMs > this.#nowMs - windowMs - latenessMs ? known : undefined;
  }

  #isRetracted({ post, versionMs }: Sent): boolean {
    return versionMs < (this.#remembered(post)?.beforeMs ?? 0);
  }

  process(words: Uint32Array, post: Post): void {
    if (!this.#begin(words, post.createdAt)) return;
    const reference = this.#posts.length;
    const key = hex64(words[ENTRY.postHi]!, words[ENTRY.postLo]!);
    this.#posts.push({
      key,
      sent: {
        account: `${post.platform} ${post.account}`,
        timeMs: post.createdAt,
        name: post.id,
        text: post.text,
        post: JSON.stringify([post.platform, post.id]),
        versionMs: post.editedAt ?? 0,
      },
    });
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
    this.#end();
  }

  finish(): void {
    this.#fire(Infinity);
  }

  #node(of: NaiveNode): Node {
    let node = this.#nodes.get(of.text);
    if (node === undefined) {
      const { words } = of;
      const nats = this.#similarity.mass(words, entryRecordAt(words, 0), entryTokenCount(words, 0));
      const { sent } = this.#posts[of.firstPost]!;
      normaliser.normalise(sent.text);
      const massNats = Math.min(nats, NATS_PER_LETTER * normaliser.weight);
      const id = hex64(words[ENTRY.textHi]!, words[ENTRY.textLo]!);
      node = { ...emptyNode(id, massNats, of.lastMs), source: this.#isRetracted(sent) ? undefined : sent };
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
    if (this.#isRetracted(sent)) {
      if (node.campaign !== undefined) node.removed++;
      return;
    }
    node.source ??= sent;
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

  /** The accounts that stand behind a node: all, or of a text of little evidence the one that posted it last. */
  #evidence(node: Node): string[] {
    const accounts = this.#recent(node);
    return node.massNats >= this.#settings.campaign.core.massMinNats ? accounts : accounts.slice(-1);
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
      const { alert } = node.campaign;
      if (alert !== undefined) this.#former.set(node, (this.#former.get(node) ?? new Set()).add(alert));
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
      const campaign: Campaign = { nodes: new Set(), alert: undefined, merged: [], isUntold: false };
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
    a.isUntold ||= b.isUntold;
    // Whoever was with one of them was with both.
    for (const former of this.#former.values()) {
      if (alerts.length > 1 && alerts.some((alert) => former.has(alert))) former.add(alerts[0]!);
    }
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
      const revisesMs = this.#revisesMs(campaign);
      if (this.#postCount(campaign) === 0) this.#close(campaign);
      else if (campaign.isUntold && this.#nowMs >= revisesMs) this.#publish(campaign, 'updated');
      else if (merged.length > 0 || this.#accounts(campaign) >= 2 * campaign.alert.accounts)
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
    campaign.isUntold = false;
    this.#tell(campaign, state, status);
  }

  #tell(campaign: Campaign, state: AlertState, status: string, mergedInto?: string): void {
    state.revision++;
    const nodes = Array.from(campaign.nodes);
    const posts = nodes.flatMap((node) => node.counted);
    const variants = nodes.filter((node) => node.counted.length > 0);
    this.revisions.push({
      id: state.id,
      revision: state.revision,
      status,
      revisedMs: this.#nowMs,
      accounts: this.#accounts(campaign),
      posts: posts.length,
      variants: variants.length,
      removed: nodes.reduce((sum, node) => sum + node.removed, 0),
      texts: variants.map((node) => node.source!.text).sort(),
      ...(mergedInto === undefined ? {} : { mergedInto }),
      ...(status === 'closed' ? { members: posts.map((post) => post.name).sort() } : {}),
    });
  }

  /** An alert that shows a post which is gone is revised sooner. */
  #revisesMs({ alert, isUntold }: Campaign): number {
    const { updateIntervalMs, removalIntervalMs } = this.#settings.campaign;
    return alert!.publishedMs + (isUntold ? Math.min(updateIntervalMs, removalIntervalMs) : updateIntervalMs);
  }

  /** Lets all that falls due until `timeMs` happen, the earliest first. */
  #fire(timeMs: number): void {
    const { windowMs, latenessMs } = this.#settings.campaign;
    for (;;) {
      let first: { dueMs: number; campaign: Campaign; closes: boolean } | undefined;
      for (const campaign of this.#campaigns) {
        if (campaign.alert === undefined) continue;
        const posts = Array.from(campaign.nodes).flatMap((node) => node.counted);
        const closesMs = Math.max(...posts.map((post) => post.timeMs)) + windowMs + latenessMs;
        const revisesMs = this.#revisesMs(campaign);
        const closes = closesMs <= revisesMs;
        // A border node that leaves may take the last post with it: then it is time already.
        const dueMs = Math.max(this.#nowMs, closes ? closesMs : revisesMs);
        if (first === undefined || dueMs < first.dueMs) first = { dueMs, campaign, closes };
      }
      if (first === undefined || first.dueMs > timeMs) return;
      this.#nowMs = first.dueMs;
      const { campaign } = first;
      if (first.closes) this.#close(campaign);
      else if (campaign.isUntold || this.#postCount(campaign) > campaign.alert!.posts)
        this.#publish(campaign, 'updated');
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
      const { id, massNats, source, lastMs } = node;
      this.#nodes.set(text, { ...emptyNode(id, massNats, lastMs), source });
    }
  }
}
