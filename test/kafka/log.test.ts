import { createRequire } from 'node:module';
import kafkajs, { type LogEntry } from 'kafkajs';
import { expect, test } from 'vitest';
import { passOn } from '../../src/kafka/client.ts';

const { errorCodes } = createRequire(import.meta.url)('kafkajs/src/protocol/error.js') as {
  errorCodes: readonly { readonly type: string; readonly message: string }[];
};

function levelOf(error: unknown, level = kafkajs.logLevel.ERROR): string {
  const levels: string[] = [];
  const log = { timestamp: '', message: 'Response Heartbeat(key: 12, version: 3)', error };
  const entry: LogEntry = { namespace: 'Connection', level, label: '', log };
  passOn(entry, (told) => levels.push(told));
  return levels.join();
}

test('what a rebalance always brings is no warning; any other fault is', () => {
  const ordinary = new Set(['REBALANCE_IN_PROGRESS', 'UNKNOWN_MEMBER_ID', 'ILLEGAL_GENERATION', 'MEMBER_ID_REQUIRED']);
  for (const { type, message } of errorCodes)
    expect([type, levelOf(message)]).toEqual([type, ordinary.has(type) ? 'debug' : 'warn']);
  expect(levelOf(new Error('The group is rebalancing, so a rejoin is needed'))).toBe('debug');
  expect(levelOf('connect ECONNREFUSED')).toBe('warn');
  expect(levelOf('connect ECONNREFUSED', kafkajs.logLevel.WARN)).toBe('debug');
});
