/**
 * One instance at work on one partition. Its work stops at a gate before every effect, until it is let on or killed; so at
 * any moment of the simulation each runner is idle, at a gate, or dead.
 */
import type { Output, Step, Task } from '../../src/runtime/task.ts';
import type { Store } from '../../src/state/store.ts';
import type { Membership, StageName } from './world.ts';

/** What a runner waits for: an effect, or the next records of the log or the disk that it is restored from. */
export type Effect = 'produce' | 'store' | 'commit' | 'log' | 'disk';

/** The instance is gone. */
export class Crash extends Error {}

interface Gate {
  readonly effect: Effect;
  readonly outputs: readonly Output[];
  readonly open: () => void;
  readonly fail: (error: Error) => void;
}

export class Runner {
  readonly stage: StageName;
  readonly partition: number;
  readonly instance: number;
  readonly generation: number;
  task: Task | undefined;
  store: Store | undefined;
  position = 0;
  isRestored = false;
  isDead = false;
  /** What it died of, unless it was killed. */
  error: unknown;
  /** The last step whose commit was left out. */
  due: Step | undefined;
  /** Watermark of the tick that it is about to commit. */
  tickMs: number | undefined;
  #gate: Gate | undefined;
  #work: Promise<void> | undefined;
  #onPause: () => void = () => undefined;

  constructor(stage: StageName, partition: number, { instance, generation }: Membership) {
    this.stage = stage;
    this.partition = partition;
    this.instance = instance;
    this.generation = generation;
  }

  get isBusy(): boolean {
    return this.#work !== undefined;
  }

  get waitsFor(): Effect | undefined {
    return this.#gate?.effect;
  }

  /** Outputs that it has sent and that the broker has not taken yet. */
  get unsent(): readonly Output[] {
    return this.#gate?.outputs ?? [];
  }

  /** Begins work that can be done alone; resolves at its first gate or at its end. */
  begin(work: () => Promise<void>): Promise<void> {
    const paused = this.#paused();
    this.#work = work()
      .catch((error: unknown) => {
        this.isDead = true;
        this.error = error;
      })
      .finally(() => {
        this.#work = undefined;
        this.#onPause();
      });
    return paused;
  }

  /** Waits to be let on. */
  pass(effect: Effect, outputs: readonly Output[] = []): Promise<void> {
    return new Promise((open, fail) => {
      if (this.isDead) {
        fail(new Crash());
        return;
      }
      this.#gate = { effect, outputs, open, fail };
      this.#onPause();
    });
  }

  /** Lets it on; resolves at its next gate or at the end of its work. */
  advance(): Promise<void> {
    const gate = this.#gate!;
    this.#gate = undefined;
    const paused = this.#paused();
    gate.open();
    return paused;
  }

  async kill(): Promise<void> {
    this.isDead = true;
    this.#gate?.fail(new Crash());
    this.#gate = undefined;
    await this.#work;
    await this.task?.close();
  }

  #paused(): Promise<void> {
    return new Promise((resolve) => {
      this.#onPause = resolve;
    });
  }
}
