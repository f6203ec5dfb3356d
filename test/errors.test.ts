import { expect, test } from 'vitest';
import { ChorusError, ConfigError, InputError, InvariantError } from '../src/errors.ts';

test('a configuration error lists all problems, each with name, value and bound', () => {
  const error = new ConfigError([
    { name: '--window', value: '5 parsecs', bound: 'a duration like 90s, 15m or 24h' },
    { name: '--min-accounts', value: 1, bound: 'an integer of at least 2' },
    { name: 'FILE', value: undefined, bound: 'a path or -' },
  ]);
  expect(error).toMatchObject({ name: 'ConfigError', code: 'config', retryable: false });
  expect(error.problems).toHaveLength(3);
  expect(error.message.split('\n')).toStrictEqual([
    '--window: "5 parsecs", must be a duration like 90s, 15m or 24h',
    '--min-accounts: 1, must be an integer of at least 2',
    'FILE: not given, must be a path or -',
  ]);
});

test('values that JSON has no word for are still printed', () => {
  const circular: unknown[] = [];
  circular.push(circular);
  const message = new ConfigError([1n, circular, () => 1].map((value) => ({ name: 'x', value, bound: 'y' }))).message;
  expect(message).toMatch(/^x: 1, .*\nx: , .*\nx: \(\) => 1, must be y$/);
});

test('an input error names the input and the byte', () => {
  const cause = new Error('low level');
  const error = new InputError('input_corrupt', '-', 'is corrupt', { byteOffset: 12, cause });
  expect(error.message).toBe('standard input: is corrupt (at byte 12)');
  expect(error).toMatchObject({ name: 'InputError', code: 'input_corrupt', input: '-', byteOffset: 12, cause });
  expect(error).toBeInstanceOf(ChorusError);
  expect(new InputError('input_missing', 'a.ndjson', 'does not exist').message).toBe('a.ndjson: does not exist');
});

test('an invariant error names the invariant; no cause is no property', () => {
  const error = new InvariantError('frames of a source have no gap', 'from 7, expected 5');
  expect(error.message).toBe('broken invariant "frames of a source have no gap": from 7, expected 5');
  expect(Object.hasOwn(error, 'cause')).toBe(false);
  expect(new ChorusError('x', 'y', { retryable: true }).retryable).toBe(true);
});
