/**
 * One archive through many settings in one pass: posts are read, fingerprinted and sorted once; each window has one match stage,
 * and each cell of the grid a campaign stage behind that of its window.
 *
 * T2  What a cell closes is what `replay` with its settings closes (runtime/replay.ts), the numbers of the revisions apart.
 * T3  Memory is the sorter's, that of each window and of each cell's campaigns, whatever the length of the input.
 */
import { setImmediate } from 'node:timers/promises';
import type { InputError } from '../errors.ts';
import type { FingerprintSettings } from '../fingerprints/fingerprint.ts';
import { hex64 } from '../fingerprints/hash.ts';
import { ENTRY, entryIsRetraction, entryTimeMs } from '../frames/entry.ts';
import type { Evidence } from '../model.ts';
import { stageSettings, type EvidenceOptions } from '../runtime/engine.ts';
import { KeptPost } from '../runtime/evidence.ts';
import { EvidenceRing } from '../runtime/evidence-ring.ts';
import type { EntryTarget, PostSource } from '../runtime/post-source.ts';
import type { ReplayProgress } from '../runtime/replay.ts';
import { Sorter } from '../runtime/sorter.ts';
import { CampaignStage, type CampaignEvent, type Revision } from '../stages/campaign.ts';
import { MatchStage, type MatchEvent } from '../stages/match.ts';
import type { Cell } from './grid.ts';

export interface GridRunOptions {
  readonly source: PostSource;
  readonly cells: readonly Cell[];
  /** Bytes of the frequency table. */
  readonly table: Uint8Array;
  readonly evidence?: EvidenceOptions;
  /** Name and version, for the alerts. */
  readonly engine: string;
  readonly sortMemoryBytes: number;
  /** Takes the last revision of each campaign of a cell, with its members. */
  readonly onClosed: (cell: number, closed: Revision) => void;
  /** Sees every entry as it is read. */
  readonly onEntry?: (words: Uint32Array, evidence: Uint8Array, fingerprint: FingerprintSettings) => void;
  /** May add entries once all is read. */
  readonly onRead?: (target: EntryTarget) => void;
  readonly onProgress?: (progress: ReplayProgress) => void;
  /** Ends the reading, or the matching; what was read is matched. */
  readonly signal?: AbortSignal;
}

export interface GridRunResult {
  /** What ended the reading before its time. */
  readonly failure: InputError | undefined;
  readonly interrupted: boolean;
  /** Posts that went through the match stages; some may be the same post once more. */
  readonly matched: number;
  readonly seconds: number;
}

/** All cells of one window. */
interface Lane {
  readonly match: MatchStage;
  readonly cells: readonly { readonly index: number; readonly stage: CampaignStage }[];
}

/** How much fuller than the mean a window is taken to be, and the most posts that room is made for, all windows together. */
const EVENNESS = 1.5;
const RESERVED_MAX = 16_000_000;

/**
 * @throws InputError if there is an input that cannot be read at all
 * @throws ChorusError `sorter_disk_full` or `sorter_io`
 */
export async function runGrid(options: GridRunOptions): Promise<GridRunResult> {
  const startedMs = performance.now();
  const run = new GridRun(options);
  try {
    await run.read();
    await run.match();
  } finally {
    run.close();
  }
  const { failure, isEndedEarly, matched } = run;
  const seconds = Math.round(performance.now() - startedMs) / 1000;
  return { failure, interrupted: failure !== undefined || isEndedEarly, matched, seconds };
}

class GridRun {
  failure: InputError | undefined;
  matched = 0;
  readonly #options: GridRunOptions;
  readonly #fingerprint: FingerprintSettings;
  readonly #lanes: readonly Lane[];
  readonly #ring: EvidenceRing;
  readonly #sorter: Sorter;
  readonly #out: Revision[] = [];
  /** Evidence of the entry at hand: what one window has looked at is not decoded again for the next. */
  readonly #seen = new Map<number, Evidence>();
  #alerts = 0;

  constructor(options: GridRunOptions) {
    this.#options = options;
    const { lanes, fingerprint } = lanesOf(options);
    this.#lanes = lanes;
    this.#fingerprint = fingerprint;
    // References of all windows point into it, so it keeps posts for the longest.
    this.#ring = new EvidenceRing(Math.max(...options.cells.map(({ windowMs }) => windowMs)));
    this.#sorter = new Sorter({ memoryBytes: options.sortMemoryBytes });
  }

  get isEndedEarly(): boolean {
    return this.#options.signal?.aborted ?? false;
  }

  close(): void {
    this.#sorter.close();
  }

  async read(): Promise<void> {
    const { source, onEntry, onRead, signal } = this.#options;
    const sorter = this.#sorter;
    const fingerprint = this.#fingerprint;
    const append: EntryTarget['append'] = (words, wordCount, evidence) => {
      const [keyHi, keyLo] = [words[ENTRY.postHi]!, words[ENTRY.postLo]!];
      const [textHi, textLo] = [words[ENTRY.textHi]!, words[ENTRY.textLo]!];
      sorter.append(entryTimeMs(words, 0), keyHi, keyLo, textHi, textLo, words, wordCount, evidence);
    };
    const onProgress = (): void => this.#report('reading');
    const watched: EntryTarget['append'] = (words, wordCount, evidence) => {
      onEntry?.(words, evidence, fingerprint);
      append(words, wordCount, evidence);
    };
    this.failure = await source.read({ fingerprint, append: watched, onProgress }, signal);
    onRead?.({ fingerprint, append, onProgress });
  }

