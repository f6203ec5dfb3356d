/**
 * Owns where things lie in the memory of the kernel (kernel.ts): byte addresses, each a multiple of 16.
 *
 * Buffers for one text at a time, shared by all fingerprinters. Pages that no text was long enough to touch cost nothing.
 */
import { GRAM_BITS, TOKEN_CELLS } from './frequency-table.ts';
import { RECORD_WORDS_MAX } from './record.ts';
import { EXPANSION_MAX } from './unicode-values.ts';

/** Longest text, in UTF-16 units. Decoders refuse longer ones before they come here. */
export const TEXT_UNITS_MAX = 65_536;
/** Most letters that a text can leave. */
export const LETTERS_MAX = TEXT_UNITS_MAX * EXPANSION_MAX;

/** Loops run over whole vectors, a few at a time: what they touch beyond the last element. */
const SPARE_BYTES = 128;
/** Address 0 is left free, so that a word before the first buffer exists. */
let end = 64;

function reserve(bytes: number): number {
  const address = end + SPARE_BYTES;
  end = (address + bytes + SPARE_BYTES + 15) & -16;
  return (address + 15) & -16;
}

/** Copy of the frequency table in use: its two bitsets and the secret order's (a, b). */
export const FREQUENT_AT = reserve(GRAM_BITS / 8);
export const LEVELS_AT = reserve(TOKEN_CELLS / 2);
export const ORDER_AT = reserve(8);

/** Results: text hash (hi, lo), SimHash64 (hi, lo), then the keys and the record (record.ts). */
export const PRINT_AT = reserve(16);
export const KEYS_AT = reserve(64);
export const RECORD_AT = reserve(4 * RECORD_WORDS_MAX);

/** ROLL to the power of 0 .. POWERS_END - 1. */
export const POWERS_END = 64;
export const POWERS_AT = reserve(4 * POWERS_END);
/** Level of a token by its level in the table, plus 16 for a token of one Han or Kana letter; bytes. */
export const TOKEN_LEVELS_AT = reserve(32);
/** Sixteen shuffles of 16 bytes: that of mask m moves the lanes whose bit is set in m to the front. */
export const PACKERS_AT = reserve(256);

/** A byte for each bit of the trigram bitmap, and as many for what does not count. */
export const FLAGS_AT = reserve(512);
/** Tokens are put in order by their first BUCKET_BITS bits: a counter of one byte for each. */
export const BUCKET_BITS = 7;
export const COUNTS_AT = reserve(1 << BUCKET_BITS);
/** Longer texts would overflow the counters. */
export const SORTED_MAX = 255;
export const SORTED_AT = reserve(4 * SORTED_MAX);
/** Planes of the SimHash64 counters: enough for 2^21 features, 1.2 million letters being the most. */
export const PLANES = 21;
export const PLANES_AT = reserve(16 * PLANES);
/** Smallest ranks of the bigrams and of the 8-grams. */
export const BIGRAM_RANKS_AT = reserve(64);
export const CHARACTER_RANKS_AT = reserve(64);

/** Letters (16 bits), token starts, and what is computed of them, one word a letter at the most. */
export const LETTERS_AT = reserve(2 * (LETTERS_MAX + 1));
export const TOKEN_STARTS_AT = reserve(4 * (LETTERS_MAX + 2));
/** Polynomial hashes of the first 0, 1, 2 ... letters. */
export const PREFIXES_AT = reserve(4 * (LETTERS_MAX + 1));
export const HASHES_AT = reserve(4 * (LETTERS_MAX + 1));
/** Tokens as `hash16 << 4 | level`: as they come, then distinct and ascending. */
export const TOKENS_AT = reserve(4 * (LETTERS_MAX + 1));
/** N-grams of one kind that are looked up in the table, and their ranks. */
export const GRAMS_AT = reserve(4 * (LETTERS_MAX + 1));
export const RANKS_AT = reserve(4 * (LETTERS_MAX + 1));

export const MEMORY_BYTES = end;
