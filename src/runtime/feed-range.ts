/**
 * Posts of a range of a feed topic, outside of any group: nothing is committed, nothing written.
 *
 * Event time, lateness and ticks are those of a deployment, since each partition runs through its task for the first stage
 * (fingerprint-task.ts); the frames that it makes for a single target are opened again here.
 */
import type { RecordFormat } from '../consumers/formats/format.ts';
import { ChorusError, ConfigError, InputError, InvariantError } from '../errors.ts';
import { ENTRY_WORDS_MAX, entryIsRetraction, entryTimeMs } from '../frames/entry.ts';
import { FingerprintsFrame } from '../frames/fingerprints.ts';
import { PLACE_WORDS, writePlace } from '../frames/place.ts';
import type { KafkaClient } from '../kafka/client.ts';
import type { KafkaBatch } from '../kafka/group.ts';
import { readRange } from '../kafka/reader.ts';
import type { RejectionReason } from '../model.ts';
import { RecordDecoder } from '../registry/decoder.ts';
import type { Registry } from '../registry/registry.ts';
import type { FeedPart } from './feed-bounds.ts';
import { FingerprintTask, type EventTime } from './fingerprint-task.ts';
import { emptyCounts, type EntryTarget, type FeedCounts, type PostSource } from './post-source.ts';
import { Rejections } from './rejections.ts';
import type { Output } from './task.ts';

export interface FeedRangeOptions {
  readonly client: KafkaClient;
  readonly topic: string;
  /** Every partition of the topic, at its index. */
  readonly parts: readonly RangePart[];
  readonly eventTime: EventTime;
  readonly outOfOrdernessMs: number;
  readonly format: RecordFormat;
  /** Undefined where none is configured. */
  readonly registry: Registry | undefined;
  /** Whether samples of alerts tell their records. */
  readonly hasProvenance: boolean;
  /** Event time that counts: posts at or after it are of no interest. Infinity for all. */
  readonly untilMs: number;
}

export interface RangePart extends FeedPart {
  /**
   * Up to this offset records are read for the sake of those behind it: what lies before the range is taken to be no later
   * than the latest of them. Undefined where nothing lies before the range.
   */
  readonly leadTo: number | undefined;
  /** False where the log goes on behind `to`. */
  readonly isToEnd: boolean;
}

/** Not looked at: the frames go nowhere. */
const TOPOLOGY = '0'.repeat(16);

export class FeedRange implements PostSource {
  readonly inputs: readonly string[];
  readonly rejections = new Rejections();
  readonly counts = emptyCounts('records');
  readonly #options: FeedRangeOptions;
  readonly #tasks: FingerprintTask[] = [];
  readonly #placed = new Uint32Array(ENTRY_WORDS_MAX + PLACE_WORDS);
  /** Event time up to which something may lie before the range. */
  #unknownMs = -Infinity;

  constructor(options: FeedRangeOptions) {
    const { topic, parts } = options;
    this.#options = options;
    this.inputs = [topic];
    this.counts.progress.total = parts.reduce((sum, { from, to }) => sum + to - from, 0);
  }

  get feed(): FeedCounts {
    const { topic, parts } = this.#options;
    const total = { late: 0, ticks: 0, tombstones: 0 };
    for (const { counters } of this.#tasks) {
      total.late += counters.late;
      total.ticks += counters.ticks;
      total.tombstones += counters.tombstones;
    }
    return { topic, ...total, partitions: parts.map(({ partition, from, to }) => ({ partition, from, to })) };
  }

  get provenance(): string | undefined {
    return this.#options.hasProvenance ? this.#options.topic : undefined;
  }

  /** Event time, not before which all posts are known, once all is read; -Infinity where nothing lies before the range. */
  get knownFromMs(): number {
    return this.#unknownMs;
  }

