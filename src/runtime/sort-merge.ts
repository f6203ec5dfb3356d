/** Merges sorted sources of records, which lie in memory or in run files, into batches. */
import { openSync, closeSync, readSync } from 'node:fs';
import { InvariantError } from '../errors.ts';
import { compareTies, RECORD_HEADER_WORDS, RecordChunk, type RecordBatch } from './sort-records.ts';

/** A sorted source. `chunk` and `at` are its current record. */
export interface SortedSource {
  readonly chunk: RecordChunk;
  readonly at: number;
  /** Goes to the next record if that needs no reading; the records before stay valid. */
  advance(): boolean;
  /** Reads on after `advance` said no; false at the end. Records handed out before are no longer valid. */
  refill(): boolean;
  close(): void;
}

export class MemorySource implements SortedSource {
  readonly chunk: RecordChunk;
  at = 0;
  readonly #positions: Uint32Array;
  #next = 0;

  constructor(chunk: RecordChunk, positions: Uint32Array) {
    this.chunk = chunk;
    this.#positions = positions;
  }

  advance(): boolean {
    if (this.#next === this.#positions.length) return false;
    this.at = this.#positions[this.#next++]!;
    return true;
  }

  refill(): boolean {
    return false;
  }

  close(): void {
    this.#next = this.#positions.length;
  }
}

/** A run file, read through a window of `bufferWords` that grows only for a record that is longer. */
export class RunSource implements SortedSource {
  chunk: RecordChunk;
  at = 0;
  readonly #file: number;
  #isOpen = true;
  #end = 0;

  constructor(path: string, bufferWords: number) {
    this.chunk = new RecordChunk(bufferWords);
    this.#file = openSync(path, 'r');
  }

  advance(): boolean {
    const next = this.#end;
    if (this.#missingWords(next) > 0) return false;
    this.at = next;
    this.#end = next + this.chunk.recordWords(next);
    return true;
  }

  refill(): boolean {
    this.#shift();
    let missing = this.#missingWords(0);
    while (missing > 0) {
      if (this.chunk.used + missing > this.chunk.capacity) this.#grow(this.chunk.used + missing);
      if (!this.#read()) {
        if (this.chunk.used === 0) return false;
        throw new InvariantError('a run ends with a whole record', `${this.chunk.used * 4} bytes are left over`);
      }
      missing = this.#missingWords(0);
    }
    return this.advance();
  }

  close(): void {
    if (this.#isOpen) closeSync(this.#file);
    this.#isOpen = false;
  }

  /** How many words the window lacks of the record that starts at `at`, as far as that can be told. */
  #missingWords(at: number): number {
    const there = this.chunk.used - at;
    if (there < RECORD_HEADER_WORDS) return RECORD_HEADER_WORDS - there;
    return Math.max(0, this.chunk.recordWords(at) - there);
  }

  /** Moves the unread rest to the start of the window. */
  #shift(): void {
    const { chunk } = this;
    chunk.words.copyWithin(0, this.#end, chunk.used);
    chunk.used -= this.#end;
    this.#end = 0;
  }

  #grow(words: number): void {
    const larger = new RecordChunk(words + (words & 1));
    larger.words.set(this.chunk.words.subarray(0, this.chunk.used));
    larger.used = this.chunk.used;
    this.chunk = larger;
  }

  /** Fills the window. Records are whole words, and a file system may still give fewer bytes than asked for. */
  #read(): boolean {
    const { chunk } = this;
    let at = chunk.used * 4;
    do {
      const read = readSync(this.#file, chunk.bytes, at, chunk.bytes.length - at, null);
      if (read === 0) return false;
      at += read;
    } while (at % 4 !== 0);
    chunk.used = at / 4;
    return true;
  }
}

/** A binary heap of sources, the one with the smallest record at the root. */
export class Merge {
  readonly #heap: SortedSource[] = [];
  #stalled = false;

  constructor(sources: readonly SortedSource[]) {
    for (const source of sources) {
      if (source.advance() || source.refill()) this.#heap.push(source);
      else source.close();
    }
    for (let i = (this.#heap.length >> 1) - 1; i >= 0; i--) this.#sink(i);
  }

  /** Puts the next records into `batch`, until it is full or a source must read on; false if there are none. */
  fill(batch: RecordBatch): boolean {
    batch.count = 0;
    if (this.#stalled) this.#refillRoot();
    while (this.#heap.length > 0 && !batch.isFull) {
      const source = this.#heap[0]!;
      batch.add(source.chunk, source.at);
      if (!source.advance()) {
        this.#stalled = true;
        return true;
      }
      this.#sink(0);
    }
    return batch.count > 0;
  }

  close(): void {
    for (const source of this.#heap) source.close();
    this.#heap.length = 0;
  }

  #refillRoot(): void {
    this.#stalled = false;
    const root = this.#heap[0]!;
    if (!root.refill()) {
      root.close();
      const last = this.#heap.pop()!;
      if (this.#heap.length === 0) return;
      this.#heap[0] = last;
    }
    this.#sink(0);
  }

  #sink(start: number): void {
    const heap = this.#heap;
    const moved = heap[start]!;
    let at = start;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && isBefore(heap[child + 1]!, heap[child]!)) child++;
      if (!isBefore(heap[child]!, moved)) break;
      heap[at] = heap[child]!;
      at = child;
    }
    heap[at] = moved;
  }
}

function isBefore(a: SortedSource, b: SortedSource): boolean {
  const difference = a.chunk.times[a.at >>> 1]! - b.chunk.times[b.at >>> 1]!;
  if (difference !== 0) return difference < 0;
  return compareTies(a.chunk, a.at, b.chunk, b.at) < 0;
}
