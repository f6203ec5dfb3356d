/** What a live source says of itself and of its way into the feed topic, as samples. */
import { LOST_REASONS } from '../consumers/feeds/fault.ts';
import type { LiveCounters } from '../consumers/feeds/source.ts';
import type { Sample } from '../metrics.ts';
import { REJECTION_REASONS } from '../model.ts';
import type { IngestCounters } from './ingest.ts';

export interface LiveProgress {
  /** The kind of source: that of its records, of which there are few. Its address is no label. */
  readonly source: string;
  readonly feed: LiveCounters;
  readonly ingest: IngestCounters;
  /** Up to where all is stored, ms since 1970; undefined before anything is. */
  readonly safeMs: number | undefined;
}

/** Every reason is there from the start, with 0. @param nowMs by the clock */
export function liveSamples({ source, feed, ingest, safeMs }: LiveProgress, nowMs: number): Sample[] {
  const labels = { source };
  return [
    { name: 'live_connected', labels, value: feed.isConnected ? 1 : 0 },
    { name: 'live_connections_total', labels, value: feed.connections },
    ...LOST_REASONS.map((reason): Sample => {
      return { name: 'live_lost_total', labels: { source, reason }, value: feed.lost[reason] };
    }),
    { name: 'live_gaps_total', labels, value: feed.gaps },
    { name: 'live_gap_seconds_total', labels, value: feed.gapMs / 1000 },
    { name: 'live_records_total', labels, value: feed.records },
    { name: 'live_bytes_total', labels, value: feed.bytes },
    { name: 'live_posts_total', labels, value: ingest.posts },
    { name: 'live_deletions_total', labels, value: ingest.deletions },
    { name: 'live_ignored_total', labels, value: ingest.ignored },
    ...REJECTION_REASONS.map((reason): Sample => {
      const value = ingest.rejectedByReason.get(reason) ?? 0;
      return { name: 'live_rejected_total', labels: { source, reason }, value };
    }),
    { name: 'live_stored_total', labels, value: ingest.written },
    { name: 'live_dead_letters_total', labels, value: ingest.deadLetters },
    { name: 'live_retries_total', labels, value: ingest.retries },
    { name: 'live_lag_seconds', labels, value: safeMs === undefined ? NaN : Math.max(0, (nowMs - safeMs) / 1000) },
    { name: 'live_queue_bytes', labels, value: feed.queueBytes },
    { name: 'live_queue_limit_bytes', labels, value: feed.queueBytesMax },
    { name: 'live_pauses_total', labels, value: feed.pauses },
    { name: 'live_waiting_records', labels, value: ingest.waiting },
  ];
}
