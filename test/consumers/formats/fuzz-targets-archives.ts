/** The decoders of archives and envelopes that are fuzzed; tables through their cutter as well. */
import { Buffer } from 'node:buffer';
import { readFileSync } from 'node:fs';
import { parse } from 'csv-parse/sync';
import { CsvCutter, tableShapeOf } from '../../../src/consumers/csv.ts';
import { csvMapDecoder, parseCsvMap } from '../../../src/consumers/formats/csv-map.ts';
import { recordDecoder, TABLES } from '../../../src/consumers/formats/format.ts';
import { decodeReddit } from '../../../src/consumers/formats/reddit.ts';
import type { Row, RowDecoder } from '../../../src/consumers/formats/rows.ts';
import { decodeTelegram } from '../../../src/consumers/formats/telegram.ts';
import type { Decoded } from '../../../src/model.ts';
import type { FuzzTarget, Source } from './fuzz.ts';
import type { RandomInteger } from './mutations.ts';

function file(name: string): string {
  return readFileSync(new URL(`../../fixtures/formats/${name}`, import.meta.url), 'utf8');
}

function lines(name: string): string[] {
  return file(name).split('\n').slice(0, -1);
}

/** Whether `value` is in a text of the record, as it is written or once what is escaped there is read. */
function isInside(value: string, { strings }: Source): boolean {
  return [...strings].some((text) => {
    const plain = text.replaceAll(/&(amp|lt|gt);/g, (_, name: string) => ({ amp: '&', lt: '<', gt: '>' })[name]!);
    return text.includes(value) || plain.includes(value) || plain.replaceAll('""', '"').includes(value);
  });
}

/** Whether `value` is texts of the record, one behind the other. */
function isConcatenated(value: string, { strings }: Source): boolean {
  const ends = new Set([0]);
  for (let at = 0; at < value.length; at++) {
    if (!ends.has(at)) continue;
    for (const text of strings) if (text !== '' && value.startsWith(text, at)) ends.add(at + text.length);
  }
  return ends.has(value.length);
}

function isJoined(value: string, between: string, { strings }: Source): boolean {
  for (let at = value.indexOf(between); at >= 0; at = value.indexOf(between, at + 1)) {
    if (strings.has(value.slice(0, at)) && strings.has(value.slice(at + between.length))) return true;
  }
  return false;
}

const telegramRecords = (): string[] => {
  const { messages, ...chat } = JSON.parse(file('telegram.json').replaceAll('\\x08', '')) as { messages: unknown[] };
  const records = messages.map((message) => JSON.stringify({ chat, message }));
  return [...records, records[1]!.replace('bridge', 'br\\x1Fdge')];
};

/** A record is a row as JSON. */
function rowTarget(name: string, decode: RowDecoder, rows: readonly Row[]): FuzzTarget {
  return {
    name,
    decode: (record) => {
      let value: unknown;
      try {
        value = JSON.parse(record);
      } catch {
        return { kind: 'rejection', reason: 'not_json', detail: 'the row of the test is not JSON' };
      }
      const cells = Object.entries(typeof value === 'object' && value !== null ? value : {});
      const isRow = cells.every(([, cell]) => typeof cell === 'string');
      if (!isRow)
        return { kind: 'rejection', reason: 'wrong_type', detail: 'the row of the test has a cell that is no text' };
      return decode(Object.fromEntries(cells) as Row);
    },
    records: rows.map((row) => JSON.stringify(row)),
    isDerived: isCellPart,
  };
}

