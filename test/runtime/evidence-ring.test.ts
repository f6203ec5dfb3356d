import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { InvariantError } from '../../src/errors.ts';
import { hex64 } from '../../src/fingerprints/hash.ts';
import { EvidenceRing } from '../../src/runtime/evidence-ring.ts';

const MIB = 1024 * 1024;

describe('the evidence ring', () => {
  test('every post in the window is read back, as from a plain array', () => {
    const size = fc.oneof(fc.nat(300), fc.integer({ min: MIB, max: 3 * MIB }));
    const posts = fc.array(fc.record({ gapMs: fc.nat(6), size }), { minLength: 1, maxLength: 40 });
    fc.assert(
      fc.property(posts, fc.integer({ min: 1, max: 25 }), (all, windowMs) => {
        const ring = new EvidenceRing(windowMs);
        const kept: { timeMs: number; reference: number; key: string; size: number; fill: number; place: unknown }[] =
          [];
        let timeMs = 0;
        for (const [i, post] of all.entries()) {
          timeMs += post.gapMs;
          const bytes = new Uint8Array(post.size).fill(i + 1);
          const place = i % 3 === 0 ? undefined : { partition: i, offset: 2 ** 33 + i };
          const reference = ring.append(timeMs, 0xffff_ff00 + i, i, bytes, place);
          kept.push({ timeMs, reference, key: hex64(0xffff_ff00 + i, i), size: post.size, fill: i + 1, place });
          for (const old of kept) {
            if (old.timeMs <= timeMs - windowMs) continue;
            const { key, bytes: read, place: found } = ring.read(old.reference);
            expect(found).toEqual(old.place);
            expect(key).toBe(old.key);
            expect(read.byteLength).toBe(old.size);
            expect(read[0] ?? old.fill).toBe(old.fill);
            expect(read.at(-1) ?? old.fill).toBe(old.fill);
          }
        }
      }),
      { numRuns: 60 },
    );
  });

  test('blocks whose posts have left the window are let go', () => {
    const ring = new EvidenceRing(10);
    const bytes = new Uint8Array(3 * MIB);
    for (let timeMs = 0; timeMs < 300; timeMs++) ring.append(timeMs, 0, timeMs, bytes);
    expect(ring.bytes).toBeLessThanOrEqual(12 * 4 * MIB);
  });

  test('a post let go is no evidence, nor is what has taken its place', () => {
    const ring = new EvidenceRing(2);
    const bytes = new Uint8Array(3 * MIB);
    const first = ring.append(0, 1, 1, bytes);
    for (let timeMs = 10; timeMs < 14; timeMs++) ring.append(timeMs, 2, 2, bytes);
    expect(() => ring.read(first)).toThrow(InvariantError);
  });

  test('more than a block is refused', () => {
    const ring = new EvidenceRing(10);
    expect(ring.read(ring.append(0, 1, 2, new Uint8Array(4 * MIB - 32))).bytes.byteLength).toBe(4 * MIB - 32);
    expect(() => ring.append(0, 1, 2, new Uint8Array(4 * MIB - 31))).toThrow(RangeError);
  });
});
