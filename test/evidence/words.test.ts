import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { TemplateMaker } from '../../src/evidence/template.ts';
import { diffOf, wordsOf } from '../../src/evidence/words.ts';
import type { AlertTemplate, DiffPart } from '../../src/model.ts';

const joined = (parts: readonly DiffPart[], ...ops: DiffPart['op'][]): string =>
  parts
    .filter(({ op }) => ops.includes(op))
    .map(({ text }) => text)
    .join('');

const word = fc.constantFrom(
  'the ',
  'toll ',
  'robs ',
  'nurses',
  ' ',
  '港',
  '过桥',
  '!',
  '#no',
  '👩‍⚕️',
  'https://a.b/c ',
  "don't ",
);
const text = fc.oneof(
  fc.array(word, { maxLength: 20 }).map((words) => words.join('')),
  fc.string({ unit: 'grapheme', maxLength: 40 }),
);

describe('words', () => {
  test('are words, links, spaces and single characters', () => {
    expect(wordsOf("Don't pay  #toll, @vale: 过桥费! https://a.example/b?c")).toEqual([
      "Don't",
      ' ',
      'pay',
      '  ',
      '#toll',
      ',',
      ' ',
      '@vale',
      ':',
      ' ',
      '过',
      '桥',
      '费',
      '!',
      ' ',
      'https://a.example/b?c',
    ]);
  });

  test('joined are the text', () => {
    fc.assert(
      fc.property(text, (each) => {
        expect(wordsOf(each).join('')).toBe(each);
      }),
    );
  });

  test('of a long text end in one long word', () => {
    const long = 'toll '.repeat(1000);
    expect(wordsOf(long)).toHaveLength(401);
    expect(wordsOf(long).join('')).toBe(long);
  });
});

describe('a difference', () => {
  test('tells what stays, is added and is gone', () => {
    expect(diffOf(wordsOf('the toll robs nurses'), wordsOf('the new toll robs doctors'))).toEqual([
      { op: 'same', text: 'the ' },
      { op: 'added', text: 'new ' },
      { op: 'same', text: 'toll robs ' },
      { op: 'removed', text: 'nurses' },
      { op: 'added', text: 'doctors' },
    ]);
  });

  test('holds both texts, and no run of one kind is cut', () => {
    fc.assert(
      fc.property(text, text, (a, b) => {
        const parts = diffOf(wordsOf(a), wordsOf(b));
        expect(joined(parts, 'same', 'removed')).toBe(a);
        expect(joined(parts, 'same', 'added')).toBe(b);
        expect(parts.some(({ op }, i) => op === parts[i + 1]?.op)).toBe(false);
        expect(parts.some((part) => part.text === '')).toBe(false);
      }),
    );
  });

  test('keeps as many words as a longest common subsequence has', () => {
    const letters = fc.array(fc.constantFrom('a', 'b', 'c'), { maxLength: 7 });
    fc.assert(
      fc.property(letters, letters, (a, b) => {
        expect(joined(diffOf(a, b), 'same')).toHaveLength(longest(a, b));
      }),
    );
  });

  function longest(a: readonly string[], b: readonly string[]): number {
    if (a.length === 0 || b.length === 0) return 0;
    if (a[0] === b[0]) return 1 + longest(a.slice(1), b.slice(1));
    return Math.max(longest(a.slice(1), b), longest(a, b.slice(1)));
  }
});

describe('a template', () => {
  const of = (texts: readonly (readonly [string, number])[], postCount?: number): AlertTemplate | undefined =>
    new TemplateMaker().make(
      texts.map(([each, count]) => ({ words: wordsOf(each), postCount: count })),
      postCount ?? texts.reduce((sum, [, count]) => sum + count, 0),
    );

  test('is what variants have in common, with slots and what filled them', () => {
    expect(
      of([
        ['Springfield votes for Vale', 5],
        ['Ogdenville votes for Vale', 3],
        ['North Haverbrook votes for Burns', 1],
      ]),
    ).toEqual({
      parts: [{ slot: 1 }, { text: ' votes for ' }, { slot: 2 }],
      slots: [
        {
          fills: [
            { text: 'Springfield', postCount: 5 },
            { text: 'Ogdenville', postCount: 3 },
            { text: 'North Haverbrook', postCount: 1 },
          ],
          leftOut: 0,
        },
        {
          fills: [
            { text: 'Vale', postCount: 8 },
            { text: 'Burns', postCount: 1 },
          ],
          leftOut: 0,
        },
      ],
      share: 1,
    });
  });

  test('leaves out a variant that has little in common, and says the share of the others', () => {
    const template = of([
      ['scrap the harbour toll today', 6],
      ['scrap the harbour toll tonight', 2],
      ['something else altogether now', 2],
    ]);
    expect(template?.share).toBe(0.8);
    expect(template?.parts).toEqual([{ text: 'scrap the harbour toll ' }, { slot: 1 }]);
  });

  test('with words that are sometimes not there', () => {
    const template = of([
      ['scrap the harbour toll', 2],
      ['please scrap the harbour toll', 1],
    ]);
    expect(template?.slots[0]!.fills).toEqual([
      { text: '', postCount: 2 },
      { text: 'please', postCount: 1 },
    ]);
  });

  test('is none for one variant, or for variants that have nothing in common', () => {
    expect(of([['scrap the harbour toll', 9]])).toBeUndefined();
    expect(
      of([
        ['scrap the harbour toll', 2],
        ['nurses deserve better pay', 2],
      ]),
    ).toBeUndefined();
  });

  test('lists ten fills of a slot', () => {
    const towns = Array.from({ length: 14 }, (_, i) => [`town${i} votes for Vale again today`, 1] as const);
    const slot = of(towns)!.slots[0]!;
    expect([slot.fills.length, slot.leftOut]).toEqual([10, 4]);
  });

  test('any variants: parts and fills give back each text that fits', () => {
    fc.assert(
      fc.property(
        fc.array(
          text.filter((each) => each.trim() !== ''),
          { minLength: 2, maxLength: 6 },
        ),
        (texts) => {
          const template = of(texts.map((each) => [each, 1] as const));
          if (template === undefined) return;
          const slots = template.parts.filter((part) => 'slot' in part).map((part) => part.slot);
          expect(slots).toEqual(template.slots.map((_, i) => i + 1));
          expect(template.share).toBeLessThanOrEqual(1);
          for (const { fills } of template.slots)
            expect(new Set(fills.map((fill) => fill.text)).size).toBe(fills.length);
        },
      ),
    );
  });

  test('of a maker that has seen other revisions is that of a new one', () => {
    const piece = fc.constantFrom('vote', 'for', 'the', 'vale', 'burns', 'now', '!', 'we', 'all');
    const variant = fc.array(piece, { minLength: 1, maxLength: 8 }).map((words) => wordsOf(words.join(' ')));
    const revision = fc.array(fc.tuple(fc.nat({ max: 30 }), fc.integer({ min: 1, max: 9 })), { maxLength: 40 });
    fc.assert(
      fc.property(
        fc.array(variant, { minLength: 31, maxLength: 31 }),
        fc.array(revision, { maxLength: 6 }),
        (texts, all) => {
          const maker = new TemplateMaker();
          for (const chosen of all) {
            const variants = Array.from(new Map(chosen), ([at, postCount]) => ({ words: texts[at]!, postCount }));
            expect(maker.make(variants, 400)).toEqual(new TemplateMaker().make(variants, 400));
          }
        },
      ),
      { numRuns: 500 },
    );
  });
});
