import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  mastodonIdTimeMs,
  parseMicrosecondsMs,
  parseMillisecondsMs,
  parseSecondsMs,
  parseXTimeMs,
  xIdTimeMs,
} from '../../../src/consumers/formats/times.ts';

describe('the form of X', () => {
  test.each([
    ['Sun Aug 31 00:29:15 +0000 2014', Date.UTC(2014, 7, 31, 0, 29, 15)],
    ['Thu Jan 01 00:00:00 +0000 1970', 0],
    ['Sat Feb 29 23:59:59 +0530 2020', Date.UTC(2020, 1, 29, 18, 29, 59)],
    ['Tue Jan 01 00:00:00 -0800 2019', Date.UTC(2019, 0, 1, 8)],
  ])('%s', (text, timeMs) => {
    expect(parseXTimeMs(text)).toBe(timeMs);
  });

  test.each([
    ['a date that is not in the calendar', 'Mon Feb 30 00:00:00 +0000 2015'],
    ['a leap day of another year', 'Sun Feb 29 00:00:00 +0000 2015'],
    ['the weekday of another date', 'Mon Aug 31 00:29:15 +0000 2014'],
    ['hour 24', 'Sun Aug 31 24:00:00 +0000 2014'],
    ['a leap second', 'Sun Aug 31 00:29:60 +0000 2014'],
    ['an offset that is none', 'Sun Aug 31 00:29:15 +0060 2014'],
    ['no offset', 'Sun Aug 31 00:29:15 2014'],
    ['a day of one digit', 'Mon Sep 1 00:29:15 +0000 2014'],
    ['something behind', 'Sun Aug 31 00:29:15 +0000 2014 '],
    ['a year of two digits in the guise of four', 'Mon Aug 31 00:29:15 +0000 0014'],
    ['before 1970', 'Thu Jan 01 00:00:00 +0100 1970'],
    ['ISO 8601', '2014-08-31T00:29:15Z'],
    ['a number', 1_409_444_955],
    ['null', null],
  ])('not %s', (_what, value) => {
    expect(parseXTimeMs(value)).toBeUndefined();
  });

  test('every second from 1970 to 9999 comes back', () => {
    const days = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat'];
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 253_402_300_799 }), (seconds) => {
        const date = new Date(seconds * 1000);
        const [, day, month, year, time] = /^..., (\d\d) (...) (\d{4}) (.{8}) GMT$/.exec(date.toUTCString())!;
        const text = `${days[date.getUTCDay()]} ${month} ${day} ${time} +0000 ${year}`;
        expect(parseXTimeMs(text)).toBe(seconds * 1000);
      }),
    );
  });
});

describe('counts', () => {
  test('seconds, milliseconds and microseconds, as numbers or digits', () => {
    expect(parseSecondsMs(1_577_565_076)).toBe(1_577_565_076_000);
    expect(parseSecondsMs('1577565076')).toBe(1_577_565_076_000);
    expect(parseMillisecondsMs('1409444955657')).toBe(1_409_444_955_657);
    expect(parseMicrosecondsMs(1_783_175_888_090_631)).toBe(1_783_175_888_090);
    expect(parseMicrosecondsMs('1783175888090999')).toBe(1_783_175_888_090);
    expect(parseSecondsMs(0)).toBe(0);
  });

  test.each([
    -1,
    0.5,
    Number.NaN,
    Number.POSITIVE_INFINITY,
    2 ** 53,
    '',
    ' 1',
    '1.5',
    '-1',
    '1e3',
    '0x10',
    '1'.repeat(19),
    null,
    true,
  ])('not %j', (value) => {
    expect(parseSecondsMs(value)).toBeUndefined();
    expect(parseMillisecondsMs(value)).toBeUndefined();
    expect(parseMicrosecondsMs(value)).toBeUndefined();
  });

  test('a count of another unit is beyond the year 9999', () => {
    expect(parseSecondsMs(1_577_565_076_000)).toBeUndefined();
    expect(parseMillisecondsMs(1_577_565_076_000_000)).toBeUndefined();
  });
});

describe('times in ids', () => {
  test('X: the posts whose time its API told in milliseconds', () => {
    expect(xIdTimeMs('1170025343920402432')).toBe(Date.parse('2019-09-06T17:25:54.667Z'));
    expect(xIdTimeMs('1170147183095664640')).toBe(Date.parse('2019-09-07T01:30:03.390Z'));
    expect(xIdTimeMs('29700859247')).toBe(1_288_834_981_738);
  });

  test('Mastodon: within the second of the post', () => {
    expect(mastodonIdTimeMs('109294723149683916')).toBe(1_667_705_126_185);
  });

  test.each(['', '20', '29700859246', '-1', '1e18', '11700253439204024321', 'abc'])('none in %j', (id) => {
    expect(xIdTimeMs(id)).toBeUndefined();
    expect(mastodonIdTimeMs(id)).toBeUndefined();
  });
});
