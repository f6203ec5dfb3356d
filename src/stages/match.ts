/**
 * Stage 2: entries in the total order (event time, post key) -> verified links, and the posts that the campaign stage needs.
 *
 * M1  What is said of a post is a function of the posts before it in the order and within the window.
 * M2  A pair of text nodes is compared when the later one comes into the window, never again while both stay.
 * M3  Of a node with two or more posts every post is sent; of a node with one post, that post goes with each of its links.
 *     Where buckets are spread over partitions, every one of them that has a key of a text sees all its posts and knows its
 *     node; only the text's home sends the posts.
 *
 * A retraction passes through in its place in the order. The window keeps what it knows of the post, which is no text: what
 * is said of later posts is the same, and the campaign stage shows nothing of one that was taken away.
 */
import { ENTRY, entryIsHome, entryIsRetraction, entryTimeMs, retractedBeforeMs } from '../frames/entry.ts';
import { BucketIndex, type BucketIndexSettings } from '../windows/bucket-index.ts';

/** A 64-bit hash: of a text node, that of its normalised text. */
export interface NodeRef {
  readonly hi: number;
  readonly lo: number;
}

/**
 * A post of a node with two or more. `evidence` is the reference under which the runtime keeps the post itself.
 * `first` marks the node's first post, sent late, with its second.
 */
export interface PostEvent {
  readonly kind: 'post';
  readonly timeMs: number;
  readonly node: NodeRef;
  readonly evidence: number;
  readonly first: boolean;
}

/**
 * Two nodes found in one bucket and verified similar. The evidence of an end is its first post's, or -1 where the node
 * has two or more posts, which are sent as such. `later` came into the window last; the event has its time.
 */
export interface LinkEvent {
  readonly kind: 'link';
  readonly timeMs: number;
  readonly later: NodeRef;
  readonly laterEvidence: number;
  readonly earlier: NodeRef;
  readonly earlierEvidence: number;
  readonly similarity: number;
  /** FAMILY bits of the buckets that both were found in. */
  readonly families: number;
}

/** Versions of a post before a time are taken away; `post` is the hash of platform and id. */
export interface RetractionEvent {
  readonly kind: 'retraction';
  readonly timeMs: number;
  readonly post: NodeRef;
  readonly beforeMs: number;
}

export type MatchEvent = PostEvent | LinkEvent | RetractionEvent;

export class MatchStage {
  /** Entries that were the entry before them once more. */
  duplicates = 0;
  readonly index: BucketIndex;
  #lastMs = -1;
  readonly #last = new Uint32Array(4);

  constructor(settings: BucketIndexSettings) {
    this.index = new BucketIndex(settings);
  }

  /**
   * Takes the next entry, `words[at ..]`, and appends its events to `out`. `evidence` is where the runtime keeps the post.
   * @throws InvariantError if the entry's event time lies before that of the entry before it.
   */
  process(words: Uint32Array, at: number, evidence: number, out: MatchEvent[]): void {
    const index = this.index;
    const timeMs = entryTimeMs(words, at);
    if (this.#isLast(words, at, timeMs)) {
      this.duplicates++;
      return;
    }
    if (entryIsRetraction(words, at)) {
      const post = { hi: words[at + ENTRY.postHi]!, lo: words[at + ENTRY.postLo]! };
      const beforeMs = retractedBeforeMs(words[at + ENTRY.textHi]!, words[at + ENTRY.textLo]!);
      out.push({ kind: 'retraction', timeMs, post, beforeMs });
      return;
    }
    index.advance(timeMs);
    const slot = index.find(words, at);
    if (slot >= 0) {
      const node = { hi: words[at + ENTRY.textHi]!, lo: words[at + ENTRY.textLo]! };
      if (entryIsHome(words, at)) {
        if (!index.isRepeated(slot))
          out.push({ kind: 'post', timeMs, node, evidence: index.firstPost(slot), first: true });
        out.push({ kind: 'post', timeMs, node, evidence, first: false });
      }
      index.repeat(slot, words, at);
      return;
    }
    index.insert(words, at, evidence);
    if (index.matchCount > 0) this.#pushLinks(words, at, timeMs, evidence, out);
  }

  /**
   * Takes an entry of which all has been said, before a crash or by another process: the window is as `process` would have made
   * it. Nothing is compared, which is the greater part of the work.
   */
  recall(words: Uint32Array, at: number, evidence: number): void {
    const index = this.index;
    const timeMs = entryTimeMs(words, at);
    if (this.#isLast(words, at, timeMs)) {
      this.duplicates++;
      return;
    }
    if (entryIsRetraction(words, at)) return;
    index.advance(timeMs);
    const slot = index.find(words, at);
    if (slot >= 0) index.repeat(slot, words, at);
    else index.add(words, at, evidence);
  }

  /** Is it the post of the last entry, with the same text, delivered once more? Then remembers it for the next. */
  #isLast(words: Uint32Array, at: number, timeMs: number): boolean {
    const last = this.#last;
    let isSame = timeMs === this.#lastMs;
    this.#lastMs = timeMs;
    for (let i = 0; i < 4; i++) {
      const word = words[at + ENTRY.postHi + i]!;
      if (last[i] === word) continue;
      last[i] = word;
      isSame = false;
    }
    return isSame;
  }

  /** In the order of the other nodes' hashes: the order in which buckets were read must not show. */
  #pushLinks(words: Uint32Array, at: number, timeMs: number, evidence: number, out: MatchEvent[]): void {
    const index = this.index;
    const later = { hi: words[at + ENTRY.textHi]!, lo: words[at + ENTRY.textLo]! };
    const links: LinkEvent[] = [];
    for (let i = 0; i < index.matchCount; i++) {
      const slot = index.matchSlots[i]!;
      links.push({
        kind: 'link',
        timeMs,
        later,
        laterEvidence: evidence,
        earlier: { hi: index.textHi(slot), lo: index.textLo(slot) },
        earlierEvidence: index.isRepeated(slot) ? -1 : index.firstPost(slot),
        similarity: index.matchSimilarity[i]!,
        families: index.matchFamilies[i]!,
      });
    }
    links.sort((a, b) => a.earlier.hi - b.earlier.hi || a.earlier.lo - b.earlier.lo);
    out.push(...links);
  }
}
