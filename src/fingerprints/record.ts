/**
 * The compact record of a text: all that verification needs, in 32-bit words.
 *
 *   word 0 .. 7                      bitmap of character trigrams, 256 bits
 *   word 8 .. 8 + ceil(n / 2) - 1    n token hashes of 16 bits, ascending, two a word, the smaller in the low half
 *   then ceil(n / 8) words           n idf levels of 4 bits, eight a word, in the order of the tokens
 *
 * With the 11 tokens of an ordinary post that is 64 bytes.
 */
export const BITMAP_WORDS = 8;
export const BITMAP_BITS = BITMAP_WORDS * 32;

/** A longer text keeps its most telling tokens. */
export const TOKENS_MAX = 96;

export function recordWords(tokenCount: number): number {
  return BITMAP_WORDS + ((tokenCount + 1) >>> 1) + ((tokenCount + 7) >>> 3);
}

export const RECORD_WORDS_MAX = recordWords(TOKENS_MAX);

/** Hash (16 bits) of token `i` of the record that starts at `at`. */
export function tokenAt(words: Uint32Array, at: number, i: number): number {
  return (words[at + BITMAP_WORDS + (i >>> 1)]! >>> ((i & 1) << 4)) & 0xffff;
}

/** Level (0 to 15) of token `i` of the record of `tokenCount` tokens that starts at `at`. */
export function levelAt(words: Uint32Array, at: number, tokenCount: number, i: number): number {
  return (words[at + BITMAP_WORDS + ((tokenCount + 1) >>> 1) + (i >>> 3)]! >>> ((i & 7) << 2)) & 15;
}
