/**
 * A file or standard input -> lines, whatever it is packed with. The only place that opens inputs.
 *
 * What is wrong with the input as a whole is thrown as an `InputError`, after all good lines before it have been yielded;
 * what is wrong with a line is the business of the batch (lines.ts) and the decoders.
 */
import { open, stat, type FileHandle } from 'node:fs/promises';
import { Buffer } from 'node:buffer';
import { InputError, type InputFault } from '../errors.ts';
import { compressionOf, decompress, DecompressFault, MAGIC_BYTES } from './decompress.ts';
import { LINE_BYTES_MAX, LineSplitter, type LineBatch } from './lines.ts';

const STDIN = '-';
const CHUNK_BYTES = 262_144;

export interface InputProgress {
  /** Bytes of the input as it is stored, so compressed ones for a compressed input. */
  readonly bytesRead: number;
  /** Undefined for standard input and pipes. */
  readonly bytesTotal: number | undefined;
}

export interface ReadLinesOptions {
  readonly onProgress?: (progress: InputProgress) => void;
  readonly lineBytesMax?: number;
  /** What "-" stands for. */
  readonly stdin?: AsyncIterable<Uint8Array>;
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
  const bytesTotal = await inputBytes(path);
  let bytesRead = 0;
  const chunks = counted(path === STDIN ? (options.stdin ?? process.stdin) : fileChunks(path), (bytes) => {
    bytesRead += bytes;
    options.onProgress?.({ bytesRead, bytesTotal });
  });
  const splitter = new LineSplitter(options.lineBytesMax ?? LINE_BYTES_MAX);
  try {
    for await (const chunk of unpacked(path, chunks)) yield* splitter.push(chunk);
    yield* splitter.finish();
  } catch (cause) {
    throw asInputError(path, cause, bytesRead);
  }
}

async function* unpacked(path: string, chunks: AsyncGenerator<Uint8Array>): AsyncGenerator<Uint8Array> {
  const head = await readHead(chunks);
  const all = withHead(head, chunks);
  const compression = compressionOf(head);
  if (compression !== 'none') return yield* decompress(compression, all);
  const packer = foreignPacker(head);
  if (packer === undefined) return yield* all;
  await chunks.return(undefined);
  throw new InputError('input_unreadable', path, `is ${packer} data, must be plain, gzip or zstd`, { byteOffset: 0 });
}

/** The first bytes of the input, at least as many as its kind takes to tell if there are so many. */
async function readHead(chunks: AsyncGenerator<Uint8Array>): Promise<Buffer> {
  let head: Buffer = Buffer.alloc(0);
  while (head.length < MAGIC_BYTES) {
    const next = await chunks.next();
    if (next.done === true) break;
    head = Buffer.concat([head, next.value]);
  }
  return head;
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
