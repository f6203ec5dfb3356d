/** A store that is open in RocksDB. Owns its batches, its expiry, and the checks that find a part missing (rocksdb-layout.ts). */
import type { Column, RocksBatch, RocksIterator, RocksLevel } from '@nxtedition/rocksdb';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { DamagedError, faultOf, storeError } from './rocksdb-errors.ts';
import {
  blobKey,
  CHECKPOINT,
  decodeState,
  encodeState,
  FORMAT,
  FORMAT_VERSION,
  keyOf,
  LINK_BYTES,
  numberAt,
  STATE,
  type Format,
  type State,
} from './rocksdb-layout.ts';
import {
  checkBatch,
  closedError,
  NO_DISK,
  type Store,
  type StoreBatch,
  type StoreCounters,
  type StoredFrame,
} from './store.ts';

const SCAN_GROUP_BYTES = 4 << 20;
/** On a cold disk 200 to 300 MB/s in place of 180; the library's own readahead ends at 256 KB. */
const SCAN_READAHEAD_BYTES = 4 << 20;
/** Never reached by frames of 4 KB; a bound for tiny ones. */
const SCAN_GROUP_FRAMES = 4096;
/** Frames of one look-up; about 1 ms when they are in the page cache. */
const READ_GROUP = 16;
/**
 * The range is deleted when this part of it has expired, and hidden before. A delete with each batch, of 16 frames, made
 * writing a fifth slower and had 2.2 instead of 1.8 GB on the disk for 0.5 GB of frames.
 */
const DELETE_PART = 64;

export interface RocksdbStoreOptions {
  readonly task: string;
  readonly path: string;
  readonly sync: boolean;
  /** Of its write buffers and cache. */
  readonly memoryBytes: number;
  readonly closed: (store: RocksdbStore) => void;
}

export class RocksdbStore implements Store {
  readonly #db: RocksLevel;
  readonly #options: RocksdbStoreOptions;
  readonly #frames: Column;
  readonly #blobs: Column;
  readonly #records: Column;
  /**
   * One batch for all writes. The memory of a batch of this library is given back by the garbage collector, which does not know
   * its size: with a new one for each write the process grew to 1.6 GB in place of 0.3.
   */
  readonly #batch: RocksBatch;
  #scratch = Buffer.allocUnsafe(64 << 10);
  #state: State = { floor: 0, newest: -1, generation: 0, blobs: new Map() };
  #checkpoint: Uint8Array | undefined;
  /** The range below was deleted; undefined where nobody knows. */
  #deletedBelow: number | undefined;
  /** Why this store takes no more batches: after a failed one the library's state in memory is not to be built on. */
  #failed: Error | undefined;
  #closing: Promise<void> | undefined;
  readonly #counts = { batches: 0, framesPut: 0, framesRead: 0, framesScanned: 0, bytesPut: 0, rangeDeletes: 0 };

  /** @param db open, with the columns of `columnsFor` */
  constructor(db: RocksLevel, options: RocksdbStoreOptions) {
    this.#db = db;
    this.#options = options;
    this.#frames = column(db, 'default');
    this.#blobs = column(db, 'blobs');
    this.#records = column(db, 'state');
    this.#batch = db.batch();
  }

  get checkpoint(): Uint8Array | undefined {
    return this.#checkpoint;
  }

  get counters(): StoreCounters {
    if (this.#closing !== undefined) {
      return { ...this.#counts, ...NO_DISK, diskBytes: 0, liveBytes: 0, memoryBytes: 0 };
    }
    // Of the column of frames; the others are small. Each takes less than a microsecond.
    const now = (property: string): number => Number(this.#db.getProperty(`rocksdb.${property}`));
    return {
      ...this.#counts,
      diskBytes: now('total-sst-files-size'),
      liveBytes: now('estimate-live-data-size'),
      bufferBytes: now('cur-size-all-mem-tables'),
      memoryBytes: now('size-all-mem-tables') + now('block-cache-usage') + now('estimate-table-readers-mem'),
      memoryLimitBytes: this.#options.memoryBytes,
      level0Files: now('num-files-at-level0'),
      compactionPendingBytes: now('estimate-pending-compaction-bytes'),
      isWriteStopped: now('is-write-stopped') > 0,
      backgroundErrors: now('background-errors'),
    };
  }

  /** The format record; undefined in a database that is new, or has lost it. */
  readFormat(): Format | undefined {
    return this.#guard(() => {
      const [bytes] = this.#getMany(this.#records, [FORMAT]);
      return bytes === undefined ? undefined : (JSON.parse(bytes.toString()) as Format);
    });
  }

