/**
 * The fingerprint by its definitions, in plain JavaScript: lists are sorted whole, bits counted one by one. What the kernel
 * computes must be this to the last bit.
 */
import { isOwn } from '../../src/fingerprints/clusters.ts';
import { hashToken, type FingerprintSettings } from '../../src/fingerprints/fingerprint.ts';
import type { FrequencyTable } from '../../src/fingerprints/frequency-table.ts';
import { hashLetters, mix32 } from '../../src/fingerprints/hash.ts';
import type { Normaliser } from '../../src/fingerprints/normalise.ts';
import { BITMAP_WORDS, TOKENS_MAX } from '../../src/fingerprints/record.ts';
import { KEY_KIND, KeyedOrder, SHINGLE_KEYS_MAX } from '../../src/fingerprints/shingles.ts';

/** Place of an n-gram in the order of the secret. */
export function rankOf(order: KeyedOrder, gram: number): number {
  const h = Math.imul(gram ^ order.a, order.b);
  return (Math.imul(h ^ (h >>> 15), 0x2c1b3c6d) ^ (h >>> 13)) >>> 1;
}

/** Bucket key of the n-gram with that rank. */
export function keyOf(order: KeyedOrder, rank: number, kind: number): number {
  return mix32(rank ^ Math.imul(kind + 1, 0x5bd1e995) ^ order.a) >>> 1;
}

function gramsOf(letters: Uint16Array, length: number): number[] {
  const count = Math.max(0, letters.length - length + 1);
  return Array.from({ length: count }, (_, i) => hashLetters(letters, i, i + length));
}

/** Ranks, ascending and distinct, of the n-grams that are frequent or of those that are not. */
function ranked(grams: readonly number[], order: KeyedOrder, table: FrequencyTable, frequent: boolean): number[] {
  const kept = grams.filter((gram) => table.isFrequent(mix32(gram)) === frequent);
  return Array.from(new Set(kept.map((gram) => rankOf(order, gram)))).sort((a, b) => a - b);
}

function keysOf(
  hashes: readonly number[],
  letters: Uint16Array,
  textLo: number,
  settings: FingerprintSettings,
): number[] {
  const order = new KeyedOrder(settings.secretHi, settings.secretLo);
  const pairs = hashes.slice(1).map((hash, i) => (Math.imul(hashes[i]!, 0x9e3779b1) + hash) | 0);
  const bigrams = ranked(pairs, order, settings.table, false);
  const eights = ranked(gramsOf(letters, 8), order, settings.table, false);
  const half = SHINGLE_KEYS_MAX / 2;
  const keys = [
    ...bigrams.slice(0, Math.max(half, 2 * half - eights.length)).map((rank) => keyOf(order, rank, KEY_KIND.bigram)),
    ...eights
      .slice(0, Math.max(half, 2 * half - bigrams.length))
      .map((rank) => keyOf(order, rank, KEY_KIND.characters)),
  ];
  const common = ranked(pairs, order, settings.table, true).slice(0, Math.max(0, 2 - keys.length));
  keys.push(...common.map((rank) => keyOf(order, rank, KEY_KIND.bigram)));
  return keys.length > 0 ? keys : [keyOf(order, textLo >>> 1, KEY_KIND.wholeText)];
}

/** The two words of a 4-gram's hash. */
function featureOf(gram: number): [number, number] {
  const mixed = Math.imul(gram ^ (gram >>> 15), 0x2c1b3c6d);
  const seed = mixed ^ (mixed >>> 13);
  const hi = Math.imul(seed, 0x297a2d39);
  const lo = Math.imul(seed ^ 0x5bd1e995, 0x165667b1);
  return [hi ^ (hi >>> 16), lo ^ (lo >>> 15)];
}

function simhashOf(letters: Uint16Array): [number, number] {
  const grams = letters.length < 4 ? gramsOf(letters, letters.length) : gramsOf(letters, 4);
  const features = grams.map(featureOf);
  const word = (which: 0 | 1): number => {
    let bits = 0;
    for (let bit = 0; bit < 32; bit++) {
      const count = features.filter((feature) => ((feature[which] >>> bit) & 1) !== 0).length;
      if (2 * count > features.length) bits |= 1 << bit;
    }
    return bits >>> 0;
  };
  return [word(0), word(1)];
}

function textHashOf(hashes: readonly number[]): [number, number] {
  let hi = 0x3c6ef372;
  let lo = 0x1f83d9ab;
  for (const hash of hashes) {
    hi = Math.imul(hi ^ hash, 0xcc9e2d51);
    hi ^= hi >>> 15;
    lo = Math.imul(lo + hash, 0x1b873593);
    lo ^= lo >>> 13;
  }
  return [mix32(hi ^ hashes.length), mix32(lo ^ Math.imul(hi, 0x27d4eb2f))];
}

function recordOf(letters: Uint16Array, tokens: readonly { hash: number; level: number }[]): number[] {
  const levels = new Map<number, number>();
  for (const { hash, level } of tokens) levels.set(hash >>> 16, Math.min(level, levels.get(hash >>> 16) ?? level));
  const kept = Array.from(levels)
    .sort(([hash, level], [other, otherLevel]) => otherLevel - level || hash - other)
    .slice(0, TOKENS_MAX)
    .sort(([hash], [other]) => hash - other);
  const bitmap = new Uint32Array(BITMAP_WORDS);
  for (const gram of gramsOf(letters, 3)) {
    const bit = Math.imul(gram ^ (gram >>> 15), 0x2c1b3c6d) >>> 24;
    bitmap[bit >>> 5]! |= 1 << (bit & 31);
  }
  const hashWords = new Uint32Array(Math.ceil(kept.length / 2));
  const levelWords = new Uint32Array(Math.ceil(kept.length / 8));
  for (const [i, [hash, level]] of kept.entries()) {
    hashWords[i >>> 1]! |= hash << (16 * (i & 1));
    levelWords[i >>> 3]! |= level << (4 * (i & 7));
  }
  return [...bitmap, ...hashWords, ...levelWords];
}

/** Keys, text hash, SimHash64 and record of what the normaliser left. */
export function plainPrint(
  normaliser: Normaliser,
  settings: FingerprintSettings,
): { keys: number[]; text: [number, number]; simhash: [number, number]; record: number[] } {
  const letters = normaliser.letters.slice(0, normaliser.letterCount);
  const tokens = Array.from({ length: normaliser.tokenCount }, (_, t) => {
    const start = normaliser.tokenStart[t]!;
    const hash = hashToken(letters, start, normaliser.tokenStart[t + 1]!);
    const level = settings.table.idfLevel(hash);
    return { hash, level: isOwn(letters[start]!) ? Math.min(4, Math.round(level * 0.6)) : level };
  });
  const hashes = tokens.map(({ hash }) => hash);
  const text = textHashOf(hashes);
  return {
    keys: keysOf(hashes, letters, text[1], settings),
    text,
    simhash: simhashOf(letters),
    record: recordOf(letters, tokens),
  };
}
