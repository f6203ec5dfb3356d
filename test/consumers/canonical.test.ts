import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decodeCanonical } from '../../src/consumers/formats/canonical.ts';
import { FIELD_UNITS_MAX, TEXT_UNITS_MAX, URLS_MAX } from '../../src/consumers/formats/checks.ts';
import { parseTimeMs } from '../../src/consumers/formats/time.ts';
import type { Post } from '../../src/model.ts';

const REQUIRED = { id: 'p1', platform: 'example', account: 'a1', text: 'hello', createdAt: '2026-01-15T00:00:00Z' };
const FULL = {
  ...REQUIRED,
  handle: 'anna',
  lang: 'de',
  urls: ['https://example.org/a', 'https://example.org/b'],
  repostOf: 'p0',
  replyTo: 'p00',
  quoteOf: 'p000',
  media: ['m1', 'm2'],
  accountCreatedAt: '2020-02-29T12:00:00+02:00',
  editedAt: '2026-01-15T00:05:00Z',
  replaces: ['p-1', 'p-2'],
};
const DELETION = { deleted: true, id: 'p1', platform: 'example', createdAt: '2026-01-15T00:00:00Z' };

function lineWith(changes: Record<string, unknown>): string {
  return JSON.stringify({ ...REQUIRED, ...changes });
}

function reasonOf(line: string): string {
  const decoded = decodeCanonical(line);
  return decoded.kind === 'rejection' ? decoded.reason : decoded.kind;
}

function postOf(line: string): Post {
  const decoded = decodeCanonical(line);
  if (decoded.kind !== 'post') throw new Error(JSON.stringify(decoded));
  return decoded.post;
}

describe('deletions', () => {
  test('have an id, a platform and a time; the rest of a line says nothing', () => {
    const deletion = { id: 'p1', platform: 'example', createdAt: Date.UTC(2026, 0, 15) };
    for (const line of [DELETION, { ...FULL, ...DELETION }, { ...DELETION, text: 7, account: '' }])
      expect(decodeCanonical(JSON.stringify(line))).toStrictEqual({ kind: 'deletion', deletion });
    expect(reasonOf(lineWith({ deleted: false }))).toBe('post');
  });

  test.each<[string, Record<string, unknown>, string]>([
    ['no id', { id: null }, 'missing_field'],
    ['a number for an id', { id: 7 }, 'wrong_type'],
    ['an empty platform', { platform: '' }, 'empty_field'],
    ['no time', { createdAt: undefined }, 'missing_field'],
    ['a time without a zone', { createdAt: '2026-01-15T00:00:00' }, 'invalid_time'],
    ['a text for yes', { deleted: 'true' }, 'wrong_type'],
    ['a number for yes', { deleted: 1 }, 'wrong_type'],
    ['a NUL in the id', { id: 'a\0' }, 'invalid_character'],
  ])('are rejected with %s', (_, changes, reason) => {
    expect(reasonOf(JSON.stringify({ ...DELETION, ...changes }))).toBe(reason);
  });
});

describe('edits', () => {
  test.each<[string, Record<string, unknown>, string]>([
    ['a time that is none', { editedAt: 'today' }, 'invalid_time'],
    ['an object for a time', { editedAt: {} }, 'wrong_type'],
    ['one id in place of a list', { replaces: 'p0' }, 'wrong_type'],
    ['a number among the ids', { replaces: ['p0', 1] }, 'wrong_type'],
    ['an empty id', { replaces: [''] }, 'empty_field'],
    ['an id that is too long', { replaces: ['x'.repeat(FIELD_UNITS_MAX + 1)] }, 'field_too_long'],
    ['too many ids', { replaces: Array<string>(URLS_MAX + 1).fill('p0') }, 'field_too_long'],
  ])('are rejected with %s', (_, changes, reason) => {
    expect(reasonOf(lineWith(changes))).toBe(reason);
  });
});

