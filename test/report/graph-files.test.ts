/** GEXF and GraphML against the schemas of their makers (test/fixtures/report/README.md). */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Parser } from 'htmlparser2';
import { describe, expect, test } from 'vitest';
import { validateXML } from 'xmllint-wasm';
import { AccountBook } from '../../src/report/account-book.ts';
import { accountRows } from '../../src/report/evidence.ts';
import { gexfLines, graphmlLines, type AccountGraph } from '../../src/report/graph-files.ts';
import { PairBook } from '../../src/report/pairs.ts';
import { alertId, alertOf } from '../support/alerts.ts';
import { evidenceOf, fullAlert, HOSTILE_TEXTS, postsOf } from './alerts.ts';

const SCHEMAS = join(import.meta.dirname, '../fixtures/report');
const FORMATS = {
  gexf: { folder: 'gexf-1.3', schema: 'gexf.xsd', parts: ['dynamics.xsd', 'viz.xsd'], lines: gexfLines },
  graphml: {
    folder: 'graphml-1.0',
    schema: 'graphml.xsd',
    parts: ['graphml-structure.xsd', 'xlink.xsd'],
    lines: graphmlLines,
  },
} as const;
type Format = keyof typeof FORMATS;

function graph(): AccountGraph {
  const campaigns = [
    // Names of accounts are the texts that try to get out.
    evidenceOf(
      alertOf(
        alertId(1),
        HOSTILE_TEXTS.map((text, i) => ({ account: text.slice(0, 90), text: 'a', seconds: i })),
      ),
    ),
    evidenceOf(
      alertOf(
        alertId(2),
        HOSTILE_TEXTS.slice(0, 5).map((text, i) => ({ account: text.slice(0, 90), text: 'b', seconds: 90 + i })),
      ),
    ),
    evidenceOf(fullAlert(alertId(3), ['one', 'two'], '"<&>\u0001')),
    evidenceOf(alertOf(alertId(4), postsOf(['alone'], 1))),
  ];
  const book = new AccountBook();
  const pairs = new PairBook(100);
  for (const [number, evidence] of campaigns.entries()) {
    book.add(number, accountRows(evidence), evidence.alert.lastMs);
    pairs.add(number, accountRows(evidence), evidence.alert.lastMs);
  }
  const campaignIds = campaigns.map(({ alert }) => alert.id);
  const lastMs = Date.UTC(2025, 1, 4, 10);
  return {
    accounts: book.accounts(),
    pairs: Array.from(pairs.pairs()),
    campaignIds,
    generator: 'Chorus <test>',
    lastMs,
  };
}

async function faults(format: Format, contents: string): Promise<string[]> {
  const { folder, schema, parts } = FORMATS[format];
  const file = (fileName: string): { fileName: string; contents: string } => {
    return { fileName, contents: readFileSync(join(SCHEMAS, folder, fileName), 'utf8') };
  };
  const { errors } = await validateXML({
    xml: { fileName: 'graph.xml', contents },
    schema: [file(schema)],
    preload: parts.map(file),
  });
  return errors.map(({ message }) => message);
}

interface Element {
  readonly name: string;
  readonly attributes: Readonly<Record<string, string>>;
  text: string;
}

function elements(xml: string): Element[] {
  const found: Element[] = [];
  const parser = new Parser(
    {
      onopentag: (name, attributes) => void found.push({ name, attributes, text: '' }),
      ontext: (text) => {
        if (found.length > 0) found.at(-1)!.text += text;
      },
    },
    { xmlMode: true, decodeEntities: true },
  );
  parser.end(xml);
  return found;
}

const shared = graph();

describe.each(['gexf', 'graphml'] as const)('%s', (format) => {
  const xml = Array.from(FORMATS[format].lines(shared)).join('\n');

  test('is valid by its schema, of accounts of any name', async () => {
    expect(await faults(format, xml)).toEqual([]);
  });

  test('would be found invalid', async () => {
    const broken =
      format === 'gexf' ? xml.replace('class="node"', 'class="nodes"') : xml.replace('for="node"', 'for="nodes"');
    expect(await faults(format, broken)).not.toEqual([]);
    expect(await faults(format, xml.replace(/source="[^"]*"/, ''))).not.toEqual([]);
  });

  test('has each account and each pair once, and every end of an edge is a node', () => {
    const all = elements(xml);
    const nodes = all.filter(({ name }) => name === 'node').map(({ attributes }) => attributes['id']);
    const edges = all.filter(({ name }) => name === 'edge');
    expect(new Set(nodes).size).toBe(shared.accounts.length);
    expect(nodes).toHaveLength(shared.accounts.length);
    expect(edges).toHaveLength(Array.from(shared.pairs).length);
    const known = new Set(nodes);
    for (const { attributes } of edges) {
      expect([known.has(attributes['source']), known.has(attributes['target'])]).toEqual([true, true]);
    }
  });

  test('is the same for the same alerts', () => {
    expect(Array.from(FORMATS[format].lines(graph())).join('\n')).toBe(xml);
  });
});

test('GEXF says what Gephi shows: labels, attributes, weights, and an edge lives no longer than its ends', () => {
  const all = elements(Array.from(gexfLines(shared)).join('\n'));
  const titles = all.filter(({ name }) => name === 'attribute').map(({ attributes }) => attributes['title']);
  expect(titles).toEqual(expect.arrayContaining(['platform', 'handle', 'posts', 'campaigns', 'created']));
  const node = all.find(({ attributes }) => attributes['id'] === 'x/account-1')!;
  expect(node.attributes).toMatchObject({
    label: 'handle_1',
    start: '2025-02-04T09:00:07.000Z',
    end: '2025-02-04T09:00:35.000Z',
  });
  const edges = all.filter(({ name }) => name === 'edge');
  expect(edges.filter(({ attributes }) => attributes['weight'] === '2')).toHaveLength(10);
  const spans = new Map(
    all.filter(({ name }) => name === 'node').map(({ attributes }) => [attributes['id'], attributes]),
  );
  for (const { attributes } of edges) {
    const ends = [spans.get(attributes['source'])!, spans.get(attributes['target'])!];
    expect(attributes['start']! <= attributes['end']!).toBe(true);
    expect(ends.every((end) => end['start']! <= attributes['start']! && end['end']! >= attributes['end']!)).toBe(true);
  }
});

test('GraphML names the attributes that Gephi takes for its own', () => {
  const all = elements(Array.from(graphmlLines(shared)).join('\n'));
  const keys = all.filter(({ name }) => name === 'key').map(({ attributes }) => attributes);
  expect(keys).toContainEqual({ id: 'label', for: 'node', 'attr.name': 'label', 'attr.type': 'string' });
  expect(keys).toContainEqual({ id: 'weight', for: 'edge', 'attr.name': 'weight', 'attr.type': 'double' });
  expect(new Set(keys.map(({ id }) => id)).size).toBe(keys.length);
  const labels = all.filter(({ name, attributes }) => name === 'data' && attributes['key'] === 'label');
  expect(labels.map(({ text }) => text)).toContain('handle_1');
});
