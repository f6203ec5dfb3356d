/**
 * A live source -> alerts, in one process and in memory: records are decoded, wait until the watermark has passed them, and go
 * through the engine in the total order. Owns the watermark and what waits for it.
 *
 * L1  The watermark is the latest event time, but no later than the clock, less the allowance for what comes out of order. What
 *     comes behind it is late and is dropped; a deletion or an edit takes effect at it.
 * L2  Alerts are those of a replay of the posts that were not late.
 * L3  `untilMs` is the event time up to which all has been said. A run that reads again from `rewoundMs(untilMs)` knows the
 *     window as it was there, and says nothing again of what was revised before.
 */
import { Buffer } from 'node:buffer';
import type { RecordBatch } from '../consumers/records.ts';
import { ENTRY, entryTimeMs } from '../frames/entry.ts';
import type { Alert, Decoded, Deletion, IgnoredReason, Post } from '../model.ts';
import type { Revision } from '../stages/campaign.ts';
import { deletionRetraction, editRetractions, FingerprintStage, type Retraction } from '../stages/fingerprint.ts';
import { Engine, stageSettings, type EngineOptions } from './engine.ts';
import { evidenceBytes, KEPT_BYTES_MAX } from './evidence.ts';
import { Rejections } from './rejections.ts';

export interface LiveEngineOptions extends EngineOptions {
  readonly outOfOrdernessMs: number;
  /** As rejected records are told. */
  readonly source: string;
  /** Records are kept as evidence as they are. */
  readonly isCanonical: boolean;
  /** `untilMs` of the run before. */
  readonly toldUntilMs?: number | undefined;
}

export interface LiveEngineCounters {
  records: number;
  posts: number;
  nativeReposts: number;
  nothingToCompare: number;
  deletions: number;
  late: number;
  ignored: number;
  readonly ignoredByReason: Map<IgnoredReason, number>;
  opened: number;
  merged: number;
  revisions: number;
  /** Revisions that a run before has told. */
  retold: number;
  /** Posts that had to be matched before their time, since too many waited. */
  hurried: number;
}

interface Waiting {
  readonly timeMs: number;
  readonly words: Uint32Array;
  readonly bytes: Uint8Array;
}

/** A time that runs ahead of the clock by more is wrong. */
const AHEAD_MAX_MS = 10 * 60_000;
/** Some 300 MB of posts. */
const WAITING_MAX = 200_000;
const NOTHING = new Uint8Array();

export class LiveEngine {
  readonly rejections = new Rejections();
  readonly counters: LiveEngineCounters = {
    records: 0,
    posts: 0,
    nativeReposts: 0,
    nothingToCompare: 0,
    deletions: 0,
    late: 0,
    ignored: 0,
    ignoredByReason: new Map(),
    opened: 0,
    merged: 0,
    revisions: 0,
    retold: 0,
    hurried: 0,
  };
  readonly topology: string;
  readonly #options: LiveEngineOptions;
  readonly #engine: Engine;
  readonly #stage: FingerprintStage;
  readonly #waitingMax: number;
  #waiting: Waiting[] = [];
  #earliestMs = Infinity;
  #watermark = -Infinity;

  constructor(options: LiveEngineOptions, waitingMax = WAITING_MAX) {
    const stages = stageSettings(options);
    this.#options = options;
    this.#engine = new Engine(stages);
    this.#stage = new FingerprintStage(stages.fingerprint);
    this.#waitingMax = waitingMax;
    this.topology = stages.topology;
  }

  get watermark(): number {
    return this.#watermark;
  }

