/** A webhook over TLS by its settings, and the file of what it gave up. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { sinksOf } from '../../src/cli/config-sinks.ts';
import type { ConfigProblem } from '../../src/errors.ts';
import { KafkaClient } from '../../src/kafka/client.ts';
import { openSink } from '../../src/runtime/sinks.ts';
import { queueOptions, SinkCounts, type SinkParts } from '../../src/runtime/sink-member.ts';
import { SinkQueue } from '../../src/sinks/queue.ts';
import { until } from '../kafka/support.ts';
import { alertId, alertOf } from '../support/alerts.ts';
import { Authority } from '../support/certificates.ts';
import { temporaryFolder } from '../support/feeds.ts';

const folder = temporaryFolder();
const authority = new Authority('Hook CA');
const stranger = new Authority('Other CA');
const alerts = [1, 2].map((number) => alertOf(alertId(number), [{ account: 'a', text: 'Vote now', seconds: 0 }]));
const [first, second] = alerts as [(typeof alerts)[0], (typeof alerts)[0]];

const bodies: string[] = [];
let server: Server;
let port = 0;

beforeAll(async () => {
  server = createServer(authority.issue({ name: 'hook', hosts: ['localhost'] }), (request, response) => {
    let body = '';
    request.on('data', (chunk: Buffer) => (body += chunk.toString()));
    request.on('end', () => {
      bodies.push(body);
      response.end();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  ({ port } = server.address() as AddressInfo);
});
afterEach(() => (bodies.length = 0));
afterAll(() => server.close());

function fileOf(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

interface Opened {
  readonly parts: SinkParts;
  readonly queue: SinkQueue;
  readonly counts: SinkCounts;
  readonly logged: string[];
}

function open(ca: Authority, deadLetters: string): Opened {
  const entry = {
    name: 'hook',
    type: 'webhook',
    urlFile: fileOf('url', `https://localhost:${port}/swordfish\n`),
    ca: fileOf('ca.pem', ca.cert),
    allowPrivate: true,
    attempts: 2,
    deadLetters,
  };
  const problems: ConfigProblem[] = [];
  const [settings] = sinksOf([entry], {}, new Set(), problems);
  expect(problems).toEqual([]);
  const client = new KafkaClient({ brokers: ['127.0.0.1:1'], clientId: 'test' });
  const parts = openSink({ ...settings!, backoff: { firstMs: 1, maxMs: 2 } }, client);
  const [counts, logged] = [new SinkCounts(), [] as string[]];
  const log = (...line: unknown[]): void => void logged.push(JSON.stringify(line));
  return { parts, counts, logged, queue: new SinkQueue(0, queueOptions(parts, counts, log)) };
}

test('an authority of its own is trusted, and no other', async () => {
  const deadLetters = join(folder, 'dead.ndjson');
  const bad = open(stranger, deadLetters);
  bad.queue.push(alerts.map((alert, i) => ({ alert, next: i + 1, bytes: 1 })));
  await bad.queue.drained();
  await bad.parts.deadLetters!.close();
  expect(bodies).toEqual([]);
  expect([bad.counts.sent, bad.counts.dropped, bad.counts.failed.get('tls'), bad.queue.position]).toEqual([0, 2, 4, 2]);
  expect(readFileSync(deadLetters, 'utf8')).toBe(alerts.map((alert) => `${JSON.stringify(alert)}\n`).join(''));
  expect(bad.logged.join('\n')).toContain('"reason":"tls"');
  expect(bad.logged.join('\n')).not.toMatch(/swordfish|localhost/);

  const good = open(authority, join(folder, 'none.ndjson'));
  good.queue.push([{ alert: first, next: 1, bytes: 1 }]);
  await good.queue.drained();
  expect([good.counts.sent, good.counts.dropped]).toEqual([1, 0]);
  expect(bodies.map((body) => JSON.parse(body) as unknown)).toEqual([first]);
});

test('what is given up is not passed before its file has it', async () => {
  const there = join(folder, 'later');
  const deadLetters = join(there, 'dead.ndjson');
  const { queue, counts, parts } = open(stranger, deadLetters);
  queue.push([{ alert: second, next: 1, bytes: 1 }]);
  await until('it cannot be written', () => counts.failed.get('file')! > 1);
  expect([queue.position, counts.dropped]).toEqual([0, 0]);
  mkdirSync(there);
  await queue.drained();
  await parts.deadLetters!.close();
  expect([queue.position, counts.dropped]).toEqual([1, 1]);
  expect(readFileSync(deadLetters, 'utf8')).toBe(`${JSON.stringify(second)}\n`);
});
