/** What a load run concludes from figures, and the posts that it attacks with. */
import { once } from 'node:events';
import { connect, createServer, type AddressInfo } from 'node:net';
import { expect, test } from 'vitest';
import { lossesOf, outcomesOf, quantile, slopePerMinute, tableOf, type Figures } from '../../bench/load-figures.ts';
import { startProxy } from '../../bench/load-proxy.ts';
import { handoverOf, sinkFaults, startSlowSink, type SinkOutcome } from '../../bench/load-sink.ts';
import { inventedText, invalidValues, longestText } from '../../bench/load-scenarios.ts';
import { decodeCanonical } from '../../src/consumers/formats/canonical.ts';
import { parseExposition } from '../support/exposition.ts';

const START_MS = Date.UTC(2026, 0, 15);
const GOOD: Readonly<Record<string, number>> = {
  'records_consumed_total{stage="fingerprint"}': 20,
  posts_accepted_total: 9,
  posts_reposts_total: 1,
  posts_empty_total: 1,
  posts_late_total: 2,
  'posts_rejected_total{reason="not_json"}': 3,
  'posts_rejected_total{reason="time_ahead"}': 1,
  'posts_ignored_total{reason="no_text"}': 1,
  deletions_total: 1,
  tombstones_total: 1,
  'duplicates_total{stage="match"}': 2,
  'dead_letters_total{reason="not_json"}': 3,
  'dead_letters_total{reason="time_ahead"}': 1,
  'dead_letters_total{reason="late"}': 2,
  'chain_gaps_total{stage="match"}': 0,
};

function exposed(changes: Readonly<Record<string, number>> = {}) {
  const lines = Object.entries({ ...GOOD, ...changes }).map(([name, value]) => `chorus_${name} ${value}`);
  return parseExposition(lines.join('\n'));
}

test('nothing is lost where every record has one outcome', () => {
  expect(lossesOf(exposed(), 20)).toEqual([]);
  expect(outcomesOf(exposed())).toMatchObject({ accepted: 9, duplicate: 2, rejected: { not_json: 3, time_ahead: 1 } });
});

test.each([
  ['a record that was not read', exposed(), 21, '21 records were sent and 20 read'],
  ['a record without an outcome', exposed({ posts_late_total: 1 }), 20, '20 records were read and 19 accounted for'],
  ['a record with two', exposed({ posts_accepted_total: 10 }), 20, '20 records were read and 21 accounted for'],
  ['a gap', exposed({ 'chain_gaps_total{stage="match"}': 1 }), 20, 'chorus_chain_gaps_total is 1, must be 0'],
  ['a lost dead letter', exposed({ 'dead_letters_total{reason="late"}': 1 }), 20, '6 rejected or late, 5 dead letters'],
])('tells of %s', (_, exposition, sent, fault) => {
  expect(lossesOf(exposition, sent)).toContain(fault);
});

test('the slope leaves the warm-up out', () => {
  const samples = Array.from({ length: 30 }, (_, i) => {
    return {
      seconds: i * 10,
      rssBytes: i < 10 ? i * 1e9 : 1e10 + i * 5e6,
      diskBytes: 7,
      lagRecords: 0,
      sinkBehind: 0,
      sinkQueued: 0,
      cpuSeconds: 0,
    };
  });
  expect(slopePerMinute(samples, ({ rssBytes }) => rssBytes / 1e6)).toBeCloseTo(30, 6);
  expect(slopePerMinute(samples, ({ diskBytes }) => diskBytes)).toBe(0);
  expect(slopePerMinute(samples.slice(0, 1), ({ rssBytes }) => rssBytes)).toBe(0);
});

test('what a slow sink has is what the topic has, less what is given up and what waits', () => {
  const handover = { sent: 3, failed: 1, dropped: 0, behind: 0, queued: 0 };
  const good: SinkOutcome = {
    published: new Set(['a:1', 'a:2', 'b:1']),
    taken: ['a:1', 'b:1', 'a:2'],
    handover,
    behindMax: 2,
    queuedMax: 2,
  };
  expect(sinkFaults(good)).toEqual([]);
  // Twice after a crash, and late: no loss.
  expect(sinkFaults({ ...good, taken: ['a:1', 'b:1', 'b:1', 'a:2'], handover: { ...handover, sent: 4 } })).toEqual([]);
  const two = { ...good, taken: ['a:1', 'b:1'], handover: { ...handover, sent: 2 } };
  expect(sinkFaults(two)).toEqual(['1 alerts did not come, of which 0 were given up and 0 wait']);
  expect(sinkFaults({ ...two, handover: { ...two.handover, behind: 1 } })).toEqual([]);
  expect(sinkFaults({ ...two, handover: { ...two.handover, dropped: 1 } })).toEqual([]);
  expect(sinkFaults({ ...good, handover: { ...handover, sent: 5 } })).toEqual([
    '3 alerts came and 5 are counted as sent',
  ]);
  expect(sinkFaults({ ...good, published: new Set(['a:1', 'a:2']) })).toEqual([
    '1 alerts came that are not in the topic',
  ]);
  expect(sinkFaults({ ...good, taken: ['a:2', 'b:1', 'a:1'] })).toEqual([
    '1 revisions came behind a later one of their alert',
  ]);
  expect(sinkFaults({ ...good, queuedMax: 600 })).toEqual(['600 alerts wait in memory, must be at most 512']);
  expect(sinkFaults({ ...good, behindMax: 1 })).toEqual(['the sink was not slow, or did not fail: nothing is shown']);
  const exposition = parseExposition(
    'chorus_sink_sent_total{sink="x"} 3\nchorus_sink_failed_total{sink="x",reason="timeout"} 1\nchorus_sink_failed_total{sink="x",reason="other"} 2\nchorus_sink_lag_records{sink="x"} 7\n',
  );
  expect(handoverOf(exposition)).toEqual({ sent: 3, failed: 3, dropped: 0, behind: 7, queued: 0 });
});

