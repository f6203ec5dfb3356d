import { Buffer } from 'node:buffer';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { DocumentShape } from '../../src/consumers/formats/format.ts';
import { TELEGRAM_DOCUMENT } from '../../src/consumers/formats/telegram.ts';
import { JsonDocumentCutter } from '../../src/consumers/json-document.ts';
import { FramingFault, type RecordBatch } from '../../src/consumers/records.ts';

interface Cut {
  readonly records: string[];
  readonly rejected: string[];
  readonly fault: string | undefined;
}

function cut(bytes: Buffer, shape: DocumentShape, { sizes = [65_536], recordBytesMax = 1_048_576 } = {}): Cut {
  const cutter = new JsonDocumentCutter(shape, () => [], recordBytesMax);
  const records: string[] = [];
  const rejected: string[] = [];
  const take = (batches: Iterable<RecordBatch>): void => {
    for (const batch of batches) {
      for (let i = 0; i < batch.count; i++) {
        const record = batch.text(i);
        if (record === undefined) rejected.push(`${batch.number(i)} ${JSON.stringify(batch.decode(i))}`);
        else records.push(record);
      }
    }
  };
  try {
    for (let at = 0, i = 0; at < bytes.length; i++) {
      const size = sizes[Math.min(i, sizes.length - 1)]!;
      take(cutter.push(Buffer.from(bytes.subarray(at, at + size))));
      at += size;
    }
    take(cutter.finish());
  } catch (error) {
    if (!(error instanceof FramingFault)) throw error;
    return { records, rejected, fault: `${error.fault}: ${error.message}` };
  }
  return { records, rejected, fault: undefined };
}

const PLAIN: DocumentShape = { containers: [] };
const STATUSES: DocumentShape = { containers: [['statuses'], ['lists', '*', 'statuses']] };
const parsed = ({ records }: Cut): unknown[] => records.map((record) => JSON.parse(record) as unknown);

