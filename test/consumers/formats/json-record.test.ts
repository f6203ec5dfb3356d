import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { FIELD_UNITS_MAX, TEXT_UNITS_MAX, URL_UNITS_MAX, URLS_MAX } from '../../../src/consumers/formats/checks.ts';
import {
  asObject,
  decodeEach,
  decodeRecord,
  ignored,
  optionalId,
  optionalString,
  type Outcome,
  postOf,
  type PostDraft,
  quoteLongIntegers,
  requiredString,
} from '../../../src/consumers/formats/json-record.ts';

const DRAFT: PostDraft = { platform: 'example', id: '1', account: '2', text: 'hello', createdAt: 3 };
const CONTEXT = { hasEscapes: true, isExact: false };

function decodeId(record: string): Outcome {
  return decodeRecord(record, (value, context) =>
    postOf({ ...DRAFT, id: optionalId(asObject(value, 'the record'), 'id') ?? 'none' }, context),
  );
}

function idOf(record: string): string {
  const decoded = decodeId(record);
  if (!('kind' in decoded) || decoded.kind !== 'post') throw new Error(JSON.stringify(decoded));
  return decoded.post.id;
}

describe('ids', () => {
  test('keep all their digits, whatever JSON.parse makes of them', () => {
    expect(idOf('{"id":9007199254740991}')).toBe('9007199254740991');
    expect(idOf('{"id":9007199254740992}')).toBe('9007199254740992');
    expect(idOf('{"id":9007199254740993}')).toBe('9007199254740993');
    expect(idOf('{"text":"\\"id\\":1, 9007199254740995","id" : 505874924095815681 }')).toBe('505874924095815681');
    expect(idOf('{"id":"0505874924095815681"}')).toBe('0505874924095815681');
    expect(idOf('{"id":0}')).toBe('0');
  });

  test.each([
    '-1',
    '-9007199254740993',
    '1.5',
    '1e300',
    '9007199254740993.0',
    '90071992547409930e-1',
    'true',
    '[1]',
    '{}',
  ])('are not %s', (id) => {
    expect(decodeId(`{"id":${id}}`)).toMatchObject({ kind: 'rejection', reason: 'wrong_type' });
  });

  test('in one element of a page do not keep the others from being read', () => {
    const page = '[{"id":9007199254740993},{"id":1.5},{"id":7}]';
    const outcome = decodeRecord(page, (value, context) =>
      decodeEach(value as unknown[], context, (element) =>
        postOf({ ...DRAFT, id: optionalId(asObject(element, 'an element'), 'id') ?? 'none' }, context),
      ),
    );
    expect(outcome).toMatchObject([
      { kind: 'post', post: { id: '9007199254740993' } },
      { kind: 'rejection', reason: 'wrong_type' },
      { kind: 'post', post: { id: '7' } },
    ]);
  });
});

describe('long integers become texts', () => {
  test('and nothing else changes', () => {
    const numbers = fc.oneof(
      fc.bigInt({ min: 0n, max: 10n ** 25n }).map(String),
      fc.maxSafeInteger().map(String),
      fc.constantFrom('9007199254740990', '9007199254740991', '9007199254740992'),
      fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => JSON.stringify(value)),
    );
    const { json } = fc.letrec<{ json: string }>((tie) => ({
      json: fc.oneof(
        { depthSize: 'small' },
        numbers,
        fc.string({ unit: 'binary' }).map((text) => JSON.stringify(text)),
        fc.constantFrom('null', 'true', '"\\\\"', '"\\"9007199254740993"', ' 9007199254740993 '),
        fc.array(tie('json'), { maxLength: 4 }).map((list) => `[${list.join(',')}]`),
        fc.array(fc.tuple(fc.string(), tie('json')), { maxLength: 4 }).map((entries) => {
          return `{${entries.map(([key, value]) => `${JSON.stringify(key)} :${value}`).join(', ')}}`;
        }),
      ),
    }));
    fc.assert(
      fc.property(json, (text) => {
        const quoted = quoteLongIntegers(text);
        const digits = /"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?(?:e[+-]?\d+)?/gi;
        const expected = text.replace(digits, (token) =>
          /^\d+$/.test(token) && BigInt(token) > 9_007_199_254_740_991n ? `"${token}"` : token,
        );
        expect(quoted).toBe(expected);
        JSON.parse(quoted);
      }),
      { numRuns: 2000 },
    );
  });
});

