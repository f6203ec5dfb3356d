/**
 * A JSON document -> its records, without holding the document: the elements of the arrays that a format names, of an
 * array that is the whole document, or the objects that stand one after the other.
 *
 * Only the skeleton around the records is looked at here, and in it only what tells where a record begins and ends; a record
 * itself is for its decoder to judge. Memory is one chunk and one record of at most `recordBytesMax`.
 */
import { Buffer } from 'node:buffer';
import type { DocumentShape, RecordDecoder } from './formats/format.ts';
import { LINE_BYTES_MAX } from './lines.ts';
import {
  FramingFault,
  ListedRecords,
  SAMPLE_BYTES,
  tooLong,
  type CutRecord,
  type Cutter,
  type RecordBatch,
} from './records.ts';

interface Level {
  readonly isArray: boolean;
  readonly isContainer: boolean;
  readonly path: readonly string[];
  /** The key whose value comes next, in an object. */
  key: string | undefined;
  readonly fields: Map<string, string>;
}

const [QUOTE, BACKSLASH, COMMA, COLON] = [0x22, 0x5c, 0x2c, 0x3a];
const [OPEN_ARRAY, CLOSE_ARRAY, OPEN_OBJECT, CLOSE_OBJECT] = [0x5b, 0x5d, 0x7b, 0x7d];
const SPACE = 0x20;
/** That UTF-8 may begin with. */
const MARK = [0xef, 0xbb, 0xbf];
/** Longer keys and values of the skeleton are none that are asked for. */
const TOKEN_BYTES_MAX = 4096;
const NOT_NESTED = -1;

export class JsonDocumentCutter implements Cutter {
  readonly #shape: DocumentShape;
  readonly #decoder: RecordDecoder;
  readonly #recordBytesMax: number;
  readonly #levels: Level[] = [];
  #depth = 0;
  /** Depth at which what is not looked into ends, a record or a part without one. */
  #nestedFrom = NOT_NESTED;
  #isInString = false;
  #isEscaped = false;
  /** Bytes of a string or scalar of the skeleton, where it began in an earlier chunk. */
  #token: string | undefined;
  #tokenStart = 0;
  /** The start of the record in this chunk; undefined outside of one. */
  #recordStart: number | undefined;
  #recordPieces: Buffer[] = [];
  #recordBytes = 0;
  #hasContainer = false;
  #count = 0;
  #position = 0;

  constructor(shape: DocumentShape, decoder: RecordDecoder, recordBytesMax = LINE_BYTES_MAX) {
    this.#shape = shape;
    this.#decoder = decoder;
    this.#recordBytesMax = recordBytesMax;
  }

