/**
 * The settings of the shell, beside those of the engine (settings.ts): their defaults and bounds. None of them changes what a
 * campaign is, but for the table, and for the times that posts are given (`kafka.eventTime`, `kafka.outOfOrderness`); what an
 * alert says of a campaign depends on the files of `evidence` too.
 *
 * Passwords, tokens and passphrases are none of them: they come from the environment or from files that settings name.
 */
import { LIVE_DEFAULTS } from '../consumers/feeds/source.ts';
import { RECORD_FORMATS, type RecordFormat } from '../consumers/formats/format.ts';
import type { SaslSettings } from '../kafka/client.ts';
import { REGISTRY_DEFAULTS } from '../registry/client.ts';
import type { EventTime } from '../runtime/fingerprint-task.ts';
import type { DeploymentSettings } from '../runtime/deployment.ts';
import type { Bound } from './config-bounds.ts';

/** Undefined for what is off, or left to the one who runs it. */
export interface ShellSettings {
  /** Path of the frequency table; undefined for the one that comes with Chorus. */
  readonly table: string | undefined;
  readonly evidence: {
    /** Path of a file with explanations and disclosures of one's own. */
    readonly rules: string | undefined;
    /** Path of the creation dates of the feed's accounts, as `chorus train` writes them. */
    readonly creation: string | undefined;
  };
  readonly limits: { readonly sortMemoryBytes: number | undefined };
  readonly kafka: {
    readonly brokers: readonly string[] | undefined;
    readonly clientId: string;
    readonly topic: string | undefined;
    /** Of the values of the topic, where no registry's framing says otherwise. */
    readonly format: RecordFormat;
    readonly prefix: string;
    readonly alertsTopic: string;
    readonly deadLettersTopic: string | undefined;
    readonly partitions: number;
    readonly replicationFactor: number;
    readonly eventTime: EventTime;
    readonly outOfOrdernessMs: number;
    readonly idleMs: number | undefined;
    readonly sessionTimeoutMs: number;
    readonly heartbeatMs: number;
    readonly commitIntervalMs: number;
    readonly outageAllowanceMs: number;
    readonly tls: {
      readonly enabled: boolean | undefined;
      /** Paths of PEM files. */
      readonly ca: string | undefined;
      readonly cert: string | undefined;
      readonly key: string | undefined;
      readonly passphraseFile: string | undefined;
      readonly servername: string | undefined;
      readonly rejectUnauthorized: boolean;
    };
    readonly sasl: {
      readonly mechanism: SaslSettings['mechanism'] | undefined;
      readonly username: string | undefined;
      readonly passwordFile: string | undefined;
      readonly tokenFile: string | undefined;
      readonly tokenUrl: string | undefined;
      readonly clientId: string | undefined;
      readonly clientSecretFile: string | undefined;
      readonly scope: string | undefined;
    };
  };
  readonly feed: {
    /** A live source that `chorus run` and `chorus ingest` write into the topic. */
    readonly source: string | undefined;
    readonly format: RecordFormat | undefined;
    readonly tokenFile: string | undefined;
    /** Path of the file that its position is kept in. */
    readonly cursor: string | undefined;
    readonly idleTimeoutMs: number;
    readonly queueBytes: number;
  };
  readonly state: {
    readonly folder: string | undefined;
    readonly memoryBytes: number;
    readonly cacheBytes: number;
    readonly snapshotBytes: number;
  };
  readonly registry: {
    readonly url: string | undefined;
    readonly username: string | undefined;
    readonly passwordFile: string | undefined;
    readonly tokenFile: string | undefined;
    readonly ca: string | undefined;
    readonly timeoutMs: number;
    readonly retryMs: number;
  };
  readonly alerts: {
    readonly format: DeploymentSettings['alertFormat'];
    /** Whether samples tell the records of the feed topic that they were read from. */
    readonly provenance: boolean;
  };
  /** As they are written; config-sinks.ts reads them. */
  readonly sinks: readonly Readonly<Record<string, unknown>>[] | undefined;
  readonly http: { readonly host: string; readonly port: number | undefined };
  readonly run: { readonly stopTimeoutMs: number };
}

const MIB = 2 ** 20;
const SECOND_MS = 1000;
const MINUTE_MS = 60 * SECOND_MS;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

