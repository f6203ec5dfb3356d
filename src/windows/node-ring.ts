/**
 * The text nodes of the window, in flat arrays: a ring of slots in the order in which nodes came, and a ring of words
 * with the tokens of their records. Buckets (bucket-chains.ts) point at nodes by their sequence.
 *
 *   slot = text hash high, low | time of the last post | offset of the tokens (bits 0-28) and flags (29-31)
 *        | evidence of the first post, low | tokens (bits 0-7), evidence of the first post, high (8-31)
 *        | trigram bitmap of the record
 *
 * What a candidate is asked lies in one or two cache lines, and its tokens in another: at ten million nodes, misses are
 * most of what counts. SimHash64 lies apart, so that slots have one size with it and without: among the other fields it
 * was no faster.
 *
 * A node's sequence counts the nodes before it, modulo a power of two; its age is how many came after it.
 *
 * N1  A node is alive at event time t while its last post is later than t - windowMs.
 * N2  The ring holds every alive node. It may hold others for a while: they are skipped, never reported.
 * N3  A node whose slot has grown old when it is posted again moves to the ring's head; the slot left behind is void.
 *     So a text posted a million times costs a slot per sixty-fourth part of the window, not a slot per post.
 */
import { BITMAP_WORDS, recordWords } from '../fingerprints/record.ts';
import type { Similarity } from '../fingerprints/similarity.ts';
import { hammingDistance } from '../fingerprints/simhash.ts';

const OFFSET_BITS = 29;
const OFFSET_MASK = 2 ** OFFSET_BITS - 1;
/** The slot's node has moved to another slot. */
const VOID = 1 << 29;
/** The node has had two posts or more since it came into the window. */
const REPEATED = 1 << 30;
/** The node has been unlinked from a bucket in which enough nodes of smaller priority will outlive it. */
const UNLINKED = 1 << 31;

/** Largest number of words of tokens, 2 GiB: about 60 million posts of ordinary length in one window. */
export const RECORD_RING_WORDS_MAX = 2 ** OFFSET_BITS;

const CLOCK_MS = 2 ** 32;

const TEXT_HI = 0;
const TEXT_LO = 1;
/** Modulo 2^32 ms; ages stay below twice the longest window, so differences are exact. */
const LAST_MS = 2;
const AT = 3;
const FIRST_POST = 4;
const TOKENS = 5;
const TOKEN_BITS = 8;
const TOKEN_MASK = 2 ** TOKEN_BITS - 1;
const BITMAP = 6;
const FIELDS = BITMAP + BITMAP_WORDS;

/** Bits of a node's sequence in a ring of so many slots: an eighth of the slots more, to have the outlived ones cleared in. */
export function sequenceBits(slots: number): number {
  return Math.ceil(Math.log2(slots * 1.125 + 1));
}

export class NodeRing {
  newestSequence = -1;
  newestSlot = -1;
  live = 0;
  readonly slots: number;
  words: Int32Array;

  readonly #windowMs: number;
  readonly #prioritySecret: number;
  readonly #fields: Int32Array;
  /** High and low word for each slot, or empty. */
  readonly #simhashes: Int32Array;
  readonly #sequenceMask: number;
  #nowMs = 0;
  #wordsEnd = 0;

  /**
   * @param words   room for the tokens of all records
   * @param simhash whether nodes keep their SimHash64
   */
  constructor(slots: number, words: number, windowMs: number, prioritySecret: number, simhash: boolean) {
    this.slots = slots;
    this.words = new Int32Array(words);
    this.#windowMs = windowMs;
    this.#prioritySecret = prioritySecret;
    this.#sequenceMask = 2 ** sequenceBits(slots) - 1;
    this.#fields = new Int32Array(FIELDS * slots);
    this.#simhashes = new Int32Array(simhash ? 2 * slots : 0);
  }

  get bytes(): number {
    return this.words.byteLength + this.#fields.byteLength + this.#simhashes.byteLength;
  }

  /** Words between the tail's tokens and the end of the newest ones. */
  get wordsInUse(): number {
    if (this.live === 0) return 0;
    const words = this.#wordsEnd - (this.#get(this.#tailSlot(), AT) & OFFSET_MASK);
    return words > 0 ? words : words + this.words.length;
  }

  /** Age of the node of the sequence in the low bits of `pointer`; the ring holds the ages below `live`. */
  ageOf(pointer: number): number {
    return (this.newestSequence - pointer) & this.#sequenceMask;
  }

  slotOfAge(age: number): number {
    const slot = this.newestSlot - age;
    return slot < 0 ? slot + this.slots : slot;
  }

