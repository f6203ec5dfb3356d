import { Buffer, isUtf8 } from 'node:buffer';
import avro from 'avsc';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { compileAvro, UnusableSchemaError, type AvroResult } from '../../src/consumers/formats/avro.ts';

const readText = (bytes: Uint8Array, start: number, end: number): string | undefined =>
  isUtf8(bytes.subarray(start, end)) ? Buffer.from(bytes.subarray(start, end)).toString() : undefined;

function read(schema: unknown, bytes: Uint8Array, references: readonly unknown[] = []): AvroResult {
  const texts = references.map((reference) => JSON.stringify(reference));
  return compileAvro(JSON.stringify(schema), texts, readText).read(bytes, 0);
}

function fieldsOf(result: AvroResult): Record<string, unknown> {
  if (result.kind === 'fault') throw new Error(`fault: ${result.detail}`);
  return Object.fromEntries(Object.entries(result.fields).filter(([, value]) => value !== undefined));
}

function faultOf(result: AvroResult): string {
  if (result.kind === 'fault') return result.detail;
  throw new Error(`read ${JSON.stringify(result.fields)}`);
}

function record(...fields: readonly (readonly [name: string, type: unknown])[]): unknown {
  return { type: 'record', name: 'P', fields: fields.map(([name, type]) => ({ name, type })) };
}

const long = avro.Type.forSchema('long');
const text = avro.Type.forSchema('string');
const bytesOf = (...parts: readonly (number | string)[]): Buffer =>
  Buffer.concat(parts.map((part) => (typeof part === 'number' ? long.toBuffer(part) : text.toBuffer(part))));

/** A type, a value for avsc to write, and what reading it as a field of a post must give. */
interface Sample {
  readonly type: unknown;
  readonly value: unknown;
  readonly expected: unknown;
}

const OPAQUE = {};
let names = 0;
const named = (): string => `N${names++}`;

function leaf(type: string, values: fc.Arbitrary<unknown>, expected = (value: unknown): unknown => value) {
  return values.map((value): Sample => ({ type, value, expected: expected(value) }));
}

const LEAVES = [
  leaf('null', fc.constant(null)),
  leaf('boolean', fc.boolean()),
  leaf('int', fc.integer()),
  leaf('long', fc.integer({ min: -(2 ** 51), max: 2 ** 51 })),
  leaf('double', fc.double({ noNaN: true })),
  leaf('float', fc.float({ noNaN: true })),
  leaf('string', fc.string({ unit: 'binary' })),
  leaf(
    'bytes',
    fc.uint8Array({ maxLength: 9 }).map((bytes) => Buffer.from(bytes)),
    () => OPAQUE,
  ),
  fc.uint8Array({ maxLength: 9, minLength: 1 }).map((bytes): Sample => ({
    type: { type: 'fixed', name: named(), size: bytes.length },
    value: Buffer.from(bytes),
    expected: OPAQUE,
  })),
  fc.constantFrom('RED', 'GREEN').map((value): Sample => ({
    type: { type: 'enum', name: named(), symbols: ['RED', 'GREEN'] },
    value,
    expected: value,
  })),
];

const { sample } = fc.letrec<{ sample: Sample }>((tie) => ({
  sample: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    ...LEAVES,
    fc.tuple(tie('sample'), fc.nat(4)).map(([item, count]): Sample => ({
      type: { type: 'array', items: item.type },
      value: Array.from({ length: count }, () => item.value),
      expected: Array.from({ length: count }, () => item.expected),
    })),
    fc.tuple(tie('sample'), fc.array(fc.string(), { maxLength: 3 })).map(([item, keys]): Sample => ({
      type: { type: 'map', values: item.type },
      value: Object.fromEntries(keys.map((key) => [key, item.value])),
      expected: OPAQUE,
    })),
    fc.array(tie('sample'), { maxLength: 3 }).map((items): Sample => ({
      type: {
        type: 'record',
        name: named(),
        fields: items.map(({ type }, i) => ({ name: `f${i}`, type })),
      },
      value: Object.fromEntries(items.map(({ value }, i) => [`f${i}`, value])),
      expected: OPAQUE,
    })),
    fc.tuple(leaf('string', fc.string()), fc.boolean()).map(([item, isNull]): Sample => ({
      type: ['null', 'string'],
      value: isNull ? null : { string: item.value },
      expected: isNull ? null : item.expected,
    })),
  ),
}));

