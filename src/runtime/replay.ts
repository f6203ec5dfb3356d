/**
 * Files of posts -> alerts, in one process: lines -> decoder -> fingerprint stage -> sorter -> engine -> sink.
 *
 * P1  The alerts are a function of the set of posts and the settings: not of the number of files, their order, or the order
 *     of their lines, since everything passes through the sorter.
 * P2  Memory is the sorter's, the window's and the campaigns', whatever the length of the input.
 * P3  Every line is counted once: as a post, or as rejected for a reason.
 */
import { setImmediate } from 'node:timers/promises';
import { decodeCanonical } from '../consumers/formats/canonical.ts';
import { inputBytes, readLines, type ReadLinesOptions } from '../consumers/file.ts';
import { LINE_BYTES_MAX, type LineBatch } from '../consumers/lines.ts';
import { InputError } from '../errors.ts';
import { ENTRY } from '../frames/entry.ts';
import type { Alert, Post, RejectionReason } from '../model.ts';
import type { Settings } from '../settings.ts';
import type { Revision } from '../stages/campaign.ts';
import { FingerprintStage } from '../stages/fingerprint.ts';
import { Engine, stageSettings } from './engine.ts';
import { KEPT_BYTES_MAX } from './evidence.ts';
import { Rejections, type ReasonCount } from './rejections.ts';
import { Sorter } from './sorter.ts';

export interface ReplayOptions {
  /** Paths; "-" is standard input. */
  readonly inputs: readonly string[];
  readonly settings: Settings;
  /** Bytes of the frequency table. */
  readonly table: Uint8Array;
  /** Name and version, for the alerts. */
  readonly engine: string;
  readonly sortMemoryBytes: number;
  /** Takes each revision in order; what it returns is waited for. */
  readonly onRevision: (revision: Revision) => Promise<void> | undefined;
  readonly onProgress?: (progress: ReplayProgress) => void;
  /** Ends the reading; what has been read is finished as if the input ended there. Aborted while matching, it ends that. */
  readonly signal?: AbortSignal;
  /** What "-" stands for. */
  readonly stdin?: AsyncIterable<Uint8Array>;
}

export interface ReplayProgress {
  readonly phase: 'reading' | 'matching';
  /** Bytes of the inputs as they are stored. */
  readonly bytesRead: number;
  /** Undefined where an input is a pipe. */
  readonly bytesTotal: number | undefined;
  readonly posts: number;
  /** Posts that are matched or to be matched: those with a text to compare. */
  readonly sorted: number;
  readonly matched: number;
  readonly alerts: number;
}

/** What came of one replay. Times are ISO 8601, UTC. */
export interface ReplaySummary {
  readonly schema: 'chorus.summary.v1';
  readonly engine: string;
  readonly topology: string;
  readonly windowMs: number;
  readonly minAccounts: number;
  readonly inputs: readonly string[];
  /** True if it was ended before the end of the input. */
  readonly interrupted: boolean;
  readonly bytesRead: number;
  readonly lines: number;
  readonly rejected: { readonly count: number; readonly byReason: readonly ReasonCount[] };
  readonly posts: number;
  readonly nativeReposts: number;
  /** Posts without a letter once links, mentions and emoji are dropped. */
  readonly nothingToCompare: number;
  /** Posts seen again under an id already taken in, as far as they were matched with others. */
  readonly duplicates: number;
  readonly firstPostAt?: string;
  readonly lastPostAt?: string;
  readonly alerts: {
    readonly opened: number;
    /** Alerts taken into another one. */
    readonly merged: number;
    /** Campaigns in the end: opened less merged. */
    readonly campaigns: number;
    readonly revisions: number;
  };
  /** The campaigns with the most accounts, at most five. */
  readonly strongest: readonly StrongCampaign[];
  /** Bytes of posts sorted on disk; 0 if memory was enough. */
  readonly spilledBytes: number;
  readonly seconds: number;
}

export interface StrongCampaign {
  readonly id: string;
  readonly accountCount: number;
  readonly postCount: number;
  readonly variantCount: number;
  readonly firstPostAt: string;
  readonly lastPostAt: string;
  readonly text: string;
}

export interface ReplayResult {
  readonly summary: ReplaySummary;
  readonly rejections: Rejections;
  /** What ended the reading before its time, after some of the input had been read. */
  readonly failure: InputError | undefined;
}

