/**
 * Sorts any number of records within a bounded memory: what is beyond it goes to sorted run files in a temporary folder,
 * which is gone when the sorter is closed.
 *
 * Writing and reading runs is synchronous, so that `append` can be called from a loop that does not wait.
 */
import { closeSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ChorusError, InvariantError } from '../errors.ts';
import { sortedPositions } from './sort-chunk.ts';
import { MemorySource, Merge, RunSource, type SortedSource } from './sort-merge.ts';
import { RecordBatch, RecordChunk, recordWordsFor } from './sort-records.ts';

export interface SorterOptions {
  /** For the records in memory and their index. Reading the runs back takes up to 64 buffers of 64 KiB beside it. */
  readonly memoryBytes: number;
  /** Where to make the temporary folder; default: the system's. */
  readonly directory?: string;
}

const CHUNK_BYTES_MAX = 16 * 2 ** 20;
const CHUNK_BYTES_MIN = 4096;
/** Position of a record, and at the time of sorting its time and two more indexes. */
const INDEX_BYTES_PER_RECORD = 20;
const BATCH_RECORDS = 4096;
/** More runs than this are merged in several passes: each run being read has a file and a buffer open. */
const RUNS_MERGED_MAX = 64;
const READ_WORDS = 16_384;
const WRITE_WORDS = 262_144;

interface FullChunk {
  readonly chunk: RecordChunk;
  readonly positions: Uint32Array;
}

export class Sorter {
  /** Bytes written to run files so far; 0 if all was done in memory. */
  spilledBytes = 0;
  recordCount = 0;
  readonly #memoryBytes: number;
  readonly #chunkWords: number;
  readonly #parent: string;
  #directory: string | undefined;
  #state: 'filling' | 'draining' | 'closed' = 'filling';
  #chunk: RecordChunk;
  #chunkRecords = 0;
  #full: FullChunk[] = [];
  #spare: RecordChunk[] = [];
  #runs: string[] = [];
  #runsMade = 0;

  constructor(options: SorterOptions) {
    this.#memoryBytes = options.memoryBytes;
    this.#parent = options.directory ?? tmpdir();
    const chunkBytes = Math.min(CHUNK_BYTES_MAX, Math.max(CHUNK_BYTES_MIN, options.memoryBytes / 4));
    this.#chunkWords = 2 * Math.floor(chunkBytes / 8);
    this.#chunk = new RecordChunk(this.#chunkWords);
  }

