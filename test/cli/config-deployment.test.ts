import { generateKeyPairSync } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { accept, describe as boundOf } from '../../src/cli/config-bounds.ts';
import { deploymentSettings, kafkaSettings, loadDeployment } from '../../src/cli/config-deployment.ts';
import { ENTRIES, loadConfig, type Entry } from '../../src/cli/config.ts';
import { formatDuration } from '../../src/cli/duration.ts';
import { ConfigError, type ConfigProblem } from '../../src/errors.ts';
import { ROOT } from '../support/command.ts';
import { temporaryFolder } from '../support/feeds.ts';

const folder = temporaryFolder();
/** Of nobody; its key is lost. */
const CERTIFICATE = join(ROOT, 'test/fixtures/certificate.pem');
const NEEDED = 'kafka: { brokers: "a:9092, b:9093", topic: posts }';

function fileOf(text: string, name = 'chorus.yaml'): string {
  const file = join(folder, name);
  writeFileSync(file, text);
  return file;
}

function load(yaml: string, env: Record<string, string> = {}): ReturnType<typeof loadDeployment> {
  return loadDeployment({ file: fileOf(yaml) }, env);
}

function problemsOf(run: () => unknown): readonly ConfigProblem[] {
  try {
    run();
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
  return [];
}

function encryptedKey(passphrase: string): string {
  return generateKeyPairSync('ec', {
    namedCurve: 'prime256v1',
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase },
  }).privateKey;
}

const namesOf = (problems: readonly ConfigProblem[]): string[] => problems.map(({ name }) => name);

/** The section `kafka`, with what is needed. */
const kafka = (inner: string): string => `kafka: { brokers: "a:9092", topic: posts, ${inner} }`;

