/**
 * Compression of record batches: gzip, snappy, lz4 and zstd are read, gzip and snappy are written.
 *
 * kafkajs reads only gzip by itself; a batch in another codec kills its consumer. All of them are given to it here, so that
 * whatever goes through kafkajs in this process can read them too.
 */
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import { decompress as decompressZstd } from 'fzstd';
import kafkajs, { type CompressionTypes } from 'kafkajs';
import createSnappy from 'kafkajs-snappy';
import { decompress as decompressLz4 } from 'lz4js';
import { ChorusError } from '../errors.ts';

/** Names of the codecs, at their number in the attributes of a batch. */
const CODECS = ['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const;

/** What producers can be told to write. */
export const WRITABLE = ['none', 'gzip', 'snappy'] as const;
export type Compression = (typeof WRITABLE)[number];

const gunzipAsync = promisify(gunzip);
const snappy = createSnappy();

/** @throws ChorusError `record_unreadable`: an unknown codec, or bytes that are none of it. */
export async function decompress(codec: number, bytes: Buffer): Promise<Buffer> {
  try {
    switch (CODECS[codec]) {
      case 'none':
        return bytes;
      case 'gzip':
        return await gunzipAsync(bytes);
      case 'snappy':
        return await snappy.decompress(bytes);
      case 'lz4':
        return bufferOf(decompressLz4(bytes));
      case 'zstd':
        return bufferOf(decompressZstd(bytes));
      case undefined:
        break;
    }
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new ChorusError('record_unreadable', `${CODECS[codec]}: ${bytes.length} bytes do not decompress: ${reason}`, {
      cause: error,
    });
  }
  throw new ChorusError(
    'record_unreadable',
    `compression codec ${codec} of a record batch is unknown, must be 0 to ${CODECS.length - 1} (${CODECS.join(', ')})`,
  );
}

function bufferOf(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

const { None, GZIP, Snappy } = kafkajs.CompressionTypes;

/** What kafkajs knows the codecs by. */
export const COMPRESSION_TYPES: Readonly<Record<Compression, CompressionTypes>> = {
  none: None,
  gzip: GZIP,
  snappy: Snappy,
};

let registered = false;

export function registerCodecs(): void {
  if (registered) return;
  registered = true;
  const codecs = kafkajs.CompressionCodecs as Record<number, unknown>;
  codecs[CODECS.indexOf('snappy')] = createSnappy;
  for (const name of ['lz4', 'zstd'] as const) {
    const codec = CODECS.indexOf(name);
    codecs[codec] = () => ({
      compress: () => Promise.reject(unwritable(name)),
      decompress: (bytes: Buffer) => decompress(codec, bytes),
    });
  }
}

/** Brokers refuse the frames that lz4js writes, and Node 20 has no zstd encoder. */
function unwritable(name: string): ChorusError {
  return new ChorusError(
    'compression_unwritable',
    `compression ${name} can be read but not written, must be one of ${WRITABLE.join(', ')}. ` +
      `For ${name} on the broker set compression.type=${name} on the topic: it compresses again`,
  );
}
