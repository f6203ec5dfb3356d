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
  /** Posts by account, over all nodes. */
  readonly accounts = new Map<string, number>();
  postCount = 0;
  keptPosts = 0;
  forwardCount = 0;
  /** Posts that were deleted or edited since its text belongs to it, and those that came to it already deleted. */
  removedCount = 0;
  /** Has a post been removed that may still be shown by the alert? */
  isUntold = false;
  /** Time of the last post. */
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

  constructor(limits: CampaignLimits) {
    this.#limits = limits;
  }

  /** Takes a node with all its posts in the window, or one that comes from another campaign. */
  join(node: TextNode): void {
    const isMoved = node.postCount > 0 || node.removedCount > 0;
    node.campaign = this;
    if (this.nodes.size < this.#limits.variantsMax) this.nodes.add(node);
    this.families |= node.families;
    if (isMoved) {
      this.#include(node);
      return;
    }
    const posts = node.posts;
    node.posts = [];
    for (const post of posts) this.add(node, post);
  }

  /** Takes one more post of a node that has joined. */
  add(node: TextNode, member: MemberPost): void {
    const { createdAt } = member.post;
    node.postCount++;
    this.postCount++;
    if (member.forwarded) {
      node.forwardCount++;
      this.forwardCount++;
    }
    if (this.keptPosts < this.#limits.postsMax) {
      node.keep(member);
      this.keptPosts++;
    }
    const posts = this.accounts.get(member.account);
    if (posts !== undefined || this.accounts.size < this.#limits.accountsMax) {
      this.accounts.set(member.account, (posts ?? 0) + 1);
      note(node.accounts, member);
    }
    node.firstPostMs = Math.min(node.firstPostMs, createdAt);
    node.lastPostMs = Math.max(node.lastPostMs, createdAt);
    this.lastMs = Math.max(this.lastMs, createdAt);
  }

  /**
   * Takes a post of a node out that was deleted or edited. Posts beyond the bound are not known one by one and stay counted.
   * @returns false for a post that is not kept
   */
  remove(node: TextNode, member: MemberPost): boolean {
    if (!node.drop(member)) return false;
    this.keptPosts--;
    this.postCount--;
    node.postCount--;
    if (member.forwarded) {
      this.forwardCount--;
      node.forwardCount--;
    }
    this.countRemoved(node);
    this.isUntold = true;
    this.#forgetAccount(node, member);
    this.#renewTimes(node, member.post.createdAt);
    return true;
  }

  /** Counts a post of the node that is shown no more, or never was. */
  countRemoved(node: TextNode): void {
    this.removedCount++;
    node.removedCount++;
  }

  #forgetAccount(node: TextNode, { account, post }: MemberPost): void {
    const posts = this.accounts.get(account);
    if (posts === 1) this.accounts.delete(account);
    else if (posts !== undefined) this.accounts.set(account, posts - 1);
    const summary = node.accounts.get(account);
    if (summary === undefined) return;
    summary.postCount--;
    if (summary.postCount === 0) {
      node.accounts.delete(account);
      return;
    }
    const isSame = (other: MemberPost): boolean => other.account === account;
    // Of posts that are not kept the times are not known one by one: they stay.
    if (post.createdAt === summary.firstMs)
      summary.firstMs = node.posts.find(isSame)?.post.createdAt ?? summary.firstMs;
    if (post.createdAt === summary.lastMs)
      summary.lastMs = node.posts.findLast(isSame)?.post.createdAt ?? summary.lastMs;
  }

  #renewTimes(node: TextNode, removedMs: number): void {
    const isEmpty = node.postCount === 0;
    const [first] = node.posts;
    const last = node.posts.at(-1);
    if (isEmpty || (first !== undefined && removedMs === node.firstPostMs))
      node.firstPostMs = first?.post.createdAt ?? Infinity;
    if (isEmpty || (last !== undefined && removedMs === node.lastPostMs))
      node.lastPostMs = last?.post.createdAt ?? -Infinity;
    if (removedMs === this.lastMs) this.#renewLast();
  }

  #renewLast(): void {
    this.lastMs = -Infinity;
    for (const node of this.nodes) this.lastMs = Math.max(this.lastMs, node.lastPostMs);
  }

  /** Lets nodes go: a border node to another campaign, or dead nodes. */
  leave(leaving: readonly TextNode[]): void {
    let last = false;
    for (const node of leaving) {
      node.campaign = undefined;
      if (!this.nodes.delete(node)) continue;
      this.postCount -= node.postCount;
      this.forwardCount -= node.forwardCount;
      this.removedCount -= node.removedCount;
      this.keptPosts -= node.posts.length;
      for (const [account, { postCount }] of node.accounts) {
        const posts = this.accounts.get(account);
        if (posts === undefined || posts <= postCount) this.accounts.delete(account);
        else this.accounts.set(account, posts - postCount);
      }
      last ||= node.lastPostMs === this.lastMs;
    }
    if (last) this.#renewLast();
  }

  /** Takes over all nodes of another campaign. */
  absorb(other: Campaign): void {
    for (const node of other.nodes) {
      if (this.nodes.size < this.#limits.variantsMax) this.nodes.add(node);
      node.campaign = this;
      this.#include(node);
    }
    this.families |= other.families;
    this.isUntold ||= other.isUntold;
    other.nodes.clear();
    other.into = this;
  }

  #include(node: TextNode): void {
    this.postCount += node.postCount;
    this.forwardCount += node.forwardCount;
    this.removedCount += node.removedCount;
    const room = this.#limits.postsMax - this.keptPosts;
    if (node.posts.length > room) node.posts.length = room;
    this.keptPosts += node.posts.length;
    for (const [account, { postCount }] of node.accounts) {
      const posts = this.accounts.get(account);
      if (posts === undefined && this.accounts.size >= this.#limits.accountsMax) continue;
      this.accounts.set(account, (posts ?? 0) + postCount);
    }
    this.lastMs = Math.max(this.lastMs, node.lastPostMs);
  }

  /** Distinct accounts with a post after `expiredMs`, counted up to `enough`. */
  accountsSince(expiredMs: number, enough: number): number {
    const accounts = new Set<string>();
    for (const node of this.nodes) {
      for (const [account, { lastMs }] of node.accounts) {
        if (lastMs <= expiredMs) continue;
        accounts.add(account);
        if (accounts.size >= enough) return enough;
      }
    }
    return accounts.size;
  }

  /** What each account did, over all nodes. Valid until the next post. */
  accountSummaries(): Map<string, Readonly<AccountSummary>> {
    const summaries = new Map<string, Readonly<AccountSummary>>();
    for (const node of this.nodes) {
      for (const [account, summary] of node.accounts) {
        const known = summaries.get(account);
        // Few accounts post more than one of the texts.
        summaries.set(account, known === undefined ? summary : together(known, summary));
      }
    }
    return summaries;
  }

  /** Before an alert: drops nodes without a post after `expiredMs`, so that a trickle of posts does not pile up. */
  forget(expiredMs: number): void {
    const dead = Array.from(this.nodes).filter((node) => node.lastMs <= expiredMs);
    if (dead.length > 0) this.leave(dead);
  }
}