describe('posts', () => {
  test('all fields, as they are', () => {
    expect(postOf(JSON.stringify(FULL))).toStrictEqual({
      ...FULL,
      createdAt: Date.UTC(2026, 0, 15),
      accountCreatedAt: Date.UTC(2020, 1, 29, 10),
      editedAt: Date.UTC(2026, 0, 15, 0, 5),
    });
  });

  test('optional fields that are missing or null are not there', () => {
    const nulls = {
      handle: null,
      lang: null,
      urls: null,
      repostOf: null,
      media: null,
      accountCreatedAt: null,
      editedAt: null,
      replaces: null,
      deleted: null,
    };
    expect(postOf(lineWith(nulls))).toStrictEqual({ ...REQUIRED, createdAt: Date.UTC(2026, 0, 15) });
  });

  test('unknown fields are ignored, and of two with one name the last counts', () => {
    const line =
      '{"id":"x","id":"p1","platform":"example","account":"a1","text":"hello","createdAt":"2026-01-15T00:00:00Z","likes":3}';
    expect(postOf(line)).toStrictEqual({ ...REQUIRED, createdAt: Date.UTC(2026, 0, 15) });
  });

  test.each(['hello\u2028world\u2029', '😀 surrogate pair', ' ', '\t\n', '\u00a0', 'x'.repeat(TEXT_UNITS_MAX)])(
    'text %#',
    (text) => {
      expect(postOf(lineWith({ text })).text).toBe(text);
    },
  );

  test('an escaped surrogate pair is one character', () => {
    expect(postOf(lineWith({}).replace('hello', '\\ud83d\\ude00')).text).toBe('😀');
  });

  test('a carriage return and spaces around the object do no harm', () => {
    expect(postOf(` ${lineWith({})} \r`).id).toBe('p1');
  });

  test.each(['__proto__', 'constructor', 'toString'])('a key %s stays a key', (key) => {
    const line = lineWith({}).replace('{', `{"${key}":{"handle":"evil","polluted":true},`);
    expect(postOf(line)).toStrictEqual({ ...REQUIRED, createdAt: Date.UTC(2026, 0, 15) });
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
  });

  test('fields of a __proto__ key are not fields of the post', () => {
    expect(reasonOf(`{"__proto__":${lineWith({})}}`)).toBe('missing_field');
  });
});

describe('rejections', () => {
  test.each<readonly [reason: string, line: string]>([
    ['not_json', ''],
    ['not_json', 'hello'],
    ['not_json', lineWith({}).slice(0, -10)],
    ['not_json', `${lineWith({})},`],
    ['not_json', `\ufeff${lineWith({})}`],
    ['not_json', lineWith({}).replace('hello', 'hel\0lo')],
    ['not_an_object', 'null'],
    ['not_an_object', '[]'],
    ['not_an_object', '"text"'],
    ['not_an_object', '12'],
    ['missing_field', '{}'],
    ...Object.keys(REQUIRED).map((name) => ['missing_field', lineWith({ [name]: undefined })] as const),
    ...Object.keys(REQUIRED).map((name) => ['missing_field', lineWith({ [name]: null })] as const),
    ...Object.keys(FULL).map((name) => ['wrong_type', lineWith({ [name]: {} })] as const),
    ...Object.keys(FULL).map((name) => ['wrong_type', lineWith({ [name]: true })] as const),
    ['wrong_type', lineWith({ id: 12345 })],
    ['wrong_type', lineWith({ account: 12345 })],
    ['wrong_type', lineWith({ text: ['hello'] })],
    ['wrong_type', lineWith({ replyTo: 12345 })],
    ['wrong_type', lineWith({ urls: 'https://example.org' })],
    ['wrong_type', lineWith({ urls: ['https://example.org', 1] })],
    ['wrong_type', lineWith({ urls: [null] })],
    ['empty_field', lineWith({ id: '' })],
    ['empty_field', lineWith({ text: '' })],
    ['empty_field', lineWith({ repostOf: '' })],
    ['empty_field', lineWith({ urls: [''] })],
    ['field_too_long', lineWith({ id: 'x'.repeat(FIELD_UNITS_MAX + 1) })],
    ['field_too_long', lineWith({ handle: 'x'.repeat(FIELD_UNITS_MAX + 1) })],
    ['field_too_long', lineWith({ urls: ['x'.repeat(9000)] })],
    ['field_too_long', lineWith({ urls: Array.from({ length: URLS_MAX + 1 }, () => 'https://example.org') })],
    ['text_too_long', lineWith({ text: 'x'.repeat(TEXT_UNITS_MAX + 1) })],
    ['text_too_long', lineWith({ text: 'x'.repeat(1_000_000) })],
    ['invalid_character', lineWith({ text: 'a\0b' })],
    ['invalid_character', lineWith({ id: '\0' })],
    ['invalid_character', lineWith({ text: 'a\ud83d' })],
    ['invalid_character', lineWith({ text: '\ude00\ud83d' })],
    ['invalid_character', lineWith({ handle: '\udc00' })],
    ['invalid_character', lineWith({ urls: ['https://example.org/\ud800'] })],
    ['invalid_time', lineWith({ createdAt: 'yesterday' })],
    ['invalid_time', lineWith({ createdAt: '2026-02-30T00:00:00Z' })],
    ['invalid_time', lineWith({ createdAt: 1_700_000_000 })],
    ['invalid_time', lineWith({ accountCreatedAt: '2026-13-01T00:00:00Z' })],
  ])('%s: %#', (reason, line) => {
    expect(reasonOf(line)).toBe(reason);
  });

  test('a NUL or lone surrogate in a field that is not used does no harm', () => {
    expect(reasonOf(lineWith({ other: 'a\0b\ud83d' }))).toBe('post');
  });

  test('the detail names the field and the bound, and holds nothing of the post', () => {
    const decoded = decodeCanonical(lineWith({ text: 'secret '.repeat(10_000), id: 'secret' }));
    expect(decoded).toMatchObject({ detail: 'text has 70000 UTF-16 units, at most 65536' });
  });
});

