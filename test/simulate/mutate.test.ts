import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { LOOKALIKES } from '../../src/simulate/glyphs.ts';
import { type Level, LEVELS, mutate } from '../../src/simulate/mutate.ts';
import { Random } from '../../src/simulate/random.ts';
import { SCRIPTS } from '../../src/simulate/scripts.ts';
import { type Language, LANGUAGES } from '../../src/simulate/vocabulary/types.ts';

const COPIES = 12;
const LOOKS_LIKE_LATIN = new Map(
  [...LOOKALIKES].filter(([from]) => /[a-zA-Z]/.test(from)).map(([from, to]) => [to, from]),
);
const FIGURES = new Map(
  [...'4a3e1i0o5s7t'].flatMap((letter, at, all) => (at % 2 === 0 ? [[letter, all[at + 1]!] as const] : [])),
);

/** Letters only, folded as a detector would: what a reader sees of a text. */
function folded(text: string): string {
  const bare = text
    .normalize('NFKD')
    .replace(/https?:\S+|[@#]\S+|\bRT\b/g, ' ')
    .toLowerCase()
    .replace(/[\p{Mn}\u0640\u200b\u2060\u00ad]/gu, '')
    .replace(/[^\p{L}\p{N}]+/gu, '');
  return [...bare]
    .map((letter) => LOOKS_LIKE_LATIN.get(letter) ?? FIGURES.get(letter) ?? letter)
    .join('')
    .replace(/(.)\1+/gu, '$1')
    .replaceAll('ی', 'ي');
}

/** 2 * (longest common subsequence) / (sum of lengths). */
function indelRatio(one: string, other: string): number {
  let row = new Uint16Array(other.length + 1);
  for (const letter of one) {
    const next = new Uint16Array(other.length + 1);
    for (let at = 0; at < other.length; at += 1) {
      next[at + 1] = other[at] === letter ? row[at]! + 1 : Math.max(row[at + 1]!, next[at]!);
    }
    row = next;
  }
  return one.length + other.length === 0 ? 1 : (2 * row[other.length]!) / (one.length + other.length);
}

function copies(text: string, level: Level, language: Language): string[] {
  const random = new Random(9);
  return Array.from({ length: COPIES }, () => mutate(text, level, language, random));
}

/** The median similarity of neighbouring copies over all scripts of some languages. */
function medianRatio(level: Level, fold: (text: string) => string): number {
  const ratios = SCRIPTS.flatMap(({ text, language }) => {
    const made = copies(text, level, language).map(fold);
    return made.slice(1).map((copy, at) => indelRatio(made[at]!, copy));
  });
  return ratios.toSorted((one, other) => one - other)[Math.floor(ratios.length / 2)]!;
}

describe('levels', () => {
  // Bands around what two copies of one campaign share at each level, letters only.
  const bands: readonly [Level, number, number][] = [
    ['exact', 1, 1],
    ['cosmetic', 0.95, 1],
    ['obfuscated', 0.95, 1],
    ['light', 0.72, 0.93],
    ['medium', 0.5, 0.75],
    ['heavy', 0.35, 0.58],
  ];
  test.each(bands)('two %s copies share between %f and %f of their letters', (level, low, high) => {
    const ratio = medianRatio(level, folded);
    expect(ratio).toBeGreaterThanOrEqual(low);
    expect(ratio).toBeLessThanOrEqual(high);
  });

  test('an obfuscated copy is far from its text until it is folded', () => {
    const { text, language } = SCRIPTS[0]!;
    const raw = copies(text, 'obfuscated', language).map((copy) => indelRatio(text, copy));
    expect(Math.min(...raw)).toBeLessThan(0.75);
  });

  test.each(LANGUAGES)('every level but the exact one makes differing copies in %s', (language) => {
    const { text } = SCRIPTS.find((script) => script.language === language)!;
    for (const level of LEVELS) {
      const distinct = new Set(copies(text, level, language)).size;
      if (level === 'exact') expect(distinct).toBe(1);
      else expect(distinct).toBeGreaterThan(COPIES / 2);
    }
  });
});

test('a text where no words are spaced stays so, but for what is added', () => {
  const { text } = SCRIPTS.find(({ language }) => language === 'ja')!;
  const random = new Random(4);
  for (let copy = 0; copy < 50; copy += 1) {
    const words = mutate(text, 'light', 'ja', random)
      .split(/\s+/)
      .filter((word) => !/^[@#“]|^RT|^https|\p{Emoji_Presentation}/u.test(word));
    expect(words.length).toBeLessThan(5);
  }
});

test('links, mentions and hashtags are never edited inside', () => {
  const text =
    'Look at this. It is all here https://a.example/x.y?q=1 says @some_body and #ThisTag agrees with us. Truly so';
  fc.assert(
    fc.property(fc.integer(), fc.constantFrom(...LEVELS), (seed, level) => {
      const words = mutate(text, level, 'en', new Random(seed)).split(/\s+/);
      for (const word of words) {
        if (/^["“]?https/.test(word))
          expect(word).toMatch(/a\.example\/x\.y\?q=1[”.!?\u2026]*$|\.example\/[a-z0-9]{7}/);
        if (word.includes('@some')) expect(word).toMatch(/^“?@some_body[”!.?]*$/);
      }
    }),
    { seed: 11, numRuns: 500 },
  );
});

test('any text of any language gives a non-empty text without broken surrogates, and the same one again', () => {
  fc.assert(
    fc.property(
      fc.string({ unit: 'binary', minLength: 1, maxLength: 200 }),
      fc.integer(),
      fc.constantFrom(...LEVELS),
      fc.constantFrom(...LANGUAGES),
      (text, seed, level, language) => {
        const copy = mutate(text, level, language, new Random(seed));
        expect(copy).not.toBe('');
        expect(/\p{Surrogate}/u.test(copy)).toBe(false);
        expect(mutate(text, level, language, new Random(seed))).toBe(copy);
      },
    ),
    { numRuns: 1000 },
  );
});