  /** Makes a store of a new database. */
  initialise(topology: string): void {
    const format: Format = { version: FORMAT_VERSION, topology };
    this.#guard(() => {
      this.#put(this.#records, FORMAT, Buffer.from(JSON.stringify(format)));
      this.#put(this.#records, STATE, encodeState(this.#state));
      this.#commit(true);
    });
    this.#deletedBelow = 0;
  }

  /** Reads the records of a store that was there, and checks that they go with its frames. */
  async load(): Promise<void> {
    const { path } = this.#options;
    const state = this.#guard(() => decodeState(this.#getMany(this.#records, [STATE])[0]));
    if (state === undefined) throw new DamagedError(path, 'the state record is missing');
    this.#state = state;
    const [checkpoint] = this.#guard(() => this.#getMany(this.#records, [CHECKPOINT]));
    this.#checkpoint = checkpoint;
    const last = await this.#lastFrame();
    if (state.newest >= state.floor && last !== state.newest) {
      throw new DamagedError(path, `the last frame is ${last ?? 'missing'}, must be ${state.newest}`);
    }
    if (last !== undefined && last > state.newest)
      throw new DamagedError(path, `frame ${last} is above ${state.newest}`);
  }

  async write(batch: StoreBatch): Promise<void> {
    this.#opened();
    if (this.#failed !== undefined) throw this.#failed;
    const newest = checkBatch(batch, this.#state.newest);
    const floor = Math.max(this.#state.floor, batch.expireBelow ?? 0);
    let state: State;
    try {
      this.#putFrames(batch.frames ?? []);
      state = { floor, newest, ...this.#putBlobs(batch.blobs ?? []) };
      this.#put(this.#records, STATE, encodeState(state));
      this.#put(this.#records, CHECKPOINT, batch.checkpoint);
      this.#commit(this.#options.sync);
    } catch (error) {
      this.#failed = storeError(this.#options.path, error);
      throw this.#failed;
    }
    this.#state = state;
    this.#checkpoint = Uint8Array.from(batch.checkpoint);
    this.#counts.batches += 1;
    this.#counts.framesPut += batch.frames?.length ?? 0;
    await this.#deleteExpired();
  }

  /**
   * On the main thread, a few at a time: the library's asynchronous look-up never answers when a block is damaged, and throws
   * where nobody can catch it.
   */
  async read(offsets: readonly number[]): Promise<(Uint8Array | undefined)[]> {
    const found: (Uint8Array | undefined)[] = [];
    for (let at = 0; at < offsets.length || at === 0; at += READ_GROUP) {
      if (at > 0) await nextTurn();
      this.#opened();
      const group = offsets.slice(at, at + READ_GROUP);
      const values = this.#guard(() => this.#getMany(this.#frames, group.map(keyOf)));
      for (const [i, offset] of group.entries()) {
        const value = offset < this.#state.floor ? undefined : values[i];
        if (value !== undefined) this.#counts.framesRead += 1;
        found.push(value === undefined ? undefined : this.#unlink(value, offset));
      }
    }
    return found;
  }

  async *scan(from: number): AsyncGenerator<StoredFrame[], void, void> {
    this.#opened();
    const first = Math.max(from, this.#state.floor);
    const { newest } = this.#state;
    let last: number | undefined;
    for await (const rows of this.#rows(keyOf(first), { readaheadSize: SCAN_READAHEAD_BYTES })) {
      const group = rows.map(([key, value]) => {
        const offset = numberAt(key, 0);
        this.#checkLink(value, offset, last, first);
        last = offset;
        return { offset, bytes: this.#unlink(value, offset) };
      });
      this.#counts.framesScanned += group.length;
      yield group;
    }
    if (newest >= first && last !== newest) {
      throw new DamagedError(this.#options.path, `frames end at ${last ?? 'none'}, must end at ${newest}`);
    }
  }

  async readBlob(name: string): Promise<Uint8Array | undefined> {
    this.#opened();
    const generation = this.#state.blobs.get(name);
    if (generation === undefined) return undefined;
    const [bytes] = this.#guard(() => this.#getMany(this.#blobs, [blobKey(name, generation)]));
    if (bytes === undefined) throw new DamagedError(this.#options.path, `blob "${name}" is missing`);
    return bytes;
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    try {
      await this.#db.close();
    } catch (error) {
      // Of a store that failed nothing is left to be saved, and the library repeats why.
      if (this.#failed === undefined) throw storeError(this.#options.path, error);
    } finally {
      this.#options.closed(this);
    }
  }

  #putFrames(frames: readonly StoredFrame[]): void {
    let before = this.#state.newest;
    for (const { offset, bytes } of frames) {
      const length = bytes.length + LINK_BYTES;
      if (this.#scratch.length < length) this.#scratch = Buffer.allocUnsafe(length * 2);
      this.#scratch.set(bytes);
      this.#scratch.writeUInt32BE(Math.floor((before + 1) / 2 ** 32), bytes.length);
      this.#scratch.writeUInt32BE((before + 1) % 2 ** 32, bytes.length + 4);
      // The library copies it at once, so one scratch serves for all.
      this.#put(this.#frames, keyOf(offset), this.#scratch.subarray(0, length));
      before = offset;
    }
  }

  #putBlobs(batch: NonNullable<StoreBatch['blobs']>): Pick<State, 'generation' | 'blobs'> {
    let { generation } = this.#state;
    const blobs = new Map(this.#state.blobs);
    for (const { name, bytes } of batch) {
      const old = blobs.get(name);
      if (old !== undefined) this.#batch.del(blobKey(name, old), { column: this.#blobs });
      blobs.delete(name);
      if (bytes === undefined) continue;
      generation += 1;
      blobs.set(name, generation);
      this.#put(this.#blobs, blobKey(name, generation), bytes);
    }
    return { generation, blobs };
  }

  #put(to: Column, key: Buffer, value: Uint8Array): void {
    this.#batch.put(key, value, { column: to });
    this.#counts.bytesPut += value.length;
  }

  #commit(sync: boolean): void {
    try {
      // oxlint-disable-next-line no-underscore-dangle -- its public write() makes the batch unusable
      this.#batch._writeSync({ sync });
    } finally {
      this.#batch.clear();
    }
  }

  /**
   * After the batch, since a batch of this library has no range delete. A crash in between costs nothing: the floor is in the
   * batch and hides what is below, and the next delete begins at 0 again.
   */
  async #deleteExpired(): Promise<void> {
    const { floor, newest } = this.#state;
    if (floor === 0 || floor === this.#deletedBelow) return;
    const isWorthIt = (floor - (this.#deletedBelow ?? 0)) * DELETE_PART >= newest - floor;
    if (this.#deletedBelow !== undefined && !isWorthIt) return;
    try {
      await this.#db.clear({ gte: keyOf(0), lt: keyOf(floor), column: this.#frames });
      this.#deletedBelow = floor;
      this.#counts.rangeDeletes += 1;
    } catch (error) {
      // The batch is written; that the disk is full is for the next one to say.
      if (faultOf(error) !== 'disk_full') this.#failed = storeError(this.#options.path, error);
    }
  }

  async #lastFrame(): Promise<number | undefined> {
    for await (const rows of this.#rows(keyOf(0), { reverse: true, limit: 1 })) {
      const [row] = rows;
      return row === undefined ? undefined : numberAt(row[0], 0);
    }
    return undefined;
  }

  /** The next group is read, on another thread, while the caller works on the one before. */
  async *#rows(
    gte: Buffer,
    options: { reverse?: true; limit?: number; readaheadSize?: number } = {},
  ): AsyncGenerator<[Buffer, Buffer][], void, void> {
    let iterator: RocksIterator | undefined;
    let next: Promise<[Buffer, Buffer][]> | undefined;
    try {
      iterator = this.#db.iterator({ gte, column: this.#frames, highWaterMarkBytes: SCAN_GROUP_BYTES, ...options });
      next = iterator.nextv(SCAN_GROUP_FRAMES);
      for (;;) {
        const rows = await next;
        this.#opened();
        if (rows.length === 0) return;
        next = iterator.nextv(SCAN_GROUP_FRAMES);
        // It is waited for above, or in the end nobody wants it.
        next.catch(() => undefined);
        yield rows;
      }
    } catch (error) {
      if (this.#closing !== undefined) throw closedError(this.#options.task);
      throw storeError(this.#options.path, error);
    } finally {
      await next?.catch(() => undefined);
      await iterator?.close();
    }
  }

  #checkLink(value: Buffer, offset: number, last: number | undefined, first: number): void {
    const before = value.length < LINK_BYTES ? -1 : numberAt(value, value.length - LINK_BYTES) - 1;
    if (last === undefined ? before < first : before === last) return;
    throw new DamagedError(this.#options.path, `frame ${before} is missing before ${offset}`);
  }

  #unlink(value: Buffer, offset: number): Uint8Array {
    if (value.length < LINK_BYTES) throw new DamagedError(this.#options.path, `frame ${offset} is cut short`);
    return value.subarray(0, value.length - LINK_BYTES);
  }

  #getMany(from: Column, keys: readonly Buffer[]): (Buffer | undefined)[] {
    // oxlint-disable-next-line no-underscore-dangle -- there is no public one, and see read() for the asynchronous one
    return this.#db._getManySync(keys, { column: from, valueEncoding: 'buffer' }).map((value) => value ?? undefined);
  }

  #guard<T>(call: () => T): T {
    try {
      return call();
    } catch (error) {
      throw storeError(this.#options.path, error);
    }
  }

  #opened(): void {
    if (this.#closing !== undefined) throw closedError(this.#options.task);
  }
}

function column(db: RocksLevel, name: string): Column {
  const found = db.columns[name];
  if (found === undefined) throw new TypeError(`RocksDB has no column "${name}"`);
  return found;
}