  *push(chunk: Uint8Array): Generator<RecordBatch> {
    const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    const records: CutRecord[] = [];
    let fault: FramingFault | undefined;
    try {
      this.#scan(bytes, records);
    } catch (error) {
      if (!(error instanceof FramingFault)) throw error;
      fault = error;
    }
    if (records.length > 0) yield new ListedRecords(records, this.#decoder);
    if (fault !== undefined) throw fault;
    this.#position += bytes.length;
  }

  *finish(): Generator<RecordBatch> {
    if (this.#depth > 0 || this.#isInString || this.#token !== undefined) {
      yield* [];
      throw new FramingFault('input_truncated', 'the JSON document is cut short');
    }
  }

  #scan(bytes: Buffer, records: CutRecord[]): void {
    let at = 0;
    while (this.#position + at < MARK.length && bytes[at] === MARK[this.#position + at]) at++;
    if (this.#recordStart !== undefined) this.#recordStart = at;
    this.#tokenStart = at;
    for (; at < bytes.length; at++) {
      if (this.#isInString) {
        at = this.#stringEnd(bytes, at);
        if (at === bytes.length) break;
        this.#isInString = false;
        if (this.#nestedFrom === NOT_NESTED) this.#takeToken(bytes, at + 1, records);
        continue;
      }
      const byte = bytes[at]!;
      if (byte === QUOTE) this.#beginString(at);
      else if (byte === OPEN_OBJECT || byte === OPEN_ARRAY) this.#open(byte === OPEN_ARRAY, at);
      else if (byte === CLOSE_OBJECT || byte === CLOSE_ARRAY) this.#close(byte === CLOSE_ARRAY, bytes, at, records);
      else if (this.#nestedFrom === NOT_NESTED) this.#takeOther(byte, bytes, at, records);
    }
    if (this.#recordStart !== undefined) this.#keep(bytes, bytes.length);
    if (this.#token !== undefined && !this.#levels.at(-1)!.isContainer) this.#growToken(bytes, bytes.length);
  }

  /** Where the string that `at` lies in has its closing quote; the length of the chunk if not in it. */
  #stringEnd(bytes: Buffer, at: number): number {
    for (; at < bytes.length; at++) {
      const byte = bytes[at]!;
      if (this.#isEscaped) this.#isEscaped = false;
      else if (byte === BACKSLASH) this.#isEscaped = true;
      else if (byte === QUOTE) return at;
      // Raw control characters are not allowed in strings: this one began with a quote that is none.
      else if (byte < SPACE) throw this.#fault(at);
    }
    return at;
  }

  #beginString(at: number): void {
    this.#isInString = true;
    if (this.#nestedFrom !== NOT_NESTED) return;
    if (this.#token !== undefined) throw this.#fault(at);
    this.#beginToken(at);
  }

  /** A scalar that is an element of a container is a record, if a wrong one. */
  #beginToken(at: number): void {
    const level = this.#levels.at(-1);
    if (level === undefined) throw this.#fault(at);
    this.#token = '';
    this.#tokenStart = at;
    if (level.isContainer) this.#beginRecord(at);
  }

  #takeOther(byte: number, bytes: Buffer, at: number, records: CutRecord[]): void {
    const isSeparator = byte <= SPACE || byte === COMMA || byte === COLON;
    if (!isSeparator) {
      if (this.#token === undefined) this.#beginToken(at);
      return;
    }
    if (this.#token !== undefined) this.#takeToken(bytes, at, records);
    const level = this.#levels.at(-1);
    if (byte === COMMA && level !== undefined) level.key = undefined;
  }

  #takeToken(bytes: Buffer, end: number, records: CutRecord[]): void {
    const level = this.#levels.at(-1)!;
    if (level.isContainer) {
      this.#token = undefined;
      this.#endRecord(bytes, end, records);
      return;
    }
    this.#growToken(bytes, end);
    const token = this.#token!;
    this.#token = undefined;
    if (level.isArray) return;
    if (level.key === undefined) level.key = keyOf(token);
    else if (this.#isAskedFor(level.key) && token.length < TOKEN_BYTES_MAX) level.fields.set(level.key, token);
  }

  #isAskedFor(key: string): boolean {
    return this.#shape.wrapping?.fields.includes(key) === true;
  }

  /** A token that reaches its bound is left as it is then. */
  #growToken(bytes: Buffer, end: number): void {
    const start = this.#tokenStart;
    if (this.#token!.length < TOKEN_BYTES_MAX) this.#token += bytes.toString('latin1', start, end);
    this.#tokenStart = end;
  }

  #open(isArray: boolean, at: number): void {
    const depth = this.#depth++;
    if (this.#nestedFrom !== NOT_NESTED) return;
    if (this.#token !== undefined) throw this.#fault(at);
    const parent = this.#levels.at(-1);
    if (parent?.isContainer === true) {
      this.#nestedFrom = depth;
      this.#beginRecord(at);
      return;
    }
    const path = parent === undefined ? [] : [...parent.path, parent.isArray ? '*' : (parent.key ?? '')];
    if (parent === undefined) {
      this.#hasContainer = false;
      // What has no container in it is a record itself, which is known at its end.
      if (!isArray) this.#beginRecord(at);
    }
    const isContainer = isArray && this.#isContainer(path);
    if (isContainer && parent !== undefined) this.#dropCandidate();
    if (isContainer || this.#leadsToContainer(path)) {
      this.#levels.push({ isArray, isContainer, path, key: undefined, fields: new Map() });
    } else this.#nestedFrom = depth;
  }

  #isContainer(path: readonly string[]): boolean {
    return (
      path.length === 0 || this.#shape.containers.some((one) => one.length === path.length && startsWith(one, path))
    );
  }

  #leadsToContainer(path: readonly string[]): boolean {
    return this.#shape.containers.some((one) => one.length > path.length && startsWith(one, path));
  }

  #dropCandidate(): void {
    this.#hasContainer = true;
    this.#recordStart = undefined;
    this.#recordPieces = [];
    this.#recordBytes = 0;
  }

  #close(isArray: boolean, bytes: Buffer, at: number, records: CutRecord[]): void {
    if (this.#token !== undefined) this.#takeToken(bytes, at, records);
    const depth = --this.#depth;
    if (this.#nestedFrom !== NOT_NESTED) {
      if (depth !== this.#nestedFrom) return;
      this.#nestedFrom = NOT_NESTED;
      const isCandidate = this.#levels.length > 0 && !this.#levels.at(-1)!.isContainer;
      if (this.#recordStart !== undefined && !isCandidate) this.#endRecord(bytes, at + 1, records);
      return;
    }
    const level = this.#levels.pop();
    if (level?.isArray !== isArray) throw this.#fault(at);
    if (depth === 0 && !isArray && !this.#hasContainer) this.#endRecord(bytes, at + 1, records);
  }

  #beginRecord(at: number): void {
    this.#recordStart = at;
    this.#recordPieces = [];
    this.#recordBytes = 0;
  }

  #keep(bytes: Buffer, end: number): void {
    const piece = bytes.subarray(this.#recordStart, end);
    // A copy, as the chunk is used again.
    if (this.#recordBytes <= this.#recordBytesMax) this.#recordPieces.push(Buffer.from(piece));
    this.#recordBytes += piece.length;
  }

  #endRecord(bytes: Buffer, end: number, records: CutRecord[]): void {
    this.#keep(bytes, end);
    this.#recordStart = undefined;
    const number = ++this.#count;
    const whole = Buffer.concat(this.#recordPieces);
    this.#recordPieces = [];
    if (this.#recordBytes > this.#recordBytesMax) {
      records.push({ bytes: whole.subarray(0, SAMPLE_BYTES), number, fault: tooLong('record', this.#recordBytesMax) });
    } else records.push({ bytes: this.#wrapped(whole), number });
  }

  #wrapped(element: Buffer): Buffer {
    const { wrapping } = this.#shape;
    const around = this.#levels.at(-2);
    if (wrapping === undefined || around === undefined) return element;
    const fields = Array.from(around.fields, ([name, value]) => `${JSON.stringify(name)}:${value}`);
    const head = `{${JSON.stringify(wrapping.around)}:{${fields.join(',')}},${JSON.stringify(wrapping.element)}:`;
    return Buffer.concat([Buffer.from(head, 'latin1'), element, Buffer.from('}')]);
  }

  #fault(at: number): FramingFault {
    return new FramingFault('input_corrupt', `is no JSON document from byte ${this.#position + at} of its content on`);
  }
}

function startsWith(path: readonly string[], start: readonly string[]): boolean {
  return start.every((part, i) => path[i] === part);
}

/** @param token the bytes of a JSON string as latin1 */
function keyOf(token: string): string {
  try {
    const key: unknown = JSON.parse(token);
    return String(key);
  } catch {
    return '';
  }
}
