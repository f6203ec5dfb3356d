/**
 * Stage 3: links and posts in the total order -> alerts that open, grow, merge and close.
 *
 * It owns the text nodes that were linked or repeated, the campaigns made of them, and event time in between: what has
 * fallen due by the time of the next event happens before that event, whenever the event arrives.
 */
import { InvariantError } from '../errors.ts';
import { Fingerprinter, type FingerprintSettings } from '../fingerprints/fingerprint.ts';
import { hashStrings, hex64 } from '../fingerprints/hash.ts';
import { DROPPED } from '../fingerprints/normalise.ts';
import { Similarity } from '../fingerprints/similarity.ts';
import type { Alert, AlertStatus, Evidence, Post } from '../model.ts';
import { emptyCampaignState, holdingsOf, liveTimers, type CampaignState } from '../windows/campaign-state.ts';
import { AlertBuilder, compareText, type AlertSettings } from '../windows/alert.ts';
import { Campaign, campaignOf, formerlyOf, type CampaignLimits } from '../windows/campaigns.ts';
import { versionOf, type Holding, type PostVersion } from '../windows/retractions.ts';
import { TextNode, type CoreRule, type MemberPost } from '../windows/text-nodes.ts';
import type { NodeRef } from './match.ts';

/** Bound of a text's mass by its letters (Han, Kana and Hangul count two): about what a letter of a word tells. */
const NATS_PER_LETTER = 1.25;

/** Match events with their evidence in place of references. */
export type CampaignEvent =
  | { readonly kind: 'post'; readonly node: NodeRef; readonly evidence: Evidence; readonly first: boolean }
  | {
      readonly kind: 'link';
      readonly later: NodeRef;
      readonly laterEvidence: Evidence;
      readonly earlier: NodeRef;
      /** Absent where the node has two or more posts, which have been sent. */
      readonly earlierEvidence: Evidence | undefined;
      readonly similarity: number;
      readonly families: number;
    }
  /** Versions of a post before a time are taken away. */
  | { readonly kind: 'retraction'; readonly post: string; readonly beforeMs: number };

export interface CampaignSettings {
  readonly windowMs: number;
  /** How long after the window an alert stays open for late posts. */
  readonly latenessMs: number;
  /** Distinct accounts within one window that open an alert. */
  readonly minAccounts: number;
  /** A growing alert is revised at least this often, in event time. */
  readonly updateIntervalMs: number;
  /** An alert that shows a post which was taken away since is revised so soon after its last revision. */
  readonly removalIntervalMs: number;
  /** Retractions remembered for posts that are still to come. */
  readonly retractionsMax: number;
  /** Accounts remembered that took part in alerts which are closed. */
  readonly participantsMax: number;
  /** Longest time an alert stays open. */
  readonly durationMaxMs: number;
  readonly core: CoreRule;
  readonly limits: CampaignLimits;
  readonly alert: AlertSettings;
  readonly fingerprint: FingerprintSettings;
}

/** A revision of an alert, and with the last one of a campaign that was not merged into another, its posts. */
export interface Revision {
  readonly alert: Alert;
  readonly members?: readonly Post[];
}

/** Where revisions go as they are made: an array, or what has no use for them any longer than it takes to write them down. */
export interface RevisionSink {
  push(revision: Revision): unknown;
}

export class CampaignStage {
  /** Cores made, by the FAMILY bits of the links that their nodes had by then. */
  readonly cores: [number, number, number, number] = [0, 0, 0, 0];
  /** Posts taken out of the evidence, and posts that came when they had been taken away already. */
  removed = 0;
  readonly #settings: CampaignSettings;
  readonly #fingerprinter: Fingerprinter;
  readonly #similarity: Similarity;
  readonly #builder: AlertBuilder;
  readonly #state: CampaignState;

