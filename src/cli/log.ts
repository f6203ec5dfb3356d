/**
 * The log of a running deployment: JSON lines on standard error. What goes in is chosen where it is logged; a post's text or
 * account is none of it.
 */
import { pino } from 'pino';
import { ChorusError } from '../errors.ts';

export type Level = 'info' | 'warn' | 'error';
export type Fields = Readonly<Record<string, unknown>>;
export type LogLine = (level: Level, message: string, fields?: Fields) => void;

/** Lines of one message in one period; a rebalance of many partitions says much at once and is worth reading. */
const BURST = 20;
const PERIOD_MS = 10_000;
/** Messages that are remembered. kafkajs puts addresses into some of its own. */
const MESSAGES_MAX = 1000;

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
  startMs: number;
  lines: number;
}

/** Lets some lines of each message through in each period. The first line of a later period says how many were not. */
export function limited(write: LogLine, nowMs: () => number = () => performance.now()): LogLine {
  const periods = new Map<string, Period>();
  return (level, message, fields = {}) => {
    const key = `${level} ${message}`;
    const now = nowMs();
    const period = periods.get(key);
    if (period !== undefined && now - period.startMs < PERIOD_MS) {
      period.lines++;
      if (period.lines <= BURST) write(level, message, fields);
      return;
    }
    const suppressed = Math.max(0, (period?.lines ?? 0) - BURST);
    periods.delete(key);
    if (periods.size === MESSAGES_MAX) periods.delete(periods.keys().next().value!);
    periods.set(key, { startMs: now, lines: 1 });
    write(level, message, suppressed === 0 ? fields : { ...fields, suppressed });
  };
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
