/**
 * A member of a consumer group, for one topic. Owns: when to join, what is fetched, who is told. Leaves to the handler: state,
 * effects, and when to commit.
 *
 * - **G1** No record of a partition comes before its `assigned` has returned, none after `revoked` was called, and at most one
 *   call for a partition runs at a time.
 * - **G2** Nothing is skipped: a position that is not in the log is an error, never a new beginning.
 * - **G3** After each rebalance every partition is revoked and assigned anew, kept ones too, from what the group has committed.
 *   Work that was not committed is done again.
 * - **G4** A commit counts for the generation that its batch was read in, or is refused.
 *
 * Heartbeats run on a timer, so a handler may take its time as long as it lets the event loop turn.
 */
import { setImmediate as turn } from 'node:timers/promises';
import { ChorusError, InvariantError } from '../errors.ts';
import type { KafkaClient, Wire } from './client.ts';
import { Fetcher, offsetLostError, PartitionFeed, topicMissingError, type FetchCounters } from './feed.ts';
import { lostError, Membership, type CommitCounters, type Generation } from './membership.ts';
import { boundsOf, type Committed, type LogBounds } from './offsets.ts';
import { decodeRecords, type KafkaRecord } from './records.ts';
import { faultOf, messageOf, Patience, sleepUntil, type Cluster } from './wire.ts';

export interface KafkaBatch {
  /** May be empty: then only the position has moved, past control records or a hole that compaction left. */
  readonly records: readonly KafkaRecord[];
  /** Positions `[from, next)`. */
  readonly from: number;
  readonly next: number;
  /** The end of the log when this was read. */
  readonly high: number;
}

export type Commit = (offset: number, metadata: string) => Promise<void>;

export interface GroupHandler {
  /**
   * A partition is this member's from now on. Restores its state and returns the offset to start at.
   * `signal` aborts when the partition is to be given up; restoring should end then, its result does not matter.
   * `commit` is good for as long as the partition is this member's.
   */
  assigned(
    partition: number,
    committed: Committed | undefined,
    log: LogBounds,
    signal: AbortSignal,
    commit: Commit,
  ): Promise<number>;
  /**
   * Returns when all effects are done. `heartbeat` lets the event loop turn, between slices of long work; it throws `partition_lost`
   * when there is no use in going on. A failure stops the member.
   */
  batch(partition: number, batch: KafkaBatch, commit: Commit, heartbeat: () => Promise<void>): Promise<void>;
  /** Also after `assigned` failed. */
  revoked(partition: number): Promise<void>;
}

export interface GroupOptions {
  readonly groupId: string;
  readonly topic: string;
  readonly handler: GroupHandler;
  /** What stopped the member; it has left the group by then. */
  readonly onFatal: (error: unknown) => void;
  /** The topic has another number of partitions. Without this, the member rejoins and they are shared out. */
  readonly onPartitionsChanged?: (count: number) => void;
  /** Of this instance, the same over restarts: it gets its partitions back if it can. */
  readonly name?: string;
  /** Partitions whose state lies on this instance's disk. */
  readonly local?: () => readonly number[];
  readonly sessionTimeoutMs?: number;
  readonly heartbeatMs?: number;
  /** How long the others wait for this member to end its batches. */
  readonly rebalanceTimeoutMs?: number;
  readonly maxBytesPerPartition?: number;
  readonly fetchMaxWaitMs?: number;
  readonly metadataIntervalMs?: number;
  /** How long brokers may be away. */
  readonly outageMaxMs?: number;
  /** How long one batch may take. */
  readonly batchMaxMs?: number;
  readonly stopMaxMs?: number;
  readonly topicMissingMs?: number;
}

const DEFAULTS = {
  name: '',
  local: (): readonly number[] => [],
  sessionTimeoutMs: 10_000,
  heartbeatMs: 1000,
  rebalanceTimeoutMs: 60_000,
  maxBytesPerPartition: 1_048_576,
  fetchMaxWaitMs: 100,
  metadataIntervalMs: 30_000,
  outageMaxMs: 300_000,
  batchMaxMs: 300_000,
  stopMaxMs: 10_000,
  topicMissingMs: 5000,
} as const;

export interface GroupCounters extends CommitCounters, FetchCounters {
  /** Generations that this member was part of. */
  rebalances: number;
  /** From the end of one to the start of the next, restoring not counted. */
  rebalanceSeconds: number;
  heartbeats: number;
  heartbeatFailures: number;
}

export type PartitionState = 'restoring' | 'running' | 'paused';

export interface PartitionStatus {
  readonly partition: number;
  readonly state: PartitionState;
  /** Behind the last batch that is done; -1 while restoring. */
  readonly position: number;
  /** The end of the log as last seen; -1 if not yet. */
  readonly high: number;
  /** What was appended before this time, ms since 1970, lies below `high`; -1 if not yet known. */
  readonly seenMs: number;
}

