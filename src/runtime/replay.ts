/**
 * Posts -> alerts, in one process: source -> sorter -> engine -> sink. Where the posts come from is behind a port
 * (post-source.ts).
 *
 * P1  The alerts are a function of the set of posts and the settings: not of the number of files or partitions, their order,
 *     or the order in them, since everything passes through the sorter.
 * P2  Memory is the sorter's, the window's and the campaigns', whatever the length of the input.
 * P3  Every line or record is counted once: as a post, a deletion, as ignored or rejected for a reason, or as what only a feed
 *     has (FeedCounts).
 */
import { setImmediate } from 'node:timers/promises';
import type { InputError } from '../errors.ts';
import { ENTRY, entryLength, entryTimeMs } from '../frames/entry.ts';
import { readPlace } from '../frames/place.ts';
import type { Alert, IgnoredReason } from '../model.ts';
import type { Settings } from '../settings.ts';
import type { Revision } from '../stages/campaign.ts';
import { AHEAD_ENTRIES } from '../windows/bucket-index.ts';
import { Engine, stageSettings, type EvidenceOptions, type StageSettings } from './engine.ts';
import type { EntryTarget, FeedCounts, PostSource, ReadCounts, SourceProgress } from './post-source.ts';
import type { Rejections, ReasonCount } from './rejections.ts';
import { Sorter } from './sorter.ts';

export interface ReplayOptions {
  readonly source: PostSource;
  readonly settings: Settings;
  /** Bytes of the frequency table. */
  readonly table: Uint8Array;
  readonly evidence?: EvidenceOptions;
  /** Name and version, for the alerts. */
  readonly engine: string;
  readonly sortMemoryBytes: number;
  /** Takes each revision in order; what it returns is waited for. */
  readonly onRevision: (revision: Revision) => Promise<void> | undefined;
  readonly onProgress?: (progress: ReplayProgress) => void;
  /** Ends the reading; what has been read is finished as if the input ended there. Aborted while matching, it ends that. */
  readonly signal?: AbortSignal;
}

export interface ReplayProgress {
  readonly phase: 'reading' | 'matching';
  readonly read: SourceProgress;
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
  /** As they are stored: of files, or of the values of records. */
  readonly bytesRead: number;
  /** Of files, or records; of a page of many posts, all that is in it. */
  readonly lines: number;
  readonly rejected: { readonly count: number; readonly byReason: readonly ReasonCount[] };
  readonly posts: number;
  readonly nativeReposts: number;
  /** Posts without a letter once links, mentions and emoji are dropped. */
  readonly nothingToCompare: number;
  readonly deletions: number;
  /** Records that can be read and say nothing that is of use here: likes, pictures without a text, and the like. */
  readonly ignored: { readonly count: number; readonly byReason: Readonly<Partial<Record<IgnoredReason, number>>> };
  /** Posts seen again under an id already taken in, as far as they were matched with others. */
  readonly duplicates: number;
  /** Where the posts come from a feed topic. */
  readonly feed?: FeedCounts;
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
 * @throws InputError if there is an input that cannot be read at all; nothing is read then
 * @throws ChorusError `sorter_disk_full` or `sorter_io`
 */
export async function replay(options: ReplayOptions): Promise<ReplayResult> {
  const run = new Replay(options);
  try {
    await run.read();
    await run.match();
    return { summary: run.summary(), rejections: options.source.rejections, failure: run.failure };
  } finally {
    run.close();
  }
}

class Replay {
  failure: InputError | undefined;
  readonly #options: ReplayOptions;
  readonly #stages: StageSettings;
  readonly #engine: Engine;
  readonly #sorter: Sorter;
  readonly #startedMs = performance.now();
  #matched = 0;
  #opened = 0;
  #merged = 0;
  #revisions = 0;
  #strongest: StrongCampaign[] = [];

  constructor(options: ReplayOptions) {
    this.#options = options;
    this.#stages = stageSettings({ ...options, provenance: options.source.provenance });
    this.#engine = new Engine(this.#stages);
    this.#sorter = new Sorter({ memoryBytes: options.sortMemoryBytes });
  }

  get #isAborted(): boolean {
    return this.#options.signal?.aborted ?? false;
  }

