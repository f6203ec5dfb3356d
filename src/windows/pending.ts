/**
 * Entries that wait until no source can bring an earlier one any more, and leave in the total order: event time, post key,
 * text, and for copies of one post the length of the bytes, what the normaliser dropped, and the place in the feed. The order is
 * a function of the posts and of the feed alone, and that of the sorter of a replay of the feed.
 */
import { ENTRY, entryTimeMs } from '../frames/entry.ts';
import type { FingerprintsFrame } from '../frames/fingerprints.ts';

const INITIAL = 1024;

export class PendingEntries {
  /** Event time of the earliest entry; Infinity without one. */
  earliestMs = Infinity;
  count = 0;
  /** Entries that `take` has found, in order: `readyCount` indexes for `frame`, `index` and `reference`. */
  ready = new Uint32Array(INITIAL);
  readyCount = 0;
  #times = new Float64Array(INITIAL);
  #references = new Float64Array(INITIAL);
  #indexes = new Uint16Array(INITIAL);
  readonly #frames: FingerprintsFrame[] = [];

  /** @param reference where the post itself is kept */
  add(frame: FingerprintsFrame, index: number, reference: number): void {
    if (this.count === this.#times.length) this.#grow();
    const timeMs = entryTimeMs(frame.words, frame.starts[index]!);
    const at = this.count++;
    this.#times[at] = timeMs;
    this.#references[at] = reference;
    this.#indexes[at] = index;
    this.#frames[at] = frame;
    if (timeMs < this.earliestMs) this.earliestMs = timeMs;
  }

  frame(at: number): FingerprintsFrame {
    return this.#frames[at]!;
  }

  index(at: number): number {
    return this.#indexes[at]!;
  }

  reference(at: number): number {
    return this.#references[at]!;
  }

  /** Finds the entries before `watermarkMs` and puts them in order. They stay until `drop`. */
  take(watermarkMs: number): void {
    this.readyCount = 0;
    if (this.earliestMs >= watermarkMs) return;
    const times = this.#times;
    if (this.ready.length < this.count) this.ready = new Uint32Array(times.length);
    const ready = this.ready;
    let isSorted = true;
    let beforeMs = -Infinity;
    for (let at = 0; at < this.count; at++) {
      const timeMs = times[at]!;
      if (timeMs >= watermarkMs) continue;
      ready[this.readyCount++] = at;
      if (timeMs <= beforeMs) isSorted = false;
      beforeMs = timeMs;
    }
    if (!isSorted) ready.subarray(0, this.readyCount).sort((a, b) => times[a]! - times[b]! || this.#compareTies(a, b));
  }

  /** Lets go of what the last `take` found. */
  drop(watermarkMs: number): void {
    if (this.readyCount === 0) return;
    let kept = 0;
    this.earliestMs = Infinity;
    for (let at = 0; at < this.count; at++) {
      const timeMs = this.#times[at]!;
      if (timeMs < watermarkMs) continue;
      this.#times[kept] = timeMs;
      this.#references[kept] = this.#references[at]!;
      this.#indexes[kept] = this.#indexes[at]!;
      this.#frames[kept] = this.#frames[at]!;
      if (timeMs < this.earliestMs) this.earliestMs = timeMs;
      kept++;
    }
    this.count = kept;
    this.#frames.length = kept;
    this.readyCount = 0;
  }

  #compareTies(a: number, b: number): number {
    const aFrame = this.#frames[a]!;
    const bFrame = this.#frames[b]!;
    const aAt = aFrame.starts[this.#indexes[a]!]!;
    const bAt = bFrame.starts[this.#indexes[b]!]!;
    for (let i: number = ENTRY.postHi; i <= ENTRY.textLo; i++) {
      const difference = aFrame.words[aAt + i]! - bFrame.words[bAt + i]!;
      if (difference !== 0) return difference;
    }
    return (
      aFrame.evidence(this.#indexes[a]!).byteLength - bFrame.evidence(this.#indexes[b]!).byteLength ||
      aFrame.words[aAt]! - bFrame.words[bAt]! ||
      aFrame.header.source - bFrame.header.source ||
      aFrame.offset(this.#indexes[a]!) - bFrame.offset(this.#indexes[b]!)
    );
  }

  #grow(): void {
    const size = 2 * this.#times.length;
    const grown = <T extends Float64Array | Uint16Array>(from: T, to: T): T => {
      to.set(from);
      return to;
    };
    this.#times = grown(this.#times, new Float64Array(size));
    this.#references = grown(this.#references, new Float64Array(size));
    this.#indexes = grown(this.#indexes, new Uint16Array(size));
  }
}
