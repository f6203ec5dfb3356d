/**
 * How this process reaches Kafka. The only way to kafkajs (2.2.4, its last release) for the rest of Chorus.
 *
 * Producing and administration are kafkajs' own, but for the bytes of a request (produce-request.ts). Consuming is not: its consumer resets an offset that is out of range and
 * commits the reset, sends heartbeats only between slices of work, fetches nothing while a batch is processed, and hands out
 * records of aborted transactions when two producers share a partition. Here group.ts and reader.ts speak the protocol over
 * kafkajs' connections (`wire()`), which do TLS, SASL, timeouts and metadata well.
 */
import { createRequire } from 'node:module';
import type { Socket } from 'node:net';
// oxlint-disable-next-line import/no-unassigned-import -- before kafkajs, which takes its parts when it is loaded
import './checksum.ts';
// oxlint-disable-next-line import/no-unassigned-import -- likewise
import './produce-request.ts';
import kafkajs, {
  type Admin,
  type Kafka,
  type KafkaConfig,
  type LogEntry,
  type Mechanism,
  type PartitionAssigner,
  type Producer,
  type RetryOptions,
  type SASLOptions,
} from 'kafkajs';
import { registerCodecs } from './codecs.ts';
import { bearerLogin, type TokenProvider } from './oauth.ts';
import { Sockets } from './sockets.ts';
import { certificateFault, faultOf, NO_LOGIN, type Cluster, type Log } from './wire.ts';

/** Contents, not paths: PEM. */
export interface TlsSettings {
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
  readonly passphrase?: string;
  readonly servername?: string;
  readonly rejectUnauthorized?: boolean;
}

export type SaslSettings =
  | {
      readonly mechanism: 'plain' | 'scram-sha-256' | 'scram-sha-512';
      readonly username: string;
      readonly password: string;
    }
  | { readonly mechanism: 'oauthbearer'; readonly token: TokenProvider };

export interface KafkaSettings {
  /** host:port of each. */
  readonly brokers: readonly string[];
  readonly clientId: string;
  /** Off if not given. */
  readonly ssl?: TlsSettings | boolean;
  readonly sasl?: SaslSettings;
  readonly connectTimeoutMs?: number;
  readonly requestTimeoutMs?: number;
}

const CONNECT_TIMEOUT_MS = 5000;
const REQUEST_TIMEOUT_MS = 30_000;

/** kafkajs' default gives up after ten seconds of a broker that is away; this rides out about a minute. */
const PATIENT = { initialRetryTime: 100, maxRetryTime: 1000, retries: 60 };
/** Where the caller retries by itself, and can stop. */
const IMPATIENT = { initialRetryTime: 50, maxRetryTime: 200, retries: 1 };

/** Of what kafkajs logs beside its message; the rest may hold payloads, and stacks of errors that it then retries. */
const LOGGED_FIELDS = [
  'broker',
  'groupId',
  'topic',
  'partition',
  'memberId',
  'retryCount',
  'retryTime',
  'error',
] as const;

/** Connections to the brokers: one for fetches and one for the rest to each. */
export interface Wire {
  readonly cluster: Cluster;
  /** Takes half a second at most, whatever the brokers do. */
  close(): Promise<void>;
}

export interface WireProducer {
  readonly producer: Producer;
  close(): Promise<void>;
}

export class KafkaClient {
  readonly log: Log;
  readonly #config: KafkaConfig;

  constructor(settings: KafkaSettings, log: Log = () => undefined) {
    this.log = log;
    this.#config = configOf(settings, log);
    registerCodecs();
    mendConnections();
  }

  /** Idempotent, for records whose partition is given. Not connected yet. */
  producer(): WireProducer {
    const { kafka, sockets } = this.#connections(PATIENT);
    const producer = kafka.producer({
      idempotent: true,
      allowAutoTopicCreation: false,
      // Every record names its partition; kafkajs would choose others for the rest when it repeats a request.
      createPartitioner:
        () =>
        ({ message }) =>
          message.partition!,
    });
    return { producer, close: () => sockets.close(() => producer.disconnect()) };
  }

  /** Not connected yet. */
  admin(): Admin {
    return this.#connections(PATIENT).kafka.admin();
  }

  /**
   * Not connected yet. kafkajs shows its cluster to a partition assigner and to nothing else; so a consumer is made for the sake
   * of that and never run.
   */
  wire(): Wire {
    const { kafka, sockets } = this.#connections(IMPATIENT);
    let found: unknown;
    const assigner: PartitionAssigner = ({ cluster }) => {
      found = cluster;
      return {
        name: 'unused',
        version: 0,
        assign: () => Promise.resolve([]),
        protocol: () => ({ name: 'unused', metadata: Buffer.alloc(0) }),
      };
    };
    kafka.consumer({ groupId: 'unused', allowAutoTopicCreation: false, partitionAssigners: [assigner] });
    const cluster = found as Cluster;
    return { cluster, close: () => sockets.close(() => cluster.disconnect()) };
  }

