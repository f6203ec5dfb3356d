/** What comes in and what goes out: dead letters, values framed by a schema registry, the broker's time with sources that fall idle. */
import { setTimeout as sleep } from 'node:timers/promises';
import avro from 'avsc';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { writeFraming } from '../../src/consumers/formats/confluent.ts';
import { FingerprintsFrame } from '../../src/frames/fingerprints.ts';
import type { Alert, Post } from '../../src/model.ts';
import { openRegistry, REGISTRY_DEFAULTS } from '../../src/registry/client.ts';
import type { Registry, SchemaText } from '../../src/registry/registry.ts';
import { publishedSchema } from '../../src/registry/schemas.ts';
import { decodeCanonical } from '../../src/consumers/formats/canonical.ts';
import { alertCodec } from '../../src/sinks/encode-alert.ts';
import { Random } from '../../src/simulate/random.ts';
import { unique, until } from '../kafka/support.ts';
import { startRegistry, type Registry as RegistryServer } from '../support/broker/registry.ts';
import { NO_DIFFERENCE, replayed, Site, type SiteOptions } from '../support/deployment.ts';
import { ending, posts, simulatedDay, withFaults, replayLines, type FedRecord } from '../support/day.ts';
import { RegistryProxy } from '../support/registry-proxy.ts';
import { word } from '../support/variants.ts';

const open: Site[] = [];
afterAll(() => Promise.all(open.splice(0).map((site) => site.close())));

async function siteOf(options: SiteOptions): Promise<Site> {
  const site = await Site.open(inject('kafka'), options);
  open.push(site);
  return site;
}

describe('dead letters', () => {
  const records = [
    ...withFaults(simulatedDay({ posts: 4000, campaigns: 4, copying: 0 }), 5),
    // As much as the broker takes for one record.
    { value: Buffer.alloc(1_040_000, 'x'), fate: 'rejected' } as const,
  ];

  test('are the bytes as they came, with the reason and the place', async () => {
    const site = await siteOf({ sources: 2, partitions: 2 });
    const instance = await site.start();
    await site.send(records);
    await site.send(ending(2));
    await site.drained();
    await instance.stop();
    const expected = (await site.records(site.topics.feed)).flatMap(({ partition, record }) => {
      const { value, offset } = record;
      return [{ place: `${partition} ${offset}`, value }];
    });
    const values = new Map(expected.map(({ place, value }) => [place, value]));
    const letters = await site.records(site.topics.deadLetters!);
    const bad = records.filter(({ fate }) => fate === 'rejected' || fate === 'late');
    expect(letters).toHaveLength(bad.length);
    for (const { record } of letters) {
      const headers = Object.fromEntries(record.headers.map(({ key, value }) => [key, String(value)]));
      const { 'chorus-partition': partition, 'chorus-offset': offset, 'chorus-reason': reason } = headers;
      const original = values.get(`${partition} ${offset}`)!;
      expect(headers['chorus-topic']).toBe(site.topics.feed);
      expect(reason).toMatch(/^(late$|[a-z0-9_]+: .)/);
      if (original.byteLength < 900_000) {
        expect(record.value!.equals(original)).toBe(true);
        expect(headers['chorus-bytes']).toBeUndefined();
      } else {
        expect(original.subarray(0, record.value!.byteLength).equals(record.value!)).toBe(true);
        expect(headers['chorus-bytes']).toBe(String(original.byteLength));
      }
    }
    const reasons = new Set(letters.map(({ record }) => String(record.headers[0]!.value).split(':')[0]));
    expect(Array.from(reasons)).toEqual(
      expect.arrayContaining(['late', 'not_json', 'missing_field', 'time_ahead', 'invalid_utf8', 'unknown_schema']),
    );
    expect((await site.published()).differences(await replayed(replayLines(records)))).toEqual(NO_DIFFERENCE);
  });

  test('are dropped where no topic is named for them', async () => {
    const site = await siteOf({ sources: 2, partitions: 2 });
    const instance = await site.start({ topics: { ...site.topics, deadLetters: undefined } });
    await site.send(records);
    await site.send(ending(2));
    await site.drained();
    await instance.stop();
    expect(await site.records(site.topics.deadLetters!)).toEqual([]);
    expect((await site.published()).differences(await replayed(replayLines(records)))).toEqual(NO_DIFFERENCE);
  });
});

