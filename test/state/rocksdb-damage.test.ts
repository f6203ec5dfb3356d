/** Stores in RocksDB that lost a part of themselves: found, said, set aside, and never wrong. */
import { RocksLevel, type Column } from '@nxtedition/rocksdb';
import fc from 'fast-check';
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { RocksdbStoreProvider, type Damage } from '../../src/state/rocksdb.ts';
import type { Store, StoreBatch } from '../../src/state/store.ts';
import { temporaryFolder } from '../support/feeds.ts';
import { batch, bytesOf, frame, scanned, textOf, TOPOLOGY } from './records.ts';

const folder = temporaryFolder();
const BATCHES = 400;
const FRAMES = 2;
const KEPT = 300;

interface Opened {
  readonly provider: RocksdbStoreProvider;
  readonly damages: Damage[];
  readonly data: string;
}

function providerOf(data: string): Opened {
  const damages: Damage[] = [];
  const onDamaged = (damage: Damage): void => void damages.push(damage);
  return {
    provider: new RocksdbStoreProvider({ folder: data, memoryBytes: 1 << 20, lockWaitMs: 200, onDamaged }),
    damages,
    data,
  };
}

/** Bytes that nothing packs, and that tell the offset. */
function content(offset: number): Uint8Array {
  const bytes = new Uint8Array(5000);
  for (let i = 0, x = offset + 1; i < bytes.length; i++) {
    x = (Math.imul(x, 1_103_515_245) + 12_345) >>> 0;
    bytes[i] = x >>> 16;
  }
  return bytes;
}

/** Batch n: two frames, all but the last 300 expired, and now and then a blob. */
function batchOf(n: number): StoreBatch {
  const frames = Array.from({ length: FRAMES }, (_, i) => ({ offset: n * FRAMES + i, bytes: content(n * FRAMES + i) }));
  const blobs = n % 50 === 0 ? [{ name: 'index', bytes: bytesOf(`index ${n}`) }] : [];
  return { checkpoint: bytesOf(`${n}`), frames, blobs, expireBelow: Math.max(0, (n + 1) * FRAMES - KEPT) };
}

let template: string;
beforeAll(async () => {
  template = mkdtempSync(join(folder, 'template-'));
  const { provider } = providerOf(template);
  const store = await provider.open('match-0', TOPOLOGY);
  for (let n = 0; n < BATCHES; n++) {
    await store.write(batchOf(n));
    if (n % 20 === 0) await new Promise((resolve) => setTimeout(resolve, 5));
  }
  await provider.close();
});

function copyOfTemplate(): string {
  const data = mkdtempSync(join(folder, 'data-'));
  cpSync(template, data, { recursive: true });
  return data;
}

function tablesIn(path: string): string[] {
  return readdirSync(path)
    .filter((name) => name.endsWith('.sst'))
    .toSorted();
}

function filesOf(data: string): string[] {
  return readdirSync(join(data, 'match-0')).toSorted();
}

/** One file of a sort; the newest where there are several. */
function fileOf(data: string, sort: RegExp): string {
  const name = filesOf(data).findLast((file) => sort.test(file));
  if (name === undefined) throw new Error(`no file like ${sort} in ${filesOf(data).join(' ')}`);
  return join(data, 'match-0', name);
}

/** Changes `length` bytes from `at` on, and again after each `step` bytes but for the last 20 KB, where the index is. */
function flip(path: string, at: number, length = 1, step = Infinity): void {
  const bytes = readFileSync(path);
  for (let start = at; start === at || start < bytes.length - 20_000; start += step) {
    for (let i = start; i < Math.min(bytes.length, start + length); i++) bytes[i] = (bytes[i] ?? 0) ^ 0x5a;
  }
  writeFileSync(path, bytes);
}

/** Whole as of the batch that its checkpoint names? Throws what the store throws. */
async function checkWhole(store: Store): Promise<void> {
  const n = Number(textOf(store.checkpoint));
  const [first, end] = [Math.max(0, (n + 1) * FRAMES - KEPT), (n + 1) * FRAMES];
  const frames = await scanned(store);
  expect(frames.map(({ offset }) => offset)).toEqual(Array.from({ length: end - first }, (_, i) => first + i));
  for (const { offset, bytes } of frames) expect(Buffer.compare(bytes, content(offset))).toBe(0);
  expect(textOf(await store.readBlob('index'))).toBe(`index ${n - (n % 50)}`);
}

