/**
 * NDJSON to a file or standard output, no faster than it is taken in.
 */
import { createWriteStream, openSync } from 'node:fs';
import type { Writable } from 'node:stream';
import { finished } from 'node:stream/promises';
import { ChorusError, ConfigError } from '../errors.ts';

export const STDOUT = '-';
/** Lines are gathered up to this many UTF-16 units: a write for each costs 2 us. */
const GATHERED_UNITS_MAX = 65_536;

export interface NdjsonSinkOptions {
  /** Name of the setting that gave the path, for the error. */
  readonly name: string;
  /** A file, which is replaced, or "-" for standard output. */
  readonly path: string;
  /** Called once when the reader of standard output has gone (`chorus ... | head`). */
  readonly onGone?: () => void;
}

export class NdjsonSink {
  readonly #path: string;
  readonly #stream: Writable;
  readonly #onGone: () => void;
  #gathered = '';
  #isGone = false;
  #error: Error | undefined;

  /** @throws ConfigError if the file cannot be written. */
  constructor(options: NdjsonSinkOptions) {
    this.#path = options.path;
    this.#onGone = options.onGone ?? (() => undefined);
    this.#stream = options.path === STDOUT ? process.stdout : openFile(options.name, options.path);
    this.#stream.on('error', this.#onError);
  }

  /** Writes one value as a line; a promise if the reader must be waited for. @throws ChorusError `sink_io` */
  write(value: unknown): Promise<void> | undefined {
    return this.writeLine(JSON.stringify(value));
  }

  /** Writes a line that is made already, without its end. @throws ChorusError `sink_io` */
  writeLine(line: string): Promise<void> | undefined {
    if (this.#error !== undefined) throw this.#failure(this.#error);
    if (this.#isGone) return undefined;
    this.#gathered += `${line}\n`;
    return this.#gathered.length < GATHERED_UNITS_MAX ? undefined : this.flush();
  }

  /** Writes what is left and closes the file. @throws ChorusError `sink_io` */
  async close(): Promise<void> {
    if (this.#error === undefined) await this.flush();
    if (this.#stream !== process.stdout && !this.#stream.destroyed) {
      this.#stream.end();
      await finished(this.#stream).catch(this.#onError);
    }
    this.#stream.off('error', this.#onError);
    if (this.#error !== undefined) throw this.#failure(this.#error);
  }

  /** Hands over what has been gathered: for a feed that pauses. @throws ChorusError `sink_io` */
  async flush(): Promise<void> {
    const lines = this.#gathered;
    this.#gathered = '';
    if (lines === '' || this.#isGone) return;
    // The callback comes after an error too, which the listener then has or is about to get.
    const error = await new Promise<Error | null | undefined>((resolve) => this.#stream.write(lines, resolve));
    if (error) this.#onError(error);
    if (this.#error !== undefined) throw this.#failure(this.#error);
  }

  readonly #onError = (error: Error): void => {
    if ((error as NodeJS.ErrnoException).code !== 'EPIPE') {
      this.#error ??= error;
      return;
    }
    if (this.#isGone) return;
    this.#isGone = true;
    this.#onGone();
  };

  #failure(cause: Error): ChorusError {
    const name = this.#path === STDOUT ? 'standard output' : this.#path;
    return new ChorusError('sink_io', `cannot write ${name}: ${cause.message}`, { cause });
  }
}

function openFile(name: string, path: string): Writable {
  try {
    return createWriteStream(path, { fd: openSync(path, 'w') });
  } catch (cause) {
    throw new ConfigError([{ name, value: path, bound: `a file that can be written (${(cause as Error).message})` }]);
  }
}
