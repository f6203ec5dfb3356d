/** Stores in RocksDB whose process is killed, whose disk is full, and that two processes want. */
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { mkdirSync, mkdtempSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterEach, describe, expect, test } from 'vitest';
import { RocksdbStoreProvider } from '../../src/state/rocksdb.ts';
import { temporaryFolder } from '../support/feeds.ts';
import { batch, frame, scanned, textOf, TOPOLOGY } from './records.ts';

const folder = temporaryFolder();
const WRITER = join(import.meta.dirname, 'writer.ts');
const children: ChildProcess[] = [];

afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
});

function dataFolder(): string {
  return mkdtempSync(join(folder, 'data-'));
}

interface Writer {
  readonly child: ChildProcess;
  /** Lines so far; the array grows. */
  readonly lines: string[];
  /** The first line that begins so, now or later; what there was instead if the process ends before. */
  until(start: string): Promise<string>;
  ended: Promise<void>;
}

/** @param wrap a command that runs the rest of its arguments */
function writer(args: readonly string[], wrap: readonly string[] = []): Writer {
  const [command = '', ...rest] = [...wrap, process.execPath, '--import', 'tsx', WRITER, ...args];
  const child = spawn(command, rest, { stdio: ['ignore', 'pipe', 'inherit'] });
  children.push(child);
  const lines: string[] = [];
  const waiting = new Set<() => void>();
  const reader = createInterface({ input: child.stdout });
  let isOver = false;
  function wake(): void {
    for (const look of waiting) look();
  }
  reader.on('line', (line) => {
    lines.push(line);
    wake();
  });
  const ended = new Promise<void>((resolve) => {
    reader.on('close', () => {
      isOver = true;
      wake();
      resolve();
    });
  });
  const until = (start: string): Promise<string> =>
    new Promise((resolve) => {
      const look = (): void => {
        const found = lines.find((line) => line.startsWith(start));
        if (found === undefined && !isOver) return;
        waiting.delete(look);
        resolve(found ?? `ended after: ${lines.slice(-3).join(' | ')}`);
      };
      waiting.add(look);
      look();
    });
  return { child, lines, until, ended };
}

/** The number in the last "ack" line, or -1. */
function lastAck(lines: readonly string[]): number {
  return Number(lines.findLast((line) => line.startsWith('ack '))?.slice(4) ?? -1);
}

describe('a process that is killed', () => {
  test('leaves every batch that it was told of, whole', async () => {
    const data = dataFolder();
    let before = -1;
    for (let round = 0; round < 4; round++) {
      // Frames of 30 KB, so that write buffers of the small store fill and files are made while it is killed.
      const running = writer([data, '5', '30000']);
      expect(await running.until(`ack ${before + 20 + round * 37}`)).toMatch(/^ack/);
      running.child.kill('SIGKILL');
      await running.ended;
      const acknowledged = lastAck(running.lines);
      const provider = new RocksdbStoreProvider({ folder: data });
      const store = await provider.open('match-0', TOPOLOGY);
      const reached = Number(textOf(store.checkpoint));
      expect(reached).toBeGreaterThanOrEqual(acknowledged);
      const frames = await scanned(store);
      expect(frames.length).toBe((reached + 1) * 5);
      for (const [i, { offset, bytes }] of frames.entries()) {
        expect(offset).toBe(i);
        expect(bytes.length).toBe(30_000);
        expect(bytes.at(-1)).toBe(Math.floor(i / 5) & 255);
      }
      await provider.close();
      before = reached;
    }
  });
});

