import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { Post } from '../../src/model.ts';
import { chorus, parsedLines } from '../support/command.ts';
import { temporaryFolder } from '../support/feeds.ts';

const folder = temporaryFolder();

describe('chorus simulate', () => {
  test('writes posts and the truth about them, the same for the same seed', async () => {
    const truth = join(folder, 'truth.tsv');
    const args = ['simulate', '--seed', '5', '--posts', '1500', '--campaigns', '3', '--copying', '1', '--hours', '6'];
    const { code, stdout, stderr } = await chorus([...args, '--truth', truth]);
    expect([code, stderr]).toEqual([0, '']);
    const posts = parsedLines<Omit<Post, 'createdAt'> & { createdAt: string }>(stdout);
    expect(posts).toHaveLength(1500);
    const spanMs = Date.parse(posts.at(-1)!.createdAt) - Date.parse(posts[0]!.createdAt);
    expect(spanMs).toBeLessThan(6 * 3_600_000);
    const [header, ...rows] = readFileSync(truth, 'utf8').trimEnd().split('\n');
    expect(header).toBe('post_id\tcampaign\tlevel');
    const ids = new Set(posts.map(({ id }) => id));
    for (const row of rows) expect(ids).toContain(row.split('\t')[0]);
    expect(new Set(rows.map((row) => row.split('\t')[1])).size).toBe(3);
    const out = join(folder, 'again.ndjson');
    expect(await chorus([...args, '--out', out])).toEqual({ code: 0, stdout: '', stderr: '' });
    expect(readFileSync(out, 'utf8')).toBe(stdout);
  });

  test('refuses what it cannot make, all at once', async () => {
    const { code, stdout, stderr } = await chorus(['simulate', '--posts', 'many', '--hours', '-1', '--seed', '0x1']);
    expect([code, stdout]).toEqual([2, '']);
    for (const name of ['--posts: "many"', '--hours: "-1"', '--seed: "0x1"']) expect(stderr).toContain(name);
    const few = await chorus(['simulate', '--posts', '10', '--campaigns', '5']);
    expect(few).toMatchObject({ code: 2, stdout: '' });
  });
});