export const SHELL_DEFAULTS: ShellSettings = {
  table: undefined,
  evidence: { rules: undefined, creation: undefined },
  limits: { sortMemoryBytes: undefined },
  kafka: {
    brokers: undefined,
    clientId: 'chorus',
    topic: undefined,
    format: 'canonical',
    prefix: 'chorus',
    alertsTopic: 'coordination-alerts',
    deadLettersTopic: undefined,
    partitions: 1,
    replicationFactor: 1,
    eventTime: 'record',
    outOfOrdernessMs: 5 * SECOND_MS,
    idleMs: 10 * SECOND_MS,
    // While a window of ten million posts makes room for more, nothing is said for some seconds.
    sessionTimeoutMs: 30 * SECOND_MS,
    heartbeatMs: SECOND_MS,
    commitIntervalMs: SECOND_MS,
    outageAllowanceMs: DAY_MS,
    tls: {
      enabled: undefined,
      ca: undefined,
      cert: undefined,
      key: undefined,
      passphraseFile: undefined,
      servername: undefined,
      rejectUnauthorized: true,
    },
    sasl: {
      mechanism: undefined,
      username: undefined,
      passwordFile: undefined,
      tokenFile: undefined,
      tokenUrl: undefined,
      clientId: undefined,
      clientSecretFile: undefined,
      scope: undefined,
    },
  },
  feed: {
    source: undefined,
    format: undefined,
    tokenFile: undefined,
    cursor: undefined,
    idleTimeoutMs: LIVE_DEFAULTS.idleMs,
    queueBytes: LIVE_DEFAULTS.queueBytesMax,
  },
  state: { folder: undefined, memoryBytes: 64 * MIB, cacheBytes: 64 * MIB, snapshotBytes: 64 * MIB },
  registry: {
    url: undefined,
    username: undefined,
    passwordFile: undefined,
    tokenFile: undefined,
    ca: undefined,
    ...REGISTRY_DEFAULTS,
  },
  alerts: { format: 'json', provenance: true },
  sinks: undefined,
  http: { host: '127.0.0.1', port: undefined },
  // Below the 30 s after which supervisors usually kill.
  run: { stopTimeoutMs: 25 * SECOND_MS },
};

const TEXT = { kind: 'text' } as const;
const TOPIC = { kind: 'topic', lengthMax: 249 } as const;
const BYTES = { kind: 'integer', min: MIB, max: 2 ** 40 } as const;

export const SHELL_BOUNDS: Bounds<ShellSettings> = {
  table: TEXT,
  evidence: { rules: TEXT, creation: TEXT },
  limits: { sortMemoryBytes: BYTES },
  kafka: {
    brokers: { kind: 'brokers' },
    clientId: TEXT,
    topic: TOPIC,
    format: { kind: 'choice', choices: RECORD_FORMATS },
    // Leaves room for the names of topics and groups that are made of it.
    prefix: { kind: 'topic', lengthMax: 200 },
    alertsTopic: TOPIC,
    deadLettersTopic: TOPIC,
    // Every batch of a source makes a frame for each of them.
    partitions: { kind: 'integer', min: 1, max: 1000 },
    replicationFactor: { kind: 'integer', min: 1, max: 100 },
    eventTime: { kind: 'choice', choices: ['record', 'payload'] },
    outOfOrdernessMs: { kind: 'duration', min: 0, max: DAY_MS },
    idleMs: { kind: 'durationOrOff', min: 100, max: DAY_MS },
    // What a broker takes by default is 6 s to 30 min; its own bounds are asked of it when the group is joined.
    sessionTimeoutMs: { kind: 'duration', min: SECOND_MS, max: HOUR_MS },
    heartbeatMs: { kind: 'duration', min: 50, max: 10 * MINUTE_MS },
    commitIntervalMs: { kind: 'duration', min: 50, max: 10 * MINUTE_MS },
    outageAllowanceMs: { kind: 'duration', min: 0, max: 365 * DAY_MS },
    tls: {
      enabled: { kind: 'boolean' },
      ca: TEXT,
      cert: TEXT,
      key: TEXT,
      passphraseFile: TEXT,
      servername: TEXT,
      rejectUnauthorized: { kind: 'boolean' },
    },
    sasl: {
      mechanism: { kind: 'choice', choices: ['plain', 'scram-sha-256', 'scram-sha-512', 'oauthbearer'] },
      username: TEXT,
      passwordFile: TEXT,
      tokenFile: TEXT,
      tokenUrl: { kind: 'url' },
      clientId: TEXT,
      clientSecretFile: TEXT,
      scope: TEXT,
    },
  },
  feed: {
    source: TEXT,
    format: { kind: 'choice', choices: RECORD_FORMATS },
    tokenFile: TEXT,
    cursor: TEXT,
    idleTimeoutMs: { kind: 'duration', min: SECOND_MS, max: 4 * MINUTE_MS },
    queueBytes: BYTES,
  },
  state: { folder: TEXT, memoryBytes: BYTES, cacheBytes: BYTES, snapshotBytes: BYTES },
  registry: {
    url: { kind: 'url' },
    username: TEXT,
    passwordFile: TEXT,
    tokenFile: TEXT,
    ca: TEXT,
    timeoutMs: { kind: 'duration', min: 100, max: 10 * MINUTE_MS },
    retryMs: { kind: 'duration', min: 0, max: DAY_MS },
  },
  alerts: {
    format: { kind: 'choice', choices: ['json', 'framed-json', 'framed-avro'] },
    provenance: { kind: 'boolean' },
  },
  sinks: { kind: 'list' },
  http: { host: TEXT, port: { kind: 'integer', min: 0, max: 65_535 } },
  run: { stopTimeoutMs: { kind: 'duration', min: SECOND_MS, max: HOUR_MS } },
};

type Bounds<Shape> = { readonly [Key in keyof Shape]: Shape[Key] extends object ? Bounds<Shape[Key]> : Bound };
