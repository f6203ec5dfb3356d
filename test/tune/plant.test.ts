import { describe, expect, test } from 'vitest';
import { loadTable } from '../../src/cli/table.ts';
import { decodeCanonical } from '../../src/consumers/formats/canonical.ts';
import type { Alert, Post } from '../../src/model.ts';
import { stageSettings } from '../../src/runtime/engine.ts';
import { PostFiles } from '../../src/runtime/post-files.ts';
import { DEFAULTS } from '../../src/settings.ts';
import { postLine } from '../../src/simulate/feed.ts';
import { FingerprintStage } from '../../src/stages/fingerprint.ts';
import { BaseTexts } from '../../src/tune/base-texts.ts';
import { gridOf } from '../../src/tune/grid.ts';
import { plant } from '../../src/tune/plant.ts';
import {
  campaignPosts,
  languageOf,
  PLANT_LEVELS,
  plannedCampaigns,
  plantedIndex,
  type PlantPlan,
} from '../../src/tune/planting.ts';
import { RecallTally, wilson } from '../../src/tune/recall.ts';
import { copies, line, replayAll, simulatedDay, START_MS, temporaryFolder, writeLines } from '../support/feeds.ts';

const folder = temporaryFolder();
const TABLE = loadTable();
const MINUTE_MS = 60_000;
const DAY = simulatedDay(3000, 5);
const day = writeLines(folder, 'day.ndjson', DAY);
const { fingerprint } = stageSettings({ settings: DEFAULTS, table: TABLE, engine: 'chorus/test' });
const PLAN: PlantPlan = {
  levels: ['L0', 'L2', 'L4', 'L6'],
  sizes: [4, 12],
  perKind: 3,
  spanMs: 30 * MINUTE_MS,
  seed: 3,
};

function postOf(text: string): Post {
  const decoded = decodeCanonical(text);
  if (decoded.kind !== 'post') throw new Error(`no post: ${text}`);
  return decoded.post;
}

function chosenOf(lines: readonly string[], wanted: number, seed = 3): Post[] {
  const texts = new BaseTexts({ wanted, massMinNats: DEFAULTS.core.massMinNats, seed });
  const stage = new FingerprintStage(fingerprint);
  for (const one of lines) if (stage.process(postOf(one)) > 0) texts.see(stage.words, Buffer.from(one), fingerprint);
  return texts.chosen();
}

function plantIn(file: string, plan = PLAN) {
  const grid = gridOf(DEFAULTS, { windowsMs: [], minAccounts: [3, 10], strongSimilarity: [], weakSimilarity: [] });
  const source = new PostFiles([file]);
  return plant({ source, grid, plan, table: TABLE, engine: 'chorus/test', sortMemoryBytes: 64 * 2 ** 20 });
}

describe('base texts', () => {
  test('are the same whatever the order of the posts, and others for another seed', () => {
    const chosen = chosenOf(DAY, 20);
    expect(chosen.length).toBe(20);
    expect(chosenOf(DAY.toReversed(), 20)).toEqual(chosen);
    const shared = chosenOf(DAY, 20, 4).filter(({ id }) => chosen.some((other) => other.id === id));
    expect(shared.length).toBeLessThan(5);
  });

  test('are none that was posted twice, and none of little evidence', () => {
    const twice = [...copies(2), line('x', 'thank you', 1), line('y', 'lol', 2)];
    const once = line('z', 'The lighthouse keeper of Skerrow counted nine grey seals before breakfast this morning', 3);
    expect(chosenOf([...twice, once], 10).map(({ account }) => account)).toEqual(['z']);
  });

  test('are counted exactly, however much is pruned in between', () => {
    // Each text once more, after hundreds of others.
    const again = DAY.map((text, i) => JSON.stringify({ ...(JSON.parse(text) as object), id: `again-${i}` }));
    expect(chosenOf([...DAY, ...again], 3)).toEqual([]);
  });
});

describe('planted campaigns', () => {
  const base = postOf(DAY[0]!);

  test('have an account for each post, within their span, with ids that are told from others', () => {
    for (const [index, campaign] of plannedCampaigns(PLAN).entries()) {
      const posts = campaignPosts(campaign, index, base, PLAN, [START_MS, START_MS + 120 * MINUTE_MS]);
      expect(posts.length).toBe(campaign.accounts);
      expect(new Set(posts.map(({ account }) => account)).size).toBe(campaign.accounts);
      const times = posts.map(({ createdAt }) => createdAt);
      expect(Math.max(...times) - Math.min(...times)).toBeLessThan(PLAN.spanMs);
      expect(Math.min(...times)).toBeGreaterThanOrEqual(START_MS);
      expect(Math.max(...times)).toBeLessThanOrEqual(START_MS + 120 * MINUTE_MS);
      expect(posts.map((post) => plantedIndex(post, PLAN.seed))).toEqual(posts.map(() => index));
      expect(new Set(posts.map(({ text }) => text)).size === 1).toBe(campaign.level === 'L0');
    }
    expect(plantedIndex(base, PLAN.seed)).toBeUndefined();
  });

  test('fit into an archive that is shorter than their span', () => {
    const posts = campaignPosts({ level: 'L1', accounts: 9 }, 0, base, PLAN, [START_MS, START_MS + 5]);
    for (const { createdAt } of posts) expect(createdAt - START_MS).toBeLessThanOrEqual(5);
    expect(campaignPosts({ level: 'L1', accounts: 2 }, 0, base, PLAN, [START_MS, START_MS])[0]!.createdAt).toBe(
      START_MS,
    );
  });

  test('are changed by words of the language of the text', () => {
    expect(languageOf({ ...base, text: 'どうして今日なの', lang: 'en' })).toBe('ja');
    expect(languageOf({ ...base, text: 'Schluss damit', lang: 'de-AT' })).toBe('de');
    expect(languageOf({ ...base, text: 'Schluss damit', lang: 'ru' })).toBe('en');
    const { lang: _, ...untagged } = base;
    expect(languageOf({ ...untagged, text: 'plain words' })).toBe('en');
  });
});