describe('two processes', () => {
  test('cannot have one folder, and the second says so in time', async () => {
    const data = dataFolder();
    const first = new RocksdbStoreProvider({ folder: data });
    const store = await first.open('match-0', TOPOLOGY);
    const second = writer([data, '1', '1', '1']);
    const failed = await second.until('failed');
    expect(failed).toContain('"code":"store_locked"');
    expect(failed).toContain(join(data, 'match-0'));
    expect(failed).toContain('"retryable":true');
    await store.write(batch('mine', { frames: [frame(1)] }));
    await first.close();
  });

  test('hand it over', async () => {
    const data = dataFolder();
    const first = writer([data, '1', '1000', '3000']);
    await first.until('open');
    const waiting = new RocksdbStoreProvider({ folder: data, lockWaitMs: 30_000 });
    const store = await waiting.open('match-0', TOPOLOGY);
    expect(textOf(store.checkpoint)).toBe('2999');
    await waiting.close();
  });

  test('or the second gives up when it is told to', async () => {
    const data = dataFolder();
    const first = new RocksdbStoreProvider({ folder: data });
    await first.open('match-0', TOPOLOGY);
    const stop = new AbortController();
    const second = new RocksdbStoreProvider({ folder: data, lockWaitMs: 60_000 });
    const reason = new Error('the partition was taken away');
    setTimeout(() => stop.abort(reason), 120);
    await expect(second.open('match-0', TOPOLOGY, { signal: stop.signal })).rejects.toBe(reason);
    await first.close();
  });
});

/** Runs the writer until it fails; then opens what is left, without the limit if that is another one. */
async function fill(
  data: string,
  wrap: readonly string[],
): Promise<{ failure: Record<string, unknown>; acknowledged: number; lines: string[] }> {
  const running = writer([data, '4', '100000', '2000'], wrap);
  const failed = await running.until('failed');
  await running.ended;
  expect(failed).toMatch(/^failed /);
  const failure = JSON.parse(failed.slice('failed '.length)) as Record<string, unknown>;
  return { failure, acknowledged: lastAck(running.lines), lines: running.lines };
}

describe('a full disk', () => {
  test('is an error of its own, and nothing of the batch is stored', async () => {
    // A limit on the size of a file, in blocks of 512 or 1024 bytes: the write-ahead log meets it first. Anyone may set it.
    const data = dataFolder();
    const { failure, acknowledged, lines } = await fill(data, ['sh', '-c', 'ulimit -f 4000; exec "$@"', 'sh']);
    expect(failure).toMatchObject({ code: 'store_disk_full', retryable: false });
    expect(failure['message']).toContain(join(data, 'match-0'));
    expect(acknowledged).toBeGreaterThan(0);
    expect(lines).toContain('then true');
    expect(lines).toContain(`kept ${(acknowledged + 1) * 4} ${acknowledged}`);
    const provider = new RocksdbStoreProvider({ folder: data });
    const store = await provider.open('match-0', TOPOLOGY);
    expect(textOf(store.checkpoint)).toBe(`${acknowledged}`);
    expect((await scanned(store)).length).toBe((acknowledged + 1) * 4);
    await store.write(batch('there is room', { frames: [frame((acknowledged + 1) * 4)] }));
    await provider.close();
  });

  // A file system of its own, in a mount namespace that ends with the process: for that one must be root, and allowed to.
  const mayMount = spawnSync('unshare', ['--mount', 'true']).status === 0;
  test.skipIf(!mayMount)('of a real file system, and it goes on when there is room', async () => {
    const mount = join(folder, 'small');
    mkdirSync(mount);
    const script = [
      'mount -t tmpfs -o size=70m tmpfs "$0" || exit 9',
      // More than the library's own background work takes of it: with 10 MB there was not always room for a batch again.
      'dd if=/dev/zero of="$0/ballast" bs=1M count=40 2>/dev/null',
      // The second finds what the first left and no more room, the third has room again.
      '"$@"; echo again; "$@"; rm -f "$0/ballast"; echo room; "$@"',
    ].join('; ');
    const { failure, acknowledged, lines } = await fill(mount, ['unshare', '--mount', 'sh', '-c', script, mount]);
    expect(failure).toMatchObject({ code: 'store_disk_full', retryable: false });
    expect(acknowledged).toBeGreaterThan(0);
    const parts = lines.join('\n').split(/\n?(?:again|room)\n/);
    const acks = parts.map((part) => lastAck(part.split('\n')));
    const [first = -1, , third = -1] = acks;
    expect(parts.length).toBe(3);
    expect(parts[0]).toContain(`kept ${(first + 1) * 4} ${first}`);
    // It may fail at open, where the log is written out to a file, but never with another error.
    expect(parts[1]).toContain('"code":"store_disk_full"');
    expect(third).toBeGreaterThan(first);
  });
});
