import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { POINTS_MAX } from '../../src/evidence/severity.ts';
import { techniquesOf } from '../../src/evidence/techniques.ts';
import { EXPLANATIONS } from '../../src/model.ts';

const read = (path: string): string => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');
const docs = read('docs/alerts.md');
/** First cells of the rows of all tables. */
const ROWS = Array.from(docs.matchAll(/^\| `([^`]+)`\s*\|([^\n]*)$/gm), ([, name, rest]) => [name!, rest!] as const);

describe('docs/alerts.md', () => {
  test('has each field of an alert, in order', () => {
    const { properties } = JSON.parse(read('schemas/alert.v1.schema.json')) as { properties: object };
    const fields = Object.keys(properties);
    expect(ROWS.slice(0, fields.length).map(([name]) => name)).toEqual(fields);
  });

  test('has the parts of the severity, with their points', () => {
    for (const [part, points] of Object.entries(POINTS_MAX)) {
      const rows = ROWS.filter(([name]) => name === part).map(([, rest]) => rest.trim().split(' |')[0]!.trim());
      expect(rows, part).toContain(points === 0 ? '−25 to 0' : `0 to ${points}`);
    }
  });

  test('has each explanation and each technique', () => {
    const names = ROWS.map(([name]) => name);
    for (const name of EXPLANATIONS) expect(names).toContain(name);
    const flood = { accountCount: 50, variantCount: 2, halfSpanMs: 0, disguisedCount: 9, disguisedShare: 1 };
    for (const { id, name } of techniquesOf({ ...flood, tag: ['#a', 1], addressee: ['b', 1] })) {
      expect(ROWS.find(([cell]) => cell === id)?.[1]).toContain(name);
    }
  });
});
