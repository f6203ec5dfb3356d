/** `chorus watch` as people use it: a process beside local servers that speak the real protocols. */
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { alertBlock } from '../../src/cli/alert-block.ts';
import type { Alert } from '../../src/model.ts';
import { until } from '../kafka/support.ts';
import { alertOf } from '../support/alerts.ts';
import { chorus, start } from '../support/command.ts';
import { temporaryFolder } from '../support/feeds.ts';
import {
  JetstreamServer,
  jetstreamPost,
  mastodonStatus,
  sse,
  StreamServer,
  type Event,
} from '../support/live-servers.ts';

const folder = temporaryFolder();
const closing: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

interface Watching {
  readonly child: ChildProcess;
  readonly alerts: () => Alert[];
  readonly said: () => string;
  /** Ends it as Ctrl-C does. */
  readonly stop: () => Promise<number | null>;
}

function watch(args: readonly string[], env: Record<string, string> = {}): Watching {
  const child = start(['watch', ...args], env);
  let [out, err] = ['', ''];
  child.stdout!.on('data', (chunk) => (out += String(chunk)));
  child.stderr!.on('data', (chunk) => (err += String(chunk)));
  const closed = once(child, 'close');
  closing.unshift(async () => {
    child.kill('SIGKILL');
    await closed;
  });
  return {
    child,
    alerts: () =>
      out
        .split('\n')
        .slice(0, -1)
        .map((line) => JSON.parse(line) as Alert),
    said: () => err,
    stop: async () => {
      child.kill('SIGINT');
      const [code] = (await closed) as [number | null];
      return code;
    },
  };
}

const OTHER =
  'My neighbour Ilse waited eleven hours at Saint Brannoc clinic and nobody even told her why the doctors had left';
const TEXT = 'They sold the harbour bridge to a company that nobody has ever heard of, sign before Friday';
/** Eight accounts within eight seconds. */
const wave = (startMs: number, name: string, text: string): Event[] =>
  Array.from({ length: 8 }, (_, n) => jetstreamPost(startMs + 1000 * n, `${name}${n}`, text, `${name}-${n}`));

