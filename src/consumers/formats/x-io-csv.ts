/**
 * The tables of tweets in the archives of information operations that Twitter published from 2018 to 2021. Pure.
 *
 * Event time is `tweet_time`, in UTC, to the minute. Accounts with few followers have hashes in place of ids and names, which
 * are kept as they are: they are the same in all tables of one release. Lists are written as Python writes them, in later
 * releases without quotes. A retweet of which no id is told is the repost of an unknown post.
 */
import type { Decoded } from '../../model.ts';
import {
  decodeRow,
  optionalCell,
  optionalIdCell,
  parseTableDateMs,
  parseTableTimeMs,
  requiredIdCell,
  requiredTimeCell,
  type Row,
} from './rows.ts';
import { unescapeX, X_PLATFORM } from './x-text.ts';

/** Those without which there is no post; releases differ in the others. */
export const X_IO_COLUMNS: readonly string[] = ['tweetid', 'userid', 'tweet_text', 'tweet_time', 'is_retweet'];

export function decodeXIoCsv(row: Row): Decoded {
  return decodeRow(() => {
    const account = requiredIdCell(row, 'userid');
    const handle = optionalCell(row, 'user_screen_name');
    const accountCreated = optionalCell(row, 'account_creation_date');
    const isRetweet = optionalCell(row, 'is_retweet')?.toLowerCase() === 'true';
    return {
      platform: X_PLATFORM,
      id: requiredIdCell(row, 'tweetid'),
      account,
      text: unescapeX(row['tweet_text'] ?? ''),
      createdAt: requiredTimeCell(row, 'tweet_time', parseTableTimeMs, 'YYYY-MM-DD HH:MM'),
      // Of an account whose names are hashed the hash is its id.
      handle: handle === account ? undefined : handle,
      lang: optionalCell(row, 'tweet_language'),
      urls: pythonList(row['urls'] ?? ''),
      repostOf: isRetweet ? (optionalIdCell(row, 'retweet_tweetid') ?? 'unknown') : undefined,
      replyTo: optionalIdCell(row, 'in_reply_to_tweetid'),
      quoteOf: optionalIdCell(row, 'quoted_tweet_tweetid'),
      accountCreatedAt: accountCreated === undefined ? undefined : parseTableDateMs(accountCreated),
    };
  });
}

const QUOTED = /'((?:[^'\\]|\\.)*)'|"((?:[^"\\]|\\.)*)"/gsy;

/** The strings of a list as Python prints it, `['a', "b"]` or `[a, b]`; none of what is no such list. */
export function pythonList(text: string): string[] {
  if (!text.startsWith('[') || !text.endsWith(']')) return [];
  const inner = text.slice(1, -1);
  const start = inner.trimStart();
  if (start === '') return [];
  if (!start.startsWith("'") && !start.startsWith('"')) return inner.split(',').map((element) => element.trim());
  const elements: string[] = [];
  let at = 0;
  for (;;) {
    while (inner[at] === ' ' || inner[at] === ',') at++;
    if (at === inner.length) return elements;
    QUOTED.lastIndex = at;
    const match = QUOTED.exec(inner);
    if (match === null) return [];
    elements.push((match[1] ?? match[2] ?? '').replaceAll(/\\(['"\\])/g, '$1'));
    at = QUOTED.lastIndex;
  }
}
