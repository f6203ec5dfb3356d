import { describe, expect, test } from 'vitest';
import { decodeXV2 } from '../../../src/consumers/formats/x-v2.ts';
import { fixture } from './fuzz-targets.ts';
import { changed, onlyPost, summary } from './support.ts';

const records = fixture('x-v2');
const [page, edited, flattened, withheld, anonymous] = records as [string, string, string, string, string, ...string[]];

test('each record of the fixture', () => {
  expect(records.map((record) => summary(decodeXV2(record)))).toStrictEqual(
    'post post, post, post, no_text post, no_account, other_event, keep_alive, deletion, deletion, deletion, deletion, deletion deletion, other_event, not_json'.split(
      ', ',
    ),
  );
});

describe('posts', () => {
  test('of a page, with their authors from what it includes; included posts are none of it', () => {
    expect(decodeXV2(page)).toStrictEqual([
      {
        kind: 'post',
        post: {
          id: '1377650093109743620',
          platform: 'x',
          account: '2244994945',
          text: 'Vote & tell a friend https://t.co/abc',
          createdAt: Date.parse('2021-04-01T15:52:32.000Z'),
          handle: 'anna_example',
          lang: 'en',
          urls: ['https://example.org/long/1'],
          media: ['3_1377650087799754753'],
          accountCreatedAt: Date.parse('2013-12-14T04:35:55.000Z'),
        },
      },
      {
        kind: 'post',
        post: {
          id: '1377650093109743700',
          platform: 'x',
          account: '99',
          text: 'RT @anna_example: Vote & tell a friend',
          createdAt: Date.parse('2021-04-01T15:52:32.000Z'),
          handle: 'ben_example',
          lang: 'en',
          repostOf: '1377650093109743620',
          accountCreatedAt: Date.parse('2013-12-14T04:35:55.000Z'),
        },
      },
    ]);
  });

  test('flattened, with the whole text of a long one', () => {
    expect(onlyPost(decodeXV2(flattened))).toMatchObject({
      text: 'Short <3 and the rest of a long post',
      urls: ['https://example.org/note'],
      handle: 'anna_example',
      replyTo: '1377266697850257410',
      quoteOf: '1377640162566496258',
    });
    expect(summary(decodeXV2(`[${flattened},${flattened}]`))).toBe('post post');
    expect(onlyPost(decodeXV2(changed(flattened, { author_id: undefined }))).account).toBe('2244994945');
  });

  test('edited: earlier versions are replaced, later ones not', () => {
    expect(onlyPost(decodeXV2(edited)).replaces).toStrictEqual(['1377650093109743800']);
    const history = ['1377650093109743801', '1377650093109743802'];
    const firstVersion = changed(edited, { 'data.edit_history_tweet_ids': history });
    expect(onlyPost(decodeXV2(firstVersion))).not.toHaveProperty('replaces');
  });

  test('without a time are at that of their id', () => {
    const post = onlyPost(decodeXV2(changed(edited, { 'data.created_at': undefined })));
    expect(new Date(post.createdAt).toISOString()).toBe('2021-04-01T15:52:32.355Z');
  });

  test('withheld: what X says in their place is no text, the text itself is', () => {
    expect(decodeXV2(withheld)).toMatchObject([
      { reason: 'no_text' },
      { post: { text: 'Vote & tell a friend https://t.co/abc' } },
    ]);
    const quoted = "@ben_example's account has been withheld in India in response to a legal demand. Learn more.";
    expect(onlyPost(decodeXV2(changed(edited, { 'data.text': quoted }))).text).toBe(quoted);
  });

  test('of a protected account are not public', () => {
    expect(summary(decodeXV2(changed(flattened, { 'author.protected': true })))).toBe('not_public');
  });

  test('are unescaped once', () => {
    const post = onlyPost(decodeXV2(changed(edited, { 'data.text': '&amp;lt; &lt;b&gt; &quot; &' })));
    expect(post.text).toBe('&lt; <b> &quot; &');
  });
});

describe('deletions', () => {
  test('by a batch job, at the time of the removal or else of the post', () => {
    expect(decodeXV2(records[7]!)).toStrictEqual({
      kind: 'deletion',
      deletion: { platform: 'x', id: '1170147183095664640', createdAt: Date.parse('2021-08-17T17:26:15.788Z') },
    });
    expect(decodeXV2(records[8]!)).toMatchObject({ deletion: { createdAt: Date.parse('2019-09-06T17:25:54.667Z') } });
    expect(summary(decodeXV2(changed(records[8]!, { reason: 'scrub_geo' })))).toBe('other_event');
    expect(summary(decodeXV2(changed(records[8]!, { action: 'undelete' })))).toBe('other_event');
  });

  test('by the compliance stream: posts removed, and versions before an edit', () => {
    const createdAt = Date.parse('2022-12-23T12:34:56.789Z');
    expect(decodeXV2(records[9]!)).toStrictEqual({
      kind: 'deletion',
      deletion: { platform: 'x', id: '1377650093109743620', createdAt },
    });
    expect(decodeXV2(records[11]!)).toStrictEqual(
      ['1377650093109743800', '1377650093109743801'].map((id) => ({
        kind: 'deletion',
        deletion: { platform: 'x', id, createdAt },
      })),
    );
  });

  test.each(['undrop', 'withheld', 'user_protect', 'user_delete', 'something_new'])('not by %s', (action) => {
    const record = JSON.stringify({ data: { [action]: { tweet: { id: '1' }, event_at: '2022-12-23T12:34:56.789Z' } } });
    expect(summary(decodeXV2(record))).toBe('other_event');
  });
});

test.each([
  ['other_event', '{"errors":[{"title":"Not Found Error"}]}'],
  ['other_event', '{"meta":{"result_count":0}}'],
  ['other_event', '{"data":[]}'],
  ['keep_alive', '\r'],
  ['missing_field', '{}'],
  ['missing_field', '{"data":{}}'],
  ['missing_field', '{"data":{"text":"no id"}}'],
  ['wrong_type', '{"data":"x"}'],
  ['missing_field', '{"data":{"delete":{"tweet":{},"event_at":"2022-12-23T12:34:56.789Z"}}}'],
  ['missing_field', '{"data":{"delete":{"tweet":{"id":"1"}}}}'],
  ['invalid_time', '{"id":"1","action":"delete","created_at":"then"}'],
])('%s: %s', (result, record) => {
  expect(summary(decodeXV2(record))).toBe(result);
});

describe('rejections name the field', () => {
  test.each([
    ['missing_field', 'text', { 'data.text': undefined }],
    ['wrong_type', 'text', { 'data.text': ['x'] }],
    ['invalid_time', 'created_at', { 'data.created_at': 'Sun Aug 31 00:29:15 +0000 2014' }],
    ['missing_field', 'created_at', { 'data.created_at': null, 'data.id': '20' }],
    ['wrong_type', 'id', { 'data.id': true }],
    ['wrong_type', 'author_id', { 'data.author_id': {} }],
    ['wrong_type', 'referenced_tweets', { 'data.referenced_tweets': 'retweeted' }],
    ['missing_field', 'id', { 'data.referenced_tweets': [{ type: 'retweeted' }] }],
    ['wrong_type', 'users', { 'includes.users': {} }],
  ])('%s: %s', (reason, field, changes) => {
    expect(decodeXV2(changed(edited, changes))).toMatchObject({
      kind: 'rejection',
      reason,
      detail: expect.stringContaining(field) as string,
    });
  });

  test('not where the author was not asked for', () => {
    expect(decodeXV2(anonymous)).toStrictEqual({ kind: 'ignored', reason: 'no_account' });
  });
});
