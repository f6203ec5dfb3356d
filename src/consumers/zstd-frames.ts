/**
 * Follows the frames of a zstd stream by their headers (RFC 8878, section 3.1), without decoding, to know the windows that
 * they ask for before a decoder is given them, where they end, and their checksums.
 */

const MAGIC = 0xfd2fb528;
const SKIPPABLE_MAGIC = 0x184d2a50;
const LAST_BLOCK = 1;
const RLE_BLOCK = 1;

/** What the next bytes to look at are. */
type Part = 'magic' | 'skippable size' | 'descriptor' | 'header' | 'block header' | 'checksum' | 'lost';

const PART_BYTES = { magic: 4, 'skippable size': 4, descriptor: 1, 'block header': 3, checksum: 4 } as const;

export class ZstdFrameWalk {
  /** The largest window of the frames so far, bytes. */
  windowBytesMax = 0;
  #part: Part = 'magic';
  #wanted: number = PART_BYTES.magic;
  #held: number[] = [];
  #skip = 0;
  #hasChecksum = false;
  #isLastBlock = false;
  #isSingleSegment = false;
  #dictionaryIdBytes = 0;

  /** Whether what was taken last is the last byte of a frame with content. */
  isAtFrameEnd = false;
  /** At the end of a frame: the low 32 bits of the XXH64 of its content, if it states them. */
  checksum: number | undefined;

  /**
   * Takes the next bytes of the stream, at most to the end of a frame, and returns how many. What is no zstd frame is left
   * to the decoder to complain of.
   */
  push(bytes: Uint8Array): number {
    this.isAtFrameEnd = false;
    if (this.#part === 'lost') return bytes.length;
    let at = 0;
    while (at < bytes.length && !this.isAtFrameEnd) {
      if (this.#skip > 0) {
        const skipped = Math.min(this.#skip, bytes.length - at);
        this.#skip -= skipped;
        at += skipped;
      } else {
        this.#held.push(bytes[at++]!);
        if (this.#held.length === this.#wanted) this.#take(this.#held.splice(0));
      }
      if (this.#skip === 0 && this.#isLastBlock && !this.#hasChecksum) this.#endFrame(undefined);
    }
    return at;
  }

  #take(held: readonly number[]): void {
    switch (this.#part) {
      case 'magic':
        return this.#takeMagic(numberOf(held, 0, 4));
      case 'skippable size':
        this.#skip = numberOf(held, 0, 4);
        return this.#want('magic');
      case 'descriptor':
        return this.#takeDescriptor(held[0]!);
      case 'header':
        this.windowBytesMax = Math.max(this.windowBytesMax, this.#windowBytes(held));
        return this.#want('block header');
      case 'block header':
        return this.#takeBlockHeader(numberOf(held, 0, 3));
      case 'checksum':
        return this.#endFrame(numberOf(held, 0, 4));
      case 'lost':
    }
  }

  #takeMagic(magic: number): void {
    if (magic === MAGIC) this.#want('descriptor');
    else if (magic - (magic % 16) === SKIPPABLE_MAGIC) this.#want('skippable size');
    else this.#part = 'lost';
  }

  #takeDescriptor(descriptor: number): void {
    const contentSizeFlag = descriptor >> 6;
    this.#isSingleSegment = (descriptor & 0x20) !== 0;
    this.#hasChecksum = (descriptor & 4) !== 0;
    this.#dictionaryIdBytes = [0, 1, 2, 4][descriptor & 3]!;
    const contentSizeBytes = contentSizeFlag === 0 ? Number(this.#isSingleSegment) : 1 << contentSizeFlag;
    this.#part = 'header';
    this.#wanted = Number(!this.#isSingleSegment) + this.#dictionaryIdBytes + contentSizeBytes;
  }

  #windowBytes(header: readonly number[]): number {
    if (!this.#isSingleSegment) {
      const base = 2 ** (10 + (header[0]! >> 3));
      return base + (base / 8) * (header[0]! & 7);
    }
    const size = numberOf(header, this.#dictionaryIdBytes, header.length);
    return header.length - this.#dictionaryIdBytes === 2 ? size + 256 : size;
  }

  #takeBlockHeader(header: number): void {
    const size = header >> 3;
    this.#skip = ((header >> 1) & 3) === RLE_BLOCK ? 1 : size;
    this.#isLastBlock = (header & LAST_BLOCK) !== 0;
    if (this.#isLastBlock && this.#hasChecksum) this.#want('checksum');
  }

  #endFrame(checksum: number | undefined): void {
    this.#isLastBlock = false;
    this.isAtFrameEnd = true;
    this.checksum = checksum;
    this.#want('magic');
  }

  #want(part: keyof typeof PART_BYTES): void {
    this.#part = part;
    this.#wanted = PART_BYTES[part];
  }
}

/** Little endian. */
function numberOf(bytes: readonly number[], start: number, end: number): number {
  let value = 0;
  for (let at = end - 1; at >= start; at--) value = value * 256 + bytes[at]!;
  return value;
}
