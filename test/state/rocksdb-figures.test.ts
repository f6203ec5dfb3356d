import { RocksLevel } from '@nxtedition/rocksdb';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { RocksdbStoreProvider } from '../../src/state/rocksdb.ts';
import { ROOT } from '../support/command.ts';

const FRAME_BYTES = 4096;
const FRAMES = 4000;

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'chorus-figures-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

test('a store tells what RocksDB has of it, on disk and in memory', async () => {
  const memoryBytes = 2 << 20;
  const provider = new RocksdbStoreProvider({ folder, memoryBytes });
  const store = await provider.open('match-0', '0'.repeat(16));
  expect(store.counters).toMatchObject({ diskBytes: 0, liveBytes: 0, level0Files: 0, memoryLimitBytes: memoryBytes });
  let level0Files = 0;
  for (let offset = 0; offset < FRAMES; offset += 16) {
    const frames = Array.from({ length: 16 }, (_, i) => ({ offset: offset + i, bytes: Buffer.alloc(FRAME_BYTES, i) }));
    await store.write({ checkpoint: Buffer.from(String(offset)), frames });
    level0Files = Math.max(level0Files, store.counters.level0Files);
  }
  const { diskBytes, liveBytes, bufferBytes, memoryBytes: inMemory, ...rest } = store.counters;
  expect(level0Files).toBeGreaterThan(0);
  expect(diskBytes).toBeGreaterThan((FRAMES * FRAME_BYTES) / 2);
  expect(liveBytes).toBeGreaterThan((FRAMES * FRAME_BYTES) / 2);
  expect(liveBytes).toBeLessThan(diskBytes * 1.1);
  expect(inMemory).toBeGreaterThan(bufferBytes);
  expect(inMemory).toBeLessThan(4 * memoryBytes);
  expect(rest).toMatchObject({ isWriteStopped: false, backgroundErrors: 0, framesPut: FRAMES });
  expect(rest.compactionPendingBytes).toBeGreaterThanOrEqual(0);
  await store.close();
  expect(store.counters).toMatchObject({ diskBytes: 0, memoryBytes: 0, framesPut: FRAMES });
});

test('each figure is one that the library has: for another name it has no number', async () => {
  const db = new RocksLevel(join(folder, 'plain'), { keyEncoding: 'buffer', createIfMissing: true });
  await db.open();
  try {
    expect(db.getProperty('rocksdb.no-such-thing')).not.toMatch(/\d/);
    const source = readFileSync(join(ROOT, 'src/state/rocksdb-store.ts'), 'utf8');
    const names = Array.from(source.matchAll(/now\('([\w-]+)'\)/g), ([, name]) => name!);
    expect(names.length).toBeGreaterThan(8);
    for (const name of names)
      expect([name, db.getProperty(`rocksdb.${name}`)]).toEqual([name, expect.stringMatching(/^\d+$/)]);
  } finally {
    await db.close();
  }
});
