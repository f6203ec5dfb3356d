/** How long to wait before the next attempt: exponential, with full jitter, so that clients that were dropped together do not come back together. */

export interface BackoffBounds {
  readonly firstMs: number;
  readonly maxMs: number;
}

export const BACKOFF: BackoffBounds = { firstMs: 1000, maxMs: 60_000 };
/** A server may ask for a longer wait than ours, but not for a day. */
const ASKED_MAX_MS = 15 * 60_000;

/**
 * @param attempt 0 for the first one after a connection that lasted
 * @param askedMs what the server asks for at least
 * @param random [0, 1)
 */
export function backoffMs(attempt: number, askedMs: number | undefined, random: number, bounds = BACKOFF): number {
  const ceilingMs = Math.min(bounds.maxMs, bounds.firstMs * 2 ** Math.min(attempt, 30));
  const leastMs = Math.min(askedMs ?? 0, ASKED_MAX_MS);
  return Math.round(leastMs + random * ceilingMs);
}

/** Of a `Retry-After` header: seconds or an HTTP date; undefined for what is neither. */
export function retryAfterMs(header: string | undefined, nowMs: number): number | undefined {
  if (header === undefined) return undefined;
  if (/^\d{1,9}$/.test(header)) return Number(header) * 1000;
  const atMs = Date.parse(header);
  return Number.isNaN(atMs) ? undefined : Math.max(0, atMs - nowMs);
}
