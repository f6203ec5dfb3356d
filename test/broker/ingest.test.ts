/** `chorus ingest` and the source of `chorus run`, beside a real broker and local servers that speak the real protocols. */
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import type { Admin } from 'kafkajs';
import { afterAll, afterEach, beforeAll, describe, expect, inject, test } from 'vitest';
import { decodeCanonical } from '../../src/consumers/formats/canonical.ts';
import { KafkaClient } from '../../src/kafka/client.ts';
import { readRange } from '../../src/kafka/reader.ts';
import { Random } from '../../src/simulate/random.ts';
import { configured, makeFeed } from '../cli/deployed.ts';
import { makeTopic, unique, until } from '../kafka/support.ts';
import { startBroker } from '../support/broker/broker.ts';
import { chorus, start } from '../support/command.ts';
import { temporaryFolder } from '../support/feeds.ts';
import { JetstreamServer, jetstreamPost } from '../support/live-servers.ts';
import { killRunning, run, says } from '../support/running.ts';

const KILLS = Number(process.env['INGEST_KILLS'] ?? 6);
const SEED = Number(process.env['INGEST_SEED'] ?? 1);

const folder = temporaryFolder();
let client: KafkaClient;
let admin: Admin;
const closing: (() => Promise<void>)[] = [];

beforeAll(async () => {
  client = new KafkaClient({ brokers: inject('kafka'), clientId: 'test' });
  admin = client.admin();
  await admin.connect();
});
afterAll(() => admin?.disconnect());
afterEach(async () => {
  await killRunning();
  for (const close of closing.splice(0)) await close();
});

interface Stored {
  readonly partition: number;
  readonly key: string | undefined;
  readonly value: string;
  readonly headers: Readonly<Record<string, string>>;
}

async function stored(topic: string): Promise<Stored[]> {
  const all: Stored[] = [];
  for (const { partition, low, high } of await admin.fetchTopicOffsets(topic)) {
    const range = { topic, partition, from: Number(low), to: Number(high) };
    for await (const { records } of readRange(client, range)) {
      for (const { key, value, headers } of records) {
        all.push({
          partition,
          key: key === null ? undefined : String(key),
          value: String(value),
          headers: Object.fromEntries(headers.map((header) => [header.key, String(header.value)])),
        });
      }
    }
  }
  return all;
}

const to = (topic: string): string[] => ['--brokers', inject('kafka').join(','), '--topic', topic];
const idOf = ({ value }: Stored): string => (JSON.parse(value) as { id: string }).id;

async function server(): Promise<JetstreamServer> {
  const listening = await new JetstreamServer().listen();
  closing.push(() => listening.close());
  return listening;
}

function ingest(args: readonly string[]): {
  readonly child: ChildProcess;
  readonly said: () => string;
  readonly code: Promise<number | null>;
} {
  const child = start(['ingest', ...args]);
  let err = '';
  child.stderr!.on('data', (chunk) => (err += String(chunk)));
  const code = once(child, 'close').then(([exitCode]) => exitCode as number | null);
  closing.unshift(async () => {
    child.kill('SIGKILL');
    await code;
  });
  return { child, said: () => err, code };
}

