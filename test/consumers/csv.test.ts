import { Buffer } from 'node:buffer';
import { parse } from 'csv-parse/sync';
import fc from 'fast-check';
import iconv from 'iconv-lite';
import { describe, expect, test } from 'vitest';
import { CsvCutter, tableShapeOf } from '../../src/consumers/csv.ts';
import type { Row } from '../../src/consumers/formats/rows.ts';
import type { RecordBatch } from '../../src/consumers/records.ts';
import type { Decoded } from '../../src/model.ts';

interface Cut {
  readonly rows: Row[];
  /** "line reason: detail" */
  readonly faults: string[];
  readonly blank: number;
}

/** Cuts `bytes` in chunks of these sizes, in turn; the last size is that of all others. */
function cut(bytes: Buffer, { sizes = [65_536], rowBytesMax = 1_048_576 } = {}): Cut {
  const shape = tableShapeOf(unmarked(bytes).toString('latin1'), true)!;
  const result: Cut & { blank: number } = { rows: [], faults: [], blank: 0 };
  const decoder = (row: Row): Decoded => {
    result.rows.push({ ...row });
    return { kind: 'ignored', reason: 'other_event' };
  };
  const cutter = new CsvCutter(shape, decoder, rowBytesMax);
  const take = (batches: Iterable<RecordBatch>): void => {
    for (const batch of batches) {
      for (let i = 0; i < batch.count; i++) {
        const decoded = [batch.decode(i)].flat()[0]!;
        if (decoded.kind === 'rejection') result.faults.push(`${batch.number(i)} ${decoded.reason}: ${decoded.detail}`);
        if (decoded.kind === 'ignored' && decoded.reason === 'keep_alive') result.blank++;
      }
    }
  };
  let at = 0;
  for (let i = 0; at < bytes.length; i++) {
    const size = sizes[Math.min(i, sizes.length - 1)]!;
    take(cutter.push(Buffer.from(bytes.subarray(at, at + size))));
    at += size;
  }
  take(cutter.finish());
  return result;
}

function unmarked(bytes: Buffer): Buffer {
  return bytes.toString('latin1', 0, 3) === '\xef\xbb\xbf' ? bytes.subarray(3) : bytes;
}

const text = (lines: readonly string[], end = '\n'): Buffer => Buffer.from(lines.join(end) + end);

describe('rows as csv-parse reads them', () => {
  const cell = fc.oneof(
    {
      weight: 3,
      arbitrary: fc.string({
        unit: fc.constantFrom('a', 'é', '好', ' ', ',', '"', '\n', '\r\n', ';', '😀'),
        maxLength: 8,
      }),
    },
    fc.string({ maxLength: 5 }),
  );
  const quoted = (value: string): string => `"${value.replaceAll('"', '""')}"`;
  const needsQuotes = /[",;\t|\r\n]/;

  test.each([',', ';', '\t', '|'])('delimiter %j, in chunks of any size', (delimiter) => {
    const table = fc.tuple(
      fc.array(fc.tuple(cell, cell, cell), { minLength: 1, maxLength: 8 }),
      fc.constantFrom('\n', '\r\n'),
      fc.boolean(),
      fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 4 }),
    );
    fc.assert(
      fc.property(table, ([cells, end, quoteAll, sizes]) => {
        const rows = cells.filter((row) => row.some((value) => value !== ''));
        const write = (row: readonly string[]): string =>
          row.map((value) => (quoteAll || needsQuotes.test(value) ? quoted(value) : value)).join(delimiter);
        const bytes = Buffer.from([['one', 'two', 'three'], ...rows].map(write).join(end) + end);
        const wanted = parse(bytes, { columns: true, delimiter, relax_quotes: false }) as unknown as Row[];
        expect(cut(bytes, { sizes })).toStrictEqual({ rows: wanted, faults: [], blank: 0 });
      }),
      { numRuns: 300 },
    );
  });
});

