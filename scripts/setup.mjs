/**
 * Brings a checkout to where it can run: dependencies as package-lock.json names them, `dist/` as the sources say.
 *
 *   node scripts/setup.mjs           installs when needed, then builds when needed
 *   node scripts/setup.mjs build     builds when needed; what `npm ci` calls, so it must never install
 *
 * Plain JavaScript, because it runs before anything is there that could read TypeScript. Owns node_modules/ and dist/.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = join(dirname(fileURLToPath(import.meta.url)), '..');
const NODE_MIN = [20, 19];
const LOCK = join(ROOT, 'package-lock.json');
/** npm writes it as the last step of an install, so one that was cut short counts as none. */
const INSTALLED = join(ROOT, 'node_modules', '.package-lock.json');
/** Written after a build without errors: the compiler writes its output files even when there are some. */
const BUILT = join(ROOT, 'dist', '.built');
const COMPILER = join(ROOT, 'node_modules', 'typescript', 'bin', 'tsc');

/** Ends the process with the outcome of a step that failed. */
function fail(/** @type {string} */ message) {
  process.stderr.write(`setup: ${message}\n`);
  process.exit(1);
}

function checkNode() {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  const [majorMin = 0, minorMin = 0] = NODE_MIN;
  if (major > majorMin || (major === majorMin && minor >= minorMin)) return;
  fail(`Node ${process.versions.node} is too old, must be ${NODE_MIN.join('.')} or newer`);
}

/** Milliseconds since 1970; 0 for a file that is not there. */
function modifiedAt(/** @type {string} */ path) {
  return statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0;
}

/** Of a folder, with what is below it. The folders themselves count: only they tell that a file was deleted. */
function lastModifiedIn(/** @type {string} */ folder) {
  let latest = modifiedAt(folder);
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    latest = Math.max(latest, entry.isDirectory() ? lastModifiedIn(path) : modifiedAt(path));
  }
  return latest;
}

function install() {
  if (modifiedAt(INSTALLED) >= modifiedAt(LOCK) && existsSync(COMPILER)) return;
  process.stderr.write('setup: installing dependencies (npm ci)\n');
  // --include=dev: the compiler is a development dependency, and NODE_ENV=production would leave it out.
  // --ignore-scripts: no dependency needs its script, and our own would build a second time.
  const args = ['ci', '--include=dev', '--ignore-scripts', '--no-fund', '--no-audit', '--loglevel=error'];
  const done = runNpm(args);
  if (done.status !== 0) fail(`npm ci failed (${done.error?.message ?? `exit code ${done.status}`})`);
}

function runNpm(/** @type {readonly string[]} */ args) {
  /** @type {import('node:child_process').SpawnSyncOptions} */
  // Standard output is left to the program that the user asked for.
  const options = { cwd: ROOT, stdio: ['ignore', 2, 2] };
  // The npm that runs us, if one does: there may be none on the path, and on Windows it is not an executable.
  const own = process.env['npm_execpath'];
  if (own !== undefined && /npm-cli\.c?js$/.test(own)) return spawnSync(process.execPath, [own, ...args], options);
  return spawnSync('npm', args, { ...options, shell: process.platform === 'win32' });
}

function build() {
  const sources = Math.max(
    lastModifiedIn(join(ROOT, 'src')),
    modifiedAt(join(ROOT, 'tsconfig.json')),
    modifiedAt(join(ROOT, 'tsconfig.build.json')),
  );
  if (modifiedAt(BUILT) >= sources && readFileSync(BUILT, 'utf8') === compilerVersion()) return;
  if (!existsSync(COMPILER)) fail('the compiler is not installed; run "npm ci --include=dev" first');
  process.stderr.write('setup: building dist/\n');
  rmSync(dirname(BUILT), { recursive: true, force: true });
  const compiled = spawnSync(process.execPath, [COMPILER, '-p', 'tsconfig.build.json'], {
    cwd: ROOT,
    stdio: ['ignore', 2, 2],
  });
  if (compiled.status !== 0) fail('the build failed; the errors are above');
  writeFileSync(BUILT, compilerVersion());
}

/** Part of the stamp, so that another compiler builds anew. */
function compilerVersion() {
  const manifest = join(dirname(COMPILER), '..', 'package.json');
  return existsSync(manifest) ? String(JSON.parse(readFileSync(manifest, 'utf8')).version) : 'none';
}

checkNode();
if (process.argv[2] !== 'build') install();
build();
