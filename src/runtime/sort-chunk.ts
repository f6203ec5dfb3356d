/** Sorts the records of one chunk by their positions, without moving them. */
import { compareTies, type RecordChunk } from './sort-records.ts';

/** Below this many, insertion sort beats merging. */
const INSERTION_MAX = 12;

/** Positions (first words) of the chunk's records in ascending order. Records that come in order are only looked at. */
export function sortedPositions(chunk: RecordChunk, count: number): Uint32Array {
  const positions = new Uint32Array(count);
  // A column of times of its own: 0.4 MB stay in the cache where the 16 MB of the records do not.
  const times = new Float64Array(count);
  for (let i = 0, at = 0; i < count; i++) {
    positions[i] = at;
    times[i] = chunk.times[at >>> 1]!;
    at += chunk.recordWords(at);
  }
  const sort = new PositionSort(chunk, positions, times);
  if (sort.isAscending()) return positions;
  // An archive with the newest post first needs no more than this.
  if (sort.isDescending()) return positions.reverse();
  return sort.run();
}

class PositionSort {
  readonly #chunk: RecordChunk;
  readonly #positions: Uint32Array;
  readonly #times: Float64Array;

  constructor(chunk: RecordChunk, positions: Uint32Array, times: Float64Array) {
    this.#chunk = chunk;
    this.#positions = positions;
    this.#times = times;
  }

  isAscending(): boolean {
    for (let i = 1; i < this.#times.length; i++) if (this.#isAfter(i - 1, i)) return false;
    return true;
  }

  isDescending(): boolean {
    for (let i = 1; i < this.#times.length; i++) if (this.#isAfter(i, i - 1)) return false;
    return true;
  }

  /** Merge sort, bottom up, over indexes. */
  run(): Uint32Array {
    const count = this.#times.length;
    let from = new Uint32Array(count);
    for (let i = 0; i < count; i++) from[i] = i;
    for (let start = 0; start < count; start += INSERTION_MAX)
      this.#insertionSort(from, start, Math.min(start + INSERTION_MAX, count));
    let to = new Uint32Array(count);
    for (let width = INSERTION_MAX; width < count; width *= 2) {
      for (let start = 0; start < count; start += 2 * width) {
        this.#merge(from, to, start, Math.min(start + width, count), Math.min(start + 2 * width, count));
      }
      [from, to] = [to, from];
    }
    for (let i = 0; i < count; i++) to[i] = this.#positions[from[i]!]!;
    return to;
  }

  #insertionSort(order: Uint32Array, start: number, end: number): void {
    for (let i = start + 1; i < end; i++) {
      const moved = order[i]!;
      let at = i;
      for (; at > start && this.#isAfter(order[at - 1]!, moved); at--) order[at] = order[at - 1]!;
      order[at] = moved;
    }
  }

  #merge(from: Uint32Array, to: Uint32Array, start: number, middle: number, end: number): void {
    let left = start;
    let right = middle;
    let at = start;
    // Nearly sorted input is mostly pairs of halves that are in order already.
    if (middle < end && this.#isAfter(from[middle - 1]!, from[middle]!)) {
      while (left < middle && right < end) {
        to[at++] = this.#isAfter(from[left]!, from[right]!) ? from[right++]! : from[left++]!;
      }
    }
    while (left < middle) to[at++] = from[left++]!;
    while (right < end) to[at++] = from[right++]!;
  }

  #isAfter(i: number, j: number): boolean {
    const difference = this.#times[i]! - this.#times[j]!;
    if (difference !== 0) return difference > 0;
    return compareTies(this.#chunk, this.#positions[i]!, this.#chunk, this.#positions[j]!) > 0;
  }
}
