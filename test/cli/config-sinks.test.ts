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
