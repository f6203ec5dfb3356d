/**
 * All that the campaign stage knows, as lines of JSON and back: the same state always gives the same lines, and what was
 * read says the same from then on as what was written.
 *
 *   first line    event time, time of the last sweep, duplicates, numbers of nodes, campaigns, lines of retractions and of participants
 *   then          one line for each campaign, and one for each node, which name one another by their numbers
 *   then          post keys, participants and retractions in groups, and timers in the order in which they fall due
 *
 * Orders of maps and sets are kept, since bounds decide by them what stays.
 */
import { ChorusError } from '../errors.ts';
import type { Post } from '../model.ts';
import { Campaign, campaignOf, formerlyOf, type AlertState, type CampaignLimits } from './campaigns.ts';
import { Participants } from './participants.ts';
import { Holdings, Retractions } from './retractions.ts';
import { TextNode, type AccountSummary, type MemberPost } from './text-nodes.ts';
import { TimerQueue } from './timers.ts';

export interface CampaignState {
  /** Living nodes by their id. */
  readonly nodes: Map<string, TextNode>;
  /** Post keys in the order in which they came, with the event time then. */
  readonly known: Map<string, number>;
  readonly timers: TimerQueue<Campaign>;
  readonly retractions: Retractions;
  readonly participants: Participants;
  /** Made of the rest of the state when it is needed first. */
  holdings: Holdings | undefined;
  nowMs: number;
  sweptMs: number;
  /** Posts that came again with an id already known. */
  duplicates: number;
}

export function emptyCampaignState(): CampaignState {
  return {
    nodes: new Map(),
    known: new Map(),
    timers: new TimerQueue(),
    retractions: new Retractions(),
    participants: new Participants(),
    holdings: undefined,
    nowMs: -Infinity,
    sweptMs: -Infinity,
    duplicates: 0,
  };
}

const ROWS_PER_LINE = 1000;

type Head = readonly [
  nowMs: number | null,
  sweptMs: number | null,
  duplicates: number,
  campaigns: number,
  nodes: number,
  retractionLines: number,
  participantLines: number,
];
type Pairs = readonly (readonly [string, number])[];
type MemberRow = readonly [
  key: string,
  account: string,
  forwarded: 0 | 1,
  post: Post,
  ...place: readonly [] | readonly [partition: number, offset: number],
];
type SummaryRow = readonly [
  string,
  Omit<AccountSummary, 'key' | 'handle' | 'accountCreatedAt'> & Partial<AccountSummary>,
];
interface CampaignRow {
  readonly nodes: readonly number[];
  readonly accounts: Pairs;
  readonly numbers: readonly [number, number, number, number | null, number, number | null, number];
  readonly isUntold: boolean;
  readonly alert?: AlertState;
  readonly merged: readonly AlertState[];
}
interface NodeRow {
  readonly id: string;
  readonly text: string;
  readonly massNats: number;
  readonly isHeld: boolean;
  readonly isCore: boolean;
  readonly campaign: number;
  readonly border?: readonly [core: number, similarity: number];
  readonly numbers: readonly [number, number | null, number | null, number, number, number, number];
  readonly source?: readonly [post: string, versionMs: number];
  readonly former?: readonly number[];
  readonly recent: Pairs;
  readonly links: readonly (readonly [number, number])[];
  readonly posts: readonly MemberRow[];
  readonly accounts: readonly SummaryRow[];
}

/** The lines of a state, without line ends. */
export function* encodeCampaignState(state: CampaignState): Generator<string> {
  const { nodes, campaigns } = reached(state);
  const retractions = Array.from(inGroups(retractionRows(state)));
  const participants = Array.from(inGroups(state.participants.rows()));
  const head: Head = [
    finite(state.nowMs),
    finite(state.sweptMs),
    state.duplicates,
    campaigns.size,
    nodes.size,
    retractions.length,
    participants.length,
  ];
  yield JSON.stringify(head);
  for (const campaign of campaigns.keys()) yield JSON.stringify(campaignRow(campaign, nodes));
  for (const node of nodes.keys())
    yield JSON.stringify(nodeRow(node, nodes, campaigns, state.nodes.get(node.id) === node));
  yield* inGroups(state.known);
  yield* participants;
  yield* retractions;
  yield JSON.stringify(liveTimers(state).map(({ dueMs, value }) => [campaigns.get(value)!, dueMs]));
}

/** Lines of so many rows; at least one. */
function* inGroups(rows: Iterable<unknown>): Generator<string> {
  let group: unknown[] = [];
  for (const row of rows) {
    if (group.push(row) < ROWS_PER_LINE) continue;
    yield JSON.stringify(group);
    group = [];
  }
  yield JSON.stringify(group);
}

