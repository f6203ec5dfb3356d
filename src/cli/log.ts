/**
 * The log of a running deployment: JSON lines on standard error. What goes in is chosen where it is logged; a post's text or
 * account is none of it.
 */
import { pino } from 'pino';
import { ChorusError } from '../errors.ts';

export type Level = 'info' | 'warn' | 'error';
export type Fields = Readonly<Record<string, unknown>>;
export type LogLine = (level: Level, message: string, fields?: Fields) => void;

/** How many lines pass of a kind, in what time. */
interface Allowance {
  readonly lines: number;
  readonly periodMs: number;
}

/** Of one message; a rebalance of many partitions says much at once and is worth reading. */
const OF_MESSAGE: Allowance = { lines: 20, periodMs: 10_000 };
/** Of one message with one `reason`, which is bad input: whoever sends it decides how much comes. */
const OF_REASON: Allowance = { lines: 5, periodMs: 60_000 };
/** Kinds that are remembered. kafkajs puts addresses into some of its messages. */
const KINDS_MAX = 1000;

/** @param base in each line */
export function jsonLog(base: Fields): LogLine {
  // Synchronous: a line that says why the process ends must be out before it does.
  const destination = pino.destination({ dest: 2, sync: true });
  // Whoever read the log is gone; that is no reason to stop.
  destination.on('error', () => undefined);
  const logger = pino(
    { base, timestamp: pino.stdTimeFunctions.isoTime, formatters: { level: (label) => ({ level: label }) } },
    destination,
  );
  return (level, message, fields = {}) => logger[level](fields, message);
}

interface Period {
  readonly level: Level;
  readonly message: string;
  /** What the line on those left out says of them. */
  readonly fields: Fields;
  readonly allowance: Allowance;
  readonly endMs: number;
  lines: number;
}

export interface LimitedLog {
  readonly log: LogLine;
  /** Says what was left out and not told yet. */
  readonly flush: () => void;
}

export interface Clock {
  readonly nowMs: () => number;
  /** Calls back once after so long, unless the process ends before. */
  readonly after: (ms: number, call: () => void) => void;
}

const CLOCK: Clock = {
  nowMs: () => performance.now(),
  after: (ms, call) => void setTimeout(call, ms).unref(),
};

/**
 * Lets some lines of each kind through in each period, and at its end says how many were left out (`suppressed`). A kind is a level
 * and a message, with the `reason` of a line that has one.
 */
export function limited(write: LogLine, { nowMs, after }: Clock = CLOCK): LimitedLog {
  const periods = new Map<string, Period>();
  const end = (kind: string, period: Period): void => {
    if (periods.get(kind) === period) periods.delete(kind);
    const suppressed = period.lines - period.allowance.lines;
    if (suppressed <= 0) return;
    period.lines = 0;
    write(period.level, period.message, { ...period.fields, suppressed });
  };
  const begin = (kind: string, level: Level, message: string, fields: Fields): Period => {
    if (periods.size >= KINDS_MAX) {
      const [oldest, period] = periods.entries().next().value!;
      end(oldest, period);
    }
    const { reason } = fields;
    const allowance = reason === undefined ? OF_MESSAGE : OF_REASON;
    const endMs = nowMs() + allowance.periodMs;
    const period = { level, message, fields: reason === undefined ? {} : { reason }, allowance, endMs, lines: 0 };
    periods.set(kind, period);
    return period;
  };
  const log: LogLine = (level, message, fields = {}) => {
    const kind = JSON.stringify([level, message, fields['reason']]);
    let period = periods.get(kind);
    if (period !== undefined && nowMs() >= period.endMs) {
      end(kind, period);
      period = undefined;
    }
    const current = period ?? begin(kind, level, message, fields);
    current.lines++;
    if (current.lines <= current.allowance.lines) write(level, message, fields);
    else if (current.lines === current.allowance.lines + 1) {
      after(current.endMs - nowMs(), () => end(kind, current));
    }
  };
  return { log, flush: () => Array.from(periods).forEach(([kind, period]) => end(kind, period)) };
}

/** What a log may have of an error. */
export function errorFields(error: unknown): { code: string; error: string; stack?: string } {
  if (error instanceof ChorusError) return { code: error.code, error: error.message };
  if (!(error instanceof Error)) return { code: 'unknown', error: typeof error };
  const { name, message, stack = '' } = error;
  const code = (error as NodeJS.ErrnoException).code ?? name;
  const frames = stack.split('\n').filter((line) => line.startsWith('    at '));
  // JSON.parse quotes what it was given, and that may be a post.
  return { code, error: error instanceof SyntaxError ? name : message, stack: frames.join('\n') };
}
