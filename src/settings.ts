/**
 * Every setting that decides a result, with its default and its bounds. Where a file or a command line is read into it is
 * cli/config.ts; here is what the stages are given.
 */

/** Distinct accounts, similarities (R, 0 to 1), masses in nats, times in ms. */
export interface Settings {
  readonly windowMs: number;
  /** Distinct accounts within one window that open an alert. */
  readonly minAccounts: number;
  readonly latenessMs: number;
  readonly updateIntervalMs: number;
  readonly durationMaxMs: number;
  readonly link: { readonly similarity: number; readonly hammingMax: number };
  readonly core: {
    readonly strongAccounts: number;
    readonly strongSimilarity: number;
    readonly weakAccounts: number;
    readonly weakSimilarity: number;
    readonly massMinNats: number;
    readonly unitesSimilarity: number;
  };
  readonly families: { readonly simhash: boolean };
  /** Keys the choice of buckets, so that nobody who does not know it can aim a text at one. 16 hexadecimal digits or any text. */
  readonly secret: string;
  readonly limits: {
    readonly postsPerCampaign: number;
    readonly variantsPerCampaign: number;
    readonly accountsPerCampaign: number;
    readonly variantsListed: number;
    readonly accountsListed: number;
    readonly samplesListed: number;
    readonly minutesListed: number;
    readonly participants: number;
    readonly retractions: number;
  };
}

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

/** Ages in the window are kept modulo 2^32 ms; twice the window and some must stay below. */
const WINDOW_MS_MAX = 21 * DAY_MS;

export const DEFAULTS: Settings = {
  windowMs: HOUR_MS,
  minAccounts: 5,
  latenessMs: 0,
  updateIntervalMs: 10 * MINUTE_MS,
  durationMaxMs: 90 * DAY_MS,
  link: { similarity: 0.32, hammingMax: 10 },
  core: {
    strongAccounts: 5,
    strongSimilarity: 0.42,
    weakAccounts: 8,
    weakSimilarity: 0.34,
    massMinNats: 14.5,
    unitesSimilarity: 0.38,
  },
  families: { simhash: true },
  secret: 'chorus-v1',
  limits: {
    postsPerCampaign: 100_000,
    variantsPerCampaign: 100_000,
    accountsPerCampaign: 1_000_000,
    variantsListed: 20,
    accountsListed: 100,
    samplesListed: 10,
    minutesListed: 120,
    participants: 200_000,
    retractions: 1_000_000,
  },
};

/** What a setting may be. Durations are given in ms here, with a unit by people. */
export type Bound =
  | { readonly kind: 'duration'; readonly min: number; readonly max: number }
  | { readonly kind: 'integer'; readonly min: number; readonly max: number }
  | { readonly kind: 'number'; readonly min: number; readonly max: number }
  | { readonly kind: 'boolean' }
  | { readonly kind: 'text' };

const SIMILARITY = { kind: 'number', min: 0.05, max: 1 } as const;
const ACCOUNTS = { kind: 'integer', min: 2, max: 100_000 } as const;
const LISTED = { kind: 'integer', min: 1, max: 10_000 } as const;
const KEPT = { kind: 'integer', min: 1000, max: 10_000_000 } as const;

/** The bound of each setting, in the shape of the settings. */
export const BOUNDS: Bounds<Settings> = {
  windowMs: { kind: 'duration', min: 1000, max: WINDOW_MS_MAX },
  minAccounts: ACCOUNTS,
  latenessMs: { kind: 'duration', min: 0, max: WINDOW_MS_MAX },
  updateIntervalMs: { kind: 'duration', min: 1000, max: 365 * DAY_MS },
  durationMaxMs: { kind: 'duration', min: MINUTE_MS, max: 3650 * DAY_MS },
  link: { similarity: SIMILARITY, hammingMax: { kind: 'integer', min: 0, max: 32 } },
  core: {
    strongAccounts: ACCOUNTS,
    strongSimilarity: SIMILARITY,
    weakAccounts: ACCOUNTS,
    weakSimilarity: SIMILARITY,
    massMinNats: { kind: 'number', min: 0, max: 1000 },
    unitesSimilarity: SIMILARITY,
  },
  families: { simhash: { kind: 'boolean' } },
  secret: { kind: 'text' },
  limits: {
    postsPerCampaign: KEPT,
    variantsPerCampaign: KEPT,
    accountsPerCampaign: KEPT,
    variantsListed: LISTED,
    accountsListed: LISTED,
    samplesListed: LISTED,
    minutesListed: LISTED,
    participants: KEPT,
    retractions: KEPT,
  },
};

type Bounds<Shape> = { readonly [Key in keyof Shape]: Shape[Key] extends object ? Bounds<Shape[Key]> : Bound };
