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
import type { KafkaClient, Wire } from './client.ts';
import { topicMissingError, type FetchCounters } from './feed.ts';
import { Membership, type CommitCounters, type Generation } from './membership.ts';
import type { Committed, LogBounds } from './offsets.ts';
import type { KafkaRecord } from './records.ts';
import { Session } from './session.ts';
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
  /** Gives a committed place that is not in the log to `assigned` as it is, which starts elsewhere. Without this, it stops the member. */
  readonly isLossTaken?: boolean;
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
  isLossTaken: false as boolean,
} as const;

/** With every default filled in. */
export type ResolvedOptions = GroupOptions & typeof DEFAULTS;

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
  /** Fetched, and taken by no batch yet. */
  readonly readyBytes: number;
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
  readonly #options: ResolvedOptions;
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
    this.#options = { ...DEFAULTS, ...options } as ResolvedOptions;
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
    this.#session?.applyPause(partition);
  }

  resume(partition: number): void {
    this.#paused.delete(partition);
    this.#session?.applyPause(partition);
  }

  /** Gives all up and joins anew, as any rebalance does. */
  rejoin(): void {
    this.#session?.end();
  }

  /**
   * Whether the group was heard of within the session timeout. If not, as after a freeze, others may have the partitions, and what
   * would be written now may come behind what they have written since.
   */
  get isCurrent(): boolean {
    return this.#session?.isCurrent ?? false;
  }

  /** Commits that the broker has not answered yet. */
  get pendingCommits(): number {
    return this.#membership.pendingCommits;
  }

  /** Of one partition, of what is fetched ahead; a single record that is larger comes all the same. */
  get readyLimitBytes(): number {
    return this.#options.maxBytesPerPartition;
  }

  /** Of the partitions that it has now. */
  status(): PartitionStatus[] {
    return this.#session?.status() ?? [];
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

  /** One generation. */
  async #serve(generation: Generation): Promise<Session> {
    const session = new Session(generation, {
      log: this.#client.log,
      cluster: this.#cluster,
      membership: this.#membership,
      options: this.#options,
      counters: this.counters,
      paused: this.#paused,
      stopping: this.#stopping.signal,
      closed: this.#closed.signal,
    });
    this.#session = session;
    const watching = this.#watchTopic(session.signal);
    await session.serve();
    this.#session = undefined;
    await watching;
    return session;
  }

  async #close(): Promise<void> {
    if (this.#closed.signal.aborted) return;
    this.#closed.abort();
    await this.#wire.close();
  }

  async #watchTopic(signal: AbortSignal): Promise<void> {
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
