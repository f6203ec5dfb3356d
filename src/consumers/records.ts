/**
 * What every framing hands on: records that lie in a batch, each decoded when it is asked for. A framing is lines
 * (lines.ts), rows of a table (csv.ts), elements of a JSON document (json-document.ts) or server-sent events (events.ts).
 */
import { Buffer, isUtf8 } from 'node:buffer';
import type { Decoded, RejectionReason } from '../model.ts';
import type { RecordDecoder } from './formats/format.ts';
import { LINE_BYTES_MAX, LineSplitter, type LineBatch } from './lines.ts';

/** A batch and its bytes are valid until the next one is asked for. */
export interface RecordBatch {
  readonly count: number;
  /** Record `i` as text, undefined if it is none that a decoder may see. */
  text(i: number): string | undefined;
  decode(i: number): Decoded | readonly Decoded[];
  /** The bytes of record `i`; the first 256 of one that is too long. */
  bytes(i: number): Uint8Array;
  /** Where record `i` stands in its input, from 1: its line, of a JSON document its place among the records. */
  number(i: number): number;
}

/** Bytes -> records. What is wrong with the input as a whole is thrown as a `FramingFault`, after the good records before it. */
export interface Cutter {
  push(chunk: Uint8Array): Iterable<RecordBatch>;
  finish(): Iterable<RecordBatch>;
}

export class FramingFault extends Error {
  readonly fault: 'input_corrupt' | 'input_truncated';

  constructor(fault: FramingFault['fault'], message: string) {
    super(message);
    this.fault = fault;
  }
}

/** What is kept of a record that is too long, for a look at it. */
export const SAMPLE_BYTES = 256;

export function rejection(reason: RejectionReason, detail: string): Decoded {
  return { kind: 'rejection', reason, detail };
}

export function tooLong(noun: string, bytesMax: number): Decoded {
  return rejection('line_too_long', `the ${noun} has more than ${bytesMax} bytes`);
}

export class LineCutter implements Cutter {
  readonly #splitter: LineSplitter;
  readonly #records: LineRecords;

  constructor(decoder: RecordDecoder, lineBytesMax = LINE_BYTES_MAX) {
    this.#splitter = new LineSplitter(lineBytesMax);
    this.#records = new LineRecords(decoder, lineBytesMax);
  }

  push(chunk: Uint8Array): Iterable<RecordBatch> {
    return this.#over(this.#splitter.push(chunk));
  }

  finish(): Iterable<RecordBatch> {
    return this.#over(this.#splitter.finish());
  }

  *#over(batches: readonly LineBatch[]): Generator<RecordBatch> {
    for (const batch of batches) yield this.#records.over(batch);
  }
}

class LineRecords implements RecordBatch {
  readonly #decoder: RecordDecoder;
  readonly #lineBytesMax: number;
  #lines: LineBatch | undefined;

  constructor(decoder: RecordDecoder, lineBytesMax: number) {
    this.#decoder = decoder;
    this.#lineBytesMax = lineBytesMax;
  }

  over(lines: LineBatch): this {
    this.#lines = lines;
    return this;
  }

  get count(): number {
    return this.#lines!.count;
  }

  text(i: number): string | undefined {
    return this.#lines!.text(i);
  }

  decode(i: number): Decoded | readonly Decoded[] {
    const text = this.#lines!.text(i);
    if (text !== undefined) return this.#decoder(text);
    return this.#lines!.reason(i) === 'line_too_long'
      ? tooLong('line', this.#lineBytesMax)
      : rejection('invalid_utf8', 'the line is not UTF-8');
  }

  bytes(i: number): Uint8Array {
    return this.#lines!.bytes(i);
  }

  number(i: number): number {
    return this.#lines!.number(i);
  }
}

/** A record with bytes of its own. */
export interface CutRecord {
  readonly bytes: Buffer;
  readonly number: number;
  /** In place of what a decoder would say. */
  readonly fault?: Decoded;
}

export class ListedRecords implements RecordBatch {
  readonly #records: readonly CutRecord[];
  readonly #decoder: RecordDecoder;

  constructor(records: readonly CutRecord[], decoder: RecordDecoder) {
    this.#records = records;
    this.#decoder = decoder;
  }

  get count(): number {
    return this.#records.length;
  }

  text(i: number): string | undefined {
    const { bytes, fault } = this.#records[i]!;
    return fault === undefined && isUtf8(bytes) ? bytes.toString('utf8') : undefined;
  }

  decode(i: number): Decoded | readonly Decoded[] {
    const text = this.text(i);
    if (text !== undefined) return this.#decoder(text);
    return this.#records[i]!.fault ?? rejection('invalid_utf8', 'the record is not UTF-8');
  }

  bytes(i: number): Uint8Array {
    return this.#records[i]!.bytes;
  }

  number(i: number): number {
    return this.#records[i]!.number;
  }
}
