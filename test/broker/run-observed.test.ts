/** What people on call see of `chorus run`: its port, its log, its signals, beside a real broker. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Admin } from 'kafkajs';
import { Registry } from 'prom-client';
import { afterAll, afterEach, beforeAll, describe, expect, inject, onTestFinished, test } from 'vitest';
import { LinksFrameBuilder } from '../../src/frames/links.ts';
import { KafkaClient } from '../../src/kafka/client.ts';
import { FrameProducer, type OutgoingRecord } from '../../src/kafka/producer.ts';
import { METRICS, type MetricName, type MetricSpec } from '../../src/metrics.ts';
import { LOST_REASONS } from '../../src/consumers/feeds/fault.ts';
import { REJECTION_REASONS } from '../../src/model.ts';
import { collectProcessMetrics } from '../../src/runtime/health.ts';
import { configured, makeFeed, type Deployed } from '../cli/deployed.ts';
import { unique, until } from '../kafka/support.ts';
import { chorus } from '../support/command.ts';
import { parseExposition, type Exposition } from '../support/exposition.ts';
import { temporaryFolder } from '../support/feeds.ts';
import { JetstreamServer, jetstreamPost } from '../support/live-servers.ts';
import { killRunning, listening, run, says, type Running } from '../support/running.ts';

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

/** Words that only posts have. Neither log nor port may show one. */
const MARKERS = ['Zlatibor', 'Quetzalcoatl', 'Mjolnir', 'Ouagadougou'];
const [TEXT, ACCOUNT, VALUE, FIELD] = MARKERS as [string, string, string, string];

async function send(topic: string, records: readonly OutgoingRecord[]): Promise<void> {
  const producer = new FrameProducer(client);
  await producer.connect();
  await producer.send(topic, records);
  await producer.disconnect();
}

function postLine(i: number, changes: Readonly<Record<string, unknown>> = {}): string {
  return JSON.stringify({
    id: `p${i}`,
    platform: 'test',
    account: `${ACCOUNT}-${i}`,
    text: `They sold the ${TEXT} bridge to a company that nobody has ever heard of, sign before Friday`,
    createdAt: new Date().toISOString(),
    ...changes,
  });
}

/** No posts, each with its markers where a decoder has to look. */
const BAD: readonly (string | Buffer)[] = [
  `${VALUE} is no JSON`,
  `{"${FIELD}": `,
  `["${VALUE}"]`,
  `"${VALUE}"`,
  postLine(0, { createdAt: VALUE }),
  postLine(0, { createdAt: { [FIELD]: VALUE } }),
  postLine(0, { text: [VALUE] }),
  postLine(0, { account: '' }),
  postLine(0, { platform: { [FIELD]: 1 } }),
  postLine(0, { id: VALUE.repeat(500) }),
  postLine(0, { text: VALUE.repeat(20_000) }),
  postLine(0, { urls: [VALUE, 7] }),
  postLine(0, { lang: { [FIELD]: VALUE } }),
  postLine(0, { account: `${VALUE}\u0000` }),
  Buffer.concat([Buffer.from(`{"${VALUE}":"`), Buffer.from([0xff, 0xfe]), Buffer.from('"}')]),
  Buffer.concat([Buffer.from([0, 0, 0, 0, 9]), Buffer.from(VALUE)]),
  `${'['.repeat(500)}"${VALUE}"${']'.repeat(500)}`,
];

async function metricsOf(base: string): Promise<Exposition> {
  return parseExposition(await (await fetch(`${base}/metrics`)).text());
}

/** Fails with what it has said where it has ended. */
async function observed<T>(one: Running, look: () => Promise<T>): Promise<T> {
  try {
    return await look();
  } catch (error) {
    throw new Error(`${(error as Error).message}: ${whole(one).slice(-4000)}`, { cause: error });
  }
}

/** Of the topics of this deployment made anew, with its port on. */
async function deployed(more = ''): Promise<Deployed> {
  const one = configured(
    folder,
    `  partitions: 2\n  deadLettersTopic: ${unique('dead')}\nstate: { folder: ${join(folder, unique('state'))} }\n` +
      `http: { port: 0 }\nsinks: [{ name: archive, type: file, path: ${join(folder, unique('alerts'))} }]\n${more}`,
  );
  await makeFeed(admin, one.feed);
  const { code, stderr } = await chorus(['topics', 'create', '--config', one.file]);
  expect(code, stderr).toBe(0);
  return one;
}

const ready = async (base: string): Promise<boolean> => (await fetch(`${base}/readyz`)).status === 200;
const whole = ({ lines, text }: Running): string => JSON.stringify(lines) + text.join('\n');