describe('chorus watch', () => {
  test('finds a campaign in a Jetstream; a new start with the cursor knows the window and tells nothing twice', async () => {
    const server = await new JetstreamServer().listen();
    closing.push(() => server.close());
    const cursor = join(folder, 'watch.cursor');
    const nowMs = Date.now();
    const args = [server.url, '--cursor', cursor, '--window', '10m'];

    const first = watch(args);
    await until('it is connected', () => server.connections === 1);
    // Of the second text four accounts, which are no alert: the others come to the next run.
    const [a, b] = [wave(nowMs - 300_000, 'a', TEXT), wave(nowMs - 200_000, 'b', OTHER)];
    for (const event of a) server.emit(event);
    for (const event of b.slice(0, 4)) server.emit(event);
    server.emit(jetstreamPost(nowMs - 150_000, 'z', 'good morning everybody', 'z1'));
    await until('an alert', () => first.alerts().length > 0);
    await until('a cursor', () => existsSync(cursor));
    expect(await first.stop()).toBe(0);
    expect(first.alerts()[0]).toMatchObject({ schema: 'chorus.alert.v1', status: 'open', platforms: { bluesky: 5 } });
    expect(first.said()).toContain('1 campaign of coordinated posting (1 opened, 0 merged');
    const told = first.alerts().map(({ id, revision }) => `${id} ${revision}`);
    const { positionMs } = JSON.parse(readFileSync(cursor, 'utf8')) as { positionMs: number };
    expect(positionMs).toBeGreaterThan(nowMs - 200_000);

    // While nobody watches.
    for (let n = 4; n < 8; n++) server.events.push(jetstreamPost(nowMs - 140_000 + n, `b${n}`, OTHER, `b-${n}`));
    server.events.push(jetstreamPost(nowMs - 60_000, 'z', 'good evening everybody', 'z2'));
    const second = watch(args);
    await until('it is connected', () => server.connections === 2);
    const asked = Number(server.requests[1]!.searchParams.get('cursor')) / 1000;
    // The window, what may come out of order, and what is always repeated.
    expect(asked).toBe(positionMs - 600_000 - 5000 - 5000);
    await until('what the second run adds', () => second.alerts().length > 0);
    expect(await second.stop()).toBe(0);
    for (const { id, revision } of second.alerts()) expect(told).not.toContain(`${id} ${revision}`);
    // Five accounts, of which the second run was there for four at the most.
    expect(second.alerts().map(({ status, accountCount, text }) => [status, accountCount, text])).toContainEqual([
      'open',
      5,
      OTHER,
    ]);
    expect(second.said()).toContain('known from before');
  });

  test('reads Mastodon with a token that nothing shows, and closes by the clock what an idle stream leaves open', async () => {
    const server = await new StreamServer().listen();
    closing.push(() => server.close());
    const nowMs = Date.now();
    server.onStream = (response) => {
      for (let n = 0; n < 8; n++) {
        response.write(sse('update', mastodonStatus(String(n), `m${n}`, TEXT, nowMs - 20_000 + n)));
      }
    };
    const watching = watch([`mastodon:${server.origin}/local`, '--window', '5s'], { CHORUS_FEED_TOKEN: 'hush-hush' });
    await until('it is closed, ten seconds after the last post', () =>
      watching.alerts().some(({ status }) => status === 'closed'),
    );
    expect(server.requests[0]!.headers.authorization).toBe('Bearer hush-hush');
    expect(await watching.stop()).toBe(0);
    expect(watching.said() + JSON.stringify(watching.alerts())).not.toContain('hush-hush');
  });

  test('ends with what the server says where no other attempt can do', async () => {
    const server = await new StreamServer().listen();
    closing.push(() => server.close());
    server.refusals.push({ status: 401, body: '{"error":"The access token is invalid"}' });
    const { code, stderr } = await chorus(['watch', `mastodon:${server.origin}`]);
    expect(code).toBe(1);
    expect(stderr).toContain(
      'the server answers 401 ({"error":"The access token is invalid"}): give a token that is valid there',
    );
  });

  test('ends in order when whoever reads the alerts has gone', async () => {
    const server = await new JetstreamServer().listen();
    closing.push(() => server.close());
    const watching = watch([server.url]);
    await until('it is connected', () => server.connections === 1);
    watching.child.stdout!.destroy();
    const ended = once(watching.child, 'close');
    for (const event of [...wave(Date.now() - 60_000, 'a', TEXT), jetstreamPost(Date.now(), 'z', 'x', 'z')])
      server.emit(event);
    expect((await ended)[0]).toBe(0);
  });

  test('tells all that is wrong, and connects to nothing', async () => {
    const { code, stderr } = await chorus(['watch', 'posts.ndjson', '--window', 'x', '--min-accounts', '1']);
    expect(code).toBe(2);
    for (const name of ['window', 'minAccounts']) expect(stderr).toContain(`chorus: ${name}: `);
    expect((await chorus(['watch', 'posts.ndjson'])).stderr).toContain('SOURCE: "posts.ndjson", must be jetstream');
    expect((await chorus(['watch'])).stderr).toContain('SOURCE: not given');
    expect((await chorus(['watch', 'http://m.example/x?key=k', '--format', 'csv'])).stderr).toContain('--format');
    const clear = await chorus(['watch', 'mastodon:http://m.example'], { env: { CHORUS_FEED_TOKEN: 'hush' } });
    expect(clear.stderr).toContain('must be https or wss where there is a token');
    expect(clear.stderr).not.toContain('hush');
  });
});

describe('the block of an alert', () => {
  test('says who, when, what, and why it may be innocent; and lets no text steer the terminal', () => {
    const posts = Array.from({ length: 12 }, (_, n) => ({
      account: `a${n}\u001b]0;x\u0007`,
      text: `${TEXT}\u202e\u001b[2J\nnext`,
      seconds: n,
    }));
    const block = alertBlock(
      alertOf('00000000000000ff', posts, {
        status: 'open',
        disclosedCount: 2,
        explanations: [
          {
            name: 'link_headline',
            share: 0.75,
            postCount: 9,
            description: 'the headline of one link',
            evidence: 'x',
            posts: [],
          },
        ],
      }),
      false,
    );
    expect(block).toMatch(
      /^OPEN {2}severity 40 {2}12 accounts, 12 posts, 1 variant {2}2025-02-04 09:00:00 to 09:00:11 UTC\n/,
    );
    expect(block).toContain('and 4 more');
    expect(block).toContain('2 accounts of them disclose an affiliation');
    expect(block).toContain('may be innocent: the headline of one link (75 % of the posts)');
    expect(block).toContain('00000000000000ff revision 1');
    expect(block.replaceAll('\n', '')).not.toMatch(/[\p{Cc}\u202e]/u);
  });
});
