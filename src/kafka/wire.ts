/**
 * What is used of kafkajs below its public interface, with types, and what its errors mean here.
 *
 * kafkajs has no `exports` map and no release since 2023, so these files are as stable as its version in package.json.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { ChorusError } from '../errors.ts';

export type Log = (level: 'warn' | 'debug', message: string, fields: Readonly<Record<string, unknown>>) => void;

export interface GroupProtocolData {
  readonly name: string;
  readonly metadata: Buffer;
}

export interface JoinedMember {
  readonly memberId: string;
  readonly memberMetadata: Buffer;
}

/** One broker; kafkajs connects and logs in when a request needs it. */
export interface WireBroker {
  readonly connectionPool: { send(protocol: WireRequest): Promise<unknown> };
  lookupRequest(apiKey: number, definition: unknown): (fields: unknown) => WireRequest;
  disconnect(): Promise<void>;
  joinGroup(fields: {
    groupId: string;
    sessionTimeout: number;
    rebalanceTimeout: number;
    memberId: string;
    groupProtocols: GroupProtocolData[];
  }): Promise<{
    generationId: number;
    leaderId: string;
    memberId: string;
    groupProtocol: string;
    members: JoinedMember[];
  }>;
  syncGroup(fields: {
    groupId: string;
    generationId: number;
    memberId: string;
    groupAssignment: { memberId: string; memberAssignment: Buffer }[];
  }): Promise<{ memberAssignment: Buffer }>;
  heartbeat(fields: { groupId: string; groupGenerationId: number; memberId: string }): Promise<unknown>;
  leaveGroup(fields: { groupId: string; memberId: string }): Promise<unknown>;
  offsetCommit(fields: {
    groupId: string;
    groupGenerationId: number;
    memberId: string;
    topics: { topic: string; partitions: { partition: number; offset: string; metadata: string }[] }[];
  }): Promise<unknown>;
  offsetFetch(fields: { groupId: string; topics: { topic: string; partitions: { partition: number }[] }[] }): Promise<{
    responses: { topic: string; partitions: { partition: number; offset: string; metadata: string | null }[] }[];
  }>;
}

export interface WireRequest {
  readonly request: { readonly apiVersion: number };
  readonly response: unknown;
  readonly requestTimeout?: number;
}

export interface PartitionMetadata {
  readonly partitionId: number;
  readonly leader: number;
}

/** All brokers, by the metadata last read. */
export interface Cluster {
  connect(): Promise<void>;
  disconnect(): Promise<void>;
  addTargetTopic(topic: string): Promise<void>;
  refreshMetadata(): Promise<void>;
  findTopicPartitionMetadata(topic: string): readonly PartitionMetadata[];
  findBroker(fields: { nodeId: number | string }): Promise<WireBroker>;
  findGroupCoordinator(fields: { groupId: string }): Promise<WireBroker>;
  fetchTopicsOffset(
    topics: { topic: string; partitions: { partition: number }[]; fromBeginning: boolean }[],
  ): Promise<{ topic: string; partitions: { partition: number; offset: string }[] }[]>;
}

/** Of a kafkajs error: the protocol's name for it where the broker sent it, else the class. */
export function faultOf(error: unknown): string {
  const { type, name, cause } = (error ?? {}) as { type?: unknown; name?: unknown; cause?: unknown };
  if (typeof type === 'string') return type;
  const inner = cause === undefined || cause === error ? '' : faultOf(cause);
  if (/^[A-Z_]{6,}$/.test(inner)) return inner;
  return typeof name === 'string' ? name : 'unknown';
}

/** What client.ts calls a listener without a login. */
export const NO_LOGIN = 'NO_LOGIN';
const CHECK_LOGIN = 'check kafka.sasl: the mechanism, the user, and the password or token';

/** Faults that no waiting mends: what to tell, by what kafkajs calls them. */
const LASTING: ReadonlyMap<string, readonly [code: string, advice: string]> = new Map([
  ['TOPIC_AUTHORIZATION_FAILED', ['kafka_denied', 'grant the principal Read, Write and Describe on the topic']],
  ['GROUP_AUTHORIZATION_FAILED', ['kafka_denied', 'grant the principal Read on the group']],
  ['CLUSTER_AUTHORIZATION_FAILED', ['kafka_denied', 'grant the principal IdempotentWrite on the cluster']],
  ['SASL_AUTHENTICATION_FAILED', ['kafka_login', CHECK_LOGIN]],
  ['UNSUPPORTED_SASL_MECHANISM', ['kafka_login', 'use a kafka.sasl.mechanism that the listener offers']],
  ['KafkaJSSASLAuthenticationError', ['kafka_login', CHECK_LOGIN]],
  [NO_LOGIN, ['kafka_login', 'leave kafka.sasl out, or name the port that asks for a login']],
  ['INCONSISTENT_GROUP_PROTOCOL', ['kafka_refused', 'another program uses this group id: choose another']],
  ['INVALID_GROUP_ID', ['kafka_refused', 'choose another group id']],
  ['GROUP_MAX_SIZE_REACHED', ['kafka_refused', 'raise group.max.size of the broker or run fewer members']],
  [
    'INVALID_SESSION_TIMEOUT',
    ['kafka_refused', "choose a sessionTimeoutMs within the broker's group.min and group.max.session.timeout.ms"],
  ],
  ['INVALID_TOPIC_EXCEPTION', ['kafka_refused', 'choose another topic name']],
  ['OFFSET_METADATA_TOO_LARGE', ['metadata_too_large', 'raise offset.metadata.max.bytes of the broker to 4096']],
  ['UNSUPPORTED_VERSION', ['kafka_refused', 'Kafka 2.3 or later is needed']],
  ['KafkaJSServerDoesNotSupportApiKey', ['kafka_refused', 'Kafka 2.3 or later is needed']],
]);