describe('chorus run, looked at', () => {
  test('says all that the table of metrics has and nothing else, with two workers; and no word of a post', async () => {
    const live = await new JetstreamServer().listen();
    onTestFinished(() => live.close());
    const { file, feed } = await deployed(`feed: { source: "${live.url}" }\n`);
    const one = run(['--config', file, '--workers', '2'], { CHORUS_SECRET: 'sesame-marker' });
    const base = await listening(one);
    expect(await ready(base)).toBe(false);
    await until('it is ready', () => ready(base), 60_000);
    await until('both partitions of both stages are there', async () => {
      const metrics = await observed(one, () => metricsOf(base));
      const assigned = ['fingerprint', 'match', 'campaign'].map((stage) =>
        metrics.value('chorus_partitions_assigned', { stage }),
      );
      return JSON.stringify(assigned) === '[2,2,1]' && (await ready(base));
    });
    const liveMetric = async (name: MetricName): Promise<number | undefined> =>
      (await metricsOf(base)).value(`chorus_${name}`);
    await until('the live source is connected', async () => (await liveMetric('live_connected')) === 1);
    expect(await liveMetric('live_lag_seconds')).toBeUndefined();
    // Posts, and what is none.
    const liveCount = 5;
    for (let i = 0; i < liveCount; i++) {
      const text = `They sold the ${TEXT} bridge to a company that nobody has ever heard of, sign before Friday`;
      live.emit(jetstreamPost(Date.now() + i, `${ACCOUNT}-live-${i}`, text, `r${i}`));
    }
    live.emit({ timeMs: Date.now(), text: `${VALUE} is no JSON` });
    live.emit({
      timeMs: Date.now(),
      text: JSON.stringify({ kind: 'identity', did: `did:plc:${ACCOUNT}`, time_us: 1 }),
    });
    await until('they are stored', async () => (await liveMetric('live_stored_total')) === liveCount);
    live.reset();
    // What came in the last five seconds before is asked for again.
    await until('all is there twice', async () => (await liveMetric('live_stored_total')) === 2 * liveCount);
    const count = 12;
    const bad = Array.from({ length: 1000 }, (_, i) => BAD[i % BAD.length]!);
    const values = [...bad, ...Array.from({ length: count }, (_, i) => postLine(i)), null];
    await send(
      feed,
      values.map((value, i) => ({ partition: i % 2, key: null, value })),
    );
    await until('an alert is open and all is read', async () => {
      const metrics = await observed(one, () => metricsOf(base));
      const lag = metrics.value('chorus_lag_records');
      return metrics.value('chorus_alerts_total', { status: 'open' }) === 1 && lag === 0;
    });
    const metrics = await metricsOf(base);
    const log = whole(one);

    const registry = new Registry();
    collectProcessMetrics(registry, 'chorus_');
    const ofProcess = registry.getMetricsAsArray().map(({ name }) => name);
    const ofTable = Object.keys(METRICS).map((name) => `chorus_${name}`);
    expect(Array.from(metrics.types.keys()).toSorted()).toEqual([...ofTable, ...ofProcess].toSorted());
    const shown = new Set(metrics.samples.map(({ name }) => name.replace(/_(bucket|sum|count)$/, '')));
    const shownWhole = new Set(metrics.samples.map(({ name }) => name));
    expect(ofTable.filter((name) => !shown.has(name) && !shownWhole.has(name))).toEqual([]);
    for (const { name, labels } of metrics.samples) {
      const key = name.replace('chorus_', '');
      const spec: MetricSpec | undefined =
        METRICS[key as MetricName] ?? METRICS[key.replace(/_(bucket|sum|count)$/, '') as MetricName];
      if (spec === undefined) continue;
      const wanted = name.endsWith('_bucket') ? [...spec.labels, 'le'] : spec.labels;
      expect([name, Object.keys(labels).toSorted()]).toEqual([name, wanted.toSorted()]);
    }

    const value = (name: MetricName, labels?: Record<string, string>): number | undefined =>
      metrics.value(`chorus_${name}`, labels);
    expect(value('records_consumed_total', { stage: 'fingerprint' })).toBe(values.length + 2 * liveCount);
    expect(value('posts_accepted_total')).toBe(count + 2 * liveCount);
    expect(value('posts_rejected_total')).toBe(bad.length);
    expect(value('dead_letters_total')).toBe(bad.length);
    expect(value('posts_rejected_total', { reason: 'not_json' })).toBeGreaterThan(50);
    expect(metrics.samples.filter(({ name }) => name === 'chorus_posts_rejected_total')).toHaveLength(
      REJECTION_REASONS.length,
    );
    expect(value('tombstones_total')).toBe(1);
    expect(value('campaigns_open')).toBe(1);
    expect(value('cores_total', { family: 'text' })).toBe(1);
    expect(value('cores_total')).toBe(1);
    expect(value('chain_gaps_total')).toBe(0);
    expect(value('task_state', { state: 'running' })).toBe(5);
    expect(value('task_state')).toBe(5);
    // Ticks come and go.
    expect(value('lag_seconds')).toBeLessThan(5);
    expect(value('ready')).toBe(1);
    expect(value('window_posts')).toBeGreaterThanOrEqual(count);
    expect(value('fetch_buffer_limit_bytes', { stage: 'match' })).toBe(2 * 1_048_576);
    expect(value('store_memory_limit_bytes')).toBe(2 * 64 * 2 ** 20);
    expect(value('sources_silent')).toBe(0);
    // An alert opens when outOfOrderness (100 ms) has passed, by a later post or after idle (300 ms).
    expect(metrics.value('chorus_alert_latency_seconds_count')).toBe(1);
    const latency = metrics.value('chorus_alert_latency_seconds_sum')!;
    expect(latency).toBeGreaterThan(0.05);
    expect(latency).toBeLessThan(20);
    expect(metrics.value('chorus_batch_seconds_count')).toBe(metrics.value('chorus_batches_total'));

    const source = 'jetstream';
    expect(value('live_connected', { source })).toBe(1);
    expect(value('live_connections_total', { source })).toBe(2);
    expect(value('live_lost_total', { source, reason: 'reset' })).toBe(1);
    expect(value('live_lost_total')).toBe(1);
    expect(metrics.samples.filter(({ name }) => name === 'chorus_live_lost_total')).toHaveLength(LOST_REASONS.length);
    expect(value('live_records_total')).toBe(2 * (liveCount + 2));
    expect(value('live_bytes_total')).toBeGreaterThan(liveCount * 100);
    expect(value('live_stored_total', { source })).toBe(2 * liveCount);
    expect(value('live_posts_total')).toBe(2 * liveCount);
    expect(value('live_ignored_total')).toBe(2);
    expect(value('live_rejected_total', { source, reason: 'not_json' })).toBe(2);
    expect(value('live_dead_letters_total')).toBe(value('live_rejected_total'));
    expect(value('live_deletions_total')).toBe(0);
    expect(value('live_waiting_records')).toBe(0);
    expect(value('live_queue_limit_bytes')).toBe(2 ** 24);
    expect(value('live_lag_seconds', { source })).toBeGreaterThanOrEqual(0);
    expect(value('live_lag_seconds', { source })).toBeLessThan(60);

    const status = await (await fetch(`${base}/status`)).text();
    const parsed = JSON.parse(status) as {
      topology: string;
      workers: { stages: Record<string, { state: string; lagRecords: number; watermark: string }[]> }[];
    };
    expect(metrics.value('chorus_topology_info', { topology: parsed.topology })).toBe(1);
    const places = parsed.workers.flatMap(({ stages }) => Object.values(stages).flat());
    expect(places).toHaveLength(5);
    for (const place of places) {
      expect(place).toMatchObject({ state: 'running', restore: { isOver: true } });
      expect(place.lagRecords).toBeLessThan(10);
      expect(Math.abs(Date.parse(place.watermark) - Date.now())).toBeLessThan(60_000);
    }
    const exposition = await (await fetch(`${base}/metrics`)).text();
    for (const marker of [...MARKERS, 'sesame-marker']) {
      for (const [where, text] of Object.entries({ log, status, exposition }))
        expect([where, text]).not.toContain(marker);
      expect([log, status, exposition].some((text) => text.includes(marker))).toBe(false);
    }
    // A thousand rejections by some ten reasons: five lines of each and the number left out.
    const rejected = one.lines.filter(({ msg }) => msg === 'record rejected');
    const reasons = new Set(rejected.map(({ reason }) => reason));
    expect(reasons.size).toBeGreaterThan(7);
    // Each worker has a log of its own.
    expect(rejected.length).toBeLessThanOrEqual(2 * 5 * reasons.size);

    one.child.kill('SIGTERM');
    expect(await one.code, whole(one)).toBe(0);
    const left = one.lines.filter(({ msg, suppressed }) => msg === 'record rejected' && suppressed !== undefined);
    const leftOut = left.reduce((sum, { suppressed }) => sum + Number(suppressed), 0);
    expect(leftOut + rejected.length).toBe(bad.length);
    expect(whole(one)).not.toContain(VALUE);
    expect(one.lines.filter(({ error }) => String(error).includes('rebalanc'))).toEqual([]);
  });

  test('at SIGHUP says what the configuration would change, and goes on as it was', async () => {
    const { file } = await deployed();
    const one = run(['--config', file], { CHORUS_SECRET: 'sesame-marker' });
    const base = await listening(one);
    await until('it is ready', () => ready(base), 60_000);
    const before = await (await fetch(`${base}/status`)).json();
    const text = readFileSync(file, 'utf8');
    const answered = async (yaml: string): Promise<Readonly<Record<string, unknown>>> => {
      const from = one.lines.length;
      const mine = (): Readonly<Record<string, unknown>> | undefined =>
        one.lines.slice(from).find(({ msg }) => msg.startsWith('SIGHUP'));
      writeFileSync(file, yaml);
      one.child.kill('SIGHUP');
      await until('it answers', () => mine() !== undefined);
      return mine()!;
    };
    expect(await answered(text)).toMatchObject({
      level: 'info',
      msg: 'SIGHUP: the configuration is the one that runs',
    });
    expect(await answered(`${text}run: { stopTimeout: 10s }\n`)).toMatchObject({
      level: 'info',
      msg: expect.stringContaining('the topology has not') as string,
      differences: ['run.stopTimeout: 25s -> 10s'],
    });
    expect(await answered(`${text}window: 2h\n`)).toMatchObject({
      level: 'warn',
      msg: expect.stringContaining('another topology') as string,
      differences: ['window: 1h -> 2h'],
    });
    expect(await answered(`${text}window: never\npassword: sesame-marker\n`)).toMatchObject({
      level: 'warn',
      problems: [
        expect.stringContaining('password: "(hidden)"'),
        expect.stringContaining('window: "never"'),
      ] as unknown,
    });

    const against = async (yaml: string, env: Record<string, string>): ReturnType<typeof chorus> => {
      writeFileSync(file, yaml);
      return await chorus(['config', 'check', '--config', file, '--against', base], { env });
    };
    const same = await against(text, { CHORUS_SECRET: 'sesame-marker' });
    expect([same.code, same.stdout]).toEqual([0, expect.stringContaining('The same topology') as string]);
    const other = await against(`${text}minAccounts: 9\n`, { CHORUS_SECRET: 'sesame-marker' });
    expect([other.code, other.stdout]).toEqual([
      1,
      expect.stringMatching(/minAccounts +5 -> 9 +\(topology\)/) as string,
    ]);
    const secret = await against(text, { CHORUS_SECRET: 'another-marker' });
    expect([secret.code, secret.stdout]).toEqual([1, expect.stringContaining('the secret') as string]);
    const bad = await against(`${text}window: never\nminAccounts: 1\n`, {});
    expect([bad.code, bad.stderr.match(/^chorus: /gm)?.length]).toEqual([2, 2]);
    for (const { stdout, stderr } of [same, other, secret, bad]) expect(stdout + stderr).not.toContain('-marker');

    const after = (await (await fetch(`${base}/status`)).json()) as Record<string, unknown>;
    expect({ ...after, workers: [] }).toEqual({ ...(before as object), workers: [] });
    one.child.kill('SIGTERM');
    expect(await one.code).toBe(0);
    expect(whole(one)).not.toContain('-marker');
  });

  test.each(['1', '2'])('a gap is counted, and can be seen before the process ends (%s workers)', async (workers) => {
    const { file, prefix } = await deployed();
    const one = run(['--config', file, '--workers', workers]);
    const base = await listening(one);
    await until('the campaign stage is there', async () => {
      return ((await metricsOf(base)).value('chorus_partitions_assigned', { stage: 'campaign' }) ?? 0) > 0;
    });
    const { topology } = (await (await fetch(`${base}/status`)).json()) as { topology: string };
    const frame = (from: number): Buffer => {
      const route = { topology, source: 0, sources: 2, target: 0, targets: 1 };
      return Buffer.from(new LinksFrameBuilder().finish(route, { from, to: from + 1, watermark: 1 }));
    };
    await send(
      `${prefix}.links`,
      [0, 1_000_000].map((from) => ({ partition: 0, key: null, value: frame(from) })),
    );
    await until('it waits to be looked at', () => says(one, 'waiting until /metrics was read'), 60_000);
    expect(one.child.exitCode).toBe(null);
    expect((await metricsOf(base)).value('chorus_chain_gaps_total', { stage: 'campaign' })).toBeGreaterThan(0);
    expect(await one.code).toBe(5);
    expect(one.lines.find(({ level }) => level === 'error')).toMatchObject({
      error: expect.stringContaining('"F1"') as string,
    });
  });
});
