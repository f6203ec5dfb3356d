/**
 * The store port: what one task (a partition of a stage) keeps over a restart. Owns the contract that both implementations
 * (memory.ts, rocksdb.ts) are held to, and the checks that they share.
 *
 * A store is a copy that can always be made again from the log. So it may be lost; it may never be wrong: a store that has lost
 * a part of itself says so (`store_damaged`) and is set aside.
 *
 * Errors are ChorusErrors, with these codes:
 *
 * - `store_closed`: used after `close()`
 * - `store_topology`: on the disk is the state of another topology; it is refused, and never wiped
 * - `store_format`: on the disk is a layout that this version does not know
 * - `store_locked`: another process or another store has it open, and did not let go in time (retryable)
 * - `store_damaged`: what was written cannot be read, or not all of it; `StoreProvider.setAside`, then open anew
 * - `store_disk_full`: a batch found no room; nothing of it was written. The store must be opened anew to be written again
 * - `store_io`: the disk or the file system refused
 * - `store_unavailable`: the library has no build for this machine
 */
import { ChorusError, InvariantError } from '../errors.ts';

/** Offsets are integers from 0 up to here. */
export const OFFSET_MAX = 2 ** 48;

export interface StoredFrame {
  readonly offset: number;
  readonly bytes: Uint8Array;
}

export interface StoreBatch {
  /** The state record: whatever the task needs to go on from exactly here. */
  readonly checkpoint: Uint8Array;
  /** In ascending offset, and above every frame that was ever put: frames come in the order of their log. */
  readonly frames?: readonly StoredFrame[];
  /** Frames below are gone once the batch is written. A bound below an earlier one changes nothing. */
  readonly expireBelow?: number;
  /** Put, or with `bytes` undefined removed. */
  readonly blobs?: readonly { readonly name: string; readonly bytes: Uint8Array | undefined }[];
}

/** Plain numbers for metrics, since the store was opened unless said otherwise. */
export interface StoreCounters {
  readonly batches: number;
  readonly framesPut: number;
  readonly framesRead: number;
  readonly framesScanned: number;
  /** Frames, blobs and checkpoints. */
  readonly bytesPut: number;
  /** What the library was told to remove; bounds in between only hide. */
  readonly rangeDeletes: number;
  /** Now: files of frames, without what has not left the write-ahead log yet. */
  readonly diskBytes: number;
  /** Now: frames that wait in memory for being written to such a file. */
  readonly bufferBytes: number;
  /** Now: of the files, what is not hidden or replaced, by estimate. */
  readonly liveBytes: number;
  /** Now: buffers, cache, indexes and filters. */
  readonly memoryBytes: number;
  /** What buffers and cache are meant to stay below; 0 without a limit. */
  readonly memoryLimitBytes: number;
  /** Now: files that are not sorted in yet. */
  readonly level0Files: number;
  /** Now: what is still to be rewritten, by estimate. */
  readonly compactionPendingBytes: number;
  /** Now: no writes are taken, since too much is still to be rewritten. */
  readonly isWriteStopped: boolean;
  readonly backgroundErrors: number;
}

/** Of a store without a disk. */
export const NO_DISK = {
  bufferBytes: 0,
  memoryLimitBytes: 0,
  level0Files: 0,
  compactionPendingBytes: 0,
  isWriteStopped: false,
  backgroundErrors: 0,
} as const satisfies Partial<StoreCounters>;

/**
 * What one task keeps: frames by their position in its input log, a state record, and named blobs, all written in one batch
 * with the position that they reach. Bytes handed in may be reused once `write` has returned its promise; bytes handed out
 * are not to be changed.
 */
export interface Store {
  /** The state record written last, or undefined for a new store. */
  readonly checkpoint: Uint8Array | undefined;
  readonly counters: StoreCounters;
  /** All of a batch or nothing of it, for this process and for one that comes after a crash. Batches are written in the order of the calls. */
  write(batch: StoreBatch): Promise<void>;
  /** Frames of the given offsets, in the same order; undefined where there is none (never put, or expired). */
  read(offsets: readonly number[]): Promise<(Uint8Array | undefined)[]>;
  /**
   * Frames from `from` on in ascending offset, as they are at the call for the first group, in groups of a few MB. It fails
   * with `store_damaged` if a frame is missing in between or at the end, so a scan that ends has seen all of them.
   */
  scan(from: number): AsyncGenerator<StoredFrame[], void, void>;
  readBlob(name: string): Promise<Uint8Array | undefined>;
  /** Can be called twice. What was acknowledged stays. */
  close(): Promise<void>;
}

export interface StoreProvider {
  /**
   * @param task name of a folder, such as "match-3"
   * @param topology 16 hex digits
   * @param options `signal` gives up waiting; the promise is then rejected with its reason
   */
  open(task: string, topology: string, options?: { readonly signal?: AbortSignal }): Promise<Store>;
  /** Closes the task's store and has the next `open` start with an empty one. The damaged one is kept for a look. */
  setAside(task: string, detail: string): Promise<void>;
  /** Closes all stores that are open. */
  close(): Promise<void>;
}

export function checkOffset(offset: number): void {
  if (Number.isSafeInteger(offset) && offset >= 0 && offset <= OFFSET_MAX) return;
  throw new InvariantError('store-offset', `offset ${offset}, must be an integer from 0 to ${OFFSET_MAX}`);
}

/**
 * Refuses a batch that no task may write, before anything of it is.
 * @param newest the highest offset ever put, or -1
 * @returns the highest offset after this batch
 */
export function checkBatch(batch: StoreBatch, newest: number): number {
  let last = newest;
  for (const { offset } of batch.frames ?? []) {
    checkOffset(offset);
    if (offset <= last) {
      throw new InvariantError(
        'store-order',
        `frame ${offset} comes after ${last}, must be above every frame put before`,
      );
    }
    last = offset;
  }
  if (batch.expireBelow !== undefined) checkOffset(batch.expireBelow);
  return last;
}

/** A task is a name of a folder, and a topology is told to people: neither is taken from outside unseen. */
export function checkOpen(task: string, topology: string): void {
  if (!/^[a-z0-9][a-z0-9-]*$/.test(task)) {
    throw new InvariantError('store-task', `task "${task}", must be lower-case letters, digits and "-"`);
  }
  if (!/^[0-9a-f]{16}$/.test(topology)) {
    throw new InvariantError('store-topology', `topology "${topology}", must be 16 hex digits`);
  }
}

export function closedError(task: string): ChorusError {
  return new ChorusError('store_closed', `store of ${task}: is closed, must be opened again before it is used`);
}

/** @param remove what the user can do to get rid of the old state, such as a command */
export function topologyError(place: string, found: string, wanted: string, remove: string): ChorusError {
  return new ChorusError(
    'store_topology',
    `${place}: holds the state of topology ${found}, but these settings and tables make topology ${wanted}. ` +
      `Run with those that made it, name another data folder, or remove it (${remove}): it is made again from the log.`,
  );
}

export function lockedError(place: string, waitedMs: number, cause?: unknown): ChorusError {
  return new ChorusError(
    'store_locked',
    `${place}: in use by another process or by another part of this one, and not released within ${waitedMs} ms. ` +
      'Stop the other one, or give each its own data folder.',
    { retryable: true, cause },
  );
}
