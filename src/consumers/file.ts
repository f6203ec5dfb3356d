/**
 * A file or standard input -> lines or records, whatever it is packed with. The only place that opens inputs.
 *
 * What is wrong with the input as a whole is thrown as an `InputError`, after all good lines before it have been yielded;
 * what is wrong with a line is the business of the batch (lines.ts) and the decoders.
 */
import { open, stat, type FileHandle } from 'node:fs/promises';
import { Buffer } from 'node:buffer';
import { InputError, type InputFault } from '../errors.ts';
import iconv from 'iconv-lite';
import { compressionOf, decompress, DecompressFault, MAGIC_BYTES } from './decompress.ts';
import { framingOf, HEAD_BYTES, type FormatChoice, type Framing } from './framing.ts';
import type { Format } from './formats/format.ts';
import { LINE_BYTES_MAX, LineSplitter, type LineBatch } from './lines.ts';
import { FramingFault, type RecordBatch } from './records.ts';

const STDIN = '-';
const CHUNK_BYTES = 262_144;

export interface InputProgress {
  /** Bytes of the input as it is stored, so compressed ones for a compressed input. */
  readonly bytesRead: number;
  /** Undefined for standard input and pipes. */
  readonly bytesTotal: number | undefined;
}

export interface ReadOptions {
  readonly onProgress?: (progress: InputProgress) => void;
  /** What "-" stands for. */
  readonly stdin?: AsyncIterable<Uint8Array>;
}

export interface ReadLinesOptions extends ReadOptions {
  readonly lineBytesMax?: number;
}

/** Size of an input in bytes, undefined for standard input and pipes. Throws an InputError if `path` cannot be read from. */
export async function inputBytes(path: string): Promise<number | undefined> {
  if (path === STDIN) return undefined;
  try {
    const found = await stat(path);
    if (found.isDirectory()) throw new InputError('input_is_directory', path, 'is a directory, must be a file');
    return found.isFile() ? found.size : undefined;
  } catch (cause) {
    throw asInputError(path, cause, undefined);
  }
}

/**
 * The lines of an input, plain, gzip or zstd as its first bytes tell.
 *
 * @param path a file, or "-" for standard input
 */
export async function* readLines(path: string, options: ReadLinesOptions = {}): AsyncGenerator<LineBatch> {
  const input = await openInput(path, options);
  const splitter = new LineSplitter(options.lineBytesMax ?? LINE_BYTES_MAX);
  try {
    for await (const chunk of input.chunks) yield* splitter.push(chunk);
    yield* splitter.finish();
  } catch (cause) {
    throw asInputError(path, cause, input.bytesRead);
  }
}

/** The records of one input. */
export interface OpenRecords {
  readonly format: Format;
  /** To be read to its end or closed by `return`, as a file is open till then. A batch is valid until the next one. */
  readonly batches: AsyncGenerator<RecordBatch>;
  /** Closes it where `batches` has not been begun: what has not begun does not end either. */
  readonly close: () => Promise<unknown>;
}

/**
 * Opens an input, plain, gzip or zstd as its first bytes tell, and finds out how it is cut into records.
 *
 * @throws ConfigError for a format that its beginning does not tell, or does not fit
 */
export async function openRecords(path: string, choice: FormatChoice, options: ReadOptions = {}): Promise<OpenRecords> {
  const input = await openInput(path, options);
  try {
    const { head, isWhole } = await readHead(input.chunks, HEAD_BYTES);
    const isAll = isWhole && head.length <= HEAD_BYTES;
    // No more than the bound, so that the sizes of chunks change nothing.
    const framing = framingOf(path, head.subarray(0, HEAD_BYTES), isAll, choice);
    return {
      format: framing.format,
      batches: cutInput(path, input, head, framing),
      close: () => input.chunks.return(undefined),
    };
  } catch (cause) {
    await input.chunks.return(undefined);
    throw asInputError(path, cause, input.bytesRead);
  }
}

/** The format of a file; undefined for standard input and pipes, whose bytes come once. @throws like `openRecords` */
export async function formatOfFile(path: string, choice: FormatChoice): Promise<Format | undefined> {
  if ((await inputBytes(path)) === undefined) return undefined;
  const { format, close } = await openRecords(path, choice);
  await close();
  return format;
}

async function* cutInput(
  path: string,
  input: OpenInput,
  head: Buffer,
  { cutter, encoding }: Framing,
): AsyncGenerator<RecordBatch> {
  try {
    const chunks = withHead(head, input.chunks);
    for await (const chunk of encoding === undefined ? chunks : transcoded(chunks, encoding)) yield* cutter.push(chunk);
    yield* cutter.finish();
  } catch (cause) {
    throw asInputError(path, cause, input.bytesRead);
  } finally {
    await input.chunks.return(undefined);
  }
}

async function* transcoded(chunks: AsyncIterable<Uint8Array>, encoding: string): AsyncGenerator<Uint8Array> {
  const decoder = iconv.getDecoder(encoding);
  for await (const chunk of chunks) yield Buffer.from(decoder.write(Buffer.from(chunk)));
  yield Buffer.from(decoder.end() ?? '');
}

