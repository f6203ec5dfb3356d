/**
 * One fetch request to one broker, for any number of partitions of one topic. Records are left as they came (records.ts).
 */
import { createRequire } from 'node:module';
import { ChorusError } from '../errors.ts';
import { int64, type Aborted, type RawRecords } from './records.ts';
import { dropIfSilent, type WireBroker, type WireRequest } from './wire.ts';

const FETCH_KEY = 1;
/** Fetch v4 has record batches; from v11 on (Kafka 2.3) a broker answers in the one layout that is read here. */
const FETCH_VERSION = 11;
const READ_COMMITTED = 1;

const fetchDefinition: unknown = createRequire(import.meta.url)('kafkajs/src/protocol/requests/fetch/index.js');

export interface FetchOptions {
  readonly topic: string;
  readonly maxBytesPerPartition: number;
  /** The broker answers after this time, if it has nothing new before. */
  readonly maxWaitMs: number;
}

export interface Fetched {
  readonly partition: number;
  /** The protocol's number, 0 for none. */
  readonly errorCode: number;
  /** First offset of the log. */
  readonly low: number;
  /** Behind the last record that can be read: no open transaction lies before it. */
  readonly high: number;
  readonly raw: RawRecords;
}

/** @throws what kafkajs throws when the broker is away. */
export async function fetchFrom(
  broker: WireBroker,
  { topic, maxBytesPerPartition, maxWaitMs }: FetchOptions,
  positions: ReadonlyMap<number, number>,
): Promise<Fetched[]> {
  const protocol = broker.lookupRequest(
    FETCH_KEY,
    fetchDefinition,
  )({
    isolationLevel: READ_COMMITTED,
    maxWaitTime: maxWaitMs,
    minBytes: 1,
    maxBytes: maxBytesPerPartition * positions.size,
    topics: [
      {
        topic,
        partitions: Array.from(shuffled(positions), ([partition, offset]) => ({
          partition,
          fetchOffset: String(offset),
          maxBytes: maxBytesPerPartition,
        })),
      },
    ],
    rackId: '',
  });
  if (protocol.request.apiVersion !== FETCH_VERSION) {
    throw new ChorusError(
      'kafka_refused',
      `the broker speaks Fetch version ${protocol.request.apiVersion}, must be ${FETCH_VERSION}: Kafka 2.3 or later is needed`,
    );
  }
  const request: WireRequest = {
    ...protocol,
    response: {
      decode: (bytes: Buffer) => Promise.resolve(parse(bytes, positions)),
      parse: (parsed: unknown) => parsed,
    },
  };
  try {
    return ((await broker.connectionPool.send(request)) as { fetched: Fetched[] }).fetched;
  } catch (error) {
    await dropIfSilent(broker, error);
    throw error;
  }
}

/** A broker fills its answer in the order asked: turning the order around keeps the last from starving. */
let turn = 0;

function shuffled(positions: ReadonlyMap<number, number>): [number, number][] {
  const all = [...positions];
  const start = turn++ % all.length;
  return [...all.slice(start), ...all.slice(0, start)];
}

function parse(
  bytes: Buffer,
  positions: ReadonlyMap<number, number>,
): { fetched: Fetched[]; clientSideThrottleTime: number } {
  const clientSideThrottleTime = bytes.readInt32BE(0);
  const fetched: Fetched[] = [];
  // Throttle time, error of the session, session id.
  let at = 4 + 2 + 4;
  const topics = bytes.readInt32BE(at);
  at += 4;
  for (let t = 0; t < topics; t++) {
    at += 2 + bytes.readInt16BE(at);
    const partitions = bytes.readInt32BE(at);
    at += 4;
    for (let p = 0; p < partitions; p++) {
      const partition = bytes.readInt32BE(at);
      const errorCode = bytes.readInt16BE(at + 4);
      // The high watermark at 6 is passed over: what lies behind the last stable offset is not readable.
      const high = int64(bytes, at + 14);
      const low = int64(bytes, at + 22);
      const abortedCount = Math.max(0, bytes.readInt32BE(at + 30));
      at += 34;
      const aborted: Aborted[] = [];
      for (let a = 0; a < abortedCount; a++, at += 16) {
        aborted.push({ producerId: bytes.readBigInt64BE(at), firstOffset: int64(bytes, at + 8) });
      }
      const length = Math.max(0, bytes.readInt32BE(at + 4));
      at += 8;
      const raw = { bytes: bytes.subarray(at, at + length), aborted, from: positions.get(partition) ?? 0 };
      at += length;
      fetched.push({ partition, errorCode, low, high, raw });
    }
  }
  return { fetched, clientSideThrottleTime };
}
