import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { PLATFORMS } from '../../src/simulate/accounts.ts';
import { demoDay, postLine, simulate, type SimulatedPost } from '../../src/simulate/feed.ts';
import { ConfigError } from '../../src/errors.ts';
import type { SimulateOptions } from '../../src/simulate/options.ts';
import { LEVELS } from '../../src/simulate/mutate.ts';
import { LANGUAGES } from '../../src/simulate/vocabulary/types.ts';

const START_MS = Date.UTC(2025, 1, 4);
const HOUR_MS = 3_600_000;
const day = [...simulate(demoDay(1))];

function hash(options: SimulateOptions): string {
  const digest = createHash('sha256');
  for (const { post, campaign, level, copying } of simulate(options)) {
    digest.update(`${postLine(post)}\t${campaign ?? ''}\t${level ?? ''}\t${copying ?? ''}\n`);
  }
  return digest.digest('hex');
}

/** Items by a key, in order of appearance. */
function groups<Item>(items: Iterable<Item>, keyOf: (item: Item) => string | undefined): Map<string, Item[]> {
  const found = new Map<string, Item[]>();
  for (const item of items) {
    const key = keyOf(item);
    if (key !== undefined) found.set(key, [...(found.get(key) ?? []), item]);
  }
  return found;
}

const accountsOf = (posts: readonly SimulatedPost[]) =>
  new Set(posts.map(({ post }) => `${post.platform} ${post.account}`)).size;

describe('determinism', () => {
  const options = { seed: 2025, posts: 2000, startMs: START_MS, durationMs: 6 * HOUR_MS, campaigns: 7, copying: 3 };

  test('2,000 posts have the bytes that they had when this was written', () => {
    expect(hash(options)).toBe('ed1f7cbfa44b099e505ce86efecbb96e895a3a173e24947dc62e3d6c6b4f2f80');
  });

  test('a feed that counts on has other ids, and the same posts', () => {
    const feed = (firstSequence: number) => [...simulate({ ...options, firstSequence })].map(({ post }) => post);
    const [first, next] = [feed(0), feed(2000)];
    expect(new Set([...first, ...next].map(({ platform, id }) => `${platform} ${id}`)).size).toBe(4000);
    expect(next.map(({ text }) => text)).toEqual(first.map(({ text }) => text));
  });

  test('another seed gives another feed', () => {
    expect(hash({ ...options, seed: 2026 })).not.toBe(hash(options));
  });

  test('campaigns do not depend on how many others there are', () => {
    const texts = (campaigns: number) =>
      [...simulate({ ...options, posts: 4000, campaigns })]
        .filter(({ campaign }) => campaign?.endsWith('-1'))
        .map(({ post }) => post.text);
    expect(texts(9)).toEqual(texts(3));
  });
});

