/**
 * One stage on Kafka: a member of the stage's group, with a task for each partition that it is given.
 *
 * E3  At most one step of a partition is under way, and a commit covers only steps whose effects are done.
 */
import { Buffer } from 'node:buffer';
import type { ChorusError } from '../errors.ts';
import type { KafkaClient } from '../kafka/client.ts';
import { GroupMember, type Commit, type GroupHandler, type GroupOptions, type KafkaBatch } from '../kafka/group.ts';
import type { Committed, LogBounds } from '../kafka/offsets.ts';
import { lostError } from '../kafka/membership.ts';
import { FrameProducer, type OutgoingRecord } from '../kafka/producer.ts';
import { readRange } from '../kafka/reader.ts';
import { DamagedError } from '../state/rocksdb-errors.ts';
import type { Store } from '../state/store.ts';
import { Observations, RetiredSamples, sumSamples, type Sample } from '../metrics.ts';
import { isGap, kafkaSamples, partitionSamples, type PartitionReport } from './stage-samples.ts';
import { perform, type LogRecord, type Output, type OutputTopic, type Step, type Task } from './task.ts';

export interface OpenTask {
  readonly task: Task;
  readonly store: Store | undefined;
  /** Has the next task of the partition begin with an empty store, since this one cannot be read. */
  readonly setAside?: (detail: string) => Promise<void>;
  /** What is to be done when nothing has come for `idleMs` and all from before `seenMs` is processed; see FingerprintTask.tick. */
  readonly tick?: (seenMs: number, commit: Commit) => Promise<Step | undefined>;
}

export interface StageOptions {
  readonly group: Omit<GroupOptions, 'handler' | 'onFatal'>;
  readonly topics: Readonly<Record<OutputTopic, string | undefined>>;
  /** Partitions of the alerts topic are chosen by key; of all others they are given. */
  readonly alertPartitions: number;
  readonly commitIntervalMs: number;
  readonly idleMs: number | undefined;
  /** Name of the stage, for metrics. */
  readonly stage: string;
  readonly open: (partition: number, signal: AbortSignal) => Promise<OpenTask>;
  readonly log: (level: 'info' | 'warn', message: string, fields: Readonly<Record<string, unknown>>) => void;
  readonly onFatal: (error: unknown) => void;
}

/** Plain numbers for metrics. */
export interface StageCounters {
  batches: number;
  records: number;
  produced: number;
  batchSeconds: number;
  /** Times that records were missing in a log. */
  gaps: number;
}

interface Work {
  readonly partition: number;
  readonly open: OpenTask;
  commit: Commit | undefined;
  /** Where its log is to be read on, while it restores. */
  readonly from: number;
  readonly assignedMs: number;
  progress: { done: number; total: number };
  restoreSeconds: number | undefined;
  /** The broker's time of the last record that is done; of its assignment before that. */
  doneMs: number;
  /** The last step whose effects are done and that is not committed. */
  due: Step | undefined;
  committedMs: number;
  lastMs: number;
  /** The step or tick under way. */
  running: Promise<void>;
}

const PROGRESS_EVERY_MS = 3000;

export class StageRunner implements GroupHandler {
  readonly counters: StageCounters = { batches: 0, records: 0, produced: 0, batchSeconds: 0, gaps: 0 };
  readonly member: GroupMember;
  readonly #client: KafkaClient;
  readonly #options: StageOptions;
  readonly #producer: FrameProducer;
  readonly #works = new Map<number, Work>();
  readonly #batchSeconds = new Observations('batch_seconds');
  /** Of the one stage that opens alerts. */
  readonly #latency = new Observations('alert_latency_seconds');
  readonly #retired = new RetiredSamples();
  #timer: NodeJS.Timeout | undefined;
  #isStopping = false;

