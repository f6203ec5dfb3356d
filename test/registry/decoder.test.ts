import { readFileSync } from 'node:fs';
import avro from 'avsc';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { writeFraming } from '../../src/consumers/formats/confluent.ts';
import { decodeCanonical } from '../../src/consumers/formats/canonical.ts';
import type { Decoded, Post } from '../../src/model.ts';
import { RecordDecoder } from '../../src/registry/decoder.ts';
import type { Registry, ResolvedSchema } from '../../src/registry/registry.ts';
import { publishedSchema } from '../../src/registry/schemas.ts';

const POST = publishedSchema('post', 'avro');
const AVRO_ID = 1;
const JSON_ID = 2;
const postType = avro.Type.forSchema(JSON.parse(POST.schema) as avro.Schema);
const SCHEMAS: readonly Omit<ResolvedSchema, 'id' | 'references'>[] = [
  { type: 'UNUSED', schema: '' },
  POST,
  publishedSchema('post', 'json'),
  { type: 'PROTOBUF', schema: 'message A {}' },
  { type: 'AVRO', schema: '"string"' },
];

function decoder(): RecordDecoder {
  const schema = (id: number): Promise<ResolvedSchema | undefined> =>
    Promise.resolve(SCHEMAS[id] && { id, ...SCHEMAS[id], references: [] });
  return new RecordDecoder({ schema } as Registry);
}

function framed(id: number, payload: Uint8Array): Buffer {
  const value = Buffer.alloc(5 + payload.length);
  writeFraming(value, id);
  value.set(payload, 5);
  return value;
}

/** Of a value that says one thing. */
function one(answer: Decoded | readonly Decoded[]): Decoded {
  if (!('kind' in answer)) throw new Error(`${answer.length} answers`);
  return answer;
}

async function reasonOf(value: Uint8Array, of = decoder()): Promise<string> {
  const decoded = one(await of.decode(value));
  return decoded.kind === 'rejection' ? decoded.reason : decoded.kind;
}

const POSTS = readFileSync(new URL('../golden/harbour.posts.ndjson', import.meta.url), 'utf8')
  .trim()
  .split('\n')
  .map((line) => decodeCanonical(line))
  .flatMap((decoded) => (decoded.kind === 'post' ? [decoded.post] : []));
const FULL: Post = {
  id: 'p1',
  platform: 'example',
  account: 'a1',
  text: 'Grüße 👋\u2028 ﷺ',
  createdAt: 253_402_300_799_999,
  handle: 'anna',
  lang: 'de',
  urls: ['https://example.org/a', 'https://example.org/b'],
  repostOf: 'p0',
  replyTo: 'p00',
  quoteOf: 'p000',
  accountCreatedAt: 1_000_000_000_000,
};
const BARE: Post = { id: 'p2', platform: 'example', account: 'a1', text: 'x', createdAt: 1_738_659_605_000 };

describe('a post comes out the same', () => {
  test('as JSON, framed JSON and framed Avro', async () => {
    const of = decoder();
    expect(POSTS.length).toBeGreaterThan(40);
    for (const post of [...POSTS, FULL, BARE]) {
      const expected: Decoded = { kind: 'post', post };
      const json = Buffer.from(JSON.stringify(post));
      expect(await of.decode(json)).toStrictEqual(expected);
      expect(await of.decode(framed(JSON_ID, json))).toStrictEqual(expected);
      expect(await of.decode(framed(AVRO_ID, postType.toBuffer(post)))).toStrictEqual(expected);
    }
  });

  test('from an array of bytes that is no Buffer, and one within another', async () => {
    const json = Buffer.from(`  ${JSON.stringify(BARE)}  `);
    const view = new Uint8Array(json).subarray(2, json.length - 2);
    expect(await decoder().decode(view)).toStrictEqual({ kind: 'post', post: BARE });
  });

  test('at once where the schema is known, and by a promise only before', async () => {
    const of = decoder();
    const value = framed(AVRO_ID, postType.toBuffer(BARE));
    const first = of.decode(value);
    expect(first).toBeInstanceOf(Promise);
    await first;
    expect(of.decode(value)).toStrictEqual({ kind: 'post', post: BARE });
    await of.decode(framed(JSON_ID, Buffer.from('{}')));
    expect(of.decode(value)).toStrictEqual({ kind: 'post', post: BARE });
  });
});

