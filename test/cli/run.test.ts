/** `chorus run` as people use it: processes of their own beside a real broker. */
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { connect, createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import kafkajs, { type Admin } from 'kafkajs';
import { afterAll, afterEach, beforeAll, describe, expect, inject, test } from 'vitest';
import { KafkaClient } from '../../src/kafka/client.ts';
import { FrameProducer, type OutgoingRecord } from '../../src/kafka/producer.ts';
import { readRange } from '../../src/kafka/reader.ts';
import type { Alert } from '../../src/model.ts';
import { unique, until } from '../kafka/support.ts';
import { chorus } from '../support/command.ts';
import { parseExposition } from '../support/exposition.ts';
import { temporaryFolder } from '../support/feeds.ts';
import { killRunning, listening, run, says } from '../support/running.ts';
import { configured, makeFeed } from './deployed.ts';

const folder = temporaryFolder();
let client: KafkaClient;
let admin: Admin;

beforeAll(async () => {
  client = new KafkaClient({ brokers: inject('kafka'), clientId: 'test' });
  admin = client.admin();
  await admin.connect();
});
afterAll(() => admin?.disconnect());
afterEach(killRunning);

async function send(topic: string, records: readonly OutgoingRecord[]): Promise<void> {
  const producer = new FrameProducer(client);
  await producer.connect();
  await producer.send(topic, records);
  await producer.disconnect();
}

async function post(feed: string, first: number, count: number): Promise<void> {
  const posts = Array.from({ length: count }, (_, i) => ({
    id: `p${first + i}`,
    platform: 'test',
    account: `account-${first + i}`,
    text: 'They sold the harbour bridge to a company that nobody has ever heard of, sign before Friday',
    createdAt: new Date().toISOString(),
  }));
  await send(
    feed,
    posts.map((each, i) => ({ partition: i % 2, key: null, value: JSON.stringify(each) })),
  );
}

async function alertsOf(topic: string): Promise<Alert[]> {
  const [offsets] = await admin.fetchTopicOffsets(topic);
  const alerts: Alert[] = [];
  const range = { topic, partition: 0, from: Number(offsets!.low), to: Number(offsets!.high) };
  for await (const { records } of readRange(client, range)) {
    for (const { value } of records) alerts.push(JSON.parse(String(value)) as Alert);
  }
  return alerts;
}

describe('chorus run', () => {
  test('refuses a topic that is not as it must be, with the command that mends it', async () => {
    const { file, feed, prefix } = configured(folder);
    await makeFeed(admin, feed);
    await chorus(['topics', 'create', '--config', file]);
    await admin.alterConfigs({
      validateOnly: false,
      resources: [
        {
          type: kafkajs.ConfigResourceTypes.TOPIC,
          name: `${prefix}.links`,
          configEntries: [{ name: 'cleanup.policy', value: 'compact' }],
        },
      ],
    });
    const refused = run(['--config', file]);
    expect(await refused.code).toBe(2);
    const told = refused.text.join('\n');
    expect(told).toContain(
      `chorus: topic ${prefix}.links: cleanup.policy is compact, must be delete\n  mend it with: kafka-configs.sh`,
    );
    expect(told).toContain(`topic ${prefix}.links: message.timestamp.type is CreateTime, must be LogAppendTime`);
  });

  test.each([['1'], ['2']])(
    'finds a campaign with %s worker(s), ends at SIGTERM with 0, and goes on where it was',
    async (workers) => {
      const state = join(folder, unique('state'));
      const { file, feed, alerts } = configured(folder, `  partitions: 2\nstate: { folder: ${state} }\n`);
      await makeFeed(admin, feed);
      expect((await chorus(['topics', 'create', '--config', file])).code).toBe(0);

      const first = run(['--config', file, '--workers', workers]);
      await until('it has started', () => says(first, 'started'));
      await post(feed, 0, 8);
      await until('an alert', async () => (await alertsOf(alerts)).length > 0);
      const stopMs = performance.now();
      first.child.kill('SIGTERM');
      expect(await first.code, JSON.stringify(first.lines)).toBe(0);
      expect(performance.now() - stopMs).toBeLessThan(20_000);
      expect(first.lines.at(-1)).toMatchObject({ level: 'info', msg: 'stopped', worker: 0 });
      expect(new Set(first.lines.map(({ worker }) => worker)).size).toBe(Number(workers));
      const log = JSON.stringify(first.lines) + first.text.join('\n');
      for (const part of ['harbour', 'account-', 'p1"']) expect(log).not.toContain(part);

      const before = await alertsOf(alerts);
      const second = run(['--config', file, '--workers', workers]);
      await until('it has started', () => says(second, 'started'));
      await post(feed, 8, 8);
      await until('a later revision or none', async () => {
        await sleep(1000);
        return says(second, 'partition assigned');
      });
      second.child.kill('SIGINT');
      expect(await second.code).toBe(0);
      const after = await alertsOf(alerts);
      expect(after.slice(0, before.length)).toEqual(before);
      const revisions = after.map(({ id, revision }) => `${id} ${revision}`);
      expect(new Set(revisions).size).toBe(revisions.length);
    },
  );

  test('waits for the brokers and says so, in the log and at its port; a signal ends the waiting', async () => {
    const { file } = configured(folder, 'http: { port: 0 }\n', ['127.0.0.1:1']);
    const waiting = run(['--config', file]);
    const base = await listening(waiting);
    await until('it says so', () => says(waiting, 'waiting for the brokers'));
    expect((await fetch(`${base}/livez`)).status).toBe(200);
    const readyz = await fetch(`${base}/readyz`);
    expect([readyz.status, await readyz.text()]).toEqual([503, 'waiting for the brokers\n']);
    expect(await (await fetch(`${base}/status`)).json()).toMatchObject({
      isReady: false,
      notReady: 'waiting for the brokers',
      topology: '',
      workers: [],
      shell: { kafka: { topic: expect.any(String) as string } },
    });
    const metrics = parseExposition(await (await fetch(`${base}/metrics`)).text());
    expect(metrics.value('chorus_ready')).toBe(0);
    expect(metrics.value('chorus_build_info')).toBe(1);
    expect(metrics.value('chorus_process_resident_memory_bytes')).toBeGreaterThan(1e7);
    const against = await chorus(['config', 'check', '--config', file, '--against', base]);
    expect([against.code, against.stderr]).toEqual([
      2,
      expect.stringContaining('that has reached its brokers') as string,
    ]);
    waiting.child.kill('SIGTERM');
    expect(await waiting.code).toBe(0);
  });

  test('a signal ends the waiting for a broker that takes connections and says nothing', async () => {
    let connections = 0;
    const silent = createServer((socket) => {
      connections++;
      socket.on('error', () => undefined);
    }).listen(0, '127.0.0.1');
    await once(silent, 'listening');
    try {
      const { file } = configured(folder, '', [`127.0.0.1:${(silent.address() as AddressInfo).port}`]);
      const waiting = run(['--config', file]);
      await until('it asks', () => connections > 0);
      const stopMs = performance.now();
      waiting.child.kill('SIGTERM');
      expect(await waiting.code).toBe(0);
      expect(performance.now() - stopMs).toBeLessThan(3000);
    } finally {
      silent.close();
    }
  });

  test('a port that is taken ends it with 5, before any broker is asked', async () => {
    const taken = createServer().listen(0, '127.0.0.1');
    await once(taken, 'listening');
    try {
      const { port } = taken.address() as AddressInfo;
      const { file } = configured(folder, `http: { port: ${port} }\n`, ['127.0.0.1:1']);
      const failing = run(['--config', file]);
      expect(await failing.code).toBe(5);
      expect(failing.lines.at(-1)).toMatchObject({
        level: 'error',
        code: 'port_unusable',
        error: `http.host and http.port: 127.0.0.1:${port} cannot be listened on (EADDRINUSE)`,
      });
      expect(says(failing, 'waiting for the brokers')).toBe(false);
    } finally {
      taken.close();
    }
  });

  test('starts when the brokers come', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    await new Promise((resolve) => server.close(resolve));
    const brokers = [`127.0.0.1:${port}`];
    const { file, feed } = configured(folder, '', brokers);
    await makeFeed(admin, feed);
    const waiting = run(['--config', file]);
    await until('it says so', () => says(waiting, 'waiting for the brokers'));
    const good = configured(folder, `  partitions: 2\nhttp: { port: 0 }\n`);
    await makeFeed(admin, good.feed);
    expect((await chorus(['topics', 'create', '--config', good.file])).code).toBe(0);
    writeFileSync(good.file, readFileSync(good.file, 'utf8').replace(/brokers: .*/, `brokers: ${brokers.join(',')}`));
    const second = run(['--config', good.file]);
    const base = await listening(second);
    await until('it says so', () => says(second, 'waiting for the brokers'));
    expect((await fetch(`${base}/readyz`)).status).toBe(503);
    // The address starts to answer: a pipe to the real broker, which then names its own.
    const [host, brokerPort] = inject('kafka')[0]!.split(':') as [string, string];
    const pipe = createServer((socket) => {
      const other = connect(Number(brokerPort), host);
      socket.pipe(other).pipe(socket);
      for (const end of [socket, other]) end.on('error', () => undefined);
    }).listen(port, '127.0.0.1');
    try {
      expect(await waiting.code).toBe(2);
      expect(waiting.text.join('\n')).toContain('mend it with: chorus topics create');
      await until('the second one is ready', async () => (await fetch(`${base}/readyz`)).status === 200, 60_000);
      second.child.kill('SIGTERM');
      expect(await second.code).toBe(0);
    } finally {
      pipe.close();
    }
  });

  test.each(['1', '2'])('ends with 5 at an error that it cannot go on from, with %s worker(s)', async (workers) => {
    const { file, feed, prefix } = configured(folder);
    await makeFeed(admin, feed);
    await chorus(['topics', 'create', '--config', file]);
    const failing = run(['--config', file, '--workers', workers]);
    await until('it has started', () => says(failing, 'started'));
    await send(`${prefix}.links`, [{ partition: 0, key: null, value: 'no frame of ours' }]);
    expect(await failing.code).toBe(5);
    expect(failing.lines.find(({ worker, level }) => worker === 0 && level === 'error')).toMatchObject({
      msg: 'cannot go on',
      error: expect.stringContaining('frame') as string,
    });
  });

  test('a second signal ends it at once', async () => {
    const { file, feed } = configured(folder);
    await makeFeed(admin, feed);
    await chorus(['topics', 'create', '--config', file]);
    const stubborn = run(['--config', file]);
    await until('it has started', () => says(stubborn, 'started'));
    stubborn.child.kill('SIGTERM');
    await until('it stops', () => says(stubborn, 'stopping'));
    stubborn.child.kill('SIGTERM');
    expect([0, 'SIGTERM']).toContain(await stubborn.code);
  });

  test('tells all that is wrong with its flags and its file, and starts nothing', async () => {
    const file = join(folder, 'bad.yaml');
    writeFileSync(file, 'kafka: { sasl: { mechanism: plain, username: u, password: hunter2 } }\n');
    const { code, stderr } = await chorus(['run', '--config', file, '--stages', 'match,x', '--workers', '0']);
    expect(code).toBe(2);
    for (const name of ['--stages', '--workers', 'kafka.brokers', 'kafka.topic', 'kafka.sasl.password:']) {
      expect(stderr).toContain(`chorus: ${name}`);
    }
    expect(stderr).not.toContain('hunter2');
    expect((await chorus(['run'])).code).toBe(2);
  });
});