describe('with a schema registry', () => {
  let server: RegistryServer;
  let proxy: RegistryProxy;
  let registry: Registry;
  beforeAll(async () => {
    server = await startRegistry();
    proxy = new RegistryProxy(server.url);
    await proxy.start();
    registry = await openRegistry({ url: server.url, ...REGISTRY_DEFAULTS });
  });
  afterAll(async () => {
    registry.close();
    await proxy.stop();
    await server.stop();
  });

  const avroSchema = publishedSchema('post', 'avro');
  const jsonSchema = publishedSchema('post', 'json');
  const registered = (schema: SchemaText): Promise<number> => registry.register(unique('subject'), schema);

  function framed(id: number, payload: Buffer): Buffer {
    const framing = Buffer.alloc(5);
    writeFraming(framing, id);
    return Buffer.concat([framing, payload]);
  }

  const avroType = avro.Type.forSchema(JSON.parse(avroSchema.schema) as avro.Schema);
  function asAvro(line: string): Buffer {
    const decoded = decodeCanonical(line);
    return avroType.toBuffer((decoded as { post: Post }).post);
  }

  test.each(['framed-avro', 'framed-json'] as const)('Avro and JSON in, %s out', async (alertFormat) => {
    const lines = simulatedDay({ posts: 6000, campaigns: 6, copying: 2 });
    const [avroId, jsonId] = [await registered(avroSchema), await registered(jsonSchema)];
    const records: FedRecord[] = lines.map((line, at) => {
      const value = [framed(avroId, asAvro(line)), framed(jsonId, Buffer.from(line)), line][at % 3]!;
      return { value, fate: 'post' };
    });
    const unknown = framed(2_000_000_000, asAvro(lines[0]!));
    records.splice(1000, 0, { value: unknown, fate: 'rejected' });
    const site = await siteOf({
      sources: 2,
      partitions: 2,
      settings: { alertFormat, registry: { url: proxy.url, ...REGISTRY_DEFAULTS } },
    });
    await expect(site.start()).rejects.toMatchObject({ code: 'schema_missing' });
    const schema = publishedSchema('alert', alertFormat === 'framed-avro' ? 'avro' : 'json');
    const schemaId = await registry.register(`${site.topics.alerts}-value`, schema);
    const instance = await site.start();
    await site.send(records);
    await site.send(ending(2));
    await site.drained();
    await instance.stop();
    const codec = alertCodec({ kind: alertFormat, schemaId, schema: schema.schema });
    const published = await site.published((value) => JSON.stringify(codec.decode(value)));
    expect(published.differences(await replayed(lines))).toEqual(NO_DIFFERENCE);
    const [alert] = await site.records(site.topics.alerts);
    expect(alert!.record.value!.readUInt32BE(1)).toBe(schemaId);
    const headers = Object.fromEntries(alert!.record.headers.map(({ key, value }) => [key, String(value)]));
    const { schema: name, revision, topology } = codec.decode(alert!.record.value!);
    expect(headers).toEqual({
      'content-type': codec.contentType,
      'chorus-schema': name,
      'chorus-revision': String(revision),
      'chorus-topology': topology,
    });
    const letters = Array.from((await site.deadLetters()).values());
    expect(letters).toEqual([{ reason: expect.stringMatching(/^unknown_schema: /) as string, value: unknown }]);
  });

  test('one that goes away is waited for, and no post is taken for a bad one', async () => {
    const lines = simulatedDay({ posts: 3000, campaigns: 4, copying: 0 });
    const id = await registered(avroSchema);
    const site = await siteOf({
      sources: 2,
      partitions: 1,
      settings: { registry: { url: proxy.url, ...REGISTRY_DEFAULTS } },
    });
    const instance = await site.start();
    await site.send(posts(lines.slice(0, 1000)));
    await site.drained();
    await proxy.stop();
    await site.send(lines.slice(1000).map((line) => ({ value: framed(id, asAvro(line)), fate: 'post' })));
    await site.send(ending(2));
    const isTold = (): boolean => instance.logged.some(({ fields }) => fields.code === 'registry_unavailable');
    await until('the stage says that the registry is away', isTold);
    await proxy.start();
    await site.drained();
    expect(instance.failure).toBeUndefined();
    expect((await site.deadLetters()).size).toBe(0);
    expect((await site.published()).differences(await replayed(lines))).toEqual(NO_DIFFERENCE);
  });
});

