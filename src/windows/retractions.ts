/**
 * Which versions of which posts have been taken away by a deletion or an edit, and where the campaign stage keeps what they
 * leave behind.
 *
 * A post that was edited under its own id has versions: the time of the edit tells them apart, 0 stands for a version that
 * is no edit. The post key of a version that is no edit is that of the post, the hash of platform and id.
 */
import { hashStrings, hex64 } from '../fingerprints/hash.ts';
import type { Post } from '../model.ts';
import type { MemberPost, TextNode } from './text-nodes.ts';

/** One version of a post. */
export interface PostVersion {
  /** Hash of platform and id, 16 hexadecimal digits. */
  readonly post: string;
  readonly versionMs: number;
}

/** @param key the version's post key */
export function versionOf(key: string, { platform, id, editedAt }: Post): PostVersion {
  if (editedAt === undefined) return { post: key, versionMs: 0 };
  const { hi, lo } = hashStrings(platform, id);
  return { post: hex64(hi, lo), versionMs: editedAt };
}

/** One retraction: post, event time, and the time before which versions are gone. */
export type RetractionRow = readonly [post: string, timeMs: number, beforeMs: number];

/** Event time of a deletion of which the feed does not tell the time: it counts from the beginning on, and for ever. */
const NOT_TOLD_MS = 0;

interface Remembered {
  readonly timeMs: number;
  readonly beforeMs: number;
}

/** Retractions remembered for posts that come later. */
export class Retractions {
  /** Those let go because there were too many: what they took away may come back if it is sent once more. */
  dropped = 0;
  /** In the order of event time. */
  readonly #passing = new Map<string, Remembered>();
  readonly #lasting = new Map<string, Remembered>();

  get count(): number {
    return this.#passing.size + this.#lasting.size;
  }

  /** @param expiredMs retractions of this event time or earlier count no more */
  add([post, timeMs, beforeMs]: RetractionRow, expiredMs: number, countMax: number): void {
    const lasting = this.#lasting.get(post);
    if (lasting !== undefined || timeMs === NOT_TOLD_MS) {
      this.#lasting.set(post, { timeMs: NOT_TOLD_MS, beforeMs: Math.max(beforeMs, lasting?.beforeMs ?? 0) });
    } else {
      const known = this.#passing.get(post);
      // An expired one may have been swept or not, which must not show.
      const knownMs = known !== undefined && known.timeMs > expiredMs ? known.beforeMs : 0;
      this.#passing.delete(post);
      this.#passing.set(post, { timeMs, beforeMs: Math.max(beforeMs, knownMs) });
    }
    if (this.count > countMax) this.#drop(expiredMs);
  }

  /** Lets the oldest go. Expired ones come first, so when they are swept decides nothing. */
  #drop(expiredMs: number): void {
    const oldest = this.#passing.entries().next().value;
    if (oldest === undefined) this.#lasting.delete(this.#lasting.keys().next().value!);
    else this.#passing.delete(oldest[0]);
    if (oldest === undefined || oldest[1].timeMs > expiredMs) this.dropped++;
  }

  covers({ post, versionMs }: PostVersion, expiredMs: number): boolean {
    const lasting = this.#lasting.get(post);
    if (lasting !== undefined && versionMs < lasting.beforeMs) return true;
    const known = this.#passing.get(post);
    return known !== undefined && versionMs < known.beforeMs && known.timeMs > expiredMs;
  }

  sweep(expiredMs: number): void {
    for (const [post, { timeMs }] of this.#passing) {
      if (timeMs > expiredMs) break;
      this.#passing.delete(post);
    }
  }

  *rows(): Generator<RetractionRow> {
    for (const held of [this.#lasting, this.#passing]) {
      for (const [post, { timeMs, beforeMs }] of held) yield [post, timeMs, beforeMs];
    }
  }

  /** For rows that `rows` has given, in their order. */
  restore([post, timeMs, beforeMs]: RetractionRow): void {
    (timeMs === NOT_TOLD_MS ? this.#lasting : this.#passing).set(post, { timeMs, beforeMs });
  }
}

/** A text node that holds a version of a post: as one of its posts, or as the one that its text was taken from. */
export interface Holding {
  readonly node: TextNode;
  readonly member: MemberPost | undefined;
  readonly versionMs: number;
}

/**
 * Where versions of posts are held. It is made when the first retraction comes, since most feeds have none. It may name
 * nodes that have been let go and posts that are no longer in their node; whoever asks looks at the node.
 */
export class Holdings {
  readonly #byPost = new Map<string, readonly Holding[]>();
  readonly #countMax: number;
  #count = 0;

  /** @param nodes all nodes that are held */
  constructor(nodes: Iterable<TextNode>) {
    for (const node of nodes) {
      this.addSource(node);
      for (const member of node.posts) this.add(node, member);
    }
    this.#countMax = 2 * this.#count + 10_000;
  }

  /** Is much of it likely to be of nodes that have been let go? Then it is to be made anew. */
  get isStale(): boolean {
    return this.#count > this.#countMax;
  }

  add(node: TextNode, member: MemberPost): void {
    this.#add(versionOf(member.key, member.post), node, member);
  }

  addSource(node: TextNode): void {
    if (node.source !== undefined) this.#add(node.source, node, undefined);
  }

  /** Takes out what holds versions of the post before a time. */
  take(post: string, beforeMs: number): Holding[] {
    const held = this.#byPost.get(post);
    if (held === undefined) return [];
    const gone = held.filter(({ versionMs }) => versionMs < beforeMs);
    if (gone.length === held.length) this.#byPost.delete(post);
    else
      this.#byPost.set(
        post,
        held.filter(({ versionMs }) => versionMs >= beforeMs),
      );
    this.#count -= gone.length;
    return gone;
  }

  #add({ post, versionMs }: PostVersion, node: TextNode, member: MemberPost | undefined): void {
    this.#byPost.set(post, [...(this.#byPost.get(post) ?? []), { node, member, versionMs }]);
    this.#count++;
  }
}
