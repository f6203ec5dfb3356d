/**
 * Asks whether the tests would notice a bug: `npx tsx scripts/mutations.ts`.
 *
 * Copies the sources and tests to a temporary folder, makes sure that the tests named in test/mutations/mutations.ts pass
 * there, then plants one bug after the other and runs its tests. Exit code 1 if a bug goes unnoticed, or if one cannot be
 * planted because the text that it replaces is gone or occurs twice. It takes some minutes, so it is no part of `npm test`.
 */
import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MUTATIONS, type Mutation } from '../test/mutations/mutations.ts';

const ROOT = join(import.meta.dirname, '..');
const COPIED = ['src', 'test', 'tables', 'schemas', 'package.json', 'tsconfig.json', 'vitest.config.ts'];
/** A bug that hangs a test is not noticed by it: the run is given up. */
const RUN_MAX_MS = 300_000;

/** What we read of the runner's report. */
interface Report {
  readonly numPassedTests: number;
  readonly testResults: readonly { readonly assertionResults: readonly { status: string; fullName: string }[] }[];
}

interface Outcome {
  readonly passed: number;
  /** Names of tests. */
  readonly failed: readonly string[];
}

/** Runs test files; undefined if they could not be run to their end. */
function run(folder: string, tests: readonly string[]): Outcome | undefined {
  const report = join(folder, 'report.json');
  rmSync(report, { force: true });
  const vitest = join(ROOT, 'node_modules/vitest/vitest.mjs');
  const args = [vitest, 'run', '--bail=1', '--reporter=json', `--outputFile=${report}`, ...tests];
  spawnSync(process.execPath, args, { cwd: folder, stdio: 'ignore', timeout: RUN_MAX_MS });
  try {
    const { numPassedTests, testResults } = JSON.parse(readFileSync(report, 'utf8')) as Report;
    const failed = testResults.flatMap((file) => file.assertionResults).filter(({ status }) => status === 'failed');
    return { passed: numPassedTests, failed: failed.map(({ fullName }) => fullName) };
  } catch {
    return undefined;
  }
}

/** What is wrong with the tests or the mutation, or undefined for a bug that was noticed. */
function complaintAbout(folder: string, { file, search, replacement, tests }: Mutation): string | undefined {
  const path = join(folder, file);
  const sound = readFileSync(path, 'utf8');
  const occurrences = sound.split(search).length - 1;
  if (occurrences !== 1)
    return `cannot be planted: ${file} has ${occurrences} times ${JSON.stringify(search)}, must be 1`;
  writeFileSync(path, sound.split(search).join(replacement));
  const outcome = run(folder, tests);
  writeFileSync(path, sound);
  if (outcome === undefined) return `${tests.join(', ')} did not come to an end`;
  return outcome.failed.length > 0 ? undefined : `not noticed by ${tests.join(', ')}`;
}

function main(folder: string): number {
  for (const name of COPIED) cpSync(join(ROOT, name), join(folder, name), { recursive: true });
  symlinkSync(join(ROOT, 'node_modules'), join(folder, 'node_modules'), 'junction');
  const all = Array.from(new Set(MUTATIONS.flatMap(({ tests }) => tests)));
  const before = run(folder, all);
  if (before === undefined || before.failed.length > 0 || before.passed === 0) {
    console.log('the tests must pass before a bug is planted; those that failed first:');
    for (const name of before?.failed ?? ['(they did not come to an end)']) console.log(`         ${name}`);
    return 1;
  }
  let unnoticed = 0;
  for (const mutation of MUTATIONS) {
    const complaint = complaintAbout(folder, mutation);
    if (complaint !== undefined) unnoticed++;
    console.log(`${complaint === undefined ? 'noticed' : 'FAILED '}  ${mutation.name}`);
    if (complaint !== undefined) console.log(`         ${complaint}`);
  }
  console.log(`${MUTATIONS.length - unnoticed} noticed, ${unnoticed} failed`);
  return unnoticed === 0 ? 0 : 1;
}

const folder = mkdtempSync(join(tmpdir(), 'chorus-mutations-'));
try {
  process.exitCode = main(folder);
} finally {
  rmSync(folder, { recursive: true, force: true });
}
