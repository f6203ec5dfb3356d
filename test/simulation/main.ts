/** `npm run sim -- --seed N --runs M`: so many seeded runs, one after the other; exit code 1 at the first that differs. */
import { parseArgs } from 'node:util';
import { FAULTS, simulateRun, type Fault } from './simulation.ts';

const { values } = parseArgs({
  options: { seed: { type: 'string', default: '1' }, runs: { type: 'string', default: '1000' } },
});
const first = Number(values.seed);
const runs = Number(values.runs);
const fired = new Map<Fault, number>();
let alerts = 0;
const startedMs = performance.now();

for (let seed = first; seed < first + runs; seed++) {
  const outcome = await simulateRun(seed);
  alerts += outcome.alerts;
  for (const [fault, times] of outcome.faults) fired.set(fault, (fired.get(fault) ?? 0) + times);
  if (outcome.difference !== undefined) {
    process.stderr.write(`seed ${seed}: ${outcome.difference}\n`);
    process.exit(1);
  }
}
const seconds = (performance.now() - startedMs) / 1000;
for (const fault of FAULTS) process.stdout.write(`${String(fired.get(fault) ?? 0).padStart(9)}  ${fault}\n`);
process.stdout.write(`${runs} runs, ${alerts} revisions, every one the same; ${seconds.toFixed(1)} s\n`);
if (FAULTS.some((fault) => !fired.has(fault)))
  process.stdout.write('some faults have not fired: more runs are needed\n');