describe('the configuration of a deployment', () => {
  test('needs the brokers and the feed, and has defaults for the rest', () => {
    const config = load(NEEDED);
    expect(config.topics).toEqual({
      feed: 'posts',
      fingerprints: 'chorus.fingerprints',
      links: 'chorus.links',
      alerts: 'coordination-alerts',
      deadLetters: undefined,
    });
    expect(kafkaSettings(config)).toEqual({ brokers: ['a:9092', 'b:9093'], clientId: 'chorus' });
    expect(deploymentSettings(config, ['match'])).toMatchObject({
      groupPrefix: 'chorus',
      partitions: 1,
      eventTime: 'record',
      format: 'canonical',
      outOfOrdernessMs: 5000,
      idleMs: 10_000,
      stages: ['match'],
      stateFolder: undefined,
      registry: undefined,
      alertFormat: 'json',
    });
    expect(namesOf(problemsOf(() => load('')))).toEqual(['kafka.brokers', 'kafka.topic']);
    expect(namesOf(problemsOf(() => load('kafka: { brokers: a, topic: b }')))).toEqual(['kafka.brokers']);
    expect(namesOf(problemsOf(() => loadDeployment({ file: join(folder, 'none.yaml') }, {})))).toEqual(['config']);
  });

  test('takes every setting', () => {
    writeFileSync(join(folder, 'rules.yaml'), 'disclosures: ["#teamtoll"]');
    const config = load(`
evidence: { rules: ${JSON.stringify(join(folder, 'rules.yaml'))} }
kafka:
  brokers: [a:1, b.c:65535]
  clientId: us
  topic: posts
  prefix: mine
  alertsTopic: out
  deadLettersTopic: dead
  partitions: 8
  replicationFactor: 3
  eventTime: payload
  format: jetstream
  outOfOrderness: 1m
  idle: off
  sessionTimeout: 30s
  heartbeat: 3s
  commitInterval: 2s
  outageAllowance: 7d
state: { folder: /var/chorus, memoryBytes: 134217728, cacheBytes: 2097152, snapshotBytes: 1048576 }
registry: { url: "https://registry:8081", timeout: 1s, retry: 2s }
alerts: { format: framed-avro }
run: { stopTimeout: 20s }
`);
    expect(kafkaSettings(config)).toEqual({ brokers: ['a:1', 'b.c:65535'], clientId: 'us' });
    const { settings, table, engine, kafka: _kafka, ...rest } = deploymentSettings(config, ['fingerprint']);
    expect(table.length).toBeGreaterThan(0);
    expect([settings.windowMs, engine.split('/')[0]]).toEqual([3_600_000, 'chorus']);
    expect(rest).toEqual({
      evidence: { rules: { disclosures: ['#teamtoll'], explanations: [] } },
      topics: {
        feed: 'posts',
        fingerprints: 'mine.fingerprints',
        links: 'mine.links',
        alerts: 'out',
        deadLetters: 'dead',
      },
      groupPrefix: 'mine',
      partitions: 8,
      eventTime: 'payload',
      format: 'jetstream',
      outOfOrdernessMs: 60_000,
      idleMs: undefined,
      stages: ['fingerprint'],
      stateFolder: '/var/chorus',
      storeMemoryBytes: 134_217_728,
      cacheBytes: 2_097_152,
      snapshotBytes: 1_048_576,
      commitIntervalMs: 2000,
      sessionTimeoutMs: 30_000,
      heartbeatMs: 3000,
      stopMaxMs: 20_000,
      provenance: 'posts',
      registry: { url: 'https://registry:8081', timeoutMs: 1000, retryMs: 2000 },
      alertFormat: 'framed-avro',
    });
    expect([config.shell.kafka.replicationFactor, config.shell.kafka.outageAllowanceMs]).toEqual([3, 604_800_000]);
  });

  test.each([
    ['brokers: []', 'kafka.brokers'],
    ['brokers: [1]', 'kafka.brokers'],
    ['brokers: "a"', 'kafka.brokers'],
    ['brokers: "a:0"', 'kafka.brokers'],
    ['brokers: "a:65536"', 'kafka.brokers'],
    ['brokers: "a:1,"', 'kafka.brokers'],
    ['brokers: "[::1]:9092"', 'kafka.brokers'],
    ['topic: a/b', 'kafka.topic'],
    ['topic: ".."', 'kafka.topic'],
    [`topic: ${'x'.repeat(250)}`, 'kafka.topic'],
    [`prefix: ${'x'.repeat(201)}`, 'kafka.prefix'],
    ['clientId: ""', 'kafka.clientId'],
    ['partitions: 0', 'kafka.partitions'],
    ['partitions: 1001', 'kafka.partitions'],
    ['replicationFactor: "3"', 'kafka.replicationFactor'],
    ['eventTime: broker', 'kafka.eventTime'],
    ['outOfOrderness: 25h', 'kafka.outOfOrderness'],
    ['idle: false', 'kafka.idle'],
    ['idle: 10', 'kafka.idle'],
    ['heartbeat: 11s', 'kafka.heartbeat'],
    ['sessionTimeout: 2s', 'kafka.heartbeat'],
    ['alertsTopic: chorus.links', 'kafka.alertsTopic'],
    ['topic: chorus.fingerprints', 'kafka.topic'],
    ['deadLettersTopic: coordination-alerts', 'kafka.deadLettersTopic'],
    ['tls: { enabled: "yes" }', 'kafka.tls.enabled'],
    ['tls: { cert: a.pem }', 'kafka.tls.key'],
    ['tls: { key: a.pem }', 'kafka.tls.cert'],
    ['sasl: { mechanism: gssapi }', 'kafka.sasl.mechanism'],
    ['sasl: { username: u }', 'kafka.sasl.mechanism'],
    ['sasl: { mechanism: plain }', 'kafka.sasl.username'],
    ['sasl: { mechanism: oauthbearer, tokenUrl: "https://a/t" }', 'kafka.sasl.clientId'],
    ['sasl: { mechanism: oauthbearer, tokenUrl: "https://a", clientId: c, tokenFile: f }', 'kafka.sasl.tokenFile'],
    ['tls: true', 'kafka.tls'],
    ['topics: x', 'kafka.topics'],
  ])('refuses kafka: { %s }, for every command', (inner, name) => {
    const problems = problemsOf(() => loadConfig({ file: fileOf(`kafka: { ${inner} }`) }));
    expect(namesOf(problems)).toEqual([name]);
    expect(problems[0]!.bound).not.toBe('');
  });

  test.each([
    ['state: { memoryBytes: 64MB }', 'state.memoryBytes'],
    ['state: { folder: 3 }', 'state.folder'],
    ['registry: { url: "registry:8081" }', 'registry.url'],
    ['registry: { username: u, tokenFile: f }', 'registry.tokenFile'],
    ['alerts: { format: avro }', 'alerts.format'],
    ['alerts: { format: framed-json }', 'alerts.format'],
  ])('refuses %s, for every command', (yaml, name) => {
    expect(namesOf(problemsOf(() => loadConfig({ file: fileOf(yaml) })))).toEqual([name]);
  });

  test('asks other commands for nothing that only a deployment needs', () => {
    const yaml = kafka('tls: { ca: missing.pem }, sasl: { mechanism: plain, username: u, passwordFile: missing }');
    expect(() => loadConfig({ file: fileOf(yaml) })).not.toThrow();
  });

  test('tells all problems at once: of the file, the files that it names, and the environment', () => {
    const yaml = `
windo: 1h
kafka: { brokers: "a:9092", tls: { ca: ${join(folder, 'none.pem')} }, sasl: { mechanism: plain, username: u } }
registry: { url: "http://r", username: u, ca: ${fileOf('no certificate', 'bad.pem')} }
`;
    expect(namesOf(problemsOf(() => load(yaml)))).toEqual([
      'windo',
      'kafka.topic',
      'kafka.tls.ca',
      'kafka.sasl.passwordFile',
      'registry.passwordFile',
      'registry.ca',
    ]);
  });
});

