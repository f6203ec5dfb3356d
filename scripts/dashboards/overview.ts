/** For whoever is called first: is it keeping up, how late is it, what does it find? */
import { dashboard } from './dashboard.ts';
import { lines, stacked, stat } from './panels.ts';
import { greatest, grown, perSecond, quantile, series, summed, up } from './queries.ts';

const keepingUp = [
  stat({
    title: 'Instances up',
    description:
      'Instances whose metrics can be read. Fewer than you run: look at the process and its last log line, then at the network between it and Prometheus.',
    unit: 'short',
    span: 4,
    queries: [{ expr: summed(up()), legend: 'up' }],
    limits: { bad: 1, isFloor: true },
    runbook: 'ChorusInstanceDown',
  }),
  stat({
    title: 'Ready',
    description:
      'Whether every instance has partitions, with their state. "no" for some minutes after a start is a restore: see the dashboard of state. An instance more than there are partitions is never ready.',
    unit: 'short',
    span: 4,
    queries: [{ expr: `min(${series('ready')})`, legend: 'ready' }],
    limits: { bad: 1, isFloor: true },
    texts: [
      { value: 0, text: 'no', color: 'orange' },
      { value: 1, text: 'yes', color: 'green' },
    ],
    runbook: 'ChorusRestoringTooLong',
  }),
  stat({
    title: 'Behind by',
    description:
      'How long ago the last record that is done was written, in the worst partition of all logs; 0 where none waits. Growing: the stage named below has too little processor, or its broker is slow.',
    unit: 's',
    span: 4,
    queries: [{ expr: greatest(series('lag_seconds')), legend: 'behind' }],
    limits: { doubtful: 30, bad: 120 },
    runbook: 'ChorusLagGrowing',
  }),
  stat({
    title: 'Post to alert, 95 %',
    description:
      'Time from the newest post of an alert that opens to the alert in its topic, 95 of 100 alerts. At rest it is kafka.outOfOrderness and, with a quiet partition, kafka.idle together.',
    unit: 's',
    span: 4,
    queries: [{ expr: quantile(0.95, 'alert_latency_seconds', [], '[$__range]'), legend: '95 %', isInstant: true }],
    limits: { doubtful: 30, bad: 60 },
    runbook: 'ChorusAlertLatencyHigh',
  }),
  stat({
    title: 'Lost',
    description:
      'Times that records were missing in a log. It must be 0: at each, posts are lost and the stage has stopped. Follow the runbook before you start it again.',
    unit: 'short',
    span: 4,
    queries: [
      {
        expr: summed(`max_over_time(${series('chain_gaps_total')}[$__range])`),
        legend: 'gaps',
        isInstant: true,
      },
    ],
    limits: { bad: 1 },
    runbook: 'ChorusChainGap',
  }),
  stat({
    title: 'Rules firing',
    description:
      'Alert rules of Chorus that fire now. Each has its section in the runbook. Always 0 where Prometheus does not load deploy/prometheus/rules.',
    unit: 'short',
    span: 4,
    queries: [
      {
        expr: 'count(ALERTS{alertname=~"Chorus.+", alertstate="firing", job=~"$job|"}) or vector(0)',
        legend: 'firing',
        isInstant: true,
      },
    ],
    limits: { bad: 1 },
  }),
  stacked({
    title: 'Records of the feed by what became of them',
    description:
      'All that is read from the feed. A shrinking whole is the feed itself. Much that is rejected or late is work for who fills the topic: see the dashboard of stages for the reasons.',
    unit: 'cps',
    span: 12,
    queries: [
      { expr: perSecond('posts_accepted_total'), legend: 'compared' },
      { expr: perSecond('posts_reposts_total'), legend: 'native reposts' },
      { expr: perSecond('posts_empty_total'), legend: 'nothing to compare' },
      { expr: perSecond('posts_ignored_total'), legend: 'ignored' },
      { expr: perSecond('deletions_total'), legend: 'deletions' },
      { expr: perSecond('posts_late_total'), legend: 'late' },
      { expr: perSecond('posts_rejected_total'), legend: 'rejected' },
      { expr: perSecond('tombstones_total'), legend: 'tombstones' },
    ],
    runbook: 'ChorusNoInput',
  }),
  lines({
    title: 'Behind, by stage',
    description:
      'How long ago the last record that is done was written, in the worst partition of each stage. The first stage in the order of data that is behind is the one to help: more instances, up to the number of partitions, or a faster processor.',
    unit: 's',
    span: 12,
    queries: [{ expr: greatest(series('lag_seconds'), ['stage']), legend: '{{stage}}' }],
    limits: { doubtful: 30, bad: 120 },
    runbook: 'ChorusLagGrowing',
  }),
];

