/**
 * One campaign -> a MISP event; all of them -> the manifest of a MISP feed. The object templates are `microblog` and `user-account`
 * of the misp-objects collection.
 *
 * Ids are functions of the alert, so a newer revision updates the event. What an event may be shared with is for people to say: it
 * goes to one's own organisation only, and is not published.
 */
import type { AccountBook } from './account-book.ts';
import { oneLine } from './escape.ts';
import { accountKey, accountRows, postRows, type AccountRow, type Evidence, type PostRow } from './evidence.ts';
import { accountAddress, postAddress } from './links.ts';
import { innocenceOf, LIMITS, provenanceOf, summaryOf } from './statements.ts';
import { CHORUS_NAMESPACE, uuid5 } from './uuid.ts';
import { dateOf, isoOf } from './words.ts';

const ACCOUNTS_MAX = 1000;
const POSTS_MAX = 1000;
/** MISP keeps a value in 65,535 bytes. */
const VALUE_UNITS_MAX = 16_000;

const TAG_COLOUR = '#0b5394';

interface Template {
  readonly name: string;
  readonly uuid: string;
  readonly version: string;
}

const MICROBLOG: Template = { name: 'microblog', uuid: '8ec8c911-ddbe-4f5b-895b-fbff70c42a60', version: '20' };
const USER_ACCOUNT: Template = { name: 'user-account', uuid: '49606b06-22f0-4ac8-8eee-2f12ad46f3d3', version: '6' };

/** The list of the template; it has no word for younger platforms. */
const MICROBLOG_TYPES: Readonly<Record<string, string>> = {
  twitter: 'Twitter',
  x: 'Twitter',
  facebook: 'Facebook',
  linkedin: 'LinkedIn',
  reddit: 'Reddit',
  instagram: 'Instagram',
};

interface MispTag {
  readonly name: string;
  readonly colour: string;
}

interface MispAttribute {
  readonly uuid: string;
  readonly object_relation?: string;
  readonly type: string;
  readonly category: string;
  readonly value: string;
  readonly to_ids: boolean;
  readonly disable_correlation: boolean;
  readonly distribution: string;
  readonly timestamp: string;
  readonly comment: string;
}

interface MispReference {
  readonly uuid: string;
  readonly object_uuid: string;
  readonly referenced_uuid: string;
  readonly relationship_type: string;
  readonly comment: string;
  readonly timestamp: string;
}

interface MispObject {
  readonly uuid: string;
  readonly name: string;
  readonly 'meta-category': string;
  readonly template_uuid: string;
  readonly template_version: string;
  readonly description: string;
  readonly distribution: string;
  readonly timestamp: string;
  readonly comment: string;
  readonly Attribute: readonly MispAttribute[];
  readonly ObjectReference: readonly MispReference[];
}

const ORGANISATION = { name: 'Chorus', uuid: uuid5(CHORUS_NAMESPACE, 'organisation') };

export interface MispEvent {
  readonly uuid: string;
  readonly info: string;
  readonly date: string;
  readonly timestamp: string;
  readonly publish_timestamp: string;
  readonly threat_level_id: string;
  readonly analysis: string;
  readonly distribution: string;
  readonly published: boolean;
  readonly Orgc: typeof ORGANISATION;
  readonly Tag: readonly MispTag[];
  readonly Attribute: readonly MispAttribute[];
  readonly Object: readonly MispObject[];
}

/** What the feed's manifest says of an event, under its uuid. */
export type MispManifestEntry = Pick<
  MispEvent,
  'Orgc' | 'Tag' | 'info' | 'date' | 'analysis' | 'threat_level_id' | 'timestamp'
>;

export function mispManifestEntry(event: MispEvent): MispManifestEntry {
  const { Orgc, Tag, info, date, analysis, threat_level_id, timestamp } = event;
  return { Orgc, Tag, info, date, analysis, threat_level_id, timestamp };
}

export function mispEvent(evidence: Evidence, book: AccountBook): MispEvent {
  const { alert } = evidence;
  const maker = new Maker(alert.id, seconds(alert.revisedMs));
  const accounts = accountRows(evidence).slice(0, ACCOUNTS_MAX);
  const posts = postRows(evidence)
    .filter(({ sample }) => sample !== undefined)
    .slice(0, POSTS_MAX);
  const listed = new Set(accounts.map(({ key }) => key));
  return {
    uuid: maker.uuid('event'),
    info: `Coordinated posting: ${alert.accountCount} accounts, "${oneLine(alert.text, 100)}"`,
    date: dateOf(alert.firstMs),
    timestamp: maker.timestamp,
    publish_timestamp: '0',
    // Undefined: what it threatens, if anything, is not for a pattern of posting to say.
    threat_level_id: '4',
    analysis: '0',
    distribution: '0',
    published: false,
    Orgc: ORGANISATION,
    Tag: (alert.techniques ?? []).map(({ name }) => ({
      name: `misp-galaxy:disarm-techniques="${name}"`,
      colour: TAG_COLOUR,
    })),
    Attribute: [
      maker.remark('summary', summaryOf(evidence)),
      maker.remark('text', alert.text),
      maker.remark('innocence', innocenceOf(evidence)),
      maker.remark('limits', LIMITS),
      maker.remark('provenance', provenanceOf(evidence)),
    ].filter(({ value }) => value !== ''),
    Object: [
      ...accounts.map((account) => maker.account(account)),
      ...posts.map((post) => maker.post(post, book, listed)),
    ],
  };
}

