import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { TimerQueue } from '../../src/windows/timers.ts';

describe('the timer queue', () => {
  test('gives out what a sorted list would, ties in the order of adding', () => {
    const step = fc.oneof(fc.record({ add: fc.nat(20) }), fc.record({ due: fc.nat(25) }));
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        const queue = new TimerQueue<number>();
        const list: { dueMs: number; value: number }[] = [];
        let added = 0;
        for (const next of steps) {
          if ('add' in next) {
            queue.add(next.add, added);
            list.push({ dueMs: next.add, value: added++ });
            list.sort((a, b) => a.dueMs - b.dueMs || a.value - b.value);
          } else {
            const expected = list[0] !== undefined && list[0].dueMs <= next.due ? list.shift() : undefined;
            const timer = queue.due(next.due);
            expect(timer?.value).toBe(expected?.value);
            expect(timer?.dueMs).toBe(expected?.dueMs);
          }
          expect(queue.size).toBe(list.length);
        }
        for (const { value } of list) expect(queue.due(Infinity)?.value).toBe(value);
        expect(queue.due(Infinity)).toBeUndefined();
      }),
    );
  });

  test('a timer is due at its time, not before', () => {
    const queue = new TimerQueue<string>();
    queue.add(10, 'later');
    queue.add(5, 'sooner');
    expect(queue.due(4)).toBeUndefined();
    expect(queue.due(5)?.value).toBe('sooner');
    expect(queue.due(9)).toBeUndefined();
    expect(queue.due(10)?.value).toBe('later');
  });
});
