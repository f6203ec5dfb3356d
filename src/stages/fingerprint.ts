/**
 * Stage 1: post -> entry. Without state: an entry is a function of its post and the settings alone.
 */
import { ALL_BANDS, ENTRY, ENTRY_WORDS_MAX, entryMeta } from '../frames/entry.ts';
import { Fingerprinter, type FingerprintSettings } from '../fingerprints/fingerprint.ts';
import { hashStrings } from '../fingerprints/hash.ts';
import type { Post } from '../model.ts';

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
    const { hi, lo } = hashStrings(post.platform, post.id);
    words[ENTRY.meta] = entryMeta(print.tokenCount, print.keyCount, this.#bands, true, print.normaliser.dropped);
    words[ENTRY.timeLo] = post.createdAt % 2 ** 32;
    words[ENTRY.timeHi] = Math.floor(post.createdAt / 2 ** 32);
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
}
