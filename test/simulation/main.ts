/**
 * `npm run sim -- --seed N --runs M [--jobs J]`: so many seeded runs, in one process for each core. Exit code 1 at the first
 * run that differs, with the command that repeats it alone.
 */
import { fork, type ChildProcess } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import type { Report } from './child.ts';
import { FAULTS, Fired } from './faults.ts';

const PROGRESS_EVERY_MS = 5000;

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: '1' },
    runs: { type: 'string', default: '1000' },
    jobs: { type: 'string', default: String(availableParallelism()) },
  },
});

function wholeOf(name: keyof typeof values): number {
  const value = Number(values[name]);
  if (Number.isSafeInteger(value) && value >= (name === 'seed' ? 0 : 1)) return value;
  process.stderr.write(`--${name} is "${values[name]}", must be a whole number\n`);
  process.exit(2);
}

const first = wholeOf('seed');
const runs = wholeOf('runs');
const jobs = Math.min(wholeOf('jobs'), runs);
const fired = new Fired();
const children = new Set<ChildProcess>();
const startedMs = performance.now();
let done = 0;
let alerts = 0;
let toldMs = startedMs;
let exitCode = 0;

function fail(message: string): void {
  if (exitCode === 0) process.stderr.write(`${message}\n`);
  exitCode = 1;
  for (const child of children) child.kill();
}

function take(report: Report): void {
  done += report.runs;
  alerts += report.alerts;
  for (const [fault, times] of report.faults) fired.note(fault, times);
  if (report.difference !== undefined) {
    fail(`seed ${report.seed}: ${report.difference}\nrepeat it with: npm run sim -- --seed ${report.seed} --runs 1`);
  }
  const nowMs = performance.now();
  if (nowMs - toldMs < PROGRESS_EVERY_MS) return;
  toldMs = nowMs;
  const seconds = (nowMs - startedMs) / 1000;
  process.stderr.write(`${done} of ${runs} runs, ${alerts} revisions, ${seconds.toFixed(0)} s\n`);
}

for (let job = 0; job < jobs; job++) {
  // Every seed of its own residue: long and short runs are spread evenly.
  const child = fork(new URL('child.ts', import.meta.url), [first + job, first + runs, jobs].map(String));
  children.add(child);
  child.on('message', (report) => take(report as Report));
  child.on('exit', (code, signal) => {
    children.delete(child);
    if (code !== 0) fail(`a process of the simulation ended with ${signal ?? code}`);
    if (children.size > 0) return;
    if (exitCode === 0) summarise();
    process.exitCode = exitCode;
  });
}

function summarise(): void {
  for (const fault of FAULTS) process.stdout.write(`${String(fired.get(fault) ?? 0).padStart(9)}  ${fault}\n`);
  const seconds = ((performance.now() - startedMs) / 1000).toFixed(1);
  process.stdout.write(`${done} runs, ${alerts} revisions, every one the same; ${seconds} s on ${jobs} cores\n`);
  if (FAULTS.some((fault) => !fired.has(fault)))
    process.stdout.write('some faults have not fired: more runs are needed\n');
}
