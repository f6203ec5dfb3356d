/**
 * Takes a zip archive apart, because not every machine has `unzip`: stored and deflated files, nothing encrypted, below 4 GiB.
 *
 * Format: PKWARE APPNOTE 6.3.10, sections 4.3.7 (local header), 4.3.12 (central directory) and 4.3.16 (its end).
 */
import { inflateRawSync } from 'node:zlib';

const END_SIGNATURE = 0x06054b50;
const END_SIZE = 22;
const STORED = 0;

export interface ZipFile {
  /** With slashes. */
  readonly path: string;
  /** Bytes when unpacked. */
  readonly size: number;
  readonly read: () => Buffer;
}

/** Without the folders. @throws Error where it is no zip archive. */
export function zipFiles(archive: Buffer): ZipFile[] {
  let end = archive.length - END_SIZE;
  while (end >= 0 && archive.readUInt32LE(end) !== END_SIGNATURE) end -= 1;
  if (end < 0) throw new Error(`no zip archive: no end of a directory in ${archive.length} bytes`);
  const files: ZipFile[] = [];
  let at = archive.readUInt32LE(end + 16);
  for (let left = archive.readUInt16LE(end + 10); left > 0; left -= 1) {
    const method = archive.readUInt16LE(at + 10);
    const packed = archive.readUInt32LE(at + 20);
    const size = archive.readUInt32LE(at + 24);
    const nameSize = archive.readUInt16LE(at + 28);
    const local = archive.readUInt32LE(at + 42);
    const path = archive.toString('utf8', at + 46, at + 46 + nameSize);
    const read = () => {
      const start = local + 30 + archive.readUInt16LE(local + 26) + archive.readUInt16LE(local + 28);
      const bytes = archive.subarray(start, start + packed);
      return method === STORED ? bytes : inflateRawSync(bytes);
    };
    if (!path.endsWith('/')) files.push({ path, size, read });
    at += 46 + nameSize + archive.readUInt16LE(at + 30) + archive.readUInt16LE(at + 32);
  }
  return files;
}
