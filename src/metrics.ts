/**
 * Every metric of Chorus: its name, kind, labels and meaning. Parts count in plain numbers and hand samples over when they
 * are asked; the port (runtime/health.ts) renders them.
 *
 * Names follow the habits of Prometheus: one prefix, base units, `_total` for what only grows. No label has more values than
 * there are partitions, reasons, families or states: never an account, a bucket or a campaign.
 */
export interface MetricSpec {
  readonly kind: 'counter' | 'gauge' | 'histogram';
  readonly help: string;
  readonly labels: readonly string[];
  /** Upper bounds of a histogram. */
  readonly buckets?: readonly number[];
}

const SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
const PARTITION = ['stage', 'partition'];

export const METRICS = {
  records_consumed_total: { kind: 'counter', help: 'Records read from the log of a stage.', labels: ['stage'] },
  records_produced_total: { kind: 'counter', help: 'Records written by a stage.', labels: ['stage'] },
  batches_total: { kind: 'counter', help: 'Batches that a stage has worked on.', labels: ['stage'] },
  batch_seconds: {
    kind: 'histogram',
    help: 'Time from a batch to its acknowledged effects.',
    labels: ['stage'],
    buckets: SECONDS,
  },
  posts_accepted_total: { kind: 'counter', help: 'Posts that made an entry.', labels: [] },
  posts_reposts_total: { kind: 'counter', help: 'Native reposts, which make no links.', labels: [] },
  posts_empty_total: { kind: 'counter', help: 'Posts without a letter to compare.', labels: [] },
  posts_late_total: { kind: 'counter', help: 'Posts behind the watermark of their source.', labels: [] },
  posts_rejected_total: { kind: 'counter', help: 'Records that are no posts, by reason.', labels: ['reason'] },
  tombstones_total: { kind: 'counter', help: 'Records of the feed without a value.', labels: [] },
  ticks_total: { kind: 'counter', help: 'Ticks read from the feed.', labels: [] },
  duplicates_total: {
    kind: 'counter',
    help: 'Posts delivered again, by the stage that has noticed.',
    labels: ['stage'],
  },
  entries_repeated_total: { kind: 'counter', help: 'Entries that came again in frames sent twice.', labels: ['stage'] },
  entries_late_total: {
    kind: 'counter',
    help: 'Entries behind a watermark that their source had declared.',
    labels: [],
  },
  entries_pending: { kind: 'gauge', help: 'Entries that wait for the slowest source.', labels: PARTITION },
  frames_retained: { kind: 'gauge', help: 'Frames of fingerprints that the window needs.', labels: PARTITION },
  frames_retained_bytes: { kind: 'gauge', help: 'Bytes that it takes to know of them.', labels: PARTITION },
  watermark_seconds: { kind: 'gauge', help: 'Event time that has been passed, since 1970.', labels: PARTITION },
  watermark_holdback_source: { kind: 'gauge', help: 'The source with the least watermark.', labels: PARTITION },
  window_nodes: {
    kind: 'gauge',
    help: 'Text nodes in the window, and those that wait to be let go.',
    labels: PARTITION,
  },
  window_bytes: { kind: 'gauge', help: 'Bytes of the bucket index.', labels: PARTITION },
  bucket_lookups_total: { kind: 'counter', help: 'Buckets looked up.', labels: ['family'] },
  candidates_total: { kind: 'counter', help: 'Texts compared.', labels: ['family'] },
  links_total: { kind: 'counter', help: 'Verified links.', labels: ['family'] },
  bucket_largest: { kind: 'gauge', help: 'Most entries walked in one bucket.', labels: PARTITION },
  buckets_capped_total: { kind: 'counter', help: 'Buckets with more nodes than are compared.', labels: [] },
  cache_hits_total: { kind: 'counter', help: 'Pieces of evidence found in memory.', labels: [] },
  cache_misses_total: { kind: 'counter', help: 'Pieces of evidence read from the store.', labels: [] },
  store_batches_total: { kind: 'counter', help: 'Batches written to stores.', labels: [] },
  store_put_bytes_total: { kind: 'counter', help: 'Bytes written to stores.', labels: [] },
  store_disk_bytes: { kind: 'gauge', help: 'Bytes of a store on disk.', labels: PARTITION },
  store_buffer_bytes: { kind: 'gauge', help: 'Bytes of a store that wait in memory.', labels: PARTITION },
  campaign_nodes: { kind: 'gauge', help: 'Text nodes that the campaign stage holds.', labels: [] },
  events_pending: { kind: 'gauge', help: 'Events that wait for the slowest match partition.', labels: [] },
  alerts_total: { kind: 'counter', help: 'Revisions of alerts published, by status.', labels: ['status'] },
  snapshots_total: { kind: 'counter', help: 'Snapshots of the campaign stage.', labels: [] },
  snapshot_bytes: { kind: 'gauge', help: 'Bytes of the last snapshot.', labels: [] },
  position: {
    kind: 'gauge',
    help: 'Offset behind the last batch that is done; -1 while restoring.',
    labels: PARTITION,
  },
  lag_records: { kind: 'gauge', help: 'Records of the log that are not done.', labels: PARTITION },
  task_restoring: { kind: 'gauge', help: '1 while a partition restores its state.', labels: PARTITION },
  restore_done_ratio: { kind: 'gauge', help: 'How much of a restore is done.', labels: PARTITION },
  rebalances_total: {
    kind: 'counter',
    help: 'Generations of the group that this member was part of.',
    labels: ['stage'],
  },
  rebalance_seconds_total: { kind: 'counter', help: 'Time between generations.', labels: ['stage'] },
  commits_total: { kind: 'counter', help: 'Commits of positions.', labels: ['stage'] },
  commit_seconds_total: { kind: 'counter', help: 'Time spent on them.', labels: ['stage'] },
} as const satisfies Readonly<Record<string, MetricSpec>>;

export type MetricName = keyof typeof METRICS;

export interface Sample {
  readonly name: MetricName;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** One sample of each name and labels: parts that count the same things are added up. */
export function sumSamples(samples: readonly Sample[]): Sample[] {
  const counted = new RetiredSamples();
  counted.retire(samples);
  return [...counted.with([]), ...samples.filter(({ name }) => METRICS[name].kind !== 'counter')];
}

/** Samples of parts that come and go: what they counted stays when they are gone, what they were at does not. */
export class RetiredSamples {
  readonly #totals = new Map<string, Sample>();

  /** Remembers the counters of a part that ends. */
  retire(samples: readonly Sample[]): void {
    for (const sample of samples) {
      if (METRICS[sample.name].kind !== 'counter') continue;
      const key = `${sample.name} ${JSON.stringify(sample.labels)}`;
      this.#totals.set(key, { ...sample, value: sample.value + (this.#totals.get(key)?.value ?? 0) });
    }
  }

  /** The sums over what has ended and what is alive. */
  with(alive: readonly Sample[]): Sample[] {
    const sums = new Map(this.#totals);
    for (const sample of alive) {
      const key = `${sample.name} ${JSON.stringify(sample.labels)}`;
      const before = METRICS[sample.name].kind === 'counter' ? (sums.get(key)?.value ?? 0) : 0;
      sums.set(key, { ...sample, value: sample.value + before });
    }
    return Array.from(sums.values());
  }
}
