/**
 * Bytes -> lines. A line ends at \n and nowhere else (U+2028 is a character like any other); one \r before it is dropped,
 * a byte-order mark at the start of the input too, and a last line without an end is a line. Blank lines are passed over.
 *
 * Memory is one chunk and one line of at most `lineBytesMax`, whatever the input.
 */
import { Buffer, isAscii, isUtf8 } from 'node:buffer';
import type { RejectionReason } from '../model.ts';

export const LINE_BYTES_MAX = 1_048_576;
/** What is kept of a line that is too long, for a look at it. */
const SAMPLE_BYTES = 256;
const LINE_FEED = 10;
const CARRIAGE_RETURN = 13;
const SPACE = 32;

/** How the bytes of a batch can be decoded; looked at once a batch, as the check costs 17 ns a line that way and 54 alone. */
type Encoding = 'ascii' | 'utf8' | 'mixed';

/**
 * Lines that lie in one buffer. A batch and its bytes are valid until the next one is asked for; strings stay.
 * No object is made for a line: callers go from 0 to `count`.
 */
export class LineBatch {
  count = 0;
  #bytes: Buffer = Buffer.alloc(0);
  #starts = new Uint32Array(2048);
  #ends = new Uint32Array(2048);
  #numbers = new Float64Array(2048);
  readonly #tooLong = new Set<number>();
  #encoding: Encoding | undefined;

