/**
 * Reads a range of one partition, outside of any group: for restoring, verifying and backtests.
 *
 * kafkajs reads in groups only, and a join takes longer than most ranges. This fetches over connections of its own, one
 * answer ahead of the caller.
 */
import { ChorusError } from '../errors.ts';
import type { KafkaClient } from './client.ts';
import { fetchError, offsetLostError, topicMissingError } from './feed.ts';
import { fetchFrom, type Fetched, type FetchOptions } from './fetch.ts';
import type { KafkaBatch } from './group.ts';
import { boundsOf } from './offsets.ts';
import { decodeRecords, nextOffset } from './records.ts';
import { faultOf, Patience, type Cluster } from './wire.ts';

export interface RangeOptions {
  readonly topic: string;
  readonly partition: number;
  /** Offsets `[from, to)`. `to` may lie behind the last record there is: then records are waited for. */
  readonly from: number;
  readonly to: number;
  readonly signal?: AbortSignal;
  readonly maxBytes?: number;
  readonly fetchMaxWaitMs?: number;
  readonly outageMaxMs?: number;
  readonly topicMissingMs?: number;
}

const DEFAULTS = {
  maxBytes: 4_194_304,
  fetchMaxWaitMs: 250,
  outageMaxMs: 60_000,
  topicMissingMs: 5000,
};

const OFFSET_OUT_OF_RANGE = 1;

/**
 * Batches in offset order, the last one cut at `to`; ends when the position has reached `to`, also where the last offsets hold
 * no record. After an abort it ends with the signal's reason.
 * @throws ChorusError `offset_lost` if `from` is not in the log, `topic_missing`, `kafka_unreachable`
 */
export async function* readRange(client: KafkaClient, range: RangeOptions): AsyncGenerator<KafkaBatch, void, void> {
  if (range.from >= range.to) return;
  const wire = client.wire();
  const reader = new RangeReader(client, wire.cluster, { ...DEFAULTS, ...range });
  try {
    await reader.open();
    let ahead = settled(reader.fetch(range.from));
    for (let position = range.from; position < range.to;) {
      const { raw, high } = valueOf(await ahead);
      range.signal?.throwIfAborted();
      const next = nextOffset(raw);
      if (next < range.to) ahead = settled(reader.fetch(next));
      if (next === position) continue;
      const records = await decodeRecords(raw);
      if (next > range.to) cut(records, range.to);
      yield { records, from: position, next: Math.min(next, range.to), high };
      range.signal?.throwIfAborted();
      position = next;
    }
  } finally {
    await wire.close();
  }
}

function cut(records: { readonly offset: number }[], to: number): void {
  while (records.length > 0 && records.at(-1)!.offset >= to) records.pop();
}

/** The caller may stop before it looks at what was fetched ahead; its failure must not end the process then. */
function settled(promise: Promise<Fetched>): Promise<PromiseSettledResult<Fetched>> {
  return Promise.allSettled([promise]).then(([result]) => result);
}

function valueOf(result: PromiseSettledResult<Fetched>): Fetched {
  if (result.status === 'rejected') throw result.reason;
  return result.value;
}

class RangeReader {
  readonly #cluster: Cluster;
  readonly #range: RangeOptions & typeof DEFAULTS;
  readonly #fetchOptions: FetchOptions;
  readonly #patience: Patience;
  readonly #signal: AbortSignal | undefined;
  #missingSinceMs: number | undefined;

  constructor(client: KafkaClient, cluster: Cluster, range: RangeOptions & typeof DEFAULTS) {
    this.#cluster = cluster;
    this.#range = range;
    this.#signal = range.signal;
    const { topic, partition, maxBytes, fetchMaxWaitMs, outageMaxMs } = range;
    this.#fetchOptions = { topic, maxBytesPerPartition: maxBytes, maxWaitMs: fetchMaxWaitMs };
    this.#patience = new Patience(`${topic}/${partition}: reading`, outageMaxMs, client.log);
  }

  async open(): Promise<void> {
    const { topic, partition, from } = this.#range;
    await this.#retrying(async () => {
      await this.#cluster.connect();
      await this.#cluster.addTargetTopic(topic);
    });
    if (!this.#cluster.findTopicPartitionMetadata(topic).some(({ partitionId }) => partitionId === partition)) {
      throw new ChorusError('partition_missing', `${topic}/${partition}: the topic has no such partition`);
    }
    const { low, high } = (await this.#retrying(() => boundsOf(this.#cluster, topic, [partition]))).get(partition)!;
    if (from < low) throw offsetLostError(topic, partition, from, `is gone, the log holds ${low} to ${high}`);
  }

  fetch(position: number): Promise<Fetched> {
    const { topic, partition } = this.#range;
    return this.#retrying(async () => {
      const metadata = this.#cluster.findTopicPartitionMetadata(topic);
      const nodeId = metadata.find(({ partitionId }) => partitionId === partition)?.leader ?? -1;
      const broker = await this.#cluster.findBroker({ nodeId });
      const [fetched] = await fetchFrom(broker, this.#fetchOptions, new Map([[partition, position]]));
      if (fetched === undefined) throw new Error(`${topic}/${partition}: no answer for this partition`);
      if (fetched.errorCode === OFFSET_OUT_OF_RANGE) {
        throw offsetLostError(topic, partition, position, 'is not in the log');
      }
      if (fetched.errorCode !== 0) throw fetchError(topic, fetched);
      return fetched;
    });
  }

  async #retrying<Answer>(request: () => Promise<Answer>): Promise<Answer> {
    const { topic, topicMissingMs } = this.#range;
    for (;;) {
      this.#signal?.throwIfAborted();
      try {
        const answer = await request();
        this.#patience.answered();
        this.#missingSinceMs = undefined;
        return answer;
      } catch (error) {
        this.#signal?.throwIfAborted();
        if (faultOf(error) === 'UNKNOWN_TOPIC_OR_PARTITION') {
          this.#missingSinceMs ??= performance.now();
          if (performance.now() - this.#missingSinceMs > topicMissingMs) throw topicMissingError(topic, error);
        }
        await this.#patience.wait(error, this.#signal);
        await this.#cluster.refreshMetadata().catch(() => undefined);
      }
    }
  }
}
