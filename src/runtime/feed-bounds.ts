/** Which records of a feed topic are meant: a time or offsets, against what the log holds. */
import { ChorusError, ConfigError, type ConfigProblem } from '../errors.ts';
import type { KafkaClient } from '../kafka/client.ts';
import { topicMissingError } from '../kafka/feed.ts';
import { boundsOf, offsetsAt, type LogBounds } from '../kafka/offsets.ts';
import { faultOf, Patience } from '../kafka/wire.ts';

/** A time is that at which the broker took the record, ms. A partition without an offset is taken from end to end. */
export type FeedBound =
  | { readonly kind: 'time'; readonly timeMs: number }
  | { readonly kind: 'offsets'; readonly offsets: ReadonlyMap<number, number> };

/** Records of one partition: offsets `[from, to)`. */
export interface FeedPart {
  readonly partition: number;
  readonly from: number;
  readonly to: number;
}

const UNREACHED_MAX_MS = 10_000;
const MISSING_MAX_MS = 2000;

/**
 * The bounds of each partition, at its index. Within seconds, where kafkajs' own administration tries for a minute.
 * @throws ChorusError `kafka_unreachable`, `kafka_login`, `kafka_denied`, `topic_missing`
 */
export async function measureLog(client: KafkaClient, topic: string, signal?: AbortSignal): Promise<LogBounds[]> {
  const wire = client.wire();
  const patience = new Patience(`topic ${topic}: measuring`, UNREACHED_MAX_MS, client.log);
  const startedMs = performance.now();
  try {
    for (;;) {
      signal?.throwIfAborted();
      try {
        await wire.cluster.connect();
        await wire.cluster.addTargetTopic(topic);
        const partitions = wire.cluster.findTopicPartitionMetadata(topic).map(({ partitionId }) => partitionId);
        const bounds = await boundsOf(wire.cluster, topic, partitions);
        return Array.from({ length: partitions.length }, (_, partition) => bounds.get(partition)!);
      } catch (error) {
        const isMissing = faultOf(error) === 'UNKNOWN_TOPIC_OR_PARTITION';
        // A topic that was made a moment ago is not known to every broker.
        if (isMissing && performance.now() - startedMs > MISSING_MAX_MS) throw topicMissingError(topic, error);
        await patience.wait(error, signal);
      }
    }
  } finally {
    await wire.close();
  }
}

/**
 * What is meant of each partition; up to the end of the log as it was measured, if nothing else is said.
 * @throws ConfigError for partitions and offsets that are not in the log
 */
export async function feedParts(
  client: KafkaClient,
  topic: string,
  log: readonly LogBounds[],
  { from, to }: { readonly from: FeedBound | undefined; readonly to: FeedBound | undefined },
): Promise<FeedPart[]> {
  const problems = [...problemsOf('--from', from, topic, log), ...problemsOf('--to', to, topic, log)];
  if (problems.length > 0) throw new ConfigError(problems);
  const lows = log.map(({ low }) => low);
  const highs = log.map(({ high }) => high);
  const froms = from === undefined ? lows : await offsetsOf(client, topic, from, lows);
  const tos = to === undefined ? highs : await offsetsOf(client, topic, to, highs);
  return log.map(({ low, high }, partition) => {
    // Records that came since the log was measured are none of it.
    const start = Math.min(high, Math.max(low, froms[partition]!));
    return { partition, from: start, to: Math.max(start, Math.min(high, tos[partition]!)) };
  });
}

async function offsetsOf(
  client: KafkaClient,
  topic: string,
  bound: FeedBound,
  others: readonly number[],
): Promise<readonly number[]> {
  if (bound.kind === 'offsets') return others.map((other, partition) => bound.offsets.get(partition) ?? other);
  const admin = client.admin();
  try {
    await admin.connect();
    return await offsetsAt(admin, topic, bound.timeMs);
  } catch (error) {
    throw new ChorusError('kafka_unreachable', `topic ${topic}: its offsets cannot be asked: ${String(error)}`, {
      retryable: true,
      cause: error,
    });
  } finally {
    await admin.disconnect();
  }
}

function problemsOf(
  name: string,
  bound: FeedBound | undefined,
  topic: string,
  log: readonly LogBounds[],
): ConfigProblem[] {
  if (bound?.kind !== 'offsets') return [];
  return Array.from(bound.offsets).flatMap(([partition, offset]) => {
    const held = log[partition];
    const value = `${partition}:${offset}`;
    if (held === undefined) return [{ name, value, bound: `of one of the ${log.length} partitions of topic ${topic}` }];
    if (offset >= held.low && offset <= held.high) return [];
    return [{ name, value, bound: `an offset of ${topic}/${partition}, which holds ${held.low} to ${held.high}` }];
  });
}
