/** The Java that this machine has: JAVA_HOME first, then PATH. */
import { execFile } from 'node:child_process';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import { sha256 } from './jars.ts';

const OLDEST = 17;

export interface Java {
  /** Path of the command. */
  readonly command: string;
  /** The same for two runs exactly if the same build ran both. */
  readonly build: string;
}

/** @throws Error that names each place looked at, what was wrong there, and what to install. */
export async function findJava(): Promise<Java> {
  const home = process.env.JAVA_HOME;
  const places = [...(home ? [join(home, 'bin')] : []), ...(process.env.PATH ?? '').split(delimiter).filter(Boolean)];
  const rejected: string[] = [];
  for (const place of places) {
    const command = join(place, 'java');
    const said = await askVersion(command);
    if (said === undefined) continue;
    const version = /version "(?:1\.)?(\d+)/.exec(said)?.[1];
    if (version !== undefined && Number(version) >= OLDEST) return { command, build: sha256(Buffer.from(said)) };
    rejected.push(`${command} is ${version === undefined ? `unknown: ${said.slice(0, 200)}` : `Java ${version}`}`);
  }
  throw new Error(
    `no Java ${OLDEST} or later: JAVA_HOME is ${home ? JSON.stringify(home) : 'not set'}, ` +
      `${rejected.length === 0 ? 'no java on PATH' : rejected.join(', ')}.\n` +
      `Install a Java ${OLDEST}+ runtime (Debian: apt-get install openjdk-17-jre-headless; macOS: brew install openjdk@17).`,
  );
}

/** What `java -version` prints, or undefined where there is no such command. */
async function askVersion(command: string): Promise<string | undefined> {
  try {
    const { stdout, stderr } = await promisify(execFile)(command, ['-version'], { timeout: 20_000 });
    return stdout + stderr;
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    return code === 'ENOENT' || code === 'ENOTDIR' || code === 'EACCES' ? undefined : message;
  }
}
