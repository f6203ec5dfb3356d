/** An instance of a deployment as a process of its own (instance.ts), to be killed, frozen and started again. */
import { readFileSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { until } from '../kafka/support.ts';
import { Service } from './broker/service.ts';
import { ROOT } from './command.ts';
import type { InstanceSettings, LogLine } from './deployment.ts';

const PROGRAM = join(ROOT, 'test/support/instance.ts');

export class ChildInstance {
  readonly name: string;
  readonly #folder: string;
  readonly #service: Service;

  /** @param folder of its log; what it keeps is to lie elsewhere, to last longer than the process */
  constructor(name: string, folder: string, settings: InstanceSettings) {
    this.name = name;
    this.#folder = folder;
    this.#service = new Service({
      name: `instance ${name}`,
      command: process.execPath,
      // By its address: the process runs in its own folder, where no package is found by name.
      args: ['--import', import.meta.resolve('tsx'), PROGRAM, JSON.stringify(settings)],
      folder,
      // Whether it has got anywhere is what tests ask its log: most of them kill it before.
      ready: () => Promise.resolve(true),
    });
  }

  async start(): Promise<void> {
    await mkdir(this.#folder, { recursive: true });
    await this.#service.start();
  }

  kill(): Promise<void> {
    return this.#service.kill();
  }

  /** Frozen: keeps its connections and does nothing. */
  freeze(): void {
    this.#service.pause();
  }

  wake(): void {
    this.#service.resume();
  }

  stop(): Promise<void> {
    return this.#service.stop();
  }

  /** What it has said since it was made, over all its lives. */
  get logged(): LogLine[] {
    // A line may be half written.
    const lines = readFileSync(join(this.#folder, 'log'), 'utf8').split('\n').slice(0, -1);
    return lines.map((line): LogLine => {
      try {
        return JSON.parse(line) as LogLine;
      } catch {
        return { level: 'error', message: line, fields: {} };
      }
    });
  }

  /** The first thing that it has said of a failure; undefined if nothing. */
  get failure(): LogLine | undefined {
    return this.logged.find(({ level }) => level === 'error');
  }

  /** Waits until it has said this so many times. */
  async said(message: string, times: number, boundMs = 60_000): Promise<void> {
    const isSaid = (): boolean => {
      const { logged } = this;
      const failed = logged.find(({ level }) => level === 'error');
      if (failed !== undefined) throw new Error(`${this.name} has failed: ${JSON.stringify(failed)}`);
      return logged.filter((line) => line.message === message).length >= times;
    };
    await until(`${this.name} says "${message}" ${times} times`, isSaid, boundMs);
  }
}
