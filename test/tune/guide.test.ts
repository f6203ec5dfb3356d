/** docs/tuning.md, command by command. */
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { Desk, follow } from '../support/guide.ts';

const folder = mkdtempSync(join(tmpdir(), 'chorus-guide-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test('every command of the page does what it shows', { timeout: 300_000 }, async () => {
  const elsewhere: string[] = [];
  await follow(new Desk(folder), 'docs/tuning.md', ({ content }) => void elsewhere.push(content));
  expect(elsewhere).toStrictEqual([]);
  for (const name of ['sweep.json', 'sweep.svg', 'plant.json']) expect(existsSync(join(folder, name))).toBe(true);
});
