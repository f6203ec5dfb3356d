/**
 * Chorus on Kafka, in one process: the stages that it runs, each as a member of its group. Owns what they share, and what
 * happens when one of them fails.
 */
import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { RecordFormat } from '../consumers/formats/format.ts';
import { ChorusError, ConfigError } from '../errors.ts';
import { checkRoute, FRAME_KIND, readHeader } from '../frames/frame.ts';
import { KafkaClient, type KafkaSettings } from '../kafka/client.ts';
import { topicMissingError } from '../kafka/feed.ts';
import { logBounds, type LogBounds } from '../kafka/offsets.ts';
import { readRange } from '../kafka/reader.ts';
import { RetiredSamples, sumSamples, type Sample } from '../metrics.ts';
import { openRegistry, type RegistrySettings } from '../registry/client.ts';
import { RecordDecoder } from '../registry/decoder.ts';
import type { Registry } from '../registry/registry.ts';
import { publishedSchema } from '../registry/schemas.ts';
import type { Settings } from '../settings.ts';
import { alertCodec, type AlertCodec } from '../sinks/encode-alert.ts';
import type { Revision } from '../stages/campaign.ts';
import { MemoryStoreProvider } from '../state/memory.ts';
import { RocksdbStoreProvider } from '../state/rocksdb.ts';
import type { StoreProvider } from '../state/store.ts';
import { CampaignTask } from './campaign-task.ts';
import { stageSettings, type EvidenceOptions, type StageSettings } from './engine.ts';
import { FingerprintTask, type EventTime } from './fingerprint-task.ts';
import { MatchTask } from './match-task.ts';
import { StageRunner, type OpenTask, type StageOptions } from './stage-runner.ts';
import type { PartitionReport } from './stage-samples.ts';
import type { Output } from './task.ts';

export const STAGE_NAMES = ['fingerprint', 'match', 'campaign'] as const;
export type StageName = (typeof STAGE_NAMES)[number];

export interface DeploymentTopics {
  readonly feed: string;
  readonly fingerprints: string;
  readonly links: string;
  readonly alerts: string;
  readonly deadLetters: string | undefined;
}

export interface DeploymentSettings {
  readonly settings: Settings;
  /** Bytes of the frequency table. */
  readonly table: Uint8Array;
  readonly evidence?: EvidenceOptions;
  /** Name and version, for the alerts. */
  readonly engine: string;
  readonly kafka: KafkaSettings;
  readonly topics: DeploymentTopics;
  /** Groups are called `<prefix>.fingerprint`, `<prefix>.match` and `<prefix>.campaign`. */
  readonly groupPrefix: string;
  /** Partitions of the topic of fingerprints. */
  readonly partitions: number;
  readonly eventTime: EventTime;
  readonly outOfOrdernessMs: number;
  /** Of the values of the feed topic. */
  readonly format: RecordFormat;
  /** With the broker's time: a source that has been silent for so long is taken to have nothing earlier. */
  readonly idleMs: number | undefined;
  readonly stages: readonly StageName[];
  /** Undefined for state in memory, built from the log at each start. */
  readonly stateFolder: string | undefined;
  readonly storeMemoryBytes: number;
  readonly cacheBytes: number;
  readonly snapshotBytes: number;
  readonly commitIntervalMs: number;
  readonly sessionTimeoutMs: number;
  readonly heartbeatMs: number;
  /** How long a stage may take to stop before its connections are closed. Default 10 s. */
  readonly stopMaxMs?: number;
  readonly registry: RegistrySettings | undefined;
  /** Name of the feed topic, where samples of alerts tell the records that they were read from. */
  readonly provenance?: string | undefined;
  readonly alertFormat: 'json' | 'framed-json' | 'framed-avro';
}

export interface DeploymentCallbacks {
  readonly log: (level: 'info' | 'warn' | 'error', message: string, fields?: Readonly<Record<string, unknown>>) => void;
  /** The deployment cannot go on; it is to be stopped and the process ended. */
  readonly onFatal: (error: unknown) => void;
}

export interface DeploymentStatus {
  /** Of the frames, and so of all partitions; empty before the topics have been looked at. */
  readonly topology: string;
  /** Of the stages, which is in the alerts. */
  readonly stagesTopology: string;
  /** Partitions of the feed topic; 0 before the topics have been looked at. */
  readonly sources: number;
  /** It has a partition, and nothing restores. */
  readonly isReady: boolean;
  /** A partition restores, or a stage is not in its group yet, or not any more. */
  readonly isRestoring: boolean;
  readonly stages: Readonly<Partial<Record<StageName, readonly PartitionReport[]>>>;
}

