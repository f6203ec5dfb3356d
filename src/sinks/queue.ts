/**
 * The alerts that wait for a sink, of one partition, and their attempts.
 *
 * Q1  In order, one at a time. What is given up after its attempts is told to `onDropped` before the next one's turn.
 * Q2  `position` passes an alert only when it was sent, given up, or is none of this sink's.
 * Q3  At most `waitingMax` records wait, and one batch more: `room` resolves when there are fewer. Likewise for the bytes of all queues
 *     with one budget.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Alert } from '../model.ts';
import { SinkError, type AlertSink } from './port.ts';

export interface QueuedAlert {
  /** Undefined for a record that the sink does not take. */
  readonly alert: Alert | undefined;
  /** Offset behind it. */
  readonly next: number;
  /** Of the alert as it is in the topic; 0 without one. */
  readonly bytes: number;
}

/** Bytes that wait in all queues of a sink together. */
export class QueueBudget {
  readonly #max: number;
  readonly #onRoom = new Set<() => void>();
  #waiting = 0;

  constructor(bytesMax: number) {
    this.#max = bytesMax;
  }

  get waiting(): number {
    return this.#waiting;
  }

  get hasRoom(): boolean {
    return this.#waiting < this.#max;
  }

  take(bytes: number): void {
    this.#waiting += bytes;
  }

  give(bytes: number): void {
    const wasFull = !this.hasRoom;
    this.#waiting -= bytes;
    if (wasFull && this.hasRoom) for (const call of this.#onRoom) call();
  }

  /** Calls each time that it is no longer full. */
  listen(call: () => void): void {
    this.#onRoom.add(call);
  }

  forget(call: () => void): void {
    this.#onRoom.delete(call);
  }
}

export interface QueueOptions {
  readonly sink: AlertSink;
  readonly attemptsMax: number;
  readonly waitingMax: number;
  readonly budget: QueueBudget;
  /** @param attempt 0 after the first */
  readonly waitMs: (attempt: number, askedMs: number | undefined) => number;
  readonly onSent: () => void;
  readonly onFailed: (error: SinkError, alert: Alert) => void;
  /** @throws SinkError where it cannot be kept: then it is tried again */
  readonly onDropped: (error: SinkError, alert: Alert) => Promise<void>;
}

const CUT_EACH = 256;

export class SinkQueue {
  readonly #options: QueueOptions;
  readonly #closing = new AbortController();
  #waiting: QueuedAlert[] = [];
  /** Of those before it, which are done, the list is rid from time to time. */
  #head = 0;
  #position: number;
  #running: Promise<void> | undefined;
  #wake: (() => void)[] = [];
  readonly #wakeAll = (): void => {
    for (const wake of this.#wake.splice(0)) wake();
  };

  constructor(position: number, options: QueueOptions) {
    this.#position = position;
    this.#options = options;
    options.budget.listen(this.#wakeAll);
  }

  /** Everything before is done. */
  get position(): number {
    return this.#position;
  }

  get count(): number {
    return this.#waiting.length - this.#head;
  }

  push(alerts: readonly QueuedAlert[]): void {
    if (this.#closing.signal.aborted) return;
    for (const alert of alerts) {
      this.#waiting.push(alert);
      this.#options.budget.take(alert.bytes);
    }
    this.#running ??= this.#run();
  }

  /** Resolves when less than the bounds waits, or it is closed; after `boundMs` at the latest, then with false. */
  async room(boundMs: number): Promise<boolean> {
    if (this.#hasRoom()) return true;
    const timer = new AbortController();
    const woken = new Promise<void>((resolve) => this.#wake.push(resolve));
    await Promise.race([woken, sleep(boundMs, undefined, { signal: timer.signal }).catch(() => undefined)]);
    timer.abort();
    return this.#hasRoom();
  }

  /** Resolves when all that waits is done. */
  async drained(): Promise<void> {
    await this.#running;
  }

  /** Breaks off what is under way; it is not passed then. */
  async close(): Promise<void> {
    this.#closing.abort();
    this.#options.budget.forget(this.#wakeAll);
    this.#wakeAll();
    await this.#running;
    for (const { bytes } of this.#waiting.splice(this.#head)) this.#options.budget.give(bytes);
  }

  #hasRoom(): boolean {
    const { waitingMax, budget } = this.#options;
    return (this.count < waitingMax && budget.hasRoom) || this.#closing.signal.aborted;
  }

  async #run(): Promise<void> {
    const { signal } = this.#closing;
    while (this.#head < this.#waiting.length) {
      const { alert, next, bytes } = this.#waiting[this.#head]!;
      if (alert !== undefined && !(await this.#deliver(alert, signal))) return;
      this.#position = next;
      this.#head++;
      // Cut off rarely: to take the first element of a long list each time moves all others.
      if (this.#head === this.#waiting.length || this.#head >= CUT_EACH) {
        this.#waiting = this.#waiting.slice(this.#head);
        this.#head = 0;
      }
      this.#options.budget.give(bytes);
      if (this.#hasRoom()) this.#wakeAll();
    }
    this.#running = undefined;
  }

  /** False if it was closed meanwhile. */
  async #deliver(alert: Alert, signal: AbortSignal): Promise<boolean> {
    const { sink, attemptsMax, waitMs, onSent, onFailed, onDropped } = this.#options;
    for (let attempt = 0; ; attempt++) {
      if (signal.aborted) return false;
      try {
        await sink.send(alert, signal);
        onSent();
        return true;
      } catch (error) {
        if (signal.aborted) return false;
        const failure = asSinkError(error);
        onFailed(failure, alert);
        if (!failure.retryable || attempt + 1 >= attemptsMax) {
          const isKept = await onDropped(failure, alert).then(
            () => true,
            (problem: unknown) => {
              onFailed(asSinkError(problem), alert);
              return false;
            },
          );
          if (isKept) return true;
        }
        await sleep(waitMs(attempt, failure.askedMs), undefined, { signal }).catch(() => undefined);
      }
    }
  }
}

function asSinkError(error: unknown): SinkError {
  if (error instanceof SinkError) return error;
  return new SinkError('other', (error as Error).message, { retryable: true, cause: error });
}