/** The campaign that the node is in now. */
export function campaignOf(node: TextNode): Campaign | undefined {
  if (node.campaign !== undefined) node.campaign = takenInto(node.campaign);
  return node.campaign;
}

/** Campaigns that were absorbed lead to the one that took them. */
function takenInto(campaign: Campaign): Campaign {
  let last = campaign;
  while (last.into !== undefined) last = last.into;
  return last;
}

/** The campaigns that have let go of the node and whose alert may still show its posts. */
export function formerlyOf(node: TextNode): readonly Campaign[] {
  if (node.former.length === 0) return node.former;
  const now = campaignOf(node);
  const former = new Set(node.former.map(takenInto));
  node.former = Array.from(former).filter((campaign) => campaign !== now && campaign.alert !== undefined);
  return node.former;
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

function together(a: Readonly<AccountSummary>, b: Readonly<AccountSummary>): AccountSummary {
  return {
    ...a,
    postCount: a.postCount + b.postCount,
    firstMs: Math.min(a.firstMs, b.firstMs),
    lastMs: Math.max(a.lastMs, b.lastMs),
  };
}

function note(accounts: Map<string, AccountSummary>, member: MemberPost): void {
  const { createdAt, platform, handle, accountCreatedAt } = member.post;
  const known = accounts.get(member.account);
  if (known === undefined) {
    accounts.set(member.account, {
      key: member.account,
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