const DAMAGES: Readonly<Record<string, (data: string) => void>> = {
  'CURRENT is gone': (data) => rmSync(fileOf(data, /^CURRENT$/)),
  'CURRENT is empty': (data) => truncateSync(fileOf(data, /^CURRENT$/), 0),
  'CURRENT is wrong': (data) => flip(fileOf(data, /^CURRENT$/), 10),
  'the manifest is gone': (data) => rmSync(fileOf(data, /^MANIFEST/)),
  'the manifest is empty': (data) => truncateSync(fileOf(data, /^MANIFEST/), 0),
  'the manifest is cut in half': (data) =>
    truncateSync(fileOf(data, /^MANIFEST/), Math.floor(statSync(fileOf(data, /^MANIFEST/)).size / 2)),
  'the manifest has a wrong byte': (data) => flip(fileOf(data, /^MANIFEST/), 60),
  'a table is gone': (data) => rmSync(fileOf(data, /\.sst$/)),
  'a table is cut short': (data) => truncateSync(fileOf(data, /\.sst$/), statSync(fileOf(data, /\.sst$/)).size - 100),
  'all tables are gone': (data) => {
    for (const file of filesOf(data)) if (file.endsWith('.sst')) rmSync(join(data, 'match-0', file));
  },
  'only the tables are left': (data) => {
    for (const file of filesOf(data)) if (!file.endsWith('.sst')) rmSync(join(data, 'match-0', file));
  },
  'a crash left a store half made': (data) => {
    rmSync(join(data, 'match-0'), { recursive: true });
    mkdirSync(join(data, 'match-0'));
    writeFileSync(join(data, 'match-0', 'MANIFEST-000001'), '');
  },
};

test('the store under test has files of every sort', async () => {
  const data = copyOfTemplate();
  for (const sort of [/^CURRENT$/, /^MANIFEST/, /\.sst$/, /\.log$/]) fileOf(data, sort);
  const { provider, damages } = providerOf(data);
  const store = await provider.open('match-0', TOPOLOGY);
  await checkWhole(store);
  expect(textOf(store.checkpoint)).toBe(`${BATCHES - 1}`);
  expect(store.counters.diskBytes).toBeGreaterThan(500_000);
  expect(damages).toEqual([]);
  await provider.close();
});

describe('damage that is seen at open: set aside, said, and begun anew', () => {
  test.each(Object.entries(DAMAGES))('%s', async (_, damage) => {
    const data = copyOfTemplate();
    damage(data);
    const before = tablesIn(join(data, 'match-0'));
    const { provider, damages } = providerOf(data);
    const store = await provider.open('match-0', TOPOLOGY);
    expect(damages).toMatchObject([{ task: 'match-0', detail: expect.stringMatching(/./) as string }]);
    expect(damages[0]?.keptAt).toMatch(/match-0\.damaged-\d{8}T\d{9}Z$/);
    // Kept as it was found: opening a store without CURRENT as a new one would have removed its tables.
    expect(tablesIn(damages[0]?.keptAt ?? '')).toEqual(before);
    expect(store.checkpoint).toBeUndefined();
    expect(await scanned(store)).toEqual([]);
    await store.write(batch('anew', { frames: [frame(0)] }));
    await provider.close();
    const again = providerOf(data);
    expect(textOf((await again.provider.open('match-0', TOPOLOGY)).checkpoint)).toBe('anew');
    expect(again.damages).toEqual([]);
    await again.provider.close();
  });
});

test('a wrong byte in a frame is seen by scan and read, and the store can be set aside then', async () => {
  const data = copyOfTemplate();
  // Every 2.5 KB, so that every frame in a table is hit.
  for (const file of filesOf(data)) if (file.endsWith('.sst')) flip(join(data, 'match-0', file), 2000, 1, 2500);
  const { provider, damages } = providerOf(data);
  const store = await provider.open('match-0', TOPOLOGY);
  expect(damages).toEqual([]);
  const damaged = {
    code: 'store_damaged',
    retryable: false,
    message: expect.stringContaining(join(data, 'match-0')) as string,
  };
  await expect(scanned(store)).rejects.toMatchObject(damaged);
  // The last frames are in the log still, so ask for all that live.
  const all = Array.from({ length: KEPT }, (_, i) => BATCHES * FRAMES - KEPT + i);
  await expect(store.read(all)).rejects.toMatchObject(damaged);
  await provider.setAside('match-0', 'a frame cannot be read');
  await expect(store.read(all)).rejects.toMatchObject({ code: 'store_closed' });
  expect((await provider.open('match-0', TOPOLOGY)).checkpoint).toBeUndefined();
  expect(damages).toMatchObject([{ task: 'match-0', detail: 'a frame cannot be read' }]);
  await provider.close();
});

