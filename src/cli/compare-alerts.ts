/**
 * Two sets of campaigns -> which of them are the same, by what they share. Pure; the order of its inputs changes nothing,
 * and changing sides gives the same answer with the sides changed.
 *
 * An id holds the time at which an alert opened, so other settings give other ids to what is the same campaign. But a post is
 * in one campaign of a file at most: campaigns of two files that share posts are one campaign, a part of it, or several
 * united. An alert lists a bounded part of its posts and accounts, so the share is estimated (overlap.ts).
 *
 * E1  Two campaigns belong together if one has an id of the other, or if at least half of the smaller lies in the larger.
 * E2  A group is what belongs together, directly or through others. Its numbers on both sides are its kind.
 * E3  An account is told as added or removed only if the other side's lists would hold it.
 */
import { compareText } from '../windows/alert.ts';
import { byFirstPost, wouldList, type FoundCampaign, type ListedAccount } from './alert-lines.ts';
import { Overlaps, type Overlap } from './overlap.ts';

/** In the order in which they are told. */
export const KINDS = ['only_a', 'only_b', 'split', 'united', 'regrouped', 'changed', 'same'] as const;
/**
 * `split`: one campaign of A is several in B; `united`: the reverse; `regrouped`: several are several others; `changed`: one
 * is one, with other accounts.
 */
export type Kind = (typeof KINDS)[number];

/** Why two campaigns are taken to be together. */
export interface Tie extends Overlap {
  /** Ids of campaigns of A and of B. */
  readonly a: string;
  readonly b: string;
  /** True if one has an id of the other, its own or that of an alert merged into it. */
  readonly byId: boolean;
}

/** Campaigns that belong together, on one side or both; each side by id. */
export interface Group {
  readonly kind: Kind;
  readonly a: readonly FoundCampaign[];
  readonly b: readonly FoundCampaign[];
  readonly ties: readonly Tie[];
  /** Listed accounts of both sides. */
  readonly sharedAccounts: number;
  /** Accounts that only B's campaigns have, and only A's: in order of their first posts. None where one side is empty. */
  readonly added: readonly ListedAccount[];
  readonly removed: readonly ListedAccount[];
  /** Accounts of each side that may be the other's too, as lists are bounded. */
  readonly uncompared: { readonly a: number; readonly b: number };
}

export interface CompareOptions {
  /** A campaign with fewer accounts added and removed than this is the same. At least 1. */
  readonly minChange: number;
}

/** E1. Above it, a campaign lies in one other at most, but for ties. */
const SHARE_MIN = 0.5;

/** By kind, then the widest first. */
export function compareCampaigns(
  a: readonly FoundCampaign[],
  b: readonly FoundCampaign[],
  options: CompareOptions,
): Group[] {
  const ties = tiesOf(a, b);
  const groups = grouped(a, b, ties).map((each) => groupOf(each, options));
  return groups.sort(byKindAndReach);
}

function tiesOf(a: readonly FoundCampaign[], b: readonly FoundCampaign[]): Tie[] {
  const overlaps = new Overlaps(b);
  const index = indexById(b);
  return a.flatMap((campaign) => {
    const related = new Set(idsOf(campaign).flatMap((id) => index.get(id) ?? []));
    const ties = Array.from(overlaps.of(campaign, related), ([other, overlap]): Tie => {
      return { a: campaign.id, b: other.id, byId: related.has(other), ...overlap };
    });
    return ties.filter((tie) => tie.byId || Math.max(tie.accountShare, tie.postShare) >= SHARE_MIN);
  });
}

function idsOf({ id, mergedIds }: FoundCampaign): readonly string[] {
  return [id, ...mergedIds];
}

function indexById(campaigns: readonly FoundCampaign[]): Map<string, FoundCampaign[]> {
  const index = new Map<string, FoundCampaign[]>();
  for (const campaign of campaigns) {
    for (const id of idsOf(campaign)) {
      const known = index.get(id);
      if (known === undefined) index.set(id, [campaign]);
      else known.push(campaign);
    }
  }
  return index;
}

interface Component {
  readonly a: FoundCampaign[];
  readonly b: FoundCampaign[];
  readonly ties: Tie[];
}

