/**
 * What a task is, and the order of its effects: the only place that knows it.
 *
 *   produce outputs, and wait until they are acknowledged  ->  state and position in one store batch  ->  commit
 *
 * E1  Nothing that covers a record is stored or committed before what the record caused has been acknowledged. So a crash
 *     between any two effects repeats work and loses none; what comes twice is recognised by its position.
 * E2  A step that fails ends the task: it is built anew from what was committed, and never goes on.
 */
import { invalid, type FrameError } from '../frames/frame.ts';
import type { Sample } from '../metrics.ts';
import type { Store, StoreBatch } from '../state/store.ts';

/** A record of a log. */
export interface LogRecord {
  readonly offset: number;
  /** When the broker took it, ms. */
  readonly timestampMs: number;
  readonly value: Uint8Array | null;
  readonly headers: readonly { readonly key: string; readonly value: Uint8Array | null }[];
}

export type OutputTopic = 'fingerprints' | 'links' | 'alerts' | 'deadLetters';

/** A record to be produced. */
export interface Output {
  readonly topic: OutputTopic;
  readonly partition: number;
  readonly key: string | null;
  readonly value: Uint8Array;
  readonly headers?: Readonly<Record<string, string>>;
}

/** What one batch of records comes to. */
export interface Step {
  readonly outputs: readonly Output[];
  readonly batch?: StoreBatch;
  /** Of each alert that it opens: event time of the newest post in it, ms. */
  readonly openedMs?: readonly number[];
  /** Offset behind the batch, and what a commit of it has to say. */
  readonly position: number;
  readonly metadata: string;
}

/** Where a task begins. */
export interface Beginning {
  readonly committed: { readonly offset: number; readonly metadata: string } | undefined;
  /** First offset of the log that is there, and the one behind its last record. */
  readonly low: number;
  readonly high: number;
  /** Records of the task's log in [from, to), in order. */
  readonly read: (from: number, to: number) => AsyncIterable<readonly LogRecord[]>;
  readonly signal: AbortSignal;
  readonly onProgress: (done: number, total: number) => void;
}

/** One partition of one stage. Not to be used again after an error. */
export interface Task {
  /** Event time that it has passed, ms; -Infinity while a source has said nothing. */
  readonly watermark: number;
  /** Builds the state and returns the offset to go on from. */
  restore(beginning: Beginning): Promise<number>;
  /** Takes the records up to offset `next`; without effects. */
  process(records: readonly LogRecord[], next: number): Promise<Step>;
  /** What it has counted and where it stands, for metrics. */
  samples(): Sample[];
  close(): Promise<void>;
}

export interface Effects {
  readonly produce: (outputs: readonly Output[]) => Promise<void>;
  readonly store: Pick<Store, 'write'> | undefined;
  readonly commit: (offset: number, metadata: string) => Promise<void>;
}

/** E1. @param isCommitted false where this step's commit is left to a later one */
export async function perform(step: Step, { produce, store, commit }: Effects, isCommitted: boolean): Promise<void> {
  if (step.outputs.length > 0) await produce(step.outputs);
  if (step.batch !== undefined) await store?.write(step.batch);
  if (isCommitted) await commit(step.position, step.metadata);
}

/** For metadata of a commit, or a checkpoint, that a task cannot read. */
export function notOurs(metadata: string): FrameError {
  return invalid(
    `the metadata "${metadata.slice(0, 80)}" of a committed offset was not written by this version of Chorus`,
  );
}
