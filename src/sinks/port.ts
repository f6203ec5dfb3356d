/** What a sink of alerts is to the rest: it takes one alert after the other, and says what it could not do and whether to try again. */
import { ChorusError } from '../errors.ts';
import type { Alert, AlertStatus } from '../model.ts';

export interface AlertSink {
  /** Resolves when the receiver has it. The same alert may come again. @throws SinkError */
  send(alert: Alert, signal: AbortSignal): Promise<void>;
  /** Makes last what was sent; called before its place in the topic is committed. @throws SinkError */
  settle(): Promise<void>;
  close(): Promise<void>;
}

export const SINK_FAILURES = [
  /** No connection, or one that broke. */ 'unreachable',
  /** The certificate of the other end. */ 'tls',
  /** No answer in time. */ 'timeout',
  /** 429. */ 'throttled',
  /** 5xx. */ 'server_error',
  /** 3xx: redirects are not followed. */ 'redirect',
  /** Any other answer. */ 'refused',
  /** The name leads to an address of this machine or its network. */ 'address_forbidden',
  /** A file that cannot be written. */ 'file',
  /** The brokers of a sink that is a topic. */ 'kafka',
  /** A fault of our own. */ 'other',
] as const;
export type SinkFailure = (typeof SINK_FAILURES)[number];

/** One attempt that failed. The message holds no secret, and no URL beyond its host. */
export class SinkError extends ChorusError {
  readonly reason: SinkFailure;
  /** What the receiver asks to be left alone for. */
  readonly askedMs: number | undefined;

  constructor(
    reason: SinkFailure,
    message: string,
    options: { readonly retryable: boolean; readonly askedMs?: number | undefined; readonly cause?: unknown },
  ) {
    super(`sink_${reason}`, message, options);
    this.reason = reason;
    this.askedMs = options.askedMs;
  }
}

export interface SinkFilter {
  /** 0 to 100. */
  readonly minSeverity: number;
  readonly statuses: readonly AlertStatus[];
}

export function passes({ severity, status }: Alert, { minSeverity, statuses }: SinkFilter): boolean {
  return severity.score >= minSeverity && statuses.includes(status);
}

/** The same for every attempt, and when it is sent again: by it a receiver knows what it has. */
export function idempotencyKey({ id, revision }: Alert): string {
  return `${id}:${revision}`;
}
