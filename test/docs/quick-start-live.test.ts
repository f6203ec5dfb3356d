/** docs/quick-start-live.md, command by command, beside local servers that speak the protocols of the networks. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { until } from '../kafka/support.ts';
import { parsedLines } from '../support/command.ts';
import { Desk, follow, type Block } from '../support/guide.ts';
import { JetstreamServer, jetstreamPost, mastodonStatus, sse, StreamServer } from '../support/live-servers.ts';

const TEXT = 'They sold the harbour bridge to a company that nobody has ever heard of, sign before Friday';
const ACCOUNTS = 9;
const folder = mkdtempSync(join(tmpdir(), 'chorus-guide-'));
const jetstream = new JetstreamServer();
const mastodon = new StreamServer();
const lines = new StreamServer();
let desk: Desk;

beforeAll(async () => {
  for (const server of [jetstream, mastodon, lines]) await server.listen();
  desk = new Desk(folder, {
    'watch jetstream': `watch ${jetstream.url}`,
    'mastodon.example': mastodon.origin,
    'https://stream.example': lines.origin,
  });
});
afterAll(async () => {
  await desk.clear();
  for (const server of [jetstream, mastodon, lines]) await server.close();
  rmSync(folder, { recursive: true, force: true });
});

/** Nine accounts post, five minutes ago; the last one lets the clock pass them. */
function wave(send: (timeMs: number, account: string, text: string) => void): void {
  const nowMs = Date.now();
  for (let n = 0; n < ACCOUNTS; n++) send(nowMs - 300_000 + 1000 * n, `a${n}`, TEXT);
  send(nowMs, 'z', 'good evening everybody');
}

mastodon.onStream = (response) => {
  wave((timeMs, account, text) => response.write(sse('update', mastodonStatus(account, account, text, timeMs))));
};
lines.contentType = 'application/x-ndjson';
lines.onStream = (response) => {
  wave((timeMs, account, text) => {
    const createdAt = new Date(timeMs).toISOString();
    response.write(`${JSON.stringify({ id: account, platform: 'own', account, text, createdAt })}\n`);
  });
};
jetstream.onConnection = () => {
  wave((timeMs, account, text) => jetstream.emit(jetstreamPost(timeMs, account, text, `${account}-${timeMs}`)));
};

const ALERT = /"status":"open".*"finding":"coordinated posting"/;

/** Until it has told an alert, on standard output or in the file that the guide sends it to; then Ctrl-C. */
async function watchFor(block: Block, said: () => string): Promise<void> {
  const { child, stop } = desk.start(block);
  let out = '';
  child.stdout!.on('data', (chunk) => (out += String(chunk)));
  await until(`an alert of ${block.content}`, () => ALERT.test(out + said()) || child.exitCode !== null, 90_000);
  const { code, stderr } = await stop();
  expect(code, stderr).toBe(0);
  expect(out + said(), stderr).toMatch(ALERT);
  expect(stderr).toContain('1 campaign of coordinated posting');
}

test('every command of the guide does what it says', { timeout: 400_000 }, async () => {
  let watched = 0;
  await follow(desk, 'docs/quick-start-live.md', async (block) => {
    expect(block.role).toBe('live');
    const file = />> (\S+)/.exec(block.content)?.[1];
    await watchFor(block, () => (file !== undefined && desk.has(file) ? readFileSync(join(folder, file), 'utf8') : ''));
    watched++;
  });
  expect(watched).toBe(4);
  expect(mastodon.requests[0]!.url).toBe('/api/v1/streaming/public/local');
  expect(mastodon.requests[0]!.headers.authorization).toMatch(/^Bearer /);
  expect(desk.has('bluesky.cursor')).toBe(true);
  expect(parsedLines(readFileSync(join(folder, 'alerts.ndjson'), 'utf8')).length).toBeGreaterThan(0);
});
