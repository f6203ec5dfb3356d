import { Writable } from 'node:stream';
import { describe, expect, test } from 'vitest';
import { formatBytes, startProgress } from '../../src/cli/progress.ts';
import type { ReplayProgress } from '../../src/runtime/replay.ts';

class Terminal extends Writable {
  readonly isTTY: boolean;
  columns = 120;
  written = '';

  constructor(isTTY: boolean) {
    super();
    this.isTTY = isTTY;
  }

  cursorTo(): void {}
  clearLine(): void {}
  moveCursor(): void {}

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.written += chunk.toString();
    done();
  }
}

const READING: ReplayProgress = {
  phase: 'reading',
  read: { done: 3 * 2 ** 20, total: 12 * 2 ** 20, unit: 'bytes' },
  posts: 5000,
  sorted: 4000,
  matched: 0,
  alerts: 0,
};

function drawn(...steps: readonly ReplayProgress[]): string {
  const terminal = new Terminal(true);
  const progress = startProgress(terminal as unknown as NodeJS.WriteStream)!;
  for (const step of steps) progress.update(step);
  progress.stop();
  return terminal.written;
}

describe('the progress bar', () => {
  test('is there on a terminal only', () => {
    const pipe = new Terminal(false);
    expect(startProgress(pipe as unknown as NodeJS.WriteStream)).toBeUndefined();
    expect(pipe.written).toBe('');
  });

  test('tells bytes, posts a second, alerts and the time left', () => {
    expect(drawn(READING)).toMatch(/######-{18} reading 3\.0 MiB of 12\.0 MiB, \d+ posts\/s, 0 alerts, \d+ s left/);
    const matching: ReplayProgress = { ...READING, phase: 'matching', matched: 1000, alerts: 7 };
    expect(drawn(READING, matching)).toMatch(/######-{18} matching 1000 posts, \d+ posts\/s, 7 alerts, \d+ s left/);
  });

  test('tells records of a topic', () => {
    const text = drawn({ ...READING, read: { done: 30_000, total: 40_000, unit: 'records' } });
    expect(text).toMatch(/######------ reading 30000 of 40000 records, \d+ posts\/s/);
  });

  test('does not guess where the end is not known', () => {
    const text = drawn({ ...READING, read: { ...READING.read, total: undefined } });
    expect(text).toContain('reading 3.0 MiB, ');
    expect(text).not.toContain('left');
  });
});

test.each([
  [0, '0 B'],
  [1023, '1023 B'],
  [1536, '1.5 KiB'],
  [5 * 2 ** 40, '5.0 TiB'],
])('%i bytes are %s', (bytes, text) => {
  expect(formatBytes(bytes)).toBe(text);
});
