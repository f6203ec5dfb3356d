/** How far a running deployment has come in event time, told from outside: by what it has committed and by its log of links. */
import { ChorusError, ConfigError } from '../errors.ts';
import { FRAME_KIND, readHeader } from '../frames/frame.ts';
import type { KafkaClient } from '../kafka/client.ts';
import { committedOffsets } from '../kafka/offsets.ts';
import { readRange } from '../kafka/reader.ts';
import { Patience } from '../kafka/wire.ts';
import { measureLog } from './feed-bounds.ts';

export interface PositionOptions {
  /** Of the campaign stage. */
  readonly groupId: string;
  readonly links: string;
  /** Match partitions, which are the sources of the links. */
  readonly sources: number;
  /** That of the frames (deploymentTopology). */
  readonly topology: string;
}

/** Records looked at first, back from what is committed; each match partition writes one for every batch. */
const BACK_FIRST = 256;
const BACK_GROWTH = 8;
const UNREACHED_MAX_MS = 10_000;

/**
 * Event time that the campaign stage had reached when it committed last: every revision before it was published by then.
 * -Infinity while a match partition has not heard of every source.
 * @throws ConfigError if the frames are of another topology
 * @throws ChorusError `position_unknown`, `topic_missing`, `kafka_unreachable`
 */
export async function reachedMs(client: KafkaClient, options: PositionOptions, signal?: AbortSignal): Promise<number> {
  const { groupId, links, sources } = options;
  // kafkajs takes long to say that a topic is missing.
  await measureLog(client, links, signal);
  const committed = await committedOffset(client, groupId, links, signal);
  if (committed === undefined) {
    throw unknown(`group ${groupId} has committed nothing in topic ${links}: is kafka.prefix that of the deployment?`);
  }
  // After that: the log grows meanwhile.
  const [log] = await measureLog(client, links, signal);
  const { low, high } = log!;
  if (committed > high) {
    throw unknown(
      `group ${groupId} has committed offset ${committed} of topic ${links}, which ends at ${high}: it was made anew`,
    );
  }
  for (let back = BACK_FIRST; ; back *= BACK_GROWTH) {
    const from = Math.max(low, committed - back);
    const watermarks = await watermarksIn(client, options, from, committed, signal);
    if (watermarks.size === sources) return Math.min(...watermarks.values());
    if (from > low) continue;
    const named = Array.from({ length: sources }, (_, source) => source).filter((source) => !watermarks.has(source));
    throw unknown(
      `topic ${links} holds no frame of match partition ${named.join(', ')} before offset ${committed}, which group ${groupId} ` +
        'has committed: retention has removed it. Verify while the deployment runs',
    );
  }
}

async function committedOffset(
  client: KafkaClient,
  groupId: string,
  topic: string,
  signal: AbortSignal | undefined,
): Promise<number | undefined> {
  const admin = client.admin();
  const patience = new Patience(`group ${groupId}: asking what it has committed`, UNREACHED_MAX_MS, client.log);
  try {
    for (;;) {
      signal?.throwIfAborted();
      try {
        await admin.connect();
        return (await committedOffsets(admin, groupId, topic)).get(0)?.offset;
      } catch (error) {
        // A broker that has just started does not know yet which groups it coordinates.
        await patience.wait(error, signal);
      }
    }
  } finally {
    await admin.disconnect();
  }
}

async function watermarksIn(
  client: KafkaClient,
  { links: topic, topology }: PositionOptions,
  from: number,
  to: number,
  signal: AbortSignal | undefined,
): Promise<Map<number, number>> {
  const watermarks = new Map<number, number>();
  const range = { topic, partition: 0, from, to, ...(signal === undefined ? {} : { signal }) };
  for await (const { records } of readRange(client, range)) {
    for (const { value } of records) {
      if (value === null) continue;
      const header = readHeader(value);
      if (header.topology !== topology) throw otherTopology(topic, header.topology, topology);
      if (header.kind !== FRAME_KIND.links) continue;
      // F3: a zombie may say again what has been said, but no watermark counts that is below an earlier one.
      const before = watermarks.get(header.source) ?? -Infinity;
      watermarks.set(header.source, Math.max(before, header.watermark));
    }
  }
  return watermarks;
}

function unknown(detail: string): ChorusError {
  return new ChorusError('position_unknown', detail);
}

function otherTopology(topic: string, found: string, ours: string): ConfigError {
  const bound = `${found}, that of the frames in topic ${topic}: the configuration and the table of the deployment itself`;
  return new ConfigError([{ name: 'topology', value: ours, bound }]);
}
