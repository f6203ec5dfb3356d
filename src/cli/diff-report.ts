/** A comparison of two alert files as a table for people and as a document for machines. */
import pc from 'picocolors';
import type { ReasonCount } from '../runtime/rejections.ts';
import { compareText } from '../windows/alert.ts';
import { accountOf, type FoundCampaign, type ListedAccount } from './alert-lines.ts';
import { KINDS, type Group, type Kind, type Tie } from './compare-alerts.ts';
import { formatDuration } from './duration.ts';
import { counted } from './summary.ts';
import { columnsOf, fit, oneLine, pad } from './text.ts';

const GUTTER = '  ';
const TEXT_COLUMNS = 60;
const NAME_COLUMNS = 24;
const NAMES_SHOWN = 3;
/** Campaigns named in one cell. */
const CAMPAIGNS_SHOWN = 4;

/** One of the two files. Each line is counted once: lines = rejected + superseded + merged + campaigns. */
export interface DiffSide {
  /** The path as given. */
  readonly input: string;
  readonly lines: number;
  readonly rejected: { readonly count: number; readonly byReason: readonly ReasonCount[] };
  /** Alerts of which a newer revision, or the same again, is there. */
  readonly superseded: number;
  /** Alerts that belong to the campaign that took them. */
  readonly merged: number;
  readonly campaigns: readonly FoundCampaign[];
}

export interface Diff {
  readonly a: DiffSide;
  readonly b: DiffSide;
  readonly minChange: number;
  /** The kinds that were asked for. */
  readonly only: readonly Kind[];
  /** Of all kinds. */
  readonly groups: readonly Group[];
}

const HEADINGS: Readonly<Record<Kind, string>> = {
  only_a: 'only in A',
  only_b: 'only in B',
  split: 'split: one in A, several in B',
  united: 'united: several in A, one in B',
  regrouped: 'regrouped: several in A, several others in B',
  changed: 'in both, with other accounts',
  same: 'in both, the same',
};

const TOTALS: Readonly<Record<Kind, string>> = {
  only_a: 'only in A',
  only_b: 'only in B',
  split: 'split',
  united: 'united',
  regrouped: 'regrouped',
  changed: 'with other accounts',
  same: 'the same',
};

/** Lines for people. The same with and without colours, which are for terminals. */
export function describeDiff(diff: Diff, isTerminal: boolean): string[] {
  const { bold, dim } = pc.createColors(isTerminal && pc.isColorSupported);
  const shown = diff.groups.filter(({ kind }) => diff.only.includes(kind));
  return [
    describeSide('A', diff.a),
    describeSide('B', diff.b),
    ...(isOneTopology(diff) ? ['A and B are of one topology: their settings and tables are the same.'] : []),
    ...KINDS.flatMap((kind) => {
      const groups = shown.filter((group) => group.kind === kind);
      if (groups.length === 0) return [];
      const [header, ...rows] = table([HEADER, ...groups.map(rowOf)]);
      return [
        '',
        bold(`${groups.length} ${HEADINGS[kind]}`),
        dim(header),
        ...groups.flatMap((group, i) => [
          rows[i]!,
          ...detailsOf(group).map((line) => dim(`${GUTTER}${GUTTER}${line}`)),
        ]),
      ];
    }),
    '',
    describeTotals(diff.groups),
  ];
}

function describeSide(name: string, side: DiffSide): string {
  const windows = windowsOf(side.campaigns).map(formatDuration);
  const notes = [
    counted(side.lines, 'line'),
    ...(side.merged === 0 ? [] : [`${counted(side.merged, 'alert')} merged into others`]),
    ...(side.rejected.count === 0 ? [] : [`${side.rejected.count} rejected`]),
    ...(windows.length === 0 ? [] : [`window ${windows.join(' and ')}`]),
  ];
  return `${name}  ${nameOf(side.input)}: ${counted(side.campaigns.length, 'campaign')} (${notes.join(', ')})`;
}

function nameOf(input: string): string {
  return input === '-' ? 'standard input' : input;
}

