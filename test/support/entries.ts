/** Entries built by hand, word by word as frames/entry.ts lays them out, so that a test chooses keys and records itself. */
import { BITMAP_WORDS, recordWords } from '../../src/fingerprints/record.ts';
import { ALL_BANDS, ENTRY, ENTRY_HEADER_WORDS, entryMeta } from '../../src/frames/entry.ts';

export interface Token {
  /** 16 bits. */
  readonly hash: number;
  /** 0 to 15. */
  readonly level: number;
}

export interface TextSpec {
  readonly hi: number;
  readonly lo: number;
  readonly simHi: number;
  readonly simLo: number;
  readonly keys: readonly number[];
  /** Distinct, ascending by hash. */
  readonly tokens: readonly Token[];
  /** Set bits of the trigram bitmap, 0 to 255. */
  readonly trigramBits: readonly number[];
}

export function recordOf(tokens: readonly Token[], trigramBits: readonly number[]): Uint32Array {
  const count = tokens.length;
  const record = new Uint32Array(recordWords(count));
  for (const bit of trigramBits) record[bit >>> 5]! |= 1 << (bit & 31);
  const levelsAt = BITMAP_WORDS + Math.ceil(count / 2);
  for (const [i, { hash, level }] of tokens.entries()) {
    record[BITMAP_WORDS + Math.floor(i / 2)]! |= hash << (i % 2 === 0 ? 0 : 16);
    record[levelsAt + Math.floor(i / 8)]! |= level << (4 * (i % 8));
  }
  return record;
}

export function entryOf(text: TextSpec, timeMs: number, post: number, hasSimhash: boolean): Uint32Array {
  const record = recordOf(text.tokens, text.trigramBits);
  const words = new Uint32Array(ENTRY_HEADER_WORDS + text.keys.length + record.length);
  words[ENTRY.meta] = entryMeta(text.tokens.length, text.keys.length, hasSimhash ? ALL_BANDS : 0, true, 0);
  words[ENTRY.timeLo] = timeMs % 2 ** 32;
  words[ENTRY.timeHi] = Math.floor(timeMs / 2 ** 32);
  words[ENTRY.postLo] = post;
  words[ENTRY.textHi] = text.hi;
  words[ENTRY.textLo] = text.lo;
  words[ENTRY.simHi] = text.simHi;
  words[ENTRY.simLo] = text.simLo;
  words.set(text.keys, ENTRY.keys);
  words.set(record, ENTRY.keys + text.keys.length);
  return words;
}
