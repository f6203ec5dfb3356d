import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { loadEvidence } from '../../src/cli/evidence-files.ts';
import { train } from '../../src/cli/train.ts';
import { ConfigError } from '../../src/errors.ts';
import { DEFAULTS } from '../../src/settings.ts';
import { stageSettings } from '../../src/runtime/engine.ts';
import { tableBytes } from '../support/table.ts';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'chorus-evidence-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

function file(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

function problemsOf(rules: string): string[] {
  try {
    loadEvidence({ rules: file('wrong.yaml', rules), creation: undefined });
  } catch (error) {
    return (error as ConfigError).problems.map(({ name }) => name);
  }
  return [];
}

describe('evidence.rules', () => {
  test('takes disclosures and explanations', () => {
    const path = file(
      'rules.yaml',
      `
disclosures: ["#teamtoll", i canvass for *]
explanations:
  - name: union_letter
    description: The union's model letter.
    texts: [as a nurse i ask you]
  - { name: choir, description: A song of the choir., patterns: [la la * la] }
`,
    );
    expect(loadEvidence({ rules: path, creation: undefined })).toEqual({
      rules: {
        disclosures: ['#teamtoll', 'i canvass for *'],
        explanations: [
          {
            name: 'union_letter',
            description: "The union's model letter.",
            texts: ['as a nurse i ask you'],
            patterns: [],
          },
          { name: 'choir', description: 'A song of the choir.', texts: [], patterns: ['la la * la'] },
        ],
      },
    });
  });

  test('nothing given is nothing', () => {
    expect(loadEvidence({ rules: undefined, creation: undefined })).toEqual({});
  });

  test.each([
    ['[]', ['evidence.rules']],
    ['explanation: []', ['evidence.rules: explanation']],
    ['disclosures: "#ad"', ['evidence.rules: disclosures']],
    ['disclosures: ["*", 7]', ['evidence.rules: disclosures[0]', 'evidence.rules: disclosures[1]']],
    ['explanations: {}', ['evidence.rules: explanations']],
    ['explanations: [{ name: greeting, description: a, texts: [toll] }]', ['evidence.rules: explanations[0].name']],
    [
      'explanations: [{ name: Toll!, texts: [toll] }]',
      ['evidence.rules: explanations[0].name', 'evidence.rules: explanations[0].description'],
    ],
    ['explanations: [{ name: toll, description: a }]', ['evidence.rules: explanations[0]']],
    [
      'explanations: [{ name: toll, description: a, texts: [toll], regex: x }]',
      ['evidence.rules: explanations[0].regex'],
    ],
    [
      'explanations: [{ name: t, description: a, texts: [toll] }, { name: t, description: b, texts: [toll] }]',
      ['evidence.rules: name'],
    ],
    [
      `disclosures: [${Array.from({ length: 1001 }, (_, i) => `phrase${i}`).join()}]`,
      ['evidence.rules: texts and patterns'],
    ],
    ['a: [', ['evidence.rules']],
  ])('refuses %s', (rules, names) => {
    expect(problemsOf(rules)).toEqual(names);
  });

  test('a file that is not there', () => {
    expect(() => loadEvidence({ rules: join(folder, 'none'), creation: join(folder, 'none') })).toThrow(
      /evidence\.rules[^]*evidence\.creation/,
    );
  });

  test('other rules are another topology, no rules are the same as none given', () => {
    const topologyOf = (evidence?: object): string =>
      stageSettings({
        settings: DEFAULTS,
        table: tableBytes({ natsPerLevel: 1 }),
        engine: 'chorus/test',
        ...(evidence === undefined ? {} : { evidence }),
      }).topology;
    expect(topologyOf({})).toBe(topologyOf());
    expect(topologyOf({ rules: { disclosures: ['#teamtoll'], explanations: [] } })).not.toBe(topologyOf());
  });
});

describe('evidence.creation', () => {
  const post = (id: number, account: string, made?: string): string =>
    JSON.stringify({
      id: `p${id}`,
      platform: 'one',
      account,
      text: `a text of post ${id}`,
      createdAt: '2025-02-04T09:00:00Z',
      ...(made === undefined ? {} : { accountCreatedAt: made }),
    });

  test('is learned by "chorus train", each account once', async () => {
    const posts = file(
      'posts.ndjson',
      [
        post(1, 'a', '2020-05-03T00:00:00Z'),
        post(2, 'a', '2020-05-03T00:00:00Z'),
        post(3, 'b', '2020-05-31T23:59:59Z'),
        post(4, 'c', '2019-01-01T00:00:00Z'),
        post(5, 'd', '2025-03-01T00:00:00Z'),
        post(6, 'e'),
      ].join('\n'),
    );
    const creationOut = join(folder, 'creation.json');
    const { accounts } = await train([posts], { out: join(folder, 'table.gz'), creationOut });
    expect(accounts).toBe(3);
    expect(loadEvidence({ rules: undefined, creation: creationOut })).toEqual({
      creation: { schema: 'chorus.creation.v1', months: { '2019-01': 1, '2020-05': 2 } },
    });
  });

  test('is not written where no post tells', async () => {
    const posts = file('plain.ndjson', post(1, 'a'));
    await expect(
      train([posts], { out: join(folder, 'table.gz'), creationOut: join(folder, 'x.json') }),
    ).rejects.toThrow('accountCreatedAt');
  });

  test('a file of another shape is refused', () => {
    const creation = file('other.json', '{"months":{}}');
    expect(() => loadEvidence({ rules: undefined, creation })).toThrow('chorus train --creation-out');
  });
});
