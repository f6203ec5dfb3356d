import { expect, test } from 'vitest';
import { errorFields, limited, type Fields } from '../../src/cli/log.ts';
import { ChorusError } from '../../src/errors.ts';

function limitedLog(): {
  log: ReturnType<typeof limited>;
  lines: [string, Fields | undefined][];
  clock: { ms: number };
} {
  const lines: [string, Fields | undefined][] = [];
  const clock = { ms: 0 };
  const log = limited(
    (level, message, fields) => lines.push([`${level} ${message}`, fields]),
    () => clock.ms,
  );
  return { log, lines, clock };
}

test('of one message some lines pass in a period, and the next one says how many did not', () => {
  const { log, lines, clock } = limitedLog();
  for (let i = 0; i < 50; i++) log('warn', 'again', { i });
  log('warn', 'another');
  log('info', 'again');
  expect(lines.map(([line]) => line)).toEqual([
    ...Array.from({ length: 20 }, () => 'warn again'),
    'warn another',
    'info again',
  ]);
  clock.ms = 10_000;
  log('warn', 'again', { i: 50 });
  log('warn', 'again', { i: 51 });
  expect(lines.slice(-2)).toEqual([
    ['warn again', { i: 50, suppressed: 30 }],
    ['warn again', { i: 51 }],
  ]);
  clock.ms = 20_000;
  log('warn', 'again', { i: 52 });
  expect(lines.at(-1)).toEqual(['warn again', { i: 52 }]);
});

test('messages without end take no memory without end, and lose no line of their own', () => {
  const { log, lines } = limitedLog();
  for (let i = 0; i < 5000; i++) log('info', `message ${i}`);
  expect(lines).toHaveLength(5000);
});

test('of an error: its code and message, frames where it is unknown, and nothing that a parser quotes', () => {
  expect(errorFields(new ChorusError('kafka_login', 'no'))).toEqual({ code: 'kafka_login', error: 'no' });
  const unknown = errorFields(new TypeError('x is not a function'));
  expect(unknown).toMatchObject({ code: 'TypeError', error: 'x is not a function' });
  expect(unknown.stack).toContain('log.test.ts');
  try {
    JSON.parse('the text of a post');
  } catch (error) {
    expect(JSON.stringify(errorFields(error))).not.toContain('the text');
  }
  expect(errorFields('text')).toEqual({ code: 'unknown', error: 'string' });
});
