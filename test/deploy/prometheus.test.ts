/**
 * What a real Prometheus has of a real deployment under load: each query of each panel and variable gives data, each rule can be
 * reckoned, and nothing critical fires.
 */
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ChildProcess } from 'node:child_process';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { KafkaClient } from '../../src/kafka/client.ts';
import { FrameProducer } from '../../src/kafka/producer.ts';
import { configured, makeFeed } from '../cli/deployed.ts';
import { unique, until } from '../kafka/support.ts';
import { freePort } from '../support/broker/service.ts';
import { chorus, ROOT, start } from '../support/command.ts';
import { committedDashboards, queriesOf, type DashboardQuery } from '../support/dashboards.ts';
import { simulatedDay, withFaults } from '../support/day.ts';
import { temporaryFolder } from '../support/feeds.ts';
import { JetstreamServer, jetstreamPost } from '../support/live-servers.ts';
import { parsed } from '../support/promql.ts';
import { hasNumber, Prometheus } from '../support/prometheus.ts';
import { alertRules } from '../support/rules.ts';
import { debianTool, TOOL_TIMEOUT_MS } from '../support/tools.ts';

/** Records of the feed; at this speed they last for longer than the tests, whose end ends the feeding. */
const POSTS = 100_000;
const PER_SECOND = 1000;
const SLICE_MS = 100;
/** A range of rates, and a bit. */
const LOAD_SECONDS = 20;

const folder = temporaryFolder();
const dashboards = committedDashboards();
let child: ChildProcess;
let said: Promise<string>;
let metricsUrl: string;
let prometheus: Prometheus;
let startSeconds: number;
let feeding: Promise<void>;
let live: JetstreamServer;
let writing: NodeJS.Timeout;
const feeder = new AbortController();

beforeAll(async () => {
  const state = join(folder, 'state');
  const port = await freePort();
  const { file, feed } = configured(folder, `  partitions: 2\n  deadLettersTopic: ${unique('dead')}\n`);
  const sinks = `sinks: [{ name: archive, type: file, path: ${join(folder, 'alerts.ndjson')} }]\n`;
  live = await new JetstreamServer().listen();
  let posts = 0;
  writing = setInterval(() => {
    posts++;
    live.emit(jetstreamPost(Date.now(), `did${posts}`, `it rains here again, and this is post ${posts}`, `r${posts}`));
  }, SLICE_MS);
  const source = `feed: { source: "${live.url}" }\n`;
  appendFileSync(file, `state: { folder: ${state} }\nhttp: { port: ${port} }\n${sinks}${source}`);
  const client = new KafkaClient({ brokers: inject('kafka'), clientId: 'test' });
  const admin = client.admin();
  await admin.connect();
  await makeFeed(admin, feed);
  await admin.disconnect();
  const created = await chorus(['topics', 'create', '--config', file]);
  if (created.code !== 0) throw new Error(created.stderr);

  child = start(['run', '--config', file, '--workers', '2'], {
    NODE_OPTIONS: `--import ${join(ROOT, 'test/support/tsx-threads.mjs')}`,
  });
  said = text(child.stderr!);
  metricsUrl = `http://127.0.0.1:${port}/metrics`;
  prometheus = await Prometheus.start(`127.0.0.1:${port}`);
  await until('it is ready', async () => hasNumber(await prometheus.query('chorus_ready == 1')), 60_000);
  startSeconds = Date.now() / 1000;
  feeding = feedUntil(client, feed, feeder.signal);
  await sleep(LOAD_SECONDS * 1000);
  const opened = 'sum(chorus_alerts_total{status="open"}) > 0';
  await until('alerts are open', async () => hasNumber(await prometheus.query(opened)), 60_000);
  // Both ends of a rate.
  await sleep(5000);
}, TOOL_TIMEOUT_MS);

afterAll(async () => {
  feeder.abort();
  clearInterval(writing);
  await feeding;
  await prometheus?.stop();
  if (child !== undefined && child.exitCode === null) {
    const ended = once(child, 'close');
    child.kill('SIGKILL');
    await ended;
  }
  await live?.close();
});