  constructor(client: KafkaClient, options: StageOptions) {
    this.#client = client;
    this.#options = options;
    this.#producer = new FrameProducer(client);
    this.member = new GroupMember(client, { ...options.group, handler: this, onFatal: (error) => this.#fail(error) });
  }

  /** @throws ChorusError as GroupMember.start and FrameProducer.connect do */
  async start(): Promise<void> {
    await this.#producer.connect();
    await this.member.start();
    this.#timer = setInterval(() => this.#onTimer(), this.#options.commitIntervalMs);
  }

  /** Fetches no more, ends running steps, commits what is done, and leaves the group. */
  async stop(): Promise<void> {
    clearInterval(this.#timer);
    this.#isStopping = true;
    await this.member.stop();
    await this.#producer.disconnect();
  }

  report(): PartitionReport[] {
    return this.member.status().map(({ partition, state, position, high }) => {
      const work = this.#works.get(partition);
      const lagRecords = Math.max(0, high - (position < 0 ? (work?.from ?? high) : position));
      const lagMs = lagRecords === 0 || work === undefined ? 0 : Math.max(0, Date.now() - work.doneMs);
      const watermark = work?.open.task.watermark ?? -Infinity;
      return {
        partition,
        state,
        position,
        high,
        lagRecords,
        lagSeconds: lagMs / 1000,
        watermark: Number.isFinite(watermark) ? new Date(watermark).toISOString() : undefined,
        restore: work === undefined ? undefined : progressOf(work),
      };
    });
  }

  samples(): Sample[] {
    const { stage } = this.#options;
    const labels = { stage };
    const { counters } = this;
    const tasks = sumSamples(this.tasks().flatMap((task) => task.samples()));
    return [
      { name: 'records_consumed_total', labels, value: counters.records },
      { name: 'records_produced_total', labels, value: counters.produced },
      { name: 'batches_total', labels, value: counters.batches },
      { name: 'chain_gaps_total', labels, value: counters.gaps },
      this.#batchSeconds.sample('batch_seconds', labels),
      ...(stage === 'campaign' ? [this.#latency.sample('alert_latency_seconds')] : []),
      ...kafkaSamples(labels, this.member, this.#producer),
      ...this.report().flatMap((report) => partitionSamples(stage, report)),
      ...this.#retired.with(tasks),
    ];
  }

  tasks(): Task[] {
    return Array.from(this.#works.values(), ({ open }) => open.task);
  }

  async assigned(
    partition: number,
    committed: Committed | undefined,
    log: LogBounds,
    signal: AbortSignal,
    commit: Commit,
  ): Promise<number> {
    const assignedMs = performance.now();
    const open = await this.#options.open(partition, signal);
    const nowMs = performance.now();
    const work: Work = {
      partition,
      open,
      from: committed?.offset ?? log.low,
      assignedMs,
      progress: { done: 0, total: 0 },
      restoreSeconds: undefined,
      doneMs: Date.now(),
      commit,
      due: undefined,
      committedMs: nowMs,
      lastMs: nowMs,
      running: Promise.resolve(),
    };
    this.#works.set(partition, work);
    const { topic } = this.#options.group;
    const position = await noticingDamage(open, () =>
      open.task.restore({
        committed,
        low: log.low,
        high: log.high,
        signal,
        read: (from, to) => this.#read(partition, from, to, signal),
        onProgress: this.#progress(work),
      }),
    );
    const seconds = Math.round(performance.now() - assignedMs) / 1000;
    work.restoreSeconds = seconds;
    this.#options.log('info', 'partition assigned', {
      topic,
      partition,
      position,
      committed: committed?.offset,
      seconds,
    });
    return position;
  }

  #progress(work: Work): (done: number, total: number) => void {
    const { partition } = work;
    let toldMs = performance.now();
    return (done, total) => {
      work.progress = { done, total };
      const nowMs = performance.now();
      if (nowMs - toldMs < PROGRESS_EVERY_MS) return;
      toldMs = nowMs;
      const { topic } = this.#options.group;
      this.#options.log('info', 'restoring', { topic, partition, done, total });
    };
  }

  async *#read(partition: number, from: number, to: number, signal: AbortSignal): AsyncGenerator<readonly LogRecord[]> {
    const { topic } = this.#options.group;
    for await (const { records } of readRange(this.#client, { topic, partition, from, to, signal })) {
      if (records.length > 0) yield records;
    }
  }

  batch(partition: number, batch: KafkaBatch, commit: Commit): Promise<void> {
    const work = this.#works.get(partition)!;
    work.commit = commit;
    return this.#serially(work, async () => {
      const startedMs = performance.now();
      await noticingDamage(work.open, async () => {
        await this.#perform(work, await work.open.task.process(batch.records, batch.next));
      });
      this.counters.batches++;
      this.counters.records += batch.records.length;
      work.doneMs = batch.records.at(-1)?.timestampMs ?? work.doneMs;
      work.lastMs = performance.now();
      const seconds = (work.lastMs - startedMs) / 1000;
      this.counters.batchSeconds += seconds;
      this.#batchSeconds.observe(seconds);
    });
  }

  async revoked(partition: number): Promise<void> {
    const work = this.#works.get(partition);
    if (work === undefined) return;
    this.#works.delete(partition);
    await work.running.catch(() => undefined);
    // Heartbeats go on until this returns, so the commit still counts.
    if (this.#isStopping) await this.#commitDue(work).catch(() => undefined);
    this.#retired.retire(work.open.task.samples());
    await work.open.task.close();
  }

  async #serially(work: Work, run: () => Promise<void>): Promise<void> {
    const before = work.running;
    const running = before.then(run);
    work.running = running;
    await running;
  }

  async #perform(work: Work, step: Step): Promise<void> {
    const isDue = performance.now() - work.committedMs >= this.#options.commitIntervalMs;
    await perform(
      step,
      {
        produce: async (outputs) => {
          await this.#produce(work, outputs);
          for (const newestMs of step.openedMs ?? []) this.#latency.observe(Math.max(0, Date.now() - newestMs) / 1000);
        },
        store: work.open.store,
        commit: (offset, metadata) => work.commit!(offset, metadata),
      },
      isDue,
    );
    work.due = isDue ? undefined : step;
    if (isDue) work.committedMs = performance.now();
  }

  async #commitDue(work: Work): Promise<void> {
    await this.#serially(work, async () => {
      const { due } = work;
      if (due === undefined) return;
      work.due = undefined;
      work.committedMs = performance.now();
      await work.commit!(due.position, due.metadata);
    });
  }

  async #produce(work: Work, outputs: readonly Output[]): Promise<void> {
    // Readers know what comes twice, but compaction would keep an old revision that lies behind a newer one.
    const { groupId, topic: from } = this.#options.group;
    if (!this.member.isCurrent) throw lostError(groupId, from, [work.partition]);
    const byTopic = new Map<string, OutgoingRecord[]>();
    for (const { topic, partition, key, value, headers } of outputs) {
      const name = this.#options.topics[topic]!;
      const records = byTopic.get(name) ?? [];
      byTopic.set(name, records);
      records.push({
        partition: partition < 0 ? partitionOf(key!, this.#options.alertPartitions) : partition,
        key,
        // kafkajs takes a Uint8Array that is no Buffer for text.
        value: Buffer.from(value.buffer, value.byteOffset, value.byteLength),
        ...(headers === undefined ? {} : { headers }),
      });
    }
    this.counters.produced += outputs.length;
    await Promise.all(Array.from(byTopic, ([topic, records]) => this.#producer.send(topic, records)));
  }

  #onTimer(): void {
    const nowMs = performance.now();
    for (const [partition, work] of this.#works) {
      if (work.due !== undefined && nowMs - work.committedMs >= this.#options.commitIntervalMs) {
        this.#guard(this.#commitDue(work));
      }
      const { idleMs } = this.#options;
      if (idleMs !== undefined && work.open.tick !== undefined && nowMs - work.lastMs >= idleMs) {
        work.lastMs = nowMs;
        this.#guard(this.#tick(partition, work));
      }
    }
  }

  async #tick(partition: number, work: Work): Promise<void> {
    const status = this.member.status().find((one) => one.partition === partition);
    // Only a source that has nothing to be read is idle; one that cannot be read is not.
    if (status === undefined || status.state !== 'running' || status.position < status.high) return;
    await this.#serially(work, async () => {
      const step = await work.open.tick!(status.seenMs, work.commit!);
      if (step !== undefined) await this.#perform(work, step);
    });
  }

  /** A partition that has been lost meanwhile fails its next batch, or is revoked. */
  #guard(effect: Promise<void>): void {
    effect.catch((error: unknown) => {
      if ((error as Partial<ChorusError>).code === 'partition_lost') return;
      this.#fail(error);
    });
  }

  #fail(error: unknown): void {
    if (isGap(error)) this.counters.gaps++;
    this.#options.onFatal(error);
  }
}

function progressOf({ progress, assignedMs, restoreSeconds }: Work): PartitionReport['restore'] {
  const isOver = restoreSeconds !== undefined;
  const { done, total } = isOver ? { done: progress.total, total: progress.total } : progress;
  return { isOver, done, total, seconds: restoreSeconds ?? Math.round(performance.now() - assignedMs) / 1000 };
}

/** A store may open well and turn out damaged where it is read: without this, each new task would meet the same. */
async function noticingDamage<T>({ setAside }: OpenTask, run: () => Promise<T>): Promise<T> {
  try {
    return await run();
  } catch (error) {
    if (error instanceof DamagedError) await setAside?.(error.detail);
    throw error;
  }
}

/** Fowler, Noll and Vo's hash: alerts of one campaign stay in one partition, whichever instance publishes them. */
function partitionOf(key: string, partitions: number): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < key.length; i++) hash = Math.imul(hash ^ key.charCodeAt(i), 0x01000193);
  return (hash >>> 0) % partitions;
}
