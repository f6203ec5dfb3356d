import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import type { Alert } from '../../src/model.ts';
import { alertId, alertOf } from '../support/alerts.ts';
import { chorus } from '../support/command.ts';
import { temporaryFolder, writeLines } from '../support/feeds.ts';
import { fullAlert, postsOf } from '../report/alerts.ts';

const folder = temporaryFolder();

/** Without what later versions added. */
function older(alert: Alert): Record<string, unknown> {
  const { severity, timing, explanations, techniques, removedCount, disclosedCount, ...rest } = alert;
  expect([severity, timing, explanations, techniques, removedCount, disclosedCount]).not.toContain(undefined);
  const variants = { ...rest.variants, listed: rest.variants.listed.map(({ diff: _diff, ...variant }) => variant) };
  return { ...rest, variants };
}

const ALERTS: readonly unknown[] = [
  alertOf(alertId(1), postsOf(['grew'], 5), { status: 'open', text: 'before it grew' }),
  fullAlert(alertId(2), ['Vote for Ann in Paris', 'Vote for Bob in Rome'], 'words', { revision: 3 }),
  alertOf(alertId(1), postsOf(['grew'], 9), { revision: 2 }),
  alertOf(alertId(1), postsOf(['grew'], 7), { status: 'updated', text: 'between' }),
  alertOf(alertId(3), postsOf(['a part'], 5), { status: 'merged', mergedInto: alertId(4) }),
  alertOf(alertId(4), postsOf(['a part of a part'], 6), { status: 'merged', mergedInto: alertId(1) }),
  alertOf(alertId(5), postsOf(['taken by one that the file lacks'], 5), { status: 'merged', mergedInto: alertId(99) }),
  older(alertOf(alertId(6), postsOf(['an old text here', 'an older text here'], 4))),
];
const LINES = ALERTS.map((alert) => JSON.stringify(alert));
const file = writeLines(folder, 'alerts.ndjson', LINES);

function pages(out: string): Record<string, string> {
  const names = ['index.html', ...readdirSync(join(out, 'campaigns')).map((name) => join('campaigns', name))];
  return Object.fromEntries(names.map((name) => [name, readFileSync(join(out, name), 'utf8')]));
}

let made = 0;
async function report(input: string, flags: readonly string[] = [], stdin = ''): Promise<Record<string, string>> {
  const out = join(folder, `report-${made++}`);
  const outcome = await chorus(['report', input, '--out', out, ...flags], { stdin });
  expect([outcome.code, outcome.stdout]).toEqual([0, '']);
  return pages(out);
}

/** Ids of the index in their order. */
function listed(index: string): string[] {
  return Array.from(index.matchAll(/href="campaigns\/([0-9a-f]{16})\.html"/g), ([, id]) => id!);
}

