/**
 * Which text nodes of the window share a key: a hash table of lines of 64 bytes, so that what is filed under a key costs one
 * cache miss.
 *
 *   line    = 15 pointers | number of the spare line that takes what it cannot hold, or 0
 *   pointer = (tag + 1) << sequence bits | sequence of the node (node-ring.ts)         0 = free
 *   key     = line * tags + tag
 *
 * A key is compared exactly and never stored: the line tells one part of it, the tag the other. Keys that are near each other lie in
 * lines that are, so growth writes the new lines from the first to the last and not here and there, which takes four times as
 * long. It is why keys have to be spread evenly. Expiry needs no work: a
 * pointer to a sequence older than the ring's tail counts as free. It must be gone before its sequence comes round again:
 * `sweep` clears the lines in turn, all of them in fewer insertions than that takes.
 *
 * Entries before the first key (the text hash of a node) are filed behind the key space, for `find` alone.
 */
import { sequenceBits, type NodeRing } from './node-ring.ts';

/** Candidates of one bucket: those of smallest priority among the nodes in the window. */
export const BUCKET_CANDIDATES_MAX = 16;

const LINE_BITS = 4;
const LINE_WORDS = 1 << LINE_BITS;
const POINTERS = LINE_WORDS - 1;
/**
 * Keys a line is made for, of those that the slots can have. At ten million nodes a sixth as many spare lines come on top;
 * with 10.5 or 12 keys both together take more.
 */
const KEYS_PER_LINE = 11.5;
/**
 * Hashes of texts are folded to so many for each key: their share of the space is their share of what is filed (a node has one text, and
 * 6.7 keys in the mean), so that their lines are as full as the others. At ten million nodes one look of twenty meets another text, and is
 * told so by it.
 */
const TEXT_SHARE = 0.15;
/** Large blocks of memory begin 16 bytes behind a page: with 48 more the lines lie as the processor's do. */
const LINE_START_BYTES = 48;
const SPARE_GROWTH = 1.05;

export class BucketChains {
  /** Slots of the candidates that `collect` or `gather` found, `count` of them, in no order. */
  readonly candidates = new Int32Array(BUCKET_CANDIDATES_MAX);
  count = 0;
  /** Buckets so far that held more nodes than are compared. */
  cappedTotal = 0;
  /** Most nodes met in one bucket. */
  longest = 0;

  readonly #keysPerSlot: number;
  readonly #firstKey: number;
  readonly #keySpace: number;
  readonly #textShare: number;
  readonly #bits: number;
  readonly #lineCount: number;
  /** Keys of one line. */
  readonly #tags: number;
  /** 1 / tags, so little too large that the product with a key, rounded down, is the exact quotient. */
  readonly #perTag: number;
  readonly #lines: Int32Array;
  /** Line 0 is never used: its number says that there is none. */
  #spares: Int32Array;
  #sparesUsed = 1;
  /** First of the spare lines given back, each leading to the next. */
  #spareFree = 0;
  readonly #sweepStep: number;
  #sweepAt = 0;
  /** Pointers or ages of one bucket. */
  #scratch = new Int32Array(256);
  readonly #priorities = new Float64Array(BUCKET_CANDIDATES_MAX);

