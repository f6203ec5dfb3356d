/**
 * Alerts recomputed, held against those published.
 *
 * V1  Only what was due is compared: revisions before the event time that the deployment had reached when it was asked.
 * V2  The alerts topic is compacted, so of each campaign the last revision due must be there, or a later one; every revision
 *     that is there must be as it was recomputed.
 * V3  Where posts before the range are not known, nothing is said of an alert that may depend on them: its first post is less
 *     than a window (and the lateness) behind them, or it differs and shares texts or posts with such a campaign while that
 *     was still growing.
 */
import type { Alert } from '../model.ts';
import {
  digestOf,
  factsOf,
  type Copy,
  type Place,
  type PublishedAlerts,
  type PublishedRevision,
  type RevisionFacts,
} from './published-alerts.ts';

export interface VerificationSettings {
  /** V1 */
  readonly untilMs: number;
  /** V3: event time from which all posts are known; -Infinity for all. */
  readonly knownFromMs: number;
  /** How long after its last post an alert may still grow: a window and the lateness. */
  readonly growsMs: number;
}

interface Found extends RevisionFacts {
  readonly place?: Place;
}

export type Difference =
  /** Recomputed and due, but neither it nor a later revision is there. `published` is the highest that is, 0 for none. */
  | (Found & { readonly kind: 'missing'; readonly published: number; readonly isDeleted: boolean })
  | (Found & { readonly kind: 'changed'; readonly place: Place; readonly recomputed: Alert | undefined })
  /** Published, but not recomputed. */
  | (Found & { readonly kind: 'unexpected'; readonly place: Place })
  /** Published twice, not the same. */
  | (Found & { readonly kind: 'doubled'; readonly place: Place; readonly other: Place })
  /** It is there, but an earlier one, `last`, lies behind it, and compaction will keep that. */
  | (Found & { readonly kind: 'outdated'; readonly last: number });

export interface VerificationCounts {
  /** Revisions that were recomputed and found, or had to be found. */
  judged: number;
  /** Revisions that were recomputed and have given way to later ones. */
  compacted: number;
  /** Campaigns with a revision that was judged. */
  campaigns: number;
  /** Of revisions recomputed or published: V3. */
  tooEarly: number;
  /** Differences left out: V3. */
  entangled: number;
  /** Missing ones that retention may have removed. */
  removed: number;
}

/** Alerts kept so that the difference can be shown. */
const ALERTS_KEPT_MAX = 100;

export class Verification {
  readonly counts: VerificationCounts = {
    judged: 0,
    compacted: 0,
    campaigns: 0,
    tooEarly: 0,
    entangled: 0,
    removed: 0,
  };
  readonly #published: PublishedAlerts;
  readonly #settings: VerificationSettings;
  readonly #isPartial: boolean;
  /** By id, the last revision recomputed so far. */
  readonly #due = new Map<string, RevisionFacts>();
  /** V3: revision of a campaign from which on nothing is said of it. */
  readonly #doubtful = new Map<string, number>();
  /** V3: until when campaigns that list this text or post were growing. */
  readonly #growing = new Map<number, number>();
  readonly #differences: Difference[] = [];
  #kept = 0;

  constructor(published: PublishedAlerts, settings: VerificationSettings) {
    this.#published = published;
    this.#settings = settings;
    this.#isPartial = settings.knownFromMs > -Infinity;
    for (const { revisions } of published.campaigns.values()) {
      for (const revision of revisions.values()) if (this.#isEarly(revision)) this.#doubt(revision);
    }
  }

  /** Takes what was recomputed, in order. */
  take(alert: Alert): void {
    const facts = factsOf(alert, this.#isPartial);
    if (facts.revisedMs >= this.#settings.untilMs) return;
    const published = this.#published.campaigns.get(facts.id)?.revisions.get(facts.revision);
    if (published !== undefined) published.isSeen = true;
    this.#due.set(facts.id, facts);
    if (this.#isEarly(facts)) this.#doubt(facts);
    if (this.#isDoubtful(facts)) this.counts.tooEarly++;
    else if (published === undefined) this.counts.compacted++;
    else this.#compare(alert, facts, published);
  }

  #compare(alert: Alert, facts: RevisionFacts, { copies }: PublishedRevision): void {
    this.counts.judged++;
    const digest = digestOf(alert);
    for (const copy of copies) {
      if (copy.digest === digest) continue;
      const recomputed = this.#kept++ < ALERTS_KEPT_MAX ? alert : undefined;
      this.#differences.push({ ...facts, kind: 'changed', place: placeOf(copy), recomputed });
    }
  }

  /** All that differs, when everything has been taken. */
  finish(): Difference[] {
    let campaigns = 0;
    for (const facts of this.#due.values()) {
      if (this.#isDoubtful(facts)) continue;
      campaigns++;
      this.#checkLast(facts);
    }
    for (const { revisions } of this.#published.campaigns.values()) {
      for (const revision of revisions.values()) this.#checkPublished(revision);
    }
    this.counts.campaigns = campaigns;
    const certain = this.#differences.filter((difference) => !this.#isEntangled(difference));
    this.counts.entangled = this.#differences.length - certain.length;
    return certain;
  }

  /** V2 */
  #checkLast(facts: RevisionFacts): void {
    const campaign = this.#published.campaigns.get(facts.id);
    const highest = campaign?.highest ?? 0;
    if (highest >= facts.revision) {
      if (campaign!.last < facts.revision) {
        this.#differences.push({ ...facts, kind: 'outdated', last: campaign!.last });
      }
      return;
    }
    if (facts.revisedMs < this.#published.heldFromMs) {
      this.counts.removed++;
      return;
    }
    // It was counted as one that gave way to a later one, unless a tombstone follows it.
    if (campaign?.revisions.has(facts.revision) !== true) {
      this.counts.compacted--;
      this.counts.judged++;
    }
    this.#differences.push({
      ...facts,
      kind: 'missing',
      published: highest,
      isDeleted: campaign?.isDeleted ?? false,
    });
  }

  #checkPublished(revision: PublishedRevision): void {
    const { copies, isSeen, ...facts } = revision;
    const [first, ...others] = copies;
    const place = placeOf(first!);
    for (const other of others) {
      this.#differences.push({ ...facts, kind: 'doubled', place: placeOf(other), other: place });
    }
    if (isSeen || facts.revisedMs >= this.#settings.untilMs) return;
    if (this.#isDoubtful(facts)) {
      this.counts.tooEarly++;
      return;
    }
    this.counts.judged++;
    this.#differences.push({ ...facts, kind: 'unexpected', place });
  }

  #isEarly({ firstPostMs }: RevisionFacts): boolean {
    return firstPostMs < this.#settings.knownFromMs + this.#settings.growsMs;
  }

  #doubt({ id, revision, lastPostMs, marks }: RevisionFacts): void {
    this.#doubtful.set(id, Math.min(revision, this.#doubtful.get(id) ?? Infinity));
    const untilMs = lastPostMs + this.#settings.growsMs;
    for (const mark of marks) this.#growing.set(mark, Math.max(untilMs, this.#growing.get(mark) ?? -Infinity));
  }

  #isDoubtful({ id, revision }: RevisionFacts): boolean {
    return revision >= (this.#doubtful.get(id) ?? Infinity);
  }

  /** A record that came twice with other bytes is wrong whatever the posts were. */
  #isEntangled({ kind, marks, firstPostMs }: Difference): boolean {
    return kind !== 'doubled' && marks.some((mark) => (this.#growing.get(mark) ?? -Infinity) >= firstPostMs);
  }
}

function placeOf({ partition, offset }: Copy): Place {
  return { partition, offset };
}
