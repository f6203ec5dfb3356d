/**
 * One partition of `fingerprints`: frames in, a frame for the campaign stage out.
 *
 * The bucket index is in memory. The posts of the window lie in the store, in pieces of a few posts under the reference of
 * the first one, with the entries, so the same pieces rebuild the index; those in use are kept decoded. Without its store
 * a partition is rebuilt from the log, from the position that the commit names.
 */
import { Buffer } from 'node:buffer';
import { LRUCache } from 'lru-cache';
import { ChorusError, InvariantError } from '../errors.ts';
import { decodeNumber, encodeNumber } from '../frames/chain.ts';
import { FingerprintsFrame } from '../frames/fingerprints.ts';
import { FRAME_ENTRIES_MAX, type FrameRoute } from '../frames/frame.ts';
import { LinksFrameBuilder, type FramedPost } from '../frames/links.ts';
import type { Sample } from '../metrics.ts';
import { MatchPartition, pieceOf, type Piece, type ReleasedEvent } from '../stages/match-partition.ts';
import type { Store, StoreCounters } from '../state/store.ts';
import type { BucketIndexSettings } from '../windows/bucket-index.ts';
import { framedPost, linksEvent, referencesOf } from './evidence.ts';
import { notOurs, type Beginning, type LogRecord, type Output, type Step, type Task } from './task.ts';
import { watermarkSamples, watermarksOf } from './watermark-samples.ts';

export interface MatchTaskSettings {
  readonly match: BucketIndexSettings;
  readonly route: Omit<FrameRoute, 'source'>;
  /** Bytes of decoded posts kept beside the store. */
  readonly cacheBytes: number;
}

/** Some more than there were, as long as it costs less memory than a window may have. */
const RESERVED_SHARE = 1.05;
const RESERVED_MAX = 16_000_000;

export class MatchTask implements Task {
  readonly partition: MatchPartition;
  readonly counters = { cacheHits: 0, cacheMisses: 0 };
  readonly store: Store;
  readonly #cache: LRUCache<number, Kept>;
  readonly #links = new LinksFrameBuilder();
  readonly #route: FrameRoute;
  readonly #sources: number;
  /** Number of entries released before the next frame. */
  #spoken = 0;

  constructor(settings: MatchTaskSettings, store: Store) {
    this.store = store;
    this.partition = new MatchPartition(settings.match, settings.route);
    const { topology, sources, target, targets } = settings.route;
    this.#sources = sources;
    this.#route = { topology, source: target, sources: targets, target: 0, targets: 1 };
    this.#cache = new LRUCache({ maxSize: settings.cacheBytes });
  }

  get watermark(): number {
    return this.partition.watermark;
  }

  async restore(beginning: Beginning): Promise<number> {
    const { committed, low, high } = beginning;
    const saved = readCheckpoint(this.store.checkpoint);
    let position = low;
    if (saved !== undefined && saved.position > high) throw ahead(saved.position, high);
    // A store that stands before what can still be read of the log is of no use.
    if (saved !== undefined && saved.position >= low) {
      position = await this.#resume(saved, beginning);
    } else {
      if (committed !== undefined) position = this.#restorePartition(committed.metadata);
      if (position < low) throw lost(position, low);
      await this.store.write(this.#batch([], position));
    }
    const spoken = committed?.offset ?? low;
    if (position < spoken) position = await this.#rebuild(position, spoken, beginning);
    this.#spoken = this.partition.released;
    return position;
  }

  /** The number of nodes is there to make room for them at once: growing to ten million takes longer than to fill them in. */
  #metadata(): string {
    return `2;${this.partition.checkpoint()};${encodeNumber(this.partition.stage.index.nodes)}`;
  }

