/**
 * One generation of a group member: what it has, from its assignment until all of it is given back. The rules G1 to G4 of
 * group.ts hold here; that file owns what outlives a generation.
 */
import { setImmediate as turn } from 'node:timers/promises';
import { ChorusError, InvariantError } from '../errors.ts';
import { Fetcher, offsetLostError, PartitionFeed } from './feed.ts';
import type { Commit, GroupCounters, PartitionStatus, ResolvedOptions } from './group.ts';
import { lostError, type Generation, type Membership } from './membership.ts';
import { boundsOf, type Committed, type LogBounds } from './offsets.ts';
import { decodeRecords } from './records.ts';
import { messageOf, Patience, sleepUntil, type Cluster, type Log } from './wire.ts';

/** What the member has for all its generations. */
export interface SessionContext {
  readonly log: Log;
  readonly cluster: Cluster;
  readonly membership: Membership;
  readonly options: ResolvedOptions;
  readonly counters: GroupCounters;
  /** Partitions to be kept without delivering from them. */
  readonly paused: ReadonlySet<number>;
  /** The member is to stop. */
  readonly stopping: AbortSignal;
  /** Its connections are closed. */
  readonly closed: AbortSignal;
}

/** What one generation has of a partition. */
interface Held {
  readonly feed: PartitionFeed;
  position: number;
  batchSinceMs: number | undefined;
  /** Its `assigned` was called. */
  told: boolean;
}

export class Session {
  /** What ended it before its time. */
  failure: unknown;
  readonly #generation: Generation;
  readonly #log: Log;
  readonly #cluster: Cluster;
  readonly #membership: Membership;
  readonly #options: ResolvedOptions;
  readonly #counters: GroupCounters;
  readonly #paused: ReadonlySet<number>;
  readonly #stopping: AbortSignal;
  readonly #closed: AbortSignal;
  readonly #held: ReadonlyMap<number, Held>;
  /** Aborted when the partitions are to be given up. */
  readonly #ending = new AbortController();
  #fetcher: Fetcher | undefined;
  /** When the last question was put to which the group answered that it counts this member in. */
  #heardMs = performance.now();
  #isLost = false;
  #isOver = false;

  constructor(generation: Generation, context: SessionContext) {
    this.#generation = generation;
    this.#log = context.log;
    this.#cluster = context.cluster;
    this.#membership = context.membership;
    this.#options = context.options;
    this.#counters = context.counters;
    this.#paused = context.paused;
    this.#stopping = context.stopping;
    this.#closed = context.closed;
    this.#held = new Map(generation.partitions.map((partition) => [partition, this.#hold(partition)]));
  }

  /** Aborts when the partitions are to be given up. */
  get signal(): AbortSignal {
    return this.#ending.signal;
  }

  /** Was the group heard of within the session timeout? */
  get isCurrent(): boolean {
    return !this.#isLost && performance.now() - this.#heardMs < this.#options.sessionTimeoutMs;
  }

  /** Gives all up. */
  end(): void {
    this.#ending.abort();
  }

  /** Has the feed of a partition follow what is paused now. */
  applyPause(partition: number): void {
    const feed = this.#held.get(partition)?.feed;
    if (feed === undefined) return;
    feed.paused = this.#paused.has(partition);
    feed.wake();
    this.#fetcher?.wake();
  }

