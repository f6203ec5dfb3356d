/**
 * TLS and logins as brokers do them: one broker with a listener for each way in, and the command as people run it. What is wrong
 * is told, ends the process, and shows no secret.
 */
import { createPrivateKey } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import type { Admin } from 'kafkajs';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { kafkaSettings, loadDeployment } from '../../src/cli/config-deployment.ts';
import { KafkaClient } from '../../src/kafka/client.ts';
import { FrameProducer } from '../../src/kafka/producer.ts';
import { readRange } from '../../src/kafka/reader.ts';
import { logBounds } from '../../src/kafka/offsets.ts';
import { configured, makeFeed } from '../cli/deployed.ts';
import { fill, Members, Notes, unique, until } from '../kafka/support.ts';
import type { JarBroker } from '../support/broker/jar-broker.ts';
import { PASSWORDS, startLoginBroker, tokenFor } from '../support/broker/login-broker.ts';
import { Authority } from '../support/certificates.ts';
import { chorus } from '../support/command.ts';
import { simulatedDay } from '../support/day.ts';
import { temporaryFolder } from '../support/feeds.ts';
import { manifestAcls } from '../support/manifest-acls.ts';
import { killRunning, listening, run, says } from '../support/running.ts';

const folder = temporaryFolder();
const authority = new Authority('Kafka CA');
const stranger = new Authority('Other CA');

const WRONG = 'sesame-wrong';
const PASSPHRASE = 'sesame-passphrase';
const CLIENT_SECRET = 'sesame-client';
/** In each secret here but tokens. */
const MARKER = 'sesame';