describe('records', () => {
  test.each([
    ['', { kind: 'ignored', reason: 'keep_alive' }],
    [' \r', { kind: 'ignored', reason: 'keep_alive' }],
    ['{"id":', { kind: 'rejection', reason: 'not_json' }],
    ['[]', { kind: 'rejection', reason: 'not_an_object' }],
    ['null', { kind: 'rejection', reason: 'not_an_object' }],
    ['['.repeat(100_000), { kind: 'rejection', reason: 'nested_too_deep' }],
  ])('%#', (record, expected) => {
    expect(decodeId(record)).toMatchObject(expected);
  });

  test('an error of the decoder itself is not taken for one of the record', () => {
    const broken = (): Outcome => decodeRecord('{}', () => (undefined as unknown as { length: Outcome }).length);
    expect(broken).toThrow(TypeError);
  });

  test('an empty page is one result', () => {
    expect(decodeEach([], CONTEXT, () => ignored('no_text'))).toStrictEqual({ kind: 'ignored', reason: 'other_event' });
  });

  test('null and an empty text stand for nothing where a field is optional', () => {
    const object = { a: null, b: '', c: 'x' };
    expect(['a', 'b', 'c', 'd'].map((name) => optionalString(object, name))).toStrictEqual([
      undefined,
      undefined,
      'x',
      undefined,
    ]);
    expect(requiredString(object, 'b')).toBe('');
    expect(() => requiredString(object, 'a')).toThrow('a is missing');
  });
});

describe('posts', () => {
  test('hold what is there and no more', () => {
    const draft = { ...DRAFT, handle: undefined, lang: 'en', urls: [], media: ['m'], editedAt: 4, replaces: ['0'] };
    expect(postOf(draft, CONTEXT)).toStrictEqual({
      kind: 'post',
      post: { ...DRAFT, lang: 'en', media: ['m'], editedAt: 4, replaces: ['0'] },
    });
  });

  test.each([
    ['text_too_long', { text: 'x'.repeat(TEXT_UNITS_MAX + 1) }],
    ['field_too_long', { id: 'x'.repeat(FIELD_UNITS_MAX + 1) }],
    ['field_too_long', { handle: 'x'.repeat(FIELD_UNITS_MAX + 1) }],
    ['empty_field', { id: '' }],
    ['empty_field', { account: '' }],
    ['invalid_character', { text: 'a\0b' }],
    ['invalid_character', { account: 'a\ud800' }],
    ['invalid_character', { replyTo: '\udc00' }],
  ])('are rejected: %s %#', (reason, change) => {
    expect(postOf({ ...DRAFT, ...change }, CONTEXT)).toMatchObject({ kind: 'rejection', reason });
  });

  test('are not rejected for their links: what cannot be carried is left out, and each link is carried once', () => {
    const usable = Array.from({ length: URLS_MAX + 5 }, (_, i) => `https://example.org/${i}`);
    const urls = ['', 'https://example.org/\0', 'x'.repeat(URL_UNITS_MAX + 1), ...usable, ...usable];
    expect(postOf({ ...DRAFT, urls }, CONTEXT)).toMatchObject({ post: { urls: usable.slice(0, URLS_MAX) } });
    expect(postOf({ ...DRAFT, urls: [''] }, CONTEXT)).toStrictEqual({ kind: 'post', post: DRAFT });
  });

  test('without a text are ignored, and take back the text that an edit left empty', () => {
    expect(postOf({ ...DRAFT, text: ' \n' }, CONTEXT)).toStrictEqual({ kind: 'ignored', reason: 'no_text' });
    expect(postOf({ ...DRAFT, text: '', createdAt: 9, editedAt: 9 }, CONTEXT)).toStrictEqual({
      kind: 'deletion',
      deletion: { platform: 'example', id: '1', createdAt: 9 },
    });
  });
});
