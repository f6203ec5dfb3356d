/**
 * Moves through the bytes of one Avro value and holds its bounds, whatever schema and bytes say:
 * A1 every length is held against the bytes that are left;
 * A2 the steps of one value are bounded by its bytes, also where elements take none;
 * A3 nesting is bounded.
 * A bound that is met throws an AvroFault. Pure.
 */

/** Text of [start, end); undefined if that is not valid UTF-8. Passed in, since only the platform does it fast. */
export type ReadText = (bytes: Uint8Array, start: number, end: number) => string | undefined;

/** Of a schema and of a value. */
export const NESTING_DEPTH_MAX = 64;
const VARINT_BYTES_MAX = 10;
/** Steps of a value: these, and STEPS_PER_BYTE for each byte. Any schema that means something needs about one a byte. */
const STEPS_FREE = 4096;
const STEPS_PER_BYTE = 4;

/** The bytes are no value of the schema. */
export class AvroFault extends Error {
  readonly isUtf8Fault: boolean;

  constructor(detail: string, isUtf8Fault = false) {
    super(detail);
    this.isUtf8Fault = isUtf8Fault;
  }
}

export class Cursor {
  at = 0;
  depth = 0;
  hasNul = false;
  bytes: Uint8Array = new Uint8Array(0);
  #stepsLeft = 0;
  readonly #readText: ReadText;

  constructor(readText: ReadText) {
    this.#readText = readText;
  }

  reset(bytes: Uint8Array, start: number): void {
    this.bytes = bytes;
    this.at = start;
    this.depth = 0;
    this.hasNul = false;
    this.#stepsLeft = STEPS_FREE + STEPS_PER_BYTE * (bytes.length - start);
  }

  /** Counts towards A2. */
  step(count: number): void {
    this.#stepsLeft -= count;
    if (this.#stepsLeft < 0) throw new AvroFault('more elements than its bytes can hold');
  }

  /** Moves on by `count` bytes and returns where they start. */
  take(count: number): number {
    const start = this.at;
    if (count < 0 || count > this.bytes.length - start) {
      throw new AvroFault(`a length of ${count} at byte ${start}, ${this.bytes.length - start} bytes are left`);
    }
    this.at = start + count;
    return start;
  }

  /** A zigzag varint. Exact up to 2^53, which all that is used here lies below. */
  long(): number {
    const { bytes } = this;
    let byte = bytes[this.at++];
    let low = 0;
    // 28 bits in integer arithmetic hold every length and index of a sane value.
    for (let shift = 0; shift < 28; shift += 7) {
      if (byte === undefined) throw new AvroFault('ends within a number');
      low |= (byte & 0x7f) << shift;
      if (byte < 0x80) return (low >>> 1) ^ -(low & 1);
      byte = bytes[this.at++];
    }
    let value = low;
    let unit = 2 ** 28;
    for (let length = 5; length <= VARINT_BYTES_MAX; length++) {
      if (byte === undefined) throw new AvroFault('ends within a number');
      value += (byte & 0x7f) * unit;
      // The sign is in the lowest bit, which `value` loses beyond 2^53.
      if (byte < 0x80) return (low & 1) === 0 ? value / 2 : -(value + 1) / 2;
      unit *= 128;
      byte = bytes[this.at++];
    }
    throw new AvroFault(`a number of more than ${VARINT_BYTES_MAX} bytes`);
  }

  text(): string {
    const length = this.long();
    const start = this.take(length);
    const text = this.#readText(this.bytes, start, start + length);
    if (text === undefined) throw new AvroFault(`text at byte ${start} is not valid UTF-8`, true);
    if (text.includes('\0')) this.hasNul = true;
    return text;
  }

  double(isWide: boolean): number {
    const start = this.take(isWide ? 8 : 4);
    const view = new DataView(this.bytes.buffer, this.bytes.byteOffset + start);
    return isWide ? view.getFloat64(0, true) : view.getFloat32(0, true);
  }

  enter(): void {
    if (++this.depth > NESTING_DEPTH_MAX) throw new AvroFault(`more than ${NESTING_DEPTH_MAX} levels of nesting`);
  }
}
