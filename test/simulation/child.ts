/** The process of main.ts that does every so many-th run: `child.ts FIRST END STEP`. */
import { Fired, type Fault } from './faults.ts';
import { simulateRun } from './simulation.ts';

/** What some runs have come to. */
export interface Report {
  readonly runs: number;
  readonly alerts: number;
  readonly faults: readonly (readonly [Fault, number])[];
  /** The last seed. */
  readonly seed: number;
  readonly difference: string | undefined;
}

const RUNS_PER_REPORT = 10;

const [first = 0, end = 0, step = 1] = process.argv.slice(2).map(Number);
let faults = new Fired();
let runs = 0;
let alerts = 0;

function send(report: Report): Promise<void> {
  return new Promise((resolve, reject) => {
    process.send!(report, undefined, undefined, (error: Error | null) => (error === null ? resolve() : reject(error)));
  });
}

for (let seed = first; seed < end; seed += step) {
  const outcome = await simulateRun(seed);
  runs++;
  alerts += outcome.alerts;
  for (const [fault, times] of outcome.faults) faults.note(fault, times);
  const { difference } = outcome;
  if (difference === undefined && runs < RUNS_PER_REPORT && seed + step < end) continue;
  await send({ runs, alerts, faults: Array.from(faults), seed, difference });
  if (difference !== undefined) break;
  faults = new Fired();
  runs = 0;
  alerts = 0;
}
process.disconnect();
