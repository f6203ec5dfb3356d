/**
 * Campaigns: connected sets of cores with the border nodes that hang on them, and what is known of their accounts.
 *
 * C4  Two linked cores are in one campaign; a campaign never splits.
 * C5  A border node belongs to the campaign of its most similar core (ties: smaller id), so a post is in one campaign at most.
 * C6  Posts, accounts and variants kept are bounded; what is beyond a bound is counted.
 */
import type { MemberPost, AccountSummary, TextNode } from './text-nodes.ts';

export interface CampaignLimits {
  /** Posts kept with their text, a campaign. */
  readonly postsMax: number;
  /** Text nodes kept, a campaign. */
  readonly variantsMax: number;
  /** Accounts told apart, a campaign; beyond it accounts are not counted. */
  readonly accountsMax: number;
}

export class Campaign {
  readonly nodes = new Set<TextNode>();
  readonly accounts = new Map<string, AccountSummary>();
  readonly sequence: number;
  postCount = 0;
  keptPosts = 0;
  forwardCount = 0;
  firstMs = Infinity;
  lastMs = -Infinity;
  families = 0;
  alert: AlertState | undefined;
  /** When its timer is due; Infinity without one. */
  timerMs = Infinity;
  /** Alerts of campaigns absorbed since the last review: they are to be told as merged. */
  readonly merged: AlertState[] = [];
  /** The campaign that has absorbed this one. */
  into: Campaign | undefined;
  readonly #limits: CampaignLimits;

  constructor(sequence: number, limits: CampaignLimits) {
    this.sequence = sequence;
    this.#limits = limits;
  }

  /** Takes a node with all its posts in the window. */
  join(node: TextNode): void {
    node.campaign = this;
    if (this.nodes.size < this.#limits.variantsMax) this.nodes.add(node);
    this.families |= node.families;
    if (node.accounts.size > 0) {
      // The node has been in another campaign: its accounts are summed up already.
      this.#absorb(node);
      return;
    }
    const posts = node.posts;
    node.posts = [];
    for (const post of posts) this.#addTo(node, post);
  }

  /** Takes one more post of a node that has joined. */
  add(node: TextNode, post: MemberPost): void {
    this.#addTo(node, post);
  }

  #addTo(node: TextNode, member: MemberPost): void {
    const { createdAt } = member.post;
    node.postCount++;
    this.postCount++;
    if (member.forwarded) {
      node.forwardCount++;
      this.forwardCount++;
    }
    if (this.keptPosts < this.#limits.postsMax) {
      node.posts.push(member);
      this.keptPosts++;
    }
    if (this.accounts.has(member.account) || this.accounts.size < this.#limits.accountsMax) {
      note(node.accounts, member);
      note(this.accounts, member);
    }
    this.firstMs = Math.min(this.firstMs, createdAt);
    this.lastMs = Math.max(this.lastMs, createdAt);
  }

  /** Lets nodes go: a border node to another campaign, or dead nodes. */
  leave(leaving: readonly TextNode[]): void {
    for (const node of leaving) {
      node.campaign = undefined;
      this.nodes.delete(node);
    }
    const nodes = Array.from(this.nodes);
    this.nodes.clear();
    this.accounts.clear();
    this.postCount = 0;
    this.keptPosts = 0;
    this.forwardCount = 0;
    this.firstMs = Infinity;
    this.lastMs = -Infinity;
    for (const node of nodes) {
      this.nodes.add(node);
      this.#absorb(node);
    }
  }

  /** Takes over all nodes of another campaign. */
  absorb(other: Campaign): void {
    for (const node of other.nodes) {
      if (this.nodes.size < this.#limits.variantsMax) this.nodes.add(node);
      node.campaign = this;
      this.#absorb(node);
    }
    this.families |= other.families;
    other.nodes.clear();
    other.into = this;
  }

  #absorb(node: TextNode): void {
    this.postCount += node.postCount;
    this.forwardCount += node.forwardCount;
    const room = this.#limits.postsMax - this.keptPosts;
    if (node.posts.length > room) node.posts.length = room;
    this.keptPosts += node.posts.length;
    for (const [account, summary] of node.accounts) {
      const known = this.accounts.get(account);
      if (known === undefined) {
        if (this.accounts.size < this.#limits.accountsMax) this.accounts.set(account, { ...summary });
      } else {
        known.postCount += summary.postCount;
        known.firstMs = Math.min(known.firstMs, summary.firstMs);
        known.lastMs = Math.max(known.lastMs, summary.lastMs);
      }
      this.firstMs = Math.min(this.firstMs, summary.firstMs);
      this.lastMs = Math.max(this.lastMs, summary.lastMs);
    }
  }

  /** Distinct accounts with a post after `expiredMs`, counted up to `enough`. */
  accountsSince(expiredMs: number, enough: number): number {
    let count = 0;
    for (const summary of this.accounts.values()) {
      if (summary.lastMs <= expiredMs) continue;
      if (++count >= enough) break;
    }
    return count;
  }

  /** Before an alert: drops nodes without a post after `expiredMs`, so that a trickle of posts does not pile up. */
  forget(expiredMs: number): void {
    const dead = Array.from(this.nodes).filter((node) => node.lastMs <= expiredMs);
    if (dead.length > 0) this.leave(dead);
  }
}

/** The campaign that the node is in now: campaigns that were absorbed lead to the one that took them. */
export function campaignOf(node: TextNode): Campaign | undefined {
  let campaign = node.campaign;
  while (campaign?.into !== undefined) campaign = campaign.into;
  node.campaign = campaign;
  return campaign;
}

/** What has been published of a campaign. */
export interface AlertState {
  readonly id: string;
  readonly openedMs: number;
  revision: number;
  publishedMs: number;
  publishedAccounts: number;
  publishedPosts: number;
}

function note(accounts: Map<string, AccountSummary>, member: MemberPost): void {
  const { createdAt, platform, handle, accountCreatedAt } = member.post;
  const known = accounts.get(member.account);
  if (known === undefined) {
    accounts.set(member.account, {
      account: member.post.account,
      platform,
      handle,
      accountCreatedAt,
      postCount: 1,
      firstMs: createdAt,
      lastMs: createdAt,
    });
    return;
  }
  known.postCount++;
  known.firstMs = Math.min(known.firstMs, createdAt);
  known.lastMs = Math.max(known.lastMs, createdAt);
}