describe('secrets', () => {
  const sasl = (inner: string): string => kafka(`sasl: { ${inner} }`);

  test('come from the environment, else from a file without its last line break', () => {
    const passwordFile = fileOf('from file\n', 'password');
    const yaml = sasl(`mechanism: scram-sha-512, username: u, passwordFile: ${passwordFile}`);
    const saslOf = (env: Record<string, string>): unknown => kafkaSettings(load(yaml, env)).sasl;
    expect(saslOf({})).toEqual({ mechanism: 'scram-sha-512', username: 'u', password: 'from file' });
    expect(saslOf({ CHORUS_KAFKA_PASSWORD: 'x' })).toMatchObject({ password: 'x' });
    expect(saslOf({ CHORUS_KAFKA_PASSWORD: '' })).toMatchObject({ password: 'from file' });
    fileOf('\n', 'password');
    expect(namesOf(problemsOf(() => load(yaml)))).toEqual(['kafka.sasl.passwordFile']);
  });

  test('of the registry: a password with a user name, else a token', () => {
    const env = { CHORUS_REGISTRY_PASSWORD: 'p', CHORUS_REGISTRY_TOKEN: 't' };
    const of = (inner: string): unknown => load(`${NEEDED}\nregistry: { url: "http://r"${inner} }`, env).registry;
    const rest = { url: 'http://r', timeoutMs: 5000, retryMs: 60_000 };
    expect(of(', username: u')).toEqual({ ...rest, username: 'u', password: 'p' });
    expect(of('')).toEqual({ ...rest, token: 't' });
  });

  test('tokens: a file that is read for each login, a variable, or an endpoint', async () => {
    const tokenFile = fileOf('one\n', 'token');
    const settings = kafkaSettings(load(sasl(`mechanism: oauthbearer, tokenFile: ${tokenFile}`))).sasl!;
    if (settings.mechanism !== 'oauthbearer') throw new Error('another mechanism');
    expect(await settings.token()).toBe('one');
    fileOf('two\n', 'token');
    expect(await settings.token()).toBe('two');

    expect(namesOf(problemsOf(() => load(sasl('mechanism: oauthbearer'))))).toEqual(['kafka.sasl.tokenFile']);
    expect(load(sasl('mechanism: oauthbearer'), { CHORUS_KAFKA_TOKEN: 't' }).sasl).toMatchObject({
      token: { from: 'environment', variable: 'CHORUS_KAFKA_TOKEN' },
    });
    const endpoint = 'mechanism: oauthbearer, tokenUrl: "https://login/token", clientId: c, scope: s';
    expect(load(sasl(endpoint), { CHORUS_KAFKA_CLIENT_SECRET: 'x' }).sasl).toMatchObject({
      token: {
        from: 'endpoint',
        credentials: { url: 'https://login/token', clientId: 'c', clientSecret: 'x', scope: 's' },
      },
    });
    expect(namesOf(problemsOf(() => load(sasl(endpoint))))).toEqual(['kafka.sasl.clientSecretFile']);
    const inTheClear = endpoint.replace('https', 'http');
    const env = { CHORUS_KAFKA_CLIENT_SECRET: 'x' };
    expect(namesOf(problemsOf(() => load(sasl(inTheClear), env)))).toEqual(['kafka.sasl.tokenUrl']);
  });

  test.each([
    ['kafka: { sasl: { password: hunter2 } }', 'kafka.sasl.password', 'CHORUS_KAFKA_PASSWORD'],
    ['kafka: { sasl: { clientSecret: hunter2 } }', 'kafka.sasl.clientSecret', 'CHORUS_KAFKA_CLIENT_SECRET'],
    ['kafka: { tls: { passphrase: hunter2 } }', 'kafka.tls.passphrase', 'CHORUS_KAFKA_KEY_PASSPHRASE'],
    ['registry: { token: hunter2 }', 'registry.token', 'CHORUS_REGISTRY_TOKEN'],
    ['registry: { url: "http://u:hunter2@r" }', 'registry.url', 'without a user name'],
    ['kafkaPassword: hunter2', 'kafkaPassword', 'name of a setting'],
    ['kafka: [{ sasl: { password: hunter2 } }]', 'kafka', 'mapping'],
    ['kafka: { sasl: hunter2 }', 'kafka.sasl', 'mapping'],
    ['sasl: { mechanism: plain, password: hunter2 }', 'sasl', 'name of a setting'],
    ['secret: [hunter2]', 'secret', 'a text'],
  ])('in %s are refused and not shown', (yaml, name, bound) => {
    const problems = problemsOf(() => loadConfig({ file: fileOf(yaml) }));
    const found = problems.find((problem) => problem.name === name);
    expect(found?.bound).toContain(bound);
    expect(new ConfigError(problems).message).not.toContain('hunter2');
  });
});

