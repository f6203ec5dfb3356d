/**
 * One partition of the feed topic: records in, a frame for every partition of `fingerprints` out.
 *
 * Every record read is counted once: as taken, rejected, late, or none of a post's concern.
 */
import { Buffer } from 'node:buffer';
import { decodeNumber, encodeNumber } from '../frames/chain.ts';
import type { FrameRoute } from '../frames/frame.ts';
import type { FingerprintSettings } from '../fingerprints/fingerprint.ts';
import type { Sample } from '../metrics.ts';
import type { Decoded, Post, RejectionReason } from '../model.ts';
import { FingerprintStage } from '../stages/fingerprint.ts';
import { SourcePartition } from '../stages/source-partition.ts';
import { KEPT_BYTES_MAX } from './evidence.ts';
import { notOurs, type Beginning, type LogRecord, type Output, type Step, type Task } from './task.ts';

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
}

export interface RecordDecoder {
  decode(value: Uint8Array): Decoded | Promise<Decoded>;
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
  readonly rejected: Map<RejectionReason, number>;
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
    rejected: new Map(),
  };
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
      if (record.value === null) this.#takeEmpty(record);
      else await this.#take(record, record.value, outputs);
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
    const { accepted, nativeReposts, nothingToCompare, late, tombstones, ticks, rejected } = this.counters;
    const plain = { labels: {} };
    return [
      { name: 'posts_accepted_total', ...plain, value: accepted },
      { name: 'posts_reposts_total', ...plain, value: nativeReposts },
      { name: 'posts_empty_total', ...plain, value: nothingToCompare },
      { name: 'posts_late_total', ...plain, value: late },
      { name: 'tombstones_total', ...plain, value: tombstones },
      { name: 'ticks_total', ...plain, value: ticks },
      ...Array.from(rejected, ([reason, value]): Sample => ({
        name: 'posts_rejected_total',
        labels: { reason },
        value,
      })),
      { name: 'watermark_seconds', labels: this.#labels(), value: this.watermark / 1000 },
    ];
  }

  #labels(): Record<string, string> {
    return { stage: 'fingerprint', partition: String(this.#settings.route.source) };
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

  async #take(record: LogRecord, value: Uint8Array, outputs: Output[]): Promise<void> {
    const answer = this.#decoder.decode(value);
    // A promise costs a turn of the event loop: only a schema that is not known yet is worth one.
    const decoded = answer instanceof Promise ? await answer : answer;
    if (decoded.kind !== 'post') {
      this.#reject(record, value, decoded.reason, decoded.detail, outputs);
      return;
    }
    const { timestampMs } = record;
    const { eventTime } = this.#settings;
    if (eventTime === 'payload' && decoded.post.createdAt > timestampMs + AHEAD_MAX_MS) {
      this.#reject(record, value, 'time_ahead', 'createdAt is more than 10 minutes after the broker took it', outputs);
      return;
    }
    const post = eventTime === 'payload' ? decoded.post : { ...decoded.post, createdAt: timestampMs };
    const taken = this.#partition.take(post, record.offset, evidenceBytes(post, value));
    if (taken === 'entry') this.counters.accepted++;
    else if (taken === 'late') {
      this.counters.late++;
      this.#deadLetter(record, value, 'late', outputs);
    } else if (post.repostOf === undefined) this.counters.nothingToCompare++;
    else this.counters.nativeReposts++;
  }

  #reject(record: LogRecord, value: Uint8Array, reason: RejectionReason, detail: string, outputs: Output[]): void {
    const { rejected } = this.counters;
    rejected.set(reason, (rejected.get(reason) ?? 0) + 1);
    this.#deadLetter(record, value, `${reason}: ${detail}`, outputs);
  }

  #deadLetter({ offset }: LogRecord, value: Uint8Array, reason: string, outputs: Output[]): void {
    const { deadLettersOf, route } = this.#settings;
    if (deadLettersOf === undefined) return;
    const headers = {
      'chorus-reason': reason,
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

/** The record as it came where it is the canonical post in few bytes; else the post written anew. */
function evidenceBytes(post: Post, value: Uint8Array): Uint8Array {
  const isCanonical = value[0] === 0x7b && value.byteLength <= KEPT_BYTES_MAX;
  return isCanonical ? value : Buffer.from(JSON.stringify(post));
}

function watermarkOf(metadata: string): number {
  const [version, watermark, ...rest] = metadata.split(';');
  if (version !== '1' || rest.length > 0) throw notOurs(metadata);
  return decodeNumber(watermark);
}