function fileOf(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

let broker: JarBroker;
let admin: Admin;
let tokenServer: Server;
const tokenRequests: (string | undefined)[] = [];

beforeAll(async () => {
  broker = await startLoginBroker(folder, authority);
  admin = new KafkaClient({ brokers: broker.bootstrap, clientId: 'test' }).admin();
  await admin.connect();
  tokenServer = createServer((request, response) => {
    tokenRequests.push(request.headers.authorization);
    const isKnown = request.headers.authorization?.endsWith(Buffer.from(`us:${CLIENT_SECRET}`).toString('base64'));
    response.writeHead(isKnown ? 200 : 401, { 'content-type': 'application/json' });
    response.end(JSON.stringify(isKnown ? { access_token: tokenFor('oauth'), expires_in: 3600 } : { error: 'no' }));
  });
  await new Promise<void>((resolve) => tokenServer.listen(0, '127.0.0.1', resolve));
});
afterEach(killRunning);
afterAll(async () => {
  await admin?.disconnect();
  tokenServer?.close();
  await broker?.stop();
});

interface Way {
  readonly listener: string;
  /** Of the section `kafka`. */
  readonly tls?: Readonly<Record<string, unknown>>;
  readonly sasl?: Readonly<Record<string, unknown>>;
  readonly env?: Readonly<Record<string, string>>;
}

function section({ tls, sasl }: Way): string {
  return `${tls ? `  tls: ${JSON.stringify(tls)}\n` : ''}${sasl ? `  sasl: ${JSON.stringify(sasl)}\n` : ''}`;
}

const trusted = () => ({ ca: fileOf('ca.pem', authority.cert) });

function own(from: Authority, passphrase?: string): Record<string, string> {
  const { cert, key } = from.issue({ name: 'client' });
  const encrypted =
    passphrase === undefined
      ? key
      : createPrivateKey(key).export({ type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase }).toString();
  const name = unique('own');
  return { ...trusted(), cert: fileOf(`${name}.pem`, cert), key: fileOf(`${name}-key.pem`, encrypted) };
}

function expectNoSecret(said: string, { env = {}, sasl = {} }: Way): void {
  expect(said).not.toContain(MARKER);
  for (const secret of Object.values(env)) expect(said).not.toContain(secret);
  const { tokenFile } = sasl;
  if (typeof tokenFile === 'string') expect(said).not.toContain(readFileSync(tokenFile, 'utf8').trim());
}

const WAYS: readonly (readonly [what: string, way: () => Way])[] = [
  [
    'PLAIN over TLS, the password in the environment',
    () => ({
      listener: 'LOGIN_TLS',
      tls: trusted(),
      sasl: { mechanism: 'plain', username: 'plain' },
      env: { CHORUS_KAFKA_PASSWORD: PASSWORDS.plain },
    }),
  ],
  [
    'SCRAM-SHA-256, the password in a file',
    () => {
      const passwordFile = fileOf('password', `${PASSWORDS.scram256}\n`);
      return { listener: 'LOGIN', sasl: { mechanism: 'scram-sha-256', username: 'scram256', passwordFile } };
    },
  ],
  [
    'SCRAM-SHA-512 over TLS',
    () => ({
      listener: 'LOGIN_TLS',
      tls: trusted(),
      sasl: { mechanism: 'scram-sha-512', username: 'scram512' },
      env: { CHORUS_KAFKA_PASSWORD: PASSWORDS.scram512 },
    }),
  ],
  [
    'OAUTHBEARER, the token in a file',
    () => {
      const tokenFile = fileOf('token', `${tokenFor('oauth')}\n`);
      return { listener: 'LOGIN', sasl: { mechanism: 'oauthbearer', tokenFile } };
    },
  ],
  [
    'OAUTHBEARER over TLS, the token by client credentials',
    () => {
      const tokenUrl = `http://127.0.0.1:${(tokenServer.address() as AddressInfo).port}/token`;
      return {
        listener: 'LOGIN_TLS',
        tls: trusted(),
        sasl: { mechanism: 'oauthbearer', tokenUrl, clientId: 'us' },
        env: { CHORUS_KAFKA_CLIENT_SECRET: CLIENT_SECRET },
      };
    },
  ],
  [
    'a certificate of its own, with an encrypted key',
    () => ({
      listener: 'MUTUAL',
      tls: own(authority, PASSPHRASE),
      env: { CHORUS_KAFKA_KEY_PASSPHRASE: PASSPHRASE },
    }),
  ],
  [
    'TLS to a broker that goes by another name',
    () => ({ listener: 'NAMED', tls: { ...trusted(), servername: 'kafka.example.org' } }),
  ],
];

describe('a deployment reaches brokers by', () => {
  const members = new Members();
  afterEach(() => members.stopAll());

  test.each(WAYS)('%s', async (_what, wayOf) => {
    const way = wayOf();
    const { file, feed, prefix, alerts } = configured(folder, section(way), [broker.listeners.get(way.listener)!]);
    await makeFeed(admin, feed);
    const created = await chorus(['topics', 'create', '--config', file], { env: way.env ?? {} });
    expect(created, created.stderr).toMatchObject({ code: 0, stderr: '' });
    expect(created.stdout).toContain(`created topic ${prefix}.links`);
    const checked = await chorus(['topics', 'check', '--config', file], { env: way.env ?? {} });
    expect(checked, checked.stdout).toMatchObject({ code: 0, stderr: '' });

    const client = new KafkaClient(kafkaSettings(loadDeployment({ file }, way.env ?? {})));
    const notes = new Notes();
    await members.start(client, { topic: feed, groupId: `${prefix}.match`, handler: notes });
    await fill(client, feed, 2, 10);
    await until('all is read', () => notes.values.length === 10);
    expect(notes.values.toSorted()).toEqual(Array.from({ length: 10 }, (_, i) => String(i)));
    expect(members.failures).toEqual([]);
    expectNoSecret(created.stdout + checked.stdout, way);
    expect(await admin.fetchTopicMetadata({ topics: [alerts] })).toMatchObject({ topics: [{ name: alerts }] });
  });

  test('the secret of an OAuth client went to the token endpoint alone', () => {
    expect(new Set(tokenRequests)).toEqual(new Set([`Basic ${Buffer.from(`us:${CLIENT_SECRET}`).toString('base64')}`]));
  });

  test('tokens that run out, with a new login on the same connections', async () => {
    let tokens = 0;
    const token = async () => (tokens++, tokenFor('oauth'));
    const brokers = [broker.listeners.get('LOGIN')!];
    const client = new KafkaClient({ brokers, clientId: 'test', sasl: { mechanism: 'oauthbearer', token } });
    const topic = unique('feed');
    await makeFeed(admin, topic);
    const notes = new Notes();
    await members.start(client, { topic, groupId: unique('group'), handler: notes });
    const producer = new FrameProducer(client);
    await producer.connect();
    await until('the group reads', () => notes.has.size === 2);
    const before = tokens;
    for (let i = 0; i < 20; i++) {
      await producer.send(topic, [{ partition: i % 2, key: null, value: String(i) }]);
      await new Promise((resolve) => setTimeout(resolve, 150));
    }
    await until('all is read', () => notes.values.length === 20);
    await producer.disconnect();
    expect(tokens).toBeGreaterThan(before + 3);
    expect(members.failures).toEqual([]);
  });
});

interface Refusal {
  readonly what: string;
  readonly way: () => Way;
  /** In what is said. */
  readonly says: readonly string[];
}

const REFUSALS: readonly Refusal[] = [
  {
    what: 'a wrong password',
    way: () => ({
      listener: 'LOGIN_TLS',
      tls: trusted(),
      sasl: { mechanism: 'plain', username: 'plain' },
      env: { CHORUS_KAFKA_PASSWORD: WRONG },
    }),
    says: ['SASL PLAIN authentication failed', 'check kafka.sasl'],
  },
  {
    what: 'a wrong password of SCRAM',
    way: () => ({
      listener: 'LOGIN',
      sasl: { mechanism: 'scram-sha-512', username: 'scram512' },
      env: { CHORUS_KAFKA_PASSWORD: WRONG },
    }),
    says: ['SASL SCRAM SHA512 authentication failed', 'check kafka.sasl'],
  },
  {
    what: 'a token that has run out',
    way: () => ({
      listener: 'LOGIN',
      sasl: { mechanism: 'oauthbearer' },
      env: { CHORUS_KAFKA_TOKEN: tokenFor('oauth', -60) },
    }),
    says: ['SASL OAUTHBEARER authentication failed', 'invalid_token', 'check kafka.sasl'],
  },
  {
    what: 'a secret that the token endpoint refuses',
    way: () => {
      const tokenUrl = `http://127.0.0.1:${(tokenServer.address() as AddressInfo).port}/token`;
      return {
        listener: 'LOGIN',
        sasl: { mechanism: 'oauthbearer', tokenUrl, clientId: 'us' },
        env: { CHORUS_KAFKA_CLIENT_SECRET: WRONG },
      };
    },
    says: ['token endpoint http://127.0.0.1:', 'answered 401 without an access_token'],
  },
  {
    what: 'a mechanism that the listener does not have',
    way: () => ({
      listener: 'FEW',
      sasl: { mechanism: 'plain', username: 'plain' },
      env: { CHORUS_KAFKA_PASSWORD: PASSWORDS.plain },
    }),
    says: ['mechanism', 'kafka.sasl'],
  },
  {
    what: 'a login at a listener without one',
    way: () => ({
      listener: 'NAMED',
      tls: { ...trusted(), servername: 'kafka.example.org' },
      sasl: { mechanism: 'plain', username: 'plain' },
      env: { CHORUS_KAFKA_PASSWORD: PASSWORDS.plain },
    }),
    says: ['the listener takes no login', 'leave kafka.sasl out'],
  },
  {
    what: 'a certificate of an issuer that is not trusted',
    way: () => ({
      listener: 'NAMED',
      tls: { ca: fileOf('other-ca.pem', stranger.cert), servername: 'kafka.example.org' },
    }),
    says: ['unable to verify the first certificate', 'kafka.tls.ca'],
  },
  {
    what: 'a certificate with another name',
    way: () => ({ listener: 'NAMED', tls: trusted() }),
    says: ["127.0.0.1 is not in the cert's list", 'kafka.tls.servername'],
  },
  {
    what: 'no certificate of its own where one is asked for',
    way: () => ({ listener: 'MUTUAL', tls: trusted() }),
    says: ['the broker refuses the certificate of this side', 'kafka.tls.cert'],
  },
  {
    what: 'a certificate of its own that the broker does not trust',
    way: () => ({ listener: 'MUTUAL', tls: own(stranger) }),
    says: ['the broker refuses the certificate of this side', 'kafka.tls.cert'],
  },
];

describe('what no waiting mends is told at once, without a secret:', () => {
  test.each(REFUSALS)('$what', async ({ way: wayOf, says: parts }) => {
    const way = wayOf();
    const { file } = configured(folder, section(way), [broker.listeners.get(way.listener)!]);
    const running = run(['--config', file], way.env ?? {});
    // Without a bound it would wait for a broker that is away.
    const checking = chorus(['topics', 'check', '--config', file, '--wait', '10m'], { env: way.env ?? {} });
    // An idempotent producer, which rides out a minute of brokers that are away.
    const ingesting = chorus(['ingest', '--config', file, fileOf('posts.ndjson', '')], { env: way.env ?? {} });
    const beganMs = performance.now();
    const [code, checked, ingested] = await Promise.all([running.code, checking, ingesting]);
    expect(performance.now() - beganMs).toBeLessThan(20_000);
    expect({ code, checked: checked.code }, checked.stderr).toEqual({ code: 2, checked: 1 });
    expect([2, 5], ingested.stderr).toContain(ingested.code);
    const told = running.lines.filter(({ level }) => level === 'error');
    expect(told).toHaveLength(1);
    for (const part of parts) {
      expect(checked.stderr).toContain(part);
      expect(ingested.stderr).toContain(part);
      expect(JSON.stringify(told)).toContain(part);
    }
    const texts = [checked.stderr, checked.stdout, ingested.stderr, JSON.stringify(running.lines), ...running.text];
    expectNoSecret(texts.join('\n'), way);
    expect(texts.join('\n')).not.toContain('deps/openssl');
  });
});

describe('with the rights of the manifest for Kubernetes', () => {
  const lines = simulatedDay({ posts: 1200, campaigns: 2, copying: 2, hours: 6 });

  test('a user does all that a deployment does, and no more', async () => {
    const alertsFile = join(folder, 'alerts.ndjson');
    const yaml = (listener: string, username: string): string => `kafka:
  brokers: ${broker.listeners.get(listener)!}
  topic: posts
  deadLettersTopic: posts-dead-letters
  eventTime: payload
  outOfOrderness: 1m
  idle: off
  commitInterval: 200ms
${section({ listener, tls: trusted(), sasl: { mechanism: 'scram-sha-512', username } })}http: { port: 0 }
sinks:
  - { name: archive, type: file, start: beginning, path: ${alertsFile} }
  - { name: hook, type: webhook, start: beginning, allowPrivate: true, urlFile: ${fileOf('url', `http://127.0.0.1:1/${MARKER}`)} }
`;
    await makeFeed(admin, 'posts');
    await admin.createAcls({ acl: manifestAcls('chorus') });
    const file = fileOf('chorus.yaml', yaml('LOGIN_TLS', 'chorus'));
    const env = { CHORUS_KAFKA_PASSWORD: PASSWORDS.chorus, CHORUS_SECRET: `${MARKER}-key` };
    const denied = await chorus(['topics', 'create', '--config', file], { env });
    expect(denied.code).toBe(1);
    expect(denied.stderr).toMatch(/chorus\.fingerprints.*not authorized/i);
    const byAdmin = fileOf('admin.yaml', yaml('LOGIN_TLS', 'scram512'));
    const made = await chorus(['topics', 'create', '--config', byAdmin], {
      env: { CHORUS_KAFKA_PASSWORD: PASSWORDS.scram512 },
    });
    expect(made, made.stderr + made.stdout).toMatchObject({ code: 0 });

    const one = run(['--config', file], env);
    const base = await listening(one);
    const client = new KafkaClient({ brokers: broker.bootstrap, clientId: 'test' });
    const producer = new FrameProducer(client);
    await producer.connect();
    const records = [...lines, 'no post'].map((value, i) => ({ partition: i % 2, key: null, value }));
    await producer.send('posts', records);
    await producer.disconnect();
    const sinkHas = (): string[] => readFileSync(alertsFile, { encoding: 'utf8', flag: 'a+' }).split('\n').slice(0, -1);
    const published = async (): Promise<string[]> => {
      const found: string[] = [];
      const [{ low, high } = { low: 0, high: 0 }] = await logBounds(admin, 'coordination-alerts');
      const range = { topic: 'coordination-alerts', partition: 0, from: low, to: high };
      for await (const batch of readRange(client, range)) {
        for (const { value } of batch.records) found.push(value!.toString());
      }
      return found;
    };
    await until(
      'alerts are published and handed on',
      async () => {
        if (one.child.exitCode !== null) throw new Error(JSON.stringify(one.lines));
        const count = sinkHas().length;
        return count > 0 && count === (await published()).length;
      },
      60_000,
    );
    await until('a dead hook is told of', () => says(one, 'sink failed'));
    await until('the bad record is told of', async () => (await logBounds(admin, 'posts-dead-letters'))[0]!.high > 0);
    const seen = await Promise.all(['status', 'metrics'].map(async (path) => (await fetch(`${base}/${path}`)).text()));
    expect(seen[0]).toMatch(/"username": ?"chorus"/);
    one.child.kill('SIGTERM');
    expect(await one.code).toBe(0);
    expect(sinkHas()).toEqual(await published());
    expect(says(one, 'was not committed')).toBe(false);
    const all = [...seen, JSON.stringify(one.lines), ...one.text, denied.stderr, made.stdout, made.stderr].join('\n');
    expect(all).not.toContain(MARKER);
    const { groups } = await admin.listGroups();
    const ofChorus = groups.map(({ groupId }) => groupId).filter((id) => id.startsWith('chorus.'));
    expect(ofChorus.toSorted()).toEqual([
      'chorus.campaign',
      'chorus.fingerprint',
      'chorus.match',
      'chorus.sinks.archive',
      'chorus.sinks.hook',
    ]);
  });
});
