/** The unit of deploy/systemd, by the word of systemd itself. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import { EXIT } from '../../src/cli/exit.ts';
import { readConfig } from '../../src/cli/config.ts';
import { temporaryFolder } from '../support/feeds.ts';
import { ROOT } from '../support/command.ts';
import { debianTool, TOOL_TIMEOUT_MS } from '../support/tools.ts';
import { deployText } from './files.ts';
import { outcome } from './registry-tools.ts';

/** Of 10; what is left is mostly that it uses the network. */
const EXPOSURE_MAX = 1.5;

const unit = deployText('systemd/chorus.service');
const folder = temporaryFolder();
const values = (key: string): string[] =>
  unit
    .split('\n')
    .filter((line) => line.startsWith(`${key}=`))
    .map((line) => line.slice(key.length + 1));
let analyze: string;

beforeAll(async () => {
  analyze = await debianTool('systemd-analyze', 'systemd');
}, TOOL_TIMEOUT_MS);

test('systemd has nothing to say against it', async () => {
  // The program has to be there, and is elsewhere on this machine.
  const file = join(folder, 'chorus.service');
  writeFileSync(file, unit.replace('/usr/bin/node', process.execPath).replace(/file:.*README/, `file:${ROOT}/README`));
  expect(await outcome(analyze, ['verify', file])).toEqual({ code: 0, text: '' });
  writeFileSync(file, unit.replace('ProtectClock=yes', 'ProtectClocks=yes'));
  expect((await outcome(analyze, ['verify', file])).text).toContain('ProtectClocks');
});

test('leaves little that a break-in could reach', async () => {
  const file = join(folder, 'hardened.service');
  writeFileSync(file, unit);
  const { text } = await outcome(analyze, ['security', '--offline=true', '--no-pager', file]);
  expect(Number(/exposure level for [\w.]+: ([\d.]+)/.exec(text)![1])).toBeLessThanOrEqual(EXPOSURE_MAX);
});

test('starts again after what a new start mends, and waits until it has stopped', () => {
  expect(values('Restart')).toEqual(['always']);
  expect(values('RestartPreventExitStatus')).toEqual([String(EXIT.usage)]);
  const { shell } = readConfig({});
  expect(Number.parseInt(values('TimeoutStopSec')[0]!, 10) * 1000).toBeGreaterThan(shell.run.stopTimeoutMs);
  expect(values('StateDirectory')).toEqual(['chorus']);
  expect(values('Environment')[0]).toContain('GLIBC_TUNABLES=glibc.malloc.hugetlb=1');
});
