import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { csvMapDecoder, parseCsvMap } from '../../../src/consumers/formats/csv-map.ts';
import { FORMATS, formatsTold, recordDecoder } from '../../../src/consumers/formats/format.ts';
import { parseUsTimeMs } from '../../../src/consumers/formats/ira-csv.ts';
import { decodeReddit } from '../../../src/consumers/formats/reddit.ts';
import { isDamagedId, parseTableDateMs, parseTableTimeMs } from '../../../src/consumers/formats/rows.ts';
import { decodeTelegram } from '../../../src/consumers/formats/telegram.ts';
import { tellingFormat } from '../../../src/consumers/formats/telling.ts';
import { pythonList } from '../../../src/consumers/formats/x-io-csv.ts';
import { openRecords } from '../../../src/consumers/file.ts';
import type { Decoded, Post } from '../../../src/model.ts';
import { fixture } from './fuzz-targets.ts';
import { changed, onlyPost, summary } from './support.ts';

const decodeOsprey = recordDecoder('osprey');
const decodeCloudevents = recordDecoder('cloudevents');

async function recordsOf(name: string): Promise<Decoded[]> {
  const path = new URL(`../../fixtures/formats/${name}`, import.meta.url).pathname;
  const { batches } = await openRecords(path, {});
  const all: Decoded[] = [];
  for await (const batch of batches) for (let i = 0; i < batch.count; i++) all.push(...[batch.decode(i)].flat());
  return all;
}

function postsOf(all: readonly Decoded[]): Post[] {
  return all.flatMap((decoded) => (decoded.kind === 'post' ? [decoded.post] : []));
}

const faultsOf = (all: readonly Decoded[]): string[] =>
  all.flatMap((decoded) => (decoded.kind === 'rejection' ? [`${decoded.reason}: ${decoded.detail}`] : []));

describe('reddit', () => {
  const records = fixture('reddit');

  test('each record of the fixture', () => {
    expect(records.map((record) => summary(decodeReddit(record)))).toStrictEqual([
      'post',
      'post',
      'post',
      'post',
      'post',
      'no_account',
      'no_text',
      'no_text',
      'post other_event',
      'other_event',
    ]);
  });

  test('a comment', () => {
    expect(onlyPost(decodeReddit(records[0]!))).toStrictEqual({
      id: 't1_fca9bs1',
      platform: 'reddit',
      account: 'harbour_cat',
      text: 'Vote >NO< on the harbour bridge & tell a friend',
      createdAt: 1_577_565_076_000,
      handle: 'harbour_cat',
      replyTo: 't3_egs0jr',
      accountCreatedAt: 1_480_000_000_000,
    });
  });

  test('an edited comment has the time of its edit', () => {
    const { createdAt, editedAt, replyTo } = onlyPost(decodeReddit(records[1]!));
    expect([createdAt, editedAt, replyTo]).toStrictEqual([1_577_640_390_000, 1_577_640_390_000, 't1_fca9bs1']);
  });

  test('submissions: title and text, a link with its pictures, a crosspost', () => {
    const [own, link, cross] = records.slice(2, 5).map((record) => onlyPost(decodeReddit(record)));
    expect(own).toMatchObject({
      id: 't3_egs0jr',
      text: 'The bridge will cost twice as much\n\nRead the report before you vote.',
    });
    expect(own!.urls).toBeUndefined();
    expect(link).toMatchObject({ urls: ['https://example.org/report?a=1&b=2'], media: ['abc123'] });
    expect(cross).toMatchObject({ id: 't3_egs0jt', repostOf: 't3_egs0js' });
    expect(cross!.urls).toBeUndefined();
  });

  test('what is wrong is named', () => {
    expect(decodeReddit(changed(records[0]!, { created_utc: undefined }))).toMatchObject({
      reason: 'missing_field',
      detail: 'created_utc is missing',
    });
    expect(decodeReddit(changed(records[0]!, { created_utc: 1.5 }))).toMatchObject({ reason: 'invalid_time' });
    expect(decodeReddit(changed(records[0]!, { body: 3 }))).toMatchObject({
      reason: 'wrong_type',
      detail: 'body is a number, must be a string',
    });
    expect(decodeReddit(changed(records[0]!, { edited: 'yes' }))).toMatchObject({ reason: 'invalid_time' });
    expect(decodeReddit('{"id":"1","author":"a","body":"cut')).toMatchObject({ reason: 'not_json' });
  });
});

