/** The registry as it is: a real server, behind a proxy that counts requests and makes the outages. */
import { createServer, type IncomingHttpHeaders } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { inspect } from 'node:util';
import { AvroSerializer, JsonSerializer, SchemaRegistryClient, SerdeType } from '@confluentinc/schemaregistry';
import avro from 'avsc';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { writeFraming } from '../../src/consumers/formats/confluent.ts';
import type { ChorusError } from '../../src/errors.ts';
import type { Post } from '../../src/model.ts';
import { openRegistry, REGISTRY_DEFAULTS, type OpenOptions } from '../../src/registry/client.ts';
import { RecordDecoder } from '../../src/registry/decoder.ts';
import type { Registry, SchemaText } from '../../src/registry/registry.ts';
import { publishedSchema, SCHEMA_FORMATS } from '../../src/registry/schemas.ts';
import { alertCodec } from '../../src/sinks/encode-alert.ts';
import { startRegistry, type Registry as RegistryServer } from '../support/broker/registry.ts';
import { RegistryProxy } from '../support/registry-proxy.ts';

const POST: Post = {
  id: 'p1',
  platform: 'example',
  account: 'a1',
  text: 'Grüße 👋',
  createdAt: 1_738_659_605_123,
  urls: ['https://example.org/a'],
};

let server: RegistryServer;
let proxy: RegistryProxy;
const opened: Registry[] = [];
let subjects = 0;
/** A running registry may be used by many runs, so names are never used twice. */
const run = process.hrtime.bigint().toString(36);
const freshSubject = (): string => `test-${run}-${subjects++}-value`;

beforeAll(async () => {
  server = await startRegistry();
  proxy = new RegistryProxy(server.url);
});
afterAll(() => server.stop());
beforeEach(async () => {
  await proxy.start();
  proxy.requests.length = 0;
});
afterEach(async () => {
  for (const registry of opened.splice(0)) registry.close();
  proxy.isHanging = false;
  await proxy.stop();
});

async function open(options: OpenOptions = {}, settings: Partial<Parameters<typeof openRegistry>[0]> = {}) {
  const registry = await openRegistry({ url: proxy.url, ...REGISTRY_DEFAULTS, ...settings }, options);
  opened.push(registry);
  return registry;
}

function avroSchema(...fields: readonly (readonly [name: string, type: unknown, byDefault?: unknown])[]): SchemaText {
  return {
    type: 'AVRO',
    schema: JSON.stringify({
      type: 'record',
      name: 'Post',
      namespace: 'test',
      fields: fields.map(([name, type, byDefault]) => ({ name, type, default: byDefault })),
    }),
  };
}

function framed(id: number, schema: SchemaText, post: object): Buffer {
  const payload = avro.Type.forSchema(JSON.parse(schema.schema) as avro.Schema).toBuffer(post);
  const framing = Buffer.alloc(5);
  writeFraming(framing, id);
  return Buffer.concat([framing, payload]);
}

async function errorOf(promise: unknown): Promise<ChorusError> {
  try {
    await promise;
  } catch (error) {
    return error as ChorusError;
  }
  throw new Error('nothing was thrown');
}

const idLookups = (): string[] => proxy.requests.filter((request) => request.includes('/schemas/ids/'));
const postSchema = publishedSchema('post', 'avro');