describe('any options', () => {
  test('give the posts asked for, in order, in time, with unique ids and the campaigns planned', () => {
    fc.assert(
      fc.property(
        fc.record({
          seed: fc.maxSafeInteger(),
          posts: fc.integer({ min: 450, max: 1500 }),
          startMs: fc.integer({ min: 0, max: 2 ** 41 }),
          durationMs: fc.oneof(fc.integer({ min: 1, max: 200_000 }), fc.integer({ min: 1, max: 40 * 24 * HOUR_MS })),
          platforms: fc.subarray([...PLATFORMS], { minLength: 1 }),
          languages: fc.subarray([...LANGUAGES], { minLength: 1 }),
          campaigns: fc.array(
            fc.record({ level: fc.constantFrom(...LEVELS), accounts: fc.integer({ min: 1, max: 60 }) }),
            { maxLength: 4 },
          ),
          copying: fc.integer({ min: 0, max: 2 }),
        }),
        (options) => {
          const made = [...simulate(options)];
          expect(made.length).toBe(options.posts);
          let lastMs = options.startMs;
          for (const { post } of made) {
            expect(post.createdAt).toBeGreaterThanOrEqual(lastMs);
            lastMs = post.createdAt;
            expect(post.text.trim()).not.toBe('');
            expect(options.platforms).toContain(post.platform);
          }
          expect(lastMs).toBeLessThan(options.startMs + options.durationMs);
          expect(new Set(made.map(({ post }) => `${post.platform} ${post.id}`)).size).toBe(options.posts);
          const planted = groups(made, ({ campaign }) => campaign);
          const sizes = [...planted.values()].map(accountsOf).toSorted((a, b) => a - b);
          expect(sizes).toEqual(options.campaigns.map(({ accounts }) => accounts).toSorted((a, b) => a - b));
        },
      ),
      { numRuns: 60 },
    );
  });

  const valid = { seed: 1, posts: 100, startMs: START_MS, durationMs: HOUR_MS };
  test.each<[string, Partial<SimulateOptions>, RegExp]>([
    ['a fraction of a post', { posts: 1.5 }, /^posts: .*1\.5/],
    ['no time', { durationMs: 0 }, /^durationMs: .*0/],
    ['a time beyond the year 9999', { startMs: 253_402_300_799_999 }, /durationMs/],
    ['no platform', { platforms: [] }, /platforms/],
    ['an unknown language', { languages: ['xx' as 'en'] }, /^languages: .*xx/],
    ['an unknown level', { campaigns: [{ level: 'wild' as 'light', accounts: 5 }] }, /campaigns\[0\].level: .*wild/],
    [
      'a campaign without text',
      { campaigns: [{ level: 'light', accounts: 5, text: ' ' }] },
      /campaigns\[0\].text: .*a text/,
    ],
    [
      'a campaign that ends too late',
      { campaigns: [{ level: 'light', accounts: 5, delayMs: HOUR_MS - 5, durationMs: 6 }] },
      /campaigns\[0\].durationMs: .*6/,
    ],
    [
      'two campaigns of one name',
      { campaigns: [0, 1].map(() => ({ level: 'light', accounts: 5, name: 'n' }) as const) },
      /campaigns\[1\].name: .*unique/,
    ],
    [
      'more campaign posts than posts',
      { campaigns: [{ level: 'light', accounts: 96 }] },
      /^posts: .*100.*at least 108/,
    ],
  ])('%s is refused', (_name, wrong, message) => {
    expect(() => simulate({ ...valid, ...wrong }).next()).toThrow(message);
  });

  test('all that is wrong is told at once', () => {
    const wrong = {
      ...valid,
      posts: -1,
      copying: 0.5,
      platforms: [],
      campaigns: [{ level: 'light', accounts: 0 }] as const,
    };
    const told = () => {
      try {
        return simulate(wrong).next();
      } catch (error) {
        return error instanceof ConfigError ? error.problems.map(({ name }) => name) : error;
      }
    };
    expect(told()).toEqual(['posts', 'copying', 'platforms', 'campaigns[0].accounts']);
  });
});

