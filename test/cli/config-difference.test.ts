import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { checkConfig } from '../../src/cli/config-check.ts';
import { loadDeployment, type DeploymentConfig } from '../../src/cli/config-deployment.ts';
import {
  CONTENTS,
  differencesOf,
  publicConfig,
  TOPOLOGY_SETTINGS,
  topologyOf,
} from '../../src/cli/config-difference.ts';
import { ENTRIES, type Entry } from '../../src/cli/config.ts';
import { onHangup } from '../../src/cli/run-hangup.ts';
import { RunView } from '../../src/cli/run-health.ts';
import type { Fields } from '../../src/cli/log.ts';
import { packTable } from '../../src/cli/table.ts';
import type { DeploymentStatus } from '../../src/runtime/deployment.ts';
import { HealthPort } from '../../src/runtime/health.ts';
import { temporaryFolder } from '../support/feeds.ts';
import { tableBytes } from '../support/table.ts';

const folder = temporaryFolder();
const NEEDED = 'kafka: { brokers: "a:9092", topic: posts }';

function fileOf(text: string, name = 'chorus.yaml'): string {
  const file = join(folder, name);
  writeFileSync(file, text);
  return file;
}

function load(yaml: string, env: Record<string, string> = {}): DeploymentConfig {
  return loadDeployment({ file: fileOf(yaml), secret: env['CHORUS_SECRET'] }, env);
}

const RULES = 'disclosures: ["a lottery of the city"]';

/** Told by their content. */
const FILES: ReadonlySet<string> = new Set(CONTENTS);

/** The configuration with another value of one setting, whatever it may be. */
function changed(config: DeploymentConfig, { owner, path, bound }: Entry): DeploymentConfig {
  const copy = structuredClone(config) as unknown as Record<'settings' | 'shell', Record<string, unknown>>;
  let at = copy[owner === 'engine' ? 'settings' : 'shell'];
  for (const key of path.slice(0, -1)) at = at[key] as Record<string, unknown>;
  const key = path.at(-1)!;
  const value = at[key];
  at[key] =
    typeof value === 'number'
      ? value + 1
      : typeof value === 'boolean'
        ? !value
        : bound.kind === 'brokers'
          ? ['other:1']
          : `${String(value)}x`;
  const other = copy as unknown as DeploymentConfig;
  return { ...other, topics: { ...other.topics, feed: other.shell.kafka.topic! } };
}

describe('what differs', () => {
  const config = load(NEEDED);
  const ids = (one: DeploymentConfig): string => topologyOf(one).frames(3);

  test('every setting is told by its name, and as another topology where the id says so', { timeout: 60_000 }, () => {
    for (const [name, entry] of ENTRIES) {
      if (name === 'secret' || FILES.has(name)) continue;
      const other = changed(config, entry);
      const [difference, ...rest] = differencesOf(publicConfig(config), publicConfig(other));
      expect([name, difference?.name, rest]).toEqual([name, name, []]);
      expect([name, difference!.isTopology]).toEqual([name, ids(other) !== ids(config)]);
    }
    for (const name of [...TOPOLOGY_SETTINGS, ...CONTENTS]) expect(ENTRIES.has(name)).toBe(true);
  });

  test('of the same configuration nothing, through JSON as well', () => {
    expect(differencesOf(publicConfig(config), publicConfig(load(NEEDED)))).toEqual([]);
    const told = JSON.parse(JSON.stringify(publicConfig(config))) as ReturnType<typeof publicConfig>;
    expect(differencesOf(told, publicConfig(config))).toEqual([]);
  });

  test('durations are told as people write them, in full', () => {
    const of = (yaml: string): string => {
      const [difference] = differencesOf(publicConfig(config), publicConfig(load(`${NEEDED}\n${yaml}`)));
      return `${difference!.before} -> ${difference!.after}`;
    };
    expect(of('window: 1d')).toBe('1h -> 1d');
    fc.assert(
      fc.property(fc.integer({ min: 1000, max: 1_800_000_000 }), (ms) => {
        fc.pre(ms !== 3_600_000);
        expect(of(`window: ${ms}ms`)).not.toBe('1h -> 1h');
      }),
      { numRuns: 30 },
    );
  });

  test('a frequency table is told by its content, not by its path', () => {
    const path = join(folder, 'a.chdf.gz');
    writeFileSync(path, packTable(tableBytes({ natsPerLevel: 1 })));
    const copy = join(folder, 'b.chdf.gz');
    writeFileSync(copy, packTable(tableBytes({ natsPerLevel: 1 })));
    const [a, b] = [path, copy].map((table) => load(`${NEEDED}\ntable: ${table}`)) as [
      DeploymentConfig,
      DeploymentConfig,
    ];
    expect(differencesOf(publicConfig(a), publicConfig(b))).toEqual([
      { name: 'table', before: path, after: copy, isTopology: false },
    ]);
    const [difference] = differencesOf(publicConfig(config), publicConfig(a));
    expect(difference).toMatchObject({ name: 'table', isTopology: true });
    expect(difference!.before).toMatch(/^the packaged one \([0-9a-f]{16}\)$/);
    expect(ids(a)).toBe(ids(b));
    expect(ids(a)).not.toBe(ids(config));
  });

  test('so are the rules of evidence, and their absence', () => {
    const rules = (text: string): DeploymentConfig => {
      const file = fileOf(text, 'rules.yaml');
      return load(`${NEEDED}\nevidence: { rules: ${file} }`);
    };
    const [first, told] = [rules(RULES), publicConfig(rules(RULES))];
    const firstId = ids(first);
    expect(differencesOf(publicConfig(config), told)).toMatchObject([
      {
        name: 'evidence.rules',
        before: undefined,
        after: expect.stringContaining('rules.yaml (') as unknown,
        isTopology: true,
      },
    ]);
    // The same path, with another rule in it.
    const second = rules(RULES.replace('lottery', 'raffle'));
    expect(differencesOf(told, publicConfig(second))).toMatchObject([{ name: 'evidence.rules', isTopology: true }]);
    expect(ids(second)).not.toBe(firstId);
  });
});

