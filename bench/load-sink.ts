/** A sink that takes its time: the server of a webhook, and what has come of the alerts that were published. */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Exposition } from '../test/support/exposition.ts';
import type { RunningDeployment } from './load-deployment.ts';
import type { Figures, Sample, SinkFigures } from './load-figures.ts';

export interface SinkPlan {
  /** Of each answer. */
  readonly delayMs: number;
  /** Of so many requests the last one is answered with 503. */
  readonly refusedEach: number;
}

export interface SlowSink {
  /** Sections of the configuration. */
  readonly settings: Readonly<Record<string, unknown>>;
  /** `<id>:<revision>` of each alert that was taken, in order. */
  readonly taken: readonly string[];
  stop(): Promise<void>;
}

export async function startSlowSink({ delayMs, refusedEach }: SinkPlan): Promise<SlowSink> {
  const taken: string[] = [];
  let requests = 0;
  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    request.resume();
    await once(request, 'end');
    const isRefused = ++requests % refusedEach === 0;
    await sleep(delayMs);
    if (!isRefused) taken.push(String(request.headers['webhook-id']));
    response.writeHead(isRefused ? 503 : 204).end();
  };
  const server = createServer((request, response) => {
    // A request that is broken off was not taken.
    answer(request, response).catch(() => response.destroy());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/alerts`;
  return {
    settings: { sinks: [{ name: 'slow', type: 'webhook', url, allowPrivate: true, start: 'beginning' }] },
    taken,
    stop: async () => {
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}

export interface Handover {
  readonly sent: number;
  readonly failed: number;
  readonly dropped: number;
  /** Records of the topic that it has still to deal with. */
  readonly behind: number;
  /** Of those, in memory. */
  readonly queued: number;
}

export function handoverOf(metrics: Exposition): Handover {
  const value = (name: string): number => metrics.value(`chorus_sink_${name}`) ?? 0;
  return {
    sent: value('sent_total'),
    failed: value('failed_total'),
    dropped: value('dropped_total'),
    behind: value('lag_records'),
    queued: value('queue_records'),
  };
}

/** A sink holds 256 records in memory, and what one answer of a broker adds: 262,144 bytes, of which an alert is 1 kB at the least. */
const QUEUED_MAX = 512;
/** Ordinary posts for some seconds take half of it. */
const RSS_MAX_MEGABYTES = 400;
const HANDED_MAX_MS = 120_000;
const LOOK_MS = 100;

export interface SinkOutcome {
  /** `<id>:<revision>` of each record of the topic. */
  readonly published: ReadonlySet<string>;
  /** Likewise of what the server has taken, in order. */
  readonly taken: readonly string[];
  readonly handover: Handover;
  /** The most that was seen. */
  readonly behindMax: number;
  readonly queuedMax: number;
}

/** What is lost between the topic and the sink, or piles up on the way. */
export function sinkFaults({ published, taken, handover, behindMax, queuedMax }: SinkOutcome): string[] {
  const faults: string[] = [];
  const { sent, failed, dropped, behind } = handover;
  const known = new Set(taken);
  const missing = Array.from(published).filter((key) => !known.has(key));
  if (missing.length > dropped + behind) {
    faults.push(`${missing.length} alerts did not come, of which ${dropped} were given up and ${behind} wait`);
  }
  const foreign = taken.filter((key) => !published.has(key));
  if (foreign.length > 0) faults.push(`${foreign.length} alerts came that are not in the topic`);
  // The last one may have been taken, and its answer be on the way.
  if (Math.abs(sent - taken.length) > 1) faults.push(`${taken.length} alerts came and ${sent} are counted as sent`);
  const unordered = unorderedOf(taken);
  if (unordered > 0) faults.push(`${unordered} revisions came behind a later one of their alert`);
  if (queuedMax > QUEUED_MAX) faults.push(`${queuedMax} alerts wait in memory, must be at most ${QUEUED_MAX}`);
  if (behindMax < 2 || failed === 0) faults.push('the sink was not slow, or did not fail: nothing is shown');
  return faults;
}

function unorderedOf(taken: readonly string[]): number {
  const last = new Map<string, number>();
  let count = 0;
  for (const key of taken) {
    const [, id = '', revision = ''] = /^(.*):(\d+)$/.exec(key) ?? [];
    if (Number(revision) < (last.get(id) ?? 0)) count++;
    last.set(id, Number(revision));
  }
  return count;
}

/** Waits until the sink has dealt with every alert; what it has not by the bound is behind. */
export async function handedOver(
  deployment: RunningDeployment,
  published: ReadonlySet<string>,
  { taken }: SlowSink,
  samples: readonly Sample[],
): Promise<SinkOutcome> {
  let behindMax = Math.max(...samples.map(({ sinkBehind }) => sinkBehind));
  let queuedMax = Math.max(...samples.map(({ sinkQueued }) => sinkQueued));
  const endMs = performance.now() + HANDED_MAX_MS;
  for (;;) {
    const handover = handoverOf(await deployment.metrics());
    const { sent, dropped, behind, queued } = handover;
    behindMax = Math.max(behindMax, behind);
    queuedMax = Math.max(queuedMax, queued);
    const isDone = behind === 0 && sent + dropped >= published.size;
    if (isDone || performance.now() > endMs) return { published, taken, handover, behindMax, queuedMax };
    await sleep(LOOK_MS);
  }
}

/** Does what a sink takes its time for reach back to where alerts are found? */
export function holdUpsOf({ p50Ms = Infinity, rssMegabytes }: Figures, delayMs: number): string[] {
  const faults: string[] = [];
  if (p50Ms >= delayMs)
    faults.push(`half of the alerts come ${p50Ms} ms late or more: a sink of ${delayMs} ms holds them up`);
  if (rssMegabytes.max > RSS_MAX_MEGABYTES) {
    faults.push(`${rssMegabytes.max} MB of memory, must be at most ${RSS_MAX_MEGABYTES}`);
  }
  return faults;
}

export function sinkFiguresOf({ published, handover, behindMax }: SinkOutcome): SinkFigures {
  const { sent, failed, dropped, behind } = handover;
  return { published: published.size, sent, failed, dropped, behindMax, behind };
}
