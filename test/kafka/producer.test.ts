import { createServer, type Server } from 'node:http';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { KafkaClient } from '../../src/kafka/client.ts';
import { tokenFromClientCredentials, tokenFromEnvironment, tokenFromFile } from '../../src/kafka/oauth.ts';
import { logBounds } from '../../src/kafka/offsets.ts';
import { FrameProducer } from '../../src/kafka/producer.ts';
import { readRange } from '../../src/kafka/reader.ts';
import { checkTopics, createTopics } from '../../src/kafka/topics.ts';
import { startBroker, type Broker } from '../support/broker/broker.ts';
import { clientOf, makeTopic, unique } from './support.ts';

let broker: Broker;
let client: KafkaClient;

beforeAll(async () => {
  broker = await startBroker();
  client = clientOf(broker);
});
afterAll(() => broker.stop());

async function valuesOf(topic: string, partition: number, to: number): Promise<string[]> {
  const values: string[] = [];
  for await (const { records } of readRange(client, { topic, partition, from: 0, to })) {
    values.push(...records.map(({ value }) => value!.toString('latin1')));
  }
  return values;
}

describe('sending', () => {
  test('more than a batch and a request take, from several callers, keeps the order of each', async () => {
    const topic = await makeTopic(client, 2);
    const producer = new FrameProducer(client, { batchBytesMax: 10_000, requestBytesMax: 15_000 });
    await producer.connect();
    const value = (name: string, i: number): string => `${name}${i}`.padEnd(1000, '.');
    const send = (name: string): Promise<void> =>
      producer.send(
        topic,
        Array.from({ length: 100 }, (_, i) => ({ partition: i % 2, key: null, value: value(name, i) })),
      );
    await Promise.all([send('a'), send('b'), producer.send(topic, [])]);
    // 220 kB in requests of two batches of 9 records each.
    expect(producer.counters.records).toBe(200);
    expect(producer.counters.requests).toBeGreaterThanOrEqual(14);
    await producer.disconnect();
    for (const partition of [0, 1]) {
      const expected = ['a', 'b'].flatMap((name) =>
        Array.from({ length: 50 }, (_, i) => value(name, 2 * i + partition)),
      );
      expect(await valuesOf(topic, partition, 100)).toEqual(expected);
    }
  });

  test('a record above the bound is refused before anything is sent, one above that of a batch goes alone', async () => {
    const topic = await makeTopic(client, 1, { 'max.message.bytes': '4194304' });
    const producer = new FrameProducer(client);
    await producer.connect();
    const small = { partition: 0, key: null, value: 'small' };
    const large = { partition: 0, key: 'k', value: Buffer.alloc(4_190_000) };
    await expect(producer.send(topic, [small, large])).rejects.toMatchObject({
      code: 'frame_too_large',
      message: expect.stringContaining('at most 4190000'),
    });
    await producer.send(topic, [small, { ...large, value: Buffer.alloc(4_189_000) }, small]);
    await producer.disconnect();
    expect((await valuesOf(topic, 0, 3)).map(({ length }) => length)).toEqual([5, 4_189_000, 5]);
  });

  test('after a failure all is refused until a reset', async () => {
    const topic = await makeTopic(client, 1, { 'max.message.bytes': '1000' });
    const producer = new FrameProducer(client);
    await producer.connect();
    const sends = [2000, 10].map((length) =>
      producer.send(topic, [{ partition: 0, key: null, value: Buffer.alloc(length) }]),
    );
    const results = await Promise.allSettled(sends);
    expect(results).toMatchObject([
      { status: 'rejected', reason: { code: 'send_failed' } },
      { status: 'rejected', reason: { code: 'send_failed' } },
    ]);
    await expect(producer.send(topic, [{ partition: 0, key: null, value: 'x' }])).rejects.toMatchObject({
      code: 'producer_failed',
    });
    await producer.reset();
    await producer.send(topic, [{ partition: 0, key: null, value: 'x' }]);
    await producer.disconnect();
    expect(await valuesOf(topic, 0, 1)).toEqual(['x']);
  });
});

