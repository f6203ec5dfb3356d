/**
 * Every metric of Chorus: its name, kind, labels and meaning. Parts count in plain numbers and hand samples over when they
 * are asked; the port (runtime/health.ts) renders them. docs/metrics.md is made of this table.
 *
 * Names follow the habits of Prometheus: one prefix, base units, `_total` for what only grows. No label has more values than
 * there are partitions, reasons, families, states or workers: never an account, a bucket or a campaign. A buffer has its limit
 * beside it (`_limit`), or its help says what bounds it.
 */
export interface MetricSpec {
  readonly kind: 'counter' | 'gauge' | 'histogram';
  readonly help: string;
  readonly labels: readonly string[];
  /** Upper bounds of a histogram. */
  readonly buckets?: readonly number[];
}

const BATCH_SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
/** From what a broker takes at the least to what nobody waits for. */
const LATENCY_SECONDS = [0.1, 0.25, 0.5, 1, 2.5, 5, 7.5, 10, 15, 30, 60, 300, 1800];
const STAGE = ['stage'];
const PARTITION = ['stage', 'partition'];
const SOURCE = ['source'];

export const METRICS = {
  // What comes in and goes out.
  records_consumed_total: { kind: 'counter', help: 'Records read from the log of a stage.', labels: STAGE },
  records_produced_total: { kind: 'counter', help: 'Records written by a stage.', labels: STAGE },
  batches_total: { kind: 'counter', help: 'Batches that a stage has worked on.', labels: STAGE },
  batch_seconds: {
    kind: 'histogram',
    help: 'Time from a batch to its acknowledged effects.',
    labels: STAGE,
    buckets: BATCH_SECONDS,
  },

  // What becomes of the records of the feed.
  posts_accepted_total: { kind: 'counter', help: 'Posts that made an entry.', labels: [] },
  posts_reposts_total: { kind: 'counter', help: 'Native reposts, which make no links.', labels: [] },
  posts_empty_total: { kind: 'counter', help: 'Posts without a letter to compare.', labels: [] },
  posts_late_total: { kind: 'counter', help: 'Posts behind the watermark of their source.', labels: [] },
  posts_rejected_total: { kind: 'counter', help: 'Records that are no posts, by reason.', labels: ['reason'] },
  posts_ignored_total: {
    kind: 'counter',
    help: 'Records that say nothing that Chorus uses, by reason.',
    labels: ['reason'],
  },
  posts_edited_total: { kind: 'counter', help: 'Posts that replace an earlier version of themselves.', labels: [] },
  deletions_total: { kind: 'counter', help: 'Deletions of posts read from the feed.', labels: [] },
  dead_letters_total: {
    kind: 'counter',
    help: 'Records written to the topic of dead letters, by reason; none where there is no such topic.',
    labels: ['reason'],
  },
  tombstones_total: { kind: 'counter', help: 'Records of the feed without a value.', labels: [] },
  ticks_total: { kind: 'counter', help: 'Ticks read from the feed.', labels: [] },
  duplicates_total: {
    kind: 'counter',
    help: 'Posts delivered again, by the stage that has noticed.',
    labels: STAGE,
  },
  entries_repeated_total: { kind: 'counter', help: 'Entries that came again in frames sent twice.', labels: STAGE },
  entries_late_total: {
    kind: 'counter',
    help: 'Entries behind a watermark that their source had declared.',
    labels: [],
  },

  // Is it keeping up?
  position: {
    kind: 'gauge',
    help: 'Offset behind the last batch that is done; -1 while restoring.',
    labels: PARTITION,
  },
  lag_records: { kind: 'gauge', help: 'Records of the log that are not done.', labels: PARTITION },
  lag_seconds: {
    kind: 'gauge',
    help: "Now less the broker's time of the last record that is done (before the first one: less the time of assignment); 0 where no record waits.",
    labels: PARTITION,
  },
  watermark_seconds: {
    kind: 'gauge',
    help: 'Event time that has been passed, since 1970; none before every source has said something.',
    labels: PARTITION,
  },
  watermark_lag_seconds: {
    kind: 'gauge',
    help: 'Now less the watermark. At rest it is kafka.outOfOrderness and kafka.idle together.',
    labels: PARTITION,
  },
  watermark_holdback_source: { kind: 'gauge', help: 'The source with the least watermark.', labels: PARTITION },
  watermark_spread_seconds: {
    kind: 'gauge',
    help: 'From the least watermark of a source to the greatest; sources that have said nothing are left out.',
    labels: PARTITION,
  },
  sources_silent: {
    kind: 'gauge',
    help: 'Sources that have said nothing yet: until they do, there is no watermark.',
    labels: PARTITION,
  },
  alert_latency_seconds: {
    kind: 'histogram',
    help: "Of alerts that open: from the event time of the newest post in it (with kafka.eventTime record: the broker's time of that post) until the brokers have acknowledged the alert. Later revisions are not measured.",
    labels: [],
    buckets: LATENCY_SECONDS,
  },

  // The window.
  window_nodes: {
    kind: 'gauge',
    help: 'Text nodes in the window, and those that wait to be let go.',
    labels: PARTITION,
  },
  window_posts: {
    kind: 'gauge',
    help: 'Posts kept for the window: those of all frames that still have one in it, or waiting.',
    labels: PARTITION,
  },
  window_bytes: { kind: 'gauge', help: 'Bytes of the bucket index.', labels: PARTITION },
  frames_retained: { kind: 'gauge', help: 'Frames of fingerprints that the window needs.', labels: PARTITION },
  frames_retained_bytes: { kind: 'gauge', help: 'Bytes that it takes to know of them.', labels: PARTITION },

  // What each key family finds.
  bucket_lookups_total: { kind: 'counter', help: 'Buckets looked up; while restoring too.', labels: ['family'] },
  candidates_total: {
    kind: 'counter',
    help: 'Texts compared, by the families whose buckets they were met in; while restoring too.',
    labels: ['family'],
  },
  links_total: {
    kind: 'counter',
    help: 'Verified links, by the families whose buckets had both texts; one found by both counts for both. While restoring too.',
    labels: ['family'],
  },
  cores_total: {
    kind: 'counter',
    help: 'Text nodes that became cores, by the families that had found their links by then: text (none, all posts are of one text), shingle, simhash, or both.',
    labels: ['family'],
  },
  bucket_largest: { kind: 'gauge', help: 'Most entries walked in one bucket.', labels: PARTITION },
  buckets_capped_total: { kind: 'counter', help: 'Buckets with more nodes than are compared.', labels: [] },

  // Campaigns and alerts.
  campaign_nodes: { kind: 'gauge', help: 'Text nodes that the campaign stage holds.', labels: [] },
  campaigns_open: { kind: 'gauge', help: 'Campaigns with an alert that is not closed.', labels: [] },
  alerts_total: { kind: 'counter', help: 'Revisions of alerts published, by status.', labels: ['status'] },
  posts_removed_total: {
    kind: 'counter',
    help: 'Posts taken out of the evidence, deleted or edited, and posts kept out of it since they were before they came.',
    labels: [],
  },
  retractions_held: {
    kind: 'gauge',
    help: 'Deletions and edits remembered for posts that may still come.',
    labels: [],
  },
  retractions_limit: { kind: 'gauge', help: 'How many are remembered at most.', labels: [] },
  retractions_dropped_total: {
    kind: 'counter',
    help: 'Those forgotten at that limit: a post that comes later is taken as if it had not been deleted.',
    labels: [],
  },
  participants_held: {
    kind: 'gauge',
    help: 'Accounts remembered that took part in alerts which are closed.',
    labels: [],
  },
  participants_limit: { kind: 'gauge', help: 'How many are remembered at most.', labels: [] },
  participants_dropped_total: { kind: 'counter', help: 'Those forgotten at that limit.', labels: [] },
  snapshots_total: { kind: 'counter', help: 'Snapshots of the campaign stage.', labels: [] },
  snapshot_bytes: { kind: 'gauge', help: 'Bytes of the last snapshot.', labels: [] },

  // What waits, and its limit.
  entries_pending: {
    kind: 'gauge',
    help: 'Entries that wait for the slowest source. No limit but the time that it stays behind.',
    labels: PARTITION,
  },
  events_pending: {
    kind: 'gauge',
    help: 'Events that wait for the slowest match partition. No limit but the time that it stays behind.',
    labels: [],
  },
  fetch_buffer_bytes: { kind: 'gauge', help: 'Bytes fetched that no batch has taken yet.', labels: STAGE },
  fetch_buffer_limit_bytes: {
    kind: 'gauge',
    help: 'What they can be: one fetch a partition. A single record that is larger comes all the same.',
    labels: STAGE,
  },
  producer_queue_records: {
    kind: 'gauge',
    help: 'Records that wait to be acknowledged: at most what one batch of each partition makes.',
    labels: STAGE,
  },
  producer_queue_bytes: { kind: 'gauge', help: 'Bytes of these records.', labels: STAGE },
  producer_request_limit_bytes: { kind: 'gauge', help: 'Bytes that are in flight at most.', labels: STAGE },
  commits_pending: {
    kind: 'gauge',
    help: 'Commits that wait for the broker: at most one a partition, and a tick.',
    labels: STAGE,
  },

  // State and restore.
  task_state: {
    kind: 'gauge',
    help: '1 for the state that a partition of this member is in: restoring, running or paused.',
    labels: ['stage', 'partition', 'state'],
  },
  partitions_assigned: { kind: 'gauge', help: 'Partitions that this process has now.', labels: STAGE },
  ready: { kind: 'gauge', help: '1 where /readyz says so.', labels: [] },
  restore_done_ratio: { kind: 'gauge', help: 'How much of a restore is done; 1 after it.', labels: PARTITION },
  restore_remaining_records: {
    kind: 'gauge',
    help: 'Records of the log, or frames of the store, that a restore has still to read; 0 after it.',
    labels: PARTITION,
  },
  restore_seconds: {
    kind: 'gauge',
    help: 'How long the restore under way has taken, or the last one took.',
    labels: PARTITION,
  },
  chain_gaps_total: {
    kind: 'counter',
    help: 'Times that records were missing in a log: posts are lost. The stage stops at each; must stay 0.',
    labels: STAGE,
  },
  stage_restarts_total: {
    kind: 'counter',
    help: 'Times that a stage began anew after a passing fault.',
    labels: STAGE,
  },
  cache_hits_total: { kind: 'counter', help: 'Pieces of evidence found in memory.', labels: [] },
  cache_misses_total: { kind: 'counter', help: 'Pieces of evidence read from the store.', labels: [] },
  cache_bytes: { kind: 'gauge', help: 'Bytes of evidence in memory.', labels: PARTITION },
  cache_limit_bytes: { kind: 'gauge', help: 'What they can be: state.cacheBytes.', labels: PARTITION },
  store_batches_total: { kind: 'counter', help: 'Batches written to stores.', labels: [] },
  store_puts_total: { kind: 'counter', help: 'Pieces of evidence written to stores.', labels: [] },
  store_put_bytes_total: { kind: 'counter', help: 'Bytes written to stores.', labels: [] },
  store_reads_total: { kind: 'counter', help: 'Pieces of evidence read from stores.', labels: [] },
  store_disk_bytes: { kind: 'gauge', help: 'Bytes of a store on disk.', labels: PARTITION },
  store_live_bytes: {
    kind: 'gauge',
    help: 'Those of them that are still wanted, as RocksDB estimates.',
    labels: PARTITION,
  },
  store_buffer_bytes: { kind: 'gauge', help: 'Bytes of a store that wait in memory.', labels: PARTITION },
  store_memory_bytes: {
    kind: 'gauge',
    help: 'Memory of a store: its write buffers, block cache, indexes and filters.',
    labels: PARTITION,
  },
  store_memory_limit_bytes: {
    kind: 'gauge',
    help: 'What buffers and cache are meant to stay below: state.memoryBytes. 0 for state in memory.',
    labels: PARTITION,
  },
  store_level0_files: {
    kind: 'gauge',
    help: 'Files that RocksDB has not sorted in yet; many make reads slow.',
    labels: PARTITION,
  },
  store_compaction_pending_bytes: {
    kind: 'gauge',
    help: 'Bytes that RocksDB has still to rewrite, as it estimates.',
    labels: PARTITION,
  },
  store_write_stopped: { kind: 'gauge', help: '1 while RocksDB takes no writes.', labels: PARTITION },
  store_background_errors: {
    kind: 'gauge',
    help: 'Faults of the disk that RocksDB has met in the background since the store was opened.',
    labels: PARTITION,
  },

  // Kafka.
  fetches_total: { kind: 'counter', help: 'Fetch requests answered.', labels: STAGE },
  fetched_bytes_total: { kind: 'counter', help: 'Bytes of records fetched, as they travel.', labels: STAGE },
  produce_requests_total: { kind: 'counter', help: 'Produce requests acknowledged.', labels: STAGE },
  produced_bytes_total: { kind: 'counter', help: 'Bytes of records produced, before compression.', labels: STAGE },
  produce_seconds_total: { kind: 'counter', help: 'Time with a produce request under way.', labels: STAGE },
  commits_total: { kind: 'counter', help: 'Commits of positions.', labels: STAGE },
  commit_seconds_total: { kind: 'counter', help: 'Time spent on them.', labels: STAGE },
  heartbeats_total: { kind: 'counter', help: 'Heartbeats sent.', labels: STAGE },
  heartbeat_failures_total: { kind: 'counter', help: 'Heartbeats without an answer.', labels: STAGE },
  rebalances_total: {
    kind: 'counter',
    help: 'Generations of the group that this member was part of.',
    labels: STAGE,
  },
  rebalance_seconds_total: { kind: 'counter', help: 'Time between generations.', labels: STAGE },

  // A live source that fills the feed topic (feed.source), up to its records in the topic.
  live_connected: { kind: 'gauge', help: '1 while the live source is connected.', labels: SOURCE },
  live_connections_total: { kind: 'counter', help: 'Connections to the live source that were had.', labels: SOURCE },
  live_lost_total: {
    kind: 'counter',
    help: 'Connections that were lost or not had, by reason; each is followed by another attempt.',
    labels: ['source', 'reason'],
  },
  live_gaps_total: {
    kind: 'counter',
    help: 'Times that something was missed which the source does not send again.',
    labels: SOURCE,
  },
  live_gap_seconds_total: { kind: 'counter', help: 'Time that lies in these gaps.', labels: SOURCE },
  live_records_total: { kind: 'counter', help: 'Records received from the live source.', labels: SOURCE },
  live_bytes_total: { kind: 'counter', help: 'Bytes of these records.', labels: SOURCE },
  live_posts_total: { kind: 'counter', help: 'Posts in these records.', labels: SOURCE },
  live_deletions_total: { kind: 'counter', help: 'Deletions in these records.', labels: SOURCE },
  live_ignored_total: { kind: 'counter', help: 'Records that say nothing that Chorus uses.', labels: SOURCE },
  live_rejected_total: {
    kind: 'counter',
    help: 'Records that are no posts, by reason; they are not written into the feed topic.',
    labels: ['source', 'reason'],
  },
  live_stored_total: {
    kind: 'counter',
    help: 'Records of the live source that the brokers have acknowledged in the feed topic.',
    labels: SOURCE,
  },
  live_dead_letters_total: {
    kind: 'counter',
    help: 'Rejected records written to the topic of dead letters; none where there is no such topic.',
    labels: SOURCE,
  },
  live_retries_total: {
    kind: 'counter',
    help: 'Attempts to reach the brokers or to write into the topic that failed and were repeated.',
    labels: SOURCE,
  },
  live_lag_seconds: {
    kind: 'gauge',
    help: 'Now less the time up to which all of the live source is stored; none before anything is. It grows while the source says nothing.',
    labels: SOURCE,
  },
  live_queue_bytes: {
    kind: 'gauge',
    help: 'Bytes of records that have come and wait to be taken; 0 where the source waits itself, as an answer of HTTP does.',
    labels: SOURCE,
  },
  live_queue_limit_bytes: {
    kind: 'gauge',
    help: 'What they can be: feed.queueBytes. Beyond it the connection is paused.',
    labels: SOURCE,
  },
  live_pauses_total: { kind: 'counter', help: 'Times that the connection was paused for that.', labels: SOURCE },
  live_waiting_records: {
    kind: 'gauge',
    help: 'Records gathered for the topic or under way to it: one request, and 4 MB and one batch that wait for the next.',
    labels: SOURCE,
  },

  // Sinks, which read the alerts topic in groups of their own.
  sink_sent_total: { kind: 'counter', help: 'Alerts that a sink has delivered.', labels: ['sink'] },
  sink_failed_total: {
    kind: 'counter',
    help: 'Attempts of a sink that failed, by reason.',
    labels: ['sink', 'reason'],
  },
  sink_dropped_total: {
    kind: 'counter',
    help: 'Alerts that a sink has given up; chorus resend sends them again.',
    labels: ['sink'],
  },
  sink_lag_records: {
    kind: 'gauge',
    help: 'Records of the alerts topic that a sink has still to deal with, as last read.',
    labels: ['sink'],
  },
  sink_queue_records: {
    kind: 'gauge',
    help: 'Those of them that wait in memory: 256 and one answer of a broker for each partition.',
    labels: ['sink'],
  },
  sink_queue_bytes: {
    kind: 'gauge',
    help: 'Bytes of the alerts among these: queueBytes of the sink and one answer of a broker for each partition.',
    labels: ['sink'],
  },
  sink_queue_limit_bytes: { kind: 'gauge', help: 'That bound: queueBytes of the sink.', labels: ['sink'] },

  // The process; what it has beside these is listed by prom-client under the same prefix.
  build_info: { kind: 'gauge', help: '1, with the version of Chorus and of Node.', labels: ['version', 'node'] },
  topology_info: { kind: 'gauge', help: '1, with the id of the topology.', labels: ['topology'] },
  memory_limit_bytes: {
    kind: 'gauge',
    help: 'Memory that the process may have: of its container, or else of the machine.',
    labels: [],
  },
  worker_heap_bytes: { kind: 'gauge', help: 'JavaScript heap in use, of a thread.', labels: ['worker'] },
  worker_heap_limit_bytes: {
    kind: 'gauge',
    help: 'Where that heap ends, and the process with it.',
    labels: ['worker'],
  },
  worker_busy_seconds_total: {
    kind: 'counter',
    help: 'Time that the event loop of a thread was at work; its rate is how busy the thread is, 0 to 1.',
    labels: ['worker'],
  },
  worker_blocked_seconds: {
    kind: 'gauge',
    help: 'Longest time that the event loop of a thread did not turn, in the last minute or two.',
    labels: ['worker'],
  },
} as const satisfies Readonly<Record<string, MetricSpec>>;

