/**
 * Alert files -> campaigns: what `chorus diff` keeps of each alert, from lines as `chorus replay` writes them.
 *
 * D1  The highest revision of an alert counts, wherever it stands in the file.
 * D2  A merged alert is part of the campaign that took it, which then has its id as well.
 * D3  Memory is that of the campaigns: a line that brings no newer revision leaves nothing behind.
 */
import { parseTimeMs } from '../consumers/formats/time.ts';
import { hashStrings, hex64 } from '../fingerprints/hash.ts';
import { ALERT_STATUSES, type AlertStatus, type RejectionReason } from '../model.ts';
import { compareText } from '../windows/alert.ts';

/** Bytes of a line: an alert may list 10,000 accounts, samples and variants each. */
export const ALERT_LINE_BYTES_MAX = 67_108_864;
const SCHEMA = 'chorus.alert.v1';
const ID = /^[0-9a-f]{16}$/;

/** One account of a campaign. Times are ms of its first and last post there. */
export interface ListedAccount {
  /** Platform and account in one string, which `accountOf` takes apart. */
  readonly key: string;
  readonly handle: string | undefined;
  readonly firstMs: number;
  readonly lastMs: number;
}

export interface ListedSample {
  /** The account's `key`. */
  readonly accountKey: string;
  /** Platform and post id in one string. */
  readonly postKey: string;
  readonly atMs: number;
}

export interface ListedVariant {
  /** The SimHash of the normalised text and a hash of the text as written: either tells it again. */
  readonly keys: readonly string[];
  readonly postCount: number;
  readonly firstMs: number;
  readonly lastMs: number;
}

/** The last revision of an alert, as far as a comparison needs it. Times are ms. */
export interface AlertDigest {
  readonly id: string;
  readonly revision: number;
  readonly status: AlertStatus;
  /** Only with the status merged. */
  readonly mergedInto: string | undefined;
  readonly firstMs: number;
  readonly lastMs: number;
  readonly windowMs: number;
  readonly topology: string;
  readonly text: string;
  readonly accountCount: number;
  readonly postCount: number;
  readonly variantCount: number;
  /** In order of their first posts; the earliest ones where `accountsLeftOut` is above 0. */
  readonly accounts: readonly ListedAccount[];
  readonly accountsLeftOut: number;
  readonly samples: readonly ListedSample[];
  readonly variants: readonly ListedVariant[];
  readonly variantsLeftOut: number;
}

/** An alert with the ids of those that were merged into it, sorted. */
export interface FoundCampaign extends AlertDigest {
  readonly mergedIds: readonly string[];
}

export type DecodedAlert =
  | { readonly kind: 'alert'; readonly alert: AlertDigest }
  | { readonly kind: 'rejection'; readonly reason: RejectionReason; readonly detail: string };

type Rejection = Extract<DecodedAlert, { kind: 'rejection' }>;

/** One line without its end. Never throws; fields of other names are ignored, since the schema may gain some. */
export function decodeAlert(line: string): DecodedAlert {
  let parsed: unknown;
  try {
    parsed = JSON.parse(line);
  } catch {
    return { kind: 'rejection', reason: 'not_json', detail: 'the line is not JSON' };
  }
  if (!isObject(parsed)) {
    return { kind: 'rejection', reason: 'not_an_object', detail: 'the line must be an object' };
  }
  const faults: Rejection[] = [];
  const fields = new Fields(parsed, '', faults);
  fields.known('schema', [SCHEMA]);
  // What follows would be told of a line that is of another kind.
  if (faults.length > 0) return faults[0]!;
  const alert = digest(fields);
  return faults[0] ?? { kind: 'alert', alert };
}

