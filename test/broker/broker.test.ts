/** The broker and the registry that other tests stand on. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { createConnection } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { Kafka } from 'kafkajs';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { TestProject } from 'vitest/node';
import { startBroker, type Broker } from '../support/broker/broker.ts';
import setup from '../support/broker/global-setup.ts';
import { startRegistry, type Registry } from '../support/broker/registry.ts';
import { ROOT } from '../support/command.ts';

const SLOW_MS = 120_000;

function client(bootstrap: readonly string[]): Kafka {
  return new Kafka({
    brokers: [...bootstrap],
    retry: { initialRetryTime: 100, maxRetryTime: 1000, retries: 40 },
    logCreator: () => () => undefined,
  });
}

async function produce(kafka: Kafka, topic: string, values: readonly string[]): Promise<void> {
  const admin = kafka.admin();
  const producer = kafka.producer();
  try {
    await admin.connect();
    await admin.createTopics({ topics: [{ topic, numPartitions: 2, replicationFactor: 1 }] });
    await producer.connect();
    await producer.send({ topic, acks: -1, messages: values.map((value) => ({ value })) });
  } finally {
    await producer.disconnect();
    await admin.disconnect();
  }
}

/** The first `count` values of the topic, sorted. */
async function consume(kafka: Kafka, topic: string, count: number): Promise<string[]> {
  const consumer = kafka.consumer({ groupId: `${topic}-${Date.now()}`, maxWaitTimeInMs: 100 });
  const values: string[] = [];
  try {
    await consumer.connect();
    await consumer.subscribe({ topics: [topic], fromBeginning: true });
    const all = new Promise<void>((resolve) => {
      void consumer.run({
        eachMessage: async ({ message }) => {
          values.push(message.value!.toString());
          if (values.length === count) resolve();
        },
      });
    });
    await all;
  } finally {
    await consumer.disconnect();
  }
  return values.sort();
}

describe('the broker of a project', () => {
  let bootstrap: string[] = [];
  let teardown: (() => Promise<void>) | undefined;

  beforeAll(async () => {
    const project = { provide: (_: string, value: string[]) => void (bootstrap = value) };
    teardown = await setup(project as unknown as TestProject);
  }, SLOW_MS);

  afterAll(async () => teardown?.(), SLOW_MS);

  test('takes records and gives them', async () => {
    const kafka = client(bootstrap);
    const topic = `broker-test-${Date.now()}`;
    await produce(kafka, topic, ['a', 'b', 'c']);
    expect(await consume(kafka, topic, 3)).toEqual(['a', 'b', 'c']);
  });

  test('can be named by the environment', async () => {
    const before = process.env.CHORUS_TEST_KAFKA;
    process.env.CHORUS_TEST_KAFKA = bootstrap.join(', ');
    try {
      const broker = await startBroker();
      expect(broker).toMatchObject({ way: 'running', bootstrap });
      expect(broker).not.toHaveProperty('kill');
      await broker.stop();
    } finally {
      if (before === undefined) delete process.env.CHORUS_TEST_KAFKA;
      else process.env.CHORUS_TEST_KAFKA = before;
    }
    const admin = client(bootstrap).admin();
    await admin.connect();
    expect((await admin.describeCluster()).brokers).not.toEqual([]);
    await admin.disconnect();
  });
});

