/** Where things lie: bounds of a log, offsets at a time, what a group has committed. */
import type { Admin } from 'kafkajs';
import { ChorusError } from '../errors.ts';
import type { Cluster } from './wire.ts';

export interface LogBounds {
  /** The first offset there is. */
  readonly low: number;
  /** Behind the last record that can be read. */
  readonly high: number;
}

export interface Committed {
  readonly offset: number;
  /** Empty if none was given. */
  readonly metadata: string;
}

/** The bounds of each partition, at its index. */
export async function logBounds(admin: Admin, topic: string): Promise<LogBounds[]> {
  const bounds: LogBounds[] = [];
  for (const { partition, low, high } of await admin.fetchTopicOffsets(topic)) {
    bounds[partition] = { low: Number(low), high: Number(high) };
  }
  return bounds;
}

/** Of each partition the first offset whose record is of this time or later; its end if there is none. */
export async function offsetsAt(admin: Admin, topic: string, timeMs: number): Promise<number[]> {
  const offsets: number[] = [];
  for (const { partition, offset } of await admin.fetchTopicOffsetsByTimestamp(topic, timeMs)) {
    offsets[partition] = Number(offset);
  }
  return offsets;
}

/** By partition; one for which the group has committed nothing is not in it. */
export async function committedOffsets(admin: Admin, groupId: string, topic: string): Promise<Map<number, Committed>> {
  const answer = await admin.fetchOffsets({ groupId, topics: [topic] });
  const partitions = answer.flatMap((entry) => (entry.topic === topic ? entry.partitions : []));
  return committedOf(partitions);
}

/** From what the protocol says: an offset of -1 stands for none. */
export function committedOf(
  partitions: readonly { partition: number; offset: string; metadata?: string | null }[],
): Map<number, Committed> {
  const found = new Map<number, Committed>();
  for (const { partition, offset, metadata } of partitions) {
    if (Number(offset) >= 0) found.set(partition, { offset: Number(offset), metadata: metadata ?? '' });
  }
  return found;
}

/** The same bounds for some partitions, over connections that are open already. */
export async function boundsOf(
  cluster: Cluster,
  topic: string,
  partitions: readonly number[],
): Promise<Map<number, LogBounds>> {
  const asked = partitions.map((partition) => ({ partition }));
  const ask = async (fromBeginning: boolean): Promise<Map<number, number>> => {
    const answer = await cluster.fetchTopicsOffset([{ topic, partitions: asked, fromBeginning }]);
    return new Map(answer.flatMap((entry) => entry.partitions.map((p) => [p.partition, Number(p.offset)] as const)));
  };
  const [lows, highs] = await Promise.all([ask(true), ask(false)]);
  const bounds = new Map<number, LogBounds>();
  for (const partition of partitions) {
    const [low, high] = [lows.get(partition), highs.get(partition)];
    if (low === undefined || high === undefined) {
      throw new ChorusError(
        'partition_missing',
        `${topic}/${partition}: the broker tells no bounds of this partition`,
        {
          retryable: true,
        },
      );
    }
    bounds.set(partition, { low, high });
  }
  return bounds;
}
