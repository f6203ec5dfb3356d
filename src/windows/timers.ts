/** Timers of event time: a binary heap by due time, ties in the order in which they were added. */
export interface Timer<T> {
  readonly dueMs: number;
  readonly sequence: number;
  readonly value: T;
}

export class TimerQueue<T> {
  readonly #heap: Timer<T>[] = [];
  #sequence = 0;

  get size(): number {
    return this.#heap.length;
  }

  add(dueMs: number, value: T): void {
    const heap = this.#heap;
    const timer = { dueMs, sequence: this.#sequence++, value };
    let at = heap.length;
    heap.push(timer);
    while (at > 0) {
      const parent = (at - 1) >>> 1;
      if (isBefore(heap[parent]!, timer)) break;
      heap[at] = heap[parent]!;
      at = parent;
    }
    heap[at] = timer;
  }

  /** All timers, the first due first. */
  inOrder(): Timer<T>[] {
    return this.#heap.toSorted((a, b) => a.dueMs - b.dueMs || a.sequence - b.sequence);
  }

  /** Takes out the first timer due at `timeMs` or before. */
  due(timeMs: number): Timer<T> | undefined {
    const heap = this.#heap;
    const first = heap[0];
    if (first === undefined || first.dueMs > timeMs) return undefined;
    const last = heap.pop()!;
    if (heap.length > 0) this.#sink(last);
    return first;
  }

  #sink(timer: Timer<T>): void {
    const heap = this.#heap;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && isBefore(heap[child + 1]!, heap[child]!)) child++;
      if (isBefore(timer, heap[child]!)) break;
      heap[at] = heap[child]!;
      at = child;
    }
    heap[at] = timer;
  }
}

function isBefore<T>(a: Timer<T>, b: Timer<T>): boolean {
  return a.dueMs < b.dueMs || (a.dueMs === b.dueMs && a.sequence < b.sequence);
}
