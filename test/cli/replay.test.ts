import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import type { Alert } from '../../src/model.ts';
import type { ReplaySummary } from '../../src/runtime/replay.ts';
import { chorus, finish, parsedLines, ROOT, start } from '../support/command.ts';
import { copies, line, replayAll, simulatedDay, temporaryFolder, TEXT, writeLines } from '../support/feeds.ts';

const folder = temporaryFolder();
const DAY = simulatedDay(2000, 12);
const day = writeLines(folder, 'day.ndjson', DAY);
const five = writeLines(folder, 'five.ndjson', copies(5));

function pathOf(name: string): string {
  return join(folder, name);
}

describe('output', () => {
  test('is NDJSON on standard output and plain lines on standard error', async () => {
    const { code, stdout, stderr } = await chorus(['replay', day]);
    expect(code).toBe(0);
    const alerts = parsedLines<Alert>(stdout);
    const { alerts: wanted } = await replayAll([day]);
    expect(alerts.map(({ id, revision }) => [id, revision])).toEqual(wanted.map(({ id, revision }) => [id, revision]));
    expect(stderr).toContain('posts: 2,000 of 2,000 lines');
    expect(stderr).toContain('alerts: ');
    expect(stderr).not.toMatch(/[\u001b\r]/);
  });

  test('goes to the files named', async () => {
    const [alerts, members, summary] = ['a.ndjson', 'm.ndjson', 's.json'].map(pathOf) as [string, string, string];
    const args = ['replay', '--alerts', alerts, '--members', members, '--summary', summary, '--final', day];
    const { code, stdout } = await chorus(args);
    expect([code, stdout]).toEqual([0, '']);
    const finals = parsedLines<Alert>(readFileSync(alerts, 'utf8'));
    expect(new Set(finals.map(({ id }) => id)).size).toBe(finals.length);
    for (const { status } of finals) expect(['closed', 'merged']).toContain(status);
    const closed = finals.filter(({ status }) => status === 'closed');
    const lines = parsedLines<Record<string, string>>(readFileSync(members, 'utf8'));
    expect(lines.length).toBe(closed.reduce((sum, { postCount }) => sum + postCount, 0));
    expect(Object.keys(lines[0]!)).toEqual(['campaign', 'post', 'account', 'platform', 'createdAt']);
    expect(new Set(lines.map(({ campaign }) => campaign))).toEqual(new Set(closed.map(({ id }) => id)));
    const told = JSON.parse(readFileSync(summary, 'utf8')) as ReplaySummary;
    expect(told).toMatchObject({ schema: 'chorus.summary.v1', posts: 2000, windowMs: 3_600_000, minAccounts: 5 });
    expect(told.alerts.campaigns).toBe(closed.length);
    const widest = Math.max(...closed.map(({ accountCount }) => accountCount));
    expect(told.strongest[0]!.accountCount).toBe(widest);
    expect(told.strongest.length).toBe(Math.min(5, closed.length));
  });

  test('is the same bytes again, and from gzip and standard input', async () => {
    const plain = await chorus(['replay', day]);
    const again = await chorus(['replay', day]);
    const piped = await chorus(['replay', '-'], { stdin: gzipSync(DAY.join('\n')) });
    expect(again.stdout).toBe(plain.stdout);
    expect(piped.stdout).toBe(plain.stdout);
  });

  test('ends quietly when its reader has gone', async () => {
    const child = start(['replay', day, day]);
    child.stdout!.destroy();
    child.stdin!.end();
    const code = new Promise((resolve) => child.once('close', resolve));
    let stderr = '';
    child.stderr!.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
    expect(await code).toBe(0);
    expect(stderr).not.toContain('EPIPE');
  });
});

