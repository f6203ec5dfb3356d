/** Live sources against servers that speak their protocols, and drop, stall, repeat, reset, refuse and send garbage. */
import { once } from 'node:events';
import { createServer } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { parseSource } from '../../../src/consumers/feeds/address.ts';
import { LiveFeed, type LiveEvent, type LiveOptions } from '../../../src/consumers/feeds/source.ts';
import type { Format } from '../../../src/consumers/formats/format.ts';
import { ChorusError } from '../../../src/errors.ts';
import type { Decoded } from '../../../src/model.ts';
import {
  JetstreamServer,
  jetstreamPost,
  mastodonStatus,
  secondWire,
  sse,
  StreamServer,
} from '../../support/live-servers.ts';
import { until } from '../../kafka/support.ts';

const NOW_MS = Date.UTC(2026, 6, 4, 12);
const closing: (() => Promise<void>)[] = [];

afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

async function jetstream(): Promise<JetstreamServer> {
  const server = await new JetstreamServer().listen();
  closing.push(() => server.close());
  return server;
}

async function streams(): Promise<StreamServer> {
  const server = await new StreamServer().listen();
  closing.push(() => server.close());
  return server;
}

interface Reading {
  readonly feed: LiveFeed;
  readonly events: LiveEvent[];
  readonly decoded: Decoded[];
  readonly ids: () => string[];
  readonly waits: () => number[];
  readonly positionMs: number | undefined;
  /** Rejects with what ended it. */
  readonly done: Promise<void>;
  readonly stop: () => Promise<void>;
}

interface ReadOptions extends Partial<LiveOptions> {
  readonly format?: Format;
  readonly token?: string;
  readonly fromMs?: number;
  readonly nowMs?: () => number;
  /** Called for each batch, before the next is asked for. */
  readonly onBatch?: (feed: LiveFeed) => Promise<void>;
}

/** Waits between attempts take no time, and are told by the events. */
function read(source: string, options: ReadOptions = {}): Reading {
  const parsed = parseSource(source, options.format);
  if ('bound' in parsed) throw new Error(parsed.bound);
  const events: LiveEvent[] = [];
  const feed = new LiveFeed(
    parsed.protocol(() => options.token),
    {
      idleMs: 2000,
      queueBytesMax: 2 ** 20,
      recordBytesMax: 2 ** 20,
      ...options,
      clock: {
        nowMs: options.nowMs ?? (() => NOW_MS),
        random: () => 0.5,
        sleep: (_ms, signal) => (signal.aborted ? Promise.resolve() : new Promise((resolve) => setTimeout(resolve, 5))),
      },
      onEvent: (event) => events.push(event),
    },
  );
  const decoded: Decoded[] = [];
  const stopping = new AbortController();
  let position: number | undefined;
  const consume = async (): Promise<void> => {
    for await (const { records, positionMs } of feed.batches(stopping.signal, options.fromMs)) {
      for (let i = 0; i < records.count; i++) decoded.push(...[records.decode(i)].flat());
      position = positionMs;
      await options.onBatch?.(feed);
    }
  };
  const done = consume();
  const reading: Reading = {
    feed,
    events,
    decoded,
    ids: () =>
      decoded.flatMap((one) =>
        one.kind === 'post' ? [one.post.id] : one.kind === 'deletion' ? [`-${one.deletion.id}`] : [],
      ),
    waits: () => events.flatMap((event) => (event.kind === 'lost' ? [event.waitMs] : [])),
    get positionMs() {
      return position;
    },
    done,
    stop: async () => {
      stopping.abort();
      await done;
    },
  };
  reading.done.catch(() => undefined);
  closing.unshift(() => reading.stop().catch(() => undefined));
  return reading;
}

const post = (n: number, timeMs = NOW_MS - 60_000 + 1000 * n): ReturnType<typeof jetstreamPost> =>
  jetstreamPost(timeMs, `acc${n}`, `number ${n}`, `r${n}`);
const rkeys = ({ ids }: Reading): string[] => ids().map((id) => id.split('/').at(-1)!);
const lostReasons = ({ events }: Reading): string[] =>
  events.flatMap((event) => (event.kind === 'lost' ? [event.reason] : []));