/** What one generation has of a partition. */
interface Held {
  readonly feed: PartitionFeed;
  position: number;
  batchSinceMs: number | undefined;
  /** Its `assigned` was called. */
  told: boolean;
}

interface Session {
  readonly generation: Generation;
  readonly held: ReadonlyMap<number, Held>;
  /** Aborted when the partitions are to be given up. */
  readonly ending: AbortController;
  fetcher: Fetcher | undefined;
  /** When the last question was put to which the group answered that it counts this member in. */
  heardMs: number;
  lost: boolean;
  failure: unknown;
}

export class GroupMember {
  readonly counters: GroupCounters = {
    rebalances: 0,
    rebalanceSeconds: 0,
    heartbeats: 0,
    heartbeatFailures: 0,
    commits: 0,
    commitSeconds: 0,
    fetches: 0,
    fetchedBytes: 0,
  };
  readonly #client: KafkaClient;
  readonly #options: GroupOptions & typeof DEFAULTS;
  readonly #wire: Wire;
  readonly #cluster: Cluster;
  readonly #membership: Membership;
  readonly #stopping = new AbortController();
  readonly #closed = new AbortController();
  readonly #paused = new Set<number>();
  #session: Session | undefined;
  #running: Promise<void> | undefined;
  #partitionCount = 0;

  constructor(client: KafkaClient, options: GroupOptions) {
    this.#client = client;
    this.#options = { ...DEFAULTS, ...options } as GroupOptions & typeof DEFAULTS;
    this.#wire = client.wire();
    this.#cluster = this.#wire.cluster;
    this.#membership = new Membership(this.#cluster, this.#options, client.log, this.counters, this.#closed.signal);
  }

  /**
   * Returns once connected, with the topic found; joining goes on.
   * @throws ChorusError `topic_missing`, `kafka_unreachable`, `kafka_login`, `kafka_denied`
   */
  async start(startMaxMs = 30_000): Promise<void> {
    const { topic, topicMissingMs } = this.#options;
    const patience = new Patience(`topic ${topic}: connecting`, startMaxMs, this.#client.log);
    const startMs = performance.now();
    try {
      while (!this.#stopping.signal.aborted) {
        try {
          await this.#cluster.connect();
          await this.#cluster.addTargetTopic(topic);
          break;
        } catch (error) {
          const missing = faultOf(error) === 'UNKNOWN_TOPIC_OR_PARTITION';
          if (missing && performance.now() - startMs > topicMissingMs) throw topicMissingError(topic, error);
          await patience.wait(error, this.#stopping.signal);
        }
      }
    } catch (error) {
      await this.#close();
      throw error;
    }
    if (this.#stopping.signal.aborted) return;
    this.#partitionCount = this.#cluster.findTopicPartitionMetadata(topic).length;
    this.#running = this.#run();
  }

  /** Ends running batches, gives the partitions back and leaves; within the bound, or else without. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    const { stopMaxMs, groupId } = this.#options;
    const bound = new AbortController();
    const inTime = await Promise.race([
      (this.#running ?? Promise.resolve()).then(() => true),
      sleepUntil(stopMaxMs, bound.signal).then(() => false),
    ]);
    bound.abort();
    if (!inTime) {
      this.#client.log('warn', `group ${groupId}: not stopped after ${stopMaxMs} ms, connections are closed`, {});
    }
    await this.#close();
  }

  /** Keeps a partition without delivering from it. Holds over rebalances. */
  pause(partition: number): void {
    this.#paused.add(partition);
    this.#applyPause(partition);
  }

  resume(partition: number): void {
    this.#paused.delete(partition);
    this.#applyPause(partition);
  }

  #applyPause(partition: number): void {
    const feed = this.#session?.held.get(partition)?.feed;
    if (feed === undefined) return;
    feed.paused = this.#paused.has(partition);
    feed.wake();
    this.#session?.fetcher?.wake();
  }

  /** Gives all up and joins anew, as any rebalance does. */
  rejoin(): void {
    this.#session?.ending.abort();
  }

  /**
   * Whether the group was heard of within the session timeout. If not, as after a freeze, others may have the partitions, and what
   * would be written now may come behind what they have written since.
   */
  get isCurrent(): boolean {
    const session = this.#session;
    if (session === undefined || session.lost) return false;
    return performance.now() - session.heardMs < this.#options.sessionTimeoutMs;
  }

  /** Of the partitions that it has now. */
  status(): PartitionStatus[] {
    return Array.from(this.#session?.held ?? [], ([partition, { feed, position }]) => ({
      partition,
      state: position < 0 ? 'restoring' : feed.paused ? 'paused' : 'running',
      position,
      high: feed.high,
      seenMs: feed.seenMs,
    }));
  }