test('a store that another process condemned is set aside by the next', async () => {
  const data = copyOfTemplate();
  await providerOf(data).provider.setAside('match-0', 'seen elsewhere');
  const { provider, damages } = providerOf(data);
  expect((await provider.open('match-0', TOPOLOGY)).checkpoint).toBeUndefined();
  expect(damages).toMatchObject([{ detail: 'seen elsewhere' }]);
  await provider.close();
  await provider.setAside('match-9', 'never opened');
});

test('two damaged ones are kept', async () => {
  const { provider, damages, data } = providerOf(copyOfTemplate());
  for (let round = 0; round < 5; round++) {
    await provider.open('match-0', TOPOLOGY);
    await provider.setAside('match-0', `round ${round}`);
  }
  await provider.open('match-0', TOPOLOGY);
  await provider.close();
  expect(damages.map(({ detail }) => detail)).toEqual([0, 1, 2, 3, 4].map((round) => `round ${round}`));
  const kept = readdirSync(data).filter((name) => name.includes('damaged'));
  expect(kept.length).toBe(2);
  expect(kept.map((name) => readFileSync(join(data, name, 'DAMAGED'), 'utf8'))).toEqual(['round 3\n', 'round 4\n']);
});

interface Raw {
  put(column: string, key: Uint8Array, value: Uint8Array): void;
  del(column: string, key: Uint8Array): void;
}

/** Changes records behind the back of the store, as a lost part of a file does. */
async function tamper(data: string, change: (raw: Raw) => void): Promise<void> {
  const columns = { default: {}, blobs: {}, state: {} };
  const db = new RocksLevel(join(data, 'match-0'), { keyEncoding: 'buffer', valueEncoding: 'buffer', columns });
  await db.open();
  const written = db.batch();
  const optionsOf = (name: string): { column: Column } => {
    const column = db.columns[name];
    if (column === undefined) throw new Error(`no column ${name}`);
    return { column };
  };
  change({
    put: (name, key, value) => void written.put(key, value, optionsOf(name)),
    del: (name, key) => void written.del(key, optionsOf(name)),
  });
  // oxlint-disable-next-line no-underscore-dangle -- the one way to write that our types know
  written._writeSync({ sync: false });
  await db.close();
}

function offsetKey(offset: number): Uint8Array {
  const key = Buffer.alloc(8);
  key.writeBigUInt64BE(BigInt(offset));
  return key;
}

const LAST = BATCHES * FRAMES - 1;

describe('a record that is missing without a word from RocksDB', () => {
  test.each<[string, string, Uint8Array]>([
    ['the format', 'state', bytesOf('format')],
    ['the state', 'state', bytesOf('state')],
    ['the last frame', 'default', offsetKey(LAST)],
  ])('%s: seen at open', async (_, column, key) => {
    const data = copyOfTemplate();
    await tamper(data, (raw) => raw.del(column, key));
    const { provider, damages } = providerOf(data);
    expect((await provider.open('match-0', TOPOLOGY)).checkpoint).toBeUndefined();
    expect(damages).toMatchObject([{ detail: expect.stringMatching(/missing|must be/) as string }]);
    await provider.close();
  });

  test('a frame too much, or a record that is no JSON: seen at open', async () => {
    const changes: ((raw: Raw) => void)[] = [
      (raw) => raw.put('default', offsetKey(LAST + 1), new Uint8Array(8)),
      (raw) => raw.put('state', bytesOf('state'), bytesOf('{')),
      (raw) => raw.put('state', bytesOf('format'), bytesOf('')),
    ];
    for (const change of changes) {
      const data = copyOfTemplate();
      await tamper(data, change);
      const { provider, damages } = providerOf(data);
      expect((await provider.open('match-0', TOPOLOGY)).checkpoint).toBeUndefined();
      expect(damages.length).toBe(1);
      await provider.close();
    }
  });

  test.each([LAST - KEPT + 1, LAST - 100, LAST - 1])('frame %i: seen by the scan', async (offset) => {
    const data = copyOfTemplate();
    await tamper(data, (raw) => raw.del('default', offsetKey(offset)));
    const { provider } = providerOf(data);
    const store = await provider.open('match-0', TOPOLOGY);
    await expect(scanned(store)).rejects.toMatchObject({
      code: 'store_damaged',
      message: expect.stringContaining(`frame ${offset} is missing before ${offset + 1}`) as string,
    });
    // Where the scan starts above it, nothing is missing.
    expect((await scanned(store, offset + 1)).length).toBe(LAST - offset);
    await provider.close();
  });

  test('a blob: seen when it is read', async () => {
    const data = copyOfTemplate();
    // The generations are 1, 2, ... for batches 0, 50, ...
    await tamper(data, (raw) => raw.del('blobs', bytesOf(`index@${BATCHES / 50}`)));
    const { provider } = providerOf(data);
    const store = await provider.open('match-0', TOPOLOGY);
    await expect(store.readBlob('index')).rejects.toMatchObject({ code: 'store_damaged' });
    await provider.close();
  });
});

