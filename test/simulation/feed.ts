/**
 * The feed of a simulated deployment: who posts what and when, out of order, twice, with records in between that are no
 * posts; and the answer that the deployment owes, by the rules of the design written out a second time.
 */
import { Buffer } from 'node:buffer';
import type { Post } from '../../src/model.ts';
import type { Retraction } from '../../src/stages/fingerprint.ts';
import { alertBytes } from '../../src/runtime/campaign-task.ts';
import type { StageSettings } from '../../src/runtime/engine.ts';
import { TICK_HEADER, type EventTime } from '../../src/runtime/fingerprint-task.ts';
import type { Random } from '../../src/simulate/random.ts';
import {
  inTotalOrder,
  isPost,
  retractionsOf,
  runSteps,
  StepMaker,
  type EntryStep,
  type Item,
} from '../support/steps.ts';
import { itemsOf, type Feed } from '../support/variants.ts';
import type { Fired } from './faults.ts';
import type { MemoryLog } from './world.ts';

export const OUT_OF_ORDER_MS = 6;
const END_MS = 8e15;
/** More than a post's own time may run ahead of the broker's. */
const AHEAD_MS = 7_200_000;

/** A post or deletion as it stands in the log of a source, with the event time that counts. */
interface Sent {
  readonly offset: number;
  readonly item: Item;
  readonly bytes: Uint8Array;
}

/** No post before `watermark` counts from `offset` on. */
interface Promised {
  readonly offset: number;
  readonly watermark: number;
  /** Made by the owner of an idle source; otherwise by a record of the log. */
  readonly isIdle: boolean;
}

export interface FeedOptions {
  readonly feed: Feed;
  readonly eventTime: EventTime;
  /** Posts of 4 kB in bursts, so that frames are cut where they are full. */
  readonly isBulky: boolean;
}

export class SimulatedFeed {
  readonly #random: Random;
  readonly #options: FeedOptions;
  readonly #logs: readonly MemoryLog[];
  readonly #fired: Fired;
  /** What each source has still to send. */
  readonly #queues: Item[][];
  readonly #sent: Sent[][];
  readonly #promises: Promised[][];
  #newestMs = 0;

  constructor(random: Random, options: FeedOptions, logs: readonly MemoryLog[], fired: Fired) {
    this.#random = random;
    this.#options = options;
    this.#logs = logs;
    this.#fired = fired;
    this.#queues = logs.map(() => []);
    this.#sent = logs.map(() => []);
    this.#promises = logs.map(() => []);
    const times = new Map<string, number>();
    for (const item of itemsOf(options.feed)) {
      this.#queues[random.below(logs.length)]!.push(item);
      if (!isPost(item)) continue;
      if ((times.get(item.id) ?? item.createdAt) !== item.createdAt) fired.note('one id with two event times');
      times.set(item.id, item.createdAt);
    }
    for (const [source, items] of this.#queues.entries()) this.#queues[source] = this.#shuffled(items);
  }

  get isEmpty(): boolean {
    return this.#queues.every((items) => items.length === 0);
  }

  /** Event time of the earliest item that the source has still to send; Infinity without one. */
  earliestMs(source: number): number {
    return this.#queues[source]!.reduce((least, { createdAt }) => Math.min(least, createdAt), Infinity);
  }

  /** Out of order within the bound, and now and then beyond it. */
  #shuffled(items: readonly Item[]): Item[] {
    const random = this.#random;
    return items
      .map((item) => ({ item, at: item.createdAt + random.below(random.below(12) === 0 ? 40 : OUT_OF_ORDER_MS) }))
      .sort((a, b) => a.at - b.at)
      .map(({ item }) => item);
  }

  /** Some more records of one source. */
  append(): void {
    const random = this.#random;
    const source = random.below(this.#logs.length);
    const items = this.#queues[source]!;
    for (let i = random.below(this.#options.isBulky ? 80 : 6); i > 0 && items.length > 0; i--) {
      const item = items.shift()!;
      if (this.#newestMs === item.createdAt) this.#fired.note('equal times');
      this.#newestMs = item.createdAt;
      this.#noteKind(item);
      this.#send(source, item);
      if (random.below(15) === 0) this.#sendAgain(item);
      if (random.below(12) === 0) this.#sendOther(source, item.createdAt);
    }
  }

  #noteKind(item: Item): void {
    if (!isPost(item)) this.#fired.note('deletion');
    else if (item.editedAt !== undefined) this.#fired.note('edit');
    else if (item.replaces !== undefined) this.#fired.note('post that replaces others');
  }

  #sendAgain(item: Item): void {
    const source = this.#random.below(this.#logs.length);
    this.#fired.note(isPost(item) ? 'post sent twice' : 'deletion sent twice');
    this.#send(source, item);
  }

  #send(source: number, item: Item): void {
    const random = this.#random;
    const { eventTime, isBulky } = this.#options;
    // Clocks of senders lie; where the broker's time counts, nothing may come of it.
    const claimed = eventTime === 'record' ? { ...item, createdAt: item.createdAt + random.between(-50, 50) } : item;
    // A field that is none of ours stays with the record as long as it is kept.
    const value = isBulky ? { ...claimed, padding: 'x'.repeat(3700) } : claimed;
    const bytes = Buffer.from(JSON.stringify(isPost(item) ? value : { ...claimed, deleted: true }));
    const offset = this.#append(source, bytes, item.createdAt);
    this.#sent[source]!.push({ offset, item, bytes });
  }

