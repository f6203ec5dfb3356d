/** MISP events and STIX bundles, held to the libraries of their makers and to what those do not check. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { AccountBook } from '../../src/report/account-book.ts';
import { accountRows, type Evidence } from '../../src/report/evidence.ts';
import { mispEvent, mispManifestEntry, type MispEvent } from '../../src/report/misp.ts';
import { stixLines } from '../../src/report/stix.ts';
import { uuid5 } from '../../src/report/uuid.ts';
import { alertId, alertOf } from '../support/alerts.ts';
import { temporaryFolder } from '../support/feeds.ts';
import { TOOL_TIMEOUT_MS } from '../support/tools.ts';
import { evidenceOf, fullAlert, HOSTILE_TEXTS, postsOf } from './alerts.ts';
import { pythonWithValidators, type Python } from './python.ts';

const folder = temporaryFolder();
let python: Python;

beforeAll(async () => {
  python = await pythonWithValidators();
}, TOOL_TIMEOUT_MS);

/** One with everything, one that shares its accounts, one of a version without explanations, one of which nothing is left. */
const ALERTS = [
  fullAlert(alertId(1), HOSTILE_TEXTS, `"><script>\u202E'`),
  fullAlert(alertId(2), ['a text', 'another'], 'words'),
  older(),
  alertOf(alertId(4), postsOf(['gone']), {
    text: '',
    accountCount: 0,
    postCount: 0,
    variantCount: 0,
    removedCount: 3,
    platforms: {},
    foundBy: [],
    accountsListed: 0,
    samplesListed: 0,
    variantsListed: 0,
  }),
];

function older(): ReturnType<typeof alertOf> {
  const alert: Record<string, unknown> = { ...alertOf(alertId(3), postsOf(['an old text'])) };
  for (const name of ['severity', 'timing', 'explanations', 'techniques', 'removedCount', 'disclosedCount'])
    delete alert[name];
  return alert as unknown as ReturnType<typeof alertOf>;
}

const campaigns: Evidence[] = ALERTS.map(evidenceOf);
const book = new AccountBook();
for (const [number, evidence] of campaigns.entries()) book.add(number, accountRows(evidence), evidence.alert.lastMs);

test('UUIDs of version 5 are those of RFC 9562', () => {
  expect(uuid5('6ba7b810-9dad-11d1-80b4-00c04fd430c8', 'www.example.com')).toBe('2ed6657d-e927-568b-95e1-2665a8aea6a2');
});

interface StixObject {
  readonly type: string;
  readonly id: string;
  readonly object_refs?: readonly string[];
  readonly [property: string]: unknown;
}

interface Bundle {
  readonly type: string;
  readonly objects: readonly StixObject[];
}

const STIX_PROGRAM = `
import json, sys
from stix2validator import validate_file, ValidationOptions
result = validate_file(sys.argv[1], ValidationOptions(version='2.1', disabled=['uuid-check', 'account-type', 'extref-hashes']))
found = result.object_results if hasattr(result, 'object_results') else [result]
print(json.dumps({
  'valid': result.is_valid,
  'errors': [str(e) for r in found for e in (r.errors or [])],
  'warnings': [str(w) for r in found for w in (r.warnings or [])],
}))
`;

describe('a STIX bundle', () => {
  const text = Array.from(stixLines('test', campaigns, book)).join('\n');
  const bundle = JSON.parse(text) as Bundle;

  test('is valid for the validator of OASIS, without a warning', async () => {
    const path = join(folder, 'bundle.json');
    writeFileSync(path, text);
    expect(await python.json(STIX_PROGRAM, [path])).toEqual({ valid: true, errors: [], warnings: [] });
  });

  test('would be found invalid', async () => {
    const path = join(folder, 'broken.json');
    writeFileSync(path, text.replace('"number_observed":', '"numbers_observed":'));
    expect(await python.json(STIX_PROGRAM, [path])).toMatchObject({ valid: false });
  });

  test('has each object once, and everything that is referred to', () => {
    const ids = bundle.objects.map(({ id }) => id);
    expect(new Set(ids).size).toBe(ids.length);
    const known = new Set(ids);
    for (const { object_refs: references = [], created_by_ref: maker } of bundle.objects) {
      for (const reference of references) expect(known).toContain(reference);
      if (maker !== undefined) expect(known).toContain(maker);
    }
  });

  test('groups for each campaign its accounts, addresses, notes and candidates', () => {
    const groupings = bundle.objects.filter(({ type }) => type === 'grouping');
    expect(groupings).toHaveLength(4);
    const typesOf = (grouping: StixObject): string[] => {
      return Array.from(new Set(grouping.object_refs!.map((id) => id.slice(0, id.indexOf('--'))))).sort();
    };
    expect(groupings[0]!['context']).toBe('suspicious-activity');
    expect(typesOf(groupings[0]!)).toEqual(['attack-pattern', 'note', 'observed-data', 'url', 'user-account']);
    expect(typesOf(groupings[3]!)).toEqual(['note']);
    const patterns = bundle.objects.filter(({ type }) => type === 'attack-pattern');
    expect(
      patterns.map((pattern) => (pattern['external_references'] as { external_id: string }[])[0]!.external_id),
    ).toEqual(['T0084.001', 'T0049']);
    const notes = bundle.objects.filter(({ type }) => type === 'note').map(({ content }) => content as string);
    expect(notes.some((content) => content.includes('62% the headline or share text of one link'))).toBe(true);
    expect(notes.some((content) => content.includes('nobody has looked yet'))).toBe(true);
    expect(notes.some((content) => content.includes(HOSTILE_TEXTS[0]))).toBe(true);
  });

  test('gives an account the id that the standard prescribes', () => {
    const account = bundle.objects.find(
      ({ user_id: id, account_type: type }) => id === 'account-1' && type === 'twitter',
    )!;
    const name = '{"account_login":"handle_1","account_type":"twitter","user_id":"account-1"}';
    expect(account.id).toBe(`user-account--${uuid5('00abedb4-aa42-466c-9c01-fed23315a9b7', name)}`);
  });

  test('is the same for the same alerts, and keeps its ids for a newer revision', () => {
    expect(Array.from(stixLines('test', campaigns, book)).join('\n')).toBe(text);
    const newer = campaigns.map((evidence) => ({
      ...evidence,
      alert: { ...evidence.alert, revision: 9, postCount: 99 },
    }));
    const other = JSON.parse(Array.from(stixLines('test', newer, book)).join('\n')) as Bundle;
    expect(other.objects.map(({ id }) => id)).toEqual(bundle.objects.map(({ id }) => id));
  });
});

