/**
 * How an input is cut into records, and of which format they are, as far as its beginning tells. Nothing is read here but
 * the beginning.
 */
import iconv from 'iconv-lite';
import { ConfigError, type ConfigProblem } from '../errors.ts';
import { CsvCutter, tableShapeOf, type TableShape } from './csv.ts';
import { ServerEventCutter } from './events.ts';
import { isJsonObject, parseJson } from './formats/checks.ts';
import { columnsOf, csvMapDecoder, type CsvMap } from './formats/csv-map.ts';
import {
  documentShape,
  FORMATS,
  formatsTold,
  isRecordFormat,
  recordDecoder,
  TABLES,
  type DocumentShape,
  type Format,
  type RecordFormat,
  type TableFormat,
} from './formats/format.ts';
import type { RowDecoder } from './formats/rows.ts';
import { JsonDocumentCutter } from './json-document.ts';
import { LINE_BYTES_MAX } from './lines.ts';
import { LineCutter, type Cutter, type RecordBatch } from './records.ts';

/** Bytes of an input that are looked at. */
export const HEAD_BYTES = 65_536;
/** Records of the beginning that are asked for their format. */
const RECORDS_ASKED = 64;
/** What a service answers at once: some hundreds of posts with all that belongs to them. */
const PAGE_BYTES_MAX = 16 * LINE_BYTES_MAX;
const PAGED: ReadonlySet<RecordFormat> = new Set(['x-v2', 'x-v1', 'mastodon', 'reddit']);
const COLUMNS_SHOWN = 40;
const KEYS_SHOWN = 12;

/** What the user says of the inputs; what is left out is guessed. */
export interface FormatChoice {
  readonly format?: Format;
  /** For `csv`. */
  readonly map?: CsvMap;
  /** Name of the encoding of all inputs, as iconv-lite knows it. */
  readonly encoding?: string;
}

export interface Framing {
  readonly format: Format;
  readonly cutter: Cutter;
  /** What the bytes are to be read as; undefined for UTF-8 and what a cutter tells by itself. */
  readonly encoding: string | undefined;
}

/**
 * @param head the first bytes of the content
 * @param isWhole whether there are no more
 * @throws ConfigError for a format that cannot be guessed or does not fit
 */
export function framingOf(path: string, head: Buffer, isWhole: boolean, choice: FormatChoice): Framing {
  const encoding = choice.encoding ?? markedEncoding(head);
  const bytes = encoding === undefined ? head : Buffer.from(iconv.decode(head, encoding));
  const start: Beginning = { path, text: unmarked(bytes.toString('latin1')), isWhole };
  const format = choice.format ?? (choice.map === undefined ? guessFormat(start) : 'csv');
  const cutter = isRecordFormat(format) ? recordCutter(format, start) : tableCutter(format, start, choice.map);
  return { format, cutter, encoding };
}

interface Beginning {
  readonly path: string;
  /** One character a byte, without a byte-order mark. */
  readonly text: string;
  readonly isWhole: boolean;
}

function unmarked(text: string): string {
  return text.startsWith('\xef\xbb\xbf') ? text.slice(3) : text;
}

/** UTF-16 by its mark, or by the zeros of what is mostly ASCII. */
function markedEncoding(head: Buffer): string | undefined {
  const [a, b, c, d] = head;
  if ((a === 0xff && b === 0xfe) || (a !== 0 && b === 0 && c !== 0 && d === 0)) return 'utf-16le';
  if ((a === 0xfe && b === 0xff) || (a === 0 && b !== 0 && c === 0 && d !== 0)) return 'utf-16be';
  return undefined;
}

function recordCutter(format: RecordFormat, start: Beginning): Cutter {
  const decoder = recordDecoder(format);
  const bytesMax = PAGED.has(format) ? PAGE_BYTES_MAX : LINE_BYTES_MAX;
  if (isEventStream(start.text)) return new ServerEventCutter(decoder, bytesMax);
  // The lines of an export are nothing by themselves.
  const isDocument = format === 'telegram' || isJsonDocument(start, documentShape(format));
  if (isDocument) return new JsonDocumentCutter(documentShape(format), decoder, bytesMax);
  return new LineCutter(decoder, bytesMax);
}

function isEventStream(text: string): boolean {
  return /^\s*(?::|(?:event|data|id|retry):)/.test(text);
}

