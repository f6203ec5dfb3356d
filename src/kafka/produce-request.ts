/**
 * Produce requests, and what every request is put in, written once into bytes of the right length. kafkajs grows a buffer for each
 * record, batch, partition, topic and request and copies each into the next: 1.5 GB of memory for 100 MB of frames, which
 * is also what its garbage collection follows. Loaded before kafkajs, this takes the place of those two files.
 *
 * Batches that are compressed, and records with a time of their own, are left to kafkajs.
 */
import { createRequire } from 'node:module';
import { crc32c } from './checksum.ts';

type Content = Buffer | string | null;

interface Message {
  readonly key?: Content;
  readonly value: Content;
  readonly timestamp?: unknown;
  readonly headers?: Readonly<Record<string, Content | readonly Content[]>>;
}

export interface ProduceFields {
  readonly acks: number;
  readonly timeout: number;
  readonly transactionalId?: string | null;
  /** kafkajs has it as a Long or as digits. */
  readonly producerId?: { toString(): string };
  readonly producerEpoch?: number;
  readonly compression?: number;
  readonly topicData: readonly {
    readonly topic: string;
    readonly partitions: readonly {
      readonly partition: number;
      readonly firstSequence?: number;
      readonly messages: readonly Message[];
    }[];
  }[];
}

/** What kafkajs asks of a part of a request that it sends. */
interface Encoded {
  readonly buf: Buffer;
  readonly buffer: Buffer;
  size(): number;
}

export interface ProduceRequest {
  readonly apiKey: number;
  readonly apiVersion: number;
  readonly apiName: string;
  readonly expectResponse: () => boolean;
  readonly encode: () => Promise<Encoded>;
}

const PRODUCE_KEY = 0;
const PRODUCE_VERSION = 3;
const MAGIC = 2;
/** Of a batch, before its records; the checksum is over what lies behind it. */
const BATCH_HEADER_BYTES = 61;
const BATCH_LENGTH_AT = 8;
const BATCH_MAGIC_AT = 16;
const BATCH_CHECKSUM_AT = 17;
const CHECKED_AT = 21;

/** A request of version 3; kafkajs makes later versions of it by another number. */
export function produceRequest(fields: ProduceFields): ProduceRequest {
  return {
    apiKey: PRODUCE_KEY,
    apiVersion: PRODUCE_VERSION,
    apiName: 'Produce',
    expectResponse: () => fields.acks !== 0,
    encode: () => Promise.resolve(encoded(encodeProduce(fields))),
  };
}

/** Whether kafkajs must write it by itself. */
function isSpecial({ compression = 0, topicData }: ProduceFields): boolean {
  const isTimed = ({ timestamp }: Message): boolean => timestamp !== undefined && timestamp !== null;
  return (
    compression !== 0 || topicData.some(({ partitions }) => partitions.some((entry) => entry.messages.some(isTimed)))
  );
}

function encodeProduce({
  acks,
  timeout,
  transactionalId = null,
  producerId = -1,
  producerEpoch = 0,
  topicData,
}: ProduceFields): Buffer {
  const sized = topicData.map(({ topic, partitions }) => ({
    topic,
    partitions: partitions.map((entry) => ({ ...entry, ...sizesOf(entry.messages) })),
  }));
  let bytes = 2 + (transactionalId === null ? 0 : Buffer.byteLength(transactionalId)) + 2 + 4 + 4;
  for (const { topic, partitions } of sized) {
    bytes += 2 + Buffer.byteLength(topic) + 4;
    for (const { batchBytes } of partitions) bytes += 8 + batchBytes;
  }
  const writer = new Writer(bytes);
  writer.string(transactionalId);
  writer.int16(acks);
  writer.int32(timeout);
  writer.int32(sized.length);
  const nowMs = BigInt(Date.now());
  const owner = BigInt(producerId.toString());
  for (const { topic, partitions } of sized) {
    writer.string(topic);
    writer.int32(partitions.length);
    for (const { partition, firstSequence = 0, messages, bodies, batchBytes } of partitions) {
      writer.int32(partition);
      writer.int32(batchBytes);
      const start = writer.at;
      writer.bytes.fill(0, start, start + BATCH_HEADER_BYTES);
      writer.at = start + BATCH_LENGTH_AT;
      writer.int32(batchBytes - BATCH_LENGTH_AT - 4);
      writer.bytes[start + BATCH_MAGIC_AT] = MAGIC;
      writer.at = start + CHECKED_AT;
      writer.int16(transactionalId === null ? 0 : 16);
      writer.int32(messages.length - 1);
      writer.int64(nowMs);
      writer.int64(nowMs);
      writer.int64(owner);
      writer.int16(producerEpoch);
      writer.int32(firstSequence);
      writer.int32(messages.length);
      for (const [i, message] of messages.entries()) writer.record(message, i, bodies[i]!);
      writer.bytes.writeUInt32BE(
        crc32c(writer.bytes.subarray(start + CHECKED_AT, writer.at)),
        start + BATCH_CHECKSUM_AT,
      );
    }
  }
  return writer.bytes;
}

