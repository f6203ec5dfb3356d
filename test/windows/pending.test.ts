import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ENTRY, entryTimeMs } from '../../src/frames/entry.ts';
import { FingerprintsFrame } from '../../src/frames/fingerprints.ts';
import { Random } from '../../src/simulate/random.ts';
import { PendingEntries } from '../../src/windows/pending.ts';
import { fingerprintsFrame, randomEntry } from '../support/frames.ts';

const ROUTE = { topology: '0123456789abcdef', source: 0, sources: 3, target: 0, targets: 1 };

interface Kept {
  readonly reference: number;
  readonly order: readonly number[];
}

/** A frame of entries that are often equal in time, key, text and what else tells copies apart but their place. */
function frameOf(random: Random, count: number, newestMs: number): FingerprintsFrame {
  const entries = Array.from({ length: count }, (_, offset) => {
    const words = randomEntry(random, newestMs - random.below(10));
    words[ENTRY.meta] = (words[ENTRY.meta]! & 0xffff) + random.below(2) * 2 ** 31;
    words[ENTRY.postHi] = random.pick([3, 2 ** 31 + 1, 2 ** 32 - 1]);
    words[ENTRY.postLo] = random.below(2);
    words[ENTRY.textHi] = random.below(2);
    words[ENTRY.textLo] = random.below(2) * (2 ** 32 - 1);
    const evidence = Uint8Array.from({ length: random.between(1, 3) }, () => random.below(2) * 255);
    return { words, offset, evidence };
  });
  const route = { ...ROUTE, source: random.below(3) };
  return new FingerprintsFrame(fingerprintsFrame(route, { from: 0, to: count, watermark: 0 }, entries));
}

/** The total order as a list of numbers: event time, post key, text, length of the post, what was dropped of it, and its place. */
function orderOf(frame: FingerprintsFrame, i: number): number[] {
  const at = frame.starts[i]!;
  const hashes = Array.from(frame.words.subarray(at + ENTRY.postHi, at + ENTRY.textLo + 1));
  const length = frame.evidence(i).byteLength;
  return [entryTimeMs(frame.words, at), ...hashes, length, frame.words[at]!, frame.header.source, frame.offset(i)];
}

function compare(a: readonly number[], b: readonly number[]): number {
  for (let i = 0; i < Math.min(a.length, b.length); i++) if (a[i] !== b[i]) return a[i]! - b[i]!;
  return a.length - b.length;
}

describe('entries that wait', () => {
  test('leave in the total order when the watermark has passed them, as from a sorted list', () => {
    let left = 0;
    fc.assert(
      fc.property(fc.nat(), fc.integer({ min: 1, max: 40 }), (seed, steps) => {
        const random = new Random(seed);
        const pending = new PendingEntries();
        let model: Kept[] = [];
        let newestMs = 2 ** 32 - 20;
        let reference = 0;
        for (let step = 0; step < steps; step++) {
          newestMs += random.below(12);
          // Now and then more than the arrays begin with.
          const frame = frameOf(random, random.below(step === 0 ? 1500 : 12), newestMs);
          for (let i = 0; i < frame.entryCount; i++) {
            pending.add(frame, i, reference);
            model.push({ reference: reference++, order: orderOf(frame, i) });
          }
          expect(pending.count).toBe(model.length);
          const watermark = newestMs - random.below(14);
          pending.take(watermark);
          const ready = model
            .filter(({ order }) => order[0]! < watermark)
            .toSorted((a, b) => compare(a.order, b.order));
          const taken = Array.from(pending.ready.subarray(0, pending.readyCount), (at) => ({
            reference: pending.reference(at),
            order: orderOf(pending.frame(at), pending.index(at)),
          }));
          // Frames of one source that begin at the same offset may change places.
          expect(taken.map(({ order }) => order)).toEqual(ready.map(({ order }) => order));
          expect(taken.map((one) => one.reference).toSorted((a, b) => a - b)).toEqual(
            ready.map((one) => one.reference).toSorted((a, b) => a - b),
          );
          left += ready.length;
          pending.drop(watermark);
          model = model.filter(({ order }) => order[0]! >= watermark);
          expect(pending.count).toBe(model.length);
          expect(pending.earliestMs).toBe(Math.min(Infinity, ...model.map(({ order }) => order[0]!)));
        }
      }),
      { numRuns: 60 },
    );
    expect(left).toBeGreaterThan(1000);
  });

  test('stay when nothing has passed them, and asking twice says the same', () => {
    const pending = new PendingEntries();
    pending.take(5);
    expect([pending.readyCount, pending.earliestMs]).toEqual([0, Infinity]);
    const frame = frameOf(new Random(1), 3, 1000);
    for (let i = 0; i < 3; i++) pending.add(frame, i, i);
    const earliest = pending.earliestMs;
    pending.take(earliest);
    expect(pending.readyCount).toBe(0);
    pending.drop(earliest);
    expect(pending.count).toBe(3);
    pending.take(1001);
    const first = Array.from(pending.ready.subarray(0, 3));
    pending.take(1001);
    expect(Array.from(pending.ready.subarray(0, 3))).toEqual(first);
  });
});