describe('chorus ingest', () => {
  test('writes files as canonical JSON by account, deletions and edits too; what is rejected is a dead letter', async () => {
    const { file, feed } = configured(folder, `  deadLettersTopic: ${await makeTopic(client, 1)}\n`);
    await makeFeed(admin, feed);
    const path = join(folder, 'mixed.ndjson.gz');
    const posts = Array.from({ length: 300 }, (_, n) => {
      return { id: `p${n}`, platform: 'x', account: `a${n % 7}`, text: `text ${n}`, createdAt: '2026-01-01T00:00:00Z' };
    });
    const others = [
      { ...posts[0]!, text: 'anew', editedAt: '2026-01-01T00:01:00Z' },
      { id: 'p1', platform: 'x', deleted: true, createdAt: 1_767_225_700_000 },
      { id: 'bad' },
    ];
    writeFileSync(path, gzipSync([...posts, ...others].map((each) => `${JSON.stringify(each)}\n`).join('')));
    const { code, stderr } = await chorus(['ingest', '--config', file, path]);
    expect([code, stderr]).toEqual([
      0,
      expect.stringContaining(
        '302 records stored, 0 under way; 301 posts, 1 deletion, 0 ignored, 1 rejected (missing_field 1); 1 dead letters',
      ),
    ]);
    const records = await stored(feed);
    expect(records).toHaveLength(302);
    expect(records.every(({ value }) => decodeCanonical(value).kind !== 'rejection')).toBe(true);
    expect(new Set(records.map(idOf)).size).toBe(300);
    const partitions = new Map<string, Set<number>>();
    for (const { key, partition } of records) partitions.set(key!, (partitions.get(key!) ?? new Set()).add(partition));
    expect([...partitions.keys()].toSorted()).toEqual(
      [...Array.from({ length: 7 }, (_, n) => `x:a${n}`), 'x:p1'].toSorted(),
    );
    for (const each of partitions.values()) expect(each.size).toBe(1);
    expect(decodeCanonical(records.find(({ value }) => value.includes('deleted'))!.value)).toMatchObject({
      kind: 'deletion',
    });
    const deadTopic = /deadLettersTopic: (\S+)/.exec(readFileSync(file, 'utf8'))![1]!;
    expect(await stored(deadTopic)).toMatchObject([
      {
        value: '{"id":"bad"}',
        headers: { 'chorus-reason': 'missing_field: platform is missing', 'chorus-source': path },
      },
    ]);
  });

  test('keeps to a rate, and writes records as they came when so asked', async () => {
    const topic = await makeTopic(client, 2);
    const lines = Array.from(
      { length: 60 },
      (_, n) => jetstreamPost(1_767_225_600_000 + n, `a${n}`, `text ${n}`, `r${n}`).text,
    );
    const startMs = performance.now();
    const { code, stderr } = await chorus(['ingest', ...to(topic), '--raw', '--rate', '30', '-'], {
      stdin: `${lines.join('\n')}\n`,
    });
    expect([code, stderr]).toEqual([0, expect.stringContaining('60 records stored')]);
    expect(performance.now() - startMs).toBeGreaterThan(1900);
    expect((await stored(topic)).map(({ value }) => value).toSorted()).toEqual(lines.toSorted());
  });

  test('of a topic that is not there says so', async () => {
    const { code, stderr } = await chorus(['ingest', ...to(unique('none')), '-'], { stdin: '{}\n' });
    expect(code).toBe(2);
    expect(stderr).toContain('the brokers do not know it');
  });

  test(`loses nothing of a live source, killed ${KILLS} times (seed ${SEED})`, { timeout: 300_000 }, async () => {
    const random = new Random(SEED);
    const jetstream = await server();
    // A second apart in their own time, so that five of them are all that the cursor repeats of its own accord.
    const startMs = Date.now() - 20 * 86_400_000;
    jetstream.events.push(jetstreamPost(startMs - 10_000, 'first', 'the first one', 'r-1'));
    const topic = await makeTopic(client, 3);
    const cursor = join(folder, unique('cursor'));
    const args = [jetstream.url, ...to(topic), '--cursor', cursor];
    writeFileSync(
      cursor,
      JSON.stringify({
        schema: 'chorus.cursor.v1',
        source: `${jetstream.url}/subscribe`,
        positionMs: startMs - 10_000,
      }),
    );
    let made = 0;
    const emitting = setInterval(() => {
      for (let n = 0; n < 40; n++, made++) {
        jetstream.emit(jetstreamPost(startMs + 1000 * made, `a${made % 100}`, `text ${made}`, `r${made}`));
      }
    }, 20);
    closing.push(() => Promise.resolve(clearInterval(emitting)));
    for (let kill = 0; kill < KILLS; kill++) {
      const { child, code } = ingest(args);
      const connections = jetstream.connections;
      await until('it is connected', () => jetstream.connections > connections, 60_000);
      await sleep(random.below(1500));
      child.kill('SIGKILL');
      await code;
    }
    clearInterval(emitting);
    const { connections } = jetstream;
    const last = ingest(args);
    // One that was killed may have stored the last event, so that alone does not say that this one is there.
    await until('the last one is connected', () => jetstream.connections > connections, 60_000);
    await until(
      'the last event is stored',
      async () => (await stored(topic)).some((record) => idOf(record).endsWith(`/r${made - 1}`)),
      60_000,
    );
    last.child.kill('SIGTERM');
    expect(await last.code).toBe(0);
    const ids = new Set((await stored(topic)).map(idOf));
    const missing = Array.from({ length: made }, (_, n) => n).filter(
      (n) => !ids.has(`at://did:plc:a${n % 100}/app.bsky.feed.post/r${n}`),
    );
    expect(missing).toEqual([]);
    expect(made).toBeGreaterThan(1000);
  });

  test('killed while the brokers are away, has told nothing as safe', { timeout: 300_000 }, async () => {
    const broker = await startBroker({ own: true });
    closing.push(() => broker.stop());
    const own = new KafkaClient({ brokers: broker.bootstrap, clientId: 'test' });
    const topic = await makeTopic(own, 1);
    const jetstream = await server();
    const cursor = join(folder, unique('cursor'));
    const args = [jetstream.url, '--brokers', broker.bootstrap.join(','), '--topic', topic, '--cursor', cursor];
    const first = ingest(args);
    await until('it is connected', () => jetstream.connections === 1, 60_000);
    const startMs = Date.now() - 86_400_000;
    const emit = (from: number, end: number): void => {
      for (let n = from; n < end; n++) jetstream.emit(jetstreamPost(startMs + 1000 * n, 'a', `text ${n}`, `r${n}`));
    };
    emit(0, 50);
    await until('some are stored', () => existsSync(cursor));
    await sleep(1500);
    await broker.kill!();
    emit(50, 200);
    await sleep(1500);
    emit(200, 250);
    await sleep(500);
    first.child.kill('SIGKILL');
    await first.code;
    await broker.restart!();
    const second = ingest(args);
    await until(
      'the rest is stored',
      () => / 0 under way/.test(second.said()) || second.child.exitCode !== null,
      60_000,
    );
    second.child.kill('SIGTERM');
    expect(await second.code).toBe(0);
    const ownAdmin = own.admin();
    await ownAdmin.connect();
    const [{ high } = { high: '' }] = await ownAdmin.fetchTopicOffsets(topic);
    await ownAdmin.disconnect();
    const range = { topic, partition: 0, from: 0, to: Number(high) };
    const ids = new Set<string>();
    for await (const { records } of readRange(own, range)) {
      for (const { value } of records) ids.add((JSON.parse(String(value)) as { id: string }).id.split('/').at(-1)!);
    }
    expect(Array.from({ length: 250 }, (_, n) => `r${n}`).filter((id) => !ids.has(id))).toEqual([]);
  });

  test('at SIGTERM stores what is under way, and the cursor says so', async () => {
    const jetstream = await server();
    const topic = await makeTopic(client, 1);
    const cursor = join(folder, unique('cursor'));
    const { child, said, code } = ingest([jetstream.url, ...to(topic), '--cursor', cursor]);
    await until('it is connected', () => jetstream.connections === 1, 60_000);
    const nowMs = Date.now();
    for (let n = 0; n < 500; n++) jetstream.emit(jetstreamPost(nowMs - 500 + n, 'a', `text ${n}`, `r${n}`));
    await until('some are stored', () => existsSync(cursor));
    child.kill('SIGTERM');
    expect(await code).toBe(0);
    const count = (await stored(topic)).length;
    expect(said()).toContain(`${count} records stored, 0 under way`);
    const { positionMs } = JSON.parse(readFileSync(cursor, 'utf8')) as { positionMs: number };
    expect(positionMs).toBe(nowMs - 500 + count - 1);
  });
});