  /** @throws ChorusError for a text that `#metadata` has not written */
  #restorePartition(metadata: string): number {
    const [version, ...checkpoint] = metadata.split(';');
    if (version !== '2') throw notOurs(metadata);
    const nodes = checkpoint.pop();
    this.partition.stage.index.reserve(Math.min(RESERVED_MAX, Math.ceil(RESERVED_SHARE * decodeNumber(nodes))));
    return this.partition.restore(checkpoint.join(';'));
  }

  async #resume(saved: Checkpoint, { signal, onProgress }: Beginning): Promise<number> {
    const first = this.#restorePartition(saved.metadata);
    const total = saved.position - first;
    for await (const pieces of this.store.scan(first * FRAME_ENTRIES_MAX)) {
      signal.throwIfAborted();
      for (const { offset, bytes } of pieces) this.partition.resume(offset, bytes);
      this.partition.recall();
      onProgress(Math.floor(pieces.at(-1)!.offset / FRAME_ENTRIES_MAX) - first, total);
    }
    this.partition.resumed(saved.position);
    this.partition.recall();
    return saved.position;
  }

  /** Reads the log again, and says nothing of what has been said before. */
  async #rebuild(from: number, to: number, { read, signal, onProgress }: Beginning): Promise<number> {
    for await (const records of read(from, to)) {
      signal.throwIfAborted();
      const pieces = this.#ingest(records);
      this.partition.recall();
      const position = records.at(-1)!.offset + 1;
      await this.store.write(this.#batch(pieces, position));
      onProgress(position - from, to - from);
    }
    return to;
  }

  async process(records: readonly LogRecord[], next: number): Promise<Step> {
    const pieces = this.#ingest(records);
    const events: ReleasedEvent[] = [];
    this.partition.release(events);
    const posts = await this.#posts(events, pieces);
    const outputs = this.#frames(events, posts);
    for (const { reference, bytes } of pieces) this.#keep(reference, { bytes, frame: undefined });
    return { outputs, batch: this.#batch(pieces, next), position: next, metadata: this.#metadata() };
  }

  samples(): Sample[] {
    const { counters, stage, pending, retainedFrames, retainedBytes, heldPosts, chain } = this.partition;
    const { index } = stage;
    const labels = { stage: 'match', partition: String(this.#route.source) };
    const families = (
      name: 'bucket_lookups_total' | 'candidates_total' | 'links_total',
      pair: readonly [number, number],
    ) => ['shingle', 'simhash'].map((family, i): Sample => ({ name, labels: { family }, value: pair[i]! }));
    return [
      { name: 'duplicates_total', labels: { stage: 'match' }, value: stage.duplicates },
      { name: 'entries_repeated_total', labels: { stage: 'match' }, value: counters.repeated },
      { name: 'entries_late_total', labels: {}, value: counters.late },
      { name: 'entries_pending', labels, value: pending },
      { name: 'frames_retained', labels, value: retainedFrames },
      { name: 'frames_retained_bytes', labels, value: retainedBytes },
      ...watermarkSamples(labels, watermarksOf(chain, this.#sources)),
      { name: 'window_nodes', labels, value: index.nodes },
      { name: 'window_posts', labels, value: heldPosts },
      { name: 'window_bytes', labels, value: index.bytes },
      ...families('bucket_lookups_total', index.counters.lookups),
      ...families('candidates_total', index.counters.candidates),
      ...families('links_total', index.counters.links),
      { name: 'bucket_largest', labels, value: index.longestBucket },
      { name: 'buckets_capped_total', labels: {}, value: index.cappedTotal },
      { name: 'cache_hits_total', labels: {}, value: this.counters.cacheHits },
      { name: 'cache_misses_total', labels: {}, value: this.counters.cacheMisses },
      { name: 'cache_bytes', labels, value: this.#cache.calculatedSize },
      { name: 'cache_limit_bytes', labels, value: this.#cache.maxSize },
      ...storeSamples(labels, this.store.counters),
    ];
  }

  close(): Promise<void> {
    return this.store.close();
  }

  #ingest(records: readonly LogRecord[]): Piece[] {
    return records.flatMap(({ offset, value }) => (value === null ? [] : this.partition.ingest(offset, value)));
  }

  #batch(pieces: readonly Piece[], position: number): Parameters<Store['write']>[0] {
    const checkpoint = Buffer.from(`2;${position};${this.#metadata()}`);
    const frames = pieces.map(({ reference, bytes }) => ({ offset: reference, bytes }));
    return { checkpoint, frames, expireBelow: Math.min(position, this.partition.low) * FRAME_ENTRIES_MAX };
  }

  /** The posts of the events by their references: from what has just come, the cache or the store. */
  async #posts(events: readonly ReleasedEvent[], fresh: readonly Piece[]): Promise<Map<number, FramedPost>> {
    const kept = new Map<number, Kept>();
    for (const { reference, bytes } of fresh) kept.set(reference, { bytes, frame: undefined });
    const posts = new Map<number, FramedPost>();
    const references = events.flatMap(({ event }) => referencesOf(event));
    await this.#load(references, kept);
    for (const reference of references) {
      if (posts.has(reference)) continue;
      const piece = pieceOf(reference);
      posts.set(reference, framedPost({ frame: frameOf(kept.get(piece)!), index: reference - piece }));
    }
    return posts;
  }

  async #load(references: readonly number[], kept: Map<number, Kept>): Promise<void> {
    const missing = new Set<number>();
    for (const reference of references) {
      const piece = pieceOf(reference);
      if (kept.has(piece) || missing.has(piece)) continue;
      const found = this.#cache.get(piece);
      if (found === undefined) {
        missing.add(piece);
      } else {
        this.counters.cacheHits++;
        kept.set(piece, found);
      }
    }
    if (missing.size === 0) return;
    this.counters.cacheMisses += missing.size;
    const pieces = Array.from(missing);
    const values = await this.store.read(pieces);
    for (const [i, piece] of pieces.entries()) {
      const bytes = values[i];
      if (bytes === undefined) throw new InvariantError('R1', `the posts at reference ${piece} have been let go`);
      const found = { bytes, frame: undefined };
      kept.set(piece, found);
      this.#keep(piece, found);
    }
  }

  #keep(piece: number, kept: Kept): void {
    this.#cache.set(piece, kept, { size: kept.bytes.byteLength });
  }

  #frames(events: readonly ReleasedEvent[], posts: ReadonlyMap<number, FramedPost>): Output[] {
    const outputs: Output[] = [];
    const links = this.#links;
    let before: ReleasedEvent | undefined;
    for (const event of events) {
      // Events of one entry stay together: a frame ends between entries.
      if (before !== undefined && before.cause !== event.cause && links.isFull) {
        this.#finish(event.cause.position, before.cause.timeMs, outputs);
      }
      links.add(linksEvent(event, (reference) => posts.get(reference)!));
      before = event;
    }
    this.#finish(this.partition.released, this.partition.watermark, outputs);
    return outputs;
  }

  #finish(to: number, watermark: number, outputs: Output[]): void {
    const value = this.#links.finish(this.#route, { from: this.#spoken, to, watermark });
    outputs.push({ topic: 'links', partition: 0, key: null, value });
    this.#spoken = to;
  }
}

