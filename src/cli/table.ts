/** The frequency table: where it comes from and how it lies on disk (gzip of its bytes, or the bytes alone). */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { gunzipSync, gzipSync } from 'node:zlib';
import { ConfigError } from '../errors.ts';
import { FrequencyTable, TABLE_BYTES } from '../fingerprints/frequency-table.ts';

/** The same two folders up from src/cli/ and from dist/cli/. */
const PACKAGED = fileURLToPath(new URL('../../tables/default-v1.chdf.gz', import.meta.url));

/** The bytes of a table. @throws ConfigError if the file cannot be read or holds none. */
export function loadTable(path: string = PACKAGED): Uint8Array {
  try {
    const bytes = readFileSync(path);
    const isPacked = bytes[0] === 0x1f && bytes[1] === 0x8b;
    const table = isPacked ? gunzipSync(bytes, { maxOutputLength: 2 * TABLE_BYTES }) : bytes;
    // Refused here, where its path is known.
    void new FrequencyTable(table);
    return table;
  } catch (cause) {
    const detail = cause instanceof ConfigError ? cause.problems[0]!.bound : (cause as Error).message;
    throw new ConfigError([{ name: 'table', value: path, bound: `a file made by "chorus train" (${detail})` }]);
  }
}

/** The same table gives the same bytes: the header of gzip holds no time and no name. */
export function packTable(table: Uint8Array): Uint8Array {
  const packed = gzipSync(table, { level: 9 });
  // The byte that names the operating system.
  packed[9] = 255;
  return packed;
}