  /** What is no post, or makes no entry. */
  #sendOther(source: number, timeMs: number): void {
    const random = this.#random;
    const bare: Post = { id: `bare-${timeMs}`, platform: 'x', account: 'bare', text: '\u{1f642}', createdAt: timeMs };
    const dice = random.below(6);
    if (dice === 0) {
      this.#fired.note('tombstone');
      this.#append(source, null, timeMs);
    } else if (dice === 1) {
      this.#fired.note('rejected record');
      this.#append(source, Buffer.from('{"id":'), timeMs);
    } else if (dice === 2 && this.#options.eventTime === 'payload') {
      this.#fired.note('rejected record');
      const ahead = { ...bare, createdAt: timeMs + AHEAD_MS, text: 'a clock that is wrong by two hours' };
      this.#append(source, Buffer.from(JSON.stringify(ahead)), timeMs);
    } else if (dice === 3) {
      this.#fired.note('tick in the log');
      const watermark = timeMs - random.between(-3, 9);
      const offset = this.#append(source, null, timeMs, { [TICK_HEADER]: String(watermark) });
      this.#promises[source]!.push({ offset, watermark, isIdle: false });
    } else {
      this.#fired.note('nothing to compare');
      this.#send(source, dice === 4 ? bare : { ...bare, text: 'a native repost says nothing', repostOf: 'p1' });
    }
  }

  #append(
    source: number,
    value: Uint8Array | null,
    timeMs: number,
    headers: Readonly<Record<string, string>> = {},
  ): number {
    const log = this.#logs[source]!;
    log.append(value, timeMs, headers);
    const offset = log.high - 1;
    if (this.#random.below(10) === 0) {
      // As compaction and control records leave them: at the end of the log, until something comes behind.
      this.#fired.note('hole in the log');
      log.skip(this.#random.between(1, 3));
    }
    return offset;
  }

  /** The owner of a source has committed that no post before `watermark` counts from `offset` on. */
  promise(source: number, offset: number, watermark: number): void {
    this.#promises[source]!.push({ offset, watermark, isIdle: true });
  }

  /** Nothing will come any more. */
  finish(): void {
    for (const log of this.#logs) log.append(null, END_MS, { [TICK_HEADER]: String(END_MS) });
  }

  /** What one process says of the sorted entries: the bytes of all revisions. */
  expected(settings: StageSettings): string[] {
    const maker = new StepMaker(settings);
    const steps = this.#sent.flatMap((_, source) => this.#taken(source, maker));
    return runSteps(settings, inTotalOrder(steps)).map((revision) => alertBytes(revision).toString());
  }

  /**
   * The rule of lateness: behind the watermark of its source, in the order of offsets, a post does not count, and what is
   * taken away is taken away at the watermark.
   */
  #taken(source: number, maker: StepMaker): EntryStep[] {
    const promises = this.#promises[source]!.slice().sort((a, b) => a.offset - b.offset);
    let watermark = -Infinity;
    let idleMs = -Infinity;
    const retractionAt = (retraction: Retraction): EntryStep => {
      if (retraction.timeMs < watermark) this.#fired.note('late retraction');
      return maker.retraction({ ...retraction, timeMs: Math.max(retraction.timeMs, watermark) });
    };
    return this.#sent[source]!.flatMap(({ offset, item, bytes }) => {
      while (promises.length > 0 && promises[0]!.offset <= offset) {
        const promised = promises.shift()!;
        watermark = Math.max(watermark, promised.watermark);
        if (promised.isIdle) idleMs = Math.max(idleMs, promised.watermark);
      }
      const retractions = retractionsOf(item);
      const isLate = item.createdAt < watermark;
      if (isLate && isPost(item)) this.#fired.note(idleMs === watermark ? 'late by an idle tick' : 'late post');
      const place = { partition: source, offset };
      const steps: EntryStep[] =
        isLate || !isPost(item) ? [] : maker.post(item, bytes).map((step) => ({ ...step, place }));
      steps.push(...retractions.map(retractionAt));
      watermark = Math.max(watermark, item.createdAt - OUT_OF_ORDER_MS);
      return steps;
    });
  }
}
