import { Buffer } from 'node:buffer';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { LINE_BYTES_MAX, LineSplitter, type LineBatch } from '../../src/consumers/lines.ts';

interface Line {
  readonly number: number;
  readonly text: string | undefined;
  readonly reason?: string;
}

function linesOf(batches: readonly LineBatch[]): Line[] {
  const lines: Line[] = [];
  for (const batch of batches) {
    for (let i = 0; i < batch.count; i++) {
      const text = batch.text(i);
      lines.push(
        text === undefined
          ? { number: batch.number(i), text, reason: batch.reason(i) }
          : { number: batch.number(i), text },
      );
    }
  }
  return lines;
}

/** Pushes `bytes` cut at `cuts`, through one buffer that is overwritten each time, as a file is read. */
function split(bytes: Buffer, cuts: readonly number[] = [], lineBytesMax = LINE_BYTES_MAX): Line[] {
  const splitter = new LineSplitter(lineBytesMax);
  const buffer = Buffer.alloc(bytes.length);
  const edges = [0, ...cuts.map((cut) => cut % (bytes.length + 1)).toSorted((a, b) => a - b), bytes.length];
  const lines: Line[] = [];
  for (let i = 1; i < edges.length; i++) {
    buffer.fill(0x21);
    const length = bytes.copy(buffer, 0, edges[i - 1], edges[i]);
    lines.push(...linesOf(splitter.push(buffer.subarray(0, length))));
  }
  return [...lines, ...linesOf(splitter.finish())];
}

/** The same over the whole input, slowly. */
function naiveSplit(bytes: Buffer, lineBytesMax: number): Line[] {
  const pieces: Buffer[] = [];
  let start = 0;
  for (let at = bytes.indexOf(10); at >= 0; at = bytes.indexOf(10, start)) {
    pieces.push(bytes.subarray(start, at));
    start = at + 1;
  }
  pieces.push(bytes.subarray(start));
  const lines: Line[] = [];
  for (const [index, piece] of pieces.entries()) {
    let line = piece.at(-1) === 13 ? piece.subarray(0, -1) : piece;
    const isTooLong = line.length > lineBytesMax;
    if (index === 0 && line.subarray(0, 3).equals(Buffer.from([0xef, 0xbb, 0xbf]))) line = line.subarray(3);
    const number = index + 1;
    if (isTooLong) lines.push({ number, text: undefined, reason: 'line_too_long' });
    if (isTooLong || /^[ \t\r]*$/.test(line.toString('latin1'))) continue;
    try {
      lines.push({ number, text: new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(line) });
    } catch {
      lines.push({ number, text: undefined, reason: 'invalid_utf8' });
    }
  }
  return lines;
}

describe('lines', () => {
  test.each([
    ['', []],
    ['\n\n', []],
    ['a', ['a']],
    ['a\n', ['a']],
    ['a\nb', ['a', 'b']],
    ['a\r\nb\r\n', ['a', 'b']],
    ['a\rb\n', ['a\rb']],
    ['a\r\r\n', ['a\r']],
    ['\r\n \t\r\na', ['a']],
    ['a\u2028b\u2029c\u0085d\n', ['a\u2028b\u2029c\u0085d']],
    ['\ufeffa\n\ufeffb', ['a', '\ufeffb']],
    ['\ufeff\na', ['a']],
  ])('%j', (input, expected) => {
    expect(split(Buffer.from(input)).map((line) => line.text)).toStrictEqual(expected);
  });

  test('numbers count blank lines', () => {
    expect(split(Buffer.from('\na\n\n\nb\n')).map((line) => line.number)).toStrictEqual([2, 5]);
  });

  test('invalid UTF-8 spoils its line only', () => {
    const input = Buffer.concat([
      Buffer.from('é\n'),
      Buffer.from([0x61, 0xff, 0x0a]),
      Buffer.from([0xed, 0xa0, 0x80, 0x0a]),
      Buffer.from('z'),
    ]);
    expect(split(input)).toStrictEqual([
      { number: 1, text: 'é' },
      { number: 2, text: undefined, reason: 'invalid_utf8' },
      { number: 3, text: undefined, reason: 'invalid_utf8' },
      { number: 4, text: 'z' },
    ]);
  });

  test('lines as long as the bound fit, longer ones do not, in one chunk or many', () => {
    const input = Buffer.from(`${'a'.repeat(10)}\r\n${'b'.repeat(11)}\n${'c'.repeat(12)}\r\n${'d'.repeat(10)}`);
    const expected = ['a'.repeat(10), undefined, undefined, 'd'.repeat(10)];
    expect(split(input, [], 10).map((line) => line.text)).toStrictEqual(expected);
    const everyByte = Array.from(input, (_, i) => i);
    expect(split(input, everyByte, 10).map((line) => line.text)).toStrictEqual(expected);
  });

  test('a line of 200 MB is passed over in bounded memory, with a sample', () => {
    const splitter = new LineSplitter();
    const chunk = Buffer.alloc(262_144, 0x61);
    splitter.push(Buffer.from('first\nsecond '));
    const before = process.memoryUsage().arrayBuffers;
    for (let i = 0; i < 800; i++) expect(splitter.push(chunk)).toHaveLength(0);
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(8 * LINE_BYTES_MAX);
    const [long, rest] = splitter.push(Buffer.from('\nthird\n'));
    expect(long!.reason(0)).toBe('line_too_long');
    expect(Buffer.from(long!.bytes(0)).toString()).toBe(`second ${'a'.repeat(249)}`);
    expect(linesOf([rest!])).toStrictEqual([{ number: 3, text: 'third' }]);
  });

  test('equals a naive split for any bytes and any cuts', () => {
    const piece = fc.constantFrom(
      '\n',
      '\r\n',
      '\r',
      'a',
      ' ',
      'é',
      '😀',
      '\u2028',
      '\ufeff',
      '{"id":"x"}',
      'a long piece of text',
    );
    const bytes = fc.oneof(
      { weight: 4, arbitrary: fc.array(piece, { maxLength: 40 }).map((pieces) => Buffer.from(pieces.join(''))) },
      fc
        .array(fc.constantFrom(10, 13, 32, 97, 0xc3, 0xa9, 0xef, 0xbb, 0xbf, 0xff), { maxLength: 60 })
        .map((codes) => Buffer.from(codes)),
    );
    fc.assert(
      fc.property(
        bytes,
        fc.array(fc.nat(), { maxLength: 12 }),
        fc.integer({ min: 3, max: 30 }),
        (input, cuts, lineBytesMax) => {
          expect(split(input, cuts, lineBytesMax)).toStrictEqual(naiveSplit(input, lineBytesMax));
        },
      ),
      { numRuns: 5000 },
    );
  });
});