const late = [
  lines({
    title: 'Watermark behind the clock, by stage',
    description:
      'How far event time lags behind now: alerts cannot be sooner. A stage that stands still while the one before it goes on waits for one source: see the dashboard of stages for which. With kafka.eventTime payload and an old feed this is the age of the feed.',
    unit: 's',
    span: 8,
    queries: [{ expr: greatest(series('watermark_lag_seconds'), ['stage']), legend: '{{stage}}' }],
    runbook: 'ChorusWatermarkStuck',
  }),
  lines({
    title: 'Post to alert',
    description:
      'Time from the newest post of an alert that opens to the alert in its topic. A gap in the lines: no alert has opened.',
    unit: 's',
    span: 8,
    queries: [0.5, 0.95, 0.99].map((of) => ({
      expr: quantile(of, 'alert_latency_seconds', [], '[15m]'),
      legend: `${of * 100} %`,
    })),
    limits: { doubtful: 30, bad: 60 },
    runbook: 'ChorusAlertLatencyHigh',
  }),
  lines({
    title: 'Entries that wait for a source',
    description:
      'Posts that a later stage holds because another source has not yet passed their time. Growing without end: a source stands still, and memory grows with what waits.',
    unit: 'short',
    span: 8,
    queries: [
      { expr: summed(series('entries_pending'), ['stage']), legend: 'entries, {{stage}}' },
      { expr: summed(series('events_pending')), legend: 'events, campaign' },
    ],
    runbook: 'ChorusWatermarkStuck',
  }),
];

const found = [
  stat({
    title: 'Campaigns open',
    description: 'Campaigns with an alert that is not closed. They close one window after their last post.',
    unit: 'short',
    span: 4,
    queries: [{ expr: summed(series('campaigns_open')), legend: 'open' }],
  }),
  stat({
    title: 'Alerts opened',
    description:
      'Alerts that opened in the time that this dashboard shows. Many at once: an event in the news, or a campaign in many variants. Read the alerts; their explanations say which.',
    unit: 'short',
    span: 4,
    queries: [{ expr: grown('alerts_total', [], { status: 'open' }), legend: 'opened', isInstant: true }],
    runbook: 'ChorusCampaignBurst',
  }),
  lines({
    title: 'Alerts published, by status',
    description:
      'Revisions of alerts, for every quarter of an hour. "updated" grows with campaigns that grow; "merged" means that two turned out to be one.',
    unit: 'short',
    span: 8,
    queries: [{ expr: summed(`increase(${series('alerts_total')}[15m])`, ['status']), legend: '{{status}}' }],
    runbook: 'ChorusCampaignBurst',
  }),
  lines({
    title: 'Links, by key family',
    description:
      'Pairs of texts found similar, by the family of buckets that they were met in. A family that finds little can be turned off and saves memory; one that stops finding while posts flow is worth a look at the table of frequent n-grams.',
    unit: 'cps',
    span: 8,
    queries: [{ expr: perSecond('links_total', ['family']), legend: '{{family}}' }],
  }),
];

export const overview = dashboard({
  name: 'overview',
  title: 'Overview',
  description: 'Is Chorus keeping up, how late is it, and what does it find?',
  rows: [
    { title: 'Is it keeping up?', panels: keepingUp },
    { title: 'How late is it?', panels: late },
    { title: 'What does it find?', panels: found },
  ],
});