  /** What is not read of a partition may be as early as its watermark. */
  endMs(): number {
    const { parts, untilMs } = this.#options;
    if (untilMs === Infinity) return Infinity;
    const cut = parts.flatMap(({ isToEnd }, i) => (isToEnd ? [] : [this.#tasks[i]?.watermark ?? -Infinity]));
    return Math.min(untilMs, ...cut);
  }

  /** @throws InputError for what the topic, the brokers or the registry do not give */
  async read(target: EntryTarget, signal: AbortSignal | undefined): Promise<undefined> {
    try {
      for (const part of this.#options.parts) await this.#readPart(part, target, signal);
    } catch (error) {
      if (signal?.aborted !== true || error !== signal.reason) throw inputError(this.#options.topic, error);
    }
    return undefined;
  }

  async #readPart(part: RangePart, target: EntryTarget, signal: AbortSignal | undefined): Promise<void> {
    const { partition, from, to, leadTo } = part;
    const task = this.#task(partition, target);
    this.#tasks.push(task);
    task.begin(from);
    const reading: Reading = { task, partition, target, signal };
    if (leadTo !== undefined) {
      await this.#take(reading, from, leadTo);
      this.#unknownMs = Math.max(this.#unknownMs, task.watermark + this.#options.outOfOrdernessMs);
    }
    await this.#take(reading, leadTo ?? from, to);
  }

  #task(partition: number, { fingerprint }: EntryTarget): FingerprintTask {
    const { topic, parts, eventTime, outOfOrdernessMs, registry, format } = this.#options;
    return new FingerprintTask(
      {
        fingerprint,
        route: { topology: TOPOLOGY, source: partition, sources: parts.length, targets: 1 },
        outOfOrdernessMs,
        eventTime,
        // Dead letters tell what was rejected and why.
        deadLettersOf: topic,
      },
      new RecordDecoder(registry, format),
    );
  }

  async #take({ task, partition, target, signal }: Reading, from: number, to: number): Promise<void> {
    const { counts } = this;
    let position = from;
    for await (const { records, next } of this.#batches(partition, from, to, signal)) {
      const before = { ...task.counters, ignored: new Map(task.counters.ignored) };
      const { outputs } = await task.process(records, next);
      for (const output of outputs) {
        if (output.topic === 'fingerprints') this.#takeFrame(output.value, target);
        else this.#reject(output, partition);
      }
      const { counters } = task;
      const nativeReposts = counters.nativeReposts - before.nativeReposts;
      const nothingToCompare = counters.nothingToCompare - before.nothingToCompare;
      counts.lines += records.length;
      counts.nativeReposts += nativeReposts;
      counts.nothingToCompare += nothingToCompare;
      counts.deletions += counters.deletions - before.deletions;
      for (const [reason, count] of counters.ignored) {
        const more = count - (before.ignored.get(reason) ?? 0);
        if (more > 0) counts.ignored.set(reason, (counts.ignored.get(reason) ?? 0) + more);
      }
      counts.posts += counters.accepted - before.accepted + nativeReposts + nothingToCompare;
      for (const { valueStart, valueEnd } of records) counts.bytesRead += Math.max(0, valueEnd - valueStart);
      counts.progress.done += next - position;
      position = next;
      target.onProgress();
    }
  }

  #batches(partition: number, from: number, to: number, signal: AbortSignal | undefined): AsyncGenerator<KafkaBatch> {
    const { client, topic } = this.#options;
    return readRange(client, { topic, partition, from, to, ...(signal === undefined ? {} : { signal }) });
  }

  #takeFrame(bytes: Uint8Array, target: EntryTarget): void {
    const { counts } = this;
    const { untilMs } = this.#options;
    const frame = new FingerprintsFrame(bytes);
    const { words, starts } = frame;
    for (let i = 0; i < starts.length; i++) {
      const start = starts[i]!;
      const timeMs = entryTimeMs(words, start);
      if (!entryIsRetraction(words, start)) {
        if (timeMs < counts.firstMs) counts.firstMs = timeMs;
        if (timeMs > counts.lastMs) counts.lastMs = timeMs;
      }
      if (timeMs >= untilMs) continue;
      const end = starts[i + 1] ?? words.length;
      const placed = this.#placed;
      placed.set(words.subarray(start, end));
      writePlace(placed, end - start, { partition: frame.header.source, offset: frame.offset(i) });
      target.append(placed, end - start + PLACE_WORDS, frame.evidence(i));
    }
  }

  #reject({ value, headers }: Output, partition: number): void {
    const [reason, ...detail] = headers!['chorus-reason']!.split(': ');
    if (reason === 'late') return;
    const input = `${this.#options.topic}/${partition}`;
    const offset = Number(headers!['chorus-offset']);
    this.rejections.add(reason as RejectionReason, detail.join(': '), input, offset, value);
  }
}

interface Reading {
  readonly task: FingerprintTask;
  readonly partition: number;
  readonly target: EntryTarget;
  readonly signal: AbortSignal | undefined;
}

/** What Kafka or the registry say is a matter of the input; the rest is none. @internal */
export function inputError(topic: string, error: unknown): unknown {
  const isOther = error instanceof InputError || error instanceof InvariantError || error instanceof ConfigError;
  if (!(error instanceof ChorusError) || isOther || error.code.startsWith('sorter_')) return error;
  return new InputError('input_unreadable', `topic ${topic}`, error.message, {
    cause: error,
    retryable: error.retryable,
  });
}
