/** What an input is taken for by its beginning alone. */
import { Buffer } from 'node:buffer';
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { CsvCutter } from '../../src/consumers/csv.ts';
import { ServerEventCutter } from '../../src/consumers/events.ts';
import { FORMATS } from '../../src/consumers/formats/format.ts';
import { framingOf, HEAD_BYTES } from '../../src/consumers/framing.ts';
import { JsonDocumentCutter } from '../../src/consumers/json-document.ts';
import { LineCutter } from '../../src/consumers/records.ts';
import { ConfigError } from '../../src/errors.ts';

const CUTTERS = {
  lines: LineCutter,
  document: JsonDocumentCutter,
  events: ServerEventCutter,
  table: CsvCutter,
} as const;

/** "format framing", or what is wrong. */
function taken(content: string | Buffer): string {
  const bytes = Buffer.from(content);
  try {
    const { format, cutter } = framingOf('F', bytes.subarray(0, HEAD_BYTES), bytes.length <= HEAD_BYTES, {});
    return `${format} ${Object.entries(CUTTERS).find(([, cut]) => cutter instanceof cut)![0]}`;
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return error.message;
  }
}

const fixture = (name: string): string => readFileSync(new URL(`../fixtures/formats/${name}`, import.meta.url), 'utf8');
const POST = { id: '1', platform: 'p', account: 'a', text: 't', createdAt: '2026-01-31T12:00:00Z' };
const STATUS = fixture('x-v1.ndjson')
  .split('\n')
  .find((line) => line.startsWith('{"created_at"') || line.includes('"id_str"'))!;

describe('the format and the framing', () => {
  test.each([
    ['canonical lines', `${JSON.stringify(POST)}\n{"cut`, 'canonical lines'],
    ['lines of which the first is broken', `{"id":"1","pla\n${JSON.stringify(POST)}\n`, 'canonical lines'],
    ['an array over many lines', JSON.stringify([POST, POST], null, 2), 'canonical document'],
    [
      'objects over many lines',
      `${JSON.stringify(POST, null, 2)}\n${JSON.stringify(POST, null, 2)}`,
      'canonical document',
    ],
    [
      'an array longer than the beginning',
      JSON.stringify(Array.from({ length: 2000 }, () => POST)),
      'canonical document',
    ],
    ['a search of X', `{"statuses":[${STATUS}]}`, 'x-v1 lines'],
    ['a search of X over many lines', JSON.stringify({ statuses: [JSON.parse(STATUS)] }, null, 2), 'x-v1 document'],
    [
      'a page of X longer than the beginning',
      JSON.stringify({ data: Array.from({ length: 2000 }, () => ({ id: '1', text: 'x'.repeat(50), author_id: '2' })) }),
      'x-v2 lines',
    ],
    ['an export of Telegram', fixture('telegram.json'), 'telegram document'],
    [
      'an export of Telegram on one line',
      JSON.stringify(JSON.parse(fixture('telegram.json').replaceAll('\\x08', ''))),
      'telegram document',
    ],
    ['events of Mastodon', 'event: update\ndata: {}\n\n', 'mastodon events'],
    ['events of canonical posts', `:thump\n\ndata: ${JSON.stringify(POST)}\n\n`, 'canonical events'],
    ['a table of X', fixture('x-io.csv'), 'x-io-csv table'],
    ['a table of the IRA', fixture('ira.csv'), 'ira-csv table'],
    ['nothing', '', 'canonical lines'],
    ['blank lines', '\n\n  \n', 'canonical lines'],
    ['no words', '\u0001\u0002\u0003', 'canonical lines'],
    ['prose', 'This is a letter and not a table.\nIt says little.', 'canonical lines'],
    ['numbers, which are JSON', '1\n2\n', 'canonical lines'],
  ])('of %s', (_name, content, wanted) => {
    expect(taken(content)).toBe(wanted);
  });

  test.each(['jetstream', 'mastodon', 'x-v2', 'x-v1', 'reddit', 'nostr', 'osprey', 'cloudevents'])(
    'of %s in UTF-8 and UTF-16',
    (name) => {
      const content = fixture(`${name}.ndjson`);
      expect(taken(content)).toBe(`${name} lines`);
      expect(taken(`\ufeff${content}`)).toBe(`${name} lines`);
      expect(taken(Buffer.from(`\ufeff${content}`, 'utf16le'))).toBe(`${name} lines`);
      expect(taken(Buffer.from(content, 'utf16le').swap16())).toBe(`${name} lines`);
    },
  );

  test('of what tells nothing, or two things: it says what it saw', () => {
    expect(taken('{"a":1,"b":2}\n')).toBe(
      `--format: not given, must be one of ${FORMATS.join(', ')}: the beginning of F has the fields a, b, which does not tell`,
    );
    const both = `${JSON.stringify(POST)}\n${STATUS}\n`;
    expect(taken(both)).toMatch(/has records of (canonical and of x-v1|x-v1 and of canonical), which does not tell$/);
    expect(taken(`${both}${STATUS}\n`)).toBe('x-v1 lines');
    expect(taken('who;what\nanna;hello\n')).toBe(
      '--map: not given, must be given: F is a table with the columns who, what',
    );
  });

  test('of anything: no more than an error for the user', () => {
    const noise = fc.oneof(
      fc.string({ unit: fc.constantFrom('{', '}', '[', ']', '"', ',', ':', '\n', 'a', '1', ';', ' ') }),
      fc.string(),
    );
    fc.assert(
      fc.property(noise, (content) => {
        taken(content);
      }),
      { numRuns: 3000 },
    );
  });
});