  /** @param state of a stage with the same settings, to go on from */
  constructor(settings: CampaignSettings, state = emptyCampaignState()) {
    this.#settings = settings;
    this.#state = state;
    // SimHash64 is part of an alert whether or not its buckets are used.
    this.#fingerprinter = new Fingerprinter({ ...settings.fingerprint, simhash: true });
    this.#similarity = new Similarity(settings.fingerprint.table.idfNats);
    this.#builder = new AlertBuilder(settings.alert, this.#fingerprinter, this.#similarity, state.participants);
  }

  /** All that it knows. */
  get state(): CampaignState {
    return this.#state;
  }

  /** Posts that came again with an id already known. */
  get duplicates(): number {
    return this.#state.duplicates;
  }

  /** Text nodes held: linked or repeated, with a post in the window. */
  get nodes(): number {
    return this.#state.nodes.size;
  }

  /** Campaigns with an alert that is not closed; looked up one by one. */
  get openCampaigns(): number {
    return liveTimers(this.#state).length;
  }

  /** Takes the events of one post, which has event time `timeMs`, and appends the revisions they cause to `out`. */
  process(timeMs: number, events: readonly CampaignEvent[], out: RevisionSink): void {
    this.advance(timeMs, out);
    const touched = new Set<TextNode>();
    const bereft = new Set<Campaign>();
    for (const event of events) {
      if (event.kind === 'post') this.#takePost(event.node, event.evidence, event.first, touched);
      else if (event.kind === 'link') this.#takeLink(event, touched);
      else this.#retract(event.post, event.beforeMs, touched, bereft);
    }
    const campaigns = this.#promote(touched);
    for (const campaign of bereft) campaigns.add(campaign);
    for (const campaign of campaigns) {
      if (campaign.into !== undefined) continue;
      this.#review(campaign, out);
      if (campaign.alert !== undefined) this.#schedule(campaign);
    }
  }

  /** Lets event time reach `timeMs`: revises and closes what has fallen due by then. */
  advance(timeMs: number, out: RevisionSink): void {
    for (;;) {
      const timer = this.#state.timers.due(timeMs);
      if (timer === undefined) break;
      this.#state.nowMs = timer.dueMs;
      this.#fire(timer.value, timer.dueMs, out);
    }
    this.#state.nowMs = timeMs;
    if (timeMs - this.#state.sweptMs >= this.#settings.windowMs / 8) this.#sweep();
  }

  /** The end of the feed: closes every alert at its own event time. */
  finish(out: RevisionSink): void {
    this.advance(Infinity, out);
  }

  get #expiredMs(): number {
    return this.#state.nowMs - this.#settings.windowMs;
  }

  /** Retractions of this event time or earlier are forgotten: no post that may come is so old. */
  get #forgottenMs(): number {
    return this.#expiredMs - this.#settings.latenessMs;
  }

  #isRetracted(version: PostVersion): boolean {
    const { retractions } = this.#state;
    return retractions.count > 0 && retractions.covers(version, this.#forgottenMs);
  }

