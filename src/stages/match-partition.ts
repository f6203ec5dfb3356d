/**
 * Stage 2 over frames: one partition of `fingerprints` in, events for the campaign stage out.
 *
 * What it says is a function of its log. Entries wait until every source has passed their event time and are matched in
 * the total order; an entry's position is the number of entries released before it. So a partition that is built anew from
 * the frames at and behind `low` says the same from there on.
 *
 * F4  An entry behind the watermark that its own source has declared before it in the log is late, and dropped. A retraction
 *     is never dropped: it takes effect at that watermark. Only a writer that has lost its source brings such entries.
 */
import { ENTRY, entryIsRetraction, entryTimeMs, setEntryTime } from '../frames/entry.ts';
import { FingerprintsFrame, FingerprintsFrameBuilder } from '../frames/fingerprints.ts';
import {
  checkRoute,
  FRAME_ENTRIES_MAX,
  FRAME_KIND,
  invalid,
  type FrameHeader,
  type FrameRoute,
} from '../frames/frame.ts';
import { decodeNumber, encodeNumber, SourceChain } from '../frames/chain.ts';
import type { Cause } from '../frames/links.ts';
import { AHEAD_ENTRIES, type BucketIndexSettings } from '../windows/bucket-index.ts';
import { PendingEntries } from '../windows/pending.ts';
import { RetainedFrames } from '../windows/retained.ts';
import { MatchStage, type MatchEvent } from './match.ts';

/** Posts kept under one reference: a post is read with its neighbours, so a piece is small. */
const PIECE_ENTRIES = 32;

/** Entries accepted from one frame, as a frame of their own that is kept for as long as the window needs them. */
export interface Piece {
  /** Reference of its first post. */
  readonly reference: number;
  readonly bytes: Uint8Array;
}

export interface ReleasedEvent {
  readonly cause: Cause;
  readonly event: MatchEvent;
}

/** What was dropped, in plain numbers, for metrics. */
export interface MatchCounters {
  accepted: number;
  late: number;
  /** Entries that came again with frames sent twice. */
  repeated: number;
}

/** References count entries: position of the frame in the log, times this, plus the place among its accepted entries. */
const REFERENCES_PER_FRAME = FRAME_ENTRIES_MAX;

/** Reference of the piece that holds the post with this reference. */
export function pieceOf(reference: number): number {
  return reference - (reference % PIECE_ENTRIES);
}

export class MatchPartition {
  readonly stage: MatchStage;
  readonly counters: MatchCounters = { accepted: 0, late: 0, repeated: 0 };
  readonly #route: Omit<FrameRoute, 'source'>;
  readonly #windowMs: number;
  #chain: SourceChain;
  readonly #pending = new PendingEntries();
  readonly #retained = new RetainedFrames();
  readonly #builder = new FingerprintsFrameBuilder();
  /** The chain, and the number of entries accepted, before the first retained frame. */
  #chainAtLow: SourceChain;
  #acceptedAtLow = 0;
  #released = 0;
  #position = 0;
  /** The frame of which pieces are being taken. */
  #open: { position: number; header: FrameHeader; accepted: number; newestMs: number } | undefined;

  constructor(settings: BucketIndexSettings, route: Omit<FrameRoute, 'source'>) {
    this.stage = new MatchStage(settings);
    this.#route = route;
    this.#windowMs = settings.windowMs;
    this.#chain = new SourceChain(route.sources);
    this.#chainAtLow = new SourceChain(route.sources);
  }

  /** Entries released so far. */
  get released(): number {
    return this.#released;
  }

  get pending(): number {
    return this.#pending.count;
  }

  /** Entries of the frames that are retained: those of the window, and those that wait. */
  get heldPosts(): number {
    return this.#released + this.#pending.count - this.#acceptedAtLow;
  }

  get retainedBytes(): number {
    return this.#retained.bytes;
  }

  get retainedFrames(): number {
    return this.#retained.count;
  }

  /** Event time that all sources have passed. */
  get watermark(): number {
    return this.#chain.least;
  }

  get chain(): SourceChain {
    return this.#chain;
  }