function storeSamples(labels: Sample['labels'], counters: StoreCounters): Sample[] {
  return [
    { name: 'store_batches_total', labels: {}, value: counters.batches },
    { name: 'store_puts_total', labels: {}, value: counters.framesPut },
    { name: 'store_put_bytes_total', labels: {}, value: counters.bytesPut },
    { name: 'store_reads_total', labels: {}, value: counters.framesRead },
    { name: 'store_disk_bytes', labels, value: counters.diskBytes },
    { name: 'store_live_bytes', labels, value: counters.liveBytes },
    { name: 'store_buffer_bytes', labels, value: counters.bufferBytes },
    { name: 'store_memory_bytes', labels, value: counters.memoryBytes },
    { name: 'store_memory_limit_bytes', labels, value: counters.memoryLimitBytes },
    { name: 'store_level0_files', labels, value: counters.level0Files },
    { name: 'store_compaction_pending_bytes', labels, value: counters.compactionPendingBytes },
    { name: 'store_write_stopped', labels, value: counters.isWriteStopped ? 1 : 0 },
    { name: 'store_background_errors', labels, value: counters.backgroundErrors },
  ];
}

/** A piece in the cache: decoded once one of its posts is asked for, which few are. */
interface Kept {
  readonly bytes: Uint8Array;
  frame: FingerprintsFrame | undefined;
}

function frameOf(kept: Kept): FingerprintsFrame {
  kept.frame ??= new FingerprintsFrame(kept.bytes);
  return kept.frame;
}

interface Checkpoint {
  /** Position in the log that the store has reached. */
  readonly position: number;
  readonly metadata: string;
}

/** Undefined for a store that has none, or one that this version has not written. */
function readCheckpoint(bytes: Uint8Array | undefined): Checkpoint | undefined {
  if (bytes === undefined) return undefined;
  const [version, position, ...metadata] = Buffer.from(bytes).toString().split(';');
  return version === '2' ? { position: Number(position), metadata: metadata.join(';') } : undefined;
}

function lost(position: number, low: number): ChorusError {
  return new ChorusError(
    'offset_lost',
    `the window of a match partition begins at position ${position} of its log, which now begins at ${low}: retention has ` +
      'removed posts of the window. Raise the retention of the topic of fingerprints and begin with a new kafka.prefix',
  );
}

function ahead(position: number, high: number): ChorusError {
  return new ChorusError(
    'store_ahead',
    `the store of a match partition has reached position ${position} of its log, which ends at ${high}: the topic of ` +
      'fingerprints has been made anew, or the data folder is of another deployment. Remove the data folder or name another',
  );
}