describe('schemas', () => {
  test('registered, found by id and by text; a subject that is new has none', async () => {
    const registry = await open();
    for (const format of SCHEMA_FORMATS) {
      for (const of of ['alert', 'post'] as const) {
        const schema = publishedSchema(of, format);
        const subject = freshSubject();
        expect(await registry.latest(subject)).toBeUndefined();
        expect(await registry.id(subject, schema)).toBeUndefined();
        const id = await registry.register(subject, schema);
        expect(await registry.latest(subject)).toEqual({ id, type: schema.type, version: 1 });
        expect(await registry.id(subject, schema)).toBe(id);
        expect(await registry.schema(id)).toEqual({ id, ...schema, references: [] });
      }
    }
  });

  test('asked for once, however many want it', async () => {
    const registry = await open();
    const id = await registry.register(freshSubject(), postSchema);
    const answers = await Promise.all(Array.from({ length: 100 }, () => registry.schema(id)));
    expect(new Set(answers).size).toBe(1);
    await registry.schema(id);
    expect(idLookups()).toHaveLength(1);
    expect(registry.counters).toEqual({ hits: 100, misses: 1, unknown: 0, unavailable: 0, evictions: 0 });
  });

  test('the cache is bounded', async () => {
    const registry = await open({ cache: { schemasMax: 2 } });
    const ids: number[] = [];
    for (const name of ['a', 'b', 'c'])
      ids.push(await registry.register(freshSubject(), avroSchema([name + run, 'int'])));
    for (const id of [...ids, ids[0]!]) await registry.schema(id);
    expect(registry.counters).toMatchObject({ misses: 4, evictions: 2 });
  });

  test('an unknown id is asked for again after a while, and is then known', async () => {
    const registry = await open({ cache: { unknownMs: 200 } });
    const decoder = new RecordDecoder(registry);
    // Ids are given in turn.
    const id = (await registry.register(freshSubject(), avroSchema([`x${run}`, 'int']))) + 1;
    const value = framed(id, postSchema, POST);
    for (let i = 0; i < 5; i++) {
      expect(await decoder.decode(value)).toMatchObject({ kind: 'rejection', reason: 'unknown_schema' });
    }
    expect(idLookups()).toHaveLength(1);
    const fields = JSON.parse(postSchema.schema) as { fields: unknown[] };
    const fresh = { type: 'AVRO', schema: JSON.stringify({ ...fields, name: `P${run}` }) };
    expect(await registry.register(freshSubject(), fresh)).toBe(id);
    await new Promise((resolve) => setTimeout(resolve, 250));
    expect(await decoder.decode(value)).toEqual({ kind: 'post', post: POST });
  });

  test('an incompatible change is refused with the reason, a compatible one is not', async () => {
    const registry = await open();
    const subject = freshSubject();
    await registry.register(subject, avroSchema(['id', 'string'], ['n', 'int']));
    expect(await registry.compatibility(subject)).toMatchObject({ level: 'NONE' });
    await registry.setCompatibility(subject, 'BACKWARD');
    expect(await registry.compatibility(subject)).toEqual({ level: 'BACKWARD', isOwn: true });

    const bad = avroSchema(['id', 'string'], ['n', 'string']);
    expect(await registry.isCompatible(subject, bad)).toBe(false);
    const error = await errorOf(registry.register(subject, bad));
    expect(error).toMatchObject({ code: 'schema_incompatible', retryable: false });
    expect(error.message).toMatch(/not compatible with writer type|READER/);

    const good = avroSchema(['id', 'string'], ['n', 'int'], ['more', ['null', 'string'], null]);
    expect(await registry.isCompatible(subject, good)).toBe(true);
    await registry.register(subject, good);
    expect(await registry.latest(subject)).toMatchObject({ version: 2 });
  });

  test('our JSON Schema can be followed by another under a compatibility level', async () => {
    const registry = await open();
    const subject = freshSubject();
    const { schema } = publishedSchema('alert', 'json');
    await registry.register(subject, { type: 'JSON', schema });
    await registry.setCompatibility(subject, 'BACKWARD');
    const changed = (change: (properties: Record<string, unknown>) => void): SchemaText => {
      const next = JSON.parse(schema) as { properties: Record<string, unknown> };
      change(next.properties);
      return { type: 'JSON', schema: JSON.stringify(next) };
    };
    expect(
      await registry.isCompatible(
        subject,
        changed((properties) => (properties['more'] = { type: 'string' })),
      ),
    ).toBe(true);
    expect(
      await registry.isCompatible(
        subject,
        changed((properties) => (properties['revision'] = { type: 'string' })),
      ),
    ).toBe(false);
  });
});

