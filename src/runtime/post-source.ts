/** Where the posts of a replay come from, as the replay sees it: files (post-files.ts) or ranges of a feed topic (feed-range.ts). */
import type { InputError } from '../errors.ts';
import type { FingerprintSettings } from '../fingerprints/fingerprint.ts';
import type { IgnoredReason } from '../model.ts';
import type { Rejections } from './rejections.ts';

export interface PostSource {
  /** As the summary names them. */
  readonly inputs: readonly string[];
  readonly rejections: Rejections;
  readonly counts: ReadCounts;
  /** Of a feed topic. */
  readonly feed?: FeedCounts;
  /** Its name, where samples of alerts are to tell the records that they were read from. */
  readonly provenance?: string | undefined;
  /**
   * Gives the entries of all posts, in any order. Ends early, without an error, when the signal comes.
   * @returns what ended it before its time, after some posts were read
   * @throws InputError if there is an input that cannot be read at all
   */
  read(target: EntryTarget, signal: AbortSignal | undefined): Promise<InputError | undefined>;
  /**
   * Event time at which the replay is to stop once all is read: posts at or after it are left out, and what is open stays
   * open. Infinity for the end of the feed, at which everything closes.
   */
  endMs(): number;
}

/** Takes what a source gives. */
export interface EntryTarget {
  readonly fingerprint: FingerprintSettings;
  /**
   * Copies the first `wordCount` of `words`, which are an entry and, of a feed topic, its place (frames/place.ts), and the
   * evidence; a retraction has none.
   */
  append(words: Uint32Array, wordCount: number, evidence: Uint8Array): void;
  /** To be called now and then. */
  onProgress(): void;
}

/** What was read so far. */
export interface ReadCounts {
  /** Bytes as they are stored: of files, or of the values of records. */
  bytesRead: number;
  /** Lines of files, or records. */
  lines: number;
  posts: number;
  nativeReposts: number;
  /** Posts without a letter once links, mentions and emoji are dropped. */
  nothingToCompare: number;
  deletions: number;
  /** Records that can be read and say nothing that is of use here. */
  readonly ignored: Map<IgnoredReason, number>;
  /** Event times of the first and the last post; of a feed topic, of those that are compared. */
  firstMs: number;
  lastMs: number;
  readonly progress: SourceProgress;
}

export interface SourceProgress {
  done: number;
  /** Undefined where the end is not known. */
  total: number | undefined;
  readonly unit: 'bytes' | 'records';
}

/** What only records can be. */
export interface FeedCounts {
  readonly topic: string;
  readonly late: number;
  readonly ticks: number;
  /** Records without a value that are no ticks. */
  readonly tombstones: number;
  /** Offsets `[from, to)` of each partition. */
  readonly partitions: readonly { readonly partition: number; readonly from: number; readonly to: number }[];
}

export function emptyCounts(unit: SourceProgress['unit']): ReadCounts {
  return {
    bytesRead: 0,
    lines: 0,
    posts: 0,
    nativeReposts: 0,
    nothingToCompare: 0,
    deletions: 0,
    ignored: new Map(),
    firstMs: Infinity,
    lastMs: -Infinity,
    progress: { done: 0, total: undefined, unit },
  };
}
