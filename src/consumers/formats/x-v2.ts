/**
 * Posts of X as its API 2 gives them: a page or one line of a stream (`data` with `includes`), a flattened post (its author
 * inside, as twarc writes it), an event of the compliance stream, a line of a batch compliance job. Pure; never throws.
 * https://docs.x.com/x-api
 *
 * Posts that are only included, because another answers or quotes them, are not read: the feed did not bring them. Each
 * version of an edited post has an id of its own and names the earlier ones. What X removes from public view is a deletion;
 * what happens to a whole account is ignored, as the line does not name the posts. A deletion by a batch job that does not
 * say when is at the time of its post.
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
import { parseTimeMs } from './time.ts';
import { xIdTimeMs } from './times.ts';
import { isWithheldNotice, linksOf, unescapeX, versionsBefore, X_PLATFORM } from './x-text.ts';

const TIME_FORM = 'an ISO 8601 date-time with Z or an offset, from 1970 to 9999';
/** The post stays public without the place it was written at. */
const SCRUB_GEO = 'scrub_geo';

type Users = ReadonlyMap<string, JsonObject>;
const NO_USERS: Users = new Map();

export function decodeXV2(record: string): Outcome {
  return decodeRecord(record, (value, context) => {
    if (Array.isArray(value)) return decodePosts(value, NO_USERS, context);
    const object = asObject(value, 'the record');
    const { data } = object;
    if (Array.isArray(data)) return decodePosts(data, usersOf(object), context);
    if (data !== undefined && data !== null) return decodeData(requiredObject(object, 'data'), object, context);
    if (object['action'] !== undefined) return decodeJobLine(object, context);
    // Pages without results and notices of a stream that ends.
    const isNotice = object['id'] === undefined && (object['errors'] !== undefined || object['meta'] !== undefined);
    return isNotice ? ignored('other_event') : decodePost(object, NO_USERS, context);
  });
}

function decodePosts(posts: readonly unknown[], users: Users, context: RecordContext): Outcome {
  return decodeEach(posts, context, (post) => decodePost(asObject(post, 'a post'), users, context));
}

function decodeData(data: JsonObject, page: JsonObject, context: RecordContext): Outcome {
  if (data['id'] !== undefined || data['text'] !== undefined) return decodePost(data, usersOf(page), context);
  const action = Object.keys(data)[0];
  switch (action) {
    case 'delete':
    case 'drop': {
      const event = requiredObject(data, action);
      const id = requiredId(requiredObject(event, 'tweet'));
      return deletionOf({ platform: X_PLATFORM, id, createdAt: eventTime(event) }, context);
    }
    case 'tweet_edit': {
      const event = requiredObject(data, action);
      const id = requiredId(requiredObject(event, 'tweet'));
      const createdAt = eventTime(event);
      return decodeEach(versionsBefore(id, stringsOf(event, 'edit_tweet_ids')), context, (version) =>
        deletionOf({ platform: X_PLATFORM, id: version, createdAt }, context),
      );
    }
    case undefined:
      return missing('data.id');
    default:
      return ignored('other_event');
  }
}

function eventTime(event: JsonObject): number {
  return requiredTime(event, 'event_at', parseTimeMs, TIME_FORM);
}

function decodeJobLine(line: JsonObject, context: RecordContext): Outcome {
  if (requiredString(line, 'action') !== 'delete' || line['reason'] === SCRUB_GEO) return ignored('other_event');
  const id = requiredId(line);
  const createdAt =
    optionalTime(line, 'redacted_at', parseTimeMs, TIME_FORM) ??
    requiredTime(line, 'created_at', parseTimeMs, TIME_FORM);
  return deletionOf({ platform: X_PLATFORM, id, createdAt }, context);
}

function usersOf(page: JsonObject): Users {
  const includes = optionalObject(page, 'includes');
  const users = new Map<string, JsonObject>();
  for (const user of objectsOf(includes ?? {}, 'users')) {
    const id = optionalId(user, 'id');
    if (id !== undefined) users.set(id, user);
  }
  return users;
}

function decodePost(post: JsonObject, users: Users, context: RecordContext): Outcome {
  const id = requiredId(post);
  const note = optionalObject(post, 'note_tweet');
  // The text of a long post is cut in `text`.
  const text = unescapeX((note && optionalString(note, 'text')) ?? requiredString(post, 'text'));
  const inlined = optionalObject(post, 'author');
  const account = optionalId(post, 'author_id') ?? (inlined && optionalId(inlined, 'id'));
  if (account === undefined) return ignored('no_account');
  const author = inlined ?? users.get(account) ?? {};
  if (author['protected'] === true) return ignored('not_public');
  if (post['withheld'] !== undefined && isWithheldNotice(text)) return ignored('no_text');
  const references = objectsOf(post, 'referenced_tweets');
  const attachments = optionalObject(post, 'attachments') ?? {};
  return postOf(
    {
      platform: X_PLATFORM,
      id,
      account,
      text,
      createdAt: optionalTime(post, 'created_at', parseTimeMs, TIME_FORM) ?? xIdTimeMs(id) ?? missing('created_at'),
      handle: optionalString(author, 'username'),
      lang: optionalString(post, 'lang'),
      urls: linksOf((note && optionalObject(note, 'entities')) ?? optionalObject(post, 'entities')),
      media: stringsOf(attachments, 'media_keys'),
      repostOf: referenced(references, 'retweeted'),
      replyTo: referenced(references, 'replied_to'),
      quoteOf: referenced(references, 'quoted'),
      accountCreatedAt: optionalTime(author, 'created_at', parseTimeMs, TIME_FORM),
      replaces: versionsBefore(id, stringsOf(post, 'edit_history_tweet_ids')),
    },
    context,
  );
}

function referenced(references: readonly JsonObject[], type: string): string | undefined {
  const reference = references.find((candidate) => candidate['type'] === type);
  return reference && requiredId(reference);
}

function requiredId(object: JsonObject): string {
  return optionalId(object, 'id') ?? missing('id');
}
