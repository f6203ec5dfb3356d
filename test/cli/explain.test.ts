import { describe, expect, test } from 'vitest';
import { explain, type Explanation } from '../../src/cli/explanation.ts';
import { loadTable } from '../../src/cli/table.ts';
import type { Post } from '../../src/model.ts';
import { stageSettings } from '../../src/runtime/engine.ts';
import { DEFAULTS } from '../../src/settings.ts';
import { chorus } from '../support/command.ts';
import { line, replayAll, START_MS, temporaryFolder, TEXT, writeLines } from '../support/feeds.ts';

const folder = temporaryFolder();
const REWORDED =
  'Friends: the harbour toll robs nurses and porters twice a day. Tell councillor Odhran Vale to scrap it!';
const OTHER = 'My cat has learned to open the fridge, and now we have no cheese';

const stages = stageSettings({ settings: DEFAULTS, table: loadTable(), engine: 'chorus/test' });

function post(text: string, minutes = 0, fields: Partial<Post> = {}): Post {
  return {
    id: `${text.length}-${minutes}`,
    platform: 'example',
    account: 'a',
    text,
    createdAt: START_MS + minutes * 60_000,
    ...fields,
  };
}

function explained(first: Post, second: Post): Explanation {
  return explain(first, second, DEFAULTS, stages);
}

describe('the verdict', () => {
  test('is a link for a reworded copy', () => {
    const { verdict, r, r1, r3, foundBy, sharedShingleKeys } = explained(post(TEXT), post(REWORDED, 5));
    expect(verdict).toBe('link');
    expect(r).toBe(Math.max(r1, r3));
    expect(r).toBeGreaterThan(DEFAULTS.link.similarity);
    expect(foundBy).toContain('shingle');
    expect(sharedShingleKeys.length).toBeGreaterThan(0);
  });

  test('is the same text where only what is dropped differs', () => {
    const { verdict, posts, hammingDistance, sharedBands } = explained(
      post(TEXT),
      post(`@anna 🔥 ${TEXT.toUpperCase()} https://example.org`, 5),
    );
    expect(verdict).toBe('same_text');
    expect(posts[1].left).toBe(posts[0].left);
    expect(posts[1].dropped).toEqual(['mention', 'link', 'emoji']);
    expect([hammingDistance, sharedBands]).toEqual([0, [0, 1, 2]]);
  });

  test.each([
    ['another text', post(OTHER, 5), 'they share no bucket, so they are never compared'],
    ['too late', post(TEXT, 60), 'they are 1h apart, the window is 1h'],
    ['a native repost', post(TEXT, 5, { repostOf: 'x' }), 'is a native repost, and those make no text links'],
    ['nothing left', post('😂 https://example.org', 5), 'nothing of 22-5 is left to compare'],
  ])('is no link for %s', (_what, second, because) => {
    const explanation = explained(post(TEXT), second);
    expect(explanation.verdict).toBe('no_link');
    expect(explanation.because.join('; ')).toContain(because);
    // The order of the two posts decides nothing.
    expect(explained(second, post(TEXT)).verdict).toBe('no_link');
  });

  test('agrees with a replay', async () => {
    const texts = [TEXT, REWORDED, OTHER];
    for (const second of texts) {
      const lines = [TEXT, second].flatMap((text, i) =>
        Array.from({ length: 3 }, (_, n) => line(`${i}${n}`, text, i * 10 + n)),
      );
      const { finals } = await replayAll([writeLines(folder, 'pair.ndjson', lines)]);
      const isOne = explained(post(TEXT), post(second, 5)).verdict !== 'no_link';
      expect(finals.map(({ accountCount }) => accountCount)).toEqual(isOne ? [6] : []);
    }
  });
});

test('each word has its weight, and shared ones are marked', () => {
  const { posts } = explained(post('The harbour boat robs nurses'), post('No boat for nurses'));
  const [first] = posts;
  expect(first.tokens.map(({ token }) => token)).toEqual(first.left.split(' '));
  const weight = (token: string): number => first.tokens.find((each) => each.token === token)!.nats!;
  expect(weight('nurses')).toBeGreaterThan(weight('the'));
  expect(first.tokens.filter(({ isShared }) => isShared).map(({ token }) => token)).toEqual(['boat', 'nurses']);
  expect(first.massNats).toBeCloseTo(
    first.tokens.reduce((sum, { nats }) => sum + nats!, 0),
    3,
  );
});

describe('the command', () => {
  const file = writeLines(folder, 'posts.ndjson', [
    line('a', TEXT, 0, { id: 'p1' }),
    line('b', REWORDED, 60, { id: 'p2' }),
    line('c', OTHER, 60, { id: 'p2', platform: 'other' }),
    line('d', TEXT, 9, { id: 'p\u00fc' }),
  ]);

  test('says it in words', async () => {
    const { code, stdout } = await chorus(['explain', file, '--post', 'p1', '--post', 'p2', '--platform', 'example']);
    expect(code).toBe(0);
    expect(stdout).toContain(`text          ${TEXT}`);
    expect(stdout).toContain('left          the harbour ');
    for (const word of ['nats', 'keys', 'simhash', 'hamming', 'R1', 'R3', 'window 1h']) expect(stdout).toContain(word);
    expect(stdout).toMatch(
      /\na link, because they meet in buckets of the shingle.* family, and R 0\.\d+ is at least 0\.32\n$/,
    );
  });

  test('says it for machines', async () => {
    const { stdout } = await chorus(['explain', file, '--json', '--post', 'p1', '--post', 'p\u00fc']);
    expect(JSON.parse(stdout)).toMatchObject({ verdict: 'same_text', posts: [{ id: 'p1' }, { id: 'p\u00fc' }] });
  });

  test('names ids that are not there, and those of two platforms, all at once', async () => {
    const absent = await chorus(['explain', file, '--post', 'p2', '--post', 'p9']);
    expect([absent.code, absent.stdout]).toEqual([2, '']);
    expect(absent.stderr).toContain('--post: "p9", must be the id of a post in the files');
    expect(absent.stderr).toContain('--post: "p2", must be of one platform: it is on example and other');
    const alone = await chorus(['explain', file, '--post', 'p1']);
    expect([alone.code, alone.stdout]).toEqual([2, '']);
  });
});
