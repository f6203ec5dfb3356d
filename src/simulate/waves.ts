/**
 * What many accounts post because something set them off: planted campaigns, and the organic kinds of copying that look
 * like them (a headline passed on for hours, a post forwarded by hand, one event told by its witnesses).
 */
import type { Population } from './accounts.ts';
import { coined, eventReport, headline, sentence, shortLink, utterance } from './chatter.ts';
import { type Level, LEVELS, mutate } from './mutate.ts';
import type { Draft } from './organic.ts';
import { Random, scramble } from './random.ts';
import { type Script, SCRIPTS } from './scripts.ts';
import { VOCABULARIES } from './vocabulary/index.ts';
import type { Language } from './vocabulary/types.ts';

/** A campaign to plant. What is left out is chosen by the seed. */
export interface CampaignPlan {
  readonly level: Level;
  /** Distinct accounts, 1 to 4,096. One in eight of them posts twice. */
  readonly accounts: number;
  /** Its name in the truth; must be unique. */
  readonly name?: string;
  readonly language?: Language;
  /** The text whose copies are posted. */
  readonly text?: string;
  /** Delay of its first post after the start of the feed. */
  readonly delayMs?: number;
  readonly durationMs?: number;
}

/** Why a post was made, as far as that is known beforehand. */
export interface Truth {
  /** Name of the planted campaign. */
  readonly campaign?: string;
  readonly level?: Level;
  /** Name of an organic group of copies or reports; a detector may find it, and nobody coordinated it. */
  readonly copying?: string;
}

export interface Wave {
  readonly startMs: number;
  readonly durationMs: number;
  readonly posts: number;
  readonly truth: Truth;
  /** Its own source of chance, so that waves do not change each other. */
  readonly random: Random;
  draft(index: number): Draft;
}

interface Span {
  readonly seed: number;
  readonly startMs: number;
  readonly durationMs: number;
}

export const CAMPAIGN_ACCOUNTS_MAX = 4096;
const SIZES = [8, 12, 18, 25, 40, 60, 100, 150, 200];
const MINUTES = [5, 12, 30, 60, 120, 240];
const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;
/** Account numbers from here on belong to waves, 4,096 to each. */
const WAVE_ACCOUNT_BASE = 2 ** 30;

function waveRandom(seed: number, index: number): Random {
  return new Random(seed + scramble(index + 1));
}

function startOf(span: Span, durationMs: number, random: Random): number {
  return span.startMs + Math.floor(random.fraction() * Math.max(1, span.durationMs - durationMs));
}

/** `count` plans that go through all levels, with sizes from 8 to 200 accounts. */
export function campaignPlans(count: number, seed: number): CampaignPlan[] {
  const random = new Random(seed + 0x706c616e);
  return Array.from({ length: count }, (_, index) => ({
    level: LEVELS[index % LEVELS.length]!,
    accounts: random.pick(SIZES),
  }));
}

/** A text for a campaign beyond the written ones: three sentences with a name and a slogan of its own. */
function improvised(language: Language, random: Random): Script {
  const vocabulary = VOCABULARIES[language];
  const subject = coined(vocabulary, random);
  const text = [sentence(vocabulary, random), sentence(vocabulary, random), sentence(vocabulary, random)].join(
    vocabulary.stop,
  );
  return { subject, language, text: `${subject}: ${text} #${coined(vocabulary, random)}${coined(vocabulary, random)}` };
}

export function campaignWaves(
  plans: readonly CampaignPlan[],
  languages: readonly Language[],
  population: Population,
  span: Span,
): Wave[] {
  const pool = new Random(span.seed + 0x73637269).shuffled(
    SCRIPTS.filter((script) => languages.includes(script.language)),
  );
  return plans.map((plan, index) => {
    const random = waveRandom(span.seed, index);
    const found = pool.findIndex((script) => plan.language === undefined || script.language === plan.language);
    const script =
      found < 0 ? improvised(plan.language ?? population.language(random), random) : pool.splice(found, 1)[0]!;
    return campaignWave(plan, script, index, population, span, random);
  });
}

function campaignWave(
  plan: CampaignPlan,
  script: Script,
  index: number,
  population: Population,
  span: Span,
  random: Random,
): Wave {
  const { delayMs } = plan;
  const roomMs = delayMs === undefined ? Math.max(1, Math.floor(span.durationMs / 2)) : span.durationMs - delayMs;
  const durationMs = Math.min(plan.durationMs ?? random.pick(MINUTES) * MINUTE_MS, roomMs);
  const startMs = delayMs === undefined ? startOf(span, durationMs, random) : span.startMs + delayMs;
  const { language } = script;
  const text = plan.text ?? script.text;
  const bornMs = startMs - random.between(2, 9) * DAY_MS;
  return {
    startMs,
    durationMs,
    posts: plan.accounts + Math.floor(plan.accounts / 8),
    truth: { campaign: plan.name ?? `${script.subject}-${language}-${index + 1}`, level: plan.level },
    random,
    draft(post) {
      const member = post % plan.accounts;
      const number = WAVE_ACCOUNT_BASE + index * CAMPAIGN_ACCOUNTS_MAX + member;
      // Half of the accounts were made in one go some days before; the others look like anybody's.
      const fresh = member % 2 === 0 ? bornMs + member * 37_000 : undefined;
      return { account: population.account(number, language, fresh), text: mutate(text, plan.level, language, random) };
    },
  };
}

const COPYING_KINDS = ['headline', 'forward', 'event'] as const;

/** `count` groups of organic copying; `firstIndex` is the number of waves before them. */
export function copyingWaves(count: number, firstIndex: number, population: Population, span: Span): Wave[] {
  return Array.from({ length: count }, (_, at) => {
    const index = firstIndex + at;
    const random = waveRandom(span.seed, index);
    const kind = COPYING_KINDS[at % COPYING_KINDS.length]!;
    const minutes = {
      headline: random.between(120, 360),
      forward: random.between(30, 180),
      event: random.between(10, 40),
    }[kind];
    const durationMs = Math.min(minutes * MINUTE_MS, Math.max(1, Math.floor(span.durationMs / 2)));
    return {
      startMs: startOf(span, durationMs, random),
      durationMs,
      posts: random.between(12, kind === 'headline' ? 70 : 40),
      truth: { copying: `${kind}-${at + 1}` },
      random,
      draft: copyingWriter(kind, index, population, random),
    };
  });
}

function copyingWriter(
  kind: (typeof COPYING_KINDS)[number],
  index: number,
  population: Population,
  random: Random,
): Wave['draft'] {
  const language = population.language(random);
  const vocabulary = VOCABULARIES[language];
  const member = (post: number) =>
    population.account(WAVE_ACCOUNT_BASE + index * CAMPAIGN_ACCOUNTS_MAX + post, language);
  if (kind === 'headline') {
    const line = headline(vocabulary, random);
    return (post) => ({ account: member(post), text: `${line} ${shortLink(random)}` });
  }
  if (kind === 'forward') {
    const text = utterance(vocabulary, random);
    const origin = member(0);
    return (post) => ({ account: member(post), text: post === 0 ? text : `RT @${origin.handle}: ${text}` });
  }
  const place = coined(vocabulary, random);
  return (post) => ({ account: member(post), text: eventReport(vocabulary, place, random) });
}
