/**
 * Live sources: a feed that is read as it comes, for as long as it takes. Owns reconnecting, what is known of gaps, and the
 * counters; how a server is spoken to is behind `Protocol` (jetstream.ts, mastodon.ts, lines.ts).
 *
 * S1  A batch has a position: once all of it and all before it is safe, a new start from there misses nothing that the server
 *     still has. What is read twice by that is for the engine to drop.
 * S2  Memory is one queue of bounded bytes: beyond it the socket is paused, and the server waits or drops us.
 * S3  What was missed and cannot be had again is a gap: counted, and told with its two ends.
 */
import { ChorusError } from '../../errors.ts';
import { recordDecoder, type RecordFormat } from '../formats/format.ts';
import { ListedRecords, type CutRecord, type RecordBatch } from '../records.ts';
import { BACKOFF, backoffMs, type BackoffBounds } from './backoff.ts';
import { FeedLost, LOST_REASONS, type LostReason } from './fault.ts';

export interface LiveBatch {
  /** Valid until the next batch is asked for. */
  readonly records: RecordBatch;
  /** Where to go on when this is safe, ms since 1970; undefined as long as the source has told no time. */
  readonly positionMs: number | undefined;
}

/** Plain numbers since the start. */
export interface LiveCounters {
  isConnected: boolean;
  connections: number;
  readonly lost: Record<LostReason, number>;
  records: number;
  /** As they came over the wire, without what the transport adds. */
  bytes: number;
  gaps: number;
  /** Time that lies in gaps. */
  gapMs: number;
  /** Waiting to be taken. */
  queueBytes: number;
  queueBytesMax: number;
  /** How often the socket was paused because the queue was full. */
  pauses: number;
}

export type LiveEvent =
  | { readonly kind: 'connected'; readonly fromMs: number | undefined }
  | { readonly kind: 'lost'; readonly reason: LostReason; readonly detail: string; readonly waitMs: number }
  | { readonly kind: 'gap'; readonly fromMs: number; readonly toMs: number };

export interface LiveClock {
  readonly nowMs: () => number;
  /** [0, 1) */
  readonly random: () => number;
  /** Returns early when the signal comes. */
  readonly sleep: (ms: number, signal: AbortSignal) => Promise<void>;
}

const SYSTEM_CLOCK: LiveClock = {
  nowMs: Date.now,
  random: Math.random,
  sleep: (ms, signal) =>
    new Promise((resolve) => {
      if (signal.aborted) return resolve();
      const end = (): void => {
        clearTimeout(timer);
        signal.removeEventListener('abort', end);
        resolve();
      };
      const timer = setTimeout(end, ms);
      signal.addEventListener('abort', end, { once: true });
    }),
};

export interface LiveOptions {
  /** A connection on which nothing comes for so long is dead. */
  readonly idleMs: number;
  /** Bytes of records that wait to be taken. */
  readonly queueBytesMax: number;
  /** Of one record; a longer one is rejected, or not sent at all where the server can be told. */
  readonly recordBytesMax: number;
  readonly clock?: LiveClock;
  readonly backoff?: BackoffBounds;
  readonly onEvent?: (event: LiveEvent) => void;
}

export const LIVE_DEFAULTS = { idleMs: 60_000, queueBytesMax: 16 * 2 ** 20, recordBytesMax: 2 ** 20 } as const;

/** What a protocol is given for one connection. */
export interface Attempt {
  /** From where, ms since 1970; undefined for from now on. */
  readonly fromMs: number | undefined;
  readonly options: LiveOptions;
  readonly counters: LiveCounters;
  readonly nowMs: () => number;
  readonly signal: AbortSignal;
  /** To be called when the server has accepted. */
  readonly onOpen: () => void;
  /** To be called when the server says that it has begun later than it was asked to. */
  readonly onClamped: () => void;
}

export interface Protocol {
  /** As people are told, and as the cursor file knows it. Holds no secret. */
  readonly name: string;
  readonly format: RecordFormat;
  /** Whether the server can be asked for what it has sent before. */
  readonly isResumable: boolean;
  /**
   * One connection: what comes, in order, until the signal. @throws FeedLost when it ends in any other way, ChorusError where
   * no other attempt can do.
   */
  connect(attempt: Attempt): AsyncGenerator<readonly CutRecord[]>;
  /** Event time of a record, ms, that the server can be asked to go on from; undefined for one without. */
  timeOf(record: CutRecord): number | undefined;
}

/** Events of several senders come by several ways, so those around the last one are asked for again. */
const REWIND_MS = 5000;
/** A connection that has lasted so long was a good one. */
const STABLE_MS = 30_000;
/** A resumed feed that begins so much later than what was last known has lost something: real feeds never pause for so long. */
const GAP_MIN_MS = 30_000;
/** A time that is further ahead is wrong, and a cursor made of it would skip what comes until then. */
const AHEAD_MAX_MS = 60_000;

export class LiveFeed {
  readonly counters: LiveCounters;
  readonly #protocol: Protocol;
  readonly #options: LiveOptions;
  readonly #clock: LiveClock;
  /** All before it was handed on, ms since 1970. */
  #positionMs: number | undefined;
  /** The position at which a message was too large. */
  #stuckMs: number | undefined;

  constructor(protocol: Protocol, options: LiveOptions) {
    this.#protocol = protocol;
    this.#options = options;
    this.#clock = options.clock ?? SYSTEM_CLOCK;
    this.counters = {
      isConnected: false,
      connections: 0,
      lost: Object.fromEntries(LOST_REASONS.map((reason) => [reason, 0])) as Record<LostReason, number>,
      records: 0,
      bytes: 0,
      gaps: 0,
      gapMs: 0,
      queueBytes: 0,
      queueBytesMax: options.queueBytesMax,
      pauses: 0,
    };
  }

