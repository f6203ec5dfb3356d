import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { InvariantError } from '../../src/errors.ts';
import { decodeNumber, encodeNumber, SourceChain } from '../../src/frames/chain.ts';
import { FrameError, POSITION_MAX, type FrameSpan } from '../../src/frames/frame.ts';

const span = (from: number, to: number, watermark = -Infinity): FrameSpan => ({ from, to, watermark });

describe('a chain', () => {
  test('begins wherever the first frame of a source does', () => {
    const chain = new SourceChain(2);
    expect([chain.expected(0), chain.watermark(0), chain.least]).toEqual([-1, -Infinity, -Infinity]);
    chain.check(0, span(700, 710));
    chain.pass(0, span(700, 710));
    expect([chain.expected(0), chain.expected(1)]).toEqual([710, -1]);
  });

  test('F1: refuses a frame that begins behind what was reached, and says what was lost', () => {
    const chain = new SourceChain(3);
    chain.pass(2, span(0, 10));
    chain.check(2, span(10, 12));
    chain.check(2, span(4, 6));
    expect(() => chain.check(2, span(11, 12))).toThrow(InvariantError);
    expect(() => chain.check(2, span(11, 12))).toThrow(/F1.*source 2.*position 10.*begins at 11.*retention/u);
    chain.check(0, span(11, 12));
  });

  test('F2, F3: neither a position nor a watermark ever falls', () => {
    fc.assert(
      fc.property(
        fc.array(
          fc.record({
            source: fc.nat({ max: 2 }),
            to: fc.nat({ max: 50 }),
            watermark: fc.integer({ min: -9, max: 99 }),
          }),
        ),
        (frames) => {
          const chain = new SourceChain(3);
          const model = [0, 1, 2].map(() => ({ to: -1, watermark: -Infinity }));
          for (const { source, to, watermark } of frames) {
            chain.pass(source, span(0, to, watermark));
            const known = model[source]!;
            model[source] = { to: Math.max(known.to, to), watermark: Math.max(known.watermark, watermark) };
          }
          expect([0, 1, 2].map((source) => chain.expected(source))).toEqual(model.map(({ to }) => to));
          expect([0, 1, 2].map((source) => chain.watermark(source))).toEqual(model.map(({ watermark }) => watermark));
          const least = Math.min(...model.map(({ watermark }) => watermark));
          expect(chain.least).toBe(least);
          expect(chain.watermark(chain.slowest)).toBe(least);
        },
      ),
    );
  });

  test('is written in at most 20 characters a source, and read as it was', () => {
    const number = fc.oneof(fc.constant(-1), fc.integer({ min: 0, max: POSITION_MAX }));
    const watermark = fc.oneof(fc.constant(-Infinity), fc.integer({ min: -8.64e15, max: 8.64e15 }));
    fc.assert(
      fc.property(fc.array(fc.tuple(number, watermark), { minLength: 1, maxLength: 64 }), (sources) => {
        const chain = new SourceChain(sources.length);
        for (const [source, [to, time]] of sources.entries()) chain.pass(source, span(0, to, time));
        const text = chain.encode();
        expect(text.length).toBeLessThanOrEqual(20 * sources.length);
        const read = SourceChain.decode(text, sources.length);
        expect(sources.map((_, i) => [read.expected(i), read.watermark(i)])).toEqual(sources);
        expect(read.encode()).toBe(text);
      }),
    );
  });

  test.each([
    '',
    '1',
    '1.',
    '.1',
    '1.2.3',
    '-.5',
    '-2.5',
    '1.2,',
    '1.2,3.4',
    ' 1.2',
    '1.0x5',
    '1.NaN',
    '1.2e3!',
    '1.Z',
  ])('refuses the text "%s"', (text) => {
    expect(() => SourceChain.decode(text, 1)).toThrow(FrameError);
  });

  test('refuses whatever it has not written', () => {
    let refused = 0;
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(...'019az.,-;'), maxLength: 12 }), (text) => {
        try {
          expect(SourceChain.decode(text, 1).encode()).toBe(text);
        } catch (error) {
          if (!(error instanceof FrameError)) throw error;
          refused++;
        }
      }),
      { numRuns: 3000 },
    );
    expect(refused).toBeGreaterThan(1000);
  });

  test('numbers are written in base 36, "-" for the watermark before the first post', () => {
    expect([encodeNumber(-Infinity), encodeNumber(-1), encodeNumber(35), encodeNumber(36)]).toEqual([
      '-',
      '-1',
      'z',
      '10',
    ]);
    expect(['-', '-1', 'z', '10'].map(decodeNumber)).toEqual([-Infinity, -1, 35, 36]);
    expect(() => decodeNumber(undefined)).toThrow(FrameError);
  });
});
