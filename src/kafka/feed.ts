/**
 * Keeps a batch ready for each partition while the one before it is worked on.
 *
 * kafkajs asks for more only when all batches of the last answer are done, so either the network or the work stands still.
 * Here one loop per broker asks for every partition that has none waiting. At most two batches of a partition are in memory:
 * one with its handler, one here.
 */
import { ChorusError } from '../errors.ts';
import { fetchFrom, type Fetched, type FetchOptions } from './fetch.ts';
import { nextOffset } from './records.ts';
import { faultOf, messageOf, Patience, type Cluster, type Log } from './wire.ts';

const OFFSET_OUT_OF_RANGE = 1;
const UNKNOWN_TOPIC = 'UNKNOWN_TOPIC_OR_PARTITION';
/** How long to wait for other partitions while one is full: it may have room again soon, and would wait as long. */
const BUSY_WAIT_MS = 10;

export class PartitionFeed {
  readonly partition: number;
  /** The offset to ask for next. Behind what waits here. */
  position = -1;
  /** The end of the log as last seen. */
  high = -1;
  /** When that was asked for, ms since 1970: what was appended before lies below `high`. -1 if not yet. */
  seenMs = -1;
  paused = false;
  #ready: Fetched | undefined;
  #failure: Error | undefined;
  #wake: (() => void) | undefined;

  constructor(partition: number) {
    this.partition = partition;
  }

  /** Whether a fetch should ask for it. */
  get wants(): boolean {
    return this.position >= 0 && !this.paused && !this.full && this.#failure === undefined;
  }

  get full(): boolean {
    return this.#ready !== undefined;
  }

  /** Bytes that wait here. */
  get readyBytes(): number {
    return this.#ready?.raw.bytes.length ?? 0;
  }

  /** @param askedMs when the fetch went out */
  put(fetched: Fetched, askedMs: number): void {
    if (fetched.raw.from !== this.position || this.full) return;
    this.high = fetched.high;
    this.seenMs = askedMs;
    const next = nextOffset(fetched.raw);
    if (next === this.position) return;
    this.position = next;
    this.#ready = fetched;
    this.wake();
  }

  fail(failure: Error): void {
    this.#failure = failure;
    this.wake();
  }

  wake(): void {
    this.#wake?.();
    this.#wake = undefined;
  }