describe('TLS', () => {
  const tls = (inner: string): string => kafka(`tls: { ${inner} }`);

  test('is off without a setting of it, and on with any, or alone', () => {
    expect(kafkaSettings(load(NEEDED)).ssl).toBeUndefined();
    expect(kafkaSettings(load(tls('enabled: true'))).ssl).toEqual({ rejectUnauthorized: true });
    expect(kafkaSettings(load(tls('servername: k'))).ssl).toEqual({ servername: 'k', rejectUnauthorized: true });
    expect(kafkaSettings(load(tls('rejectUnauthorized: false'))).ssl).toEqual({ rejectUnauthorized: false });
    expect(kafkaSettings(load(tls('enabled: false, servername: k'))).ssl).toBeUndefined();
  });

  test('files are read and looked at, a key with its passphrase', () => {
    const key = encryptedKey('open');
    const keyFile = fileOf(key, 'key.pem');
    const yaml = tls(`ca: ${CERTIFICATE}, cert: ${CERTIFICATE}, key: ${keyFile}`);
    const cert = readFileSync(CERTIFICATE, 'utf8');
    expect(kafkaSettings(load(yaml, { CHORUS_KAFKA_KEY_PASSPHRASE: 'open' })).ssl).toEqual({
      ca: cert,
      cert,
      key,
      passphrase: 'open',
      rejectUnauthorized: true,
    });
    const wrong = problemsOf(() => load(yaml, { CHORUS_KAFKA_KEY_PASSPHRASE: 'shut' }));
    expect(namesOf(wrong)).toEqual(['kafka.tls.key']);
    expect(new ConfigError(wrong).message).not.toContain('shut');
    const swapped = tls(`ca: ${keyFile}, cert: ${keyFile}, key: ${CERTIFICATE}`);
    expect(namesOf(problemsOf(() => load(swapped)))).toEqual(['kafka.tls.ca', 'kafka.tls.cert', 'kafka.tls.key']);
  });
});

test('each default is within its bound', () => {
  const given = Array.from(ENTRIES).filter(([, { fallback }]) => fallback !== undefined);
  const taken = given.map(([name, entry]) => [name, accept(written(entry), entry.bound)?.value]);
  expect(taken).toEqual(given.map(([name, { fallback }]) => [name, fallback]));
});

test('no value of any kind breaks a bound', () => {
  fc.assert(
    fc.property(fc.constantFrom(...ENTRIES.values()), fc.anything(), ({ bound }, value) => {
      expect(() => accept(value, bound)).not.toThrow();
    }),
  );
});

/** As people write it. */
function written({ bound, fallback }: Pick<Entry, 'bound' | 'fallback'>): unknown {
  return bound.kind === 'duration' || bound.kind === 'durationOrOff' ? formatDuration(fallback as number) : fallback;
}

describe('docs/configuration.md', () => {
  const text = readFileSync(join(ROOT, 'docs/configuration.md'), 'utf8');

  test('has each setting with its bound and its default, and no other', () => {
    const rows = text.split('\n').flatMap((line) => {
      const [, name, , bound, fallback] = line.split('|').map((cell) => cell.trim());
      return fallback !== undefined && /^`[\w.]+`$/.test(name!)
        ? [[name!.slice(1, -1), [bound, fallback]] as const]
        : [];
    });
    const expected = Array.from(ENTRIES, ([name, entry]) => {
      const fallback = entry.fallback === undefined ? '—' : `\`${String(written(entry))}\``;
      return [name, [boundOf(entry.bound), fallback]] as const;
    });
    expect(new Map(rows)).toEqual(new Map(expected));
    expect(rows).toHaveLength(expected.length);
  });

  test('has an example that can be loaded', () => {
    const example = /```yaml\n(.*?)```/s.exec(text)![1]!;
    const yaml = example
      .replace('/etc/chorus/ca.pem', CERTIFICATE)
      .replace('/run/secrets/chorus', fileOf('x', 'chorus'));
    expect(load(yaml).shell.kafka.partitions).toBe(4);
  });

  test('names the variables of the environment that the sources read, and no other', () => {
    const named = (source: string): string[] => [...new Set(source.match(/CHORUS_[A-Z_]+/g))].toSorted();
    const sources = ['secrets', 'replay'].map((name) => readFileSync(join(ROOT, `src/cli/${name}.ts`), 'utf8'));
    expect(named(text)).toEqual(named(sources.join('')));
  });
});
