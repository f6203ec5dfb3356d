/**
 * Records of any source -> the feed topic, as canonical JSON by account, or as they are.
 *
 * I1  A position is told as safe only when the brokers have acknowledged everything before it. So what is killed at any moment
 *     and started again from the last safe position has lost nothing; some of it is sent twice.
 * I2  Memory is one request under way and one of at most GATHERED_BYTES_MAX being gathered: `write` waits for room.
 */
import { Buffer } from 'node:buffer';
import { setTimeout as sleep } from 'node:timers/promises';
import type { CursorFile } from '../consumers/feeds/cursor.ts';
import { backoffMs } from '../consumers/feeds/backoff.ts';
import type { LiveFeed } from '../consumers/feeds/source.ts';
import type { RecordBatch } from '../consumers/records.ts';
import { ChorusError } from '../errors.ts';
import { hashStrings } from '../fingerprints/hash.ts';
import type { KafkaClient } from '../kafka/client.ts';
import { topicMissingError } from '../kafka/feed.ts';
import { FrameProducer, type OutgoingRecord } from '../kafka/producer.ts';
import { lastingError, messageOf, sleepUntil } from '../kafka/wire.ts';
import type { Decoded, Deletion, Post, RejectionReason } from '../model.ts';

export interface IngestOptions {
  readonly client: KafkaClient;
  readonly topic: string;
  /** Where rejected records go; undefined where they are only counted. */
  readonly deadLetters: string | undefined;
  /** As dead letters name it. */
  readonly source: string;
  /** Records go as they came, in place of what was decoded. */
  readonly isRaw: boolean;
  /** Told when everything before a position is stored. */
  readonly onSafe: (positionMs: number) => void;
  /** Told of each attempt that failed and is repeated. */
  readonly onRetry: (detail: string) => void;
  /** Of a rejected record; holds nothing of its text. */
  readonly onRejected?: (reason: RejectionReason, detail: string) => void;
}

export interface IngestCounters {
  records: number;
  posts: number;
  deletions: number;
  ignored: number;
  rejected: number;
  readonly rejectedByReason: Map<RejectionReason, number>;
  /** Acknowledged by the brokers. */
  written: number;
  deadLetters: number;
  /** Gathered and under way. */
  waiting: number;
  retries: number;
}

const GATHERED_BYTES_MAX = 4_000_000;
/** A record of the topic, with its key and what the log takes beside it, must stay below the producer's bound for a batch. */
const VALUE_BYTES_MAX = 900_000;
const BACKOFF = { firstMs: 500, maxMs: 10_000 };

export class Ingest {
  readonly counters: IngestCounters = {
    records: 0,
    posts: 0,
    deletions: 0,
    ignored: 0,
    rejected: 0,
    rejectedByReason: new Map(),
    written: 0,
    deadLetters: 0,
    waiting: 0,
    retries: 0,
  };
  readonly #options: IngestOptions;
  readonly #producer: FrameProducer;
  #partitions = 1;
  #records: OutgoingRecord[] = [];
  #dead: OutgoingRecord[] = [];
  #bytes = 0;
  #positionMs: number | undefined;
  #pumping: Promise<void> | undefined;
  #failure: unknown;
  #wake: () => void = () => undefined;

  constructor(options: IngestOptions) {
    this.#options = options;
    this.#producer = new FrameProducer(options.client);
  }

