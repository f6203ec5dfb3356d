/**
 * Texts of an archive to make campaigns of: a sample without a bias to what is posted often, in one pass and a bounded memory.
 *
 * B1  The sample is a function of the set of posts and the seed, not of their order: it is made of the texts with the smallest
 *     keyed hashes. A text that is in the end among them was among them all along, so its posts are counted exactly.
 * B2  A text with as little evidence as "thank you" is not taken: campaigns of such are not found by design. How many posts of
 *     the archive are of that kind is counted.
 */
import { Buffer } from 'node:buffer';
import { decodeCanonical } from '../consumers/formats/canonical.ts';
import type { FingerprintSettings } from '../fingerprints/fingerprint.ts';
import { hex64 } from '../fingerprints/hash.ts';
import { Similarity } from '../fingerprints/similarity.ts';
import { ENTRY, entryIsRetraction, entryRecordAt, entryTokenCount } from '../frames/entry.ts';
import type { Post } from '../model.ts';
import { scramble } from '../simulate/random.ts';

/** For each text that is wanted: some will be left out in the end since they were posted more than once. */
const CANDIDATES_PER_TEXT = 3;
const CANDIDATES_MORE = 100;
/** Copies grow by what is done to them, and must stay far below the longest text that a decoder takes. */
const BASE_UNITS_MAX = 2000;

interface Candidate {
  readonly priority: number;
  readonly id: string;
  post: Post;
  postCount: number;
}

export interface BaseTextsOptions {
  readonly wanted: number;
  /** Least evidence of a text, nats. */
  readonly massMinNats: number;
  readonly seed: number;
}

export class BaseTexts {
  /** Posts with a text to compare. */
  postCount = 0;
  /** Those of too little evidence. */
  tooLittle = 0;
  readonly #wanted: number;
  readonly #massMinNats: number;
  readonly #seedHi: number;
  readonly #seedLo: number;
  readonly #capacity: number;
  #candidates = new Map<string, Candidate>();
  #priorityMax = Infinity;
  #similarity: Similarity | undefined;

  constructor({ wanted, massMinNats, seed }: BaseTextsOptions) {
    this.#wanted = wanted;
    this.#massMinNats = massMinNats;
    this.#seedHi = scramble(Math.floor(seed / 2 ** 32));
    this.#seedLo = scramble(seed);
    this.#capacity = wanted * CANDIDATES_PER_TEXT + CANDIDATES_MORE;
  }

  /** Looks at an entry and its post. */
  see(words: Uint32Array, evidence: Uint8Array, { table }: FingerprintSettings): void {
    if (entryIsRetraction(words, 0)) return;
    this.postCount++;
    this.#similarity ??= new Similarity(table.idfNats);
    if (this.#similarity.mass(words, entryRecordAt(words, 0), entryTokenCount(words, 0)) < this.#massMinNats) {
      this.tooLittle++;
      return;
    }
    const [hi, lo] = [words[ENTRY.textHi]!, words[ENTRY.textLo]!];
    const priority = scramble(scramble(hi ^ this.#seedLo) ^ lo ^ this.#seedHi);
    if (priority > this.#priorityMax) return;
    const id = hex64(hi, lo);
    const decoded = decodeCanonical(Buffer.from(evidence).toString('utf8'));
    if (decoded.kind !== 'post' || decoded.post.text.length > BASE_UNITS_MAX) return;
    this.#take(id, priority, decoded.post);
  }

  #take(id: string, priority: number, post: Post): void {
    const known = this.#candidates.get(id);
    if (known === undefined) {
      this.#candidates.set(id, { priority, id, post, postCount: 1 });
      if (this.#candidates.size >= 2 * this.#capacity) this.#prune();
      return;
    }
    known.postCount++;
    if (comparePosts(post, known.post) < 0) known.post = post;
  }

  #prune(): void {
    const kept = [...this.#candidates.values()].sort(compareCandidates).slice(0, this.#capacity);
    this.#candidates = new Map(kept.map((candidate) => [candidate.id, candidate]));
    this.#priorityMax = kept.at(-1)!.priority;
  }

  /** Posts whose texts were posted once, as many as are wanted and there are; in an order that the seed gives. */
  chosen(): Post[] {
    return [...this.#candidates.values()]
      .sort(compareCandidates)
      .filter(({ postCount }) => postCount === 1)
      .slice(0, this.#wanted)
      .map(({ post }) => post);
  }
}

function compareCandidates(a: Candidate, b: Candidate): number {
  return a.priority - b.priority || (a.id < b.id ? -1 : 1);
}

function comparePosts(a: Post, b: Post): number {
  return a.createdAt - b.createdAt || (a.id < b.id ? -1 : 1);
}
