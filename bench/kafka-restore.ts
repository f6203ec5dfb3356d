/**
 * A window of millions of posts in one match partition: how fast it fills, what it takes, and how long a new instance needs to
 * have it again, from the log and from the disk.
 *
 *   node bench/kafka-restore.js [--posts FILE] [--window-posts 10000000] [--simhash on]
 *
 * The log of fingerprints is written by the bench itself, as window.ts makes its posts: a few hundred thousand texts again
 * and again under other salts.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { loadTable } from '../src/cli/table.ts';
import { FingerprintsFrameBuilder } from '../src/frames/fingerprints.ts';
import { deploymentTopology } from '../src/runtime/deployment.ts';
import { stageSettings } from '../src/runtime/engine.ts';
import { DEFAULTS } from '../src/settings.ts';
import { FingerprintStage } from '../src/stages/fingerprint.ts';
import { Instance, startCluster } from './kafka-support.ts';
import { addSalt, benchLines, postsOf, saltOf } from './support.ts';

const { values } = parseArgs({
  options: {
    posts: { type: 'string' },
    'window-posts': { type: 'string', default: '10000000' },
    simhash: { type: 'string', default: 'on' },
  },
});
const windowPosts = Number(values['window-posts']);
const ENTRIES_PER_FRAME = 1000;
const FRAMES_PER_SEND = 16;
const topics = { feed: 'feed', fingerprints: 'fingerprints', links: 'links', alerts: 'alerts', deadLetters: undefined };
const outOfOrdernessMs = 0;
const partitions = 1;
const eventTime = 'payload' as const;
const settings = { windowMs: 2 * windowPosts, families: { simhash: values.simhash === 'on' } };
const stages = stageSettings({ settings: { ...DEFAULTS, ...settings }, table: loadTable(), engine: 'chorus/bench' });
const topology = deploymentTopology(
  stages.topology,
  { eventTime, outOfOrdernessMs, format: 'canonical', topics, partitions },
  1,
);

const cluster = await startCluster([
  { name: topics.feed, partitions: 1, configs: {} },
  { name: topics.fingerprints, partitions, configs: {} },
  { name: topics.links, partitions: 1, configs: {} },
  { name: topics.alerts, partitions: 1, configs: {} },
]);
const folders = ['first', 'second'].map((name) => mkdtempSync(join(tmpdir(), `chorus-bench-${name}-`)));
const request = {
  brokers: cluster.broker.bootstrap,
  stages: ['match'] as const,
  topics,
  partitions,
  settings,
  eventTime,
  outOfOrdernessMs,
};
try {
  const frames = await writeLog();
  const filled = await timed(folders[0]!, frames);
  const fromLog = await timed(folders[1]!, frames);
  const fromDisk = await timed(folders[1]!, frames);
  const result = { windowPosts, simhash: values.simhash, nodes: fromDisk.nodes, fillSeconds: filled.seconds };
  console.log(
    JSON.stringify({
      ...result,
      fromLogSeconds: fromLog.seconds,
      fromDiskSeconds: fromDisk.seconds,
      rssMegabytes: [filled, fromLog, fromDisk].map(({ rssBytes }) => Math.round(rssBytes / 1e6)),
    }),
  );
} finally {
  await cluster.stop();
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
}

/** From the start of a process to its partition at the end of the log, with nothing left to be committed. */
async function timed(
  stateFolder: string,
  frames: number,
): Promise<{ seconds: number; rssBytes: number; nodes: number }> {
  const startMs = performance.now();
  const instance = new Instance({ ...request, stateFolder });
  const { rssBytes, nodes } = await instance.until(
    (report) => report.stages.match?.some(({ position }) => position === frames) === true,
    900_000,
  );
  const seconds = Math.round((performance.now() - startMs) / 100) / 10;
  await instance.stop();
  return { seconds, rssBytes, nodes };
}

/** Returns the number of frames. */
async function writeLog(): Promise<number> {
  const lines = benchLines(values.posts, 250_000);
  const posts = postsOf(lines);
  const stage = new FingerprintStage(stages.fingerprint);
  const builder = new FingerprintsFrameBuilder();
  let pending: { partition: number; key: null; value: Buffer }[] = [];
  let from = 0;
  let salt = saltOf(0);
  let frames = 0;
  const flush = async (to: number): Promise<void> => {
    const bytes = builder.finish(
      { topology, source: 0, sources: 1, target: 0, targets: partitions },
      { from, to, watermark: to },
    );
    pending.push({ partition: 0, key: null, value: Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength) });
    from = to;
    frames++;
    if (pending.length < FRAMES_PER_SEND) return;
    await cluster.producer.send(topics.fingerprints, pending);
    pending = [];
  };
  for (let i = 0; i < windowPosts; i++) {
    const at = i % posts.length;
    if (at === 0) salt = saltOf(i / posts.length);
    const length = stage.process({ ...posts[at]!, createdAt: i, id: String(i) });
    if (length > 0) {
      addSalt(stage.words, salt);
      builder.words.set(stage.words.subarray(0, length), builder.wordCount);
      builder.add(length, i - from, Buffer.from(lines[at]!));
    }
    if (builder.entryCount === ENTRIES_PER_FRAME) await flush(i + 1);
  }
  await flush(windowPosts);
  if (pending.length > 0) await cluster.producer.send(topics.fingerprints, pending);
  return frames;
}
