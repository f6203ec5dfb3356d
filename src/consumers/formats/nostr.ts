/**
 * Events of Nostr (NIP-01), bare or in the messages of a relay (`["EVENT", subscription, event]`). Pure; never throws.
 * https://github.com/nostr-protocol/nips
 *
 * Kind 1 is a post, 6 and 16 are reposts with the other event as their text, 5 is a deletion of any number of events. Whoever
 * holds a key can write a deletion of any event, and relays pass it on: it counts for events of the same key only. Therefore
 * the id of a post is `<public key>/<event id>`, and a deletion of another's event meets nothing. References of replies, quotes
 * and reposts are bare event ids, since events name no more.
 *
 * There is no other time than `created_at`, which the author's software sets. Links are those of the text and of `r` tags;
 * media are hashes of files (`imeta`, NIP-92). Signatures are the relay's to check.
 */
import { depthFault, isJsonObject, type JsonObject, parseJson, rejection } from './checks.ts';
import {
  asObject,
  decodeEach,
  decodeRecord,
  deletionOf,
  ignored,
  listOf,
  type Outcome,
  postOf,
  type RecordContext,
  RecordFault,
  requiredString,
  requiredTime,
} from './json-record.ts';
import { parseSecondsMs } from './times.ts';

const PLATFORM = 'nostr';
/** Ends at white space and at what stands around links. */
const LINK = /https?:\/\/[^\s"'<>\\^`{|}]+/gi;
/** Ends a sentence rather than a link. */
const PUNCTUATION = '.,:;!?)]';

type Tag = readonly string[];

export function decodeNostr(record: string): Outcome {
  return decodeRecord(record, (value, context) => {
    if (!Array.isArray(value)) return decodeEvent(asObject(value, 'the record'), context);
    if (value[0] !== 'EVENT') return typeof value[0] === 'string' ? ignored('other_event') : notAMessage();
    return decodeEvent(asObject(value.at(-1), 'the event'), context);
  });
}

function notAMessage(): Outcome {
  return rejection('wrong_type', 'the record is an array without the name of a message');
}

function decodeEvent(event: JsonObject, context: RecordContext): Outcome {
  const { kind } = event;
  if (!Number.isSafeInteger(kind)) throw new RecordFault('wrong_type', 'kind must be an integer');
  if (kind !== 1 && kind !== 5 && kind !== 6 && kind !== 16) return ignored('other_event');
  const pubkey = requiredString(event, 'pubkey');
  const eventId = requiredString(event, 'id');
  if (pubkey === '' || eventId === '') return rejection('empty_field', `${pubkey === '' ? 'pubkey' : 'id'} is empty`);
  const createdAt = requiredTime(event, 'created_at', parseSecondsMs, 'an integer of seconds from 1970 to 9999');
  const tags = readTags(event);
  if (kind === 5) {
    return decodeEach(valuesOf(tags, 'e'), context, (id) =>
      deletionOf({ platform: PLATFORM, id: `${pubkey}/${id}`, createdAt }, context),
    );
  }
  const content = requiredString(event, 'content');
  const isRepost = kind !== 1;
  const text = isRepost ? contentOf(content) : content;
  return postOf(
    {
      platform: PLATFORM,
      id: `${pubkey}/${eventId}`,
      account: pubkey,
      text,
      createdAt,
      lang: tags.find(([name, , space]) => name === 'l' && space === 'ISO-639-1')?.[1] || undefined,
      urls: [...linksIn(text), ...valuesOf(tags, 'r').filter((value) => /^https?:\/\//i.test(value))],
      media: tags.filter(([name]) => name === 'imeta').flatMap((tag) => fileHashes(tag)),
      repostOf: isRepost ? (valuesOf(tags, 'e').at(-1) ?? 'unknown') : undefined,
      replyTo: isRepost ? undefined : repliedTo(tags),
      quoteOf: valuesOf(tags, 'q')[0],
    },
    context,
  );
}

function readTags(event: JsonObject): readonly Tag[] {
  const tags = listOf(event, 'tags');
  const isTag = (tag: unknown): boolean => Array.isArray(tag) && tag.every((value) => typeof value === 'string');
  if (!tags.every((tag) => isTag(tag))) throw new RecordFault('wrong_type', 'tags must be arrays of strings');
  return tags as readonly Tag[];
}

/** Second elements of the tags of a name: ids, addresses. */
function valuesOf(tags: readonly Tag[], name: string): string[] {
  return tags.filter((tag) => tag[0] === name && tag[1] !== undefined && tag[1] !== '').map((tag) => tag[1]!);
}

/** NIP-10: the marked event, or by place the last; the start of the thread where nothing else is answered. */
function repliedTo(tags: readonly Tag[]): string | undefined {
  const events = tags.filter((tag) => tag[0] === 'e' && tag[1] !== undefined && tag[1] !== '');
  const marked = events.find((tag) => tag[3] === 'reply') ?? events.find((tag) => tag[3] === 'root');
  return (marked ?? events.findLast((tag) => (tag[3] ?? '') === ''))?.[1];
}

/** The text of the event that a repost carries; many carry none. */
function contentOf(content: string): string {
  if (content.trim() === '' || depthFault(content) !== undefined) return '';
  const event = parseJson(content);
  return isJsonObject(event) && typeof event['content'] === 'string' ? event['content'] : '';
}

function linksIn(text: string): string[] {
  return (text.match(LINK) ?? []).map((link) => {
    let end = link.length;
    // Not by a regular expression: that would take a second for a link of 65,000 dots.
    while (PUNCTUATION.includes(link[end - 1]!)) end--;
    return link.slice(0, end);
  });
}

function fileHashes(tag: Tag): string[] {
  return tag
    .filter((entry) => entry.startsWith('x '))
    .map((entry) => entry.slice(2))
    .filter((hash) => hash !== '');
}
