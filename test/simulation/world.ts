/**
 * A deployment in memory: logs, consumer groups, instances with disks. What runs in it is the code that runs on Kafka, up
 * to the effects; those are held at gates, so that the simulation decides what happens in between.
 */
import type { Output, OutputTopic, Effects, LogRecord } from '../../src/runtime/task.ts';
import { MemoryStoreProvider } from '../../src/state/memory.ts';

export const STAGES = ['fingerprint', 'match', 'campaign'] as const;
export type StageName = (typeof STAGES)[number];

/** One partition of a topic. */
export class MemoryLog {
  readonly records: LogRecord[] = [];
  low = 0;
  high = 0;

  /** @param hole offsets left out before the record, as compaction and control records leave them */
  append(
    value: Uint8Array | null,
    timestampMs: number,
    headers: Readonly<Record<string, string>> = {},
    hole = 0,
  ): void {
    this.high += hole;
    const list = Object.entries(headers).map(([key, text]) => ({ key, value: Buffer.from(text) }));
    this.records.push({ offset: this.high++, timestampMs, value, headers: list });
  }

  /** Records in [from, to). */
  between(from: number, to: number): LogRecord[] {
    return this.records.filter(({ offset }) => offset >= from && offset < to);
  }

  /** Retention. */
  trim(low: number): void {
    if (low <= this.low) return;
    this.low = low;
    const kept = this.records.filter(({ offset }) => offset >= low);
    this.records.splice(0, this.records.length, ...kept);
  }
}

/** What a group knows of one partition. A commit of another generation than the last is refused, as a broker does. */
export interface Membership {
  generation: number;
  instance: number;
  committed: { readonly offset: number; readonly metadata: string } | undefined;
}

export class World {
  readonly logs: { readonly [Topic in OutputTopic | 'posts']: MemoryLog[] };
  readonly groups: { readonly [Stage in StageName]: Membership[] };
  readonly disks: MemoryStoreProvider[];

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
      this.logs[topic][Math.max(0, partition)]!.append(value, 0, headers);
    }
  }

  /** @throws Error for a member that has lost the partition */
  commit(stage: StageName, partition: number, generation: number, offset: number, metadata: string): void {
    const membership = this.groups[stage][partition]!;
    if (membership.generation !== generation) throw new Error('the commit of an old generation');
    membership.committed = { offset, metadata };
  }
}

/** Effects that wait at a gate before each of them. */
export interface Gates {
  /** Resolves when the effect may happen; rejects when the instance is gone. */
  readonly pass: (effect: 'produce' | 'store' | 'commit') => Promise<void>;
}

export function gatedEffects(
  gates: Gates,
  produce: (outputs: readonly Output[]) => void,
  store: Effects['store'],
  commit: (offset: number, metadata: string) => void,
): Effects {
  return {
    produce: async (outputs) => {
      await gates.pass('produce');
      produce(outputs);
    },
    store:
      store === undefined
        ? undefined
        : {
            write: async (batch) => {
              await gates.pass('store');
              await store.write(batch);
            },
          },
    commit: async (offset, metadata) => {
      await gates.pass('commit');
      commit(offset, metadata);
    },
  };
}
