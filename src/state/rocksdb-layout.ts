/**
 * How a store lies in RocksDB: its columns, keys and records.
 *
 * Three columns, so that each keeps its own files; one batch over all of them is still one record of the write-ahead log.
 *
 *   default   offset, 8 bytes big-endian        -> frame, and behind it 8 bytes: 1 + the offset of the frame before it, or 0
 *   blobs     name "@" generation               -> blob
 *   state     "format"                          -> JSON {version, topology}
 *             "state"                           -> JSON {floor, newest, generation, blobs: [[name, generation], ...]}
 *             "checkpoint"                      -> the state record
 *
 * Frames are in the default column because the library's properties are those of that one.
 *
 * RocksDB finds a flipped bit and a missing file of a table by itself, but reads on without a word past a missing write-ahead
 * log or the missing end of its manifest. So "state" names the newest frame and the generation of each blob, and each frame
 * names the one before it: what is not there is missed at open, at the scan, or at `readBlob`.
 */
import type { ColumnOptions } from '@nxtedition/rocksdb';
import { checkOffset } from './store.ts';

/** Of the layout above. */
export const FORMAT_VERSION = 1;
export const FORMAT = Buffer.from('format');
export const STATE = Buffer.from('state');
export const CHECKPOINT = Buffer.from('checkpoint');

/** Bytes of the link to the frame before, behind each frame. */
export const LINK_BYTES = 8;

export interface State {
  /** Frames below are expired. */
  readonly floor: number;
  /** Highest offset ever put, or -1. */
  readonly newest: number;
  /** Of the last blob put. */
  readonly generation: number;
  readonly blobs: ReadonlyMap<string, number>;
}

export interface Format {
  readonly version: number;
  readonly topology: string;
}

/**
 * Universal compaction, since only there this library lets write buffers be bounded and ZSTD be left out (InitOptions in its
 * source). Frames are not compressed: those of 64 KB of JSON then take 2.8 times the disk, and are written 3 times and
 * scanned 4 times as fast, at 3 instead of 9 ms of CPU a MB.
 */
export function columnsFor(memoryBytes: number): Record<string, ColumnOptions> {
  const frames = { compaction: 'universal', compression: false } as const;
  // Six buffers of a quarter wait at most, so frames take 3/4 of the budget at worst, and the cache 1/8.
  const memtableMemoryBudget = memoryBytes / 2;
  // The log is kept until the slowest column has written its buffer, so the small ones have small buffers.
  const small = { ...frames, cacheSize: 1 << 20, memtableMemoryBudget: 256 << 10 };
  return { default: { ...frames, cacheSize: memoryBytes / 8, memtableMemoryBudget }, blobs: small, state: small };
}

export function keyOf(offset: number): Buffer {
  checkOffset(offset);
  const key = Buffer.allocUnsafe(8);
  key.writeUInt32BE(Math.floor(offset / 2 ** 32), 0);
  key.writeUInt32BE(offset % 2 ** 32, 4);
  return key;
}

/** The other half of `keyOf`, anywhere in a value. */
export function numberAt(bytes: Buffer, at: number): number {
  return bytes.readUInt32BE(at) * 2 ** 32 + bytes.readUInt32BE(at + 4);
}

export function encodeState(state: State): Buffer {
  return Buffer.from(JSON.stringify({ ...state, blobs: [...state.blobs] }));
}

export function decodeState(bytes: Buffer | undefined): State | undefined {
  if (bytes === undefined) return undefined;
  const state = JSON.parse(bytes.toString()) as Omit<State, 'blobs'> & { blobs: [string, number][] };
  return { ...state, blobs: new Map(state.blobs) };
}

export function blobKey(name: string, generation: number): Buffer {
  return Buffer.from(`${name}@${generation}`);
}
