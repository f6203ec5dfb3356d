/** Sinks on a real broker: what a dead one does to detection (nothing), and where each goes on after a restart. */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import kafkajs from 'kafkajs';
import { afterAll, expect, inject, test } from 'vitest';
import type { Sample } from '../../src/metrics.ts';
import { ALERT_STATUSES, type Alert } from '../../src/model.ts';
import { resend } from '../../src/runtime/resend.ts';
import { openSink, Sinks, type SinkKind, type SinkSettings } from '../../src/runtime/sinks.ts';
import { FrameProducer } from '../../src/kafka/producer.ts';
import { createTopics } from '../../src/kafka/topics.ts';
import { until } from '../kafka/support.ts';
import { alertId, alertOf } from '../support/alerts.ts';
import { Site } from '../support/deployment.ts';
import { posts, simulatedDay } from '../support/day.ts';

const POST = { account: 'a', text: 'Vote now', seconds: 0 };
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
    queueBytes: 2 ** 24,
    backoff: { firstMs: 10, maxMs: 100 },
    deadLetters: undefined,
    kind,
    ...changes,
  };
}

function webhook(port: number): SinkKind {
  const url = `http://127.0.0.1:${port}/`;
  const post = { url, isUrlHidden: false, timeoutMs: 1000, allowPrivate: true, ca: undefined };
  return { type: 'webhook', ...post, secret: undefined };
}

type Logged = readonly [level: string, message: string, fields: Readonly<Record<string, unknown>>];

function startSinks(site: Site, sinks: readonly SinkSettings[], logged: Logged[] = []): Sinks {
  const { kafka, topics, groupPrefix } = site.settings;
  const all = new Sinks({
    kafka,
    topic: topics.alerts,
    groupPrefix,
    sinks,
    sessionTimeoutMs: 6000,
    heartbeatMs: 500,
    commitIntervalMs: 100,
    log: (level, message, fields) => logged.push([level, message, fields]),
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

test('what the topic has lost before a sink read it is counted and told, in whatever process, and the rest is sent', async () => {
  const site = await Site.open(inject('kafka'), { sources: 1, partitions: 1, alertPartitions: 2 });
  sites.push(site);
  const { alerts } = site.topics;
  // Of a compacted topic nothing can be deleted so.
  const configEntries = [{ name: 'cleanup.policy', value: 'delete' }];
  const resources = [{ type: kafkajs.ConfigResourceTypes.TOPIC, name: alerts, configEntries }];
  await site.admin.alterConfigs({ validateOnly: false, resources });
  const producer = new FrameProducer(site.client);
  await producer.connect();
  const alert = (of: number, i: number): string => JSON.stringify(alertOf(alertId(100 * of + i), [POST]));
  const fillBoth = async (from: number, to: number): Promise<void> => {
    for (const partition of [0, 1]) {
      const records = Array.from({ length: to - from }, (_, i) => {
        return { partition, key: String(from + i), value: alert(partition, from + i) };
      });
      await producer.send(alerts, records);
    }
  };
  const path = join(site.folder, 'alerts.ndjson');
  const kinds = [sinkOf('file', { type: 'file', path, maxBytes: 1e9, maxAgeMs: undefined, fsync: false })];
  const sentBy = (...all: Sinks[]): number =>
    all.reduce((sum, sinks) => sum + valueOf(sinks.samples(), 'sink_sent_total', 'file'), 0);

  await fillBoth(0, 4);
  const first = startSinks(site, kinds);
  await until('it has all', () => sentBy(first) === 8, 60_000);
  await first.stop();
  await fillBoth(4, 20);
  const lost = [
    { partition: 0, offset: '10' },
    { partition: 1, offset: '7' },
  ];
  await site.admin.deleteTopicRecords({ topic: alerts, partitions: lost });

  // Two processes share the partitions, as two instances do.
  const logged: Logged[] = [];
  const other = [sinkOf('file', { ...kinds[0]!.kind, path: `${path}.other` } as SinkKind)];
  const second = [startSinks(site, kinds, logged), startSinks(site, other, logged)] as const;
  await until('the rest', () => sentBy(...second) >= 10 + 13, 60_000);
  await Promise.all(second.map((sinks) => sinks.stop()));
  const dropped = second.map((sinks) => valueOf(sinks.samples(), 'sink_dropped_total', 'file'));
  expect([sentBy(...second), dropped[0]! + dropped[1]!]).toEqual([10 + 13, 6 + 3]);
  const told = logged.filter(([, message]) => message.includes('does not hold any more'));
  const ordered = told.toSorted(([, , a], [, , b]) => Number(a['partition']) - Number(b['partition']));
  expect(ordered.map(([level, , fields]) => [level, fields])).toEqual([
    ['warn', { sink: 'file', partition: 0, offset: 4, low: 10, high: 20, missed: 6 }],
    ['warn', { sink: 'file', partition: 1, offset: 4, low: 7, high: 20, missed: 3 }],
  ]);
  const found = [path, `${path}.other`].flatMap((from) =>
    readFileSync(from, { encoding: 'utf8', flag: 'a+' }).trimEnd().split('\n'),
  );
  const kept = (of: number, from: number): string[] => Array.from({ length: 20 - from }, (_, i) => alert(of, from + i));
  const beginning = [...kept(0, 0).slice(0, 4), ...kept(1, 0).slice(0, 4)];
  expect(found.filter((line) => line !== '').toSorted()).toEqual(
    [...beginning, ...kept(0, 10), ...kept(1, 7)].toSorted(),
  );

  // Nothing is counted twice.
  const third = startSinks(site, kinds);
  await fillBoth(20, 21);
  await until('what came since', () => sentBy(third) === 2, 60_000);
  expect(valueOf(third.samples(), 'sink_dropped_total', 'file')).toBe(0);
  await producer.disconnect();
});
