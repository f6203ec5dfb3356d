/**
 * The window of text nodes behind their bucket keys: finds a text's node, and the nodes that a new text is similar to.
 *
 * What it answers is a function of the posts in the window alone. Growth, moves and unlinking change where things lie,
 * never what is found.
 */
import {
  ENTRY,
  entryHasSimhash,
  entryKeyCount,
  entryRecordAt,
  entryTokenCount,
} from '../frames/entry.ts';
import { recordWords } from '../fingerprints/record.ts';
import { SHINGLE_KEYS_MAX } from '../fingerprints/shingles.ts';
import { hammingDistance } from '../fingerprints/simhash.ts';
import { Similarity } from '../fingerprints/similarity.ts';
import { ChorusError, InvariantError } from '../errors.ts';
import { BUCKET_CANDIDATES_MAX, BucketChains } from './bucket-chains.ts';
import { NodeRing, RECORD_RING_WORDS_MAX } from './node-ring.ts';

/** Key families, as bits of a link's `families`. */
export const FAMILY = { shingle: 1, simhash: 2 } as const;

/** The text hash and the shingle keys of a node share one set of chains. */
const SHINGLE_ENTRIES = 1 + SHINGLE_KEYS_MAX;
const SHINGLE_KEY_SPACE = 2 ** 31;
export const SIMHASH_BANDS = 3;
const BAND_BITS = 21;
const BAND_SPACE = 2 ** BAND_BITS;

/** An ordinary record has 15 words; the ring starts with room for a few more. */
const WORDS_PER_SLOT = 16;
const GROWTH = 1.25;
const WORDS_GROWTH = 1.08;
/** Records lie end to end; a little more than the mean keeps a run of longer posts from growing the ring again. */
const SPARE = 1.01;
/** Buckets of one text times their candidates: what one new text can be compared with. */
const MATCHES_MAX = (SHINGLE_KEYS_MAX + SIMHASH_BANDS) * BUCKET_CANDIDATES_MAX;

export interface BucketIndexSettings {
  readonly windowMs: number;
  readonly simhash: boolean;
  /** Largest Hamming distance of SimHash64 at which a simhash candidate is verified. */
  readonly hammingMax: number;
  /** Smallest R of a link. */
  readonly linkSimilarity: number;
  /** Nats of each idf level, of the frequency table. */
  readonly idfNats: Float32Array;
  readonly secretHi: number;
  /** Slots to begin with. */
  readonly slots?: number;
}

/** What the index did, in plain numbers, for metrics. Index 0 of the pairs is the shingle family, 1 the simhash family. */
export interface IndexCounters {
  readonly lookups: [number, number];
  readonly candidates: [number, number];
  readonly links: [number, number];
}

export class BucketIndex {
  /** Links of the last `insert`: `matchCount` slots with their R and the families whose buckets they were found in. */
  readonly matchSlots = new Int32Array(MATCHES_MAX);
  readonly matchSimilarity = new Float64Array(MATCHES_MAX);
  readonly matchFamilies = new Uint8Array(MATCHES_MAX);
  matchCount = 0;
  readonly counters: IndexCounters = { lookups: [0, 0], candidates: [0, 0], links: [0, 0] };

  readonly #settings: BucketIndexSettings;
  readonly #similarity: Similarity;
  #ring: NodeRing;
  #shingles: BucketChains;
  #bands: BucketChains | undefined;
  /** SimHash64 by slot, high and low; empty without the simhash family. */
  #simhashes: Uint32Array;
  #nowMs = -1;
  readonly #candidates = new CandidateSet();

  constructor(settings: BucketIndexSettings) {
    const slots = settings.slots ?? 4096;
    this.#settings = settings;
    this.#similarity = new Similarity(settings.idfNats);
    this.#ring = new NodeRing(slots, slots * WORDS_PER_SLOT, settings.windowMs, settings.secretHi);
    this.#shingles = new BucketChains(SHINGLE_ENTRIES, SHINGLE_KEY_SPACE, slots);
    this.#bands = settings.simhash ? new BucketChains(SIMHASH_BANDS, SIMHASH_BANDS * BAND_SPACE, slots) : undefined;
    this.#simhashes = new Uint32Array(settings.simhash ? 2 * slots : 0);
  }

  /** Bytes of all arrays. */
  get bytes(): number {
    return this.#ring.bytes + this.#shingles.bytes + (this.#bands?.bytes ?? 0) + this.#simhashes.byteLength;
  }

  /** Slots in use: nodes in the window, and those that wait to be let go. */
  get nodes(): number {
    return this.#ring.live;
  }

