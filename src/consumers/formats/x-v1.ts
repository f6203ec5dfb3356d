/**
 * Posts of X as its first API gave them (1.1; most archives): a status, a page of a search (`statuses`), a list, or a line of
 * a stream. Pure; never throws.
 *
 * `id_str` is read before `id`, which software has often rounded; where only the number is there it keeps all its digits.
 * Times are to the second, except in a stream, where `timestamp_ms` says more. A repost keeps the text "RT @name: ..." that
 * X made for it. A deletion of a stream that does not tell its time is at the time of its post, which is in the id.
 */
import type { JsonObject } from './checks.ts';
import {
  asObject,
  decodeEach,
  decodeRecord,
  deletionOf,
  ignored,
  missing,
  objectsOf,
  optionalId,
  optionalObject,
  optionalString,
  optionalTime,
  type Outcome,
  postOf,
  type RecordContext,
  requiredObject,
  requiredString,
  requiredTime,
  stringsOf,
} from './json-record.ts';
import { parseMillisecondsMs, parseXTimeMs, TIME_NOT_TOLD_MS, xIdTimeMs } from './times.ts';
import { isWithheldNotice, linksOf, unescapeX, versionsBefore, X_PLATFORM } from './x-text.ts';

const TIME_FORM = 'of the form "Sun Aug 31 00:29:05 +0000 2014"';
const MS_FORM = 'milliseconds since 1970';

/** What a stream says besides posts, by the one name that its object has. */
const NOTICES = [
  'limit',
  'scrub_geo',
  'status_withheld',
  'user_withheld',
  'disconnect',
  'warning',
  'friends',
  'friends_str',
  'event',
  'direct_message',
  'control',
  'info',
  'errors',
];

export function decodeXV1(record: string): Outcome {
  return decodeRecord(record, (value, context) => {
    if (Array.isArray(value)) return decodeStatuses(value, context);
    const object = asObject(value, 'the record');
    if (Array.isArray(object['statuses'])) return decodeStatuses(object['statuses'], context);
    const isStatus = object['user'] !== undefined;
    if (!isStatus && object['delete'] !== undefined) return decodeDelete(requiredObject(object, 'delete'), context);
    if (!isStatus && NOTICES.some((name) => object[name] !== undefined)) return ignored('other_event');
    return decodeStatus(object, context);
  });
}

function decodeStatuses(statuses: readonly unknown[], context: RecordContext): Outcome {
  return decodeEach(statuses, context, (status) => decodeStatus(asObject(status, 'a status'), context));
}

function decodeDelete(notice: JsonObject, context: RecordContext): Outcome {
  const status = optionalObject(notice, 'status');
  // Likes and direct messages are deleted in the same form.
  if (status === undefined) return ignored('other_event');
  const id = idOf(status);
  const createdAt =
    optionalTime(notice, 'timestamp_ms', parseMillisecondsMs, MS_FORM) ?? xIdTimeMs(id) ?? TIME_NOT_TOLD_MS;
  return deletionOf({ platform: X_PLATFORM, id, createdAt }, context);
}

function decodeStatus(status: JsonObject, context: RecordContext): Outcome {
  const id = idOf(status);
  const extended = optionalObject(status, 'extended_tweet');
  const text = unescapeX(
    (extended && optionalString(extended, 'full_text')) ??
      optionalString(status, 'full_text') ??
      requiredString(status, 'text'),
  );
  const user = optionalObject(status, 'user');
  const account = user && readId(user, 'id');
  if (user === undefined || account === undefined) return ignored('no_account');
  if (user['protected'] === true) return ignored('not_public');
  if (isWithheldNotice(text) && (isWithheld(status) || isWithheld(user))) return ignored('no_text');
  const reposted = optionalObject(status, 'retweeted_status');
  const quoted = optionalObject(status, 'quoted_status');
  return postOf(
    {
      platform: X_PLATFORM,
      id,
      account,
      text,
      createdAt:
        optionalTime(status, 'timestamp_ms', parseMillisecondsMs, MS_FORM) ??
        requiredTime(status, 'created_at', parseXTimeMs, TIME_FORM),
      handle: optionalString(user, 'screen_name'),
      lang: optionalString(status, 'lang'),
      urls: linksOf((extended && optionalObject(extended, 'entities')) ?? optionalObject(status, 'entities')),
      media: mediaOf(extended ?? {}, status),
      repostOf: reposted && idOf(reposted),
      replyTo: readId(status, 'in_reply_to_status_id'),
      quoteOf: readId(status, 'quoted_status_id') ?? (quoted && idOf(quoted)),
      accountCreatedAt: optionalTime(user, 'created_at', parseXTimeMs, TIME_FORM),
      replaces: versionsBefore(id, stringsOf(optionalObject(status, 'edit_history') ?? {}, 'edit_tweet_ids')),
    },
    context,
  );
}

/** `extended_entities` holds all pictures, `entities` the first. */
function mediaOf(...holders: readonly JsonObject[]): string[] {
  for (const name of ['extended_entities', 'entities']) {
    for (const holder of holders) {
      const media = objectsOf(optionalObject(holder, name) ?? {}, 'media');
      if (media.length > 0) return media.map((item) => readId(item, 'id')).filter((id) => id !== undefined);
    }
  }
  return [];
}

function isWithheld(holder: JsonObject): boolean {
  const countries = holder['withheld_in_countries'];
  return (
    holder['withheld_copyright'] === true || (Array.isArray(countries) ? countries.length > 0 : Boolean(countries))
  );
}

function idOf(object: JsonObject): string {
  return readId(object, 'id') ?? missing('id_str');
}

/** The text form of an id if it is there, otherwise the number with all its digits. */
function readId(object: JsonObject, name: string): string | undefined {
  return optionalString(object, `${name}_str`) ?? optionalId(object, name);
}
