/**
 * Which text nodes of the window share a key: chains through flat arrays, newest node first.
 *
 * A node lives in a slot of a ring (node-ring.ts) and owns `keysPerSlot` entries, one for each key it may have. Entries of
 * one head form a linked list. A pointer packs which entry it leads to and the part of that entry's key that the head
 * does not tell, so that a key is compared exactly and never stored:
 *
 *   pointer - 1 = tag * (2 * slots * keysPerSlot) + sequence * keysPerSlot + entry         0 = end of chain
 *   key         = tag * heads + head
 *
 * `sequence` counts nodes modulo twice the ring's slots. Chains run from young to old, so expiry needs no work: the first
 * pointer to a sequence older than the ring's tail ends its chain. A pointer left in a head must be gone before its
 * sequence comes round again: `sweep` clears the heads in turn, all of them once per `slots` insertions.
 */
import type { NodeRing } from './node-ring.ts';

/** Candidates of one bucket: those of smallest priority among the nodes in the window. */
export const BUCKET_CANDIDATES_MAX = 16;

/** Fewest heads for each key that the slots can have: what keeps chains short where the pointers' tags would allow fewer. */
const HEADS_PER_KEY = 0.6;

/** Keys touched at once: more than a node has. */
const TOUCHED_MAX = 16;

export class BucketChains {
  /** Slots of the candidates that `collect` found, `count` of them, in no order. */
  readonly candidates = new Int32Array(BUCKET_CANDIDATES_MAX);
  count = 0;
  /** Buckets so far that held more nodes than are compared. */
  cappedTotal = 0;
  /** Most entries walked in one bucket. */
  longest = 0;

  readonly #keysPerSlot: number;
  readonly #firstKey: number;
  readonly #keySpace: number;
  readonly #slots: number;
  readonly #heads: Uint32Array;
  readonly #next: Uint32Array;
  readonly #headCount: number;
  /** Entries addressable by a pointer: two generations of the ring. */
  readonly #span: number;
  readonly #sweepStep: number;
  #sweepAt = 0;
  readonly #pointers = new Uint32Array(TOUCHED_MAX);
  readonly #tags = new Int32Array(TOUCHED_MAX);
  readonly #priorities = new Float64Array(BUCKET_CANDIDATES_MAX);

