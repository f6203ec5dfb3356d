/** For whoever asks what each stage does with what it is given, and which part of it holds things up. */
import { dashboard } from './dashboard.ts';
import { live } from './live.ts';
import { heatmap, lines, stacked, stat } from './panels.ts';
import { buckets, greatest, perSecond, quantile, series, summed } from './queries.ts';

const PLACE = '{{stage}}/{{partition}}';

const work = [
  lines({
    title: 'Records read',
    description:
      'What each stage reads. The first reads records of the feed, the others frames, one for each batch and partition: their numbers differ by design.',
    unit: 'cps',
    span: 8,
    queries: [{ expr: perSecond('records_consumed_total', ['stage']), legend: '{{stage}}' }],
    runbook: 'ChorusNoInput',
  }),
  lines({
    title: 'Records written',
    description: 'What each stage writes. A stage that reads and never writes is restoring, or waits for a source.',
    unit: 'cps',
    span: 8,
    queries: [{ expr: perSecond('records_produced_total', ['stage']), legend: '{{stage}}' }],
  }),
  lines({
    title: 'Batches',
    description: 'Few large batches are a stage that catches up; many small ones a stage at rest.',
    unit: 'cps',
    span: 8,
    queries: [{ expr: perSecond('batches_total', ['stage']), legend: '{{stage}}' }],
  }),
  lines({
    title: 'Seconds for a batch',
    description:
      'From a batch to its acknowledged effects. The brokers have a part in it: where produce requests take long as well (dashboard of Kafka), look there first.',
    unit: 's',
    span: 12,
    queries: [0.5, 0.99].map((of) => ({
      expr: quantile(of, 'batch_seconds', ['stage'], '[5m]'),
      legend: `{{stage}}, ${of * 100} %`,
    })),
    runbook: 'ChorusLagGrowing',
  }),
  heatmap({
    title: 'Seconds for a batch, of all stages',
    description: 'A second band above the first is a part of the batches that waits for something: a disk, a broker.',
    unit: 's',
    span: 12,
    queries: [{ expr: buckets('batch_seconds'), legend: '{{le}}', isHeatmap: true }],
  }),
];

const feed = [
  stacked({
    title: 'Rejected, by reason',
    description:
      'Records that are no posts. Tell who fills the topic; the log shows where a few of each reason lie. Nothing else is held up by them.',
    unit: 'cps',
    span: 8,
    queries: [{ expr: perSecond('posts_rejected_total', ['reason']), legend: '{{reason}}' }],
    runbook: 'ChorusDeadLettersSurging',
  }),
  stacked({
    title: 'Dead letters, by reason',
    description:
      'Records written to the topic of dead letters; 0 where kafka.deadLettersTopic is not set. They can be read, mended and sent again.',
    unit: 'cps',
    span: 8,
    queries: [{ expr: perSecond('dead_letters_total', ['reason']), legend: '{{reason}}' }],
    runbook: 'ChorusDeadLettersSurging',
  }),
  stacked({
    title: 'Ignored, by reason',
    description: 'Records that say nothing that Chorus uses, such as likes. Much of it costs reading only.',
    unit: 'cps',
    span: 8,
    queries: [{ expr: perSecond('posts_ignored_total', ['reason']), legend: '{{reason}}' }],
  }),
  lines({
    title: 'Late',
    description:
      'Posts behind the watermark of their source, and entries behind one that was declared: they are in no campaign. Raise kafka.outOfOrderness if they are honest stragglers; every alert comes later by as much.',
    unit: 'cps',
    span: 8,
    queries: [
      { expr: perSecond('posts_late_total'), legend: 'posts' },
      { expr: perSecond('entries_late_total'), legend: 'entries' },
    ],
    runbook: 'ChorusPostsLate',
  }),
  lines({
    title: 'Come again',
    description:
      'Posts that were delivered twice, and entries in frames that were sent twice. They count once. Many without a restart: who fills the topic sends twice.',
    unit: 'cps',
    span: 8,
    queries: [
      { expr: perSecond('duplicates_total', ['stage']), legend: 'posts, {{stage}}' },
      { expr: perSecond('entries_repeated_total', ['stage']), legend: 'entries, {{stage}}' },
    ],
  }),
  lines({
    title: 'Edits, deletions, ticks',
    description:
      'Posts that replace or take back earlier ones, and ticks. Retractions are remembered for posts that may still come.',
    unit: 'cps',
    span: 8,
    queries: [
      { expr: perSecond('posts_edited_total'), legend: 'edits' },
      { expr: perSecond('deletions_total'), legend: 'deletions' },
      { expr: perSecond('posts_removed_total'), legend: 'posts taken out of the evidence' },
      { expr: perSecond('ticks_total'), legend: 'ticks' },
    ],
  }),
];

