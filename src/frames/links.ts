/**
 * Frames of the topic `links`: what one match partition says of the entries that it has released, for the campaign stage.
 *
 * Positions count the entries released by the partition. Columns behind the header (frame.ts), for n events:
 *
 *   n x 64 bytes   one event: kind (0 post, 1 first post, 2 link, 3 retraction), families | position, from the frame's `from`
 *                  | event time (8) | key of the post that caused it, its text hash (16) | text hash of the other node (8)
 *                  | R (8) | evidence of the post's node, of the other node (indexes; 2^32 - 1 for none) | zero (8)
 *                  A retraction has no evidence, and in the place of the text hash what its entry has there (entry.ts)
 *   bytes          pieces of evidence: event time (8), post key (8), length (4), partition of the feed (4), offset in it (8),
 *                  the post, zeros to 8
 *
 * `wordCount` of the header is the number of pieces of evidence.
 */
import {
  FRAME_BYTES_SOFT_MAX,
  FRAME_ENTRIES_MAX,
  FRAME_HEADER_BYTES,
  FRAME_KIND,
  invalid,
  isPosition,
  readHeader,
  viewOf,
  writeHeader,
  type FrameHeader,
  type FrameRoute,
  type FrameSpan,
} from './frame.ts';
import type { RecordPlace } from '../model.ts';

const EVENT_BYTES = 64;
const EVIDENCE_HEADER_BYTES = 32;
const NONE = 0xffffffff;

export const LINKS_EVENT = { post: 0, first: 1, link: 2, retraction: 3 } as const;
export type LinksEventKind = (typeof LINKS_EVENT)[keyof typeof LINKS_EVENT];

/** The entry that made a match partition speak. */
export interface Cause {
  /** Number of entries that the partition had released before it. */
  readonly position: number;
  readonly timeMs: number;
  readonly postHi: number;
  readonly postLo: number;
  readonly textHi: number;
  readonly textLo: number;
}

/** A post as it travels in a frame. */
export interface FramedPost {
  readonly timeMs: number;
  readonly keyHi: number;
  readonly keyLo: number;
  readonly place: RecordPlace;
  readonly bytes: Uint8Array;
}

export interface LinksEvent {
  readonly kind: LinksEventKind;
  readonly cause: Cause;
  /** Undefined for a retraction alone. */
  readonly evidence: FramedPost | undefined;
  /** Of a link: the node that was there before. */
  readonly otherHi: number;
  readonly otherLo: number;
  readonly otherEvidence: FramedPost | undefined;
  readonly similarity: number;
  readonly families: number;
}

/** Collects the events of one frame. */
export class LinksFrameBuilder {
  readonly #events: LinksEvent[] = [];
  readonly #evidence = new Map<FramedPost, number>();
  #byteCount = 0;

  get entryCount(): number {
    return this.#events.length;
  }

  get isFull(): boolean {
    const bytes = this.#events.length * EVENT_BYTES + this.#byteCount;
    // One entry makes at most 144 links, and they must not be torn apart.
    return this.#events.length > FRAME_ENTRIES_MAX - 256 || bytes > FRAME_BYTES_SOFT_MAX;
  }

  add(event: LinksEvent): void {
    this.#events.push(event);
    this.#note(event.evidence);
    this.#note(event.otherEvidence);
  }

  /** The frame, and an empty builder. */
  finish(route: FrameRoute, span: FrameSpan): Uint8Array {
    const events = this.#events;
    const bytes = new Uint8Array(FRAME_HEADER_BYTES + events.length * EVENT_BYTES + this.#byteCount);
    const view = viewOf(bytes);
    writeHeader(view, {
      ...route,
      ...span,
      kind: FRAME_KIND.links,
      entryCount: events.length,
      wordCount: this.#evidence.size,
      byteCount: this.#byteCount,
    });
    let at = FRAME_HEADER_BYTES;
    for (const event of events) {
      this.#writeEvent(view, at, event, span.from);
      at += EVENT_BYTES;
    }
    for (const post of this.#evidence.keys()) {
      view.setFloat64(at, post.timeMs, true);
      view.setUint32(at + 8, post.keyHi, true);
      view.setUint32(at + 12, post.keyLo, true);
      view.setUint32(at + 16, post.bytes.byteLength, true);
      view.setUint32(at + 20, post.place.partition, true);
      view.setFloat64(at + 24, post.place.offset, true);
      bytes.set(post.bytes, at + EVIDENCE_HEADER_BYTES);
      at += evidenceSize(post.bytes.byteLength);
    }
    this.#events.length = 0;
    this.#evidence.clear();
    this.#byteCount = 0;
    return bytes;
  }

  #writeEvent(view: DataView, at: number, event: LinksEvent, from: number): void {
    const { cause } = event;
    view.setUint8(at, event.kind);
    view.setUint8(at + 1, event.families);
    view.setUint32(at + 4, cause.position - from, true);
    view.setFloat64(at + 8, cause.timeMs, true);
    view.setUint32(at + 16, cause.postHi, true);
    view.setUint32(at + 20, cause.postLo, true);
    view.setUint32(at + 24, cause.textHi, true);
    view.setUint32(at + 28, cause.textLo, true);
    view.setUint32(at + 32, event.otherHi, true);
    view.setUint32(at + 36, event.otherLo, true);
    view.setFloat64(at + 40, event.similarity, true);
    view.setUint32(at + 48, this.#index(event.evidence), true);
    view.setUint32(at + 52, this.#index(event.otherEvidence), true);
  }

  #index(post: FramedPost | undefined): number {
    return post === undefined ? NONE : this.#evidence.get(post)!;
  }

  #note(post: FramedPost | undefined): void {
    if (post === undefined || this.#evidence.has(post)) return;
    this.#evidence.set(post, this.#evidence.size);
    this.#byteCount += evidenceSize(post.bytes.byteLength);
  }
}

/** A frame as it was read. The bytes of posts are views of it. */
export class LinksFrame {
  readonly header: FrameHeader;
  readonly events: readonly LinksEvent[];