function isOneTopology({ a, b }: Diff): boolean {
  const topologies = distinct([...a.campaigns, ...b.campaigns].map(({ topology }) => topology));
  return topologies.length === 1 && a.campaigns.length > 0 && b.campaigns.length > 0;
}

function windowsOf(campaigns: readonly FoundCampaign[]): number[] {
  return distinct(campaigns.map(({ windowMs }) => windowMs)).sort((a, b) => a - b);
}

function distinct<Value>(values: readonly Value[]): Value[] {
  return Array.from(new Set(values));
}

const HEADER = ['accounts', 'added', 'removed', 'posts', 'first post (UTC)', 'text'];

function rowOf({ a, b, added, removed }: Group): string[] {
  const isBoth = a.length > 0 && b.length > 0;
  const widest = [...a, ...b].reduce((one, other) => (other.accountCount > one.accountCount ? other : one));
  const firstMs = [...a, ...b].reduce((first, campaign) => Math.min(first, campaign.firstMs), Infinity);
  const countOf = (sign: string, count: number): string => (isBoth ? `${sign}${count}` : '');
  return [
    change(a, b, ({ accountCount }) => String(accountCount)),
    countOf('+', added.length),
    countOf('-', removed.length),
    change(a, b, ({ postCount }) => String(postCount)),
    iso(firstMs).slice(0, 16).replace('T', ' '),
    fit(oneLine(widest.text), TEXT_COLUMNS),
  ];
}

/** As "31 -> 20 + 9"; one side where both say the same or the other is empty. */
function change(
  a: readonly FoundCampaign[],
  b: readonly FoundCampaign[],
  tell: (campaign: FoundCampaign) => string,
): string {
  const sides = [a, b]
    .filter((side) => side.length > 0)
    .map((side) => {
      const told = side.slice(0, CAMPAIGNS_SHOWN).map(tell);
      return side.length > CAMPAIGNS_SHOWN
        ? `${told.join(' + ')} + ${side.length - CAMPAIGNS_SHOWN} more`
        : told.join(' + ');
    });
  return distinct(sides).join(' -> ');
}

function detailsOf({ a, b, added, removed, uncompared }: Group): string[] {
  const untold = uncompared.a + uncompared.b;
  return [
    change(a, b, ({ id }) => id),
    ...(added.length === 0 ? [] : [`added ${namesOf(added)}`]),
    ...(removed.length === 0 ? [] : [`removed ${namesOf(removed)}`]),
    ...(untold === 0
      ? []
      : [`not compared, as alerts list a part: ${uncompared.a} accounts of A, ${uncompared.b} of B`]),
  ];
}

function namesOf(accounts: readonly ListedAccount[]): string {
  const names = accounts.slice(0, NAMES_SHOWN).map((listed) => {
    const { platform, account } = accountOf(listed);
    return `${fit(oneLine(listed.handle ?? account), NAME_COLUMNS)} (${fit(oneLine(platform), NAME_COLUMNS)})`;
  });
  const more = accounts.length - names.length;
  return `${names.join(', ')}${more === 0 ? '' : ` and ${more} more`}`;
}

function describeTotals(groups: readonly Group[]): string {
  const totals = totalsOf(groups);
  const told = KINDS.map((kind) => `${totals[kind]} ${TOTALS[kind]}`).join(', ');
  const cut = groups.filter(({ kind, uncompared }) => kind === 'same' && uncompared.a + uncompared.b > 0).length;
  return cut === 0 ? told : `${told} (${cut} of them as far as alerts list their accounts)`;
}

function totalsOf(groups: readonly Group[]): Record<Kind, number> {
  const count = (kind: Kind): [Kind, number] => [kind, groups.filter((group) => group.kind === kind).length];
  return Object.fromEntries(KINDS.map(count)) as Record<Kind, number>;
}

/** The first row is the header; a column that is empty below it is left out. */
function table(rows: readonly (readonly string[])[]): string[] {
  const widths = rows[0]!.map((_, i) => rows.reduce((widest, row) => Math.max(widest, columnsOf(row[i]!)), 0));
  const used = widths.map((_, i) => rows.slice(1).some((row) => row[i] !== ''));
  return rows.map((row) => {
    const cells = row.map((cell, i) => pad(cell, widths[i]!)).filter((_, i) => used[i]);
    return `${GUTTER}${cells.join(GUTTER)}`.trimEnd();
  });
}

