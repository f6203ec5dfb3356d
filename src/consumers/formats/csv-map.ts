/**
 * Tables of any kind, by a map from the fields of a post to columns: `text=body,account=user.id,platform=:forum`. Pure.
 *
 * A value that begins with a colon is the same for all rows. Times are date-times (in UTC where they have no offset), counts
 * of seconds, milliseconds or microseconds by their number of digits, or X's "Sun Aug 31 00:29:05 +0000 2014". Lists are
 * links divided by spaces, or a list as Python or JSON writes it.
 */
import { RecordFault, type PostDraft } from './json-record.ts';
import { decodeRow, isDamagedId, parseTableDateMs, type Row, type RowDecoder } from './rows.ts';
import { parseMicrosecondsMs, parseMillisecondsMs, parseSecondsMs, parseXTimeMs } from './times.ts';
import { pythonList } from './x-io-csv.ts';

export const MAP_REQUIRED = ['id', 'platform', 'account', 'text', 'createdAt'] as const;
export const MAP_OPTIONAL = [
  'handle',
  'lang',
  'urls',
  'repostOf',
  'replyTo',
  'quoteOf',
  'media',
  'accountCreatedAt',
  'editedAt',
] as const;
export type MappedField = (typeof MAP_REQUIRED)[number] | (typeof MAP_OPTIONAL)[number];
const FIELDS: readonly string[] = [...MAP_REQUIRED, ...MAP_OPTIONAL];
const IDS: ReadonlySet<MappedField> = new Set(['id', 'account', 'repostOf', 'replyTo', 'quoteOf']);

const TIME_FORM =
  'a date-time like 2026-01-31 12:00 (UTC) or 2026-01-31T12:00:00+01:00, or a count of seconds, milliseconds or microseconds';

/** Where a field comes from. */
export type MapSource = { readonly column: string } | { readonly constant: string };
export type CsvMap = ReadonlyMap<MappedField, MapSource>;

/** What is wrong with a map, for whoever wrote it. */
export interface MapProblem {
  readonly value: string | undefined;
  readonly bound: string;
}

/** All problems at once. Commas in the name of a column are written twice. */
export function parseCsvMap(text: string): { readonly map: CsvMap; readonly problems: readonly MapProblem[] } {
  const map = new Map<MappedField, MapSource>();
  const problems: MapProblem[] = [];
  for (const part of text.replaceAll(',,', '\0').split(',')) {
    const entry = part.replaceAll('\0', ',');
    const equals = entry.indexOf('=');
    const [name, value] = [entry.slice(0, Math.max(0, equals)).trim(), entry.slice(equals + 1).trim()];
    if (equals < 0 || value === '' || value === ':') {
      problems.push({ value: entry, bound: 'FIELD=COLUMN or FIELD=:VALUE, with commas between them' });
    } else if (!FIELDS.includes(name))
      problems.push({ value: entry, bound: `a field of a post: ${FIELDS.join(', ')}` });
    else if (map.has(name as MappedField)) problems.push({ value: entry, bound: `given once for ${name}` });
    else map.set(name as MappedField, value.startsWith(':') ? { constant: value.slice(1) } : { column: value });
  }
  const missing = MAP_REQUIRED.filter((name) => !map.has(name));
  if (missing.length > 0 && problems.length === 0) {
    problems.push({ value: text, bound: `a column or a value for ${missing.join(', ')} too` });
  }
  return { map, problems };
}

/** The columns that a map names. */
export function columnsOf(map: CsvMap): string[] {
  return Array.from(map.values()).flatMap((source) => ('column' in source ? [source.column] : []));
}

export function csvMapDecoder(map: CsvMap): RowDecoder {
  return (row) => decodeRow(() => draftOf(map, row));
}

function draftOf(map: CsvMap, row: Row): PostDraft {
  const cell = (name: MappedField): string | undefined => cellOf(map, row, name);
  const required = (name: MappedField): string => {
    const value = cell(name);
    if (value === undefined) throw new RecordFault('missing_field', `${labelOf(map, name)} is missing`);
    return value;
  };
  const time = (name: MappedField, text: string): number => {
    const timeMs = parseAnyTimeMs(text);
    if (timeMs === undefined) throw new RecordFault('invalid_time', `${labelOf(map, name)} must be ${TIME_FORM}`);
    return timeMs;
  };
  const [accountCreated, edited] = [cell('accountCreatedAt'), cell('editedAt')];
  return {
    id: required('id'),
    platform: required('platform'),
    account: required('account'),
    text: cell('text') ?? '',
    createdAt: time('createdAt', required('createdAt')),
    handle: cell('handle'),
    lang: cell('lang'),
    urls: listOf(cell('urls') ?? ''),
    media: listOf(cell('media') ?? ''),
    repostOf: cell('repostOf'),
    replyTo: cell('replyTo'),
    quoteOf: cell('quoteOf'),
    accountCreatedAt: accountCreated === undefined ? undefined : time('accountCreatedAt', accountCreated),
    editedAt: edited === undefined ? undefined : time('editedAt', edited),
  };
}

function cellOf(map: CsvMap, row: Row, name: MappedField): string | undefined {
  const source = map.get(name);
  if (source === undefined) return undefined;
  if ('constant' in source) return source.constant;
  const cell = row[source.column];
  if (cell === undefined || cell === '') return undefined;
  if (!IDS.has(name) || !isDamagedId(cell)) return cell;
  if (name !== 'id' && name !== 'account') return undefined;
  throw new RecordFault(
    'wrong_type',
    `${source.column} has lost digits, as in a spreadsheet: take the table as it was before`,
  );
}

function labelOf(map: CsvMap, name: MappedField): string {
  const source = map.get(name);
  return source !== undefined && 'column' in source ? source.column : name;
}

/** Feeds began in 1973 at the earliest and end in 2286, so that the number of digits tells the unit. */
function parseAnyTimeMs(text: string): number | undefined {
  if (/^\d+$/.test(text)) {
    if (text.length === 9 || text.length === 10) return parseSecondsMs(text);
    if (text.length === 12 || text.length === 13) return parseMillisecondsMs(text);
    return text.length === 15 || text.length === 16 ? parseMicrosecondsMs(text) : undefined;
  }
  return parseTableDateMs(text) ?? parseXTimeMs(text);
}

function listOf(text: string): readonly string[] {
  if (text.startsWith('[')) return pythonList(text);
  return text.split(/\s+/).filter((element) => element !== '');
}