  /** Waits for the brokers for as long as it takes. @throws ChorusError `topic_missing`, `kafka_login`; what the signal says */
  async open(signal: AbortSignal): Promise<void> {
    const { client, topic } = this.#options;
    await this.#patiently(async () => {
      await this.#producer.connect();
      this.#partitions = await partitionsOf(client, topic);
    }, signal);
  }

  /**
   * Takes the records of a batch, `[from, to)` of them; resolves when there is room for more.
   * @param positionMs where to go on once all of them are stored
   * @throws ChorusError `send_failed` and others of the producer
   */
  async write(
    records: RecordBatch,
    positionMs: number | undefined,
    from = 0,
    to: number = records.count,
  ): Promise<void> {
    for (let i = from; i < to; i++) this.#take(records, i);
    this.#positionMs = positionMs ?? this.#positionMs;
    this.#pumping ??= this.#pump();
    while (this.#bytes > GATHERED_BYTES_MAX && this.#failure === undefined) {
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
    if (this.#failure !== undefined) throw this.#failure;
  }

  /** Resolves when all that was written is stored. @throws as `write` */
  async flush(): Promise<void> {
    await this.#pumping;
    if (this.#failure !== undefined) throw this.#failure;
  }

  /** Gives up what is still under way. */
  async close(): Promise<void> {
    this.#failure ??= new ChorusError('producer_failed', 'ingest: closed');
    this.#wake();
    await this.#producer.disconnect(0);
  }

  async #pump(): Promise<void> {
    // In the next turn, so that what comes in this one goes along.
    await sleep(0);
    while (
      this.#failure === undefined &&
      (this.#records.length + this.#dead.length > 0 || this.#positionMs !== undefined)
    ) {
      const [records, dead, positionMs] = [this.#records, this.#dead, this.#positionMs];
      this.#records = [];
      this.#dead = [];
      this.#bytes = 0;
      this.#positionMs = undefined;
      this.#wake();
      try {
        await this.#send(records, dead);
        if (positionMs !== undefined) this.#options.onSafe(positionMs);
      } catch (error) {
        this.#failure = error;
      }
    }
    this.#pumping = undefined;
    this.#wake();
  }

  async #send(records: readonly OutgoingRecord[], dead: readonly OutgoingRecord[]): Promise<void> {
    const { topic, deadLetters } = this.#options;
    let isAgain = false;
    await this.#patiently(async () => {
      if (isAgain) await this.#producer.reset();
      isAgain = true;
      const sent = [this.#producer.send(topic, records)];
      if (deadLetters !== undefined) sent.push(this.#producer.send(deadLetters, dead));
      await Promise.all(sent);
    });
    this.counters.written += records.length;
    this.counters.deadLetters += dead.length;
    this.counters.waiting -= records.length + dead.length;
  }

  /** Again and again as long as another attempt may do. */
  async #patiently(work: () => Promise<void>, signal?: AbortSignal): Promise<void> {
    for (let attempt = 0; ; attempt++) {
      try {
        await work();
        return;
      } catch (error) {
        const lasting = lastingError(error, 'ingest');
        if (lasting !== undefined) throw lasting;
        if (this.#failure !== undefined || signal?.aborted === true) throw error;
        this.counters.retries++;
        this.#options.onRetry(messageOf(error));
        await sleepUntil(backoffMs(attempt, undefined, Math.random(), BACKOFF), signal);
      }
    }
  }

  #take(records: RecordBatch, i: number): void {
    const decoded = records.decode(i);
    const all = 'kind' in decoded ? [decoded] : decoded;
    let key: string | undefined;
    for (const one of all) key = this.#takeOne(one, records, i) ?? key;
    if (this.#options.isRaw && key !== undefined) this.#add(key, Buffer.from(records.bytes(i)));
  }

  /** The key of what is to be written; undefined for nothing. */
  #takeOne(decoded: Decoded, records: RecordBatch, i: number): string | undefined {
    const { counters } = this;
    const { isRaw } = this.#options;
    counters.records++;
    switch (decoded.kind) {
      case 'ignored':
        counters.ignored++;
        return undefined;
      case 'rejection':
        this.#reject(decoded.reason, decoded.detail, records.bytes(i));
        return undefined;
      case 'post': {
        const line = isRaw ? records.bytes(i) : postLine(decoded.post);
        return this.#accept('posts', feedKey(decoded.post), line, records.bytes(i));
      }
      case 'deletion': {
        const line = isRaw ? records.bytes(i) : deletionLine(decoded.deletion);
        return this.#accept('deletions', `${decoded.deletion.platform}:${decoded.deletion.id}`, line, records.bytes(i));
      }
    }
  }

  #accept(kind: 'posts' | 'deletions', key: string, line: string | Uint8Array, bytes: Uint8Array): string | undefined {
    if (Buffer.byteLength(line) + Buffer.byteLength(key) > VALUE_BYTES_MAX) {
      this.#reject('line_too_long', `as a record of the topic it has more than ${VALUE_BYTES_MAX} bytes`, bytes);
      return undefined;
    }
    this.counters[kind]++;
    if (!this.#options.isRaw) this.#add(key, line as string);
    return key;
  }

  #add(key: string, value: string | Buffer): void {
    const partition = feedPartition(key, this.#partitions);
    this.#records.push({ partition, key, value });
    this.#bytes += Buffer.byteLength(value);
    this.counters.waiting++;
  }

  #reject(reason: RejectionReason, detail: string, bytes: Uint8Array): void {
    const { counters } = this;
    const { deadLetters, source, onRejected } = this.#options;
    counters.rejected++;
    counters.rejectedByReason.set(reason, (counters.rejectedByReason.get(reason) ?? 0) + 1);
    onRejected?.(reason, detail);
    if (deadLetters === undefined) return;
    const isCut = bytes.length > VALUE_BYTES_MAX;
    const headers = { 'chorus-reason': `${reason}: ${detail}`, 'chorus-source': source };
    this.#dead.push({
      partition: 0,
      key: null,
      value: Buffer.from(isCut ? bytes.subarray(0, VALUE_BYTES_MAX) : bytes),
      headers: isCut ? { ...headers, 'chorus-bytes': String(bytes.length) } : headers,
    });
    this.#bytes += Math.min(bytes.length, VALUE_BYTES_MAX);
    counters.waiting++;
  }
}

/**
 * A live source into the topic until the signal, from where the last run was safe.
 * @throws ChorusError of the source and of the brokers
 */
export async function ingestLive(
  feed: LiveFeed,
  ingest: Ingest,
  cursor: CursorFile | undefined,
  signal: AbortSignal,
): Promise<void> {
  for await (const { records, positionMs } of feed.batches(signal, cursor?.load())) {
    await ingest.write(records, positionMs);
  }
  await ingest.flush();
  cursor?.flush();
}

/** Key of a post's record: what one account posts stays in order. */
export function feedKey({ platform, account }: Pick<Post, 'platform' | 'account'>): string {
  return `${platform}:${account}`;
}

/** Where records of that key go, in all that writes into a feed topic. */
export function feedPartition(key: string, partitions: number): number {
  return (hashStrings(key).lo >>> 0) % partitions;
}

function postLine(post: Post): string {
  return JSON.stringify(post);
}

function deletionLine({ platform, id, createdAt }: Deletion): string {
  return JSON.stringify({ platform, id, createdAt, deleted: true });
}

export async function partitionsOf(client: KafkaClient, topic: string): Promise<number> {
  const admin = client.admin();
  await admin.connect();
  try {
    if (!(await admin.listTopics()).includes(topic)) throw topicMissingError(topic);
    const { topics } = await admin.fetchTopicMetadata({ topics: [topic] });
    return topics[0]!.partitions.length;
  } finally {
    await admin.disconnect();
  }
}