describe('against avsc', () => {
  test('whatever it writes is read, the fields of a post by name, all others passed over', () => {
    const chosen = fc.uniqueArray(fc.constantFrom('id', 'text', 'createdAt', 'urls', 'likes', 'tags', 'client', 'geo'));
    const fields = chosen.chain((all) => fc.tuple(...all.map((name) => fc.tuple(fc.constant(name), sample))));
    fc.assert(
      fc.property(fields, (pairs) => {
        const schema = record(...pairs.map(([name, { type }]) => [name, type] as const));
        const type = avro.Type.forSchema(schema as avro.Schema, { wrapUnions: 'always' });
        const bytes = type.toBuffer(Object.fromEntries(pairs.map(([name, { value }]) => [name, value])));
        const expected = pairs.filter(([name]) => ['id', 'text', 'createdAt', 'urls'].includes(name));
        expect(fieldsOf(read(schema, bytes))).toEqual(
          Object.fromEntries(expected.map(([name, sampled]) => [name, sampled.expected])),
        );
      }),
      { numRuns: 500 },
    );
  });

  test('numbers of all lengths', () => {
    const values = Array.from({ length: 52 }, (_, bits) => [2 ** bits, 2 ** bits - 1, -(2 ** bits)]).flat();
    for (const value of values) {
      expect(fieldsOf(read(record(['createdAt', 'long']), bytesOf(value)))).toEqual({ createdAt: value });
    }
  });
});

test('numbers of ten bytes, the longest there are, are passed over and read about', () => {
  const smallest = Buffer.from([0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01]);
  const bytes = Buffer.concat([smallest, smallest, bytesOf('x')]);
  expect(fieldsOf(read(record(['likes', 'long'], ['createdAt', 'long'], ['id', 'string']), bytes))).toEqual({
    createdAt: -(2 ** 63),
    id: 'x',
  });
});

describe('schemas', () => {
  test('names: namespaces, references to a type defined before, a type that holds itself', () => {
    const schema = {
      type: 'record',
      name: 'a.b.P',
      fields: [
        { name: 'kind', type: { type: 'enum', name: 'Kind', symbols: ['X', 'Y'] } },
        { name: 'platform', type: 'a.b.Kind' },
        { name: 'lang', type: 'Kind' },
        { name: 'parent', type: ['null', 'P'] },
        { name: 'id', type: 'string' },
      ],
    };
    const parent = bytesOf(0, 0, 0, 0, 'inner');
    const bytes = Buffer.concat([bytesOf(0, 1, 0, 1), parent, bytesOf('outer')]);
    expect(fieldsOf(read(schema, bytes))).toEqual({ platform: 'Y', lang: 'X', id: 'outer' });
  });

  test('references to schemas of other subjects', () => {
    const kind = { type: 'enum', name: 'Kind', namespace: 'other', symbols: ['X', 'Y'] };
    expect(fieldsOf(read(record(['platform', 'other.Kind']), bytesOf(1), [kind]))).toEqual({ platform: 'Y' });
  });

  test('times: ms as they are, microseconds cut, local ones are none', () => {
    const time = (logicalType: string, value: number): unknown =>
      fieldsOf(read(record(['createdAt', { type: 'long', logicalType }]), bytesOf(value)))['createdAt'];
    expect(time('timestamp-millis', 1_738_659_605_123)).toBe(1_738_659_605_123);
    expect(time('timestamp-micros', 1_738_659_605_123_999)).toBe(1_738_659_605_123);
    expect(time('local-timestamp-millis', 1_738_659_605_123)).toEqual({});
  });

  test.each([
    ['{', 'not JSON'],
    ['"string"', 'no Avro record'],
    ['["null"]', 'no Avro record'],
    ['{"type":"record","name":"P"}', 'no fields'],
    ['{"type":"record","fields":[]}', 'no name'],
    ['{"type":"record","name":"P","fields":[7]}', 'no object'],
    ['{"type":"record","name":"P","fields":[{"name":"id","type":"Missing"}]}', '"Missing"'],
    ['{"type":"record","name":"P","fields":[{"name":"id","type":"toString"}]}', '"toString"'],
    ['{"type":"record","name":"P","fields":[{"name":"id"}]}', 'neither a name'],
    ['{"type":"record","name":"P","fields":[{"name":"id","type":"int"},{"name":"id","type":"int"}]}', 'two fields'],
    ['{"type":"record","name":"P","fields":[{"name":"a","type":{"type":"enum","name":"E"}}]}', 'symbols'],
    ['{"type":"record","name":"P","fields":[{"name":"a","type":{"type":"fixed","name":"F","size":-1}}]}', 'size'],
    ['{"type":"record","name":"P","fields":[{"name":"a","type":{"type":"fixed","name":"P","size":1}}]}', 'twice'],
    [
      `{"type":"record","name":"P","fields":[{"name":"a","type":${'{"type":"array","items":'.repeat(100)}"int"${'}'.repeat(100)}}]}`,
      'levels of nesting',
    ],
  ])('refused: %.60s', (schema, message) => {
    expect(() => compileAvro(schema, [], readText)).toThrow(UnusableSchemaError);
    expect(() => compileAvro(schema, [], readText)).toThrow(message);
  });
});

describe('blocks', () => {
  const schema = record(
    ['tags', { type: 'array', items: 'string' }],
    ['urls', { type: 'array', items: 'string' }],
    ['id', 'string'],
  );

  test('several blocks, with and without their size', () => {
    const sized = Buffer.concat([bytesOf(-2, 4, 'a', 'b'), bytesOf(1, 'c', 0)]);
    expect(fieldsOf(read(schema, Buffer.concat([sized, sized, bytesOf('x')])))).toEqual({
      urls: ['a', 'b', 'c'],
      id: 'x',
    });
  });

  test('a wrong size is a fault', () => {
    const wrong = bytesOf(0, -2, 5, 'a', 'b', 0, 'x');
    expect(faultOf(read(schema, wrong))).toContain('block of 5 bytes');
  });
});

