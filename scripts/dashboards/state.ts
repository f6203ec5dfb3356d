/** For whoever waits for a restore, or for a disk. */
import { dashboard } from './dashboard.ts';
import { lines, stat, states } from './panels.ts';
import { greatest, perSecond, series, summed } from './queries.ts';

const PLACE = '{{stage}}/{{partition}}';
const PARTITION = ['stage', 'partition'];

const tasks = [
  states({
    title: 'State of each partition',
    description:
      'Restoring, running or paused. Restoring for long: look at what remains, below. Coming back to restoring again and again: the group does not settle, see the dashboard of Kafka.',
    unit: 'short',
    span: 12,
    queries: [
      {
        expr: summed(
          `${series('task_state', { state: 'running' })} * 2 or ${series('task_state', { state: 'paused' })}`,
          PARTITION,
        ),
        legend: PLACE,
      },
    ],
    texts: [
      { value: 0, text: 'restoring', color: 'orange' },
      { value: 1, text: 'paused', color: 'purple' },
      { value: 2, text: 'running', color: 'green' },
    ],
    runbook: 'ChorusRestoringTooLong',
  }),
  lines({
    title: 'Partitions that have an instance',
    description:
      'Partitions assigned, by stage. Less than there are partitions: nobody works on the rest, and no later stage can go on. Start the stage somewhere.',
    unit: 'short',
    span: 12,
    queries: [{ expr: summed(series('partitions_assigned'), ['stage']), legend: '{{stage}}' }],
    runbook: 'ChorusStageUnassigned',
  }),
  lines({
    title: 'Restored',
    description: 'How much of a restore is done; 1 after it.',
    unit: 'percentunit',
    span: 8,
    max: 1,
    queries: [{ expr: `min by (stage, partition) (${series('restore_done_ratio')})`, legend: PLACE }],
    runbook: 'ChorusRestoringTooLong',
  }),
  lines({
    title: 'Left to restore',
    description:
      'Records of the log, or frames of the store, still to be read. Not falling: the broker or the disk does not answer.',
    unit: 'short',
    span: 8,
    queries: [{ expr: greatest(series('restore_remaining_records'), PARTITION), legend: PLACE }],
    runbook: 'ChorusRestoringTooLong',
  }),
  lines({
    title: 'Seconds of the last restore',
    description:
      'How long an instance is away at each start. From the own disk it is seconds to minutes; from the log as long as it takes to read one window.',
    unit: 's',
    span: 8,
    queries: [{ expr: greatest(series('restore_seconds'), PARTITION), legend: PLACE }],
    limits: { doubtful: 300, bad: 900 },
    runbook: 'ChorusRestoringTooLong',
  }),
  stat({
    title: 'Gaps in logs',
    description: 'Must be 0: at each, posts are lost and the stage has stopped.',
    unit: 'short',
    span: 6,
    queries: [
      { expr: summed(`max_over_time(${series('chain_gaps_total')}[$__range])`), legend: 'gaps', isInstant: true },
    ],
    limits: { bad: 1 },
    runbook: 'ChorusChainGap',
  }),
  stat({
    title: 'Stages begun anew',
    description:
      'After passing faults of brokers, disks or the registry, in the time that is shown. The log names each.',
    unit: 'short',
    span: 6,
    queries: [
      { expr: summed(`increase(${series('stage_restarts_total')}[$__range])`), legend: 'restarts', isInstant: true },
    ],
    limits: { doubtful: 1, bad: 5 },
    runbook: 'ChorusRestarting',
  }),
  lines({
    title: 'Snapshots of the campaigns',
    description:
      'Bytes of the last snapshot, and snapshots in the last hour. At least one comes every half an hour while posts do. None for long: a restore would read far back.',
    unit: 'bytes',
    span: 12,
    queries: [
      { expr: greatest(series('snapshot_bytes')), legend: 'bytes' },
      { expr: summed(`increase(${series('snapshots_total')}[1h])`), legend: 'in an hour' },
    ],
  }),
];

