/**
 * The layout of records in the sorter's chunks and run files, their order, and the batches in which they are read.
 *
 * A record starts at a multiple of 8 bytes and is, in 32-bit words:
 *
 *    0  1      2      3      4      5      6          7          8 .. 8 + wordCount   then
 *   +--------+------+------+------+------+----------+----------+--------------------+---------------------+
 *   | timeMs | keyHi| keyLo| tieHi| tieLo| wordCount| byteCount| words              | bytes, zeros to 8   |
 *   | float64|      |      |      |      |          |          |                    | bytes               |
 *   +--------+------+------+------+------+----------+----------+--------------------+---------------------+
 */
import { Buffer } from 'node:buffer';

export const RECORD_HEADER_WORDS = 8;
const WORD_COUNT = 6;
const BYTE_COUNT = 7;
/** Up to here a loop copies faster than `set` with a view made for it (40 words: 45 and 57 ns; 76 words: 79 and 65). */
const LOOP_WORDS_MAX = 56;

/** Words of a record with this content. */
export function recordWordsFor(wordCount: number, byteCount: number): number {
  return (RECORD_HEADER_WORDS + wordCount + ((byteCount + 3) >>> 2) + 1) & ~1;
}

/** Memory that holds records one after another; the three arrays are views of it. */
export class RecordChunk {
  readonly words: Uint32Array;
  readonly times: Float64Array;
  readonly bytes: Buffer;
  /** Words in use. */
  used = 0;

  /** @param words a multiple of 2 */
  constructor(words: number) {
    const memory = new ArrayBuffer(words * 4);
    this.words = new Uint32Array(memory);
    this.times = new Float64Array(memory);
    this.bytes = Buffer.from(memory);
  }

  get capacity(): number {
    return this.words.length;
  }

  /** Writes a record that fits behind the others. */
  append(
    timeMs: number,
    keyHi: number,
    keyLo: number,
    tieHi: number,
    tieLo: number,
    words: Uint32Array,
    wordCount: number,
    bytes: Uint8Array,
  ): void {
    const target = this.words;
    const at = this.used;
    const end = at + recordWordsFor(wordCount, bytes.length);
    // The padding is compared with the content, so it must not be what an earlier use of the chunk left there.
    target[end - 1] = 0;
    target[end - 2] = 0;
    this.times[at >>> 1] = timeMs;
    target[at + 2] = keyHi;
    target[at + 3] = keyLo;
    target[at + 4] = tieHi;
    target[at + 5] = tieLo;
    target[at + WORD_COUNT] = wordCount;
    target[at + BYTE_COUNT] = bytes.length;
    let to = at + RECORD_HEADER_WORDS;
    for (let i = 0; i < wordCount; i++) target[to++] = words[i]!;
    this.bytes.set(bytes, to * 4);
    this.used = end;
  }

  /** Copies the record at `at` of another chunk behind the others, where it fits. */
  appendCopy(source: RecordChunk, at: number): void {
    const size = source.recordWords(at);
    const target = this.words;
    const from = source.words;
    const to = this.used;
    if (size > LOOP_WORDS_MAX) target.set(from.subarray(at, at + size), to);
    else for (let i = 0; i < size; i++) target[to + i] = from[at + i]!;
    this.used = to + size;
  }

  /** Words of the record at `at`. */
  recordWords(at: number): number {
    return recordWordsFor(this.words[at + WORD_COUNT]!, this.words[at + BYTE_COUNT]!);
  }
}

/** The order of records with one time: key, tie, then content, unsigned. 0 only for records that are the same in each bit. */
export function compareTies(a: RecordChunk, aAt: number, b: RecordChunk, bAt: number): number {
  const aWords = a.words;
  const bWords = b.words;
  // The counts come with the header, so from here on both records are as long.
  for (let i = 2; i < RECORD_HEADER_WORDS; i++) {
    const difference = aWords[aAt + i]! - bWords[bAt + i]!;
    if (difference !== 0) return difference;
  }
  const size = a.recordWords(aAt);
  for (let i = RECORD_HEADER_WORDS; i < size; i++) {
    const difference = aWords[aAt + i]! - bWords[bAt + i]!;
    if (difference !== 0) return difference;
  }
  return 0;
}

/**
 * Records in ascending order, where they lie: nothing is copied, no object made. Valid until the next batch is asked for.
 * Callers go from 0 to `count`; arrays are shared, so a record's words start at `wordStart(i)` of `words(i)`.
 */
export class RecordBatch {
  count = 0;
  readonly #chunks: RecordChunk[] = [];
  readonly #starts: Uint32Array;

  constructor(capacity: number) {
    this.#starts = new Uint32Array(capacity);
  }

  get isFull(): boolean {
    return this.count === this.#starts.length;
  }

  timeMs(i: number): number {
    return this.#chunks[i]!.times[this.#starts[i]! >>> 1]!;
  }

  keyHi(i: number): number {
    return this.#chunks[i]!.words[this.#starts[i]! + 2]!;
  }

  keyLo(i: number): number {
    return this.#chunks[i]!.words[this.#starts[i]! + 3]!;
  }

  tieHi(i: number): number {
    return this.#chunks[i]!.words[this.#starts[i]! + 4]!;
  }

  tieLo(i: number): number {
    return this.#chunks[i]!.words[this.#starts[i]! + 5]!;
  }

  words(i: number): Uint32Array {
    return this.#chunks[i]!.words;
  }

  wordStart(i: number): number {
    return this.#starts[i]! + RECORD_HEADER_WORDS;
  }

  wordCount(i: number): number {
    return this.#chunks[i]!.words[this.#starts[i]! + WORD_COUNT]!;
  }

  /** A view of the record's bytes. */
  bytes(i: number): Buffer {
    const start = (this.wordStart(i) + this.wordCount(i)) * 4;
    return this.#chunks[i]!.bytes.subarray(start, start + this.#chunks[i]!.words[this.#starts[i]! + BYTE_COUNT]!);
  }

  /** For the sorter. */
  add(chunk: RecordChunk, at: number): void {
    this.#chunks[this.count] = chunk;
    this.#starts[this.count++] = at;
  }

  /** For the sorter: where record `i` lies. */
  chunk(i: number): RecordChunk {
    return this.#chunks[i]!;
  }

  /** For the sorter: the first word of record `i` in its chunk. */
  start(i: number): number {
    return this.#starts[i]!;
  }
}