describe('a report', () => {
  test('has a page for each campaign, of its last revision, in order of severity', async () => {
    const found = await report(file);
    const ids = [2, 1, 5, 6].map(alertId);
    expect(listed(found['index.html']!)).toEqual(ids);
    expect(Object.keys(found).sort()).toEqual(['index.html', ...ids.map((id) => `campaigns/${id}.html`)].sort());
    const page = found[`campaigns/${alertId(1)}.html`]!;
    expect(page).toContain('9 accounts posted near-identical text');
    expect(page).not.toContain('before it grew');
    expect(page).toContain(`<bdi>${alertId(3)}, ${alertId(4)}</bdi>`);
    expect(found[`campaigns/${alertId(5)}.html`]).toContain(
      'merged into another campaign that this report does not have',
    );
  });

  test('says what was found, why it may be innocent, and what it does not show', async () => {
    const page = (await report(file))[`campaigns/${alertId(2)}.html`]!;
    for (const words of [
      'Why this may be innocent',
      'The headline or share text of one link',
      'our own rule',
      'What this does not show',
      'Posts over time',
      'side by side',
      'Vote for <ins>',
      'What the variants have in common',
      'Concentration 0.62',
      'Network of the accounts',
      'Candidate techniques',
      'T0084.001',
      'partition 2, offset <bdi>9007199254740993</bdi>',
      'Severity, in parts',
      'Provenance',
      '2 posts were deleted or edited since',
    ]) {
      expect([words, page.includes(words)]).toEqual([words, true]);
    }
    for (const each of Object.values(await report(file))) expect(each).not.toMatch(/\bbots?\b|inauthentic/i);
  });

  test('of an older version never says "none found" of what nobody looked for', async () => {
    const found = await report(file);
    const old = found[`campaigns/${alertId(6)}.html`]!;
    expect(old).toContain('did not look for innocent explanations');
    expect(old).not.toContain('Severity, in parts');
    // Its variants come without a comparison, so one is made.
    expect(old).toMatch(/an (<del>old<\/del>|<ins>older<\/ins>)/);
    expect(found[`campaigns/${alertId(1)}.html`]).toContain(
      'None of the innocent explanations that Chorus knows was found',
    );
  });

  test('is the same bytes for the same alerts, in any order, plain, packed or from standard input', async () => {
    const first = await report(file);
    const shuffled = writeLines(folder, 'shuffled.ndjson', LINES.toReversed());
    expect(await report(shuffled)).toEqual(first);
    const packed = join(folder, 'alerts.ndjson.gz');
    writeFileSync(packed, gzipSync(readFileSync(file)));
    expect(await report(packed)).toEqual(first);
    expect(await report('-', [], `${LINES.join('\n')}\n`)).toEqual(first);
  });

  test('has complete lists with the members', async () => {
    const long = alertOf(alertId(1), postsOf(['long'], 30), { accountsListed: 5, samplesListed: 5 });
    const input = writeLines(folder, 'long.ndjson', [JSON.stringify(long)]);
    const members = postsOf(['long'], 30).map(({ account, seconds }) => ({
      campaign: alertId(1),
      post: `p ${account}`,
      account,
      platform: 'example',
      createdAt: new Date(Date.UTC(2025, 1, 4, 9) + seconds * 1000).toISOString(),
    }));
    const lines = [...members, { ...members[0]!, campaign: alertId(77), account: 'of another campaign' }];
    const path = writeLines(
      folder,
      'members.ndjson',
      lines.map((member) => JSON.stringify(member)),
    );
    const id = `campaigns/${alertId(1)}.html`;
    const bounded = (await report(input))[id]!;
    expect(bounded).toContain('5 of 30 accounts');
    expect(bounded).toContain('25 posts whose time the alert does not list are not drawn');
    const complete = (await report(input, ['--members', path]))[id]!;
    expect(complete).toContain('30 of 30 accounts');
    expect(complete).toContain('all 30, from a file of members');
    expect(complete).not.toContain('not drawn');
    expect(complete).not.toContain('of another campaign');
    expect(
      await report(input, [
        '--members',
        writeLines(
          folder,
          'reversed.ndjson',
          lines.toReversed().map((member) => JSON.stringify(member)),
        ),
      ]),
    ).toHaveProperty([id], complete);
  });

  test('links accounts to their other campaigns', async () => {
    const two = writeLines(
      folder,
      'two.ndjson',
      [1, 2].map((n) => JSON.stringify(alertOf(alertId(n), postsOf(['same accounts'], 6)))),
    );
    const found = await report(two);
    expect(found[`campaigns/${alertId(1)}.html`]).toContain(`href="${alertId(2)}.html"`);
    expect(found[`campaigns/${alertId(1)}.html`]).toContain('6 accounts are in other campaigns of this report too');
    expect(found[`campaigns/${alertId(1)}.html`]).toContain('1 other campaign in common');
  });

  test('of an alert whose posts are all gone says so', async () => {
    const gone = alertOf(alertId(1), postsOf(['gone'], 5), {
      text: '',
      accountCount: 0,
      postCount: 0,
      variantCount: 0,
      removedCount: 5,
      platforms: {},
      accountsListed: 0,
      samplesListed: 0,
      variantsListed: 0,
    });
    const found = await report(writeLines(folder, 'gone.ndjson', [JSON.stringify(gone)]));
    expect(found[`campaigns/${alertId(1)}.html`]).toContain('Every post of this campaign has been deleted since');
    expect(found['index.html']).toContain('(every post was deleted)');
  });

  test('can be bounded, and says so', async () => {
    const found = await report(file, ['--top', '1']);
    expect(listed(found['index.html']!)).toEqual([alertId(2)]);
    expect(found['index.html']).toContain('3 campaigns of lower severity have no page here');
    expect(found['index.html']).toContain('1 campaign of coordinated posting');
  });

  test('of no alerts is a page that says so', async () => {
    const found = await report(writeLines(folder, 'none.ndjson', []));
    expect(Object.keys(found)).toEqual(['index.html']);
    expect(found['index.html']).toContain('No campaigns');
  });
});

