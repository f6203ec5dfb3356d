import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { sinksOf } from '../../src/cli/config-sinks.ts';
import type { ConfigProblem } from '../../src/errors.ts';

const folder = mkdtempSync(join(tmpdir(), 'chorus-sinks-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function read(entries: readonly unknown[], env: Record<string, string> = {}) {
  const problems: ConfigProblem[] = [];
  return { sinks: sinksOf(entries, env, new Set(['feed']), problems), problems };
}

test('secrets come from the environment or a file', () => {
  const file = join(folder, 'secret');
  writeFileSync(file, 'from-file\n');
  const hook = { name: 'hook-a', type: 'webhook', url: 'https://example.org/', secretFile: file, timeout: '3s' };
  const { sinks, problems } = read([hook, { name: 'desk', type: 'slack', statuses: ['open'] }], {
    CHORUS_SINK_DESK_URL: 'https://hooks.slack.com/services/x',
  });
  expect(problems).toEqual([]);
  expect(sinks[0]).toMatchObject({
    kind: { secret: 'from-file', timeoutMs: 3000, allowPrivate: false },
    attemptsMax: 8,
  });
  expect(sinks[1]).toMatchObject({
    filter: { statuses: ['open'], minSeverity: 0 },
    kind: { url: 'https://hooks.slack.com/services/x', intervalMs: 1000 },
  });
  expect(read([hook], { CHORUS_SINK_HOOK_A_SECRET: 'env' }).sinks[0]).toMatchObject({ kind: { secret: 'env' } });
});

test('the address of a webhook is given openly, or kept from all that is shown', () => {
  const file = join(folder, 'url');
  writeFileSync(file, 'https://hooks.example.org/swordfish\n');
  const hook = { name: 'hook', type: 'webhook' };
  const open = { ...hook, url: 'https://example.org/' };
  const hidden = { url: 'https://hooks.example.org/swordfish', isUrlHidden: true };
  expect(read([open]).sinks[0]).toMatchObject({ kind: { url: open.url, isUrlHidden: false } });
  expect(read([{ ...hook, urlFile: file }]).sinks[0]).toMatchObject({ kind: hidden });
  const env = { CHORUS_SINK_HOOK_URL: hidden.url };
  expect(read([hook], env).sinks[0]).toMatchObject({ kind: hidden });
  expect(read([open], env).sinks[0]).toMatchObject({ kind: hidden });

  const wrong = join(folder, 'wrong');
  writeFileSync(wrong, 'ftp://hooks.example.org/swordfish');
  const told = [
    hook,
    { ...open, urlFile: file },
    { ...hook, urlFile: wrong },
    { ...hook, urlFile: join(folder, 'no') },
  ];
  const { sinks, problems } = read(told.map((each, i) => ({ ...each, name: `hook-${i}` })));
  expect(sinks).toEqual([]);
  expect(problems.map(({ name }) => name)).toEqual([
    'sinks.0.url',
    'sinks.1.urlFile',
    'sinks.2.urlFile',
    'sinks.3.urlFile',
  ]);
  expect(problems[0]!.bound).toContain('CHORUS_SINK_HOOK_0_URL');
  expect(JSON.stringify(problems)).not.toContain('swordfish');
});

test('all problems are told, and no secret is shown', () => {
  const { sinks, problems } = read([
    { name: 'a', type: 'webhook', url: 'ftp://example.org', secret: 'swordfish', timeout: 5 },
    { name: 'a', type: 'file', pat: 'x' },
    { name: 'b', type: 'mail' },
    { name: 'c', type: 'osprey', topic: 'feed' },
    { name: 'd', type: 'slack', url: 'https://hooks.slack.com/services/swordfish', minSeverity: 101, statuses: [] },
  ]);
  expect(sinks).toEqual([]);
  expect(problems.map(({ name }) => name).toSorted()).toEqual([
    'sinks.0.secret',
    'sinks.0.timeout',
    'sinks.0.url',
    'sinks.1.name',
    'sinks.1.pat',
    'sinks.1.path',
    'sinks.2.type',
    'sinks.3.topic',
    'sinks.4.minSeverity',
    'sinks.4.statuses',
    'sinks.4.url',
    'sinks.4.urlFile',
  ]);
  expect(JSON.stringify(problems)).not.toContain('swordfish');
});
