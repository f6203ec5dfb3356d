/** What the README shows, run. `npm run demo` has a test of its own (test/cli/demo.test.ts). */
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, expect, test } from 'vitest';
import { decodeCanonical } from '../../src/consumers/formats/canonical.ts';
import { parsedLines } from '../support/command.ts';
import { simulatedDay } from '../support/day.ts';
import { blocksOf, Desk } from '../support/guide.ts';

const folder = mkdtempSync(join(tmpdir(), 'chorus-guide-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const BLOCKS = blocksOf('README.md');

test('the post that it shows is one', () => {
  const [post] = BLOCKS.filter(({ language }) => language === 'json');
  expect(decodeCanonical(JSON.stringify(JSON.parse(post!.content)))).toMatchObject({
    post: { id: '17', account: 'did:plc:abc' },
  });
});

test('its commands find campaigns in a file of posts, and make pages of them', async () => {
  const desk = new Desk(folder, { 'npx chorus': 'chorus' });
  writeFileSync(join(folder, 'posts.ndjson.gz'), gzipSync(simulatedDay({ posts: 3000, campaigns: 4 }).join('\n')));
  const scripts = BLOCKS.filter(({ language, content }) => language === 'sh' && content.includes('npx chorus'));
  expect(scripts).toHaveLength(1);
  const { code, stderr } = await desk.run(scripts[0]!);
  expect(code, stderr).toBe(0);
  expect(parsedLines(readFileSync(join(folder, 'alerts.ndjson'), 'utf8')).length).toBeGreaterThan(3);
  expect(existsSync(join(folder, 'report/index.html'))).toBe(true);
});
