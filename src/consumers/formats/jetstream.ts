/**
 * Events of Bluesky's Jetstream, in its first wire (`/subscribe`: bare events with `kind` and `time_us`) and its second
 * (`network.bsky.jetstream.subscribeEvents`: events with `$type` and `time`, in a message or bare). Pure; never throws.
 * https://github.com/bluesky-social/jetstream
 *
 * Event time is when Jetstream witnessed the event; the record's own `createdAt` is what the author's software says, and is
 * not read. The id of a post is its at:// address, which holds the account, so nobody can delete the post of another. A
 * record that is written anew is an edit. Native reposts have no text and are ignored as such; likes, follows, and what
 * happens to accounts are other events. Links are those of facets and cards: the text shows them shortened.
 */
import { isJsonObject, type JsonObject, rejection } from './checks.ts';
import {
  asObject,
  decodeRecord,
  deletionOf,
  ignored,
  objectsOf,
  optionalObject,
  optionalString,
  type Outcome,
  postOf,
  type RecordContext,
  requiredObject,
  requiredString,
  requiredTime,
  stringsOf,
} from './json-record.ts';
import { parseTimeMs } from './time.ts';
import { parseMicrosecondsMs } from './times.ts';

const PLATFORM = 'bluesky';
const POSTS = 'app.bsky.feed.post';
const REPOSTS = 'app.bsky.feed.repost';

/** What happened to one record of one account, as both wires tell it. */
interface Commit {
  readonly did: string;
  readonly timeMs: number;
  /** Holds `operation`, `rkey` and `record`. */
  readonly fields: JsonObject;
}

export function decodeJetstream(record: string): Outcome {
  return decodeRecord(record, (value, context) => {
    const event = asObject(value, 'the record');
    if (event['$type'] !== undefined) return decodeSecondWire(event, context);
    const kind = requiredString(event, 'kind');
    if (kind !== 'commit') return ignored('other_event');
    const fields = requiredObject(event, 'commit');
    return decodeCollection(fields, context, () => ({
      did: requiredString(event, 'did'),
      timeMs: requiredTime(event, 'time_us', parseMicrosecondsMs, 'an integer of microseconds from 1970 to 9999'),
      fields,
    }));
  });
}

function decodeSecondWire(frame: JsonObject, context: RecordContext): Outcome {
  const event = frame['$type'] === 'message' ? requiredObject(frame, 'payload') : frame;
  if (!requiredString(event, '$type').endsWith('#commit')) return ignored('other_event');
  return decodeCollection(event, context, () => ({
    did: requiredString(event, 'did'),
    timeMs: requiredTime(event, 'time', parseTimeMs, 'an ISO 8601 date-time with Z or an offset, from 1970 to 9999'),
    fields: event,
  }));
}

function decodeCollection(fields: JsonObject, context: RecordContext, read: () => Commit): Outcome {
  const collection = requiredString(fields, 'collection');
  if (collection === POSTS) return decodeCommit(read(), context);
  // A repost is one line that names another: there is no text in it.
  return ignored(collection === REPOSTS && fields['operation'] === 'create' ? 'no_text' : 'other_event');
}

function decodeCommit({ did, timeMs, fields }: Commit, context: RecordContext): Outcome {
  const operation = requiredString(fields, 'operation');
  const rkey = requiredString(fields, 'rkey');
  // Joined, these would look like an id.
  if (did === '' || rkey === '') return rejection('empty_field', `${did === '' ? 'did' : 'rkey'} is empty`);
  const id = `at://${did}/${POSTS}/${rkey}`;
  if (operation === 'delete') return deletionOf({ platform: PLATFORM, id, createdAt: timeMs }, context);
  if (operation !== 'create' && operation !== 'update') return ignored('other_event');
  const record = requiredObject(fields, 'record');
  const embed = readEmbed(optionalObject(record, 'embed'));
  const reply = optionalObject(record, 'reply');
  return postOf(
    {
      platform: PLATFORM,
      id,
      account: did,
      text: requiredString(record, 'text'),
      createdAt: timeMs,
      lang: stringsOf(record, 'langs').find((lang) => lang !== ''),
      urls: [...facetLinks(record), ...embed.urls],
      media: embed.media,
      replyTo: reply && optionalString(requiredObject(reply, 'parent'), 'uri'),
      quoteOf: embed.quoteOf,
      editedAt: operation === 'update' ? timeMs : undefined,
    },
    context,
  );
}

function facetLinks(record: JsonObject): string[] {
  return objectsOf(record, 'facets')
    .flatMap((facet) => objectsOf(facet, 'features'))
    .filter((feature) => feature['$type'] === 'app.bsky.richtext.facet#link')
    .map((feature) => requiredString(feature, 'uri'));
}

interface Embed {
  readonly urls: readonly string[];
  readonly media: readonly string[];
  readonly quoteOf?: string | undefined;
}

const NO_EMBED: Embed = { urls: [], media: [] };

function readEmbed(embed: JsonObject | undefined): Embed {
  // The list of embeds is open: one of a later day says nothing here.
  switch (embed?.['$type']) {
    case 'app.bsky.embed.images':
      return { urls: [], media: blobIds(objectsOf(embed, 'images'), 'image') };
    case 'app.bsky.embed.gallery':
      return { urls: [], media: blobIds(objectsOf(embed, 'items'), 'image') };
    case 'app.bsky.embed.video':
      return { urls: [], media: blobIds([embed], 'video') };
    case 'app.bsky.embed.external':
      return { urls: [requiredString(requiredObject(embed, 'external'), 'uri')], media: [] };
    case 'app.bsky.embed.record':
      return { urls: [], media: [], quoteOf: quotedPost(requiredObject(embed, 'record')) };
    case 'app.bsky.embed.recordWithMedia': {
      const quoted = requiredObject(requiredObject(embed, 'record'), 'record');
      const media = optionalObject(embed, 'media');
      // Not by recursion: the media of such an embed are none of its own kind.
      const inner = media?.['$type'] === embed['$type'] ? NO_EMBED : readEmbed(media);
      return { ...inner, quoteOf: quotedPost(quoted) };
    }
    default:
      return NO_EMBED;
  }
}

/** Lists, feeds and profiles are embedded like posts. */
function quotedPost(reference: JsonObject): string | undefined {
  const uri = optionalString(reference, 'uri');
  return uri?.includes(`/${POSTS}/`) ? uri : undefined;
}

function blobIds(holders: readonly JsonObject[], name: string): string[] {
  return holders
    .map((holder) => optionalObject(holder, name))
    .map((blob) =>
      isJsonObject(blob?.['ref']) ? optionalString(blob['ref'], '$link') : optionalString(blob ?? {}, 'cid'),
    )
    .filter((id) => id !== undefined);
}
