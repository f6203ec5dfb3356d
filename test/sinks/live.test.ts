/** The sinks against real servers, files and addresses. */
import { createHmac } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo, LookupFunction } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { isForbiddenAddress } from '../../src/sinks/http-post.ts';
import { NdjsonFileSink } from '../../src/sinks/ndjson-file.ts';
import { ospreyAction } from '../../src/sinks/osprey.ts';
import { SinkError, type AlertSink } from '../../src/sinks/port.ts';
import { QueueBudget, SinkQueue, type QueueOptions } from '../../src/sinks/queue.ts';
import { slackMessage } from '../../src/sinks/slack.ts';
import { WebhookSink, type WebhookOptions } from '../../src/sinks/webhook.ts';
import { alertId, alertOf } from '../support/alerts.ts';

const alert = alertOf(alertId(1), [
  { account: 'a', text: 'Vote now', seconds: 0 },
  { account: 'b', text: 'Vote now!', seconds: 5 },
]);
const never = new AbortController().signal;

interface Received {
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

const servers: Server[] = [];
const received: Received[] = [];
afterEach(async () => {
  received.length = 0;
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
});

async function serve(answer: (response: ServerResponse, count: number) => void): Promise<number> {
  const server = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk: Buffer) => (body += chunk.toString()));
    request.on('end', () => {
      received.push({ headers: request.headers, body });
      answer(response, received.length);
    });
  });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return (server.address() as AddressInfo).port;
}

function webhook(port: number, changes: Partial<WebhookOptions> = {}): WebhookSink {
  return new WebhookSink({
    url: new URL(`http://127.0.0.1:${port}/hook`),
    timeoutMs: 2000,
    isPrivateAllowed: true,
    ...changes,
  });
}

async function failureOf(sink: AlertSink): Promise<SinkError> {
  const error: unknown = await sink.send(alert, never).then(
    () => undefined,
    (failure: unknown) => failure,
  );
  expect(error).toBeInstanceOf(SinkError);
  return error as SinkError;
}

describe('a webhook', () => {
  test('is signed over id, time and body, and carries its key', async () => {
    const port = await serve((response) => response.writeHead(204).end());
    await webhook(port, { secret: 'swordfish' }).send(alert, never);
    const [{ headers, body }] = received as [Received];
    const timestamp = String(headers['webhook-timestamp']);
    const signed = createHmac('sha256', 'swordfish').update(`${alert.id}:1.${timestamp}.${body}`).digest('base64');
    expect(headers['webhook-signature']).toBe(`v1,${signed}`);
    expect(headers['idempotency-key']).toBe(`${alert.id}:1`);
    expect(Math.abs(Number(timestamp) - Date.now() / 1000)).toBeLessThan(60);
    expect(JSON.parse(body)).toEqual(alert);
  });

  test.each([
    [500, {}, 'server_error', true, undefined],
    [429, { 'retry-after': '7' }, 'throttled', true, 7000],
    [400, {}, 'refused', false, undefined],
    [302, { location: 'http://169.254.169.254/latest' }, 'redirect', false, undefined],
  ])('answered %i', async (status, headers, reason, retryable, askedMs) => {
    const port = await serve((response) => response.writeHead(status, headers).end('no'));
    expect(await failureOf(webhook(port))).toMatchObject({ reason, retryable, askedMs });
    expect(received).toHaveLength(1);
  });

  test('that hangs is left after its time', async () => {
    const port = await serve(() => undefined);
    expect(await failureOf(webhook(port, { timeoutMs: 100 }))).toMatchObject({ reason: 'timeout', retryable: true });
  });

  test('that is dead, or speaks no TLS', async () => {
    const port = await serve((response) => response.end());
    const url = new URL(`https://127.0.0.1:${port}/`);
    expect(await failureOf(webhook(port, { url }))).toMatchObject({ reason: 'tls', retryable: true });
    const server = servers.pop()!;
    await new Promise((resolve) => server.close(resolve));
    expect(await failureOf(webhook(port))).toMatchObject({ reason: 'unreachable', retryable: true });
  });

  test.each([
    ['unreachable', 'http://secret-hook.invalid/swordfish', {}],
    ['address_forbidden', 'http://127.0.0.1:1/swordfish', { isPrivateAllowed: false }],
  ] as const)('whose address is a secret shows none of it: %s', async (reason, url, changes) => {
    const failure = await failureOf(webhook(1, { url: new URL(url), isUrlHidden: true, ...changes }));
    expect(failure.reason).toBe(reason);
    expect(inspect(failure, { depth: 10 })).not.toMatch(/secret-hook|swordfish|127\.0\.0\.1/);
    expect(failure.message).toContain('the address that is kept secret');
  });

  test('goes to no address of this machine, named or written out', async () => {
    const port = await serve((response) => response.end());
    const lookup = ((_name, options, callback) => {
      if (options.all === true) callback(null, [{ address: '127.0.0.1', family: 4 }]);
      else callback(null, '127.0.0.1', 4);
    }) as LookupFunction;
    for (const host of ['hooks.example.org', '127.0.0.1', '[::1]', '[::ffff:127.0.0.1]', '2130706433']) {
      const options = { isPrivateAllowed: false, lookup, url: new URL(`http://${host}:${port}/`) };
      expect(await failureOf(webhook(port, options)), host).toMatchObject({
        reason: 'address_forbidden',
        retryable: false,
      });
    }
    expect(received).toHaveLength(0);
  });

  test('knows what is private', () => {
    const forbidden = [
      '10.1.2.3',
      '169.254.169.254',
      '192.168.0.1',
      '::1',
      'fe80::1%eth0',
      'fd00::1',
      '64:ff9b::7f00:1',
    ];
    expect(forbidden.filter((address) => !isForbiddenAddress(address))).toEqual([]);
    expect(isForbiddenAddress('::ffff:10.0.0.1')).toBe(true);
    expect(['8.8.8.8', '2606:4700::1111', '172.32.0.1'].filter(isForbiddenAddress)).toEqual([]);
  });
});