const disk = [
  lines({
    title: 'On disk',
    description:
      'Bytes of each store, and those of them that are still wanted. The rest goes with the next compactions. Leave room for compactions, which hold old files and new ones for a while.',
    unit: 'bytes',
    span: 8,
    queries: [
      { expr: summed(series('store_disk_bytes'), PARTITION), legend: `on disk, ${PLACE}` },
      { expr: summed(series('store_live_bytes'), PARTITION), legend: `wanted, ${PLACE}` },
    ],
    runbook: 'ChorusStoreFailing',
  }),
  lines({
    title: 'Written and read',
    description: 'Pieces of evidence. Reads are for alerts: they follow what is found, not the feed.',
    unit: 'cps',
    span: 8,
    queries: [
      { expr: perSecond('store_batches_total'), legend: 'batches written' },
      { expr: perSecond('store_puts_total'), legend: 'pieces written' },
      { expr: perSecond('store_reads_total'), legend: 'pieces read' },
    ],
  }),
  lines({
    title: 'Bytes written',
    description: 'What Chorus asks RocksDB to write; compactions write it again. It follows the feed.',
    unit: 'Bps',
    span: 8,
    queries: [{ expr: perSecond('store_put_bytes_total'), legend: 'bytes' }],
  }),
  lines({
    title: 'Not sorted in yet',
    description:
      'Files of level 0, and bytes that wait for compaction. Growing: the disk is too slow for the feed. From 20 files on RocksDB slows writes down.',
    unit: 'short',
    span: 8,
    queries: [{ expr: greatest(series('store_level0_files'), PARTITION), legend: `files, ${PLACE}` }],
    limits: { doubtful: 12, bad: 20 },
    runbook: 'ChorusStoreFailing',
  }),
  lines({
    title: 'Waits for compaction',
    description: 'Bytes that RocksDB has still to rewrite. Growing over hours: the disk is too slow for the feed.',
    unit: 'bytes',
    span: 8,
    queries: [{ expr: greatest(series('store_compaction_pending_bytes'), PARTITION), legend: PLACE }],
    runbook: 'ChorusStoreFailing',
  }),
  lines({
    title: 'Trouble with the disk',
    description:
      'Stores that take no writes, and faults that RocksDB has met. Must be 0: look at free space and at the log of the system.',
    unit: 'short',
    span: 8,
    queries: [
      { expr: greatest(series('store_write_stopped'), PARTITION), legend: `stopped, ${PLACE}` },
      { expr: greatest(series('store_background_errors'), PARTITION), legend: `faults, ${PLACE}` },
    ],
    limits: { bad: 1 },
    runbook: 'ChorusStoreFailing',
  }),
];

const memory = [
  lines({
    title: 'Memory of the stores',
    description:
      'Write buffers, block cache, indexes and filters, what waits to be written, and what they are meant to stay below (state.memoryBytes). 0 for state in memory.',
    unit: 'bytes',
    span: 8,
    queries: [
      { expr: summed(series('store_memory_bytes'), PARTITION), legend: `in use, ${PLACE}` },
      { expr: summed(series('store_buffer_bytes'), PARTITION), legend: `buffers, ${PLACE}` },
      { expr: summed(series('store_memory_limit_bytes'), PARTITION), legend: `limit, ${PLACE}` },
    ],
    runbook: 'ChorusMemoryNearBound',
  }),
  lines({
    title: 'Evidence in memory',
    description: 'Decoded evidence, and its limit (state.cacheBytes). At the limit is normal.',
    unit: 'bytes',
    span: 8,
    queries: [
      { expr: summed(series('cache_bytes'), PARTITION), legend: `in use, ${PLACE}` },
      { expr: summed(series('cache_limit_bytes'), PARTITION), legend: `limit, ${PLACE}` },
    ],
    runbook: 'ChorusMemoryNearBound',
  }),
  lines({
    title: 'Evidence looked up',
    description:
      'Found in memory, or read from the store. Mostly from the store, with slow batches of match: raise state.cacheBytes.',
    unit: 'cps',
    span: 8,
    queries: [
      { expr: perSecond('cache_hits_total'), legend: 'in memory' },
      { expr: perSecond('cache_misses_total'), legend: 'from the store' },
    ],
  }),
  lines({
    title: 'Frames kept for the window',
    description: 'Frames of fingerprints that the window still needs.',
    unit: 'short',
    span: 12,
    queries: [{ expr: summed(series('frames_retained'), PARTITION), legend: PLACE }],
  }),
  lines({
    title: 'Bytes to know of them',
    description: 'Memory that keeps track of these frames. Many small frames cost more: longer batches help.',
    unit: 'bytes',
    span: 12,
    queries: [{ expr: summed(series('frames_retained_bytes'), PARTITION), legend: PLACE }],
  }),
];

export const state = dashboard({
  name: 'state',
  title: 'State and restore',
  description: 'What is restored, how long it takes, and how the stores are.',
  rows: [
    { title: 'Partitions and restores', panels: tasks },
    { title: 'Stores', panels: disk },
    { title: 'Memory', panels: memory },
  ],
});
