/**
 * Any stream of records: messages of a websocket, or lines of an HTTP answer that does not end. A stream of server-sent events
 * is told by its beginning. There is no cursor.
 */
import { Buffer } from 'node:buffer';
import { ServerEventCutter } from '../events.ts';
import { parseJson } from '../formats/checks.ts';
import { documentShape, recordDecoder, type RecordFormat } from '../formats/format.ts';
import { LineCutter, SAMPLE_BYTES, tooLong, type CutRecord, type Cutter, type RecordBatch } from '../records.ts';
import { httpChunks } from './http.ts';
import type { Attempt, Protocol } from './source.ts';
import { socketMessages } from './websocket.ts';

export class LineStream implements Protocol {
  readonly format: RecordFormat;
  readonly isResumable = false;
  readonly name: string;
  readonly #url: URL;
  readonly #token: () => string | undefined;

  /** @param url ws, wss, http or https */
  constructor(url: URL, format: RecordFormat, token: () => string | undefined) {
    this.format = format;
    this.#url = url;
    this.#token = token;
    // Queries are where people put keys.
    this.name = `${url.protocol}//${url.host}${url.pathname}`;
  }

  async *connect(attempt: Attempt): AsyncGenerator<readonly CutRecord[]> {
    const token = this.#token();
    const headers: Record<string, string> = token === undefined ? {} : { authorization: `Bearer ${token}` };
    const address = { name: this.name, url: this.#url.href, headers };
    if (this.#url.protocol.startsWith('ws')) {
      for await (const messages of socketMessages({ ...address, isSilenceAlive: true }, attempt)) {
        yield messages.flatMap((message) => cutMessage(message, attempt.options.recordBytesMax));
      }
      return;
    }
    let cutter: Cutter | undefined;
    for await (const chunk of httpChunks(address, attempt)) {
      cutter ??= this.#cutter(chunk, attempt.options.recordBytesMax);
      yield Array.from(cutter.push(chunk)).flatMap(copies);
    }
    // A server that ends in the middle of a line has lost its end.
  }

  timeOf(): undefined {
    return undefined;
  }

  #cutter(start: Uint8Array, bytesMax: number): Cutter {
    const decoder = recordDecoder(this.format);
    const isEvents = /^\s*(?::|(?:event|data|id|retry):)/.test(Buffer.from(start.subarray(0, 64)).toString('latin1'));
    return isEvents ? new ServerEventCutter(decoder, bytesMax) : new LineCutter(decoder, bytesMax);
  }
}

/** Formats that are nothing line by line cannot be streamed. */
export function isStreamable(format: RecordFormat): boolean {
  return format !== 'telegram' && documentShape(format) !== undefined;
}

/** Batches of lines lie in buffers that the next chunk takes. */
function copies(batch: RecordBatch): CutRecord[] {
  return Array.from({ length: batch.count }, (_, i): CutRecord => {
    const bytes = Buffer.from(batch.bytes(i));
    const number = batch.number(i);
    if (batch.text(i) !== undefined) return { bytes, number };
    const fault = batch.decode(i);
    return 'kind' in fault ? { bytes, number, fault } : { bytes, number };
  });
}

/** A message is a record, or several lines of them. */
function cutMessage(message: Buffer, bytesMax: number): CutRecord[] {
  if (message.length > bytesMax && !message.includes(10)) return [tooLongRecord(message, bytesMax)];
  const isOne = !message.includes(10) || parseJson(message.toString('utf8')) !== undefined;
  const pieces = isOne ? [message] : linesOf(message);
  return pieces.map((bytes) => (bytes.length > bytesMax ? tooLongRecord(bytes, bytesMax) : { bytes, number: 0 }));
}

function tooLongRecord(bytes: Buffer, bytesMax: number): CutRecord {
  return { bytes: bytes.subarray(0, SAMPLE_BYTES), number: 0, fault: tooLong('message', bytesMax) };
}

function linesOf(message: Buffer): Buffer[] {
  const lines: Buffer[] = [];
  for (let start = 0; start < message.length;) {
    const feed = message.indexOf(10, start);
    const end = feed < 0 ? message.length : feed;
    const line = message.subarray(start, end);
    if (line.some((byte) => byte !== 32 && byte !== 9 && byte !== 13)) lines.push(line);
    start = end + 1;
  }
  return lines;
}
