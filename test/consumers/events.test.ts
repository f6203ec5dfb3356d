import { Buffer } from 'node:buffer';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ServerEventCutter, ServerEventSplitter, type ServerEvent } from '../../src/consumers/events.ts';

function split(text: string | Buffer, size = 65_536, eventBytesMax = 1_048_576): ServerEvent[] {
  const splitter = new ServerEventSplitter(eventBytesMax);
  const bytes = Buffer.from(text);
  const events: ServerEvent[] = [];
  for (let at = 0; at < bytes.length; at += size)
    events.push(...splitter.push(Buffer.from(bytes.subarray(at, at + size))));
  events.push(...splitter.finish());
  return events;
}

const shown = (events: readonly ServerEvent[]): string[] =>
  events.map(({ name, data, lastId, line }) => `${line} ${name} ${JSON.stringify(data.toString())} ${lastId ?? '-'}`);

describe('server-sent events', () => {
  const stream = [
    ':thump',
    '',
    'event: update',
    'data: {"a":1}',
    '',
    'id: 7',
    'data:one',
    'data:  two',
    '',
    'event: delete',
    'data',
    '',
    'event: nothing',
    '',
    'retry: 100',
    'other: x',
    'data: last',
  ];

  test.each(['\n', '\r\n', '\r'])('with lines that end in %j, in chunks of any size', (end) => {
    const wanted = ['3 update "{\\"a\\":1}" -', '6 message "one\\n two" 7', '10 delete "" 7', '15 message "last" 7'];
    for (const size of [1, 2, 3, 7, 1000]) expect(shown(split(stream.join(end), size))).toStrictEqual(wanted);
    expect(shown(split(`\ufeff${stream.join(end)}`))).toStrictEqual(wanted);
  });

  test('chunks change nothing, whatever the bytes', () => {
    const line = fc.oneof(
      fc.constantFrom('', 'data: é', 'event: x', ':', 'data', 'id: 1'),
      fc.string({ maxLength: 6 }),
    );
    fc.assert(
      fc.property(
        fc.array(fc.tuple(line, fc.constantFrom('\n', '\r\n', '\r'))),
        fc.integer({ min: 1, max: 9 }),
        (lines, size) => {
          const text = lines.flat().join('');
          expect(shown(split(text, size))).toStrictEqual(shown(split(text)));
        },
      ),
      { numRuns: 2000 },
    );
  });

  test('one that is too long is told, and the next one is read', () => {
    const text = `data: ${'x'.repeat(500)}\n\ndata: ${'y\ndata: y'.repeat(30)}\n\ndata: z\n\n`;
    for (const size of [10, 1000]) {
      const events = split(text, size, 50);
      expect(events.map(({ isTooLong, data }) => [isTooLong, data.length <= 256])).toStrictEqual([
        [true, true],
        [true, true],
        [false, true],
      ]);
    }
  });

  test('as records: data alone, or with the name of the event', () => {
    const seen: string[] = [];
    const cutter = new ServerEventCutter((record) => {
      seen.push(record);
      return [];
    });
    for (const batch of cutter.push(
      Buffer.from('data: {"a":"é"}\n\nevent: Zoë\ndata: {"a":"é\\n"}\n\ndata: \xff\n\n', 'utf8'),
    )) {
      for (let i = 0; i < batch.count; i++) batch.decode(i);
    }
    expect(seen.slice(0, 2)).toStrictEqual(['{"a":"é"}', JSON.stringify({ event: 'Zoë', payload: '{"a":"é\\n"}' })]);
  });
});
