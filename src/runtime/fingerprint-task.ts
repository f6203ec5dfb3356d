/**
 * One partition of the feed topic: records in, a frame for every partition of `fingerprints` out.
 *
 * Every record read is counted once: as taken, rejected, late, or none of a post's concern.
 */
import { Buffer } from 'node:buffer';
import { decodeNumber, encodeNumber } from '../frames/chain.ts';
import type { FrameRoute } from '../frames/frame.ts';
import type { FingerprintSettings } from '../fingerprints/fingerprint.ts';
import type { MetricName, Sample } from '../metrics.ts';
import {
  IGNORED_REASONS,
  REJECTION_REASONS,
  type Decoded,
  type Deletion,
  type IgnoredReason,
  type Post,
  type RejectionReason,
} from '../model.ts';
import { FingerprintStage } from '../stages/fingerprint.ts';
import { SourcePartition } from '../stages/source-partition.ts';
import { evidenceBytes, KEPT_BYTES_MAX } from './evidence.ts';
import { notOurs, type Beginning, type LogRecord, type Output, type Step, type Task } from './task.ts';
import { watermarkSamples } from './watermark-samples.ts';

/** Name of the header that makes a record a tick: its value is the event time, ms, that nothing will come before. */
export const TICK_HEADER = 'chorus-tick';

/** Time of a post: when the broker took it, or what the post says of itself. */
export type EventTime = 'record' | 'payload';

/** A payload's time may run ahead of the broker's by so much; a clock that is wrong by more would make all others late. */
const AHEAD_MAX_MS = 10 * 60_000;

/** Bytes kept of a dead letter, which must fit a record with its headers; header `chorus-bytes` tells how many there were. */
const DEAD_LETTER_BYTES_MAX = 900_000;

export interface FingerprintTaskSettings {
  readonly fingerprint: FingerprintSettings;
  readonly route: Omit<FrameRoute, 'target'>;
  readonly outOfOrdernessMs: number;
  readonly eventTime: EventTime;
  /** Name of the feed topic, for dead letters; undefined where they are not kept. */
  readonly deadLettersOf: string | undefined;
  /** Told of each record that is no post; `detail` holds nothing of its text. */
  readonly onRejected?: (offset: number, reason: RejectionReason, detail: string) => void;
}

export interface RecordDecoder {
  /** Values are posts in the canonical format, so that they can be kept as they are. */
  readonly isCanonical: boolean;
  /** Several things where a value says several, at most one of them a post. */
  decode(value: Uint8Array): Decoded | readonly Decoded[] | Promise<Decoded | readonly Decoded[]>;
}

export interface SourceCounters {
  records: number;
  /** Posts that make entries. */
  accepted: number;
  nativeReposts: number;
  /** Texts without a letter. */
  nothingToCompare: number;
  late: number;
  /** Records without a value that are no ticks. */
  tombstones: number;
  ticks: number;
  deletions: number;
  readonly rejected: Map<RejectionReason, number>;
  readonly ignored: Map<IgnoredReason, number>;
}

export class FingerprintTask implements Task {
  readonly counters: SourceCounters = {
    records: 0,
    accepted: 0,
    nativeReposts: 0,
    nothingToCompare: 0,
    late: 0,
    tombstones: 0,
    ticks: 0,
    deletions: 0,
    rejected: new Map(),
    ignored: new Map(),
  };
  /** Posts that replace an earlier version; counted by their outcome too. */
  #edited = 0;
  readonly #deadLetters = new Map<RejectionReason | 'late', number>();
  readonly #settings: FingerprintTaskSettings;
  readonly #decoder: RecordDecoder;
  readonly #partition: SourcePartition;
  #position = 0;

  constructor(settings: FingerprintTaskSettings, decoder: RecordDecoder) {
    this.#settings = settings;
    this.#decoder = decoder;
    const stage = new FingerprintStage(settings.fingerprint);
    this.#partition = new SourcePartition(stage, settings.route, settings.outOfOrdernessMs);
  }

  get watermark(): number {
    return this.#partition.watermark;
  }

