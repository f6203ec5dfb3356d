/** Sinks on a real broker: what a dead one does to detection (nothing), and where each goes on after a restart. */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, expect, inject, test } from 'vitest';
import type { Sample } from '../../src/metrics.ts';
import { ALERT_STATUSES, type Alert } from '../../src/model.ts';
import { resend } from '../../src/runtime/resend.ts';
import { openSink, Sinks, type SinkKind, type SinkSettings } from '../../src/runtime/sinks.ts';
import { createTopics } from '../../src/kafka/topics.ts';
import { until } from '../kafka/support.ts';
import { Site } from '../support/deployment.ts';
import { posts, simulatedDay } from '../support/day.ts';

const lines = simulatedDay({ posts: 3000, campaigns: 3, copying: 2 });
const sites: Site[] = [];
const servers: Server[] = [];
const running: Sinks[] = [];
afterAll(async () => {
  await Promise.all(running.map((sinks) => sinks.stop()));
  for (const server of servers) {
    server.closeAllConnections();
    server.close();
  }
  await Promise.all(sites.map((site) => site.close()));
});

async function siteOf(): Promise<Site> {
  const site = await Site.open(inject('kafka'), { sources: 1, partitions: 1 });
  sites.push(site);
  return site;
}

function sinkOf(name: string, kind: SinkKind, changes: Partial<SinkSettings> = {}): SinkSettings {
  return {
    name,
    filter: { minSeverity: 0, statuses: ALERT_STATUSES },
    start: 'beginning',
    attemptsMax: 1000,
    backoff: { firstMs: 10, maxMs: 100 },
    deadLetters: undefined,
    kind,
    ...changes,
  };
}

function webhook(port: number): SinkKind {
  const url = `http://127.0.0.1:${port}/`;
  return { type: 'webhook', url, timeoutMs: 1000, allowPrivate: true, ca: undefined, secret: undefined };
}

function startSinks(site: Site, sinks: readonly SinkSettings[]): Sinks {
  const { kafka, topics, groupPrefix } = site.settings;
  const all = new Sinks({
    kafka,
    topic: topics.alerts,
    groupPrefix,
    sinks,
    sessionTimeoutMs: 6000,
    heartbeatMs: 500,
    commitIntervalMs: 100,
    log: () => undefined,
  });
  running.push(all);
  all.start();
  return all;
}

function valueOf(samples: readonly Sample[], name: string, sink: string): number {
  const found = samples.filter((sample) => sample.name === name && sample.labels['sink'] === sink);
  return found.reduce((sum, { value }) => sum + value, 0);
}

async function revisionsOf(site: Site): Promise<string[]> {
  const records = await site.records(site.topics.alerts);
  return records.map(({ record }) => keyOf(JSON.parse(record.value!.toString()) as Alert));
}

function keyOf({ id, revision }: Alert): string {
  return `${id}:${revision}`;
}

test('a dead sink changes nothing that is published, others have all of it, and what it missed is sent again', async () => {
  const [plain, site] = [await siteOf(), await siteOf()];
  await plain.start();
  await plain.send(posts(lines));
  await plain.drained();

  const path = join(site.folder, 'alerts.ndjson');
  const deadLetters = join(site.folder, 'dead.ndjson');
  const file = { type: 'file', path, maxBytes: 1e9, maxAgeMs: undefined, fsync: true } as const;
  const action = `${site.topics.alerts}-osprey`;
  await createTopics(site.admin, [{ name: action, partitions: 2, configs: {} }], 1);
  // Nobody listens there.
  const dead = webhook(1);
  const sinks = startSinks(site, [
    sinkOf('waits', dead),
    sinkOf('gives-up', dead, { attemptsMax: 2, deadLetters }),
    sinkOf('file', file),
    sinkOf('osprey', { type: 'osprey', topic: action }),
    sinkOf('closed', { ...file, path: `${path}.closed` }, { filter: { minSeverity: 0, statuses: ['closed'] } }),
  ]);
  await site.start();
  await site.send(posts(lines));
  await site.drained();

  const published = await revisionsOf(site);
  expect(published.length).toBeGreaterThan(3);
  expect(published.toSorted()).toEqual((await revisionsOf(plain)).toSorted());
  const isDone = (): boolean => {
    const samples = sinks.samples();
    const done = ['file', 'osprey', 'gives-up'].map(
      (name) => valueOf(samples, 'sink_sent_total', name) + valueOf(samples, 'sink_dropped_total', name),
    );
    return done.every((count) => count === published.length);
  };
  await until('the sinks that can have dealt with all', isDone, 60_000);
  const samples = sinks.samples();
  expect(valueOf(samples, 'sink_dropped_total', 'gives-up')).toBe(published.length);
  expect(valueOf(samples, 'sink_failed_total', 'gives-up')).toBe(2 * published.length);
  expect(valueOf(samples, 'sink_sent_total', 'waits')).toBe(0);
  expect(valueOf(samples, 'sink_lag_records', 'waits')).toBe(published.length);
  await sinks.stop();

  const read = (from: string): string[] => {
    const text = readFileSync(from, 'utf8').trimEnd().split('\n');
    return text.map((line) => keyOf(JSON.parse(line) as Alert));
  };
  expect(read(path)).toEqual(published);
  expect(read(deadLetters)).toEqual(published);
  const actions = await site.records(action);
  const sent = actions.map(({ record }) => JSON.parse(record.value!.toString()) as { data: { data: Alert } });
  expect(sent.map(({ data }) => keyOf(data.data)).toSorted()).toEqual(published.toSorted());

  const parts = openSink(sinkOf('file', { ...file, path: `${path}.again` }), site.client);
  const from = { kind: 'offsets', offsets: new Map([[0, 2]]) } as const;
  const options = { client: site.client, topic: site.topics.alerts, parts, from, to: undefined };
  const report = await resend({ ...options, signal: new AbortController().signal, log: () => undefined });
  await parts.sink.close();
  expect(report).toMatchObject({ sent: published.length - 2, dropped: 0, unreadable: 0 });
  expect(read(`${path}.again`)).toEqual(published.slice(2));
});

test('each sink goes on after a restart where it stopped', async () => {
  const site = await siteOf();
  const got: string[] = [];
  let isOpen = true;
  const server = createServer((request, response) => {
    if (!isOpen) {
      response.writeHead(503).end();
      return;
    }
    got.push(String(request.headers['idempotency-key']));
    // The first half only.
    isOpen = got.length !== 2;
    response.end();
  });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const path = join(site.folder, 'alerts.ndjson');
  const kinds = [
    sinkOf('hook', webhook(port)),
    sinkOf('file', { type: 'file', path, maxBytes: 1e9, maxAgeMs: undefined, fsync: false }),
  ];
  await site.start();
  await site.send(posts(lines));
  await site.drained();
  const published = await revisionsOf(site);

  const first = startSinks(site, kinds);
  const isFar = (): boolean =>
    valueOf(first.samples(), 'sink_sent_total', 'hook') === 2 &&
    valueOf(first.samples(), 'sink_sent_total', 'file') === published.length;
  await until('one is done and the other stands', isFar, 60_000);
  await first.stop();
  isOpen = true;
  const second = startSinks(site, kinds);
  await until('the rest', () => got.length >= published.length, 60_000);
  await until('nothing is left', () => valueOf(second.samples(), 'sink_lag_records', 'hook') === 0, 60_000);
  expect(got).toEqual(published);
  expect(valueOf(second.samples(), 'sink_sent_total', 'file')).toBe(0);
  expect(readFileSync(path, 'utf8').trimEnd().split('\n')).toHaveLength(published.length);
});
