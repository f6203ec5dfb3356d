/**
 * Compressed chunks -> plain chunks: gzip (any number of members) and zstd (any number of frames).
 *
 * What was decoded before a fault is yielded before the fault is thrown, as a `DecompressFault`.
 */
import { Buffer } from 'node:buffer';
import * as zlib from 'node:zlib';
import { Decompress, ZstdErrorCode, type ZstdError } from 'fzstd';
import type { InputFault } from '../errors.ts';
import { Xxh64 } from './xxh64.ts';
import { ZstdFrameWalk } from './zstd-frames.ts';

export type Compression = 'none' | 'gzip' | 'zstd';

/** Bytes that `compressionOf` wants to see. */
export const MAGIC_BYTES = 4;

/**
 * zlib keeps what it decoded of a slice to itself when it meets a fault in it, so a slice is what a corrupt archive can lose
 * of the good lines before the fault. It is also what is decoded ahead of the reader: 8 MiB at the 1:1000 of a gzip bomb.
 */
const SLICE_BYTES = 8_192;
const OUTPUT_BYTES = 65_536;
/** zstd's own limit on 64-bit machines, as written by `zstd --long=31`. */
const ZSTD_WINDOW_LOG_MAX = 31;
/**
 * fzstd 0.1.1 copies from the wrong place for distances of 96 MiB and more, without a word (101arrowz/fzstd pull request 22;
 * seen here on a file of `zstd --long=27`).
 */
const FZSTD_WINDOW_BYTES_MAX = 2 ** 26;

export class DecompressFault extends Error {
  readonly fault: InputFault;
  /** Bytes of compressed input taken in; the fault is not after them. */
  readonly byteOffset: number;

  constructor(fault: InputFault, message: string, byteOffset: number, cause: unknown) {
    super(message, { cause });
    this.fault = fault;
    this.byteOffset = byteOffset;
  }
}

/** Told by the first bytes, as no text in UTF-8 that is JSON starts with one of these magic numbers. */
export function compressionOf(head: Uint8Array): Compression {
  if (head[0] === 0x1f && head[1] === 0x8b) return 'gzip';
  if (head[0] === 0x28 && head[1] === 0xb5 && head[2] === 0x2f && head[3] === 0xfd) return 'zstd';
  // A skippable frame, with which the files of pzstd and of some seekable writers start.
  const isSkippable = (head[0]! & 0xf0) === 0x50 && head[1] === 0x2a && head[2] === 0x4d && head[3] === 0x18;
  return isSkippable ? 'zstd' : 'none';
}

export async function* decompress(
  compression: Exclude<Compression, 'none'>,
  chunks: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  const decoder = decoderFor(compression);
  let pending: Promise<void> | undefined;
  try {
    for await (const slice of slices(chunks)) {
      await pending;
      const decoded = decoder.take();
      // The next slice is decoded on another thread (zlib) while the reader works on the last one.
      pending = decoder.write(slice);
      pending.catch(() => undefined);
      yield* decoded;
    }
    await pending;
    yield* decoder.take();
    await decoder.end();
    yield* decoder.take();
  } catch (cause) {
    const fault = decoder.faultOf(cause);
    if (fault === undefined) throw cause;
    yield* decoder.take();
    const message = `the ${compression} data is ${FAULT_WORDS[fault]} (${(cause as Error).message})`;
    throw new DecompressFault(fault, message, decoder.bytesTaken, cause);
  } finally {
    decoder.close();
  }
}

type DecodingFault = keyof typeof FAULT_WORDS;
const FAULT_WORDS = {
  input_truncated: 'cut short',
  input_corrupt: 'corrupt',
  input_window_too_large:
    'packed with a window that only Node 22.15 and later can read, or `zstd -dc --long=31 FILE | chorus replay -`',
} as const satisfies Partial<Record<InputFault, string>>;

interface Decoder {
  /** Compressed bytes taken in so far. */
  readonly bytesTaken: number;
  write(slice: Uint8Array): Promise<void>;
  end(): Promise<void>;
  /** Hands over what was decoded since the last call. */
  take(): Uint8Array[];
  /** What an error of `write` or `end` says of the input; undefined if the error is not about it. */
  faultOf(error: unknown): DecodingFault | undefined;
  close(): void;
}

function decoderFor(compression: Exclude<Compression, 'none'>): Decoder {
  if (compression === 'gzip') return new ZlibDecoder(() => zlib.createGunzip({ chunkSize: OUTPUT_BYTES }));
  const { createZstdDecompress, constants } = zlib as unknown as ZlibWithZstd;
  if (createZstdDecompress === undefined) return new FzstdDecoder();
  const params = { [constants.ZSTD_d_windowLogMax]: ZSTD_WINDOW_LOG_MAX };
  return new ZlibDecoder(() => createZstdDecompress({ chunkSize: OUTPUT_BYTES, params }));
}

/** node:zlib has zstd from 22.15 on; the types are those of Node 20. */
interface ZlibWithZstd {
  readonly createZstdDecompress?: (options: { chunkSize: number; params: Record<number, number> }) => zlib.Gunzip;
  readonly constants: { readonly ZSTD_d_windowLogMax: number };
}

/**
 * Drives a decoder of node:zlib by hand. A pipe would be shorter, but a stream that fails drops what it had decoded, and the
 * zstd stream (Node 24.21) takes the end of a first frame for the end of all and ignores the rest without a word.
 */