describe('records', () => {
  const object = fc.dictionary(fc.string(), fc.jsonValue(), { noNullPrototype: true, minKeys: 1 });
  const sizes = fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 1, maxLength: 4 });
  const indent = fc.constantFrom(0, 1, 2);

  test('of an array, of objects one after the other, and of a list in an object, in chunks of any size', () => {
    fc.assert(
      fc.property(
        fc.array(object, { maxLength: 6 }),
        sizes,
        indent,
        fc.boolean(),
        (all, chunkSizes, spaces, hasMark) => {
          const records = all.map(({ statuses: _statuses, lists: _lists, ...rest }) => rest);
          const wrap = (value: unknown): Buffer =>
            Buffer.from((hasMark ? '\ufeff' : '') + JSON.stringify(value, null, spaces));
          const wanted = records.map((record) => JSON.parse(JSON.stringify(record)) as unknown);
          const options = { sizes: chunkSizes };
          expect(parsed(cut(wrap(records), PLAIN, options))).toStrictEqual(wanted);
          const sequence = Buffer.from(records.map((record) => JSON.stringify(record, null, spaces)).join('\n'));
          expect(parsed(cut(sequence, STATUSES, options))).toStrictEqual(wanted);
          const around = { about: { statuses: [1], more: ['"', '\\'] }, statuses: records, end: [{ statuses: [2] }] };
          expect(parsed(cut(wrap(around), STATUSES, options))).toStrictEqual(wanted);
        },
      ),
      { numRuns: 500 },
    );
  });

  test('that are no objects are for the decoder to refuse', () => {
    expect(cut(Buffer.from('[1, "a]", null, [2, [3]], {"b": "}"} ]'), PLAIN).records).toStrictEqual([
      '1',
      '"a]"',
      'null',
      '[2, [3]]',
      '{"b": "}"}',
    ]);
  });

  test('of several lists', () => {
    const document = {
      lists: [{ statuses: [{ a: 1 }] }, { other: [{ a: 9 }] }, { statuses: [] }, { statuses: [{ a: 2 }] }],
    };
    expect(cut(Buffer.from(JSON.stringify(document)), STATUSES).records).toStrictEqual(['{"a":1}', '{"a":2}']);
  });

  test('with what stands around them', () => {
    const chat = (id: number, name: string): object => ({
      name,
      type: 'public_channel',
      id,
      messages: [{ id: 1 }, { id: 2 }],
      about: 'behind',
    });
    const document = {
      about: 'x',
      chats: { about: 'y', list: [chat(5, 'Zoë "Z"'), chat(6, 'b')] },
      left_chats: { list: [chat(7, 'c')] },
    };
    const records = parsed(cut(Buffer.from(JSON.stringify(document, null, 1)), TELEGRAM_DOCUMENT, { sizes: [3] }));
    expect(records).toHaveLength(6);
    expect(records[0]).toStrictEqual({ chat: { name: 'Zoë "Z"', type: 'public_channel', id: 5 }, message: { id: 1 } });
    expect(records[5]).toStrictEqual({ chat: { name: 'c', type: 'public_channel', id: 7 }, message: { id: 2 } });
    const long = { name: 'n'.repeat(10_000), type: 'public_channel', id: 5, messages: [{ id: 1 }] };
    expect(parsed(cut(Buffer.from(JSON.stringify(long)), TELEGRAM_DOCUMENT))).toStrictEqual([
      { chat: { type: 'public_channel', id: 5 }, message: { id: 1 } },
    ]);
  });

  test('beyond the bound are rejected one by one, and memory stays bounded', () => {
    const document = [{ a: 1 }, { a: 'x'.repeat(500) }, { a: 2 }];
    const { records, rejected } = cut(Buffer.from(JSON.stringify(document)), PLAIN, {
      sizes: [11],
      recordBytesMax: 100,
    });
    expect(records).toStrictEqual(['{"a":1}', '{"a":2}']);
    expect(rejected).toStrictEqual([
      '2 {"kind":"rejection","reason":"line_too_long","detail":"the record has more than 100 bytes"}',
    ]);
  });

  test('that are no UTF-8 are rejected one by one', () => {
    const bytes = Buffer.from('[{"a":"x"},{"a":"\xe9"},{"a":"y"}]', 'latin1');
    const { records, rejected } = cut(bytes, PLAIN);
    expect([records.length, rejected.length]).toStrictEqual([2, 1]);
    expect(rejected[0]).toContain('invalid_utf8');
  });
});

describe('a document that is broken', () => {
  test.each([
    ['[{"a":1},{"a":2},{"a"', 'input_truncated: the JSON document is cut short'],
    ['[{"a":1},{"a":2},', 'input_truncated: the JSON document is cut short'],
    ['[{"a":1},{"a":2}}', 'input_corrupt: is no JSON document from byte 16 of its content on'],
    ['[{"a":1},{"a":2}] x', 'input_corrupt: is no JSON document from byte 18 of its content on'],
    ['[{"a":1},{"a":2},{"a":"\n"}]', 'input_corrupt: is no JSON document from byte 23 of its content on'],
  ])('%j: what stands before is read', (document, fault) => {
    for (const sizes of [[1], [5], [1000]]) {
      expect(cut(Buffer.from(document), PLAIN, { sizes })).toStrictEqual({
        records: ['{"a":1}', '{"a":2}'],
        rejected: [],
        fault,
      });
    }
  });

  test('changed at random, it never hangs and throws nothing else', () => {
    const good = Buffer.from(
      JSON.stringify({ name: 'n', id: 5, messages: [{ a: '"\\x' }, { b: [1, { c: 2 }] }] }, null, 1),
    );
    const changes = fc.array(
      fc.tuple(fc.nat(good.length - 1), fc.constantFrom(34, 92, 123, 125, 91, 93, 44, 58, 10, 0, 255)),
      { maxLength: 5 },
    );
    fc.assert(
      fc.property(changes, fc.integer({ min: 1, max: 30 }), (all, size) => {
        const bytes = Buffer.from(good);
        for (const [at, byte] of all) bytes[at] = byte;
        expect(cut(bytes, TELEGRAM_DOCUMENT, { sizes: [size] })).toStrictEqual(cut(bytes, TELEGRAM_DOCUMENT));
      }),
      { numRuns: 3000 },
    );
  });
});