describe('exit code 2', () => {
  test('all problems at once, each with name, value and bound', async () => {
    const config = pathOf('bad.yaml');
    writeFileSync(config, 'minAcounts: 3\ncore:\n  strongSimilarity: 2\n  weekAccounts: 4\nlateness: 5\n');
    const { code, stdout, stderr } = await chorus([
      'replay',
      '--config',
      config,
      '--window',
      '1',
      '--min-accounts',
      '1',
      day,
    ]);
    expect([code, stdout]).toEqual([2, '']);
    expect(stderr).toContain('minAcounts: 3, must be the name of a setting; is "minAccounts" meant');
    expect(stderr).toContain('core.weekAccounts: 4, must be the name of a setting; is "core.weakAccounts" meant');
    expect(stderr).toContain('core.strongSimilarity: 2, must be a number from 0.05 to 1');
    expect(stderr).toContain('lateness: 5, must be a duration');
    expect(stderr).toContain('window: "1", must be a duration from 1s to 21d');
    expect(stderr).toContain('minAccounts: 1, must be an integer from 2 to 100000');
  });

  test.each([
    [['replay'], /FILE: not given, must be one or more files/],
    [['replay', '--windw', '1h', 'x'], /unknown option '--windw'[^]*--window/],
    [['replya', 'x'], /unknown command/],
    [['replay', '-', '-'], /FILE: "-", must be given once/],
    [['replay', '--config', '/nowhere.yaml', '-'], /config: "\/nowhere.yaml", must be a file that can be read/],
    [['replay', '--table', '/nowhere.gz', '-'], /table: "\/nowhere.gz"/],
    [
      ['replay', '--alerts', '/nowhere/a.ndjson', five],
      /--alerts: "\/nowhere\/a.ndjson", must be a file that can be written/,
    ],
    [['replay', '--members', five, five], /--members: .*must be another file than an input/],
  ])('%j', async (args, message) => {
    const before = readFileSync(five, 'utf8');
    const { code, stdout, stderr } = await chorus(args);
    expect([code, stdout]).toEqual([2, '']);
    expect(stderr).toMatch(message);
    expect(stderr).not.toContain('    at ');
    expect(readFileSync(five, 'utf8')).toBe(before);
  });
});

describe('exit code 3', () => {
  test('an input that is not there, before any output is touched', async () => {
    const alerts = pathOf('untouched.ndjson');
    const { code, stderr } = await chorus(['replay', '--alerts', alerts, five, '/nowhere.ndjson']);
    expect(code).toBe(3);
    expect(stderr).toContain('/nowhere.ndjson: does not exist');
    expect(existsSync(alerts)).toBe(false);
  });

  test('an input that is cut short', async () => {
    const cut = pathOf('cut.gz');
    const packed = gzipSync(DAY.join('\n'));
    writeFileSync(cut, packed.subarray(0, packed.length / 2));
    const { code, stdout, stderr } = await chorus(['replay', cut]);
    expect(code).toBe(3);
    expect(stderr).toMatch(/cut\.gz: the gzip data is cut short/);
    // What was read before is days of somebody's posts: it is not thrown away.
    expect(stderr).toContain('interrupted: what follows is of the posts read until then');
    expect(parsedLines<Alert>(stdout).length).toBeGreaterThan(0);
  });
});

describe('exit code 4', () => {
  const bad = ['hello', '{"id":1}', '{"id":2}', '{}', '[]', '[]', '[]'];

  test('more than half of the lines rejected, with the three commonest reasons', async () => {
    const input = writeLines(folder, 'mostly-bad.ndjson', [...copies(5), ...bad]);
    const { code, stdout, stderr } = await chorus(['replay', input]);
    expect(code).toBe(4);
    expect(parsedLines<Alert>(stdout).length).toBeGreaterThan(0);
    expect(stderr).toContain('chorus: 7 of 12 lines rejected, must be at most half:');
    expect(stderr).toContain(
      `not_an_object: 3 lines, the first is ${input}:10: the line is an array, must be an object`,
    );
    expect(stderr).toContain(
      `wrong_type: 2 lines, the first is ${input}:7: id is a number, must be a string\n    {"id":1}`,
    );
    expect(stderr).toContain('missing_field: 1 line');
    expect(stderr).not.toContain('not_json: 1 line,');
  });

  test('not at half of them', async () => {
    const { code } = await chorus(['replay', writeLines(folder, 'half.ndjson', [...copies(5), ...bad.slice(0, 5)])]);
    expect(code).toBe(0);
  });
});

