/**
 * A deployment on a real broker, for tests: its topics, what is fed to it, the instances that run it, and what it has published held
 * against a replay of the same posts. Names are never used twice, so many may share one broker.
 */
import { mkdtemp, rm, writeFile, readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Admin } from 'kafkajs';
import { loadTable } from '../../src/cli/table.ts';
import { ENGINE } from '../../src/cli/version.ts';
import { FingerprintsFrame } from '../../src/frames/fingerprints.ts';
import { KafkaClient } from '../../src/kafka/client.ts';
import { committedOffsets, logBounds } from '../../src/kafka/offsets.ts';
import { FrameProducer, type OutgoingRecord } from '../../src/kafka/producer.ts';
import { readRange } from '../../src/kafka/reader.ts';
import type { KafkaRecord } from '../../src/kafka/records.ts';
import { createTopics } from '../../src/kafka/topics.ts';
import { Deployment, type DeploymentSettings, type StageName } from '../../src/runtime/deployment.ts';
import { stageSettings } from '../../src/runtime/engine.ts';
import { FingerprintTask } from '../../src/runtime/fingerprint-task.ts';
import { RecordDecoder } from '../../src/registry/decoder.ts';
import { DEFAULTS } from '../../src/settings.ts';
import { unique, until } from '../kafka/support.ts';
import { chorus } from './command.ts';
import type { FedRecord } from './day.ts';
import { ChildInstance } from './child-instance.ts';

/** All but the table, which is the packaged one. */
export type InstanceSettings = Omit<DeploymentSettings, 'table'>;

export interface SiteOptions {
  readonly sources: number;
  readonly partitions: number;
  /** Default 1. */
  readonly alertPartitions?: number;
  /** One that is there already. */
  readonly feed?: string;
  readonly feedConfigs?: Readonly<Record<string, string>>;
  readonly windowMs?: number;
  readonly settings?: Partial<InstanceSettings>;
}

const HOUR_MS = 3_600_000;
/** Records of one request of the feed. */
const SLICE = 2000;
const DRAIN_MAX_MS = 90_000;

export interface LogLine {
  readonly level: string;
  readonly message: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

/** A deployment in this process. */
export class LocalInstance {
  readonly logged: LogLine[] = [];
  readonly deployment: Deployment;
  /** What ended it; undefined while it goes on. */
  failure: unknown;

  constructor(settings: InstanceSettings) {
    this.deployment = new Deployment(
      { ...settings, table: loadTable() },
      {
        log: (level, message, fields = {}) => this.logged.push({ level, message, fields }),
        onFatal: (error) => (this.failure ??= error),
      },
    );
  }

  start(): Promise<void> {
    return this.deployment.start();
  }

  /** Also after it has failed, which is forgotten then. */
  async stop(): Promise<void> {
    await this.deployment.stop();
    this.failure = undefined;
  }

  /** Waits until the stage has so many partitions, with their state. */
  async assigned(stage: StageName, count: number): Promise<void> {
    const has = (): boolean => {
      if (this.failure !== undefined) throw new Error(`the deployment has failed: ${told(this.failure)}`);
      const { stages } = this.deployment.status();
      return (stages[stage] ?? []).filter(({ state }) => state === 'running').length === count;
    };
    await until(`${count} partitions of ${stage} are running`, has, 60_000);
  }

  /** Waits until it has ended by itself. */
  async failed(boundMs: number): Promise<{ code: string; message: string }> {
    await until('the deployment stops by itself', () => this.failure !== undefined, boundMs);
    return this.failure as { code: string; message: string };
  }
}

export class Site {
  readonly topics: DeploymentSettings['topics'];
  readonly settings: InstanceSettings;
  readonly client: KafkaClient;
  readonly admin: Admin;
  /** For what instances keep; gone with `close`. */
  readonly folder: string;
  readonly #options: SiteOptions;
  readonly #producer: FrameProducer;
  readonly #instances: (LocalInstance | ChildInstance)[] = [];
  #fed = 0;

