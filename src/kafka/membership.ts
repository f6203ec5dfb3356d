/**
 * One member of a consumer group as the broker sees it: join, heartbeat, commit, leave. group.ts decides when.
 *
 * Everything here is of a generation. A commit or heartbeat of one that is over is refused by the broker, which is what makes
 * a frozen process that wakes up harmless.
 */
import kafkajs from 'kafkajs';
import { ChorusError } from '../errors.ts';
import { assignPartitions, type Claim } from './assigner.ts';
import { committedOf, type Committed } from './offsets.ts';
import { dropIfSilent, faultOf, Patience, type Cluster, type JoinedMember, type Log, type WireBroker } from './wire.ts';

/** The broker's limit, in UTF-16 units; see offset.metadata.max.bytes. */
const METADATA_UNITS_MAX = 4096;

const PROTOCOL_NAME = 'chorus-sticky';
const PROTOCOL_VERSION = 0;

/** This member is in the group no more, or was given another generation. */
const LOST = new Set(['UNKNOWN_MEMBER_ID', 'ILLEGAL_GENERATION', 'FENCED_INSTANCE_ID']);
const REBALANCING = 'REBALANCE_IN_PROGRESS';

export type Standing = 'member' | 'rebalancing' | 'lost';

export interface MembershipOptions {
  readonly groupId: string;
  readonly topic: string;
  readonly name: string;
  readonly sessionTimeoutMs: number;
  readonly rebalanceTimeoutMs: number;
  readonly outageMaxMs: number;
  /** Partitions whose state lies on this disk. */
  readonly local: () => readonly number[];
}

export interface Generation {
  readonly id: number;
  readonly memberId: string;
  readonly partitions: readonly number[];
}

export interface CommitCounters {
  commits: number;
  commitSeconds: number;
}

const { MemberAssignment, MemberMetadata } = kafkajs.AssignerProtocol;

interface Waiting {
  readonly generation: Generation;
  readonly partition: number;
  readonly offset: number;
  readonly metadata: string;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

export class Membership {
  readonly #cluster: Cluster;
  readonly #options: MembershipOptions;
  readonly #log: Log;
  readonly #counters: CommitCounters;
  readonly #closed: AbortSignal;
  #coordinator: WireBroker | undefined;
  #memberId = '';
  #last: Generation = { id: -1, memberId: '', partitions: [] };
  #waiting: Waiting[] = [];
  #committing = false;
  #underWay = 0;

  /** After `closed` is aborted nothing is asked any more; what waits is lost. */
  constructor(cluster: Cluster, options: MembershipOptions, log: Log, counters: CommitCounters, closed: AbortSignal) {
    this.#cluster = cluster;
    this.#closed = closed;
    this.#options = options;
    this.#log = log;
    this.#counters = counters;
  }

  /** Commits that the broker has not answered yet. */
  get pendingCommits(): number {
    return this.#waiting.length + this.#underWay;
  }

