/** What an HTTP status says of a stream that was asked for. */
import type { ChorusError } from '../../errors.ts';
import { retryAfterMs } from './backoff.ts';
import { FeedLost } from './fault.ts';
import { refused } from './source.ts';

/** Bytes of an answer that are looked at. */
export const ANSWER_BYTES_MAX = 4096;
const DETAIL_UNITS = 120;

/** Worth another attempt: time-outs, too many requests, and what is the server's own fault. */
function isPassing(status: number): boolean {
  return status === 408 || status === 425 || status === 429 || status >= 500;
}

export function faultOfStatus(
  name: string,
  status: number,
  retryAfter: string | undefined,
  answer: string,
  nowMs: number,
): FeedLost | ChorusError {
  if (isPassing(status)) {
    return new FeedLost('busy', `status ${status}`, { retryAfterMs: retryAfterMs(retryAfter, nowMs) });
  }
  // Jetstream's word where it no longer has what a cursor names.
  if (status === 400 && answer.includes('CursorTooOld')) {
    return new FeedLost('busy', 'the cursor is too old', { isTooOld: true });
  }
  return refused(
    name,
    status,
    answer
      .replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\s]+/gu, ' ')
      .slice(0, DETAIL_UNITS)
      .trim(),
  );
}