function* retractionRows({ retractions }: CampaignState): Generator<readonly [string, number, number | null]> {
  for (const [post, timeMs, beforeMs] of retractions.rows()) yield [post, timeMs, finite(beforeMs)];
}

/** @throws ChorusError `snapshot_invalid` for lines that `encodeCampaignState` has not written */
export function decodeCampaignState(lines: readonly string[], limits: CampaignLimits): CampaignState {
  try {
    return decoded(lines, limits);
  } catch (cause) {
    throw new ChorusError('snapshot_invalid', 'the saved state of the campaign stage cannot be read', { cause });
  }
}

/** One for each campaign with an alert: those that will be passed over when they come are left out. */
export function liveTimers(state: CampaignState): { dueMs: number; value: Campaign }[] {
  return state.timers
    .inOrder()
    .filter(({ dueMs, value }) => value.into === undefined && value.alert !== undefined && value.timerMs === dueMs);
}

/** Where the state holds versions of posts. */
export function holdingsOf(state: CampaignState): Holdings {
  return new Holdings(reached(state).nodes.keys());
}

/** Everything that the state leads to, numbered in the order in which it is met. */
function reached(state: CampaignState): { nodes: Map<TextNode, number>; campaigns: Map<Campaign, number> } {
  const nodes = new Map<TextNode, number>();
  const campaigns = new Map<Campaign, number>();
  const queue: TextNode[] = [];
  const meet = (node: TextNode): void => {
    if (nodes.has(node)) return;
    nodes.set(node, nodes.size);
    queue.push(node);
  };
  const meetCampaign = (campaign: Campaign | undefined): void => {
    if (campaign === undefined || campaigns.has(campaign)) return;
    campaigns.set(campaign, campaigns.size);
    for (const node of campaign.nodes) meet(node);
  };
  for (const node of state.nodes.values()) meet(node);
  for (const { value } of liveTimers(state)) meetCampaign(value);
  for (let node = queue.pop(); node !== undefined; node = queue.pop()) {
    for (const neighbour of node.links.keys()) meet(neighbour);
    if (node.border !== undefined) meet(node.border.core);
    meetCampaign(campaignOf(node));
  }
  return { nodes, campaigns };
}

function campaignRow(campaign: Campaign, nodes: ReadonlyMap<TextNode, number>): CampaignRow {
  const { postCount, keptPosts, forwardCount, lastMs, families, timerMs, removedCount, isUntold } = campaign;
  const { alert, merged } = campaign;
  return {
    nodes: Array.from(campaign.nodes, (node) => nodes.get(node)!),
    accounts: Array.from(campaign.accounts),
    numbers: [postCount, keptPosts, forwardCount, finite(lastMs), families, finite(timerMs), removedCount],
    isUntold,
    ...(alert === undefined ? {} : { alert }),
    merged,
  };
}

function memberRow({ key, account, forwarded, post, place }: MemberPost): MemberRow {
  const at = place === undefined ? ([] as const) : ([place.partition, place.offset] as const);
  return [key, account, forwarded ? 1 : 0, post, ...at];
}

function readMember([key, account, forwarded, post, ...at]: MemberRow): MemberPost {
  const [partition, offset] = at;
  const place = partition === undefined ? undefined : { partition, offset: offset! };
  return { key, account, post, forwarded: forwarded === 1, place };
}

function summaryRow([key, summary]: readonly [string, AccountSummary]): SummaryRow {
  const { account, platform, handle, accountCreatedAt, postCount, firstMs, lastMs } = summary;
  return [key, { account, platform, handle, accountCreatedAt, postCount, firstMs, lastMs }];
}

function nodeRow(
  node: TextNode,
  nodes: ReadonlyMap<TextNode, number>,
  campaigns: ReadonlyMap<Campaign, number>,
  isHeld: boolean,
): NodeRow {
  const campaign = campaignOf(node);
  const { border, source, lastMs, firstPostMs, lastPostMs, postCount, forwardCount, families, removedCount } = node;
  const former = formerlyOf(node).map((other) => campaigns.get(other)!);
  return {
    id: node.id,
    text: node.text,
    massNats: node.massNats,
    isHeld,
    isCore: node.isCore,
    campaign: campaign === undefined ? -1 : campaigns.get(campaign)!,
    ...(border === undefined ? {} : { border: [nodes.get(border.core)!, border.similarity] as const }),
    numbers: [lastMs, finite(firstPostMs), finite(lastPostMs), postCount, forwardCount, families, removedCount],
    ...(source === undefined ? {} : { source: [source.post, source.versionMs] as const }),
    ...(former.length === 0 ? {} : { former }),
    recent: Array.from(node.recent),
    links: Array.from(node.links, ([neighbour, similarity]) => [nodes.get(neighbour)!, similarity] as const),
    posts: node.posts.map(memberRow),
    accounts: Array.from(node.accounts, summaryRow),
  };
}

