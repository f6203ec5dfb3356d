/**
 * Record batches (magic 2) as the broker sends them -> records.
 *
 * kafkajs decodes them too, at 1.5 us and six objects a record, loses the position behind a batch whose records were compacted
 * away, and with read_committed hands out aborted records once two transactional producers share a partition (it compares
 * with the first of an unsorted list). Layout of a batch, big endian:
 *
 * ```
 *  0 i64 base offset    8 i32 bytes after this field   12 i32 leader epoch    16 i8 magic      17 u32 crc
 * 21 i16 attributes    23 i32 last offset delta        27 i64 base time       35 i64 max time
 * 43 i64 producer id   51 i16 producer epoch           53 i32 base sequence   57 i32 records   61 records
 * attributes: 0-2 codec, 3 LogAppendTime, 4 transactional, 5 control
 * ```
 */
import { ChorusError } from '../errors.ts';
import { decompress } from './codecs.ts';

const LENGTH_AT = 8;
const MAGIC_AT = 16;
const ATTRIBUTES_AT = 21;
const LAST_DELTA_AT = 23;
const BASE_TIME_AT = 27;
const MAX_TIME_AT = 35;
const PRODUCER_AT = 43;
const COUNT_AT = 57;
const RECORDS_AT = 61;

const CODEC_BITS = 7;
const LOG_APPEND_TIME = 8;
const TRANSACTIONAL = 16;
const CONTROL = 32;

const ABORT_MARKER = 0;

export type Headers = readonly { readonly key: string; readonly value: Buffer | null }[];

const NO_HEADERS: Headers = [];

/**
 * One record. Key, value and headers are made when they are asked for: a view costs more than all the rest of a record.
 * They look into the bytes of the fetch; who keeps one keeps up to a few MB alive with it.
 */
export class KafkaRecord {
  readonly offset: number;
  /** The broker's append time or the producer's, as the topic is configured. */
  readonly timestampMs: number;
  /** The bytes of the batch, of which this record's value is `[valueStart, valueEnd)`. */
  readonly bytes: Buffer;
  readonly #keyStart: number;
  readonly #keyEnd: number;
  readonly valueStart: number;
  /** -1 for a value of null, a tombstone. */
  readonly valueEnd: number;

  constructor(
    offset: number,
    timestampMs: number,
    bytes: Buffer,
    keyStart: number,
    keyEnd: number,
    valueStart: number,
    valueEnd: number,
  ) {
    this.offset = offset;
    this.timestampMs = timestampMs;
    this.bytes = bytes;
    this.#keyStart = keyStart;
    this.#keyEnd = keyEnd;
    this.valueStart = valueStart;
    this.valueEnd = valueEnd;
  }

  get key(): Buffer | null {
    return this.#keyEnd < 0 ? null : this.bytes.subarray(this.#keyStart, this.#keyEnd);
  }

  get value(): Buffer | null {
    return this.valueEnd < 0 ? null : this.bytes.subarray(this.valueStart, this.valueEnd);
  }

  get headers(): Headers {
    const cursor = new Cursor(this.bytes);
    cursor.at = this.valueEnd < 0 ? this.valueStart : this.valueEnd;
    const count = cursor.varint();
    if (count === 0) return NO_HEADERS;
    const headers: { key: string; value: Buffer | null }[] = [];
    for (let i = 0; i < count; i++) {
      const key = cursor.take(cursor.varint()).toString('utf8');
      const length = cursor.varint();
      headers.push({ key, value: length < 0 ? null : cursor.take(length) });
    }
    return headers;
  }
}

/** A transaction that was aborted, as a fetch names it. */
export interface Aborted {
  readonly producerId: bigint;
  readonly firstOffset: number;
}

/** What one fetch brought of one partition, not decoded yet. */
export interface RawRecords {
  readonly bytes: Buffer;
  readonly aborted: readonly Aborted[];
  /** The offset asked for; records before it, in the same batch, are none of the answer. */
  readonly from: number;
}

/** Where the whole batches in these bytes end: the offset to ask for next. A cut-off batch at the end does not count. */
export function nextOffset({ bytes, from }: RawRecords): number {
  let next = from;
  for (let at = 0; ;) {
    const end = batchEnd(bytes, at);
    if (end < 0) return next;
    next = Math.max(next, int64(bytes, at) + bytes.readInt32BE(at + LAST_DELTA_AT) + 1);
    at = end;
  }
}

function batchEnd(bytes: Buffer, at: number): number {
  if (at + RECORDS_AT > bytes.length) return -1;
  const end = at + LENGTH_AT + 4 + bytes.readInt32BE(at + LENGTH_AT);
  return end > bytes.length ? -1 : end;
}

/**
 * Committed data records in offset order; control records and those of aborted transactions are left out.
 * @throws ChorusError `record_unreadable`
 */
