/**
 * `simulate`: a seeded, believable feed of posts with planted campaigns, each post with the truth beside it.
 *
 * Invariants. S1: posts come in time order, within `[startMs, startMs + durationMs)`. S2: the same options give the same
 * bytes on every engine, since choices are 32-bit integer arithmetic and fractions use only the exactly rounded + - * /.
 * S3: memory holds the recent posts that can be answered, the plans, and the posts still due of campaigns under way,
 * whatever the number of posts. S4: ids are unique.
 */
import { ConfigError } from '../errors.ts';
import type { Post } from '../model.ts';
import { base32, type Platform, PLATFORMS, Population } from './accounts.ts';
import type { Level } from './mutate.ts';
import { checkOptions, type SimulateOptions } from './options.ts';
import { type Draft, Organic } from './organic.ts';
import { Random, scramble } from './random.ts';
import { LANGUAGES, type Language } from './vocabulary/types.ts';
import { campaignPlans, type CampaignPlan, campaignWaves, copyingWaves, type Truth, type Wave } from './waves.ts';

export interface SimulatedPost extends Truth {
  readonly post: Post;
}

const MINUTE_MS = 60_000;
/** How busy each hour of the UTC day is, in percent of the busiest. */
const HOURLY = [40, 32, 27, 24, 24, 28, 38, 52, 66, 76, 82, 85, 88, 90, 90, 88, 88, 92, 98, 100, 96, 84, 68, 52];

/** Posts per minute, up to a factor: linear between the hours. */
function busyness(atMs: number): number {
  const minute = Math.floor(atMs / MINUTE_MS) % 1440;
  const hour = Math.floor(minute / 60);
  const past = minute % 60;
  return HOURLY[hour]! * (60 - past) + HOURLY[(hour + 1) % 24]! * past;
}

/** `count` times in order, spread by the rhythm of the day. */
function* organicTimes(count: number, startMs: number, durationMs: number, random: Random): Generator<number> {
  const endMs = startMs + durationMs;
  let total = 0;
  for (let at = startMs; at < endMs; at += MINUTE_MS) total += busyness(at) * Math.min(MINUTE_MS, endMs - at);
  let passed = 0;
  let made = 0;
  for (let at = startMs; at < endMs; at += MINUTE_MS) {
    const widthMs = Math.min(MINUTE_MS, endMs - at);
    passed += busyness(at) * widthMs;
    const due = at + MINUTE_MS >= endMs ? count : Math.floor((count * passed) / total);
    const here = due - made;
    for (let nth = 0; nth < here; nth += 1) yield at + Math.floor(((nth + random.fraction()) / here) * widthMs);
    made = due;
  }
}

interface Due {
  readonly atMs: number;
  readonly wave: Wave;
  readonly index: number;
}

/** The waves' posts in time order; a wave is laid out only when its start comes. */
class Schedule {
  /** Latest start last, so that the next one is popped. */
  readonly #waiting: Wave[];
  /** Latest first. */
  #due: Due[] = [];

  constructor(waves: readonly Wave[]) {
    this.#waiting = [...waves].reverse().sort((one, other) => other.startMs - one.startMs);
  }

  /** The next post that is due at or before `atMs`. */
  next(atMs: number): Due | undefined {
    while (this.#waiting.length > 0 && this.#waiting.at(-1)!.startMs <= atMs) this.#layOut(this.#waiting.pop()!);
    const first = this.#due.at(-1);
    return first !== undefined && first.atMs <= atMs ? this.#due.pop() : undefined;
  }

  #layOut(wave: Wave): void {
    const times = Array.from({ length: wave.posts }, () => {
      // Squared, because a wave starts fast and fades.
      const fraction = wave.random.fraction();
      return wave.startMs + Math.floor(fraction * fraction * wave.durationMs);
    }).sort((one, other) => other - one);
    const laidOut = times.map((atMs, at) => ({ atMs, wave, index: wave.posts - 1 - at }));
    this.#due = [...this.#due, ...laidOut].sort((one, other) => other.atMs - one.atMs);
  }
}

/** `sequence` counts the posts of the feed, so every form is unique on its platform. */
function postId(platform: Platform, atMs: number, sequence: number): string {
  switch (platform) {
    case 'twitter':
      return `1${String(sequence).padStart(10, '0')}${String(atMs).slice(-8)}`;
    case 'bluesky':
      return `3l${base32(scramble(sequence))}${base32(scramble(sequence + 1)).slice(0, 4)}`;
    case 'mastodon':
      return `11${String(sequence).padStart(10, '0')}${String(atMs).slice(-6)}`;
    case 'weibo':
      return `5${String(sequence).padStart(10, '0')}${String(atMs).slice(-5)}`;
    case 'reddit':
      return `t3_${(60_466_176 + sequence).toString(36)}`;
  }
}

type Mutable<Shape> = { -readonly [Key in keyof Shape]: Shape[Key] };

