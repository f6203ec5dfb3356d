/** For the tests of the adapter: names that meet nowhere, waits with a bound, handlers that note what they are told. */
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { KafkaClient } from '../../src/kafka/client.ts';
import { GroupMember, type GroupHandler, type GroupOptions, type KafkaBatch } from '../../src/kafka/group.ts';
import { FrameProducer } from '../../src/kafka/producer.ts';
import { createTopics } from '../../src/kafka/topics.ts';
import type { Broker } from '../support/broker/broker.ts';

export function unique(prefix: string): string {
  return `${prefix}-${randomUUID().slice(0, 8)}`;
}

export function clientOf(broker: Broker, lines: string[] = []): KafkaClient {
  return new KafkaClient({ brokers: broker.bootstrap, clientId: 'test' }, (level, message, fields) =>
    lines.push(`${level} ${message} ${JSON.stringify(fields)}`),
  );
}

export async function until(what: string, isSo: () => boolean | Promise<boolean>, boundMs = 30_000): Promise<void> {
  const endMs = performance.now() + boundMs;
  while (!(await isSo())) {
    if (performance.now() > endMs) throw new Error(`not within ${boundMs} ms: ${what}`);
    await sleep(10);
  }
}

export async function makeTopic(
  client: KafkaClient,
  partitions: number,
  configs: Record<string, string> = {},
): Promise<string> {
  const admin = client.admin();
  await admin.connect();
  const topic = unique('topic');
  await createTopics(admin, [{ name: topic, partitions, configs }], 1);
  await admin.disconnect();
  return topic;
}

/** Values `<first>` to `<first + count - 1>`, in turn to each partition. */
export async function fill(
  client: KafkaClient,
  topic: string,
  partitions: number,
  count: number,
  first = 0,
): Promise<void> {
  const producer = new FrameProducer(client);
  await producer.connect();
  await producer.send(
    topic,
    Array.from({ length: count }, (_, i) => ({ partition: i % partitions, key: null, value: String(first + i) })),
  );
  await producer.disconnect();
}

export type Told =
  | { readonly kind: 'assigned' | 'revoked'; readonly partition: number }
  | { readonly kind: 'batch'; readonly partition: number; readonly batch: KafkaBatch };

/** Starts at what is committed, else at the beginning; commits each batch. */
export class Notes implements GroupHandler {
  readonly told: Told[] = [];
  readonly committed = new Map<number, { offset: number; metadata: string } | undefined>();
  readonly has = new Set<number>();

  async assigned(
    partition: number,
    committed: { offset: number; metadata: string } | undefined,
    log: { low: number },
  ): Promise<number> {
    this.told.push({ kind: 'assigned', partition });
    this.committed.set(partition, committed);
    this.has.add(partition);
    return committed?.offset ?? log.low;
  }

  async batch(
    partition: number,
    batch: KafkaBatch,
    commit: (offset: number, metadata: string) => Promise<void>,
  ): Promise<void> {
    this.told.push({ kind: 'batch', partition, batch });
    await commit(batch.next, `at ${batch.next}`);
  }

  async revoked(partition: number): Promise<void> {
    this.told.push({ kind: 'revoked', partition });
    this.has.delete(partition);
  }

  get batches(): KafkaBatch[] {
    return this.told.flatMap((told) => (told.kind === 'batch' ? [told.batch] : []));
  }

  get values(): string[] {
    return this.batches.flatMap(({ records }) => records.map(({ value }) => String(value)));
  }
}

/** Stopped by `stopAll`; its failure is in `failures`. */
export class Members {
  readonly failures: unknown[] = [];
  readonly #members: GroupMember[] = [];

  async start(
    client: KafkaClient,
    options: Partial<GroupOptions> & Pick<GroupOptions, 'topic' | 'groupId' | 'handler'>,
  ): Promise<GroupMember> {
    const member = new GroupMember(client, {
      heartbeatMs: 100,
      sessionTimeoutMs: 3000,
      onFatal: (error) => this.failures.push(error),
      ...options,
    });
    this.#members.push(member);
    await member.start();
    return member;
  }

  async stopAll(): Promise<void> {
    await Promise.all(this.#members.splice(0).map((member) => member.stop()));
    this.failures.length = 0;
  }
}
