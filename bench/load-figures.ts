/** What a load run says in the end: whether every record is accounted for, and its figures. Pure, so that it can be tested. */
import type { Exposition } from '../test/support/exposition.ts';

export interface Sample {
  readonly seconds: number;
  readonly rssBytes: number;
  readonly diskBytes: number;
  readonly lagRecords: number;
  /** Alerts that a sink has still to deal with, and those of them in memory. */
  readonly sinkBehind: number;
  readonly sinkQueued: number;
  /** Of the process, since it began. */
  readonly cpuSeconds: number;
}

export interface Outcomes {
  readonly read: number;
  readonly accepted: number;
  readonly duplicate: number;
  readonly reposts: number;
  readonly empty: number;
  readonly late: number;
  readonly deletions: number;
  readonly ignored: number;
  readonly rejected: Readonly<Record<string, number>>;
  /** Ticks and records without a value. */
  readonly other: number;
}

export interface Figures {
  readonly scenario: string;
  readonly sent: number;
  /** From the first record to the last that is done. */
  readonly perSecond: number;
  /** Until no record waits, once the feed has ended. */
  readonly drainSeconds: number;
  readonly p50Ms: number | undefined;
  readonly p99Ms: number | undefined;
  readonly cpuMicrosecondsPerPost: number;
  readonly rssMegabytes: { readonly start: number; readonly end: number; readonly max: number };
  readonly rssMegabytesPerMinute: number;
  readonly diskMegabytesPerMinute: number;
  readonly lagMaxRecords: number;
  readonly outcomes: Outcomes;
  readonly planted: { readonly posted: number; readonly found: number };
  readonly alerts: Readonly<Record<string, number>>;
  readonly largestAlertBytes: number;
  readonly bucketsCapped: number;
  /** Of a scenario with a sink. */
  readonly sink?: SinkFigures;
  /** Log lines of level warn and error, and what is no log line, with how often. */
  readonly complaints: Readonly<Record<string, number>>;
  /** What is not as it must be. */
  readonly faults: readonly string[];
}

export interface SinkFigures {
  readonly published: number;
  readonly sent: number;
  readonly failed: number;
  readonly dropped: number;
  readonly behindMax: number;
  /** Alerts that it had still to deal with in the end. */
  readonly behind: number;
}

/** Of sorted values; undefined without any. */
export function quantile(sorted: readonly number[], share: number): number | undefined {
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))];
}

/** Least squares, in units of `value` a minute; the first third of the samples warms up. 0 for fewer than two that count. */
export function slopePerMinute(samples: readonly Sample[], value: (sample: Sample) => number): number {
  const counted = samples.slice(Math.floor(samples.length / 3));
  if (counted.length < 2) return 0;
  const meanOf = (of: (sample: Sample) => number): number =>
    counted.reduce((sum, sample) => sum + of(sample), 0) / counted.length;
  const meanSeconds = meanOf(({ seconds }) => seconds);
  const meanValue = meanOf(value);
  const covariance = meanOf((sample) => (sample.seconds - meanSeconds) * (value(sample) - meanValue));
  const variance = meanOf(({ seconds }) => (seconds - meanSeconds) ** 2);
  return variance === 0 ? 0 : (covariance / variance) * 60;
}

export function byLabel({ samples }: Exposition, name: string, label: string): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const sample of samples) {
    const key = sample.labels[label];
    if (sample.name === name && key !== undefined && sample.value > 0) counts[key] = (counts[key] ?? 0) + sample.value;
  }
  return counts;
}

const sumOf = (counts: Readonly<Record<string, number>>): number =>
  Object.values(counts).reduce((sum, n) => sum + n, 0);

export function outcomesOf(exposition: Exposition): Outcomes {
  const count = (name: string, labels: Readonly<Record<string, string>> = {}): number =>
    exposition.value(`chorus_${name}`, labels) ?? 0;
  return {
    read: count('records_consumed_total', { stage: 'fingerprint' }),
    accepted: count('posts_accepted_total'),
    duplicate: count('duplicates_total', { stage: 'match' }),
    reposts: count('posts_reposts_total'),
    empty: count('posts_empty_total'),
    late: count('posts_late_total'),
    deletions: count('deletions_total'),
    ignored: sumOf(byLabel(exposition, 'chorus_posts_ignored_total', 'reason')),
    rejected: byLabel(exposition, 'chorus_posts_rejected_total', 'reason'),
    other: count('ticks_total') + count('tombstones_total'),
  };
}

/**
 * What is lost or counted twice, where the feed had `sent` records of one thing each, all are read, the window has one partition
 * and nothing has left it. A duplicate is known to the second stage, so the first has accepted it.
 */
export function lossesOf(exposition: Exposition, sent: number): string[] {
  const outcomes = outcomesOf(exposition);
  const { read, accepted, reposts, empty, late, deletions, ignored, rejected, other } = outcomes;
  const accounted = accepted + reposts + empty + late + deletions + ignored + sumOf(rejected) + other;
  const faults: string[] = [];
  if (read !== sent) faults.push(`${sent} records were sent and ${read} read`);
  if (accounted !== read) faults.push(`${read} records were read and ${accounted} accounted for`);
  for (const name of ['chorus_chain_gaps_total', 'chorus_entries_late_total', 'chorus_stage_restarts_total']) {
    const value = exposition.value(name) ?? 0;
    if (value !== 0) faults.push(`${name} is ${value}, must be 0`);
  }
  const dead = sumOf(byLabel(exposition, 'chorus_dead_letters_total', 'reason'));
  if (dead !== late + sumOf(rejected)) faults.push(`${late + sumOf(rejected)} rejected or late, ${dead} dead letters`);
  return faults;
}

const COLUMNS: readonly (readonly [string, (figures: Figures) => string | number | undefined])[] = [
  ['scenario', ({ scenario }) => scenario],
  ['sent', ({ sent }) => sent],
  ['posts/s', ({ perSecond }) => Math.round(perSecond)],
  ['drain s', ({ drainSeconds }) => drainSeconds.toFixed(1)],
  ['p50 ms', ({ p50Ms }) => p50Ms],
  ['p99 ms', ({ p99Ms }) => p99Ms],
  ['µs/post', ({ cpuMicrosecondsPerPost }) => Math.round(cpuMicrosecondsPerPost)],
  ['MB start', ({ rssMegabytes }) => rssMegabytes.start],
  ['MB end', ({ rssMegabytes }) => rssMegabytes.end],
  ['MB/min', ({ rssMegabytesPerMinute }) => rssMegabytesPerMinute.toFixed(1)],
  ['disk MB/min', ({ diskMegabytesPerMinute }) => diskMegabytesPerMinute.toFixed(1)],
  ['lag max', ({ lagMaxRecords }) => lagMaxRecords],
  ['rejected', ({ outcomes }) => sumOf(outcomes.rejected)],
  ['late', ({ outcomes }) => outcomes.late],
  ['planted', ({ planted }) => `${planted.found}/${planted.posted}`],
  ['alerts', ({ alerts }) => sumOf(alerts)],
  ['faults', ({ faults }) => faults.length],
];

export function tableOf(rows: readonly Figures[]): string {
  const cells = [
    COLUMNS.map(([title]) => title),
    ...rows.map((row) => COLUMNS.map(([, of]) => String(of(row) ?? '-'))),
  ];
  const widths = COLUMNS.map((_, i) => Math.max(...cells.map((line) => line[i]!.length)));
  return cells.map((line) => line.map((cell, i) => cell.padStart(widths[i]!)).join('  ')).join('\n');
}
