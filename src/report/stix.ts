/**
 * Campaigns -> the objects of a STIX 2.1 bundle: for each a `grouping` of what was observed (`user-account`, `url`,
 * `observed-data`), of `note`s with its text, its explanations and its limits, and of candidate `attack-pattern`s.
 *
 * STIX has no object for a post, so texts are in notes. Ids are functions of the content (section 2.9: of observables by the
 * namespace of the standard, of others by our own), so a newer revision updates what is there.
 */
import type { AlertTechnique } from '../model.ts';
import type { AccountBook } from './account-book.ts';
import { oneLine } from './escape.ts';
import { accountRows, type AccountRow, type Evidence } from './evidence.ts';
import { innocenceOf, LIMITS, provenanceOf, summaryOf } from './statements.ts';
import { CHORUS_NAMESPACE, STIX_NAMESPACE, uuid5 } from './uuid.ts';
import { isoOf } from './words.ts';

export interface StixObject {
  readonly type: string;
  readonly id: string;
  readonly [property: string]: unknown;
}

/** When the framework's techniques were last changed; an attack-pattern must say when it was made. */
const FRAMEWORK_AT = '2024-11-22T00:00:00.000Z';
const NUMBER_OBSERVED_MAX = 999_999_999;
const TEXTS_MAX = 20;
/** What the standard calls a platform, where that is not our name for it. */
const ACCOUNT_TYPES: Readonly<Record<string, string>> = { x: 'twitter' };

const IDENTITY: StixObject = {
  type: 'identity',
  spec_version: '2.1',
  id: ownId('identity', 'chorus'),
  created: FRAMEWORK_AT,
  modified: FRAMEWORK_AT,
  name: 'Chorus',
  identity_class: 'system',
  description: 'Finds coordinated posting: many accounts that post near-identical text within a window of time.',
};

function ownId(type: string, name: string): string {
  return `${type}--${uuid5(CHORUS_NAMESPACE, `stix ${type} ${name}`)}`;
}

/** The properties are those that the standard names for the type, in the order of their names. */
function observableId(type: string, properties: Readonly<Record<string, string | undefined>>): string {
  // Of texts alone, without undefined ones, this is canonical JSON (RFC 8785).
  return `${type}--${uuid5(STIX_NAMESPACE, JSON.stringify(properties))}`;
}

/**
 * Lines of a bundle. What several campaigns have in common is written once.
 *
 * @param name tells the bundle from others
 */
export function* stixLines(name: string, campaigns: Iterable<Evidence>, book: AccountBook): Generator<string> {
  const written = new Set<string>();
  yield `{"type":"bundle","id":"${ownId('bundle', name)}","objects":[`;
  yield JSON.stringify(IDENTITY);
  for (const evidence of campaigns) {
    for (const object of campaignObjects(evidence, book)) {
      if (written.has(object.id)) continue;
      written.add(object.id);
      yield `,${JSON.stringify(object)}`;
    }
  }
  yield ']}';
}

function campaignObjects(evidence: Evidence, book: AccountBook): StixObject[] {
  const { alert } = evidence;
  const accounts = accountRows(evidence).map((row) => accountObject(row, book));
  const urls = urlObjects(evidence);
  const patterns = (alert.techniques ?? []).map(patternObject);
  const times = { created: isoOf(alert.openedMs), modified: isoOf(Math.max(alert.openedMs, alert.revisedMs)) };
  const common = { spec_version: '2.1', created_by_ref: IDENTITY.id, ...times };
  const groupingId = ownId('grouping', alert.id);
  const observables = unique([...accounts, ...urls]);
  const observed: StixObject[] =
    observables.length === 0
      ? []
      : [
          {
            type: 'observed-data',
            ...common,
            id: ownId('observed-data', alert.id),
            first_observed: isoOf(alert.firstMs),
            last_observed: isoOf(alert.lastMs),
            number_observed: Math.min(NUMBER_OBSERVED_MAX, Math.max(1, alert.postCount)),
            object_refs: observables.map(({ id }) => id),
          },
        ];
  const note = (name: string, abstract: string, content: string): StixObject => ({
    type: 'note',
    ...common,
    id: ownId('note', `${alert.id} ${name}`),
    abstract,
    content,
    object_refs: [groupingId],
  });
  const notes = [
    ...(alert.variants.listed.length === 0 ? [] : [note('texts', 'Texts', textsOf(evidence))]),
    note('innocence', 'Why it may be innocent', innocenceOf(evidence)),
    note('limits', 'What this does not show', LIMITS),
    note('provenance', 'Provenance', provenanceOf(evidence)),
    ...(patterns.length === 0 ? [] : [note('techniques', 'Candidate techniques', candidatesOf(alert.techniques!))]),
  ];
  const members = [...observables, ...observed, ...unique(patterns), ...notes];
  const grouping: StixObject = {
    type: 'grouping',
    ...common,
    id: groupingId,
    name: `Coordinated posting: ${oneLine(alert.text, 100) || alert.id}`,
    description: summaryOf(evidence),
    context: 'suspicious-activity',
    labels: ['coordinated-posting'],
    external_references: [{ source_name: 'chorus', external_id: alert.id }],
    object_refs: members.map(({ id }) => id),
  };
  return [...members, grouping];
}

