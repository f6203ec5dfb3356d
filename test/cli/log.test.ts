import { expect, test } from 'vitest';
import { errorFields, limited, type Fields, type LimitedLog } from '../../src/cli/log.ts';
import { ChorusError } from '../../src/errors.ts';

interface Watched extends LimitedLog {
  readonly lines: [string, Fields | undefined][];
  /** Lets time pass, with all that falls due meanwhile. */
  readonly pass: (ms: number) => void;
}

function limitedLog(): Watched {
  const lines: [string, Fields | undefined][] = [];
  let now = 0;
  let due: { readonly atMs: number; readonly call: () => void }[] = [];
  const { log, flush } = limited((level, message, fields) => lines.push([`${level} ${message}`, fields]), {
    nowMs: () => now,
    after: (ms, call) => void due.push({ atMs: now + ms, call }),
  });
  const pass = (ms: number): void => {
    now += ms;
    const calls = due.filter(({ atMs }) => atMs <= now);
    due = due.filter(({ atMs }) => atMs > now);
    for (const { call } of calls) call();
  };
  return { log, flush, lines, pass };
}

test('of one message some lines pass in a period, and at its end it is said how many did not', () => {
  const { log, lines, pass } = limitedLog();
  for (let i = 0; i < 50; i++) log('warn', 'again', { i });
  log('warn', 'another');
  log('info', 'again');
  expect(lines.map(([line]) => line)).toEqual([
    ...Array.from({ length: 20 }, () => 'warn again'),
    'warn another',
    'info again',
  ]);
  pass(9999);
  expect(lines).toHaveLength(22);
  pass(1);
  expect(lines.at(-1)).toEqual(['warn again', { suppressed: 30 }]);
  log('warn', 'again', { i: 51 });
  expect(lines.at(-1)).toEqual(['warn again', { i: 51 }]);
  pass(20_000);
  expect(lines).toHaveLength(24);
});

test('what was left out is told before the next line where time has passed unseen, and once', () => {
  const { log, lines, pass } = limitedLog();
  for (let i = 0; i < 25; i++) log('warn', 'again', { i });
  pass(10_000);
  log('warn', 'again', { i: 26 });
  pass(60_000);
  expect(lines.slice(20)).toEqual([
    ['warn again', { suppressed: 5 }],
    ['warn again', { i: 26 }],
  ]);
});

test('a thousand rejections make at most six lines a minute for each reason, the number left out with them', () => {
  const { log, lines, pass } = limitedLog();
  for (let i = 0; i < 1000; i++) {
    log('warn', 'record rejected', { reason: i % 2 === 0 ? 'not_json' : 'wrong_type', offset: i });
    pass(59);
  }
  pass(2000);
  expect(lines).toHaveLength(2 * 6);
  const told = lines.filter(([, fields]) => fields!['suppressed'] === undefined);
  const left = lines.filter(([, fields]) => fields!['suppressed'] !== undefined);
  expect(told).toHaveLength(10);
  expect(left.map(([, fields]) => fields)).toEqual([
    { reason: 'not_json', suppressed: 495 },
    { reason: 'wrong_type', suppressed: 495 },
  ]);
});

test('at the end of the process nothing that was left out stays untold', () => {
  const { log, lines, flush } = limitedLog();
  for (let i = 0; i < 8; i++) log('warn', 'record rejected', { reason: 'not_json' });
  flush();
  flush();
  expect(lines).toHaveLength(6);
  expect(lines.at(-1)).toEqual(['warn record rejected', { reason: 'not_json', suppressed: 3 }]);
});

test('messages without end take no memory without end, and lose no line of their own', () => {
  const { log, lines } = limitedLog();
  for (let i = 0; i < 21; i++) log('info', 'first');
  for (let i = 0; i < 5000; i++) log('info', `message ${i}`);
  // The first one was forgotten, and said so.
  expect(lines).toHaveLength(5021);
  expect(lines).toContainEqual(['info first', { suppressed: 1 }]);
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
