/**
 * The text nodes of the window, in flat arrays: a ring of slots in the order in which nodes came, and a ring of words
 * with their records. 25 bytes a slot and the record; buckets (bucket-chains.ts) point at slots.
 *
 * N1  A node is alive at event time t while its last post is later than t - windowMs.
 * N2  The ring holds every alive node. It may hold others for a while: they are skipped, never reported.
 * N3  A node whose slot has grown old when it is posted again moves to the ring's head; the slot left behind is void.
 *     So a text posted a million times costs a slot per thirty-second part of the window, not a slot per post.
 */
import { recordWords } from '../fingerprints/record.ts';

const OFFSET_BITS = 29;
const OFFSET_MASK = 2 ** OFFSET_BITS - 1;
/** The slot's node has moved to another slot. */
const VOID = 1 << 29;
/** The node has had two posts or more since it came into the window. */
const REPEATED = 1 << 30;
/** The node has been unlinked from a bucket in which enough nodes of smaller priority will outlive it. */
const UNLINKED = 1 << 31;

/** Largest number of record words, 2 GiB: about 35 million posts of ordinary length in one window. */
export const RECORD_RING_WORDS_MAX = 2 ** OFFSET_BITS;

export class NodeRing {
  /** Sequence numbers count nodes modulo twice the slots. */
  newestSequence = -1;
  live = 0;
  readonly slots: number;
  readonly words: Uint32Array;

  readonly #windowMs: number;
  readonly #prioritySecret: number;
  #nowMs = 0;
  readonly #textHi: Uint32Array;
  readonly #textLo: Uint32Array;
  /** Time of the last post modulo 2^32 ms; ages are below windowMs < 2^31, so differences are exact. */
  readonly #lastMs: Uint32Array;
  /** Offset of the record in `words`, and the flags above it. */
  readonly #at: Uint32Array;
  readonly #tokenCount: Uint8Array;
  readonly #firstPost: Uint32Array;
  #wordsEnd = 0;

  constructor(slots: number, words: number, windowMs: number, prioritySecret: number) {
    this.slots = slots;
    this.words = new Uint32Array(words);
    this.#windowMs = windowMs;
    this.#prioritySecret = prioritySecret;
    this.#textHi = new Uint32Array(slots);
    this.#textLo = new Uint32Array(slots);
    this.#lastMs = new Uint32Array(slots);
    this.#at = new Uint32Array(slots);
    this.#tokenCount = new Uint8Array(slots);
    this.#firstPost = new Uint32Array(slots);
  }

  get bytes(): number {
    return this.words.byteLength + this.slots * (4 * 5 + 1);
  }

  /** Words between the tail's record and the end of the newest one. */
  get wordsInUse(): number {
    if (this.live === 0) return 0;
    const words = this.#wordsEnd - (this.#at[this.#tailSlot()]! & OFFSET_MASK);
    return words > 0 ? words : words + this.words.length;
  }

  get newestSlot(): number {
    return this.newestSequence < this.slots ? this.newestSequence : this.newestSequence - this.slots;
  }

  /** Is the sequence number one of the ring's `live` newest? */
  holds(sequence: number): boolean {
    const age = this.newestSequence - sequence;
    return (age < 0 ? age + 2 * this.slots : age) < this.live;
  }

