/** What a deployment counts, and that it commits what it has done: over a stop in the middle, a fault, and a stage that starts anew. */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeAll, expect, inject, test } from 'vitest';
import { ChorusError } from '../../src/errors.ts';
import { METRICS, type MetricName, type Sample } from '../../src/metrics.ts';
import { until } from '../kafka/support.ts';
import { NO_DIFFERENCE, replayed, Site, type LocalInstance } from '../support/deployment.ts';
import { ending, posts, simulatedDay } from '../support/day.ts';

const SOURCES = 2;

const open: Site[] = [];
afterEach(() => Promise.all(open.splice(0).map((site) => site.close())));

let lines: string[];
let expected: ReadonlyMap<string, string>;
beforeAll(async () => {
  lines = simulatedDay({ posts: 40_000, hours: 12, campaigns: 8, copying: 4 });
  expected = await replayed(lines);
});

async function siteOf(): Promise<Site> {
  const site = await Site.open(inject('kafka'), { sources: SOURCES, partitions: 2 });
  open.push(site);
  await site.send(posts(lines));
  await site.send(ending(SOURCES));
  return site;
}

/** Over all labels but those given. */
function valueOf(samples: readonly Sample[], name: MetricName, labels: Readonly<Record<string, string>> = {}): number {
  return samples
    .filter((sample) => sample.name === name)
    .filter((sample) => Object.entries(labels).every(([label, value]) => sample.labels[label] === value))
    .reduce((sum, { value }) => sum + value, 0);
}

const of = ({ deployment }: LocalInstance, name: MetricName, labels = {}): number =>
  valueOf(deployment.samples(), name, labels);

test(
  'a stop in the middle commits all that was done: nothing is done twice, nor counted twice',
  { timeout: 180_000 },
  async () => {
    const site = await siteOf();
    const instances: LocalInstance[] = [];
    for (const share of [0.1, 0.5]) {
      // Commits by time are rare here: what is committed is committed by the stop.
      const instance = await site.start({ commitIntervalMs: 60_000 });
      instances.push(instance);
      await instance.assigned('fingerprint', SOURCES);
      // A stop is to meet batches that are under way, and to leave some.
      for (const stage of ['fingerprint', 'match'] as const) {
        for (const task of instance.deployment.runner(stage)!.tasks()) {
          const process = task.process.bind(task);
          task.process = async (records, next) => {
            await sleep(200);
            return await process(records, next);
          };
        }
      }
      const done = (): number => instances.reduce((sum, each) => sum + of(each, 'posts_accepted_total'), 0);
      await until('it has done its share', () => done() > share * lines.length, 60_000);
      await instance.deployment.stop();
      // What was counted can still be asked for.
      expect(done()).toBeGreaterThan(share * lines.length);
      expect(done()).toBeLessThan(lines.length);
    }
    const last = await site.start();
    instances.push(last);
    await site.drained();
    const total = (name: MetricName, labels = {}): number =>
      instances.reduce((sum, instance) => sum + of(instance, name, labels), 0);
    expect((await site.framed()).repeated).toBe(0);
    const { counts } = await site.recounted();
    expect(total('records_consumed_total', { stage: 'fingerprint' })).toBe(counts.records);
    expect(total('posts_accepted_total')).toBe(counts.accepted);
    expect(total('ticks_total')).toBe(counts.ticks);
    expect(total('alerts_total')).toBe(expected.size);
    expect(total('entries_repeated_total')).toBe(0);
    // All are closed in the end.
    expect(of(last, 'campaigns_open')).toBe(0);
    expect(total('alerts_total', { status: 'open' })).toBe(
      total('alerts_total', { status: 'closed' }) + total('alerts_total', { status: 'merged' }),
    );
    expect(total('alert_latency_seconds')).toBeGreaterThan(0);
    expect((await site.published()).differences(expected)).toEqual(NO_DIFFERENCE);
  },
);

test(
  'a stage that starts anew after a fault keeps its counts, and says that it is not ready',
  { timeout: 180_000 },
  async () => {
    const site = await siteOf();
    const instance = await site.start();
    const { deployment } = instance;
    const isDone = (name: MetricName, least: number): boolean => of(instance, name, { stage: 'match' }) > least;
    await until('the match stage has begun', () => isDone('batches_total', 3), 60_000);
    const counters = (): Map<string, number> =>
      new Map(
        deployment
          .samples()
          .filter(({ name }) => METRICS[name].kind !== 'gauge')
          .map(({ name, labels, value }) => [`${name} ${JSON.stringify(labels)}`, value]),
      );
    const before = counters();
    const [task] = deployment.runner('match')!.tasks();
    task!.process = () => Promise.reject(new ChorusError('send_failed', 'a fault that passes', { retryable: true }));
    await until('it starts anew', () => of(instance, 'stage_restarts_total', { stage: 'match' }) === 1, 60_000);
    expect(deployment.status()).toMatchObject({ isReady: false, isRestoring: true });
    let fell: string[] = [];
    for (let i = 0; i < 100 && !deployment.status().isReady; i++) {
      const now = counters();
      fell = Array.from(before.keys()).filter((key) => (now.get(key) ?? 0) < before.get(key)!);
      expect(fell).toEqual([]);
      await sleep(100);
    }
    await site.drained();
    expect(deployment.status().isReady).toBe(true);
    expect(of(instance, 'chain_gaps_total')).toBe(0);
    expect(of(instance, 'stage_restarts_total')).toBe(1);
    expect((await site.published()).differences(expected)).toEqual(NO_DIFFERENCE);
  },
);

test(
  'lag and watermark: behind while something waits, told by the broker’s time of what is done',
  { timeout: 120_000 },
  async () => {
    const site = await Site.open(inject('kafka'), {
      sources: 1,
      partitions: 1,
      feedConfigs: { 'message.timestamp.type': 'LogAppendTime' },
    });
    open.push(site);
    const sent = Date.now();
    await site.send(posts(lines.slice(0, 5000)));
    await sleep(1500);
    const instance = await site.start({ stages: ['fingerprint'] });
    await instance.assigned('fingerprint', 1);
    const seconds = (): number => of(instance, 'lag_seconds');
    await until('it is behind', () => of(instance, 'records_consumed_total') > 0 || seconds() > 0);
    await until(
      'all is done',
      () => of(instance, 'records_consumed_total') === 5000 && of(instance, 'lag_records') === 0,
    );
    expect(seconds()).toBe(0);
    const [task] = instance.deployment.runner('fingerprint')!.tasks();
    // Held up from here on.
    const process = task!.process.bind(task);
    const gate = { isHeld: true };
    task!.process = async (records, next) => {
      while (gate.isHeld) await sleep(10);
      return await process(records, next);
    };
    await site.send(posts(lines.slice(5000, 5100)));
    await until('a hundred wait', () => of(instance, 'lag_records') === 100);
    // Since the last record that is done was taken by the broker, before the first instance began.
    await until('the lag grows', () => seconds() > 2);
    expect(seconds()).toBeLessThanOrEqual((Date.now() - sent) / 1000);
    const [report] = instance.deployment.status().stages.fingerprint!;
    expect(report).toMatchObject({
      state: 'running',
      position: 5000,
      high: 5100,
      lagRecords: 100,
      restore: { isOver: true },
    });
    expect(Date.parse(report!.watermark!) / 1000).toBe(of(instance, 'watermark_seconds'));
    // Posts of a day long ago.
    expect(of(instance, 'watermark_lag_seconds')).toBeGreaterThan(86_400);
    gate.isHeld = false;
    await until('none waits', () => of(instance, 'lag_records') === 0);
    expect(seconds()).toBe(0);
  },
);
