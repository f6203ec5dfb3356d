/**
 * The text nodes of the window, in flat arrays: a ring of slots in the order in which nodes came, and a ring of words
 * with their records. Buckets (bucket-chains.ts) point at slots.
 *
 *   slot = text hash high, low | time of the last post | record offset (bits 0-28) and flags (29-31)
 *        | evidence of the first post, low | tokens (bits 0-7), evidence of the first post, high (8-31)
 *        | SimHash64 high, low (with the simhash family only)
 *
 * What a candidate is asked lies in one or two cache lines: at ten million nodes, misses are all that counts.
 *
 * N1  A node is alive at event time t while its last post is later than t - windowMs.
 * N2  The ring holds every alive node. It may hold others for a while: they are skipped, never reported.
 * N3  A node whose slot has grown old when it is posted again moves to the ring's head; the slot left behind is void.
 *     So a text posted a million times costs a slot per sixty-fourth part of the window, not a slot per post.
 */
import { BITMAP_WORDS, recordWords } from '../fingerprints/record.ts';

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
const SIM_HI = 6;
const SIM_LO = 7;
const FIELDS = 6;
const FIELDS_WITH_SIMHASH = 8;

export class NodeRing {
  /** Sequence numbers count nodes modulo twice the slots. */
  newestSequence = -1;
  live = 0;
  readonly slots: number;
  words: Uint32Array;

  readonly #windowMs: number;
  readonly #prioritySecret: number;
  readonly #stride: number;
  readonly #fields: Uint32Array;
  #nowMs = 0;
  #wordsEnd = 0;

  /** @param simhash whether nodes keep their SimHash64 */
  constructor(slots: number, words: number, windowMs: number, prioritySecret: number, simhash: boolean) {
    this.slots = slots;
    this.words = new Uint32Array(words);
    this.#windowMs = windowMs;
    this.#prioritySecret = prioritySecret;
    this.#stride = simhash ? FIELDS_WITH_SIMHASH : FIELDS;
    this.#fields = new Uint32Array(slots * this.#stride);
  }

  get bytes(): number {
    return this.words.byteLength + this.#fields.byteLength;
  }