  /** Waits until the group has agreed. Undefined if stopped while waiting; then `leave` must follow all the same. */
  async join(signal: AbortSignal): Promise<Generation | undefined> {
    const patience = new Patience(`group ${this.#options.groupId}: joining`, this.#options.outageMaxMs, this.#log);
    while (!signal.aborted) {
      try {
        const generation = await this.#joinOnce();
        this.#last = generation;
        return generation;
      } catch (error) {
        const fault = faultOf(error);
        if (fault === REBALANCING) continue;
        if (LOST.has(fault)) {
          this.#memberId = '';
          continue;
        }
        this.#coordinator = undefined;
        await patience.wait(error, signal);
      }
    }
    return undefined;
  }

  async #joinOnce(): Promise<Generation> {
    const { groupId, topic, sessionTimeoutMs, rebalanceTimeoutMs } = this.#options;
    const joined = await this.#ask((coordinator) =>
      coordinator.joinGroup({
        groupId,
        sessionTimeout: sessionTimeoutMs,
        rebalanceTimeout: rebalanceTimeoutMs,
        memberId: this.#memberId,
        groupProtocols: [{ name: PROTOCOL_NAME, metadata: this.#claim() }],
      }),
    );
    this.#memberId = joined.memberId;
    let groupAssignment: { memberId: string; memberAssignment: Buffer }[] = [];
    if (joined.leaderId === joined.memberId) {
      await this.#cluster.refreshMetadata();
      groupAssignment = assignmentOf(topic, joined.members, this.#cluster.findTopicPartitionMetadata(topic).length);
    }
    const { memberAssignment } = await this.#ask((coordinator) =>
      coordinator.syncGroup({ groupId, generationId: joined.generationId, memberId: joined.memberId, groupAssignment }),
    );
    const assignment = memberAssignment.length === 0 ? null : MemberAssignment.decode(memberAssignment);
    return {
      id: joined.generationId,
      memberId: joined.memberId,
      partitions: [...(assignment?.assignment[topic] ?? [])].sort((a, b) => a - b),
    };
  }

  #claim(): Buffer {
    const { topic, name, local } = this.#options;
    const claim: Claim = { name, owned: this.#last.partitions, generation: this.#last.id, local: local() };
    return MemberMetadata.encode({
      version: PROTOCOL_VERSION,
      topics: [topic],
      userData: Buffer.from(JSON.stringify(claim)),
    });
  }

  /** How the broker sees this generation. Throws where it does not answer or cannot tell just now. */
  async heartbeat({ id, memberId }: Generation): Promise<Standing> {
    const fields = { groupId: this.#options.groupId, groupGenerationId: id, memberId };
    try {
      await this.#ask((coordinator) => coordinator.heartbeat(fields));
      return 'member';
    } catch (error) {
      const fault = faultOf(error);
      if (fault === REBALANCING) return 'rebalancing';
      if (LOST.has(fault)) {
        this.#memberId = '';
        return 'lost';
      }
      this.#coordinator = undefined;
      throw error;
    }
  }

  /** By partition; read after the join, so that no earlier owner can still commit. */
  async committed(partitions: readonly number[]): Promise<Map<number, Committed>> {
    const { groupId, topic } = this.#options;
    const asked = [{ topic, partitions: partitions.map((partition) => ({ partition })) }];
    try {
      const { responses } = await this.#ask((coordinator) => coordinator.offsetFetch({ groupId, topics: asked }));
      return committedOf(responses.flatMap((response) => response.partitions));
    } catch (error) {
      this.#coordinator = undefined;
      throw error;
    }
  }

  /**
   * Resolves when the broker has it. Commits that come while one is under way go together in the next request.
   * @throws ChorusError `metadata_too_large`, `partition_lost`, `kafka_unreachable`
   */
  commit(generation: Generation, partition: number, offset: number, metadata: string): Promise<void> {
    const { groupId, topic } = this.#options;
    if (metadata.length > METADATA_UNITS_MAX) {
      return Promise.reject(
        new ChorusError(
          'metadata_too_large',
          `${topic}/${partition} in group ${groupId}: commit metadata of ${metadata.length} UTF-16 units, ` +
            `the broker takes ${METADATA_UNITS_MAX}: keep it in a record and commit where that lies`,
        ),
      );
    }
    return new Promise((resolve, reject) => {
      this.#waiting.push({ generation, partition, offset, metadata, resolve, reject });
      if (this.#committing) return;
      this.#committing = true;
      // In the next turn, so that what other partitions commit in this one goes along.
      setImmediate(() => void this.#commitAll());
    });
  }

  async #commitAll(): Promise<void> {
    for (let first = this.#waiting[0]; first !== undefined; first = this.#waiting[0]) {
      const { generation } = first;
      const taken = this.#waiting.filter((waiting) => waiting.generation === generation);
      this.#waiting = this.#waiting.filter((waiting) => waiting.generation !== generation);
      const startMs = performance.now();
      this.#underWay = taken.length;
      try {
        await this.#commitOnce(generation, taken);
        for (const { resolve } of taken) resolve();
      } catch (error) {
        for (const { reject } of taken) reject(error);
      }
      this.#underWay = 0;
      this.#counters.commits += 1;
      this.#counters.commitSeconds += (performance.now() - startMs) / 1000;
    }
    this.#committing = false;
  }

  async #commitOnce({ id, memberId }: Generation, taken: readonly Waiting[]): Promise<void> {
    const { groupId, topic, outageMaxMs } = this.#options;
    const latest = new Map(taken.map((waiting) => [waiting.partition, waiting]));
    const partitions = Array.from(latest.values(), ({ partition, offset, metadata }) => ({
      partition,
      offset: String(offset),
      metadata,
    }));
    const patience = new Patience(`group ${groupId}: committing`, outageMaxMs, this.#log);
    let cause: unknown;
    while (!this.#closed.aborted) {
      try {
        await this.#ask((coordinator) =>
          coordinator.offsetCommit({ groupId, groupGenerationId: id, memberId, topics: [{ topic, partitions }] }),
        );
        return;
      } catch (error) {
        cause = error;
        const fault = faultOf(error);
        if (fault === REBALANCING || LOST.has(fault)) break;
        this.#coordinator = undefined;
        await patience.wait(error, this.#closed);
      }
    }
    throw lostError(groupId, topic, [...latest.keys()], cause);
  }

  /** Tells the broker, so that the others need not wait for the session to run out. */
  async leave(): Promise<void> {
    const memberId = this.#memberId;
    if (memberId === '') return;
    this.#memberId = '';
    await this.#ask((coordinator) => coordinator.leaveGroup({ groupId: this.#options.groupId, memberId }));
  }

  async #ask<Answer>(request: (coordinator: WireBroker) => Promise<Answer>): Promise<Answer> {
    // A request would connect again, and keep a stopped member in its group.
    if (this.#closed.aborted) throw lostError(this.#options.groupId, this.#options.topic, this.#last.partitions);
    const coordinator = (this.#coordinator ??= await this.#cluster.findGroupCoordinator({
      groupId: this.#options.groupId,
    }));
    try {
      return await request(coordinator);
    } catch (error) {
      await dropIfSilent(coordinator, error);
      throw error;
    }
  }
}

export function lostError(groupId: string, topic: string, partitions: readonly number[], cause?: unknown): ChorusError {
  return new ChorusError(
    'partition_lost',
    `${topic}/${partitions.join(',')}: group ${groupId} has given it to another generation; what was not committed is done again there`,
    { retryable: true, cause },
  );
}

function assignmentOf(
  topic: string,
  members: readonly JoinedMember[],
  partitionCount: number,
): { memberId: string; memberAssignment: Buffer }[] {
  const assigned = assignPartitions(members.map(claimOf), partitionCount);
  return members.map(({ memberId }, index) => ({
    memberId,
    memberAssignment: MemberAssignment.encode({
      version: PROTOCOL_VERSION,
      assignment: { [topic]: assigned[index]! },
      userData: Buffer.alloc(0),
    }),
  }));
}

/** Two instances of one name are told apart by their member ids. A claim that cannot be read claims nothing. */
function claimOf({ memberId, memberMetadata }: JoinedMember): Claim {
  try {
    const { userData } = MemberMetadata.decode(memberMetadata)!;
    const { name, owned, generation, local } = JSON.parse(userData.toString('utf8')) as Partial<Claim>;
    return {
      name: `${name} ${memberId}`,
      owned: partitionsOf(owned),
      generation: Number(generation),
      local: partitionsOf(local),
    };
  } catch {
    return { name: memberId, owned: [], generation: -1, local: [] };
  }
}

function partitionsOf(value: unknown): number[] {
  return Array.isArray(value) ? value.filter((item) => Number.isInteger(item)) : [];
}