function digest(fields: Fields): AlertDigest {
  const status = fields.known('status', ALERT_STATUSES);
  const [accounts, accountsLeftOut] = fields.listed('accounts', listedAccount);
  const [variants, variantsLeftOut] = fields.listed('variants', listedVariant);
  return {
    id: fields.id('id'),
    revision: fields.integer('revision', 1),
    status,
    mergedInto: status === 'merged' ? fields.id('mergedInto') : undefined,
    firstMs: fields.timeMs('firstPostAt'),
    lastMs: fields.timeMs('lastPostAt'),
    windowMs: fields.integer('windowMs', 1),
    topology: fields.text('topology'),
    // An alert whose posts were all removed has none of these left.
    text: fields.textOrNone('text'),
    accountCount: fields.integer('accountCount', 0),
    postCount: fields.integer('postCount', 0),
    variantCount: fields.integer('variantCount', 0),
    accounts: accounts.sort(byFirstPost),
    accountsLeftOut,
    samples: fields.listed('samples', listedSample)[0],
    variants,
    variantsLeftOut,
  };
}

function listedAccount(fields: Fields): ListedAccount {
  return {
    key: pairKey(fields.text('platform'), fields.text('account')),
    handle: fields.optionalText('handle'),
    firstMs: fields.timeMs('firstPostAt'),
    lastMs: fields.timeMs('lastPostAt'),
  };
}

function listedSample(fields: Fields): ListedSample {
  const platform = fields.text('platform');
  return {
    accountKey: pairKey(platform, fields.text('account')),
    postKey: pairKey(platform, fields.text('id')),
    atMs: fields.timeMs('createdAt'),
  };
}

function listedVariant(fields: Fields): ListedVariant {
  const { hi, lo } = hashStrings(fields.text('text'));
  return {
    keys: [`simhash ${fields.text('simhash')}`, `text ${hex64(hi, lo)}`],
    postCount: fields.integer('postCount', 1),
    firstMs: fields.timeMs('firstPostAt'),
    lastMs: fields.timeMs('lastPostAt'),
  };
}

function pairKey(platform: string, id: string): string {
  return `${platform}\u0000${id}`;
}

export function accountOf({ key }: ListedAccount): { readonly platform: string; readonly account: string } {
  const at = key.indexOf('\u0000');
  return { platform: key.slice(0, at), account: key.slice(at + 1) };
}

/** The order in which alerts list accounts: of one time by platform, then by account, as their keys are ordered. */
export function byFirstPost(a: ListedAccount, b: ListedAccount): number {
  return a.firstMs - b.firstMs || compareText(a.key, b.key);
}

