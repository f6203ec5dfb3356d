import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { firstFailure, runMembers, type Failure, type Member } from '../../src/cli/run-members.ts';
import { ChorusError } from '../../src/errors.ts';

interface Stub extends Member {
  readonly calls: string[];
}

function member(parts: Partial<Member> = {}): Stub {
  const calls: string[] = [];
  const { start = async () => undefined, stop = async () => undefined } = parts;
  return {
    calls,
    start: () => (calls.push('start'), start()),
    stop: () => (calls.push('stop'), stop()),
  };
}

function run(
  members: readonly Member[],
  stopMaxMs = 25_000,
  seen?: (signal: AbortSignal) => Promise<void>,
): {
  end: Promise<number>;
  controller: AbortController;
  failure: Failure;
  lines: string[];
} {
  const lines: string[] = [];
  const log = (level: string, message: string, fields: Readonly<Record<string, unknown>> = {}): void => {
    lines.push([level, message, fields['code']].filter(Boolean).join(' '));
  };
  const controller = new AbortController();
  const failure = firstFailure(log);
  const end = runMembers(members, controller.signal, failure, { log, stopMaxMs, seen });
  return { end, controller, failure, lines };
}

const forever = (): Promise<void> => new Promise(() => undefined);

describe('the members of a run', () => {
  test('start together, and stop together at a signal', async () => {
    const members = [member(), member()];
    const { end, controller, lines } = run(members);
    await sleep(1);
    controller.abort();
    expect(await end).toBe(0);
    expect(members.map(({ calls }) => calls)).toEqual(Array.from({ length: 2 }, () => ['start', 'stop']));
    expect(lines).toEqual(['info started', 'info stopping', 'info stopped']);
  });

  test('a signal during a start that takes long stops them too', async () => {
    const slow = member({ start: forever });
    const { end, controller, lines } = run([slow]);
    controller.abort();
    expect(await end).toBe(0);
    expect(slow.calls).toEqual(['start', 'stop']);
    expect(lines).not.toContain('info started');
  });

  test('an error of one stops all, told before they stop; later ones are not told', async () => {
    const members = [member(), member({ stop: () => Promise.reject(new ChorusError('late', 'x')) })];
    const { end, failure, lines } = run(members);
    await sleep(1);
    failure.set(new ChorusError('first', 'x'));
    failure.set(new ChorusError('second', 'x'));
    await expect(end).rejects.toMatchObject({ code: 'first' });
    for (const { calls } of members) expect(calls).toEqual(['start', 'stop']);
    expect(lines).toEqual(['info started', 'error cannot go on first', 'warn stopping failed late']);
  });

  test('a start that fails stops the others', async () => {
    const other = member({ start: forever });
    const { end, lines } = run([other, member({ start: () => Promise.reject(new ChorusError('no', 'x')) })]);
    await expect(end).rejects.toMatchObject({ code: 'no' });
    expect(other.calls).toEqual(['start', 'stop']);
    expect(lines).toEqual(['error cannot go on no']);
  });

  test('when all have ended, it ends when what matters was seen', async () => {
    const calls: string[] = [];
    const seen: AbortSignal[] = [];
    const look = async (signal: AbortSignal): Promise<void> => {
      seen.push(signal);
      await sleep(5);
      calls.push('seen');
    };
    const stop = async (): Promise<void> => {
      await sleep(5);
      calls.push('member stopped');
    };
    const { end, failure } = run([member({ stop })], undefined, look);
    await sleep(1);
    failure.set(new ChorusError('broken', 'x'));
    await expect(end).rejects.toMatchObject({ code: 'broken' });
    expect(calls).toEqual(['member stopped', 'seen']);
    expect(seen[0]!.aborted).toBe(false);
  });

  test('a stop that takes too long is cut, said so, and is no success', async () => {
    const { end, controller, lines } = run([member(), member({ stop: forever })], 50);
    controller.abort();
    expect(await end).toBe(5);
    expect(lines.at(-1)).toContain('warn not stopped in time');
  });
});