test('a layout of a later version is refused and stays', async () => {
  const data = copyOfTemplate();
  await tamper(data, (raw) =>
    raw.put('state', bytesOf('format'), bytesOf(JSON.stringify({ version: 2, topology: TOPOLOGY }))),
  );
  const { provider, damages } = providerOf(data);
  const refused = { code: 'store_format', message: expect.stringMatching(/layout 2, must be 1/) as string };
  await expect(provider.open('match-0', TOPOLOGY)).rejects.toMatchObject(refused);
  expect(damages).toEqual([]);
});

test('a data folder that cannot be used is an error of its own', async () => {
  const path = join(folder, 'a-file');
  writeFileSync(path, '');
  const { provider } = providerOf(path);
  const refused = { code: 'store_io', message: expect.stringContaining('a-file') as string };
  await expect(provider.open('match-0', TOPOLOGY)).rejects.toMatchObject(refused);
});

test('whatever is done to a file, the store is whole as of some batch, or says that it is damaged', async () => {
  const outcomes = { whole: 0, atOpen: 0, later: 0 };
  const harm = fc.record({
    file: fc.nat(1000),
    kind: fc.constantFrom('remove', 'cut', 'flip', 'zero'),
    at: fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true }),
    length: fc.integer({ min: 1, max: 5000 }),
  });
  await fc.assert(
    fc.asyncProperty(harm, async ({ file, kind, at, length }) => {
      const data = copyOfTemplate();
      const files = filesOf(data).filter((name) => name !== 'LOCK');
      const path = join(data, 'match-0', files[file % files.length] ?? '');
      const start = Math.floor(at * statSync(path).size);
      if (kind === 'remove') rmSync(path);
      else if (kind === 'cut') truncateSync(path, start);
      else if (kind === 'flip') flip(path, start, length);
      else
        writeFileSync(
          path,
          readFileSync(path).map((byte, i) => (i < start || i >= start + length ? byte : 0)),
        );
      const { provider, damages } = providerOf(data);
      const store = await provider.open('match-0', TOPOLOGY);
      if (damages.length > 0) {
        outcomes.atOpen += 1;
        expect(store.checkpoint).toBeUndefined();
      } else {
        const fault = await checkWhole(store).then(
          () => undefined,
          (error: unknown) => error,
        );
        if (fault === undefined) outcomes.whole += 1;
        else {
          expect(fault).toMatchObject({ code: 'store_damaged' });
          outcomes.later += 1;
        }
      }
      await provider.close();
      rmSync(data, { recursive: true });
    }),
    { numRuns: 60 },
  );
  expect(outcomes.whole).toBeGreaterThan(0);
  expect(outcomes.atOpen + outcomes.later).toBeGreaterThan(10);
});

test('expired frames leave the disk', async () => {
  const { provider, data } = providerOf(mkdtempSync(join(folder, 'data-')));
  const store = await provider.open('match-0', TOPOLOGY);
  const kept = 400;
  let most = 0;
  for (let n = 0; n < 6000; n++) {
    const bytes = content(n);
    await store.write({
      checkpoint: bytesOf(`${n}`),
      frames: [{ offset: n, bytes }],
      expireBelow: Math.max(0, n - kept),
    });
    if (n % 100 === 0) {
      await new Promise((resolve) => setTimeout(resolve, 5));
      most = Math.max(most, store.counters.diskBytes);
    }
  }
  // 30 MB went through for 2 MB that live.
  const written = 6000 * 5000;
  expect(store.counters.bytesPut).toBeGreaterThan(written);
  const live = kept * 5000;
  let now = Infinity;
  for (let i = 0; i < 100 && now > 5 * live; i++) {
    await new Promise((resolve) => setTimeout(resolve, 50));
    now = store.counters.diskBytes;
  }
  expect(now).toBeLessThan(5 * live);
  expect(most).toBeLessThan(written / 2);
  expect(store.counters.rangeDeletes).toBeLessThan(6000 / 4);
  expect((await scanned(store)).length).toBe(kept + 1);
  await provider.close();
  const left = filesOf(data).reduce((sum, file) => sum + statSync(join(data, 'match-0', file)).size, 0);
  expect(left).toBeLessThan(written / 2);
});
