/**
 * An entry: what the fingerprint stage says of one post, in 32-bit words. The evidence (the post itself) travels beside it.
 *
 *   word 0       tokenCount (bits 0-7), keyCount (8-11), bands of SimHash64 (12-14, one bit each), home (15),
 *                DROPPED flags of the normaliser (16-31)
 *   word 1, 2    event time in ms: low and high 32 bits
 *   word 3, 4    post key: 64-bit hash of platform and post id, and of an edited post the time of the edit; high and low
 *   word 5, 6    text hash, high and low
 *   word 7, 8    SimHash64, high and low
 *   word 9 ..    keyCount shingle keys, then the record (fingerprints/record.ts)
 *
 * An entry for one partition of several (route.ts) has those keys and bands alone that fall to the partition; one of them
 * is the home of the text, which speaks for all posts of its node.
 *
 * A retraction is an entry of words 0 to 8 alone, without evidence, that takes versions of a post away: in word 0 the
 * keyCount RETRACTION and nothing else; as post key the hash of platform and id, whatever the version; in words 5 and 6 the
 * time of the version, ms, before which versions are taken away (all bits set: all of them). So the total order of entries
 * tells retractions apart that differ in it. The words behind are 0.
 */
import type { Hash64 } from '../fingerprints/hash.ts';
import { RECORD_WORDS_MAX, recordWords } from '../fingerprints/record.ts';
import { SHINGLE_KEYS_MAX } from '../fingerprints/shingles.ts';

export const ENTRY_HEADER_WORDS = 9;
/** In the place of the number of keys. */
const RETRACTION = 15;
const ALL_BITS = 0xffffffff;
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

/** Bit b is set where the buckets of band b of SimHash64 are to be looked up. */
export function entryBands(words: Uint32Array, at: number): number {
  return (words[at]! >>> 12) & 7;
}

export function entryIsRetraction(words: Uint32Array, at: number): boolean {
  return (words[at]! & 0xf00) === RETRACTION << 8;
}

export function entryIsHome(words: Uint32Array, at: number): boolean {
  return (words[at]! & 0x8000) !== 0;
}

export function entryTimeMs(words: Uint32Array, at: number): number {
  return words[at + ENTRY.timeHi]! * 2 ** 32 + words[at + ENTRY.timeLo]!;
}

export function setEntryTime(words: Uint32Array, at: number, timeMs: number): void {
  words[at + ENTRY.timeLo] = timeMs % 2 ** 32;
  words[at + ENTRY.timeHi] = Math.floor(timeMs / 2 ** 32);
}

/** Writes a retraction to the first words. @param beforeMs time of a version; Infinity for all versions */
export function writeRetraction(words: Uint32Array, timeMs: number, post: Hash64, beforeMs: number): void {
  words[ENTRY.meta] = RETRACTION << 8;
  setEntryTime(words, 0, timeMs);
  words[ENTRY.postHi] = post.hi;
  words[ENTRY.postLo] = post.lo;
  words[ENTRY.textHi] = beforeMs === Infinity ? ALL_BITS : Math.floor(beforeMs / 2 ** 32);
  words[ENTRY.textLo] = beforeMs === Infinity ? ALL_BITS : beforeMs % 2 ** 32;
  words[ENTRY.simHi] = 0;
  words[ENTRY.simLo] = 0;
}

/** The time of a version, ms, that the words 5 and 6 of a retraction give; Infinity for all versions. */
export function retractedBeforeMs(hi: number, lo: number): number {
  return hi === ALL_BITS ? Infinity : hi * 2 ** 32 + lo;
}

export function entryRecordAt(words: Uint32Array, at: number): number {
  return at + ENTRY.keys + entryKeyCount(words, at);
}

/** Bands of an entry with all of them. */
export const ALL_BANDS = 7;

export function entryMeta(
  tokenCount: number,
  keyCount: number,
  bands: number,
  isHome: boolean,
  dropped: number,
): number {
  return (tokenCount | (keyCount << 8) | (bands << 12) | (isHome ? 0x8000 : 0) | (dropped << 16)) >>> 0;
}

/** The same word 0 with other keys. */
export function entryWithKeys(meta: number, keyCount: number, bands: number, isHome: boolean): number {
  return ((meta & ~0xff00) | (keyCount << 8) | (bands << 12) | (isHome ? 0x8000 : 0)) >>> 0;
}

export const SIMHASH_BANDS = 3;
const BAND_BITS = 21;
export const BAND_SPACE = 2 ** BAND_BITS;

/** Bits 0-20, 21-41 and 42-62 of SimHash64, each band with keys of its own. */
export function entryBandKey(words: Uint32Array, at: number, band: number): number {
  const hi = words[at + ENTRY.simHi]!;
  const lo = words[at + ENTRY.simLo]!;
  const mask = BAND_SPACE - 1;
  if (band === 0) return lo & mask;
  if (band === 1) return BAND_SPACE + (((lo >>> BAND_BITS) | (hi << (32 - BAND_BITS))) & mask);
  return 2 * BAND_SPACE + ((hi >>> (2 * BAND_BITS - 32)) & mask);
}

/** Words of the entry at `at`. */
export function entryLength(words: Uint32Array, at: number): number {
  if (entryIsRetraction(words, at)) return ENTRY_HEADER_WORDS;
  return ENTRY_HEADER_WORDS + entryKeyCount(words, at) + recordWords(entryTokenCount(words, at));
}
