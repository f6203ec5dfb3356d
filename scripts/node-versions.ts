/**
 * Runs `npm test` under several versions of Node, each in a fresh copy of this checkout.
 *
 *   npx tsx scripts/node-versions.ts             the oldest supported one, and each long-term one since
 *   npx tsx scripts/node-versions.ts 22 24.1.0   these
 *
 * The Node programs are the npm packages `node-<platform>-<arch>`. Exit code 1 if any version fails.
 */
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const VERSIONS = ['20.19', '22', '24'];
const NOT_COPIED = new Set(['node_modules', 'dist', 'coverage', '.git', '.cache', 'demo-out']);

function run(command: string, args: readonly string[], cwd: string, path = process.env['PATH']): boolean {
  return spawnSync(command, args, { cwd, env: { ...process.env, PATH: path }, stdio: 'inherit' }).status === 0;
}

function passesUnder(version: string, folder: string): boolean {
  const checkout = join(folder, 'checkout');
  const tools = join(folder, 'node');
  cpSync(ROOT, checkout, { recursive: true, filter: (path) => !NOT_COPIED.has(basename(path)) });
  mkdirSync(tools);
  const name = `node-${process.platform}-${process.arch}`;
  if (!run('npm', ['install', '--no-save', '--ignore-scripts', '--loglevel=error', `${name}@${version}`], tools))
    return false;
  const path = [join(tools, 'node_modules', name, 'bin'), process.env['PATH']].join(delimiter);
  return run('node', ['--version'], checkout, path) && run('npm', ['test'], checkout, path);
}

function main(versions: readonly string[]): void {
  const outcomes = versions.map((version) => {
    const folder = mkdtempSync(join(tmpdir(), 'chorus-node-'));
    try {
      return `${passesUnder(version, folder) ? 'ok    ' : 'FAILED'}  Node ${version}`;
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
  console.log(outcomes.join('\n'));
  if (outcomes.some((outcome) => outcome.startsWith('FAILED'))) process.exitCode = 1;
}

const given = process.argv.slice(2);
main(given.length === 0 ? VERSIONS : given);
