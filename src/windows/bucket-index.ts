/**
 * The window of text nodes behind their bucket keys: finds a text's node, and the nodes that a new text is similar to.
 *
 * What it answers is a function of the posts in the window alone. Growth, moves and unlinking change where things lie,
 * never what is found.
 */
import {
  BAND_SPACE,
  ENTRY,
  entryBandKey,
  entryBands,
  entryIsRetraction,
  entryKeyCount,
  entryRecordAt,
  entryTokenCount,
  SIMHASH_BANDS,
} from '../frames/entry.ts';
import { recordWords } from '../fingerprints/record.ts';
import { SHINGLE_KEYS_MAX } from '../fingerprints/shingles.ts';
import { Similarity } from '../fingerprints/similarity.ts';
import { ChorusError, InvariantError } from '../errors.ts';
import { BUCKET_CANDIDATES_MAX, BucketChains } from './bucket-chains.ts';
import { NodeRing, RECORD_RING_WORDS_MAX } from './node-ring.ts';

/** Key families, as bits of a link's `families`. */
export const FAMILY = { shingle: 1, simhash: 2 } as const;

/** The text hash and the shingle keys of a node share one table. */
const SHINGLE_ENTRIES = 1 + SHINGLE_KEYS_MAX;
/**
 * Shingle keys are folded to this many, evenly: their tags then fit beside a sequence in a pointer, and a key meets a
 * foreign one in 5 % of the buckets of a window of ten million posts, where verification turns it away.
 */
const SHINGLE_KEY_SPACE = 5 * 2 ** 28;

const BAND_MASK = BAND_SPACE - 1;
/** Odd, so that no two keys become one. */
const BAND_SCATTER = 0x9e3779b1;

/** Words of the tokens of an ordinary record, 8.6, less what slots that are never all in use leave over. */
const WORDS_PER_SLOT = 8.35;
/** Growth costs a pass over all nodes; a large index grows in smaller steps, since it is memory that is short then. */
const GROWTH = 1.6;
const GROWTH_MANY = 1.15;
const SLOTS_MANY = 4_000_000;
const WORDS_GROWTH = 1.04;
/** Records lie end to end; a little more than the mean keeps a run of longer posts from growing the ring again. */
const SPARE = 1.01;
/** Buckets of one text times their candidates: what one new text can be compared with. */
const MATCHES_MAX = (SHINGLE_KEYS_MAX + SIMHASH_BANDS) * BUCKET_CANDIDATES_MAX;

