/** Posts as evidence: how they travel between the match and the campaign stage, and how they are read again. */
import { Buffer } from 'node:buffer';
import { decodeCanonical } from '../consumers/formats/canonical.ts';
import { InvariantError } from '../errors.ts';
import { hex64 } from '../fingerprints/hash.ts';
import { ENTRY, entryTimeMs } from '../frames/entry.ts';
import type { FingerprintsFrame } from '../frames/fingerprints.ts';
import { LINKS_EVENT, type FramedPost, type LinksEvent } from '../frames/links.ts';
import type { Evidence, Post, RecordPlace } from '../model.ts';
import type { MatchEvent } from '../stages/match.ts';
import type { ReleasedEvent } from '../stages/match-partition.ts';

/** A line of more bytes is not kept as it is: what it holds beside the post (most of it) would fill the window's memory. */
export const KEPT_BYTES_MAX = 4096;

/**
 * Evidence has so many bytes at most. One post links to 144 others at most, whose evidence must fit a frame of links with its own
 * (LINKS_FRAME_BYTES_MAX): without a bound a handful of the longest texts would end a deployment.
 */
export const EVIDENCE_BYTES_MAX = 24_576;
/** Of those, what the shorter fields and the links of a post may take where it is shortened. */
const NAMES_BYTES_MAX = 2048;
const URLS_BYTES_MAX = 4096;

/** The post as it is kept: whole, or where that takes too many bytes with its text cut and without what there is no room for. */
export function evidenceBytes(post: Post): Buffer {
  const whole = Buffer.from(JSON.stringify(post));
  return whole.length <= EVIDENCE_BYTES_MAX ? whole : Buffer.from(JSON.stringify(shortened(post)));
}

function shortened(post: Post): Post {
  const { id, platform, account, createdAt, accountCreatedAt, editedAt, urls, handle, lang, replyTo, quoteOf } = post;
  const names = { handle, lang, replyTo, quoteOf };
  let namesLeft = NAMES_BYTES_MAX;
  let urlsLeft = URLS_BYTES_MAX;
  const kept = {
    id,
    platform,
    account,
    text: '',
    createdAt,
    ...(accountCreatedAt === undefined ? {} : { accountCreatedAt }),
    ...(editedAt === undefined ? {} : { editedAt }),
    ...Object.fromEntries(
      Object.entries(names).filter(([, value]) => value !== undefined && (namesLeft -= jsonBytes(value)) >= 0),
    ),
    ...(urls === undefined ? {} : { urls: urls.filter((url) => (urlsLeft -= jsonBytes(url) + 1) >= 0) }),
  };
  return { ...kept, text: cut(post.text, EVIDENCE_BYTES_MAX - jsonBytes(kept)) };
}

/** The beginning of a text that takes so many bytes as JSON, beyond its quotes. */
function cut(text: string, bytesMax: number): string {
  let units = Math.min(text.length, bytesMax);
  for (;;) {
    // Half a pair could not be read again.
    const code = text.charCodeAt(units - 1);
    if (code >= 0xd800 && code <= 0xdbff) units--;
    const bytes = jsonBytes(text.slice(0, units)) - 2;
    if (bytes <= bytesMax) return text.slice(0, units);
    units = Math.min(units - 1, Math.floor((units * bytesMax) / bytes));
  }
}

function jsonBytes(value: unknown): number {
  return Buffer.byteLength(JSON.stringify(value));
}

/** Where a post lies in a frame. */
export interface PostPlace {
  readonly frame: FingerprintsFrame;
  readonly index: number;
}

/** A match event with its posts in place of references. */
export function linksEvent({ cause, event }: ReleasedEvent, postAt: (reference: number) => FramedPost): LinksEvent {
  if (event.kind === 'retraction') return { ...UNLINKED, kind: LINKS_EVENT.retraction, cause, evidence: undefined };
  if (event.kind === 'post') {
    const kind = event.first ? LINKS_EVENT.first : LINKS_EVENT.post;
    return { ...UNLINKED, kind, cause, evidence: postAt(event.evidence) };
  }
  return {
    kind: LINKS_EVENT.link,
    cause,
    evidence: postAt(event.laterEvidence),
    otherHi: event.earlier.hi,
    otherLo: event.earlier.lo,
    otherEvidence: event.earlierEvidence < 0 ? undefined : postAt(event.earlierEvidence),
    similarity: event.similarity,
    families: event.families,
  };
}

const UNLINKED = { otherHi: 0, otherLo: 0, otherEvidence: undefined, similarity: 0, families: 0 } as const;

/** References of the posts that go with an event. */
export function referencesOf(event: MatchEvent): number[] {
  if (event.kind === 'retraction') return [];
  if (event.kind === 'post') return [event.evidence];
  return event.earlierEvidence < 0 ? [event.laterEvidence] : [event.laterEvidence, event.earlierEvidence];
}

export function framedPost({ frame, index }: PostPlace): FramedPost {
  const { words, starts } = frame;
  const at = starts[index]!;
  return {
    timeMs: entryTimeMs(words, at),
    keyHi: words[at + ENTRY.postHi]!,
    keyLo: words[at + ENTRY.postLo]!,
    place: { partition: frame.header.source, offset: frame.offset(index) },
    bytes: frame.evidence(index),
  };
}

/** Evidence with the post key and event time of the frame, which may not be those that the post gives itself. */
export function evidenceOf({ keyHi, keyLo, timeMs, place, bytes }: FramedPost): Evidence {
  return new KeptPost(hex64(keyHi, keyLo), timeMs, bytes, place);
}

/**
 * Evidence that is decoded when it is looked at: the campaign stage knows most posts already, by their keys. Holds a view
 * of the bytes, so it is to be looked at before their memory is used again.
 */
export class KeptPost implements Evidence {
  readonly key: string;
  readonly place: RecordPlace | undefined;
  readonly #timeMs: number;
  readonly #bytes: Uint8Array;
  #post: Post | undefined;

  constructor(key: string, timeMs: number, bytes: Uint8Array, place?: RecordPlace) {
    this.key = key;
    this.place = place;
    this.#timeMs = timeMs;
    this.#bytes = bytes;
  }

  get post(): Post {
    this.#post ??= this.#decoded();
    return this.#post;
  }

  #decoded(): Post {
    const { buffer, byteOffset, byteLength } = this.#bytes;
    const decoded = decodeCanonical(Buffer.from(buffer, byteOffset, byteLength).toString('utf8'));
    if (decoded.kind !== 'post') throw new InvariantError('R2', `evidence ${this.key} is a ${decoded.kind}, no post`);
    return decoded.post.createdAt === this.#timeMs ? decoded.post : { ...decoded.post, createdAt: this.#timeMs };
  }
}
