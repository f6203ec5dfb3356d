import fc from 'fast-check';
import { expect, test } from 'vitest';
import { isoTime } from '../../src/evidence/iso.ts';

const DAY_MS = 86_400_000;

test('a time is written as Date writes it, whichever came before', () => {
  const time = fc.oneof(
    fc.integer({ min: 0, max: 253_402_300_799_999 }),
    fc.integer({ min: 0, max: 30_000 }).map((day) => day * DAY_MS),
    fc.integer({ min: 0, max: 30_000 }).map((day) => day * DAY_MS - 1),
    fc.constantFrom(-1, 0, 253_402_300_799_999, 253_402_300_800_000, 8.64e15, -8.64e15, 1.5),
  );
  fc.assert(
    fc.property(fc.array(time, { maxLength: 20 }), (times) => {
      expect(times.map(isoTime)).toEqual(times.map((ms) => new Date(ms).toISOString()));
    }),
    { numRuns: 2000 },
  );
});

test('what is no time is refused as Date refuses it', () => {
  for (const ms of [Number.NaN, Infinity, 8.64e15 + 1]) expect(() => isoTime(ms)).toThrow(RangeError);
});
