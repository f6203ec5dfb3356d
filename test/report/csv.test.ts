import { parse } from 'csv-parse/sync';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { AccountBook } from '../../src/report/account-book.ts';
import * as csv from '../../src/report/csv.ts';
import { accountRows } from '../../src/report/evidence.ts';
import { alertId } from '../support/alerts.ts';
import { evidenceOf, fullAlert, HOSTILE_TEXTS } from './alerts.ts';

/** What a spreadsheet would run: a cell that begins with one of these, after what it passes over. */
const RUNS = /^[\s\p{Cf}\p{Cc}"]*[=+\-@＝＋－＠]/u;

const texts = fc
  .array(fc.constantFrom(...`=+-@＝＠'";,\t\r\n \u200B\uFEFF`.split(''), 'a', '1', 'sum', '😀'), { maxLength: 12 })
  .map((parts) => parts.join(''));

describe('a safe cell', () => {
  test.each([
    ['=1+2', "'=1+2"],
    ['@SUM(A1)', "'@SUM(A1)"],
    ['-5', "'-5"],
    ["'=1", "''=1"],
    ['\t=1', "\t'=1"],
    ['\uFEFF=1', "\uFEFF'=1"],
    ['＝1', "'＝1"],
    ['so;=1', "so;'=1"],
    ['hello\n@name', "hello\n'@name"],
    ['a = b, c - d @e', 'a = b, c - d @e'],
    ["'quoted'", "'quoted'"],
    ['', ''],
  ])('of %j is %j', (text, cell) => {
    expect(csv.safeCell(text)).toBe(cell);
  });

  test('runs nothing, also where the separator is another, and gives the text back', () => {
    fc.assert(
      fc.property(fc.oneof(texts, fc.string({ unit: 'binary' })), (text) => {
        const cell = csv.safeCell(text);
        for (const piece of cell.split(/[;\t\r\n]/)) expect(piece).not.toMatch(RUNS);
        expect(csv.unsafeCell(cell)).toBe(text);
      }),
      { numRuns: 5000 },
    );
  });

  test('of a megabyte of line ends takes no time', () => {
    const started = performance.now();
    for (const piece of ['\n', ' ', '"', "'", '=', "'="]) csv.unsafeCell(csv.safeCell(piece.repeat(500_000)));
    expect(performance.now() - started).toBeLessThan(10_000);
  });
});

function tables(): { campaigns: string; accounts: string; posts: string; pairs: string } {
  const evidence = evidenceOf(fullAlert(alertId(1), HOSTILE_TEXTS, '=HYPERLINK("http://evil.example")'));
  const book = new AccountBook();
  book.add(0, accountRows(evidence), evidence.alert.lastMs);
  const file = (head: string, lines: readonly string[]): string => [head, ...lines].map((line) => `${line}\n`).join('');
  const pair = { a: 'bluesky/account-0', b: 'x/account-1', campaigns: [0], gapMs: 7000, startMs: 0, endMs: 1 };
  return {
    campaigns: file(csv.CAMPAIGNS_HEAD, [csv.campaignLine(evidence)]),
    accounts: file(csv.ACCOUNTS_HEAD, csv.accountLines(evidence, book)),
    posts: file(csv.POSTS_HEAD, csv.postLines(evidence, book)),
    pairs: file(csv.PAIRS_HEAD, [csv.pairLine(pair, book, [alertId(1)])]),
  };
}

describe('the tables', () => {
  const written = tables();

  test.each(['campaigns', 'accounts', 'posts', 'pairs'] as const)('%s is RFC 4180 without formulas', (name) => {
    const rows = parse(written[name], { record_delimiter: '\r\n' });
    expect(rows.length).toBeGreaterThan(1);
    expect(new Set(rows.map((row) => row.length))).toEqual(new Set([rows[0]!.length]));
    for (const cell of rows.flat()) expect(cell).not.toMatch(RUNS);
    // As a spreadsheet splits it whose separator is the semicolon: it does not know these quotes.
    for (const piece of written[name].split(/[;\r\n]/)) expect(piece).not.toMatch(RUNS);
  });

  test('hold the texts, which can be had back', () => {
    const rows = parse<Record<string, string>>(written.posts, { columns: true, record_delimiter: '\r\n' });
    const shown = new Set(rows.map((row) => csv.unsafeCell(row['text']!)));
    for (const text of HOSTILE_TEXTS) expect(shown).toContain(text);
    expect(rows[1]).toMatchObject({
      campaign: alertId(1),
      post_key: 'x/post-1',
      account_key: 'x/account-1',
      created_at: '2025-02-04T09:00:07.000Z',
      offset: '9007199254740993',
    });
  });

  test('name accounts and pairs', () => {
    const [, second] = parse<Record<string, string>>(written.accounts, { columns: true, record_delimiter: '\r\n' });
    expect(second).toMatchObject({
      account_key: 'x/account-1',
      handle: 'handle_1',
      posts: '1',
      campaigns: '1',
      earlier_campaigns: '1',
      disclosure: `'=HYPERLINK("http://evil.example")`,
    });
    const [pair] = parse<Record<string, string>>(written.pairs, { columns: true, record_delimiter: '\r\n' });
    expect(pair).toMatchObject({ account_a: 'bluesky/account-0', closest_seconds: '7.000', campaign_ids: alertId(1) });
  });
});
