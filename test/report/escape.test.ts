import fc from 'fast-check';
import { Parser } from 'htmlparser2';
import { describe, expect, test } from 'vitest';
import { escapeHtml, escapeXml, oneLine, shownText, wordsHtml } from '../../src/report/escape.ts';
import { HOSTILE_TEXTS } from './alerts.ts';

interface Parsed {
  readonly text: string;
  readonly attribute: string | undefined;
  readonly elements: readonly string[];
}

function parsed(markup: string, xmlMode: boolean): Parsed {
  let text = '';
  let attribute: string | undefined;
  const elements: string[] = [];
  const parser = new Parser(
    {
      onopentag: (name, attributes) => {
        elements.push(name);
        attribute ??= attributes['value'];
      },
      ontext: (data) => (text += data),
    },
    { xmlMode, decodeEntities: true },
  );
  parser.end(markup);
  return { text, attribute, elements };
}

/** Biased to what breaks markup, with half surrogate pairs. */
const texts = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc
    .array(
      fc.constantFrom(
        ...`<>&"'\`=/!-;#xscript \n\r\t\0\u200B\u202E\u2028\uD83D\uFFFE`.split(''),
        '&lt',
        '😀',
        '<!--',
        ']]>',
      ),
    )
    .map((parts) => parts.join('')),
);
const held = (text: string): string => text.replaceAll('\0', '\uFFFD');
const wellFormed = (text: string): string => text.replaceAll(/\p{Surrogate}/gu, '\uFFFD');

describe('a text in markup', () => {
  test('is text and nothing else, in elements and attributes of HTML', () => {
    fc.assert(
      fc.property(texts, (text) => {
        const escaped = escapeHtml(text);
        const { elements, ...found } = parsed(`<p value="${escaped}">${escaped}</p>`, false);
        expect(elements).toEqual(['p']);
        expect(found).toEqual({ text: held(wellFormed(text)), attribute: held(wellFormed(text)) });
      }),
      { numRuns: 2000 },
    );
  });

  test('is text and nothing else in XML, where what it cannot hold is U+FFFD', () => {
    fc.assert(
      fc.property(texts, (text) => {
        const escaped = escapeXml(text);
        const { elements, ...found } = parsed(`<p value="${escaped}">${escaped}</p>`, true);
        const expected = wellFormed(text).replaceAll(/[\0-\x08\x0B\x0C\x0E-\x1F\uFFFE\uFFFF]/g, '\uFFFD');
        expect(elements).toEqual(['p']);
        expect(found).toEqual({ text: expected, attribute: expected });
      }),
      { numRuns: 2000 },
    );
  });
});

describe('a shown text', () => {
  test('has the text as its text content, whatever is marked', () => {
    fc.assert(
      fc.property(fc.oneof(texts, fc.constantFrom(...HOSTILE_TEXTS)), (text) => {
        const { html, more } = shownText(text, 1000);
        const { text: content, elements } = parsed(html, false);
        expect(content).toBe(held(wellFormed(text.slice(0, text.length - more))));
        expect(new Set(elements)).toEqual(new Set(elements.length === 0 ? [] : ['span']));
        expect(more).toBe(Math.max(0, text.length - content.length));
      }),
      { numRuns: 1000 },
    );
  });

  test.each([
    ['pay\u200Bpal', ['U+200B']],
    ['pay\u200Dpal', ['U+200D']],
    ['\u202Egnp.exe', ['U+202E']],
    ['a\u2028b\u0085c\r\n', ['U+2028', 'U+0085', 'U+000D']],
    ['tag\u{E0041}', ['U+E0041']],
    ['hangul \u3164 filler', ['U+3164']],
    ['क्\u200Dष and می\u200Cخواهم', []],
    ['👩\u200D👩\u200D👧 🏴\u{E0067}\u{E0062}\u{E0065}\u{E006E}\u{E0067}\u{E007F} ☀️', []],
    ['plain\ntext\twith spaces', []],
  ])('%j has marks %j', (text, codes) => {
    const found = Array.from(shownText(text, 100).html.matchAll(/data-code="([^"]+)"/g), (match) => match[1]);
    expect(found).toEqual(codes);
  });

  test('is never cut within a character', () => {
    expect(shownText('ab😀', 3)).toEqual({ html: 'ab', more: 2 });
    expect(wordsHtml('ab😀', 3)).toBe('<bdi>ab…</bdi>');
  });
});

test.each([
  [' a\n\n b\u2028c ', 20, 'a b c'],
  ['a\u202Eb\u200Bc\u0007', 20, 'abc'],
  ['👩👩👩👩', 3, '👩👩…'],
  ['', 5, ''],
  ['\u200B\u200B', 5, ''],
])('%j in one line of %d is %j', (text, length, line) => {
  expect(oneLine(text, length)).toBe(line);
});

test('texts of a megabyte take no time', () => {
  const started = performance.now();
  for (const piece of ['\n', '\u200B', '<', ' ', '👩\u200D', '\uD83D', 'a\u0300']) {
    const text = piece.repeat(1_000_000 / piece.length);
    escapeHtml(text);
    escapeXml(text);
    oneLine(text, 100);
    shownText(text, 4000);
  }
  expect(performance.now() - started).toBeLessThan(10_000);
});
