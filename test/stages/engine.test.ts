import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Post } from '../../src/model.ts';
import { Engine, stageSettings, type StageSettings } from '../../src/runtime/engine.ts';
import { DEFAULTS, type Settings } from '../../src/settings.ts';
import { Random } from '../../src/simulate/random.ts';
import type { Revision } from '../../src/stages/campaign.ts';
import { FingerprintStage } from '../../src/stages/fingerprint.ts';
import { tableBytes } from '../support/table.ts';
import { Twin, type TwinRevision } from './twin.ts';

/** Levels 4 to 15 by cell: words of 3 to 11 nats, so that R of texts with some words changed lies around the thresholds. */
const TABLE = tableBytes({ natsPerLevel: 0.75, levelOf: (cell) => 4 + (((cell * 2654435761) >>> 13) % 12) });
/** More of them, now and then, by hand: `FEEDS=3000 npx vitest run test/stages/engine.test.ts --testTimeout=600000`. */
const FEEDS = Number(process.env['FEEDS'] ?? 300);
const START_MS = Date.UTC(2024, 0, 1);

function settingsOf(changes: Partial<Settings>, slots?: number): StageSettings {
  const settings = stageSettings({ settings: { ...DEFAULTS, ...changes }, table: TABLE, engine: 'test' });
  return slots === undefined ? settings : { ...settings, match: { ...settings.match, slots } };
}

function word(random: Random): string {
  return Array.from({ length: random.between(3, 9) }, () => 'abdefgiklmnoprstuv'.charAt(random.below(18))).join('');
}

interface Feed {
  readonly seed: number;
  readonly posts: number;
  readonly texts: number;
  readonly accounts: number;
  readonly windowMs: number;
  readonly minAccounts: number;
  readonly latenessMs: number;
  readonly updateIntervalMs: number;
  readonly duplicates: boolean;
  readonly simhash: boolean;
}

const feed = fc.record<Feed>({
  seed: fc.nat(),
  posts: fc.integer({ min: 1, max: 220 }),
  texts: fc.integer({ min: 1, max: 4 }),
  accounts: fc.integer({ min: 3, max: 25 }),
  windowMs: fc.integer({ min: 5, max: 60 }),
  minAccounts: fc.integer({ min: 2, max: 8 }),
  latenessMs: fc.constantFrom(0, 7),
  updateIntervalMs: fc.constantFrom(3, 11, 1000),
  duplicates: fc.boolean(),
  simhash: fc.boolean(),
});

/** Texts that are each other's variants, of one word to a dozen; some words shared by all. */
function postsOf(options: Feed): Post[] {
  const random = new Random(options.seed);
  const vocabulary = Array.from({ length: 14 }, () => word(random));
  const pick = (): string => vocabulary[random.below(vocabulary.length)]!;
  const bases = Array.from({ length: options.texts }, () =>
    Array.from({ length: random.below(4) === 0 ? random.between(1, 3) : random.between(5, 12) }, () => word(random)),
  );
  const posts: Post[] = [];
  let createdAt = START_MS;
  for (let i = 0; i < options.posts; i++) {
    const dice = random.below(60);
    createdAt += dice === 0 ? options.windowMs * 3 : dice === 1 ? options.windowMs : dice < 30 ? 0 : random.below(4);
    const words = bases[random.below(bases.length)]!.slice();
    for (let changes = random.below(3) === 0 ? 0 : random.below(5); changes > 0; changes--) {
      if (random.below(3) === 0) words.push(pick());
      else words[random.below(words.length)] = pick();
    }
    const old =
      options.duplicates && posts.length > 0 && random.below(8) === 0
        ? posts[random.between(Math.max(0, i - 12), i - 1)]
        : undefined;
    posts.push({
      id: old?.id ?? `p${i}`,
      platform: 'x',
      account: old?.account ?? `a${random.below(options.accounts)}`,
      text: old !== undefined && random.below(3) > 0 ? old.text : words.join(' '),
      createdAt,
    });
  }
  return posts;
}

function run(settings: StageSettings, posts: readonly Post[]): Revision[] {
  const stage = new FingerprintStage(settings.fingerprint);
  const engine = new Engine(settings);
  const out: Revision[] = [];
  for (const post of posts) {
    if (stage.process(post) > 0) engine.process(stage.words, 0, Buffer.from(JSON.stringify(post)), out);
  }
  engine.finish(out);
  return out;
}

function twinRun(settings: StageSettings, posts: readonly Post[]): readonly TwinRevision[] {
  const stage = new FingerprintStage(settings.fingerprint);
  const twin = new Twin(settings);
  for (const post of posts) {
    const length = stage.process(post);
    if (length > 0) twin.process(stage.words.slice(0, length), post);
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
  const posts = postsOf(options);
  const { windowMs, minAccounts, latenessMs, updateIntervalMs } = options;
  const settings = settingsOf({
    windowMs,
    minAccounts,
    latenessMs,
    updateIntervalMs,
    families: { simhash: options.simhash },
  });
  const expected = twinRun(settings, posts);
  expect(inOrder(run(settings, posts).map(plain))).toEqual(inOrder(expected));
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

describe('the engine, however much room it begins with,', () => {
  test('says the same', () => {
    fc.assert(
      fc.property(feed, fc.integer({ min: 1, max: 40 }), (options, slots) => {
        const posts = postsOf(options);
        const { windowMs, minAccounts } = options;
        const changes = { windowMs, minAccounts, families: { simhash: options.simhash } };
        const small = run(settingsOf(changes, slots), posts);
        expect(JSON.stringify(small)).toBe(JSON.stringify(run(settingsOf(changes), posts)));
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
    expect(run(settingsOf({ minAccounts: 2 }), posts)).toEqual([]);
  });

  /** The twin keeps every link. The engine may tell one campaign as two here, but of nobody's posts less. */
  test.each([5, 24])('hides no account of a campaign of ten with a variant each, seed %i', (seed) => {
    const { random, variant } = flood(seed);
    const real = Array.from({ length: 10 }, (_, i) => `real${i}`);
    const posts = postsBy(random.shuffled([...Array<string>(VARIANTS).fill('flood'), ...real]), variant);
    const accountOf = new Map(posts.map(({ id, account }) => [id, account]));
    const [found, expected] = [run(settingsOf({}), posts).map(plain), twinRun(settingsOf({}), posts)].map(
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
