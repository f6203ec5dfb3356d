/** Posts and deletions as the entries that the stages see, one by one: what a test puts in order and hands to the engine or its twin. */
import { Buffer } from 'node:buffer';
import { ENTRY, entryTimeMs } from '../../src/frames/entry.ts';
import type { Deletion, Post, RecordPlace } from '../../src/model.ts';
import { Engine, type StageSettings } from '../../src/runtime/engine.ts';
import type { Revision } from '../../src/stages/campaign.ts';
import { FingerprintStage, type Retraction } from '../../src/stages/fingerprint.ts';

export type Item = Post | Deletion;

export function isPost(item: Item): item is Post {
  return 'text' in item;
}

/** An entry, and what it was made of. */
export interface EntryStep {
  readonly words: Uint32Array;
  readonly bytes: Uint8Array;
  readonly of: Post | Retraction;
  /** Where the record lies in the feed. */
  readonly place?: RecordPlace;
}

/** What deletions and edits take away, by the rules written out a second time. */
export function retractionsOf(item: Item): Retraction[] {
  const { platform, id, createdAt } = item;
  if (!isPost(item)) return [{ platform, id, timeMs: createdAt, beforeMs: Infinity }];
  const timeMs = createdAt + 1;
  const own = item.editedAt === undefined ? [] : [{ platform, id, timeMs, beforeMs: item.editedAt }];
  const replaced = (item.replaces ?? []).filter((other) => other !== id);
  return [...own, ...replaced.map((other) => ({ platform, id: other, timeMs, beforeMs: Infinity }))];
}

export class StepMaker {
  readonly #stage: FingerprintStage;

  constructor({ fingerprint }: StageSettings) {
    this.#stage = new FingerprintStage(fingerprint);
  }

  /** The entry of a post, if it makes one. */
  post(post: Post, bytes: Uint8Array = Buffer.from(JSON.stringify(post))): EntryStep[] {
    const length = this.#stage.process(post);
    return length === 0 ? [] : [{ words: this.#stage.words.slice(0, length), bytes, of: post }];
  }

  retraction(retraction: Retraction): EntryStep {
    const length = this.#stage.retract(retraction);
    return { words: this.#stage.words.slice(0, length), bytes: Buffer.alloc(0), of: retraction };
  }

  item(item: Item): EntryStep[] {
    const retractions = retractionsOf(item).map((retraction) => this.retraction(retraction));
    return isPost(item) ? [...this.post(item), ...retractions] : retractions;
  }
}

/** In the order of event time; of one time in the order in which they are given. */
export function stepsOf(settings: StageSettings, items: readonly Item[]): EntryStep[] {
  const maker = new StepMaker(settings);
  return items.flatMap((item) => maker.item(item)).sort((a, b) => entryTimeMs(a.words, 0) - entryTimeMs(b.words, 0));
}

/** The order in which a sorted feed would hold the entries. */
export function inTotalOrder(steps: readonly EntryStep[]): EntryStep[] {
  return steps.toSorted((a, b) => {
    const times = entryTimeMs(a.words, 0) - entryTimeMs(b.words, 0);
    if (times !== 0) return times;
    for (let i: number = ENTRY.postHi; i <= ENTRY.textLo; i++) {
      if (a.words[i] !== b.words[i]) return a.words[i]! - b.words[i]!;
    }
    return (
      a.bytes.byteLength - b.bytes.byteLength ||
      a.words[ENTRY.meta]! - b.words[ENTRY.meta]! ||
      (a.place?.partition ?? 0) - (b.place?.partition ?? 0) ||
      (a.place?.offset ?? 0) - (b.place?.offset ?? 0)
    );
  });
}

export function runSteps(settings: StageSettings, steps: readonly EntryStep[]): Revision[] {
  const engine = new Engine(settings);
  const out: Revision[] = [];
  for (const { words, bytes, place } of steps) engine.process(words, 0, bytes, out, place);
  engine.finish(out);
  return out;
}