function accountObject({ key, platform, account, createdMs }: AccountRow, book: AccountBook): StixObject {
  // One account, one object, whichever of its campaigns knows its handle.
  const known = book.get(key);
  const login = known?.handle;
  const created = createdMs ?? known?.createdMs;
  const type = ACCOUNT_TYPES[platform] ?? platform;
  const id = observableId('user-account', { account_login: login, account_type: type, user_id: account });
  return {
    type: 'user-account',
    spec_version: '2.1',
    id,
    user_id: account,
    ...(login === undefined ? {} : { account_login: login }),
    account_type: type,
    ...(created === undefined ? {} : { account_created: isoOf(created) }),
  };
}

function urlObjects({ alert }: Evidence): StixObject[] {
  const urls = new Set(alert.samples.listed.flatMap((sample) => sample.urls.flatMap((url) => uriOf(url) ?? [])));
  return Array.from(urls, (value) => ({ type: 'url', spec_version: '2.1', id: observableId('url', { value }), value }));
}

const NO_URI_CHARACTER = /[^\w\-.~:/?@!$&'()*+,;=%]|%(?![0-9a-fA-F]{2})/g;

/**
 * A web address as RFC 3986 has it, which the standard demands; what is written in posts often is none, and browsers take more.
 * Undefined for other schemes, and for addresses with a name and password in them.
 */
function uriOf(text: string): string | undefined {
  if (!URL.canParse(text)) return undefined;
  const url = new URL(text);
  if (!/^https?:$/.test(url.protocol) || url.username !== '' || url.password !== '') return undefined;
  const encoded = (part: string): string =>
    part.replaceAll(NO_URI_CHARACTER, (character) => encodeURIComponent(character));
  const fragment = url.hash === '' ? '' : `#${encoded(url.hash.slice(1))}`;
  return `${url.protocol}//${url.host}${encoded(url.pathname)}${encoded(url.search)}${fragment}`;
}

function patternObject({ id, name, framework }: AlertTechnique): StixObject {
  const url = `https://github.com/DISARMFoundation/DISARMframeworks/blob/main/generated_pages/techniques/${id}.md`;
  return {
    type: 'attack-pattern',
    spec_version: '2.1',
    id: ownId('attack-pattern', `${framework} ${id}`),
    created_by_ref: IDENTITY.id,
    created: FRAMEWORK_AT,
    modified: FRAMEWORK_AT,
    name,
    external_references: [{ source_name: framework, external_id: id, url }],
  };
}

function textsOf({ alert }: Evidence): string {
  const shown = alert.variants.listed.slice(0, TEXTS_MAX);
  const left = alert.variantCount - shown.length;
  const lines = shown.map(({ text, accountCount }) => `${accountCount} accounts: ${text}`);
  return [...lines, ...(left > 0 ? [`and ${left} more variants`] : [])].join('\n');
}

function candidatesOf(techniques: readonly AlertTechnique[]): string {
  const lines = techniques.map(({ framework, version, id, name, because }) => {
    return `${framework} ${version} ${id} ${name}: ${because}`;
  });
  return `Candidates for an analyst, not findings.\n${lines.join('\n')}`;
}

function unique(objects: readonly StixObject[]): StixObject[] {
  return Array.from(new Map(objects.map((object) => [object.id, object])).values());
}
