/**
 * The file that a live source's position is kept in between runs. It is replaced as a whole, so a process that is killed leaves
 * the old one or the new one.
 */
import { closeSync, fsyncSync, openSync, readFileSync, renameSync, writeSync } from 'node:fs';
import { ChorusError, ConfigError } from '../../errors.ts';

const SCHEMA = 'chorus.cursor.v1';
/** Saving costs a write that is waited for: what is read twice after a kill is a second more. */
const SAVE_EACH_MS = 1000;

export class CursorFile {
  readonly #path: string;
  readonly #source: string;
  #savedAtMs = -Infinity;
  #saved: number | undefined;
  #latest: number | undefined;

  /** @param source name of the source; the cursor of another one is refused */
  constructor(path: string, source: string) {
    this.#path = path;
    this.#source = source;
  }

  /** Undefined where there is no file yet. @throws ConfigError for a file that is no cursor of this source */
  load(): number | undefined {
    let text: string;
    try {
      text = readFileSync(this.#path, 'utf8');
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw this.#problem(`a file that can be read (${(cause as Error).message})`);
    }
    const cursor = parsed(text);
    if (cursor === undefined) throw this.#problem(`a file that Chorus has written, or none (${this.#path})`);
    if (cursor.source !== this.#source) throw this.#problem(`another file: this one is of ${cursor.source}`);
    this.#saved = cursor.positionMs;
    return cursor.positionMs;
  }

  /** Everything before is safe. Written at most once a second; `flush` writes what is left. @throws ChorusError `cursor_io` */
  save(positionMs: number, isNow = false): void {
    this.#latest = positionMs;
    if (isNow || performance.now() - this.#savedAtMs >= SAVE_EACH_MS) this.flush();
  }

  /** @throws ChorusError `cursor_io` */
  flush(): void {
    const positionMs = this.#latest;
    if (positionMs === undefined || positionMs === this.#saved) return;
    const text = JSON.stringify({
      schema: SCHEMA,
      source: this.#source,
      positionMs,
      position: new Date(positionMs).toISOString(),
    });
    try {
      const next = `${this.#path}.next`;
      const file = openSync(next, 'w', 0o600);
      try {
        writeSync(file, `${text}\n`);
        fsyncSync(file);
      } finally {
        closeSync(file);
      }
      renameSync(next, this.#path);
    } catch (cause) {
      throw new ChorusError('cursor_io', `cannot write the cursor ${this.#path}: ${(cause as Error).message}`, {
        cause,
      });
    }
    this.#saved = positionMs;
    this.#savedAtMs = performance.now();
  }

  #problem(bound: string): ConfigError {
    return new ConfigError([{ name: 'cursor', value: this.#path, bound }]);
  }
}

function parsed(text: string): { readonly source: string; readonly positionMs: number } | undefined {
  try {
    const { schema, source, positionMs } = JSON.parse(text) as Record<string, unknown>;
    const isPosition = Number.isSafeInteger(positionMs) && Math.abs(positionMs as number) <= 8.64e15;
    const isGood = schema === SCHEMA && typeof source === 'string' && isPosition;
    return isGood ? { source, positionMs: positionMs as number } : undefined;
  } catch {
    return undefined;
  }
}
