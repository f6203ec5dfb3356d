/**
 * Which partition of `fingerprints` a bucket belongs to, and the entry cut down to what one partition needs of it.
 *
 * A post goes at most once to a partition, with those of its keys that fall there. All posts of one text have the same
 * keys and so go to the same partitions; the home of the text is the partition of its first key. A retraction goes to one
 * partition, by its post key.
 */
import { mix32 } from '../fingerprints/hash.ts';
import { recordWords } from '../fingerprints/record.ts';
import { SHINGLE_KEYS_MAX } from '../fingerprints/shingles.ts';
import {
  ENTRY,
  ENTRY_HEADER_WORDS,
  entryBandKey,
  entryBands,
  entryIsRetraction,
  entryKeyCount,
  entryLength,
  entryRecordAt,
  entryTokenCount,
  entryWithKeys,
  SIMHASH_BANDS,
} from './entry.ts';

export class Router {
  /** Partitions that the last routed entry goes to, `count` of them. */
  readonly targets: Uint16Array;
  count = 0;
  readonly #partitions: number;
  readonly #keyTargets = new Uint16Array(SHINGLE_KEYS_MAX);
  readonly #bandTargets = new Uint16Array(SIMHASH_BANDS);
  readonly #isTarget: Uint8Array;
  #home = 0;

  constructor(partitions: number) {
    this.#partitions = partitions;
    this.targets = new Uint16Array(partitions);
    this.#isTarget = new Uint8Array(partitions);
  }

  /** Finds the partitions of the entry at `words[at]`, which has all its keys. */
  route(words: Uint32Array, at: number): void {
    for (let i = 0; i < this.count; i++) this.#isTarget[this.targets[i]!] = 0;
    this.count = 0;
    if (entryIsRetraction(words, at)) {
      this.#add(words[at + ENTRY.postLo]!);
      return;
    }
    // Where all goes to one partition, asking for each of two dozen keys would be the greater part of the work.
    if (this.#partitions === 1) {
      this.#home = this.#add(0);
      return;
    }
    const keyCount = entryKeyCount(words, at);
    const bands = entryBands(words, at);
    for (let k = 0; k < keyCount; k++) this.#keyTargets[k] = this.#add(words[at + ENTRY.keys + k]!);
    for (let band = 0; band < SIMHASH_BANDS; band++) {
      if ((bands & (1 << band)) !== 0) this.#bandTargets[band] = this.#add(~entryBandKey(words, at, band));
    }
    if (this.count === 0) this.#add(words[at + ENTRY.textLo]!);
    this.#home = this.targets[0]!;
  }

  /** Writes the entry for `target` to `out[to ..]` and returns its length in words. */
  write(words: Uint32Array, at: number, target: number, out: Uint32Array, to: number): number {
    for (let i = 0; i < ENTRY_HEADER_WORDS; i++) out[to + i] = words[at + i]!;
    if (entryIsRetraction(words, at)) return ENTRY_HEADER_WORDS;
    const keyCount = entryKeyCount(words, at);
    const allBands = entryBands(words, at);
    if (this.#partitions === 1) {
      const length = entryLength(words, at);
      for (let i = ENTRY_HEADER_WORDS; i < length; i++) out[to + i] = words[at + i]!;
      out[to] = entryWithKeys(words[at]!, keyCount, allBands, true);
      return length;
    }
    let end = to + ENTRY.keys;
    for (let k = 0; k < keyCount; k++) {
      if (this.#keyTargets[k] === target) out[end++] = words[at + ENTRY.keys + k]!;
    }
    let bands = 0;
    for (let band = 0; band < SIMHASH_BANDS; band++) {
      if ((allBands & (1 << band)) !== 0 && this.#bandTargets[band] === target) bands |= 1 << band;
    }
    out[to] = entryWithKeys(words[at]!, end - to - ENTRY.keys, bands, target === this.#home);
    const record = entryRecordAt(words, at);
    const recordEnd = record + recordWords(entryTokenCount(words, at));
    for (let i = record; i < recordEnd; i++) out[end++] = words[i]!;
    return end - to;
  }

  #add(key: number): number {
    const target = mix32(key) % this.#partitions;
    if (this.#isTarget[target] === 0) {
      this.#isTarget[target] = 1;
      this.targets[this.count++] = target;
    }
    return target;
  }
}
