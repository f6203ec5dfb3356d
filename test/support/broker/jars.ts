/**
 * Files of Maven Central in a folder of the user, each pinned by its SHA-256.
 *
 * Owns the cache: fetches what is missing or wrong, by Maven (whose settings know the mirror of a company) or else by HTTPS. Several
 * processes may fill it at once: each fetches to a name of its own and renames, so that a file under its final name is whole.
 */
import { execFile } from 'node:child_process';
import { createHash, randomUUID } from 'node:crypto';
import { mkdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { basename, join } from 'node:path';
import { promisify } from 'node:util';

const CENTRAL = 'https://repo1.maven.org/maven2';
const FETCH_TIMEOUT_MS = 300_000;
/** Connections at once; Maven opens as many. */
const PARALLEL = 5;

export interface Pin {
  readonly sha256: string;
  /** In a Maven repository: group with slashes, artifact, version, file. */
  readonly path: string;
}

/** From lines of `sha256 path`. */
export function pins(lines: string): Pin[] {
  return lines
    .trim()
    .split('\n')
    .map((line) => {
      const [sum, path] = line.split(' ');
      return { sha256: sum!, path: path! };
    });
}

export function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** CHORUS_TEST_CACHE, or where the user keeps caches. */
function cacheFolder(): string {
  const named = process.env.CHORUS_TEST_CACHE;
  if (named) return named;
  return join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'chorus');
}

/** What a file was when its checksum was last taken, so that the next start need not read it. By name of the file. */
type Stamps = Record<string, { readonly sha256: string; readonly size: number; readonly mtimeMs: number }>;

/**
 * The paths of all files of a set, in the order of the pins, each with the bytes that its pin demands.
 *
 * @param set Name of the folder in the cache.
 * @throws Error that says what could not be had, how it was tried, and what helps.
 */
export async function fill(set: string, wanted: readonly Pin[]): Promise<string[]> {
  const folder = join(cacheFolder(), set);
  await mkdir(folder, { recursive: true });
  const before = await readStamps(folder);
  const after: Stamps = {};
  const missing: Pin[] = [];
  for (const pin of wanted) {
    const stamp = await stampOf(folder, pin, before);
    if (stamp === undefined) missing.push(pin);
    else after[basename(pin.path)] = stamp;
  }
  if (missing.length > 0) {
    await fetchAll(folder, missing);
    for (const pin of missing) after[basename(pin.path)] = (await stampOf(folder, pin, {}))!;
  }
  if (JSON.stringify(before) !== JSON.stringify(after))
    await writeWhole(join(folder, 'stamps.json'), JSON.stringify(after));
  return wanted.map(({ path }) => join(folder, basename(path)));
}

async function readStamps(folder: string): Promise<Stamps> {
  try {
    return JSON.parse(await readFile(join(folder, 'stamps.json'), 'utf8')) as Stamps;
  } catch {
    return {};
  }
}