function isCellPart(field: string, value: string, source: Source): boolean {
  if (field === 'repostOf' && value === 'unknown') return true;
  // Elements of lists lose the backslashes of Python.
  const listed = Array.from(source.strings, (text) => text.replaceAll('""', '"').replaceAll(/\\(['"\\])/g, '$1'));
  return isInside(value, source) || isInside(value, { record: source.record, strings: new Set(listed) });
}

/** A record is a table; the header stays, as a table without its columns is not begun. */
function tableTarget(name: string, decode: RowDecoder, table: string): FuzzTarget {
  const header = table.slice(0, table.indexOf('\n') + 1);
  const body = table.slice(header.length);
  const shape = tableShapeOf(header, true)!;
  return {
    name,
    decode: (record) => {
      const bytes = Buffer.from(header + record);
      const cutter = new CsvCutter(shape, decode, 10_000);
      const all: Decoded[] = [];
      const size = 1 + (bytes.length % 97);
      for (let at = 0; at <= bytes.length; at += size) {
        const batches =
          at + size > bytes.length
            ? [...cutter.push(bytes.subarray(at)), ...cutter.finish()]
            : [...cutter.push(bytes.subarray(at, at + size))];
        for (const batch of batches) for (let i = 0; i < batch.count; i++) all.push(...[batch.decode(i)].flat());
      }
      return all.length > 0 ? all : { kind: 'ignored', reason: 'keep_alive' };
    },
    records: [body],
    mutations: [quoteMutation, lineMutation],
    isDerived: isCellPart,
  };
}

function quoteMutation(record: string, random: RandomInteger): string {
  const at = random(record.length + 1);
  return (
    record.slice(0, at) + ['"', '""', ',', '\n', '\r\n', '\r', '",', ',"'][random(8)]! + record.slice(at + random(3))
  );
}

function lineMutation(record: string, random: RandomInteger): string {
  const all = record.split('\n');
  all.splice(random(all.length), random(2), all[random(all.length)]!);
  return all.join('\n');
}

const { 'x-io-csv': xIo, 'ira-csv': ira } = TABLES;
const MAP = parseCsvMap(
  'id=tweetid,platform=:x,account=userid,text=tweet_text,createdAt=tweet_time,urls=urls,lang=tweet_language',
).map;
const rowsOf = (name: string): Row[] => parse(file(name), { columns: true }) as unknown as Row[];

export const ARCHIVE_TARGETS: readonly FuzzTarget[] = [
  {
    name: 'reddit',
    decode: decodeReddit,
    records: lines('reddit.ndjson'),
    isDerived: (field, value, source) =>
      (field === 'id' && /^t[13]_/.test(value) && source.strings.has(value.slice(3))) ||
      isInside(value, source) ||
      (field === 'text' && value.split('\n\n').every((part) => isInside(part, source))),
  },
  {
    name: 'telegram',
    decode: decodeTelegram,
    records: telegramRecords(),
    isDerived: (field, value, source) => {
      if (field === 'repostOf' && value === 'unknown') return true;
      // Control characters are read that no JSON has: to JSON.parse such a record is none.
      const readable = source.record.replaceAll(/\\x([0-9A-F]{2})/g, String.raw`\u00$1`);
      const all = { record: readable, strings: new Set([...source.strings, ...textsIn(readable)]) };
      return field === 'id' || field === 'replyTo' ? isJoined(value, '/', all) : isConcatenated(value, all);
    },
  },
  {
    name: 'osprey',
    decode: recordDecoder('osprey'),
    records: lines('osprey.ndjson'),
    isDerived: (field, value, source) => field === 'id' && isAddress(value, source),
  },
  {
    name: 'cloudevents',
    decode: recordDecoder('cloudevents'),
    records: lines('cloudevents.ndjson'),
    isDerived: (field, value, source) => field === 'id' && isAddress(value, source),
  },
  rowTarget('x-io-csv', xIo.decode, rowsOf('x-io.csv')),
  rowTarget('ira-csv', ira.decode, rowsOf('ira.csv')),
  rowTarget('csv', csvMapDecoder(MAP), rowsOf('x-io.csv')),
  tableTarget('x-io-csv as a table', xIo.decode, file('x-io.csv')),
];

/** The address of a record of Bluesky: the account, and the last part of a path or an `rkey`. */
function isAddress(value: string, { strings }: Source): boolean {
  const between = '/app.bsky.feed.post/';
  if (!value.startsWith('at://')) return false;
  const texts = [...strings];
  for (let at = value.indexOf(between); at >= 0; at = value.indexOf(between, at + 1)) {
    const [did, rkey] = [value.slice('at://'.length, at), value.slice(at + between.length)];
    if (strings.has(did) && texts.some((text) => text === rkey || text.endsWith(`/${rkey}`))) return true;
  }
  return false;
}

function textsIn(record: string): Set<string> {
  const texts = new Set<string>();
  try {
    JSON.parse(record, (key, value: unknown) => {
      texts.add(key);
      if (typeof value === 'string' || typeof value === 'number') texts.add(String(value));
      return value;
    });
  } catch {
    // Then it holds none.
  }
  return texts;
}
