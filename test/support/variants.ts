/** Random feeds of texts that are each other's variants, and the engine's answer to them: what its parts are held against. */
import fc from 'fast-check';
import type { Post } from '../../src/model.ts';
import { stageSettings, type StageSettings } from '../../src/runtime/engine.ts';
import { DEFAULTS, type Settings } from '../../src/settings.ts';
import { Random } from '../../src/simulate/random.ts';
import type { Revision } from '../../src/stages/campaign.ts';
import { runSteps, stepsOf, type Item } from './steps.ts';
import { tableBytes } from './table.ts';

/** Levels 4 to 15 by cell: words of 3 to 11 nats, so that R of texts with some words changed lies around the thresholds. */
const TABLE = tableBytes({ natsPerLevel: 0.75, levelOf: (cell) => 4 + (((cell * 2654435761) >>> 13) % 12) });
export const START_MS = Date.UTC(2024, 0, 1);

export function settingsOf(changes: Partial<Settings>, slots?: number): StageSettings {
  const settings = stageSettings({ settings: { ...DEFAULTS, ...changes }, table: TABLE, engine: 'test' });
  return slots === undefined ? settings : { ...settings, match: { ...settings.match, slots } };
}

export function word(random: Random): string {
  return Array.from({ length: random.between(3, 9) }, () => 'abdefgiklmnoprstuv'.charAt(random.below(18))).join('');
}

export interface Feed {
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
  /** With deletions and edits, if `itemsOf` is asked. */
  readonly retractions: boolean;
}

export const feed = fc.record<Feed>({
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
  retractions: fc.boolean(),
});

/** Texts that are each other's variants, of one word to a dozen; some words shared by all. */
export function postsOf(options: Feed): Post[] {
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

/** The posts of a feed with deletions and edits among them, some before their posts, some twice, some when all is over. */
export function itemsOf(options: Feed): Item[] {
  const random = new Random(options.seed ^ 0x5eed);
  const posts = postsOf(options);
  const items: Item[] = [];
  const near = (timeMs: number): number =>
    Math.max(START_MS, timeMs + random.between(-6, random.below(8) === 0 ? 3 * options.windowMs : options.windowMs));
  for (const post of posts) {
    items.push(post);
    if (!options.retractions || random.below(3) > 0) continue;
    const { platform, id, account, createdAt } = post;
    const dice = random.below(6);
    const timeMs = near(createdAt);
    const text = random.below(2) === 0 ? random.pick(posts).text : `${post.text} !`;
    const edit = { platform, id, account, text, createdAt: timeMs };
    if (dice < 3) {
      items.push({ platform, id, createdAt: timeMs });
      if (random.below(4) === 0) items.push({ platform, id, createdAt: random.below(2) === 0 ? timeMs : near(timeMs) });
    } else if (dice === 3) {
      items.push({ ...edit, id: `${id}-new`, replaces: [id, `${id}-new`, `${id}-old`] });
    } else {
      items.push({ ...edit, editedAt: timeMs - random.below(3) });
      if (random.below(2) === 0)
        items.push({ ...edit, text: post.text, createdAt: near(timeMs), editedAt: timeMs + 1 });
      if (random.below(4) === 0) items.push({ platform, id, createdAt: near(timeMs) });
    }
  }
  return items.sort((a, b) => a.createdAt - b.createdAt);
}

export function runEngine(settings: StageSettings, items: readonly Item[]): Revision[] {
  return runSteps(settings, stepsOf(settings, items));
}