describe('settings', () => {
  test('of the file, and the command line wins', async () => {
    const config = pathOf('chorus.yaml');
    writeFileSync(config, 'window: 2h\nminAccounts: 3\nlimits:\n  samplesListed: 2\n');
    const summary = pathOf('settings.json');
    const args = ['replay', '--config', config, '--min-accounts', '4', '--summary', summary];
    const { stdout } = await chorus([...args, writeLines(folder, 'four.ndjson', copies(4))]);
    expect(parsedLines<Alert>(stdout)[0]!.samples).toMatchObject({ leftOut: 2 });
    expect(JSON.parse(readFileSync(summary, 'utf8'))).toMatchObject({ windowMs: 7_200_000, minAccounts: 4 });
  });

  test('the secret is in the topology, and nowhere to be read', async () => {
    const plain = await chorus(['replay', five]);
    const keyed = await chorus(['replay', five], { env: { CHORUS_SECRET: 'open sesame' } });
    const [one, other] = [plain, keyed].map(({ stdout }) => parsedLines<Alert>(stdout)[0]!) as [Alert, Alert];
    expect(other.topology).not.toBe(one.topology);
    expect({ ...other, topology: one.topology }).toEqual(one);
    expect(keyed.stdout + keyed.stderr).not.toContain('sesame');
  });
});

describe('an interrupt', () => {
  test('finishes with what it has', async () => {
    const child = start(['replay', '-']);
    const outcome = finish(child);
    // More than a pipe holds, so once all is written the command is reading, and listens to signals.
    const lines = Array.from({ length: 2000 }, (_, i) => line(`a${i % 6}`, TEXT, i, { ballast: 'x'.repeat(500) }));
    await new Promise((resolve) => child.stdin!.write(`${lines.join('\n')}\n`, resolve));
    child.kill('SIGINT');
    const { code, stdout, stderr } = await outcome;
    expect(code).toBe(0);
    expect(stderr).toContain('interrupted');
    expect(stderr).toContain('rejected: 0');
    expect(parsedLines<Alert>(stdout).at(-1)).toMatchObject({ status: 'closed', accountCount: 6, text: TEXT });
  });

  test.skipIf(process.platform === 'win32')('twice ends at once, whatever holds it up', async () => {
    const pipe = pathOf('pipe');
    execFileSync('mkfifo', [pipe]);
    const child = start(['replay', '-', pipe]);
    const outcome = finish(child);
    const ballast = `${line('a', TEXT, 0, { ballast: 'x'.repeat(1_000_000) })}\n`;
    await new Promise((resolve) => child.stdin!.write(ballast, resolve));
    // The end of the first input: it opens the pipe next, which nobody writes to.
    child.stdin!.end();
    await new Promise((resolve) => setTimeout(resolve, 1000));
    child.kill('SIGINT');
    await new Promise((resolve) => setTimeout(resolve, 500));
    expect(child.exitCode).toBeNull();
    child.kill('SIGINT');
    expect(await outcome).toMatchObject({ code: 130, stdout: '' });
  });
});

describe('the command as npm installs it', () => {
  const built = existsSync(join(ROOT, 'dist/cli/main.js'));

  test.skipIf(!built)('runs', () => {
    const printed = execFileSync(process.execPath, [join(ROOT, 'bin/chorus.js'), '--version'], { encoding: 'utf8' });
    expect(printed).toBe('0.1.0\n');
  });
});

test('the version and the help', async () => {
  const version = await chorus(['--version']);
  expect(version).toMatchObject({ code: 0, stdout: '0.1.0\n' });
  const help = await chorus(['replay', '--help']);
  expect(help.code).toBe(0);
  for (const option of ['--window', '--min-accounts', '--alerts', '--final', '--members', '--summary', '--config']) {
    expect(help.stdout).toContain(option);
  }
  expect(help.stdout).toContain('Examples:');
});

test('a text cannot steer the terminal through the summary', async () => {
  const evil = Array.from({ length: 5 }, (_, i) => line(`e${i}`, `\u001b[2J\u0007\u202e${TEXT}`, i));
  const { stderr } = await chorus(['replay', writeLines(folder, 'evil.ndjson', evil)]);
  expect(stderr).toContain('The harbour toll');
  expect(stderr).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u202e]/);
});