/** Bytes of each record without its length, and of the batch of all. */
function sizesOf(messages: readonly Message[]): { readonly bodies: readonly number[]; readonly batchBytes: number } {
  let batchBytes = BATCH_HEADER_BYTES;
  const bodies = messages.map((message, i) => {
    const headers = headersOf(message);
    // Attributes, the difference in time, the offset.
    let body = 2 + varintBytes(i) + contentBytes(message.key ?? null) + contentBytes(message.value);
    body += varintBytes(headers.length);
    for (const [name, value] of headers) body += contentBytes(name) + contentBytes(value);
    batchBytes += varintBytes(body) + body;
    return body;
  });
  return { bodies, batchBytes };
}

function headersOf({ headers }: Message): (readonly [string, Content])[] {
  if (headers === undefined) return [];
  return Object.entries(headers).flatMap(([name, value]) =>
    Array.isArray(value)
      ? (value as readonly Content[]).map((one) => [name, one] as const)
      : [[name, value as Content] as const],
  );
}

function contentBytes(content: Content): number {
  if (content === null) return 1;
  const length = typeof content === 'string' ? Buffer.byteLength(content) : content.length;
  return varintBytes(length) + length;
}

/** Of a whole number from 0 on, in zigzag: 6 bits in the first byte and 7 in each other. */
function varintBytes(value: number): number {
  let bytes = 1;
  for (let rest = Math.floor(value / 64); rest > 0; rest = Math.floor(rest / 128)) bytes++;
  return bytes;
}

class Writer {
  readonly bytes: Buffer;
  at = 0;

  constructor(length: number) {
    this.bytes = Buffer.allocUnsafe(length);
  }

  int16(value: number): void {
    this.at = this.bytes.writeInt16BE(value, this.at);
  }

  int32(value: number): void {
    this.at = this.bytes.writeInt32BE(value, this.at);
  }

  int64(value: bigint): void {
    this.at = this.bytes.writeBigInt64BE(value, this.at);
  }

  string(text: string | null): void {
    if (text === null) {
      this.int16(-1);
      return;
    }
    this.int16(Buffer.byteLength(text));
    this.at += this.bytes.write(text, this.at, 'utf8');
  }

  record(message: Message, offset: number, body: number): void {
    this.#varint(body);
    // Attributes and the difference in time, of which there are none.
    this.bytes[this.at++] = 0;
    this.bytes[this.at++] = 0;
    this.#varint(offset);
    this.#content(message.key ?? null);
    this.#content(message.value);
    const headers = headersOf(message);
    this.#varint(headers.length);
    for (const [name, value] of headers) {
      this.#content(name);
      this.#content(value);
    }
  }

  #content(content: Content): void {
    if (content === null) {
      this.bytes[this.at++] = 1;
    } else if (typeof content === 'string') {
      this.#varint(Buffer.byteLength(content));
      this.at += this.bytes.write(content, this.at, 'utf8');
    } else {
      this.#varint(content.length);
      this.bytes.set(content, this.at);
      this.at += content.length;
    }
  }

  #varint(value: number): void {
    let rest = 2 * value;
    for (; rest >= 128; rest = Math.floor(rest / 128)) this.bytes[this.at++] = (rest % 128) | 128;
    this.bytes[this.at++] = rest;
  }
}

function encoded(bytes: Buffer): Encoded {
  return { buf: bytes, buffer: bytes, size: () => bytes.length };
}

interface Wrapped {
  readonly correlationId: number;
  readonly clientId: string;
  readonly request: { readonly apiKey: number; readonly apiVersion: number; encode(): Promise<Encoded> };
}

/** A request as it is sent: length, key, version, number, client, and what it says. */
async function wrapRequest({ correlationId, clientId, request }: Wrapped): Promise<Encoded> {
  const { buffer } = await request.encode();
  const headerBytes = 4 + 2 + 2 + 4 + 2 + Buffer.byteLength(clientId);
  const writer = new Writer(headerBytes + buffer.length);
  writer.int32(headerBytes - 4 + buffer.length);
  writer.int16(request.apiKey);
  writer.int16(request.apiVersion);
  writer.int32(correlationId);
  writer.string(clientId);
  writer.bytes.set(buffer, writer.at);
  return encoded(writer.bytes);
}

const require = createRequire(import.meta.url);

function replace(name: string, by: (original: unknown) => unknown): void {
  const original: unknown = require(name);
  require.cache[require.resolve(name)]!.exports = by(original);
}

replace('kafkajs/src/protocol/requests/produce/v3/request.js', (original) => {
  const written = original as (fields: ProduceFields) => ProduceRequest;
  return (fields: ProduceFields) => (isSpecial(fields) ? written(fields) : produceRequest(fields));
});
replace('kafkajs/src/protocol/request.js', () => wrapRequest);
