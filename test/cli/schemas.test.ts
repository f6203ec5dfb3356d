import { Command, CommanderError } from 'commander';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { addSchemasCommand, schemasCommand, type SchemasFlags } from '../../src/cli/schemas.ts';
import { openRegistry, REGISTRY_DEFAULTS } from '../../src/registry/client.ts';
import type { Registry, SchemaText } from '../../src/registry/registry.ts';
import { publishedSchema } from '../../src/registry/schemas.ts';
import { startRegistry, type Registry as RegistryServer } from '../support/broker/registry.ts';

let server: RegistryServer;
let registry: Registry;
let topics = 0;
const run = process.hrtime.bigint().toString(36);
const freshTopic = (): string => `cli-${run}-${topics++}`;

beforeAll(async () => {
  server = await startRegistry();
  registry = await openRegistry({ url: server.url, ...REGISTRY_DEFAULTS });
});
afterAll(async () => {
  registry?.close();
  await server?.stop();
});

async function schemas(action: 'register' | 'check', flags: SchemasFlags): Promise<{ code: number; out: string }> {
  let out = '';
  const code = await schemasCommand(action, { registry: server.url, ...flags }, {}, (text) => (out += text));
  return { code, out };
}

async function errorOf(promise: Promise<unknown>): Promise<Error & { code?: string }> {
  return promise.then(
    () => {
      throw new Error('nothing was thrown');
    },
    (error: unknown) => error as Error,
  );
}

/** The published schema of alerts with another type for one field. */
function changed(field: string, type: unknown): SchemaText {
  const schema = JSON.parse(publishedSchema('alert', 'avro').schema) as { fields: { name: string; type: unknown }[] };
  for (const each of schema.fields) if (each.name === field) each.type = type;
  return { type: 'AVRO', schema: JSON.stringify(schema) };
}

describe.each(['json', 'avro'])('%s', (format) => {
  test('check, register, check; registering again changes nothing', async () => {
    const [alerts, posts] = [freshTopic(), freshTopic()];
    const flags = { alerts, posts, format };

    const before = await schemas('check', flags);
    expect(before.code).toBe(1);
    expect(before.out).toContain(`${alerts}-value: not registered, the subject is new`);
    expect(await registry.latest(`${alerts}-value`)).toBeUndefined();

    const registered = await schemas('register', flags);
    expect(registered.code).toBe(0);
    expect(registered.out.trim().split('\n')).toEqual([
      expect.stringMatching(
        new RegExp(`^${alerts}-value: registered .*, schema id \\d+, version 1; compatibility set to BACKWARD`),
      ),
      expect.stringContaining(`${posts}-value: registered`),
    ]);
    expect(await registry.compatibility(`${posts}-value`)).toEqual({ level: 'BACKWARD', isOwn: true });
    expect(await registry.id(`${posts}-value`, publishedSchema('post', format as 'json'))).toBeGreaterThan(0);

    const after = await schemas('check', flags);
    expect(after).toEqual({
      code: 0,
      out: expect.stringContaining(`${alerts}-value: registered, schema id`) as string,
    });
    const again = await schemas('register', flags);
    expect(again).toEqual({ code: 0, out: expect.stringContaining(`${alerts}-value: unchanged`) as string });
    expect(await registry.latest(`${alerts}-value`)).toMatchObject({ version: 1 });
  });
});

test('an incompatible change is refused with the reason, and nothing is registered', async () => {
  const topic = freshTopic();
  const subject = `${topic}-value`;
  await registry.register(subject, changed('text', 'bytes'));
  await registry.setCompatibility(subject, 'BACKWARD');
  // Avro lets bytes be read as text, so one that it does not.
  const other = freshTopic();
  await registry.register(`${other}-value`, changed('text', 'int'));
  await registry.setCompatibility(`${other}-value`, 'BACKWARD');

  expect((await schemas('check', { alerts: topic, format: 'avro' })).out).toContain(
    'which this one may follow by BACKWARD',
  );
  expect((await schemas('check', { alerts: other, format: 'avro' })).out).toContain('incompatible with it by BACKWARD');
  const error = await errorOf(schemas('register', { alerts: other, format: 'avro' }));
  expect(error).toMatchObject({ code: 'schema_incompatible' });
  expect(error.message).toMatch(/-value: the registry refuses .*STRING not compatible with writer type: INT/);
  expect(await registry.latest(`${other}-value`)).toMatchObject({ version: 1 });

  const followed = await schemas('register', { alerts: topic, format: 'avro' });
  expect(followed).toEqual({ code: 0, out: expect.stringContaining('version 2; compatible by BACKWARD') as string });
});

test('a subject that the registry does not check is said to be one', async () => {
  const topic = freshTopic();
  await registry.register(`${topic}-value`, changed('text', 'int'));
  expect((await schemas('check', { alerts: topic, format: 'avro' })).out).toContain('the registry checks nothing');
  expect((await schemas('register', { alerts: topic, format: 'avro' })).out).toContain('the registry checks nothing');
  expect((await registry.compatibility(`${topic}-value`)).level).toBe('NONE');
});

test('a level that was set before the first version is kept', async () => {
  const topic = freshTopic();
  const client = registry as { setCompatibility(subject: string, level: string): Promise<void> };
  await client.setCompatibility(`${topic}-value`, 'FULL');
  expect((await schemas('register', { alerts: topic, format: 'avro' })).out).toContain('compatible by FULL');
  expect(await registry.compatibility(`${topic}-value`)).toEqual({ level: 'FULL', isOwn: true });
});

test('one subject, one format', async () => {
  const topic = freshTopic();
  await schemas('register', { alerts: topic, format: 'json' });
  expect((await schemas('check', { alerts: topic, format: 'avro' })).out).toContain('a subject keeps one format');
  expect(await errorOf(schemas('register', { alerts: topic, format: 'avro' }))).toMatchObject({
    code: 'schema_incompatible',
  });
});

test('all that is wrong with the arguments, at once', async () => {
  const error = await errorOf(
    schemas('check', { registry: '', format: 'xml', wait: '5', user: 'anna', ca: '/nowhere' }),
  );
  expect(error.code).toBe('config');
  for (const name of ['--registry', '--format', '--alerts', '--wait', 'CHORUS_REGISTRY_PASSWORD', '--ca']) {
    expect(error.message).toContain(`${name}: `);
  }
  const same = await errorOf(schemas('check', { alerts: 'a', posts: 'a' }));
  expect(same.message).toContain('--posts: "a", must be another topic');
});

test('a registry that is away', async () => {
  const error = await errorOf(schemas('check', { registry: 'http://127.0.0.1:1', alerts: 'a', wait: '200ms' }));
  expect(error).toMatchObject({ code: 'registry_unavailable' });
});

test('the command has both actions, and no others', async () => {
  const program = new Command()
    .exitOverride()
    .configureOutput({ writeErr: () => undefined, writeOut: () => undefined });
  addSchemasCommand(program);
  expect(program.commands[0]!.commands.map((command) => command.name())).toEqual(['register', 'check']);
  const refused = await errorOf(program.parseAsync(['node', 'chorus', 'schemas', 'delete']));
  expect(refused).toBeInstanceOf(CommanderError);
});
