/**
 * The place of a record of the feed, in three words behind its entry where a replay sorts entries: partition, and offset, high
 * and low. So copies of one post stand in the order of their places, as they do in a match partition (windows/pending.ts).
 */
import type { RecordPlace } from '../model.ts';

export const PLACE_WORDS = 3;

export function writePlace(words: Uint32Array, at: number, { partition, offset }: RecordPlace): void {
  words[at] = partition;
  words[at + 1] = Math.floor(offset / 2 ** 32);
  words[at + 2] = offset % 2 ** 32;
}

export function readPlace(words: Uint32Array, at: number): RecordPlace {
  return { partition: words[at]!, offset: words[at + 1]! * 2 ** 32 + words[at + 2]! };
}
