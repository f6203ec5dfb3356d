/**
 * Frames of the topic `fingerprints`: entries of one batch of a source partition, for one target partition.
 *
 * Columns behind the header (frame.ts), for n entries in the order of their offsets:
 *
 *   n x 4 bytes   offset of the record in its source, from the frame's `from`; an edit makes several entries of one record
 *   n x 4 bytes   length of its evidence
 *   words x 4     the entries (entry.ts), one behind the other
 *   bytes         the evidence: posts as canonical JSON in UTF-8, one behind the other
 */
import { TOKENS_MAX } from '../fingerprints/record.ts';
import { SHINGLE_KEYS_MAX } from '../fingerprints/shingles.ts';
import {
  ENTRY_HEADER_WORDS,
  ENTRY_WORDS_MAX,
  entryIsRetraction,
  entryKeyCount,
  entryLength,
  entryTokenCount,
} from './entry.ts';
import {
  FRAME_ENTRIES_MAX,
  FRAME_HEADER_BYTES,
  FRAME_KIND,
  invalid,
  readHeader,
  viewOf,
  writeHeader,
  type FrameHeader,
  type FrameRoute,
  type FrameSpan,
} from './frame.ts';

/** Collects the entries of one frame. The buffers are used again for the next. */
export class FingerprintsFrameBuilder {
  entryCount = 0;
  readonly #offsets = new Uint32Array(FRAME_ENTRIES_MAX);
  readonly #lengths = new Uint32Array(FRAME_ENTRIES_MAX);
  #words = new Uint32Array(1 << 14);
  #wordCount = 0;
  #evidence = new Uint8Array(1 << 16);
  #byteCount = 0;

  /** Bytes that the frame would have now. */
  get size(): number {
    return FRAME_HEADER_BYTES + 8 * this.entryCount + 4 * this.#wordCount + this.#byteCount;
  }

