/** docs/quick-start-kafka.md, command by command, beside a real broker. */
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Admin } from 'kafkajs';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { KafkaClient } from '../../src/kafka/client.ts';
import { createTopics } from '../../src/kafka/topics.ts';
import { unique, until } from '../kafka/support.ts';
import { freePort } from '../support/broker/service.ts';
import { blocksOf, Desk, shownIn, type Block, type LongRunning } from '../support/guide.ts';
import { JetstreamServer, jetstreamPost } from '../support/live-servers.ts';

const folder = mkdtempSync(join(tmpdir(), 'chorus-guide-'));
const jetstream = new JetstreamServer();
const feed = unique('feed');
let client: KafkaClient;
let admin: Admin;
let desk: Desk;
let port: string;

beforeAll(async () => {
  await jetstream.listen();
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
    // Of the port of metrics, in the settings and in addresses.
    '9464': port,
  });
});
afterAll(async () => {
  await desk?.clear();
  await jetstream.close();
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
  let printed = '';
  for (const block of blocksOf('docs/quick-start-kafka.md')) {
    if (block.role.startsWith('file=')) desk.write(block);
    else if (block.role === 'output')
      expect(shownIn(printed, desk.here(block.content)), `${printed}\nis shown as\n${desk.here(block.content)}`).toBe(
        true,
      );
    else if (block.role === 'service') {
      service = desk.start(block);
      await until('it is ready', isReady, 120_000);
    } else if (block.role === 'live') await ingested(block);
    else if (block.role === 'run') {
      if (block.content.includes('/metrics'))
        await until(
          'it has read the feed',
          async () => (await metric('posts_accepted_total')) > 3500 && (await metric('campaigns_open')) === 7,
          120_000,
        );
      const { code, stdout, stderr } = await desk.run(block);
      expect(code, `${block.content}${stderr}`).toBe(0);
      printed = stderr + stdout;
    } else if (block.content.startsWith('kafka-topics.sh')) await makeFeed(block.content);
    else elsewhere.push(block.content);
  }
  // Tested by test/deploy/compose-demo.test.ts, and wants Docker.
  expect(elsewhere).toStrictEqual([expect.stringContaining('docker compose')]);
  expect((await service!.stop()).code).toBe(0);
  expect(readdirSync(join(folder, 'report/campaigns')).length).toBeGreaterThan(3);
});
