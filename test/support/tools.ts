/**
 * Commands that tests need and npm does not have, from Debian's packages: the one on PATH, else one that is got here.
 *
 * Owns the getting. A package that needs nothing but the C library is unpacked into the cache: that takes no rights, changes no
 * machine, and starts none of its services. Others are installed, which takes root.
 */
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { accessSync, constants, statSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, rename, rm } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** Packages whose commands run from any folder. */
const UNPACKED: ReadonlySet<string> = new Set([
  'prometheus',
  'prometheus-alertmanager',
  'jsonnet',
  'kubernetes-client',
]);

/** A browser with all that it depends on took 40 s; the rest is for a slow mirror, or another test that is installing. */
const BOUND_MS = 300_000;

/** Where programs of the system lie that PATH may leave out. */
const SYSTEM = ['/usr/local/bin', '/usr/bin', '/bin', '/usr/local/sbin', '/usr/sbin', '/sbin'];

export interface ToolPlaces {
  /** Folders that are searched first. Default: PATH, and the folders of the system. */
  readonly folders?: readonly string[];
  /** Default: CHORUS_TEST_CACHE, or where the user keeps caches. */
  readonly cache?: string;
  /** Default: whether this is root. */
  readonly mayInstall?: boolean;
}

/**
 * The path of a command. May take minutes the first time: call it in a hook, with a time-out of its own (TOOL_TIMEOUT_MS).
 *
 * @throws Error that says what to install
 */
export async function debianTool(command: string, packageName: string, places: ToolPlaces = {}): Promise<string> {
  const {
    folders = [...(process.env.PATH ?? '').split(delimiter).filter(Boolean), ...SYSTEM],
    cache = cacheFolder(),
    mayInstall = process.getuid?.() === 0,
  } = places;
  const unpacked = join(cache, 'debian', packageName);
  const all = [...folders, ...SYSTEM.map((folder) => join(unpacked, folder))];
  const known = found(command, all);
  if (known !== undefined) return known;
  try {
    await locked(async () => {
      // Another test may have got it while this one waited.
      if (found(command, all) !== undefined) return;
      if (UNPACKED.has(packageName)) await unpack(packageName, unpacked);
      else if (mayInstall) await install(packageName);
      else throw new Error('installing it takes root');
    });
  } catch (error) {
    throw new Error(needed(command, packageName, (error as Error).message), { cause: error });
  }
  const got = found(command, all);
  if (got === undefined) throw new Error(needed(command, packageName, `the package has no ${command}`));
  return got;
}

/** For the hook that calls `debianTool`. */
export const TOOL_TIMEOUT_MS = 2 * BOUND_MS;

function needed(command: string, packageName: string, why: string): string {
  return `the tests need ${command} of Debian's package ${packageName} on PATH (apt-get install ${packageName}), and it could not be got: ${why}`;
}

function found(command: string, folders: readonly string[]): string | undefined {
  return folders.map((folder) => join(folder, command)).find(isExecutable);
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return statSync(file).isFile();
  } catch {
    return false;
  }
}

function cacheFolder(): string {
  return process.env.CHORUS_TEST_CACHE || join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'chorus');
}

/**
 * One at a time on this machine, whatever happens to who holds the lock: `flock` holds it for as long as it can read from us, and
 * the kernel takes it from a process that ends.
 */
async function locked(work: () => Promise<void>): Promise<void> {
  const file = join(tmpdir(), `chorus-debian-${process.getuid?.() ?? 0}.lock`);
  const wait = String(BOUND_MS / 1000);
  const holder = spawn('flock', ['-w', wait, file, 'sh', '-c', 'echo held; read -r _'], {
    stdio: ['pipe', 'pipe', 'ignore'],
  });
  const ended = once(holder, 'close');
  try {
    const [first] = (await Promise.race([once(holder.stdout, 'data'), ended])) as [unknown];
    if (!Buffer.isBuffer(first)) throw new Error(`another test has been installing for ${wait} s`);
    await work();
  } finally {
    holder.stdin.end();
    await ended;
  }
}

/** The package lies in its final folder as a whole or not at all. */
async function unpack(packageName: string, folder: string): Promise<void> {
  const parent = join(folder, '..');
  await mkdir(parent, { recursive: true });
  const work = await mkdtemp(join(parent, `${packageName}-`));
  try {
    await apt(['download', packageName], work);
    const [archive] = (await readdir(work)).filter((name) => name.endsWith('.deb'));
    await run('dpkg', ['-x', join(work, archive!), join(work, 'files')], { timeout: BOUND_MS });
    await rm(folder, { recursive: true, force: true });
    await rename(join(work, 'files'), folder);
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

async function install(packageName: string): Promise<void> {
  await apt(['install', '-y', '--no-install-recommends', packageName], tmpdir());
}

/** With lists of packages that are fetched once more where they do not do. */
async function apt(args: readonly string[], cwd: string): Promise<void> {
  try {
    await aptGet(args, cwd);
  } catch (error) {
    // An unknown name, or a version that the archive has replaced since. Without a network the first error says more.
    const isRefreshed = await aptGet(['update'], cwd).then(
      () => true,
      () => false,
    );
    if (!isRefreshed) throw error;
    await aptGet(args, cwd);
  }
}

async function aptGet(args: readonly string[], cwd: string): Promise<void> {
  // In run level 1 the scripts of packages start no services.
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive', RUNLEVEL: '1', LC_ALL: 'C' };
  // Somebody else may be installing by hand.
  const call = ['-q', '-o', 'DPkg::Lock::Timeout=120', ...args];
  try {
    await run('apt-get', call, { cwd, env, timeout: BOUND_MS, maxBuffer: 64 << 20 });
  } catch (error) {
    const { stderr, message } = error as { stderr?: string; message: string };
    throw new Error((stderr?.trim() || message).split('\n').slice(-4).join('; '), { cause: error });
  }
}