  close(): void {
    this.#sorter.close();
  }

  async read(): Promise<void> {
    const { source, signal } = this.#options;
    const sorter = this.#sorter;
    const target: EntryTarget = {
      fingerprint: this.#stages.fingerprint,
      append: (words, wordCount, evidence) => {
        const timeMs = entryTimeMs(words, 0);
        const [keyHi, keyLo] = [words[ENTRY.postHi]!, words[ENTRY.postLo]!];
        sorter.append(timeMs, keyHi, keyLo, words[ENTRY.textHi]!, words[ENTRY.textLo]!, words, wordCount, evidence);
      },
      onProgress: () => this.#report('reading'),
    };
    this.failure = await source.read(target, signal);
  }

  /** Posts of one window if they come evenly, and some more. */
  #expectedInWindow(): number {
    const { recordCount } = this.#sorter;
    const { firstMs, lastMs } = this.#options.source.counts;
    const spanMs = Math.max(1, lastMs - firstMs);
    const share = Math.min(1, (EVENNESS * this.#options.settings.windowMs) / spanMs);
    return Math.min(RESERVED_MAX, Math.ceil(recordCount * share));
  }

  async match(): Promise<void> {
    // An abort that has ended the reading leaves what was read to be matched.
    const endedReading = this.#isAborted;
    const endMs = this.#options.source.endMs();
    const engine = this.#engine;
    engine.reserve(this.#expectedInWindow());
    const isFeed = this.#options.source.feed !== undefined;
    const out: Revision[] = [];
    for await (const batch of this.#sorter.drain()) {
      let count = 0;
      for (; count < batch.count; count++) {
        const words = batch.words(count);
        const at = batch.wordStart(count);
        if (entryTimeMs(words, at) >= endMs) break;
        const ahead = count + AHEAD_ENTRIES;
        if (ahead < batch.count) engine.touchAhead(batch.words(ahead), batch.wordStart(ahead));
        const place = isFeed ? readPlace(words, at + entryLength(words, at)) : undefined;
        engine.process(words, at, batch.bytes(count), out, place);
        if (out.length > 0) await this.#publish(out);
      }
      this.#matched += count;
      this.#report('matching');
      // Nothing here waits for the outside, so signals and timers would not be heard until the end.
      await setImmediate();
      if (count < batch.count || (this.#isAborted && !endedReading)) break;
    }
    if (endMs === Infinity) engine.finish(out);
    else engine.campaign.advance(endMs, out);
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
      read: this.#options.source.counts.progress,
      posts: this.#options.source.counts.posts,
      sorted: this.#sorter.recordCount,
      matched: this.#matched,
      alerts: this.#opened - this.#merged,
    });
  }

  summary(): ReplaySummary {
    const { settings, engine, source } = this.#options;
    const { counts, rejections, feed } = source;
    return {
      schema: 'chorus.summary.v1',
      engine,
      topology: this.#stages.topology,
      windowMs: settings.windowMs,
      minAccounts: settings.minAccounts,
      inputs: source.inputs,
      interrupted: this.#isAborted || this.failure !== undefined,
      bytesRead: counts.bytesRead,
      lines: counts.lines,
      rejected: { count: rejections.count, byReason: rejections.byReason() },
      posts: counts.posts,
      nativeReposts: counts.nativeReposts,
      nothingToCompare: counts.nothingToCompare,
      deletions: counts.deletions,
      ignored: ignoredOf(counts),
      duplicates: this.#engine.duplicates,
      ...(feed === undefined ? {} : { feed }),
      ...(counts.firstMs > counts.lastMs
        ? {}
        : { firstPostAt: new Date(counts.firstMs).toISOString(), lastPostAt: new Date(counts.lastMs).toISOString() }),
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

function ignoredOf({ ignored }: ReadCounts): ReplaySummary['ignored'] {
  let count = 0;
  for (const one of ignored.values()) count += one;
  return { count, byReason: Object.fromEntries(ignored) };
}

function byStrength(a: StrongCampaign, b: StrongCampaign): number {
  return b.accountCount - a.accountCount || b.postCount - a.postCount || (a.id < b.id ? -1 : 1);
}