  /** @throws FrameError if the columns are not what the header says. */
  constructor(bytes: Uint8Array) {
    const header = readHeader(bytes);
    const { kind, entryCount, byteCount, wordCount } = header;
    if (kind !== FRAME_KIND.links) throw invalid(`its kind is ${kind}, expected ${FRAME_KIND.links}`);
    const evidenceAt = FRAME_HEADER_BYTES + entryCount * EVENT_BYTES;
    if (evidenceAt + byteCount !== bytes.byteLength)
      throw invalid(`it has ${bytes.byteLength} bytes, not those announced`);
    this.header = header;
    const posts = readEvidence(bytes, evidenceAt, wordCount);
    const view = viewOf(bytes);
    this.events = Array.from({ length: entryCount }, (_, i) =>
      readEvent(view, FRAME_HEADER_BYTES + i * EVENT_BYTES, header, posts),
    );
  }
}

function readEvidence(bytes: Uint8Array, start: number, count: number): FramedPost[] {
  const view = viewOf(bytes);
  const posts: FramedPost[] = [];
  let at = start;
  while (at < bytes.byteLength) {
    if (at + EVIDENCE_HEADER_BYTES > bytes.byteLength) throw invalid('a piece of evidence is cut off');
    const length = view.getUint32(at + 16, true);
    const end = at + evidenceSize(length);
    if (end > bytes.byteLength) throw invalid(`a piece of evidence of ${length} bytes is cut off`);
    const timeMs = view.getFloat64(at, true);
    const offset = view.getFloat64(at + 24, true);
    if (!Number.isFinite(timeMs)) throw invalid(`a piece of evidence has event time ${timeMs}`);
    if (!isPosition(offset)) throw invalid(`a piece of evidence has offset ${offset}`);
    posts.push({
      timeMs,
      keyHi: view.getUint32(at + 8, true),
      keyLo: view.getUint32(at + 12, true),
      place: { partition: view.getUint32(at + 20, true), offset },
      bytes: bytes.subarray(at + EVIDENCE_HEADER_BYTES, at + EVIDENCE_HEADER_BYTES + length),
    });
    at = end;
  }
  if (posts.length !== count) throw invalid(`it holds ${posts.length} pieces of evidence, not ${count}`);
  return posts;
}

function readEvent(view: DataView, at: number, header: FrameHeader, posts: readonly FramedPost[]): LinksEvent {
  const kind = view.getUint8(at);
  const position = header.from + view.getUint32(at + 4, true);
  const timeMs = view.getFloat64(at + 8, true);
  const similarity = view.getFloat64(at + 40, true);
  const own = view.getUint32(at + 48, true);
  const other = view.getUint32(at + 52, true);
  const isSound =
    kind <= LINKS_EVENT.retraction && position < header.to && Number.isFinite(timeMs) && Number.isFinite(similarity);
  const hasEvidence = kind === LINKS_EVENT.retraction ? own === NONE : posts[own] !== undefined;
  if (!isSound || !hasEvidence || (other !== NONE && posts[other] === undefined)) {
    throw invalid(`event ${(at - FRAME_HEADER_BYTES) / EVENT_BYTES} is none`);
  }
  return {
    kind: kind as LinksEventKind,
    cause: {
      position,
      timeMs,
      postHi: view.getUint32(at + 16, true),
      postLo: view.getUint32(at + 20, true),
      textHi: view.getUint32(at + 24, true),
      textLo: view.getUint32(at + 28, true),
    },
    evidence: posts[own],
    otherHi: view.getUint32(at + 32, true),
    otherLo: view.getUint32(at + 36, true),
    otherEvidence: other === NONE ? undefined : posts[other],
    similarity,
    families: view.getUint8(at + 1),
  };
}

function evidenceSize(length: number): number {
  // No bit operation: a length read from a damaged frame may be beyond 2^31.
  return EVIDENCE_HEADER_BYTES + Math.ceil(length / 8) * 8;
}
