/**
 * Guides of docs/ as tests read them: blocks of code in the order of the page, and a folder to run them in.
 *
 *   ```sh run            a script, run by bash; an error ends it and fails the test
 *   ```text output       what the block before has printed; "..." stands for anything
 *   ```yaml file=NAME    a file that later blocks find
 *   ```sh live, service  goes on until it is ended: the test says what it is to do
 *   ```sh                cannot be run here: the test names it, with the reason
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { delimiter, join } from 'node:path';
import { finish, ROOT, type Outcome } from './command.ts';

export interface Block {
  readonly language: string;
  /** What follows the language: "run", "output", "file=chorus.yaml" or nothing. */
  readonly role: string;
  readonly content: string;
}

/** @param page below the root of the project */
export function blocksOf(page: string): Block[] {
  const text = readFileSync(join(ROOT, page), 'utf8');
  return Array.from(text.matchAll(/^```(\w+) ?([^\n]*)\n(.*?)^```$/gms), ([, language, role, content]) => ({
    language: language!,
    role: role!,
    content: content!,
  }));
}

/**
 * Does what a page says, block by block, and holds what it prints against what the page shows.
 *
 * @param before what is to be waited for before a script
 * @param other blocks that no rule above covers
 * @throws Error for a script that fails, and for output that is not as shown
 */
export async function follow(
  desk: Desk,
  page: string,
  other: (block: Block) => void | Promise<void>,
  before: (block: Block) => Promise<void> = () => Promise.resolve(),
): Promise<void> {
  let printed = '';
  for (const block of blocksOf(page)) {
    if (block.role.startsWith('file=')) desk.write(block);
    else if (block.role === 'output') {
      const shown = desk.here(block.content);
      if (!shownIn(printed, shown)) throw new Error(`${page} shows\n${shown}\nand this came:\n${printed}`);
    } else if (block.role === 'run') {
      await before(block);
      const { code, stdout, stderr } = await desk.run(block);
      printed = stderr + stdout;
      if (code !== 0) throw new Error(`${page}: ${block.content} ends with ${code}: ${printed}`);
    } else await other(block);
  }
}

/** "..." stands for anything. */
function shownIn(output: string, shown: string): boolean {
  const pattern = shown
    .trimEnd()
    .split('...')
    .map((text) => text.replaceAll(/[\\^$.*+?()[\]{}|]/g, '\\$&'));
  return new RegExp(pattern.join('.*'), 's').test(output);
}

export interface LongRunning {
  readonly child: ChildProcess;
  /** Ends it as Ctrl-C in its terminal does. */
  readonly stop: () => Promise<Outcome>;
}

/** Where a reader of a guide sits: a folder, a shell, and the command `chorus` on the path. */
export class Desk {
  readonly folder: string;
  readonly #replacements: readonly (readonly [string, string])[];
  readonly #path: string;
  readonly #left = new Set<ChildProcess>();

  /** @param replacements words of the guide, and what stands for them here: addresses of other machines, names of topics */
  constructor(folder: string, replacements: Readonly<Record<string, string>> = {}) {
    this.folder = folder;
    this.#replacements = Object.entries(replacements);
    const bin = join(folder, '.bin');
    mkdirSync(bin);
    const loader = createRequire(import.meta.url).resolve('tsx');
    const words = [process.execPath, '--import', loader, join(ROOT, 'src/cli/main.ts')];
    writeFileSync(join(bin, 'chorus'), `#!/bin/sh\nexec ${words.map((word) => `'${word}'`).join(' ')} "$@"\n`);
    chmodSync(join(bin, 'chorus'), 0o755);
    this.#path = `${bin}${delimiter}${process.env['PATH']}`;
  }

  here(content: string): string {
    return this.#replacements.reduce((text, [word, other]) => text.replaceAll(word, other), content);
  }

  has(name: string): boolean {
    return existsSync(join(this.folder, name));
  }

  write({ role, content }: Block): void {
    writeFileSync(join(this.folder, role.slice('file='.length)), this.here(content));
  }

  /** What a script exports is there for the ones that follow. */
  async run({ content }: Block): Promise<Outcome> {
    return finish(this.#spawn(`${content}\nexport -p > .exports`));
  }

  start({ content }: Block): LongRunning {
    const child = this.#spawn(content);
    const outcome = finish(child);
    this.#left.add(child);
    const stop = async (): Promise<Outcome> => {
      process.kill(-child.pid!, 'SIGINT');
      const ended = await outcome;
      this.#left.delete(child);
      return ended;
    };
    return { child, stop };
  }

  /** Ends all that a failed test has left. */
  async clear(): Promise<void> {
    for (const child of this.#left) {
      const closed = once(child, 'close');
      if (child.exitCode === null && child.signalCode === null) {
        process.kill(-child.pid!, 'SIGKILL');
        await closed;
      }
    }
    this.#left.clear();
  }

  #spawn(content: string): ChildProcess {
    const script = `[ ! -f .exports ] || . ./.exports\n${this.here(content)}`;
    const threads = { NODE_OPTIONS: `--import ${join(ROOT, 'test/support/tsx-threads.mjs')}` };
    return spawn('bash', ['-euo', 'pipefail', '-c', script], {
      cwd: this.folder,
      env: { ...process.env, PATH: this.#path, ...threads },
      // A group of its own, so that a signal reaches all of it, as that of a terminal does.
      detached: true,
    });
  }
}