  #retract(post: string, beforeMs: number, touched: Set<TextNode>, bereft: Set<Campaign>): void {
    const state = this.#state;
    state.retractions.add([post, state.nowMs, beforeMs], this.#forgottenMs, this.#settings.retractionsMax);
    if (state.holdings?.isStale !== false) state.holdings = holdingsOf(state);
    for (const holding of state.holdings.take(post, beforeMs)) {
      this.#release(holding, touched, bereft);
      const { node } = holding;
      if (node.source?.post === post && node.source.versionMs < beforeMs) node.renewText(this.#expiredMs);
    }
  }

  #release({ node, member }: Holding, touched: Set<TextNode>, bereft: Set<Campaign>): void {
    if (member === undefined) return;
    const campaign = campaignOf(node);
    const isAlive = node.lastMs > this.#expiredMs && this.#state.nodes.get(node.id) === node;
    // What is known of nodes beyond a campaign's bound ends with their life: who has swept them when must not show.
    if (!isAlive && campaign?.nodes.has(node) !== true) return;
    if (campaign === undefined) {
      if (!node.drop(member)) return;
    } else {
      if (!campaign.remove(node, member)) return;
      bereft.add(campaign);
    }
    this.removed++;
    node.forgetAccount(member, this.#expiredMs);
    for (const former of formerlyOf(node)) {
      former.isUntold = true;
      bereft.add(former);
    }
    // A text of little evidence may be another account's now (C2).
    if (isAlive) touched.add(node);
  }

  #takePost(ref: NodeRef, evidence: Evidence, first: boolean, touched: Set<TextNode>): void {
    const node = this.#node(ref, evidence);
    node.lastMs = Math.max(node.lastMs, first ? evidence.post.createdAt : this.#state.nowMs);
    if (!this.#isKnown(evidence.key)) {
      this.#addPost(node, evidence, touched);
    } else if (!first) {
      this.#state.duplicates++;
      this.#know(evidence.key);
    }
  }

  /** Only a post that came within the window is known, whenever older keys are swept. */
  #isKnown(key: string): boolean {
    const knownMs = this.#state.known.get(key);
    return knownMs !== undefined && knownMs > this.#expiredMs;
  }

