/**
 * What the decoders of tables have in common. A cell is text as it stands in the table; "" stands for "not there". Pure.
 *
 * Spreadsheets change what they open and save: long ids become 8.98E+17, or end in zeros from their 16th digit on. Where that
 * can be told from the id alone it is another one: it rejects the row where the row needs it and is left out where not.
 */
import type { Decoded } from '../../model.ts';
import { postOf, type PostDraft, RecordFault } from './json-record.ts';
import { parseTimeMs } from './time.ts';

/** The cells of one row by the names of their columns. */
export type Row = Readonly<Record<string, string>>;
export type RowDecoder = (row: Row) => Decoded;

const NAIVE_TIME = /^\d{4}-\d\d-\d\d[ Tt]\d\d:\d\d(:\d\d(\.\d+)?)?$/;
const DATE = /^\d{4}-\d\d-\d\d$/;
const ROUNDED = /^\d+(\.\d+)?e\+?\d+$/i;
/** One id in a thousand ends in three zeros by itself, one in a billion in nine. */
const CUT_DIGITS = /^\d{7,}0{9}$/;

/** Tables are not escaped JSON: a cell may hold any character. */
const CONTEXT = { hasEscapes: true, isExact: true };

export function decodeRow(read: () => PostDraft | Decoded): Decoded {
  try {
    const outcome = read();
    return 'kind' in outcome ? outcome : postOf(outcome, CONTEXT);
  } catch (error) {
    if (!(error instanceof RecordFault)) throw error;
    return error.rejection;
  }
}

function requiredCell(row: Row, column: string): string {
  const cell = row[column];
  if (cell === undefined || cell === '') throw new RecordFault('missing_field', `${column} is missing`);
  return cell;
}

export function optionalCell(row: Row, column: string): string | undefined {
  const cell = row[column];
  return cell === undefined || cell === '' ? undefined : cell;
}

export function requiredIdCell(row: Row, column: string): string {
  const id = requiredCell(row, column);
  if (!isDamagedId(id)) return id;
  throw new RecordFault(
    'wrong_type',
    `${column} has lost digits, as in a spreadsheet: take the table as it was before`,
  );
}

export function optionalIdCell(row: Row, column: string): string | undefined {
  const id = optionalCell(row, column);
  return id === undefined || isDamagedId(id) ? undefined : id;
}

/** Is `id` what a spreadsheet makes of a long number? */
export function isDamagedId(id: string): boolean {
  return ROUNDED.test(id) || CUT_DIGITS.test(id);
}

/** A date-time, in UTC where it has no offset. */
export function parseTableTimeMs(text: string): number | undefined {
  return parseTimeMs(NAIVE_TIME.test(text) ? `${text}Z` : text);
}

/** A date, taken as its first moment in UTC, or a date-time. */
export function parseTableDateMs(text: string): number | undefined {
  return parseTableTimeMs(DATE.test(text) ? `${text}T00:00` : text);
}

/** @param form what `parse` reads */
export function requiredTimeCell(
  row: Row,
  column: string,
  parse: (text: string) => number | undefined,
  form: string,
): number {
  const timeMs = parse(requiredCell(row, column));
  if (timeMs === undefined) throw new RecordFault('invalid_time', `${column} must be ${form}`);
  return timeMs;
}
