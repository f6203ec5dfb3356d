/**
 * PromQL of the panels. Owns how series are named and selected: a metric that is not in METRICS is no name here, and every
 * selector keeps to the job and the instances that are chosen at the top of a dashboard.
 */
import { METRICS, type MetricName, type MetricSpec } from '../../src/metrics.ts';

export interface Query {
  readonly expr: string;
  /** With `{{label}}` for what tells the lines apart. */
  readonly legend: string;
  /** Where only the last value is shown. */
  readonly isInstant?: boolean;
  /** For the heat map of a histogram. */
  readonly isHeatmap?: boolean;
}

/** Of prom-client's own metrics, those that are shown; the port gives them the prefix of the others. */
export type ProcessMetric =
  | 'process_cpu_seconds_total'
  | 'process_max_fds'
  | 'process_open_fds'
  | 'process_resident_memory_bytes'
  | 'process_start_time_seconds'
  | 'nodejs_active_resources'
  | 'nodejs_eventloop_lag_p99_seconds'
  | 'nodejs_external_memory_bytes'
  | 'nodejs_gc_duration_seconds_sum'
  | 'nodejs_heap_space_size_used_bytes';

type Matchers = Readonly<Record<string, string>>;

const CHOSEN = 'job="$job", instance=~"$instance"';
const RATE = '[$__rate_interval]';

/** The series of a metric, as they are. */
export function series(name: MetricName | ProcessMetric, matchers: Matchers = {}): string {
  return selector(`chorus_${name}`, matchers);
}

/** Of the scrapes themselves. */
export function up(): string {
  return selector('up', {});
}

/** How fast a counter grows, summed over all that is not named. */
export function perSecond(
  name: MetricName | ProcessMetric,
  by: readonly string[] = [],
  matchers: Matchers = {},
): string {
  return summed(`rate(${series(name, matchers)}${RATE})`, by);
}

/** By how much a counter has grown over the range of the dashboard. */
export function grown(name: MetricName, by: readonly string[] = [], matchers: Matchers = {}): string {
  return summed(`increase(${series(name, matchers)}[$__range])`, by);
}

/** A quantile of a histogram. @param over a range; default: that of the rates */
export function quantile(of: number, name: MetricName, by: readonly string[] = [], over = RATE): string {
  return `histogram_quantile(${of}, sum by (${['le', ...by].join(', ')}) (rate(${bucket(name)}${over})))`;
}

/** The counts of a histogram, bucket by bucket. */
export function buckets(name: MetricName, matchers: Matchers = {}): string {
  return `sum by (le) (increase(${bucket(name, matchers)}${RATE}))`;
}

export function summed(expr: string, by: readonly string[] = []): string {
  return by.length === 0 ? `sum(${expr})` : `sum by (${by.join(', ')}) (${expr})`;
}

/** The greatest for each combination of these labels. */
export function greatest(expr: string, by: readonly string[] = []): string {
  return by.length === 0 ? `max(${expr})` : `max by (${by.join(', ')}) (${expr})`;
}

function bucket(name: MetricName, matchers: Matchers = {}): string {
  const { kind }: MetricSpec = METRICS[name];
  if (kind !== 'histogram') throw new Error(`${name} is a ${kind}, must be a histogram`);
  return selector(`chorus_${name}_bucket`, matchers);
}

function selector(name: string, matchers: Matchers): string {
  const more = Object.entries(matchers).map(([label, value]) => `, ${label}="${value}"`);
  return `${name}{${CHOSEN}${more.join('')}}`;
}