/** Undefined for a file that is not there or is not what the pin demands. */
async function stampOf(folder: string, pin: Pin, known: Stamps): Promise<Stamps[string] | undefined> {
  const file = join(folder, basename(pin.path));
  try {
    const { size, mtimeMs } = await stat(file);
    const stamp = known[basename(pin.path)];
    if (stamp?.sha256 === pin.sha256 && stamp.size === size && stamp.mtimeMs === mtimeMs) return stamp;
    return sha256(await readFile(file)) === pin.sha256 ? { sha256: pin.sha256, size, mtimeMs } : undefined;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

async function writeWhole(file: string, bytes: string | Uint8Array): Promise<void> {
  const unfinished = `${file}.${randomUUID()}`;
  try {
    await writeFile(unfinished, bytes);
    await rename(unfinished, file);
  } finally {
    await rm(unfinished, { force: true });
  }
}

async function fetchAll(folder: string, missing: readonly Pin[]): Promise<void> {
  const failures: string[] = [];
  let left = missing;
  for (const fetchSome of [byMaven, byHttps]) {
    try {
      await fetchSome(folder, left);
      return;
    } catch (error) {
      failures.push((error as Error).message);
    }
    const stamps = await Promise.all(left.map((pin) => stampOf(folder, pin, {})));
    left = left.filter((_, index) => stamps[index] === undefined);
  }
  throw new Error(
    `${left.length} file(s) of Maven Central could not be had, the first is ${left[0]?.path}:\n${failures.join('\n')}\n` +
      'Give this machine a way to Maven Central (a mirror in the settings of mvn, or a base address in CHORUS_TEST_MAVEN), ' +
      'or name a running broker in CHORUS_TEST_KAFKA and a running registry in CHORUS_TEST_REGISTRY.',
  );
}

/** Nothing gets its final name before its checksum is known to be right. */
async function take(folder: string, pin: Pin, bytes: Uint8Array, from: string): Promise<void> {
  const sum = sha256(bytes);
  if (sum !== pin.sha256) throw new Error(`${pin.path} ${from} has SHA-256 ${sum}, must be ${pin.sha256}`);
  await writeWhole(join(folder, basename(pin.path)), bytes);
}

async function byMaven(folder: string, wanted: readonly Pin[]): Promise<void> {
  const work = join(folder, `fetch-${randomUUID()}`);
  await mkdir(work);
  try {
    await writeFile(join(work, 'pom.xml'), pomOf(wanted));
    const goal = ['dependency:copy', `-DoutputDirectory=${join(work, 'files')}`];
    await promisify(execFile)('mvn', ['-B', '-q', '-f', join(work, 'pom.xml'), ...goal], { timeout: FETCH_TIMEOUT_MS });
    for (const pin of wanted)
      await take(folder, pin, await readFile(join(work, 'files', basename(pin.path))), 'from mvn');
  } catch (error) {
    const { code, stdout } = error as { code?: string; stdout?: string };
    if (code === 'ENOENT') throw new Error('mvn: not found on PATH', { cause: error });
    throw new Error(`mvn: ${stdout?.trim().slice(0, 1000) || (error as Error).message}`, { cause: error });
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

/** `dependency:copy` and no dependencies: Maven must not choose versions, nor ask for the parent of each file. */
function pomOf(wanted: readonly Pin[]): string {
  const items = wanted.map(({ path }) => {
    const parts = path.split('/');
    const [artifact, version, file] = parts.slice(-3) as [string, string, string];
    const [, classifier, type] = /^(?:-(.+))?\.(\w+)$/.exec(file.slice(`${artifact}-${version}`.length))!;
    return `<artifactItem><groupId>${parts.slice(0, -3).join('.')}</groupId><artifactId>${artifact}</artifactId>
      <version>${version}</version><type>${type}</type>${classifier ? `<classifier>${classifier}</classifier>` : ''}
      </artifactItem>`;
  });
  return `<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>
    <groupId>chorus.test</groupId><artifactId>fetch</artifactId><version>1</version><packaging>pom</packaging>
    <build><plugins><plugin><groupId>org.apache.maven.plugins</groupId><artifactId>maven-dependency-plugin</artifactId>
      <configuration><artifactItems>${items.join('')}</artifactItems></configuration>
    </plugin></plugins></build></project>`;
}

async function byHttps(folder: string, wanted: readonly Pin[]): Promise<void> {
  const base = process.env.CHORUS_TEST_MAVEN || CENTRAL;
  const queue = [...wanted];
  const worker = async () => {
    for (let pin = queue.shift(); pin !== undefined; pin = queue.shift()) {
      const url = `${base.replace(/\/$/, '')}/${pin.path}`;
      await take(folder, pin, await download(url), `from ${url}`);
    }
  };
  // All of them, so that none still writes when the first failure is told.
  const ends = await Promise.allSettled(Array.from({ length: PARALLEL }, worker));
  for (const end of ends) if (end.status === 'rejected') throw end.reason;
}

async function download(url: string): Promise<Uint8Array> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(FETCH_TIMEOUT_MS) });
    if (!response.ok) throw new Error(`status ${response.status}`);
    return new Uint8Array(await response.arrayBuffer());
  } catch (error) {
    const { message, cause } = error as Error;
    throw new Error(`${url}: ${cause instanceof Error ? cause.message : message}`, { cause: error });
  }
}