/** Whether the lists of all the campaigns would hold an account if it were theirs: a list that is cut holds the earliest. */
export function wouldList(campaigns: readonly FoundCampaign[]): (account: ListedAccount) => boolean {
  const ends = campaigns.filter(({ accountsLeftOut }) => accountsLeftOut > 0).map(({ accounts }) => accounts.at(-1));
  const known = ends.filter((end) => end !== undefined).sort(byFirstPost);
  if (known.length < ends.length) return () => false;
  const end = known[0];
  return end === undefined ? () => true : (account) => byFirstPost(account, end) <= 0;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The fields of an object by name; what is wrong with one is added to the faults, and a stand-in returned. */
class Fields {
  readonly #values: Record<string, unknown>;
  /** Put before each name. */
  readonly #path: string;
  readonly #faults: Rejection[];

  constructor(values: Record<string, unknown>, path: string, faults: Rejection[]) {
    this.#values = values;
    this.#path = path;
    this.#faults = faults;
  }

  text(name: string): string {
    const value = this.#values[name];
    return typeof value === 'string' && value !== '' ? value : this.#refuse(name, 'wrong_type', 'a text', '');
  }

  textOrNone(name: string): string {
    return this.#values[name] === '' ? '' : this.text(name);
  }

  optionalText(name: string): string | undefined {
    return this.#values[name] === undefined ? undefined : this.text(name);
  }

  id(name: string): string {
    const value = this.#values[name];
    if (typeof value === 'string' && ID.test(value)) return value;
    return this.#refuse(name, 'wrong_type', '16 hexadecimal digits', '');
  }

  known<Word extends string>(name: string, words: readonly Word[]): Word {
    const found = words.find((word) => word === this.#values[name]);
    return found ?? this.#refuse(name, 'wrong_type', words.join(' or '), words[0]!);
  }

  integer(name: string, min: number): number {
    const value = this.#values[name];
    if (Number.isSafeInteger(value) && (value as number) >= min) return value as number;
    return this.#refuse(name, 'wrong_type', `an integer of at least ${min}`, min);
  }

  timeMs(name: string): number {
    return parseTimeMs(this.#values[name]) ?? this.#refuse(name, 'invalid_time', 'an ISO 8601 date-time', 0);
  }

  /** The elements of a bounded list, and how many it lacks. */
  listed<Element>(name: string, element: (fields: Fields) => Element): [Element[], number] {
    const value = this.#values[name];
    if (!isObject(value) || !Array.isArray(value['listed'])) {
      return this.#refuse(name, 'wrong_type', 'an object with a list under "listed"', [[], 0]);
    }
    const path = `${this.#path}${name}.`;
    const elements = value['listed'].map((each: unknown, i) => {
      if (!isObject(each)) this.#refuse(`${name}.listed[${i}]`, 'wrong_type', 'an object', undefined);
      return element(new Fields(isObject(each) ? each : {}, `${path}listed[${i}].`, this.#faults));
    });
    return [elements, new Fields(value, path, this.#faults).integer('leftOut', 0)];
  }

  #refuse<Value>(name: string, reason: RejectionReason, bound: string, standIn: Value): Value {
    const isMissing = this.#values[name] === undefined;
    const detail = `${this.#path}${name} ${isMissing ? 'is missing, must be' : 'must be'} ${bound}`;
    this.#faults.push({ kind: 'rejection', reason: isMissing ? 'missing_field' : reason, detail });
    return standIn;
  }
}

/** Each text once. The accounts of one file are for the most part those of the other. */
export class SharedTexts {
  readonly #texts = new Map<string, string>();

  of(text: string): string {
    const known = this.#texts.get(text);
    if (known !== undefined) return known;
    this.#texts.set(text, text);
    return text;
  }
}

/** Takes the alerts of one file and tells its campaigns. */
export class CampaignCollector {
  /** Alerts taken that were not the last revision, or came again. */
  superseded = 0;
  readonly #alerts = new Map<string, AlertDigest>();
  readonly #keys: SharedTexts;

  constructor(keys = new SharedTexts()) {
    this.#keys = keys;
  }

  take(alert: AlertDigest): void {
    const known = this.#alerts.get(alert.id);
    if (known !== undefined) this.superseded++;
    if (known === undefined || alert.revision > known.revision) this.#alerts.set(alert.id, this.#lean(alert));
  }

  #lean(alert: AlertDigest): AlertDigest {
    const keys = this.#keys;
    return {
      ...alert,
      topology: keys.of(alert.topology),
      accounts: alert.accounts.map((account) => ({ ...account, key: keys.of(account.key) })),
      samples: alert.samples.map((sample) => ({ ...sample, accountKey: keys.of(sample.accountKey) })),
    };
  }

  /** By id. */
  campaigns(): FoundCampaign[] {
    const merged = new Map<string, AlertDigest[]>();
    for (const alert of this.#alerts.values()) {
      const id = this.#takerOf(alert);
      const parts = merged.get(id);
      if (parts === undefined) merged.set(id, [alert]);
      else parts.push(alert);
    }
    const campaigns = Array.from(merged, ([id, parts]): FoundCampaign => {
      // A file that was cut may lack the campaign that took the others: the newest of them had all its posts then.
      const speaker = parts.find((part) => part.id === id) ?? parts.sort(byNewest)[0]!;
      const mergedIds = parts.map((part) => part.id).filter((partId) => partId !== id);
      return { ...speaker, id, mergedIds: mergedIds.sort(compareText) };
    });
    return campaigns.sort((a, b) => compareText(a.id, b.id));
  }

  #takerOf(alert: AlertDigest): string {
    const passed: string[] = [];
    let at: AlertDigest | undefined = alert;
    let { id } = alert;
    while (at?.mergedInto !== undefined) {
      // No engine writes a circle; one in a file that was tampered with must not hold us for ever.
      const circle = passed.indexOf(id);
      if (circle >= 0) return passed.slice(circle).sort(compareText)[0]!;
      passed.push(id);
      id = at.mergedInto;
      at = this.#alerts.get(id);
    }
    return id;
  }
}

function byNewest(a: AlertDigest, b: AlertDigest): number {
  return b.lastMs - a.lastMs || b.accountCount - a.accountCount || compareText(a.id, b.id);
}