describe('the folder', () => {
  test('is replaced only where that is asked for, and only pages in it', async () => {
    const out = join(folder, 'taken');
    mkdirSync(out);
    writeFileSync(join(out, 'notes.txt'), 'mine');
    const refused = await chorus(['report', file, '--out', out]);
    expect(refused.code).toBe(2);
    expect(refused.stderr).toContain('--out: ');
    expect(refused.stderr).toContain('a new or empty folder, or one of an earlier report with --replace');

    const one = writeLines(folder, 'one.ndjson', [JSON.stringify(alertOf(alertId(8), postsOf(['earlier'], 5)))]);
    expect((await chorus(['report', one, '--out', out, '--replace'])).code).toBe(0);
    writeFileSync(join(out, 'campaigns', 'mine.html'), 'mine');
    const replaced = await chorus(['report', file, '--out', out, '--replace']);
    expect([replaced.code, replaced.stderr]).toEqual([0, `${join(out, 'index.html')}: 4 campaigns\n`]);
    expect(existsSync(join(out, 'campaigns', `${alertId(8)}.html`))).toBe(false);
    expect(readFileSync(join(out, 'notes.txt'), 'utf8')).toBe('mine');
    expect(existsSync(join(out, 'campaigns', 'mine.html'))).toBe(true);
  });

  test('must be one', async () => {
    const { code, stderr } = await chorus(['report', file, '--out', file, '--top', '0']);
    expect(code).toBe(2);
    expect(stderr).toContain('--out');
    expect(stderr).toContain('--top: "0", must be an integer from 1 to 9999999');
  });
});

describe('lines that are no alerts', () => {
  test('are told, and the others used', async () => {
    const out = join(folder, 'mixed');
    const broken = { ...alertOf(alertId(9), postsOf(['x'], 5)), accounts: { listed: [{ platform: 3 }], leftOut: 0 } };
    const input = writeLines(folder, 'mixed.ndjson', [...LINES, '{"half":', JSON.stringify(broken)]);
    const { code, stderr } = await chorus(['report', input, '--out', out]);
    expect(code).toBe(0);
    expect(stderr).toContain('2 of 10 lines rejected, must be alerts');
    expect(stderr).toContain('not_json: 1 line');
    expect(stderr).toContain('accounts.listed[0].platform must be a text');
    expect(listed(readFileSync(join(out, 'index.html'), 'utf8'))).toHaveLength(4);
  });

  test('of more than half end with 4', async () => {
    const input = writeLines(folder, 'posts.ndjson', ['{"id":"1"}', '[]', LINES[0]!]);
    const { code, stderr } = await chorus(['report', input, '--out', join(folder, 'posts')]);
    expect(code).toBe(4);
    expect(stderr).toContain('schema is missing, must be chorus.alert.v1');
  });

  test('a file that is not there ends with 3', async () => {
    const out = join(folder, 'never');
    expect((await chorus(['report', join(folder, 'missing'), '--out', out])).code).toBe(3);
    expect((await chorus(['report', file, '--members', join(folder, 'missing'), '--out', out])).code).toBe(3);
    expect(existsSync(out)).toBe(false);
  });
});
