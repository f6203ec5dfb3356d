/** The feed topic of a configuration, opened for reading outside of any group. Loads the client of Kafka, so load it late. */
import { ChorusError } from '../errors.ts';
import { KafkaClient } from '../kafka/client.ts';
import { openRegistry } from '../registry/client.ts';
import type { Registry } from '../registry/registry.ts';
import { feedParts, measureLog, type FeedBound } from '../runtime/feed-bounds.ts';
import { FeedRange, inputError } from '../runtime/feed-range.ts';
import { kafkaSettings, type DeploymentConfig } from './config-deployment.ts';

export interface FeedBounds {
  readonly from: FeedBound | undefined;
  readonly to: FeedBound | undefined;
}

export interface OpenFeed {
  readonly source: FeedRange;
  readonly close: () => void;
}

/** Measures the topic, so that what is read ends where it ends now. @throws ConfigError, InputError */
export async function openFeed(config: DeploymentConfig, bounds: FeedBounds, signal: AbortSignal): Promise<OpenFeed> {
  const { topics, shell } = config;
  const topic = topics.feed;
  try {
    const client = feedClient(config);
    const log = await measureLog(client, topic, signal);
    const parts = await feedParts(client, topic, log, bounds);
    const registry = await feedRegistry(config, signal);
    const source = new FeedRange({
      client,
      topic,
      parts: parts.map((part) => ({ ...part, leadTo: undefined, isToEnd: true })),
      eventTime: shell.kafka.eventTime,
      outOfOrdernessMs: shell.kafka.outOfOrdernessMs,
      format: shell.kafka.format,
      registry,
      hasProvenance: shell.alerts.provenance,
      untilMs: Infinity,
    });
    return { source, close: () => registry?.close() };
  } catch (error) {
    // Measuring ends with what the signal says.
    throw signal.aborted ? interruptedError('anything was read') : inputError(topic, error);
  }
}

export function interruptedError(before: string): ChorusError {
  return new ChorusError('interrupted', `interrupted before ${before}`);
}

export function feedClient(config: DeploymentConfig): KafkaClient {
  return new KafkaClient(kafkaSettings(config), (level, message, { error }) => {
    if (level === 'warn') warn(typeof error === 'string' ? `${message} (${error})` : message);
  });
}

export async function feedRegistry({ registry }: DeploymentConfig, signal: AbortSignal): Promise<Registry | undefined> {
  if (registry === undefined) return undefined;
  return await openRegistry(registry, {
    signal,
    onWait: (detail) => warn(`waiting for the schema registry (${detail})`),
  });
}

function warn(text: string): void {
  process.stderr.write(`chorus: ${text}\n`);
}
