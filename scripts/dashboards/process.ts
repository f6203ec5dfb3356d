/** For whoever asks whether it is the machine. */
import { dashboard } from './dashboard.ts';
import { lines, stacked, stat } from './panels.ts';
import { greatest, perSecond, series, summed } from './queries.ts';

const build = [
  stat({
    title: 'Version',
    description: 'Version of Chorus. More than one for longer than a roll-out takes: an instance was left behind.',
    unit: 'short',
    span: 6,
    queries: [{ expr: `count by (version) (${series('build_info')})`, legend: '{{version}}', isInstant: true }],
  }),
  stat({
    title: 'Node',
    description:
      'Version of Node, for reports of faults. Older than package.json asks for: the image or the machine wants an update.',
    unit: 'short',
    span: 6,
    queries: [{ expr: `count by (node) (${series('build_info')})`, legend: '{{node}}', isInstant: true }],
  }),
  stat({
    title: 'Topology',
    description:
      'Id of all that decides a result. There must be one: instances of another refuse the frames of this one, and end.',
    unit: 'short',
    span: 6,
    queries: [{ expr: `count by (topology) (${series('topology_info')})`, legend: '{{topology}}', isInstant: true }],
  }),
  stat({
    title: 'Shortest time since a start',
    description: 'Young without your doing: something ends the process. Its last log line, or the system, says what.',
    unit: 's',
    span: 6,
    queries: [{ expr: `time() - ${greatest(series('process_start_time_seconds'))}`, legend: 'up for' }],
    limits: { doubtful: 900, bad: 60, isFloor: true },
    runbook: 'ChorusRestarting',
  }),
];

const memory = [
  lines({
    title: 'Memory',
    description:
      'Resident memory of the process, and what it may have. Above nine tenths it is about to be killed: give it more, or partition.',
    unit: 'bytes',
    span: 8,
    queries: [
      { expr: greatest(series('process_resident_memory_bytes'), ['instance']), legend: 'in use, {{instance}}' },
      { expr: greatest(series('memory_limit_bytes'), ['instance']), legend: 'limit, {{instance}}' },
    ],
    runbook: 'ChorusMemoryNearBound',
  }),
  lines({
    title: 'JavaScript heap, by thread',
    description:
      'Heap of each thread, and where it ends and the process with it. A saw-tooth is normal; its lower edge near the limit is not.',
    unit: 'bytes',
    span: 8,
    queries: [
      {
        expr: greatest(series('worker_heap_bytes'), ['instance', 'worker']),
        legend: 'in use, {{instance}} {{worker}}',
      },
      {
        expr: greatest(series('worker_heap_limit_bytes'), ['instance', 'worker']),
        legend: 'limit, {{instance}} {{worker}}',
      },
    ],
    runbook: 'ChorusMemoryNearBound',
  }),
  stacked({
    title: 'Where memory is',
    description:
      'Of the main thread: spaces of the heap, and external memory, where the bucket index lies. What is missing to the resident memory is RocksDB and other threads.',
    unit: 'bytes',
    span: 8,
    queries: [
      { expr: summed(series('nodejs_heap_space_size_used_bytes'), ['space']), legend: 'heap, {{space}}' },
      { expr: summed(series('nodejs_external_memory_bytes')), legend: 'external' },
    ],
    runbook: 'ChorusMemoryNearBound',
  }),
];

const time = [
  lines({
    title: 'Busy, by thread',
    description:
      'Part of the time that the event loop of a thread works. Near 1 for long: that thread is the narrow part. Give its partitions to more workers or instances.',
    unit: 'percentunit',
    span: 8,
    max: 1,
    queries: [
      { expr: perSecond('worker_busy_seconds_total', ['instance', 'worker']), legend: '{{instance}} {{worker}}' },
    ],
    limits: { doubtful: 0.8, bad: 0.95 },
    runbook: 'ChorusEventLoopBlocked',
  }),
  lines({
    title: 'Longest time that the event loop stood still',
    description:
      'Between two scrapes. Beyond the session timeout of the group the instance loses its partitions. Short of processor, or of memory, is the usual cause.',
    unit: 's',
    span: 8,
    queries: [
      {
        expr: greatest(series('worker_blocked_seconds'), ['instance', 'worker']),
        legend: '{{instance}} {{worker}}',
      },
      {
        expr: greatest(series('nodejs_eventloop_lag_p99_seconds'), ['instance']),
        legend: '99 % of turns, {{instance}}',
      },
    ],
    limits: { doubtful: 1, bad: 5 },
    runbook: 'ChorusEventLoopBlocked',
  }),
  lines({
    title: 'Garbage collection',
    description: 'Part of the time that it takes. Above a tenth: the heap is too small.',
    unit: 'percentunit',
    span: 8,
    queries: [{ expr: perSecond('nodejs_gc_duration_seconds_sum', ['kind']), legend: '{{kind}}' }],
    runbook: 'ChorusMemoryNearBound',
  }),
  lines({
    title: 'Processor',
    description: 'Cores in use. As many as the process may have, and behind: it needs more.',
    unit: 'short',
    span: 8,
    queries: [{ expr: perSecond('process_cpu_seconds_total', ['instance']), legend: '{{instance}}' }],
    runbook: 'ChorusLagGrowing',
  }),
  lines({
    title: 'Open files',
    description:
      'Files and sockets, and how many there may be. At the limit neither sockets nor stores can be opened: raise it (ulimit -n, LimitNOFILE).',
    unit: 'short',
    span: 8,
    queries: [
      { expr: greatest(series('process_open_fds'), ['instance']), legend: 'open, {{instance}}' },
      { expr: greatest(series('process_max_fds'), ['instance']), legend: 'limit, {{instance}}' },
    ],
  }),
  lines({
    title: 'What keeps the process awake',
    description:
      'Sockets, timers and requests of the main thread. Growing without end is a leak: report it, with this panel.',
    unit: 'short',
    span: 8,
    queries: [{ expr: summed(series('nodejs_active_resources'), ['type']), legend: '{{type}}' }],
  }),
];

export const processDashboard = dashboard({
  name: 'process',
  title: 'Process',
  description: 'Memory, processor and event loop of the instances.',
  rows: [
    { title: 'What runs', panels: build },
    { title: 'Memory', panels: memory },
    { title: 'Time', panels: time },
  ],
});
