/**
 * The account network -> GEXF 1.3 and GraphML, as Gephi and its like open them: accounts are nodes, pairs are edges.
 *
 * Edge weight is the number of campaigns that two accounts have in common. In GEXF a node is there from the account's first post to
 * the end of its last campaign, and an edge from when both had posted until the end of the last campaign that they share, so the
 * dynamic view shows the network grow.
 */
import type { BookedAccount } from './account-book.ts';
import { escapeXml, oneLine } from './escape.ts';
import type { AccountPair } from './pairs.ts';
import { dateOf, isoOf } from './words.ts';

/** What both formats hold; edges can be gone over once. */
export interface AccountGraph {
  readonly accounts: readonly BookedAccount[];
  readonly pairs: Iterable<AccountPair>;
  /** Ids of campaigns by their numbers. */
  readonly campaignIds: readonly string[];
  readonly generator: string;
  /** End of the last campaign, ms; a file that named the day it was made would differ each day. */
  readonly lastMs: number;
}

interface Column<Element> {
  readonly id: string;
  readonly type: 'string' | 'integer' | 'double';
  /** Undefined for an attribute that this element lacks. */
  readonly value: (element: Element) => string | number | undefined;
}

const LABEL_CHARACTERS = 60;
const CAMPAIGN_IDS_MAX = 20;

const NODE_COLUMNS: readonly Column<BookedAccount>[] = [
  { id: 'platform', type: 'string', value: ({ platform }) => platform },
  { id: 'account', type: 'string', value: ({ account }) => account },
  { id: 'handle', type: 'string', value: ({ handle }) => handle },
  { id: 'posts', type: 'integer', value: ({ postCount }) => postCount },
  { id: 'campaigns', type: 'integer', value: ({ campaigns }) => campaigns.length },
  { id: 'created', type: 'string', value: ({ createdMs }) => (createdMs === undefined ? undefined : isoOf(createdMs)) },
  { id: 'disclosure', type: 'string', value: ({ disclosure }) => disclosure },
  { id: 'first_post', type: 'string', value: ({ firstMs }) => isoOf(firstMs) },
];

function edgeColumns(campaignIds: readonly string[]): Column<AccountPair>[] {
  const idsOf = ({ campaigns }: AccountPair): string =>
    campaigns
      .slice(0, CAMPAIGN_IDS_MAX)
      .map((number) => campaignIds[number]!)
      .join(' ');
  return [
    { id: 'campaigns', type: 'integer', value: ({ campaigns }) => campaigns.length },
    { id: 'campaign_ids', type: 'string', value: idsOf },
    { id: 'closest_seconds', type: 'double', value: ({ gapMs }) => gapMs / 1000 },
  ];
}

function labelOf({ handle, account }: BookedAccount): string {
  return oneLine(handle ?? account, LABEL_CHARACTERS);
}

const DECLARATION = '<?xml version="1.0" encoding="UTF-8"?>';
const DESCRIPTION = 'Accounts that posted near-identical text within a window of time. Weight: campaigns in common.';

/** Lines of a GEXF 1.3 document. */
export function* gexfLines({ accounts, pairs, campaignIds, generator, lastMs }: AccountGraph): Generator<string> {
  const columns = edgeColumns(campaignIds);
  yield DECLARATION;
  yield '<gexf xmlns="http://gexf.net/1.3" version="1.3">';
  yield `<meta lastmodifieddate="${dateOf(lastMs)}"><creator>${escapeXml(generator)}</creator><description>${DESCRIPTION}</description></meta>`;
  yield '<graph defaultedgetype="undirected" mode="dynamic" timeformat="dateTime" timerepresentation="interval">';
  yield* gexfAttributes('node', NODE_COLUMNS);
  yield* gexfAttributes('edge', columns);
  yield '<nodes>';
  for (const account of accounts) {
    const head = `id="${escapeXml(account.key)}" label="${escapeXml(labelOf(account))}" ${gexfSpan(account.firstMs, account.activeUntilMs)}`;
    yield `<node ${head}>${gexfValues(account, NODE_COLUMNS)}</node>`;
  }
  yield '</nodes>';
  yield '<edges>';
  let number = 0;
  for (const pair of pairs) {
    const head = `id="${number++}" source="${escapeXml(pair.a)}" target="${escapeXml(pair.b)}" weight="${pair.campaigns.length}" ${gexfSpan(pair.startMs, pair.endMs)}`;
    yield `<edge ${head}>${gexfValues(pair, columns)}</edge>`;
  }
  yield '</edges>';
  yield '</graph>';
  yield '</gexf>';
}

