/** Random feeds of texts that are each other's variants, and the engine's answer to them: what its parts are held against. */
import fc from 'fast-check';
import { hashStrings } from '../../src/fingerprints/hash.ts';
import { ENTRY } from '../../src/frames/entry.ts';
import type { Post } from '../../src/model.ts';
import { Engine, stageSettings, type StageSettings } from '../../src/runtime/engine.ts';
import { DEFAULTS, type Settings } from '../../src/settings.ts';
import { Random } from '../../src/simulate/random.ts';
import type { Revision } from '../../src/stages/campaign.ts';
import { FingerprintStage } from '../../src/stages/fingerprint.ts';
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

export function runEngine(settings: StageSettings, posts: readonly Post[]): Revision[] {
  const stage = new FingerprintStage(settings.fingerprint);
  const engine = new Engine(settings);
  const out: Revision[] = [];
  for (const post of posts) {
    if (stage.process(post) > 0) engine.process(stage.words, 0, Buffer.from(JSON.stringify(post)), out);
  }
  engine.finish(out);
  return out;
}

/** The order in which a sorted file would hold the posts. */
export function inTotalOrder(
  settings: StageSettings,
  sent: readonly { readonly post: Post; readonly bytes: Uint8Array }[],
): Post[] {
  const stage = new FingerprintStage(settings.fingerprint);
  const rows = sent.map(({ post, bytes }) => {
    stage.process(post);
    const { hi, lo } = hashStrings(post.platform, post.id);
    const order = [post.createdAt, hi, lo, stage.words[ENTRY.textHi]!, stage.words[ENTRY.textLo]!];
    return { post, bytes, order };
  });
  rows.sort((a, b) => {
    for (const [i, value] of a.order.entries()) if (value !== b.order[i]) return value - b.order[i]!;
    return Buffer.compare(a.bytes, b.bytes);
  });
  return rows.map(({ post }) => post);
}