  /** Where the next entry is to be written: room for ENTRY_WORDS_MAX words from `wordCount` on. */
  get words(): Uint32Array {
    if (this.#wordCount + ENTRY_WORDS_MAX > this.#words.length) {
      const longer = new Uint32Array(2 * this.#words.length);
      longer.set(this.#words);
      this.#words = longer;
    }
    return this.#words;
  }

  get wordCount(): number {
    return this.#wordCount;
  }

  /** Takes in the `length` words written, with the post's evidence. */
  add(length: number, offset: number, evidence: Uint8Array): void {
    this.#wordCount += length;
    this.#offsets[this.entryCount] = offset;
    this.#lengths[this.entryCount++] = evidence.byteLength;
    const end = this.#byteCount + evidence.byteLength;
    if (end > this.#evidence.byteLength) {
      const longer = new Uint8Array(Math.max(end, 2 * this.#evidence.byteLength));
      longer.set(this.#evidence.subarray(0, this.#byteCount));
      this.#evidence = longer;
    }
    this.#evidence.set(evidence, this.#byteCount);
    this.#byteCount = end;
  }

  /** The frame, and an empty builder. Offsets were given from `span.from`. */
  finish(route: FrameRoute, span: FrameSpan): Uint8Array {
    const bytes = new Uint8Array(this.size);
    const { entryCount } = this;
    writeHeader(viewOf(bytes), {
      ...route,
      ...span,
      kind: FRAME_KIND.fingerprints,
      entryCount,
      wordCount: this.#wordCount,
      byteCount: this.#byteCount,
    });
    let at = FRAME_HEADER_BYTES;
    for (const column of [this.#offsets.subarray(0, entryCount), this.#lengths.subarray(0, entryCount)]) {
      bytes.set(bytesOf(column), at);
      at += column.byteLength;
    }
    const words = this.#words.subarray(0, this.#wordCount);
    bytes.set(bytesOf(words), at);
    bytes.set(this.#evidence.subarray(0, this.#byteCount), at + words.byteLength);
    this.clear();
    return bytes;
  }

  clear(): void {
    this.entryCount = 0;
    this.#wordCount = 0;
    this.#byteCount = 0;
  }
}

/** A frame as it was read. */
export class FingerprintsFrame {
  readonly header: FrameHeader;
  /** The entries, one behind the other; entry i starts at `starts[i]`. A copy: frames lie at any address. */
  readonly words: Uint32Array;
  readonly starts: Uint32Array;
  readonly #offsets: Uint32Array;
  /** Where the evidence of each entry begins in `#bytes`, and where the last one ends. */
  readonly #evidenceStarts: Uint32Array;
  readonly #bytes: Uint8Array;

  /** @throws FrameError if the columns are not what the header says. */
  constructor(bytes: Uint8Array) {
    const header = readHeader(bytes);
    const { entryCount: n, wordCount, byteCount, kind } = header;
    if (kind !== FRAME_KIND.fingerprints) throw invalid(`its kind is ${kind}, expected ${FRAME_KIND.fingerprints}`);
    const wordsAt = FRAME_HEADER_BYTES + 8 * n;
    const evidenceAt = wordsAt + 4 * wordCount;
    if (evidenceAt + byteCount !== bytes.byteLength)
      throw invalid(`it has ${bytes.byteLength} bytes, not those announced`);
    this.header = header;
    this.words = copyOfWords(bytes, wordsAt, wordCount);
    this.starts = new Uint32Array(n);
    this.#offsets = copyOfWords(bytes, FRAME_HEADER_BYTES, n);
    this.#evidenceStarts = new Uint32Array(n + 1);
    this.#bytes = bytes;
    this.#locate(copyOfWords(bytes, FRAME_HEADER_BYTES + 4 * n, n), evidenceAt, byteCount);
  }

  get entryCount(): number {
    return this.starts.length;
  }

  /** Offset of the record in its source. */
  offset(i: number): number {
    return this.header.from + this.#offsets[i]!;
  }

  /** A view of the bytes of the post. */
  evidence(i: number): Uint8Array {
    return this.#bytes.subarray(this.#evidenceStarts[i], this.#evidenceStarts[i + 1]);
  }

  /** A frame of the entries [from, to) alone, of the same span: the bytes that a builder given them would make. */
  slice(from: number, to: number): Uint8Array {
    const { words, starts, header } = this;
    const firstWord = starts[from] ?? words.length;
    const lastWord = starts[to] ?? words.length;
    const firstByte = this.#evidenceStarts[from]!;
    const lastByte = this.#evidenceStarts[to]!;
    const counts = { entryCount: to - from, wordCount: lastWord - firstWord, byteCount: lastByte - firstByte };
    const wordsAt = FRAME_HEADER_BYTES + 8 * counts.entryCount;
    const evidenceAt = wordsAt + 4 * counts.wordCount;
    const bytes = new Uint8Array(evidenceAt + counts.byteCount);
    writeHeader(viewOf(bytes), { ...header, ...counts });
    bytes.set(bytesOf(this.#offsets.subarray(from, to)), FRAME_HEADER_BYTES);
    const lengthsAt = FRAME_HEADER_BYTES + 4 * (header.entryCount + from);
    bytes.set(this.#bytes.subarray(lengthsAt, lengthsAt + 4 * counts.entryCount), wordsAt - 4 * counts.entryCount);
    bytes.set(bytesOf(words.subarray(firstWord, lastWord)), wordsAt);
    bytes.set(this.#bytes.subarray(firstByte, lastByte), evidenceAt);
    return bytes;
  }

  #locate(lengths: Uint32Array, evidenceAt: number, byteCount: number): void {
    const { words, starts, header } = this;
    let start = 0;
    let evidence = evidenceAt;
    let before = -1;
    for (let i = 0; i < starts.length; i++) {
      if (start + ENTRY_HEADER_WORDS > words.length) throw invalid(`entry ${i} begins behind the words`);
      const isPost = !entryIsRetraction(words, start);
      if (isPost && (entryKeyCount(words, start) > SHINGLE_KEYS_MAX || entryTokenCount(words, start) > TOKENS_MAX)) {
        throw invalid(`entry ${i} is larger than any`);
      }
      if (!isPost && lengths[i] !== 0) throw invalid(`entry ${i} is a retraction with evidence`);
      const offset = this.#offsets[i]!;
      if (offset < before || header.from + offset >= header.to) throw invalid(`entry ${i} is not in the frame's span`);
      before = offset;
      starts[i] = start;
      this.#evidenceStarts[i] = evidence;
      start += entryLength(words, start);
      evidence += lengths[i]!;
    }
    this.#evidenceStarts[starts.length] = evidence;
    if (start !== words.length) throw invalid(`its entries take ${start} words of ${words.length}`);
    if (evidence !== evidenceAt + byteCount) throw invalid('its evidence is not as long as announced');
  }
}

function copyOfWords(bytes: Uint8Array, at: number, count: number): Uint32Array {
  const words = new Uint32Array(count);
  bytesOf(words).set(bytes.subarray(at, at + 4 * count));
  return words;
}

function bytesOf(words: Uint32Array): Uint8Array {
  return new Uint8Array(words.buffer, words.byteOffset, words.byteLength);
}
