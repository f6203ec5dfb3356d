import { describe, expect, test } from 'vitest';
import { decodeJetstream } from '../../../src/consumers/formats/jetstream.ts';
import { fixture } from './fuzz-targets.ts';
import { changed, onlyPost, summary } from './support.ts';

const ANNA = 'did:plc:anna2222222222222222aaaa';
const BEN = 'did:plc:ben33333333333333333bbbb';
const POSTS = 'app.bsky.feed.post';
const records = fixture('jetstream');
const [first, second, third, update, , , , , , , secondWire] = records as [string, string, string, string, ...string[]];

test('each record of the fixture', () => {
  expect(records.map((record) => summary(decodeJetstream(record)))).toStrictEqual(
    'post, post, post, post, deletion, no_text, no_text, other_event, other_event, other_event, post, deletion, other_event, other_event, other_event'.split(
      ', ',
    ),
  );
});

describe('posts', () => {
  test('event time is when the event was witnessed, not what the author says', () => {
    expect(onlyPost(decodeJetstream(first))).toStrictEqual({
      id: `at://${ANNA}/${POSTS}/3mbc2222222b2`,
      platform: 'bluesky',
      account: ANNA,
      text: 'Vote for the harbour bridge! example.org/bridge...',
      createdAt: 1_767_225_600_123,
      lang: 'en',
      urls: ['https://example.org/bridge?from=share'],
    });
  });

  test('a reply with pictures, of both forms of a blob', () => {
    expect(onlyPost(decodeJetstream(second))).toMatchObject({
      replyTo: `at://${BEN}/${POSTS}/3mbc1111111b2`,
      media: ['bafkreione', 'bafkreitwo'],
      lang: 'ja',
    });
  });

  test('a quotation with a video', () => {
    expect(onlyPost(decodeJetstream(third))).toMatchObject({
      quoteOf: `at://${BEN}/${POSTS}/3mbc1111111c2`,
      media: ['bafkreivideo'],
    });
  });

  test('an update is an edit', () => {
    const post = onlyPost(decodeJetstream(update));
    expect(post.id).toBe(onlyPost(decodeJetstream(first)).id);
    expect(post.editedAt).toBe(post.createdAt);
  });

  test('an update without a text takes the text back', () => {
    expect(decodeJetstream(changed(update, { 'commit.record.text': '' }))).toMatchObject({
      kind: 'deletion',
      deletion: { id: `at://${ANNA}/${POSTS}/3mbc2222222b2` },
    });
  });

  test('the second wire says the same, in a message or bare; embedded feeds are no quotations', () => {
    const post = onlyPost(decodeJetstream(secondWire!));
    expect(post).toStrictEqual({
      id: `at://${ANNA}/${POSTS}/3mbc2222222h2`,
      platform: 'bluesky',
      account: ANNA,
      text: 'Second wire, same post',
      createdAt: Date.parse('2026-01-01T00:00:01.234Z'),
      lang: 'en',
    });
    const bare = JSON.stringify((JSON.parse(secondWire!) as { payload: unknown }).payload);
    expect(onlyPost(decodeJetstream(bare))).toStrictEqual(post);
  });

  test('an embed of a later day does not keep the post from being read', () => {
    const post = onlyPost(
      decodeJetstream(changed(first, { 'commit.record.embed': { $type: 'app.bsky.embed.hologram', x: 1 } })),
    );
    expect(post.urls).toStrictEqual(['https://example.org/bridge?from=share']);
  });

  test('embeds in embeds end', () => {
    const embed = { $type: 'app.bsky.embed.recordWithMedia', record: { record: { uri: 'x' } } };
    const nested = { ...embed, media: { ...embed, media: { ...embed, media: null } } };
    expect(onlyPost(decodeJetstream(changed(first, { 'commit.record.embed': nested })))).not.toHaveProperty('media');
  });
});

test('a deletion meets posts of its own account only, since that is in the id', () => {
  expect(decodeJetstream(records[4]!)).toStrictEqual({
    kind: 'deletion',
    deletion: { platform: 'bluesky', id: `at://${ANNA}/${POSTS}/3mbc2222222b2`, createdAt: 1_767_225_600_123 },
  });
  expect(decodeJetstream(changed(records[4]!, { did: BEN }))).toMatchObject({
    deletion: { id: `at://${BEN}/${POSTS}/3mbc2222222b2` },
  });
});

describe('rejections name the field', () => {
  test.each([
    ['missing_field', 'kind', {}],
    ['missing_field', 'time_us', { time_us: undefined }],
    ['invalid_time', 'time_us', { time_us: -1 }],
    ['invalid_time', 'time_us', { time_us: '2026-01-01T00:00:00Z' }],
    ['wrong_type', 'time_us', { time_us: [] }],
    ['missing_field', 'did', { did: undefined }],
    ['empty_field', 'did', { did: '' }],
    ['empty_field', 'rkey', { 'commit.rkey': '' }],
    ['missing_field', 'collection', { 'commit.collection': null }],
    ['missing_field', 'record', { 'commit.record': undefined }],
    ['missing_field', 'text', { 'commit.record.text': undefined }],
    ['wrong_type', 'text', { 'commit.record.text': 7 }],
    ['wrong_type', 'langs', { 'commit.record.langs': ['en', 3] }],
    ['wrong_type', 'facets', { 'commit.record.facets': {} }],
    ['missing_field', 'parent', { 'commit.record.reply': {} }],
    ['missing_field', 'external', { 'commit.record.embed': { $type: 'app.bsky.embed.external' } }],
    ['wrong_type', 'commit', { commit: 'create' }],
    ['invalid_character', 'text', { 'commit.record.text': 'a\0' }],
  ])('%s: %s', (reason, field, changes) => {
    const record = changed(first, field === 'kind' ? { kind: undefined } : changes);
    expect(decodeJetstream(record)).toMatchObject({
      kind: 'rejection',
      reason,
      detail: expect.stringContaining(field) as string,
    });
  });
});