function* gexfAttributes<Element>(of: 'node' | 'edge', columns: readonly Column<Element>[]): Generator<string> {
  yield `<attributes class="${of}">`;
  for (const { id, type } of columns) yield `<attribute id="${id}" title="${id}" type="${type}"/>`;
  yield '</attributes>';
}

function gexfSpan(startMs: number, endMs: number): string {
  return `start="${isoOf(startMs)}" end="${isoOf(endMs)}"`;
}

function gexfValues<Element>(element: Element, columns: readonly Column<Element>[]): string {
  const values = columns.flatMap(({ id, value }) => {
    const found = value(element);
    return found === undefined ? [] : [`<attvalue for="${id}" value="${escapeXml(String(found))}"/>`];
  });
  return `<attvalues>${values.join('')}</attvalues>`;
}

const GRAPHML_TYPES = { string: 'string', integer: 'int', double: 'double' } as const;

/** Lines of a GraphML 1.0 document. Gephi takes the attributes `label` and `weight` for its own columns. */
export function* graphmlLines({ accounts, pairs, campaignIds }: AccountGraph): Generator<string> {
  const nodeColumns: readonly Column<BookedAccount>[] = [
    { id: 'label', type: 'string', value: labelOf },
    ...NODE_COLUMNS,
  ];
  const columns: readonly Column<AccountPair>[] = [
    { id: 'weight', type: 'double', value: ({ campaigns }) => campaigns.length },
    ...edgeColumns(campaignIds),
    { id: 'start', type: 'string', value: ({ startMs }) => isoOf(startMs) },
    { id: 'end', type: 'string', value: ({ endMs }) => isoOf(endMs) },
  ];
  yield DECLARATION;
  yield '<graphml xmlns="http://graphml.graphdrawing.org/xmlns">';
  yield* graphmlKeys('node', nodeColumns);
  yield* graphmlKeys('edge', columns);
  yield '<graph id="accounts" edgedefault="undirected">';
  yield `<desc>${DESCRIPTION}</desc>`;
  const numbers = new Map(accounts.map(({ key }, i) => [key, i]));
  for (const [i, account] of accounts.entries()) {
    yield `<node id="n${i}">${graphmlData('node', account, nodeColumns)}</node>`;
  }
  let number = 0;
  for (const pair of pairs) {
    const ends = `source="n${numbers.get(pair.a)!}" target="n${numbers.get(pair.b)!}"`;
    yield `<edge id="e${number++}" ${ends}>${graphmlData('edge', pair, columns)}</edge>`;
  }
  yield '</graph>';
  yield '</graphml>';
}

/** Ids of keys are unique in a document, and nodes and edges have attributes of one name. */
function keyOf(of: 'node' | 'edge', id: string): string {
  return id === 'label' || id === 'weight' ? id : `${of}_${id}`;
}

function* graphmlKeys<Element>(of: 'node' | 'edge', columns: readonly Column<Element>[]): Generator<string> {
  for (const { id, type } of columns) {
    yield `<key id="${keyOf(of, id)}" for="${of}" attr.name="${id}" attr.type="${GRAPHML_TYPES[type]}"/>`;
  }
}

function graphmlData<Element>(of: 'node' | 'edge', element: Element, columns: readonly Column<Element>[]): string {
  const values = columns.flatMap(({ id, value }) => {
    const found = value(element);
    return found === undefined ? [] : [`<data key="${keyOf(of, id)}">${escapeXml(String(found))}</data>`];
  });
  return values.join('');
}