/** Faults that a new member with a new producer may not have, or that may be over by then. */
const PASSING: ReadonlySet<string> = new Set([
  'send_failed',
  'producer_failed',
  'kafka_unreachable',
  'registry_unavailable',
  // It has been set aside by then.
  'store_damaged',
]);
/** Links are kept for two windows and the time that instances may be away, an hour at the least of which is left. */
const SNAPSHOT_EVERY_MS = 30 * 60_000;
const RESTARTS_MAX = 8;
const RESTART_WAIT_MS = 500;
/** After so long without a fault, earlier ones are forgotten. */
const RESTARTS_FORGOTTEN_MS = 300_000;
const RESTART_WAIT_MAX_MS = 15_000;

/**
 * 16 hexadecimal digits, for the frames: all that decides a result, with the partitions that they run between.
 * @param stages that of the stages, which is in the alerts
 * @param sources partitions of the feed topic
 */
export function deploymentTopology(
  stages: string,
  {
    eventTime,
    outOfOrdernessMs,
    format,
    topics,
    partitions,
  }: Pick<DeploymentSettings, 'eventTime' | 'outOfOrdernessMs' | 'format' | 'topics' | 'partitions'>,
  sources: number,
): string {
  const all = JSON.stringify([stages, eventTime, outOfOrdernessMs, format, topics.feed, sources, partitions]);
  return createHash('sha256').update(all).digest('hex').slice(0, 16);
}

export class Deployment {
  readonly #settings: DeploymentSettings;
  readonly #callbacks: DeploymentCallbacks;
  readonly #stages: StageSettings;
  readonly #client: KafkaClient;
  readonly #stores: StoreProvider;
  readonly #runners = new Map<StageName, StageRunner>();
  /** What runners have counted that were followed by others. */
  readonly #retired = new RetiredSamples();
  readonly #restarts = new Map<StageName, number>();
  readonly #recovering = new Set<StageName>();
  #sources = 0;
  /** Of partition 0 of the topic of fingerprints, at the start. */
  #fingerprints: LogBounds = { low: 0, high: 0 };
  #alertPartitions = 0;
  #registry: Registry | undefined;
  #codec: AlertCodec | undefined;
  #topology = '';
  #isStopping = false;

