/** `chorus run` as a process of its own, with what it says on standard error. */
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { until } from '../kafka/support.ts';
import { ROOT, start } from './command.ts';

export interface Line {
  readonly level: string;
  readonly msg: string;
  readonly worker?: number;
  readonly [field: string]: unknown;
}

export interface Running {
  readonly child: ChildProcess;
  readonly lines: Line[];
  /** What is no JSON. */
  readonly text: string[];
  /** How it ended. */
  readonly code: Promise<number | NodeJS.Signals>;
}

const running = new Set<ChildProcess>();

export function run(args: readonly string[], env: Readonly<Record<string, string>> = {}): Running {
  const threads = { NODE_OPTIONS: `--import ${join(ROOT, 'test/support/tsx-threads.mjs')}` };
  const child = start(['run', ...args], { ...threads, ...env });
  running.add(child);
  const lines: Line[] = [];
  const text: string[] = [];
  createInterface({ input: child.stderr! }).on('line', (line) => {
    if (line.startsWith('{')) lines.push(JSON.parse(line) as Line);
    else text.push(line);
  });
  const code = once(child, 'close').then(([exitCode, signal]) => {
    running.delete(child);
    return (exitCode ?? signal) as number | NodeJS.Signals;
  });
  return { child, lines, text, code };
}

/** Ends all that are left; for `afterEach`. */
export async function killRunning(): Promise<void> {
  for (const child of running) {
    const ended = once(child, 'close');
    child.kill('SIGKILL');
    await ended;
  }
}

export const says = ({ lines }: Running, message: string): boolean => lines.some(({ msg }) => msg.includes(message));

/** Waits until it listens, and returns the address. */
export async function listening(one: Running): Promise<string> {
  await until('it listens', () => says(one, 'listening') || one.child.exitCode !== null, 60_000);
  const line = one.lines.find(({ msg }) => msg === 'listening');
  if (line === undefined) throw new Error(`it has ended: ${one.text.join('\n')}${JSON.stringify(one.lines)}`);
  return `http://${String(line['host'])}:${String(line['port'])}`;
}
