/**
 * Lines that are no posts: how many for which reason, and where to look at a few of them.
 */
import type { RejectionReason } from '../model.ts';

/** Lines shown for each reason. */
const SAMPLES_MAX = 3;
/** UTF-16 units shown of a line. */
const EXCERPT_UNITS = 200;

/** Where a rejected line stands and what is wrong with it. Holds no text of the line, so it may go into a log. */
export interface RejectedLine {
  readonly input: string;
  readonly line: number;
  readonly detail: string;
}

export interface ReasonCount {
  readonly reason: RejectionReason;
  readonly count: number;
  /** The first lines that were rejected for this reason. */
  readonly samples: readonly RejectedLine[];
}

interface ReasonState {
  count: number;
  readonly samples: RejectedLine[];
  excerpt: string;
}

export class Rejections {
  count = 0;
  readonly #reasons = new Map<RejectionReason, ReasonState>();

  /** Counts a rejected line. `bytes` is the line, valid during the call. */
  add(reason: RejectionReason, detail: string, input: string, line: number, bytes: Uint8Array): void {
    this.count++;
    let state = this.#reasons.get(reason);
    if (state === undefined) {
      state = { count: 0, samples: [], excerpt: excerptOf(bytes) };
      this.#reasons.set(reason, state);
    }
    state.count++;
    if (state.samples.length < SAMPLES_MAX) state.samples.push({ input, line, detail });
  }

  /** The commonest reason first. */
  byReason(): ReasonCount[] {
    const counts = Array.from(this.#reasons, ([reason, { count, samples }]) => ({ reason, count, samples }));
    return counts.sort((a, b) => b.count - a.count || (a.reason < b.reason ? -1 : 1));
  }

  /** The start of the first line rejected for this reason; control characters are spaces, so a terminal may show it. */
  excerpt(reason: RejectionReason): string {
    return this.#reasons.get(reason)?.excerpt ?? '';
  }
}

function excerptOf(bytes: Uint8Array): string {
  const text = Buffer.from(bytes.subarray(0, EXCERPT_UNITS * 4)).toString('utf8');
  return text.slice(0, EXCERPT_UNITS).replaceAll(/[\p{Cc}\p{Cf}\u2028\u2029]/gu, ' ');
}
