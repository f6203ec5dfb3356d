import { mkdtempSync, readdirSync, rmSync, truncateSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, describe, expect, test } from 'vitest';
import { InvariantError } from '../../src/errors.ts';
import { Sorter } from '../../src/runtime/sorter.ts';

const folder = mkdtempSync(join(tmpdir(), 'chorus-sorter-test-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

interface Item {
  readonly timeMs: number;
  readonly keyHi: number;
  readonly keyLo: number;
  readonly tieHi: number;
  readonly tieLo: number;
  readonly words: readonly number[];
  readonly bytes: readonly number[];
}

function sorterOf(items: Iterable<Item>, memoryBytes: number): Sorter {
  const sorter = new Sorter({ memoryBytes, directory: folder });
  const words = new Uint32Array(70_000);
  for (const item of items) {
    words.set(item.words);
    const { timeMs, keyHi, keyLo, tieHi, tieLo } = item;
    sorter.append(timeMs, keyHi, keyLo, tieHi, tieLo, words, item.words.length, Uint8Array.from(item.bytes));
  }
  return sorter;
}

async function drained(sorter: Sorter): Promise<Item[]> {
  const items: Item[] = [];
  for await (const batch of sorter.drain()) {
    for (let i = 0; i < batch.count; i++) {
      const start = batch.wordStart(i);
      items.push({
        timeMs: batch.timeMs(i),
        keyHi: batch.keyHi(i),
        keyLo: batch.keyLo(i),
        tieHi: batch.tieHi(i),
        tieLo: batch.tieLo(i),
        words: [...batch.words(i).subarray(start, start + batch.wordCount(i))],
        bytes: [...batch.bytes(i)],
      });
    }
  }
  return items;
}

function firstDifference(a: readonly number[], b: readonly number[]): number {
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return a[i]! - b[i]!;
  return 0;
}

/** Bytes are compared four at a time, the last of them weighing most; which order it is matters to nobody. */
function asWords(bytes: readonly number[]): number[] {
  const words: number[] = [];
  for (let i = 0; i < bytes.length; i += 4) {
    words.push(
      (bytes[i] ?? 0) + (bytes[i + 1] ?? 0) * 2 ** 8 + (bytes[i + 2] ?? 0) * 2 ** 16 + (bytes[i + 3] ?? 0) * 2 ** 24,
    );
  }
  return words;
}

function compare(a: Item, b: Item): number {
  return (
    a.timeMs - b.timeMs ||
    a.keyHi - b.keyHi ||
    a.keyLo - b.keyLo ||
    a.tieHi - b.tieHi ||
    a.tieLo - b.tieLo ||
    a.words.length - b.words.length ||
    a.bytes.length - b.bytes.length ||
    firstDifference([...a.words, ...asWords(a.bytes)], [...b.words, ...asWords(b.bytes)])
  );
}

const word = fc.oneof(fc.constantFrom(0, 1, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff), fc.nat(3));
const item: fc.Arbitrary<Item> = fc.record(
  {
    timeMs: fc.oneof(fc.nat(5), fc.integer({ min: 0, max: 253_402_300_799_999 })),
    keyHi: word,
    keyLo: word,
    tieHi: word,
    tieLo: word,
    words: fc.array(word, { maxLength: 5 }),
    bytes: fc.array(fc.integer({ min: 0, max: 255 }), { maxLength: 9 }),
  },
  { noNullPrototype: true },
);

const TIED: Item = { timeMs: 0, keyHi: 0, keyLo: 0, tieHi: 0, tieLo: 0, words: [], bytes: [] };

/** A stream of `count` records of about 60 bytes, their times as `timeOf` says. */
function* stream(count: number, timeOf: (i: number) => number): Generator<Item> {
  for (let i = 0; i < count; i++) {
    yield {
      timeMs: timeOf(i),
      keyHi: i % 3,
      keyLo: i,
      tieHi: 0,
      tieLo: 0,
      words: [i, i ^ 0xff],
      bytes: Array.from({ length: i % 40 }, () => i & 0xff),
    };
  }
}

describe('the order', () => {
  test('equals that of Array.sort, in memory and spilled', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(item, { maxLength: 300 }),
        fc.constantFrom(1, 2 ** 14, 2 ** 26),
        async (items, memoryBytes) => {
          expect(await drained(sorterOf(items, memoryBytes))).toStrictEqual(items.toSorted(compare));
        },
      ),
      { numRuns: 300 },
    );
    expect(readdirSync(folder)).toStrictEqual([]);
  });

  const COUNT = 20_000;
  test.each([
    ['ascending', (i: number) => i],
    ['descending', (i: number) => COUNT - i],
    ['constant', () => 7],
    ['scattered', (i: number) => (i * 7919) % COUNT],
    ['nearly ascending', (i: number) => i + ((i * 31) % 50)],
    ['two halves in turn', (i: number) => (i % 2) * COUNT + i],
  ])('%s input, in memory, in a few runs and in hundreds', async (_, timeOf) => {
    // As text: toStrictEqual takes 0.3 s for each of these.
    const expected = JSON.stringify([...stream(COUNT, timeOf)].toSorted(compare));
    for (const memoryBytes of [2 ** 30, 2 ** 18, 2 ** 12]) {
      const sorter = sorterOf(stream(COUNT, timeOf), memoryBytes);
      expect(sorter.spilledBytes > 0).toBe(memoryBytes < 2 ** 20);
      expect(sorter.recordCount).toBe(COUNT);
      expect(JSON.stringify(await drained(sorter)) === expected).toBe(true);
    }
    expect(readdirSync(folder)).toStrictEqual([]);
  });

  test('what a chunk held before does not show in ties', async () => {
    const filler = Array.from({ length: 300 }, (_, i) => ({
      ...TIED,
      timeMs: -1,
      bytes: Array.from({ length: 97 }, () => (i * 37) & 0xff),
    }));
    const ties = Array.from({ length: 600 }, (_, i) => ({
      ...TIED,
      // The last bytes lie in the last word or the one before, as the record has an odd number of words or not.
      words: i % 2 === 0 ? [] : [5],
      bytes: [(i * 7) & 0xff, (i * 11) & 0xff, (i * 13) & 0xff].slice(i % 3),
    }));
    const items = [...filler, ...ties];
    expect(await drained(sorterOf(items, 2 ** 13))).toStrictEqual(items.toSorted(compare));
  });

  test('records longer than a chunk, a read buffer and a write buffer', async () => {
    const items = [3, 1, 2].map((timeMs) => ({
      timeMs,
      keyHi: 0,
      keyLo: 0,
      tieHi: 0,
      tieLo: 0,
      words: Array.from({ length: 70_000 }, (_, i) => i * timeMs),
      bytes: Array.from({ length: 1_048_577 }, (_, i) => (i * timeMs) & 0xff),
    }));
    const sorter = sorterOf(items, 1);
    expect(sorter.spilledBytes).toBeGreaterThan(2_000_000);
    const found = await drained(sorter);
    expect(found.map((one) => one.timeMs)).toStrictEqual([1, 2, 3]);
    expect(found[0]!.words).toStrictEqual(items[1]!.words);
    expect(Buffer.from(found[2]!.bytes).equals(Buffer.from(items[0]!.bytes))).toBe(true);
  });

  test('nothing in, nothing out', async () => {
    expect(await drained(new Sorter({ memoryBytes: 2 ** 20, directory: folder }))).toStrictEqual([]);
  });
});