describe('telegram', () => {
  const chat = { id: 5, type: 'public_supergroup', name: 'Harbour' };
  const message = {
    id: 9,
    type: 'message',
    date_unixtime: '1675764060',
    from: 'Anna',
    from_id: 'user7',
    text: 'Hello',
  };
  const decode = (around: object, change: object): ReturnType<typeof decodeTelegram> =>
    decodeTelegram(JSON.stringify({ chat: { ...chat, ...around }, message: { ...message, ...change } }));

  test('the fixture, whose chat has an id beyond 2^53', async () => {
    const all = await recordsOf('telegram.json');
    expect(all.map((decoded) => summary(decoded))).toStrictEqual([
      'other_event',
      'post',
      'post',
      'post',
      'no_text',
      'missing_field',
      'no_account',
    ]);
    expect(postsOf(all)).toStrictEqual([
      {
        id: '1234567890123456789/2',
        platform: 'telegram',
        account: 'channel1234567890',
        text: 'No bridge across the harbour! [brackets] {braces} "quotes" \\',
        createdAt: 1_675_764_060_000,
        handle: 'Harbour news',
      },
      {
        id: '1234567890123456789/3',
        platform: 'telegram',
        account: 'channel1234567890',
        text: 'Read the report and https://example.org/more now',
        createdAt: 1_675_767_720_000,
        handle: 'Harbour news',
        urls: ['https://example.org/report', 'https://example.org/more'],
        replyTo: '1234567890123456789/2',
        editedAt: 1_675_767_720_000,
      },
      expect.objectContaining({ text: 'A forward\b with a control character', repostOf: 'unknown' }),
    ]);
    expect(faultsOf(all)).toStrictEqual(['missing_field: date_unixtime is missing']);
  });

  test('chats that not everybody can open are not read', () => {
    for (const type of ['personal_chat', 'saved_messages', 'private_group', 'private_channel', 'something_new']) {
      expect(summary(decode({ type }, {}))).toBe('not_public');
    }
    expect(summary(decode({ type: 'public_channel' }, {}))).toBe('post');
  });

  test('a reply into another chat is not one in this', () => {
    expect(onlyPost(decode({}, { reply_to_message_id: 3, reply_to_peer_id: 'channel1' })).replyTo).toBeUndefined();
  });

  test('a backslash before an x that is one is left alone', () => {
    expect(onlyPost(decode({}, { text: 'a \\x41 b' })).text).toBe('a \\x41 b');
    const broken = JSON.stringify({ chat, message }).replace('Hello', 'a \\\\x41 \\x1F b');
    expect(onlyPost(decodeTelegram(broken)).text).toBe('a \\x41 \u001f b');
  });

  test('a message by itself lacks its chat', () => {
    expect(decodeTelegram(JSON.stringify({ ...message, date: '2023-02-07T10:01:00' }))).toMatchObject({
      detail: 'chat is missing',
    });
  });
});