/** E2: the connected components of the ties. */
function grouped(a: readonly FoundCampaign[], b: readonly FoundCampaign[], ties: readonly Tie[]): Component[] {
  const parents = Array.from({ length: a.length + b.length }, (_, i) => i);
  const find = (at: number): number => {
    while (parents[at] !== at) at = parents[at] = parents[parents[at]!]!;
    return at;
  };
  const placeA = new Map(a.map(({ id }, i) => [id, i]));
  const placeB = new Map(b.map(({ id }, i) => [id, a.length + i]));
  for (const tie of ties) parents[find(placeA.get(tie.a)!)] = find(placeB.get(tie.b)!);

  const components = new Map<number, Component>();
  const componentOf = (at: number): Component => {
    const root = find(at);
    const known = components.get(root) ?? { a: [], b: [], ties: [] };
    components.set(root, known);
    return known;
  };
  for (const campaign of a) componentOf(placeA.get(campaign.id)!).a.push(campaign);
  for (const campaign of b) componentOf(placeB.get(campaign.id)!).b.push(campaign);
  for (const tie of ties) componentOf(placeA.get(tie.a)!).ties.push(tie);
  return Array.from(components.values());
}

function groupOf({ a, b, ties }: Component, options: CompareOptions): Group {
  a.sort(byId);
  b.sort(byId);
  const told = {
    a,
    b,
    ties: ties.sort((one, other) => compareText(one.a, other.a) || compareText(one.b, other.b)),
    ...accountChange(a, b),
  };
  return { kind: kindOf(told, options), ...told };
}

function kindOf({ a, b, added, removed }: Omit<Group, 'kind'>, { minChange }: CompareOptions): Kind {
  if (b.length === 0) return 'only_a';
  if (a.length === 0) return 'only_b';
  if (a.length > 1) return b.length > 1 ? 'regrouped' : 'united';
  if (b.length > 1) return 'split';
  // Beyond the ends of the lists there are only numbers.
  const change = Math.max(added.length + removed.length, Math.abs(a[0]!.accountCount - b[0]!.accountCount));
  return change < minChange ? 'same' : 'changed';
}

type AccountChange = Pick<Group, 'sharedAccounts' | 'added' | 'removed' | 'uncompared'>;

function accountChange(a: readonly FoundCampaign[], b: readonly FoundCampaign[]): AccountChange {
  if (a.length === 0 || b.length === 0)
    return { sharedAccounts: 0, added: [], removed: [], uncompared: { a: 0, b: 0 } };
  const ofA = accountsOf(a);
  const ofB = accountsOf(b);
  const onlyA = Array.from(ofA.values()).filter(({ key }) => !ofB.has(key));
  const onlyB = Array.from(ofB.values()).filter(({ key }) => !ofA.has(key));
  const removed = onlyA.filter(wouldList(b));
  const added = onlyB.filter(wouldList(a));
  return {
    sharedAccounts: ofA.size - onlyA.length,
    added: added.sort(byFirstPost),
    removed: removed.sort(byFirstPost),
    uncompared: {
      a: unlistedOf(a) + onlyA.length - removed.length,
      b: unlistedOf(b) + onlyB.length - added.length,
    },
  };
}

/** By key; of an account in several of the campaigns its earliest mention. */
function accountsOf(campaigns: readonly FoundCampaign[]): Map<string, ListedAccount> {
  const accounts = new Map<string, ListedAccount>();
  for (const account of campaigns.flatMap((campaign) => campaign.accounts)) {
    const known = accounts.get(account.key);
    if (known === undefined || account.firstMs < known.firstMs) accounts.set(account.key, account);
  }
  return accounts;
}

function unlistedOf(campaigns: readonly FoundCampaign[]): number {
  return campaigns.reduce((sum, { accountsLeftOut }) => sum + accountsLeftOut, 0);
}

function byId(one: FoundCampaign, other: FoundCampaign): number {
  return compareText(one.id, other.id);
}

function byKindAndReach(one: Group, other: Group): number {
  return (
    KINDS.indexOf(one.kind) - KINDS.indexOf(other.kind) ||
    reachOf(other) - reachOf(one) ||
    compareText(smallestId(one), smallestId(other))
  );
}

function reachOf({ a, b }: Group): number {
  return [...a, ...b].reduce((most, { accountCount }) => Math.max(most, accountCount), 0);
}

function smallestId({ a, b }: Group): string {
  // Both sides are by id.
  return [a[0], b[0]].flatMap((campaign) => campaign?.id ?? []).sort(compareText)[0]!;
}
