/**
 * Tables of text as spreadsheets and archives write them (RFC 4180) -> rows, each with its columns by their names.
 *
 * A field in quotes may hold delimiters, line ends and doubled quotes. A row that breaks these rules is rejected by itself:
 * of a quote that is never closed only its own line is lost. By hand because csv-parse 7 loses all rows behind such a quote,
 * and takes ten times as long for rows whose columns have names.
 */
import { Buffer, isUtf8 } from 'node:buffer';
import iconv from 'iconv-lite';
import type { Decoded } from '../model.ts';
import type { RowDecoder } from './formats/rows.ts';
import { LINE_BYTES_MAX } from './lines.ts';
import { rejection, SAMPLE_BYTES, tooLong, type Cutter, type RecordBatch } from './records.ts';

export interface TableShape {
  readonly delimiter: string;
  /** "\n" for rows that end with \n or \r\n, "\r" for those of old spreadsheets. */
  readonly lineEnd: '\n' | '\r';
  /** Rows in front of the header. */
  readonly skippedRows: number;
  readonly columns: readonly string[];
}

/** What a spreadsheet writes that does not write UTF-8, in the West. */
const FALLBACK_ENCODING = 'windows-1252';
const DELIMITERS = [',', ';', '\t', '|'];
const QUOTE = '"';

/** Where a row is in the text: a row, its `next` one; or one that is broken; or "more" text is needed to tell. */
type Cut =
  | { readonly kind: 'row'; readonly end: number; readonly next: number }
  | { readonly kind: 'broken'; readonly detail: string }
  | { readonly kind: 'more' };
const MORE: Cut = { kind: 'more' };

interface CutRow {
  /** One character a byte. */
  readonly raw: string;
  readonly number: number;
  readonly fault?: Decoded;
}

/**
 * What stands in the first bytes of a table. Undefined where the first row does not end in them.
 * @param head text with one character a byte, without a byte-order mark
 */
export function tableShapeOf(head: string, isWhole: boolean): TableShape | undefined {
  const lineEnd = head.includes('\n') || !head.includes('\r') ? '\n' : '\r';
  // A line "sep=;" is for the spreadsheet alone.
  const stated = /^sep=(.)\r?[\n\r]/.exec(head);
  const start = stated?.[0].length ?? 0;
  const delimiters = stated === null ? DELIMITERS : [stated[1]!];
  let best: TableShape | undefined;
  for (const delimiter of delimiters) {
    const cut = cutRow(head, start, delimiter, lineEnd, isWhole);
    if (cut.kind !== 'row') continue;
    const columns = fieldsOf(textOf(head.slice(start, cut.end), 'unknown').text ?? '', delimiter).map((name) =>
      name.trim(),
    );
    while (columns.at(-1) === '') columns.pop();
    if (best === undefined || columns.length > best.columns.length) {
      best = { delimiter, lineEnd, skippedRows: stated === null ? 0 : 1, columns };
    }
  }
  return best;
}

/** Where the row from `start` on ends. @param isLast whether nothing comes behind `text` */
function cutRow(text: string, start: number, delimiter: string, lineEnd: string, isLast: boolean): Cut {
  let lineAt = text.indexOf(lineEnd, start);
  let at = start;
  for (;;) {
    if (text[at] !== QUOTE) {
      const delimiterAt = text.indexOf(delimiter, at);
      if (delimiterAt < 0 || (lineAt >= 0 && lineAt < delimiterAt)) return rowTo(text, lineAt, isLast);
      at = delimiterAt + 1;
      continue;
    }
    at = closingQuote(text, at + 1);
    if (at < 0) return isLast ? { kind: 'broken', detail: 'a quote that opens a field is not closed' } : MORE;
    at++;
    if (at === text.length) return isLast ? rowTo(text, -1, true) : MORE;
    if (lineAt >= 0 && lineAt < at) lineAt = text.indexOf(lineEnd, at);
    if (text[at] === delimiter) {
      at++;
      continue;
    }
    if (text[at] === '\r' && at + 1 === text.length && !isLast) return MORE;
    const isAtEnd = text[at] === lineEnd || (text[at] === '\r' && (at + 1 === text.length || text[at + 1] === lineEnd));
    if (isAtEnd) return rowTo(text, lineAt, isLast);
    return {
      kind: 'broken',
      detail: 'behind a quote that closes a field comes neither a delimiter nor the end of the row',
    };
  }
}

