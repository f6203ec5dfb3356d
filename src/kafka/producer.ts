/**
 * Sends records and waits until all in-sync replicas have them. One request is under way at a time; what is sent meanwhile goes
 * together in the next.
 *
 * Idempotent, so a request that kafkajs repeats after a lost answer is stored once. kafkajs keeps the sequence numbers for that
 * by hand and rolls them back after a failure, so after one nothing can be said of them: the producer refuses all further work
 * until `reset` makes a new one.
 */
import type { Message, TopicMessages } from 'kafkajs';
import { ChorusError } from '../errors.ts';
import type { KafkaClient, WireProducer } from './client.ts';
import { COMPRESSION_TYPES, type Compression } from './codecs.ts';
import { topicMissingError } from './feed.ts';
import { faultOf, lastingError, messageOf, sleepUntil } from './wire.ts';

export interface OutgoingRecord {
  readonly partition: number;
  readonly key: Buffer | string | null;
  /** null is a tombstone. */
  readonly value: Buffer | string | null;
  readonly headers?: Readonly<Record<string, Buffer | string>>;
}

export interface ProducerOptions {
  readonly compression?: Compression;
  /** Of all records of one partition in a request: they are one batch, which the broker bounds by max.message.bytes. */
  readonly batchBytesMax?: number;
  /** Of one record, which may be a larger batch of its own. */
  readonly recordBytesMax?: number;
  readonly requestBytesMax?: number;
}

export interface ProducerCounters {
  records: number;
  bytes: number;
  requests: number;
  /** Time with a request under way. */
  sendSeconds: number;
}

const DEFAULTS = {
  compression: 'none',
  batchBytesMax: 1_000_000,
  recordBytesMax: 4_190_000,
  requestBytesMax: 8_388_608,
} as const;

/** How often the topics of a request that takes its time are looked at, and how long one must be unknown to be taken for deleted. */
const TOPIC_LOOK_MS = 2000;
const TOPIC_MISSING_MS = 5000;

/** Above what the fields of a record and the header of its batch take. */
const RECORD_OVERHEAD_BYTES = 100;

interface Pending {
  readonly topic: string;
  readonly records: readonly OutgoingRecord[];
  readonly bytes: number;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
  /** Of its records those that are in a request already. */
  begun: number;
}

interface Request {
  readonly topicMessages: TopicMessages[];
  /** What is complete once this request is answered. */
  readonly finished: readonly Pending[];
}

export class FrameProducer {
  readonly counters: ProducerCounters = { records: 0, bytes: 0, requests: 0, sendSeconds: 0 };
  readonly #client: KafkaClient;
  readonly #options: Required<ProducerOptions>;
  #wire: WireProducer;
  #failure: ChorusError | undefined;
  #pending: Pending[] = [];
  #draining: Promise<void> | undefined;
  #queue = { records: 0, bytes: 0 };

  constructor(client: KafkaClient, options: ProducerOptions = {}) {
    this.#client = client;
    this.#options = { ...DEFAULTS, ...options };
    this.#wire = client.producer();
  }

  /** What was sent and is not acknowledged. */
  get queue(): { readonly records: number; readonly bytes: number } {
    return this.#queue;
  }

  /** Of one request, and one is under way at a time. */
  get requestLimitBytes(): number {
    return this.#options.requestBytesMax;
  }

  /** @throws ChorusError `kafka_unreachable`, `kafka_login` */
  async connect(): Promise<void> {
    try {
      await this.#wire.producer.connect();
    } catch (error) {
      throw lastingError(error, 'producer: connecting') ?? sendError('connecting', error, 'kafka_unreachable');
    }
  }