/** Until there is no more, or nobody wants more. */
async function feedUntil(client: KafkaClient, topic: string, signal: AbortSignal): Promise<void> {
  const records = withFaults(simulatedDay({ posts: POSTS, campaigns: 40, copying: 20 }), 7);
  const producer = new FrameProducer(client);
  await producer.connect();
  const slice = (PER_SECOND * SLICE_MS) / 1000;
  for (let at = 0; at < records.length && !signal.aborted; at += slice) {
    const sent = records.slice(at, at + slice);
    await producer.send(
      topic,
      sent.map(({ value }, i) => ({ partition: i % 2, key: null, value })),
    );
    await sleep(SLICE_MS);
  }
  await producer.disconnect();
}

/** With what Grafana would put in the place of variables. */
function substituted(expr: string): string {
  return expr
    .replaceAll('$__rate_interval', '10s')
    .replaceAll('$__range', '1m')
    .replaceAll('$job', 'chorus')
    .replaceAll('$instance', '.*');
}

/** Those of the queries that have no data. */
async function withoutData(queries: readonly DashboardQuery[]): Promise<string[]> {
  const empty: string[] = [];
  for (const { where, expr } of queries) {
    const data = await prometheus.range(substituted(expr), startSeconds).catch((error: unknown) => String(error));
    if (typeof data === 'string') empty.push(`${where}: ${data}`);
    else if (!hasNumber(data)) empty.push(`${where}: no data: ${expr}`);
  }
  return empty;
}

describe('dashboards', () => {
  test('each query of each panel gives data', async () => {
    expect(await withoutData(dashboards.flatMap(queriesOf))).toEqual([]);
  });

  test('one that names no metric, or a label that never is so, does not', async () => {
    const [query] = queriesOf(dashboards[0]!) as [DashboardQuery];
    const changed = ['chorus_lag_sconds{job="$job"}', 'chorus_lag_seconds{job="$job", stage="macth"}', 'sum('];
    const empty = await withoutData(changed.map((expr) => ({ ...query, expr })));
    expect(empty).toHaveLength(3);
    expect(empty[2]).toContain('Prometheus: ');
  });

  test('each query of a variable gives what there is to choose from', async () => {
    const address = new URL(metricsUrl).host;
    for (const { templating } of dashboards) {
      const queries = templating.list.filter(({ type }) => type === 'query');
      const found = await Promise.all(
        queries.map(async ({ name, query }) => {
          const [, selector, label] = /^label_values\((.+), (\w+)\)$/.exec(query) as unknown as [
            string,
            string,
            string,
          ];
          return [name, await prometheus.labelValues(label, substituted(selector))] as const;
        }),
      );
      expect(found).toEqual([
        ['job', ['chorus']],
        ['instance', [address]],
      ]);
    }
  });
});

describe('rules', () => {
  test('each series that they ask for is there', async () => {
    const selectors = alertRules().flatMap(({ expr }) => parsed(expr).selectors.map(({ text: selector }) => selector));
    const missing: string[] = [];
    for (const selector of new Set(selectors)) {
      if (!hasNumber(await prometheus.query(`last_over_time(${selector}[5m])`))) missing.push(selector);
    }
    expect(missing).toEqual([]);
  });

  test('all are reckoned without errors, and nothing critical fires', async () => {
    const rules = await prometheus.rules();
    expect(rules).toHaveLength(alertRules().length);
    expect(rules.filter(({ health }) => health !== 'ok')).toEqual([]);
    expect(rules.filter(({ state, labels }) => state !== 'inactive' && labels.severity === 'critical')).toEqual([]);
  });
});

test('promtool has nothing against the metrics', async () => {
  const promtool = await debianTool('promtool', 'prometheus');
  const page = await (await fetch(metricsUrl)).text();
  const checked = execFile(promtool, ['check', 'metrics']);
  checked.stdin!.end(page);
  const complaints = await text(checked.stderr!);
  expect(complaints).toBe('');
  expect(page).toContain('chorus_build_info{');
});

test('the process ends well after all that, and Prometheus sees that it is gone', async () => {
  feeder.abort();
  await feeding;
  child.kill('SIGTERM');
  const [code] = (await once(child, 'close')) as [number];
  expect(code, await said).toBe(0);
  await until('it is down', async () => hasNumber(await prometheus.query('up{job="chorus"} == 0')));
  await until('the rule is about to fire', async () => {
    const rules = await prometheus.rules();
    return rules.some(({ name, state }) => name === 'ChorusInstanceDown' && state === 'pending');
  });
});
