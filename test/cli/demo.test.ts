import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { finish, ROOT } from '../support/command.ts';

test('the demo finds what it says it finds, without colours where there is no terminal', async () => {
  const child = spawn(process.execPath, ['--import', 'tsx', join(ROOT, 'src/cli/demo.ts')], { cwd: ROOT });
  const { code, stdout, stderr } = await finish(child);
  expect([code, stderr]).toEqual([0, '']);
  expect(stdout).not.toContain('\u001b');
  const rows = stdout.split('\n').filter((row) => /\s(exact|cosmetic|obfuscated|light|medium|heavy)\s/.test(row));
  const planted = rows.map((row) => row.trim().split(/\s{2,}/)) as [string, string, string, string, string][];
  expect(planted.map(([, level]) => level).toSorted()).toEqual([
    'cosmetic',
    'exact',
    'exact',
    'heavy',
    'light',
    'medium',
    'obfuscated',
    'obfuscated',
  ]);
  for (const [name, level, accounts, found, isFound] of planted) {
    if (level === 'medium' || level === 'heavy') continue;
    expect([name, isFound]).toEqual([name, 'yes']);
    expect(Number(found)).toBeGreaterThanOrEqual(0.95 * Number(accounts));
  }
  expect(stdout).toMatch(/headline-\d: \d+ accounts/);
  expect(stdout).toMatch(/forward-\d: \d+ accounts/);
  expect(stdout).not.toMatch(/\b(bots?|inauthentic|fake)\b/i);
});