// What each of these takes without its bound: for ever, or gigabytes.
describe('bombs', () => {
  const strings = { type: 'array', items: 'string' };
  const doubling = (levels: number): unknown => {
    let type: unknown = { type: 'record', name: 'R0', fields: [] };
    for (let level = 1; level <= levels; level++) {
      type = {
        type: 'record',
        name: `R${level}`,
        fields: [
          { name: 'a', type },
          { name: 'b', type: `R${level - 1}` },
        ],
      };
    }
    return type;
  };

  test.each([
    [
      'a block that ends before it starts',
      record(['tags', strings], ['id', 'string']),
      bytesOf(-1, -2),
      'a length of -2',
    ],
    ['a map likewise', record(['tags', { type: 'map', values: 'int' }]), bytesOf(-1, -2), 'a length of -2'],
    ['more elements than bytes, passed over', record(['tags', strings]), bytesOf(2 ** 40), 'more elements'],
    ['more elements than bytes, read', record(['urls', strings]), bytesOf(2 ** 40), 'more elements'],
    ['the smallest count', record(['urls', strings]), bytesOf(-(2 ** 50), 0), 'more elements'],
    ['elements of no bytes', record(['urls', { type: 'array', items: 'null' }]), bytesOf(1e9), 'more elements'],
    [
      'records of no bytes',
      record(['tags', { type: 'array', items: { type: 'record', name: 'E', fields: [] } }]),
      bytesOf(1e9),
      'more elements',
    ],
    ['records within records', record(['tags', doubling(60)]), bytesOf(), 'more elements'],
    ['a text longer than the value', record(['id', 'string']), bytesOf(2 ** 31), 'a length of 2147483648'],
    ['a text of negative length', record(['id', 'string']), bytesOf(-1), 'a length of -1'],
    ['a number without end', record(['createdAt', 'long']), Buffer.alloc(64, 0xff), 'a number of more than 10 bytes'],
    ['a number cut short', record(['createdAt', 'long']), Buffer.alloc(3, 0xff), 'ends within a number'],
    ['a branch beyond the union', record(['id', ['null', 'string']]), bytesOf(2), 'branch 2 of a union of 2'],
    ['a branch before it', record(['id', ['null', 'string']]), bytesOf(-1), 'branch -1'],
    ['a symbol beyond the enum', record(['id', { type: 'enum', name: 'E', symbols: ['A'] }]), bytesOf(1), 'symbol 1'],
    ['bytes left over', record(['id', 'string']), bytesOf('a', 'b'), '2 bytes behind the record'],
    ['broken UTF-8', record(['id', 'string']), Buffer.from([4, 0xc3, 0x28]), 'not valid UTF-8'],
  ])('%s', (_name, schema, bytes, detail) => {
    const start = performance.now();
    expect(faultOf(read(schema, bytes))).toContain(detail);
    expect(performance.now() - start).toBeLessThan(500);
  });

  test('a type that holds itself, deeper than the bound', () => {
    const schema = { type: 'record', name: 'P', fields: [{ name: 'parent', type: ['null', 'P'] }] };
    expect(faultOf(read(schema, Buffer.alloc(1e6, 2)))).toContain('levels of nesting');
  });

  test('arrays of arrays of nothing: steps grow with the bytes, not with their square', () => {
    const inner = { type: 'array', items: 'null' };
    const count = 30_000;
    const bytes = Buffer.concat([
      bytesOf(count),
      ...Array.from({ length: count }, () => bytesOf(20_000, 0)),
      bytesOf(0),
    ]);
    const start = performance.now();
    expect(faultOf(read(record(['tags', { type: 'array', items: inner }]), bytes))).toContain('more elements');
    expect(performance.now() - start).toBeLessThan(500);
  });

  test('garbage never throws, and is never read beyond its end', () => {
    const schema = record(
      ['id', 'string'],
      ['meta', { type: 'map', values: ['null', 'string', { type: 'array', items: 'long' }] }],
      ['urls', ['null', strings]],
      ['createdAt', ['string', 'long']],
    );
    const reader = compileAvro(JSON.stringify(schema), [], readText);
    const garbage = fc.oneof(
      fc.uint8Array({ maxLength: 200 }),
      fc
        .array(fc.constantFrom(0, 1, 2, 3, 4, 0x7f, 0x80, 0xff), { maxLength: 60 })
        .map((bytes) => Uint8Array.from(bytes)),
    );
    fc.assert(
      fc.property(garbage, (bytes) => {
        const result = reader.read(bytes, 0);
        const padded = new Uint8Array(bytes.length + 64).fill(2);
        padded.set(bytes);
        // The same bytes with others behind them, out of bounds, must come out the same.
        expect(reader.read(padded.subarray(0, bytes.length), 0)).toEqual(result);
      }),
      { numRuns: 5000 },
    );
  });
});
