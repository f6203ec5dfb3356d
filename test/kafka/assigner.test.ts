import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { assignPartitions, type Claim } from '../../src/kafka/assigner.ts';

const claim = (name: string, owned: number[] = [], generation = 0, local: number[] = []): Claim => ({
  name,
  owned,
  generation,
  local,
});

describe('sharing out partitions', () => {
  test('all to one', () => {
    expect(assignPartitions([claim('a')], 3)).toEqual([[0, 1, 2]]);
  });

  test('a newcomer takes half, the rest stays', () => {
    expect(assignPartitions([claim('a', [0, 1, 2, 3]), claim('b')], 4)).toEqual([
      [0, 1],
      [2, 3],
    ]);
  });

  test('who comes back gets what lies on its disk', () => {
    expect(assignPartitions([claim('b', [0, 1, 2, 3], 7), claim('a', [], -1, [0, 2])], 4)).toEqual([
      [1, 3],
      [0, 2],
    ]);
  });

  test('of two that claim one partition the later generation had it', () => {
    expect(assignPartitions([claim('a', [0, 1], 3), claim('b', [0], 5)], 2)).toEqual([[1], [0]]);
  });

  test('more members than partitions', () => {
    expect(assignPartitions([claim('c'), claim('a'), claim('b')], 1)).toEqual([[], [0], []]);
  });

  test('always complete, balanced, stable and the same whatever the order of the claims', () => {
    const partition = fc.integer({ min: -2, max: 25 });
    const claims = fc.uniqueArray(
      fc.record({
        name: fc.string({ minLength: 1, maxLength: 4 }),
        owned: fc.array(partition, { maxLength: 20 }),
        generation: fc.integer({ min: -1, max: 4 }),
        local: fc.array(partition, { maxLength: 20 }),
      }),
      { minLength: 1, maxLength: 7, selector: ({ name }) => name },
    );
    fc.assert(
      fc.property(claims, fc.integer({ min: 0, max: 24 }), (given, count) => {
        const assigned = assignPartitions(given, count);
        expect(assigned.flat().sort((a, b) => a - b)).toEqual(Array.from({ length: count }, (_, i) => i));
        const sizes = assigned.map((partitions) => partitions.length);
        expect(Math.max(...sizes) - Math.min(...sizes)).toBeLessThanOrEqual(1);
        expect(assignPartitions(given.toReversed(), count)).toEqual(assigned.toReversed());
        const again = given.map((one, index) => ({ ...one, owned: assigned[index]!, generation: 9 }));
        expect(assignPartitions(again, count)).toEqual(assigned);
      }),
    );
  });
});
