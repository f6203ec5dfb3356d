/**
 * How far each source has come, by the frames of one partition: the position where its next frame must begin, and its
 * watermark. The least watermark of all sources is the event time that nothing can come before any more.
 *
 * F1  A frame that begins after the expected position means that frames were lost: the process stops.
 * F2  What lies before the expected position has come already and is dropped. A source is read anew after a crash, and its
 *     batches may then be cut differently.
 * F3  A watermark never falls.
 */
import { InvariantError } from '../errors.ts';
import { invalid, type FrameSpan } from './frame.ts';

export class SourceChain {
  /** -1 for a source of which no frame has come. */
  readonly #expected: Float64Array;
  readonly #watermarks: Float64Array;

  constructor(sources: number) {
    this.#expected = new Float64Array(sources).fill(-1);
    this.#watermarks = new Float64Array(sources).fill(-Infinity);
  }

  expected(source: number): number {
    return this.#expected[source]!;
  }

  watermark(source: number): number {
    return this.#watermarks[source]!;
  }

  /** Event time that every source has passed; -Infinity while one of them has said nothing. */
  get least(): number {
    let least = Infinity;
    for (const watermark of this.#watermarks) if (watermark < least) least = watermark;
    return least;
  }

  /** The source with the least watermark. */
  get slowest(): number {
    return this.#watermarks.indexOf(this.least);
  }

  /** @throws InvariantError F1 */
  check(source: number, span: FrameSpan): void {
    const expected = this.#expected[source]!;
    if (expected < 0 || span.from <= expected) return;
    throw new InvariantError(
      'F1',
      `the frames of source ${source} reach position ${expected}, the next one begins at ${span.from}: what lies between ` +
        'is lost, by retention or by deletion of records',
    );
  }

  /** Takes the span of a frame into account, after `check` and after what is in the frame. */
  pass(source: number, { to, watermark }: FrameSpan): void {
    if (to > this.#expected[source]!) this.#expected[source] = to;
    if (watermark > this.#watermarks[source]!) this.#watermarks[source] = watermark;
  }

  /** Position and watermark of each source, in at most 20 characters a source. */
  encode(): string {
    return Array.from(
      this.#expected,
      (expected, i) => `${encodeNumber(expected)}.${encodeNumber(this.#watermarks[i]!)}`,
    ).join();
  }

  /** @throws FrameError for a text that `encode` has not written for so many sources. */
  static decode(text: string, sources: number): SourceChain {
    const chain = new SourceChain(sources);
    const parts = text.split(',');
    if (parts.length !== sources) throw invalid(`a chain of ${parts.length} sources is no chain of ${sources}`);
    for (const [i, part] of parts.entries()) {
      const [expected, watermark, ...rest] = part.split('.');
      const position = decodeNumber(expected);
      if (position < -1 || rest.length > 0) throw invalid(`"${part}" is no source of a chain`);
      chain.#expected[i] = position;
      chain.#watermarks[i] = decodeNumber(watermark);
    }
    return chain;
  }
}

/** Base 36; "-" for -Infinity. */
export function encodeNumber(value: number): string {
  return value === -Infinity ? '-' : value.toString(36);
}

/** @throws FrameError for anything but what `encodeNumber` writes of a whole number. */
export function decodeNumber(text: string | undefined): number {
  if (text === '-') return -Infinity;
  const value = Number.parseInt(text ?? '', 36);
  if (!Number.isSafeInteger(value) || value.toString(36) !== text) throw invalid(`"${text}" is no number of a chain`);
  return value;
}