  async #run(): Promise<void> {
    let failure: unknown;
    try {
      let endMs = performance.now();
      while (!this.#stopping.signal.aborted) {
        const generation = await this.#membership.join(this.#stopping.signal);
        if (generation === undefined) break;
        this.counters.rebalances += 1;
        this.counters.rebalanceSeconds += (performance.now() - endMs) / 1000;
        const session = await this.#serve(generation);
        if (session.failure !== undefined) throw session.failure;
        endMs = performance.now();
      }
    } catch (error) {
      failure = error;
    }
    await this.#membership.leave().catch((error: unknown) => {
      this.#client.log('warn', `group ${this.#options.groupId}: not left properly`, { error: messageOf(error) });
    });
    if (failure === undefined) return;
    await this.#close();
    this.#options.onFatal(failure);
  }

  async #close(): Promise<void> {
    if (this.#closed.signal.aborted) return;
    this.#closed.abort();
    await this.#wire.close();
  }

  /** One generation, from its assignment until all of it is given back. */
  async #serve(generation: Generation): Promise<Session> {
    const ending = new AbortController();
    const done = new AbortController();
    const session: Session = {
      generation,
      ending,
      held: new Map(generation.partitions.map((partition) => [partition, this.#hold(partition)])),
      fetcher: undefined,
      heardMs: performance.now(),
      lost: false,
      failure: undefined,
    };
    const stop = (): void => ending.abort();
    this.#stopping.signal.addEventListener('abort', stop, { once: true });
    if (this.#stopping.signal.aborted) stop();
    ending.signal.addEventListener('abort', () => session.held.forEach(({ feed }) => feed.wake()), { once: true });
    this.#session = session;
    const background = [this.#beat(session, done.signal), this.#watchTopic(session)];
    await this.#work(session);
    // The partitions are nobody's yet: heartbeats go on until the handler has let go of all of them.
    for (const [partition, { told }] of session.held) {
      if (!told) continue;
      await this.#options.handler.revoked(partition).catch((error: unknown) => this.#fail(session, error));
    }
    done.abort();
    this.#stopping.signal.removeEventListener('abort', stop);
    this.#session = undefined;
    await Promise.all(background);
    return session;
  }

  #hold(partition: number): Held {
    const feed = new PartitionFeed(partition);
    feed.paused = this.#paused.has(partition);
    return { feed, position: -1, batchSinceMs: undefined, told: false };
  }

  /** Returns when the session is ending and no call to the handler runs any more. */
  async #work(session: Session): Promise<void> {
    const { ending, held } = session;
    try {
      const places = await this.#places(session);
      if (ending.signal.aborted) return;
      session.fetcher = new Fetcher(this.#cluster, this.#fetcherOptions(), feedsOf(session), ending.signal, {
        log: this.#client.log,
        counters: this.counters,
        onFatal: (error) => this.#fail(session, error),
      });
      const consumers = Array.from(held, ([partition, item]) =>
        this.#consume(session, item, places.committed.get(partition), places.bounds.get(partition)!).catch(
          (error: unknown) => this.#fail(session, error),
        ),
      );
      await aborted(ending.signal);
      await this.#settle(session, consumers);
    } catch (error) {
      this.#fail(session, error);
    }
  }

  #fetcherOptions(): ConstructorParameters<typeof Fetcher>[1] {
    const { topic, maxBytesPerPartition, fetchMaxWaitMs, outageMaxMs, topicMissingMs } = this.#options;
    return { topic, maxBytesPerPartition, maxWaitMs: fetchMaxWaitMs, outageMaxMs, topicMissingMs };
  }

  /** Committed positions and bounds of the log, checked against each other. */
  async #places({
    generation: { partitions },
    ending: { signal },
  }: Session): Promise<{ committed: Map<number, Committed>; bounds: Map<number, LogBounds> }> {
    const { topic, groupId, outageMaxMs, topicMissingMs } = this.#options;
    const patience = new Patience(`group ${groupId}: reading positions of ${topic}`, outageMaxMs, this.#client.log);
    const startMs = performance.now();
    while (partitions.length > 0 && !signal.aborted) {
      try {
        const committed = await this.#membership.committed(partitions);
        const bounds = await boundsOf(this.#cluster, topic, partitions);
        const lost = lostPlace(topic, groupId, committed, bounds);
        if (lost === undefined) return { committed, bounds };
        // A broker that has just started may not know yet how far its log goes.
        if (lost.below || performance.now() - startMs > topicMissingMs) throw lost.error;
        await sleepUntil(200, signal);
      } catch (error) {
        await patience.wait(error, signal);
        await this.#cluster.refreshMetadata().catch(() => undefined);
      }
    }
    return { committed: new Map(), bounds: new Map() };
  }

  async #consume(session: Session, held: Held, committed: Committed | undefined, bounds: LogBounds): Promise<void> {
    const { generation, ending } = session;
    const { topic, groupId, handler } = this.#options;
    const { feed } = held;
    const { partition } = feed;
    feed.high = bounds.high;
    const commit: Commit = (offset, metadata) =>
      session.lost || this.#session !== session
        ? Promise.reject(lostError(groupId, topic, [partition]))
        : this.#membership.commit(generation, partition, offset, metadata);
    held.told = true;
    const start = await handler.assigned(partition, committed, bounds, ending.signal, commit);
    if (ending.signal.aborted) return;
    if (start < bounds.low) {
      throw offsetLostError(topic, partition, start, `is gone, the log starts at ${bounds.low}`);
    }
    held.position = start;
    feed.position = start;
    session.fetcher?.wake();
    const heartbeat = async (): Promise<void> => {
      await turn();
      if (session.lost) throw lostError(groupId, topic, [partition]);
    };
    for (let fetched; (fetched = await feed.take(ending.signal)) !== undefined;) {
      // Room was made: the next fetch goes on while this batch is worked on. Its position is where this one ends.
      const next = feed.position;
      session.fetcher?.wake();
      const records = await decodeRecords(fetched.raw);
      if (ending.signal.aborted) return;
      held.batchSinceMs = performance.now();
      await handler.batch(partition, { records, from: fetched.raw.from, next, high: fetched.high }, commit, heartbeat);
      held.batchSinceMs = undefined;
      held.position = next;
    }
  }

  /** Ends the session. What fails while it is ending anyway is work that will be done again, unless it says that we are broken. */
  #fail(session: Session, error: unknown): void {
    const late = session.ending.signal.aborted;
    if ((late && !(error instanceof InvariantError)) || isLoss(error)) {
      this.#client.log('debug', `group ${this.#options.groupId}: unfinished work is given up`, {
        error: messageOf(error),
      });
    } else {
      session.failure ??= error;
    }
    session.ending.abort();
  }

  async #settle(session: Session, consumers: readonly Promise<void>[]): Promise<void> {
    const { rebalanceTimeoutMs, topic } = this.#options;
    const bound = new AbortController();
    const settled = await Promise.race([
      Promise.all(consumers).then(() => true),
      sleepUntil(rebalanceTimeoutMs, bound.signal).then(() => false),
    ]);
    bound.abort();
    if (settled) return;
    session.failure ??= new ChorusError(
      'handler_stuck',
      `${topic}/${[...session.held.keys()].join(',')}: a handler has not returned ${rebalanceTimeoutMs} ms after its partition was lost`,
    );
  }

  async #beat(session: Session, done: AbortSignal): Promise<void> {
    const { heartbeatMs, outageMaxMs, groupId } = this.#options;
    const patience = new Patience(`group ${groupId}: heartbeat`, outageMaxMs, this.#client.log);
    for (;;) {
      await sleepUntil(heartbeatMs, done);
      if (done.aborted || session.lost || this.#closed.signal.aborted) return;
      this.#checkBatches(session);
      try {
        this.counters.heartbeats += 1;
        const askedMs = performance.now();
        const standing = await this.#membership.heartbeat(session.generation);
        patience.answered();
        session.lost = standing === 'lost';
        if (!session.lost) session.heardMs = askedMs;
        if (standing !== 'member') session.ending.abort();
      } catch (error) {
        this.counters.heartbeatFailures += 1;
        await patience.wait(error, done).catch((lasting: unknown) => this.#fail(session, lasting));
      }
    }
  }

  /** Heartbeats would keep a partition for ever whose handler never returns. */
  #checkBatches(session: Session): void {
    const { batchMaxMs, topic } = this.#options;
    for (const [partition, { batchSinceMs }] of session.held) {
      if (batchSinceMs === undefined || performance.now() - batchSinceMs < batchMaxMs) continue;
      const message = `${topic}/${partition}: a batch has taken more than ${batchMaxMs} ms; others wait for this partition`;
      this.#fail(session, new ChorusError('handler_stuck', message));
    }
  }

  async #watchTopic({ ending: { signal } }: Session): Promise<void> {
    const { topic, metadataIntervalMs, onPartitionsChanged } = this.#options;
    for (;;) {
      await sleepUntil(metadataIntervalMs, signal);
      if (signal.aborted) return;
      await this.#cluster.refreshMetadata().catch(() => undefined);
      if (signal.aborted) return;
      const count = this.#cluster.findTopicPartitionMetadata(topic).length;
      if (count === this.#partitionCount) continue;
      this.#partitionCount = count;
      if (onPartitionsChanged === undefined) this.rejoin();
      else onPartitionsChanged(count);
    }
  }
}

function feedsOf(session: Session): PartitionFeed[] {
  return Array.from(session.held.values(), ({ feed }) => feed);
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