/** The place of the first quote from `at` on that is not doubled; -1 if there is none, or its double may come yet. */
function closingQuote(text: string, at: number): number {
  for (;;) {
    const quote = text.indexOf(QUOTE, at);
    if (quote < 0) return -1;
    if (text[quote + 1] !== QUOTE) return quote;
    at = quote + 2;
  }
}

function rowTo(text: string, lineAt: number, isLast: boolean): Cut {
  if (lineAt >= 0) return { kind: 'row', end: text[lineAt - 1] === '\r' ? lineAt - 1 : lineAt, next: lineAt + 1 };
  return isLast ? { kind: 'row', end: text.length, next: text.length } : MORE;
}

/** The fields of one row that is whole. */
function fieldsOf(row: string, delimiter: string): string[] {
  if (!row.includes(QUOTE)) return row.split(delimiter);
  const fields: string[] = [];
  let at = 0;
  for (;;) {
    if (row[at] === QUOTE) {
      const close = closingQuote(row, at + 1);
      const field = row.slice(at + 1, close);
      fields.push(field.includes(QUOTE) ? field.replaceAll('""', QUOTE) : field);
      at = close + 1;
    } else {
      const end = row.indexOf(delimiter, at);
      if (end < 0) {
        fields.push(row.slice(at));
        return fields;
      }
      fields.push(row.slice(at, end));
      at = end;
    }
    if (at >= row.length) return fields;
    at++;
  }
}

type Encoding = 'unknown' | 'utf8' | 'fallback';

/** Text of bytes that are ASCII, of UTF-8 or, where that is not it, of the fallback. The first that is not ASCII decides. */
function textOf(raw: string, encoding: Encoding): { readonly text: string | undefined; readonly encoding: Encoding } {
  if (!/\P{ASCII}/u.test(raw)) return { text: raw, encoding };
  const bytes = Buffer.from(raw, 'latin1');
  const isText = encoding !== 'fallback' && isUtf8(bytes);
  if (isText) return { text: bytes.toString('utf8'), encoding: 'utf8' };
  if (encoding === 'utf8') return { text: undefined, encoding };
  return { text: iconv.decode(bytes, FALLBACK_ENCODING), encoding: 'fallback' };
}

export class CsvCutter implements Cutter {
  readonly #shape: TableShape;
  readonly #decoder: RowDecoder;
  readonly #rowBytesMax: number;
  /** What has come and is not cut, one character a byte. */
  #text = '';
  /** The first quote behind what is cut; the end of the text where there is none. */
  #quoteAt = -1;
  #line = 1;
  #rowsToSkip: number;
  #isFirst = true;
  /** Within a line that is too long. */
  #isSkipping = false;
  #encoding: Encoding = 'unknown';

  constructor(shape: TableShape, decoder: RowDecoder, rowBytesMax = LINE_BYTES_MAX) {
    this.#shape = shape;
    this.#decoder = decoder;
    this.#rowBytesMax = rowBytesMax;
    this.#rowsToSkip = shape.skippedRows + 1;
  }

  push(chunk: Uint8Array): Iterable<RecordBatch> {
    const { buffer, byteOffset, byteLength } = chunk;
    this.#text += Buffer.from(buffer, byteOffset, byteLength).toString('latin1');
    return this.#cut(false);
  }

  finish(): Iterable<RecordBatch> {
    return this.#cut(true);
  }