describe('chorus run with a source', () => {
  test('writes the source into the feed and finds what is in it', async () => {
    const jetstream = await server();
    const cursor = join(folder, unique('cursor'));
    const { file, feed, alerts } = configured(folder, `feed: { source: "${jetstream.url}", cursor: ${cursor} }\n`);
    await makeFeed(admin, feed);
    expect((await chorus(['topics', 'create', '--config', file])).code).toBe(0);
    const running = run(['--config', file]);
    await until('it has started', () => says(running, 'started') || running.child.exitCode !== null, 60_000);
    await until('it is connected', () => jetstream.connections === 1);
    const nowMs = Date.now();
    for (let n = 0; n < 8; n++) {
      jetstream.emit(
        jetstreamPost(
          nowMs + n,
          `a${n}`,
          'They sold the harbour bridge to a company that nobody has ever heard of',
          `r${n}`,
        ),
      );
    }
    await until('an alert', async () => (await stored(alerts)).length > 0);
    running.child.kill('SIGTERM');
    expect(await running.code, JSON.stringify(running.lines)).toBe(0);
    expect(running.lines.find(({ msg }) => msg === 'source')).toMatchObject({ written: 8, posts: 8, rejected: 0 });
    expect(existsSync(cursor)).toBe(true);
    expect(JSON.stringify(running.lines)).not.toContain('harbour');
  });

  test('refuses a source that is none, or a feed of another format', async () => {
    const { file } = configured(folder, '  format: jetstream\nfeed: { source: "posts.ndjson" }\n');
    const { code, stderr } = await chorus(['run', '--config', file]);
    expect(code).toBe(2);
    expect(stderr).toContain('feed.source: "posts.ndjson", must be jetstream');
    expect(stderr).toContain('kafka.format: "jetstream", must be canonical');
  });
});