describe('values', () => {
  test('of Confluent serializers', async () => {
    const client = SchemaRegistryClient.newClient({ baseURLs: [proxy.url] });
    const config = { autoRegisterSchemas: false, useLatestVersion: true };
    const decoder = new RecordDecoder(await open());
    for (const format of SCHEMA_FORMATS) {
      const topic = freshSubject();
      const { type, schema } = publishedSchema('post', format);
      await client.register(`${topic}-value`, { schemaType: type, schema }, false);
      const Serializer = format === 'avro' ? AvroSerializer : JsonSerializer;
      const value = await new Serializer(client, SerdeType.VALUE, config).serialize(topic, POST);
      expect(await decoder.decode(value)).toEqual({ kind: 'post', post: POST });
    }
    client.close();
  });

  test('of writers with one field more and one less', async () => {
    const registry = await open();
    const decoder = new RecordDecoder(registry);
    const subject = freshSubject();
    const required = (['id', 'platform', 'account', 'text'] as const).map((name) => [name, 'string'] as const);
    const first = avroSchema(...required, ['createdAt', 'long']);
    const second = avroSchema(
      ...required,
      ['createdAt', 'long'],
      ['handle', ['null', 'string'], null],
      ['likes', 'int', 0],
    );
    for (const schema of [first, second]) {
      const id = await registry.register(subject, schema);
      const { urls: _, ...post } = POST;
      expect(await decoder.decode(framed(id, schema, { ...post, likes: 3 }))).toEqual({ kind: 'post', post });
    }
  });

  test('of a schema that refers to others', async () => {
    const client = SchemaRegistryClient.newClient({ baseURLs: [proxy.url] });
    const subject = freshSubject();
    const name = `Kind${run}`;
    const kind = { type: 'enum', name, namespace: 'other', symbols: ['example', 'mastodon'] };
    await client.register(subject, { schemaType: 'AVRO', schema: JSON.stringify(kind) }, false);
    const schema = avroSchema(
      ['id', 'string'],
      ['platform', `other.${name}`],
      ['account', 'string'],
      ['text', 'string'],
      ['createdAt', 'long'],
    );
    const references = [{ name: `other.${name}`, subject, version: 1 }];
    const referring = { schemaType: 'AVRO', schema: schema.schema, references };
    const id = await client.register(freshSubject(), referring, false);
    client.close();
    const inlined = {
      ...schema,
      schema: schema.schema.replace(`"other.${name}"`, '{"type":"enum","name":"K","symbols":["example","mastodon"]}'),
    };
    const decoded = await new RecordDecoder(await open()).decode(framed(id, inlined, POST));
    expect(decoded).toMatchObject({ kind: 'post', post: { platform: 'example', text: POST.text } });
  });

  test('of a schema that is neither JSON nor Avro: a rejection', async () => {
    const registry = await open();
    const id = await registry.register(freshSubject(), {
      type: 'PROTOBUF',
      schema: `syntax = "proto3"; message A${run} { string a = 1; }`,
    });
    const decoded = await new RecordDecoder(registry).decode(framed(id, postSchema, POST));
    expect(decoded).toMatchObject({
      reason: 'unusable_schema',
      detail: `schema ${id} is of type PROTOBUF, must be AVRO or JSON`,
    });
  });
});

describe('outages', () => {
  test('away at the start: waited for, and told', async () => {
    await proxy.stop();
    const waits: string[] = [];
    setTimeout(() => void proxy.start(), 700);
    const registry = await open({ onWait: (detail) => waits.push(detail) });
    expect(waits.length).toBeGreaterThan(1);
    expect(waits[0]).toContain('ECONNREFUSED');
    expect(await registry.register(freshSubject(), postSchema)).toBeGreaterThan(0);
  });

  test('away for longer than allowed, or no registry at all: a clear error', async () => {
    await proxy.stop();
    const error = await errorOf(open({}, { retryMs: 300 }));
    expect(error).toMatchObject({ code: 'registry_unavailable' });
    expect(error.message).toMatch(/cannot ask for its configuration: connect ECONNREFUSED .*; tried for 3\d\d ms/);
    await proxy.start();
    const wrong = await errorOf(open({}, { retryMs: 300, url: new URL('/nowhere', proxy.url).href }));
    expect(wrong).toMatchObject({ code: 'registry_unavailable' });
    expect(wrong.message).toContain('registry.url must be the base of the Confluent-compatible API');
  });

  test('waiting at the start can be broken off', async () => {
    await proxy.stop();
    const controller = new AbortController();
    setTimeout(() => controller.abort(), 150);
    expect((await errorOf(open({ signal: controller.signal }))).name).toBe('AbortError');
  });

  test('killed later: what is known goes on, what is not makes the caller wait', async () => {
    const second = await startRegistry();
    proxy.target = second.url;
    const registry = await open();
    const decoder = new RecordDecoder(registry);
    const value = framed(await registry.register(freshSubject(), postSchema), postSchema, POST);
    const unseen = framed(1_000_000, postSchema, POST);
    await decoder.decode(value);

    // One that the environment names is not ours to kill.
    await (second.kill?.() ?? proxy.stop());
    for (let i = 0; i < 3; i++) {
      expect(await errorOf(decoder.decode(unseen))).toMatchObject({ code: 'registry_unavailable', retryable: true });
      expect(decoder.decode(value)).toEqual({ kind: 'post', post: POST });
    }
    expect(registry.counters.unavailable).toBe(3);

    await (second.restart?.() ?? proxy.start());
    expect(await decoder.decode(unseen)).toMatchObject({ reason: 'unknown_schema' });
    expect(decoder.decode(value)).toEqual({ kind: 'post', post: POST });
    proxy.target = server.url;
    await second.stop();
  });

  test('a registry that takes requests and does not answer', async () => {
    const registry = await open({}, { timeoutMs: 200 });
    proxy.isHanging = true;
    const start = performance.now();
    expect(await errorOf(registry.schema(1))).toMatchObject({ code: 'registry_unavailable', retryable: true });
    expect(performance.now() - start).toBeLessThan(2000);
  });

  test('the package is missing', async () => {
    // Not literal, so that the compiler does not look for it.
    const name: string = '@confluentinc/no-such-package';
    const error = await errorOf(open({ loadClient: () => import(name) }));
    expect(error).toMatchObject({ code: 'registry_client_missing', retryable: false });
    expect(error.message).toContain('npm install @confluentinc/schemaregistry@1.10.1');
  });
});

