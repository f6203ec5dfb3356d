/**
 * Comments and submissions of Reddit, one object a line, as Pushshift and Arctic Shift keep them, and the listings of Reddit's
 * own API. Pure; never throws.
 *
 * Event time is `created_utc`, or `edited` of a post that was edited. The account is `author`: names on Reddit never change,
 * and older archives have no other id. What was deleted or removed has lost its author or its text and is ignored as such;
 * where an archive has kept the text, it is a post. A crosspost is a native repost. `&amp;`, `&lt;` and `&gt;` are read as
 * the characters they stand for.
 */
import { isJsonObject, type JsonObject } from './checks.ts';
import {
  asObject,
  decodeEach,
  decodeRecord,
  ignored,
  missing,
  objectsOf,
  optionalObject,
  optionalString,
  type Outcome,
  postOf,
  type RecordContext,
  requiredObject,
  requiredString,
  requiredTime,
} from './json-record.ts';
import { parseSecondsMs } from './times.ts';

const PLATFORM = 'reddit';
const COMMENT = 't1_';
const SUBMISSION = 't3_';
const SECONDS = 'an integer of seconds from 1970 to 9999';
/** What stands in place of an author or a text. */
const GONE: ReadonlySet<string> = new Set([
  '[deleted]',
  '[removed]',
  '[deleted by user]',
  '[ Removed by Reddit ]',
  '[ Removed by reddit in response to a copyright notice. ]',
]);
const ENTITIES: Readonly<Record<string, string>> = { '&amp;': '&', '&lt;': '<', '&gt;': '>' };

export function decodeReddit(record: string): Outcome {
  return decodeRecord(record, (value, context) => decodeThing(asObject(value, 'the record'), context));
}

function decodeThing(thing: JsonObject, context: RecordContext): Outcome {
  const { kind } = thing;
  if (kind === 'Listing')
    return decodeEach(objectsOf(requiredObject(thing, 'data'), 'children'), context, (child) =>
      decodeThing(child, context),
    );
  const fields = typeof kind === 'string' && isJsonObject(thing['data']) ? thing['data'] : thing;
  const isComment = fields['body'] !== undefined;
  if (!isComment && fields['title'] === undefined) return ignored('other_event');
  return decodePost(fields, isComment, context);
}

function decodePost(fields: JsonObject, isComment: boolean, context: RecordContext): Outcome {
  const author = optionalString(fields, 'author');
  if (author === undefined || GONE.has(author)) return ignored('no_account');
  const text = isComment ? living(requiredString(fields, 'body')) : submissionText(fields);
  if (text === '') return ignored('no_text');
  const id = requiredString(fields, 'id');
  if (id === '') return missing('id');
  const createdMs = requiredTime(fields, 'created_utc', parseSecondsMs, SECONDS);
  const editedMs = editTime(fields);
  return postOf(
    {
      platform: PLATFORM,
      id: `${isComment ? COMMENT : SUBMISSION}${id}`,
      account: author,
      text: unescaped(text),
      createdAt: editedMs ?? createdMs,
      handle: author,
      urls: isComment ? [] : linksOf(fields),
      media: Object.keys(optionalObject(fields, 'media_metadata') ?? {}),
      replyTo: isComment ? optionalString(fields, 'parent_id') : undefined,
      repostOf: isComment ? undefined : optionalString(fields, 'crosspost_parent'),
      accountCreatedAt: parseSecondsMs(fields['author_created_utc']),
      editedAt: editedMs,
    },
    context,
  );
}

/** The title, and what the author wrote below it; "" if it was removed. */
function submissionText(fields: JsonObject): string {
  const title = living(requiredString(fields, 'title'));
  const written = optionalString(fields, 'selftext') ?? '';
  // A removed submission keeps its title in archives, but not what it said.
  if (title === '' || GONE.has(written)) return '';
  return written === '' ? title : `${title}\n\n${written}`;
}

function living(text: string): string {
  return GONE.has(text) ? '' : text;
}

/** False where it never was edited; true where an old archive does not tell when. */
function editTime(fields: JsonObject): number | undefined {
  const { edited } = fields;
  if (typeof edited === 'boolean') return undefined;
  return edited === undefined || edited === null
    ? undefined
    : requiredTime(fields, 'edited', parseSecondsMs, `${SECONDS}, or false`);
}

function linksOf(fields: JsonObject): string[] {
  if (fields['is_self'] === true) return [];
  const url = optionalString(fields, 'url_overridden_by_dest') ?? optionalString(fields, 'url');
  return url === undefined || !/^https?:/i.test(url) ? [] : [unescaped(url)];
}

function unescaped(text: string): string {
  return text.includes('&') ? text.replaceAll(/&(?:amp|lt|gt);/g, (entity) => ENTITIES[entity]!) : text;
}
