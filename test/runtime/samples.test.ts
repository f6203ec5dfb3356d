import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { ChorusError, InvariantError } from '../../src/errors.ts';
import { SourceChain } from '../../src/frames/chain.ts';
import type { Sample } from '../../src/metrics.ts';
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