/**
 * Certificates that no waiting mends, by what Node calls the fault. One that has run out is not among them: the broker gets a new one,
 * and all goes on.
 */
const UNTRUSTED =
  /^(UNABLE_TO_(GET_ISSUER_CERT(_LOCALLY)?|VERIFY_LEAF_SIGNATURE)|SELF_SIGNED_CERT_IN_CHAIN|DEPTH_ZERO_SELF_SIGNED_CERT)$/;
const OTHER_NAME = /^(ERR_TLS_CERT_ALTNAME_INVALID|HOSTNAME_MISMATCH)$/;
/** What the other end says of ours. */
const ALERT = /^ERR_SSL_(?:SSLV3|TLSV1|TLSV13)_ALERT_(.*CERTIFICATE.*|UNKNOWN_CA)$/;

const TRUST = 'name a file with the certificate of its issuer as kafka.tls.ca';
const NAME = 'name the brokers in kafka.brokers as their certificates do, or set kafka.tls.servername';
const OWN = 'check kafka.tls.cert and kafka.tls.key, and that the brokers trust their issuer';

function certificateError(error: unknown, doing: string): ChorusError | undefined {
  const { code, message = '' } = certificateFault(error) ?? {};
  if (code === undefined) return undefined;
  const alert = ALERT.exec(code)?.[1];
  const what =
    alert === undefined
      ? `${message.replace(/[:\s]+$/, '')}; ${UNTRUSTED.test(code) ? TRUST : NAME}`
      : `the broker refuses the certificate of this side (${alert.toLowerCase().replaceAll('_', ' ')}); ${OWN}`;
  return new ChorusError('kafka_tls', `${doing}: ${what}`, { cause: error });
}

/** Of an error or of what caused it, if that is one of these. */
export function certificateFault(error: unknown): { code: string; message: string } | undefined {
  const { code, cause } = (error ?? {}) as { code?: unknown; cause?: unknown };
  const isFault = typeof code === 'string' && [UNTRUSTED, OTHER_NAME, ALERT].some((faults) => faults.test(code));
  if (isFault) return { code, message: messageOf(error) };
  return cause === undefined || cause === error ? undefined : certificateFault(cause);
}

/** The error to stop with, or undefined where a retry may help. Errors of our own and of the language stop as they are. */
export function lastingError(error: unknown, doing: string): Error | undefined {
  if (error instanceof ChorusError) return error.retryable ? undefined : error;
  if (error instanceof TypeError || error instanceof RangeError || error instanceof ReferenceError) return error;
  const found = LASTING.get(faultOf(error));
  if (found === undefined) return certificateError(error, doing);
  const [code, advice] = found;
  return new ChorusError(code, `${doing}: ${messageOf(error)}; ${advice}`, { cause: error });
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

const FIRST_WAIT_MS = 50;
const LONGEST_WAIT_MS = 1000;

/** Growing waits while something is away, and the bound after which it is given up. */
export class Patience {
  readonly #doing: string;
  readonly #boundMs: number;
  readonly #log: Log;
  #sinceMs: number | undefined;
  #waitMs = FIRST_WAIT_MS;

  constructor(doing: string, boundMs: number, log: Log) {
    this.#doing = doing;
    this.#boundMs = boundMs;
    this.#log = log;
  }

  /** It answered: what failed before is over. */
  answered(): void {
    this.#sinceMs = undefined;
    this.#waitMs = FIRST_WAIT_MS;
  }

  /** Waits and returns, or throws: what lasts, and `kafka_unreachable` after the bound. Returns early on abort. */
  async wait(error: unknown, signal?: AbortSignal): Promise<void> {
    const lasting = lastingError(error, this.#doing);
    if (lasting !== undefined) throw lasting;
    const nowMs = performance.now();
    this.#sinceMs ??= nowMs;
    const awayMs = nowMs - this.#sinceMs;
    if (awayMs > this.#boundMs) {
      throw new ChorusError(
        'kafka_unreachable',
        `${this.#doing}: no success for ${Math.round(awayMs / 1000)} s, the bound is ${this.#boundMs / 1000} s: ` +
          `${messageOf(error)}. Check that the brokers run and can be reached, and that kafka.tls and kafka.sasl are for their listener`,
        { retryable: true, cause: error },
      );
    }
    this.#log(awayMs === 0 ? 'debug' : 'warn', `${this.#doing}: trying again`, { error: messageOf(error) });
    const waitMs = this.#waitMs;
    this.#waitMs = Math.min(LONGEST_WAIT_MS, waitMs * 2);
    await sleepUntil(waitMs, signal);
  }
}

/** Like a sleep, but over at once on abort, without an error. */
export async function sleepUntil(ms: number, signal?: AbortSignal): Promise<void> {
  await sleep(ms, undefined, signal === undefined ? {} : { signal }).catch(() => undefined);
}

/**
 * A request that got no answer: its connection is closed, so that a later answer is not taken for another's, and the next
 * request opens a new one.
 */
export async function dropIfSilent(broker: WireBroker, error: unknown): Promise<void> {
  const name = (error as { name?: unknown })?.name;
  if (name === 'KafkaJSRequestTimeoutError' || name === 'KafkaJSConnectionClosedError') {
    await broker.disconnect().catch(() => undefined);
  }
}