  private constructor(bootstrap: readonly string[], folder: string, options: SiteOptions) {
    const prefix = unique('site');
    this.#options = options;
    this.folder = folder;
    this.topics = {
      feed: options.feed ?? `${prefix}-feed`,
      fingerprints: `${prefix}.fingerprints`,
      links: `${prefix}.links`,
      alerts: `${prefix}-alerts`,
      deadLetters: `${prefix}-dead-letters`,
    };
    this.client = new KafkaClient({ brokers: bootstrap, clientId: 'site' });
    this.admin = this.client.admin();
    // As much as a broker takes by default.
    this.#producer = new FrameProducer(this.client, { batchBytesMax: 1_048_000 });
    this.settings = {
      settings: { ...DEFAULTS, windowMs: options.windowMs ?? DEFAULTS.windowMs },
      engine: ENGINE,
      kafka: { brokers: bootstrap, clientId: 'instance' },
      topics: this.topics,
      groupPrefix: prefix,
      partitions: options.partitions,
      eventTime: 'payload',
      outOfOrdernessMs: HOUR_MS,
      format: 'canonical',
      idleMs: undefined,
      stages: ['fingerprint', 'match', 'campaign'],
      stateFolder: undefined,
      storeMemoryBytes: 16 << 20,
      cacheBytes: 16 << 20,
      snapshotBytes: 1 << 20,
      commitIntervalMs: 200,
      sessionTimeoutMs: 6000,
      heartbeatMs: 500,
      registry: undefined,
      alertFormat: 'json',
      ...options.settings,
    };
  }

  static async open(bootstrap: readonly string[], options: SiteOptions): Promise<Site> {
    const site = new Site(bootstrap, await mkdtemp(join(tmpdir(), 'chorus-site-')), options);
    await site.#open();
    return site;
  }

  async #open(): Promise<void> {
    await this.admin.connect();
    const { sources, partitions, alertPartitions = 1, feed, feedConfigs = {} } = this.#options;
    const { topics } = this;
    const internal = { 'message.timestamp.type': 'LogAppendTime', 'retention.ms': '-1' };
    await createTopics(
      this.admin,
      [
        ...(feed === undefined ? [{ name: topics.feed, partitions: sources, configs: feedConfigs }] : []),
        { name: topics.fingerprints, partitions, configs: internal },
        { name: topics.links, partitions: 1, configs: internal },
        { name: topics.alerts, partitions: alertPartitions, configs: { 'cleanup.policy': 'compact' } },
        { name: topics.deadLetters!, partitions: 1, configs: {} },
      ],
      1,
    );
    await this.#producer.connect();
  }