  /** Line `i` as text; undefined if it is not a usable line, and then `reason(i)` says why. */
  text(i: number): string | undefined {
    const start = this.#starts[i]!;
    const end = this.#ends[i]!;
    const encoding = (this.#encoding ??= encodingOf(this.#bytes));
    if (this.#tooLong.size !== 0 && this.#tooLong.has(i)) return undefined;
    if (encoding === 'ascii') return this.#bytes.toString('latin1', start, end);
    if (encoding === 'mixed' && !isUtf8(this.#bytes.subarray(start, end))) return undefined;
    return this.#bytes.toString('utf8', start, end);
  }

  /** Why `text(i)` is undefined. */
  reason(i: number): RejectionReason {
    return this.#tooLong.has(i) ? 'line_too_long' : 'invalid_utf8';
  }

  /** The bytes of line `i` without its end; the first 256 of a line that is too long. */
  bytes(i: number): Uint8Array {
    return this.#bytes.subarray(this.#starts[i], this.#ends[i]);
  }

  /** The number of line `i` in its input, from 1, blank lines counted. */
  number(i: number): number {
    return this.#numbers[i]!;
  }

  /** For the splitter: starts anew over `bytes`. */
  reset(bytes: Buffer): void {
    this.#bytes = bytes;
    this.count = 0;
    this.#encoding = undefined;
    this.#tooLong.clear();
  }

  /** For the splitter: adds the line at [start, end). */
  add(start: number, end: number, number: number, isTooLong: boolean): void {
    if (this.count === this.#starts.length) this.#grow();
    const i = this.count++;
    this.#starts[i] = start;
    this.#ends[i] = isTooLong ? Math.min(end, start + SAMPLE_BYTES) : end;
    this.#numbers[i] = number;
    if (isTooLong) this.#tooLong.add(i);
  }

  #grow(): void {
    const capacity = this.#starts.length * 2;
    const starts = new Uint32Array(capacity);
    const ends = new Uint32Array(capacity);
    const numbers = new Float64Array(capacity);
    starts.set(this.#starts);
    ends.set(this.#ends);
    numbers.set(this.#numbers);
    this.#starts = starts;
    this.#ends = ends;
    this.#numbers = numbers;
  }
}

function encodingOf(bytes: Buffer): Encoding {
  // Decoding latin1 takes 70 ns a line, UTF-8 270, also where every byte is ASCII.
  if (isAscii(bytes)) return 'ascii';
  return isUtf8(bytes) ? 'utf8' : 'mixed';
}

export class LineSplitter {
  readonly #lineBytesMax: number;
  readonly #inChunk = new LineBatch();
  readonly #acrossChunks = new LineBatch();
  /** The start of a line whose end has not come: no more than needed to tell that it is too long. */
  #carry: Buffer = Buffer.alloc(0);
  /** The one before, in which the last batch from across chunks still lies. */
  #carryInBatch: Buffer = Buffer.alloc(0);
  #carryBytes = 0;
  /** Bytes of that line in all, the ones not kept included. */
  #carryLineBytes = 0;
  #lineNumber = 1;

  /** @param lineBytesMax bytes of a line without its end, byte-order mark counted */
  constructor(lineBytesMax = LINE_BYTES_MAX) {
    this.#lineBytesMax = lineBytesMax;
  }

  /** The lines that end in `chunk`: none, one or two batches, valid until the next call. The chunk may be reused after that. */
  push(chunk: Uint8Array): LineBatch[] {
    const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    let start = 0;
    const batches: LineBatch[] = [];
    if (this.#carryLineBytes > 0) {
      const end = bytes.indexOf(LINE_FEED);
      this.#keep(end < 0 ? bytes : bytes.subarray(0, end));
      if (end < 0) return batches;
      start = end + 1;
      this.#addCarried(batches);
    }
    const rest = this.#addInChunk(bytes, start);
    if (this.#inChunk.count > 0) batches.push(this.#inChunk);
    if (rest < bytes.length) this.#keep(bytes.subarray(rest));
    return batches;
  }

  /** The last line, if the input does not end with an end of line. */
  finish(): LineBatch[] {
    const batches: LineBatch[] = [];
    if (this.#carryLineBytes > 0) this.#addCarried(batches);
    return batches;
  }

  #addCarried(batches: LineBatch[]): void {
    const batch = this.#acrossChunks;
    batch.reset(this.#carry.subarray(0, this.#carryBytes));
    this.#addLine(batch, this.#carry, 0, this.#carryBytes, this.#carryLineBytes);
    [this.#carry, this.#carryInBatch] = [this.#carryInBatch, this.#carry];
    this.#carryBytes = 0;
    this.#carryLineBytes = 0;
    if (batch.count > 0) batches.push(batch);
  }

  /** Adds the lines that start at `start` or later and end in `bytes`; returns where the unfinished one starts. */
  #addInChunk(bytes: Buffer, start: number): number {
    const batch = this.#inChunk;
    batch.reset(bytes);
    // indexOf takes 28 ns a line of 190 bytes, a loop over the bytes 205.
    for (;;) {
      const end = bytes.indexOf(LINE_FEED, start);
      if (end < 0) return start;
      this.#addLine(batch, bytes, start, end, end - start);
      start = end + 1;
    }
  }

  /** Adds the line at [start, end), of `lineBytes` bytes in all, unless it is blank. */
  #addLine(batch: LineBatch, bytes: Buffer, start: number, end: number, lineBytes: number): void {
    const number = this.#lineNumber++;
    const isWhole = lineBytes === end - start;
    if (isWhole && end > start && bytes[end - 1] === CARRIAGE_RETURN) {
      end--;
      lineBytes--;
    }
    if (
      number === 1 &&
      bytes[start] === 0xef &&
      bytes[start + 1] === 0xbb &&
      bytes[start + 2] === 0xbf &&
      end - start >= 3
    ) {
      start += 3;
    }
    const isTooLong = lineBytes > this.#lineBytesMax;
    if (isTooLong || !isBlank(bytes, start, end)) batch.add(start, end, number, isTooLong);
  }

  #keep(piece: Buffer): void {
    this.#carryLineBytes += piece.length;
    // Two more than the bound, so that a \r at the bound is seen and a longer line is not taken for one that fits.
    const kept = Math.min(this.#carryBytes + piece.length, this.#lineBytesMax + 2);
    if (kept > this.#carry.length) {
      const larger = Buffer.allocUnsafe(Math.max(kept, this.#carry.length * 2));
      this.#carry.copy(larger, 0, 0, this.#carryBytes);
      this.#carry = larger;
    }
    piece.copy(this.#carry, this.#carryBytes, 0, kept - this.#carryBytes);
    this.#carryBytes = kept;
  }
}

function isBlank(bytes: Buffer, start: number, end: number): boolean {
  for (let at = start; at < end; at++) {
    const byte = bytes[at]!;
    if (byte !== SPACE && byte !== 9 && byte !== CARRIAGE_RETURN) return false;
  }
  return true;
}