  /** Goes on from this offset. Of what lies before it nothing is known. */
  begin(offset: number): void {
    this.#position = offset;
  }

  restore({ committed, low }: Beginning): Promise<number> {
    this.begin(committed?.offset ?? low);
    if (committed !== undefined) this.#partition.witness(watermarkOf(committed.metadata));
    return Promise.resolve(this.#position);
  }

  async process(records: readonly LogRecord[], next: number): Promise<Step> {
    const outputs: Output[] = [];
    const partition = this.#partition;
    partition.begin(this.#position);
    for (const record of records) {
      if (partition.isFull) this.#finish(record.offset, outputs);
      this.counters.records++;
      const { value } = record;
      if (value === null) {
        this.#takeEmpty(record);
        continue;
      }
      // A promise for each record would be a tenth of the work: only a schema that is not known yet is worth one.
      const answer = this.#decoder.decode(value);
      this.#take(record, value, answer instanceof Promise ? await answer : answer, outputs);
    }
    this.#finish(next, outputs);
    return { outputs, position: next, metadata: this.#metadata() };
  }

  /**
   * What is to be done when nothing has come for a while: no post before `watermark` will be taken from now on. The commit
   * comes first here: a task that takes over must know of the promise that later stages may have seen.
   */
  async tick(
    watermark: number,
    commit: (offset: number, metadata: string) => Promise<void>,
  ): Promise<Step | undefined> {
    if (watermark <= this.#partition.watermark) return undefined;
    this.#partition.witness(watermark);
    const metadata = this.#metadata();
    await commit(this.#position, metadata);
    const outputs: Output[] = [];
    this.#partition.begin(this.#position);
    this.#finish(this.#position, outputs);
    return { outputs, position: this.#position, metadata };
  }

  samples(): Sample[] {
    const { accepted, nativeReposts, nothingToCompare, late, tombstones, ticks, deletions, rejected, ignored } =
      this.counters;
    const plain = { labels: {} };
    return [
      { name: 'posts_accepted_total', ...plain, value: accepted },
      { name: 'posts_reposts_total', ...plain, value: nativeReposts },
      { name: 'posts_empty_total', ...plain, value: nothingToCompare },
      { name: 'posts_late_total', ...plain, value: late },
      { name: 'tombstones_total', ...plain, value: tombstones },
      { name: 'ticks_total', ...plain, value: ticks },
      { name: 'posts_edited_total', ...plain, value: this.#edited },
      { name: 'deletions_total', ...plain, value: deletions },
      ...byReason('posts_rejected_total', REJECTION_REASONS, rejected),
      ...byReason('posts_ignored_total', IGNORED_REASONS, ignored),
      ...byReason('dead_letters_total', [...REJECTION_REASONS, 'late'], this.#deadLetters),
      ...this.#watermarkSamples(),
    ];
  }

  #watermarkSamples(): Sample[] {
    const { source } = this.#settings.route;
    const labels = { stage: 'fingerprint', partition: String(source) };
    return watermarkSamples(labels, new Map([[source, this.watermark]]));
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  #metadata(): string {
    return `1;${encodeNumber(this.#partition.watermark)}`;
  }

  #finish(to: number, outputs: Output[]): void {
    for (const [partition, value] of this.#partition.finish(to).entries()) {
      outputs.push({ topic: 'fingerprints', partition, key: null, value });
    }
    this.#position = to;
  }

  #takeEmpty(record: LogRecord): void {
    const tick = record.headers.find(({ key }) => key === TICK_HEADER)?.value;
    const timeMs = tick === undefined || tick === null ? Number.NaN : Number(Buffer.from(tick).toString());
    if (!Number.isSafeInteger(timeMs)) {
      this.counters.tombstones++;
      return;
    }
    this.counters.ticks++;
    this.#partition.witness(timeMs);
  }

  #take(record: LogRecord, value: Uint8Array, decoded: Decoded | readonly Decoded[], outputs: Output[]): void {
    if ('kind' in decoded) this.#takeDecoded(record, value, decoded, outputs);
    else for (const one of decoded) this.#takeDecoded(record, value, one, outputs);
  }

  #takeDecoded(record: LogRecord, value: Uint8Array, decoded: Decoded, outputs: Output[]): void {
    if (decoded.kind === 'rejection') {
      this.#reject(record, value, decoded.reason, decoded.detail, outputs);
      return;
    }
    if (decoded.kind === 'ignored') {
      add(this.counters.ignored, decoded.reason);
      return;
    }
    if (decoded.kind === 'deletion') {
      this.counters.deletions++;
      this.#partition.delete(this.#dated(decoded.deletion, record), record.offset);
      return;
    }
    const { timestampMs } = record;
    const { eventTime } = this.#settings;
    if (eventTime === 'payload' && decoded.post.createdAt > timestampMs + AHEAD_MAX_MS) {
      this.#reject(record, value, 'time_ahead', 'createdAt is more than 10 minutes after the broker took it', outputs);
      return;
    }
    const post = eventTime === 'payload' ? decoded.post : { ...decoded.post, createdAt: timestampMs };
    const taken = this.#partition.take(post, record.offset, this.#evidence(post, value));
    if (post.editedAt !== undefined || post.replaces !== undefined) this.#edited++;
    if (taken === 'entry') this.counters.accepted++;
    else if (taken === 'late') {
      this.counters.late++;
      this.#deadLetter(record, value, 'late', undefined, outputs);
    } else if (post.repostOf === undefined) this.counters.nothingToCompare++;
    else this.counters.nativeReposts++;
  }

  /** The record as it came where it is the canonical post in few bytes; else the post written anew. */
  #evidence(post: Post, value: Uint8Array): Uint8Array {
    const isKept = this.#decoder.isCanonical && value[0] === 0x7b && value.byteLength <= KEPT_BYTES_MAX;
    return isKept ? value : evidenceBytes(post);
  }

  /** A deletion is taken whatever its clock says: at the broker's time where it runs ahead. */
  #dated(deletion: Deletion, { timestampMs }: LogRecord): Deletion {
    const { eventTime } = this.#settings;
    const isTold = eventTime === 'payload' && deletion.createdAt <= timestampMs + AHEAD_MAX_MS;
    return isTold ? deletion : { ...deletion, createdAt: timestampMs };
  }

  #reject(record: LogRecord, value: Uint8Array, reason: RejectionReason, detail: string, outputs: Output[]): void {
    add(this.counters.rejected, reason);
    this.#settings.onRejected?.(record.offset, reason, detail);
    this.#deadLetter(record, value, reason, detail, outputs);
  }

