/**
 * A server that runs as a process of ours on a port of this machine, with a folder of its own.
 *
 * Owns the process and the folder: both are gone after `stop`, and also if this process ends in any other way, SIGKILL included.
 * Signals reach the server only through here: it is in a process group of its own, so that Ctrl-C lets tests end first.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const READY_TIMEOUT_MS = 60_000;
const READY_POLL_MS = 50;
/** Until a server that was asked to stop is killed: seven times what a broker that archives its classes took. */
const STOP_TIMEOUT_MS = 30_000;

export interface Program {
  /** For messages. */
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  /** Where it runs and writes `log`; removed in the end. */
  readonly folder: string;
  /** Whether it answers; may throw as long as it does not. */
  readonly ready: () => Promise<boolean>;
}

/**
 * A port of 127.0.0.1 that nobody has.
 *
 * Below those that systems give to clients (from 32768 on Linux): while a server is down, a client that tries again could be given
 * the very port, would be connected to itself, and the server could not come back.
 */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = 20_000 + Math.floor(Math.random() * 12_000);
    const server = createServer();
    const free = await new Promise<boolean>((resolve) => {
      server.once('error', () => resolve(false));
      server.listen(port, '127.0.0.1', () => resolve(true));
    });
    if (!free) continue;
    server.close();
    await once(server, 'close');
    return port;
  }
}

export class Service {
  readonly #program: Program;
  #child: ChildProcess | undefined;
  #guard: ChildProcess | undefined;

  constructor(program: Program) {
    this.#program = program;
  }

  /** Resolves when it answers. @throws Error with the end of its log. */
  async start(): Promise<void> {
    const { name, command, args, folder } = this.#program;
    const log = openSync(join(folder, 'log'), 'a');
    const child = spawn(command, args, { cwd: folder, stdio: ['ignore', log, log], detached: true });
    closeSync(log);
    child.unref();
    await once(child, 'spawn');
    this.#child = child;
    this.#guard = guard(child.pid!, folder);
    const deadlineMs = Date.now() + READY_TIMEOUT_MS;
    while (!(await this.#isReady())) {
      const ended = hasEnded(child);
      if (!ended && Date.now() < deadlineMs) await sleep(READY_POLL_MS);
      else {
        const why = ended
          ? `ended with ${child.exitCode ?? child.signalCode} before it answered`
          : `did not answer within ${READY_TIMEOUT_MS} ms`;
        const said = this.#log();
        await this.kill();
        throw new Error(`${name} ${why}. The end of its log:\n${said}`);
      }
    }
  }

  async #isReady(): Promise<boolean> {
    try {
      return await this.#program.ready();
    } catch {
      return false;
    }
  }

  #log(): string {
    return readFileSync(join(this.#program.folder, 'log'), 'utf8').split('\n').slice(-40).join('\n');
  }

  /** SIGKILL; port and folder stay reserved for `restart`. */
  kill(): Promise<void> {
    return this.#end('SIGKILL');
  }

  /** On the same port and folder; a running one is stopped first. */
  async restart(): Promise<void> {
    await this.#end('SIGTERM');
    await this.start();
  }

  /** Frozen: keeps its connections and answers nothing. */
  pause(): void {
    this.#child?.kill('SIGSTOP');
  }

  resume(): void {
    this.#child?.kill('SIGCONT');
  }

  async stop(): Promise<void> {
    await this.#end('SIGTERM');
    await rm(this.#program.folder, { recursive: true, force: true });
  }

  async #end(signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    const child = this.#child;
    if (child === undefined) return;
    if (!hasEnded(child)) {
      const exit = once(child, 'exit');
      // The handle does not keep this process alive, but someone waits here.
      child.ref();
      child.kill(signal);
      // A frozen one takes SIGTERM only once it is awake.
      child.kill('SIGCONT');
      const timer = setTimeout(() => child.kill('SIGKILL'), STOP_TIMEOUT_MS);
      await exit;
      clearTimeout(timer);
    }
    this.#guard?.kill('SIGKILL');
    this.#child = undefined;
    this.#guard = undefined;
  }
}

function hasEnded(child: ChildProcess): boolean {
  return child.exitCode !== null || child.signalCode !== null;
}

/**
 * Kills a process and removes its folder as soon as we are gone: our end of its input closes, however we end. Handlers of `exit` and
 * of signals would miss SIGKILL, which is what a test runner and a CI send to what hangs.
 */
function guard(pid: number, folder: string): ChildProcess {
  const script = 'read -r _; kill -9 "$0"; sleep 0.2; rm -rf "$1"';
  const child = spawn('sh', ['-c', script, String(pid), folder], {
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true,
  });
  child.unref();
  (child.stdin as Socket).unref();
  return child;
}