  /**
   * From now on for a window, also where it was known before: a match partition that has been built anew may send what came
   * within the window once more, since it has forgotten that the text was repeated then.
   */
  #know(key: string): void {
    const { known, nowMs } = this.#state;
    if (known.get(key) === nowMs) return;
    known.delete(key);
    known.set(key, nowMs);
  }

  #takeLink(event: Extract<CampaignEvent, { kind: 'link' }>, touched: Set<TextNode>): void {
    const later = this.#node(event.later, event.laterEvidence);
    const earlier = this.#node(event.earlier, event.earlierEvidence);
    if (this.#isKnown(event.laterEvidence.key)) this.#know(event.laterEvidence.key);
    else this.#addPost(later, event.laterEvidence, touched);
    if (event.earlierEvidence !== undefined && !this.#isKnown(event.earlierEvidence.key)) {
      this.#addPost(earlier, event.earlierEvidence, touched);
    }
    for (const node of [later, earlier]) {
      node.families |= event.families;
      const campaign = campaignOf(node);
      if (campaign !== undefined) campaign.families |= event.families;
      touched.add(node);
    }
    later.link(earlier, event.similarity, this.#expiredMs);
  }

  /** The living node of a text; a node whose last post has left the window is a new one. */
  #node(ref: NodeRef, evidence: Evidence | undefined): TextNode {
    const id = hex64(ref.hi, ref.lo);
    const known = this.#state.nodes.get(id);
    if (known !== undefined && known.lastMs > this.#expiredMs) return known;
    if (evidence === undefined)
      throw new InvariantError('M3', `a link names text node ${id}, whose posts were never sent`);
    const node = this.#newNode(id, evidence);
    this.#state.nodes.set(id, node);
    return node;
  }

  /** Of a post that has been taken away only the mass of its text is kept. */
  #newNode(id: string, { key, post }: Evidence): TextNode {
    const print = this.#fingerprinter;
    print.compute(post.text);
    const nats = this.#similarity.mass(print.record, 0, print.tokenCount);
    // A table tells nothing of a language that it has not seen, where every word looks rare.
    const mass = Math.min(nats, NATS_PER_LETTER * print.normaliser.weight);
    const version = versionOf(key, post);
    const isRetracted = this.#isRetracted(version);
    const node = new TextNode(id, isRetracted ? '' : post.text, mass, post.createdAt);
    if (isRetracted) return node;
    node.source = version;
    this.#state.holdings?.addSource(node);
    return node;
  }

  #addPost(node: TextNode, evidence: Evidence, touched: Set<TextNode>): void {
    const { post, key, place } = evidence;
    this.#know(key);
    const version = versionOf(key, post);
    if (this.#isRetracted(version)) {
      this.removed++;
      node.lastMs = Math.max(node.lastMs, post.createdAt);
      campaignOf(node)?.countRemoved(node);
      return;
    }
    if (node.source === undefined) {
      node.text = post.text;
      node.source = version;
    }
    const account = `${post.platform}\u0000${post.account}`;
    this.#fingerprinter.normaliser.normalise(post.text);
    const forwarded = (this.#fingerprinter.normaliser.dropped & DROPPED.forwardPrefix) !== 0;
    const member: MemberPost = { key, account, post, forwarded, place };
    node.expire(this.#expiredMs);
    node.lastMs = Math.max(node.lastMs, post.createdAt);
    const campaign = campaignOf(node);
    if (campaign === undefined) node.keep(member);
    else campaign.add(node, member);
    this.#state.holdings?.add(node, member);
    const before = node.latest;
    const isNew = node.noteAccount(account, post.createdAt);
    if (isNew || campaign !== undefined || (this.#isLittle(node) && before !== account)) touched.add(node);
  }

  /** Does it stand for its last account alone (C2)? */
  #isLittle(node: TextNode): boolean {
    return node.massNats < this.#settings.core.massMinNats;
  }

  /** Finds the cores that the touched nodes make, joins campaigns, and returns those that have changed. */
  #promote(touched: ReadonlySet<TextNode>): Set<Campaign> {
    const { core: rule } = this.#settings;
    const expiredMs = this.#expiredMs;
    const enough = Math.max(rule.strongAccounts, rule.weakAccounts);
    const asked = new Set<TextNode>();
    for (const node of touched) {
      if (!node.isCore) asked.add(node);
      // A core with so many accounts has made cores of all its neighbours already.
      if (node.isCore && node.recent.size > enough && !this.#isLittle(node)) continue;
      for (const neighbour of node.links.keys()) {
        if (!neighbour.isCore && neighbour.lastMs > expiredMs) asked.add(neighbour);
      }
    }
    const cores: TextNode[] = [];
    for (const node of asked) {
      if (!node.hasCoreEvidence(rule, expiredMs)) continue;
      node.isCore = true;
      this.cores[node.families]!++;
      cores.push(node);
    }
    const changed = new Set<Campaign>();
    cores.sort((a, b) => compareText(a.id, b.id));
    for (const node of cores) this.#joinCores(node, changed);
    for (const node of cores) {
      for (const [neighbour, similarity] of node.links) {
        if (neighbour.lastMs <= expiredMs) continue;
        asked.add(neighbour);
        this.#tell(neighbour, node, similarity);
      }
    }
    for (const node of asked) if (!node.isCore) this.#hang(node, changed);
    for (const node of touched) {
      const campaign = campaignOf(node);
      if (campaign !== undefined) changed.add(campaign);
    }
    return changed;
  }

  /** C4: a new core brings the campaigns of its core neighbours together. */
  #joinCores(node: TextNode, changed: Set<Campaign>): void {
    let campaign = node.border === undefined ? undefined : campaignOf(node);
    node.border = undefined;
    const { unitesSimilarity } = this.#settings.core;
    for (const [neighbour, similarity] of node.links) {
      if (!neighbour.isCore || similarity < unitesSimilarity || neighbour.lastMs <= this.#expiredMs) continue;
      const other = campaignOf(neighbour);
      if (other === undefined || other === campaign) continue;
      campaign = campaign === undefined ? other : this.#unite(campaign, other);
    }
    campaign ??= new Campaign(this.#settings.limits);
    if (campaignOf(node) === undefined) campaign.join(node);
    changed.add(campaign);
    for (const neighbour of node.links.keys()) {
      if (!neighbour.isCore || campaignOf(neighbour) === undefined) continue;
      node.links.delete(neighbour);
      neighbour.links.delete(node);
    }
  }

  /** The larger one takes the smaller; the older alert speaks for both, the other is merged into it when reviewed. */
  #unite(a: Campaign, b: Campaign): Campaign {
    const [large, small] = a.nodes.size >= b.nodes.size ? [a, b] : [b, a];
    const alerts = [large.alert, small.alert].filter((alert) => alert !== undefined);
    alerts.sort((x, y) => x.openedMs - y.openedMs || compareText(x.id, y.id));
    large.absorb(small);
    large.alert = alerts[0];
    large.merged.push(...small.merged, ...alerts.slice(1));
    return large;
  }

  /**
   * A full neighbour has not kept its link to the new core. It takes it after all, unless it has as close a link to another
   * core of that campaign: so a node has few links beyond its limit, one or two a campaign.
   */
  #tell(neighbour: TextNode, core: TextNode, similarity: number): void {
    if (neighbour.isCore || neighbour.links.has(core)) return;
    const campaign = campaignOf(core);
    for (const [other, known] of neighbour.links) {
      if (!other.isCore || other.lastMs <= this.#expiredMs) continue;
      if (known >= similarity && campaignOf(other) === campaign) return;
    }
    neighbour.links.set(core, similarity);
  }

  /** C5: hangs a border node on its most similar core. */
  #hang(node: TextNode, changed: Set<Campaign>): void {
    let best = node.border;
    for (const [neighbour, similarity] of node.links) {
      if (!neighbour.isCore || neighbour.lastMs <= this.#expiredMs) continue;
      const closer = best === undefined || similarity > best.similarity;
      if (closer || (similarity === best!.similarity && neighbour.id < best!.core.id))
        best = { core: neighbour, similarity };
    }
    if (best === undefined || best === node.border) return;
    node.border = best;
    const campaign = campaignOf(best.core)!;
    const old = campaignOf(node);
    if (old === campaign) return;
    if (old !== undefined) {
      old.leave([node]);
      if (old.alert !== undefined) node.former.push(old);
      changed.add(old);
    } else {
      node.expire(this.#expiredMs);
    }
    campaign.join(node);
    changed.add(campaign);
  }

  #review(campaign: Campaign, out: RevisionSink): void {
    const merged = campaign.merged.splice(0);
    for (const state of merged) {
      state.revision++;
      out.push({ alert: this.#builder.build(campaign, state, 'merged', this.#state.nowMs, campaign.alert!.id) });
    }
    const state = campaign.alert;
    if (state === undefined) {
      this.#reviewUnopened(campaign, out);
    } else if (campaign.postCount === 0) {
      this.#close(campaign, out);
    } else if (merged.length > 0 || campaign.accounts.size >= 2 * state.publishedAccounts) {
      this.#publish(campaign, 'updated', out);
    } else if (campaign.isUntold && this.#state.nowMs >= this.#revisesMs(campaign)) {
      this.#publish(campaign, 'updated', out);
    }
  }

  #reviewUnopened(campaign: Campaign, out: RevisionSink): void {
    const { minAccounts } = this.#settings;
    if (campaign.accounts.size < minAccounts) return;
    if (campaign.accountsSince(this.#expiredMs, minAccounts) < minAccounts) {
      campaign.forget(this.#expiredMs);
      return;
    }
    const smallestId = Array.from(campaign.nodes, (node) => node.id).sort(compareText)[0]!;
    const { hi, lo } = hashStrings('campaign', smallestId, String(this.#state.nowMs));
    campaign.alert = {
      id: hex64(hi, lo),
      openedMs: this.#state.nowMs,
      revision: 0,
      publishedMs: this.#state.nowMs,
      publishedAccounts: 0,
      publishedPosts: 0,
    };
    this.#publish(campaign, 'open', out);
  }

  #publish(campaign: Campaign, status: AlertStatus, out: RevisionSink): void {
    const state = campaign.alert!;
    state.revision++;
    state.publishedMs = this.#state.nowMs;
    state.publishedAccounts = campaign.accounts.size;
    state.publishedPosts = campaign.postCount;
    campaign.isUntold = false;
    const alert = this.#builder.build(campaign, state, status, this.#state.nowMs);
    out.push(status === 'closed' ? { alert, members: membersOf(campaign) } : { alert });
  }

  #closesMs(campaign: Campaign): number {
    const { windowMs, latenessMs, durationMaxMs } = this.#settings;
    return Math.min(campaign.lastMs + windowMs + latenessMs, campaign.alert!.openedMs + durationMaxMs);
  }

  /** When it is to be revised, if there is something to tell. */
  #revisesMs({ alert, isUntold }: Campaign): number {
    const { updateIntervalMs, removalIntervalMs } = this.#settings;
    return alert!.publishedMs + (isUntold ? Math.min(updateIntervalMs, removalIntervalMs) : updateIntervalMs);
  }

  #dueMs(campaign: Campaign): number {
    return Math.min(this.#closesMs(campaign), this.#revisesMs(campaign));
  }

  #fire(campaign: Campaign, dueMs: number, out: RevisionSink): void {
    if (campaign.into !== undefined || campaign.alert === undefined || campaign.timerMs !== dueMs) return;
    campaign.timerMs = Infinity;
    if (dueMs >= this.#closesMs(campaign)) {
      this.#close(campaign, out);
      return;
    }
    const state = campaign.alert;
    const isDue = dueMs >= this.#revisesMs(campaign);
    if (isDue && (campaign.isUntold || campaign.postCount > state.publishedPosts))
      this.#publish(campaign, 'updated', out);
    else if (isDue) state.publishedMs = dueMs;
    this.#schedule(campaign);
  }

  /** Each campaign with an alert has one timer that counts; one that was set for later is passed over when it comes. */
  #schedule(campaign: Campaign): void {
    const dueMs = Math.max(this.#state.nowMs, this.#dueMs(campaign));
    if (dueMs >= campaign.timerMs) return;
    campaign.timerMs = dueMs;
    this.#state.timers.add(dueMs, campaign);
  }

  #close(campaign: Campaign, out: RevisionSink): void {
    this.#publish(campaign, 'closed', out);
    this.#state.participants.add(campaign.accounts.keys(), this.#settings.participantsMax);
    campaign.alert = undefined;
    // A node may outlive its alert: one closed by its longest duration, or one whose last post came again. Its text starts
    // anew, under the same name, since the match stage still knows it.
    for (const node of campaign.nodes) {
      if (this.#state.nodes.get(node.id) !== node) continue;
      for (const neighbour of node.links.keys()) neighbour.links.delete(node);
      const anew = new TextNode(node.id, node.text, node.massNats, node.lastMs);
      anew.source = node.source;
      this.#state.holdings?.addSource(anew);
      this.#state.nodes.set(node.id, anew);
    }
  }

  /** Lets go of nodes and post keys that have left the window. When this happens changes no result. */
  #sweep(): void {
    const expiredMs = this.#expiredMs;
    this.#state.sweptMs = this.#state.nowMs;
    for (const [id, node] of this.#state.nodes) {
      if (node.lastMs > expiredMs) continue;
      this.#state.nodes.delete(id);
      // A text that lives for weeks would hold on to all that it was ever linked to, and to what these were linked to.
      for (const neighbour of node.links.keys()) neighbour.links.delete(node);
      node.links.clear();
    }
    for (const [key, timeMs] of this.#state.known) {
      if (timeMs > expiredMs) break;
      this.#state.known.delete(key);
    }
    this.#state.retractions.sweep(this.#forgottenMs);
  }
}

function membersOf(campaign: Campaign): Post[] {
  return Array.from(campaign.nodes)
    .flatMap((node) => node.posts)
    .sort((a, b) => a.post.createdAt - b.post.createdAt || compareText(a.key, b.key))
    .map((member) => member.post);
}