/** How much fuller than the mean a window is taken to be. */
const EVENNESS = 1.5;
/** Beyond it the window grows as it fills: what is reserved is memory. */
const RESERVED_MAX = 16_000_000;
const STRONGEST_MAX = 5;

/**
 * An input that breaks off ends the reading like an abort: what was read before is matched, for it may be days of posts.
 *
 * @throws InputError if there is an input that cannot be read at all; nothing is read then
 * @throws ChorusError `sorter_disk_full` or `sorter_io`
 */
export async function replay(options: ReplayOptions): Promise<ReplayResult> {
  const run = new Replay(options);
  try {
    await run.read();
    await run.match();
    return { summary: run.summary(), rejections: run.rejections, failure: run.failure };
  } finally {
    run.close();
  }
}

class Replay {
  readonly rejections = new Rejections();
  failure: InputError | undefined;
  readonly #options: ReplayOptions;
  readonly #topology: string;
  readonly #fingerprint: FingerprintStage;
  readonly #engine: Engine;
  readonly #sorter: Sorter;
  readonly #startedMs = performance.now();
  #bytesRead = 0;
  #bytesTotal: number | undefined;
  #lines = 0;
  #posts = 0;
  #nativeReposts = 0;
  #nothingToCompare = 0;
  #matched = 0;
  #firstMs = Infinity;
  #lastMs = -Infinity;
  #opened = 0;
  #merged = 0;
  #revisions = 0;
  #strongest: StrongCampaign[] = [];

  constructor(options: ReplayOptions) {
    const stages = stageSettings(options);
    this.#options = options;
    this.#topology = stages.topology;
    this.#fingerprint = new FingerprintStage(stages.fingerprint);
    this.#engine = new Engine(stages);
    this.#sorter = new Sorter({ memoryBytes: options.sortMemoryBytes });
  }

