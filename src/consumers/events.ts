/**
 * Server-sent events (https://html.spec.whatwg.org/multipage/server-sent-events.html) -> their names and data.
 *
 * A stream that was saved to a file is read like one that is live. Comments, which servers send to keep a line alive, are
 * no events. Memory is one chunk and one event of at most `eventBytesMax`.
 */
import { Buffer } from 'node:buffer';
import type { RecordDecoder } from './formats/format.ts';
import { LINE_BYTES_MAX } from './lines.ts';
import { ListedRecords, SAMPLE_BYTES, tooLong, type CutRecord, type Cutter, type RecordBatch } from './records.ts';

export interface ServerEvent {
  /** "message" where the stream does not say. */
  readonly name: string;
  /** Lines joined by \n; the first 256 bytes of an event that is too long. */
  readonly data: Buffer;
  /** What a client may ask to go on from; undefined where the stream has not said. */
  readonly lastId: string | undefined;
  readonly isTooLong: boolean;
  /** Line of its first field, from 1. */
  readonly line: number;
}

const LINE_FEED = 10;
const CARRIAGE_RETURN = 13;
const COLON = 58;
const SPACE = 32;

export class ServerEventSplitter {
  readonly #eventBytesMax: number;
  /** The start of a line whose end has not come. */
  #carry: Buffer[] = [];
  #carryBytes = 0;
  #line = 0;
  #hasReturn = false;
  #name = '';
  #data: Buffer[] = [];
  #dataBytes = 0;
  #hasData = false;
  #firstLine = 0;
  #lastId: string | undefined;

  constructor(eventBytesMax = LINE_BYTES_MAX) {
    this.#eventBytesMax = eventBytesMax;
  }

  /** The events that end in `chunk`, which may be used again after that. */
  push(chunk: Uint8Array): ServerEvent[] {
    const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    const events: ServerEvent[] = [];
    let start = 0;
    for (let at = 0; at < bytes.length; at++) {
      const byte = bytes[at]!;
      if (byte === LINE_FEED && this.#hasReturn && at === start) {
        start = at + 1;
        this.#hasReturn = false;
        continue;
      }
      this.#hasReturn = false;
      if (byte !== LINE_FEED && byte !== CARRIAGE_RETURN) {
        // A line is looked through natively up to its end; \r alone ends one in few streams.
        at = lineEnd(bytes, at) - 1;
        continue;
      }
      this.#takeLine(this.#joined(bytes.subarray(start, at)), events);
      this.#hasReturn = byte === CARRIAGE_RETURN;
      start = at + 1;
    }
    if (start < bytes.length) this.#keep(bytes.subarray(start));
    return events;
  }

  /** The event that the end of a file cuts off, which a client of a live stream would drop. */
  finish(): ServerEvent[] {
    const events: ServerEvent[] = [];
    if (this.#carryBytes > 0) this.#takeLine(this.#joined(Buffer.alloc(0)), events);
    this.#takeLine(Buffer.alloc(0), events);
    return events;
  }

  #keep(piece: Buffer): void {
    // One that is too long is known by its length alone.
    if (this.#carryBytes <= this.#eventBytesMax) this.#carry.push(Buffer.from(piece));
    this.#carryBytes += piece.length;
  }

  #joined(piece: Buffer): Buffer {
    if (this.#carryBytes === 0) return piece;
    this.#keep(piece);
    const joined = Buffer.concat(this.#carry);
    this.#carry = [];
    this.#carryBytes = 0;
    return joined;
  }

  #takeLine(line: Buffer, events: ServerEvent[]): void {
    this.#line++;
    if (this.#line === 1 && line.length >= 3 && line.toString('latin1', 0, 3) === '\xef\xbb\xbf')
      line = line.subarray(3);
    if (line.length === 0) {
      this.#dispatch(events);
      return;
    }
    const colon = line.indexOf(COLON);
    if (colon === 0) return;
    if (this.#firstLine === 0) this.#firstLine = this.#line;
    const field = line.toString('latin1', 0, colon < 0 ? line.length : colon);
    const valueStart = colon < 0 ? line.length : colon + (line[colon + 1] === SPACE ? 2 : 1);
    this.#takeField(field, line.subarray(valueStart));
  }

  #takeField(field: string, value: Buffer): void {
    if (field === 'event') this.#name = value.toString('utf8');
    else if (field === 'id' && !value.includes(0)) this.#lastId = value.toString('utf8');
    else if (field === 'data') {
      if (this.#hasData) this.#addData(Buffer.from('\n'));
      this.#hasData = true;
      this.#addData(value);
    }
  }

  #addData(piece: Buffer): void {
    if (this.#dataBytes <= this.#eventBytesMax) this.#data.push(Buffer.from(piece));
    this.#dataBytes += piece.length;
  }

  #dispatch(events: ServerEvent[]): void {
    if (this.#hasData) {
      const isTooLong = this.#dataBytes > this.#eventBytesMax;
      const data = Buffer.concat(this.#data);
      events.push({
        name: this.#name === '' ? 'message' : this.#name,
        data: isTooLong ? data.subarray(0, SAMPLE_BYTES) : data,
        lastId: this.#lastId,
        isTooLong,
        line: this.#firstLine,
      });
    }
    this.#name = '';
    this.#data = [];
    this.#dataBytes = 0;
    this.#hasData = false;
    this.#firstLine = 0;
  }
}

function lineEnd(bytes: Buffer, from: number): number {
  const feed = bytes.indexOf(LINE_FEED, from);
  const end = feed < 0 ? bytes.length : feed;
  const back = bytes.subarray(from, end).indexOf(CARRIAGE_RETURN);
  return back < 0 ? end : from + back;
}

/** An event as a record: its data, or `{"event":<name>,"payload":<data as a string>}` where the name is told. */
export class ServerEventCutter implements Cutter {
  readonly #splitter: ServerEventSplitter;
  readonly #decoder: RecordDecoder;
  readonly #eventBytesMax: number;

  constructor(decoder: RecordDecoder, eventBytesMax = LINE_BYTES_MAX) {
    this.#splitter = new ServerEventSplitter(eventBytesMax);
    this.#decoder = decoder;
    this.#eventBytesMax = eventBytesMax;
  }

  push(chunk: Uint8Array): Iterable<RecordBatch> {
    return this.#over(this.#splitter.push(chunk));
  }

  finish(): Iterable<RecordBatch> {
    return this.#over(this.#splitter.finish());
  }

  *#over(events: readonly ServerEvent[]): Generator<RecordBatch> {
    if (events.length > 0)
      yield new ListedRecords(
        events.map((event) => this.#record(event)),
        this.#decoder,
      );
  }

  #record({ name, data, isTooLong, line }: ServerEvent): CutRecord {
    if (isTooLong) return { bytes: data, number: line, fault: tooLong('event', this.#eventBytesMax) };
    if (name === 'message') return { bytes: data, number: line };
    // Bytes that are no UTF-8 are left to be found.
    const payload = JSON.stringify(data.toString('latin1'));
    const event = JSON.stringify(Buffer.from(name).toString('latin1'));
    return { bytes: Buffer.from(`{"event":${event},"payload":${payload}}`, 'latin1'), number: line };
  }
}