export async function decodeRecords({ bytes, aborted, from }: RawRecords): Promise<KafkaRecord[]> {
  const records: KafkaRecord[] = [];
  const waiting = aborted.toSorted((a, b) => a.firstOffset - b.firstOffset);
  const abortedNow = new Set<bigint>();
  let begun = 0;
  for (let at = 0, end = batchEnd(bytes, 0); end >= 0; at = end, end = batchEnd(bytes, at)) {
    checkMagic(bytes, at);
    const base = int64(bytes, at);
    const attributes = bytes.readInt16BE(at + ATTRIBUTES_AT);
    const last = base + bytes.readInt32BE(at + LAST_DELTA_AT);
    while (begun < waiting.length && waiting[begun]!.firstOffset <= last) abortedNow.add(waiting[begun++]!.producerId);
    if ((attributes & CONTROL) !== 0) {
      if (abortedNow.size > 0 && isAbortMarker(bytes, at)) abortedNow.delete(bytes.readBigInt64BE(at + PRODUCER_AT));
      continue;
    }
    if (last < from) continue;
    const dropped = (attributes & TRANSACTIONAL) !== 0 && abortedNow.has(bytes.readBigInt64BE(at + PRODUCER_AT));
    if (dropped) continue;
    const codec = attributes & CODEC_BITS;
    const appendMs = (attributes & LOG_APPEND_TIME) === 0 ? -1 : int64(bytes, at + MAX_TIME_AT);
    const baseMs = int64(bytes, at + BASE_TIME_AT);
    const count = bytes.readInt32BE(at + COUNT_AT);
    if (codec === 0) {
      readRecords(records, bytes, at + RECORDS_AT, count, base, baseMs, appendMs, from);
    } else {
      const plain = await decompress(codec, bytes.subarray(at + RECORDS_AT, end));
      readRecords(records, plain, 0, count, base, baseMs, appendMs, from);
    }
  }
  return records;
}

function checkMagic(bytes: Buffer, at: number): void {
  const magic = bytes[at + MAGIC_AT];
  if (magic === 2) return;
  throw new ChorusError(
    'record_unreadable',
    `record format ${magic} at offset ${int64(bytes, at)}, must be 2 (Kafka 0.11 and later): ` +
      'start behind these records or copy the topic',
  );
}

/** The key of a control record: version, then its type. */
function isAbortMarker(bytes: Buffer, at: number): boolean {
  const cursor = new Cursor(bytes);
  cursor.at = at + RECORDS_AT;
  cursor.varint();
  cursor.at += 1;
  cursor.skipVarint();
  cursor.varint();
  cursor.varint();
  return bytes.readInt16BE(cursor.at + 2) === ABORT_MARKER;
}

function readRecords(
  into: KafkaRecord[],
  bytes: Buffer,
  start: number,
  count: number,
  base: number,
  baseMs: number,
  appendMs: number,
  from: number,
): void {
  const cursor = new Cursor(bytes);
  cursor.at = start;
  for (let i = 0; i < count; i++) {
    const length = cursor.varint();
    const end = cursor.at + length;
    if (length <= 0 || end > bytes.length) {
      throw new ChorusError('record_unreadable', `record ${i} of ${count} at offset ${base} is cut off: corrupt batch`);
    }
    cursor.at += 1;
    const deltaMs = cursor.varlong();
    const offset = base + cursor.varint();
    const keyLength = cursor.varint();
    const keyStart = cursor.at;
    if (keyLength > 0) cursor.at += keyLength;
    const valueLength = cursor.varint();
    const valueStart = cursor.at;
    if (offset >= from) {
      into.push(
        new KafkaRecord(
          offset,
          appendMs < 0 ? baseMs + deltaMs : appendMs,
          bytes,
          keyStart,
          keyLength < 0 ? -1 : keyStart + keyLength,
          valueStart,
          valueLength < 0 ? -1 : valueStart + valueLength,
        ),
      );
    }
    cursor.at = end;
  }
}

/** Zigzag varints, as records are packed in. */
class Cursor {
  at = 0;
  readonly #bytes: Buffer;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  varint(): number {
    const bytes = this.#bytes;
    let byte = bytes[this.at++]!;
    if (byte < 128) return (byte >>> 1) ^ -(byte & 1);
    let raw = byte & 127;
    for (let shift = 7; ; shift += 7) {
      byte = bytes[this.at++]!;
      raw |= (byte & 127) << shift;
      if (byte < 128 || byte === undefined) return (raw >>> 1) ^ -(raw & 1);
    }
  }

  /** Of up to 53 bits: times. */
  varlong(): number {
    let raw = 0;
    let scale = 1;
    for (;;) {
      const byte = this.#bytes[this.at++] ?? 0;
      raw += (byte & 127) * scale;
      if (byte < 128) return raw % 2 === 0 ? raw / 2 : -(raw + 1) / 2;
      scale *= 128;
    }
  }

  skipVarint(): void {
    while ((this.#bytes[this.at++] ?? 0) >= 128);
  }

  take(length: number): Buffer {
    const start = this.at;
    this.at += length;
    return this.#bytes.subarray(start, this.at);
  }
}

/** Offsets and times stay below 2^53. */
export function int64(bytes: Buffer, at: number): number {
  return bytes.readInt32BE(at) * 4_294_967_296 + bytes.readUInt32BE(at + 4);
}
