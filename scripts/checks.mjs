/**
 * Runs the tests and every other check, and counts: `node scripts/checks.mjs`, or `.ci/run`.
 *
 * The last line is `N passed, N failed`: each test counts one, and so does each check. Exit code 1 if anything failed or
 * no test ran. Plain JavaScript, because it also runs where nothing is installed yet; `npm test` comes first and installs.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = join(dirname(fileURLToPath(import.meta.url)), '..');
/** Names of npm scripts. */
const CHECKS = ['types', 'types:core', 'lint', 'format', 'unused'];

/** @typedef {{ passed: number, failed: number, skipped: number }} Count */

/**
 * @param {readonly string[]} args
 * @param {Readonly<Record<string, string>>} [settings]
 */
function npm(args, settings = {}) {
  const env = {
    ...process.env,
    NO_COLOR: '1',
    FORCE_COLOR: undefined,
    npm_config_update_notifier: 'false',
    ...settings,
  };
  return spawnSync('npm', args, { cwd: ROOT, env, stdio: 'inherit', shell: process.platform === 'win32' }).status === 0;
}

/** @returns {Count} */
function runTests() {
  const folder = mkdtempSync(join(tmpdir(), 'chorus-checks-'));
  const report = join(folder, 'tests.json');
  try {
    const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${report}`];
    // CI: a snapshot that is missing fails. Not for the other checks, where oxlint would take it as a wish for colours.
    const succeeded = npm(['test', '--', ...reporters], { CI: '1' });
    return countTests(report, succeeded);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/**
 * @param {string} report
 * @param {boolean} succeeded
 * @returns {Count}
 */
function countTests(report, succeeded) {
  let result;
  try {
    result = JSON.parse(readFileSync(report, 'utf8'));
  } catch {
    console.log('no test ran: the set-up, the build or the start of the tests failed');
    return { passed: 0, failed: 1, skipped: 0 };
  }
  const passed = Number(result.numPassedTests);
  const failed = Number(result.numFailedTests);
  const skipped = Number(result.numPendingTests) + Number(result.numTodoTests);
  // A file that cannot be loaded, an error outside of any test, or no test at all: a failure that no test counts.
  const uncounted = failed === 0 && (!succeeded || passed === 0);
  return { passed, failed: uncounted ? 1 : failed, skipped };
}

const tests = runTests();
let { passed, failed } = tests;
const outcomes = [
  `${tests.failed === 0 ? 'ok    ' : 'FAILED'}  test (${passed} passed, ${failed} failed, ${tests.skipped} skipped)`,
];
for (const check of CHECKS) {
  console.log(`\n--- ${check}`);
  const succeeded = npm(['run', '--silent', check]);
  if (succeeded) passed += 1;
  else failed += 1;
  outcomes.push(`${succeeded ? 'ok    ' : 'FAILED'}  ${check}`);
}
console.log(`\n${outcomes.join('\n')}`);
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;