  get cappedTotal(): number {
    return this.#shingles.cappedTotal + (this.#bands?.cappedTotal ?? 0);
  }

  get longestBucket(): number {
    return Math.max(this.#shingles.longest, this.#bands?.longest ?? 0);
  }

  textHi(slot: number): number {
    return this.#ring.textHi(slot);
  }

  textLo(slot: number): number {
    return this.#ring.textLo(slot);
  }

  firstPost(slot: number): number {
    return this.#ring.firstPost(slot);
  }

  isRepeated(slot: number): boolean {
    return this.#ring.isRepeated(slot);
  }

  /** Moves event time on. @throws InvariantError if it would go back. */
  advance(timeMs: number): void {
    if (timeMs < this.#nowMs) {
      throw new InvariantError('M1', `event time went back from ${this.#nowMs} to ${timeMs} in the match stage`);
    }
    if (timeMs === this.#nowMs) return;
    this.#ring.advance(timeMs, timeMs - this.#nowMs);
    this.#nowMs = timeMs;
  }

  /** Slot of the node with the text of the entry at `words[at]`, or -1 if no post in the window has that text. */
  find(words: Uint32Array, at: number): number {
    const lo = words[at + ENTRY.textLo]!;
    return this.#shingles.find(this.#ring, lo >>> 1, words[at + ENTRY.textHi]!, lo);
  }

  /** Notes another post of the node in `slot`, whose text is the entry's. */
  repeat(slot: number, words: Uint32Array, at: number): void {
    if (!this.#ring.mustMove(slot)) {
      this.#ring.repeat(slot);
      return;
    }
    const tokenCount = entryTokenCount(words, at);
    const old = this.#makeRoom(tokenCount) ? this.find(words, at) : slot;
    const ring = this.#ring;
    const firstPost = ring.firstPost(old);
    this.#file(words, at, firstPost);
    ring.moved(old);
  }

  /** Adds the entry's text as a new node after comparing it with its buckets; the links are in `match*`. */
  insert(words: Uint32Array, at: number, firstPost: number): void {
    this.#match(words, at);
    this.#makeRoom(entryTokenCount(words, at), true);
    this.#file(words, at, firstPost);
  }

  #match(words: Uint32Array, at: number): void {
    const candidates = this.#candidates;
    candidates.clear();
    const keyCount = entryKeyCount(words, at);
    for (let k = 0; k < keyCount; k++) {
      this.#shingles.collect(this.#ring, words[at + ENTRY.keys + k]!);
      candidates.addAll(this.#shingles, FAMILY.shingle);
    }
    this.counters.lookups[0] += keyCount;
    if (this.#bands !== undefined && entryHasSimhash(words, at)) {
      for (let band = 0; band < SIMHASH_BANDS; band++) {
        this.#bands.collect(this.#ring, bandKey(words, at, band));
        candidates.addAll(this.#bands, FAMILY.simhash);
      }
      this.counters.lookups[1] += SIMHASH_BANDS;
    }
    this.#verify(words, at);
  }

  #verify(words: Uint32Array, at: number): void {
    const { hammingMax, linkSimilarity } = this.#settings;
    const candidates = this.#candidates;
    const counters = this.counters;
    const ring = this.#ring;
    const record = entryRecordAt(words, at);
    const tokenCount = entryTokenCount(words, at);
    this.matchCount = 0;
    for (let i = 0; i < candidates.count; i++) {
      const slot = candidates.slots[i]!;
      let families = candidates.families[i]!;
      if ((families & FAMILY.simhash) !== 0 && this.#hamming(slot, words, at) > hammingMax) families &= ~FAMILY.simhash;
      if (families === 0) continue;
      const shingle = families & FAMILY.shingle;
      const simhash = families >>> 1;
      counters.candidates[0] += shingle;
      counters.candidates[1] += simhash;
      const similarity = this.#similarity.compare(
        words,
        record,
        tokenCount,
        ring.words,
        ring.recordAt(slot),
        ring.tokenCount(slot),
      );
      if (similarity < linkSimilarity) continue;
      counters.links[0] += shingle;
      counters.links[1] += simhash;
      this.matchSlots[this.matchCount] = slot;
      this.matchSimilarity[this.matchCount] = similarity;
      this.matchFamilies[this.matchCount++] = families;
    }
  }

  #hamming(slot: number, words: Uint32Array, at: number): number {
    const hi = this.#simhashes[2 * slot]!;
    const lo = this.#simhashes[2 * slot + 1]!;
    return hammingDistance(hi, lo, words[at + ENTRY.simHi]!, words[at + ENTRY.simLo]!);
  }

  /** Appends the node and files it under the text's keys. */
  #file(words: Uint32Array, at: number, firstPost: number): void {
    const ring = this.#ring;
    const lo = words[at + ENTRY.textLo]!;
    const slot = ring.append(words[at + ENTRY.textHi]!, lo, firstPost, words, entryRecordAt(words, at), entryTokenCount(words, at));
    const keyCount = entryKeyCount(words, at);
    this.#shingles.insert(ring, 0, lo >>> 1);
    for (let k = 0; k < keyCount; k++) this.#shingles.insert(ring, 1 + k, words[at + ENTRY.keys + k]!);
    this.#shingles.sweep(ring);
    if (this.#bands === undefined) return;
    this.#simhashes[2 * slot] = words[at + ENTRY.simHi]!;
    this.#simhashes[2 * slot + 1] = words[at + ENTRY.simLo]!;
    for (let band = 0; band < SIMHASH_BANDS; band++) this.#bands.insert(ring, band, bandKey(words, at, band));
    this.#bands.sweep(ring);
  }

  /** Grows the arrays if one more node does not fit; true if slots have been renumbered. */
  #makeRoom(tokenCount: number, keepMatches = false): boolean {
    if (this.#ring.hasRoom(tokenCount)) return false;
    const old = this.#ring;
    const full = old.live === old.slots;
    const slots = full ? Math.ceil(old.slots * GROWTH) : old.slots;
    const wanted = full ? (old.wordsInUse / old.live) * slots : old.words.length * WORDS_GROWTH;
    const words = Math.min(RECORD_RING_WORDS_MAX, Math.ceil(Math.max(old.words.length, wanted * SPARE)) + recordWords(tokenCount));
    if (!full && words <= old.words.length) {
      throw new ChorusError('window_too_large', `the window holds more than ${RECORD_RING_WORDS_MAX} record words: shorten it or add partitions`);
    }
    const sequenceOf = new Int32Array(old.slots);
    const ring = old.grown(slots, words, sequenceOf);
    this.#shingles = this.#shingles.rebuilt(old, slots, sequenceOf);
    if (this.#bands !== undefined) {
      this.#bands = this.#bands.rebuilt(old, slots, sequenceOf);
      const simhashes = new Uint32Array(2 * slots);
      for (let slot = 0; slot < old.slots; slot++) {
        const to = sequenceOf[slot]!;
        if (to < 0) continue;
        simhashes[2 * to] = this.#simhashes[2 * slot]!;
        simhashes[2 * to + 1] = this.#simhashes[2 * slot + 1]!;
      }
      this.#simhashes = simhashes;
    }
    this.#ring = ring;
    if (keepMatches) for (let i = 0; i < this.matchCount; i++) this.matchSlots[i] = sequenceOf[this.matchSlots[i]!]!;
    return true;
  }
}

/** Bits 0-20, 21-41 and 42-62 of SimHash64, each band with keys of its own. */
function bandKey(words: Uint32Array, at: number, band: number): number {
  const hi = words[at + ENTRY.simHi]!;
  const lo = words[at + ENTRY.simLo]!;
  const mask = BAND_SPACE - 1;
  if (band === 0) return lo & mask;
  if (band === 1) return BAND_SPACE + (((lo >>> BAND_BITS) | (hi << (32 - BAND_BITS))) & mask);
  return 2 * BAND_SPACE + ((hi >>> (2 * BAND_BITS - 32)) & mask);
}

/** Distinct candidates of one text with the families that found them: a hash set that is cleared by a new stamp. */
class CandidateSet {
  readonly slots = new Int32Array(MATCHES_MAX);
  readonly families = new Uint8Array(MATCHES_MAX);
  count = 0;
  readonly #table = new Int32Array(512);
  readonly #stamps = new Int32Array(512);
  #stamp = 0;

  clear(): void {
    this.count = 0;
    this.#stamp = (this.#stamp + 1) | 0;
  }

  addAll(chains: BucketChains, family: number): void {
    for (let i = 0; i < chains.count; i++) this.#add(chains.candidates[i]!, family);
  }

  #add(slot: number, family: number): void {
    let cell = Math.imul(slot, 0x9e3779b1) >>> 23;
    while (this.#stamps[cell] === this.#stamp) {
      const known = this.#table[cell]!;
      if (this.slots[known] === slot) {
        this.families[known]! |= family;
        return;
      }
      cell = (cell + 1) & 511;
    }
    this.#stamps[cell] = this.#stamp;
    this.#table[cell] = this.count;
    this.slots[this.count] = slot;
    this.families[this.count++] = family;
  }
}