describe('a row that is broken', () => {
  test.each([
    ['a quote that is never closed', ['a,b', '1,"open', '2,x', '3,"y z"'], '2 invalid_character: behind a quote'],
    [
      'a quote that is never closed, to the end',
      ['a,b', '1,"open', '2,x', '3,y z'],
      '2 invalid_character: a quote that opens',
    ],
    ['text behind a closing quote', ['a,b', '1,"x"y', '2,x', '3,y z'], '2 invalid_character: behind a quote'],
    [
      'more fields than the header has',
      ['a,b', '1,x,y', '2,x', '3,y z'],
      '2 invalid_character: the row has 3 fields, the header 2',
    ],
  ])('%s: nothing else is lost', (_name, lines, fault) => {
    for (const sizes of [[1], [7], [65_536]]) {
      const { rows, faults } = cut(text(lines), { sizes });
      expect(rows).toStrictEqual([
        { a: '2', b: 'x' },
        { a: '3', b: 'y z' },
      ]);
      expect(faults).toHaveLength(1);
      expect(faults[0]!.startsWith(fault)).toBe(true);
    }
  });

  test('one that is too long, with and without an end in sight', () => {
    const long = 'x'.repeat(300);
    for (const sizes of [[1], [64], [65_536]]) {
      const { rows, faults } = cut(text(['a,b', `1,${long}`, '2,x', `3,"${long}`, '4,y']), { sizes, rowBytesMax: 100 });
      expect(rows).toStrictEqual([
        { a: '2', b: 'x' },
        { a: '4', b: 'y' },
      ]);
      expect(faults).toStrictEqual([
        '2 line_too_long: the row has more than 100 bytes',
        '4 line_too_long: the row has more than 100 bytes',
      ]);
    }
  });

  test('changed at random: every line is taken once, and nothing throws or hangs', () => {
    const good = text(['a,b', ...Array.from({ length: 40 }, (_, i) => `${i},"x ""y"" ${i}, z"`)]);
    const changes = fc.array(
      fc.tuple(fc.integer({ min: 4, max: good.length - 1 }), fc.constantFrom(34, 44, 10, 13, 0, 255)),
      { maxLength: 6 },
    );
    fc.assert(
      fc.property(changes, (all) => {
        const bytes = Buffer.from(good);
        for (const [at, byte] of all) bytes[at] = byte;
        const { rows, faults } = cut(bytes);
        // A change breaks at most the row that it is in and the one that it opens into.
        expect(rows.length + faults.length).toBeGreaterThanOrEqual(40 - 3 * all.length);
        expect(cut(bytes, { sizes: [1, 13, 5] })).toStrictEqual(cut(bytes));
      }),
      { numRuns: 300 },
    );
  });

  test('a quote in each line takes no more time than one', () => {
    const lines = Array.from({ length: 20_000 }, (_, i) => `${i},"open ${'x'.repeat(40)}`);
    const startMs = performance.now();
    const { rows, faults } = cut(text(['a,b', ...lines, 'z,end']));
    expect(rows.at(-1)).toStrictEqual({ a: 'z', b: 'end' });
    expect(rows.length + faults.length).toBeGreaterThan(10_000);
    expect(performance.now() - startMs).toBeLessThan(3000);
  });
});

describe('what spreadsheets write', () => {
  const wanted = [{ name: 'Zoë', body: 'naïve – “so”' }];

  test('UTF-8 with a mark', () => {
    expect(cut(Buffer.from('\ufeffname;body\r\nZoë;naïve – “so”\r\n')).rows).toStrictEqual(wanted);
  });

  test('windows-1252, where the bytes are no UTF-8', () => {
    const bytes = iconv.encode('name;body\r\nZoë;naïve – “so”\r\n', 'windows-1252');
    expect(cut(bytes, { sizes: [3] }).rows).toStrictEqual(wanted);
  });

  test('the first row that is not ASCII decides for all', () => {
    const mixed = Buffer.concat([
      Buffer.from('name;body\nZoë;a\n'),
      Buffer.from('Zo\xeb;b\n', 'latin1'),
      Buffer.from('Ann;c\n'),
    ]);
    expect(cut(mixed)).toStrictEqual({
      rows: [
        { name: 'Zoë', body: 'a' },
        { name: 'Ann', body: 'c' },
      ],
      faults: ['3 invalid_utf8: the row is not UTF-8'],
      blank: 0,
    });
  });

  test('rows of nothing but delimiters, rows that leave out empty cells, more empty cells', () => {
    expect(cut(text(['a,b,c', ',,', '1', '', '2,x,,,,']))).toStrictEqual({
      rows: [
        { a: '1', b: '', c: '' },
        { a: '2', b: 'x', c: '' },
      ],
      faults: [],
      blank: 1,
    });
  });

  test('a line that names the delimiter; lines that end in \\r alone; a header in quotes', () => {
    expect(cut(text(['sep=|', 'a|b', '1|x,y;z'], '\r\n')).rows).toStrictEqual([{ a: '1', b: 'x,y;z' }]);
    expect(cut(text(['a;b', '1;x', '2;y'], '\r')).rows).toStrictEqual([
      { a: '1', b: 'x' },
      { a: '2', b: 'y' },
    ]);
    expect(cut(text(['"a, b","c"', '1,x'])).rows).toStrictEqual([{ 'a, b': '1', c: 'x' }]);
  });

  test('columns whose names objects have of their own', () => {
    const { rows } = cut(text(['constructor,toString', 'x,y']));
    expect(Object.entries(rows[0]!)).toStrictEqual([
      ['constructor', 'x'],
      ['toString', 'y'],
    ]);
  });
});