  async match(): Promise<void> {
    const endedReading = this.isEndedEarly;
    this.#reserve();
    for await (const batch of this.#sorter.drain()) {
      for (let i = 0; i < batch.count; i++) this.#process(batch.words(i), batch.wordStart(i), batch.bytes(i));
      this.matched += batch.count;
      this.#report('matching');
      // Nothing here waits for the outside, so signals and timers would not be heard until the end.
      await setImmediate();
      if (this.isEndedEarly && !endedReading) break;
    }
    for (const { cells } of this.#lanes) {
      for (const { index, stage } of cells) {
        stage.finish(this.#out);
        this.#hand(index);
      }
    }
  }

  #reserve(): void {
    const { firstMs, lastMs } = this.#options.source.counts;
    const { recordCount } = this.#sorter;
    for (const { match, cells } of this.#lanes) {
      const { windowMs } = this.#options.cells[cells[0]!.index]!;
      const share = Math.min(1, (EVENNESS * windowMs) / Math.max(1, lastMs - firstMs));
      match.index.reserve(Math.min(RESERVED_MAX / this.#lanes.length, Math.ceil(recordCount * share)));
    }
  }

  #process(words: Uint32Array, at: number, post: Uint8Array): void {
    const timeMs = entryTimeMs(words, at);
    const reference = entryIsRetraction(words, at)
      ? -1
      : this.#ring.append(timeMs, words[at + ENTRY.postHi]!, words[at + ENTRY.postLo]!, post);
    if (this.#seen.size > 0) this.#seen.clear();
    for (const { match, cells } of this.#lanes) {
      const found: MatchEvent[] = [];
      match.process(words, at, reference, found);
      if (found.length === 0) continue;
      const events = found.map((event) => this.#resolve(event));
      for (const { index, stage } of cells) {
        stage.process(timeMs, events, this.#out);
        if (this.#out.length > 0) this.#hand(index);
      }
    }
  }

  #resolve(event: MatchEvent): CampaignEvent {
    if (event.kind === 'retraction') {
      return { kind: 'retraction', post: hex64(event.post.hi, event.post.lo), beforeMs: event.beforeMs };
    }
    if (event.kind === 'post') {
      return { kind: 'post', node: event.node, evidence: this.#post(event.evidence), first: event.first };
    }
    const { later, earlier, laterEvidence, earlierEvidence, similarity, families } = event;
    return {
      kind: 'link',
      later,
      laterEvidence: this.#post(laterEvidence),
      earlier,
      earlierEvidence: earlierEvidence < 0 ? undefined : this.#post(earlierEvidence),
      similarity,
      families,
    };
  }

  #post(reference: number): Evidence {
    let evidence = this.#seen.get(reference);
    if (evidence === undefined) {
      const { key, timeMs, bytes } = this.#ring.read(reference);
      evidence = new KeptPost(key, timeMs, bytes);
      this.#seen.set(reference, evidence);
    }
    return evidence;
  }

  #hand(cell: number): void {
    for (const revision of this.#out) {
      if (revision.alert.status !== 'closed') continue;
      if (this.#options.cells[cell]!.isConfigured) this.#alerts++;
      this.#options.onClosed(cell, revision);
    }
    this.#out.length = 0;
  }

  #report(phase: ReplayProgress['phase']): void {
    const { source, onProgress } = this.#options;
    onProgress?.({
      phase,
      read: source.counts.progress,
      posts: source.counts.posts,
      sorted: this.#sorter.recordCount,
      matched: this.matched,
      alerts: this.#alerts,
    });
  }
}

function lanesOf(options: GridRunOptions): { lanes: Lane[]; fingerprint: FingerprintSettings } {
  const lanes = new Map<number, { match: MatchStage; cells: { index: number; stage: CampaignStage }[] }>();
  let fingerprint: FingerprintSettings | undefined;
  for (const [index, { settings, windowMs }] of options.cells.entries()) {
    const stages = stageSettings({ ...options, settings });
    // One table for all.
    fingerprint ??= stages.fingerprint;
    let lane = lanes.get(windowMs);
    if (lane === undefined) {
      lane = { match: new MatchStage(stages.match), cells: [] };
      lanes.set(windowMs, lane);
    }
    // Revisions in between change nothing of what a campaign is in the end, and nobody reads them here.
    const campaign = { ...stages.campaign, fingerprint, updateIntervalMs: Infinity, removalIntervalMs: Infinity };
    lane.cells.push({ index, stage: new CampaignStage(campaign) });
  }
  return { lanes: [...lanes.values()], fingerprint: fingerprint! };
}