const time = [
  lines({
    title: 'Watermark behind the clock',
    description:
      'Of each partition. One that rises by a second in a second stands still: the panel beside this one names the source that holds it back.',
    unit: 's',
    span: 8,
    queries: [{ expr: greatest(series('watermark_lag_seconds'), ['stage', 'partition']), legend: PLACE }],
    runbook: 'ChorusWatermarkStuck',
  }),
  lines({
    title: 'Source that holds it back',
    description:
      'Number of the source with the least watermark: for match a partition of the feed, for campaign a partition of the fingerprints. Changing often is healthy; one number for long, with a watermark that lags, is the partition to look at.',
    unit: 'short',
    span: 8,
    queries: [{ expr: greatest(series('watermark_holdback_source'), ['stage', 'partition']), legend: PLACE }],
    runbook: 'ChorusWatermarkStuck',
  }),
  lines({
    title: 'Between slowest and fastest source',
    description:
      'Spread of the watermarks of the sources, and how many sources have said nothing yet: until they do there is no watermark, and no alert.',
    unit: 's',
    span: 8,
    queries: [
      { expr: greatest(series('watermark_spread_seconds'), ['stage', 'partition']), legend: `spread, ${PLACE}` },
      { expr: greatest(series('sources_silent'), ['stage', 'partition']), legend: `silent, ${PLACE}` },
    ],
    runbook: 'ChorusSourceSilent',
  }),
  lines({
    title: 'Event time passed, per second',
    description: 'How fast watermarks go: 1 is the pace of the clock, more is catching up, 0 is standing still.',
    unit: 'short',
    span: 12,
    queries: [
      {
        expr: greatest(`deriv(${series('watermark_seconds')}[$__rate_interval])`, ['stage', 'partition']),
        legend: PLACE,
      },
    ],
    runbook: 'ChorusWatermarkStuck',
  }),
  lines({
    title: 'Entries that wait',
    description:
      'Held until every source has passed their time. There is no limit but memory: mend the source that holds the watermark back.',
    unit: 'short',
    span: 12,
    queries: [
      { expr: summed(series('entries_pending'), ['stage', 'partition']), legend: PLACE },
      { expr: summed(series('events_pending')), legend: 'events, campaign' },
    ],
    runbook: 'ChorusWatermarkStuck',
  }),
];

const matching = [
  lines({
    title: 'Bucket look-ups, by key family',
    description: 'Up to six a post for shingle, three for simhash. Less where texts are short.',
    unit: 'cps',
    span: 8,
    queries: [{ expr: perSecond('bucket_lookups_total', ['family']), legend: '{{family}}' }],
  }),
  lines({
    title: 'Texts compared, by key family',
    description:
      'What matching costs. A steep rise at the same feed is an event in the news, or somebody aiming at buckets: the panel of full buckets shows it.',
    unit: 'cps',
    span: 8,
    queries: [{ expr: perSecond('candidates_total', ['family']), legend: '{{family}}' }],
    runbook: 'ChorusLagGrowing',
  }),
  lines({
    title: 'Links and cores, by what found them',
    description:
      'What it yields: pairs found similar, and texts with enough accounts around them. text: all posts are of one text.',
    unit: 'cps',
    span: 8,
    queries: [
      { expr: perSecond('links_total', ['family']), legend: 'links, {{family}}' },
      { expr: perSecond('cores_total', ['family']), legend: 'cores, {{family}}' },
    ],
  }),
  lines({
    title: 'Text nodes and posts in the window',
    description:
      'What the window holds, by partition. It follows the feed with a delay of one window; memory follows it. Uneven partitions are normal up to a tenth.',
    unit: 'short',
    span: 8,
    queries: [
      { expr: summed(series('window_nodes'), ['partition']), legend: 'nodes, {{partition}}' },
      { expr: summed(series('window_posts'), ['partition']), legend: 'posts, {{partition}}' },
    ],
    runbook: 'ChorusMemoryNearBound',
  }),
  lines({
    title: 'Bucket index',
    description:
      'Bytes of the index in memory, by partition: about 140 a post. It grows by doubling, so leave room for the next step.',
    unit: 'bytes',
    span: 8,
    queries: [{ expr: summed(series('window_bytes'), ['partition']), legend: '{{partition}}' }],
    runbook: 'ChorusMemoryNearBound',
  }),
  lines({
    title: 'Full buckets',
    description:
      'Buckets with more nodes than are compared, and the most that was walked in one. Nothing is lost that matters: the nodes compared are chosen by a keyed hash. Growing fast: read the newest alerts.',
    unit: 'short',
    span: 8,
    queries: [
      { expr: perSecond('buckets_capped_total'), legend: 'full, per second' },
      { expr: greatest(series('bucket_largest'), ['partition']), legend: 'largest, {{partition}}' },
    ],
  }),
];