  isAlive(slot: number): boolean {
    return (this.#at[slot]! & VOID) === 0 && this.ageMs(slot) < this.#windowMs;
  }

  ageMs(slot: number): number {
    return (this.#nowMs - this.#lastMs[slot]!) >>> 0;
  }

  isText(slot: number, textHi: number, textLo: number): boolean {
    return this.#textHi[slot] === textHi && this.#textLo[slot] === textLo && (this.#at[slot]! & VOID) === 0;
  }

  textHi(slot: number): number {
    return this.#textHi[slot]!;
  }

  textLo(slot: number): number {
    return this.#textLo[slot]!;
  }

  recordAt(slot: number): number {
    return this.#at[slot]! & OFFSET_MASK;
  }

  tokenCount(slot: number): number {
    return this.#tokenCount[slot]!;
  }

  /** Evidence reference of the first post since the node came into the window. */
  firstPost(slot: number): number {
    return this.#firstPost[slot]!;
  }

  isRepeated(slot: number): boolean {
    return (this.#at[slot]! & REPEATED) !== 0;
  }

  markUnlinked(slot: number): void {
    this.#at[slot]! |= UNLINKED;
  }

  /** Keyed order of nodes in a full bucket, a whole number below 2^53; no text can be made to come first. */
  priority(slot: number): number {
    const lo = this.#textLo[slot]!;
    let h = Math.imul(this.#textHi[slot]! ^ this.#prioritySecret, 0x9e3779b1);
    h = Math.imul(h ^ (h >>> 15) ^ lo, 0x85ebca6b);
    return ((h ^ (h >>> 13)) >>> 0) * 2 ** 21 + (lo >>> 11);
  }

  /** Moves event time on and lets go of the nodes at the tail that are no longer alive. `timeMs` never decreases. */
  advance(timeMs: number, sinceLastMs: number): void {
    this.#nowMs = timeMs % 2 ** 32;
    if (sinceLastMs >= this.#windowMs) {
      this.live = 0;
      return;
    }
    while (this.live > 0 && !this.isAlive(this.#tailSlot())) this.live--;
  }

  /** Is there a free slot, and room for one more record of `tokenCount` tokens? */
  hasRoom(tokenCount: number): boolean {
    return this.live < this.slots && this.#offsetFor(recordWords(tokenCount)) >= 0;
  }

  /** Appends a node; the caller has asked `hasRoom`. The record is copied from `from[at ..]`. Returns the slot. */
  append(textHi: number, textLo: number, firstPost: number, from: Uint32Array, at: number, tokenCount: number): number {
    const size = recordWords(tokenCount);
    const offset = this.#offsetFor(size);
    this.newestSequence = this.newestSequence + 1 === 2 * this.slots ? 0 : this.newestSequence + 1;
    this.live++;
    const slot = this.newestSlot;
    for (let i = 0; i < size; i++) this.words[offset + i] = from[at + i]!;
    this.#wordsEnd = offset + size;
    this.#textHi[slot] = textHi;
    this.#textLo[slot] = textLo;
    this.#lastMs[slot] = this.#nowMs;
    this.#at[slot] = offset;
    this.#tokenCount[slot] = tokenCount;
    this.#firstPost[slot] = firstPost;
    return slot;
  }

  /** Notes another post of the node. */
  repeat(slot: number): void {
    this.#lastMs[slot] = this.#nowMs;
    this.#at[slot]! |= REPEATED;
  }

  /** Must the node move to the head at its repeat: since its slot is old (N3), or to be linked again? */
  mustMove(slot: number): boolean {
    const newest = this.newestSlot;
    const behind = newest >= slot ? newest - slot : newest - slot + this.slots;
    return behind > 64 + (this.live >>> 5) || (this.#at[slot]! & UNLINKED) !== 0;
  }

  /** Marks the old slot void after the node has been appended again as the newest. */
  moved(slot: number): void {
    this.#at[slot]! |= VOID;
    this.#at[this.newestSlot]! |= REPEATED;
  }

  /** A ring with more slots and words, and the same nodes numbered anew from 0; fills `sequenceOf` by old slot. */
  grown(slots: number, words: number, sequenceOf: Int32Array): NodeRing {
    const ring = new NodeRing(slots, words, this.#windowMs, this.#prioritySecret);
    ring.#nowMs = this.#nowMs;
    sequenceOf.fill(-1);
    let slot = this.#tailSlot();
    for (let i = 0; i < this.live; i++, slot = slot + 1 === this.slots ? 0 : slot + 1) {
      if (!this.isAlive(slot)) continue;
      const at = this.#at[slot]!;
      const to = ring.append(
        this.#textHi[slot]!,
        this.#textLo[slot]!,
        this.#firstPost[slot]!,
        this.words,
        at & OFFSET_MASK,
        this.#tokenCount[slot]!,
      );
      ring.#lastMs[to] = this.#lastMs[slot]!;
      ring.#at[to]! |= at & (REPEATED | UNLINKED);
      sequenceOf[slot] = to;
    }
    return ring;
  }

  #tailSlot(): number {
    const slot = this.newestSlot - this.live + 1;
    return slot < 0 ? slot + this.slots : slot;
  }

  /** Where `size` words can go, or -1. Records never wrap; the tail's record is never overwritten. */
  #offsetFor(size: number): number {
    if (this.live === 0) return size <= this.words.length ? 0 : -1;
    const tail = this.#at[this.#tailSlot()]! & OFFSET_MASK;
    const end = this.#wordsEnd;
    if (end > tail) {
      if (end + size <= this.words.length) return end;
      return size < tail ? 0 : -1;
    }
    return end + size < tail ? end : -1;
  }
}
