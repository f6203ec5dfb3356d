/** docs/quick-start-kafka.md, command by command, beside a real broker. */
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Admin } from 'kafkajs';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { KafkaClient } from '../../src/kafka/client.ts';
import { createTopics } from '../../src/kafka/topics.ts';
import type { Alert } from '../../src/model.ts';
import { unique, until } from '../kafka/support.ts';
import { freePort } from '../support/broker/service.ts';
import { parsedLines } from '../support/command.ts';
import { Desk, follow, type Block, type LongRunning } from '../support/guide.ts';
import { JetstreamServer, jetstreamPost, StreamServer } from '../support/live-servers.ts';

const folder = mkdtempSync(join(tmpdir(), 'chorus-guide-'));
const jetstream = new JetstreamServer();
/** Takes what the webhook sends. */
const cases = new StreamServer();
cases.onStream = (response) => response.end();
const feed = unique('feed');
let client: KafkaClient;
let admin: Admin;
let desk: Desk;
let port: string;

beforeAll(async () => {
  await jetstream.listen();
  await cases.listen();
  client = new KafkaClient({ brokers: inject('kafka'), clientId: 'test' });
  admin = client.admin();
  await admin.connect();
  port = String(await freePort());
  mkdirSync(join(folder, 'state'));
  desk = new Desk(folder, {
    'localhost:9092': inject('kafka').join(','),
    'social-posts': feed,
    'coordination-alerts': unique('alerts'),
    'chorus-one': unique('chorus'),
    '/var/lib/chorus': join(folder, 'state'),
    'ingest jetstream': `ingest ${jetstream.url}`,
    'url: https://cases.example/': `allowPrivate: true\n    url: ${cases.origin}/`,
    // Of the port of metrics, in the settings and in addresses.
    '9464': port,
  });
});
afterAll(async () => {
  await desk?.clear();
  await jetstream.close();
  await cases.close();
  await admin?.disconnect();
  rmSync(folder, { recursive: true, force: true });
});

const metric = async (name: string): Promise<number> => {
  const response = await fetch(`http://127.0.0.1:${port}/metrics`).catch(() => undefined);
  const value = new RegExp(`^chorus_${name} (\\d+)`, 'm').exec((await response?.text()) ?? '');
  return Number(value?.[1] ?? NaN);
};
const isReady = async (): Promise<boolean> =>
  (await fetch(`http://127.0.0.1:${port}/readyz`).catch(() => undefined))?.status === 200;

/** As the tool of Kafka would, which is not here. */
async function makeFeed(command: string): Promise<void> {
  const [, partitions, name, value] = /--topic social-posts --partitions (\d+) \\\n {2}--config (\S+)=(\S+)\n$/.exec(
    command,
  )!;
  await createTopics(admin, [{ name: feed, partitions: Number(partitions), configs: { [name!]: value! } }], 1);
}

/** As the guide shows it then. */
const hasReadAll = async (): Promise<boolean> =>
  (await metric('posts_accepted_total')) > 3500 && (await metric('campaigns_open')) === 7;

async function ingested(block: Block): Promise<void> {
  const { stop } = desk.start(block);
  await until('it reads the source', () => jetstream.connections > 0, 60_000);
  jetstream.emit(jetstreamPost(Date.now(), 'anna', 'The ferry was late again at the harbour this morning', 'r1'));
  await until('it has kept how far it came', () => desk.has('bluesky.cursor'), 60_000);
  expect((await stop()).code).toBe(0);
}

test('every command of the guide does what it says', { timeout: 600_000 }, async () => {
  const elsewhere: string[] = [];
  let service: LongRunning | undefined;
  const other = async (block: Block): Promise<void> => {
    if (block.role === 'live') return ingested(block);
    if (block.content.startsWith('kafka-topics.sh')) return makeFeed(block.content);
    if (block.role !== 'service') return void elsewhere.push(block.content);
    service = desk.start(block);
    await until('it is ready', isReady, 120_000);
  };
  await follow(desk, 'docs/quick-start-kafka.md', other, async ({ content }) => {
    if (content.includes('/metrics')) await until('it has read the feed', hasReadAll, 120_000);
  });
  // Tested by test/deploy/compose-demo.test.ts, and wants Docker.
  expect(elsewhere).toStrictEqual([expect.stringContaining('docker compose')]);
  const sent = cases.requests.map(({ headers }) => headers['idempotency-key']);
  expect(new Set(sent).size).toBeGreaterThan(3);
  // Each of them by the service, and once more on request.
  expect(sent.length).toBeGreaterThan(new Set(sent).size);
  for (const { headers } of cases.requests) expect(headers['webhook-signature']).toMatch(/^v1,/);
  const archived = (): Set<string> => {
    const lines = readFileSync(join(folder, 'state/alerts.ndjson'), 'utf8');
    return new Set(parsedLines<Alert>(lines.slice(0, lines.lastIndexOf('\n') + 1)).map(({ id }) => id));
  };
  await until('the file has all campaigns', () => archived().size === 7);
  expect((await service!.stop()).code).toBe(0);
  expect(readdirSync(join(folder, 'report/campaigns')).length).toBeGreaterThan(3);
});