  /**
   * @param keysPerSlot keys a node may have
   * @param keySpace    keys are integers in [0, keySpace), keySpace <= 2^31
   * @param slots       slots of the ring
   * @param firstKey    entries before it are for `find` alone: `collect` passes them over
   */
  constructor(keysPerSlot: number, keySpace: number, slots: number, firstKey: number) {
    this.#keysPerSlot = keysPerSlot;
    this.#firstKey = firstKey;
    this.#keySpace = keySpace;
    this.#slots = slots;
    this.#span = 2 * slots * keysPerSlot;
    const tags = Math.max(1, Math.floor((2 ** 32 - 1) / this.#span));
    this.#headCount = Math.min(keySpace, Math.ceil(Math.max(keySpace / tags, HEADS_PER_KEY * keysPerSlot * slots)));
    this.#heads = new Uint32Array(this.#headCount);
    this.#next = new Uint32Array(slots * keysPerSlot);
    this.#sweepStep = Math.ceil(this.#headCount / slots) + 1;
  }

  get bytes(): number {
    return this.#heads.byteLength + this.#next.byteLength;
  }

  /** Files entry `entry` of the ring's newest node under `key`. */
  insert(ring: NodeRing, entry: number, key: number): void {
    const tag = Math.floor(key / this.#headCount);
    const head = key - tag * this.#headCount;
    const sequence = ring.newestSequence;
    const slot = sequence < this.#slots ? sequence : sequence - this.#slots;
    const first = this.#heads[head]!;
    this.#next[slot * this.#keysPerSlot + entry] = this.#leadsToHeld(ring, first) ? first : 0;
    this.#heads[head] = tag * this.#span + sequence * this.#keysPerSlot + entry + 1;
  }

  /** Clears outlived pointers from the next heads; once per insertion of a node. */
  sweep(ring: NodeRing): void {
    const heads = this.#heads;
    const end = Math.min(this.#headCount, this.#sweepAt + this.#sweepStep);
    for (let head = this.#sweepAt; head < end; head++) {
      if (!this.#leadsToHeld(ring, heads[head]!)) heads[head] = 0;
    }
    this.#sweepAt = end === this.#headCount ? 0 : end;
  }

  /**
   * Reads the heads of several keys, the first entry behind each, and the node of an entry that has the key. The reads do
   * not wait for one another, so the misses overlap, which those of `collect`, one chain after the other, cannot. The sum
   * it returns is of no use.
   */
  touch(ring: NodeRing, keys: Uint32Array, count: number): number {
    const pointers = this.#pointers;
    const tags = this.#tags;
    const headCount = this.#headCount;
    const span = this.#span;
    const keysPerSlot = this.#keysPerSlot;
    for (let k = 0; k < count; k++) {
      const key = keys[k]!;
      const tag = Math.floor(key / headCount);
      tags[k] = tag;
      pointers[k] = this.#heads[key - tag * headCount]!;
    }
    let sum = 0;
    for (let k = 0; k < count; k++) {
      const pointer = pointers[k]!;
      if (pointer === 0) continue;
      const tag = Math.floor((pointer - 1) / span);
      const at = (pointer - 1 - tag * span) | 0;
      const sequence = (at / keysPerSlot) | 0;
      const slot = sequence < this.#slots ? sequence : sequence - this.#slots;
      sum += this.#next[slot * keysPerSlot + at - sequence * keysPerSlot]!;
      if (tag === tags[k]) sum += ring.touch(slot);
    }
    return sum;
  }

  /** Slot of the node in the window whose text hash is (textHi, textLo), or -1; `key` is the key it is filed under. */
  find(ring: NodeRing, key: number, textHi: number, textLo: number): number {
    const tag = Math.floor(key / this.#headCount);
    const span = this.#span;
    const keys = this.#keysPerSlot;
    let pointer = this.#heads[key - tag * this.#headCount]!;
    while (pointer !== 0) {
      const entryTag = Math.floor((pointer - 1) / span);
      const at = (pointer - 1 - entryTag * span) | 0;
      const sequence = (at / keys) | 0;
      if (!ring.holds(sequence)) return -1;
      const slot = sequence < this.#slots ? sequence : sequence - this.#slots;
      if (entryTag === tag && ring.isText(slot, textHi, textLo)) return ring.isAlive(slot) ? slot : -1;
      pointer = this.#next[slot * keys + at - sequence * keys]!;
    }
    return -1;
  }

  /**
   * Fills `candidates` with the nodes in the window filed under `key`: all of them, or the BUCKET_CANDIDATES_MAX of
   * smallest priority.
   *
   * On its way it unlinks nodes that have left the window and nodes that cannot become candidates any more, because
   * enough nodes of smaller priority will outlive them. That keeps the chain of a bucket with n nodes near
   * 16 (1 + ln(n / 16)) entries, whatever its text (the k-skyband of a sliding window, Mouratidis et al. 2006).
   */
  collect(ring: NodeRing, key: number): void {
    const tag = Math.floor(key / this.#headCount);
    const head = key - tag * this.#headCount;
    const span = this.#span;
    const keys = this.#keysPerSlot;
    const next = this.#next;
    this.count = 0;
    let found = 0;
    let largest = -1;
    let before = -1;
    let pointer = this.#heads[head]!;
    while (pointer !== 0) {
      const entryTag = Math.floor((pointer - 1) / span);
      const at = (pointer - 1 - entryTag * span) | 0;
      const sequence = (at / keys) | 0;
      if (!ring.holds(sequence)) {
        this.#link(head, before, 0);
        break;
      }
      const slot = sequence < this.#slots ? sequence : sequence - this.#slots;
      const entry = slot * keys + at - sequence * keys;
      pointer = next[entry]!;
      if (entryTag !== tag || at - sequence * keys < this.#firstKey) {
        before = entry;
        continue;
      }
      if (!ring.isAlive(slot)) {
        this.#link(head, before, pointer);
        continue;
      }
      found++;
      if (this.count < BUCKET_CANDIDATES_MAX) {
        this.candidates[this.count++] = slot;
        before = entry;
        continue;
      }
      if (largest < 0) largest = this.#rankAll(ring);
      const priority = ring.priority(slot);
      if (priority < this.#priorities[largest]!) {
        this.candidates[largest] = slot;
        this.#priorities[largest] = priority;
        largest = this.#largest();
        before = entry;
      } else if (this.#allOutlive(ring, slot)) {
        ring.markUnlinked(slot);
        this.#link(head, before, pointer);
      } else {
        before = entry;
      }
    }
    if (found > this.longest) this.longest = found;
    if (found > BUCKET_CANDIDATES_MAX) this.cappedTotal++;
  }

  /** Chains for a ring of `slots` slots in which the nodes are numbered anew from 0; `sequenceOf` maps the old slots, -1 for gone. */
  rebuilt(ring: NodeRing, slots: number, sequenceOf: Int32Array): BucketChains {
    const chains = new BucketChains(this.#keysPerSlot, this.#keySpace, slots, this.#firstKey);
    const keys = this.#keysOfEntries(ring);
    const slotOf = new Int32Array(slots).fill(-1);
    for (let slot = 0; slot < this.#slots; slot++) if (sequenceOf[slot]! >= 0) slotOf[sequenceOf[slot]!] = slot;
    for (let sequence = 0; sequence < slots; sequence++) {
      const slot = slotOf[sequence]!;
      if (slot < 0) continue;
      for (let entry = 0; entry < this.#keysPerSlot; entry++) {
        const key = keys[slot * this.#keysPerSlot + entry]! - 1;
        if (key < 0) continue;
        const tag = Math.floor(key / chains.#headCount);
        const head = key - tag * chains.#headCount;
        chains.#next[sequence * this.#keysPerSlot + entry] = chains.#heads[head]!;
        chains.#heads[head] = tag * chains.#span + sequence * this.#keysPerSlot + entry + 1;
      }
    }
    chains.cappedTotal = this.cappedTotal;
    chains.longest = this.longest;
    return chains;
  }

  /** Key + 1 of every linked entry, 0 for the others. */
  #keysOfEntries(ring: NodeRing): Uint32Array {
    const keys = new Uint32Array(this.#next.length);
    for (let head = 0; head < this.#headCount; head++) {
      let pointer = this.#heads[head]!;
      while (pointer !== 0) {
        const tag = Math.floor((pointer - 1) / this.#span);
        const at = pointer - 1 - tag * this.#span;
        const sequence = Math.floor(at / this.#keysPerSlot);
        if (!ring.holds(sequence)) break;
        const slot = sequence < this.#slots ? sequence : sequence - this.#slots;
        const entry = slot * this.#keysPerSlot + at - sequence * this.#keysPerSlot;
        keys[entry] = tag * this.#headCount + head + 1;
        pointer = this.#next[entry]!;
      }
    }
    return keys;
  }

  #leadsToHeld(ring: NodeRing, pointer: number): boolean {
    if (pointer === 0) return false;
    const tag = Math.floor((pointer - 1) / this.#span);
    return ring.holds(((pointer - 1 - tag * this.#span) / this.#keysPerSlot) | 0);
  }

  #link(head: number, before: number, pointer: number): void {
    if (before < 0) this.#heads[head] = pointer;
    else this.#next[before] = pointer;
  }

  #rankAll(ring: NodeRing): number {
    for (let i = 0; i < BUCKET_CANDIDATES_MAX; i++) this.#priorities[i] = ring.priority(this.candidates[i]!);
    return this.#largest();
  }

  #largest(): number {
    let largest = 0;
    for (let i = 1; i < BUCKET_CANDIDATES_MAX; i++) {
      if (this.#priorities[i]! > this.#priorities[largest]!) largest = i;
    }
    return largest;
  }

  #allOutlive(ring: NodeRing, slot: number): boolean {
    const age = ring.ageMs(slot);
    for (let i = 0; i < BUCKET_CANDIDATES_MAX; i++) if (ring.ageMs(this.candidates[i]!) > age) return false;
    return true;
  }
}