  /**
   * Copies one record in: `wordCount` of `words`, and all of `bytes`. Keys and ties are unsigned 32-bit integers.
   *
   * @throws ChorusError `sorter_disk_full` or `sorter_io` if a run cannot be written; the sorter is closed then
   */
  append(
    timeMs: number,
    keyHi: number,
    keyLo: number,
    tieHi: number,
    tieLo: number,
    words: Uint32Array,
    wordCount: number,
    bytes: Uint8Array,
  ): void {
    const size = recordWordsFor(wordCount, bytes.length);
    const index = (this.#chunkRecords * INDEX_BYTES_PER_RECORD) >>> 2;
    if (this.#state !== 'filling' || this.#chunk.used + index + size > this.#chunk.capacity) this.#makeRoom(size);
    this.#chunk.append(timeMs, keyHi, keyLo, tieHi, tieLo, words, wordCount, bytes);
    this.#chunkRecords++;
    this.recordCount++;
  }

  /**
   * All records, ascending by time, key, tie and then content, whatever the order of `append`; closes the sorter at the end,
   * on an error and when the reader stops.
   *
   * @throws ChorusError `sorter_disk_full` or `sorter_io`
   */
  async *drain(): AsyncGenerator<RecordBatch, void, undefined> {
    this.#expect('filling');
    this.#state = 'draining';
    let merge: Merge | undefined;
    try {
      this.#finishChunk();
      while (this.#runs.length > RUNS_MERGED_MAX) this.#mergeRuns(this.#runs.splice(0, RUNS_MERGED_MAX));
      merge = this.#guarded(() => new Merge([...this.#memorySources(), ...runSources(this.#runs)]));
      const batch = new RecordBatch(BATCH_RECORDS);
      for (const reading = merge; this.#guarded(() => reading.fill(batch));) yield batch;
    } finally {
      merge?.close();
      this.close();
    }
  }

  /** Frees the memory and removes the temporary folder. For a sorter that is not drained; does no harm twice. */
  close(): void {
    this.#state = 'closed';
    this.#chunk = new RecordChunk(0);
    this.#chunkRecords = 0;
    this.#full = [];
    this.#spare = [];
    this.#runs = [];
    if (this.#directory !== undefined) rmSync(this.#directory, { recursive: true, force: true });
    this.#directory = undefined;
  }

  #expect(state: 'filling'): void {
    if (this.#state !== state)
      throw new InvariantError('a sorter is filled, then drained once', `it is ${this.#state}`);
  }

  #makeRoom(size: number): void {
    this.#expect('filling');
    this.#finishChunk();
    const words = Math.max(this.#chunkWords, size);
    const held = this.#full.reduce((sum, { chunk }) => sum + chunk.capacity, 0);
    if ((held + words) * 4 > this.#memoryBytes) this.#spill();
    this.#chunk = (words === this.#chunkWords ? this.#spare.pop() : undefined) ?? new RecordChunk(words);
  }

  /** Sorts the chunk being filled, so that the work is spread over the reading of the input. */
  #finishChunk(): void {
    const chunk = this.#chunk;
    if (this.#chunkRecords > 0) this.#full.push({ chunk, positions: sortedPositions(chunk, this.#chunkRecords) });
    this.#chunkRecords = 0;
  }

  #spill(): void {
    if (this.#full.length === 0) return;
    this.#writeRun(this.#memorySources());
    for (const { chunk } of this.#full) {
      if (chunk.capacity !== this.#chunkWords) continue;
      chunk.used = 0;
      this.#spare.push(chunk);
    }
    this.#full = [];
  }

  #memorySources(): SortedSource[] {
    return this.#full.map(({ chunk, positions }) => new MemorySource(chunk, positions));
  }

  #mergeRuns(runs: readonly string[]): void {
    this.#writeRun(this.#guarded(() => runSources(runs)));
    for (const run of runs) rmSync(run, { force: true });
  }

  #writeRun(sources: readonly SortedSource[]): void {
    this.#guarded(() => {
      this.#directory ??= mkdtempSync(join(this.#parent, 'chorus-sort-'));
      const path = join(this.#directory, `run-${this.#runsMade++}`);
      const merge = new Merge(sources);
      const file = openSync(path, 'wx', 0o600);
      try {
        this.#writeRecords(merge, file);
      } finally {
        closeSync(file);
        merge.close();
      }
      this.#runs.push(path);
    });
  }

  #writeRecords(merge: Merge, file: number): void {
    const batch = new RecordBatch(BATCH_RECORDS);
    let out = new RecordChunk(WRITE_WORDS);
    while (merge.fill(batch)) {
      for (let i = 0; i < batch.count; i++) {
        const size = batch.chunk(i).recordWords(batch.start(i));
        if (out.used + size > out.capacity) {
          this.#write(out, file);
          if (size > out.capacity) out = new RecordChunk(size);
        }
        out.appendCopy(batch.chunk(i), batch.start(i));
      }
    }
    this.#write(out, file);
  }

  #write(out: RecordChunk, file: number): void {
    const end = out.used * 4;
    for (let at = 0; at < end;) at += writeSync(file, out.bytes, at, end - at);
    this.spilledBytes += end;
    out.used = 0;
  }

  /** Runs file work; on a fault the temporary folder goes and the error says which it was. */
  #guarded<T>(work: () => T): T {
    try {
      return work();
    } catch (cause) {
      const folder = this.#directory ?? this.#parent;
      this.close();
      const { code, message, syscall } = cause as NodeJS.ErrnoException;
      if (syscall === undefined) throw cause;
      if (code === 'ENOSPC' || code === 'EDQUOT') {
        const detail = `${folder} is full after ${this.spilledBytes} bytes of sorted posts; free space there or sort in another folder`;
        throw new ChorusError('sorter_disk_full', detail, { cause });
      }
      throw new ChorusError('sorter_io', `cannot sort in ${folder}: ${message}`, { cause });
    }
  }
}

function runSources(runs: readonly string[]): SortedSource[] {
  const sources: SortedSource[] = [];
  try {
    for (const run of runs) sources.push(new RunSource(run, READ_WORDS));
    return sources;
  } catch (cause) {
    for (const source of sources) source.close();
    throw cause;
  }
}
