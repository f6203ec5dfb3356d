/**
 * Stage 1: post -> entry, and deletions and edits -> retractions. Without state: an entry is a function of its post and the
 * settings alone.
 */
import {
  ALL_BANDS,
  ENTRY,
  ENTRY_HEADER_WORDS,
  ENTRY_WORDS_MAX,
  entryMeta,
  setEntryTime,
  writeRetraction,
} from '../frames/entry.ts';
import { Fingerprinter, type FingerprintSettings } from '../fingerprints/fingerprint.ts';
import { hashStrings, type Hash64 } from '../fingerprints/hash.ts';
import type { Deletion, Post } from '../model.ts';

/** Versions of one post that are to be taken away. */
export interface Retraction {
  readonly platform: string;
  readonly id: string;
  /** Event time, ms. */
  readonly timeMs: number;
  /** Versions before this time, ms; Infinity for all. A version that is no edit is before every time. */
  readonly beforeMs: number;
}

/** Entries that one record makes at most: a post, the versions before it and the posts that it replaces. */
export const RECORD_ENTRIES_MAX = 258;

const NONE: readonly Retraction[] = [];

export function deletionRetraction({ platform, id, createdAt }: Deletion): Retraction {
  return { platform, id, timeMs: createdAt, beforeMs: Infinity };
}

/**
 * What a post takes away by being an edit. That happens a millisecond after it has come, so that its account and text are
 * there all the time.
 */
export function editRetractions({ platform, id, createdAt, editedAt, replaces }: Post): readonly Retraction[] {
  if (editedAt === undefined && replaces === undefined) return NONE;
  const timeMs = createdAt + 1;
  const retractions: Retraction[] = editedAt === undefined ? [] : [{ platform, id, timeMs, beforeMs: editedAt }];
  for (const replaced of replaces ?? []) {
    // Some platforms list the newest version among its own predecessors.
    if (replaced === id || retractions.length > RECORD_ENTRIES_MAX - 2) continue;
    retractions.push({ platform, id: replaced, timeMs, beforeMs: Infinity });
  }
  return retractions;
}

export class FingerprintStage {
  /** The entry of the last post that `process` returned words for; valid until the next call. */
  readonly words = new Uint32Array(ENTRY_WORDS_MAX);
  readonly #fingerprinter: Fingerprinter;
  readonly #bands: number;

  constructor(settings: FingerprintSettings) {
    this.#fingerprinter = new Fingerprinter(settings);
    this.#bands = settings.simhash ? ALL_BANDS : 0;
  }

  /**
   * Writes the post's entry to `words` and returns its length in words; 0 for a post that makes no text node: a native
   * repost, or a text without a letter.
   */
  process(post: Post): number {
    if (post.repostOf !== undefined) return 0;
    const print = this.#fingerprinter;
    if (!print.compute(post.text)) return 0;
    const words = this.words;
    const { hi, lo } = postKey(post);
    words[ENTRY.meta] = entryMeta(print.tokenCount, print.keyCount, this.#bands, true, print.normaliser.dropped);
    setEntryTime(words, 0, post.createdAt);
    words[ENTRY.postHi] = hi;
    words[ENTRY.postLo] = lo;
    words[ENTRY.textHi] = print.textHi;
    words[ENTRY.textLo] = print.textLo;
    words[ENTRY.simHi] = print.simHi;
    words[ENTRY.simLo] = print.simLo;
    let at: number = ENTRY.keys;
    for (let i = 0; i < print.keyCount; i++) words[at++] = print.keys[i]!;
    for (let i = 0; i < print.recordWords; i++) words[at++] = print.record[i]!;
    return at;
  }
  /** Writes the entry of a retraction to `words` and returns its length. */
  retract({ platform, id, timeMs, beforeMs }: Retraction): number {
    writeRetraction(this.words, timeMs, hashStrings(platform, id), beforeMs);
    return ENTRY_HEADER_WORDS;
  }
}

/** An edited version is a post of its own. */
function postKey({ platform, id, editedAt }: Post): Hash64 {
  return editedAt === undefined ? hashStrings(platform, id) : hashStrings(platform, id, String(editedAt));
}