/** Is it one JSON text over several lines, or an array or object that holds all records? */
function isJsonDocument(start: Beginning, shape: DocumentShape): boolean {
  const text = start.text.trimStart();
  if (!/^[[{]/.test(text) || /^\[\s*"/.test(text)) return false;
  const lineEnd = text.indexOf('\n');
  if (lineEnd < 0 && !start.isWhole) return text.startsWith('[') || recordsIn(start, shape).length > 0;
  const line = lineEnd < 0 ? text : text.slice(0, lineEnd);
  return parseJson(line) === undefined && isUnfinished(line);
}

/** Does `line` break off where a JSON text may have a line end? */
function isUnfinished(line: string): boolean {
  let depth = 0;
  let isInString = false;
  for (let at = 0; at < line.length; at++) {
    const character = line[at];
    if (isInString) {
      if (character === '\\') at++;
      else if (character === '"') isInString = false;
    } else if (character === '"') isInString = true;
    else if (character === '{' || character === '[') depth++;
    else if (character === '}' || character === ']') depth--;
  }
  return !isInString && depth > 0 && /[[{,:]\s*$/.test(line);
}

/** Records of the beginning that are whole, if it is a document of this shape. */
function recordsIn({ text }: Beginning, shape: DocumentShape): string[] {
  const cutter = new JsonDocumentCutter(shape, () => [], HEAD_BYTES);
  const records: string[] = [];
  try {
    for (const batch of cutter.push(Buffer.from(text, 'latin1'))) records.push(...textsOf(batch));
  } catch {
    // Broken further on: what was cut before it stands.
  }
  return records;
}

function textsOf(batch: RecordBatch): string[] {
  const texts: string[] = [];
  for (let i = 0; i < Math.min(batch.count, RECORDS_ASKED); i++) {
    const text = batch.text(i);
    if (text !== undefined) texts.push(text);
  }
  return texts;
}

/** An x-v2 page can be longer than the beginning: its posts tell as well. */
const SHAPES_TRIED: readonly DocumentShape[] = [
  documentShape('telegram'),
  { containers: [['data'], ['statuses'], ['data', 'children']] },
];

function guessFormat(start: Beginning): Format {
  const { text } = start;
  if (text.trim() === '') return 'canonical';
  const records = isEventStream(text) ? eventsOf(start) : jsonRecords(start);
  const told = formatsTold(records);
  const [first, second] = told;
  if (first !== undefined && (second === undefined || second.count < first.count)) return first.format;
  if (first !== undefined && second !== undefined)
    throw unknown(start, `records of ${first.format} and of ${second.format}`);
  if (records.length === 0) return guessTable(start) ?? 'canonical';
  const keys = records.map((record) => parseJson(record)).find((value) => isJsonObject(value));
  if (keys === undefined) return 'canonical';
  const names = Object.keys(keys);
  if (names.length === 0) return 'canonical';
  throw unknown(start, `the fields ${listed(names, KEYS_SHOWN)}`);
}

function eventsOf(start: Beginning): string[] {
  const cutter = new ServerEventCutter(() => []);
  const batches = [...cutter.push(Buffer.from(start.text, 'latin1')), ...(start.isWhole ? cutter.finish() : [])];
  return batches.flatMap(textsOf);
}

/** Lines where they tell, else what is in the document. */
function jsonRecords(start: Beginning): string[] {
  const lines = jsonLines(start);
  if (formatsTold(lines).length > 0 || !/^\s*[[{]/.test(start.text)) return lines;
  const documents = SHAPES_TRIED.map((shape) => recordsIn(start, shape));
  return documents.find((records) => formatsTold(records).length > 0) ?? lines;
}

function jsonLines({ text, isWhole }: Beginning): string[] {
  const lines = text.split('\n', RECORDS_ASKED + 1);
  // The last one is cut off where there is more.
  if (!isWhole && lines.length <= RECORDS_ASKED) lines.pop();
  const whole = lines.slice(0, RECORDS_ASKED).map((line) => Buffer.from(line, 'latin1').toString('utf8'));
  return whole.filter((line) => line.trim() !== '' && parseJson(line) !== undefined);
}

function guessTable(start: Beginning): TableFormat | undefined {
  const shape = tableShapeOf(start.text, start.isWhole);
  if (shape === undefined) return undefined;
  for (const [format, { columns }] of Object.entries(TABLES)) {
    if (missingIn(shape, columns).length === 0) return format as TableFormat;
  }
  const isHeader = shape.columns.length >= 2 && shape.columns.every((name) => /^[\p{L}_][^{}<>]{0,63}$/u.test(name));
  if (isHeader && new Set(shape.columns).size === shape.columns.length) {
    const bound = `given: ${start.path} is a table with the columns ${listed(shape.columns, COLUMNS_SHOWN)}`;
    throw new ConfigError([{ name: '--map', value: undefined, bound }]);
  }
  return undefined;
}

function unknown({ path }: Beginning, seen: string): ConfigError {
  const bound = `one of ${FORMATS.join(', ')}: the beginning of ${path} has ${seen}, which does not tell`;
  return new ConfigError([{ name: '--format', value: undefined, bound }]);
}

function tableCutter(format: TableFormat, start: Beginning, map: CsvMap | undefined): Cutter {
  const shape = tableShapeOf(start.text, start.isWhole);
  const problems = tableProblems(format, start, shape, map);
  if (shape === undefined || problems.length > 0) throw new ConfigError(problems);
  return new CsvCutter(shape, rowDecoder(format, map));
}

function rowDecoder(format: TableFormat, map: CsvMap | undefined): RowDecoder {
  return format === 'csv' ? csvMapDecoder(map!) : TABLES[format].decode;
}

/** All that is missing, at once. */
function tableProblems(
  format: TableFormat,
  { path }: Beginning,
  shape: TableShape | undefined,
  map: CsvMap | undefined,
): ConfigProblem[] {
  if (shape === undefined) {
    return [
      {
        name: '--format',
        value: format,
        bound: `that of ${path}, whose first row does not end in ${HEAD_BYTES} bytes`,
      },
    ];
  }
  const has = `${path} has ${listed(shape.columns, COLUMNS_SHOWN)}`;
  if (format !== 'csv') {
    const missing = missingIn(shape, TABLES[format].columns);
    return missing.length === 0
      ? []
      : [{ name: '--format', value: format, bound: `a table with ${missing.join(', ')}: ${has}` }];
  }
  if (map === undefined) return [{ name: '--map', value: undefined, bound: `given with csv: ${has}` }];
  return missingIn(shape, columnsOf(map)).map((column) => ({
    name: '--map',
    value: column,
    bound: `a column that is there once: ${has}`,
  }));
}

function missingIn({ columns }: TableShape, wanted: readonly string[]): string[] {
  return wanted.filter((name) => columns.filter((column) => column === name).length !== 1);
}

function listed(names: readonly string[], shownMax: number): string {
  const more = names.length - shownMax;
  const shown = names.slice(0, shownMax).map((name) => (name.length > 64 ? `${name.slice(0, 64)}…` : name));
  return `${shown.join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
}
