import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  ENTRY,
  ENTRY_HEADER_WORDS,
  ENTRY_WORDS_MAX,
  entryBandKey,
  entryBands,
  entryIsHome,
  entryKeyCount,
  entryLength,
  entryRecordAt,
  SIMHASH_BANDS,
  writeRetraction,
} from '../../src/frames/entry.ts';
import { Router } from '../../src/frames/route.ts';
import { Random } from '../../src/simulate/random.ts';
import { randomEntry, randomRetraction } from '../support/frames.ts';

interface Routed {
  readonly target: number;
  readonly words: Uint32Array;
}

/** The entry as the partitions get it, in the order in which the router names them. */
function routed(router: Router, entry: Uint32Array): Routed[] {
  router.route(entry, 0);
  return Array.from(router.targets.subarray(0, router.count), (target) => {
    const out = new Uint32Array(ENTRY_WORDS_MAX + 3);
    const length = router.write(entry, 0, target, out, 3);
    expect(length).toBe(entryLength(out, 3));
    return { target, words: out.slice(3, 3 + length) };
  });
}

/** What an entry is filed under: keys by themselves, bands by what they look up. */
function filedUnder(words: Uint32Array): string[] {
  const keys = Array.from(words.subarray(ENTRY.keys, ENTRY.keys + entryKeyCount(words, 0)), (key) => `key ${key}`);
  for (let band = 0; band < SIMHASH_BANDS; band++) {
    if ((entryBands(words, 0) & (1 << band)) !== 0) keys.push(`band ${entryBandKey(words, 0, band)}`);
  }
  return keys;
}

const entryAndPartitions = fc.record({ seed: fc.nat(), partitions: fc.integer({ min: 1, max: 12 }) });

describe('a router', () => {
  test('brings each key and band to exactly one partition, always the same, with all else of the entry', () => {
    const targetOf = new Map<string, number>();
    fc.assert(
      fc.property(entryAndPartitions, ({ seed, partitions }) => {
        const entry = randomEntry(new Random(seed), 1_700_000_000_123);
        const parts = routed(new Router(partitions), entry);
        expect(parts.length).toBeGreaterThan(0);
        expect(new Set(parts.map(({ target }) => target)).size).toBe(parts.length);
        const filed: string[] = [];
        for (const { target, words } of parts) {
          expect(target).toBeLessThan(partitions);
          expect(words.slice(1, ENTRY_HEADER_WORDS)).toEqual(entry.slice(1, ENTRY_HEADER_WORDS));
          expect((words[0]! & ~0xff00) >>> 0).toBe((entry[0]! & ~0xff00) >>> 0);
          expect(words.slice(entryRecordAt(words, 0))).toEqual(entry.slice(entryRecordAt(entry, 0)));
          for (const key of filedUnder(words)) {
            filed.push(key);
            const name = `${partitions} ${key}`;
            expect(targetOf.get(name) ?? target).toBe(target);
            targetOf.set(name, target);
          }
        }
        expect(filed.toSorted()).toEqual(filedUnder(entry).toSorted());
      }),
      { numRuns: 2000 },
    );
    expect(targetOf.size).toBeGreaterThan(5000);
  });

  test('brings a retraction to one partition as it is, all of one post to the same', () => {
    const targets = new Set<number>();
    fc.assert(
      fc.property(entryAndPartitions, ({ seed, partitions }) => {
        const random = new Random(seed);
        const router = new Router(partitions);
        // What an entry before it has left behind must not show.
        routed(router, randomEntry(random, 5));
        const entry = randomRetraction(random, 1_700_000_000_123);
        const [part, ...others] = routed(router, entry);
        expect(others).toEqual([]);
        expect(part!.words).toEqual(entry);
        const later = entry.slice();
        writeRetraction(later, 7, { hi: entry[ENTRY.postHi]!, lo: entry[ENTRY.postLo]! }, 3);
        expect(routed(router, later).map(({ target }) => target)).toEqual([part!.target]);
        targets.add(part!.target);
      }),
    );
    expect(targets.size).toBeGreaterThan(5);
  });

  test('makes one partition the home: that of the first key, of the first band without keys, of the text without both', () => {
    fc.assert(
      fc.property(entryAndPartitions, ({ seed, partitions }) => {
        const entry = randomEntry(new Random(seed), 1);
        const parts = routed(new Router(partitions), entry);
        const homes = parts.filter(({ words }) => entryIsHome(words, 0));
        expect(homes.map(({ target }) => target)).toEqual([parts[0]!.target]);
        const [first] = filedUnder(entry);
        if (first !== undefined) expect(filedUnder(homes[0]!.words)).toContain(first);
        else expect(parts.length).toBe(1);
      }),
      { numRuns: 2000 },
    );
  });

  test('sends all posts of a text to the same partitions, whatever was routed before', () => {
    fc.assert(
      fc.property(entryAndPartitions, ({ seed, partitions }) => {
        const random = new Random(seed);
        const router = new Router(partitions);
        const entry = randomEntry(random, 1);
        const again = entry.slice();
        again[ENTRY.postLo] = random.word();
        again[ENTRY.timeLo] = random.word();
        const first = routed(router, entry).map(({ target }) => target);
        routed(router, randomEntry(random, 2));
        expect(routed(router, again).map(({ target }) => target)).toEqual(first);
      }),
    );
  });

  test('leaves an entry for one partition as it is', () => {
    fc.assert(
      fc.property(fc.nat(), (seed) => {
        const entry = randomEntry(new Random(seed), 99);
        entry[0]! |= 0x8000;
        expect(routed(new Router(1), entry)).toEqual([{ target: 0, words: entry }]);
      }),
    );
  });

  test('spreads keys evenly', () => {
    const random = new Random(7);
    const counts = Array.from({ length: 8 }, () => 0);
    for (let i = 0; i < 4000; i++) {
      for (const { target, words } of routed(new Router(8), randomEntry(random, i)))
        counts[target]! += filedUnder(words).length;
    }
    const mean = counts.reduce((sum, count) => sum + count, 0) / 8;
    for (const count of counts) expect(Math.abs(count - mean) / mean).toBeLessThan(0.1);
  });
});