describe('a queue', () => {
  function queueOf(sink: AlertSink, changes: Partial<QueueOptions> = {}): { queue: SinkQueue; told: string[] } {
    const told: string[] = [];
    const options: QueueOptions = {
      sink,
      attemptsMax: 3,
      waitingMax: 2,
      budget: new QueueBudget(1000),
      waitMs: (attempt, askedMs) => (told.push(`wait ${attempt} ${askedMs ?? '-'}`), 1),
      onSent: () => told.push('sent'),
      onFailed: (error) => told.push(error.reason),
      onDropped: async (error) => void told.push(`dropped ${error.reason}`),
      ...changes,
    };
    return { queue: new SinkQueue(0, options), told };
  }

  test('tries again, gives up after its attempts, and goes on', async () => {
    const port = await serve((response, count) => response.writeHead(count < 4 ? 503 : count < 5 ? 400 : 200).end());
    const { queue, told } = queueOf(webhook(port));
    queue.push([1, 2, 3].map((next) => ({ alert, next, bytes: 0 })));
    await queue.drained();
    const thrice = ['server_error', 'wait 0 -', 'server_error', 'wait 1 -', 'server_error', 'dropped server_error'];
    expect(told).toEqual([...thrice, 'refused', 'dropped refused', 'sent']);
    expect(queue.position).toBe(3);
  });

  test('closed while an alert is under way, has not passed it', async () => {
    const port = await serve((response, count) => void (count === 1 && response.end()));
    const { queue } = queueOf(webhook(port, { timeoutMs: 60_000 }));
    queue.push([1, 2, 3, 4].map((next) => ({ alert, next, bytes: 0 })));
    while (received.length < 2) await new Promise((resolve) => setTimeout(resolve, 5));
    expect(await queue.room(10)).toBe(false);
    await queue.close();
    expect(queue.position).toBe(1);
    expect(await queue.room(10)).toBe(true);
  });

  test('holds no more bytes than its sink may, in all partitions together', async () => {
    const port = await serve((response, count) => void (count > 1 && response.end()));
    const budget = new QueueBudget(1000);
    const { queue: slow } = queueOf(webhook(port, { timeoutMs: 60_000 }), { budget, waitingMax: 100 });
    const { queue: other } = queueOf(webhook(port), { budget, waitingMax: 100 });
    slow.push([{ alert, next: 1, bytes: 999 }]);
    while (received.length < 1) await new Promise((resolve) => setTimeout(resolve, 5));
    expect(await other.room(10)).toBe(true);
    slow.push([{ alert, next: 2, bytes: 1 }]);
    expect([budget.waiting, await slow.room(10), await other.room(10)]).toEqual([1000, false, false]);

    // What the closed one held is free at once, and those who wait are told.
    const woken = other.room(60_000);
    await slow.close();
    expect(await woken).toBe(true);
    expect([budget.waiting, slow.position]).toEqual([0, 0]);
    slow.push([{ alert, next: 1, bytes: 999 }]);
    other.push([1, 2, 3].map((next) => ({ alert, next, bytes: 400 })));
    expect(budget.waiting).toBe(1200);
    await other.drained();
    expect([budget.waiting, other.position]).toEqual([0, 3]);
  });
});