const SECRETS: Readonly<Record<string, string>> = {
  CHORUS_SECRET: 'marker-a',
  CHORUS_KAFKA_PASSWORD: 'marker-b',
  CHORUS_KAFKA_CLIENT_SECRET: 'marker-c',
  CHORUS_REGISTRY_PASSWORD: 'marker-d',
  CHORUS_REGISTRY_TOKEN: 'marker-e',
  CHORUS_KAFKA_TOKEN: 'marker-f',
};
/** Together they take every secret there is. */
const WITH_SECRETS = [
  `kafka: { brokers: "a:1", topic: t, sasl: { mechanism: plain, username: me } }
registry: { url: "http://r", username: me }
alerts: { format: json }`,
  `kafka: { brokers: "a:1", topic: t, sasl: { mechanism: oauthbearer, tokenUrl: "http://localhost/token", clientId: me } }
registry: { url: "http://r" }`,
  'kafka: { brokers: "a:1", topic: t, sasl: { mechanism: oauthbearer } }',
];

describe('what the port tells', () => {
  const status: DeploymentStatus = {
    topology: 'f'.repeat(16),
    stagesTopology: 'e'.repeat(16),
    sources: 3,
    isReady: true,
    isRestoring: false,
    stages: {},
  };

  test('no secret is in any answer, whichever way it was given', async () => {
    const passwordFile = fileOf('marker-g\n', 'password');
    const configs = [
      ...WITH_SECRETS.map((yaml) => load(yaml, SECRETS)),
      load(
        `kafka: { brokers: "a:1", topic: t, sasl: { mechanism: plain, username: me, passwordFile: ${passwordFile} } }`,
        {},
      ),
    ];
    for (const config of configs) {
      expect(JSON.stringify(config)).toContain('marker-');
      const member = {
        start: () => Promise.resolve(),
        stop: () => Promise.resolve(),
        report: () => Promise.resolve({ samples: [], status }),
      };
      const view = new RunView(config);
      view.watch([member]);
      const port = new HealthPort(view, { host: '127.0.0.1', port: 0 });
      const base = `http://127.0.0.1:${await port.start()}`;
      try {
        for (const path of ['/status', '/metrics', '/readyz', '/livez', '/']) {
          const answer = await (await fetch(base + path)).text();
          expect(answer).not.toContain('marker-');
        }
        const told = (await (await fetch(`${base}/status`)).json()) as Record<string, unknown>;
        expect(told).toMatchObject({
          isReady: true,
          topology: status.topology,
          sources: 3,
          settings: { windowMs: 3_600_000 },
        });
        expect(told['settings']).not.toHaveProperty('secret');
      } finally {
        await port.stop();
      }
    }
  });

  test('a thread that is busy is not ready, and takes nothing from the sums', async () => {
    let isBusy = false;
    const samples = [{ name: 'batches_total' as const, labels: { stage: 'match' }, value: 4 }];
    const member = (isRestoring: () => boolean, isReady = true) => ({
      start: () => Promise.resolve(),
      stop: () => Promise.resolve(),
      report: () =>
        Promise.resolve(isBusy ? undefined : { samples, status: { ...status, isReady, isRestoring: isRestoring() } }),
    });
    let isRestoring = false;
    // The second one has no partition: there are more threads than partitions.
    const view = new RunView(load(NEEDED));
    const value = async (name: string): Promise<number | undefined> =>
      (await view.samples()).find((sample) => sample.name === name)?.value;
    const told = async (): Promise<unknown[]> => [
      await view.notReady(),
      await value('ready'),
      await value('batches_total'),
    ];
    expect(await told()).toEqual(['waiting for the brokers', 0, undefined]);
    expect(await view.status()).toMatchObject({ isReady: false, notReady: 'waiting for the brokers', workers: [] });
    view.watch([member(() => isRestoring), member(() => false, false)]);
    expect(await told()).toEqual([undefined, 1, 8]);
    expect(await view.status()).toMatchObject({ isReady: true, notReady: undefined, topology: 'f'.repeat(16) });
    isBusy = true;
    expect(await told()).toEqual(['a thread is busy', 0, 8]);
    isBusy = false;
    isRestoring = true;
    expect(await told()).toEqual(['restoring', 0, 8]);
    const without = new RunView(load(NEEDED));
    without.watch([member(() => false, false)]);
    expect(await without.notReady()).toBe('without a partition');
  });
});

