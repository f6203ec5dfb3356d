/** What can be asked of the simulator, and the bounds of it. */
import { ConfigError, type ConfigProblem } from '../errors.ts';
import { type Platform, PLATFORMS } from './accounts.ts';
import { LEVELS } from './mutate.ts';
import { LANGUAGES, type Language } from './vocabulary/types.ts';
import { CAMPAIGN_ACCOUNTS_MAX, type CampaignPlan } from './waves.ts';

export interface SimulateOptions {
  /** Any safe integer. */
  readonly seed: number;
  /** Posts in all, those of campaigns and copying included. */
  readonly posts: number;
  /** Event time of the first moment, ms; the hour of the day sets the rhythm, in UTC. */
  readonly startMs: number;
  readonly durationMs: number;
  /** Default: all. */
  readonly platforms?: readonly Platform[];
  /** Default: all. */
  readonly languages?: readonly Language[];
  /** How many campaigns to plant, or which. Default: none. */
  readonly campaigns?: number | readonly CampaignPlan[];
  /** How many groups of organic copying (headline, forward, event, in turn). Default: none. */
  readonly copying?: number;
  /** Ids count from here on, so that a feed that goes on after another one repeats none of its ids. Default: 0. */
  readonly firstSequence?: number;
}

/** The last moment of the year 9999, beyond which ISO 8601 needs another form. */
const LATEST_MS = 253_402_300_799_999;

/** Ids are scrambled in 32 bits. */
const SEQUENCE_MAX = 2 ** 32 - 1;

class Problems {
  readonly found: ConfigProblem[] = [];

  integer(name: string, value: number, low: number, high = Number.MAX_SAFE_INTEGER): void {
    if (Number.isSafeInteger(value) && value >= low && value <= high) return;
    this.found.push({ name, value: String(value), bound: `an integer from ${low} to ${high}` });
  }

  names<Name extends string>(name: string, values: readonly Name[], known: readonly Name[]): void {
    if (values.length > 0 && values.every((value) => known.includes(value))) return;
    this.found.push({ name, value: values.join(', ') || 'none', bound: `one or more of ${known.join(', ')}` });
  }
}

function checkPlans(plans: readonly CampaignPlan[], durationMs: number, problems: Problems): void {
  const names = new Set<string>();
  for (const [index, plan] of plans.entries()) {
    const at = `campaigns[${index}]`;
    const { name, delayMs = 0 } = plan;
    problems.names(`${at}.level`, [plan.level], LEVELS);
    problems.integer(`${at}.accounts`, plan.accounts, 1, CAMPAIGN_ACCOUNTS_MAX);
    problems.integer(`${at}.delayMs`, delayMs, 0, durationMs - 1);
    problems.integer(`${at}.durationMs`, plan.durationMs ?? 1, 1, durationMs - delayMs);
    if (plan.language !== undefined) problems.names(`${at}.language`, [plan.language], LANGUAGES);
    if (plan.text?.trim() === '') problems.found.push({ name: `${at}.text`, value: plan.text, bound: 'a text' });
    if (name === undefined) continue;
    if (names.has(name)) problems.found.push({ name: `${at}.name`, value: name, bound: 'unique' });
    names.add(name);
  }
}

/** @throws ConfigError with all options that are out of bounds. */
export function checkOptions(options: SimulateOptions): void {
  const { durationMs, campaigns = 0 } = options;
  const problems = new Problems();
  problems.integer('seed', options.seed, Number.MIN_SAFE_INTEGER);
  problems.integer('posts', options.posts, 0);
  problems.integer('startMs', options.startMs, 0, LATEST_MS);
  problems.integer('durationMs', durationMs, 1, LATEST_MS - options.startMs);
  problems.integer('copying', options.copying ?? 0, 0);
  problems.integer('firstSequence', options.firstSequence ?? 0, 0, SEQUENCE_MAX);
  problems.names('platforms', options.platforms ?? PLATFORMS, PLATFORMS);
  problems.names('languages', options.languages ?? LANGUAGES, LANGUAGES);
  if (typeof campaigns === 'number') problems.integer('campaigns', campaigns, 0);
  else checkPlans(campaigns, durationMs, problems);
  if (problems.found.length > 0) throw new ConfigError(problems.found);
}