describe('a file', () => {
  let folder = '';
  beforeEach(() => (folder = mkdtempSync(join(tmpdir(), 'chorus-sink-'))));
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  test('is rotated by size and by time, and no line is lost', async () => {
    let nowMs = Date.UTC(2030, 0, 1);
    const path = join(folder, 'alerts.ndjson');
    const maxBytes = 2.5 * (JSON.stringify(alert).length + 1);
    const sink = new NdjsonFileSink({ path, maxBytes, maxAgeMs: 1000, fsync: true, now: () => nowMs });
    for (let revision = 1; revision <= 5; revision++) await sink.send({ ...alert, revision });
    nowMs += 1000;
    await sink.send({ ...alert, revision: 6 });
    await sink.settle();
    await sink.close();
    const names = readdirSync(folder).toSorted();
    expect(names).toEqual([
      'alerts-20300101T000000.000Z-1.ndjson',
      'alerts-20300101T000000.000Z.ndjson',
      'alerts-20300101T000001.000Z.ndjson',
      'alerts.ndjson',
    ]);
    const lines = names.flatMap((name) => readFileSync(join(folder, name), 'utf8').trimEnd().split('\n'));
    const revisions = lines
      .map((line) => (JSON.parse(line) as { revision: number }).revision)
      .toSorted((a, b) => a - b);
    expect(revisions).toEqual([1, 2, 3, 4, 5, 6]);
  });

  test('that a crash has torn goes on behind its last whole line', async () => {
    const path = join(folder, 'alerts.ndjson');
    writeFileSync(path, `{"a":1}\n{"torn":"${'x'.repeat(100_000)}`);
    const sink = new NdjsonFileSink({ path, maxBytes: 1e6, maxAgeMs: undefined, fsync: false });
    await sink.send(alert);
    await sink.close();
    expect(readFileSync(path, 'utf8')).toBe(`{"a":1}\n${JSON.stringify(alert)}\n`);
  });

  test('that cannot be written says so, and goes on when it can', async () => {
    const sink = new NdjsonFileSink({
      path: join(folder, 'no/alerts'),
      maxBytes: 1e6,
      maxAgeMs: undefined,
      fsync: false,
    });
    expect(await failureOf(sink)).toMatchObject({ reason: 'file', retryable: true });
  });
});

describe('Slack', () => {
  const hostile = alertOf(alertId(2), [
    { account: '<!channel>', text: `<!channel> & <@U1> ${'<&>'.repeat(2000)}\nsecond`, seconds: 0 },
    { account: 'b', text: '<https://evil.example|click>', seconds: 1 },
  ]);

  test('gets no mention or link of a post, and stays below the bounds', () => {
    const { blocks, text } = slackMessage(hostile);
    expect(blocks.length).toBeLessThanOrEqual(50);
    const texts = blocks.flatMap((block) => (block.type === 'context' ? block.elements : [block.text]));
    for (const each of [text, ...texts.map((one) => one.text)]) {
      expect(each.length).toBeLessThanOrEqual(3000);
      expect(each).not.toMatch(/<|&(?!amp;|lt;|gt;)/);
    }
    expect(JSON.stringify(texts)).toContain('&lt;!channel&gt;');
  });

  test('and of an alert without posts', () => {
    const none = { listed: [], leftOut: 0 };
    const { blocks } = slackMessage({ ...hostile, text: '', variants: none, accounts: none, samples: none });
    const texts = blocks.flatMap((block) => (block.type === 'context' ? [] : [block.text.text]));
    expect(texts).not.toContain('');
  });
});

test('an action of Osprey is the same when it is sent again, and another for each revision', () => {
  const action = ospreyAction(alert);
  expect(action).toEqual(ospreyAction({ ...alert }));
  expect(action).toMatchObject({
    send_time: alert.revisedAt,
    data: { action_name: 'coordination_alert', data: alert },
  });
  expect(Number.isSafeInteger(action.data.action_id)).toBe(true);
  expect(ospreyAction({ ...alert, revision: 2 }).data.action_id).not.toBe(action.data.action_id);
});
