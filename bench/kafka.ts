/**
 * The three stages on a real broker on the same machine: posts a second from a topic that is there already.
 *
 *   node bench/kafka.js [--posts FILE] [--count 2000000] [--split 'fingerprint|match|campaign'] [--partitions 1]
 *
 * In the same run, for the ratio: a bare kafkajs consumer that counts the records of the same topic and does nothing else.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import kafkajs from 'kafkajs';
import type { StageName } from '../src/runtime/deployment.ts';
import { endFeed, endlessFeed, feedPosts, Instance, startCluster, type Cluster } from './kafka-support.ts';
import { benchLines } from './support.ts';

const { values } = parseArgs({
  options: {
    posts: { type: 'string' },
    count: { type: 'string', default: '2000000' },
    split: { type: 'string', default: 'fingerprint|match|campaign' },
    partitions: { type: 'string', default: '1' },
    simhash: { type: 'string', default: 'on' },
  },
});
const count = Number(values.count);
const partitions = Number(values.partitions);
const SOURCES = 4;
const topics = { feed: 'feed', fingerprints: 'fingerprints', links: 'links', alerts: 'alerts', deadLetters: undefined };

const lines = benchLines(values.posts, 250_000);
const cluster = await startCluster([
  { name: topics.feed, partitions: SOURCES, configs: {} },
  { name: topics.fingerprints, partitions, configs: {} },
  { name: topics.links, partitions: 1, configs: {} },
  { name: topics.alerts, partitions: 1, configs: {} },
]);
const folder = mkdtempSync(join(tmpdir(), 'chorus-bench-'));
try {
  const line = endlessFeed(lines);
  await feedPosts(cluster.producer, topics.feed, SOURCES, count, line);
  await endFeed(cluster.producer, topics.feed, SOURCES);
  const bare = await bareConsumer(cluster);
  const { perSecond, cpu } = await deployment();
  const bytes = Array.from({ length: 1000 }, (_, i) => line(i).length).reduce((sum, length) => sum + length) / 1000;
  console.log(
    JSON.stringify({
      posts: count,
      bytesPerPost: Math.round(bytes),
      split: values.split,
      partitions,
      simhash: values.simhash,
      postsPerSecond: Math.round(perSecond),
      bareConsumerPerSecond: Math.round(bare),
      ratio: Math.round((perSecond / bare) * 1000) / 1000,
      cpuMicrosecondsPerPost: cpu,
    }),
  );
} finally {
  await cluster.stop();
  rmSync(folder, { recursive: true, force: true });
}

/** Records a second of a consumer as its authors would set it up for speed. */
async function bareConsumer({ broker }: Cluster): Promise<number> {
  const kafka = new kafkajs.Kafka({ brokers: broker.bootstrap, logLevel: kafkajs.logLevel.NOTHING });
  const consumer = kafka.consumer({ groupId: 'bare', maxWaitTimeInMs: 100 });
  await consumer.connect();
  await consumer.subscribe({ topic: topics.feed, fromBeginning: true });
  let read = 0;
  let startMs = 0;
  await new Promise<void>((resolve, reject) => {
    consumer
      .run({
        partitionsConsumedConcurrently: SOURCES,
        eachBatch: ({ batch }) => {
          if (startMs === 0) startMs = performance.now();
          read += batch.messages.length;
          if (read >= count + SOURCES) resolve();
          return Promise.resolve();
        },
      })
      .catch(reject);
  });
  const perSecond = count / ((performance.now() - startMs) / 1000);
  await consumer.disconnect();
  return perSecond;
}

async function deployment(): Promise<{ perSecond: number; cpu: Readonly<Record<string, number>> }> {
  const groups = values.split.split('|').map((group) => group.split(',') as StageName[]);
  const instances = groups.map(
    (stages) =>
      new Instance({
        brokers: cluster.broker.bootstrap,
        stages,
        topics,
        partitions,
        settings: { families: { simhash: values.simhash === 'on' } },
        eventTime: 'payload',
        outOfOrdernessMs: 1000,
        stateFolder: folder,
      }),
  );
  try {
    const first = instances[groups.findIndex((stages) => stages.includes('fingerprint'))]!;
    const last = instances[groups.findIndex((stages) => stages.includes('campaign'))]!;
    await first.until(({ stages }) => (stages.fingerprint ?? []).length === SOURCES, 60_000);
    const startMs = performance.now();
    await last.until(({ watermark }) => watermark !== null && watermark > 1e15, 600_000);
    const seconds = (performance.now() - startMs) / 1000;
    const cpu = Object.fromEntries(
      instances.map(({ report }, i) => [groups[i]!.join(), Math.round((report!.cpuSeconds / count) * 1e8) / 100]),
    );
    return { perSecond: count / seconds, cpu };
  } finally {
    for (const instance of instances) await instance.stop('SIGKILL');
  }
}
