/** Runs the command line as people do: in a process of its own. From the sources, so that a stale build hides nothing. */
import { spawn, type ChildProcess } from 'node:child_process';
import { constants } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';

export const ROOT = join(import.meta.dirname, '../..');
const COMMAND = ['--import', 'tsx', join(ROOT, 'src/cli/main.ts')];

export interface Outcome {
  /** As a shell tells it: 128 and the number of the signal for a process ended by one. */
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CommandOptions {
  readonly stdin?: string | Buffer;
  readonly env?: Readonly<Record<string, string>>;
}

export function start(args: readonly string[], env: Readonly<Record<string, string>> = {}): ChildProcess {
  return spawn(process.execPath, [...COMMAND, ...args], { cwd: ROOT, env: { ...process.env, ...env } });
}

export async function finish(child: ChildProcess): Promise<Outcome> {
  const code = new Promise<number>((resolve) => {
    child.once('close', (exitCode, signal) => resolve(exitCode ?? 128 + constants.signals[signal!]));
  });
  const [stdout, stderr] = await Promise.all([text(child.stdout!), text(child.stderr!)]);
  return { code: await code, stdout, stderr };
}

export function chorus(args: readonly string[], { stdin, env = {} }: CommandOptions = {}): Promise<Outcome> {
  const child = start(args, env);
  // A command that refuses its arguments does not wait for its input.
  child.stdin!.on('error', () => undefined);
  child.stdin!.end(stdin ?? '');
  return finish(child);
}

/** The lines of an NDJSON text, each of which must be JSON and ended. */
export function parsedLines<T>(ndjson: string): T[] {
  if (ndjson === '') return [];
  if (!ndjson.endsWith('\n')) throw new Error('the last line has no end');
  return ndjson
    .slice(0, -1)
    .split('\n')
    .map((line) => JSON.parse(line) as T);
}
