/**
 * Which frames of a log are still needed: those that hold a post of the window or one that has not been released, in the
 * order of the log, and all behind the first of these. Flat arrays that grow, since a long window has millions of frames.
 */
const INITIAL = 1024;

export class RetainedFrames {
  #positions = new Float64Array(INITIAL);
  #tos = new Float64Array(INITIAL);
  #watermarks = new Float64Array(INITIAL);
  #newestMs = new Float64Array(INITIAL);
  #accepted = new Uint32Array(INITIAL);
  #sources = new Uint16Array(INITIAL);
  #start = 0;
  #end = 0;

  get count(): number {
    return this.#end - this.#start;
  }

  get bytes(): number {
    return this.#positions.length * 38;
  }

  /** Position of the first frame needed; undefined if none is. */
  get low(): number | undefined {
    return this.count === 0 ? undefined : this.#positions[this.#start];
  }

  /** @param newestMs event time of the frame's newest post, -Infinity without one */
  add(position: number, source: number, to: number, watermark: number, accepted: number, newestMs: number): void {
    if (this.#end === this.#positions.length) this.#makeRoom();
    const i = this.#end++;
    this.#positions[i] = position;
    this.#sources[i] = source;
    this.#tos[i] = to;
    this.#watermarks[i] = watermark;
    this.#accepted[i] = accepted;
    this.#newestMs[i] = newestMs;
  }

  /** Lets go of leading frames whose posts have all left the window, and tells each to `onGone`. */
  expire(expiredMs: number, onGone: (source: number, to: number, watermark: number, accepted: number) => void): void {
    while (this.#start < this.#end && this.#newestMs[this.#start]! <= expiredMs) {
      const i = this.#start++;
      onGone(this.#sources[i]!, this.#tos[i]!, this.#watermarks[i]!, this.#accepted[i]!);
    }
  }

  #makeRoom(): void {
    const { count } = this;
    const size = count > this.#positions.length / 2 ? 2 * this.#positions.length : this.#positions.length;
    const moved = <T extends Float64Array | Uint32Array | Uint16Array>(from: T, to: T): T => {
      to.set(from.subarray(this.#start, this.#end));
      return to;
    };
    this.#positions = moved(this.#positions, new Float64Array(size));
    this.#tos = moved(this.#tos, new Float64Array(size));
    this.#watermarks = moved(this.#watermarks, new Float64Array(size));
    this.#newestMs = moved(this.#newestMs, new Float64Array(size));
    this.#accepted = moved(this.#accepted, new Uint32Array(size));
    this.#sources = moved(this.#sources, new Uint16Array(size));
    this.#start = 0;
    this.#end = count;
  }
}
