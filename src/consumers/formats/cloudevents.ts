/**
 * CloudEvents 1.0 in JSON: structured events, batches of them, or the bare data of the binary mode. Pure; never throws.
 * https://github.com/cloudevents/spec
 *
 * The data is an event of any format that Chorus reads, or a post of Bluesky in the flat form of the real-time-sources bridge
 * (https://github.com/clemensv/real-time-sources): `uri`, `did`, `text`, `indexed_at` and more. Event time is that of the
 * event inside, which for the flat form is when the relay took the post in; for a canonical post without a time it is `time`.
 */
import { isJsonObject, type JsonObject, parseJson } from './checks.ts';
import { decodeInside, exactRecord, type EventDecoder } from './envelope.ts';
import {
  asObject,
  decodeEach,
  decodeRecord,
  ignored,
  objectsOf,
  optionalString,
  type Outcome,
  postOf,
  type RecordContext,
  RecordFault,
  requiredString,
  requiredTime,
  stringsOf,
} from './json-record.ts';
import { parseTimeMs } from './time.ts';

const BLUESKY = 'bluesky';
const POSTS = 'app.bsky.feed.post';
const TIME_FORM = 'an ISO 8601 date-time with Z or an offset, from 1970 to 9999';
const QUOTE_EMBEDS = ['app.bsky.embed.record', 'app.bsky.embed.recordWithMedia'];

export function cloudeventsDecoder(decodeEvent: EventDecoder): (record: string) => Outcome {
  const decodeOne = (value: unknown, context: RecordContext): Outcome => {
    const event = asObject(value, 'the event');
    if (event['specversion'] === undefined) return decodeData(event, undefined, context, decodeEvent);
    if (event['data_base64'] !== undefined)
      throw new RecordFault('wrong_type', 'data_base64 is not read, must be data');
    return decodeData(dataOf(event), event['time'], context, decodeEvent);
  };
  return (record) =>
    decodeRecord(exactRecord(record), (value, context) =>
      Array.isArray(value)
        ? decodeEach(value, context, (event) => decodeOne(event, context))
        : decodeOne(value, context),
    );
}

/** Data is JSON, or a text of it where a sender did not know that it was. */
function dataOf({ data }: JsonObject): unknown {
  return typeof data === 'string' ? parseJson(data) : data;
}

function decodeData(data: unknown, time: unknown, context: RecordContext, decodeEvent: EventDecoder): Outcome {
  if (!isJsonObject(data)) return ignored('other_event');
  return isFlatBluesky(data) ? decodeFlat(data, context) : decodeInside(data, time, decodeEvent);
}

/** Does `event` have the fields of the flat form? */
export function isFlatBluesky(event: JsonObject): boolean {
  const { uri, did } = event;
  return (
    typeof uri === 'string' && uri.startsWith('at://') && typeof did === 'string' && event['indexed_at'] !== undefined
  );
}

function decodeFlat(data: JsonObject, context: RecordContext): Outcome {
  const [uri, did] = [requiredString(data, 'uri'), requiredString(data, 'did')];
  // Likes, reposts, follows and profiles have addresses of other collections.
  if (!uri.startsWith(`at://${did}/${POSTS}/`)) return ignored('other_event');
  const embedUri = optionalString(data, 'embed_uri');
  const isQuote = QUOTE_EMBEDS.includes(optionalString(data, 'embed_type') ?? '');
  return postOf(
    {
      platform: BLUESKY,
      id: uri,
      account: did,
      text: requiredString(data, 'text'),
      createdAt: requiredTime(data, 'indexed_at', parseTimeMs, TIME_FORM),
      handle: optionalString(data, 'handle'),
      lang: stringsOf(data, 'langs')[0],
      urls: [...facetLinks(data), ...(embedUri === undefined || isQuote ? [] : [embedUri])],
      replyTo: optionalString(data, 'reply_parent'),
      quoteOf: isQuote ? embedUri : undefined,
    },
    context,
  );
}

/** The facets are a text of JSON. */
function facetLinks(data: JsonObject): string[] {
  const facets = parseJson(optionalString(data, 'facets') ?? '[]');
  if (!Array.isArray(facets) || !facets.every(isJsonObject)) return [];
  return facets
    .flatMap((facet) => objectsOf(facet, 'features'))
    .flatMap((feature) => optionalString(feature, 'uri') ?? []);
}