interface OpenInput {
  /** What the input holds, unpacked. A chunk is valid until the next one is asked for. */
  readonly chunks: AsyncGenerator<Uint8Array>;
  /** Bytes as they are stored. */
  readonly bytesRead: number;
}

async function openInput(path: string, { onProgress, stdin }: ReadOptions): Promise<OpenInput> {
  const bytesTotal = await inputBytes(path);
  let bytesRead = 0;
  const stored = counted(path === STDIN ? (stdin ?? process.stdin) : fileChunks(path), (bytes) => {
    bytesRead += bytes;
    onProgress?.({ bytesRead, bytesTotal });
  });
  return {
    chunks: unpacked(path, stored),
    get bytesRead() {
      return bytesRead;
    },
  };
}

async function* unpacked(path: string, chunks: AsyncGenerator<Uint8Array>): AsyncGenerator<Uint8Array> {
  const { head } = await readHead(chunks, MAGIC_BYTES);
  const all = withHead(head, chunks);
  const compression = compressionOf(head);
  if (compression !== 'none') return yield* decompress(compression, all);
  const packer = foreignPacker(head);
  if (packer === undefined) return yield* all;
  await chunks.return(undefined);
  throw new InputError('input_unreadable', path, `is ${packer} data, must be plain, gzip or zstd`, { byteOffset: 0 });
}

/** The first bytes, at least `bytesMin` of them unless that is the whole input. */
async function readHead(
  chunks: AsyncGenerator<Uint8Array>,
  bytesMin: number,
): Promise<{ readonly head: Buffer; readonly isWhole: boolean }> {
  const pieces: Buffer[] = [];
  let bytes = 0;
  while (bytes < bytesMin) {
    const next = await chunks.next();
    if (next.done === true) return { head: Buffer.concat(pieces), isWhole: true };
    pieces.push(Buffer.from(next.value));
    bytes += next.value.length;
  }
  return { head: Buffer.concat(pieces), isWhole: false };
}

async function* withHead(head: Buffer, rest: AsyncGenerator<Uint8Array>): AsyncGenerator<Uint8Array> {
  try {
    yield head;
    yield* rest;
  } finally {
    // A reader that stops at the head has not started `rest`, which holds the file open.
    await rest.return(undefined);
  }
}

/** Formats that people do pack archives with, named because "not JSON" for each line would not help them. */
function foreignPacker(head: Buffer): string | undefined {
  const magic = head.toString('latin1', 0, MAGIC_BYTES);
  if (magic.startsWith('BZh')) return 'bzip2';
  if (magic === '\xfd7zX') return 'xz';
  if (magic === 'PK\x03\x04') return 'zip';
  return magic === '\x04\x22\x4d\x18' ? 'lz4' : undefined;
}

async function* counted(
  chunks: AsyncIterable<Uint8Array>,
  onBytes: (bytes: number) => void,
): AsyncGenerator<Uint8Array> {
  for await (const chunk of chunks) {
    onBytes(chunk.length);
    yield chunk;
  }
}

/** The same buffer each time: a chunk is valid until the next one is asked for. */
async function* fileChunks(path: string): AsyncGenerator<Uint8Array> {
  const file: FileHandle = await open(path, 'r');
  try {
    const buffer = Buffer.allocUnsafe(CHUNK_BYTES);
    for (;;) {
      const { bytesRead } = await file.read(buffer, 0, CHUNK_BYTES, null);
      if (bytesRead === 0) return;
      yield buffer.subarray(0, bytesRead);
    }
  } finally {
    await file.close();
  }
}

function asInputError(path: string, cause: unknown, byteOffset: number | undefined): unknown {
  if (cause instanceof FramingFault) {
    return new InputError(
      cause.fault,
      path,
      cause.message,
      byteOffset === undefined ? { cause } : { byteOffset, cause },
    );
  }
  if (cause instanceof DecompressFault) {
    return new InputError(cause.fault, path, cause.message, { byteOffset: cause.byteOffset, cause });
  }
  const code = (cause as NodeJS.ErrnoException).code;
  const isSystemError = cause instanceof Error && typeof (cause as NodeJS.ErrnoException).syscall === 'string';
  if (cause instanceof InputError || !isSystemError) return cause;
  const { fault, detail } = SYSTEM_FAULTS[code ?? ''] ?? { fault: 'input_unreadable', detail: cause.message };
  return new InputError(fault, path, detail, byteOffset ? { byteOffset, cause } : { cause });
}

const SYSTEM_FAULTS: Readonly<Record<string, { readonly fault: InputFault; readonly detail: string }>> = {
  ENOENT: { fault: 'input_missing', detail: 'does not exist' },
  ENOTDIR: { fault: 'input_missing', detail: 'does not exist' },
  EACCES: { fault: 'input_denied', detail: 'may not be read by this user' },
  EPERM: { fault: 'input_denied', detail: 'may not be read by this user' },
  EISDIR: { fault: 'input_is_directory', detail: 'is a directory, must be a file' },
};