  *#cut(isLast: boolean): Generator<RecordBatch> {
    const rows: CutRow[] = [];
    this.#quoteAt = -1;
    let at = this.#start();
    while (at < this.#text.length) {
      const next = this.#isSkipping ? this.#skipLine(at) : this.#cutOne(at, isLast, rows);
      if (next === undefined) break;
      at = next;
    }
    this.#text = this.#text.slice(at);
    if (rows.length > 0) yield new Rows(rows.map((row) => this.#decoded(row)));
  }

  #start(): number {
    const isMarked = this.#isFirst && this.#text.startsWith('\xef\xbb\xbf');
    if (this.#text.length >= 3) this.#isFirst = false;
    return isMarked ? 3 : 0;
  }

  /** Takes the row at `at`; returns where the next one is, undefined if more text is needed. */
  #cutOne(at: number, isLast: boolean, rows: CutRow[]): number | undefined {
    const { delimiter, lineEnd } = this.#shape;
    const text = this.#text;
    const cut = this.#plainRow(at) ?? cutRow(text, at, delimiter, lineEnd, isLast);
    if (cut.kind === 'row' && cut.end - at <= this.#rowBytesMax) {
      const raw = text.slice(at, cut.end);
      const number = this.#line;
      this.#line += linesIn(text, at, cut.next, lineEnd);
      if (this.#rowsToSkip > 0) this.#rowsToSkip--;
      else if (raw !== '') rows.push({ raw, number });
      return cut.next;
    }
    if (cut.kind === 'more' && text.length - at <= this.#rowBytesMax) return undefined;
    // Of a row that is broken or has no end within the bound its first line is lost, no more.
    const lineAt = text.indexOf(lineEnd, at);
    const end = lineAt < 0 ? text.length : lineAt;
    const fault =
      cut.kind === 'broken' && end - at <= this.#rowBytesMax
        ? rejection('invalid_character', cut.detail)
        : tooLong('row', this.#rowBytesMax);
    rows.push({ raw: text.slice(at, Math.min(end, at + SAMPLE_BYTES)), number: this.#line, fault });
    this.#rowsToSkip = Math.max(0, this.#rowsToSkip - 1);
    if (lineAt < 0) this.#isSkipping = true;
    else this.#line++;
    return lineAt < 0 ? end : lineAt + 1;
  }

  /** The row at `at` if there is no quote in it, as there is in few rows of most tables: its end is then that of the line. */
  #plainRow(at: number): Cut | undefined {
    const text = this.#text;
    if (this.#quoteAt < at) {
      const quoteAt = text.indexOf(QUOTE, at);
      this.#quoteAt = quoteAt < 0 ? text.length : quoteAt;
    }
    const lineAt = text.indexOf(this.#shape.lineEnd, at);
    return lineAt >= 0 && lineAt < this.#quoteAt ? rowTo(text, lineAt, false) : undefined;
  }

  #skipLine(at: number): number {
    const lineAt = this.#text.indexOf(this.#shape.lineEnd, at);
    if (lineAt < 0) return this.#text.length;
    this.#isSkipping = false;
    this.#line++;
    return lineAt + 1;
  }

  #decoded({ raw, number, fault }: CutRow): DecodedRow {
    if (fault !== undefined) return { raw, number, decoded: fault };
    const { text, encoding } = textOf(raw, this.#encoding);
    this.#encoding = encoding;
    const decoded = text === undefined ? rejection('invalid_utf8', 'the row is not UTF-8') : this.#decodeText(text);
    return { raw, number, text, decoded };
  }

  #decodeText(text: string): Decoded {
    const { delimiter, columns } = this.#shape;
    const fields = fieldsOf(text, delimiter);
    // Spreadsheets leave out empty fields at the end of a row, or add some.
    for (let i = columns.length; i < fields.length; i++) {
      if (fields[i] !== '') {
        return rejection('invalid_character', `the row has ${fields.length} fields, the header ${columns.length}`);
      }
    }
    if (fields.every((field) => field === '')) return { kind: 'ignored', reason: 'keep_alive' };
    const row: Record<string, string> = {};
    for (let i = 0; i < columns.length; i++) row[columns[i]!] = fields[i] ?? '';
    return this.#decoder(row);
  }
}

function linesIn(text: string, start: number, end: number, lineEnd: string): number {
  let count = 0;
  for (let at = text.indexOf(lineEnd, start); at >= 0 && at < end; at = text.indexOf(lineEnd, at + 1)) count++;
  return count;
}

interface DecodedRow {
  readonly raw: string;
  readonly number: number;
  readonly text?: string | undefined;
  readonly decoded: Decoded;
}

class Rows implements RecordBatch {
  readonly #rows: readonly DecodedRow[];

  constructor(rows: readonly DecodedRow[]) {
    this.#rows = rows;
  }

  get count(): number {
    return this.#rows.length;
  }

  text(i: number): string | undefined {
    return this.#rows[i]!.text;
  }

  decode(i: number): Decoded {
    return this.#rows[i]!.decoded;
  }

  bytes(i: number): Uint8Array {
    return Buffer.from(this.#rows[i]!.raw, 'latin1');
  }

  number(i: number): number {
    return this.#rows[i]!.number;
  }
}
