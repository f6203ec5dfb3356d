/**
 * A real schema registry for tests: the one that CHORUS_TEST_REGISTRY names, else Apicurio Registry, whose API at /apis/ccompat/v7 is
 * compatible with Confluent's. It keeps what it is told in memory. Its global compatibility is NONE until someone sets it.
 */
import { mkdir, mkdtemp, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fill } from './jars.ts';
import { findJava } from './java.ts';
import { QUICK_JVM } from './node-settings.ts';
import { REGISTRY } from './pins.ts';
import { freePort, Service } from './service.ts';
import { zipFiles, type ZipFile } from './unzip.ts';

const RUNNING_TIMEOUT_MS = 5000;
const POLL_MS = 200;

export interface Registry {
  /** Base of the API compatible with Confluent's, without a slash at the end. */
  readonly url: string;
  /** Ends it. One that was only named stays. */
  stop(): Promise<void>;
  /** SIGKILL: what it was told is gone. Only where it is ours, as `restart`. */
  kill?(): Promise<void>;
  /** Empty, at the same address. */
  restart?(): Promise<void>;
}

/** @throws Error that says what to install or mend. */
export async function startRegistry(): Promise<Registry> {
  const named = process.env.CHORUS_TEST_REGISTRY;
  if (named) return useRunning(named.replace(/\/$/, ''));
  const [java, [archive]] = await Promise.all([findJava(), fill('registry', REGISTRY)]);
  const program = await unpacked(archive!);
  const folder = await mkdtemp(join(tmpdir(), 'chorus-registry-'));
  const port = await freePort();
  const url = `http://127.0.0.1:${port}/apis/ccompat/v7`;
  const service = new Service({
    name: 'Apicurio Registry',
    command: java.command,
    args: ['-Xmx384m', ...QUICK_JVM, `-Dquarkus.http.port=${port}`, '-Dquarkus.http.host=127.0.0.1', '-jar', program],
    folder,
    ready: () => answers(url),
  });
  try {
    await service.start();
  } catch (error) {
    await service.stop();
    throw error;
  }
  return { url, stop: () => service.stop(), kill: () => service.kill(), restart: () => service.restart() };
}

async function answers(url: string): Promise<boolean> {
  const response = await fetch(`${url}/subjects`, { signal: AbortSignal.timeout(2000) });
  await response.arrayBuffer();
  return response.ok;
}

async function useRunning(url: string): Promise<Registry> {
  const deadlineMs = Date.now() + RUNNING_TIMEOUT_MS;
  while (!(await answers(url).catch(() => false))) {
    if (Date.now() >= deadlineMs) {
      throw new Error(
        `CHORUS_TEST_REGISTRY is ${url}: ${url}/subjects does not answer with 200 within ${RUNNING_TIMEOUT_MS} ms. ` +
          'Start it, or unset the variable to let one be started.',
      );
    }
    await sleep(POLL_MS);
  }
  return { url, stop: async () => undefined };
}

/** The jar to run, beside all that it needs, in a folder next to the archive. */
async function unpacked(archive: string): Promise<string> {
  const files = zipFiles(await readFile(archive));
  const folder = archive.replace(/\.zip$/, '');
  if (!(await isWhole(folder, files))) await unpack(files, folder);
  return join(folder, files.find(({ path }) => path.endsWith('-runner.jar'))!.path);
}

async function unpack(files: readonly ZipFile[], folder: string): Promise<void> {
  const unfinished = await mkdtemp(`${folder}-`);
  try {
    for (const { path, read } of files) {
      const file = join(unfinished, path);
      await mkdir(dirname(file), { recursive: true });
      await writeFile(file, read());
    }
    await rm(folder, { recursive: true, force: true });
    await rename(unfinished, folder);
  } catch (error) {
    // Another process may have put its own there in the meantime.
    if (!(await isWhole(folder, files))) throw error;
  } finally {
    await rm(unfinished, { recursive: true, force: true });
  }
}

/** By the sizes: the bytes of 300 files are not read at each start. */
async function isWhole(folder: string, files: readonly ZipFile[]): Promise<boolean> {
  const sizes = files.map(async ({ path, size }) => (await stat(join(folder, path))).size === size);
  try {
    return (await Promise.all(sizes)).every(Boolean);
  } catch {
    return false;
  }
}
