/** One suite for every store: what the port promises (src/state/store.ts), whatever is behind it. */
import fc from 'fast-check';
import { afterEach, describe, expect, test } from 'vitest';
import { OFFSET_MAX, type StoreBatch, type StoredFrame, type StoreProvider } from '../../src/state/store.ts';
import { batch, bytesOf, frame, scanned, textOf, TOPOLOGY } from './records.ts';

const OTHER = 'ffeeddccbbaa9988';

function sized(offset: number, length: number): StoredFrame {
  return { offset, bytes: Uint8Array.from({ length }, (_, i) => (i * 31 + offset) & 255) };
}

/**
 * @param name "in ...", for the title
 * @param fresh makes a provider over an empty disk; the suite closes it
 */
export function storeSuite(name: string, fresh: () => StoreProvider): void {
  describe(`stores ${name}`, () => {
    const providers: StoreProvider[] = [];
    function provider(): StoreProvider {
      const made = fresh();
      providers.push(made);
      return made;
    }
    afterEach(async () => {
      for (const made of providers.splice(0)) await made.close();
    });

    test('a new store has nothing', async () => {
      const store = await provider().open('match-0', TOPOLOGY);
      expect(store.checkpoint).toBeUndefined();
      expect(await scanned(store)).toEqual([]);
      expect(await store.read([0, 1])).toEqual([undefined, undefined]);
      expect(await store.read([])).toEqual([]);
      expect(await store.readBlob('index')).toBeUndefined();
      expect(store.counters).toMatchObject({
        batches: 0,
        framesPut: 0,
        framesRead: 0,
        framesScanned: 0,
        rangeDeletes: 0,
      });
    });

    test('what was written is read back, now and after opening again', async () => {
      const made = provider();
      let store = await made.open('match-0', TOPOLOGY);
      await store.write(batch('one', { frames: [frame(3), frame(7)], blobs: [{ name: 'a@1', bytes: bytesOf('A') }] }));
      await store.write(
        batch('two', { frames: [frame(8), frame(256)], blobs: [{ name: '__proto__', bytes: bytesOf('') }] }),
      );
      for (let round = 0; round < 3; round++) {
        expect(textOf(store.checkpoint)).toBe('two');
        const found = await scanned(store);
        expect(found.map(({ offset }) => offset)).toEqual([3, 7, 8, 256]);
        expect(found.map(({ bytes }) => textOf(bytes))).toEqual(['frame 3', 'frame 7', 'frame 8', 'frame 256']);
        expect((await scanned(store, 8)).map(({ offset }) => offset)).toEqual([8, 256]);
        expect((await scanned(store, 257)).length).toBe(0);
        expect((await store.read([256, 4, 3, 3])).map(textOf)).toEqual(['frame 256', undefined, 'frame 3', 'frame 3']);
        expect(textOf(await store.readBlob('a@1'))).toBe('A');
        expect(textOf(await store.readBlob('__proto__'))).toBe('');
        expect(await store.readBlob('a')).toBeUndefined();
        await store.close();
        store = await made.open('match-0', TOPOLOGY);
      }
    });

    test('tasks are apart', async () => {
      const made = provider();
      const one = await made.open('match-1', TOPOLOGY);
      const ten = await made.open('match-10', TOPOLOGY);
      await one.write(batch('one', { frames: [frame(1)] }));
      await ten.write(batch('ten', { frames: [frame(10)] }));
      expect((await scanned(one)).map(({ offset }) => offset)).toEqual([1]);
      expect(textOf(ten.checkpoint)).toBe('ten');
    });

    test('frames below the bound are gone, in any order of bounds', async () => {
      const made = provider();
      let store = await made.open('match-0', TOPOLOGY);
      await store.write(batch('a', { frames: [1, 2, 3, 4, 5].map((offset) => frame(offset)), expireBelow: 3 }));
      await store.write(batch('b', { expireBelow: 2 }));
      for (let round = 0; round < 2; round++) {
        expect((await scanned(store)).map(({ offset }) => offset)).toEqual([3, 4, 5]);
        expect((await store.read([2, 3])).map(textOf)).toEqual([undefined, 'frame 3']);
        await store.close();
        store = await made.open('match-0', TOPOLOGY);
      }
      await store.write(batch('c', { expireBelow: 100 }));
      expect(await scanned(store)).toEqual([]);
      await store.write(batch('d', { frames: [frame(6), frame(100)] }));
      expect((await scanned(store)).map(({ offset }) => offset)).toEqual([100]);
      await store.close();
      store = await made.open('match-0', TOPOLOGY);
      expect((await scanned(store)).map(({ offset }) => offset)).toEqual([100]);
    });

    test('a blob is replaced and removed', async () => {
      const store = await provider().open('match-0', TOPOLOGY);
      const large = sized(1, 3_000_000).bytes;
      await store.write(batch('a', { blobs: [{ name: 'x', bytes: bytesOf('old') }] }));
      await store.write(batch('b', { blobs: [{ name: 'x', bytes: large }] }));
      expect(Buffer.compare((await store.readBlob('x')) ?? bytesOf(''), large)).toBe(0);
      await store.write(
        batch('c', {
          blobs: [
            { name: 'x', bytes: undefined },
            { name: 'y', bytes: undefined },
          ],
        }),
      );
      expect(await store.readBlob('x')).toBeUndefined();
    });

    test('frames up to a megabyte and more, and empty ones', async () => {
      const made = provider();
      let store = await made.open('match-0', TOPOLOGY);
      const sizes = [0, 1, 65_536, 1_048_576, 5_000_000, 7];
      const frames = sizes.map((size, i) => sized(i, size));
      await store.write({ checkpoint: sized(0, 200_000).bytes, frames });
      await store.close();
      store = await made.open('match-0', TOPOLOGY);
      const found = await scanned(store);
      expect(found.map(({ bytes }) => bytes.length)).toEqual(sizes);
      for (const [i, { bytes }] of found.entries()) {
        expect(Buffer.compare(bytes, frames[i]?.bytes ?? bytesOf('none'))).toBe(0);
      }
      expect(store.checkpoint?.length).toBe(200_000);
    });

    test('offsets up to the largest', async () => {
      const store = await provider().open('match-0', TOPOLOGY);
      const offsets = [0, 255, 256, 2 ** 31, 2 ** 32 - 1, 2 ** 32, 2 ** 40 + 5, OFFSET_MAX - 1, OFFSET_MAX];
      await store.write(batch('a', { frames: offsets.map((offset) => frame(offset)) }));
      expect((await scanned(store)).map(({ offset }) => offset)).toEqual(offsets);
      expect((await store.read(offsets)).map(textOf)).toEqual(offsets.map((offset) => `frame ${offset}`));
      await store.write(batch('b', { expireBelow: OFFSET_MAX }));
      expect((await scanned(store)).map(({ offset }) => offset)).toEqual([OFFSET_MAX]);
    });

    test('an empty batch moves the checkpoint alone', async () => {
      const store = await provider().open('match-0', TOPOLOGY);
      await store.write(batch('a', { frames: [frame(1)] }));
      await store.write(batch('', { frames: [], blobs: [] }));
      expect(store.checkpoint).toEqual(bytesOf(''));
      expect((await scanned(store)).length).toBe(1);
    });

    test('bytes may be reused once the call was made', async () => {
      const store = await provider().open('match-0', TOPOLOGY);
      const bytes = bytesOf('before');
      const written = store.write({ checkpoint: bytes, frames: [{ offset: 1, bytes }], blobs: [{ name: 'x', bytes }] });
      bytes.fill(120);
      await written;
      expect(textOf(store.checkpoint)).toBe('before');
      expect(textOf((await store.read([1]))[0])).toBe('before');
      expect(textOf(await store.readBlob('x'))).toBe('before');
    });

    test('a batch that no task may write is refused whole', async () => {
      const store = await provider().open('match-0', TOPOLOGY);
      await store.write(batch('a', { frames: [frame(5)] }));
      const wrong: Omit<StoreBatch, 'checkpoint'>[] = [
        { frames: [frame(5)] },
        { frames: [frame(6), frame(8), frame(7)] },
        { frames: [frame(6.5)] },
        { frames: [frame(OFFSET_MAX + 1)] },
        { frames: [frame(6)], expireBelow: -1 },
        { frames: [frame(6)], expireBelow: Number.NaN },
      ];
      for (const rest of wrong) {
        await expect(store.write(batch('wrong', rest))).rejects.toMatchObject({ code: 'invariant' });
      }
      await expect(store.read([-1])).rejects.toThrow(/offset -1, must be an integer from 0/);
      expect(textOf(store.checkpoint)).toBe('a');
      await store.write(batch('b', { frames: [frame(6)] }));
      expect((await scanned(store)).map(({ offset }) => offset)).toEqual([5, 6]);
    });

    test('a scan shows the store as it was when it began', async () => {
      const store = await provider().open('match-0', TOPOLOGY);
      await store.write(batch('a', { frames: Array.from({ length: 50 }, (_, i) => sized(i, 300_000)) }));
      const scan = store.scan(0);
      const first = await scan.next();
      await store.write(batch('b', { frames: [frame(50)], expireBelow: 40 }));
      const seen = (first.value ?? []).map(({ offset }) => offset);
      for await (const group of scan) seen.push(...group.map(({ offset }) => offset));
      expect(seen).toEqual(Array.from({ length: 50 }, (_, i) => i));
      expect((await scanned(store)).length).toBe(11);
    });

    test('a scan can be left early, and several run at once beside reads and writes', async () => {
      const store = await provider().open('match-0', TOPOLOGY);
      await store.write(batch('a', { frames: Array.from({ length: 60 }, (_, i) => sized(i, 200_000)) }));
      for await (const group of store.scan(0)) {
        expect(group.length).toBeLessThan(60);
        break;
      }
      const work: Promise<unknown>[] = [
        scanned(store),
        scanned(store, 30),
        store.read(Array.from({ length: 60 }, (_, i) => i)),
      ];
      for (let i = 60; i < 80; i++) work.push(store.write(batch(`w${i}`, { frames: [frame(i)] })));
      work.push(store.read([59, 79]));
      const [all, half, read] = (await Promise.all(work)) as [StoredFrame[], StoredFrame[], Uint8Array[]];
      expect(all.slice(0, 60).map(({ offset }) => offset)).toEqual(Array.from({ length: 60 }, (_, i) => i));
      expect(half[0]?.offset).toBe(30);
      expect(read.every((bytes, i) => Buffer.compare(bytes, sized(i, 200_000).bytes) === 0)).toBe(true);
      expect(textOf(store.checkpoint)).toBe('w79');
    });

    test('closing twice is fine, and what is used after it says so', async () => {
      const made = provider();
      const store = await made.open('match-0', TOPOLOGY);
      await store.write(batch('a', { frames: Array.from({ length: 60 }, (_, i) => sized(i, 200_000)) }));
      const scan = store.scan(0);
      await scan.next();
      await Promise.all([store.close(), store.close()]);
      await store.close();
      const closed = { code: 'store_closed', message: expect.stringContaining('match-0') as string };
      await expect(store.write(batch('b'))).rejects.toMatchObject(closed);
      await expect(store.read([1])).rejects.toMatchObject(closed);
      await expect(store.readBlob('x')).rejects.toMatchObject(closed);
      await expect(scanned(store)).rejects.toMatchObject(closed);
      await expect(scan.next()).rejects.toMatchObject(closed);
      expect(store.counters.batches).toBe(1);
      expect(textOf((await made.open('match-0', TOPOLOGY)).checkpoint)).toBe('a');
    });

    test('the provider closes what is open', async () => {
      const made = provider();
      const stores = [await made.open('match-0', TOPOLOGY), await made.open('campaign-0', TOPOLOGY)];
      await made.close();
      for (const store of stores) await expect(store.read([1])).rejects.toMatchObject({ code: 'store_closed' });
    });

    test('another topology is refused, and nothing is lost by asking', async () => {
      const made = provider();
      const store = await made.open('match-0', TOPOLOGY);
      await store.write(batch('mine'));
      await store.close();
      await expect(made.open('match-0', OTHER)).rejects.toMatchObject({
        code: 'store_topology',
        retryable: false,
        message: expect.stringMatching(new RegExp(`match-0.*${TOPOLOGY}.*${OTHER}`)) as string,
      });
      expect(textOf((await made.open('match-0', TOPOLOGY)).checkpoint)).toBe('mine');
    });

    test('a store has one owner', async () => {
      const made = provider();
      const store = await made.open('match-0', TOPOLOGY);
      await expect(made.open('match-0', TOPOLOGY)).rejects.toMatchObject({ code: 'store_locked', retryable: true });
      await store.close();
      await made.open('match-0', TOPOLOGY);
    });

    test('a store that was set aside is closed, and the next is empty', async () => {
      const made = provider();
      const store = await made.open('match-0', TOPOLOGY);
      await store.write(batch('a', { frames: [frame(5)] }));
      await made.setAside('match-0', 'frame 5 cannot be decoded');
      await expect(store.write(batch('b'))).rejects.toMatchObject({ code: 'store_closed' });
      const next = await made.open('match-0', TOPOLOGY);
      expect(next.checkpoint).toBeUndefined();
      await next.write(batch('c', { frames: [frame(2)] }));
      expect((await scanned(next)).map(({ offset }) => offset)).toEqual([2]);
    });

    test('names are checked, and a signal is heard', async () => {
      const made = provider();
      await expect(made.open('../match', TOPOLOGY)).rejects.toMatchObject({ code: 'invariant' });
      await expect(made.open('match-0', 'abc')).rejects.toThrow(/topology "abc", must be 16 hex digits/);
      const reason = new Error('enough');
      await expect(made.open('match-0', TOPOLOGY, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    });

    test('counters count', async () => {
      const store = await provider().open('match-0', TOPOLOGY);
      await store.write(
        batch('ab', { frames: [frame(1, 'abc'), frame(2, 'd')], blobs: [{ name: 'x', bytes: bytesOf('efg') }] }),
      );
      await store.write(batch('ab', { expireBelow: 2 }));
      await store.read([1, 2, 3]);
      await scanned(store);
      expect(store.counters).toMatchObject({
        batches: 2,
        framesPut: 2,
        framesRead: 1,
        framesScanned: 1,
        rangeDeletes: 1,
      });
      expect(store.counters.bytesPut).toBeGreaterThanOrEqual(11);
      expect(store.counters.diskBytes + store.counters.bufferBytes).toBeGreaterThan(0);
    });

    test('random batches, reads and reopenings do what a map does', async () => {
      const made = provider();
      let task = 0;
      await fc.assert(
        fc.asyncProperty(fc.array(stepArbitrary(), { maxLength: 30 }), async (steps) => {
          task += 1;
          await followModel(made, `match-${task}`, steps);
        }),
        { numRuns: 30 },
      );
    });
  });
}

interface Step {
  /** Gaps to the frame before, and length. */
  readonly frames: readonly (readonly [number, number])[];
  /** How far below the newest frame the bound is; undefined for none. */
  readonly keep: number | undefined;
  readonly blob: readonly [string, number | undefined] | undefined;
  readonly reopen: boolean;
  readonly from: number;
}

function stepArbitrary(): fc.Arbitrary<Step> {
  return fc.record({
    frames: fc.array(fc.tuple(fc.integer({ min: 1, max: 9 }), fc.nat(2000)), { maxLength: 8 }),
    keep: fc.option(fc.integer({ min: -3, max: 40 }), { nil: undefined }),
    blob: fc.option(fc.tuple(fc.constantFrom('a', 'b', 'a@1'), fc.option(fc.nat(300), { nil: undefined })), {
      nil: undefined,
    }),
    reopen: fc.nat(3).map((n) => n === 0),
    from: fc.nat(120),
  });
}

async function followModel(provider: StoreProvider, task: string, steps: readonly Step[]): Promise<void> {
  const frames = new Map<number, Uint8Array>();
  const blobs = new Map<string, Uint8Array>();
  let [newest, floor] = [-1, 0];
  let store = await provider.open(task, TOPOLOGY);
  for (const [i, step] of steps.entries()) {
    const put = step.frames.map(([gap, length]) => sized((newest += gap), length));
    for (const { offset, bytes } of put) frames.set(offset, bytes);
    const expireBelow = step.keep === undefined ? undefined : Math.max(0, newest - step.keep);
    floor = Math.max(floor, expireBelow ?? 0);
    for (const offset of frames.keys()) if (offset < floor) frames.delete(offset);
    const [name, length] = step.blob ?? ['', undefined];
    const bytes = length === undefined ? undefined : sized(i, length).bytes;
    if (bytes === undefined) blobs.delete(name);
    else blobs.set(name, bytes);
    await store.write({
      checkpoint: bytesOf(`step ${i}`),
      frames: put,
      ...(expireBelow === undefined ? {} : { expireBelow }),
      blobs: step.blob === undefined ? [] : [{ name, bytes }],
    });
    if (step.reopen) {
      await store.close();
      store = await provider.open(task, TOPOLOGY);
    }
    expect(textOf(store.checkpoint)).toBe(`step ${i}`);
    const asked = Array.from({ length: 20 }, (_, k) => Math.max(0, newest - k * 3));
    expect((await store.read(asked)).map(hex)).toEqual(asked.map((offset) => hex(frames.get(offset))));
    const above = Array.from(frames).filter(([offset]) => offset >= step.from);
    expect((await scanned(store, step.from)).map((found) => [found.offset, hex(found.bytes)])).toEqual(
      above.map(([offset, found]) => [offset, hex(found)]),
    );
    for (const blob of ['a', 'b', 'a@1']) expect(hex(await store.readBlob(blob))).toEqual(hex(blobs.get(blob)));
  }
  await store.close();
}

function hex(bytes: Uint8Array | undefined): string | undefined {
  return bytes === undefined ? undefined : Buffer.from(bytes).toString('hex');
}