  /** Ends all instances, and removes their folders. Topics stay: the broker is gone soon. */
  async close(): Promise<void> {
    try {
      await Promise.all(this.#instances.map((instance) => instance.stop().catch(() => undefined)));
      await this.#producer.disconnect();
      await this.admin.disconnect();
    } finally {
      await rm(this.folder, { recursive: true, force: true });
    }
  }

  /** In this process. */
  async start(changes: Partial<InstanceSettings> = {}): Promise<LocalInstance> {
    const instance = new LocalInstance({ ...this.settings, ...changes });
    this.#instances.push(instance);
    await instance.start();
    return instance;
  }

  /** As a process of its own. */
  async spawn(name: string, changes: Partial<InstanceSettings> = {}): Promise<ChildInstance> {
    const instance = new ChildInstance(name, join(this.folder, name), { ...this.settings, ...changes });
    this.#instances.push(instance);
    await instance.start();
    return instance;
  }

  /** In order, one record after the other to the next partition. Resolves when all are stored. */
  async send(records: readonly FedRecord[]): Promise<void> {
    const { sources } = this.#options;
    for (let at = 0; at < records.length; at += SLICE) {
      const slice = records.slice(at, at + SLICE).map(({ value, headers = {}, partition }): OutgoingRecord => {
        return { partition: partition ?? this.#fed++ % sources, key: null, value, headers };
      });
      await this.#producer.send(this.topics.feed, slice);
    }
  }

  /** Waits until each stage has committed all of its log; nothing may be fed meanwhile. */
  async drained(boundMs = DRAIN_MAX_MS): Promise<void> {
    let lag = '';
    const isDrained = async (): Promise<boolean> => {
      for (const instance of this.#instances) {
        if (instance.failure !== undefined) throw new Error(`an instance has failed: ${told(instance.failure)}`);
      }
      // In this order: what a stage has left to do may still lengthen the log of the next.
      for (const stage of ['fingerprint', 'match', 'campaign'] as const) {
        lag = await this.#lag(stage);
        if (lag !== '') return false;
      }
      return true;
    };
    await until('all is drained', isDrained, boundMs).catch((error: unknown) => {
      throw new Error(`${(error as Error).message}; ${lag}`, { cause: error });
    });
  }

  async #lag(stage: StageName): Promise<string> {
    const topic = { fingerprint: this.topics.feed, match: this.topics.fingerprints, campaign: this.topics.links }[
      stage
    ];
    const bounds = await logBounds(this.admin, topic);
    let committed: Awaited<ReturnType<typeof committedOffsets>>;
    try {
      committed = await committedOffsets(this.admin, `${this.settings.groupPrefix}.${stage}`, topic);
    } catch (error) {
      // A broker that has just made the topic of offsets, or has just started, may not know yet who coordinates the group.
      return `${stage}: ${(error as Error).message}`;
    }
    return bounds
      .map(({ high }, partition) => ({ partition, high, at: committed.get(partition)?.offset ?? 0 }))
      .filter(({ high, at }) => at < high)
      .map(({ partition, high, at }) => `${stage} has committed ${at} of ${high} in ${topic}/${partition}`)
      .join(', ');
  }

  /** All records of a topic, partition after partition. */
  async records(topic: string): Promise<{ partition: number; record: KafkaRecord }[]> {
    const found: { partition: number; record: KafkaRecord }[] = [];
    for (const [partition, { low, high }] of (await logBounds(this.admin, topic)).entries()) {
      for await (const { records } of readRange(this.client, { topic, partition, from: low, to: high })) {
        for (const record of records) found.push({ partition, record });
      }
    }
    return found;
  }

  /** @param decode of a value that is no JSON: the alert */
  async published(decode: (value: Buffer) => string = (value) => value.toString()): Promise<Published> {
    const published = new Published();
    for (const { record } of await this.records(this.topics.alerts)) {
      published.add(record.key!.toString(), decode(record.value!));
    }
    return published;
  }

  /**
   * What became of every record of the feed, found anew: stage 1 over the whole log, in one go.
   * @returns its counts, all sources together, and `source offset` of each post that makes an entry
   */
  async recounted(): Promise<{ counts: Accounts; entries: Set<string> }> {
    const { settings, partitions, eventTime, outOfOrdernessMs, engine } = this.settings;
    const { sources } = this.#options;
    const counts: Accounts = { records: 0, accepted: 0, nothing: 0, rejected: 0, late: 0, tombstones: 0, ticks: 0 };
    const entries = new Set<string>();
    const { fingerprint } = stageSettings({ settings, table: loadTable(), engine });
    const fed = await this.records(this.topics.feed);
    for (let source = 0; source < sources; source++) {
      const route = { topology: '0'.repeat(16), source, sources, targets: partitions };
      const of = { fingerprint, route, outOfOrdernessMs, eventTime, deadLettersOf: undefined };
      const task = new FingerprintTask(of, new RecordDecoder());
      const records = fed.flatMap(({ partition, record }) => (partition === source ? [record] : []));
      const { outputs } = await task.process(records, records.length);
      for (const { value } of outputs) for (const offset of entryOffsets(value)) entries.add(`${source} ${offset}`);
      const { counters } = task;
      counts.records += counters.records;
      counts.accepted += counters.accepted;
      counts.nothing += counters.nativeReposts + counters.nothingToCompare;
      counts.late += counters.late;
      counts.tombstones += counters.tombstones;
      counts.ticks += counters.ticks;
      for (const count of counters.rejected.values()) counts.rejected += count;
    }
    return { counts, entries };
  }

  /**
   * @returns `source offset` of each post that the topic of fingerprints holds, and how often work was done again
   * @throws Error where a source has left something out
   */
  async framed(): Promise<{ entries: Set<string>; repeated: number }> {
    let repeated = 0;
    const entries = new Set<string>();
    const reached = new Map<string, number>();
    for (const { record, partition } of await this.records(this.topics.fingerprints)) {
      const { source, from, to } = new FingerprintsFrame(record.value!).header;
      const chain = `${source} ${partition}`;
      const before = reached.get(chain) ?? 0;
      if (from > before) throw new Error(`frames of source ${source}: ${before} to ${from} is missing`);
      if (from < before) repeated++;
      reached.set(chain, Math.max(before, to));
      for (const offset of entryOffsets(record.value!)) entries.add(`${source} ${offset}`);
    }
    return { entries, repeated };
  }

  /** Partition and offset in the feed of each dead letter; one that was sent twice is there once. */
  async deadLetters(): Promise<Map<string, { reason: string; value: Buffer }>> {
    const found = new Map<string, { reason: string; value: Buffer }>();
    for (const { record } of await this.records(this.topics.deadLetters!)) {
      const { headers, value } = record;
      const of = (name: string): string => String(headers.find(({ key }) => key === name)?.value);
      found.set(`${of('chorus-partition')} ${of('chorus-offset')}`, { reason: of('chorus-reason'), value: value! });
    }
    return found;
  }
}

/** What became of the records that were read. */
export interface Accounts {
  records: number;
  accepted: number;
  /** Native reposts, and texts without a letter. */
  nothing: number;
  rejected: number;
  late: number;
  tombstones: number;
  ticks: number;
}

/** An error, or the line that a child has logged of one. */
function told(failure: unknown): string {
  return failure instanceof Error ? String(failure.stack) : JSON.stringify(failure);
}

function entryOffsets(bytes: Uint8Array): number[] {
  const frame = new FingerprintsFrame(bytes);
  return Array.from({ length: frame.entryCount }, (_, i) => frame.offset(i));
}

/** What a topic of alerts holds, held against what it must hold. */
class Published {
  /** By `id/revision`. */
  readonly alerts = new Map<string, string>();
  /** Of those that came again with the same bytes. */
  repeated = 0;
  readonly #doubled: string[] = [];
  /** By id, the revisions in the order of the log. */
  readonly #last = new Map<string, { last: number; highest: number }>();

