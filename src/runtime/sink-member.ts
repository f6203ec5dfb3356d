/**
 * One sink of a deployment: a member of a consumer group of its own on the alerts topic, so that neither detection nor another
 * sink waits for it, and it goes on after a restart where it stopped.
 *
 * - **S1** An alert is committed only when it was sent, or given up and kept among the dead letters and counted.
 * - **S2** What the topic does not hold any more is counted as given up, told, and passed over.
 * - **S3** Nothing that happens here ends the process: what fails is begun anew, with growing waits, for as long as it takes.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { backoffMs } from '../consumers/feeds/backoff.ts';
import type { ChorusError } from '../errors.ts';
import type { KafkaClient } from '../kafka/client.ts';
import { GroupMember, type Commit, type GroupHandler, type KafkaBatch } from '../kafka/group.ts';
import type { Committed, LogBounds } from '../kafka/offsets.ts';
import type { KafkaRecord } from '../kafka/records.ts';
import type { Sample } from '../metrics.ts';
import type { Alert } from '../model.ts';
import type { NdjsonFileSink } from '../sinks/ndjson-file.ts';
import {
  passes,
  SINK_FAILURES,
  type AlertSink,
  type SinkError,
  type SinkFailure,
  type SinkFilter,
} from '../sinks/port.ts';
import { QueueBudget, SinkQueue, type QueuedAlert, type QueueOptions } from '../sinks/queue.ts';
import { AlertDecoder } from './published-alerts.ts';

export interface SinkPlan {
  readonly name: string;
  readonly filter: SinkFilter;
  /** Where a sink begins that has never committed. */
  readonly start: 'beginning' | 'end';
  readonly attemptsMax: number;
  /** Of alerts that wait in memory; one answer of a broker for each partition comes on top. */
  readonly queueBytes: number;
  /** Waits between attempts. */
  readonly backoff: { readonly firstMs: number; readonly maxMs: number };
}

export interface SinkParts {
  readonly plan: SinkPlan;
  readonly sink: AlertSink;
  /** What was given up goes there, as it is in the topic. */
  readonly deadLetters: NdjsonFileSink | undefined;
}

export type SinkLog = (level: 'info' | 'warn', message: string, fields: Readonly<Record<string, unknown>>) => void;

export interface SinkMemberOptions {
  readonly client: KafkaClient;
  readonly topic: string;
  readonly groupId: string;
  readonly sessionTimeoutMs: number;
  readonly heartbeatMs: number;
  readonly commitIntervalMs: number;
  readonly log: SinkLog;
}

interface Work {
  readonly queue: SinkQueue;
  readonly commit: Commit;
  committed: number;
  high: number;
  committing: Promise<void> | undefined;
}

const WAITING_MAX = 256;
/** How often a batch that waits for room looks whether the partition is still ours. */
const LOOK_MS = 200;
const RESTART = { firstMs: 500, maxMs: 30_000 };
/** The queue's bound is on records; this one on what a single answer of a broker adds. */
const FETCH_BYTES = 262_144;

export class SinkCounts {
  sent = 0;
  dropped = 0;
  readonly failed = new Map<SinkFailure, number>(SINK_FAILURES.map((reason) => [reason, 0]));
}

/** How a sink is tried, counted and told of, live and when sent again. */
export function queueOptions(parts: SinkParts, counts: SinkCounts, log: SinkLog): QueueOptions {
  const { plan, sink, deadLetters } = parts;
  const told = (error: SinkError, { id, revision }: Alert): Record<string, unknown> => {
    return { sink: plan.name, reason: error.reason, error: error.message, alert: id, revision };
  };
  return {
    sink,
    attemptsMax: plan.attemptsMax,
    waitingMax: WAITING_MAX,
    budget: new QueueBudget(plan.queueBytes),
    waitMs: (attempt, askedMs) => backoffMs(attempt, askedMs, Math.random(), plan.backoff),
    onSent: () => counts.sent++,
    onFailed: (error, alert) => {
      counts.failed.set(error.reason, (counts.failed.get(error.reason) ?? 0) + 1);
      log('warn', 'sink failed', told(error, alert));
    },
    onDropped: async (error, alert) => {
      await deadLetters?.send(alert);
      await deadLetters?.settle();
      counts.dropped++;
      log('warn', 'alert given up by a sink; "chorus resend" sends it again', told(error, alert));
    },
  };
}

