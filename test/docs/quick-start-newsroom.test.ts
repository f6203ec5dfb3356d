/** docs/quick-start-newsroom.md, command by command, as somebody would follow it. */
import { mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { Desk, follow } from '../support/guide.ts';

const folder = mkdtempSync(join(tmpdir(), 'chorus-guide-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const read = (name: string): string => readFileSync(join(folder, name), 'utf8');
const lineCount = (name: string): number => read(name).split('\n').length - 1;

test('every command of the guide does what it shows', { timeout: 300_000 }, async () => {
  const desk = new Desk(folder);
  const elsewhere: string[] = [];
  await follow(desk, 'docs/quick-start-newsroom.md', ({ content }) => void elsewhere.push(content));
  // Needs an address of the repository, and makes a command for all users.
  expect(elsewhere).toStrictEqual([expect.stringContaining('npm link')]);

  expect(readdirSync(join(folder, 'report/campaigns'))).toHaveLength(lineCount('alerts.ndjson'));
  expect(readdirSync(join(folder, 'tables')).toSorted()).toStrictEqual([
    'accounts.csv',
    'campaigns.csv',
    'pairs.csv',
    'posts.csv',
  ]);
  expect(read('accounts.gexf')).toContain('<gexf');
  expect(lineCount('own-members.ndjson')).toBe(5);
});