  get name(): string {
    return this.#protocol.name;
  }

  get format(): RecordFormat {
    return this.#protocol.format;
  }

  get isResumable(): boolean {
    return this.#protocol.isResumable;
  }

  /**
   * All that comes until the signal. To be called once.
   * @param fromMs a position of an earlier run
   * @throws ChorusError `feed_denied`, `feed_refused`: another attempt would end alike
   */
  async *batches(signal: AbortSignal, fromMs?: number): AsyncGenerator<LiveBatch> {
    this.#positionMs = fromMs;
    for (let attempt = 0; !signal.aborted; attempt++) {
      const startedMs = performance.now();
      let lost: FeedLost;
      try {
        yield* this.#connection(signal);
        lost = new FeedLost('closed', 'the server has ended the stream');
      } catch (error) {
        if (signal.aborted) return;
        if (!(error instanceof FeedLost)) throw error;
        lost = error;
      } finally {
        this.counters.isConnected = false;
        this.counters.queueBytes = 0;
      }
      if (signal.aborted) return;
      if (performance.now() - startedMs >= STABLE_MS) attempt = 0;
      await this.#recover(lost, attempt, signal);
    }
  }

  async #recover(lost: FeedLost, attempt: number, signal: AbortSignal): Promise<void> {
    const { reason, message, retryAfterMs } = lost;
    this.counters.lost[reason]++;
    const waitMs = backoffMs(attempt, retryAfterMs, this.#clock.random(), this.#options.backoff ?? BACKOFF);
    this.#tell({ kind: 'lost', reason, detail: message, waitMs });
    // Asked for again, a message that is too large comes again: the second time it is left behind.
    const isStuck = reason === 'too_large' && this.#stuckMs === this.#positionMs;
    this.#stuckMs = reason === 'too_large' ? this.#positionMs : undefined;
    await this.#clock.sleep(waitMs, signal);
    if (!signal.aborted && this.#protocol.isResumable && (isStuck || lost.isTooOld)) this.#skipToNow();
  }

  #skipToNow(): void {
    if (this.#positionMs === undefined) return;
    const nowMs = this.#clock.nowMs();
    this.#gap(this.#positionMs, nowMs);
    this.#positionMs = nowMs;
    this.#stuckMs = undefined;
  }

  async *#connection(signal: AbortSignal): AsyncGenerator<LiveBatch> {
    const { isResumable } = this.#protocol;
    const beforeMs = this.#positionMs;
    const fromMs = isResumable && beforeMs !== undefined ? Math.max(0, beforeMs - REWIND_MS) : undefined;
    let isClamped = false;
    let isBegun = false;
    const attempt: Attempt = {
      fromMs,
      options: this.#options,
      counters: this.counters,
      nowMs: this.#clock.nowMs,
      signal,
      onOpen: () => {
        this.counters.isConnected = true;
        this.counters.connections++;
        this.#tell({ kind: 'connected', fromMs });
        if (!isResumable && beforeMs !== undefined) this.#gap(beforeMs, this.#clock.nowMs());
      },
      onClamped: () => (isClamped = true),
    };
    const decoder = recordDecoder(this.#protocol.format);
    for await (const records of this.#protocol.connect(attempt)) {
      const firstMs = this.#pass(records);
      if (isResumable && !isBegun && firstMs !== undefined) {
        isBegun = true;
        const missedMs = beforeMs === undefined ? 0 : firstMs - beforeMs;
        if (missedMs > (isClamped ? 0 : GAP_MIN_MS)) this.#gap(beforeMs!, firstMs);
      }
      if (records.length > 0) {
        yield { records: new ListedRecords(records, decoder), positionMs: this.#positionMs };
      } else if (!isResumable) this.#positionMs = this.#clock.nowMs();
    }
  }

  /** Counts records and moves the position; returns the time of the first one that has one. */
  #pass(records: readonly CutRecord[]): number | undefined {
    const nowMs = this.#clock.nowMs();
    let firstMs: number | undefined;
    for (const record of records) {
      this.counters.records++;
      if (!this.#protocol.isResumable) continue;
      const timeMs = this.#protocol.timeOf(record);
      if (timeMs === undefined || timeMs > nowMs + AHEAD_MAX_MS) continue;
      firstMs ??= timeMs;
      if (this.#positionMs === undefined || timeMs > this.#positionMs) this.#positionMs = timeMs;
    }
    if (!this.#protocol.isResumable) this.#positionMs = nowMs;
    return firstMs;
  }

  #gap(fromMs: number, toMs: number): void {
    if (toMs <= fromMs) return;
    this.counters.gaps++;
    this.counters.gapMs += toMs - fromMs;
    this.#tell({ kind: 'gap', fromMs, toMs });
  }

  #tell(event: LiveEvent): void {
    this.#options.onEvent?.(event);
  }
}

/** No other attempt can do: somebody has to change the address or the token. */
export function refused(name: string, status: number, detail: string): ChorusError {
  const isDenied = status === 401 || status === 403;
  const mend = isDenied ? 'give a token that is valid there' : 'look at the address and the format';
  return new ChorusError(
    isDenied ? 'feed_denied' : 'feed_refused',
    `${name}: the server answers ${status}${detail === '' ? '' : ` (${detail})`}: ${mend}`,
  );
}