  /** The first position in the log that a rebuild must read. */
  get low(): number {
    return this.#retained.low ?? this.#position;
  }

  /**
   * Takes the frame at `position` of the log and returns what was accepted of it, in pieces to be kept.
   * @throws FrameError for a frame that cannot be read or is none of this deployment. @throws InvariantError F1
   */
  ingest(position: number, bytes: Uint8Array): Piece[] {
    const frame = new FingerprintsFrame(bytes);
    const { header } = frame;
    checkRoute(header, FRAME_KIND.fingerprints, this.#route);
    this.#chain.check(header.source, header);
    const pieces = this.#accept(position, frame);
    this.#close();
    return pieces;
  }

  /** Takes a piece that was kept, in the order of references, without asking what was asked before. */
  resume(reference: number, bytes: Uint8Array): void {
    const frame = new FingerprintsFrame(bytes);
    checkRoute(frame.header, FRAME_KIND.fingerprints, this.#route);
    const position = Math.floor(reference / REFERENCES_PER_FRAME);
    if (this.#open !== undefined && this.#open.position !== position) this.#close();
    this.#begin(position, frame.header);
    for (let i = 0; i < frame.entryCount; i++) this.#take(frame, i, reference + i);
  }

  /** Ends what `resume` has begun: the partition stands at `position` of its log. */
  resumed(position: number): void {
    this.#close();
    this.#position = position;
  }

  #begin(position: number, header: FrameHeader): void {
    this.#open ??= { position, header, accepted: 0, newestMs: -Infinity };
  }

  #take(frame: FingerprintsFrame, index: number, reference: number): void {
    const open = this.#open!;
    const timeMs = entryTimeMs(frame.words, frame.starts[index]!);
    this.#pending.add(frame, index, reference);
    if (timeMs > open.newestMs) open.newestMs = timeMs;
    open.accepted++;
  }

  /** The watermark counts when all of the frame is there: its own entries may lie before it. */
  #close(): void {
    if (this.#open === undefined) return;
    const { position, header, accepted, newestMs } = this.#open;
    this.#open = undefined;
    this.#chain.pass(header.source, header);
    this.#position = position + 1;
    this.#retained.add(position, header.source, header.to, header.watermark, accepted, newestMs);
  }

  #accept(position: number, frame: FingerprintsFrame): Piece[] {
    const { source } = frame.header;
    const expected = this.#chain.expected(source);
    const watermark = this.#chain.watermark(source);
    return isAllNew(frame, expected, watermark)
      ? this.#acceptAll(position, frame)
      : this.#acceptSome(position, frame, expected, watermark);
  }

