import { describe, expect, test } from 'vitest';
import { decodeMastodon } from '../../../src/consumers/formats/mastodon.ts';
import { fixture } from './fuzz-targets.ts';
import { changed, onlyPost, summary } from './support.ts';

const STATUS = 'https://social.example/users/anna/statuses/115812345678901234';
const records = fixture('mastodon');
const [rich, edited, boost, quote] = records as [string, string, string, string, ...string[]];

test('each record of the fixture', () => {
  expect(records.map((record) => summary(decodeMastodon(record)))).toStrictEqual(
    'post, post, post, post, not_public, no_text, post, post, deletion, deletion, other_event, other_event, keep_alive, post not_public'.split(
      ', ',
    ),
  );
});

describe('statuses', () => {
  test('HTML is text, links come from href, mentions are gone', () => {
    expect(onlyPost(decodeMastodon(rich))).toStrictEqual({
      id: STATUS,
      platform: 'mastodon',
      account: 'https://social.example/@anna',
      text: 'Save the & bridge :anchor:\ntoday #bridge\n\nhttps://news.example/a/very/long/path/about/the/bridge?id=1 and read more',
      createdAt: Date.parse('2026-01-01T10:00:00.500Z'),
      handle: 'anna@social.example',
      lang: 'en',
      replyTo: '115812345678900000',
      urls: ['https://news.example/a/very/long/path/about/the/bridge?id=1', 'https://example.org/more'],
      media: ['115800000000000001', '115800000000000002'],
      accountCreatedAt: Date.parse('2022-10-30T00:00:00.000Z'),
    });
  });

  test('an edited one is at the time of its edit', () => {
    expect(onlyPost(decodeMastodon(edited))).toStrictEqual({
      id: 'https://other.example/objects/7',
      platform: 'mastodon',
      account: 'https://other.example/users/ben',
      text: 'Corrected text',
      createdAt: Date.parse('2026-01-01T10:05:00.000Z'),
      handle: 'ben@other.example',
      accountCreatedAt: 0,
      editedAt: Date.parse('2026-01-01T10:05:00.000Z'),
    });
  });

  test('a boost is a repost by the one who boosts', () => {
    expect(onlyPost(decodeMastodon(boost))).toMatchObject({
      id: 'https://social.example/users/anna/statuses/115812345678901235/activity',
      account: 'https://social.example/@anna',
      text: 'Corrected text',
      repostOf: 'https://other.example/objects/7',
    });
  });

  test('a quotation names the other and says what its author wrote', () => {
    expect(onlyPost(decodeMastodon(quote))).toMatchObject({
      text: 'I agree',
      quoteOf: 'https://other.example/objects/7',
    });
    const shallow = changed(quote, { quote: { state: 'pending', quoted_status_id: 115_812_345_678 } });
    expect(onlyPost(decodeMastodon(shallow)).quoteOf).toBe('115812345678');
  });

  test('an account is its address, or its name with its host where there is none', () => {
    const remote = changed(rich, { 'account.url': null, 'account.acct': 'anna@else.example' });
    expect(onlyPost(decodeMastodon(remote))).toMatchObject({
      account: 'anna@else.example',
      handle: 'anna@else.example',
    });
    const odd = changed(rich, { 'account.url': 'https://user@social.example/' });
    expect(onlyPost(decodeMastodon(odd)).handle).toBe('anna');
    const local = changed(rich, { 'account.url': '' });
    expect(decodeMastodon(local)).toMatchObject({
      kind: 'rejection',
      reason: 'missing_field',
      detail: 'account.url is missing',
    });
    expect(summary(decodeMastodon(changed(rich, { account: null })))).toBe('no_account');
  });
});

describe('events', () => {
  test('hold the status as a text of JSON or as an object', () => {
    const asText = onlyPost(decodeMastodon(records[6]!));
    expect(asText.text).toBe('By websocket');
    const asObject = onlyPost(decodeMastodon(records[7]!));
    expect(asObject).toMatchObject({ id: asText.id, text: 'By websocket, edited' });
    expect(asObject.editedAt).toBe(asObject.createdAt);
  });

  test('an update without a time of edit changes nothing', () => {
    const post = onlyPost(decodeMastodon(changed(records[7]!, { 'payload.edited_at': null })));
    expect(post).not.toHaveProperty('editedAt');
  });

  test('a deletion names what the payload names, at the time of arrival or that of the id', () => {
    expect(decodeMastodon(records[8]!)).toStrictEqual({
      kind: 'deletion',
      deletion: { platform: 'mastodon', id: '115812345678901234', createdAt: 1_767_156_153_547 },
    });
    expect(decodeMastodon(records[9]!)).toStrictEqual({
      kind: 'deletion',
      deletion: { platform: 'mastodon', id: STATUS, createdAt: Date.parse('2026-01-01T11:00:00Z') },
    });
    expect(decodeMastodon('{"event":"delete","payload":"AlphaNumeric"}')).toMatchObject({ deletion: { createdAt: 0 } });
    expect(decodeMastodon('{"event":"delete","payload":115812345678901234}')).toMatchObject({
      deletion: { id: '115812345678901234' },
    });
  });

  test.each([
    ['not_json', '{"event":"update","payload":"{"}'],
    ['not_an_object', '{"event":"update","payload":"[]"}'],
    ['nested_too_deep', JSON.stringify({ event: 'update', payload: '['.repeat(100) })],
    ['missing_field', '{"event":"update"}'],
    ['missing_field', '{"event":"delete"}'],
    ['wrong_type', '{"event":"update","payload":7}'],
    ['wrong_type', '{"event":7}'],
    ['invalid_time', '{"event":"delete","payload":"1","time":"yesterday"}'],
  ])('%s %#', (reason, record) => {
    expect(decodeMastodon(record)).toMatchObject({ kind: 'rejection', reason });
  });
});

test('pages and searches give each status', () => {
  const statuses = [JSON.parse(rich), JSON.parse(edited), 7] as unknown[];
  expect(summary(decodeMastodon(JSON.stringify(statuses)))).toBe('post post not_an_object');
  expect(summary(decodeMastodon(JSON.stringify({ accounts: [], statuses, hashtags: [] })))).toBe(
    'post post not_an_object',
  );
  expect(summary(decodeMastodon('[]'))).toBe('other_event');
});

describe('rejections name the field', () => {
  test.each([
    ['missing_field', 'uri', { uri: undefined }],
    ['empty_field', 'uri', { uri: '' }],
    ['missing_field', 'created_at', { created_at: null }],
    ['invalid_time', 'created_at', { created_at: '2026-02-30T00:00:00Z' }],
    ['missing_field', 'content', { content: undefined }],
    ['wrong_type', 'content', { content: {} }],
    ['wrong_type', 'mentions', { mentions: ['x'] }],
    ['wrong_type', 'language', { language: 3 }],
    ['invalid_time', 'created_at', { 'account.created_at': 'long ago' }],
  ])('%s: %s', (reason, field, changes) => {
    expect(decodeMastodon(changed(rich, changes))).toMatchObject({
      kind: 'rejection',
      reason,
      detail: expect.stringContaining(field) as string,
    });
  });
});
