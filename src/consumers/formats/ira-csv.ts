/**
 * The tables of tweets of the Internet Research Agency that Clemson University gathered and FiveThirtyEight published in
 * 2018 (https://github.com/fivethirtyeight/russian-troll-tweets). Pure.
 *
 * Event time is `publish_date`, in UTC, to the minute (the times that X put into the ids say so). `external_author_id` has
 * lost its last digits, so the account is `alt_external_id`. `language` is the name of a language, no tag, and not read; of a
 * retweet only the fact is told.
 */
import type { Decoded } from '../../model.ts';
import {
  decodeRow,
  optionalCell,
  optionalIdCell,
  parseTableTimeMs,
  requiredIdCell,
  requiredTimeCell,
  type Row,
} from './rows.ts';
import { unescapeX, X_PLATFORM } from './x-text.ts';

const LINKS = ['tco1_step1', 'tco2_step1', 'tco3_step1'];

/** Those without which there is no post. */
export const IRA_COLUMNS: readonly string[] = ['external_author_id', 'author', 'content', 'publish_date', 'tweet_id'];

const US_TIME = /^(\d{1,2})\/(\d{1,2})\/(\d{4}) (\d{1,2}):(\d\d)$/;

export function decodeIraCsv(row: Row): Decoded {
  return decodeRow(() => ({
    platform: X_PLATFORM,
    id: requiredIdCell(row, 'tweet_id'),
    account: optionalIdCell(row, 'alt_external_id') ?? requiredIdCell(row, 'external_author_id'),
    text: unescapeX(row['content'] ?? ''),
    createdAt: requiredTimeCell(row, 'publish_date', parseUsTimeMs, 'M/D/YYYY H:MM'),
    handle: optionalCell(row, 'author'),
    urls: LINKS.flatMap((column) => optionalCell(row, column) ?? []),
    repostOf: isRetweet(row) ? 'unknown' : undefined,
  }));
}

function isRetweet(row: Row): boolean {
  return row['post_type'] === 'RETWEET' || (optionalCell(row, 'post_type') === undefined && row['retweet'] === '1');
}

/** "10/1/2017 19:58", the month first, in UTC. */
export function parseUsTimeMs(text: string): number | undefined {
  const match = US_TIME.exec(text);
  if (match === null) return undefined;
  const [, month, day, year, hour, minute] = match;
  return parseTableTimeMs(`${year}-${pad(month!)}-${pad(day!)} ${pad(hour!)}:${minute}`);
}

function pad(digits: string): string {
  return digits.padStart(2, '0');
}
