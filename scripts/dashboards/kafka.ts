/** For whoever asks whether it is the brokers, the network or the group. */
import { dashboard } from './dashboard.ts';
import { lines } from './panels.ts';
import { greatest, perSecond, series, summed } from './queries.ts';

const PLACE = '{{stage}}/{{partition}}';
const PARTITION = ['stage', 'partition'];
const RATIO_HINT = 'A gap in the line: none in that time.';

/** Seconds for one of what is counted. */
function secondsEach(seconds: Parameters<typeof perSecond>[0], count: Parameters<typeof perSecond>[0]): string {
  return `${perSecond(seconds, ['stage'])} / ${perSecond(count, ['stage'])}`;
}

const logs = [
  lines({
    title: 'Records that wait',
    description:
      'Records of each log that are not done. In frames for match and campaign: one can hold thousands of posts, so look at seconds first.',
    unit: 'short',
    span: 8,
    queries: [{ expr: greatest(series('lag_records'), PARTITION), legend: PLACE }],
    runbook: 'ChorusLagGrowing',
  }),
  lines({
    title: 'Behind',
    description: 'How long ago the last record that is done was written; 0 where none waits.',
    unit: 's',
    span: 8,
    queries: [{ expr: greatest(series('lag_seconds'), PARTITION), legend: PLACE }],
    limits: { doubtful: 30, bad: 120 },
    runbook: 'ChorusLagGrowing',
  }),
  lines({
    title: 'Positions, per second',
    description: 'How fast each partition is worked through. 0 with records that wait: it is stuck.',
    unit: 'cps',
    span: 8,
    queries: [
      {
        // A restore has the position -1; from there to the first one is no progress.
        expr: greatest(`clamp_min(deriv(${series('position')}[$__rate_interval]), 0)`, PARTITION),
        legend: PLACE,
      },
    ],
    runbook: 'ChorusLagGrowing',
  }),
];

const reading = [
  lines({
    title: 'Bytes fetched',
    description:
      'As they travel. Far below what the network can do, and behind: the stage is the narrow part, not Kafka.',
    unit: 'Bps',
    span: 8,
    queries: [{ expr: perSecond('fetched_bytes_total', ['stage']), legend: '{{stage}}' }],
  }),
  lines({
    title: 'Fetches',
    description: 'Fetch requests answered. 0: the brokers do not answer.',
    unit: 'cps',
    span: 8,
    queries: [{ expr: perSecond('fetches_total', ['stage']), legend: '{{stage}}' }],
  }),
  lines({
    title: 'Fetched and not begun',
    description: 'Bytes that no batch has taken yet, and their limit. At the limit: the stage is the narrow part.',
    unit: 'bytes',
    span: 8,
    queries: [
      { expr: summed(series('fetch_buffer_bytes'), ['stage']), legend: 'waiting, {{stage}}' },
      { expr: summed(series('fetch_buffer_limit_bytes'), ['stage']), legend: 'limit, {{stage}}' },
    ],
  }),
];

const writing = [
  lines({
    title: 'Bytes produced',
    description: 'Before compression. Fingerprints carry their posts, so a feed makes more bytes than it has.',
    unit: 'Bps',
    span: 8,
    queries: [{ expr: perSecond('produced_bytes_total', ['stage']), legend: '{{stage}}' }],
  }),
  lines({
    title: 'Produce requests',
    description: 'Requests acknowledged. 0 with records that wait to be acknowledged: the brokers do not take them.',
    unit: 'cps',
    span: 8,
    queries: [{ expr: perSecond('produce_requests_total', ['stage']), legend: '{{stage}}' }],
  }),
  lines({
    title: 'Seconds with a request under way, of each',
    description: `High: replicas are slow, or too few are in sync. ${RATIO_HINT}`,
    unit: 's',
    span: 8,
    queries: [{ expr: secondsEach('produce_seconds_total', 'produce_requests_total'), legend: '{{stage}}' }],
    runbook: 'ChorusLagGrowing',
  }),
  lines({
    title: 'Waits to be acknowledged',
    description: 'Records of batches that are not done before the brokers have them.',
    unit: 'short',
    span: 12,
    queries: [{ expr: summed(series('producer_queue_records'), ['stage']), legend: '{{stage}}' }],
  }),
  lines({
    title: 'Bytes that wait to be acknowledged',
    description: 'Bytes of these records, and how many may be in flight.',
    unit: 'bytes',
    span: 12,
    queries: [
      { expr: summed(series('producer_queue_bytes'), ['stage']), legend: 'waiting, {{stage}}' },
      { expr: summed(series('producer_request_limit_bytes'), ['stage']), legend: 'in flight at most, {{stage}}' },
    ],
  }),
];

const group = [
  lines({
    title: 'Rebalances',
    description:
      'Generations of the last 30 minutes, by stage; each worker of each instance counts its own. Some at each start and stop of an instance; without one, an instance comes and goes: its event loop is blocked, or its network.',
    unit: 'short',
    span: 8,
    queries: [{ expr: summed(`increase(${series('rebalances_total')}[30m])`, ['stage']), legend: '{{stage}}' }],
    runbook: 'ChorusRebalancing',
  }),
  lines({
    title: 'Time between generations',
    description: 'Seconds of each second in which a stage stood still for a rebalance.',
    unit: 'percentunit',
    span: 8,
    queries: [{ expr: perSecond('rebalance_seconds_total', ['stage']), legend: '{{stage}}' }],
    runbook: 'ChorusRebalancing',
  }),
  lines({
    title: 'Heartbeats',
    description: 'Sent, and without an answer. Failures before a rebalance: the coordinator or the way to it.',
    unit: 'cps',
    span: 8,
    queries: [
      { expr: perSecond('heartbeats_total', ['stage']), legend: 'sent, {{stage}}' },
      { expr: perSecond('heartbeat_failures_total', ['stage']), legend: 'failed, {{stage}}' },
    ],
    runbook: 'ChorusRebalancing',
  }),
  lines({
    title: 'Commits',
    description: 'Positions stored. 0 while records are done: after a crash they would be done again.',
    unit: 'cps',
    span: 8,
    queries: [{ expr: perSecond('commits_total', ['stage']), legend: '{{stage}}' }],
  }),
  lines({
    title: 'Seconds for a commit',
    description: `High: the coordinator of the group is slow. ${RATIO_HINT}`,
    unit: 's',
    span: 8,
    queries: [{ expr: secondsEach('commit_seconds_total', 'commits_total'), legend: '{{stage}}' }],
  }),
  lines({
    title: 'Commits that wait',
    description: 'At most one a partition, and a tick. Staying above 0: the coordinator does not answer.',
    unit: 'short',
    span: 8,
    queries: [{ expr: summed(series('commits_pending'), ['stage']), legend: '{{stage}}' }],
  }),
];

export const kafka = dashboard({
  name: 'kafka',
  title: 'Kafka',
  description: 'Logs, requests and groups, as Chorus sees them.',
  rows: [
    { title: 'Logs', panels: logs },
    { title: 'Reading', panels: reading },
    { title: 'Writing', panels: writing },
    { title: 'Groups', panels: group },
  ],
});
