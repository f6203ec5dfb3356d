/**
 * The accounts of a simulated feed. An account is a function of its number and the seed, so that millions of them cost
 * no memory: platform, language, id, handle and age come from hashes of the number.
 */
import { scramble, type Random } from './random.ts';
import { en } from './vocabulary/en.ts';
import { LANGUAGES, type Language } from './vocabulary/types.ts';

export const PLATFORMS = ['twitter', 'bluesky', 'mastodon', 'weibo', 'reddit'] as const;
export type Platform = (typeof PLATFORMS)[number];

export interface Account {
  readonly id: string;
  readonly platform: Platform;
  readonly language: Language;
  readonly handle: string;
  /** When it was made, ms; every account has it, not every platform tells. */
  readonly createdAt: number;
}

/** Parts of the feed, in percent; a guess at public multi-platform archives, not a measurement. */
const LANGUAGE_SHARES: Readonly<Record<Language, number>> = {
  en: 34,
  es: 10,
  fr: 4,
  de: 4,
  pt: 7,
  it: 3,
  ru: 6,
  ar: 6,
  hi: 3,
  zh: 11,
  ja: 9,
  ko: 3,
};
const PLATFORM_SHARES: Readonly<Record<Platform, number>> = {
  twitter: 50,
  bluesky: 18,
  mastodon: 12,
  weibo: 0,
  reddit: 20,
};
const WEIBO_PERCENT_OF_CHINESE = 85;

const DAY_MS = 86_400_000;
/** Account numbers from here on belong to repeaters and waves. */
const POPULATION_MAX = 2 ** 28;
const OLDEST_MS = 12 * 365 * DAY_MS;

function spread<Name extends string>(names: readonly Name[], shares: Readonly<Record<Name, number>>): Name[] {
  return names.flatMap((name) => Array.from({ length: shares[name] }, () => name));
}

const BASE_32 = 'abcdefghijklmnopqrstuvwxyz234567';

/** A word as seven letters of base 32: one to one. */
export function base32(word: number): string {
  const at = (shift: number): string => BASE_32[(word >>> shift) & 31]!;
  return at(0) + at(5) + at(10) + at(15) + at(20) + at(25) + at(30);
}

/** `key` is distinct for distinct accounts, and each of these maps keeps that. */
function accountId(platform: Platform, key: number): string {
  switch (platform) {
    case 'bluesky':
      return `did:plc:${base32(key)}${base32(scramble(key + 1))}${base32(scramble(key + 2))}${base32(scramble(key + 3)).slice(0, 3)}`;
    case 'reddit':
      return `t2_${key.toString(36)}`;
    case 'mastodon':
      return `10900${1_000_000_000 + key}`;
    case 'twitter':
    case 'weibo':
      return String(1_000_000_000 + key);
  }
}

function handleOf(platform: Platform, key: number): string {
  const { syllables } = en;
  const part = (shift: number): string => syllables[(key >>> shift) % syllables.length]!;
  const name = `${part(0)}${part(6)}${(key & 1024) === 0 ? '_' : part(12)}${(key >>> 18) % 1000}`;
  if (platform === 'bluesky') return `${name}.sky.example`;
  return platform === 'mastodon' ? `${name}@${(key & 2048) === 0 ? 'town' : 'social'}.example` : name;
}

export class Population {
  readonly #seedWord: number;
  readonly #startMs: number;
  readonly #languages: readonly Language[];
  readonly #open: readonly Platform[];
  readonly #hasWeibo: boolean;
  readonly #size: number;
  readonly #doublings: number;

  /** @param posts how many posts the population will make: it has one account for about five. */
  constructor(
    seed: number,
    platforms: readonly Platform[],
    languages: readonly Language[],
    startMs: number,
    posts: number,
  ) {
    this.#seedWord = scramble(seed ^ 0x61636374);
    this.#startMs = startMs;
    this.#languages = spread(
      LANGUAGES.filter((language) => languages.includes(language)),
      LANGUAGE_SHARES,
    );
    this.#open = spread(
      PLATFORMS.filter((platform) => platforms.includes(platform)),
      PLATFORM_SHARES,
    );
    this.#hasWeibo = platforms.includes('weibo');
    this.#size = Math.min(POPULATION_MAX, Math.max(64, Math.floor(posts / 5)));
    this.#doublings = 32 - Math.clz32(this.#size);
  }

  /** The account of this number; `language` overrides the one that the number has, `bornMs` the time it was made. */
  account(number: number, language?: Language, bornMs?: number): Account {
    const key = scramble(number ^ this.#seedWord);
    const traits = scramble(key ^ 0x74726169);
    const speaks = language ?? this.#languages[traits % this.#languages.length]!;
    const platform = this.#platform(speaks, traits >>> 8);
    const age = (scramble(traits) % 65_536) / 65_536;
    return {
      id: accountId(platform, key),
      platform,
      language: speaks,
      handle: handleOf(platform, key),
      createdAt: bornMs ?? Math.floor((this.#startMs - DAY_MS - age * age * OLDEST_MS) / 1000) * 1000,
    };
  }

  #platform(language: Language, trait: number): Platform {
    const first = this.#open.length === 0 || (language === 'zh' && trait % 100 < WEIBO_PERCENT_OF_CHINESE);
    if (this.#hasWeibo && first) return 'weibo';
    // Other bits than those of the choice before, which would leave only some of the platforms.
    return this.#open[(trait >>> 7) % this.#open.length]!;
  }

  /**
   * The number of an account that is about to post. A third of all posts come from a log-uniform draw, whose density falls
   * like 1/n: the busiest accounts post hundreds of times as often as the median one.
   */
  active(random: Random): number {
    if (random.chance(650)) return random.below(this.#size);
    const span = random.between(Math.min(6, this.#doublings), this.#doublings);
    return random.below(Math.min(this.#size, 1 << span));
  }

  language(random: Random): Language {
    return random.pick(this.#languages);
  }
}