  /** Words between the tail's record and the end of the newest one. */
  get wordsInUse(): number {
    if (this.live === 0) return 0;
    const words = this.#wordsEnd - (this.#get(this.#tailSlot(), AT) & OFFSET_MASK);
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
    return (this.#get(slot, AT) & VOID) === 0 && this.ageMs(slot) < this.#windowMs;
  }

  ageMs(slot: number): number {
    return (this.#nowMs - this.#get(slot, LAST_MS)) >>> 0;
  }

  isText(slot: number, textHi: number, textLo: number): boolean {
    return (
      this.#fields[slot * this.#stride + TEXT_HI] === textHi &&
      this.#fields[slot * this.#stride + TEXT_LO] === textLo &&
      (this.#get(slot, AT) & VOID) === 0
    );
  }

  textHi(slot: number): number {
    return this.#get(slot, TEXT_HI);
  }

  textLo(slot: number): number {
    return this.#get(slot, TEXT_LO);
  }

  recordAt(slot: number): number {
    return this.#get(slot, AT) & OFFSET_MASK;
  }

  tokenCount(slot: number): number {
    return this.#get(slot, TOKENS) & TOKEN_MASK;
  }

  /** Evidence reference of the first post since the node came into the window, a whole number below 2^53. */
  firstPost(slot: number): number {
    return (this.#get(slot, TOKENS) >>> TOKEN_BITS) * 2 ** 32 + this.#get(slot, FIRST_POST);
  }

  isRepeated(slot: number): boolean {
    return (this.#get(slot, AT) & REPEATED) !== 0;
  }

  markUnlinked(slot: number): void {
    this.#fields[slot * this.#stride + AT]! |= UNLINKED;
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
    this.#nowMs = timeMs % CLOCK_MS;
    if (sinceLastMs >= this.#windowMs) {
      this.live = 0;
      return;
    }
    if (beforeMs >= CLOCK_MS / 2 !== this.#nowMs >= CLOCK_MS / 2) this.#voidDead();
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
    const words = this.words;
    for (let i = 0; i < size; i++) words[offset + i] = from[at + i]!;
    this.#wordsEnd = offset + size;
    const fields = this.#fields;
    const base = slot * this.#stride;
    fields[base + TEXT_HI] = textHi;
    fields[base + TEXT_LO] = textLo;
    fields[base + LAST_MS] = this.#nowMs;
    fields[base + AT] = offset;
    fields[base + FIRST_POST] = firstPost;
    fields[base + TOKENS] = tokenCount | (Math.floor(firstPost / 2 ** 32) << TOKEN_BITS);
    return slot;
  }

  setSimhash(slot: number, hi: number, lo: number): void {
    this.#fields[slot * this.#stride + SIM_HI] = hi;
    this.#fields[slot * this.#stride + SIM_LO] = lo;
  }

  simHi(slot: number): number {
    return this.#get(slot, SIM_HI);
  }

  simLo(slot: number): number {
    return this.#get(slot, SIM_LO);
  }

  /** Notes another post of the node. */
  repeat(slot: number): void {
    this.#fields[slot * this.#stride + LAST_MS] = this.#nowMs;
    this.#fields[slot * this.#stride + AT]! |= REPEATED;
  }

  /** Must the node move to the head at its repeat: since its slot is old (N3), or to be linked again? */
  mustMove(slot: number): boolean {
    const newest = this.newestSlot;
    const behind = newest >= slot ? newest - slot : newest - slot + this.slots;
    return behind > 64 + (this.live >>> 6) || (this.#get(slot, AT) & UNLINKED) !== 0;
  }

  /** Marks the old slot void after the node has been appended again as the newest. */
  moved(slot: number): void {
    this.#fields[slot * this.#stride + AT]! |= VOID;
    this.#fields[this.newestSlot * this.#stride + AT]! |= REPEATED;
  }

  /** A ring with more slots and words, and the same nodes numbered anew from 0; fills `sequenceOf` by old slot. */
  grown(slots: number, words: number, sequenceOf: Int32Array): NodeRing {
    const ring = new NodeRing(slots, words, this.#windowMs, this.#prioritySecret, this.#stride === FIELDS_WITH_SIMHASH);
    ring.#nowMs = this.#nowMs;
    sequenceOf.fill(-1);
    let slot = this.#tailSlot();
    for (let i = 0; i < this.live; i++, slot = slot + 1 === this.slots ? 0 : slot + 1) {
      if (!this.isAlive(slot)) continue;
      const at = this.#get(slot, AT);
      const to = ring.append(
        this.#get(slot, TEXT_HI),
        this.#get(slot, TEXT_LO),
        this.firstPost(slot),
        this.words,
        at & OFFSET_MASK,
        this.tokenCount(slot),
      );
      ring.#fields[to * ring.#stride + LAST_MS] = this.#get(slot, LAST_MS);
      if (this.#stride === FIELDS_WITH_SIMHASH) ring.setSimhash(to, this.simHi(slot), this.simLo(slot));
      ring.#fields[to * ring.#stride + AT]! |= at & (REPEATED | UNLINKED);
      sequenceOf[slot] = to;
    }
    return ring;
  }

  /** Moves the records, in their order, to a longer array; slots stay as they are. */
  growWords(words: number): void {
    const longer = new Uint32Array(words);
    let end = 0;
    let slot = this.#tailSlot();
    for (let i = 0; i < this.live; i++, slot = slot + 1 === this.slots ? 0 : slot + 1) {
      const at = this.#get(slot, AT);
      const offset = at & OFFSET_MASK;
      const size = recordWords(this.tokenCount(slot));
      longer.set(this.words.subarray(offset, offset + size), end);
      this.#fields[slot * this.#stride + AT] = end | (at & ~OFFSET_MASK);
      end += size;
    }
    this.words = longer;
    this.#wordsEnd = end;
  }

  /** Reads both cache lines of a record: see BucketChains.touch. */
  touchRecord(slot: number): number {
    const at = this.#get(slot, AT) & OFFSET_MASK;
    return this.words[at]! ^ this.words[at + BITMAP_WORDS]!;
  }

  /** Reads what a candidate will be asked: see BucketChains.touch. */
  touch(slot: number): number {
    return this.#get(slot, LAST_MS);
  }

  /** Each half turn of the 32-bit clock, so that no dead node behind a living tail is taken for a young one a turn later. */
  #voidDead(): void {
    let slot = this.#tailSlot();
    for (let i = 0; i < this.live; i++, slot = slot + 1 === this.slots ? 0 : slot + 1) {
      if (!this.isAlive(slot)) this.#fields[slot * this.#stride + AT]! |= VOID;
    }
  }

  #get(slot: number, field: number): number {
    return this.#fields[slot * this.#stride + field]!;
  }

  #tailSlot(): number {
    const slot = this.newestSlot - this.live + 1;
    return slot < 0 ? slot + this.slots : slot;
  }

  /** Where `size` words can go, or -1. Records never wrap; the tail's record is never overwritten. */
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
