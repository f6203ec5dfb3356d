/** The life of a run: its members start together, and the first signal or the first error stops all of them, within a bound. */
import { setTimeout as sleep } from 'node:timers/promises';
import { EXIT } from './exit.ts';
import { aborted } from './interrupt.ts';
import { errorFields, type LogLine } from './log.ts';

/** What one thread of a run does. */
export interface Member {
  /** Resolves when it has started. @throws what keeps it from that */
  start(): Promise<void>;
  /** Resolves when all that was done is committed and the groups are left. */
  stop(): Promise<void>;
}

export interface RunOptions {
  readonly log: LogLine;
  /** What is not committed by then is done again. */
  readonly stopMaxMs: number;
  /** Asked when all members have ended: resolves when what nobody may miss was seen, within a bound or until the signal. */
  readonly seen?: ((signal: AbortSignal) => Promise<void>) | undefined;
}

export interface Failure {
  /** Of all errors the first one counts; what comes after it is mostly its doing. */
  readonly set: (error: unknown) => void;
  /** Rejects with it. */
  readonly happened: Promise<never>;
}

export function firstFailure(log: LogLine): Failure {
  let reject: ((error: unknown) => void) | undefined;
  const happened = new Promise<never>((_, rejecting) => (reject = rejecting));
  // Whoever waits for it is told; when nobody does yet, it is no unhandled rejection.
  happened.catch(() => undefined);
  const set = (error: unknown): void => {
    if (reject === undefined) return;
    // At once: to stop may take a while.
    log('error', 'cannot go on', errorFields(error));
    reject(error);
    reject = undefined;
  };
  return { set, happened };
}

/** Returns the exit code. @throws the first failure, after all members were stopped */
export async function runMembers(
  members: readonly Member[],
  signal: AbortSignal,
  failure: Failure,
  { log, stopMaxMs, seen }: RunOptions,
): Promise<number> {
  let isInTime = false;
  try {
    const interrupted = aborted(signal);
    const started = Promise.all(members.map((member) => member.start()));
    started.catch(failure.set);
    await Promise.race([started, interrupted, failure.happened]);
    if (!signal.aborted) log('info', 'started');
    await Promise.race([interrupted, failure.happened]);
    log('info', 'stopping');
  } finally {
    isInTime = await stopAll(members, log, stopMaxMs);
    await seen?.(signal);
  }
  if (!isInTime) return EXIT.failedRun;
  log('info', 'stopped');
  return EXIT.done;
}

/** False if the time was not enough. */
async function stopAll(members: readonly Member[], log: LogLine, boundMs: number): Promise<boolean> {
  const stopped = Promise.all(
    members.map((member) =>
      member.stop().catch((error: unknown) => log('warn', 'stopping failed', errorFields(error))),
    ),
  );
  const isInTime = await Promise.race([stopped.then(() => true), sleep(boundMs, false, { ref: false })]);
  if (!isInTime) {
    log('warn', 'not stopped in time: what is not committed will be done again', { seconds: boundMs / 1000 });
  }
  return isInTime;
}