describe('osprey', () => {
  const records = fixture('osprey');

  test('each record of the fixture', () => {
    expect(records.map((record) => summary(decodeOsprey(record)))).toStrictEqual([
      'post',
      'post',
      'post',
      'post',
      'deletion',
      'post',
      'other_event',
    ]);
  });

  test('a post of a user, with all digits of its id', () => {
    const first = {
      id: '901',
      platform: 'osprey',
      account: 'user_17',
      text: 'No bridge across the harbour',
      createdAt: 1_767_225_600_123,
    };
    expect(onlyPost(decodeOsprey(records[0]!))).toStrictEqual(first);
    expect(onlyPost(decodeOsprey(records[1]!))).toMatchObject({ id: '9007199254740993', account: '18' });
  });

  test('a record of Bluesky has the time of the action, an event of Jetstream its own', () => {
    expect(onlyPost(decodeOsprey(records[2]!))).toStrictEqual({
      id: 'at://did:plc:harbour/app.bsky.feed.post/3kabc',
      platform: 'bluesky',
      account: 'did:plc:harbour',
      text: 'Say no to the bridge',
      createdAt: 1_767_225_602_000,
      lang: 'en',
    });
    expect(onlyPost(decodeOsprey(records[3]!))).toMatchObject({
      account: 'did:plc:gull',
      createdAt: 1_767_225_600_500,
    });
    expect(decodeOsprey(records[4]!)).toMatchObject({
      deletion: { id: 'at://did:plc:harbour/app.bsky.feed.post/3kabc' },
    });
  });

  test('a canonical post without a time has that of the action', () => {
    expect(onlyPost(decodeOsprey(records[5]!))).toMatchObject({ platform: 'forum', createdAt: 1_767_225_605_000 });
  });

  test('envelopes are not opened in envelopes', () => {
    expect(summary(decodeOsprey(changed(records[0]!, { 'data.data': JSON.parse(records[0]!) })))).toBe('other_event');
  });

  test('what is wrong is named', () => {
    expect(decodeOsprey(changed(records[0]!, { send_time: 'now' }))).toMatchObject({ reason: 'invalid_time' });
    expect(decodeOsprey(changed(records[0]!, { data: 'x' }))).toMatchObject({
      detail: 'data is a string, must be an object',
    });
    expect(decodeOsprey(changed(records[0]!, { 'data.data.post.text': 3 }))).toMatchObject({ reason: 'wrong_type' });
  });
});

describe('cloudevents', () => {
  const records = fixture('cloudevents');

  test('each record of the fixture', () => {
    expect(records.map((record) => summary(decodeCloudevents(record)))).toStrictEqual([
      'post',
      'post',
      'post other_event',
      'other_event',
      'post',
      'wrong_type',
    ]);
  });

  test('the flat form of a post of Bluesky: the time is that of the relay', () => {
    expect(onlyPost(decodeCloudevents(records[0]!))).toStrictEqual({
      id: 'at://did:plc:harbour/app.bsky.feed.post/3kabc',
      platform: 'bluesky',
      account: 'did:plc:harbour',
      text: 'No bridge across the harbour',
      createdAt: 1_767_225_608_250,
      handle: 'harbour.example',
      lang: 'en',
      urls: ['https://example.org/link', 'https://example.org/report'],
      replyTo: 'at://did:plc:gull/app.bsky.feed.post/3kaaa',
    });
    expect(onlyPost(decodeCloudevents(records[1]!))).toMatchObject({
      quoteOf: 'at://did:plc:harbour/app.bsky.feed.post/3kabc',
    });
  });

  test('a batch, with the time of the event for a canonical post without one', () => {
    expect(decodeCloudevents(records[2]!)).toMatchObject([
      { post: { account: 'anna', createdAt: 1_767_225_611_000 } },
      { kind: 'ignored' },
    ]);
  });
});