export type MetricName = keyof typeof METRICS;

export interface Sample {
  readonly name: MetricName;
  readonly labels: Readonly<Record<string, string>>;
  /** Of a histogram: the sum of what was observed. */
  readonly value: number;
  /** Of a histogram: how many fell to each bucket and to none below it; the last are those above all bounds. */
  readonly counts?: readonly number[];
}

/** A histogram in plain numbers. */
export class Observations {
  readonly #buckets: readonly number[];
  readonly #counts: number[];
  #sum = 0;

  constructor(name: MetricName) {
    const { buckets = [] }: MetricSpec = METRICS[name];
    this.#buckets = buckets;
    this.#counts = Array.from({ length: buckets.length + 1 }, () => 0);
  }

  observe(value: number): void {
    let i = 0;
    while (i < this.#buckets.length && value > this.#buckets[i]!) i++;
    this.#counts[i]!++;
    this.#sum += value;
  }

  sample(name: MetricName, labels: Sample['labels'] = {}): Sample {
    return { name, labels, value: this.#sum, counts: Array.from(this.#counts) };
  }
}

/** One sample of each name and labels: parts that count the same things, or hold a part of them, are added up. */
export function sumSamples(samples: readonly Sample[]): Sample[] {
  const sums = new Map<string, Sample>();
  for (const sample of samples) addTo(sums, sample);
  return Array.from(sums.values());
}

/** Samples of parts that come and go: what they counted stays when they are gone, what they were at does not. */
export class RetiredSamples {
  readonly #totals = new Map<string, Sample>();

  /** Remembers the counters and histograms of a part that ends. */
  retire(samples: readonly Sample[]): void {
    for (const sample of samples) if (METRICS[sample.name].kind !== 'gauge') addTo(this.#totals, sample);
  }

  /** The sums over what has ended and what is alive. */
  with(alive: readonly Sample[]): Sample[] {
    const sums = new Map(this.#totals);
    for (const sample of alive) addTo(sums, sample);
    return Array.from(sums.values());
  }
}

function addTo(sums: Map<string, Sample>, sample: Sample): void {
  const { name, labels, value, counts } = sample;
  const key = `${name} ${JSON.stringify(labels)}`;
  const before = sums.get(key);
  // A partition is with one task at a time: of two that tell where it stands, one is on its way out.
  const isPlace = METRICS[name].kind === 'gauge' && labels['partition'] !== undefined;
  if (before === undefined || isPlace) {
    sums.set(key, sample);
    return;
  }
  const summed = counts?.map((count, i) => count + (before.counts?.[i] ?? 0));
  sums.set(key, { name, labels, value: value + before.value, ...(summed === undefined ? {} : { counts: summed }) });
}