  /** Waits for a batch. Undefined after the abort. @throws what `fail` was given */
  async take(signal: AbortSignal): Promise<Fetched | undefined> {
    while (!signal.aborted) {
      if (this.#failure !== undefined) throw this.#failure;
      const ready = this.#ready;
      if (ready !== undefined && !this.paused) {
        this.#ready = undefined;
        return ready;
      }
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    return undefined;
  }
}

export interface FetcherOptions extends FetchOptions {
  readonly outageMaxMs: number;
  /** A topic that the brokers do not know for so long is taken for deleted; one that has just started may not know it yet. */
  readonly topicMissingMs: number;
}

export interface FetchCounters {
  fetches: number;
  fetchedBytes: number;
}

/** Fetches for its feeds until the abort. The first error that waiting does not mend goes to `onFatal`. */
export class Fetcher {
  readonly #cluster: Cluster;
  readonly #options: FetcherOptions;
  readonly #feeds: readonly PartitionFeed[];
  readonly #signal: AbortSignal;
  readonly #log: Log;
  readonly #counters: FetchCounters;
  readonly #onFatal: (error: unknown) => void;
  readonly #loops = new Map<number, Promise<void>>();
  readonly #idle = new Set<() => void>();
  #missingSinceMs: number | undefined;

  constructor(
    cluster: Cluster,
    options: FetcherOptions,
    feeds: readonly PartitionFeed[],
    signal: AbortSignal,
    parts: { log: Log; counters: FetchCounters; onFatal: (error: unknown) => void },
  ) {
    this.#cluster = cluster;
    this.#options = options;
    this.#feeds = feeds;
    this.#signal = signal;
    this.#log = parts.log;
    this.#counters = parts.counters;
    this.#onFatal = parts.onFatal;
    signal.addEventListener('abort', () => this.wake(), { once: true });
    this.place();
  }

  /** A feed has room again, or was opened or resumed. */
  wake(): void {
    for (const resolve of this.#idle) resolve();
    this.#idle.clear();
  }

  /** A loop for each broker that leads one of the partitions. */
  place(): void {
    for (const feed of this.#feeds) {
      const leader = this.#leader(feed.partition);
      if (this.#signal.aborted || this.#loops.has(leader)) continue;
      const loop = this.#run(leader)
        .catch((error: unknown) => this.#onFatal(error))
        .finally(() => this.#loops.delete(leader));
      this.#loops.set(leader, loop);
    }
  }

  #leader(partition: number): number {
    const metadata = this.#cluster.findTopicPartitionMetadata(this.#options.topic);
    return metadata.find((entry) => entry.partitionId === partition)?.leader ?? -1;
  }

  async #run(node: number): Promise<void> {
    const { topic, outageMaxMs } = this.#options;
    const patience = new Patience(`topic ${topic}: fetching from broker ${node}`, outageMaxMs, this.#log);
    while (!this.#signal.aborted) {
      const led = this.#feeds.filter((feed) => this.#leader(feed.partition) === node);
      if (led.length === 0) return;
      const wanting = led.filter((feed) => feed.wants);
      if (wanting.length === 0) {
        await new Promise<void>((resolve) => {
          this.#idle.add(resolve);
        });
        continue;
      }
      try {
        await this.#fetch(
          node,
          wanting,
          led.some((feed) => feed.full),
        );
        patience.answered();
      } catch (error) {
        if (this.#signal.aborted) return;
        await patience.wait(error, this.#signal);
        if (!this.#signal.aborted) await this.#refresh();
      }
    }
  }

  async #fetch(node: number, wanting: readonly PartitionFeed[], busy: boolean): Promise<void> {
    const { maxWaitMs } = this.#options;
    const options = busy ? { ...this.#options, maxWaitMs: Math.min(maxWaitMs, BUSY_WAIT_MS) } : this.#options;
    const broker = await this.#cluster.findBroker({ nodeId: node });
    const positions = new Map(wanting.map((feed) => [feed.partition, feed.position]));
    const askedMs = Date.now();
    const answer = await fetchFrom(broker, options, positions);
    this.#counters.fetches += 1;
    let failed: Fetched | undefined;
    for (const fetched of answer) {
      const feed = wanting.find(({ partition }) => partition === fetched.partition);
      this.#counters.fetchedBytes += fetched.raw.bytes.length;
      if (fetched.errorCode === 0) feed?.put(fetched, askedMs);
      else if (fetched.errorCode === OFFSET_OUT_OF_RANGE) feed?.fail(this.#offsetLost(fetched));
      else failed = fetched;
    }
    if (failed !== undefined) throw fetchError(this.#options.topic, failed);
  }

  #offsetLost({ partition, raw }: Fetched): ChorusError {
    const { topic } = this.#options;
    return offsetLostError(topic, partition, raw.from, 'is not in the log any more');
  }

  async #refresh(): Promise<void> {
    const { topic, topicMissingMs } = this.#options;
    try {
      await this.#cluster.refreshMetadata();
      this.#missingSinceMs = undefined;
      this.place();
    } catch (error) {
      if (faultOf(error) !== UNKNOWN_TOPIC) {
        this.#log('debug', `topic ${topic}: no metadata`, { error: messageOf(error) });
        return;
      }
      this.#missingSinceMs ??= performance.now();
      if (performance.now() - this.#missingSinceMs >= topicMissingMs) throw topicMissingError(topic, error);
    }
  }
}

/** The protocol's numbers for faults that this meets; the rest is told by number. */
const FETCH_FAULTS: ReadonlyMap<number, string> = new Map([
  [3, UNKNOWN_TOPIC],
  [5, 'LEADER_NOT_AVAILABLE'],
  [6, 'NOT_LEADER_FOR_PARTITION'],
  [9, 'REPLICA_NOT_AVAILABLE'],
  [29, 'TOPIC_AUTHORIZATION_FAILED'],
  [56, 'KAFKA_STORAGE_ERROR'],
]);

export function fetchError(topic: string, { partition, errorCode }: Fetched): Error {
  const type = FETCH_FAULTS.get(errorCode) ?? `error code ${errorCode}`;
  return Object.assign(new Error(`${topic}/${partition}: ${type}`), { type });
}

export function topicMissingError(topic: string, cause?: unknown): ChorusError {
  return new ChorusError(
    'topic_missing',
    `topic ${topic}: the brokers do not know it. Create it (chorus topics create, or kafka-topics.sh --create --topic ${topic}), ` +
      'or check its name; if it was deleted, what was in it is gone',
    { cause },
  );
}

export function offsetLostError(topic: string, partition: number, offset: number, why: string): ChorusError {
  return new ChorusError(
    'offset_lost',
    `${topic}/${partition}: offset ${offset} ${why}. Records that were not read are lost: raise retention.ms and retention.bytes ` +
      'of the topic, and begin anew with another kafka.prefix',
  );
}
