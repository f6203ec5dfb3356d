/** Frames by hand and at random, for the tests of codecs and of what reads them. */
import { Buffer } from 'node:buffer';
import { recordWords, TOKENS_MAX } from '../../src/fingerprints/record.ts';
import { SHINGLE_KEYS_MAX } from '../../src/fingerprints/shingles.ts';
import { ENTRY, ENTRY_HEADER_WORDS, entryMeta, writeRetraction } from '../../src/frames/entry.ts';
import { FingerprintsFrameBuilder } from '../../src/frames/fingerprints.ts';
import type { FrameRoute, FrameSpan } from '../../src/frames/frame.ts';
import { LINKS_EVENT, type FramedPost, type LinksEvent } from '../../src/frames/links.ts';
import type { Random } from '../../src/simulate/random.ts';

export interface FrameEntry {
  readonly words: Uint32Array;
  /** In the source, not in the frame. */
  readonly offset: number;
  readonly evidence: Uint8Array;
}

/** An entry of random content that keeps to the bounds. */
export function randomEntry(random: Random, timeMs: number): Uint32Array {
  const tokens = random.below(4) === 0 ? random.below(TOKENS_MAX + 1) : random.below(12);
  const keys = random.below(SHINGLE_KEYS_MAX + 1);
  const words = new Uint32Array(ENTRY_HEADER_WORDS + keys + recordWords(tokens));
  for (let i = 0; i < words.length; i++) words[i] = random.word();
  words[ENTRY.meta] = entryMeta(tokens, keys, random.below(8), random.below(2) === 0, random.below(2 ** 16));
  words[ENTRY.timeLo] = timeMs % 2 ** 32;
  words[ENTRY.timeHi] = Math.floor(timeMs / 2 ** 32);
  return words;
}

export function randomEntries(random: Random, count: number, from: number): FrameEntry[] {
  let offset = from;
  return Array.from({ length: count }, (_, i) => {
    const timeMs = random.below(2 ** 31) * 1000;
    // Those of an edit have the offset of the post before them.
    const isRetraction = random.below(5) === 0;
    if (i === 0 || !isRetraction || random.below(2) === 0) offset += random.between(1, 3);
    if (isRetraction)
      return { words: randomRetraction(random, timeMs), offset: offset - 1, evidence: new Uint8Array() };
    return { words: randomEntry(random, timeMs), offset: offset - 1, evidence: randomBytes(random, random.below(40)) };
  });
}

export function randomRetraction(random: Random, timeMs: number): Uint32Array {
  const words = new Uint32Array(ENTRY_HEADER_WORDS);
  const beforeMs = random.below(2) === 0 ? Infinity : random.below(2 ** 31) * 1000;
  writeRetraction(words, timeMs, { hi: random.word(), lo: random.word() }, beforeMs);
  return words;
}

export function randomBytes(random: Random, length: number): Uint8Array {
  return Uint8Array.from({ length }, () => random.below(256));
}

export function fingerprintsFrame(route: FrameRoute, span: FrameSpan, entries: readonly FrameEntry[]): Uint8Array {
  const builder = new FingerprintsFrameBuilder();
  for (const { words, offset, evidence } of entries) {
    builder.words.set(words, builder.wordCount);
    builder.add(words.length, offset - span.from, evidence);
  }
  return builder.finish(route, span);
}

function randomPost(random: Random): FramedPost {
  const timeMs = random.below(2 ** 31) * 1000;
  const place = { partition: random.below(2 ** 16), offset: random.below(2 ** 31) };
  return { timeMs, keyHi: random.word(), keyLo: random.word(), place, bytes: randomBytes(random, random.below(30)) };
}

/** Events at ascending positions of [from, to), which share some of their posts. */
export function randomEvents(random: Random, count: number, from: number): LinksEvent[] {
  const posts = Array.from({ length: Math.ceil(count / 2) + 1 }, () => randomPost(random));
  let position = from;
  return Array.from({ length: count }, () => {
    position += random.below(3);
    const kind = random.pick([LINKS_EVENT.post, LINKS_EVENT.first, LINKS_EVENT.link, LINKS_EVENT.retraction]);
    const isLink = kind === LINKS_EVENT.link;
    return {
      kind,
      cause: {
        position,
        timeMs: random.below(2 ** 31) * 1000,
        postHi: random.word(),
        postLo: random.word(),
        textHi: random.word(),
        textLo: random.word(),
      },
      evidence: kind === LINKS_EVENT.retraction ? undefined : random.pick(posts),
      otherHi: isLink ? random.word() : 0,
      otherLo: isLink ? random.word() : 0,
      otherEvidence: isLink && random.below(2) === 0 ? random.pick(posts) : undefined,
      similarity: isLink ? random.fraction() : 0,
      families: random.below(8),
    };
  });
}

/** A copy with some of its bytes changed, cut off, put in or taken from elsewhere. */
export function mutated(random: Random, bytes: Uint8Array): Uint8Array {
  let copy = Buffer.from(bytes);
  for (let changes = random.between(1, 3); changes > 0 && copy.byteLength > 0; changes--) {
    const at = random.below(copy.byteLength);
    switch (random.below(6)) {
      case 0:
        copy = copy.subarray(0, at);
        break;
      case 1:
        copy = Buffer.concat([copy.subarray(0, at), randomBytes(random, random.between(1, 9)), copy.subarray(at)]);
        break;
      case 2:
        copy = Buffer.concat([copy.subarray(0, at), copy.subarray(at + random.between(1, 9))]);
        break;
      case 3:
        // Numbers that are wrong by much or by little hide at aligned places.
        if (at + 4 <= copy.byteLength)
          copy.writeUInt32LE(random.pick([0, 1, 2 ** 31, 2 ** 32 - 1, random.below(200)]), at - (at % 4));
        break;
      case 4:
        copy.copy(copy, random.below(copy.byteLength), at, at + random.between(1, 16));
        break;
      default:
        copy[at] = random.below(256);
    }
  }
  return copy;
}
