/** Panels of a live source that fills the feed topic. Deployments without one have no lines there. */
import { lines, stacked, states } from './panels.ts';
import { greatest, perSecond, series, summed } from './queries.ts';

export const live = [
  lines({
    title: 'Records of the live source',
    description:
      'What comes from the live source, what is in it, and what is stored in the feed topic. Received and not stored: the brokers are slow or away. No line: no instance has a source.',
    unit: 'cps',
    span: 8,
    queries: [
      { expr: perSecond('live_records_total', ['source']), legend: 'received, {{source}}' },
      { expr: perSecond('live_stored_total', ['source']), legend: 'stored, {{source}}' },
      { expr: perSecond('live_posts_total', ['source']), legend: 'posts, {{source}}' },
      { expr: perSecond('live_deletions_total', ['source']), legend: 'deletions, {{source}}' },
      { expr: perSecond('live_ignored_total', ['source']), legend: 'ignored, {{source}}' },
    ],
    runbook: 'ChorusLiveSourceDown',
  }),
  states({
    title: 'Connection to the live source',
    description:
      'Whether it is connected, by instance. Only one instance should have a source: two write everything twice.',
    unit: 'short',
    span: 8,
    queries: [{ expr: greatest(series('live_connected'), ['instance', 'source']), legend: '{{source}}, {{instance}}' }],
    texts: [
      { value: 0, text: 'lost', color: 'red' },
      { value: 1, text: 'connected', color: 'green' },
    ],
    runbook: 'ChorusLiveSourceDown',
  }),
  lines({
    title: 'Live source behind by',
    description:
      'From the time up to which all of the source is stored until now. Growing while records come: the brokers, or the processor. Growing while none come: a quiet source, or a lost connection.',
    unit: 's',
    span: 8,
    queries: [{ expr: greatest(series('live_lag_seconds'), ['source']), legend: '{{source}}' }],
    runbook: 'ChorusLiveSourceDown',
  }),
  lines({
    title: 'Connections had and lost',
    description:
      'For every quarter of an hour, lost ones by reason. busy and reset now and then are normal; unreachable and protocol want a look at the address. Each is followed by another attempt.',
    unit: 'short',
    span: 8,
    queries: [
      {
        expr: summed(`increase(${series('live_connections_total')}[15m])`, ['source']),
        legend: 'connected, {{source}}',
      },
      {
        expr: summed(`increase(${series('live_lost_total')}[15m])`, ['source', 'reason']),
        legend: '{{source}}, {{reason}}',
      },
    ],
    runbook: 'ChorusLiveSourceDown',
  }),
  lines({
    title: 'Gaps in the live source',
    description:
      'What was missed and is not sent again, for every hour. Alerts of that time may lack posts. A source that sends nothing again has a gap with each lost connection.',
    unit: 'short',
    span: 8,
    queries: [
      { expr: summed(`increase(${series('live_gaps_total')}[1h])`, ['source']), legend: 'gaps, {{source}}' },
      { expr: summed(`increase(${series('live_gap_seconds_total')}[1h])`, ['source']), legend: 'seconds, {{source}}' },
    ],
    runbook: 'ChorusLiveSourceDown',
  }),
  stacked({
    title: 'Rejected of the live source, by reason',
    description:
      'Records that are no posts: they are not written into the feed topic, but into that of dead letters if there is one. Many at once: the source has changed its format.',
    unit: 'cps',
    span: 8,
    queries: [{ expr: perSecond('live_rejected_total', ['source', 'reason']), legend: '{{source}}, {{reason}}' }],
  }),
  lines({
    title: 'Bytes of the live source',
    description: 'Bytes of records, as they came over the wire, without what the transport adds.',
    unit: 'Bps',
    span: 6,
    queries: [{ expr: perSecond('live_bytes_total', ['source']), legend: '{{source}}' }],
  }),
  lines({
    title: 'Queue of the live source',
    description:
      'Bytes of records that wait to be taken, and the limit (feed.queueBytes). At the limit the connection is paused: the brokers are slow or away.',
    unit: 'bytes',
    span: 6,
    queries: [
      { expr: greatest(series('live_queue_bytes'), ['source']), legend: 'in use, {{source}}' },
      { expr: greatest(series('live_queue_limit_bytes'), ['source']), legend: 'limit, {{source}}' },
    ],
  }),
  lines({
    title: 'Under way to the feed topic',
    description: 'Records of the live source that are gathered or under way. High and flat: the brokers do not answer.',
    unit: 'short',
    span: 6,
    queries: [{ expr: summed(series('live_waiting_records'), ['source']), legend: '{{source}}' }],
  }),
  lines({
    title: 'Live source held up, per second',
    description:
      'Pauses for a full queue, and attempts to write that were repeated. The log names the fault. Beside them, dead letters written.',
    unit: 'cps',
    span: 6,
    queries: [
      { expr: perSecond('live_pauses_total', ['source']), legend: 'pauses, {{source}}' },
      { expr: perSecond('live_retries_total', ['source']), legend: 'attempts repeated, {{source}}' },
      { expr: perSecond('live_dead_letters_total', ['source']), legend: 'dead letters, {{source}}' },
    ],
  }),
];
