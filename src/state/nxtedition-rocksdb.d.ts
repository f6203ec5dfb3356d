/** The part of @nxtedition/rocksdb 12.2 that rocksdb.ts uses; the package has no types. Read from its source. */
declare module '@nxtedition/rocksdb' {
  /** A handle of the library; only good for handing back. */
  export type Column = object & { readonly __column: never };

  export interface ColumnOptions {
    /** Bytes of the block cache. */
    cacheSize?: number;
    /** False: no ZSTD. */
    compression?: boolean;
    compaction?: 'level' | 'universal';
    /** Bytes; a memtable has a quarter of it, up to six wait. Without `compaction` it is not looked at. */
    memtableMemoryBudget?: number;
  }

  export interface RocksLevelOptions {
    keyEncoding?: 'buffer';
    valueEncoding?: 'buffer';
    createIfMissing?: boolean;
    walCompression?: boolean;
    columns?: Record<string, ColumnOptions>;
  }

  export interface Range {
    gte?: Uint8Array;
    lt?: Uint8Array;
    reverse?: boolean;
    limit?: number;
    column?: Column;
  }

  export interface RocksIterator {
    nextv(count: number): Promise<[Buffer, Buffer][]>;
    close(): Promise<void>;
  }

  export interface RocksBatch {
    put(key: Uint8Array, value: Uint8Array, options: { column: Column }): this;
    del(key: Uint8Array, options: { column: Column }): this;
    clear(): this;
    _writeSync(options: { sync: boolean }): void;
  }

  export class RocksLevel {
    constructor(folder: string, options: RocksLevelOptions);
    readonly columns: Record<string, Column>;
    open(): Promise<void>;
    close(): Promise<void>;
    batch(): RocksBatch;
    clear(range: Range): Promise<void>;
    /** `highWaterMarkBytes`: a group ends when it has so many. `readaheadSize`: bytes. */
    iterator(options: Range & { highWaterMarkBytes?: number; readaheadSize?: number }): RocksIterator;
    /** Of the default column. */
    getProperty(name: string): string;
    _getManySync(
      keys: readonly Buffer[],
      options: { column: Column; valueEncoding: 'buffer' },
    ): (Buffer | null | undefined)[];
  }
}
