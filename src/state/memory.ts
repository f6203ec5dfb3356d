/** The store in memory, for the simulation and for tests. It outlives its closing as a disk does, not the process. */
import {
  checkBatch,
  checkOffset,
  checkOpen,
  closedError,
  lockedError,
  NO_DISK,
  topologyError,
  type Store,
  type StoreBatch,
  type StoreCounters,
  type StoredFrame,
  type StoreProvider,
} from './store.ts';

/** Frames in a group of a scan; small, so that tests of a few frames see several groups. */
const SCAN_GROUP = 16;

/** What is left of a store when it is closed. */
class Disk {
  readonly topology: string;
  checkpoint: Uint8Array | undefined;
  /** In ascending offset. */
  frames: StoredFrame[] = [];
  readonly blobs = new Map<string, Uint8Array>();
  newest = -1;
  floor = 0;
  owner: MemoryStore | undefined;

  constructor(topology: string) {
    this.topology = topology;
  }

  /** Index of the first frame at or above an offset. */
  indexOf(offset: number): number {
    let low = 0;
    let high = this.frames.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.frames[middle]?.offset ?? 0) < offset) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  get bytes(): number {
    let total = this.checkpoint?.length ?? 0;
    for (const { bytes } of this.frames) total += bytes.length;
    for (const bytes of this.blobs.values()) total += bytes.length;
    return total;
  }
}

class MemoryStore implements Store {
  readonly #task: string;
  readonly #disk: Disk;
  readonly #counts = { batches: 0, framesPut: 0, framesRead: 0, framesScanned: 0, bytesPut: 0, rangeDeletes: 0 };

  constructor(task: string, disk: Disk) {
    this.#task = task;
    this.#disk = disk;
    disk.owner = this;
  }

  get checkpoint(): Uint8Array | undefined {
    return this.#disk.checkpoint;
  }

  get counters(): StoreCounters {
    const { bytes } = this.#disk;
    return { ...this.#counts, ...NO_DISK, diskBytes: bytes, liveBytes: bytes, memoryBytes: bytes };
  }

  async write(batch: StoreBatch): Promise<void> {
    const disk = this.#opened();
    disk.newest = checkBatch(batch, disk.newest);
    const counts = this.#counts;
    counts.batches += 1;
    disk.checkpoint = this.#copy(batch.checkpoint);
    for (const { offset, bytes } of batch.frames ?? []) {
      disk.frames.push({ offset, bytes: this.#copy(bytes) });
      counts.framesPut += 1;
    }
    for (const { name, bytes } of batch.blobs ?? []) {
      if (bytes === undefined) disk.blobs.delete(name);
      else disk.blobs.set(name, this.#copy(bytes));
    }
    if ((batch.expireBelow ?? 0) > disk.floor) {
      disk.floor = batch.expireBelow ?? 0;
      counts.rangeDeletes += 1;
    }
    // Always: a frame may come in below the bound.
    disk.frames.splice(0, disk.indexOf(disk.floor));
  }

  async read(offsets: readonly number[]): Promise<(Uint8Array | undefined)[]> {
    const disk = this.#opened();
    return offsets.map((offset) => {
      checkOffset(offset);
      const frame = disk.frames[disk.indexOf(offset)];
      if (frame?.offset !== offset) return undefined;
      this.#counts.framesRead += 1;
      return frame.bytes;
    });
  }

  async *scan(from: number): AsyncGenerator<StoredFrame[], void, void> {
    checkOffset(from);
    const disk = this.#opened();
    const frames = disk.frames.slice(disk.indexOf(from));
    for (let at = 0; at < frames.length; at += SCAN_GROUP) {
      this.#opened();
      const group = frames.slice(at, at + SCAN_GROUP);
      this.#counts.framesScanned += group.length;
      yield group;
    }
  }

  async readBlob(name: string): Promise<Uint8Array | undefined> {
    return this.#opened().blobs.get(name);
  }

  async close(): Promise<void> {
    if (this.#disk.owner === this) this.#disk.owner = undefined;
  }

  #copy(bytes: Uint8Array): Uint8Array {
    this.#counts.bytesPut += bytes.length;
    return Uint8Array.from(bytes);
  }

  #opened(): Disk {
    if (this.#disk.owner !== this) throw closedError(this.#task);
    return this.#disk;
  }
}

/** Stores by task, kept over closing and opening until they are wiped. */
export class MemoryStoreProvider implements StoreProvider {
  readonly #disks = new Map<string, Disk>();

  async open(task: string, topology: string, options: { readonly signal?: AbortSignal } = {}): Promise<Store> {
    checkOpen(task, topology);
    options.signal?.throwIfAborted();
    const disk = this.#disks.get(task) ?? new Disk(topology);
    if (disk.owner !== undefined) throw lockedError(`store of ${task}`, 0);
    if (disk.topology !== topology) throw topologyError(`store of ${task}`, disk.topology, topology, 'wipe()');
    this.#disks.set(task, disk);
    return new MemoryStore(task, disk);
  }

  async setAside(task: string): Promise<void> {
    this.wipe(task);
  }

  /** Makes an empty disk of one task's, or of all: what is open then is closed. */
  wipe(task?: string): void {
    for (const [name, disk] of this.#disks) {
      if (task !== undefined && name !== task) continue;
      disk.owner = undefined;
      this.#disks.delete(name);
    }
  }

  async close(): Promise<void> {
    for (const disk of this.#disks.values()) await disk.owner?.close();
  }
}
