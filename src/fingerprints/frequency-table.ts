/**
 * What is frequent in ordinary posts: which n-grams are too common to make a bucket, and how much a token tells (its idf).
 *
 * A table is frozen and versioned: it is part of what decides an alert, so it never follows the feed by itself. It knows
 * hashes only, no words; a feed cannot be read back from it.
 *
 * Bytes of a table, little-endian:
 *
 *   0   "CHDF"            8   posts (u32)           20  idfLevels[16] (f32, nats of level 0 .. 15)
 *   4   version (u32)     12  frequentAbove (u32)   84  frequent n-grams: GRAM_BITS / 8 bytes, bit h & (GRAM_BITS - 1)
 *                         16  reserved (u32, 0)     ..  idf levels: TOKEN_CELLS / 2 bytes, a nibble each, cell h & (TOKEN_CELLS - 1)
 */
import { ConfigError } from '../errors.ts';

export const TABLE_VERSION = 1;
const MAGIC = 0x46444843;
const HEADER_BYTES = 84;
/** 512 KiB of bits: a table trained on 240,000 posts sets 1 to 2 % of them. */
export const GRAM_BITS = 1 << 22;
/** A million cells: a rare token meets a frequent one's cell with a chance below 1 %. */
export const TOKEN_CELLS = 1 << 20;
export const IDF_LEVELS = 16;
export const TABLE_BYTES = HEADER_BYTES + GRAM_BITS / 8 + TOKEN_CELLS / 2;

/** ln of 2^32 posts. */
const NATS_MAX = 23;

/** An n-gram in more than this share of the training posts makes no bucket. */
export const FREQUENT_SHARE = 6e-5;

export class FrequencyTable {
  readonly posts: number;
  readonly frequentAbove: number;
  /** Nats of each idf level; level 15 is a token never seen. */
  readonly idfNats: Float32Array;
  readonly frequentGrams: Uint32Array;
  readonly tokenLevels: Uint32Array;

  /** @throws ConfigError if the bytes are no table of this version. */
  constructor(bytes: Uint8Array) {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const problem = problemOf(view);
    if (problem !== undefined) throw new ConfigError([problem]);
    this.posts = view.getUint32(8, true);
    this.frequentAbove = view.getUint32(12, true);
    this.idfNats = new Float32Array(IDF_LEVELS);
    for (let level = 0; level < IDF_LEVELS; level++) this.idfNats[level] = view.getFloat32(20 + 4 * level, true);
    this.frequentGrams = wordsAt(view, HEADER_BYTES, GRAM_BITS / 32);
    this.tokenLevels = wordsAt(view, HEADER_BYTES + GRAM_BITS / 8, TOKEN_CELLS / 8);
  }

  isFrequent(gramHash: number): boolean {
    return this.frequentBit(gramHash) !== 0;
  }

  /** 1 for a frequent n-gram, 0 for a rare one. */
  frequentBit(gramHash: number): number {
    return (this.frequentGrams[(gramHash & (GRAM_BITS - 1)) >>> 5]! >>> (gramHash & 31)) & 1;
  }

  /** Level 0 to 15 of a token by its 32-bit hash. */
  idfLevel(tokenHash: number): number {
    return (this.tokenLevels[(tokenHash & (TOKEN_CELLS - 1)) >>> 3]! >>> ((tokenHash & 7) << 2)) & 15;
  }
}