  /**
   * @param keysPerSlot keys a node may have
   * @param keySpace    keys are integers in [0, keySpace), evenly spread; keySpace <= 2^31
   * @param slots       slots of the ring
   * @param firstKey    entries before it are for `find` alone: `collect` passes them over
   */
  constructor(keysPerSlot: number, keySpace: number, slots: number, firstKey: number) {
    this.#keysPerSlot = keysPerSlot;
    this.#firstKey = firstKey;
    this.#keySpace = keySpace;
    this.#bits = sequenceBits(slots);
    const textSpace = firstKey > 0 ? Math.ceil(keySpace * TEXT_SHARE) : 0;
    this.#textShare = textSpace / keySpace;
    const space = keySpace + textSpace;
    const tags = 2 ** (32 - this.#bits) - 1;
    const fewest = Math.min(space, Math.max(space / tags, (keysPerSlot * slots) / KEYS_PER_LINE));
    this.#tags = Math.floor(space / fewest);
    this.#lineCount = Math.ceil(space / this.#tags);
    this.#perTag = (1 + 2 ** -50) / this.#tags;
    this.#lines = linesOf(this.#lineCount);
    this.#spares = linesOf(2 + (this.#lineCount >>> 6));
    this.#sweepStep = Math.ceil(this.#lineCount / (2 ** this.#bits - slots));
  }

  get bytes(): number {
    return this.#lines.byteLength + this.#spares.byteLength;
  }

  /** Files entry `entry` of the ring's newest node under `key`. */
  insert(ring: NodeRing, entry: number, key: number): void {
    const filed = entry < this.#firstKey ? this.#textKey(key) : key;
    const line = this.#lineOf(filed);
    const tag = filed - line * this.#tags;
    this.#put(line, ((tag + 1) << this.#bits) | ring.newestSequence, ring.newestSequence, ring.live);
    // So that a spare line goes back when it is not needed any more, and not a round of `sweep` later.
    if (this.#lines[(line << LINE_BITS) + POINTERS] !== 0) this.#compact(line, ring.newestSequence, ring.live);
  }

  /** Clears outlived pointers from the next lines and takes back spare ones; once per insertion of a node. */
  sweep(ring: NodeRing): void {
    const lines = this.#lines;
    const mask = (1 << this.#bits) - 1;
    const newest = ring.newestSequence;
    const live = ring.live;
    const end = Math.min(this.#lineCount, this.#sweepAt + this.#sweepStep);
    for (let line = this.#sweepAt; line < end; line++) {
      const at = line << LINE_BITS;
      for (let i = at; i < at + POINTERS; i++) if (((newest - lines[i]!) & mask) >= live) lines[i] = 0;
      if (lines[at + POINTERS] !== 0) this.#compact(line, newest, live);
    }
    this.#sweepAt = end === this.#lineCount ? 0 : end;
  }

  /**
   * Reads the lines of several keys, the first `firstKey` of them keys of texts. The reads do not wait for one another, so
   * the misses overlap, which those of `gather`, with all it does between them, cannot. The sum it returns is of no use.
   */
  touch(keys: Uint32Array, count: number): number {
    const lines = this.#lines;
    let sum = 0;
    for (let k = 0; k < count; k++) {
      const key = k < this.#firstKey ? this.#textKey(keys[k]!) : keys[k]!;
      sum ^= lines[this.#lineOf(key) << LINE_BITS]!;
    }
    return sum;
  }

  /** Slot of the node in the window whose text hash is (textHi, textLo), or -1; `key` is the key it is filed under. */
  find(ring: NodeRing, key: number, textHi: number, textLo: number): number {
    const filed = this.#firstKey > 0 ? this.#textKey(key) : key;
    const line = this.#lineOf(filed);
    const tag = filed - line * this.#tags;
    const bits = this.#bits;
    const mask = (1 << bits) - 1;
    const newest = ring.newestSequence;
    const live = ring.live;
    let words = this.#lines;
    let at = line << LINE_BITS;
    for (;;) {
      for (let i = at; i < at + POINTERS; i++) {
        const pointer = words[i]!;
        if (pointer >>> bits !== tag + 1) continue;
        const age = (newest - pointer) & mask;
        if (age >= live) continue;
        const slot = ring.slotOfAge(age);
        if (ring.isText(slot, textHi, textLo) && ring.isAlive(slot)) return slot;
      }
      const next = words[at + POINTERS]!;
      if (next === 0) return -1;
      words = this.#spares;
      at = next << LINE_BITS;
    }
  }

  /**
   * Fills `candidates` with the nodes in the window filed under `key`: all of them, or the BUCKET_CANDIDATES_MAX of
   * smallest priority.
   */
  collect(ring: NodeRing, key: number): void {
    this.gather(ring, key);
    let alive = 0;
    for (let i = 0; i < this.count; i++) {
      const slot = this.candidates[i]!;
      if (ring.isAlive(slot)) this.candidates[alive++] = slot;
    }
    this.count = alive;
  }

  /** `collect`, but a bucket that is not full is given as it is, unasked: with nodes that are not in the window any more. */
  gather(ring: NodeRing, key: number): void {
    const candidates = this.candidates;
    const line = this.#lineOf(key);
    const tag = key - line * this.#tags;
    const bits = this.#bits;
    const mask = (1 << bits) - 1;
    const newest = ring.newestSequence;
    const live = ring.live;
    let found = 0;
    let words = this.#lines;
    let at = line << LINE_BITS;
    for (;;) {
      for (let i = at; i < at + POINTERS; i++) {
        const pointer = words[i]!;
        if (pointer >>> bits !== tag + 1) continue;
        const age = (newest - pointer) & mask;
        if (age >= live) continue;
        if (found === BUCKET_CANDIDATES_MAX) {
          this.#choose(ring, line, tag);
          return;
        }
        candidates[found++] = ring.slotOfAge(age);
      }
      const next = words[at + POINTERS]!;
      if (next === 0) break;
      words = this.#spares;
      at = next << LINE_BITS;
    }
    this.count = found;
    if (found > this.longest) this.longest = found;
  }

  /** Chains for a ring of `slots` slots in which the nodes are numbered anew from 0; `sequenceOf` maps the old slots, -1 for gone. */
  rebuilt(ring: NodeRing, slots: number, sequenceOf: Int32Array): BucketChains {
    const chains = new BucketChains(this.#keysPerSlot, this.#keySpace, slots, this.#firstKey);
    const bits = this.#bits;
    for (let line = 0; line < this.#lineCount; line++) {
      const count = this.#held(line, ring.newestSequence, ring.live);
      for (let i = 0; i < count; i++) {
        const pointer = this.#scratch[i]!;
        const sequence = sequenceOf[ring.slotOfAge(ring.ageOf(pointer))]!;
        if (sequence < 0) continue;
        const key = line * this.#tags + (pointer >>> bits) - 1;
        const to = chains.#lineOf(key);
        chains.#put(to, ((key - to * chains.#tags + 1) << chains.#bits) | sequence, 0, Infinity);
      }
    }
    chains.cappedTotal = this.cappedTotal;
    chains.longest = this.longest;
    return chains;
  }

  /** Without a division, of which a post would have twenty. */
  #lineOf(key: number): number {
    return (key * this.#perTag) | 0;
  }

  #textKey(key: number): number {
    return this.#keySpace + Math.floor(key * this.#textShare);
  }

  /**
   * Writes a pointer over one of the line that is free or outlived. It looks from another place on each time: one in three
   * is free, but those at the front never would be. Worth 5 % of the step at two million nodes.
   */
  #put(line: number, pointer: number, newest: number, live: number): void {
    const mask = (1 << this.#bits) - 1;
    const start = pointer & 7;
    let words = this.#lines;
    let at = line << LINE_BITS;
    for (;;) {
      for (let i = at + start; i < at + POINTERS; i++) {
        const other = words[i]!;
        if (other !== 0 && ((newest - other) & mask) < live) continue;
        words[i] = pointer;
        return;
      }
      for (let i = at; i < at + start; i++) {
        const other = words[i]!;
        if (other !== 0 && ((newest - other) & mask) < live) continue;
        words[i] = pointer;
        return;
      }
      const next = words[at + POINTERS]!;
      if (next === 0) break;
      words = this.#spares;
      at = next << LINE_BITS;
    }
    const isFirst = words === this.#lines;
    const spare = this.#takeSpare();
    (isFirst ? this.#lines : this.#spares)[at + POINTERS] = spare;
    this.#spares[spare << LINE_BITS] = pointer;
  }

  /** The number of an empty spare line. */
  #takeSpare(): number {
    const free = this.#spareFree;
    if (free !== 0) {
      this.#spareFree = this.#spares[(free << LINE_BITS) + POINTERS]!;
      this.#spares[(free << LINE_BITS) + POINTERS] = 0;
      return free;
    }
    if (this.#sparesUsed << LINE_BITS === this.#spares.length) {
      const more = linesOf(Math.ceil(this.#sparesUsed * SPARE_GROWTH) + 1);
      more.set(this.#spares);
      this.#spares = more;
    }
    return this.#sparesUsed++;
  }

  /** Moves the pointers of a line and its spare ones to the front, without those outlived, and takes back what is empty. */
  #compact(line: number, newest: number, live: number): void {
    const count = this.#held(line, newest, live);
    let words = this.#lines;
    let at = line << LINE_BITS;
    let taken = 0;
    for (;;) {
      for (let i = at; i < at + POINTERS; i++) words[i] = taken < count ? this.#scratch[taken++]! : 0;
      if (taken === count) break;
      at = words[at + POINTERS]! << LINE_BITS;
      words = this.#spares;
    }
    let empty = words[at + POINTERS]!;
    words[at + POINTERS] = 0;
    while (empty !== 0) {
      const end = (empty << LINE_BITS) + POINTERS;
      const next = this.#spares[end]!;
      this.#spares.fill(0, end - POINTERS, end);
      this.#spares[end] = this.#spareFree;
      this.#spareFree = empty;
      empty = next;
    }
  }

  /** Puts all held pointers of a line and its spare ones into `#scratch`; returns their number. */
  #held(line: number, newest: number, live: number): number {
    const mask = (1 << this.#bits) - 1;
    let count = 0;
    let words = this.#lines;
    let at = line << LINE_BITS;
    for (;;) {
      if (count + POINTERS > this.#scratch.length) this.#scratch = longerCopy(this.#scratch);
      for (let i = at; i < at + POINTERS; i++) {
        const pointer = words[i]!;
        if (pointer !== 0 && ((newest - pointer) & mask) < live) this.#scratch[count++] = pointer;
      }
      const next = words[at + POINTERS]!;
      if (next === 0) return count;
      words = this.#spares;
      at = next << LINE_BITS;
    }
  }

  /**
   * `collect` for a bucket of more than BUCKET_CANDIDATES_MAX held nodes, the newest first.
   *
   * On its way it lets go of nodes that have left the window and of nodes that cannot become candidates any more, because
   * enough nodes of smaller priority will outlive them. That keeps a bucket of n nodes near 16 (1 + ln(n / 16)) of them,
   * whatever its text (the k-skyband of a sliding window, Mouratidis et al. 2006).
   */
  #choose(ring: NodeRing, line: number, tag: number): void {
    const held = this.#held(line, ring.newestSequence, ring.live);
    let count = 0;
    for (let i = 0; i < held; i++) {
      const pointer = this.#scratch[i]!;
      if (pointer >>> this.#bits === tag + 1) this.#scratch[count++] = ring.ageOf(pointer);
    }
    const ages = this.#scratch.subarray(0, count).sort();
    this.count = 0;
    let found = 0;
    let largest = -1;
    for (let i = 0; i < count; i++) {
      const slot = ring.slotOfAge(ages[i]!);
      if (!ring.isAlive(slot)) {
        this.#clear(ring, line, tag, ages[i]!);
        continue;
      }
      found++;
      if (this.count < BUCKET_CANDIDATES_MAX) {
        this.candidates[this.count++] = slot;
        continue;
      }
      if (largest < 0) largest = this.#rankAll(ring);
      const priority = ring.priority(slot);
      if (priority < this.#priorities[largest]!) {
        this.candidates[largest] = slot;
        this.#priorities[largest] = priority;
        largest = this.#largest();
      } else if (this.#allOutlive(ring, slot)) {
        ring.markUnlinked(slot);
        this.#clear(ring, line, tag, ages[i]!);
      }
    }
    if (found > this.longest) this.longest = found;
    if (found > BUCKET_CANDIDATES_MAX) this.cappedTotal++;
  }

  /** Frees one pointer to the held node of that age. */
  #clear(ring: NodeRing, line: number, tag: number, age: number): void {
    let words = this.#lines;
    let at = line << LINE_BITS;
    for (;;) {
      for (let i = at; i < at + POINTERS; i++) {
        if (words[i]! >>> this.#bits !== tag + 1 || ring.ageOf(words[i]!) !== age) continue;
        words[i] = 0;
        return;
      }
      at = words[at + POINTERS]! << LINE_BITS;
      words = this.#spares;
    }
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

function linesOf(count: number): Int32Array {
  const words = count << LINE_BITS;
  return new Int32Array(new ArrayBuffer(LINE_START_BYTES + 4 * words), LINE_START_BYTES, words);
}

function longerCopy(words: Int32Array): Int32Array<ArrayBuffer> {
  const longer = new Int32Array(2 * words.length);
  longer.set(words);
  return longer;
}
