/**
 * Text nodes as the campaign stage sees them: who posted one text in the window, and which texts are linked to it.
 *
 * C1  A node is a core when at least `strongAccounts` distinct accounts stand behind it at R >= strongSimilarity, or
 *     `weakAccounts` at R >= weakSimilarity: its own accounts and those of its neighbours, by posts in the window.
 * C2  A text of little evidence (mass below `massMinNats`) counts as one account, the one that posted it last, for itself
 *     and for its neighbours, however many posted it. That one changes with a post alone: nothing falls due when time passes.
 * C3  A core stays one for as long as its node lives.
 */
import type { PostMarks } from '../evidence/marks.ts';
import type { Post, RecordPlace } from '../model.ts';
import type { Campaign } from './campaigns.ts';
import { versionOf, type PostVersion } from './retractions.ts';

export interface CoreRule {
  readonly strongAccounts: number;
  readonly strongSimilarity: number;
  readonly weakAccounts: number;
  readonly weakSimilarity: number;
  readonly massMinNats: number;
  /** Smallest R of a link that brings two cores into one campaign. */
  readonly unitesSimilarity: number;
}

export interface MemberPost {
  readonly key: string;
  /** Platform and account in one string. */
  readonly account: string;
  readonly post: Post;
  readonly forwarded: boolean;
  readonly place?: RecordPlace | undefined;
  /** What the post shows by itself; taken when an alert needs it first. */
  marks?: PostMarks;
}

/** What one account did in one node or campaign. */
export interface AccountSummary {
  /** Platform and account in one string. */
  readonly key: string;
  readonly account: string;
  readonly platform: string;
  readonly handle: string | undefined;
  readonly accountCreatedAt: number | undefined;
  postCount: number;
  firstMs: number;
  lastMs: number;
}

/** Neighbours kept by a node that is no core. More would be redundant: it is one with `weakAccounts` of them. */
export const LINKS_MAX = 64;

export class TextNode {
  readonly id: string;
  /** As its first post wrote it, or the first of those that are left; "" where none is. */
  text: string;
  /** The post that the text was taken from. */
  source: PostVersion | undefined;
  readonly massNats: number;
  /** When it was last alive: its last post, or that post sent again. */
  lastMs: number;
  /** Times of the first and last post that count in its campaign. */
  firstPostMs = Infinity;
  lastPostMs = -Infinity;
  /** Accounts with a post in the window and the time of the last one, the longest silent first. */
  readonly recent = new Map<string, number>();
  /** The last one of them. */
  latest: string | undefined;
  /** Posts kept, in order of time: those in the window, and once in a campaign all that it has room for. */
  posts: MemberPost[] = [];
  postCount = 0;
  forwardCount = 0;
  /** Posts that were deleted or edited while it was in a campaign. */
  removedCount = 0;
  /** Neighbours with R. A core keeps only those that are none. */
  readonly links = new Map<TextNode, number>();
  /** Once in a campaign: what each account did, over its whole time. */
  readonly accounts = new Map<string, AccountSummary>();
  isCore = false;
  campaign: Campaign | undefined;
  /** Campaigns with an alert that it belonged to before: that alert may still show its posts. */
  former: Campaign[] = [];
  /** A border node's most similar core. */
  border: { readonly core: TextNode; readonly similarity: number } | undefined;
  /** FAMILY bits of its links. */
  families = 0;

  constructor(id: string, text: string, massNats: number, timeMs: number) {
    this.id = id;
    this.text = text;
    this.massNats = massNats;
    this.lastMs = timeMs;
  }

  /** Forgets accounts and, outside a campaign, posts at or before `expiredMs`. */
  expire(expiredMs: number): void {
    for (const [account, lastMs] of this.recent) {
      if (lastMs > expiredMs) break;
      this.recent.delete(account);
    }
    if (this.campaign !== undefined) return;
    let gone = 0;
    while (gone < this.posts.length && this.posts[gone]!.post.createdAt <= expiredMs) gone++;
    if (gone > 0) this.posts.splice(0, gone);
  }

  /** Notes that the account posted; true if it had no post in the window before. */
  noteAccount(account: string, timeMs: number): boolean {
    const known = this.recent.delete(account);
    this.recent.set(account, timeMs);
    this.latest = account;
    return !known;
  }

  /** Takes one more post, nearly always the last. */
  keep(member: MemberPost): void {
    const { createdAt } = member.post;
    const last = this.posts.at(-1);
    if (last === undefined || last.post.createdAt <= createdAt) this.posts.push(member);
    else this.posts.splice(placeOf(this.posts, createdAt), 0, member);
  }

  /** @returns false for a post that is not kept */
  drop(member: MemberPost): boolean {
    const { posts } = this;
    for (let at = placeOf(posts, member.post.createdAt) - 1; at >= 0; at--) {
      if (posts[at] === member) {
        posts.splice(at, 1);
        return true;
      }
      if (posts[at]!.post.createdAt < member.post.createdAt) break;
    }
    return false;
  }

