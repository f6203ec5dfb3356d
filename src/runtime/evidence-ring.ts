/**
 * The posts of the window as bytes, in memory, in the order of their event times: written once, read when a post becomes
 * evidence, let go in whole blocks when its newest post has left the window.
 *
 * A reference is the position of a record in units of 8 bytes, modulo 2^32: it stays valid for 32 GiB of posts.
 *
 *   record = length (4 bytes), post key (8 bytes), event time (8 bytes), partition of the feed (4 bytes; all bits set where
 *   there is none), offset in it (8 bytes), the post's bytes, padding to 8
 */
import { InvariantError } from '../errors.ts';
import { hex64 } from '../fingerprints/hash.ts';
import type { RecordPlace } from '../model.ts';

const BLOCK_BYTES = 4 * 1024 * 1024;
const HEADER_BYTES = 32;
const NO_PARTITION = 0xffffffff;
const UNIT_BYTES = 8;
const REFERENCES = 2 ** 32;

interface Block {
  readonly start: number;
  readonly bytes: Buffer;
  newestMs: number;
}

export class EvidenceRing {
  readonly #windowMs: number;
  readonly #blocks: Block[] = [];
  #spare: Buffer | undefined;
  #position = 0;

  constructor(windowMs: number) {
    this.#windowMs = windowMs;
  }

  get bytes(): number {
    return this.#blocks.length * BLOCK_BYTES;
  }

  /** Keeps a post and returns its reference. Event times never decrease. @throws RangeError above 4 MiB less the header. */
  append(timeMs: number, keyHi: number, keyLo: number, bytes: Uint8Array, place?: RecordPlace): number {
    const size = Math.ceil((HEADER_BYTES + bytes.byteLength) / UNIT_BYTES) * UNIT_BYTES;
    if (size > BLOCK_BYTES)
      throw new RangeError(`evidence of ${bytes.byteLength} bytes, at most ${BLOCK_BYTES - HEADER_BYTES}`);
    this.#release(timeMs - this.#windowMs);
    let block = this.#blocks.at(-1);
    if (block === undefined || this.#position + size > block.start + BLOCK_BYTES) {
      const start = block === undefined ? this.#position : block.start + BLOCK_BYTES;
      block = { start, bytes: this.#spare ?? Buffer.allocUnsafeSlow(BLOCK_BYTES), newestMs: timeMs };
      this.#spare = undefined;
      this.#blocks.push(block);
      this.#position = start;
    }
    const at = this.#position - block.start;
    block.bytes.writeUInt32LE(bytes.byteLength, at);
    block.bytes.writeUInt32LE(keyHi, at + 4);
    block.bytes.writeUInt32LE(keyLo, at + 8);
    block.bytes.writeDoubleLE(timeMs, at + 12);
    block.bytes.writeUInt32LE(place?.partition ?? NO_PARTITION, at + 20);
    block.bytes.writeDoubleLE(place?.offset ?? 0, at + 24);
    block.bytes.set(bytes, at + HEADER_BYTES);
    block.newestMs = timeMs;
    const reference = (this.#position / UNIT_BYTES) % REFERENCES;
    this.#position += size;
    return reference;
  }

  /** The post key, the event time, the place and a view of the bytes, valid until the next `append`. @throws InvariantError for a post let go. */
  read(reference: number): { key: string; timeMs: number; bytes: Buffer; place: RecordPlace | undefined } {
    const newest = this.#position / UNIT_BYTES;
    const back = (newest - reference) % REFERENCES;
    const position = (newest - (back < 0 ? back + REFERENCES : back)) * UNIT_BYTES;
    const first = this.#blocks[0];
    const block = first === undefined ? undefined : this.#blocks[Math.floor((position - first.start) / BLOCK_BYTES)];
    if (block === undefined) throw new InvariantError('R1', `evidence ${reference} has been let go`);
    const at = position - block.start;
    const start = at + HEADER_BYTES;
    const partition = block.bytes.readUInt32LE(at + 20);
    return {
      place: partition === NO_PARTITION ? undefined : { partition, offset: block.bytes.readDoubleLE(at + 24) },
      key: hex64(block.bytes.readUInt32LE(at + 4), block.bytes.readUInt32LE(at + 8)),
      timeMs: block.bytes.readDoubleLE(at + 12),
      bytes: block.bytes.subarray(start, start + block.bytes.readUInt32LE(at)),
    };
  }

  #release(expiredMs: number): void {
    while (this.#blocks.length > 1 && this.#blocks[0]!.newestMs <= expiredMs) this.#spare = this.#blocks.shift()!.bytes;
  }
}
