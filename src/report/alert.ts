/**
 * Lines of alerts and of members -> what pages and exports show of them.
 *
 * A1  A line is taken as it is or not at all; a rejection names its field.
 * A2  What later versions of alerts added is optional here, and absent rather than empty where a line does not have it, so that
 *     a page never says "none found" of what nobody looked for.
 */
import {
  ALERT_STATUSES,
  DIFF_OPS,
  FINDERS,
  type AlertExplanation,
  type AlertStatus,
  type AlertTechnique,
  type AlertTemplate,
  type DiffPart,
  type RejectionReason,
} from '../model.ts';
import { FieldFault, Fields } from './fields.ts';

const SCHEMA = 'chorus.alert.v1';
const ID = /^[0-9a-f]{16}$/;

/** A bounded list and the number of elements that it lacks. */
export interface Listed<Element> {
  readonly listed: readonly Element[];
  readonly leftOut: number;
}

/** One revision of an alert. Times are ms. */
export interface ReportAlert {
  readonly id: string;
  readonly revision: number;
  readonly status: AlertStatus;
  readonly mergedInto: string | undefined;
  readonly revisedMs: number;
  readonly openedMs: number;
  readonly firstMs: number;
  readonly lastMs: number;
  readonly windowMs: number;
  readonly text: string;
  readonly accountCount: number;
  readonly postCount: number;
  readonly variantCount: number;
  readonly forwardCount: number;
  readonly removedCount: number;
  readonly disclosedCount: number | undefined;
  readonly severity: ReportSeverity | undefined;
  readonly timing: ReportTiming | undefined;
  readonly platforms: readonly (readonly [string, number])[];
  readonly foundBy: readonly string[];
  readonly variants: Listed<ReportVariant>;
  readonly template: AlertTemplate | undefined;
  readonly accounts: Listed<ReportAccount>;
  readonly samples: Listed<ReportSample>;
  readonly creation: ReportCreation | undefined;
  readonly explanations: readonly AlertExplanation[] | undefined;
  readonly techniques: readonly AlertTechnique[] | undefined;
  readonly engine: string;
  readonly topology: string;
}

export interface ReportSeverity {
  readonly score: number;
  /** Names and points. */
  readonly parts: readonly (readonly [string, number])[];
}

export interface ReportTiming {
  readonly perMinute: Listed<{ readonly minuteMs: number; readonly postCount: number }>;
  readonly medianGapMs: number;
  readonly smallestGapMs: number;
  readonly firstMinuteAccountCount: number;
}

export interface ReportVariant {
  readonly text: string;
  readonly postCount: number;
  readonly accountCount: number;
  readonly firstMs: number;
  readonly lastMs: number;
  readonly similarity: number;
  readonly diff: readonly DiffPart[] | undefined;
}

export interface ReportAccount {
  readonly platform: string;
  readonly account: string;
  readonly handle: string | undefined;
  readonly createdMs: number | undefined;
  readonly postCount: number;
  readonly firstMs: number;
  readonly lastMs: number;
  readonly earlierCampaigns: number | undefined;
  readonly disclosure: string | undefined;
}

export interface ReportSample {
  readonly platform: string;
  readonly id: string;
  readonly account: string;
  readonly createdMs: number;
  readonly text: string;
  readonly urls: readonly string[];
  /** Where the post lies in the log. */
  readonly source: { readonly topic: string; readonly partition: number; readonly offset: string } | undefined;
}

export interface ReportCreation {
  readonly concentration: number;
  /** A sentence, with the numbers in it. */
  readonly meaning: string;
}

/** One line of `chorus replay --members`: a post of a campaign. */
export interface Member {
  readonly campaign: string;
  readonly platform: string;
  readonly post: string;
  readonly account: string;
  readonly createdMs: number;
}

export type DecodedLine<Value> =
  | { readonly kind: 'value'; readonly value: Value }
  | { readonly kind: 'rejection'; readonly reason: RejectionReason; readonly detail: string };

/** Never throws. */
export function decodeReportAlert(line: string): DecodedLine<ReportAlert> {
  return decode(line, alertOf);
}

/** Never throws. */
export function decodeMember(line: string): DecodedLine<Member> {
  return decode(line, (fields) => ({
    campaign: fields.matching('campaign', ID, '16 hexadecimal digits'),
    platform: fields.text('platform'),
    post: fields.text('post'),
    account: fields.text('account'),
    createdMs: fields.timeMs('createdAt'),
  }));
}

function decode<Value>(line: string, read: (fields: Fields) => Value): DecodedLine<Value> {
  let parsed: unknown;
  try {
    parsed = JSON.parse(line);
  } catch {
    return { kind: 'rejection', reason: 'not_json', detail: 'the line is not JSON' };
  }
  try {
    return { kind: 'value', value: read(new Fields(parsed)) };
  } catch (fault) {
    if (!(fault instanceof FieldFault)) throw fault;
    return { kind: 'rejection', reason: fault.reason, detail: fault.message };
  }
}

