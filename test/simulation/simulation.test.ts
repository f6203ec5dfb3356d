import { describe, expect, test } from 'vitest';
import { FAULTS, Fired } from './faults.ts';
import { simulateRun } from './simulation.ts';

const RUNS = 250;

describe('a deployment with everything going wrong', () => {
  // 13 s on a machine with nothing else to do.
  test('gives the alerts of one process over the sorted posts, byte for byte', { timeout: 180_000 }, async () => {
    const fired = new Fired();
    let alerts = 0;
    for (let seed = 1; seed <= RUNS; seed++) {
      const { faults, alerts: revisions, difference } = await simulateRun(seed);
      expect(difference, `npm run sim -- --seed ${seed} --runs 1`).toBeUndefined();
      for (const [fault, times] of faults) fired.note(fault, times);
      alerts += revisions;
    }
    expect(FAULTS.filter((fault) => !fired.has(fault))).toEqual([]);
    expect(alerts).toBeGreaterThan(1000);
  });
});
