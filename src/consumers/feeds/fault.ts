/** Why a connection to a live source has ended, or was not had. */

/** A fixed list: each is a counter and a documented word. */
export const LOST_REASONS = [
  /** The other side ended it in order. */
  'closed',
  /** No connection: no such host, nobody listens, a certificate that is not to be trusted. */
  'unreachable',
  /** It broke. */
  'reset',
  /** Nothing came for too long: half open, or as good as that. */
  'stalled',
  /** The server has no time for us: 429, 5xx, or an error frame. */
  'busy',
  /** A message beyond the bound. */
  'too_large',
  /** What came is not the protocol. */
  'protocol',
] as const;
export type LostReason = (typeof LOST_REASONS)[number];

/** A connection that is lost: another attempt may do. */
export class FeedLost extends Error {
  readonly reason: LostReason;
  /** How long the server asks to wait. */
  readonly retryAfterMs: number | undefined;
  /** The server no longer has what was asked for: go on from now. */
  readonly isTooOld: boolean;

  constructor(
    reason: LostReason,
    message: string,
    options: { readonly retryAfterMs?: number | undefined; readonly isTooOld?: boolean } = {},
  ) {
    super(message);
    this.reason = reason;
    this.retryAfterMs = options.retryAfterMs;
    this.isTooOld = options.isTooOld ?? false;
  }
}

/** The code of the innermost cause, which says what happened where `fetch` says "fetch failed". */
function causeCode(error: unknown): string {
  let at = error;
  let code = '';
  for (let depth = 0; at instanceof Error && depth < 5; depth++) {
    code = (at as NodeJS.ErrnoException).code ?? code;
    at = at.cause;
  }
  return code === '' ? (error instanceof Error ? error.message : String(error)) : code;
}

const BROKEN: ReadonlySet<string> = new Set(['ECONNRESET', 'EPIPE', 'UND_ERR_SOCKET', 'ECONNABORTED']);

/** @param isOpen whether there was a connection */
export function lostBy(error: unknown, isOpen: boolean): FeedLost {
  const code = causeCode(error);
  if (code === 'UND_ERR_BODY_TIMEOUT' || code === 'UND_ERR_HEADERS_TIMEOUT') return new FeedLost('stalled', code);
  const isBroken = isOpen || BROKEN.has(code);
  return new FeedLost(isBroken ? 'reset' : 'unreachable', code);
}