/** Entries between the one that is looked up and the one that `touchAhead` is to be asked for. */
export const AHEAD_ENTRIES = 4;

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
  readonly #keys = new Uint32Array(SHINGLE_ENTRIES);
  readonly #bandKeys = new Uint32Array(SIMHASH_BANDS);
  readonly #keysAhead = new Uint32Array(SHINGLE_ENTRIES);
  #bandCount = 0;
  /** Keeps the reads of `touch` from being optimised away. */
  touched = 0;
  #nowMs = -1;
  readonly #candidates = new CandidateSet();

  constructor(settings: BucketIndexSettings) {
    this.#settings = settings;
    this.#similarity = new Similarity(settings.idfNats);
    const slots = settings.slots ?? 4096;
    this.#ring = this.#emptyRing(slots);
    this.#shingles = emptyShingles(slots);
    this.#bands = settings.simhash ? emptyBands(slots) : undefined;
  }

  /**
   * Makes room for a window of so many nodes before the first one comes, where that is known: growing to it would cost
   * two passes over all of them. No result depends on it.
   */
  reserve(nodes: number): void {
    if (this.#ring.live > 0 || nodes <= this.#ring.slots) return;
    this.#ring = this.#emptyRing(nodes);
    this.#shingles = emptyShingles(nodes);
    if (this.#bands !== undefined) this.#bands = emptyBands(nodes);
  }

  #emptyRing(slots: number): NodeRing {
    const { windowMs, secretHi, simhash } = this.#settings;
    return new NodeRing(slots, Math.ceil(slots * WORDS_PER_SLOT), windowMs, secretHi, simhash);
  }

  /** Bytes of all arrays. */
  get bytes(): number {
    return this.#ring.bytes + this.#shingles.bytes + (this.#bands?.bytes ?? 0);
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

  /**
   * Slot of the node with the text of the entry at `words[at]`, or -1 if no post in the window has that text. The entry
   * stays the current one for `repeat` and `insert`.
   */
  find(words: Uint32Array, at: number): number {
    const keyCount = entryKeyCount(words, at);
    const keys = this.#keys;
    keys[0] = foldedKey(words[at + ENTRY.textLo]! >>> 1);
    for (let k = 0; k < keyCount; k++) keys[1 + k] = foldedKey(words[at + ENTRY.keys + k]!);
    this.touched ^= this.#shingles.touch(keys, 1 + keyCount);
    if (this.#bands !== undefined) {
      const bands = entryBands(words, at);
      this.#bandCount = 0;
      for (let band = 0; band < SIMHASH_BANDS; band++) {
        if ((bands & (1 << band)) !== 0) this.#bandKeys[this.#bandCount++] = scattered(entryBandKey(words, at, band));
      }
      this.touched ^= this.#bands.touch(this.#bandKeys, this.#bandCount);
    }
    return this.#shingles.find(this.#ring, keys[0], words[at + ENTRY.textHi]!, words[at + ENTRY.textLo]!);
  }

  /**
   * Reads the lines that `find` will read for an entry that comes a little later, so that they are there by then: with ten million nodes
   * each is a miss, and misses of several entries overlap.
   */
  touchAhead(words: Uint32Array, at: number): void {
    if (entryIsRetraction(words, at)) return;
    const keys = this.#keysAhead;
    const keyCount = entryKeyCount(words, at);
    keys[0] = foldedKey(words[at + ENTRY.textLo]! >>> 1);
    for (let k = 0; k < keyCount; k++) keys[1 + k] = foldedKey(words[at + ENTRY.keys + k]!);
    this.touched ^= this.#shingles.touch(keys, 1 + keyCount);
    if (this.#bands === undefined) return;
    const bands = entryBands(words, at);
    let count = 0;
    for (let band = 0; band < SIMHASH_BANDS; band++) {
      if ((bands & (1 << band)) !== 0) keys[count++] = scattered(entryBandKey(words, at, band));
    }
    this.touched ^= this.#bands.touch(keys, count);
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

  /** Adds the entry's text as a new node, and compares it with nothing. */
  add(words: Uint32Array, at: number, firstPost: number): void {
    this.#makeRoom(entryTokenCount(words, at));
    this.#file(words, at, firstPost);
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
      this.#shingles.gather(this.#ring, this.#keys[1 + k]!);
      candidates.addAll(this.#shingles, FAMILY.shingle);
    }
    this.counters.lookups[0] += keyCount;
    if (this.#bands !== undefined) {
      for (let i = 0; i < this.#bandCount; i++) {
        this.#bands.gather(this.#ring, this.#bandKeys[i]!);
        candidates.addAll(this.#bands, FAMILY.simhash);
      }
      this.counters.lookups[1] += this.#bandCount;
    }
    this.#verify(words, at);
  }

  #verify(words: Uint32Array, at: number): void {
    const { linkSimilarity } = this.#settings;
    const candidates = this.#candidates;
    const counters = this.counters;
    const ring = this.#ring;
    this.matchCount = 0;
    this.#filter(words[at + ENTRY.simHi]!, words[at + ENTRY.simLo]!);
    if (candidates.count === 0) return;
    this.#similarity.begin(words, entryRecordAt(words, at), entryTokenCount(words, at));
    for (let i = 0; i < candidates.count; i++) {
      const slot = candidates.slots[i]!;
      const families = candidates.families[i]!;
      counters.candidates[0] += families & FAMILY.shingle;
      counters.candidates[1] += families >>> 1;
      const similarity = ring.similarity(slot, this.#similarity);
      if (similarity < linkSimilarity) continue;
      counters.links[0] += families & FAMILY.shingle;
      counters.links[1] += families >>> 1;
      this.matchSlots[this.matchCount] = slot;
      this.matchSimilarity[this.matchCount] = similarity;
      this.matchFamilies[this.matchCount++] = families;
    }
    this.#similarity.end();
  }

  /** Leaves those candidates that are in the window and, of the simhash family alone, near enough. */
  #filter(simHi: number, simLo: number): void {
    const { hammingMax } = this.#settings;
    const { slots, families, count } = this.#candidates;
    const ring = this.#ring;
    let touched = 0;
    // What all of them are asked first, then what those are that are left: their misses overlap here, and not further on.
    for (let i = 0; i < count; i++) {
      const slot = slots[i]!;
      touched ^= families[i] === FAMILY.simhash ? ring.touchSimhash(slot) : ring.touch(slot);
    }
    let near = 0;
    for (let i = 0; i < count; i++) {
      const slot = slots[i]!;
      let family = families[i]!;
      if ((family & FAMILY.simhash) !== 0 && ring.hamming(slot, simHi, simLo) > hammingMax) family &= ~FAMILY.simhash;
      if (family === 0) continue;
      slots[near] = slot;
      families[near++] = family;
    }
    let kept = 0;
    for (let i = 0; i < near; i++) {
      const slot = slots[i]!;
      if (!ring.isAlive(slot)) continue;
      touched ^= ring.touchTokens(slot);
      slots[kept] = slot;
      families[kept++] = families[i]!;
    }
    this.#candidates.count = kept;
    this.touched ^= touched;
  }

  /** Appends the node and files it under the text's keys. */
  #file(words: Uint32Array, at: number, firstPost: number): void {
    const ring = this.#ring;
    const lo = words[at + ENTRY.textLo]!;
    const slot = ring.append(
      words[at + ENTRY.textHi]!,
      lo,
      firstPost,
      words,
      entryRecordAt(words, at),
      entryTokenCount(words, at),
    );
    const keyCount = entryKeyCount(words, at);
    for (let k = 0; k <= keyCount; k++) this.#shingles.insert(ring, k, this.#keys[k]!);
    this.#shingles.sweep(ring);
    if (this.#bands === undefined) return;
    ring.setSimhash(slot, words[at + ENTRY.simHi]!, words[at + ENTRY.simLo]!);
    for (let i = 0; i < this.#bandCount; i++) this.#bands.insert(ring, i, this.#bandKeys[i]!);
    this.#bands.sweep(ring);
  }

  /** Grows the arrays if one more node does not fit; true if slots have been renumbered. */
  #makeRoom(tokenCount: number, keepMatches = false): boolean {
    const old = this.#ring;
    if (old.hasRoom(tokenCount)) return false;
    if (old.live < old.slots) {
      old.growWords(this.#wordsFor(old.words.length * WORDS_GROWTH, tokenCount));
      return false;
    }
    const slots = Math.ceil(old.slots * (old.slots < SLOTS_MANY ? GROWTH : GROWTH_MANY));
    const sequenceOf = new Int32Array(old.slots);
    const ring = old.grown(slots, this.#wordsFor((old.wordsInUse / old.live) * slots * SPARE, tokenCount), sequenceOf);
    this.#shingles = this.#shingles.rebuilt(old, slots, sequenceOf);
    if (this.#bands !== undefined) this.#bands = this.#bands.rebuilt(old, slots, sequenceOf);
    this.#ring = ring;
    if (keepMatches) for (let i = 0; i < this.matchCount; i++) this.matchSlots[i] = sequenceOf[this.matchSlots[i]!]!;
    return true;
  }

  #wordsFor(wanted: number, tokenCount: number): number {
    const needed = this.#ring.wordsInUse + 2 * recordWords(tokenCount);
    if (needed > RECORD_RING_WORDS_MAX) {
      throw new ChorusError(
        'window_too_large',
        `the window holds more than ${RECORD_RING_WORDS_MAX} words of tokens: shorten it or add partitions`,
      );
    }
    return Math.min(RECORD_RING_WORDS_MAX, Math.max(needed, Math.ceil(wanted)));
  }
}

function emptyShingles(slots: number): BucketChains {
  return new BucketChains(SHINGLE_ENTRIES, SHINGLE_KEY_SPACE, slots, 1);
}

function emptyBands(slots: number): BucketChains {
  return new BucketChains(SIMHASH_BANDS, SIMHASH_BANDS * BAND_SPACE, slots, 0);
}

/** A key of 31 bits folded to SHINGLE_KEY_SPACE, evenly. */
function foldedKey(key: number): number {
  return Math.floor(key * (SHINGLE_KEY_SPACE / 2 ** 31));
}

/** Keys of a band, each for another, so that near-alike texts do not come to lie in one line. */
function scattered(key: number): number {
  return (key & ~BAND_MASK) | (Math.imul(key, BAND_SCATTER) & BAND_MASK);
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