  get #isAborted(): boolean {
    return this.#options.signal?.aborted ?? false;
  }

  close(): void {
    this.#sorter.close();
  }

  async read(): Promise<void> {
    const { inputs } = this.#options;
    const sizes = await Promise.all(inputs.map(inputBytes));
    this.#bytesTotal = sizes.includes(undefined) ? undefined : sizes.reduce<number>((sum, size) => sum + size!, 0);
    try {
      for (const input of inputs) {
        if (this.#isAborted) return;
        await this.#readInput(input);
      }
    } catch (error) {
      if (!(error instanceof InputError)) throw error;
      this.failure = error;
    }
  }

  async #readInput(input: string): Promise<void> {
    const before = this.#bytesRead;
    const { stdin } = this.#options;
    const reading: ReadLinesOptions = {
      onProgress: ({ bytesRead }) => {
        this.#bytesRead = before + bytesRead;
      },
      ...(stdin === undefined ? {} : { stdin }),
    };
    for await (const batch of readLines(input, reading)) {
      // A line cut off by the abort must not be told as a bad one.
      if (this.#isAborted) return;
      this.#takeBatch(batch, input);
      this.#report('reading');
    }
  }

  #takeBatch(batch: LineBatch, input: string): void {
    this.#lines += batch.count;
    for (let i = 0; i < batch.count; i++) {
      const line = batch.text(i);
      if (line === undefined) {
        const reason = batch.reason(i);
        this.rejections.add(reason, LINE_DETAILS[reason]!, input, batch.number(i), batch.bytes(i));
        continue;
      }
      const decoded = decodeCanonical(line);
      if (decoded.kind === 'post') this.#takePost(decoded.post, batch, i);
      else this.rejections.add(decoded.reason, decoded.detail, input, batch.number(i), batch.bytes(i));
    }
  }

  #takePost(post: Post, batch: LineBatch, i: number): void {
    const { createdAt } = post;
    this.#posts++;
    if (createdAt < this.#firstMs) this.#firstMs = createdAt;
    if (createdAt > this.#lastMs) this.#lastMs = createdAt;
    const wordCount = this.#fingerprint.process(post);
    if (wordCount === 0) {
      if (post.repostOf === undefined) this.#nothingToCompare++;
      else this.#nativeReposts++;
      return;
    }
    const words = this.#fingerprint.words;
    const line = batch.bytes(i);
    const evidence = line.length <= KEPT_BYTES_MAX ? line : Buffer.from(JSON.stringify(post));
    const keyHi = words[ENTRY.postHi]!;
    const keyLo = words[ENTRY.postLo]!;
    this.#sorter.append(
      createdAt,
      keyHi,
      keyLo,
      words[ENTRY.textHi]!,
      words[ENTRY.textLo]!,
      words,
      wordCount,
      evidence,
    );
  }

  /** Posts of one window if they come evenly, and some more. */
  #expectedInWindow(): number {
    const { recordCount } = this.#sorter;
    const spanMs = Math.max(1, this.#lastMs - this.#firstMs);
    const share = Math.min(1, (EVENNESS * this.#options.settings.windowMs) / spanMs);
    return Math.min(RESERVED_MAX, Math.ceil(recordCount * share));
  }

  async match(): Promise<void> {
    // An abort that has ended the reading leaves what was read to be matched.
    const endedReading = this.#isAborted;
    const engine = this.#engine;
    engine.reserve(this.#expectedInWindow());
    const out: Revision[] = [];
    for await (const batch of this.#sorter.drain()) {
      for (let i = 0; i < batch.count; i++) {
        engine.process(batch.words(i), batch.wordStart(i), batch.bytes(i), out);
        if (out.length > 0) await this.#publish(out);
      }
      this.#matched += batch.count;
      this.#report('matching');
      // Nothing here waits for the outside, so signals and timers would not be heard until the end.
      await setImmediate();
      if (this.#isAborted && !endedReading) break;
    }
    engine.finish(out);
    await this.#publish(out);
  }

  async #publish(out: Revision[]): Promise<void> {
    for (const revision of out) {
      this.#count(revision.alert);
      await this.#options.onRevision(revision);
    }
    out.length = 0;
  }

  #count(alert: Alert): void {
    this.#revisions++;
    if (alert.status === 'open') this.#opened++;
    else if (alert.status === 'merged') this.#merged++;
    else if (alert.status === 'closed') this.#rank(alert);
  }

  #rank(alert: Alert): void {
    const { id, accountCount, postCount, variantCount, firstPostAt, lastPostAt, text } = alert;
    this.#strongest.push({ id, accountCount, postCount, variantCount, firstPostAt, lastPostAt, text });
    this.#strongest.sort(byStrength);
    this.#strongest.length = Math.min(this.#strongest.length, STRONGEST_MAX);
  }

  #report(phase: ReplayProgress['phase']): void {
    this.#options.onProgress?.({
      phase,
      bytesRead: this.#bytesRead,
      bytesTotal: this.#bytesTotal,
      posts: this.#posts,
      sorted: this.#sorter.recordCount,
      matched: this.#matched,
      alerts: this.#opened - this.#merged,
    });
  }

  summary(): ReplaySummary {
    const { settings, engine, inputs } = this.#options;
    return {
      schema: 'chorus.summary.v1',
      engine,
      topology: this.#topology,
      windowMs: settings.windowMs,
      minAccounts: settings.minAccounts,
      inputs,
      interrupted: this.#isAborted || this.failure !== undefined,
      bytesRead: this.#bytesRead,
      lines: this.#lines,
      rejected: { count: this.rejections.count, byReason: this.rejections.byReason() },
      posts: this.#posts,
      nativeReposts: this.#nativeReposts,
      nothingToCompare: this.#nothingToCompare,
      duplicates: this.#engine.duplicates,
      ...(this.#posts === 0
        ? {}
        : { firstPostAt: new Date(this.#firstMs).toISOString(), lastPostAt: new Date(this.#lastMs).toISOString() }),
      alerts: {
        opened: this.#opened,
        merged: this.#merged,
        campaigns: this.#opened - this.#merged,
        revisions: this.#revisions,
      },
      strongest: this.#strongest,
      spilledBytes: this.#sorter.spilledBytes,
      seconds: Math.round(performance.now() - this.#startedMs) / 1000,
    };
  }
}

/** What the reader itself rejects; all other details come from the decoder. */
const LINE_DETAILS: Readonly<Partial<Record<RejectionReason, string>>> = {
  line_too_long: `the line has more than ${LINE_BYTES_MAX} bytes`,
  invalid_utf8: 'the line is not UTF-8',
};

function byStrength(a: StrongCampaign, b: StrongCampaign): number {
  return b.accountCount - a.accountCount || b.postCount - a.postCount || (a.id < b.id ? -1 : 1);
}
