import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { loadTable, packTable } from '../../src/cli/table.ts';
import { TextSet } from '../../src/cli/text-set.ts';
import { train } from '../../src/cli/train.ts';
import { ConfigError } from '../../src/errors.ts';
import { FrequencyTable } from '../../src/fingerprints/frequency-table.ts';
import { chorus } from '../support/command.ts';
import { copies, line, temporaryFolder, TEXT, writeLines } from '../support/feeds.ts';

const folder = temporaryFolder();

describe('training', () => {
  const words = Array.from({ length: 40 }, (_, i) => `${'bdfghk'[i % 6]}a${'mnprstv'[Math.floor(i / 6)]}o`);
  const texts = words.map((word) => `in this post ${word} and the weather`);
  const distinct = texts.map((text, i) => line(`a${i}`, text, i));

  test('counts each text once and no native repost', async () => {
    const noise = [
      ...copies(30),
      line('a', `@anna ${TEXT.toUpperCase()}`, 1),
      ...copies(9, 'a native repost of something', { repostOf: 'x' }),
      line('a', '😂', 1),
      'no post',
    ];
    const out = join(folder, 'noisy.gz');
    const summary = await train([writeLines(folder, 'noisy.ndjson', [...distinct, ...noise])], { out });
    expect(summary).toMatchObject({ lines: 82, rejected: 1, nativeReposts: 9, repeated: 30, posts: 41 });
    const alone = join(folder, 'alone.gz');
    await train([writeLines(folder, 'alone.ndjson', [...distinct, ...copies(1)])], { out: alone });
    expect(readFileSync(out)).toEqual(readFileSync(alone));
    expect(new FrequencyTable(loadTable(out)).posts).toBe(41);
  });

  test('tells frequent words from rare ones, and replay takes the table', async () => {
    const file = writeLines(folder, 'train.ndjson', distinct);
    const out = join(folder, 'mine.chdf.gz');
    const made = await chorus(['train', '--out', out, file]);
    expect(made).toMatchObject({ code: 0, stdout: '' });
    expect(made.stderr).toContain('40 posts counted of 40 lines');
    const posts = writeLines(folder, 'posts.ndjson', copies(6));
    const [packaged, own] = await Promise.all([chorus(['replay', posts]), chorus(['replay', '--table', out, posts])]);
    expect(own.code).toBe(0);
    expect(own.stdout).not.toBe('');
    expect(own.stdout).not.toBe(packaged.stdout);
  });

  test('refuses to make a table of nothing', async () => {
    await expect(train([writeLines(folder, 'empty.ndjson', ['x'])], { out: join(folder, 'none') })).rejects.toThrow(
      ConfigError,
    );
    const { code } = await chorus(['train', '--out', '/nowhere/t.gz', writeLines(folder, 'one.ndjson', copies(1))]);
    expect(code).toBe(2);
  });
});

describe('a table on disk', () => {
  test('is the same bytes each time, without a time or a system', () => {
    const packed = packTable(loadTable());
    expect(Buffer.from(packed.subarray(0, 10)).toString('hex')).toBe('1f8b08000000000002ff');
    expect(packTable(loadTable())).toEqual(packed);
  });

  test.each([
    ['no table', Buffer.from('hello')],
    ['a packed nothing', gzipSync('hello')],
    ['a broken pack', gzipSync(loadTable()).subarray(0, 5000)],
    ['a bomb', gzipSync(Buffer.alloc(64 * 2 ** 20))],
  ])('is refused with its path: %s', (name, bytes) => {
    const path = join(folder, name);
    writeFileSync(path, bytes);
    expect(() => loadTable(path)).toThrow(ConfigError);
    expect(() => loadTable(path)).toThrow(/a file made by "chorus train"/);
  });
});

test('a set of texts forgets the oldest of a bucket', () => {
  const set = new TextSet(0);
  expect([1, 2, 3, 4].map((lo) => set.add(9, lo))).toEqual([true, true, true, true]);
  expect([1, 2, 3, 4].map((lo) => set.add(9, lo))).toEqual([false, false, false, false]);
  expect(set.add(9, 5)).toBe(true);
  expect(set.add(9, 4)).toBe(false);
  expect(set.add(9, 1)).toBe(true);
});