  add(key: string, json: string): void {
    const { id, revision } = JSON.parse(json) as { id: string; revision: number };
    if (key !== id) throw new Error(`alert ${id} has the key ${key}`);
    const name = `${id}/${revision}`;
    const known = this.alerts.get(name);
    if (known === undefined) this.alerts.set(name, json);
    else if (known === json) this.repeated++;
    else this.#doubled.push(name);
    const highest = Math.max(revision, this.#last.get(id)?.highest ?? 0);
    this.#last.set(id, { last: revision, highest });
  }

  differences(expected: ReadonlyMap<string, string>): Differences {
    return {
      missing: Array.from(expected.keys()).filter((name) => !this.alerts.has(name)),
      unexpected: Array.from(this.alerts.keys()).filter((name) => !expected.has(name)),
      changed: Array.from(expected).flatMap(([name, json]) => {
        const found = this.alerts.get(name);
        return found === undefined || found === json ? [] : [name];
      }),
      doubled: this.#doubled,
      outdated: Array.from(this.#last).flatMap(([id, { last, highest }]) => (last < highest ? [id] : [])),
    };
  }
}

export interface Differences {
  /** Names `id/revision`. */
  readonly missing: readonly string[];
  readonly unexpected: readonly string[];
  readonly changed: readonly string[];
  /** There twice, with other bytes. */
  readonly doubled: readonly string[];
  /** Ids whose last record, the one that compaction keeps, is not their last revision. */
  readonly outdated: readonly string[];
}

export const NO_DIFFERENCE: Differences = { missing: [], unexpected: [], changed: [], doubled: [], outdated: [] };

/** What `chorus replay` makes of these lines, by `id/revision`. */
export async function replayed(
  lines: readonly string[],
  flags: readonly string[] = [],
): Promise<ReadonlyMap<string, string>> {
  const folder = await mkdtemp(join(tmpdir(), 'chorus-replay-'));
  try {
    const [posts, alerts] = [join(folder, 'posts.ndjson'), join(folder, 'alerts.ndjson')];
    await writeFile(posts, lines.map((line) => `${line}\n`).join(''));
    const { code, stderr } = await chorus(['replay', posts, '--alerts', alerts, ...flags]);
    if (code !== 0) throw new Error(`chorus replay ended with ${code}: ${stderr}`);
    const published = new Published();
    for (const json of (await readFile(alerts, 'utf8')).split('\n')) {
      if (json !== '') published.add((JSON.parse(json) as { id: string }).id, json);
    }
    return published.alerts;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