  /** The account of a post that has been taken out is known by its other posts in the window, if there are any. */
  forgetAccount({ account, post }: MemberPost, expiredMs: number): void {
    const knownMs = this.recent.get(account);
    if (knownMs === undefined || knownMs > post.createdAt) return;
    this.recent.delete(account);
    this.#noteEarlier(account, expiredMs);
    this.latest = Array.from(this.recent.keys()).at(-1);
  }

  #noteEarlier(account: string, expiredMs: number): void {
    // In a campaign it is counted how many posts there are.
    if (this.campaign !== undefined && !this.accounts.has(account)) return;
    const before = this.posts.findLast((other) => other.account === account);
    if (before === undefined || before.post.createdAt <= expiredMs) return;
    // In the order of last posts again. Those that are not kept come behind the kept ones of the same time.
    const recent = Array.from(this.recent);
    this.recent.clear();
    for (const other of this.posts)
      if (other.post.createdAt > expiredMs) this.noteAccount(other.account, other.post.createdAt);
    for (const [other, lastMs] of recent) if (this.recent.get(other) !== lastMs) this.noteAccount(other, lastMs);
    const ordered = Array.from(this.recent).sort((a, b) => a[1] - b[1]);
    this.recent.clear();
    for (const [other, lastMs] of ordered) this.recent.set(other, lastMs);
  }

  /** Takes its text from the first post that is left. */
  renewText(expiredMs: number): void {
    this.expire(expiredMs);
    const [first] = this.posts;
    this.text = first?.post.text ?? '';
    this.source = first === undefined ? undefined : versionOf(first.key, first.post);
  }

  /** Links both nodes; a repeated link keeps its R, which is the same. */
  link(other: TextNode, similarity: number, expiredMs: number): void {
    this.#keep(other, similarity, expiredMs);
    other.#keep(this, similarity, expiredMs);
  }

  /**
   * At the limit, dead neighbours go first, then one whose accounts all stand behind other neighbours too. A neighbour
   * that brings no account of its own is not taken in.
   */
  #keep(other: TextNode, similarity: number, expiredMs: number): void {
    if (this.links.size >= LINKS_MAX && !this.links.has(other)) {
      for (const neighbour of this.links.keys()) if (neighbour.lastMs <= expiredMs) this.links.delete(neighbour);
      if (this.links.size >= LINKS_MAX && !this.#evictRedundant(other)) return;
    }
    this.links.set(other, similarity);
  }

  #evictRedundant(newcomer: TextNode): boolean {
    const supporters = new Map<string, number>();
    for (const neighbour of this.links.keys()) {
      for (const account of neighbour.recent.keys()) supporters.set(account, (supporters.get(account) ?? 0) + 1);
    }
    if (Array.from(newcomer.recent.keys()).every((account) => supporters.has(account))) return false;
    for (const neighbour of this.links.keys()) {
      if (!Array.from(neighbour.recent.keys()).every((account) => supporters.get(account)! > 1)) continue;
      this.links.delete(neighbour);
      return true;
    }
    return false;
  }

  /** Most nodes have not so many accounts around them, even if all of them were different. */
  #mayHaveEvidence(enough: number): boolean {
    let most = this.recent.size;
    for (const neighbour of this.links.keys()) {
      if (most >= enough) return true;
      most += neighbour.recent.size;
    }
    return most >= enough;
  }

  /** C1 and C2, by the posts after `expiredMs`. */
  hasCoreEvidence(rule: CoreRule, expiredMs: number): boolean {
    this.expire(expiredMs);
    if (!this.#mayHaveEvidence(Math.min(rule.strongAccounts, rule.weakAccounts))) return false;
    const strong = new Set<string>();
    const weak = new Set<string>();
    if (gather(this, true, rule, strong, weak)) return true;
    for (const [neighbour, similarity] of this.links) {
      if (similarity < rule.weakSimilarity) continue;
      if (neighbour.lastMs <= expiredMs) {
        this.links.delete(neighbour);
        continue;
      }
      neighbour.expire(expiredMs);
      if (gather(neighbour, similarity >= rule.strongSimilarity, rule, strong, weak)) return true;
    }
    return false;
  }
}

/** Adds the accounts that stand behind a node whose old ones have been let go; true once there are enough. */
function gather(node: TextNode, isStrong: boolean, rule: CoreRule, strong: Set<string>, weak: Set<string>): boolean {
  const { recent, latest } = node;
  const isLittle = node.massNats < rule.massMinNats;
  if (isLittle && (latest === undefined || !recent.has(latest))) return false;
  for (const account of isLittle ? [latest!] : recent.keys()) {
    weak.add(account);
    if (isStrong) strong.add(account);
    if (strong.size >= rule.strongAccounts || weak.size >= rule.weakAccounts) return true;
  }
  return false;
}

/** Index behind the posts up to this time. */
function placeOf(posts: readonly MemberPost[], timeMs: number): number {
  let [from, to] = [0, posts.length];
  while (from < to) {
    const middle = (from + to) >>> 1;
    if (posts[middle]!.post.createdAt <= timeMs) from = middle + 1;
    else to = middle;
  }
  return from;
}