describe('x-io-csv', () => {
  test('the fixture', async () => {
    const all = await recordsOf('x-io.csv');
    const hash = 'yHashOfAnId0000000000000000000000000000000=';
    expect(postsOf(all)).toStrictEqual([
      {
        id: '898925911294132224',
        platform: 'x',
        account: hash,
        text: 'No bridge, "never" & not here\nsecond line',
        createdAt: Date.UTC(2017, 7, 19, 15, 13),
        lang: 'en',
        // Its end has been cut: in_reply_to_tweetid is left out.
        urls: ['http://example.org/a', "http://example.org/it's"],
        accountCreatedAt: Date.UTC(2016, 11, 4),
      },
      {
        id: '898925911294132225',
        platform: 'x',
        account: '9001',
        text: 'RT @harbour: No bridge',
        createdAt: Date.UTC(2017, 7, 19, 15, 14),
        handle: 'gull_22',
        lang: 'de',
        urls: ['http://example.org/b', 'http://example.org/c'],
        repostOf: '898925911294132001',
        quoteOf: '898925911294132224',
        accountCreatedAt: Date.UTC(2014, 0, 31),
      },
      expect.objectContaining({ repostOf: 'unknown', replyTo: '898925911294132224' }),
    ]);
    expect(faultsOf(all)).toStrictEqual([
      'wrong_type: tweetid has lost digits, as in a spreadsheet: take the table as it was before',
      'invalid_time: tweet_time must be YYYY-MM-DD HH:MM',
    ]);
  });

  test('lists as Python prints them', () => {
    expect(pythonList(`['a', "it's", 'b\\\\c']`)).toStrictEqual(['a', "it's", 'b\\c']);
    expect(pythonList('[a, b]')).toStrictEqual(['a', 'b']);
    for (const none of ['', '[]', '[ ]', 'a', "['a' 'b' x]", "['a"]) expect(pythonList(none)).toStrictEqual([]);
  });
});

describe('ira-csv', () => {
  test('the fixture', async () => {
    const all = await recordsOf('ira.csv');
    expect(postsOf(all)).toStrictEqual([
      {
        id: '914580356430536707',
        platform: 'x',
        account: '905874659358453760',
        text: '"The bridge will ruin us" they said https://t.co/abc',
        createdAt: Date.UTC(2017, 9, 1, 19, 58),
        handle: 'HARBOUR_GOP',
        urls: ['https://example.org/report', 'https://example.org/more'],
      },
      expect.objectContaining({ createdAt: Date.UTC(2017, 0, 9, 0, 5), repostOf: 'unknown' }),
      expect.objectContaining({ account: '2912754262', createdAt: Date.UTC(2016, 1, 29, 23, 59) }),
    ]);
    expect(faultsOf(all)).toHaveLength(1);
    expect(faultsOf(all)[0]).toMatch(/^wrong_type: external_author_id has lost digits/);
  });

  test('months come first, and a day that is none is no time', () => {
    expect(parseUsTimeMs('12/31/2015 0:00')).toBe(Date.UTC(2015, 11, 31));
    for (const text of ['31/12/2015 0:00', '2/30/2016 1:00', '2/29/2015 1:00', '1/1/2015 24:00', '1/1/15 1:00', '']) {
      expect(parseUsTimeMs(text)).toBeUndefined();
    }
  });
});

