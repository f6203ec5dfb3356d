import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Post } from '../../src/model.ts';
import { Engine, type StageSettings } from '../../src/runtime/engine.ts';
import { Random } from '../../src/simulate/random.ts';
import { DEFAULTS } from '../../src/settings.ts';
import type { Revision } from '../../src/stages/campaign.ts';
import { FingerprintStage } from '../../src/stages/fingerprint.ts';
import { stepsOf, type Item } from '../support/steps.ts';
import { feed, itemsOf, postsOf, runEngine, settingsOf, START_MS, word, type Feed } from '../support/variants.ts';
import { Twin, type TwinRevision } from './twin.ts';

/** More of them, now and then, by hand: `FEEDS=3000 npx vitest run test/stages/engine.test.ts --testTimeout=600000`. */
const FEEDS = Number(process.env['FEEDS'] ?? 300);
function twinRun(settings: StageSettings, items: readonly Item[]): readonly TwinRevision[] {
  const twin = new Twin(settings);
  for (const { words, of } of stepsOf(settings, items)) {
    if ('text' in of) twin.process(words, of);
    else twin.retract(words, of);
  }
  twin.finish();
  return twin.revisions;
}

function plain({ alert, members }: Revision): TwinRevision {
  return {
    id: alert.id,
    revision: alert.revision,
    status: alert.status,
    revisedMs: Date.parse(alert.revisedAt),
    accounts: alert.accountCount,
    posts: alert.postCount,
    variants: alert.variantCount,
    removed: alert.removedCount,
    texts: alert.variants.listed.map(({ text }) => text).sort(),
    ...(alert.mergedInto === undefined ? {} : { mergedInto: alert.mergedInto }),
    ...(members === undefined ? {} : { members: members.map((post) => post.id).sort() }),
  };
}

function inOrder(revisions: readonly TwinRevision[]): string[] {
  const sorted = revisions.toSorted(
    (a, b) => a.revisedMs - b.revisedMs || (a.id < b.id ? -1 : a.id > b.id ? 1 : a.revision - b.revision),
  );
  return sorted.map((revision) => JSON.stringify(revision));
}

function expectTwins(options: Feed): readonly TwinRevision[] {
  const items = itemsOf(options);
  const { windowMs, minAccounts, latenessMs, updateIntervalMs } = options;
  const { campaign, ...settings } = settingsOf({
    windowMs,
    minAccounts,
    latenessMs,
    updateIntervalMs,
    families: { simhash: options.simhash },
    limits: { ...DEFAULTS.limits, variantsListed: 1000 },
  });
  const stages = { ...settings, campaign: { ...campaign, removalIntervalMs: 5 } };
  const expected = twinRun(stages, items);
  expect(inOrder(runEngine(stages, items).map(plain))).toEqual(inOrder(expected));
  return expected;
}

describe('the engine and its naive twin', () => {
  test('random feeds: every revision', () => {
    fc.assert(
      fc.property(feed, (options) => {
        expectTwins(options);
      }),
      { numRuns: FEEDS },
    );
  });
});

test('texts of little evidence whose accounts leave the window one by one', () => {
  expectTwins({
    seed: 72_038_010,
    posts: 163,
    texts: 4,
    accounts: 13,
    windowMs: 29,
    minAccounts: 3,
    latenessMs: 0,
    updateIntervalMs: 3,
    duplicates: false,
    simhash: false,
    retractions: false,
  });
});

describe('the engine, however much room it begins with,', () => {
  test('says the same', () => {
    fc.assert(
      fc.property(feed, fc.integer({ min: 1, max: 40 }), (options, slots) => {
        const posts = postsOf(options);
        const { windowMs, minAccounts } = options;
        const changes = { windowMs, minAccounts, families: { simhash: options.simhash } };
        const small = runEngine(settingsOf(changes, slots), posts);
        expect(JSON.stringify(small)).toBe(JSON.stringify(runEngine(settingsOf(changes), posts)));
      }),
      { numRuns: 60 },
    );
  });
});

describe('one account that floods the window with variants of a text', () => {
  const VARIANTS = 500;

  /** Variants of one text of twelve words, three of them changed in each. */
  function flood(seed: number): { readonly random: Random; readonly variant: () => string } {
    const random = new Random(seed);
    const base = Array.from({ length: 12 }, () => word(random) + word(random));
    const variant = (): string => {
      const words = base.slice();
      for (let changes = 3; changes > 0; changes--) words[random.below(12)] = word(random) + word(random);
      return words.join(' ');
    };
    return { random, variant };
  }

  function postsBy(accounts: readonly string[], variant: () => string): Post[] {
    return accounts.map((account, i) => ({
      id: `p${i}`,
      platform: 'x',
      account,
      text: variant(),
      createdAt: START_MS + 10 * i,
    }));
  }

  test('is one account: no alert', () => {
    const { variant } = flood(1);
    const posts = postsBy(Array<string>(VARIANTS).fill('flood'), variant);
    expect(runEngine(settingsOf({ minAccounts: 2 }), posts)).toEqual([]);
  });

  /** The twin keeps every link. The engine may tell one campaign as two here, but of nobody's posts less. */
  test.each([5, 24])('hides no account of a campaign of ten with a variant each, seed %i', (seed) => {
    const { random, variant } = flood(seed);
    const real = Array.from({ length: 10 }, (_, i) => `real${i}`);
    const posts = postsBy(random.shuffled([...Array<string>(VARIANTS).fill('flood'), ...real]), variant);
    const accountOf = new Map(posts.map(({ id, account }) => [id, account]));
    const [found, expected] = [runEngine(settingsOf({}), posts).map(plain), twinRun(settingsOf({}), posts)].map(
      (revisions) => {
        const opened = revisions.filter(({ status }) => status === 'open').map(({ revisedMs }) => revisedMs);
        const members = revisions.flatMap((revision) => revision.members ?? []);
        return {
          openedMs: Math.min(...opened),
          accounts: Array.from(new Set(members.map((id) => accountOf.get(id)!))).sort(),
        };
      },
    );
    expect(found).toEqual(expected);
    expect(found!.accounts.length).toBeGreaterThanOrEqual(10);
  });

  test('costs each post a bounded number of comparisons', () => {
    const { variant } = flood(3);
    const settings = settingsOf({});
    const stage = new FingerprintStage(settings.fingerprint);
    const engine = new Engine(settings);
    let before = 0;
    for (const post of postsBy(Array<string>(3 * VARIANTS).fill('flood'), variant)) {
      stage.process(post);
      engine.process(stage.words, 0, Buffer.from(JSON.stringify(post)), []);
      const { candidates, links } = engine.match.index.counters;
      const compared = candidates[0] + candidates[1];
      expect(compared - before).toBeLessThanOrEqual((6 + 3) * 16);
      expect(links[0] + links[1]).toBeLessThanOrEqual(compared);
      before = compared;
    }
    expect(before).toBeGreaterThan(20 * VARIANTS);
    expect(engine.match.index.cappedTotal).toBeGreaterThan(VARIANTS);
  });
});