function decoded(lines: readonly string[], limits: CampaignLimits): CampaignState {
  const [nowMs, sweptMs, duplicates, campaignCount, nodeCount, retractionLines, participantLines] = JSON.parse(
    lines[0]!,
  ) as Head;
  const state = emptyCampaignState();
  state.nowMs = nowMs ?? -Infinity;
  state.sweptMs = sweptMs ?? -Infinity;
  state.duplicates = duplicates;
  const firstNode = 1 + campaignCount;
  const firstKeys = firstNode + nodeCount;
  const campaignRows = lines.slice(1, firstNode).map((line) => JSON.parse(line) as CampaignRow);
  const nodeRows = lines.slice(firstNode, firstKeys).map((line) => JSON.parse(line) as NodeRow);
  if (campaignRows.length !== campaignCount || nodeRows.length !== nodeCount) throw new RangeError('lines are missing');
  const nodes = nodeRows.map(({ id, text, massNats, numbers }) => new TextNode(id, text, massNats, numbers[0]));
  const campaigns = campaignRows.map((row) => readCampaign(row, nodes, limits));
  for (const [i, row] of nodeRows.entries()) {
    readNode(nodes[i]!, row, nodes, campaigns);
    if (row.isHeld) state.nodes.set(row.id, nodes[i]!);
  }
  const firstRetractions = lines.length - 1 - retractionLines;
  const firstParticipants = firstRetractions - participantLines;
  for (const line of lines.slice(firstKeys, firstParticipants)) {
    for (const [key, timeMs] of JSON.parse(line) as Pairs) state.known.set(key, timeMs);
  }
  for (const line of lines.slice(firstParticipants, firstRetractions)) {
    for (const row of JSON.parse(line) as Pairs) state.participants.restore(row);
  }
  for (const line of lines.slice(firstRetractions, -1)) {
    for (const [post, timeMs, beforeMs] of JSON.parse(line) as [string, number, number | null][])
      state.retractions.restore([post, timeMs, beforeMs ?? Infinity]);
  }
  for (const [campaign, dueMs] of JSON.parse(lines.at(-1)!) as [number, number][])
    state.timers.add(dueMs, campaigns[campaign]!);
  return state;
}

function readCampaign(row: CampaignRow, nodes: readonly TextNode[], limits: CampaignLimits): Campaign {
  const campaign = new Campaign(limits);
  for (const node of row.nodes) campaign.nodes.add(nodes[node]!);
  for (const [account, posts] of row.accounts) campaign.accounts.set(account, posts);
  const [postCount, keptPosts, forwardCount, lastMs, families, timerMs, removedCount] = row.numbers;
  campaign.postCount = postCount;
  campaign.keptPosts = keptPosts;
  campaign.forwardCount = forwardCount;
  campaign.lastMs = lastMs ?? -Infinity;
  campaign.families = families;
  campaign.removedCount = removedCount;
  campaign.isUntold = row.isUntold;
  campaign.timerMs = timerMs ?? Infinity;
  campaign.alert = row.alert;
  campaign.merged.push(...row.merged);
  return campaign;
}

function readNode(node: TextNode, row: NodeRow, nodes: readonly TextNode[], campaigns: readonly Campaign[]): void {
  const [, firstPostMs, lastPostMs, postCount, forwardCount, families, removedCount] = row.numbers;
  node.firstPostMs = firstPostMs ?? Infinity;
  node.lastPostMs = lastPostMs ?? -Infinity;
  node.postCount = postCount;
  node.forwardCount = forwardCount;
  node.families = families;
  node.removedCount = removedCount;
  node.source = row.source === undefined ? undefined : { post: row.source[0], versionMs: row.source[1] };
  node.former = (row.former ?? []).map((campaign) => campaigns[campaign]!);
  node.isCore = row.isCore;
  node.campaign = row.campaign < 0 ? undefined : campaigns[row.campaign]!;
  node.border = row.border === undefined ? undefined : { core: nodes[row.border[0]]!, similarity: row.border[1] };
  for (const [account, timeMs] of row.recent) node.noteAccount(account, timeMs);
  for (const [neighbour, similarity] of row.links) node.links.set(nodes[neighbour]!, similarity);
  node.posts = row.posts.map(readMember);
  for (const [account, summary] of row.accounts) {
    const { handle, accountCreatedAt } = summary;
    node.accounts.set(account, { ...summary, key: account, handle, accountCreatedAt });
  }
}

/** JSON has no infinities. */
function finite(value: number): number | null {
  return Number.isFinite(value) ? value : null;
}
