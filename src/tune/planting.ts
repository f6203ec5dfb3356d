/** Campaigns to plant: which text, level and size, and each of their posts. A function of the base texts and the seed. */
import type { Post } from '../model.ts';
import { LEVELS, mutate, type Level } from '../simulate/mutate.ts';
import { Random, scramble } from '../simulate/random.ts';
import { LANGUAGES, type Language } from '../simulate/vocabulary/types.ts';

/** L0 to L6: the levels of the simulator, and one beyond them, of which every other word is another one. */
export const PLANT_LEVELS = ['L0', 'L1', 'L2', 'L3', 'L4', 'L5', 'L6'] as const;
export type PlantLevel = (typeof PLANT_LEVELS)[number];

/** What is done to each copy, one after the other. L6: .38 of the words, then .22 of what is left, a little over half. */
const RECIPES: Readonly<Record<PlantLevel, readonly Level[]>> = {
  L0: [LEVELS[0]],
  L1: [LEVELS[1]],
  L2: [LEVELS[2]],
  L3: [LEVELS[3]],
  L4: [LEVELS[4]],
  L5: [LEVELS[5]],
  L6: [LEVELS[5], LEVELS[4]],
};

export const LEVEL_WORDS: Readonly<Record<PlantLevel, string>> = {
  L0: 'the same text',
  L1: 'case, marks, links, hashtags',
  L2: 'hidden characters, look-alikes',
  L3: '10 % of the words',
  L4: '22 %, reordered, cut, misspelt',
  L5: '38 %, the same and more',
  L6: 'half of the words and more',
};

export interface PlantPlan {
  readonly levels: readonly PlantLevel[];
  /** Distinct accounts. */
  readonly sizes: readonly number[];
  /** Campaigns of each level and size. */
  readonly perKind: number;
  /** How long a campaign posts. */
  readonly spanMs: number;
  readonly seed: number;
}

export interface PlantedCampaign {
  readonly level: PlantLevel;
  readonly accounts: number;
}

/** In ids of posts and accounts, so that they are told from those of the archive. */
const MARK = 'chorus-plant';

/** Kinds in turn, so that fewer base texts than wanted leave out some of each kind. */
export function plannedCampaigns({ levels, sizes, perKind }: PlantPlan): PlantedCampaign[] {
  return Array.from({ length: perKind }, () =>
    levels.flatMap((level) => sizes.map((accounts): PlantedCampaign => ({ level, accounts }))),
  ).flat();
}

/**
 * The posts of campaign `index`, an account for each, evenly by chance within the span, which lies anywhere in the archive.
 * @param between event times of the first and the last post of the archive, ms
 */
export function campaignPosts(
  { level, accounts }: PlantedCampaign,
  index: number,
  base: Post,
  { spanMs, seed }: PlantPlan,
  between: readonly [firstMs: number, lastMs: number],
): Post[] {
  const random = new Random(seed + scramble(index + 1));
  const language = languageOf(base);
  const [firstMs, lastMs] = between;
  const lengthMs = Math.min(spanMs, lastMs - firstMs);
  const startMs = firstMs + Math.floor(random.fraction() * (lastMs - firstMs - lengthMs));
  return Array.from({ length: accounts }, (_, member): Post => {
    const text = RECIPES[level].reduce((copy, step) => mutate(copy, step, language, random), base.text);
    return {
      id: `${MARK}:${seed}:${index}:${member}`,
      platform: base.platform,
      account: `${MARK}:${seed}:${index}:${member}`,
      text,
      createdAt: startMs + Math.floor(random.fraction() * lengthMs),
    };
  });
}

/** The campaign that a post was planted for; undefined for one of the archive. */
export function plantedIndex(post: Post, seed: number): number | undefined {
  const prefix = `${MARK}:${seed}:`;
  if (!post.id.startsWith(prefix)) return undefined;
  return Number(post.id.slice(prefix.length, post.id.lastIndexOf(':')));
}

const SCRIPTS: readonly (readonly [RegExp, Language])[] = [
  [/\p{Script=Hangul}/u, 'ko'],
  [/[\p{Script=Hiragana}\p{Script=Katakana}]/u, 'ja'],
  [/\p{Script=Han}/u, 'zh'],
  [/\p{Script=Cyrillic}/u, 'ru'],
  [/\p{Script=Arabic}/u, 'ar'],
  [/\p{Script=Devanagari}/u, 'hi'],
];
const OF_SCRIPTS: ReadonlySet<Language> = new Set(SCRIPTS.map(([, language]) => language));

/**
 * The vocabulary for what is changed. Tags are often wrong, so the script speaks first; a Latin text without a tag that is known
 * gets English words in, which are as foreign to the others as any.
 */
export function languageOf({ text, lang }: Post): Language {
  const found = SCRIPTS.find(([script]) => script.test(text));
  if (found !== undefined) return found[1];
  const tag = lang?.slice(0, 2).toLowerCase();
  return LANGUAGES.find((language) => language === tag && !OF_SCRIPTS.has(language)) ?? 'en';
}
