/**
 * The three stages called one after the other in one process: entries in the total order in, alerts out.
 */
import { createHash, scryptSync } from 'node:crypto';
import { ENTRY, entryIsRetraction, entryTimeMs } from '../frames/entry.ts';
import type { CreationBaseline } from '../evidence/creation.ts';
import { NO_RULES, type EvidenceRules } from '../evidence/marks.ts';
import type { FingerprintSettings } from '../fingerprints/fingerprint.ts';
import { FrequencyTable } from '../fingerprints/frequency-table.ts';
import { hashStrings, hex64 } from '../fingerprints/hash.ts';
import type { Evidence, RecordPlace } from '../model.ts';
import type { Settings } from '../settings.ts';
import { CampaignStage, type CampaignEvent, type CampaignSettings, type Revision } from '../stages/campaign.ts';
import { MatchStage, type MatchEvent } from '../stages/match.ts';
import type { BucketIndexSettings } from '../windows/bucket-index.ts';
import { KeptPost } from './evidence.ts';
import { EvidenceRing } from './evidence-ring.ts';

/** What the normaliser, hashes and record do; raised by hand with every change of theirs that moves a result. */
const ALGORITHM_VERSION = 4;

/** The texts and accounts of posts that are gone are not to be read for longer, nor may a wave of deletions be one of revisions. */
const REMOVAL_INTERVAL_MS = 60_000;

export interface EngineOptions {
  readonly settings: Settings;
  /** Bytes of the frequency table. */
  readonly table: Uint8Array;
  /** Name and version, for the alerts. */
  readonly engine: string;
  readonly evidence?: EvidenceOptions;
  /** Name of the feed topic, where samples tell the records that they were read from. */
  readonly provenance?: string | undefined;
}

/** What alerts say beyond what comes with Chorus. Plain values. */
export interface EvidenceOptions {
  /** Explanations and disclosures of the user's own. */
  readonly rules?: EvidenceRules;
  /** When the accounts of this feed were made. */
  readonly creation?: CreationBaseline;
}

export interface StageSettings {
  readonly fingerprint: FingerprintSettings;
  readonly match: BucketIndexSettings;
  readonly campaign: CampaignSettings;
  /** Hash of all that decides a result. */
  readonly topology: string;
}

/** The settings of each stage. @throws ConfigError if the table is none. */
export function stageSettings({ settings, table, engine, evidence, provenance }: EngineOptions): StageSettings {
  const frequencies = new FrequencyTable(table);
  const topology = topologyId(settings, table, evidence);
  const { hi, lo } = hashStrings('secret', settings.secret);
  const fingerprint = { table: frequencies, secretHi: hi, secretLo: lo, simhash: settings.families.simhash };
  const { limits, windowMs } = settings;
  return {
    fingerprint,
    match: {
      windowMs,
      simhash: settings.families.simhash,
      hammingMax: settings.link.hammingMax,
      linkSimilarity: settings.link.similarity,
      idfNats: frequencies.idfNats,
      secretHi: hi,
    },
    campaign: {
      windowMs,
      latenessMs: settings.latenessMs,
      minAccounts: settings.minAccounts,
      updateIntervalMs: settings.updateIntervalMs,
      removalIntervalMs: REMOVAL_INTERVAL_MS,
      retractionsMax: limits.retractions,
      participantsMax: limits.participants,
      durationMaxMs: settings.durationMaxMs,
      core: { ...settings.core, strongAccounts: Math.min(settings.core.strongAccounts, settings.minAccounts) },
      limits: {
        postsMax: limits.postsPerCampaign,
        variantsMax: limits.variantsPerCampaign,
        accountsMax: limits.accountsPerCampaign,
      },
      alert: {
        windowMs,
        engine,
        topology,
        provenance,
        variantsListed: limits.variantsListed,
        accountsListed: limits.accountsListed,
        samplesListed: limits.samplesListed,
        minutesListed: limits.minutesListed,
        rules: evidence?.rules ?? NO_RULES,
        creation: evidence?.creation,
      },
      fingerprint,
    },
    topology,
  };
}

/**
 * 16 hexadecimal digits. The secret goes in too, since another secret chooses other buckets, but through a slow hash: every
 * alert shows the id, and a weak secret must not be found from it by trying.
 */
function topologyId(settings: Settings, table: Uint8Array, evidence: EvidenceOptions | undefined): string {
  const tableHash = createHash('sha256').update(table).digest('hex');
  const secret = scryptSync(settings.secret, 'chorus topology', 16).toString('hex');
  const shown = { ...settings, secret };
  const all = JSON.stringify({ algorithm: ALGORITHM_VERSION, table: tableHash, settings: shown, ...evidence });
  return createHash('sha256').update(all).digest('hex').slice(0, 16);
}

export class Engine {
  readonly match: MatchStage;
  readonly campaign: CampaignStage;
  readonly #evidence: EvidenceRing;
  readonly #events: MatchEvent[] = [];

  constructor(settings: StageSettings) {
    this.match = new MatchStage(settings.match);
    this.campaign = new CampaignStage(settings.campaign);
    this.#evidence = new EvidenceRing(settings.match.windowMs);
  }

  /** Posts that came again. */
  get duplicates(): number {
    return this.match.duplicates + this.campaign.duplicates;
  }

  /** Makes room for so many posts in one window, before the first. */
  reserve(posts: number): void {
    this.match.index.reserve(posts);
  }

  /** Takes the next entry in the total order, with its post as canonical JSON (none for a retraction); appends the revisions it causes. */
  process(words: Uint32Array, at: number, post: Uint8Array, out: Revision[], place?: RecordPlace): void {
    const timeMs = entryTimeMs(words, at);
    const reference = entryIsRetraction(words, at)
      ? -1
      : this.#evidence.append(timeMs, words[at + ENTRY.postHi]!, words[at + ENTRY.postLo]!, post, place);
    const events = this.#events;
    events.length = 0;
    this.match.process(words, at, reference, events);
    if (events.length === 0) return;
    this.campaign.process(
      timeMs,
      events.map((event) => this.#resolve(event)),
      out,
    );
  }

  /** For an entry that comes a few entries later: reads what its look-up will read, so that it is there by then. */
  touchAhead(words: Uint32Array, at: number): void {
    this.match.index.touchAhead(words, at);
  }

  finish(out: Revision[]): void {
    this.campaign.finish(out);
  }

  #resolve(event: MatchEvent): CampaignEvent {
    if (event.kind === 'retraction') {
      return { kind: 'retraction', post: hex64(event.post.hi, event.post.lo), beforeMs: event.beforeMs };
    }
    if (event.kind === 'post') {
      return { kind: 'post', node: event.node, evidence: this.#post(event.evidence), first: event.first };
    }
    const { later, earlier, similarity, families } = event;
    return {
      kind: 'link',
      later,
      laterEvidence: this.#post(event.laterEvidence),
      earlier,
      earlierEvidence: event.earlierEvidence < 0 ? undefined : this.#post(event.earlierEvidence),
      similarity,
      families,
    };
  }

  #post(reference: number): Evidence {
    const { key, timeMs, bytes, place } = this.#evidence.read(reference);
    return new KeptPost(key, timeMs, bytes, place);
  }
}
