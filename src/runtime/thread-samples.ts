/** What the thread that calls takes of its process: how busy it is, how long it stood still, its heap. */
import { performance } from 'node:perf_hooks';
import { totalmem } from 'node:os';
import { getHeapStatistics } from 'node:v8';
import type { Sample } from '../metrics.ts';

/** How often the thread is looked at: what blocks it for less is not told. */
const LOOK_MS = 20;
/** The longest standstill is that of this span and the one before: whoever asks, and how often, changes nothing. */
const SPAN_MS = 60_000;

export class ThreadWatch {
  readonly #labels: { readonly worker: string };
  readonly #timer: NodeJS.Timeout;
  #lookedMs = performance.now();
  #spanMs = performance.now();
  #blockedMs = 0;
  #blockedBeforeMs = 0;

  /** @param worker 0 is the main thread */
  constructor(worker: number) {
    this.#labels = { worker: String(worker) };
    // Node's own monitor of delays forgets, at each reset, when it has last looked: what blocks just then is lost.
    this.#timer = setInterval(() => this.#look(), LOOK_MS);
    this.#timer.unref();
  }

  samples(): Sample[] {
    const labels = this.#labels;
    const { used_heap_size: heapBytes, heap_size_limit: heapLimitBytes } = getHeapStatistics();
    this.#look();
    const blockedMs = Math.max(this.#blockedMs, this.#blockedBeforeMs);
    return [
      { name: 'worker_heap_bytes', labels, value: heapBytes },
      { name: 'worker_heap_limit_bytes', labels, value: heapLimitBytes },
      { name: 'worker_busy_seconds_total', labels, value: performance.eventLoopUtilization().active / 1000 },
      { name: 'worker_blocked_seconds', labels, value: blockedMs / 1000 },
    ];
  }

  close(): void {
    clearInterval(this.#timer);
  }

  #look(): void {
    const nowMs = performance.now();
    if (nowMs - this.#spanMs >= SPAN_MS) {
      this.#spanMs = nowMs;
      this.#blockedBeforeMs = this.#blockedMs;
      this.#blockedMs = 0;
    }
    this.#blockedMs = Math.max(this.#blockedMs, nowMs - this.#lookedMs - LOOK_MS);
    this.#lookedMs = nowMs;
  }
}

/** Of the container, where there is one with a limit; cgroups tell a number beyond all memory where there is none. */
export function memoryLimitBytes(): number {
  const constrained = process.constrainedMemory();
  return constrained > 0 ? Math.min(constrained, totalmem()) : totalmem();
}
