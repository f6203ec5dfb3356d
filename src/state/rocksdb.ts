/**
 * Stores in RocksDB, one folder a task below the data folder. Owns how a store is opened: who may, whether it is of this
 * topology, whether it is whole, and what is done when it is not.
 *
 * RocksDB's own lock decides who has a folder, and a damaged one is moved only after the lock was had. A damaged store is
 * never repaired: the log has all of it.
 */
import type { RocksLevel } from '@nxtedition/rocksdb';
import { mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { ChorusError } from '../errors.ts';
import { detailOf, faultOf, DamagedError, storeError } from './rocksdb-errors.ts';
import { columnsFor, FORMAT_VERSION } from './rocksdb-layout.ts';
import { RocksdbStore } from './rocksdb-store.ts';
import { identityOf, mark, moveAside, readMark } from './set-aside.ts';
import { checkOpen, lockedError, topologyError, type Store, type StoreProvider } from './store.ts';

const DEFAULT_MEMORY_BYTES = 64 << 20;
/** Longer than the old owner of a partition needs to notice a rebalance and to close. */
const DEFAULT_LOCK_WAIT_MS = 10_000;
const LOCK_RETRY_MS = 50;

export interface Damage {
  readonly task: string;
  /** What was found. */
  readonly detail: string;
  /** The folder where the damaged store is kept. */
  readonly keptAt: string;
}

export interface RocksdbOptions {
  /** The data folder; it is made if it is not there. */
  readonly folder: string;
  /** For one store: write buffers and cache. Default 64 MB. */
  readonly memoryBytes?: number;
  /**
   * Waits for the disk at each batch. False by default: a crash of the process keeps every batch that was acknowledged, and a
   * loss of power may take the last ones, all stores staying whole as of some batch; what is missing is read again from the log.
   */
  readonly sync?: boolean;
  /** How long `open` waits for another owner to close. Default 10 s. */
  readonly lockWaitMs?: number;
  /** Called when a damaged store was set aside and an empty one takes its place. */
  readonly onDamaged?: (damage: Damage) => void;
}

type Attempt = { readonly store: RocksdbStore } | { readonly locked: unknown } | { readonly damaged: string };

export class RocksdbStoreProvider implements StoreProvider {
  readonly #options: RocksdbOptions;
  readonly #stores = new Map<string, RocksdbStore>();

  constructor(options: RocksdbOptions) {
    this.#options = options;
  }

  async open(task: string, topology: string, { signal }: { readonly signal?: AbortSignal } = {}): Promise<Store> {
    checkOpen(task, topology);
    const path = this.#pathOf(task);
    const waitMs = this.#options.lockWaitMs ?? DEFAULT_LOCK_WAIT_MS;
    const until = performance.now() + waitMs;
    let setAsides = 0;
    for (;;) {
      signal?.throwIfAborted();
      const identity = await identityOf(path);
      const attempt = await this.#attempt(task, topology);
      if ('store' in attempt) {
        if (signal?.aborted) await attempt.store.close();
        signal?.throwIfAborted();
        this.#stores.set(task, attempt.store);
        return attempt.store;
      }
      if ('damaged' in attempt) {
        // A store that was made a moment ago and is damaged again is the fault of the disk.
        if (setAsides > 0) throw new DamagedError(path, attempt.damaged);
        const keptAt = await this.#guard(path, () => moveAside(path, identity));
        if (keptAt === undefined) continue;
        setAsides += 1;
        this.#options.onDamaged?.({ task, detail: attempt.damaged, keptAt });
        continue;
      }
      if (performance.now() >= until) throw lockedError(path, waitMs, attempt.locked);
      // What the signal gives as its reason is thrown by the check above.
      await sleep(LOCK_RETRY_MS, undefined, signal === undefined ? {} : { signal }).catch(() => undefined);
    }
  }

  async setAside(task: string, detail: string): Promise<void> {
    const path = this.#pathOf(task);
    // Marked before it is closed, so that no other process takes it for good in between.
    if ((await identityOf(path)) !== undefined) await this.#guard(path, () => mark(path, detail));
    await this.#stores.get(task)?.close();
  }

  async close(): Promise<void> {
    await Promise.all(Array.from(this.#stores.values(), (store) => store.close()));
  }

  get #memoryBytes(): number {
    return this.#options.memoryBytes ?? DEFAULT_MEMORY_BYTES;
  }

  #pathOf(task: string): string {
    return join(this.#options.folder, task);
  }

  async #attempt(task: string, topology: string): Promise<Attempt> {
    const path = this.#pathOf(task);
    const isNew = await this.#guard(path, async () => {
      await mkdir(path, { recursive: true });
      return !(await readdir(path)).some((name) => /^CURRENT$|^MANIFEST-|\.(log|sst)$/.test(name));
    });
    const db = await openLibrary(path, {
      keyEncoding: 'buffer',
      valueEncoding: 'buffer',
      // Without CURRENT, RocksDB would take the folder for an empty one and remove the files of the store that was in it.
      createIfMissing: isNew,
      // It took the main thread 2.5 times as long, since batches are written there.
      walCompression: false,
      columns: columnsFor(this.#memoryBytes),
    });
    try {
      await db.open();
    } catch (error) {
      const fault = faultOf(error);
      if (fault === 'locked') return { locked: error };
      if (fault === 'damaged' || fault === 'missing') return { damaged: detailOf(error) };
      throw storeError(path, error);
    }
    return this.#admit(db, task, topology, isNew);
  }

  /** What to do with a database that could be opened. It is closed unless it becomes the store. */
  async #admit(db: RocksLevel, task: string, topology: string, isNew: boolean): Promise<Attempt> {
    const path = this.#pathOf(task);
    const closed = (gone: RocksdbStore): void => {
      if (this.#stores.get(task) === gone) this.#stores.delete(task);
    };
    const { sync = false } = this.#options;
    const store = new RocksdbStore(db, { task, path, sync, memoryBytes: this.#memoryBytes, closed });
    try {
      const marked = await readMark(path);
      if (marked !== undefined) throw new DamagedError(path, marked);
      const format = store.readFormat();
      if (format !== undefined) {
        if (format.version !== FORMAT_VERSION) throw formatError(path, format.version);
        if (format.topology !== topology) throw topologyError(path, format.topology, topology, `rm -r ${path}`);
        await store.load();
      } else if (isNew) {
        store.initialise(topology);
      } else {
        throw new DamagedError(path, 'the record of its format is missing');
      }
      return { store };
    } catch (error) {
      await store.close().catch(() => undefined);
      if (error instanceof DamagedError) return { damaged: error.detail };
      throw error;
    }
  }

  async #guard<T>(path: string, call: () => Promise<T>): Promise<T> {
    try {
      return await call();
    } catch (error) {
      throw storeError(path, error);
    }
  }
}

/** Loaded when it is first needed, since there is no build of it for each machine that reads files. */
async function openLibrary(...args: ConstructorParameters<typeof RocksLevel>): Promise<RocksLevel> {
  let library: typeof import('@nxtedition/rocksdb');
  try {
    library = await import('@nxtedition/rocksdb');
  } catch (error) {
    throw new ChorusError(
      'store_unavailable',
      `RocksDB cannot be loaded on ${process.platform}-${process.arch}: the package @nxtedition/rocksdb has builds for ` +
        'Linux on x64 with glibc and for macOS on arm64. Use such a machine or image.',
      { cause: error },
    );
  }
  return new library.RocksLevel(...args);
}

function formatError(path: string, version: number): ChorusError {
  return new ChorusError(
    'store_format',
    `${path}: is of layout ${version}, must be ${FORMAT_VERSION}. Use the version of Chorus that made it, or remove it ` +
      `(rm -r ${path}): it is made again from the log.`,
  );
}
