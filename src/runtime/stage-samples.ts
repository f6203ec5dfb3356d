/** What a stage says of itself beside its tasks: where its partitions stand, and what passes between it and the brokers. */
import { InvariantError, type ChorusError } from '../errors.ts';
import type { GroupMember, PartitionState } from '../kafka/group.ts';
import type { FrameProducer } from '../kafka/producer.ts';
import type { Sample } from '../metrics.ts';

/** Where a partition stands, for people and programs. */
export interface PartitionReport {
  readonly partition: number;
  readonly state: PartitionState;
  /** Offset behind the last batch that is done; -1 while restoring. */
  readonly position: number;
  /** The end of the log as last seen. */
  readonly high: number;
  readonly lagRecords: number;
  readonly lagSeconds: number;
  /** ISO 8601; undefined while a source has said nothing. */
  readonly watermark: string | undefined;
  /** How its state was made, or is being made: in records of the log, or frames of the store. */
  readonly restore:
    { readonly isOver: boolean; readonly done: number; readonly total: number; readonly seconds: number } | undefined;
}

/** Were records missing in a log? Found by the chain of frames (F1), or by a position that the log has no more. */
export function isGap(error: unknown): boolean {
  if (error instanceof InvariantError) return error.invariant === 'F1';
  const { code } = error as Partial<ChorusError>;
  return code === 'offset_lost' || code === 'snapshot_lost';
}

const STATES: readonly PartitionState[] = ['restoring', 'running', 'paused'];

export function partitionSamples(stage: string, report: PartitionReport): Sample[] {
  const { partition, state, position, lagRecords, lagSeconds, restore } = report;
  const labels = { stage, partition: String(partition) };
  const { isOver, done, total, seconds } = restore ?? { isOver: false, done: 0, total: 0, seconds: 0 };
  return [
    { name: 'position', labels, value: position },
    { name: 'lag_records', labels, value: lagRecords },
    { name: 'lag_seconds', labels, value: lagSeconds },
    ...STATES.map((each): Sample => {
      return { name: 'task_state', labels: { ...labels, state: each }, value: each === state ? 1 : 0 };
    }),
    { name: 'restore_done_ratio', labels, value: isOver ? 1 : done / Math.max(1, total) },
    { name: 'restore_remaining_records', labels, value: total - done },
    { name: 'restore_seconds', labels, value: seconds },
  ];
}

export function kafkaSamples(labels: Sample['labels'], member: GroupMember, producer: FrameProducer): Sample[] {
  const { counters } = member;
  const status = member.status();
  const readyBytes = status.reduce((bytes, partition) => bytes + partition.readyBytes, 0);
  return [
    { name: 'partitions_assigned', labels, value: status.length },
    { name: 'fetch_buffer_bytes', labels, value: readyBytes },
    { name: 'fetch_buffer_limit_bytes', labels, value: status.length * member.readyLimitBytes },
    { name: 'fetches_total', labels, value: counters.fetches },
    { name: 'fetched_bytes_total', labels, value: counters.fetchedBytes },
    { name: 'producer_queue_records', labels, value: producer.queue.records },
    { name: 'producer_queue_bytes', labels, value: producer.queue.bytes },
    { name: 'producer_request_limit_bytes', labels, value: producer.requestLimitBytes },
    { name: 'produce_requests_total', labels, value: producer.counters.requests },
    { name: 'produced_bytes_total', labels, value: producer.counters.bytes },
    { name: 'produce_seconds_total', labels, value: producer.counters.sendSeconds },
    { name: 'commits_pending', labels, value: member.pendingCommits },
    { name: 'commits_total', labels, value: counters.commits },
    { name: 'commit_seconds_total', labels, value: counters.commitSeconds },
    { name: 'heartbeats_total', labels, value: counters.heartbeats },
    { name: 'heartbeat_failures_total', labels, value: counters.heartbeatFailures },
    { name: 'rebalances_total', labels, value: counters.rebalances },
    { name: 'rebalance_seconds_total', labels, value: counters.rebalanceSeconds },
  ];
}