  #deadLetter(
    { offset }: LogRecord,
    value: Uint8Array,
    reason: RejectionReason | 'late',
    detail: string | undefined,
    outputs: Output[],
  ): void {
    const { deadLettersOf, route } = this.#settings;
    if (deadLettersOf === undefined) return;
    add(this.#deadLetters, reason);
    const headers = {
      'chorus-reason': detail === undefined ? reason : `${reason}: ${detail}`,
      'chorus-topic': deadLettersOf,
      'chorus-partition': String(route.source),
      'chorus-offset': String(offset),
    };
    const isCut = value.byteLength > DEAD_LETTER_BYTES_MAX;
    outputs.push({
      topic: 'deadLetters',
      partition: 0,
      key: null,
      value: isCut ? value.subarray(0, DEAD_LETTER_BYTES_MAX) : value,
      headers: isCut ? { ...headers, 'chorus-bytes': String(value.byteLength) } : headers,
    });
  }
}

function add<Reason extends string>(counts: Map<Reason, number>, reason: Reason): void {
  counts.set(reason, (counts.get(reason) ?? 0) + 1);
}

/** Each reason from the start: a rate needs the 0 before the first one. */
function byReason(name: MetricName, reasons: readonly string[], counts: ReadonlyMap<string, number>): Sample[] {
  return reasons.map((reason): Sample => ({ name, labels: { reason }, value: counts.get(reason) ?? 0 }));
}

function watermarkOf(metadata: string): number {
  const [version, watermark, ...rest] = metadata.split(';');
  if (version !== '1' || rest.length > 0) throw notOurs(metadata);
  return decodeNumber(watermark);
}
