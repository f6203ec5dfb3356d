/**
 * From a text to its fingerprint: what is left of a post for comparing.
 *
 * The normaliser leaves letters and tokens, the kernel makes everything else of them. A `Fingerprinter` is used for one
 * text after the other; its fields are valid until its next call. Nothing is allocated per post.
 */
import type { FrequencyTable, FrequencyTrainer } from './frequency-table.ts';
import { hashLetters, mixInt } from './hash.ts';
import * as kernel from './kernel.ts';
import { SORTED_MAX } from './layout.ts';
import { Normaliser } from './normalise.ts';
import { recordWords, RECORD_WORDS_MAX, TOKENS_MAX } from './record.ts';
import { bigramOf, GRAM_LENGTH, KeyedOrder, SHINGLE_KEYS_MAX } from './shingles.ts';

// Bound here: V8 knows a module's own constants at compile time, but not imported ones. Worth 25 ns a post.
const { fingerprint, KEYS, pack, PRINT, RECORD, TOKENS, useTable } = kernel;

export interface FingerprintSettings {
  readonly table: FrequencyTable;
  readonly secretHi: number;
  readonly secretLo: number;
  /** Whether SimHash64 is computed (the simhash key family). */
  readonly simhash: boolean;
}

export class Fingerprinter {
  readonly normaliser = new Normaliser();
  /** Shingle keys of 31 bits, `keyCount` of them (1 to SHINGLE_KEYS_MAX for a text with a letter). */
  readonly keys = new Uint32Array(SHINGLE_KEYS_MAX);
  keyCount = 0;
  /** 64-bit hash of the normalised text: the identity of its text node. */
  textHi = 0;
  textLo = 0;
  simHi = 0;
  simLo = 0;
  /** The record (record.ts) of `tokenCount` distinct tokens. */
  readonly record = new Uint32Array(RECORD_WORDS_MAX);
  recordWords = 0;
  tokenCount = 0;
  /** Keys and record as signed words: setting bit 31 of an unsigned one goes through floating point. */
  readonly #signedKeys = new Int32Array(this.keys.buffer);
  readonly #signedRecord = new Int32Array(this.record.buffer);

  readonly #table: FrequencyTable;
  readonly #order: KeyedOrder;
  readonly #simhash: boolean;

  constructor(settings: FingerprintSettings) {
    this.#table = settings.table;
    this.#order = new KeyedOrder(settings.secretHi, settings.secretLo);
    this.#simhash = settings.simhash;
  }

  /**
   * Fingerprints a text of at most 65,536 UTF-16 units. Returns false if nothing is left to compare, in which
   * case the post makes no text node and only the normaliser's notes are valid.
   */
  compute(text: string): boolean {
    const normaliser = this.normaliser;
    normaliser.normalise(text);
    if (normaliser.letterCount === 0) return false;
    useTable(this.#table, this.#order);
    const counts = fingerprint(normaliser.letterCount, normaliser.tokenCount, this.#simhash ? 1 : 0);
    const distinct = counts >>> 3;
    this.#copy(
      counts & 7,
      distinct <= TOKENS_MAX && normaliser.tokenCount <= SORTED_MAX
        ? distinct
        : packTelling(normaliser.tokenCount, distinct),
    );
    return true;
  }

  /** Takes the results out of the kernel, whose next text may be another fingerprinter's. */
  #copy(keyCount: number, tokenCount: number): void {
    const keys = this.#signedKeys;
    for (let i = 0; i < keyCount; i++) keys[i] = KEYS[i]!;
    this.keyCount = keyCount;
    const record = this.#signedRecord;
    const words = recordWords(tokenCount);
    for (let i = 0; i < words; i++) record[i] = RECORD[i]!;
    this.recordWords = words;
    this.tokenCount = tokenCount;
    this.textHi = PRINT[0]!;
    this.textLo = PRINT[1]!;
    if (!this.#simhash) return;
    this.simHi = PRINT[2]!;
    this.simLo = PRINT[3]!;
  }
}

/**
 * Packs the record of a text of more than TOKENS_MAX tokens: of the distinct ones those of highest level, ties by the
 * smaller hash. They are sorted and distinct already if the text has at most SORTED_MAX. Returns how many are kept.
 */
function packTelling(tokenCount: number, sorted: number): number {
  const distinct = tokenCount > SORTED_MAX ? sortDistinct(tokenCount) : sorted;
  const kept = Math.min(distinct, TOKENS_MAX);
  if (distinct > TOKENS_MAX) {
    const telling = TOKENS.slice(0, distinct).sort((a, b) => (b & 15) - (a & 15) || a - b);
    TOKENS.set(telling.subarray(0, TOKENS_MAX).sort());
  }
  pack(kept);
  return kept;
}

function sortDistinct(count: number): number {
  TOKENS.subarray(0, count).sort();
  let distinct = 0;
  for (let i = 0; i < count; i++) {
    if (distinct > 0 && TOKENS[distinct - 1]! >>> 4 === TOKENS[i]! >>> 4) continue;
    TOKENS[distinct++] = TOKENS[i]!;
  }
  return distinct;
}

/** Adds one text's n-grams and tokens to a table in training. Returns false if the text has nothing to count. */
export function trainOn(trainer: FrequencyTrainer, normaliser: Normaliser): boolean {
  const { letters, letterCount, tokenStart, tokenCount } = normaliser;
  if (letterCount === 0) return false;
  trainer.beginPost();
  let previous = 0;
  for (let t = 0; t < tokenCount; t++) {
    const hash = hashToken(letters, tokenStart[t]!, tokenStart[t + 1]!);
    trainer.addToken(hash);
    if (t > 0) trainer.addGram(mixInt(bigramOf(previous, hash)));
    previous = hash;
  }
  for (let i = GRAM_LENGTH; i <= letterCount; i++) trainer.addGram(mixInt(hashLetters(letters, i - GRAM_LENGTH, i)));
  return true;
}

/** 32-bit hash of the token `letters[start .. end)`, the one that tables know it by. */
export function hashToken(letters: Uint16Array, start: number, end: number): number {
  return mixInt(hashLetters(letters, start, end) ^ (end - start));
}
