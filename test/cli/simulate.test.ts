import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { describe, expect, test } from 'vitest';
import type { Post } from '../../src/model.ts';
import { chorus, finish, parsedLines, start } from '../support/command.ts';
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

  test('takes posts a second in place of a count', async () => {
    const { code, stdout } = await chorus(['simulate', '--rate', '2.5', '--hours', '0.1', '--campaigns', '1']);
    expect(code).toBe(0);
    expect(parsedLines(stdout)).toHaveLength(900);
  });

  test('is live: each post when its time has come, feed after feed, until a signal', async () => {
    const args = ['simulate', '--live', '--rate', '50', '--hours', '0.001', '--campaigns', '0', '--copying', '0'];
    const child = start(args);
    const outcome = finish(child);
    const seen: { id: string; lateByMs: number }[] = [];
    await new Promise<void>((resolve) => {
      createInterface({ input: child.stdout! }).on('line', (line) => {
        const { id, createdAt } = JSON.parse(line) as { id: string; createdAt: string };
        seen.push({ id, lateByMs: Date.now() - Date.parse(createdAt) });
        // The third feed of 180 posts in 3.6 s each.
        if (seen.length === 400) resolve();
      });
    });
    child.kill('SIGTERM');
    expect((await outcome).code).toBe(0);
    expect(new Set(seen.map(({ id }) => id)).size).toBe(seen.length);
    const early = seen.filter(({ lateByMs }) => lateByMs < -5);
    expect(early).toEqual([]);
    // On a busy machine some come late, and not all.
    expect(seen.map(({ lateByMs }) => lateByMs).sort((one, other) => one - other)[200]).toBeLessThan(500);
  });

  test('refuses what it cannot make, all at once', async () => {
    const { code, stdout, stderr } = await chorus(['simulate', '--posts', 'many', '--hours', '-1', '--seed', '0x1']);
    expect([code, stdout]).toEqual([2, '']);
    for (const name of ['--posts: "many"', '--hours: "-1"', '--seed: "0x1"']) expect(stderr).toContain(name);
    const never = await chorus(['simulate', '--live', '--posts', '0', '--rate', '0']);
    expect(never).toMatchObject({ code: 2, stdout: '', stderr: expect.stringContaining('--rate: "0"') as string });
    const two = await chorus(['simulate', '--out', 'posts.ndjson', '--config', 'chorus.yaml']);
    expect(two).toMatchObject({ code: 2, stderr: expect.stringContaining('--out') as string });
    const few = await chorus(['simulate', '--posts', '10', '--campaigns', '5']);
    expect(few).toMatchObject({ code: 2, stdout: '' });
  });
});