describe('chorus config check', () => {
  const check = (yaml: string, against?: string, env: Record<string, string> = {}): ReturnType<typeof checkConfig> =>
    checkConfig({ config: fileOf(yaml), ...(against === undefined ? {} : { against }) }, env);

  function statusFile(yaml: string, sources = 2, env: Record<string, string> = {}): string {
    const config = load(yaml, env);
    const { stages, frames } = topologyOf(config);
    const told = { version: '9', topology: frames(sources), stagesTopology: stages, sources, ...publicConfig(config) };
    return fileOf(JSON.stringify(told), 'status.json');
  }

  test('prints the topology; all problems at once', async () => {
    const { code, text } = await check(NEEDED);
    expect(code).toBe(0);
    expect(text).toContain(`topology of its alerts: ${topologyOf(load(NEEDED)).stages}\n`);
    await expect(check('window: never\nminAccounts: 1\nkafka: { brokers: "a:1" }')).rejects.toMatchObject({
      code: 'config',
      problems: [{ name: 'window' }, { name: 'minAccounts' }, { name: 'kafka.topic' }],
    });
    const missing = join(folder, 'missing');
    await expect(
      check(`window: never\ntable: ${missing}\nevidence: { rules: ${missing} }\n${NEEDED}`),
    ).rejects.toMatchObject({ problems: [{ name: 'window' }, { name: 'table' }, { name: 'evidence.rules' }] });
  });

  test('tells the same topology from another, by a file of /status', async () => {
    const same = await check(`${NEEDED}\nrun: { stopTimeout: 1m }`, statusFile(NEEDED));
    expect(same.code).toBe(0);
    expect(same.text).toMatch(/\n {2}run.stopTimeout {2}25s -> 1m\n/);
    expect(same.text).toContain('The same topology');
    const other = await check(`${NEEDED}\nwindow: 2h`, statusFile(NEEDED));
    expect(other.code).toBe(1);
    expect(other.text).toMatch(/window +1h -> 2h +\(topology\)/);
    expect(other.text).toContain('Another topology');
  });

  test('another secret is seen, and not shown', async () => {
    const against = statusFile(NEEDED, 2, { CHORUS_SECRET: 'marker-a' });
    const { code, text } = await check(NEEDED, against, { CHORUS_SECRET: 'marker-b' });
    expect([code, text]).toEqual([1, expect.stringContaining('the secret is another') as string]);
    expect(text).not.toContain('marker');
    expect((await check(NEEDED, against, { CHORUS_SECRET: 'marker-a' })).code).toBe(0);
  });

  test('what is no status is told', async () => {
    for (const against of [
      join(folder, 'none.json'),
      fileOf('{', 'broken.json'),
      fileOf('{"topology":"x"}', 'other.json'),
      fileOf('null', 'null.json'),
      'http://127.0.0.1:1',
    ]) {
      await expect(check(NEEDED, against)).rejects.toMatchObject({ problems: [{ name: '--against', value: against }] });
    }
  });
});

test('at SIGHUP whatever is wrong with the file is told, and nothing of it is a secret', () => {
  const lines: [string, string, Fields | undefined][] = [];
  const running = load(NEEDED, { CHORUS_SECRET: 'marker-a' });
  let next = (): DeploymentConfig => running;
  const hangup = onHangup(
    running,
    () => next(),
    (level, message, fields) => lines.push([level, message, fields]),
  );
  const told = (load_: () => DeploymentConfig): [string, string, Fields | undefined] => {
    next = load_;
    process.emit('SIGHUP');
    return lines.at(-1)!;
  };
  try {
    expect(told(() => load(NEEDED, { CHORUS_SECRET: 'marker-a' }))[0]).toBe('info');
    expect(told(() => load(NEEDED, { CHORUS_SECRET: 'marker-b' }))).toMatchObject([
      'warn',
      expect.stringContaining('another topology') as unknown,
      { differences: ['secret: (hidden) -> (hidden)'] },
    ]);
    expect(told(() => load(`password: marker-c\n${NEEDED}`))[0]).toBe('warn');
    expect(
      told(() => {
        throw new TypeError('x is not a function');
      }),
    ).toMatchObject(['warn', expect.anything(), { error: 'x is not a function' }]);
    expect(JSON.stringify(lines)).not.toContain('marker');
  } finally {
    hangup.dispose();
  }
  expect(process.listeners('SIGHUP')).toEqual([]);
});