export class SinkMember implements GroupHandler {
  readonly #parts: SinkParts;
  readonly #options: SinkMemberOptions;
  readonly #counts = new SinkCounts();
  readonly #queueOptions: QueueOptions;
  readonly #decoder = new AlertDecoder();
  readonly #works = new Map<number, Work>();
  readonly #stopping = new AbortController();
  #running: Promise<void> | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(parts: SinkParts, options: SinkMemberOptions) {
    this.#parts = parts;
    this.#options = options;
    this.#queueOptions = queueOptions(parts, this.#counts, options.log);
  }

  /** Begins, and never fails: a broker that is away is waited for. */
  start(): void {
    this.#running = this.#run();
    this.#timer = setInterval(() => {
      for (const work of this.#works.values()) void this.#commit(work);
    }, this.#options.commitIntervalMs);
  }

  /** Breaks off what is under way, commits what is done. */
  async stop(): Promise<void> {
    clearInterval(this.#timer);
    this.#stopping.abort();
    await this.#running;
    const { sink, deadLetters } = this.#parts;
    await sink.close().catch(() => undefined);
    await deadLetters?.close().catch(() => undefined);
  }

  samples(): Sample[] {
    const labels = { sink: this.#parts.plan.name };
    const { sent, dropped, failed } = this.#counts;
    const works = Array.from(this.#works.values());
    const lag = works.reduce((sum, { high, queue }) => sum + Math.max(0, high - queue.position), 0);
    const waiting = works.reduce((sum, { queue }) => sum + queue.count, 0);
    return [
      { name: 'sink_sent_total', labels, value: sent },
      { name: 'sink_dropped_total', labels, value: dropped },
      ...Array.from(failed, ([reason, value]): Sample => {
        return { name: 'sink_failed_total', labels: { ...labels, reason }, value };
      }),
      { name: 'sink_lag_records', labels, value: lag },
      { name: 'sink_queue_records', labels, value: waiting },
      { name: 'sink_queue_bytes', labels, value: this.#queueOptions.budget.waiting },
      { name: 'sink_queue_limit_bytes', labels, value: this.#parts.plan.queueBytes },
    ];
  }

  async assigned(
    partition: number,
    committed: Committed | undefined,
    { low, high }: LogBounds,
    signal: AbortSignal,
    commit: Commit,
  ): Promise<number> {
    const { start } = this.#parts.plan;
    const isLost = committed !== undefined && (committed.offset < low || committed.offset > high);
    const position = isLost ? low : (committed?.offset ?? (start === 'end' ? high : low));
    // At once: what comes before the first alert is sent must not be passed over by a start at the end after a restart, and what is lost
    // must not be counted twice.
    if (committed === undefined || isLost) await commit(position, '');
    if (isLost) this.#tellLost(partition, committed.offset, low, high);
    const queue = new SinkQueue(position, this.#queueOptions);
    // Nobody is kept waiting at a rebalance by a sink that is slow.
    signal.addEventListener('abort', () => void queue.close(), { once: true });
    this.#works.set(partition, { queue, commit, committed: position, high, committing: undefined });
    return position;
  }

  async batch(
    partition: number,
    { records, next, high }: KafkaBatch,
    _commit: Commit,
    heartbeat: () => Promise<void>,
  ): Promise<void> {
    const work = this.#works.get(partition);
    if (work === undefined) return;
    work.high = high;
    work.queue.push([...records.map((record) => this.#queued(record)), { alert: undefined, next, bytes: 0 }]);
    while (!(await work.queue.room(LOOK_MS))) await heartbeat();
  }

  async revoked(partition: number): Promise<void> {
    const work = this.#works.get(partition);
    if (work === undefined) return;
    this.#works.delete(partition);
    await work.queue.close();
    await this.#commit(work);
  }

  /** A topic that was made anew ends below what was committed: how much is missing cannot be known then. */
  #tellLost(partition: number, offset: number, low: number, high: number): void {
    const missed = Math.max(0, low - offset);
    this.#counts.dropped += missed;
    const fields = { sink: this.#parts.plan.name, partition, offset, low, high, missed };
    this.#options.log('warn', 'the alerts topic does not hold any more what a sink had to read', fields);
  }

  #queued({ value, offset }: KafkaRecord): QueuedAlert {
    const passedOver = { alert: undefined, next: offset + 1, bytes: 0 };
    if (value === null) return passedOver;
    try {
      const alert = this.#decoder.alert(value);
      return passes(alert, this.#parts.plan.filter) ? { ...passedOver, alert, bytes: value.length } : passedOver;
    } catch (error) {
      const fields = { sink: this.#parts.plan.name, offset, error: (error as Error).message };
      this.#options.log('warn', 'a record of the alerts topic is no alert', fields);
      return passedOver;
    }
  }

  /** A commit that fails is made up for by the next one. */
  async #commit(work: Work): Promise<void> {
    await work.committing;
    const { position } = work.queue;
    if (position === work.committed) return;
    work.committing = (async () => {
      try {
        await this.#parts.sink.settle();
        await work.commit(position, '');
        work.committed = position;
      } catch (error) {
        const fields = { sink: this.#parts.plan.name, error: (error as Error).message };
        this.#options.log('warn', 'the place of a sink was not committed', fields);
      } finally {
        work.committing = undefined;
      }
    })();
    await work.committing;
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopping;
    for (let attempt = 0; !signal.aborted; attempt++) {
      const startedMs = performance.now();
      const failure = await this.#asMember(signal);
      if (signal.aborted) return;
      const { code, message } = failure as ChorusError;
      this.#options.log('warn', 'sink begins anew', { sink: this.#parts.plan.name, code, error: message });
      if (performance.now() - startedMs > RESTART.maxMs) attempt = 0;
      await sleep(backoffMs(attempt, undefined, Math.random(), RESTART), undefined, { signal }).catch(() => undefined);
    }
  }

  /** What has ended it; undefined for the signal. */
  async #asMember(signal: AbortSignal): Promise<unknown> {
    const { client, topic, groupId, sessionTimeoutMs, heartbeatMs } = this.#options;
    let end: (failure: unknown) => void = () => undefined;
    const ended = new Promise<unknown>((resolve) => (end = resolve));
    const onAbort = (): void => end(undefined);
    signal.addEventListener('abort', onAbort, { once: true });
    const member = new GroupMember(client, {
      groupId,
      topic,
      sessionTimeoutMs,
      heartbeatMs,
      handler: this,
      maxBytesPerPartition: FETCH_BYTES,
      // As slow as the sink is.
      batchMaxMs: Number.POSITIVE_INFINITY,
      isLossTaken: true,
      onFatal: end,
    });
    try {
      await Promise.race([member.start(), ended]);
      return await ended;
    } catch (error) {
      return error;
    } finally {
      signal.removeEventListener('abort', onAbort);
      // While it is still in its group, so that the commit counts.
      await Promise.all(Array.from(this.#works.values(), (work) => this.#giveUp(work)));
      await member.stop();
    }
  }

  async #giveUp(work: Work): Promise<void> {
    await work.queue.close();
    await this.#commit(work);
  }
}