describe('a broker of our own', () => {
  let broker: Broker | undefined;

  afterEach(async () => {
    await broker?.stop();
    broker = undefined;
  }, SLOW_MS);

  test(
    'keeps its data and its port when it is killed, and can be frozen',
    async () => {
      broker = await startBroker({ own: true, properties: { 'auto.create.topics.enable': 'true' } });
      const kafka = client(broker.bootstrap);
      await produce(kafka, 'kept', ['a', 'b']);
      await broker.kill!();
      await expect(connects(broker)).resolves.toBe(false);
      await broker.restart!();
      expect(await consume(kafka, 'kept', 2)).toEqual(['a', 'b']);

      await broker.pause!();
      const late = describeCluster(kafka);
      expect(await Promise.race([late, sleep(1000, 'no answer')])).toBe('no answer');
      await broker.resume!();
      expect(await late).toBe(1);
      // What the options say comes before what a test broker has.
      const producer = kafka.producer();
      await producer.connect();
      await producer.send({ topic: 'made-by-sending', messages: [{ value: 'c' }] });
      await producer.disconnect();

      await broker.stop();
      await expect(connects(broker)).resolves.toBe(false);
    },
    SLOW_MS,
  );

  test(
    'is gone with its data when the process that started it is killed',
    async () => {
      const script = `
        import { startBroker } from './test/support/broker/broker.ts';
        const { bootstrap, way } = await startBroker({ own: true });
        console.log(JSON.stringify({ bootstrap, way }));
        setInterval(() => undefined, 1000);`;
      const temporary = await mkdtemp(join(tmpdir(), 'chorus-killed-'));
      try {
        const child = spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '--eval', script], {
          cwd: ROOT,
          env: { ...process.env, TMPDIR: temporary },
          stdio: ['ignore', 'pipe', 'inherit'],
        });
        const [line] = (await once(createInterface(child.stdout), 'line')) as [string];
        const { bootstrap, way } = JSON.parse(line) as Broker;
        const folders = async () => (await readdir(temporary)).filter((name) => name.startsWith('chorus-broker-'));
        expect(await folders()).toHaveLength(way === 'jars' ? 1 : 0);
        const exit = once(child, 'exit');
        child.kill('SIGKILL');
        await exit;
        await expect.poll(() => connects({ bootstrap }), { timeout: 10_000 }).toBe(false);
        await expect.poll(folders, { timeout: 10_000 }).toEqual([]);
      } finally {
        await rm(temporary, { recursive: true, force: true });
      }
    },
    SLOW_MS,
  );
});

async function describeCluster(kafka: Kafka): Promise<number> {
  const admin = kafka.admin();
  await admin.connect();
  const { brokers } = await admin.describeCluster();
  await admin.disconnect();
  return brokers.length;
}

function connects({ bootstrap }: Pick<Broker, 'bootstrap'>): Promise<boolean> {
  const [host, port] = bootstrap[0]!.split(':');
  return new Promise((resolve) => {
    const socket = createConnection(Number(port), host);
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}

describe('the registry', () => {
  let registry: Registry | undefined;

  afterAll(async () => registry?.stop(), SLOW_MS);

  test(
    'registers a schema, tells it by its id, and comes back empty after a kill',
    async () => {
      registry = await startRegistry();
      const { url } = registry;
      const subject = `registry-test-${Date.now()}`;
      const schema = JSON.stringify({ type: 'record', name: 'Post', fields: [{ name: 'text', type: 'string' }] });
      const { id } = (await ask(`${url}/subjects/${subject}/versions`, { schema, schemaType: 'AVRO' })) as {
        id: number;
      };
      const known = (await ask(`${url}/schemas/ids/${id}`)) as { schema: string };
      expect(JSON.parse(known.schema)).toEqual(JSON.parse(schema));
      expect(await ask(`${url}/subjects`)).toContain(subject);
      if (registry.kill === undefined) return;
      await registry.kill();
      await expect(ask(`${url}/subjects`)).rejects.toThrow('fetch failed');
      await registry.restart!();
      expect(await ask(`${url}/subjects`)).toEqual([]);
    },
    SLOW_MS,
  );
});

async function ask(url: string, body?: object): Promise<unknown> {
  const headers = { 'content-type': 'application/vnd.schemaregistry.v1+json' };
  const response = await fetch(url, body === undefined ? {} : { method: 'POST', headers, body: JSON.stringify(body) });
  expect(response.status).toBe(200);
  return response.json();
}
