/**
 * Alerts as lines of a file that is rotated by size and by age.
 *
 * F1  A file holds whole lines only: what a crash or a full disk has left of a line is cut off before anything follows it.
 * F2  A file that is full gets its new name at once (rename), so a reader sees all of it under one name or the other.
 */
import { Buffer } from 'node:buffer';
import { link, open, unlink, type FileHandle } from 'node:fs/promises';
import type { Alert } from '../model.ts';
import { SinkError, type AlertSink } from './port.ts';

export interface NdjsonFileOptions {
  readonly path: string;
  /** A file that has a line is never made larger than this. */
  readonly maxBytes: number;
  /** Undefined for no rotation by time. */
  readonly maxAgeMs: number | undefined;
  /** Whether what is committed has reached the disk, rather than the system. */
  readonly fsync: boolean;
  /** ms since 1970. */
  readonly now?: () => number;
}

const TAIL_BYTES = 65_536;
const LINE_END = 0x0a;

export class NdjsonFileSink implements AlertSink {
  readonly #options: NdjsonFileOptions;
  readonly #now: () => number;
  #file: FileHandle | undefined;
  #size = 0;
  #sinceMs = 0;
  /** Partitions of the topic share the file. */
  #last: Promise<unknown> = Promise.resolve();

  constructor(options: NdjsonFileOptions) {
    this.#options = options;
    this.#now = options.now ?? Date.now;
  }

  send(alert: Alert): Promise<void> {
    return this.#inTurn(() => this.#write(Buffer.from(`${JSON.stringify(alert)}\n`)));
  }

  settle(): Promise<void> {
    return this.#inTurn(async () => {
      if (this.#options.fsync) await this.#file?.datasync();
    });
  }

  close(): Promise<void> {
    return this.#inTurn(() => this.#end());
  }

  #inTurn(work: () => Promise<void>): Promise<void> {
    const done = this.#last.then(work).catch((cause: unknown) => {
      const message = `cannot write ${this.#options.path}: ${(cause as Error).message}`;
      throw new SinkError('file', message, { retryable: true, cause });
    });
    this.#last = done.catch(() => undefined);
    return done;
  }

  async #write(line: Buffer): Promise<void> {
    await this.#open();
    const { maxBytes, maxAgeMs = Infinity } = this.#options;
    const isFull = this.#size + line.length > maxBytes || this.#now() - this.#sinceMs >= maxAgeMs;
    if (isFull && this.#size > 0) {
      await this.#rotate();
      await this.#open();
    }
    let written = 0;
    try {
      while (written < line.length) {
        const at = this.#size + written;
        written += (await this.#file!.write(line, written, line.length - written, at)).bytesWritten;
      }
    } catch (error) {
      await this.#file!.truncate(this.#size).catch(() => undefined);
      // What could not be cut off now is when the file is opened again.
      await this.#end().catch(() => undefined);
      throw error;
    }
    this.#size += line.length;
  }

  async #open(): Promise<void> {
    if (this.#file !== undefined) return;
    const { path } = this.#options;
    // Not 'a': on Linux a position is then taken no notice of.
    const file = await open(path, 'r+').catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOENT') throw error;
      return open(path, 'wx+', 0o640);
    });
    try {
      const { size, birthtimeMs } = await file.stat();
      const whole = await wholeLines(file, size);
      if (whole < size) await file.truncate(whole);
      this.#size = whole;
      this.#sinceMs = whole === 0 ? this.#now() : birthtimeMs;
    } catch (error) {
      await file.close();
      throw error;
    }
    this.#file = file;
  }

  async #rotate(): Promise<void> {
    await this.#file!.sync();
    await this.#end();
    const { path } = this.#options;
    const stamp = new Date(this.#now()).toISOString().replaceAll(/[-:]/g, '');
    for (let number = 0; ; number++) {
      const name = rotatedName(path, number === 0 ? stamp : `${stamp}-${number}`);
      try {
        // Where `rename` would replace an older file without a word, `link` fails.
        await link(path, name);
        await unlink(path);
        return;
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
      }
    }
  }

  async #end(): Promise<void> {
    const file = this.#file;
    this.#file = undefined;
    await file?.close();
  }
}

/** Before the last dot of the name, if there is one: alerts-20250204T090000.000Z.ndjson. */
function rotatedName(path: string, stamp: string): string {
  const [, stem = path, extension = ''] = /^(.*[^/])(\.[^./]+)$/.exec(path) ?? [];
  return `${stem}-${stamp}${extension}`;
}

/** Bytes up to the end of the last line that has one. */
async function wholeLines(file: FileHandle, size: number): Promise<number> {
  const buffer = Buffer.alloc(TAIL_BYTES);
  for (let end = size; end > 0;) {
    const from = Math.max(0, end - TAIL_BYTES);
    const { bytesRead } = await file.read(buffer, 0, end - from, from);
    const at = buffer.subarray(0, bytesRead).lastIndexOf(LINE_END);
    if (at >= 0) return from + at + 1;
    end = from;
  }
  return 0;
}
