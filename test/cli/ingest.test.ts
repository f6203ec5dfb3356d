/** What `chorus ingest` refuses before it reaches a broker; the rest is in test/broker/ingest.test.ts. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { chorus } from '../support/command.ts';
import { temporaryFolder } from '../support/feeds.ts';

const folder = temporaryFolder();
const TO = ['--brokers', '127.0.0.1:1', '--topic', 'posts'];

test.each([
  ['nothing to read', [...TO], 'SOURCE: not given'],
  ['no brokers', ['posts.ndjson'], 'kafka.brokers: not given'],
  [
    'a live source among files',
    [...TO, 'jetstream', 'posts.ndjson'],
    'SOURCE: "jetstream posts.ndjson", must be given alone',
  ],
  ['a rate for a live source', [...TO, 'jetstream', '--rate', '5'], '--rate: "5", must be left out with a live source'],
  ['a rate that is none', [...TO, 'posts.ndjson', '--rate', '0'], '--rate: "0", must be a number above 0'],
  ['a cursor for files', [...TO, 'posts.ndjson', '--cursor', 'c'], '--cursor: "c", must be left out with files'],
  [
    'rows of a table as they came',
    [...TO, 'a.csv', '--raw', '--format', 'ira-csv'],
    '--raw: true, must be left out with tables',
  ],
  [
    'a URL without a format',
    [...TO, 'wss://relay.example/x'],
    'SOURCE: "wss://relay.example/x", must be given with --format',
  ],
  [
    'a format that a source has not',
    [...TO, 'jetstream', '--format', 'reddit'],
    'must be given with --format jetstream',
  ],
])('refuses %s', async (_what, args, message) => {
  const { code, stderr } = await chorus(['ingest', ...args]);
  expect(stderr).toContain(`chorus: ${message.includes(': ') ? message : ''}`);
  expect(stderr).toContain(message);
  expect(code).toBe(2);
});

test('refuses canonical JSON for a topic that is read as something else', async () => {
  const file = join(folder, 'raw.yaml');
  writeFileSync(file, 'kafka: { brokers: "127.0.0.1:1", topic: posts, format: jetstream }\n');
  const { code, stderr } = await chorus(['ingest', '--config', file, 'jetstream']);
  expect(code).toBe(2);
  expect(stderr).toContain('kafka.format: "jetstream", must be canonical, or --raw given');
});

test('refuses a file that is not there before it reaches a broker', async () => {
  expect((await chorus(['ingest', ...TO, join(folder, 'none.ndjson')])).code).toBe(3);
});
