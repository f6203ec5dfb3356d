/**
 * Programs in Python that check a format as its makers do: their libraries, pinned, from the package index, in a folder of the
 * cache. They run without looking anything up, since they carry their schemas and templates.
 */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { debianTool } from '../support/tools.ts';

const run = promisify(execFile);
const PACKAGES = ['stix2-validator==3.3.2', 'pymisp==2.5.34.4'];
const BOUND_MS = 300_000;

export interface Python {
  /** Runs a program with arguments; what it prints must be JSON. */
  json(program: string, args: readonly string[]): Promise<unknown>;
}

/** May take a minute the first time. @throws Error that says what to install */
export async function pythonWithValidators(): Promise<Python> {
  const python = await debianTool('python3', 'python3');
  const { stdout } = await run(python, ['-c', 'import sys; print("%d.%d" % sys.version_info[:2])']);
  const folder = await installed(python, `${stdout.trim()} ${PACKAGES.join(' ')}`.replaceAll(/[^\w.-]+/g, '-'));
  const env = { ...process.env, PYTHONPATH: folder, PYTHONDONTWRITEBYTECODE: '1', PYTHONIOENCODING: 'utf-8' };
  return {
    json: async (program, args) => {
      const outcome = await run(python, ['-c', program, ...args], { env, timeout: BOUND_MS, maxBuffer: 1 << 28 });
      return JSON.parse(outcome.stdout) as unknown;
    },
  };
}

/** The folder is there as a whole or not at all. */
async function installed(python: string, name: string): Promise<string> {
  const cache =
    process.env.CHORUS_TEST_CACHE || join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'chorus');
  const folder = join(cache, 'python', name);
  if (existsSync(folder)) return folder;
  await mkdir(join(cache, 'python'), { recursive: true });
  const work = await mkdtemp(join(cache, 'python', 'new-'));
  try {
    const args = ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '--target', work, ...PACKAGES];
    await run(python, args, { timeout: BOUND_MS });
    await rename(work, folder);
  } catch (cause) {
    // Another test may have been faster.
    if (!existsSync(folder)) {
      const what = `python3 -m pip install ${PACKAGES.join(' ')}`;
      throw new Error(
        `the tests need "${what}" to work (Debian: apt-get install python3-pip): ${(cause as Error).message}`,
        { cause },
      );
    }
  } finally {
    await rm(work, { recursive: true, force: true });
  }
  return folder;
}