const campaigns = [
  stat({
    title: 'Campaigns open',
    description: 'Campaigns with an alert that is not closed.',
    unit: 'short',
    span: 4,
    queries: [{ expr: summed(series('campaigns_open')), legend: 'open' }],
  }),
  stat({
    title: 'Text nodes held',
    description: 'Text nodes that the campaign stage holds; those of the window that matter, and of open campaigns.',
    unit: 'short',
    span: 4,
    queries: [{ expr: summed(series('campaign_nodes')), legend: 'nodes' }],
  }),
  lines({
    title: 'Alerts published, by status',
    description: 'Revisions of alerts, for every quarter of an hour.',
    unit: 'short',
    span: 16,
    queries: [{ expr: summed(`increase(${series('alerts_total')}[15m])`, ['status']), legend: '{{status}}' }],
    runbook: 'ChorusCampaignBurst',
  }),
  lines({
    title: 'Retractions remembered',
    description:
      'Deletions and edits of posts that may still come, and how many are remembered at most. At the limit the oldest are forgotten.',
    unit: 'short',
    span: 8,
    queries: [
      { expr: summed(series('retractions_held')), legend: 'held' },
      { expr: summed(series('retractions_limit')), legend: 'limit' },
    ],
  }),
  lines({
    title: 'Participants remembered',
    description:
      'Accounts that took part in alerts which are closed, for the earlier alerts of an account, and how many are remembered at most.',
    unit: 'short',
    span: 8,
    queries: [
      { expr: summed(series('participants_held')), legend: 'held' },
      { expr: summed(series('participants_limit')), legend: 'limit' },
    ],
  }),
  lines({
    title: 'Forgotten at these limits',
    description:
      'Above 0 a post that comes after its deletion may be counted, and an account may lack earlier alerts. Deletions in such numbers are worth a look at what fills the topic.',
    unit: 'cps',
    span: 8,
    queries: [
      { expr: perSecond('retractions_dropped_total'), legend: 'retractions' },
      { expr: perSecond('participants_dropped_total'), legend: 'participants' },
    ],
  }),
];

const sinks = [
  lines({
    title: 'Alerts handed on, per second',
    description:
      'Delivered by each sink, and given up. What was given up is sent again by chorus resend. No line: no sinks.',
    unit: 'cps',
    span: 6,
    queries: [
      { expr: perSecond('sink_sent_total', ['sink']), legend: 'delivered, {{sink}}' },
      { expr: perSecond('sink_dropped_total', ['sink']), legend: 'given up, {{sink}}' },
    ],
  }),
  lines({
    title: 'Attempts that failed, per second',
    description: 'By reason. refused: look at the address and the secret; the others: at what answers there.',
    unit: 'cps',
    span: 6,
    queries: [{ expr: perSecond('sink_failed_total', ['sink', 'reason']), legend: '{{sink}}, {{reason}}' }],
  }),
  lines({
    title: 'Alerts that wait for a sink',
    description:
      'Records of the alerts topic that a sink has still to deal with, and those of them in memory. Growing: what receives them is slow or away; detection goes on.',
    unit: 'short',
    span: 6,
    queries: [
      { expr: summed(series('sink_lag_records'), ['sink']), legend: 'to do, {{sink}}' },
      { expr: summed(series('sink_queue_records'), ['sink']), legend: 'in memory, {{sink}}' },
    ],
  }),
  lines({
    title: 'Memory for alerts that wait',
    description:
      'Bytes of alerts that a process holds for a sink, and their bound (queueBytes of the sink). At the bound nothing more is read for it until some are sent.',
    unit: 'bytes',
    span: 6,
    queries: [
      { expr: greatest(series('sink_queue_bytes'), ['sink']), legend: 'in use, {{sink}}' },
      { expr: greatest(series('sink_queue_limit_bytes'), ['sink']), legend: 'limit, {{sink}}' },
    ],
  }),
];

export const stages = dashboard({
  name: 'stages',
  title: 'Stages',
  description: 'What each stage reads, finds and writes, and which source holds it back.',
  rows: [
    { title: 'Work', panels: work },
    { title: 'Feed', panels: feed },
    { title: 'Live source', panels: live },
    { title: 'Event time', panels: time },
    { title: 'Matching', panels: matching },
    { title: 'Campaigns', panels: campaigns },
    { title: 'Sinks', panels: sinks },
  ],
});
