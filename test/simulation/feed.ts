/**
 * The feed of a simulated deployment: who posts what and when, out of order, twice, with records in between that are no
 * posts; and the answer that the deployment owes, by the rules of the design written out a second time.
 */
import { Buffer } from 'node:buffer';
import type { Post } from '../../src/model.ts';
import { alertBytes } from '../../src/runtime/campaign-task.ts';
import type { StageSettings } from '../../src/runtime/engine.ts';
import { TICK_HEADER, type EventTime } from '../../src/runtime/fingerprint-task.ts';
import type { Random } from '../../src/simulate/random.ts';
import { inTotalOrder, postsOf, runEngine, type Feed } from '../support/variants.ts';
import type { Fired } from './faults.ts';
import type { MemoryLog } from './world.ts';

export const OUT_OF_ORDER_MS = 6;
const END_MS = 8e15;
/** More than a post's own time may run ahead of the broker's. */
const AHEAD_MS = 7_200_000;

/** A post as it stands in the log of a source, with the event time that counts. */
interface SentPost {
  readonly offset: number;
  readonly post: Post;
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
  readonly #queues: Post[][];
  readonly #sent: SentPost[][];
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
    for (const post of postsOf(options.feed)) {
      this.#queues[random.below(logs.length)]!.push(post);
      if ((times.get(post.id) ?? post.createdAt) !== post.createdAt) fired.note('one id with two event times');
      times.set(post.id, post.createdAt);
    }
    for (const [source, posts] of this.#queues.entries()) this.#queues[source] = this.#shuffled(posts);
  }

  get isEmpty(): boolean {
    return this.#queues.every((posts) => posts.length === 0);
  }

  /** Event time of the earliest post that the source has still to send; Infinity without one. */
  earliestMs(source: number): number {
    return this.#queues[source]!.reduce((least, { createdAt }) => Math.min(least, createdAt), Infinity);
  }

  /** Out of order within the bound, and now and then beyond it. */
  #shuffled(posts: readonly Post[]): Post[] {
    const random = this.#random;
    return posts
      .map((post) => ({ post, at: post.createdAt + random.below(random.below(12) === 0 ? 40 : OUT_OF_ORDER_MS) }))
      .sort((a, b) => a.at - b.at)
      .map(({ post }) => post);
  }

  /** Some more records of one source. */
  append(): void {
    const random = this.#random;
    const source = random.below(this.#logs.length);
    const posts = this.#queues[source]!;
    for (let i = random.below(this.#options.isBulky ? 80 : 6); i > 0 && posts.length > 0; i--) {
      const post = posts.shift()!;
      if (this.#newestMs === post.createdAt) this.#fired.note('equal times');
      this.#newestMs = post.createdAt;
      this.#send(source, post);
      if (random.below(15) === 0) this.#sendAgain(post);
      if (random.below(12) === 0) this.#sendOther(source, post.createdAt);
    }
  }

  #sendAgain(post: Post): void {
    const source = this.#random.below(this.#logs.length);
    this.#fired.note('post sent twice');
    this.#send(source, post);
  }

  #send(source: number, post: Post): void {
    const random = this.#random;
    const { eventTime, isBulky } = this.#options;
    // Clocks of senders lie; where the broker's time counts, nothing may come of it.
    const claimed = eventTime === 'record' ? { ...post, createdAt: post.createdAt + random.between(-50, 50) } : post;
    // A field that is none of ours stays with the record as long as it is kept.
    const value = isBulky ? { ...claimed, padding: 'x'.repeat(3700) } : claimed;
    const bytes = Buffer.from(JSON.stringify(value));
    const offset = this.#append(source, bytes, post.createdAt);
    this.#sent[source]!.push({ offset, post, bytes });
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

  /** What one process says of the sorted posts: the bytes of all revisions. */
  expected(settings: StageSettings): string[] {
    const taken = this.#sent.flatMap((_, source) => this.#taken(source));
    const posts = inTotalOrder(settings, taken);
    return runEngine(settings, posts).map((revision) => alertBytes(revision).toString());
  }

  /** The rule of lateness: behind the watermark of its source, in the order of offsets, a post does not count. */
  #taken(source: number): SentPost[] {
    const promises = this.#promises[source]!.slice().sort((a, b) => a.offset - b.offset);
    let watermark = -Infinity;
    let idleMs = -Infinity;
    return this.#sent[source]!.filter(({ offset, post }) => {
      while (promises.length > 0 && promises[0]!.offset <= offset) {
        const promised = promises.shift()!;
        watermark = Math.max(watermark, promised.watermark);
        if (promised.isIdle) idleMs = Math.max(idleMs, promised.watermark);
      }
      if (post.createdAt < watermark) {
        this.#fired.note(idleMs === watermark ? 'late by an idle tick' : 'late post');
        return false;
      }
      watermark = Math.max(watermark, post.createdAt - OUT_OF_ORDER_MS);
      return true;
    });
  }
}
