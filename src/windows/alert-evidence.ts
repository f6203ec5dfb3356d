/**
 * What an alert says of its posts beside counting them: timing, explanations, disclosures, creation dates, severity.
 *
 * Marks of a post are taken when it is met first. A revision goes once over the posts that are kept; what compares posts with
 * each other looks at `LOOKED_AT_MAX` of them, those with the smallest post keys. A post key is a hash, so they are a fair
 * sample, and the same one in whatever order the posts came.
 */
import { creationOf, expectationOf, type CreationBaseline, type Expectation } from '../evidence/creation.ts';
import { explain, rounded, type MarkedPost } from '../evidence/explanations.ts';
import { MARK, Marker, type EvidenceRules, type PostMarks } from '../evidence/marks.ts';
import { severityOf } from '../evidence/severity.ts';
import { techniquesOf } from '../evidence/techniques.ts';
import { halfSpanMs, timingOf } from '../evidence/timing.ts';
import type { Normaliser } from '../fingerprints/normalise.ts';
import type { AlertCreation, AlertExplanation, AlertSeverity, AlertTechnique, AlertTiming } from '../model.ts';
import type { Campaign } from './campaigns.ts';
import type { Participants } from './participants.ts';
import type { AccountSummary, MemberPost } from './text-nodes.ts';

const LOOKED_AT_MAX = 2000;
/** Members are parted by the first hexadecimal digits of their keys, to sort a few of many. */
const KEY_DIGITS = 3;

export interface EvidenceSettings {
  readonly windowMs: number;
  readonly minutesListed: number;
  readonly rules: EvidenceRules;
  /** Creation dates of the feed's accounts; undefined where they are not known. */
  readonly creation: CreationBaseline | undefined;
}

export interface AlertEvidence {
  readonly timing: AlertTiming;
  readonly creation: AlertCreation | undefined;
  readonly explanations: readonly AlertExplanation[];
  readonly techniques: readonly AlertTechnique[];
  readonly severity: AlertSeverity;
  /** Phrases by account, platform and account in one string. */
  readonly disclosures: ReadonlyMap<string, string>;
}

export interface CampaignFacts {
  readonly campaign: Campaign;
  readonly summaries: ReadonlyMap<string, AccountSummary>;
  /** Kept posts, in order of time. */
  readonly members: readonly MemberPost[];
  readonly firstMs: number;
  readonly variantCount: number;
  /** R to the representative text, weighted by posts. */
  readonly likeness: number;
}

export class EvidenceBuilder {
  readonly #settings: EvidenceSettings;
  readonly #marker: Marker;
  readonly #participants: Participants;
  readonly #expectation: Expectation | undefined;

  constructor(settings: EvidenceSettings, normaliser: Normaliser, participants: Participants) {
    this.#settings = settings;
    this.#marker = new Marker(normaliser, settings.rules);
    this.#participants = participants;
    this.#expectation = settings.creation === undefined ? undefined : expectationOf(settings.creation);
  }

  of({ campaign, summaries, members, firstMs, variantCount, likeness }: CampaignFacts): AlertEvidence {
    const { windowMs, minutesListed, rules } = this.#settings;
    const times = new Float64Array(members.length);
    for (let i = 0; i < times.length; i++) times[i] = members[i]!.post.createdAt;
    const { disguisedCount, disclosures } = this.#overAll(members);
    const looked = sampled(members).map((member) => ({ post: member.post, marks: this.#marksOf(member) }));
    const explanations = explain(looked, rules, members.length);
    const created = Array.from(summaries.values(), ({ accountCreatedAt }) => accountCreatedAt);
    const known = created.filter((ms) => ms !== undefined);
    const creation = creationOf(known, this.#expectation);
    const disguisedShare = members.length === 0 ? 0 : disguisedCount / members.length;
    const accountCount = campaign.accounts.size;
    const halfMs = halfSpanMs(times);
    return {
      timing: timingOf(times, {
        accountAt: (i) => members[i]!.account,
        firstMs,
        lastMs: campaign.lastMs,
        postCount: campaign.postCount,
        minutesListed,
      }),
      creation,
      explanations,
      techniques: techniquesOf({
        accountCount,
        variantCount,
        halfSpanMs: halfMs,
        tag: mostFrequent(looked, ({ marks }) => marks.tags),
        addressee: mostFrequent(looked, ({ marks }) => (marks.addressee === '' ? [] : [marks.addressee])),
        disguisedCount,
        disguisedShare,
      }),
      severity: severityOf({
        accountCount,
        halfSpanMs: halfMs,
        windowMs,
        likeness,
        disguisedShare,
        concentration: creation?.concentration ?? 0,
        knownShare: accountCount === 0 ? 0 : known.length / accountCount,
        repeatShare: this.#repeatShare(campaign),
        explanations,
      }),
      disclosures,
    };
  }

  #marksOf(member: MemberPost): PostMarks {
    member.marks ??= this.#marker.marksOf(member.post);
    return member.marks;
  }

  #overAll(members: readonly MemberPost[]): { disguisedCount: number; disclosures: Map<string, string> } {
    let disguisedCount = 0;
    const disclosures = new Map<string, string>();
    for (const member of members) {
      const { bits, disclosure } = this.#marksOf(member);
      if ((bits & MARK.disguised) !== 0) disguisedCount++;
      if (disclosure !== undefined && !disclosures.has(member.account)) disclosures.set(member.account, disclosure);
    }
    return { disguisedCount, disclosures };
  }

  #repeatShare({ accounts }: Campaign): number {
    if (this.#participants.count === 0 || accounts.size === 0) return 0;
    let repeated = 0;
    for (const account of accounts.keys()) if (this.#participants.alertsOf(account) > 0) repeated++;
    return repeated / accounts.size;
  }
}

/** Those with the smallest keys, in the order in which they were given. */
function sampled(members: readonly MemberPost[]): readonly MemberPost[] {
  if (members.length <= LOOKED_AT_MAX) return members;
  const counts = new Uint32Array(16 ** KEY_DIGITS);
  for (const { key } of members) counts[bucketOf(key)]!++;
  let below = 0;
  let last = 0;
  while (below + counts[last]! < LOOKED_AT_MAX) below += counts[last++]!;
  const border = members.filter(({ key }) => bucketOf(key) === last).map(({ key }) => key);
  const keyMax = border.sort()[LOOKED_AT_MAX - below - 1]!;
  return members.filter(({ key }) => bucketOf(key) < last || (bucketOf(key) === last && key <= keyMax));
}

function bucketOf(key: string): number {
  return Number.parseInt(key.slice(0, KEY_DIGITS), 16);
}

/** What most posts have, and their share; of several the first in order. */
function mostFrequent(
  posts: readonly MarkedPost[],
  valuesOf: (post: MarkedPost) => readonly string[],
): readonly [string, number] | undefined {
  const counts = new Map<string, number>();
  for (const post of posts) for (const value of valuesOf(post)) counts.set(value, (counts.get(value) ?? 0) + 1);
  let best: readonly [string, number] | undefined;
  for (const [value, count] of counts) {
    const isMore = best === undefined || count > best[1] || (count === best[1] && value < best[0]);
    if (isMore) best = [value, count];
  }
  return best === undefined ? undefined : [best[0], rounded(best[1] / posts.length)];
}