/** What the platform tells of the draft: some give no language, no handle or no account age, as their real feeds do. */
function published(draft: Draft, id: string, atMs: number): Post {
  const { account, text } = draft;
  const { platform } = account;
  const post: Mutable<Post> = { id, platform, account: account.id, text, createdAt: atMs };
  if (platform !== 'reddit') post.handle = account.handle;
  if (platform !== 'reddit' && platform !== 'weibo') {
    post.lang = account.language;
    if (text.includes('https://')) post.urls = text.match(/https:\/\/[\w./-]+/g) ?? [];
  }
  if (draft.repostOf !== undefined) post.repostOf = draft.repostOf;
  if (draft.replyTo !== undefined) post.replyTo = draft.replyTo;
  if (draft.quoteOf !== undefined) post.quoteOf = draft.quoteOf;
  if (platform === 'twitter' || platform === 'mastodon' || platform === 'reddit')
    post.accountCreatedAt = account.createdAt;
  return post;
}

/**
 * Makes the feed, lazily.
 * @throws ConfigError for options out of range (all of them at once) or more planned posts than posts in all, at the first step
 */
export function* simulate(options: SimulateOptions): Generator<SimulatedPost> {
  const { seed, posts, startMs, durationMs, platforms = PLATFORMS, languages = LANGUAGES, copying = 0 } = options;
  checkOptions(options);
  const plans = typeof options.campaigns === 'object' ? options.campaigns : campaignPlans(options.campaigns ?? 0, seed);
  const population = new Population(seed, platforms, languages, startMs, posts);
  const waves = [
    ...campaignWaves(plans, languages, population, options),
    ...copyingWaves(copying, plans.length, population, options),
  ];
  const planned = waves.reduce((sum, wave) => sum + wave.posts, 0);
  if (planned > posts) {
    const bound = `at least ${planned}, the posts of campaigns and copying`;
    throw new ConfigError([{ name: 'posts', value: String(posts), bound }]);
  }

  const random = new Random(seed);
  const organic = new Organic(population, random);
  const schedule = new Schedule(waves);
  let sequence = options.firstSequence ?? 0;
  const numbered = (draft: Draft, atMs: number): Post =>
    published(draft, postId(draft.account.platform, atMs, sequence++), atMs);
  function* due(untilMs: number): Generator<SimulatedPost> {
    for (let next = schedule.next(untilMs); next !== undefined; next = schedule.next(untilMs)) {
      yield { post: numbered(next.wave.draft(next.index), next.atMs), ...next.wave.truth };
    }
  }
  for (const atMs of organicTimes(posts - planned, startMs, durationMs, random)) {
    yield* due(atMs);
    const draft = organic.draft();
    const post = numbered(draft, atMs);
    organic.remember(post.id, draft);
    yield { post };
  }
  yield* due(Number.POSITIVE_INFINITY);
}

/** The post as a line of canonical NDJSON, without its end: times as ISO 8601 in UTC. */
export function postLine(post: Post): string {
  const { accountCreatedAt } = post;
  // One literal in a fixed order, absent fields undefined: 2.6 us a line, where spreading the rest of the post takes 3.5.
  return JSON.stringify({
    id: post.id,
    platform: post.platform,
    account: post.account,
    handle: post.handle,
    text: post.text,
    createdAt: new Date(post.createdAt).toISOString(),
    lang: post.lang,
    urls: post.urls,
    repostOf: post.repostOf,
    replyTo: post.replyTo,
    quoteOf: post.quoteOf,
    accountCreatedAt: accountCreatedAt === undefined ? undefined : new Date(accountCreatedAt).toISOString(),
  });
}

const HOUR_MS = 3_600_000;

function oneCampaign(
  level: Level,
  language: Language,
  accounts: number,
  delayHours: number,
  minutes: number,
): CampaignPlan {
  return { level, language, accounts, delayMs: delayHours * HOUR_MS, durationMs: minutes * MINUTE_MS };
}

/** The options of the demo: 60,000 posts of one day, eight campaigns of every level, six groups of organic copying. */
export function demoDay(seed: number): SimulateOptions {
  return {
    seed,
    posts: 60_000,
    startMs: Date.UTC(2025, 1, 4),
    durationMs: 24 * HOUR_MS,
    campaigns: [
      oneCampaign('exact', 'en', 60, 7, 20),
      oneCampaign('exact', 'zh', 24, 13, 45),
      oneCampaign('cosmetic', 'es', 45, 16, 90),
      oneCampaign('obfuscated', 'en', 80, 10, 40),
      oneCampaign('obfuscated', 'ru', 30, 18, 60),
      oneCampaign('light', 'de', 50, 12, 120),
      oneCampaign('medium', 'en', 70, 14, 60),
      oneCampaign('heavy', 'en', 120, 3, 360),
    ],
    copying: 6,
  };
}