/** Loads each event as MISP would, and every object against its template, which names the type of each attribute. */
const MISP_PROGRAM = `
import json, sys
from pymisp import MISPEvent, MISPObject
manifest = json.load(open(sys.argv[1]))
report = []
for path in sys.argv[2:]:
    event = MISPEvent()
    event.load_file(path)
    event.to_feed()
    objects = 0
    for found in event.objects:
        template = MISPObject(found.name, strict=True)
        assert template.template_uuid == found.template_uuid, found.name
        assert int(template.template_version) == int(found.template_version), (found.name, template.template_version)
        for attribute in found.attributes:
            made = template.add_attribute(attribute.object_relation, value=attribute.value)
            assert made is not None and made.type == attribute.type, (attribute.object_relation, attribute.type)
        template.to_json(strict=True)
        for reference in found.references:
            assert event.get_object_by_uuid(reference.referenced_uuid).name == 'user-account'
        objects += 1
    ours, theirs = manifest[event.uuid], event.manifest[event.uuid]
    assert ours.keys() == theirs.keys()
    for name in ['analysis', 'threat_level_id', 'timestamp']: assert int(ours[name]) == theirs[name], name
    for name in ['Orgc', 'info', 'date']: assert ours[name] == theirs[name], name
    assert [tag['name'] for tag in ours['Tag']] == [tag['name'] for tag in theirs['Tag']]
    report.append({'tags': [tag.name for tag in event.tags], 'objects': objects, 'attributes': len(event.attributes)})
print(json.dumps(report))
`;

describe('MISP events', () => {
  const events: MispEvent[] = campaigns.map((evidence) => mispEvent(evidence, book));

  test('are what PyMISP loads, with objects that fit their templates, as a feed', async () => {
    const manifest = join(folder, 'manifest.json');
    writeFileSync(
      manifest,
      JSON.stringify(Object.fromEntries(events.map((event) => [event.uuid, mispManifestEntry(event)]))),
    );
    const paths = events.map((event, i) => {
      const path = join(folder, `event-${i}.json`);
      writeFileSync(path, JSON.stringify({ Event: event }));
      return path;
    });
    const tags = [
      'misp-galaxy:disarm-techniques="Use Copypasta"',
      'misp-galaxy:disarm-techniques="Flood Information Space"',
    ];
    expect(await python.json(MISP_PROGRAM, [manifest, ...paths])).toEqual([
      { tags, objects: 2 * 66, attributes: 5 },
      { tags, objects: 2 * 6, attributes: 5 },
      { tags: [], objects: 2 * 3, attributes: 5 },
      { tags: [], objects: 0, attributes: 4 },
    ]);
  });

  test('hold the texts, name their accounts, and go to nobody by themselves', () => {
    const [event] = events;
    expect(event).toMatchObject({ distribution: '0', published: false, threat_level_id: '4', date: '2025-02-04' });
    const posts = event!.Object.filter(({ name }) => name === 'microblog');
    const texts = posts.map(({ Attribute }) => Attribute.find(({ object_relation: name }) => name === 'post')!.value);
    for (const text of HOSTILE_TEXTS) expect(texts).toContain(text.slice(0, 16_000));
    expect(posts[1]!.Attribute.find(({ object_relation: name }) => name === 'username')!.value).toBe('handle_1');
    expect(posts[1]!.ObjectReference[0]!.relationship_type).toBe('authored-by');
    expect(event!.Object.flatMap(({ Attribute }) => Attribute).every((attribute) => !attribute.to_ids)).toBe(true);
  });

  test('have ids that a newer revision keeps, and no id twice', () => {
    const idsOf = (event: MispEvent): string[] => [
      event.uuid,
      ...event.Attribute.map(({ uuid }) => uuid),
      ...event.Object.flatMap((object) => [
        object.uuid,
        ...object.Attribute.map(({ uuid }) => uuid),
        ...object.ObjectReference.map(({ uuid }) => uuid),
      ]),
    ];
    const ids = events.flatMap(idsOf);
    expect(new Set(ids).size).toBe(ids.length);
    const newer = { ...campaigns[0]!, alert: { ...campaigns[0]!.alert, revision: 7, revisedMs: Date.UTC(2025, 5, 1) } };
    expect(idsOf(mispEvent(newer, book))).toEqual(idsOf(events[0]!));
  });
});