  /** What `#acceptSome` does where nothing is left out, which is nearly always: columns are copied, not entries. */
  #acceptAll(position: number, frame: FingerprintsFrame): Piece[] {
    const { header, entryCount } = frame;
    const pieces: Piece[] = [];
    const first = position * REFERENCES_PER_FRAME;
    this.#begin(position, header);
    for (let from = 0; from < entryCount || from === 0; from += PIECE_ENTRIES) {
      const to = Math.min(entryCount, from + PIECE_ENTRIES);
      pieces.push({ reference: first + from, bytes: frame.slice(from, to) });
      for (let i = from; i < to; i++) this.#take(frame, i, first + i);
    }
    this.counters.accepted += entryCount;
    return pieces;
  }

  #acceptSome(position: number, frame: FingerprintsFrame, expected: number, watermark: number): Piece[] {
    const { header, words, starts } = frame;
    const builder = this.#builder;
    const route = { ...this.#route, source: header.source };
    const pieces: Piece[] = [];
    let reference = position * REFERENCES_PER_FRAME;
    let taken = 0;
    const finish = (): void => {
      pieces.push({ reference, bytes: builder.finish(route, header) });
      reference += taken;
      taken = 0;
    };
    this.#begin(position, header);
    for (let i = 0; i < starts.length; i++) {
      const start = starts[i]!;
      if (frame.offset(i) < expected) {
        this.counters.repeated++;
        continue;
      }
      if (entryTimeMs(words, start) < watermark) {
        if (!entryIsRetraction(words, start)) {
          this.counters.late++;
          continue;
        }
        setEntryTime(words, start, watermark);
      }
      this.counters.accepted++;
      const end = starts[i + 1] ?? words.length;
      const to = builder.words;
      const at = builder.wordCount;
      for (let k = start; k < end; k++) to[at + k - start] = words[k]!;
      builder.add(end - start, frame.offset(i) - header.from, frame.evidence(i));
      this.#take(frame, i, reference + taken++);
      if (taken === PIECE_ENTRIES) finish();
    }
    // A frame without entries moves its source on all the same.
    if (taken > 0 || pieces.length === 0) finish();
    return pieces;
  }

  /** Matches what all sources have passed, and appends what is to be said of it. */
  release(out: ReleasedEvent[]): void {
    const events: MatchEvent[] = [];
    this.#releaseEach((words, start, reference) => {
      events.length = 0;
      this.stage.process(words, start, reference, events);
      if (events.length === 0) return;
      const cause = causeOf(words, start, this.#released);
      for (const event of events) out.push({ cause, event });
    });
  }

  /** The same for what has been said already: nothing is matched, the window is as after `release`. */
  recall(): void {
    this.#releaseEach((words, start, reference) => this.stage.recall(words, start, reference));
  }

  #releaseEach(take: (words: Uint32Array, start: number, reference: number) => void): void {
    const watermark = this.#chain.least;
    const pending = this.#pending;
    const { index } = this.stage;
    pending.take(watermark);
    for (let i = 0; i < pending.readyCount; i++) {
      const at = pending.ready[i]!;
      const { words, starts } = pending.frame(at);
      if (i + AHEAD_ENTRIES < pending.readyCount) {
        const next = pending.ready[i + AHEAD_ENTRIES]!;
        const frame = pending.frame(next);
        index.touchAhead(frame.words, frame.starts[pending.index(next)]!);
      }
      take(words, starts[pending.index(at)]!, pending.reference(at));
      this.#released++;
    }
    pending.drop(watermark);
    this.#retained.expire(watermark - this.#windowMs, (source, to, sourceWatermark, accepted) => {
      this.#chainAtLow.pass(source, { from: to, to, watermark: sourceWatermark });
      this.#acceptedAtLow += accepted;
    });
  }

  /** What a rebuild must know, in characters that fit a commit: position of the log to read from, and the state there. */
  checkpoint(): string {
    return [encodeNumber(this.low), encodeNumber(this.#acceptedAtLow), this.#chainAtLow.encode()].join(';');
  }

  /**
   * Makes a new partition stand where `checkpoint` was made to be read from; returns that position.
   * @throws FrameError for a text that `checkpoint` has not written for so many sources
   */
  restore(checkpoint: string): number {
    const [low, accepted, chain, ...rest] = checkpoint.split(';');
    if (chain === undefined || rest.length > 0) throw invalid(`"${checkpoint}" is no checkpoint of a match partition`);
    this.#position = decodeNumber(low);
    this.#acceptedAtLow = decodeNumber(accepted);
    this.#released = this.#acceptedAtLow;
    this.#chainAtLow = SourceChain.decode(chain, this.#route.sources);
    this.#chain = SourceChain.decode(chain, this.#route.sources);
    return this.#position;
  }
}

function causeOf(words: Uint32Array, at: number, position: number): Cause {
  return {
    position,
    timeMs: entryTimeMs(words, at),
    postHi: words[at + ENTRY.postHi]!,
    postLo: words[at + ENTRY.postLo]!,
    textHi: words[at + ENTRY.textHi]!,
    textLo: words[at + ENTRY.textLo]!,
  };
}

/** Does every entry lie behind what was taken of its source, in the log and in event time? */
function isAllNew(frame: FingerprintsFrame, expected: number, watermark: number): boolean {
  const { words, starts } = frame;
  // Offsets ascend.
  if (starts.length > 0 && frame.offset(0) < expected) return false;
  for (let i = 0; i < starts.length; i++) if (entryTimeMs(words, starts[i]!) < watermark) return false;
  return true;
}