describe('recall', () => {
  test('has the interval of Wilson', () => {
    // Known values of the interval, to four digits.
    const vectors = [
      [0, 10, 0, 0.2775],
      [1, 10, 0.0179, 0.4042],
      [15, 20, 0.5313, 0.8881],
      [10, 10, 0.7225, 1],
    ] as const;
    for (const [found, count, low, high] of vectors) {
      const interval = wilson(found, count);
      expect(interval[0]).toBeCloseTo(low, 3);
      expect(interval[1]).toBeCloseTo(high, 3);
    }
    expect(wilson(0, 0)).toEqual([0, 1]);
  });

  test('is of the best alert of each campaign; what is mixed up is counted', () => {
    const campaigns = [
      { level: 'L0', accounts: 6 },
      { level: 'L0', accounts: 6 },
      { level: 'L3', accounts: 6 },
    ] as const;
    const plan = { ...PLAN, seed: 1 };
    const of = (index: number, count: number): Post[] =>
      campaignPosts(campaigns[index]!, index, postOf(DAY[0]!), plan, [0, 1000]).slice(0, count);
    const organic = (count: number): Post[] =>
      DAY.slice(0, count).map((text, i) => ({ ...postOf(text), account: `o${i}` }));
    const tally = new RecallTally(campaigns, 1, 5);
    const closed = (members: Post[]) => tally.add({ alert: {} as Alert, members });
    closed([...of(0, 6), ...organic(1)]);
    closed([...of(0, 2), ...organic(5)]);
    closed([...of(1, 5), ...of(2, 5)]);
    closed([...of(2, 4)]);
    closed(organic(7));
    expect(tally.figures()).toMatchObject({
      byLevel: [
        { level: 'L0', campaigns: 2, found: 2, recall: 1, coverage: 11 / 12 },
        { level: 'L3', campaigns: 1, found: 1, recall: 1, coverage: 5 / 6 },
      ],
      alertsWithPlants: 4,
      mixedWithOrganic: 1,
      mixedCampaigns: 1,
      organicAlerts: 1,
    });
  });
});

describe('planting in an archive', () => {
  test('finds what a replay of the archive with the campaigns in it finds', async () => {
    const { cells, planted, plantedPosts, wanted } = await plantIn(day);
    const campaigns = plannedCampaigns(PLAN);
    expect([planted, wanted, plantedPosts]).toEqual([24, 24, 4 * 3 * (4 + 12)]);
    const times = DAY.map((text) => postOf(text).createdAt);
    const between = [Math.min(...times), Math.max(...times)] as const;
    const posts = chosenOf(DAY, 24).flatMap((base, i) => campaignPosts(campaigns[i]!, i, base, PLAN, between));
    const mixed = writeLines(folder, 'mixed.ndjson', [...DAY, ...posts.map(postLine)]);
    for (const { minAccounts, byLevel, organicAlerts } of cells) {
      const { members } = await replayAll([mixed], { settings: { ...DEFAULTS, minAccounts } });
      const best = campaigns.map((_, index) =>
        Math.max(
          0,
          ...Array.from(members.values(), (all) => all.filter((post) => plantedIndex(post, 3) === index).length),
        ),
      );
      for (const { level, found, coverage } of byLevel) {
        const of = campaigns.flatMap((campaign, i) => (campaign.level === level ? [best[i]!] : []));
        expect([level, found]).toEqual([level, of.filter((count) => count >= minAccounts).length]);
        expect(coverage).toBeCloseTo(of.reduce((sum, count) => sum + count, 0) / 48, 10);
      }
      const organic = [...members.values()].filter((all) => all.every((post) => plantedIndex(post, 3) === undefined));
      expect(organicAlerts).toBe(organic.length);
    }
    const exact = cells.map(({ byLevel }) => byLevel.find(({ level }) => level === 'L0')!.recall);
    // Of campaigns of 4 and 12 accounts, at least 3, 5 and 10 accounts.
    expect(exact).toEqual([1, 0.5, 0.5]);
  });

  test('is the same for a seed, whatever the order of the archive', async () => {
    const reversed = writeLines(folder, 'reversed.ndjson', DAY.toReversed());
    const [once, again, other] = [
      await plantIn(day),
      await plantIn(reversed),
      await plantIn(day, { ...PLAN, seed: 4 }),
    ];
    expect(again.cells).toEqual(once.cells);
    expect(other.cells).not.toEqual(once.cells);
  });

  test('plants fewer where there are fewer texts, some of each kind first', async () => {
    const few = writeLines(folder, 'few.ndjson', DAY.slice(0, 40));
    const { planted, wanted, cells } = await plantIn(few, { ...PLAN, perKind: 10 });
    expect(wanted).toBe(80);
    expect(planted).toBeGreaterThan(8);
    expect(planted).toBeLessThan(41);
    expect(cells[0]!.bySize.length).toBe(8);
  });

  test('falls with the level', async () => {
    const { cells } = await plantIn(day, { ...PLAN, levels: PLANT_LEVELS, sizes: [12], perKind: 6 });
    const coverage = cells[1]!.byLevel.map((row) => row.coverage);
    expect(coverage[0]).toBe(1);
    expect(coverage[6]).toBeLessThan(coverage[3]!);
  });
});