// Side by side, since they mostly wait for time to pass.
describe.concurrent("with the broker's time", () => {
  const WINDOW_MS = 3000;
  const IDLE_MS = 500;
  const SOURCES = 3;
  const options: SiteOptions = {
    sources: SOURCES,
    partitions: 2,
    feedConfigs: { 'message.timestamp.type': 'LogAppendTime' },
    windowMs: WINDOW_MS,
    settings: { eventTime: 'record', outOfOrdernessMs: 200, idleMs: IDLE_MS, commitIntervalMs: 100 },
  };

  /** The same text from some accounts, to one partition. The payload's time is nothing to go by. */
  function campaign(seed: number, partition?: number): FedRecord[] {
    const random = new Random(seed);
    const text = Array.from({ length: 14 }, () => word(random)).join(' ');
    return Array.from({ length: 6 }, (_, i) => {
      const id = `${seed}-${i}`;
      const post = { id, platform: 'x', account: `a${i}`, text, createdAt: '1999-01-01T00:00:00.000Z' };
      return { value: JSON.stringify(post), fate: 'post', ...(partition === undefined ? {} : { partition }) };
    });
  }

  async function closed(site: Site, count: number): Promise<void> {
    await until(`${count} alerts are closed`, async () => {
      const alerts = Array.from((await site.published()).alerts.values(), (json) => JSON.parse(json) as Alert);
      if ((await site.deadLetters()).size > 0) throw new Error('a post is late');
      return alerts.filter(({ status }) => status === 'closed').length >= count;
    });
  }

  /** All posts as they lie in the feed, dated as the broker did. */
  async function replayedFeed(site: Site): Promise<ReadonlyMap<string, string>> {
    const lines = (await site.records(site.topics.feed)).map(({ record }) => {
      const post = JSON.parse(record.value!.toString()) as object;
      return JSON.stringify({ ...post, createdAt: new Date(record.timestampMs).toISOString() });
    });
    return replayed(lines, ['--window', `${WINDOW_MS}ms`]);
  }

  async function ticks(site: Site): Promise<number> {
    const frames = await site.records(site.topics.fingerprints);
    const headers = frames.map(({ record }) => new FingerprintsFrame(record.value!).header);
    return headers.filter(({ from, to }) => from === to).length;
  }

  async function checkNothingLate(site: Site): Promise<void> {
    expect((await site.deadLetters()).size).toBe(0);
    expect((await site.framed()).entries.size).toBe((await site.records(site.topics.feed)).length);
    expect(await ticks(site)).toBeGreaterThan(0);
    expect((await site.published()).differences(await replayedFeed(site))).toEqual(NO_DIFFERENCE);
  }

  test('alerts open and close while other sources have nothing to say', async () => {
    const site = await siteOf(options);
    const instance = await site.start();
    await site.send(campaign(1, 0));
    await closed(site, 1);
    await site.send(campaign(2, 1));
    await closed(site, 2);
    expect(instance.failure).toBeUndefined();
    await instance.stop();
    await checkNothingLate(site);
  });

  test('a tick makes no post late: posts with pauses as long as the time to idle, and a restart', async () => {
    const random = new Random(3);
    const site = await siteOf(options);
    let instance = await site.start();
    for (let i = 0; i < 24; i++) {
      await site.send(campaign(i));
      await sleep(random.between(0, 2 * IDLE_MS));
      if (i !== 12) continue;
      await instance.stop();
      instance = await site.start();
    }
    await closed(site, 24);
    expect(instance.failure).toBeUndefined();
    await instance.stop();
    await checkNothingLate(site);
  });

  test('a tick makes no post late: an instance that was frozen for longer than the time to idle', async () => {
    const site = await siteOf(options);
    const instance = await site.spawn('a');
    await instance.said('partition assigned', SOURCES + 2 + 1);
    await site.send(campaign(0));
    await closed(site, 1);
    for (let i = 0; i < 3; i++) {
      instance.freeze();
      await site.send(campaign(i + 1));
      // What the frozen one does not know of grows older than it would take for idle; its session goes on.
      await sleep(4 * IDLE_MS);
      instance.wake();
      await closed(site, 2 + i);
    }
    expect(instance.failure).toBeUndefined();
    await instance.stop();
    await checkNothingLate(site);
  });
});