describe('Jetstream', () => {
  test.each([false, true])(
    'is asked for posts, and resumes by the cursor after a reset (second wire: %s)',
    async (is2) => {
      const server = await jetstream();
      server.isSecondWire = is2;
      const event = (n: number): ReturnType<typeof post> => (is2 ? secondWire(post(n)) : post(n));
      const reading = read(server.url);
      await until('it is connected', () => server.connections === 1);
      for (let n = 0; n < 10; n++) server.emit(event(n));
      await until('all are there', () => reading.decoded.length === 10);
      expect(reading.positionMs).toBe(NOW_MS - 60_000 + 9000);
      server.reset();
      server.events.push(event(10), event(11));
      await until('those between are there', () => rkeys(reading).includes('r11'));
      const [first, second] = server.requests.map(({ searchParams }) => searchParams);
      expect(first!.get('cursor')).toBeNull();
      expect(first!.getAll(is2 ? 'collections' : 'wantedCollections')).toEqual(['app.bsky.feed.post']);
      expect(first!.get('maxMessageSizeBytes')).toBe(String(2 ** 20));
      // Five seconds before the last one: what is repeated is for the engine to drop.
      expect(second!.get('cursor')).toBe(String((NOW_MS - 60_000 + 4000) * 1000));
      expect(rkeys(reading).slice(10)).toEqual(['r4', 'r5', 'r6', 'r7', 'r8', 'r9', 'r10', 'r11']);
      expect(lostReasons(reading)).toEqual(['reset']);
      expect(reading.feed.counters).toMatchObject({ connections: 2, gaps: 0, records: 18, isConnected: true });
    },
  );

  test('a cursor that the server no longer has is a gap, told with its ends', async () => {
    const server = await jetstream();
    server.floorMs = NOW_MS - 60_000;
    server.events.push(post(0), post(1));
    const fromMs = NOW_MS - 3_600_000;
    const reading = read(server.url, { fromMs });
    await until('they are there', () => reading.decoded.length === 2);
    expect(reading.events).toContainEqual({ kind: 'gap', fromMs, toMs: NOW_MS - 60_000 });
    expect(reading.feed.counters).toMatchObject({ gaps: 1, gapMs: 3_540_000 });
  });

  test('a cursor that the second wire says to be outdated is a gap, however small', async () => {
    const server = await jetstream();
    server.isSecondWire = true;
    server.floorMs = NOW_MS - 60_000;
    server.events.push(secondWire(post(0)));
    const fromMs = NOW_MS - 62_000;
    const reading = read(server.url, { fromMs });
    await until('it is there', () => rkeys(reading).length === 1);
    expect(reading.events).toContainEqual({ kind: 'gap', fromMs, toMs: NOW_MS - 60_000 });
  });

  test('a cursor that is refused as too old is left behind', async () => {
    const server = await jetstream();
    server.refusals.push({ status: 400, body: '{"error":"CursorTooOld","message":"floor 9"}' });
    const reading = read(server.url, { fromMs: NOW_MS - 100_000 });
    await until('it is connected', () => server.connections === 1);
    expect(reading.events).toContainEqual({ kind: 'gap', fromMs: NOW_MS - 100_000, toMs: NOW_MS });
  });

  test('a connection on which nothing comes is dead, though it answers pings', async () => {
    const server = await jetstream();
    const reading = read(server.url, { idleMs: 200 });
    await until('it is connected twice', () => server.connections >= 2);
    expect(lostReasons(reading)[0]).toBe('stalled');
  });

  test('an error frame ends the connection, and what came before it stays', async () => {
    const server = await jetstream();
    server.isSecondWire = true;
    server.onConnection = (socket, count) => {
      if (count > 1) return;
      socket.send(secondWire(post(0)).text);
      socket.send('{"$type":"error","error":"ConsumerTooSlow","message":"slow"}');
      socket.send(secondWire(post(1)).text);
    };
    const reading = read(server.url);
    await until('it is connected again', () => server.connections === 2);
    expect(rkeys(reading)).toEqual(['r0']);
    expect(lostReasons(reading)).toEqual(['busy']);
  });

  test('garbage is rejected record by record, and the rest is read', async () => {
    const server = await jetstream();
    server.onConnection = (socket) => {
      for (const text of ['', '{', 'null', '{"kind":1}', '\u0000', '{"time_us":9e99,"did":"","kind":"commit"}']) {
        socket.send(text);
      }
      socket.send(Buffer.from([0xff, 0xfe, 0x00]));
      // In a year, which as a cursor would leave out what comes until then.
      socket.send(jetstreamPost(NOW_MS + 366 * 86_400_000, 'future', 'x', 'future').text);
      socket.send(post(3).text);
    };
    const reading = read(server.url);
    await until('all are there', () => reading.decoded.length === 9);
    expect(reading.decoded.map(({ kind }) => kind)).toEqual([
      'ignored',
      ...Array.from({ length: 6 }, () => 'rejection'),
      'post',
      'post',
    ]);
    expect(reading.positionMs).toBe(NOW_MS - 57_000);
  });

  test('a message of 100 MB is never in memory: met twice at one place, it is left behind as a gap', async () => {
    const server = await jetstream();
    const huge = Buffer.alloc(100_000_000, 97);
    server.onConnection = (socket, count) => {
      if (count <= 2) socket.send(huge);
      else socket.send(post(40).text);
    };
    const before = process.memoryUsage.rss();
    const reading = read(server.url, { fromMs: NOW_MS - 30_000 });
    await until('the post behind it', () => rkeys(reading).length === 1);
    expect(lostReasons(reading)).toEqual(['too_large', 'too_large']);
    expect(reading.feed.counters.gaps).toBe(1);
    // The server of this process has the message as well.
    expect(process.memoryUsage.rss() - before).toBeLessThan(3 * huge.length);
  });

  test('a record beyond the bound and below that of a message is one rejected record', async () => {
    const server = await jetstream();
    server.onConnection = (socket) => {
      socket.send(jetstreamPost(NOW_MS, 'a', 'x'.repeat(3000), 'long').text);
      socket.send(post(1).text);
    };
    const reading = read(server.url, { recordBytesMax: 2000 });
    await until('both are there', () => reading.decoded.length === 2);
    expect(reading.decoded[0]).toMatchObject({ kind: 'rejection', reason: 'line_too_long' });
  });

  test('a slow reader pauses the socket, and loses nothing', async () => {
    const server = await jetstream();
    const count = 4000;
    const padding = 'z'.repeat(2000);
    server.onConnection = (socket) => {
      for (let n = 0; n < count; n++) socket.send(jetstreamPost(NOW_MS - 60_000 + n, 'a', padding, `r${n}`).text);
    };
    let most = 0;
    const reading = read(server.url, {
      queueBytesMax: 100_000,
      onBatch: async ({ counters }) => {
        most = Math.max(most, counters.queueBytes);
        await new Promise((resolve) => setTimeout(resolve, 5));
        most = Math.max(most, counters.queueBytes);
      },
    });
    await until('all are there', () => reading.decoded.length === count);
    expect(rkeys(reading)).toEqual(Array.from({ length: count }, (_, n) => `r${n}`));
    expect(reading.feed.counters.pauses).toBeGreaterThan(1);
    // What one read of the socket holds may come behind the pause.
    expect(most).toBeLessThan(100_000 + 2 * 65_536 + 4096);
  });

  test('waits as the server asks at 429, more and more at 500, and ends at 401', async () => {
    const server = await jetstream();
    server.refusals.push(
      { status: 429, headers: { 'retry-after': '7' } },
      { status: 500 },
      { status: 503 },
      { status: 401, body: 'no\u001b[31m' },
    );
    const reading = read(server.url);
    const error = await reading.done.then(
      () => undefined,
      (cause: unknown) => cause as ChorusError,
    );
    expect(error?.code).toBe('feed_denied');
    expect(error?.message).toBe(
      `jetstream:ws://127.0.0.1:${server.port}/subscribe: the server answers 401 (no [31m): give a token that is valid there`,
    );
    expect(reading.waits()).toEqual([7500, 1000, 2000]);
    expect(lostReasons(reading)).toEqual(['busy', 'busy', 'busy']);
  });

  test('an address where nobody listens is tried again', async () => {
    const free = createServer().listen(0, '127.0.0.1');
    await once(free, 'listening');
    const { port } = free.address() as { port: number };
    await new Promise((resolve) => free.close(resolve));
    const reading = read(`jetstream:ws://127.0.0.1:${port}`);
    await until('three attempts', () => reading.events.length >= 3);
    expect(new Set(lostReasons(reading))).toEqual(new Set(['unreachable']));
  });

  test('a server that takes the connection and says nothing is given up by the time-out, and the signal ends the wait', async () => {
    const silent = createServer((socket) => void socket.on('error', () => undefined).resume()).listen(0, '127.0.0.1');
    await once(silent, 'listening');
    closing.push(() => new Promise((resolve) => silent.close(() => resolve())));
    const reading = read(`jetstream:ws://127.0.0.1:${(silent.address() as { port: number }).port}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
    await reading.stop();
    expect(reading.events).toEqual([]);
  });
});

describe('Mastodon', () => {
  const status = (id: number, text = `status ${id}`): Record<string, unknown> =>
    mastodonStatus(String(id), 'ann', text, NOW_MS - 1000);

  test('reads the stream with the token, at the host that the instance tells of', async () => {
    const server = await streams();
    const streaming = await streams();
    server.streaming = `ws://127.0.0.1:${streaming.port}`;
    streaming.onStream = (response) => {
      response.write(':thump\n' + sse('update', status(1)) + sse('notification', '{}'));
      response.write(sse('status.update', { ...status(1), edited_at: new Date(NOW_MS).toISOString() }));
      response.write(sse('delete', '1') + sse('delete', '999'));
    };
    const reading = read(`mastodon:${server.origin}/hashtag/news`, { token: 'secret' });
    await until('all are there', () => reading.decoded.length === 5);
    expect(streaming.requests[0]!.url).toBe('/api/v1/streaming/hashtag?tag=news');
    expect(streaming.requests[0]!.headers.authorization).toBe('Bearer secret');
    const uri = 'https://m.example/users/ann/statuses/1';
    // A deletion names what it deletes by the address that was seen, and one that was not by its id.
    expect(reading.ids()).toEqual([uri, uri, `-${uri}`, '-999']);
    expect(reading.decoded[3]).toMatchObject({ deletion: { createdAt: NOW_MS } });
    expect(reading.feed.name).not.toContain('secret');
  });

  test('what is sent while nobody listens is a gap; a heartbeat shows until when nothing is missing', async () => {
    const server = await streams();
    let nowMs = NOW_MS;
    const reading = read(`mastodon:${server.origin}`, { nowMs: () => nowMs });
    await until('it listens', () => server.streams.length === 1);
    server.streams[0]!.write(sse('update', status(1)));
    await until('it is there', () => reading.decoded.length === 1);
    const heard = reading.feed.counters.bytes;
    nowMs += 10_000;
    server.streams[0]!.write(':thump\n\n');
    await until('it is heard', () => reading.feed.counters.bytes > heard);
    nowMs += 3000;
    server.reset();
    await until('it listens again', () => server.streams.length === 2);
    await until('the gap is told', () => reading.feed.counters.gaps === 1);
    expect(reading.events.at(-1)).toEqual({ kind: 'gap', fromMs: NOW_MS + 10_000, toMs: NOW_MS + 13_000 });
    expect(lostReasons(reading)).toEqual(['reset']);
  });

  test('tells a stall, an end and a refused token apart', async () => {
    const server = await streams();
    server.onStream = (response, count) => {
      if (count === 2) response.end(sse('update', status(2)));
      if (count === 3) server.refusals.push({ status: 429, headers: { 'retry-after': '3' } }, { status: 403 });
      if (count === 3) response.end();
    };
    const reading = read(`mastodon:${server.origin}`, { idleMs: 200 });
    const error = await reading.done.then(
      () => undefined,
      (cause: unknown) => cause as ChorusError,
    );
    expect(error?.code).toBe('feed_denied');
    expect(lostReasons(reading)).toEqual(['stalled', 'closed', 'closed', 'busy']);
    expect(reading.waits().at(-1)).toBe(3000 + 4000);
    expect(reading.ids()).toHaveLength(1);
  });

  test('an event of 100 MB takes no memory and is one rejected record', async () => {
    const server = await streams();
    server.onStream = (response) => {
      response.write('event: update\ndata: ');
      const piece = 'x'.repeat(1_000_000);
      let left = 100;
      const more = (): void => {
        while (left-- > 0) if (!response.write(piece)) return void response.once('drain', more);
        response.write('\n\n' + sse('update', status(5)));
      };
      more();
    };
    const before = process.memoryUsage.rss();
    const reading = read(`mastodon:${server.origin}`);
    await until('both are there', () => reading.decoded.length === 2);
    expect(reading.decoded.map(({ kind }) => kind)).toEqual(['rejection', 'post']);
    expect(process.memoryUsage.rss() - before).toBeLessThan(80_000_000);
  });
});

describe('a stream of lines', () => {
  const line = (n: number): string =>
    JSON.stringify({ id: `p${n}`, platform: 'x', account: 'a', text: `t ${n}`, createdAt: NOW_MS });

  test('over HTTP: lines in any pieces, too long ones, garbage, a last line that is cut off', async () => {
    const server = await streams();
    server.contentType = 'application/x-ndjson';
    server.onStream = (response, count) => {
      if (count > 1) return;
      const text = `${line(1)}\r\n\r\n\n${line(2)}\n{nothing\n${'y'.repeat(5000)}\n${line(3)}\n${line(4).slice(0, 20)}`;
      for (let at = 0; at < text.length; at += 700) response.write(text.slice(at, at + 700));
      response.end();
    };
    const reading = read(`${server.origin}/feed?key=hidden`, { format: 'canonical', recordBytesMax: 4000, token: 't' });
    await until('it has ended and begun again', () => server.streams.length === 2);
    expect(reading.ids()).toEqual(['p1', 'p2', 'p3']);
    expect(reading.decoded.map((one) => (one.kind === 'rejection' ? one.reason : one.kind))).toEqual([
      'post',
      'post',
      'not_json',
      'line_too_long',
      'post',
    ]);
    expect(reading.feed.name).toBe(`${server.origin}/feed`);
    expect(server.requests[0]!.headers.authorization).toBe('Bearer t');
  });

  test('over a websocket: a message is a record or lines of them; a silent server that answers pings is alive', async () => {
    const server = await jetstream();
    server.onConnection = (socket) => {
      socket.send(line(1));
      socket.send(`${line(2)}\n\n${line(3)}\n`);
      socket.send(JSON.stringify(JSON.parse(line(4)), undefined, 2));
    };
    const reading = read(`ws://127.0.0.1:${server.port}/all`, { format: 'canonical', idleMs: 200 });
    await until('all are there', () => reading.decoded.length === 4);
    expect(reading.ids()).toEqual(['p1', 'p2', 'p3', 'p4']);
    await new Promise((resolve) => setTimeout(resolve, 600));
    expect(server.connections).toBe(1);
    // Half open: the peer is there and answers nothing any more.
    for (const client of server.clients) client.pause();
    await until('it is given up', () => server.connections === 2);
    expect(lostReasons(reading)).toEqual(['stalled']);
  });
});

describe('addresses', () => {
  test.each([
    ['jetstream', undefined],
    ['jetstream:wss://relay.example', undefined],
    ['mastodon:m.example', undefined],
    ['mastodon:https://m.example/public/local', undefined],
    ['wss://relay.example/x', 'nostr'],
  ] as const)('%s is one', (source, format) => {
    expect(parseSource(source, format)).toHaveProperty('protocol');
  });

  test.each([
    ['jetstream:https://relay.example', undefined, 'wss://HOST'],
    ['jetstream', 'mastodon', '--format jetstream'],
    ['mastodon:m.example/home', undefined, 'hashtag'],
    ['mastodon:', undefined, 'mastodon:HOST'],
    ['wss://relay.example/x', undefined, 'jetstream:wss://relay.example/x'],
    ['wss://relay.example/x', 'csv', '--format'],
    ['wss://relay.example/x', 'telegram', '--format'],
    ['https://user:pass@relay.example/x', 'canonical', 'without a user name'],
    ['posts.ndjson', undefined, 'HOST'],
  ] as const)('%s (%s) is none', (source, format, bound) => {
    const parsed = parseSource(source, format);
    expect('bound' in parsed && parsed.bound).toContain(bound);
  });
});
