/** What the benchmarks on Kafka share: a broker of their own, a feed, and instances in processes of their own. */
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { KafkaClient } from '../src/kafka/client.ts';
import { FrameProducer } from '../src/kafka/producer.ts';
import { createTopics, type TopicSpec } from '../src/kafka/topics.ts';
import { startBroker, type Broker } from '../test/support/broker/broker.ts';
import type { InstanceReport, InstanceRequest } from './kafka-instance.ts';

const DAY_MS = 86_400_000;
const HOUR_MS = 3_600_000;
/** Event time that ends every window. */
const END_MS = 8e15;
const RECORDS_PER_SEND = 2000;

export interface Cluster {
  readonly broker: Broker;
  readonly client: KafkaClient;
  readonly producer: FrameProducer;
  stop(): Promise<void>;
}

/** A broker with a full compiler, since the test broker's is made for short lives. */
export async function startCluster(topics: readonly TopicSpec[]): Promise<Cluster> {
  const broker = await startBroker({ own: true, tiered: true, heapMb: 1024 });
  const client = new KafkaClient({ brokers: broker.bootstrap, clientId: 'bench' });
  const admin = client.admin();
  await admin.connect();
  await createTopics(admin, topics, 1);
  await admin.disconnect();
  const producer = new FrameProducer(client);
  await producer.connect();
  return {
    broker,
    client,
    producer,
    stop: async () => {
      await producer.disconnect();
      await broker.stop();
    },
  };
}

/**
 * Line `i` of a feed without end: the given day of posts again and again, each pass in an hour of its own, by other
 * accounts. So a window of an hour holds one pass, and a text meets its copies of other passes never.
 */
export function endlessFeed(lines: readonly string[]): (i: number) => string {
  const posts = lines.map((line) => JSON.parse(line) as { id: string; account: string; createdAt: string });
  posts.sort((a, b) => Date.parse(a.createdAt) - Date.parse(b.createdAt));
  const firstMs = Date.parse(posts[0]!.createdAt);
  return (i) => {
    const pass = Math.floor(i / posts.length);
    const post = posts[i % posts.length]!;
    const atMs = firstMs + pass * HOUR_MS + ((Date.parse(post.createdAt) - firstMs) * HOUR_MS) / DAY_MS;
    const createdAt = new Date(Math.floor(atMs)).toISOString();
    return JSON.stringify({ ...post, id: `${post.id}-${pass}`, account: `${post.account}-${pass}`, createdAt });
  };
}

export async function feedPosts(
  producer: FrameProducer,
  topic: string,
  partitions: number,
  count: number,
  line: (i: number) => string,
): Promise<void> {
  for (let i = 0; i < count; i += RECORDS_PER_SEND) {
    const records = Array.from({ length: Math.min(RECORDS_PER_SEND, count - i) }, (_, k) => ({
      partition: (i + k) % partitions,
      key: null,
      value: line(i + k),
    }));
    await producer.send(topic, records);
  }
}

/** Ends event time in all partitions, so that everything falls due. */
export async function endFeed(producer: FrameProducer, topic: string, partitions: number): Promise<void> {
  const headers = { 'chorus-tick': String(END_MS) };
  const records = Array.from({ length: partitions }, (_, partition) => ({
    partition,
    key: null,
    value: null,
    headers,
  }));
  await producer.send(topic, records);
}

/** A process with some of the stages. */
export class Instance {
  readonly #child: ChildProcess;
  report: InstanceReport | undefined;

  constructor(request: InstanceRequest) {
    const script = fileURLToPath(new URL('kafka-instance.js', import.meta.url));
    this.#child = fork(script, [JSON.stringify(request)], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
    this.#child.on('message', (message) => {
      this.report = message as InstanceReport;
    });
  }

  /** Resolves when it reports what is asked for. */
  async until(isReached: (report: InstanceReport) => boolean, maxMs: number): Promise<InstanceReport> {
    const endMs = performance.now() + maxMs;
    for (;;) {
      if (this.report !== undefined && isReached(this.report)) return this.report;
      if (this.#child.exitCode !== null) throw new Error(`the instance has ended with code ${this.#child.exitCode}`);
      if (performance.now() > endMs) throw new Error(`not reached in ${maxMs} ms: ${JSON.stringify(this.report)}`);
      const done = new AbortController();
      const { signal } = done;
      await Promise.race([once(this.#child, 'message', { signal }), once(this.#child, 'exit', { signal })]).finally(
        () => done.abort(),
      );
    }
  }

  async stop(signal: 'SIGTERM' | 'SIGKILL' = 'SIGTERM'): Promise<void> {
    if (this.#child.exitCode !== null) return;
    this.#child.kill(signal);
    await once(this.#child, 'exit');
  }
}