  /**
   * In the order given, within each partition. Resolves when all are stored; after an error some may be.
   * @throws ChorusError `frame_too_large` (nothing was sent), `topic_missing`, `send_failed`, `producer_failed` (see `reset`)
   */
  send(topic: string, records: readonly OutgoingRecord[]): Promise<void> {
    if (this.#failure !== undefined) return Promise.reject(failedBefore(this.#failure));
    let bytes = 0;
    for (const record of records) {
      const size = bytesOf(record);
      if (size > this.#options.recordBytesMax) {
        return Promise.reject(tooLarge(topic, record, this.#options.recordBytesMax));
      }
      bytes += size;
    }
    if (records.length === 0) return Promise.resolve();
    this.#queue.records += records.length;
    this.#queue.bytes += bytes;
    return new Promise((resolve, reject) => {
      this.#pending.push({ topic, records, bytes, resolve, reject, begun: 0 });
      // In the next turn, so that what others send in this one goes along.
      this.#draining ??= new Promise((drained) => {
        setImmediate(() => drained(this.#drain()));
      });
    });
  }

  /** After a failure: a new producer, with a new identity. What was waiting has been rejected. */
  async reset(): Promise<void> {
    await this.#draining;
    await this.#wire.close();
    this.#wire = this.#client.producer();
    this.#failure = undefined;
    await this.connect();
  }

  /** What is being sent may take so long to be stored; then it is given up, and may be stored or not. */
  async disconnect(disconnectMaxMs = 5000): Promise<void> {
    this.#failure ??= new ChorusError('producer_failed', 'producer: disconnected');
    await Promise.race([this.#draining, sleepUntil(disconnectMaxMs)]);
    await this.#wire.close();
  }

  async #drain(): Promise<void> {
    while (this.#pending.length > 0) {
      const { topicMessages, finished } = this.#nextRequest();
      const startMs = performance.now();
      try {
        await this.#sendBatch(topicMessages);
        this.counters.requests += 1;
        for (const { records, bytes, resolve } of finished) {
          this.#queue.records -= records.length;
          this.#queue.bytes -= bytes;
          resolve();
        }
      } catch (error) {
        const failure =
          lastingError(error, 'producer: sending') ??
          sendError(`sending to ${topicMessages.map(({ topic }) => topic).join(', ')}`, error, 'send_failed');
        this.#failure = failure as ChorusError;
        for (const { reject } of [...finished, ...this.#pending]) reject(failure);
        this.#pending = [];
        this.#queue = { records: 0, bytes: 0 };
      } finally {
        this.counters.sendSeconds += (performance.now() - startMs) / 1000;
      }
    }
    this.#draining = undefined;
  }

  async #sendBatch(topicMessages: TopicMessages[]): Promise<void> {
    const compression = COMPRESSION_TYPES[this.#options.compression];
    const sending = this.#wire.producer.sendBatch({ topicMessages, acks: -1, compression });
    const sent = new AbortController();
    const watching = this.#watchTopics(topicMessages, sent.signal).then(() => sending);
    // The one that is not waited for in the end may fail too.
    void Promise.allSettled([sending, watching]);
    await Promise.race([sending, watching]).finally(() => sent.abort());
  }

  /**
   * kafkajs repeats a request for a minute where a topic is gone, as where a broker is away, and names no topic in the end. Ends with the
   * signal. @throws ChorusError `topic_missing`
   */
  async #watchTopics(topicMessages: readonly TopicMessages[], signal: AbortSignal): Promise<void> {
    const sinceMs = new Map<string, number>();
    for (;;) {
      await sleepUntil(TOPIC_LOOK_MS, signal);
      for (const { topic } of topicMessages) {
        if (signal.aborted) return;
        const fault = await this.#faultOfTopic(topic);
        if (fault !== 'UNKNOWN_TOPIC_OR_PARTITION') sinceMs.delete(topic);
        else if (!sinceMs.has(topic)) sinceMs.set(topic, performance.now());
        else if (performance.now() - sinceMs.get(topic)! >= TOPIC_MISSING_MS) throw topicMissingError(topic);
      }
    }
  }

  /** Over a connection of its own: those of the producer are busy with the request. Undefined where the topic is there. */
  async #faultOfTopic(topic: string): Promise<string | undefined> {
    const wire = this.#client.wire();
    try {
      await wire.cluster.connect();
      await wire.cluster.addTargetTopic(topic);
      return undefined;
    } catch (error) {
      return faultOf(error);
    } finally {
      await wire.close();
    }
  }

  /** As much of what waits as the bounds allow, in order: a partition whose batch is full ends the request. */
  #nextRequest(): Request {
    const { batchBytesMax, requestBytesMax } = this.#options;
    const messages = new Map<string, Message[]>();
    const batchBytes = new Map<string, number>();
    const finished: Pending[] = [];
    let requestBytes = 0;
    for (const pending of this.#pending) {
      const ofTopic = messages.get(pending.topic) ?? [];
      messages.set(pending.topic, ofTopic);
      while (pending.begun < pending.records.length) {
        const record = pending.records[pending.begun]!;
        const bytes = bytesOf(record);
        const batch = `${record.partition} ${pending.topic}`;
        const ofBatch = (batchBytes.get(batch) ?? 0) + bytes;
        const isOver = ofBatch > batchBytesMax && ofBatch > bytes;
        if (isOver || (requestBytes > 0 && requestBytes + bytes > requestBytesMax)) {
          return this.#taken(messages, finished);
        }
        batchBytes.set(batch, ofBatch);
        requestBytes += bytes;
        pending.begun += 1;
        this.counters.records += 1;
        this.counters.bytes += bytes;
        ofTopic.push(messageFrom(record));
      }
      finished.push(pending);
    }
    return this.#taken(messages, finished);
  }

  #taken(messages: ReadonlyMap<string, Message[]>, finished: Pending[]): Request {
    this.#pending = this.#pending.slice(finished.length);
    const topicMessages = Array.from(messages, ([topic, list]) => ({ topic, messages: list }));
    return { topicMessages: topicMessages.filter((entry) => entry.messages.length > 0), finished };
  }
}

function messageFrom({ partition, key, value, headers }: OutgoingRecord): Message {
  return { partition, key, value, ...(headers === undefined ? {} : { headers: { ...headers } }) };
}

function bytesOf({ key, value, headers }: OutgoingRecord): number {
  let bytes = RECORD_OVERHEAD_BYTES + lengthOf(key) + lengthOf(value);
  for (const [name, content] of Object.entries(headers ?? {})) bytes += 10 + lengthOf(name) + lengthOf(content);
  return bytes;
}

function lengthOf(content: Buffer | string | null): number {
  return content === null ? 0 : Buffer.byteLength(content);
}

function tooLarge(topic: string, record: OutgoingRecord, bound: number): ChorusError {
  return new ChorusError(
    'frame_too_large',
    `${topic}/${record.partition}: a record of ${bytesOf(record)} bytes, must be at most ${bound}: ` +
      'cut the batch it is made of into smaller ones, or raise the bound together with max.message.bytes of the topic',
  );
}

function sendError(doing: string, error: unknown, code: string): ChorusError {
  return new ChorusError(code, `producer: ${doing}: ${messageOf(error)}; what was being sent may be stored or not`, {
    retryable: true,
    cause: error,
  });
}

function failedBefore(failure: ChorusError): ChorusError {
  return new ChorusError('producer_failed', `producer: unusable since it failed, reset it: ${failure.message}`, {
    retryable: true,
    cause: failure,
  });
}
