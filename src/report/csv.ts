/**
 * Campaigns -> tables as RFC 4180 has them: commas, CRLF, every cell in quotes.
 *
 * S1  No cell is a formula for a spreadsheet. Where a text begins with what a spreadsheet runs (= + - @ and their full-width forms,
 *     after spaces or characters that cannot be seen), an apostrophe is put before that character; likewise within a text after a
 *     line end, a tab or a semicolon, since a spreadsheet whose separator is the semicolon starts a cell there, in spite of quotes.
 * S2  It can be undone: of the apostrophes that stand before such a character, `unsafeCell` takes one away.
 * S3  Ids are never mere digits: `x/1850` stays what it is where a spreadsheet would round 1850000000000000001.
 */
import type { AccountBook } from './account-book.ts';
import { accountKey, accountRows, postRows, type Evidence } from './evidence.ts';
import type { AccountPair } from './pairs.ts';
import { isoOf } from './words.ts';

const SEPARATOR = /[;\t\r\n]/;
const PASSED_OVER = /[\s\p{Cf}\p{Cc}"]/u;
const RUN_BY_SPREADSHEETS = /[=+\-@＝＋－＠]/;

export function safeCell(text: string): string {
  const parts: string[] = [];
  let at = 0;
  for (const { start } of formulas(text)) {
    parts.push(text.slice(at, start), "'");
    at = start;
  }
  return at === 0 && parts.length === 0 ? text : parts.join('') + text.slice(at);
}

/** The text of which `safeCell` made this. */
export function unsafeCell(cell: string): string {
  const parts: string[] = [];
  let at = 0;
  for (const { start, end } of formulas(cell)) {
    if (start === end) continue;
    parts.push(cell.slice(at, start));
    at = start + 1;
  }
  return parts.join('') + cell.slice(at);
}

/**
 * Where something stands that a spreadsheet would run: from the first of the apostrophes before it, if there are some, to itself.
 * One pass; a regular expression that says the same takes a second for 50,000 line ends.
 */
function* formulas(text: string): Generator<{ readonly start: number; readonly end: number }> {
  let isStart = true;
  let apostrophe = -1;
  for (let i = 0; i < text.length; i++) {
    const character = String.fromCodePoint(text.codePointAt(i)!);
    if (SEPARATOR.test(character)) {
      isStart = true;
      apostrophe = -1;
    } else if (isStart && RUN_BY_SPREADSHEETS.test(character)) {
      yield { start: apostrophe < 0 ? i : apostrophe, end: i };
      isStart = false;
    } else if (isStart && character === "'") {
      if (apostrophe < 0) apostrophe = i;
    } else if (!isStart || apostrophe >= 0 || !PASSED_OVER.test(character)) isStart = false;
    i += character.length - 1;
  }
}

type Cell = string | number | undefined;

/** A line without its line feed. */
function row(cells: readonly Cell[]): string {
  return `${cells.map(quoted).join(',')}\r`;
}

function quoted(cell: Cell): string {
  if (cell === undefined) return '""';
  return typeof cell === 'number' ? `"${cell}"` : `"${safeCell(cell).replaceAll('"', '""')}"`;
}

export const CAMPAIGNS_HEAD = row([
  'campaign',
  'severity',
  'text',
  'accounts',
  'posts',
  'variants',
  'first_post_at',
  'last_post_at',
  'platforms',
  'explanations',
  'techniques',
  'disclosed',
  'removed',
  'status',
  'revision',
  'engine',
  'topology',
]);

export function campaignLine({ alert }: Evidence): string {
  const explanations = alert.explanations?.map(({ name, share }) => `${name} ${share.toFixed(2)}`).join(' ');
  return row([
    alert.id,
    alert.severity?.score,
    alert.text,
    alert.accountCount,
    alert.postCount,
    alert.variantCount,
    isoOf(alert.firstMs),
    isoOf(alert.lastMs),
    alert.platforms.map(([name]) => name).join(' '),
    explanations,
    alert.techniques?.map(({ id }) => id).join(' '),
    alert.disclosedCount,
    alert.removedCount,
    alert.status,
    alert.revision,
    alert.engine,
    alert.topology,
  ]);
}

export const ACCOUNTS_HEAD = row([
  'campaign',
  'account_key',
  'platform',
  'account',
  'handle',
  'created_at',
  'posts',
  'first_post_at',
  'last_post_at',
  'campaigns',
  'earlier_campaigns',
  'disclosure',
]);

/** One line for each account of the campaign. */
export function accountLines(evidence: Evidence, book: AccountBook): string[] {
  return accountRows(evidence).map((account) =>
    row([
      evidence.alert.id,
      account.key,
      account.platform,
      account.account,
      account.handle,
      account.createdMs === undefined ? undefined : isoOf(account.createdMs),
      account.postCount,
      isoOf(account.firstMs),
      isoOf(account.lastMs),
      book.get(account.key)?.campaigns.length,
      account.earlierCampaigns,
      account.disclosure,
    ]),
  );
}

export const POSTS_HEAD = row([
  'campaign',
  'post_key',
  'platform',
  'post',
  'account_key',
  'handle',
  'created_at',
  'text',
  'urls',
  'topic',
  'partition',
  'offset',
]);

/** One line for each known post of the campaign; text and addresses where the alert has them. */
export function postLines(evidence: Evidence, book: AccountBook): string[] {
  return postRows(evidence).map(({ platform, id, account, createdMs, sample }) => {
    const key = accountKey({ platform, account });
    return row([
      evidence.alert.id,
      `${platform}/${id}`,
      platform,
      id,
      key,
      book.get(key)?.handle,
      isoOf(createdMs),
      sample?.text,
      sample?.urls.join(' '),
      sample?.source?.topic,
      sample?.source?.partition,
      sample?.source?.offset,
    ]);
  });
}

export const PAIRS_HEAD = row([
  'account_a',
  'account_b',
  'handle_a',
  'handle_b',
  'campaigns',
  'closest_seconds',
  'campaign_ids',
]);
const CAMPAIGN_IDS_MAX = 20;

/** @param ids of the campaigns, by their numbers */
export function pairLine({ a, b, campaigns, gapMs }: AccountPair, book: AccountBook, ids: readonly string[]): string {
  return row([
    a,
    b,
    book.get(a)?.handle,
    book.get(b)?.handle,
    campaigns.length,
    (gapMs / 1000).toFixed(3),
    campaigns
      .slice(0, CAMPAIGN_IDS_MAX)
      .map((number) => ids[number]!)
      .join(' '),
  ]);
}