  constructor(settings: DeploymentSettings, callbacks: DeploymentCallbacks) {
    this.#settings = settings;
    this.#callbacks = callbacks;
    this.#stages = stageSettings(settings);
    this.#client = new KafkaClient(settings.kafka, (level, message, fields) => {
      if (level === 'warn') callbacks.log('warn', message, fields);
    });
    const { stateFolder, storeMemoryBytes } = settings;
    this.#stores =
      stateFolder === undefined
        ? new MemoryStoreProvider()
        : new RocksdbStoreProvider({
            folder: stateFolder,
            memoryBytes: storeMemoryBytes,
            onDamaged: (detail) => callbacks.log('warn', 'state set aside, to be built again from the log', { detail }),
          });
  }

  /** Topology id of the frames: all that decides a result, with the partitions that they run between. */
  get topology(): string {
    return this.#topology;
  }

  /** @throws ChorusError where the brokers, the registry or the topics are not to be had. @throws ConfigError */
  async start(): Promise<void> {
    await this.#measureTopics();
    await this.#checkLastFrame();
    const { registry } = this.#settings;
    if (registry !== undefined) {
      const onWait = (detail: string, waitedMs: number): void =>
        this.#callbacks.log('warn', 'waiting for the schema registry', { detail, waitedMs });
      this.#registry = await openRegistry(registry, { onWait });
    }
    this.#codec = await this.#alertCodec();
    for (const stage of this.#settings.stages) await this.#startStage(stage);
  }

  async stop(): Promise<void> {
    this.#isStopping = true;
    // From the first stage to the last, so that each finds on its way out what the one before it has still said.
    for (const runner of this.#runners.values()) await runner.stop();
    // What was counted can still be asked for.
    for (const runner of this.#runners.values()) this.#retired.retire(runner.samples());
    this.#runners.clear();
    await this.#stores.close();
  }

  status(): DeploymentStatus {
    const stages = Object.fromEntries(Array.from(this.#runners, ([stage, runner]) => [stage, runner.report()]));
    const all = Object.values(stages).flat();
    const isRestoring = !this.#isSettled || all.some(({ state }) => state === 'restoring');
    const isReady = all.length > 0 && !isRestoring;
    const stagesTopology = this.#stages.topology;
    return { topology: this.#topology, stagesTopology, sources: this.#sources, isReady, isRestoring, stages };
  }

  /** Every stage is a member of its group: whatever partitions it is to have, it has. */
  get #isSettled(): boolean {
    if (this.#recovering.size > 0 || this.#runners.size < this.#settings.stages.length) return false;
    return Array.from(this.#runners.values()).every((runner) => runner.member.isCurrent);
  }

  samples(): Sample[] {
    const running = Array.from(this.#runners.values()).flatMap((runner) => runner.samples());
    const restarts = Array.from(this.#runners.keys(), (stage): Sample => {
      return { name: 'stage_restarts_total', labels: { stage }, value: this.#restarts.get(stage) ?? 0 };
    });
    return [...this.#retired.with(sumSamples(running)), ...restarts];
  }

  runner(stage: StageName): StageRunner | undefined {
    return this.#runners.get(stage);
  }

  async #measureTopics(): Promise<void> {
    const { topics, partitions } = this.#settings;
    const admin = this.#client.admin();
    await admin.connect();
    try {
      const names = Object.values(topics).filter((name): name is string => name !== undefined);
      const existing = new Set(await admin.listTopics());
      for (const name of names) if (!existing.has(name)) throw topicMissingError(name);
      const found = await admin.fetchTopicMetadata({ topics: names });
      const countOf = (name: string): number => found.topics.find((topic) => topic.name === name)!.partitions.length;
      this.#sources = countOf(topics.feed);
      this.#alertPartitions = countOf(topics.alerts);
      const actual = countOf(topics.fingerprints);
      if (actual !== partitions) {
        const bound = `the number of partitions of topic ${topics.fingerprints}, which has ${actual}`;
        throw new ConfigError([{ name: 'kafka.partitions', value: partitions, bound }]);
      }
      this.#fingerprints = (await logBounds(admin, topics.fingerprints))[0]!;
    } finally {
      await admin.disconnect();
    }
    this.#topology = deploymentTopology(this.#stages.topology, this.#settings, this.#sources);
  }

  /**
   * Later stages refuse frames of another topology, but by then stage 1 would have written ours behind them, and who goes back to
   * the settings of before would be refused too.
   */
  async #checkLastFrame(): Promise<void> {
    const { topics, partitions } = this.#settings;
    const { low, high } = this.#fingerprints;
    const range = { topic: topics.fingerprints, partition: 0, from: Math.max(low, high - 1), to: high };
    const route = { topology: this.#topology, sources: this.#sources, target: 0, targets: partitions };
    for await (const { records } of readRange(this.#client, range)) {
      for (const { value } of records) {
        if (value !== null) checkRoute(readHeader(value), FRAME_KIND.fingerprints, route);
      }
    }
  }

  async #alertCodec(): Promise<AlertCodec> {
    const { alertFormat, topics } = this.#settings;
    if (alertFormat === 'json') return alertCodec({ kind: 'json' });
    if (this.#registry === undefined) {
      throw new ConfigError([
        { name: 'alerts.format', value: alertFormat, bound: 'json where no registry.url is given' },
      ]);
    }
    const published = publishedSchema('alert', alertFormat === 'framed-avro' ? 'avro' : 'json');
    const schemaId = await this.#registry.id(`${topics.alerts}-value`, published);
    if (schemaId === undefined) {
      const message = `the schema of alerts is not registered for topic ${topics.alerts}: run "chorus schemas register"`;
      throw new ChorusError('schema_missing', message);
    }
    return alertCodec({ kind: alertFormat, schemaId, schema: published.schema });
  }

  async #startStage(stage: StageName): Promise<void> {
    let restarts = 0;
    let failedMs = 0;
    const begin = async (): Promise<void> => {
      let isOver = false;
      const runner = new StageRunner(this.#client, {
        ...this.#stageOptions(stage),
        onFatal: (error) => {
          if (isOver || this.#isStopping) return;
          isOver = true;
          const nowMs = performance.now();
          if (nowMs - failedMs > RESTARTS_FORGOTTEN_MS) restarts = 0;
          failedMs = nowMs;
          void this.#recover(stage, runner, error, restarts++, begin);
        },
      });
      this.#runners.set(stage, runner);
      await runner.start();
    };
    await begin();
  }

  /** E2: all tasks of the stage are built anew from what was committed, by a new member with a new producer. */
  async #recover(
    stage: StageName,
    runner: StageRunner,
    error: unknown,
    restarts: number,
    begin: () => Promise<void>,
  ): Promise<void> {
    const { code, message } = error as ChorusError;
    this.#recovering.add(stage);
    await runner.stop().catch(() => undefined);
    if (!PASSING.has(code) || restarts >= RESTARTS_MAX) {
      this.#callbacks.onFatal(error);
      return;
    }
    this.#callbacks.log('warn', 'stage starts anew', { stage, code, error: message, restarts });
    this.#restarts.set(stage, (this.#restarts.get(stage) ?? 0) + 1);
    await sleep(Math.min(RESTART_WAIT_MAX_MS, RESTART_WAIT_MS * 2 ** restarts));
    if (this.#isStopping) return;
    this.#retired.retire(runner.samples());
    await begin().catch((failure: unknown) => this.#callbacks.onFatal(failure));
    this.#recovering.delete(stage);
  }

  #stageOptions(stage: StageName): Omit<StageOptions, 'onFatal'> {
    const { topics, groupPrefix, sessionTimeoutMs, heartbeatMs, commitIntervalMs, idleMs, eventTime } = this.#settings;
    const { stopMaxMs } = this.#settings;
    const topic = { fingerprint: topics.feed, match: topics.fingerprints, campaign: topics.links }[stage];
    const { fingerprints, links, alerts, deadLetters } = topics;
    return {
      group: {
        groupId: `${groupPrefix}.${stage}`,
        topic,
        sessionTimeoutMs,
        heartbeatMs,
        ...(stopMaxMs === undefined ? {} : { stopMaxMs }),
        onPartitionsChanged: (count) => this.#onPartitionsChanged(topic, count),
      },
      topics: { fingerprints, links, alerts, deadLetters },
      alertPartitions: this.#alertPartitions,
      commitIntervalMs,
      stage,
      idleMs: stage === 'fingerprint' && eventTime === 'record' ? idleMs : undefined,
      open: (partition, signal) => this.#open(stage, partition, signal),
      log: (level, message, fields) => this.#callbacks.log(level, message, { stage, ...fields }),
    };
  }

  #onPartitionsChanged(topic: string, count: number): void {
    const message =
      `topic ${topic} has ${count} partitions now: its watermarks were promised for the number before. Give the new ` +
      'number internal topics of its own (kafka.prefix), or remove the change';
    this.#callbacks.onFatal(new ChorusError('partitions_changed', message));
  }

  async #open(stage: StageName, partition: number, signal: AbortSignal): Promise<OpenTask> {
    const topology = this.#topology;
    const targets = this.#settings.partitions;
    const sources = this.#sources;
    if (stage === 'fingerprint') return this.#openFingerprint(partition);
    if (stage === 'match') {
      const name = `match-${partition}`;
      const store = await this.#stores.open(name, topology, { signal });
      const route = { topology, sources, target: partition, targets };
      const { cacheBytes } = this.#settings;
      const task = new MatchTask({ match: this.#stages.match, route, cacheBytes }, store);
      return { task, store, setAside: (detail) => this.#stores.setAside(name, detail) };
    }
    const task = new CampaignTask({
      campaign: this.#stages.campaign,
      route: { topology, sources: targets, target: 0, targets: 1 },
      snapshotBytes: this.#settings.snapshotBytes,
      snapshotEveryMs: SNAPSHOT_EVERY_MS,
      encode: (revision) => this.#encode(revision),
    });
    return { task, store: undefined };
  }

  #openFingerprint(partition: number): OpenTask {
    const { topics, eventTime, outOfOrdernessMs, partitions, idleMs } = this.#settings;
    const task = new FingerprintTask(
      {
        fingerprint: this.#stages.fingerprint,
        route: { topology: this.#topology, source: partition, sources: this.#sources, targets: partitions },
        outOfOrdernessMs,
        eventTime,
        deadLettersOf: topics.deadLetters === undefined ? undefined : topics.feed,
        onRejected: (offset, reason, detail) => {
          const fields = { stage: 'fingerprint', topic: topics.feed, partition, offset, reason, detail };
          this.#callbacks.log('warn', 'record rejected', fields);
        },
      },
      new RecordDecoder(this.#registry, this.#settings.format),
    );
    // From the last look at the log, not from now: after a pause of this process or of the broker, posts wait there that are older.
    const tick: OpenTask['tick'] = (seenMs, commit) => task.tick(seenMs - idleMs! - outOfOrdernessMs, commit);
    return { task, store: undefined, tick };
  }

  #encode(revision: Revision): Omit<Output, 'topic' | 'partition'> {
    const { alert } = revision;
    const headers = {
      'content-type': this.#codec!.contentType,
      'chorus-schema': alert.schema,
      'chorus-revision': String(alert.revision),
      'chorus-topology': alert.topology,
    };
    return { key: alert.id, value: this.#codec!.encode(alert), headers };
  }
}
