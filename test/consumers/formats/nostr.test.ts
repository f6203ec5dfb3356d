import { describe, expect, test } from 'vitest';
import { decodeNostr } from '../../../src/consumers/formats/nostr.ts';
import { fixture } from './fuzz-targets.ts';
import { onlyPost, summary } from './support.ts';

const records = fixture('nostr');
const [note, reply, repost] = records as [string, string, string, ...string[]];
const KEY = '07e5c3a18f6d4b29'.repeat(4);

function id(digit: number): string {
  return String(digit).padStart(64, 'e');
}

/** The event of the first record with some fields changed. */
function event(changes: Readonly<Record<string, unknown>>): string {
  const [, , first] = JSON.parse(note) as [string, string, Record<string, unknown>];
  return JSON.stringify(['EVENT', 'sub1', { ...first, ...changes }]);
}

test('each record of the fixture', () => {
  expect(records.map((record) => summary(decodeNostr(record)))).toStrictEqual(
    'post, post, post, no_text, deletion deletion, other_event, other_event, other_event, no_text'.split(', '),
  );
});

describe('posts', () => {
  test('of a relay, with the links of the text and of the tags', () => {
    expect(onlyPost(decodeNostr(note))).toStrictEqual({
      id: `${KEY}/${id(1)}`,
      platform: 'nostr',
      account: KEY,
      text: 'Vote for the bridge (https://example.org/bridge). Now!',
      createdAt: 1_767_225_600_000,
      lang: 'en',
      urls: ['https://example.org/bridge', 'https://example.org/r'],
      media: ['9'.repeat(64)],
    });
  });

  test('bare: a reply and a quotation', () => {
    expect(onlyPost(decodeNostr(reply))).toMatchObject({ replyTo: id(8), quoteOf: id(9) });
  });

  test('as a client sends them', () => {
    const [, , value] = JSON.parse(note) as unknown[];
    expect(onlyPost(decodeNostr(JSON.stringify(['EVENT', value])))).toStrictEqual(onlyPost(decodeNostr(note)));
  });

  test.each([
    ['the root where nothing else is answered', [['e', id(1), '', 'root']], id(1)],
    [
      'by place the last',
      [
        ['e', id(1)],
        ['e', id(2)],
      ],
      id(2),
    ],
    ['not what is only mentioned', [['e', id(1), '', 'mention']], undefined],
    ['not a tag without a value', [['e'], ['e', '']], undefined],
  ])('a reply is to %s', (_what, tags, replyTo) => {
    expect(onlyPost(decodeNostr(event({ tags }))).replyTo).toBe(replyTo);
  });

  test('a repost has the text of the other', () => {
    expect(onlyPost(decodeNostr(repost))).toMatchObject({ account: KEY, text: 'Words of another', repostOf: id(3) });
  });

  test('a repost of which nothing is told is one nevertheless', () => {
    const post = onlyPost(decodeNostr(event({ kind: 6, tags: [], content: '{"content":"Words"}' })));
    expect(post.repostOf).toBe('unknown');
    expect(summary(decodeNostr(event({ kind: 6, content: '{"content":7}' })))).toBe('no_text');
    expect(summary(decodeNostr(event({ kind: 6, content: '['.repeat(100_000) })))).toBe('no_text');
  });
});

test('a deletion meets events of its own key only', () => {
  expect(decodeNostr(records[4]!)).toStrictEqual(
    [id(1), id(2)].map((eventId) => ({
      kind: 'deletion',
      deletion: { platform: 'nostr', id: `${KEY}/${eventId}`, createdAt: 1_767_225_600_000 },
    })),
  );
  const ofAnother = decodeNostr(event({ kind: 5, pubkey: 'b'.repeat(64), tags: [['e', id(1)]] }));
  expect(ofAnother).toMatchObject([{ deletion: { id: `${'b'.repeat(64)}/${id(1)}` } }]);
  expect(summary(decodeNostr(event({ kind: 5, tags: [['a', '30023:x:y']] })))).toBe('other_event');
});

test.each([
  ['wrong_type', '[]'],
  ['wrong_type', '[7]'],
  ['not_an_object', '["EVENT"]'],
  ['wrong_type', '{}'],
  ['wrong_type', event({ kind: '1' })],
  ['other_event', event({ kind: 30_023 })],
  ['missing_field', event({ pubkey: undefined })],
  ['empty_field', event({ pubkey: '' })],
  ['empty_field', event({ id: '' })],
  ['missing_field', event({ content: null })],
  ['wrong_type', event({ tags: ['e'] })],
  ['wrong_type', event({ tags: [['e', 7]] })],
  ['invalid_time', event({ created_at: 1_767_225_600_000 })],
  ['invalid_time', event({ created_at: -1 })],
])('%s %#', (result, record) => {
  expect(summary(decodeNostr(record))).toBe(result);
});

test('a long link of dots is no trap', () => {
  const content = `https://${`${'.'.repeat(30)}a`.repeat(2000)}${'.'.repeat(3000)}`;
  const startMs = performance.now();
  decodeNostr(event({ content }));
  expect(performance.now() - startMs).toBeLessThan(1000);
});
