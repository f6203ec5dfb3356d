import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Registry } from 'prom-client';
import { describe, expect, test } from 'vitest';
import { LOST_REASONS } from '../src/consumers/feeds/fault.ts';
import { METRICS, type MetricSpec } from '../src/metrics.ts';
import { IGNORED_REASONS, REJECTION_REASONS } from '../src/model.ts';
import { collectProcessMetrics } from '../src/runtime/health.ts';
import { ROOT } from './support/command.ts';

const SPECS = Object.entries(METRICS) as [string, MetricSpec][];

describe('the table of metrics', () => {
  test('has names, kinds and labels as Prometheus wants them', () => {
    for (const [name, { kind, labels, help, buckets }] of SPECS) {
      expect(name).toMatch(/^[a-z][a-z0-9]*(_[a-z0-9]+)*$/);
      expect([name, name.endsWith('_total')]).toEqual([name, kind === 'counter']);
      // Base units; what is counted has none.
      expect(name).not.toMatch(/_(ms|milliseconds|minutes|kb|mb|mib|percent)(_|$)/);
      expect([name, help]).toEqual([name, expect.stringMatching(/^[A-Z0-9].*[.]$/) as string]);
      expect([name, kind === 'histogram']).toEqual([name, buckets !== undefined]);
      expect(buckets ?? []).toEqual((buckets ?? []).toSorted((a, b) => a - b));
      for (const label of labels) expect(LABELS).toContain(label);
    }
  });

  test('is docs/metrics.md, row by row', () => {
    const text = readFileSync(join(ROOT, 'docs/metrics.md'), 'utf8');
    const rows = Array.from(
      text.matchAll(/^\| `(\w+)` +\| (\w+) +\| ([\w, —]+?) +\| (.+?) +\|$/gm),
      ([, ...row]) => row,
    );
    const expected = SPECS.map(([name, { kind, labels, help }]) => [name, kind, labels.join(', ') || '—', help]);
    expect(rows).toEqual(expected);
    for (const [what, reasons] of [
      ['Rejected', REJECTION_REASONS],
      ['Ignored', IGNORED_REASONS],
      ['Lost', LOST_REASONS],
    ] as const) {
      const line = new RegExp(`^- ${what}: ([^.]*)\\.`, 'm').exec(text)![1]!;
      expect(Array.from(line.matchAll(/`(\w+)`/g), ([, reason]) => reason)).toEqual(reasons);
    }
    const registry = new Registry();
    collectProcessMetrics(registry);
    const named = Array.from(text.matchAll(/`((?:process|nodejs)_\w+)`/g), ([, name]) => name).filter(
      (name) => !name!.endsWith('_'),
    );
    expect(named).toEqual(registry.getMetricsAsArray().map(({ name }) => name));
  });
});

/** Each has few values: none may stand for an account, a text, a bucket or a campaign. */
const LABELS = [
  'stage',
  'partition',
  'reason',
  'family',
  'status',
  'state',
  'worker',
  'version',
  'node',
  'topology',
  'sink',
  'source',
];