class ZlibDecoder implements Decoder {
  readonly #create: () => zlib.Gunzip;
  #stream: zlib.Gunzip;
  #decoded: Uint8Array[] = [];
  #bytesBefore = 0;
  #error: Error | undefined;
  #reject: ((error: Error) => void) | undefined;

  constructor(create: () => zlib.Gunzip) {
    this.#create = create;
    this.#stream = this.#open();
  }

  get bytesTaken(): number {
    return this.#bytesBefore + this.#stream.bytesWritten;
  }

  async write(slice: Uint8Array): Promise<void> {
    let rest = slice;
    while (rest.length > 0) {
      const before = this.#stream.bytesWritten;
      await this.#untilDone((done) => this.#stream.write(rest, done));
      rest = rest.subarray(this.#stream.bytesWritten - before);
      // Zeros pad archives to the block size of tapes and disks.
      if (rest.every((byte) => byte === 0)) return;
      this.#startNextFrame();
    }
  }

  async end(): Promise<void> {
    if (this.#stream.readableEnded) return;
    await this.#untilDone((done) => this.#stream.once('end', done).end());
  }

  take(): Uint8Array[] {
    const decoded = this.#decoded;
    this.#decoded = [];
    return decoded;
  }

  faultOf(error: unknown): DecodingFault | undefined {
    const code = codeOf(error);
    if (code === 'Z_BUF_ERROR') return 'input_truncated';
    if (code === 'ZSTD_error_frameParameter_windowTooLarge') return 'input_window_too_large';
    return code.startsWith('Z_') || code.startsWith('ZSTD_') ? 'input_corrupt' : undefined;
  }

  close(): void {
    this.#stream.destroy();
  }

  #startNextFrame(): void {
    this.#bytesBefore = this.bytesTaken;
    this.#stream.destroy();
    this.#stream = this.#open();
  }

  #open(): zlib.Gunzip {
    const stream = this.#create();
    stream.on('data', (chunk: Uint8Array) => this.#decoded.push(chunk));
    stream.on('error', (error) => {
      this.#error = error;
      this.#reject?.(error);
    });
    return stream;
  }

  /** A stream that fails emits `error` and does not always call back (Node 24.21). */
  #untilDone(start: (done: (error?: Error | null) => void) => void): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.#error !== undefined) return reject(this.#error);
      this.#reject = reject;
      start((error) => (error ? reject(error) : resolve()));
    });
  }
}

/**
 * One decoder of fzstd for each frame. fzstd itself looks neither at checksums nor at the windows it cannot do, and keeps
 * short frames back until there is more input.
 */
class FzstdDecoder implements Decoder {
  bytesTaken = 0;
  #decoded: Uint8Array[] = [];
  readonly #frames = new ZstdFrameWalk();
  #hash = new Xxh64();
  #frame = this.#open();

  // As in the other decoder a fault is a rejected promise, never a throw.
  async write(slice: Uint8Array): Promise<void> {
    this.bytesTaken += slice.length;
    for (let at = 0; at < slice.length;) {
      const taken = this.#frames.push(slice.subarray(at));
      const windowBytes = this.#frames.windowBytesMax;
      if (windowBytes > FZSTD_WINDOW_BYTES_MAX) throw new WindowTooLarge(windowBytes);
      this.#frame.push(slice.subarray(at, at + taken), this.#frames.isAtFrameEnd);
      if (this.#frames.isAtFrameEnd) this.#endFrame(this.#frames.checksum);
      at += taken;
    }
  }

  async end(): Promise<void> {
    this.#frame.push(new Uint8Array(0), true);
  }

  take(): Uint8Array[] {
    const decoded = this.#decoded;
    this.#decoded = [];
    return decoded;
  }

  faultOf(error: unknown): DecodingFault | undefined {
    if (error instanceof WrongChecksum) return 'input_corrupt';
    if (error instanceof WindowTooLarge) return 'input_window_too_large';
    const code = (error as Partial<ZstdError>).code;
    if (code === ZstdErrorCode.UnexpectedEOF) return 'input_truncated';
    // On some broken streams fzstd trips over its own tables.
    return typeof code === 'number' || error instanceof TypeError || error instanceof RangeError
      ? 'input_corrupt'
      : undefined;
  }

  close(): void {
    this.#decoded = [];
  }

  #open(): Decompress {
    return new Decompress((chunk) => {
      this.#decoded.push(chunk);
      this.#hash.update(chunk);
    });
  }

  #endFrame(checksum: number | undefined): void {
    if (checksum !== undefined && checksum !== this.#hash.low32()) throw new WrongChecksum('wrong checksum');
    this.#hash = new Xxh64();
    this.#frame = this.#open();
  }
}

class WrongChecksum extends Error {}

class WindowTooLarge extends Error {
  constructor(windowBytes: number) {
    super(`window of ${windowBytes} bytes, at most ${FZSTD_WINDOW_BYTES_MAX}`);
  }
}

function codeOf(error: unknown): string {
  const code = (error as { code?: unknown }).code;
  return typeof code === 'string' ? code : '';
}

async function* slices(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  for await (const chunk of chunks) {
    // A copy, as a slice is still being decoded when the reader has asked for the next chunk, which may reuse this one.
    const own = Buffer.from(chunk);
    for (let at = 0; at < own.length; at += SLICE_BYTES) yield own.subarray(at, at + SLICE_BYTES);
  }
}