  /** Event time up to which all has been said; undefined before the first post. */
  get untilMs(): number | undefined {
    // What is read again does not take back what was told.
    const untilMs = Math.max(this.#watermark, this.#options.toldUntilMs ?? -Infinity);
    return untilMs === -Infinity ? undefined : untilMs;
  }

  get waiting(): number {
    return this.#waiting.length;
  }

  get duplicates(): number {
    return this.#engine.duplicates;
  }

  /** Takes a batch and appends the revisions that it causes. @param nowMs by the clock */
  take(records: RecordBatch, nowMs: number, out: Revision[]): void {
    for (let i = 0; i < records.count; i++) {
      const decoded = records.decode(i);
      if ('kind' in decoded) this.#take(decoded, records, i, nowMs);
      else for (const one of decoded) this.#take(one, records, i, nowMs);
      if (this.#waiting.length > this.#waitingMax) this.#hurry(out);
    }
    this.#release(out);
  }

  /** Nothing has come for a while, and nothing before `timeMs` will. */
  advance(timeMs: number, out: Revision[]): void {
    this.#witness(timeMs);
    this.#release(out);
  }

  /** The source has ended or is left: matches what waits. Campaigns stay open. */
  finish(out: Revision[]): void {
    const lastMs = this.#waiting.reduce((last, { timeMs }) => Math.max(last, timeMs), -Infinity);
    if (lastMs >= this.#watermark) this.#watermark = lastMs + 1;
    this.#release(out);
  }

  #take(decoded: Decoded, records: RecordBatch, i: number, nowMs: number): void {
    const { counters } = this;
    counters.records++;
    switch (decoded.kind) {
      case 'post':
        this.#takePost(decoded.post, records, i, nowMs);
        return;
      case 'deletion':
        this.#takeDeletion(decoded.deletion, nowMs);
        return;
      case 'ignored': {
        const { ignoredByReason } = counters;
        counters.ignored++;
        ignoredByReason.set(decoded.reason, (ignoredByReason.get(decoded.reason) ?? 0) + 1);
        return;
      }
      case 'rejection':
        this.rejections.add(decoded.reason, decoded.detail, this.#options.source, counters.records, records.bytes(i));
    }
  }

  #takePost(post: Post, records: RecordBatch, i: number, nowMs: number): void {
    const { counters } = this;
    if (post.createdAt > nowMs + AHEAD_MAX_MS) {
      const detail = 'createdAt is more than 10 minutes after now';
      this.rejections.add('time_ahead', detail, this.#options.source, counters.records, records.bytes(i));
      return;
    }
    counters.posts++;
    if (post.createdAt < this.#watermark) counters.late++;
    else this.#enter(post, records, i, nowMs);
    // What it replaces goes also where the new text is late or nothing to compare.
    for (const retraction of editRetractions(post)) this.#retract(retraction);
  }

  #enter(post: Post, records: RecordBatch, i: number, nowMs: number): void {
    this.#witness(Math.min(post.createdAt, nowMs) - this.#options.outOfOrdernessMs);
    const wordCount = this.#stage.process(post);
    if (wordCount === 0) {
      if (post.repostOf === undefined) this.counters.nothingToCompare++;
      else this.counters.nativeReposts++;
      return;
    }
    const line = this.#options.isCanonical ? records.bytes(i) : undefined;
    const isKept = line !== undefined && line.length <= KEPT_BYTES_MAX;
    this.#wait(wordCount, isKept ? Buffer.from(line) : evidenceBytes(post));
  }

  #takeDeletion(deletion: Deletion, nowMs: number): void {
    this.counters.deletions++;
    const createdAt = Math.min(deletion.createdAt, nowMs);
    this.#retract(deletionRetraction({ ...deletion, createdAt }));
    this.#witness(createdAt - this.#options.outOfOrdernessMs);
  }

  #retract(retraction: Retraction): void {
    const timeMs = Math.max(retraction.timeMs, this.#watermark);
    this.#wait(this.#stage.retract({ ...retraction, timeMs }), NOTHING);
  }

  #wait(wordCount: number, bytes: Uint8Array): void {
    const words = this.#stage.words.slice(0, wordCount);
    const timeMs = entryTimeMs(words, 0);
    this.#waiting.push({ timeMs, words, bytes });
    if (timeMs < this.#earliestMs) this.#earliestMs = timeMs;
  }

  #witness(watermark: number): void {
    if (watermark > this.#watermark) this.#watermark = watermark;
  }

  /** The earlier half goes on now. */
  #hurry(out: Revision[]): void {
    const times = Float64Array.from(this.#waiting, ({ timeMs }) => timeMs).sort();
    const before = this.#waiting.length;
    this.#witness(times[times.length >>> 1]! + 1);
    this.#release(out);
    this.counters.hurried += before - this.#waiting.length;
  }

  #release(out: Revision[]): void {
    const watermark = this.#watermark;
    const from = out.length;
    if (this.#earliestMs < watermark) {
      const ready = this.#waiting.filter(({ timeMs }) => timeMs < watermark).sort(inTotalOrder);
      this.#waiting = this.#waiting.filter(({ timeMs }) => timeMs >= watermark);
      this.#earliestMs = this.#waiting.reduce((least, { timeMs }) => Math.min(least, timeMs), Infinity);
      for (const { words, bytes } of ready) this.#engine.process(words, 0, bytes, out);
    }
    // What falls due without a post, too: all that belongs before the watermark has been said then.
    if (watermark !== -Infinity) this.#engine.campaign.advance(watermark, out);
    this.#tell(out, from);
  }

  /** Counts the revisions from `from` on, and drops those that a run before has told. */
  #tell(out: Revision[], from: number): void {
    const { counters } = this;
    const { toldUntilMs = -Infinity } = this.#options;
    const told = out.splice(from).filter(({ alert }) => {
      const isNew = Date.parse(alert.revisedAt) >= toldUntilMs;
      if (!isNew) counters.retold++;
      return isNew;
    });
    for (const revision of told) {
      counters.revisions++;
      this.#count(revision.alert);
      out.push(revision);
    }
  }

  #count({ status }: Alert): void {
    if (status === 'open') this.counters.opened++;
    else if (status === 'merged') this.counters.merged++;
  }
}

/** From where a run must read to know the window as it was at `untilMs`. */
export function rewoundMs(untilMs: number, windowMs: number, outOfOrdernessMs: number): number {
  return Math.max(0, untilMs - windowMs - outOfOrdernessMs);
}

/** That of the sorter: event time, post key, text hash, and then what the entry holds. */
function inTotalOrder(a: Waiting, b: Waiting): number {
  if (a.timeMs !== b.timeMs) return a.timeMs - b.timeMs;
  for (let i: number = ENTRY.postHi; i <= ENTRY.textLo; i++) {
    const difference = a.words[i]! - b.words[i]!;
    if (difference !== 0) return difference;
  }
  return a.bytes.length - b.bytes.length || Buffer.compare(a.bytes, b.bytes);
}