describe('nesting', () => {
  const nested = (depth: number): string => lineWith({}).replace('}', `,"x":${'['.repeat(depth)}${']'.repeat(depth)}}`);

  test('63 arrays in the object are read, 64 are not', () => {
    expect(reasonOf(nested(63))).toBe('post');
    expect(reasonOf(nested(64))).toBe('nested_too_deep');
  });

  test('brackets side by side or in strings are no nesting', () => {
    expect(reasonOf(lineWith({ x: Array.from({ length: 500 }, () => [{}]) }))).toBe('post');
    expect(reasonOf(lineWith({ text: `\\"${'[{'.repeat(500)}` }))).toBe('post');
  });

  test.each([
    ['arrays', `${'['.repeat(500_000)}${']'.repeat(500_000)}`],
    ['objects', `${'{"a":'.repeat(200_000)}1${'}'.repeat(200_000)}`],
    ['open arrays', '['.repeat(1_000_000)],
    ['in a post', nested(500_000)],
  ])('a bomb of %s is turned down without parsing it', (_, line) => {
    const start = performance.now();
    expect(reasonOf(line)).toBe('nested_too_deep');
    // JSON.parse takes 190 ms for the first; the bound is wide because tests share their machine.
    expect(performance.now() - start).toBeLessThan(100);
  });
});

