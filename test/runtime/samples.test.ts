import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { LOST_REASONS, type LostReason } from '../../src/consumers/feeds/fault.ts';
import type { LiveCounters } from '../../src/consumers/feeds/source.ts';
import { ChorusError, InvariantError } from '../../src/errors.ts';
import { SourceChain } from '../../src/frames/chain.ts';
import type { Sample } from '../../src/metrics.ts';
import { REJECTION_REASONS } from '../../src/model.ts';
import { liveSamples } from '../../src/runtime/live-samples.ts';
import { isGap, partitionSamples, type PartitionReport } from '../../src/runtime/stage-samples.ts';
import { memoryLimitBytes, ThreadWatch } from '../../src/runtime/thread-samples.ts';
import { watermarkSamples, watermarksOf } from '../../src/runtime/watermark-samples.ts';

const named = (samples: readonly Sample[]): Record<string, number> =>
  Object.fromEntries(
    samples.map(({ name, labels, value }) => [
      labels['state'] === undefined ? name : `${name} ${labels['state']}`,
      value,
    ]),
  );

test('a watermark tells how far event time has come, and which source holds it back', () => {
  const chain = new SourceChain(3);
  const of = (): Record<string, number> => named(watermarkSamples({}, watermarksOf(chain, 3)));
  const now = Date.now();
  expect(of()).toMatchObject({
    watermark_seconds: -Infinity,
    sources_silent: 3,
    watermark_holdback_source: 0,
    watermark_spread_seconds: 0,
  });
  chain.pass(0, { from: 0, to: 1, watermark: now - 1000 });
  chain.pass(2, { from: 0, to: 1, watermark: now - 9000 });
  // Of the two that have spoken one is 8 s behind; what holds all back is the silent one.
  expect(of()).toMatchObject({
    sources_silent: 1,
    watermark_holdback_source: 1,
    watermark_spread_seconds: 8,
    watermark_seconds: -Infinity,
  });
  chain.pass(1, { from: 0, to: 1, watermark: now - 2000 });
  const last = of();
  expect(last).toMatchObject({
    sources_silent: 0,
    watermark_holdback_source: 2,
    watermark_spread_seconds: 8,
    watermark_seconds: (now - 9000) / 1000,
  });
  expect(last['watermark_lag_seconds']).toBeGreaterThanOrEqual(9);
  expect(last['watermark_lag_seconds']).toBeLessThan(20);
  // Time may run ahead, for a tick at the end of all.
  for (const source of [0, 1, 2]) chain.pass(source, { from: 1, to: 2, watermark: 8e15 });
  expect(of()['watermark_lag_seconds']).toBe(0);
});

test('a partition is in one state, and a restore comes to its end', () => {
  const report: PartitionReport = {
    partition: 3,
    state: 'restoring',
    position: -1,
    high: 100,
    lagRecords: 40,
    lagSeconds: 2,
    watermark: undefined,
    restore: { isOver: false, done: 30, total: 120, seconds: 7 },
  };
  const samples = partitionSamples('match', report);
  for (const { labels } of samples) expect(labels).toMatchObject({ stage: 'match', partition: '3' });
  expect(named(samples)).toEqual({
    position: -1,
    lag_records: 40,
    lag_seconds: 2,
    'task_state restoring': 1,
    'task_state running': 0,
    'task_state paused': 0,
    restore_done_ratio: 0.25,
    restore_remaining_records: 90,
    restore_seconds: 7,
  });
  const over = { ...report, state: 'running' as const, restore: { isOver: true, done: 0, total: 0, seconds: 9 } };
  expect(named(partitionSamples('match', over))).toMatchObject({
    'task_state running': 1,
    'task_state restoring': 0,
    restore_done_ratio: 1,
    restore_remaining_records: 0,
    restore_seconds: 9,
  });
});

