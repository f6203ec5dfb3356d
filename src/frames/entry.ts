/**
 * An entry: what the fingerprint stage says of one post, in 32-bit words. The evidence (the post itself) travels beside it.
 *
 *   word 0       tokenCount (bits 0-7), keyCount (8-11), 1 if SimHash64 was computed (12), DROPPED flags of the normaliser (16-31)
 *   word 1, 2    event time in ms: low and high 32 bits
 *   word 3, 4    post key: 64-bit hash of platform and post id, high and low
 *   word 5, 6    text hash, high and low
 *   word 7, 8    SimHash64, high and low
 *   word 9 ..    keyCount shingle keys, then the record (fingerprints/record.ts)
 */
import { RECORD_WORDS_MAX } from '../fingerprints/record.ts';
import { SHINGLE_KEYS_MAX } from '../fingerprints/shingles.ts';

export const ENTRY_HEADER_WORDS = 9;
export const ENTRY_WORDS_MAX = ENTRY_HEADER_WORDS + SHINGLE_KEYS_MAX + RECORD_WORDS_MAX;

export const ENTRY = {
  meta: 0,
  timeLo: 1,
  timeHi: 2,
  postHi: 3,
  postLo: 4,
  textHi: 5,
  textLo: 6,
  simHi: 7,
  simLo: 8,
  keys: 9,
} as const;

export function entryTokenCount(words: Uint32Array, at: number): number {
  return words[at]! & 0xff;
}

export function entryKeyCount(words: Uint32Array, at: number): number {
  return (words[at]! >>> 8) & 15;
}

export function entryHasSimhash(words: Uint32Array, at: number): boolean {
  return (words[at]! & 0x1000) !== 0;
}

export function entryTimeMs(words: Uint32Array, at: number): number {
  return words[at + ENTRY.timeHi]! * 2 ** 32 + words[at + ENTRY.timeLo]!;
}

export function entryRecordAt(words: Uint32Array, at: number): number {
  return at + ENTRY.keys + entryKeyCount(words, at);
}

export function entryMeta(tokenCount: number, keyCount: number, hasSimhash: boolean, dropped: number): number {
  return (tokenCount | (keyCount << 8) | (hasSimhash ? 0x1000 : 0) | (dropped << 16)) >>> 0;
}