/** `chorus.diff.v1`: the document for machines. Lists are sorted, times are ISO 8601 in UTC; equal inputs give equal bytes. */
export interface DiffDocument {
  readonly schema: 'chorus.diff.v1';
  readonly a: DiffDocumentSide;
  readonly b: DiffDocumentSide;
  readonly minChange: number;
  readonly only: readonly Kind[];
  /** Groups of each kind, whatever was asked for. */
  readonly totals: Readonly<Record<Kind, number>>;
  /** Those of the kinds that were asked for: by kind, then the widest first. */
  readonly groups: readonly DiffDocumentGroup[];
}

export interface DiffDocumentSide extends Omit<DiffSide, 'campaigns'> {
  readonly campaigns: number;
  /** What the alerts say of their settings, sorted. */
  readonly windowMs: readonly number[];
  readonly topologies: readonly string[];
}

export interface DiffDocumentGroup {
  readonly kind: Kind;
  /** By id. */
  readonly a: readonly DiffDocumentCampaign[];
  readonly b: readonly DiffDocumentCampaign[];
  /** Why they are a group. */
  readonly ties: readonly Tie[];
  readonly sharedAccounts: number;
  readonly added: readonly DiffDocumentAccount[];
  readonly removed: readonly DiffDocumentAccount[];
  /** Accounts of each side that may be the other's too, as alerts list a part of them. */
  readonly uncompared: { readonly a: number; readonly b: number };
}

export interface DiffDocumentCampaign extends Pick<
  FoundCampaign,
  'id' | 'mergedIds' | 'status' | 'revision' | 'accountCount' | 'postCount' | 'variantCount' | 'text'
> {
  readonly firstPostAt: string;
  readonly lastPostAt: string;
}

export interface DiffDocumentAccount {
  readonly platform: string;
  readonly account: string;
  readonly handle?: string;
}

export function diffDocument(diff: Diff): DiffDocument {
  return {
    schema: 'chorus.diff.v1',
    a: documentSide(diff.a),
    b: documentSide(diff.b),
    minChange: diff.minChange,
    only: diff.only,
    totals: totalsOf(diff.groups),
    groups: diff.groups.filter(({ kind }) => diff.only.includes(kind)).map(documentGroup),
  };
}

function documentSide({ campaigns, ...counts }: DiffSide): DiffDocumentSide {
  return {
    ...counts,
    campaigns: campaigns.length,
    windowMs: windowsOf(campaigns),
    topologies: distinct(campaigns.map(({ topology }) => topology)).sort(compareText),
  };
}

function documentGroup({ a, b, ties, added, removed, ...rest }: Group): DiffDocumentGroup {
  return {
    kind: rest.kind,
    a: a.map(documentCampaign),
    b: b.map(documentCampaign),
    ties: ties.map((tie) => ({
      ...tie,
      accountShare: rounded(tie.accountShare),
      postShare: rounded(tie.postShare),
    })),
    sharedAccounts: rest.sharedAccounts,
    added: added.map(documentAccount),
    removed: removed.map(documentAccount),
    uncompared: rest.uncompared,
  };
}

function documentCampaign(campaign: FoundCampaign): DiffDocumentCampaign {
  const { id, mergedIds, status, revision, accountCount, postCount, variantCount, firstMs, lastMs, text } = campaign;
  return {
    id,
    mergedIds,
    status,
    revision,
    accountCount,
    postCount,
    variantCount,
    firstPostAt: iso(firstMs),
    lastPostAt: iso(lastMs),
    text,
  };
}

function documentAccount(listed: ListedAccount): DiffDocumentAccount {
  return { ...accountOf(listed), ...(listed.handle === undefined ? {} : { handle: listed.handle }) };
}

function rounded(value: number): number {
  return Math.round(value * 1000) / 1000;
}

function iso(ms: number): string {
  return new Date(ms).toISOString();
}