function problemOf(view: DataView): { name: string; value: string; bound: string } | undefined {
  if (view.byteLength !== TABLE_BYTES) {
    return { name: 'table', value: `${view.byteLength} bytes`, bound: `${TABLE_BYTES} bytes when unpacked` };
  }
  if (view.getUint32(0, true) !== MAGIC) {
    return { name: 'table', value: 'other first four bytes', bound: 'a file made by `chorus train`' };
  }
  const version = view.getUint32(4, true);
  if (version !== TABLE_VERSION)
    return { name: 'table', value: `version ${version}`, bound: `version ${TABLE_VERSION}` };
  const top = view.getFloat32(20 + 4 * (IDF_LEVELS - 1), true);
  const isTop = top >= 0 && top <= NATS_MAX;
  for (let level = isTop ? 0 : IDF_LEVELS - 1; level < IDF_LEVELS; level++) {
    const nats = view.getFloat32(20 + 4 * level, true);
    if (isTop && Math.abs(nats - (top * level) / (IDF_LEVELS - 1)) <= 1e-3) continue;
    return { name: 'table', value: `${nats} nats for idf level ${level}`, bound: `in even steps up to ${NATS_MAX}` };
  }
  return undefined;
}

function wordsAt(view: DataView, offset: number, count: number): Uint32Array {
  const words = new Uint32Array(count);
  for (let i = 0; i < count; i++) words[i] = view.getUint32(offset + 4 * i, true);
  return words;
}

/** Cells in which n-grams are counted while training; four to a bit of the table, so that a bit rarely mixes two n-grams. */
const COUNT_CELLS = GRAM_BITS * 4;

/**
 * Counts, over distinct texts, in how many posts each n-gram and token occurs. Memory is fixed (about 170 MB), whatever the feed.
 */
export class FrequencyTrainer {
  readonly #gramCounts = new Uint32Array(COUNT_CELLS);
  /** Number of the last post that counted a cell: a post counts an n-gram once. */
  readonly #gramLastPost = new Uint32Array(COUNT_CELLS);
  readonly #tokenCounts = new Uint32Array(TOKEN_CELLS);
  readonly #tokenLastPost = new Uint32Array(TOKEN_CELLS);
  posts = 0;

  /** Starts the next post; its n-grams and tokens follow. */
  beginPost(): void {
    this.posts++;
  }

  addGram(gramHash: number): void {
    const cell = gramHash & (COUNT_CELLS - 1);
    if (this.#gramLastPost[cell] === this.posts) return;
    this.#gramLastPost[cell] = this.posts;
    this.#gramCounts[cell]!++;
  }

  addToken(tokenHash: number): void {
    const cell = tokenHash & (TOKEN_CELLS - 1);
    if (this.#tokenLastPost[cell] === this.posts) return;
    this.#tokenLastPost[cell] = this.posts;
    this.#tokenCounts[cell]!++;
  }

  /** The table's bytes, for `new FrequencyTable(bytes)`. */
  finish(): Uint8Array {
    const bytes = new Uint8Array(TABLE_BYTES);
    const view = new DataView(bytes.buffer);
    const frequentAbove = Math.max(2, Math.floor(FREQUENT_SHARE * this.posts));
    const levelNats = Math.log(this.posts + 1) / (IDF_LEVELS - 1);
    view.setUint32(0, MAGIC, true);
    view.setUint32(4, TABLE_VERSION, true);
    view.setUint32(8, this.posts, true);
    view.setUint32(12, frequentAbove, true);
    for (let level = 0; level < IDF_LEVELS; level++) view.setFloat32(20 + 4 * level, level * levelNats, true);
    for (let cell = 0; cell < COUNT_CELLS; cell++) {
      if (this.#gramCounts[cell]! <= frequentAbove) continue;
      const bit = cell & (GRAM_BITS - 1);
      bytes[HEADER_BYTES + (bit >>> 3)]! |= 1 << (bit & 7);
    }
    const levels = HEADER_BYTES + GRAM_BITS / 8;
    for (let cell = 0; cell < TOKEN_CELLS; cell++) {
      const nats = Math.log((this.posts + 1) / (this.#tokenCounts[cell]! + 1));
      const level = Math.min(IDF_LEVELS - 1, Math.max(0, Math.round(nats / levelNats)));
      bytes[levels + (cell >>> 1)]! |= level << ((cell & 1) << 2);
    }
    return bytes;
  }
}