describe('rejections', () => {
  test.each([
    ['nothing', Buffer.alloc(0), 'not_json'],
    ['a byte 0 alone', Buffer.from([0]), 'not_json'],
    ['framing cut short', Buffer.from([0, 0, 0, 1]), 'not_json'],
    ['framing alone, JSON', framed(JSON_ID, Buffer.alloc(0)), 'not_json'],
    ['framing alone, Avro', framed(AVRO_ID, Buffer.alloc(0)), 'invalid_avro'],
    ['broken UTF-8', Buffer.from([0x22, 0xff, 0x22]), 'invalid_utf8'],
    ['broken UTF-8, framed', framed(JSON_ID, Buffer.from([0x22, 0xc3, 0x28, 0x22])), 'invalid_utf8'],
    ['a post in JSON where Avro is said', framed(AVRO_ID, Buffer.from(JSON.stringify(BARE))), 'invalid_avro'],
    ['an unknown id', framed(77, Buffer.from('{}')), 'unknown_schema'],
    ['an id that no registry gives', framed(0xff_ff_ff_ff, Buffer.from('{}')), 'unknown_schema'],
    ['Protobuf', framed(3, Buffer.from('{}')), 'unusable_schema'],
    ['a schema that is no record', framed(4, Buffer.from('{}')), 'unusable_schema'],
    ['too long', Buffer.alloc(1_048_577, 0x20), 'line_too_long'],
  ])('%s', async (_name, value, reason) => {
    expect(await reasonOf(value)).toBe(reason);
  });

  test('a text may hold U+FFFD of its own', async () => {
    expect(await reasonOf(Buffer.from(JSON.stringify({ ...BARE, text: 'a \uFFFD' })))).toBe('post');
  });

  test.each([
    [{ text: 'a\0b' }, 'invalid_character'],
    [{ id: '' }, 'empty_field'],
    [{ handle: '' }, 'empty_field'],
    [{ id: 'x'.repeat(513) }, 'field_too_long'],
    [{ text: 'x'.repeat(65_537) }, 'text_too_long'],
    [{ urls: Array.from({ length: 257 }, () => 'u') }, 'field_too_long'],
    [{ createdAt: 1_738_659_605 }, 'invalid_time'],
    [{ createdAt: -5 }, 'invalid_time'],
  ])('the checks of the canonical format: %#', async (change, reason) => {
    const value = postType.toBuffer({ ...BARE, ...change });
    expect(await reasonOf(framed(AVRO_ID, value))).toBe(reason);
  });

  test('no registry configured', async () => {
    expect(await reasonOf(framed(AVRO_ID, postType.toBuffer(BARE)), new RecordDecoder())).toBe('unknown_schema');
    expect(await reasonOf(Buffer.from(JSON.stringify(BARE)), new RecordDecoder())).toBe('post');
  });
});

describe('evolution', () => {
  type Field = { readonly name: string; readonly type: unknown };
  const fields = (JSON.parse(POST.schema) as { fields: Field[] }).fields;

  async function written(by: readonly Field[], post: object): Promise<Decoded> {
    const schema = JSON.stringify({ type: 'record', name: 'TheirPost', fields: by });
    const registry = { schema: (id: number) => Promise.resolve({ id, type: 'AVRO', schema, references: [] }) };
    const value = avro.Type.forSchema(JSON.parse(schema) as avro.Schema).toBuffer(post);
    return one(await new RecordDecoder(registry as unknown as Registry).decode(framed(9, value)));
  }

  test('a writer with more fields, in another order', async () => {
    const more = {
      name: 'likes',
      type: { type: 'array', items: { type: 'record', name: 'Like', fields: [{ name: 'by', type: 'string' }] } },
    };
    const by = [more, ...fields.toReversed()];
    expect(await written(by, { ...FULL, likes: [{ by: 'b' }, { by: 'c' }] })).toStrictEqual({
      kind: 'post',
      post: FULL,
    });
  });

  test('a writer without optional fields', async () => {
    const by = fields.filter(({ name }) => name in BARE);
    expect(await written(by, BARE)).toStrictEqual({ kind: 'post', post: BARE });
  });

  test('a writer without a required field', async () => {
    const by = fields.filter(({ name }) => name !== 'account');
    expect(await written(by, FULL)).toMatchObject({ reason: 'missing_field', detail: 'account is missing' });
  });

  test('a writer with a number for an id: not converted', async () => {
    const by = fields.map((field) => (field.name === 'id' ? { ...field, type: 'long' } : field));
    expect(await written(by, { ...FULL, id: 5 })).toMatchObject({
      reason: 'wrong_type',
      detail: 'id is a number, must be a string',
    });
  });

  test('a writer with times as text, required where ours are optional', async () => {
    const by = [
      ...fields.filter(({ name }) => name !== 'createdAt' && name !== 'lang'),
      { name: 'createdAt', type: ['string', 'long'] },
      { name: 'lang', type: { type: 'enum', name: 'Lang', symbols: ['de', 'en'] } },
    ];
    expect(await written(by, { ...FULL, createdAt: '9999-12-31T23:59:59.999Z' })).toStrictEqual({
      kind: 'post',
      post: FULL,
    });
  });
});

test('damaged values are rejections: never an exception, a hang or a post with a broken text', async () => {
  const of = decoder();
  const value = framed(AVRO_ID, postType.toBuffer(FULL));
  await of.decode(value);
  const damage = fc.tuple(
    fc.nat(value.length),
    fc.array(fc.tuple(fc.nat(value.length - 6), fc.nat(255)), { maxLength: 4 }),
  );
  let posts = 0;
  fc.assert(
    fc.property(damage, ([length, changes]) => {
      const damaged = Buffer.from(value);
      for (const [at, byte] of changes) damaged[5 + at] = byte;
      const answer = of.decode(damaged.subarray(0, Math.max(length, 5)));
      if (answer instanceof Promise) throw new Error('the schema is known');
      const decoded = one(answer);
      if (decoded.kind !== 'post') return;
      posts++;
      // What passes for a post must pass as canonical JSON too.
      expect(decodeCanonical(JSON.stringify(decoded.post))).toStrictEqual(decoded);
    }),
    { numRuns: 5000 },
  );
  expect(posts).toBeGreaterThan(0);
});
