/**
 * The formats by their names: how a record of each is decoded, and where its records are in a document. Pure.
 *
 * `csv` has no decoder of its own: it is made from a map (csv-map.ts).
 */
import type { Decoded } from '../../model.ts';
import { decodeCanonical } from './canonical.ts';
import { type JsonObject, parseJson } from './checks.ts';
import { cloudeventsDecoder } from './cloudevents.ts';
import { decodeIraCsv, IRA_COLUMNS } from './ira-csv.ts';
import { decodeJetstream } from './jetstream.ts';
import type { Outcome } from './json-record.ts';
import { decodeMastodon } from './mastodon.ts';
import { decodeNostr } from './nostr.ts';
import { ospreyDecoder } from './osprey.ts';
import { decodeReddit } from './reddit.ts';
import type { RowDecoder } from './rows.ts';
import { decodeTelegram, TELEGRAM_DOCUMENT } from './telegram.ts';
import { tellingFormat } from './telling.ts';
import { decodeXIoCsv, X_IO_COLUMNS } from './x-io-csv.ts';
import { decodeXV1 } from './x-v1.ts';
import { decodeXV2 } from './x-v2.ts';

/** Formats whose records are texts by themselves: lines, or values of a topic. */
export const RECORD_FORMATS = [
  'canonical',
  'jetstream',
  'mastodon',
  'x-v2',
  'x-v1',
  'reddit',
  'nostr',
  'telegram',
  'osprey',
  'cloudevents',
] as const;
/** Formats of rows, which a header names the cells of. */
export const TABLE_FORMATS = ['x-io-csv', 'ira-csv', 'csv'] as const;
export const FORMATS = [...RECORD_FORMATS, ...TABLE_FORMATS] as const;

export type RecordFormat = (typeof RECORD_FORMATS)[number];
export type TableFormat = (typeof TABLE_FORMATS)[number];
export type Format = RecordFormat | TableFormat;

/** One record of text -> what it says, several things where it is a page of many. Never throws. */
export type RecordDecoder = (record: string) => Decoded | readonly Decoded[];

/** Where the records of a format are in a document of JSON. */
export interface DocumentShape {
  /** Paths of arrays whose elements are records: keys, and "*" for any element of an array. */
  readonly containers: readonly (readonly string[])[];
  /**
   * Records of an array are handed on as `{"<around>":{...},"<element>":<the element>}`: the first holds those fields of
   * the object around the array that are named and stand before it.
   */
  readonly wrapping?: { readonly around: string; readonly fields: readonly string[]; readonly element: string };
}

interface RecordFormatEntry {
  readonly decode: RecordDecoder;
  readonly document: DocumentShape;
}

/** A format whose documents are records, or arrays of them. */
const PLAIN: DocumentShape = { containers: [] };
const STATUSES: DocumentShape = { containers: [['statuses']] };

const DECODERS: Readonly<Record<RecordFormat, RecordFormatEntry>> = {
  canonical: { decode: decodeCanonical, document: PLAIN },
  jetstream: { decode: decodeJetstream, document: PLAIN },
  mastodon: { decode: decodeMastodon, document: STATUSES },
  // A page is a record: its posts are told together with their authors.
  'x-v2': { decode: decodeXV2, document: PLAIN },
  'x-v1': { decode: decodeXV1, document: STATUSES },
  reddit: { decode: decodeReddit, document: { containers: [['data', 'children']] } },
  nostr: { decode: decodeNostr, document: PLAIN },
  telegram: { decode: decodeTelegram, document: TELEGRAM_DOCUMENT },
  osprey: { decode: ospreyDecoder(decodeEvent), document: PLAIN },
  cloudevents: { decode: cloudeventsDecoder(decodeEvent), document: PLAIN },
};

const ENVELOPES: ReadonlySet<RecordFormat> = new Set(['osprey', 'cloudevents']);

export function isRecordFormat(format: Format): format is RecordFormat {
  return (RECORD_FORMATS as readonly Format[]).includes(format);
}

export function recordDecoder(format: RecordFormat): RecordDecoder {
  return DECODERS[format].decode;
}

export function documentShape(format: RecordFormat): DocumentShape {
  return DECODERS[format].document;
}

/** An event that an envelope carries. Envelopes in envelopes are not opened. */
function decodeEvent(event: JsonObject): Outcome | undefined {
  const format = tellingFormat(event);
  return format === undefined || ENVELOPES.has(format) ? undefined : recordDecoder(format)(JSON.stringify(event));
}

/** Decoders of tables that have one header only, and columns that only such a table has together. */
export const TABLES: Readonly<
  Record<Exclude<TableFormat, 'csv'>, { readonly decode: RowDecoder; readonly columns: readonly string[] }>
> = {
  'x-io-csv': { decode: decodeXIoCsv, columns: X_IO_COLUMNS },
  'ira-csv': { decode: decodeIraCsv, columns: IRA_COLUMNS },
};

/** Of the first records of an input, how many tell of which format; the most told comes first. */
export function formatsTold(records: readonly string[]): { readonly format: RecordFormat; readonly count: number }[] {
  const counts = new Map<RecordFormat, number>();
  for (const record of records) {
    const format = tellingFormat(parseJson(record));
    if (format !== undefined) counts.set(format, (counts.get(format) ?? 0) + 1);
  }
  return Array.from(counts, ([format, count]) => ({ format, count })).sort((a, b) => b.count - a.count);
}