describe('the temporary folder', () => {
  const spilling = (): Sorter =>
    sorterOf(
      stream(5000, (i) => -i),
      2 ** 14,
    );

  test('is there while needed, and gone when the reader stops early', async () => {
    const sorter = spilling();
    expect(readdirSync(folder)).toHaveLength(1);
    for await (const batch of sorter.drain()) {
      expect(batch.timeMs(0)).toBe(-4999);
      break;
    }
    expect(readdirSync(folder)).toStrictEqual([]);
  });

  test('is gone when the reader fails, and when the sorter is closed undrained', async () => {
    const reading = (async () => {
      for await (const batch of spilling().drain()) throw new Error(`stopped at ${batch.count}`);
    })();
    await expect(reading).rejects.toThrow('stopped');
    const sorter = spilling();
    sorter.close();
    sorter.close();
    expect(readdirSync(folder)).toStrictEqual([]);
  });

  test('that cannot be made is an error with its name', () => {
    const directory = join(folder, 'missing');
    const sorter = new Sorter({ memoryBytes: 1, directory });
    const fill = (): void => {
      for (let i = 0; i < 1000; i++) sorter.append(i, 0, 0, 0, 0, new Uint32Array(8), 8, new Uint8Array(100));
    };
    expect(fill).toThrow(expect.objectContaining({ name: 'ChorusError', code: 'sorter_io' }));
    expect(fill).toThrow(InvariantError);
  });

  test('whose files someone has cut is an error, never a shorter result', async () => {
    const sorter = spilling();
    const [made] = readdirSync(folder);
    const [run] = readdirSync(join(folder, made!));
    truncateSync(join(folder, made!, run!), 5000);
    await expect(drained(sorter)).rejects.toThrow(InvariantError);
    expect(readdirSync(folder)).toStrictEqual([]);
  });
});

test('a sorter is drained once', async () => {
  const sorter = sorterOf(
    stream(10, (i) => i),
    2 ** 20,
  );
  expect(await drained(sorter)).toHaveLength(10);
  await expect(drained(sorter)).rejects.toThrow(InvariantError);
});
