/** The deployment of a load run: `chorus run` as people start it, a process of its own, looked at through its port alone. */
import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { parseExposition, type Exposition } from '../test/support/exposition.ts';
import type { Sample } from './load-figures.ts';

const REDIRECTING = new URL('load-proxy.js', import.meta.url).href;
const START_MAX_MS = 60_000;
const POLL_MS = 100;
const SCRAPE_MAX_MS = 10_000;

/** A line of its log. */
interface Said {
  readonly level: string;
  readonly msg: string;
  readonly host?: string;
  readonly port?: number;
  readonly code?: string;
  readonly error?: string;
}

export interface DeploymentPlan {
  /** Path of the command, bin/chorus.js or a main.js. */
  readonly command: string;
  /** Of its configuration and its state. */
  readonly folder: string;
  /** Sections and their settings. */
  readonly config: Readonly<Record<string, unknown>>;
  readonly environment: Readonly<Record<string, string>>;
}

export class RunningDeployment {
  readonly #child: ChildProcess;
  readonly #folder: string;
  readonly #startMs = performance.now();
  /** What it says of level warn and above, by message. */
  readonly complaints = new Map<string, number>();
  #address: string | undefined;

  private constructor(child: ChildProcess, folder: string) {
    this.#child = child;
    this.#folder = folder;
    const killNow = (): void => void child.kill('SIGKILL');
    process.once('exit', killNow);
    child.once('exit', () => process.off('exit', killNow));
    createInterface({ input: child.stderr! }).on('line', (line) => this.#hear(line));
  }

  /** Creates its topics but for the feed's, starts it, and waits until it is ready. */
  static async start({ command, folder, config, environment }: DeploymentPlan): Promise<RunningDeployment> {
    const file = join(folder, 'chorus.yaml');
    // JSON is YAML.
    writeFileSync(file, JSON.stringify({ ...config, state: { folder: join(folder, 'state') }, http: { port: 0 } }));
    await promisify(execFile)(process.execPath, [command, 'topics', 'create', '--config', file]);
    const args = ['--import', REDIRECTING, command, 'run', '--config', file];
    const child = spawn(process.execPath, args, {
      stdio: ['ignore', 'inherit', 'pipe'],
      env: { ...process.env, ...environment },
    });
    const running = new RunningDeployment(child, folder);
    try {
      await running.#ready();
    } catch (error) {
      await running.kill();
      throw error;
    }
    return running;
  }

  get exitCode(): number | null {
    return this.#child.exitCode;
  }

  #hear(line: string): void {
    if (!line.startsWith('{')) {
      this.#complain(line);
      return;
    }
    const said = JSON.parse(line) as Said;
    if (said.msg === 'listening') this.#address = `http://${said.host}:${said.port}`;
    const { level, msg, code, error } = said;
    if (level === 'error') this.#complain(`error: ${msg} (${code ?? 'no code'}: ${error ?? 'no cause'})`);
    else if (level !== 'info') this.#complain(`${level}: ${msg}`);
  }

  #complain(what: string): void {
    this.complaints.set(what, (this.complaints.get(what) ?? 0) + 1);
  }

  async #ready(): Promise<void> {
    const endMs = performance.now() + START_MAX_MS;
    for (;;) {
      if (this.#child.exitCode !== null || performance.now() > endMs) {
        const said = Array.from(this.complaints.keys()).join('\n');
        throw new Error(`chorus run is not ready (exit code ${this.#child.exitCode}): ${said}`);
      }
      if (this.#address !== undefined) {
        const response = await fetch(`${this.#address}/readyz`).catch(() => undefined);
        await response?.arrayBuffer();
        if (response?.ok === true) return;
      }
      await sleep(POLL_MS);
    }
  }

  /** @throws Error for a port that does not answer in time */
  async metrics(): Promise<Exposition> {
    const response = await fetch(`${this.#address}/metrics`, { signal: AbortSignal.timeout(SCRAPE_MAX_MS) });
    return parseExposition(await response.text());
  }

  async sample(metrics?: Exposition): Promise<Sample> {
    const exposition = metrics ?? (await this.metrics());
    return {
      seconds: (performance.now() - this.#startMs) / 1000,
      rssBytes: exposition.value('chorus_process_resident_memory_bytes') ?? 0,
      diskBytes: await bytesBelow(join(this.#folder, 'state')),
      lagRecords: exposition.value('chorus_lag_records') ?? 0,
      sinkBehind: exposition.value('chorus_sink_lag_records') ?? 0,
      sinkQueued: exposition.value('chorus_sink_queue_records') ?? 0,
      cpuSeconds: exposition.value('chorus_process_cpu_seconds_total') ?? 0,
    };
  }

  /** As a supervisor does. Returns the exit code; null for one that had to be killed. */
  async stop(maxMs: number): Promise<number | null> {
    if (this.#child.exitCode !== null) return this.#child.exitCode;
    const ended = once(this.#child, 'exit');
    this.#child.kill('SIGTERM');
    const isOver = await Promise.race([ended.then(() => true), sleep(maxMs, false, { ref: false })]);
    if (!isOver) await this.kill();
    return this.#child.exitCode;
  }

  async kill(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const ended = once(this.#child, 'exit');
    this.#child.kill('SIGKILL');
    await ended;
  }
}

/** RocksDB removes files while we look. */
async function bytesBelow(folder: string): Promise<number> {
  const names = await readdir(folder, { recursive: true }).catch(() => []);
  const sizes = await Promise.all(names.map((name) => stat(join(folder, name)).then(sizeOf, () => 0)));
  return sizes.reduce((sum, size) => sum + size, 0);
}

function sizeOf(of: { isFile(): boolean; size: number }): number {
  return of.isFile() ? of.size : 0;
}