  status(): PartitionStatus[] {
    return Array.from(this.#held, ([partition, { feed, position }]) => ({
      partition,
      state: position < 0 ? 'restoring' : feed.paused ? 'paused' : 'running',
      position,
      high: feed.high,
      seenMs: feed.seenMs,
      readyBytes: feed.readyBytes,
    }));
  }

  /** Returns when all of it is given back. */
  async serve(): Promise<void> {
    const done = new AbortController();
    const stop = (): void => this.#ending.abort();
    this.#stopping.addEventListener('abort', stop, { once: true });
    if (this.#stopping.aborted) stop();
    this.signal.addEventListener('abort', () => this.#held.forEach(({ feed }) => feed.wake()), { once: true });
    const beating = this.#beat(done.signal);
    await this.#work();
    // The partitions are nobody's yet: heartbeats go on until the handler has let go of all of them.
    for (const [partition, { told }] of this.#held) {
      if (!told) continue;
      await this.#options.handler.revoked(partition).catch((error: unknown) => this.#fail(error));
    }
    done.abort();
    this.#stopping.removeEventListener('abort', stop);
    this.#isOver = true;
    await beating;
  }

  #hold(partition: number): Held {
    const feed = new PartitionFeed(partition);
    feed.paused = this.#paused.has(partition);
    return { feed, position: -1, batchSinceMs: undefined, told: false };
  }

  /** Returns when the session is ending and no call to the handler runs any more. */
  async #work(): Promise<void> {
    const { signal } = this.#ending;
    try {
      const places = await this.#places();
      if (signal.aborted) return;
      const feeds = Array.from(this.#held.values(), ({ feed }) => feed);
      this.#fetcher = new Fetcher(this.#cluster, this.#fetcherOptions(), feeds, signal, {
        log: this.#log,
        counters: this.#counters,
        onFatal: (error) => this.#fail(error),
      });
      const consumers = Array.from(this.#held, ([partition, held]) =>
        this.#consume(held, places.committed.get(partition), places.bounds.get(partition)!).catch((error: unknown) =>
          this.#fail(error),
        ),
      );
      await aborted(signal);
      await this.#settle(consumers);
    } catch (error) {
      this.#fail(error);
    }
  }

  #fetcherOptions(): ConstructorParameters<typeof Fetcher>[1] {
    const { topic, maxBytesPerPartition, fetchMaxWaitMs, outageMaxMs, topicMissingMs } = this.#options;
    return { topic, maxBytesPerPartition, maxWaitMs: fetchMaxWaitMs, outageMaxMs, topicMissingMs };
  }

  /** Committed positions and bounds of the log, checked against each other. */
  async #places(): Promise<{ committed: Map<number, Committed>; bounds: Map<number, LogBounds> }> {
    const { partitions } = this.#generation;
    const { signal } = this.#ending;
    const { topic, groupId, outageMaxMs, topicMissingMs, isLossTaken } = this.#options;
    const patience = new Patience(`group ${groupId}: reading positions of ${topic}`, outageMaxMs, this.#log);
    const startMs = performance.now();
    while (partitions.length > 0 && !signal.aborted) {
      try {
        const committed = await this.#membership.committed(partitions);
        const bounds = await boundsOf(this.#cluster, topic, partitions);
        const lost = lostPlace(topic, groupId, committed, bounds);
        if (lost === undefined) return { committed, bounds };
        // A broker that has just started may not know yet how far its log goes.
        if (lost.below || performance.now() - startMs > topicMissingMs) {
          if (isLossTaken) return { committed, bounds };
          throw lost.error;
        }
        await sleepUntil(200, signal);
      } catch (error) {
        await patience.wait(error, signal);
        await this.#cluster.refreshMetadata().catch(() => undefined);
      }
    }
    return { committed: new Map(), bounds: new Map() };
  }

  async #consume(held: Held, committed: Committed | undefined, bounds: LogBounds): Promise<void> {
    const { signal } = this.#ending;
    const { topic, groupId, handler } = this.#options;
    const { feed } = held;
    const { partition } = feed;
    feed.high = bounds.high;
    const commit: Commit = (offset, metadata) =>
      this.#isLost || this.#isOver
        ? Promise.reject(lostError(groupId, topic, [partition]))
        : this.#membership.commit(this.#generation, partition, offset, metadata);
    held.told = true;
    const start = await handler.assigned(partition, committed, bounds, signal, commit);
    if (signal.aborted) return;
    if (start < bounds.low) {
      throw offsetLostError(topic, partition, start, `is gone, the log starts at ${bounds.low}`);
    }
    held.position = start;
    feed.position = start;
    this.#fetcher?.wake();
    const heartbeat = async (): Promise<void> => {
      await turn();
      if (this.#isLost) throw lostError(groupId, topic, [partition]);
    };
    for (let fetched; (fetched = await feed.take(signal)) !== undefined;) {
      // Room was made: the next fetch goes on while this batch is worked on. Its position is where this one ends.
      const next = feed.position;
      this.#fetcher?.wake();
      const records = await decodeRecords(fetched.raw);
      if (signal.aborted) return;
      held.batchSinceMs = performance.now();
      await handler.batch(partition, { records, from: fetched.raw.from, next, high: fetched.high }, commit, heartbeat);
      held.batchSinceMs = undefined;
      held.position = next;
    }
  }

  /** Ends the session. What fails while it is ending anyway is work that will be done again, unless it says that we are broken. */
  #fail(error: unknown): void {
    const late = this.#ending.signal.aborted;
    if ((late && !(error instanceof InvariantError)) || isLoss(error)) {
      this.#log('debug', `group ${this.#options.groupId}: unfinished work is given up`, {
        error: messageOf(error),
      });
    } else {
      this.failure ??= error;
    }
    this.#ending.abort();
  }

  async #settle(consumers: readonly Promise<void>[]): Promise<void> {
    const { rebalanceTimeoutMs, topic } = this.#options;
    const bound = new AbortController();
    const settled = await Promise.race([
      Promise.all(consumers).then(() => true),
      sleepUntil(rebalanceTimeoutMs, bound.signal).then(() => false),
    ]);
    bound.abort();
    if (settled) return;
    this.failure ??= new ChorusError(
      'handler_stuck',
      `${topic}/${[...this.#held.keys()].join(',')}: a handler has not returned ${rebalanceTimeoutMs} ms after its partition was lost`,
    );
  }

  async #beat(done: AbortSignal): Promise<void> {
    const { heartbeatMs, outageMaxMs, groupId } = this.#options;
    const patience = new Patience(`group ${groupId}: heartbeat`, outageMaxMs, this.#log);
    for (;;) {
      await sleepUntil(heartbeatMs, done);
      if (done.aborted || this.#isLost || this.#closed.aborted) return;
      this.#checkBatches();
      try {
        this.#counters.heartbeats += 1;
        const askedMs = performance.now();
        const standing = await this.#membership.heartbeat(this.#generation);
        patience.answered();
        this.#isLost = standing === 'lost';
        if (!this.#isLost) this.#heardMs = askedMs;
        if (standing !== 'member') this.#ending.abort();
      } catch (error) {
        this.#counters.heartbeatFailures += 1;
        await patience.wait(error, done).catch((lasting: unknown) => this.#fail(lasting));
      }
    }
  }

  /** Heartbeats would keep a partition for ever whose handler never returns. */
  #checkBatches(): void {
    const { batchMaxMs, topic } = this.#options;
    for (const [partition, { batchSinceMs }] of this.#held) {
      if (batchSinceMs === undefined || performance.now() - batchSinceMs < batchMaxMs) continue;
      const message = `${topic}/${partition}: a batch has taken more than ${batchMaxMs} ms; others wait for this partition`;
      this.#fail(new ChorusError('handler_stuck', message));
    }
  }
}

function isLoss(error: unknown): boolean {
  return error instanceof ChorusError && error.code === 'partition_lost';
}

/** A committed position that the log does not have. */
function lostPlace(
  topic: string,
  groupId: string,
  committed: ReadonlyMap<number, Committed>,
  bounds: ReadonlyMap<number, LogBounds>,
): { error: ChorusError; below: boolean } | undefined {
  for (const [partition, { offset }] of committed) {
    const { low, high } = bounds.get(partition)!;
    if (offset >= low && offset <= high) continue;
    const why = `, committed by group ${groupId}, is not in the log, which holds ${low} to ${high}`;
    return { error: offsetLostError(topic, partition, offset, why), below: offset < low };
  }
  return undefined;
}

async function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  await new Promise((resolve) => {
    signal.addEventListener('abort', resolve, { once: true });
  });
}
