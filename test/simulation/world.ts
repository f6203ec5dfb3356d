/**
 * A deployment in memory: logs, consumer groups, instances with disks. What runs in it is the code that runs on Kafka, up
 * to the effects; those are held at gates (runner.ts), so that the simulation decides what happens in between.
 */
import { Buffer } from 'node:buffer';
import type { Output, OutputTopic, LogRecord } from '../../src/runtime/task.ts';
import { MemoryStoreProvider } from '../../src/state/memory.ts';
import type { Store } from '../../src/state/store.ts';

export const STAGES = ['fingerprint', 'match', 'campaign'] as const;
export type StageName = (typeof STAGES)[number];

/** One partition of a topic. */
export class MemoryLog {
  readonly records: LogRecord[] = [];
  low = 0;
  high = 0;

  append(value: Uint8Array | null, timestampMs: number, headers: Readonly<Record<string, string>> = {}): void {
    const list = Object.entries(headers).map(([key, text]) => ({ key, value: Buffer.from(text) }));
    this.records.push({ offset: this.high++, timestampMs, value, headers: list });
  }

  /** Offsets behind the last record that none will have. */
  skip(count: number): void {
    this.high += count;
  }

  /** At most `count` records in [from, to). */
  between(from: number, to: number, count: number): LogRecord[] {
    const found: LogRecord[] = [];
    for (let i = this.#indexOf(from); i < this.records.length && found.length < count; i++) {
      const record = this.records[i]!;
      if (record.offset >= to) break;
      found.push(record);
    }
    return found;
  }

  /** Retention. */
  trim(low: number): void {
    if (low <= this.low) return;
    this.records.splice(0, this.#indexOf(low));
    this.low = low;
  }

  /** Index of the first record at or above an offset. */
  #indexOf(offset: number): number {
    let index = this.records.length;
    while (index > 0 && this.records[index - 1]!.offset >= offset) index--;
    return index;
  }
}

export interface Committed {
  readonly offset: number;
  readonly metadata: string;
}

/** What a group knows of one partition. A commit of another generation than the last is refused, as a broker does. */
export interface Membership {
  generation: number;
  instance: number;
  committed: Committed | undefined;
}

/** The commit of a member that has lost the partition. */
export class Refusal extends Error {}

export class World {
  readonly logs: { readonly [Topic in OutputTopic | 'posts']: MemoryLog[] };
  readonly groups: { readonly [Stage in StageName]: Membership[] };
  readonly disks: MemoryStoreProvider[];
  /** The broker's clock: a millisecond a record. */
  #nowMs = 0;

  constructor(sources: number, targets: number, instances: number) {
    const logs = (count: number): MemoryLog[] => Array.from({ length: count }, () => new MemoryLog());
    const members = (count: number): Membership[] =>
      Array.from({ length: count }, () => ({ generation: 0, instance: 0, committed: undefined }));
    this.logs = {
      posts: logs(sources),
      fingerprints: logs(targets),
      links: logs(1),
      alerts: logs(1),
      deadLetters: logs(1),
    };
    this.groups = { fingerprint: members(sources), match: members(targets), campaign: members(1) };
    this.disks = Array.from({ length: instances }, () => new MemoryStoreProvider());
  }

  /** The log that a stage's partition reads. */
  input(stage: StageName, partition: number): MemoryLog {
    const { posts, fingerprints, links } = this.logs;
    return { fingerprint: posts, match: fingerprints, campaign: links }[stage][partition]!;
  }

  produce(outputs: readonly Output[]): void {
    for (const { topic, partition, value, headers } of outputs) {
      this.logs[topic][Math.max(0, partition)]!.append(value, this.#nowMs++, headers);
    }
  }

  /** @throws Refusal */
  commit(stage: StageName, partition: number, generation: number, committed: Committed): void {
    const membership = this.groups[stage][partition]!;
    if (membership.generation !== generation) throw new Refusal('the commit of an old generation');
    membership.committed = committed;
  }
}

/** A store whose writes and scans wait at gates. */
export function gatedStore(store: Store, pass: (effect: 'store' | 'disk') => Promise<void>): Store {
  return {
    get checkpoint() {
      return store.checkpoint;
    },
    get counters() {
      return store.counters;
    },
    write: async (batch) => {
      await pass('store');
      await store.write(batch);
    },
    scan: async function* (from) {
      for await (const frames of store.scan(from)) {
        await pass('disk');
        yield frames;
      }
    },
    read: (offsets) => store.read(offsets),
    readBlob: (name) => store.readBlob(name),
    close: () => store.close(),
  };
}