describe('credentials', () => {
  async function seenBy(status: number, use: (url: string) => Promise<unknown>): Promise<IncomingHttpHeaders[]> {
    const headers: IncomingHttpHeaders[] = [];
    const guard = createServer((incoming, outgoing) => {
      headers.push(incoming.headers);
      outgoing.writeHead(status, { 'content-type': 'application/json' });
      outgoing.end(
        JSON.stringify(status === 200 ? { compatibilityLevel: 'FULL' } : { error_code: status, message: 'no' }),
      );
    });
    guard.listen(0, '127.0.0.1');
    await once(guard, 'listening');
    try {
      await use(`127.0.0.1:${(guard.address() as AddressInfo).port}/api`);
    } finally {
      guard.closeAllConnections();
      guard.close();
    }
    return headers;
  }
  const basic = (text: string): string => `Basic ${Buffer.from(text).toString('base64')}`;

  test('are sent: a user, a user in the URL, a token', async () => {
    const headers = await seenBy(200, async (host) => {
      await open({}, { url: `http://${host}`, username: 'anna', password: 'p:w' });
      await open({}, { url: `http://ann%40a:s%20s@${host}` });
      await open({}, { url: `http://${host}`, token: 'tok' });
    });
    expect(headers.map(({ authorization }) => authorization)).toEqual([
      basic('anna:p:w'),
      basic('ann@a:s s'),
      'Bearer tok',
    ]);
  });

  test('that are refused end the start at once, and are in no error', async () => {
    let error: ChorusError | undefined;
    const headers = await seenBy(401, async (host) => {
      error = await errorOf(open({}, { url: `http://anna:secret-word@${host}` }));
    });
    expect(headers).toHaveLength(1);
    expect(error).toMatchObject({ code: 'registry_denied', retryable: false });
    const all = inspect(error, { depth: 20, showHidden: true }) + JSON.stringify(error);
    expect(all).not.toContain('secret-word');
    expect(all).not.toContain(basic('anna:secret-word').slice(6));
  });

  test('for reading schemas only will do: 403 on the configuration is an answer', async () => {
    const headers = await seenBy(403, (host) => open({}, { url: `http://${host}` }));
    expect(headers).toHaveLength(1);
  });

  test.each([
    [{ url: 'ftp://host' }, 'registry.url: "ftp:", must be an http or https URL'],
    [{ url: 'secret-word' }, 'registry.url: "(no URL)"'],
    [{ username: 'anna' }, 'registry.password: not given'],
    [{ username: 'anna', password: 'secret-word', token: 't' }, 'registry.token: "(given)", must be left out'],
  ])('settings that cannot be: %#', async (settings, message) => {
    const error = await errorOf(open({}, settings));
    expect(error.code).toBe('config');
    expect(error.message).toContain(message);
    expect(error.message).not.toContain('secret-word');
  });
});

test('alerts in Avro are read with the schema that the registry gives', async () => {
  const registry = await open();
  const schema = publishedSchema('alert', 'avro');
  const schemaId = await registry.register(freshSubject(), schema);
  const { schema: text } = (await registry.schema(schemaId))!;
  const { default: alert } = await import('../../schemas/examples/alert.v1.valid.json', { with: { type: 'json' } });
  const value = alertCodec({ kind: 'framed-avro', schemaId, schema: schema.schema }).encode(alert as never);
  expect(alertCodec({ kind: 'framed-avro', schemaId, schema: text }).decode(value)).toStrictEqual(alert);
});