  isAlive(slot: number): boolean {
    return (this.#get(slot, AT) & VOID) === 0 && this.ageMs(slot) < this.#windowMs;
  }

  ageMs(slot: number): number {
    return (this.#nowMs - this.#get(slot, LAST_MS)) >>> 0;
  }

  isText(slot: number, textHi: number, textLo: number): boolean {
    return this.#get(slot, TEXT_HI) === (textHi | 0) && this.#get(slot, TEXT_LO) === (textLo | 0);
  }

  textHi(slot: number): number {
    return this.#get(slot, TEXT_HI) >>> 0;
  }

  textLo(slot: number): number {
    return this.#get(slot, TEXT_LO) >>> 0;
  }

  /** Evidence reference of the first post since the node came into the window, a whole number below 2^53. */
  firstPost(slot: number): number {
    return (this.#get(slot, TOKENS) >>> TOKEN_BITS) * 2 ** 32 + (this.#get(slot, FIRST_POST) >>> 0);
  }

  isRepeated(slot: number): boolean {
    return (this.#get(slot, AT) & REPEATED) !== 0;
  }

  markUnlinked(slot: number): void {
    this.#fields[slot * FIELDS + AT]! |= UNLINKED;
  }

  /** Keyed order of nodes in a full bucket, a whole number below 2^53; no text can be made to come first. */
  priority(slot: number): number {
    const lo = this.#get(slot, TEXT_LO);
    let h = Math.imul(this.#get(slot, TEXT_HI) ^ this.#prioritySecret, 0x9e3779b1);
    h = Math.imul(h ^ (h >>> 15) ^ lo, 0x85ebca6b);
    return ((h ^ (h >>> 13)) >>> 0) * 2 ** 21 + (lo >>> 11);
  }

  /** Moves event time on and lets go of the nodes at the tail that are no longer alive. `timeMs` never decreases. */
  advance(timeMs: number, sinceLastMs: number): void {
    const beforeMs = this.#nowMs;
    // Modulo 2^32.
    this.#nowMs = timeMs >>> 0;
    if (sinceLastMs >= this.#windowMs) {
      this.live = 0;
      return;
    }
    if (beforeMs >= CLOCK_MS / 2 !== this.#nowMs >= CLOCK_MS / 2) this.#voidDead();
    while (this.live > 0 && !this.isAlive(this.#tailSlot())) this.live--;
  }

  /** Is there a free slot, and room for one more record of `tokenCount` tokens? */
  hasRoom(tokenCount: number): boolean {
    return this.live < this.slots && this.#offsetFor(tokenWords(tokenCount)) >= 0;
  }

  /** Appends a node; the caller has asked `hasRoom`. The record is copied from `from[at ..]`. Returns the slot. */
  append(textHi: number, textLo: number, firstPost: number, from: Uint32Array, at: number, tokenCount: number): number {
    const offset = this.#addSlot(tokenCount);
    const words = this.words;
    const tokensAt = at + BITMAP_WORDS;
    const size = recordWords(tokenCount) - BITMAP_WORDS;
    for (let i = 0; i < size; i++) words[offset + i] = from[tokensAt + i]!;
    const fields = this.#fields;
    const base = this.newestSlot * FIELDS;
    fields[base + TEXT_HI] = textHi;
    fields[base + TEXT_LO] = textLo;
    fields[base + LAST_MS] = this.#nowMs;
    fields[base + AT] = offset;
    fields[base + FIRST_POST] = firstPost;
    fields[base + TOKENS] = tokenCount | (Math.floor(firstPost / 2 ** 32) << TOKEN_BITS);
    for (let i = 0; i < BITMAP_WORDS; i++) fields[base + BITMAP + i] = from[at + i]!;
    return this.newestSlot;
  }

  setSimhash(slot: number, hi: number, lo: number): void {
    this.#simhashes[2 * slot] = hi;
    this.#simhashes[2 * slot + 1] = lo;
  }

  /** Bits in which the node's SimHash64 differs. */
  hamming(slot: number, hi: number, lo: number): number {
    return hammingDistance(this.#simhashes[2 * slot]!, this.#simhashes[2 * slot + 1]!, hi, lo);
  }

  /** R of the node and the text that `similarity` has begun with. */
  similarity(slot: number, similarity: Similarity): number {
    const fields = this.#fields;
    const base = slot * FIELDS;
    const tokensAt = fields[base + AT]! & OFFSET_MASK;
    return similarity.withParts(fields, base + BITMAP, this.words, tokensAt, fields[base + TOKENS]! & TOKEN_MASK);
  }

  /** Notes another post of the node. */
  repeat(slot: number): void {
    this.#fields[slot * FIELDS + LAST_MS] = this.#nowMs;
    this.#fields[slot * FIELDS + AT]! |= REPEATED;
  }

  /** Must the node move to the head at its repeat: since its slot is old (N3), or to be linked again? */
  mustMove(slot: number): boolean {
    const newest = this.newestSlot;
    const behind = newest >= slot ? newest - slot : newest - slot + this.slots;
    return behind > 64 + (this.live >>> 6) || (this.#get(slot, AT) & UNLINKED) !== 0;
  }

  /** Marks the old slot void after the node has been appended again as the newest. */
  moved(slot: number): void {
    this.#fields[slot * FIELDS + AT]! |= VOID;
    this.#fields[this.newestSlot * FIELDS + AT]! |= REPEATED;
  }

  /** A ring with more slots and words, and the same nodes numbered anew from 0; fills `sequenceOf` by old slot. */
  grown(slots: number, words: number, sequenceOf: Int32Array): NodeRing {
    const ring = new NodeRing(slots, words, this.#windowMs, this.#prioritySecret, this.#simhashes.length > 0);
    ring.#nowMs = this.#nowMs;
    sequenceOf.fill(-1);
    let slot = this.#tailSlot();
    for (let i = 0; i < this.live; i++, slot = slot + 1 === this.slots ? 0 : slot + 1) {
      if (!this.isAlive(slot)) continue;
      const base = slot * FIELDS;
      const at = this.#get(slot, AT);
      const from = at & OFFSET_MASK;
      const size = tokenWords(this.#get(slot, TOKENS) & TOKEN_MASK);
      const offset = ring.#addSlot(this.#get(slot, TOKENS) & TOKEN_MASK);
      ring.words.set(this.words.subarray(from, from + size), offset);
      const to = ring.newestSlot * FIELDS;
      ring.#fields.set(this.#fields.subarray(base, base + FIELDS), to);
      ring.#fields[to + AT] = offset | (at & (REPEATED | UNLINKED));
      if (this.#simhashes.length > 0) {
        ring.setSimhash(ring.newestSlot, this.#simhashes[2 * slot]!, this.#simhashes[2 * slot + 1]!);
      }
      sequenceOf[slot] = ring.newestSlot;
    }
    return ring;
  }

  /** Moves the tokens, in their order, to a longer array; slots stay as they are. */
  growWords(words: number): void {
    const longer = new Int32Array(words);
    let end = 0;
    let slot = this.#tailSlot();
    for (let i = 0; i < this.live; i++, slot = slot + 1 === this.slots ? 0 : slot + 1) {
      const at = this.#get(slot, AT);
      const offset = at & OFFSET_MASK;
      const size = tokenWords(this.#get(slot, TOKENS) & TOKEN_MASK);
      longer.set(this.words.subarray(offset, offset + size), end);
      this.#fields[slot * FIELDS + AT] = end | (at & ~OFFSET_MASK);
      end += size;
    }
    this.words = longer;
    this.#wordsEnd = end;
  }

  /** Reads the node's SimHash64: see BucketChains.touch. */
  touchSimhash(slot: number): number {
    return this.#simhashes[2 * slot]!;
  }

  /** Reads the node: see BucketChains.touch. */
  touch(slot: number): number {
    return this.#get(slot, LAST_MS) ^ this.#get(slot, FIELDS - 1);
  }

  /** Reads the node's tokens: see BucketChains.touch. */
  touchTokens(slot: number): number {
    return this.words[this.#get(slot, AT) & OFFSET_MASK]!;
  }

  /** Each half turn of the 32-bit clock, so that no dead node behind a living tail is taken for a young one a turn later. */
  #voidDead(): void {
    let slot = this.#tailSlot();
    for (let i = 0; i < this.live; i++, slot = slot + 1 === this.slots ? 0 : slot + 1) {
      if (!this.isAlive(slot)) this.#fields[slot * FIELDS + AT]! |= VOID;
    }
  }

  #get(slot: number, field: number): number {
    return this.#fields[slot * FIELDS + field]!;
  }

  #tailSlot(): number {
    return this.slotOfAge(this.live - 1);
  }

  /** Takes the next slot and sequence, and room for tokens: their offset. */
  #addSlot(tokenCount: number): number {
    const size = tokenWords(tokenCount);
    const offset = this.#offsetFor(size);
    this.newestSequence = (this.newestSequence + 1) & this.#sequenceMask;
    this.newestSlot = this.newestSlot + 1 === this.slots ? 0 : this.newestSlot + 1;
    this.live++;
    this.#wordsEnd = offset + size;
    return offset;
  }

  /** Where `size` words can go, or -1. Tokens of a record never wrap; the tail's are never overwritten. */
  #offsetFor(size: number): number {
    if (this.live === 0) return size <= this.words.length ? 0 : -1;
    const tail = this.#get(this.#tailSlot(), AT) & OFFSET_MASK;
    const end = this.#wordsEnd;
    if (end > tail) {
      if (end + size <= this.words.length) return end;
      return size < tail ? 0 : -1;
    }
    return end + size < tail ? end : -1;
  }
}

/** Words that the tokens of a record take; never none, or an empty ring would look like a full one. */
function tokenWords(tokenCount: number): number {
  return tokenCount === 0 ? 1 : recordWords(tokenCount) - BITMAP_WORDS;
}
