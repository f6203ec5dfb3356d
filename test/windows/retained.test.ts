import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Random } from '../../src/simulate/random.ts';
import { RetainedFrames } from '../../src/windows/retained.ts';

interface Frame {
  readonly position: number;
  readonly source: number;
  readonly to: number;
  readonly watermark: number;
  readonly accepted: number;
  readonly newestMs: number;
}

const told = ({ source, to, watermark, accepted }: Frame): number[] => [source, to, watermark, accepted];

describe('frames that are retained', () => {
  test('go from the front as soon as all their posts are out of the window, as from a list', () => {
    let gone = 0;
    let heldBack = 0;
    fc.assert(
      fc.property(fc.nat(), (seed) => {
        const random = new Random(seed);
        const retained = new RetainedFrames();
        const model: Frame[] = [];
        let position = 0;
        let nowMs = 0;
        for (let step = random.between(10, 400); step > 0; step--) {
          // Bursts fill the arrays beyond their first size, with a start that has moved.
          for (let i = random.below(random.below(20) === 0 ? 900 : 10); i > 0; i--) {
            position += random.between(1, 3);
            const frame = {
              position,
              source: random.below(65_536),
              to: random.below(2 ** 31) * 8,
              watermark: random.below(9) === 0 ? -Infinity : nowMs - random.below(9),
              accepted: random.below(4097),
              newestMs: random.below(4) === 0 ? -Infinity : nowMs - random.below(30),
            };
            model.push(frame);
            retained.add(position, frame.source, frame.to, frame.watermark, frame.accepted, frame.newestMs);
          }
          nowMs += random.below(20);
          const expiredMs = nowMs - 25;
          const expected: number[][] = [];
          while (model.length > 0 && model[0]!.newestMs <= expiredMs) expected.push(told(model.shift()!));
          const said: number[][] = [];
          retained.expire(expiredMs, (...frame) => said.push(frame));
          expect(said).toEqual(expected);
          expect([retained.count, retained.low]).toEqual([model.length, model[0]?.position]);
          gone += said.length;
          heldBack += model.filter(({ newestMs }) => newestMs <= expiredMs).length;
        }
      }),
      { numRuns: 60 },
    );
    expect(gone).toBeGreaterThan(10_000);
    expect(heldBack).toBeGreaterThan(1000);
  });

  test('take no more room when as many go as come', () => {
    const retained = new RetainedFrames();
    for (let i = 0; i < 500; i++) retained.add(i, 0, i, i, 1, i);
    const { bytes } = retained;
    for (let i = 500; i < 50_000; i++) {
      retained.add(i, 0, i, i, 1, i);
      retained.expire(i - 500, () => undefined);
    }
    expect(retained.count).toBe(500);
    expect(retained.bytes).toBe(bytes);
  });
});