describe('times', () => {
  test.each([
    ['2026-01-15T00:00:00Z', Date.UTC(2026, 0, 15)],
    ['2026-01-15t00:00:00z', Date.UTC(2026, 0, 15)],
    ['2026-01-15 00:00:00+00:00', Date.UTC(2026, 0, 15)],
    ['2026-01-15T00:00Z', Date.UTC(2026, 0, 15)],
    ['2026-01-15T01:30:00+01:30', Date.UTC(2026, 0, 15)],
    ['2026-01-14T18:00:00-0600', Date.UTC(2026, 0, 15)],
    ['2026-01-15T00:00:00.5Z', Date.UTC(2026, 0, 15) + 500],
    ['2026-01-15T00:00:00.123456789Z', Date.UTC(2026, 0, 15) + 123],
    ['2026-01-15T00:00:00.9999Z', Date.UTC(2026, 0, 15) + 999],
    ['2024-02-29T23:59:59Z', Date.UTC(2024, 1, 29, 23, 59, 59)],
    ['2000-02-29T00:00:00Z', Date.UTC(2000, 1, 29)],
    ['1970-01-01T00:00:00Z', 0],
    ['1969-12-31T23:00:00-01:00', 0],
    ['9999-12-31T23:59:59.999Z', 253_402_300_799_999],
    [1_768_435_200_000, 1_768_435_200_000],
    [100_000_000_000, 100_000_000_000],
  ])('%s', (value, expected) => {
    expect(parseTimeMs(value)).toBe(expected);
  });

  test.each([
    '2026-02-30T00:00:00Z',
    '2026-02-29T00:00:00Z',
    '2100-02-29T00:00:00Z',
    '2026-04-31T00:00:00Z',
    '2026-00-10T00:00:00Z',
    '2026-13-10T00:00:00Z',
    '2026-01-00T00:00:00Z',
    '2026-01-15T24:00:00Z',
    '2026-01-15T25:00:00Z',
    '2026-01-15T00:60:00Z',
    '2026-01-15T00:00:60Z',
    '2026-01-15T00:00:00',
    '2026-01-15T00:00:00.Z',
    '2026-01-15T00:00:00,5Z',
    '2026-01-15T00:00:00ZZ',
    '2026-01-15T00:00:00+24:00',
    '2026-01-15T00:00:00+1',
    '2026-01-15T00:00:00+01:0',
    '2026-01-15T00:00:00+01',
    '2026-01-15',
    '2026-1-15T00:00:00Z',
    '20260115T000000Z',
    '+02026-01-15T00:00:00Z',
    ' 2026-01-15T00:00:00Z',
    '２０２６-01-15T00:00:00Z',
    'Tue Mar 1',
    '1',
    '',
    '1969-12-31T23:59:59Z',
    '1970-01-01T00:00:00+01:00',
    '9999-12-31T23:59:59-00:01',
    99_999_999_999,
    1_700_000_000,
    1_700_000_000_000_000,
    1_700_000_000_000.5,
    -1,
    Number.NaN,
    null,
  ])('refuses %s', (value) => {
    expect(parseTimeMs(value)).toBeUndefined();
  });

  test('agrees with Date on every instant', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 253_402_300_799_999 }),
        (ms) => parseTimeMs(new Date(ms).toISOString()) === ms,
      ),
      { numRuns: 20_000 },
    );
  });
});

describe('mutated lines', () => {
  const BASES = [
    JSON.stringify(FULL),
    lineWith({}),
    lineWith({ text: '😀 [x] {y} "q" \u2028 \\u0041' }),
    lineWith({ createdAt: 1_768_435_200_000 }),
  ];
  const PIECES = [
    '"',
    '\\',
    '{',
    '}',
    '[',
    ']',
    ',',
    ':',
    '\0',
    '\\u0000',
    '\\ud800',
    '1',
    'null',
    '-',
    'é',
    '"id":3,',
    '"__proto__":{},',
    ' ',
  ];

  /** Numerical Recipes' generator; a test must not depend on the code under test for its randomness. */
  function generator(seed: number): (below: number) => number {
    let state = seed >>> 0;
    return (below) => {
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
      return Math.floor((state / 2 ** 32) * below);
    };
  }

  function mutated(next: (below: number) => number): string {
    let line = BASES[next(BASES.length)]!;
    for (let edits = 1 + next(3); edits > 0; edits--) {
      const at = next(line.length + 1);
      line =
        line.slice(0, at) + (next(2) === 0 ? PIECES[next(PIECES.length)]! : '') + line.slice(at + next(3) * next(4));
    }
    return line;
  }

  /** What a post holds that JSON.parse does not see under the same name, or the other way round. */
  function difference(line: string, post: Post): string | undefined {
    const parsed = JSON.parse(line) as Record<string, unknown>;
    for (const [name, value] of Object.entries(post)) {
      const isTime = ['createdAt', 'accountCreatedAt', 'editedAt'].includes(name);
      const expected = isTime ? parseTimeMs(parsed[name]) : parsed[name];
      if (JSON.stringify(value) !== JSON.stringify(expected)) return name;
    }
    return Object.keys(FULL).find(
      (name) => Object.hasOwn(parsed, name) && parsed[name] !== null && !Object.hasOwn(post, name),
    );
  }

  test('never throw, never invent a field, never lose one (100,000 lines)', () => {
    let posts = 0;
    fc.assert(
      fc.property(fc.integer(), (seed) => {
        const next = generator(seed);
        for (let i = 0; i < 100; i++) {
          const line = mutated(next);
          const decoded = decodeCanonical(line);
          if (decoded.kind !== 'post') continue;
          posts++;
          const name = difference(line, decoded.post);
          if (name !== undefined) throw new Error(`${name} differs in ${line}`);
        }
      }),
      { numRuns: 1000 },
    );
    expect(posts).toBeGreaterThan(5_000);
    expect(posts).toBeLessThan(95_000);
  });
});