test('topics: created as told, left alone when there, checked against what they must be', async () => {
  const admin = client.admin();
  await admin.connect();
  const good = {
    name: unique('good'),
    partitions: 3,
    configs: { 'cleanup.policy': 'compact,delete', 'message.timestamp.type': 'LogAppendTime' },
    atLeast: { 'retention.ms': 1_000_000, 'max.message.bytes': 1_048_588 },
  };
  const other = { name: unique('other'), partitions: 2, configs: {} };
  expect(await createTopics(admin, [good, other], 1)).toEqual([good.name, other.name]);
  expect(await createTopics(admin, [good, other], 1)).toEqual([]);
  expect(await checkTopics(admin, [good, other])).toEqual([]);
  expect((await logBounds(admin, good.name)).length).toBe(3);
  const problems = await checkTopics(admin, [
    {
      ...good,
      configs: { ...good.configs, 'cleanup.policy': 'delete,compact' },
      atLeast: { 'retention.ms': 2_000_000 },
    },
    { ...other, partitions: 4, configs: { 'cleanup.policy': 'compact' } },
    { name: 'not-there', configs: {} },
  ]);
  expect(problems.map(({ topic, what, found, wanted }) => [topic, what, found, wanted])).toEqual([
    ['not-there', 'topic', 'missing', 'existing'],
    [good.name, 'retention.ms', '1000000', '2000000'],
    [other.name, 'partitions', '2', '4'],
    [other.name, 'cleanup.policy', 'delete', 'compact'],
  ]);
  expect(problems[1]!.command).toContain(`--entity-name ${good.name} --add-config retention.ms=2000000`);
  await expect(createTopics(admin, [{ name: unique('x'), partitions: 1, configs: {} }], 5)).rejects.toMatchObject({
    code: 'topic_create',
    message: expect.stringMatching(/replication factor/i),
  });
  await admin.disconnect();
});

describe('tokens', () => {
  let server: Server;
  let asked: string[] = [];
  let url: string;
  beforeAll(async () => {
    server = createServer((request, response) => {
      let body = '';
      request.on('data', (chunk: Buffer) => (body += chunk.toString()));
      request.on('end', () => {
        asked.push(`${request.headers.authorization} ${body}`);
        const fail = body.includes('scope=fail');
        response.writeHead(fail ? 401 : 200, { 'content-type': 'application/json' });
        response.end(JSON.stringify(fail ? { error: 'no' } : { access_token: `t${asked.length}`, expires_in: 100 }));
      });
    });
    await new Promise<void>((resolve) => {
      server.listen(0, '127.0.0.1', resolve);
    });
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/token`;
  });
  afterAll(() => server.close());

  test('by client credentials, kept while they last', async () => {
    asked = [];
    const token = tokenFromClientCredentials({ url, clientId: 'me', clientSecret: 'hush', scope: 'kafka' });
    expect([await token(), await token()]).toEqual(['t1', 't1']);
    expect(asked).toEqual([
      `Basic ${Buffer.from('me:hush').toString('base64')} grant_type=client_credentials&scope=kafka`,
    ]);
  });

  test('refused: the error names the endpoint and no secret', async () => {
    const token = tokenFromClientCredentials({ url, clientId: 'me', clientSecret: 'hush', scope: 'fail' });
    const error = await token().catch((reason: unknown) => reason);
    expect(error).toMatchObject({ code: 'kafka_token', message: expect.stringContaining('401') });
    expect(String(error)).not.toContain('hush');
    expect(() => tokenFromClientCredentials({ url: 'http://idp.example/t', clientId: 'a', clientSecret: 'b' })).toThrow(
      /https/,
    );
  });

  test('by a file that changes, and by the environment', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'chorus-token-'));
    const path = join(folder, 'token');
    const token = tokenFromFile(path);
    await expect(token()).rejects.toMatchObject({ code: 'kafka_token', message: expect.stringContaining(path) });
    await writeFile(path, 'one\n');
    expect(await token()).toBe('one');
    await writeFile(path, 'two');
    expect(await token()).toBe('two');
    await rm(folder, { recursive: true });
    process.env.CHORUS_TEST_TOKEN = 'three';
    expect(await tokenFromEnvironment('CHORUS_TEST_TOKEN')()).toBe('three');
    delete process.env.CHORUS_TEST_TOKEN;
    await expect(tokenFromEnvironment('CHORUS_TEST_TOKEN')()).rejects.toThrow(/CHORUS_TEST_TOKEN is empty/);
  });
});
