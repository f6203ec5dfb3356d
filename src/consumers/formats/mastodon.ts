/**
 * Mastodon and what speaks its API: a Status, a list of them (a page, a search), or an event of the streaming API as
 * `{"event","payload"}`, with the payload as JSON or as a text of JSON. Pure; never throws.
 * https://docs.joinmastodon.org/methods/streaming/
 *
 * Ids and accounts are their addresses, which are the same on every instance; `id` counts on one only. An edited status has
 * the event time of its last edit; an update without `edited_at` changes no text. Only public and unlisted statuses are read. A boost is a post of the account that boosts,
 * with the text of the other.
 *
 * A deletion names the id on the instance, which says nothing about the address: whoever reads the stream live puts the
 * address, which it has seen before, in the place of the id, and the time of arrival into `time` (ISO 8601 or ms). Without
 * that a deletion is one of the bare id, at the time that the instance put into it.
 */
import { depthFault, isJsonObject, type JsonObject, parseJson, rejection } from './checks.ts';
import { htmlToText } from './html-text.ts';
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
  RecordFault,
  requiredObject,
  requiredString,
  requiredTime,
} from './json-record.ts';
import { parseTimeMs } from './time.ts';
import { mastodonIdTimeMs, TIME_NOT_TOLD_MS } from './times.ts';

const PLATFORM = 'mastodon';
const TIME_FORM = 'an ISO 8601 date-time with Z or an offset, from 1970 to 9999';
const PUBLIC: ReadonlySet<string> = new Set(['public', 'unlisted']);

export function decodeMastodon(record: string): Outcome {
  // A comment line of server-sent events.
  if (record.startsWith(':')) return ignored('keep_alive');
  return decodeRecord(record, (value, context) => {
    if (Array.isArray(value)) return decodeStatuses(value, context);
    const object = asObject(value, 'the record');
    if (Array.isArray(object['statuses'])) return decodeStatuses(object['statuses'], context);
    return object['event'] === undefined ? decodeStatus(object, context) : decodeEvent(object, context);
  });
}

function decodeStatuses(statuses: readonly unknown[], context: RecordContext): Outcome {
  return decodeEach(statuses, context, (status) => decodeStatus(asObject(status, 'a status'), context));
}

function decodeEvent(envelope: JsonObject, context: RecordContext): Outcome {
  switch (requiredString(envelope, 'event')) {
    case 'update':
    case 'status.update':
      return decodeStatus(statusOf(envelope), context);
    case 'delete':
      return decodeDelete(envelope, context);
    default:
      return ignored('other_event');
  }
}

function statusOf(envelope: JsonObject): JsonObject {
  const { payload } = envelope;
  if (typeof payload !== 'string') return requiredObject(envelope, 'payload');
  const fault = depthFault(payload);
  if (fault !== undefined) throw new RecordFault(fault.reason, fault.detail);
  const status = parseJson(payload);
  if (status === undefined) throw new RecordFault('not_json', 'the payload is not JSON');
  return asObject(status, 'the payload');
}

function decodeDelete(envelope: JsonObject, context: RecordContext): Outcome {
  const id = optionalId(envelope, 'payload') ?? missing('payload');
  const arrivedAt = optionalTime(envelope, 'time', parseTimeMs, `${TIME_FORM}, or an integer of milliseconds`);
  const createdAt = arrivedAt ?? mastodonIdTimeMs(id) ?? TIME_NOT_TOLD_MS;
  return deletionOf({ platform: PLATFORM, id, createdAt }, context);
}

function decodeStatus(status: JsonObject, context: RecordContext): Outcome {
  const visibility = optionalString(status, 'visibility');
  if (visibility !== undefined && !PUBLIC.has(visibility)) return ignored('not_public');
  const account = optionalObject(status, 'account');
  if (account === undefined) return ignored('no_account');
  const url = optionalString(account, 'url');
  const acct = optionalString(account, 'acct');
  if (url === undefined && !acct?.includes('@')) return missing('account.url');
  const createdAt = requiredTime(status, 'created_at', parseTimeMs, TIME_FORM);
  const editedAt = optionalTime(status, 'edited_at', parseTimeMs, TIME_FORM);
  const uri = requiredString(status, 'uri');
  if (uri === '') return rejection('empty_field', 'uri is empty');
  const reblog = optionalObject(status, 'reblog');
  const content = readContent(reblog ?? status);
  return postOf(
    {
      platform: PLATFORM,
      id: uri,
      account: url ?? acct!,
      text: content.text,
      createdAt: editedAt ?? createdAt,
      handle: acct === undefined ? undefined : fullHandle(acct, url),
      lang: optionalString(reblog ?? status, 'language'),
      urls: content.links,
      media: objectsOf(reblog ?? status, 'media_attachments')
        .map((media) => optionalId(media, 'id'))
        .filter((id) => id !== undefined),
      repostOf: reblog && requiredString(reblog, 'uri'),
      replyTo: optionalId(status, 'in_reply_to_id'),
      quoteOf: quotedStatus(status),
      accountCreatedAt: optionalTime(account, 'created_at', parseTimeMs, TIME_FORM),
      editedAt,
    },
    context,
  );
}

function readContent(status: JsonObject): ReturnType<typeof htmlToText> {
  const mentioned = new Set<string>();
  for (const mention of objectsOf(status, 'mentions')) {
    const url = optionalString(mention, 'url');
    if (url !== undefined) mentioned.add(url);
  }
  return htmlToText(requiredString(status, 'content'), { mentioned, hasQuote: isJsonObject(status['quote']) });
}

/** The address of the other, or its id on the instance where nothing else is told. */
function quotedStatus(status: JsonObject): string | undefined {
  const quote = optionalObject(status, 'quote');
  if (quote === undefined) return undefined;
  const quoted = optionalObject(quote, 'quoted_status');
  return (quoted && optionalString(quoted, 'uri')) ?? optionalId(quote, 'quoted_status_id');
}

/** Accounts of the instance itself are named without it. */
function fullHandle(acct: string, url: string | undefined): string {
  if (acct.includes('@') || url === undefined) return acct;
  const host = /^https?:\/\/([^/?#@]+)(?:[/?#]|$)/i.exec(url)?.[1];
  return host === undefined ? acct : `${acct}@${host}`;
}