function seconds(ms: number): string {
  return String(Math.floor(ms / 1000));
}

type Value = readonly [relation: string, type: string, value: string | undefined];

/** Makes the parts of one event. */
class Maker {
  readonly timestamp: string;
  readonly #alert: string;

  constructor(alert: string, timestamp: string) {
    this.#alert = alert;
    this.timestamp = timestamp;
  }

  uuid(name: string): string {
    return uuid5(CHORUS_NAMESPACE, `misp ${this.#alert} ${name}`);
  }

  remark(name: string, value: string): MispAttribute {
    return this.#attribute(`attribute ${name}`, 'comment', value, name);
  }

  account(row: AccountRow): MispObject {
    const { platform, account, handle, createdMs, disclosure } = row;
    return this.#object(USER_ACCOUNT, accountName(row.key), `${row.postCount} posts in this campaign`, [
      ['account-type', 'text', platform],
      ['user-id', 'text', account],
      ['username', 'text', handle],
      ['created', 'datetime', createdMs === undefined ? undefined : isoOf(createdMs)],
      ['link', 'link', accountAddress(platform, account)],
      ['description', 'text', disclosure === undefined ? undefined : `discloses an affiliation: ${disclosure}`],
    ]);
  }

  post(post: PostRow, book: AccountBook, accounts: ReadonlySet<string>): MispObject {
    const { platform, id, account, createdMs, sample } = post;
    const key = accountKey({ platform, account });
    const source = sample?.source;
    const place =
      source === undefined ? '' : `, topic ${source.topic} partition ${source.partition} offset ${source.offset}`;
    const address = postAddress(platform, id);
    const name = `post ${platform}/${id}`;
    const references = accounts.has(key) ? [this.#reference(name, accountName(key))] : [];
    return this.#object(
      MICROBLOG,
      name,
      `${platform} post ${id}${place}`,
      [
        // Of a post that holds nothing but spaces MISP would keep an empty value, and refuse it.
        ['post', 'text', sample?.text.trim() === '' ? undefined : sample?.text],
        ['creation-date', 'datetime', isoOf(createdMs)],
        ['username', 'text', book.get(key)?.handle ?? account],
        ['type', 'text', MICROBLOG_TYPES[platform] ?? 'Other'],
        ['link', 'link', address],
        ...(sample?.urls ?? []).map((url): Value => ['embedded-link', 'url', url]),
      ],
      references,
    );
  }

  #object(
    template: Template,
    name: string,
    comment: string,
    values: readonly Value[],
    references: readonly MispReference[] = [],
  ): MispObject {
    const attributes = values.flatMap(([relation, type, value], i) => {
      if (value === undefined || value === '') return [];
      const attribute = this.#attribute(`${name} ${relation} ${i}`, type, value, '');
      return [{ ...attribute, object_relation: relation }];
    });
    return {
      uuid: this.uuid(name),
      name: template.name,
      'meta-category': 'misc',
      template_uuid: template.uuid,
      template_version: template.version,
      description: '',
      distribution: '5',
      timestamp: this.timestamp,
      comment,
      Attribute: attributes,
      ObjectReference: references,
    };
  }

  #attribute(name: string, type: string, value: string, comment: string): MispAttribute {
    return {
      uuid: this.uuid(name),
      type,
      category: type === 'link' || type === 'url' ? 'External analysis' : 'Other',
      value: value.slice(0, VALUE_UNITS_MAX),
      // Nothing here is for a block list.
      to_ids: false,
      disable_correlation: type !== 'url' && !name.includes(' user-id '),
      distribution: '5',
      timestamp: this.timestamp,
      comment,
    };
  }

  #reference(from: string, to: string): MispReference {
    return {
      uuid: this.uuid(`reference ${from} ${to}`),
      object_uuid: this.uuid(from),
      referenced_uuid: this.uuid(to),
      relationship_type: 'authored-by',
      comment: '',
      timestamp: this.timestamp,
    };
  }
}

function accountName(key: string): string {
  return `account ${key}`;
}