describe('csv with a map', () => {
  const decode = (map: string, row: Record<string, string>): Decoded => csvMapDecoder(parseCsvMap(map).map)(row);
  const MAP = 'id=post,account=user.id,text=body,createdAt=time,platform=:forum';
  const row = { post: '1', 'user.id': '17', body: 'Hello', time: '2026-01-31 12:00' };

  test('columns and values', () => {
    const all = `${MAP},handle=name,lang=:en,urls=links,repostOf=shared,accountCreatedAt=since`;
    const decoded = decode(all, {
      ...row,
      name: 'anna',
      links: 'https://example.org/a https://example.org/b',
      shared: '',
      since: '2020-02-29',
    });
    expect(decoded).toStrictEqual({
      kind: 'post',
      post: {
        id: '1',
        platform: 'forum',
        account: '17',
        text: 'Hello',
        createdAt: Date.UTC(2026, 0, 31, 12),
        handle: 'anna',
        lang: 'en',
        urls: ['https://example.org/a', 'https://example.org/b'],
        accountCreatedAt: Date.UTC(2020, 1, 29),
      },
    });
  });

  test.each([
    ['2026-01-31T12:00:00.5+01:00', Date.UTC(2026, 0, 31, 11, 0, 0, 500)],
    ['2026-01-31', Date.UTC(2026, 0, 31)],
    ['1769860800', 1_769_860_800_000],
    ['1769860800123', 1_769_860_800_123],
    ['1769860800123456', 1_769_860_800_123],
    ['Sun Aug 31 00:29:05 +0000 2014', Date.UTC(2014, 7, 31, 0, 29, 5)],
  ])('reads the time %s', (time, timeMs) => {
    expect(decode(MAP, { ...row, time })).toMatchObject({ post: { createdAt: timeMs } });
  });

  test.each(['31.01.2026', '01/31/2026 12:00', '2026-02-30', '17698608001', 'yesterday'])(
    'refuses the time %s',
    (time) => {
      expect(decode(MAP, { ...row, time })).toMatchObject({
        reason: 'invalid_time',
        detail: expect.stringMatching(/^time must be /) as string,
      });
    },
  );

  test('what is missing is named by its column', () => {
    expect(decode(MAP, { ...row, 'user.id': '' })).toMatchObject({
      reason: 'missing_field',
      detail: 'user.id is missing',
    });
    expect(decode(MAP, { ...row, 'user.id': '9.00E+15' })).toMatchObject({ reason: 'wrong_type' });
    expect(decode(MAP, { ...row, body: ' ' })).toStrictEqual({ kind: 'ignored', reason: 'no_text' });
    expect(decode(MAP, { ...row, body: 'a\0b' })).toMatchObject({ reason: 'invalid_character' });
  });

  test('a map with faults: all of them', () => {
    const { problems } = parseCsvMap('id=a,txt=b,account,id=c');
    expect(problems.map(({ value }) => value)).toStrictEqual(['txt=b', 'account', 'id=c']);
    expect(parseCsvMap('id=a,text=b').problems).toMatchObject([
      { bound: expect.stringContaining('platform, account, createdAt') as string },
    ]);
    const commas = parseCsvMap('id=last,, first,platform=:a,account=u,text=t,createdAt=c');
    expect(commas.problems).toStrictEqual([]);
    expect(commas.map.get('id')).toStrictEqual({ column: 'last, first' });
  });
});

test('ids that a spreadsheet has spoilt', () => {
  for (const id of ['8.98E+17', '9E17', '906000000000000000', '1234567000000000']) expect(isDamagedId(id)).toBe(true);
  for (const id of [
    '898925911294132224',
    '898925911294132000',
    '123456789012345',
    '1000000',
    '12E',
    'abc',
    '100000000000000',
  ])
    expect(isDamagedId(id)).toBe(false);
});

test('times of tables are in UTC where they say nothing else', () => {
  expect(parseTableTimeMs('2017-08-19 15:13')).toBe(Date.UTC(2017, 7, 19, 15, 13));
  expect(parseTableTimeMs('2017-08-19 15:13+02:00')).toBe(Date.UTC(2017, 7, 19, 13, 13));
  expect([parseTableTimeMs('2017-08-19'), parseTableDateMs('2017-02-29')]).toStrictEqual([undefined, undefined]);
});

describe('what tells a format', () => {
  const own = FORMATS.filter((format) => !['canonical', 'telegram', 'x-io-csv', 'ira-csv', 'csv'].includes(format));

  test.each(own)('most records of %s tell of it, and none of another', (format) => {
    const told = formatsTold(fixture(format).filter((record) => record !== ''));
    expect(told.map((one) => one.format)).toStrictEqual([format]);
  });

  test('nothing is told by anything, and nothing throws', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        tellingFormat(value);
      }),
    );
    for (const value of [null, [], {}, [[]], 'x', 3, { data: null }, { user: {} }])
      expect(tellingFormat(value)).toBeUndefined();
  });
});