test('the slow sink takes its time, refuses some, and keeps what it has taken', async () => {
  const sink = await startSlowSink({ delayMs: 30, refusedEach: 3 });
  try {
    const [{ url }] = sink.settings['sinks'] as [{ url: string }];
    const startMs = performance.now();
    const statuses: number[] = [];
    for (let i = 0; i < 4; i++) {
      const { status } = await fetch(url, { method: 'POST', body: '{}', headers: { 'webhook-id': `a:${i}` } });
      statuses.push(status);
    }
    expect(statuses).toEqual([204, 204, 503, 204]);
    expect(performance.now() - startMs).toBeGreaterThanOrEqual(119);
    expect(sink.taken).toEqual(['a:0', 'a:1', 'a:3']);
  } finally {
    await sink.stop();
  }
});

test('quantiles of sorted values', () => {
  const values = Array.from({ length: 100 }, (_, i) => i);
  expect([0, 0.5, 0.99, 1].map((share) => quantile(values, share))).toEqual([0, 50, 99, 99]);
  expect(quantile([], 0.5)).toBeUndefined();
});

test('a table has a line for each scenario, of one width', () => {
  const row: Figures = {
    scenario: 'steady',
    sent: 20,
    perSecond: 3.6,
    drainSeconds: 1.26,
    p50Ms: undefined,
    p99Ms: 7,
    cpuMicrosecondsPerPost: 5.4,
    rssMegabytes: { start: 1, end: 2, max: 3 },
    rssMegabytesPerMinute: 0,
    diskMegabytesPerMinute: 0,
    lagMaxRecords: 4,
    outcomes: outcomesOf(exposed()),
    planted: { posted: 2, found: 1 },
    alerts: { open: 1, closed: 1 },
    largestAlertBytes: 9,
    bucketsCapped: 0,
    complaints: {},
    faults: ['one'],
  };
  const [head, first, ...rest] = tableOf([row]).split('\n');
  expect(rest).toEqual([]);
  expect(first!.length).toBe(head!.length);
  expect(first!.trim().split(/ {2,}/)).toEqual([
    'steady',
    '20',
    '4',
    '1.3',
    '-',
    '7',
    '5',
    '1',
    '2',
    '0.0',
    '0.0',
    '4',
    '4',
    '2',
    '1/2',
    '2',
    '1',
  ]);
});

test('every value that is to be rejected is', () => {
  const values = invalidValues(1, START_MS).filter((value) => typeof value === 'string');
  expect(values.length).toBeGreaterThan(10);
  for (const value of values) {
    expect(decodeCanonical(value).kind, value.slice(0, 80)).toBe('rejection');
  }
});

test('the longest texts are as long as a text may be, and taken', () => {
  for (let kind = 0; kind < 5; kind++) {
    const text = longestText(kind, 3);
    expect(text).toHaveLength(65_536);
    const post = { id: '1', platform: 'bench', account: 'a', text, createdAt: START_MS };
    expect(decodeCanonical(JSON.stringify(post)).kind).toBe('post');
  }
});

test('invented texts share no word', () => {
  const words = Array.from({ length: 100 }, (_, i) => inventedText(i, 12).split(' ')).flat();
  expect(new Set(words).size).toBeGreaterThan(0.97 * words.length);
});

test('the proxy holds every piece back, each way, and leaves none out', async () => {
  const server = createServer((socket) => socket.pipe(socket)).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const proxy = await startProxy(port, 30);
  try {
    const own = Number(Object.values(proxy.environment)[0]!.split(':')[1]);
    const socket = connect({ port: own, host: '127.0.0.1' });
    const startMs = performance.now();
    socket.write('x'.repeat(500_000));
    let read = 0;
    for await (const piece of socket) {
      read += (piece as Buffer).length;
      if (read >= 500_000) break;
    }
    expect(read).toBe(500_000);
    expect(performance.now() - startMs).toBeGreaterThanOrEqual(59);
  } finally {
    await proxy.stop();
    server.close();
  }
});