test('a live source tells every reason from the start, and how far behind all is stored', () => {
  const lost = Object.fromEntries(LOST_REASONS.map((reason) => [reason, 0])) as Record<LostReason, number>;
  const feed: LiveCounters = {
    isConnected: true,
    connections: 3,
    lost: { ...lost, busy: 2 },
    records: 90,
    bytes: 9000,
    gaps: 1,
    gapMs: 2500,
    queueBytes: 70,
    queueBytesMax: 700,
    pauses: 4,
  };
  const ingest = { records: 91, posts: 60, deletions: 5, ignored: 20, rejected: 6, written: 64, deadLetters: 6 };
  const progress = {
    source: 'jetstream',
    feed,
    ingest: { ...ingest, rejectedByReason: new Map([['not_json' as const, 6]]), waiting: 1, retries: 8 },
    safeMs: 40_000,
  };
  const samples = liveSamples(progress, 41_500);
  for (const { labels } of samples) expect(labels).toMatchObject({ source: 'jetstream' });
  expect(named(samples.filter(({ labels }) => labels['reason'] === undefined))).toEqual({
    live_connected: 1,
    live_connections_total: 3,
    live_gaps_total: 1,
    live_gap_seconds_total: 2.5,
    live_records_total: 90,
    live_bytes_total: 9000,
    live_posts_total: 60,
    live_deletions_total: 5,
    live_ignored_total: 20,
    live_stored_total: 64,
    live_dead_letters_total: 6,
    live_retries_total: 8,
    live_lag_seconds: 1.5,
    live_queue_bytes: 70,
    live_queue_limit_bytes: 700,
    live_pauses_total: 4,
    live_waiting_records: 1,
  });
  const of = (name: string): (readonly [string, number])[] =>
    samples.filter((sample) => sample.name === name).map(({ labels, value }) => [labels['reason']!, value] as const);
  expect(of('live_lost_total')).toEqual(LOST_REASONS.map((reason) => [reason, reason === 'busy' ? 2 : 0]));
  expect(of('live_rejected_total')).toEqual(REJECTION_REASONS.map((reason) => [reason, reason === 'not_json' ? 6 : 0]));
  const lagOf = (safeMs: number | undefined): number | undefined =>
    named(liveSamples({ ...progress, safeMs }, 41_500))['live_lag_seconds'];
  // A source may run ahead of the clock; nothing is stored before something is.
  expect([lagOf(50_000), lagOf(undefined)]).toEqual([0, NaN]);
});

test('what counts as a gap', () => {
  expect(isGap(new InvariantError('F1', 'x'))).toBe(true);
  expect(isGap(new ChorusError('offset_lost', 'x'))).toBe(true);
  expect(isGap(new ChorusError('snapshot_lost', 'x'))).toBe(true);
  for (const other of [new InvariantError('F4', 'x'), new ChorusError('partition_lost', 'x'), new TypeError('x')]) {
    expect(isGap(other)).toBe(false);
  }
});

test('a thread tells how long it stood still, whoever asks and however often', async () => {
  const watch = new ThreadWatch(2);
  try {
    await sleep(50);
    const before = named(watch.samples());
    const endMs = performance.now() + 250;
    while (performance.now() < endMs);
    // Asked before its own look comes, and twice.
    for (let i = 0; i < 2; i++) {
      const { worker_blocked_seconds: blocked = 0, worker_busy_seconds_total: busy = 0 } = named(watch.samples());
      expect(blocked).toBeGreaterThan(0.2);
      expect(blocked).toBeLessThan(5);
      expect(busy).toBeGreaterThan(before['worker_busy_seconds_total']! + 0.1);
    }
    for (const { labels } of watch.samples()) expect(labels).toEqual({ worker: '2' });
    expect(before['worker_heap_bytes']).toBeGreaterThan(1e6);
    expect(before['worker_heap_limit_bytes']).toBeGreaterThan(before['worker_heap_bytes']!);
  } finally {
    watch.close();
  }
  expect(memoryLimitBytes()).toBeGreaterThan(1e8);
  expect(memoryLimitBytes()).toBeLessThan(1e15);
});