  #connections(retry: RetryOptions): { kafka: Kafka; sockets: Sockets } {
    const sockets = new Sockets();
    return { kafka: new kafkajs.Kafka({ ...this.#config, retry, socketFactory: sockets.factory }), sockets };
  }
}

function configOf(settings: KafkaSettings, log: Log): KafkaConfig {
  const { ssl, sasl } = settings;
  return {
    brokers: [...settings.brokers],
    clientId: settings.clientId,
    connectionTimeout: settings.connectTimeoutMs ?? CONNECT_TIMEOUT_MS,
    requestTimeout: settings.requestTimeoutMs ?? REQUEST_TIMEOUT_MS,
    logLevel: kafkajs.logLevel.INFO,
    logCreator: () => (entry) => passOn(entry, log),
    ...(ssl === undefined ? {} : { ssl }),
    ...(sasl === undefined ? {} : { sasl: saslOptions(sasl) }),
  };
}

/** A copy: kafkajs keeps what it makes of it there. */
function saslOptions(sasl: SaslSettings): SASLOptions | Mechanism {
  if (sasl.mechanism !== 'oauthbearer') return { ...sasl } as SASLOptions;
  return { mechanism: 'oauthbearer', authenticationProvider: bearerLogin(sasl.token) };
}

/** What brokers answer when a group is shared out anew: each rebalance has some of it, and membership.ts knows what to do. */
const ORDINARY: ReadonlySet<unknown> = new Set([
  'The group is rebalancing, so a rejoin is needed',
  'The coordinator is not aware of this member',
  'Specified group generation id is not valid',
  'The group member needs to have a valid member id before actually entering a consumer group',
]);

/** What OpenSSL says, with places of its source around. */
const OPENSSL = /[0-9A-F]+:error:[0-9A-F]*:SSL routines:[^:]*:([^:]*):[^]*/;

/** kafkajs logs at ERROR what it then retries; an error that stays is thrown to the caller, who logs it. */
export function passOn({ level, namespace, log: { message, ...rest } }: LogEntry, log: Log): void {
  const fields: Record<string, unknown> = { part: `kafkajs/${namespace}` };
  for (const name of LOGGED_FIELDS) {
    const value: unknown = rest[name];
    if (value !== undefined) fields[name] = value instanceof Error ? value.message : value;
  }
  const said = message.replace(OPENSSL, '$1');
  const isWarning = level === kafkajs.logLevel.ERROR && !ORDINARY.has(fields['error']) && !ORDINARY.has(message);
  log(isWarning ? 'warn' : 'debug', said, fields);
}

/** A connection of kafkajs; an answer is collected in `chunks` until its length, which comes first, or all of it is there. */
interface Connection {
  readonly connectionTimeout: number;
  readonly socket?: Socket;
  /** One for all connections of a client. */
  readonly sasl?: object;
  chunks: Buffer[];
  bytesBuffered: number;
  bytesNeeded: number;
  isConnected(): boolean;
}

let mended = false;

/**
 * Five faults of kafkajs' connections, mended in place since nothing in its interface reaches them.
 *
 * - Each connection sets a timer of 1 ms again and again to look for requests that wait for their turn, also when none does:
 *   5 % of a core with 96 connections. Each new request and each answer look by themselves.
 * - Two requests at once on a connection that is not open open two sockets, of which one is forgotten and never closed.
 * - What has come of an answer when a connection breaks is put before the first answer of the next one. From then on no answer is
 *   recognised: each request runs into its time-out, again after each new connection, or the process ends with a RangeError.
 * - A certificate that is not taken is tried again for as long as a broker that is away.
 * - So is a login at a listener without one. Later the same answer may come of two logins at once, and passes.
 */
function mendConnections(): void {
  if (mended) return;
  mended = true;
  const require = createRequire(import.meta.url);
  const queue = require('kafkajs/src/network/requestQueue/index.js') as {
    prototype: { scheduleCheckPendingRequests: (this: { pending: unknown[] }) => void };
  };
  const schedule = queue.prototype.scheduleCheckPendingRequests;
  queue.prototype.scheduleCheckPendingRequests = function scheduleCheckPendingRequests() {
    if (this.pending.length > 0) schedule.call(this);
  };
  const connection = require('kafkajs/src/network/connection.js') as {
    prototype: {
      connect: (this: Connection) => Promise<boolean>;
      authenticate: (this: Connection) => Promise<void>;
      rejectRequests: (this: Connection, error: Error) => void;
    };
  };
  const open = connection.prototype.connect;
  const opening = new WeakMap<object, { readonly opened: Promise<boolean>; readonly untilMs: number }>();
  connection.prototype.connect = function connect() {
    const nowMs = performance.now();
    const under = opening.get(this);
    if (under !== undefined && nowMs < under.untilMs) return under.opened;
    if (!this.isConnected()) {
      // The old one may still have an answer to give.
      this.socket?.destroy();
      this.chunks = [];
      this.bytesBuffered = 0;
      this.bytesNeeded = 4;
    }
    const opened = open.call(this).finally(() => opening.delete(this));
    // A connection that its peer closes during the handshake is never told of.
    opening.set(this, { opened, untilMs: nowMs + 2 * this.connectionTimeout });
    return opened;
  };
  const reject = connection.prototype.rejectRequests;
  // With TLS 1.3 the other end refuses a certificate only when the connection is open on this side.
  connection.prototype.rejectRequests = function rejectRequests(error) {
    if (certificateFault(error) !== undefined) Object.assign(error, { retriable: false });
    reject.call(this, error);
  };
  const login = connection.prototype.authenticate;
  const known = new WeakSet<object>();
  connection.prototype.authenticate = async function authenticate() {
    const { sasl } = this;
    try {
      await login.call(this);
      if (sasl) known.add(sasl);
    } catch (error) {
      if (!sasl || known.has(sasl) || faultOf(error) !== 'ILLEGAL_SASL_STATE') throw error;
      throw Object.assign(new Error('the listener takes no login'), { type: NO_LOGIN, retriable: false });
    }
  };
}
