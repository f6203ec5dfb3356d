import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { columnsOf, fit, oneLine, pad, revealed, wrap } from '../../src/cli/text.ts';

const anyText = fc.string({ unit: 'binary', maxLength: 80 });

describe('texts on a terminal', () => {
  test('take the columns that terminals draw', () => {
    expect(['abc', '漢字', 'é', 'e\u0301', '한글', '😀', 'a\u200bb'].map(columnsOf)).toEqual([3, 4, 1, 1, 4, 2, 2]);
  });

  test('are in one line and steer nothing', () => {
    expect(oneLine(' a\r\n\tb\u001b[31m\u2028c\u202e ')).toBe('a b [31m c');
    expect(oneLine('wa\u200bt\u00ader 👩\u200d🚀')).toBe('water 👩\u200d🚀');
    expect(revealed('wa\u200bter\n\u{e0041}\u001b')).toBe('wa<U+200B>ter<U+000A><U+E0041><U+001B>');
  });

  test('are cut and filled up to a width', () => {
    expect(fit('abcdef', 6)).toBe('abcdef');
    expect(fit('abcdefg', 6)).toBe('abc...');
    expect(pad('漢', 4)).toBe('漢  ');
  });

  test('are parted at spaces where there are some', () => {
    expect(wrap('one two three four', 9, 3)).toEqual(['one two', 'three', 'four']);
    expect(wrap('one two three four', 9, 2)).toEqual(['one two', 'three...']);
    expect(wrap('', 9, 2)).toEqual([]);
  });

  test('never are wider than asked, and lose nothing that fits', () => {
    fc.assert(
      fc.property(anyText, fc.integer({ min: 4, max: 40 }), (text, columns) => {
        const lines = wrap(text, columns, 100);
        for (const line of lines) expect(columnsOf(line)).toBeLessThanOrEqual(columns);
        expect(lines.join('').replaceAll(/\s/g, '')).toBe(text.replaceAll(/\s/g, ''));
        expect(columnsOf(fit(text, columns))).toBeLessThanOrEqual(columns);
      }),
    );
  });
});