function alertOf(fields: Fields): ReportAlert {
  fields.known('schema', [SCHEMA]);
  const status = fields.known('status', ALERT_STATUSES);
  return {
    id: fields.matching('id', ID, '16 hexadecimal digits'),
    revision: fields.integer('revision', 1),
    status,
    mergedInto: status === 'merged' ? fields.matching('mergedInto', ID, '16 hexadecimal digits') : undefined,
    revisedMs: fields.timeMs('revisedAt'),
    openedMs: fields.timeMs('openedAt'),
    firstMs: fields.timeMs('firstPostAt'),
    lastMs: fields.timeMs('lastPostAt'),
    windowMs: fields.integer('windowMs', 1),
    text: fields.text('text'),
    accountCount: fields.integer('accountCount', 0),
    postCount: fields.integer('postCount', 0),
    variantCount: fields.integer('variantCount', 0),
    forwardCount: fields.count('forwardCount'),
    removedCount: fields.count('removedCount'),
    disclosedCount: fields.has('disclosedCount') ? fields.count('disclosedCount') : undefined,
    severity: fields.has('severity') ? severityOf(fields.object('severity')) : undefined,
    timing: fields.has('timing') ? timingOf(fields.object('timing')) : undefined,
    platforms: fields.counts('platforms'),
    foundBy: fields.texts('foundBy').filter((word) => (FINDERS as readonly string[]).includes(word)),
    variants: listedOf(fields, 'variants', variantOf),
    template: fields.has('template') ? templateOf(fields.object('template')) : undefined,
    accounts: listedOf(fields, 'accounts', accountOf),
    samples: listedOf(fields, 'samples', sampleOf),
    creation: fields.has('creation') ? creationOf(fields.object('creation')) : undefined,
    explanations: fields.has('explanations') ? fields.list('explanations', explanationOf) : undefined,
    techniques: fields.has('techniques') ? fields.list('techniques', techniqueOf) : undefined,
    engine: fields.text('engine'),
    topology: fields.text('topology'),
  };
}

function listedOf<Element>(fields: Fields, name: string, element: (each: Fields) => Element): Listed<Element> {
  const inner = fields.object(name);
  return { listed: inner.list('listed', element), leftOut: inner.integer('leftOut', 0) };
}

function severityOf(fields: Fields): ReportSeverity {
  return { score: fields.integer('score', 0), parts: fields.counts('parts') };
}

function timingOf(fields: Fields): ReportTiming {
  return {
    perMinute: listedOf(fields, 'perMinute', (each) => ({
      minuteMs: each.timeMs('minute'),
      postCount: each.integer('postCount', 0),
    })),
    medianGapMs: fields.integer('medianGapMs', 0),
    smallestGapMs: fields.integer('smallestGapMs', 0),
    firstMinuteAccountCount: fields.integer('firstMinuteAccountCount', 0),
  };
}

function variantOf(fields: Fields): ReportVariant {
  return {
    text: fields.text('text'),
    postCount: fields.integer('postCount', 0),
    accountCount: fields.integer('accountCount', 0),
    firstMs: fields.timeMs('firstPostAt'),
    lastMs: fields.timeMs('lastPostAt'),
    similarity: fields.share('similarity'),
    diff: fields.has('diff')
      ? fields.list('diff', (part) => ({ op: part.known('op', DIFF_OPS), text: part.text('text') }))
      : undefined,
  };
}

function templateOf(fields: Fields): AlertTemplate {
  return {
    parts: fields.list('parts', (part) =>
      part.has('slot') ? { slot: part.integer('slot', 1) } : { text: part.text('text') },
    ),
    slots: fields.list('slots', (slot) => ({
      fills: slot.list('fills', (fill) => ({ text: fill.text('text'), postCount: fill.integer('postCount', 0) })),
      leftOut: slot.integer('leftOut', 0),
    })),
    share: fields.share('share'),
  };
}

function accountOf(fields: Fields): ReportAccount {
  return {
    platform: fields.text('platform'),
    account: fields.text('account'),
    handle: fields.optionalText('handle'),
    createdMs: fields.optionalTimeMs('accountCreatedAt'),
    postCount: fields.integer('postCount', 0),
    firstMs: fields.timeMs('firstPostAt'),
    lastMs: fields.timeMs('lastPostAt'),
    earlierCampaigns: fields.has('earlierCampaigns') ? fields.count('earlierCampaigns') : undefined,
    disclosure: fields.optionalText('disclosure'),
  };
}

function sampleOf(fields: Fields): ReportSample {
  return {
    platform: fields.text('platform'),
    id: fields.text('id'),
    account: fields.text('account'),
    createdMs: fields.timeMs('createdAt'),
    text: fields.text('text'),
    urls: fields.has('urls') ? fields.texts('urls') : [],
    source: fields.has('source') ? sourceOf(fields.object('source')) : undefined,
  };
}

function sourceOf(fields: Fields): NonNullable<ReportSample['source']> {
  // Offsets have 64 bits; one that fits a number may be written as such.
  const offset = fields.isText('offset') ? fields.text('offset') : String(fields.integer('offset', 0));
  return { topic: fields.text('topic'), partition: fields.integer('partition', 0), offset };
}

function creationOf(fields: Fields): ReportCreation {
  return { concentration: fields.share('concentration'), meaning: fields.text('meaning') };
}

function explanationOf(fields: Fields): AlertExplanation {
  return {
    name: fields.text('name'),
    share: fields.share('share'),
    postCount: fields.integer('postCount', 0),
    description: fields.text('description'),
    evidence: fields.text('evidence'),
    posts: fields.list('posts', (post) => ({ platform: post.text('platform'), id: post.text('id') })),
  };
}

function techniqueOf(fields: Fields): AlertTechnique {
  return {
    framework: fields.known('framework', ['DISARM']),
    version: fields.text('version'),
    id: fields.matching('id', /^T\d{4}(\.\d{3})?$/, 'an id such as T0084.001'),
    name: fields.text('name'),
    because: fields.text('because'),
  };
}
