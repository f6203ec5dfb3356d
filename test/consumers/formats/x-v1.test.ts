import { describe, expect, test } from 'vitest';
import { decodeXV1 } from '../../../src/consumers/formats/x-v1.ts';
import { fixture } from './fuzz-targets.ts';
import { changed, onlyPost, summary } from './support.ts';

const records = fixture('x-v1');
const [status, repost, extended, full, digits] = records as [string, string, string, string, string, ...string[]];

test('each record of the fixture', () => {
  expect(records.map((record) => summary(decodeXV1(record)))).toStrictEqual(
    'post, post, post, post, post, deletion, deletion, other_event, other_event, other_event, post not_public, keep_alive'.split(
      ', ',
    ),
  );
});

describe('statuses', () => {
  test('with the ids that are texts, and the time to the millisecond where a stream tells it', () => {
    expect(onlyPost(decodeXV1(status))).toStrictEqual({
      id: '505874924095815681',
      platform: 'x',
      account: '2244994945',
      text: '@ben_example Vote & tell http://t.co/abc',
      createdAt: 1_409_444_955_657,
      handle: 'anna_example',
      lang: 'en',
      replyTo: '505874728897085440',
      urls: ['http://example.org/vote'],
      media: ['505874867699187712', '505874867699187800'],
      accountCreatedAt: Date.parse('2013-12-14T04:35:55Z'),
    });
    const search = onlyPost(decodeXV1(changed(status, { timestamp_ms: undefined })));
    expect(search.createdAt).toBe(Date.parse('2014-08-31T00:29:15Z'));
  });

  test('with all digits of ids that are numbers only', () => {
    expect(onlyPost(decodeXV1(digits))).toMatchObject({ id: '505874924095815681', account: '1186275104000000001' });
  });

  test('native reposts', () => {
    expect(onlyPost(decodeXV1(repost))).toMatchObject({
      text: 'RT @ben_example: Vote',
      repostOf: '505874900000000000',
    });
  });

  test('the whole text, wherever it is', () => {
    expect(onlyPost(decodeXV1(extended))).toMatchObject({
      text: 'A long post begins and ends here',
      urls: ['https://example.org/unwound'],
      quoteOf: '505874900000000002',
    });
    expect(onlyPost(decodeXV1(full)).text).toBe('Full text of an archive');
  });

  test('all pictures, of which `entities` names the first', () => {
    const media = { media: [{ id_str: '7' }] };
    expect(onlyPost(decodeXV1(changed(status, { entities: media }))).media).toHaveLength(2);
    expect(onlyPost(decodeXV1(changed(full, { entities: media }))).media).toStrictEqual(['7']);
  });

  test('the versions that an edit replaces', () => {
    const history = { initial_tweet_id: '1', edit_tweet_ids: ['1', '505874924095815681', '3'] };
    expect(onlyPost(decodeXV1(changed(status, { edit_history: history }))).replaces).toStrictEqual(['1']);
  });

  test('withheld: what X says in their place is no text', () => {
    const text = 'This Tweet from @anna_example has been withheld in response to a report from the copyright holder.';
    expect(summary(decodeXV1(changed(status, { text, withheld_copyright: true })))).toBe('no_text');
    expect(summary(decodeXV1(changed(status, { text, 'user.withheld_in_countries': 'DE, FR' })))).toBe('no_text');
    expect(summary(decodeXV1(changed(status, { text, withheld_in_countries: [] })))).toBe('post');
  });

  test('without an author are ignored', () => {
    expect(summary(decodeXV1(changed(status, { user: null })))).toBe('no_account');
  });
});

describe('deletions', () => {
  test('at the time that the stream tells, or else at that of the post', () => {
    expect(decodeXV1(records[5]!)).toStrictEqual({
      kind: 'deletion',
      deletion: { platform: 'x', id: '505874924095815681', createdAt: 1_409_444_999_000 },
    });
    expect(decodeXV1(records[6]!)).toMatchObject({ deletion: { createdAt: Date.parse('2014-08-31T00:29:15.263Z') } });
    expect(decodeXV1('{"delete":{"status":{"id":20}}}')).toMatchObject({ deletion: { id: '20', createdAt: 0 } });
  });

  test('of likes are other events', () => {
    expect(summary(decodeXV1('{"delete":{"favorite":{"tweet_id":1}}}'))).toBe('other_event');
  });

  test('are not what a status with that name is', () => {
    expect(summary(decodeXV1(changed(status, { delete: {}, limit: {} })))).toBe('post');
  });
});

test.each([
  ['other_event', '{"disconnect":{"code":4,"reason":""}}'],
  ['other_event', '{"warning":{"code":"FALLING_BEHIND"}}'],
  ['other_event', '{"friends":[1,2]}'],
  ['other_event', '{"statuses":[]}'],
  ['missing_field', '{}'],
  ['missing_field', '{"delete":{"status":{}}}'],
  ['wrong_type', '{"delete":7}'],
  ['not_an_object', '[7]'],
])('%s: %s', (result, record) => {
  expect(summary(decodeXV1(record))).toBe(result);
});

describe('rejections name the field', () => {
  test.each([
    ['missing_field', 'id_str', { id_str: undefined, id: undefined }],
    ['missing_field', 'text', { text: undefined }],
    ['wrong_type', 'text', { text: 7 }],
    ['missing_field', 'created_at', { timestamp_ms: undefined, created_at: undefined }],
    ['invalid_time', 'created_at', { timestamp_ms: undefined, created_at: '2014-08-31T00:29:15Z' }],
    ['invalid_time', 'timestamp_ms', { timestamp_ms: 'soon' }],
    ['wrong_type', 'in_reply_to_status_id', { in_reply_to_status_id_str: null, in_reply_to_status_id: 0.5 }],
    ['missing_field', 'id_str', { retweeted_status: {} }],
    ['wrong_type', 'urls', { entities: { urls: [7] } }],
    ['invalid_time', 'created_at', { 'user.created_at': 'Sat Dec 14 2013' }],
  ])('%s: %s', (reason, field, changes) => {
    expect(decodeXV1(changed(status, changes))).toMatchObject({
      kind: 'rejection',
      reason,
      detail: expect.stringContaining(field) as string,
    });
  });
});