describe('the demo day', () => {
  test('has 60,000 posts, all languages, all platforms, and the rhythm of a day', () => {
    expect(day.length).toBe(60_000);
    expect(new Set(day.map(({ post }) => post.platform))).toEqual(new Set(PLATFORMS));
    const tagged = groups(day, ({ post }) => post.lang);
    for (const language of LANGUAGES) expect(tagged.get(language)?.length, language).toBeGreaterThan(200);
    const perHour = Array.from({ length: 24 }, () => 0);
    for (const { post } of day) perHour[Math.floor((post.createdAt - START_MS) / HOUR_MS)]! += 1;
    expect(perHour[19]! / perHour[3]!).toBeGreaterThan(2.5);
  });

  test('has eight campaigns of all levels and six groups of organic copying, each with the accounts planned', () => {
    const planted = groups(day, ({ campaign }) => campaign);
    const sizes = [...planted.values()].map((posts) => `${posts[0]!.level} ${accountsOf(posts)}`);
    expect(sizes.toSorted()).toEqual(
      [
        'cosmetic 45',
        'exact 24',
        'exact 60',
        'heavy 120',
        'light 50',
        'medium 70',
        'obfuscated 30',
        'obfuscated 80',
      ].toSorted(),
    );
    expect(groups(day, ({ copying }) => copying).size).toBe(6);
    for (const posts of planted.values()) {
      expect(new Set(posts.map(({ post }) => post.platform)).size).toBeGreaterThan(1);
      const ages = posts.flatMap(({ post }) =>
        post.accountCreatedAt === undefined ? [] : [post.createdAt - post.accountCreatedAt],
      );
      const fresh = ages.filter((ageMs) => ageMs < 10 * 24 * HOUR_MS).length;
      if (ages.length > 10) expect(fresh / ages.length).toSatisfy((share: number) => share > 0.25 && share < 0.85);
    }
  });

  test('names the campaign of every post that carries an exact campaign text', () => {
    const texts = new Set(day.filter(({ level }) => level === 'exact').map(({ post }) => post.text));
    expect(texts.size).toBe(2);
    for (const { post, campaign, level } of day) {
      if (texts.has(post.text)) expect(campaign).toBeDefined();
      expect(campaign === undefined).toBe(level === undefined);
    }
  });

  test('has organic texts that distinct accounts hardly ever repeat, but for short ones and forwards', () => {
    const own = day.filter(
      ({ post, campaign, copying }) => !campaign && !copying && !post.repostOf && !/RT @|\/\/@/.test(post.text),
    );
    const byText = [...groups(own, ({ post }) => post.text)];
    const repeated = byText.filter(([, posts]) => accountsOf(posts) > 1);
    const long = repeated.filter(([text]) => text.length >= 25).reduce((sum, [, posts]) => sum + posts.length, 0);
    expect(long / own.length).toBeLessThan(0.0002);
    const words = own.reduce((sum, { post }) => sum + post.text.split(/\s+/).length, 0);
    expect(words / own.length).toSatisfy((mean: number) => mean > 10 && mean < 17);
    const short = repeated.filter(([text]) => text.length < 25).reduce((sum, [, posts]) => sum + posts.length, 0);
    expect(short / own.length).toSatisfy((share: number) => share > 0.03 && share < 0.12);
  });

  test('has accounts of very unequal activity, some of which repeat one text', () => {
    const perAccount = [...groups(day, ({ post }) => `${post.platform} ${post.account}`).values()].toSorted(
      (one, other) => other.length - one.length,
    );
    const median = perAccount[Math.floor(perAccount.length / 2)]!.length;
    expect(perAccount[40]!.length).toBeGreaterThan(15 * median);
    const repeater = perAccount.find(
      (posts) => posts.length > 40 && new Set(posts.map(({ post }) => post.text)).size === 1,
    );
    expect(repeater).toBeDefined();
  });

  test('has reposts, replies, forwards, links, stickers, and fields as each platform gives them', () => {
    const share = (has: (made: SimulatedPost) => boolean) => day.filter(has).length / day.length;
    expect(share(({ post }) => post.repostOf !== undefined)).toSatisfy((value: number) => value > 0.05 && value < 0.12);
    expect(share(({ post }) => post.replyTo !== undefined)).toBeGreaterThan(0.03);
    expect(share(({ post }) => post.quoteOf !== undefined)).toBeGreaterThan(0.005);
    expect(share(({ post }) => post.repostOf === undefined && /^RT @|\/\/@/.test(post.text))).toBeGreaterThan(0.005);
    expect(share(({ post }) => post.urls !== undefined)).toBeGreaterThan(0.03);
    expect(share(({ post }) => post.accountCreatedAt !== undefined)).toBeGreaterThan(0.5);
    expect(share(({ post }) => post.text.includes('[doge]'))).toBeGreaterThan(0.001);
    const known = new Set(day.map(({ post }) => post.id));
    for (const { post } of day) if (post.repostOf !== undefined) expect(known.has(post.repostOf)).toBe(true);
  });
});

test('a line is the canonical post, times in ISO 8601, absent fields left out', () => {
  const post = { id: '1', platform: 'twitter', account: '2', text: 'a "b"\n', createdAt: START_MS };
  expect(postLine(post)).toBe(
    '{"id":"1","platform":"twitter","account":"2","text":"a \\"b\\"\\n","createdAt":"2025-02-04T00:00:00.000Z"}',
  );
  const full = {
    ...post,
    handle: 'h',
    lang: 'en',
    urls: ['u'],
    repostOf: 'r',
    replyTo: 's',
    quoteOf: 't',
    accountCreatedAt: 0,
  };
  expect(JSON.parse(postLine(full))).toEqual({
    ...full,
    createdAt: '2025-02-04T00:00:00.000Z',
    accountCreatedAt: '1970-01-01T00:00:00.000Z',
  });
});
