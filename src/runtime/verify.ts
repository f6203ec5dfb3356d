/**
 * Checks a running deployment from outside: recomputes the alerts of a range of its feed topic and holds them against its
 * alerts topic. Joins no group, commits and writes nothing.
 *
 * It cannot know of the ticks that an idle source was given by its owner: a post that only such a tick made late is taken
 * here. It takes a producer that dates its records behind the broker's clock by more than the idle time.
 */
import type { KafkaClient } from '../kafka/client.ts';
import type { LogBounds } from '../kafka/offsets.ts';
import type { Registry } from '../registry/registry.ts';
import { firstDifference, type FieldDifference } from './alert-difference.ts';
import { deploymentTopology, type DeploymentSettings } from './deployment.ts';
import { reachedMs } from './deployment-position.ts';
import { stageSettings } from './engine.ts';
import { feedParts, measureLog, type FeedBound, type FeedPart } from './feed-bounds.ts';
import { FeedRange, type RangePart } from './feed-range.ts';
import { PublishedAlerts, type Place, type Unreadable } from './published-alerts.ts';
import type { FeedCounts } from './post-source.ts';
import { replay, type ReplayProgress, type ReplaySummary } from './replay.ts';
import { Verification, type Difference, type VerificationCounts } from './verification.ts';

export interface VerifyOptions {
  readonly deployment: Pick<
    DeploymentSettings,
    | 'settings'
    | 'table'
    | 'evidence'
    | 'engine'
    | 'topics'
    | 'groupPrefix'
    | 'partitions'
    | 'eventTime'
    | 'outOfOrdernessMs'
    | 'format'
    | 'provenance'
  >;
  readonly client: KafkaClient;
  readonly registry: Registry | undefined;
  readonly from: FeedBound | undefined;
  readonly to: FeedBound | undefined;
  readonly sortMemoryBytes: number;
  /** Records read before the range, to learn how late the posts before it may be. */
  readonly leadRecords?: number;
  readonly onProgress?: (progress: ReplayProgress) => void;
  readonly signal: AbortSignal;
}

export const DIFFERENCE_KINDS = ['missing', 'changed', 'unexpected', 'doubled', 'outdated'] as const;

/** What came of it. Times are ISO 8601, UTC. */
export interface VerifyReport {
  readonly schema: 'chorus.verification.v1';
  readonly engine: string;
  readonly topology: string;
  readonly groupPrefix: string;
  readonly alertsTopic: string;
  readonly feed: FeedCounts & Pick<ReplaySummary, FeedField> & { readonly records: number };
  /** Alerts of event times before it were due. Undefined if none was. */
  readonly dueBefore?: string;
  /** Where posts before the range are not known: alerts with an earlier first post were not judged. */
  readonly judgedFrom?: string;
  readonly published: PublishedAlerts['counts'] & { readonly engines: readonly string[] };
  readonly counts: VerificationCounts;
  readonly differences: Readonly<Record<(typeof DIFFERENCE_KINDS)[number], number>>;
  /** The first of each kind. */
  readonly listed: readonly ListedDifference[];
  readonly seconds: number;
}

type FeedField =
  'posts' | 'nativeReposts' | 'nothingToCompare' | 'duplicates' | 'rejected' | 'firstPostAt' | 'lastPostAt';

export interface ListedDifference extends Partial<Place> {
  readonly kind: (typeof DIFFERENCE_KINDS)[number];
  readonly id: string;
  /** Undefined for a record that is no alert. */
  readonly revision?: number;
  readonly revisedAt?: string;
  readonly detail: string;
}

const LEAD_RECORDS = 10_000;
/** Of a range whose log begins with it: the part that is read for the sake of the rest. */
const LEAD_SHARE = 0.1;
const LISTED_MAX = 100;
const SHOWN_UNITS = 120;

/**
 * @throws ConfigError for a range that is not in the log, or settings that are not the deployment's
 * @throws ChorusError `position_unknown` and what reading throws; the signal's reason after an abort
 */
export async function verify(options: VerifyOptions): Promise<VerifyReport> {
  const startedMs = performance.now();
  const { deployment, client, signal } = options;
  const { topics, settings } = deployment;
  const { topology } = stageSettings(deployment);
  const sourceLog = await measureLog(client, topics.feed, signal);
  const position = {
    groupId: `${deployment.groupPrefix}.campaign`,
    links: topics.links,
    sources: deployment.partitions,
    topology: deploymentTopology(topology, deployment, sourceLog.length),
  };
  const untilMs = await reachedMs(client, position, signal);
  // In this order: all that was behind what is due lies in the feed by now, and all that was due in the alerts.
  const log = await measureLog(client, topics.feed, signal);
  const parts = await rangeParts(options, log);
  const isMarked = parts.some(({ leadTo }) => leadTo !== undefined);
  const published = new PublishedAlerts({ client, topic: topics.alerts, topology, isMarked });
  await published.read(signal);

  const { registry, onProgress } = options;
  const { eventTime, outOfOrdernessMs, format } = deployment;
  const hasProvenance = deployment.provenance !== undefined;
  const reading = { eventTime, outOfOrdernessMs, format, registry, hasProvenance, untilMs };
  const source = new FeedRange({ client, topic: topics.feed, parts, ...reading });
  const growsMs = settings.windowMs + settings.latenessMs;
  let begun: Verification | undefined;
  // What the range tells of its beginning and its end is known when all of it is read.
  const verification = (): Verification =>
    (begun ??= new Verification(published, { untilMs: source.endMs(), knownFromMs: source.knownFromMs, growsMs }));
  const { summary } = await replay({
    source,
    settings,
    table: deployment.table,
    ...(deployment.evidence === undefined ? {} : { evidence: deployment.evidence }),
    engine: deployment.engine,
    sortMemoryBytes: options.sortMemoryBytes,
    onRevision: ({ alert }) => {
      verification().take(alert);
      return undefined;
    },
    signal,
    ...(onProgress === undefined ? {} : { onProgress }),
  });
  // A replay ends early without an error.
  signal.throwIfAborted();
  const differences = verification().finish();
  return {
    schema: 'chorus.verification.v1',
    engine: deployment.engine,
    topology,
    groupPrefix: deployment.groupPrefix,
    alertsTopic: topics.alerts,
    feed: { ...source.feed, ...feedFields(summary) },
    ...timeField('dueBefore', source.endMs()),
    ...timeField('judgedFrom', source.knownFromMs + growsMs),
    published: { ...published.counts, engines: Array.from(published.engines).sort() },
    counts: verification().counts,
    differences: countsOf(differences, published.counts.unreadable),
    listed: await listedOf(differences, published, signal),
    seconds: Math.round(performance.now() - startedMs) / 1000,
  };
}

function feedFields(summary: ReplaySummary): Pick<ReplaySummary, FeedField> & { readonly records: number } {
  const { lines, posts, nativeReposts, nothingToCompare, duplicates, rejected, firstPostAt, lastPostAt } = summary;
  const times = firstPostAt === undefined ? {} : { firstPostAt, lastPostAt: lastPostAt! };
  return { records: lines, posts, nativeReposts, nothingToCompare, duplicates, rejected, ...times };
}

async function rangeParts(
  { deployment, client, from, to, leadRecords = LEAD_RECORDS }: VerifyOptions,
  log: readonly LogBounds[],
): Promise<RangePart[]> {
  const parts = await feedParts(client, deployment.topics.feed, log, { from, to });
  return parts.map((part, i) => withLead(part, log[i]!, leadRecords));
}

/** Reads somewhat before the range where it can; where the log begins with the range, its first part serves for that. */
function withLead(part: FeedPart, { low, high }: LogBounds, leadRecords: number): RangePart {
  const { partition, to } = part;
  const isToEnd = to >= high;
  const from = Math.max(low, part.from - leadRecords);
  if (from === 0) return { partition, from, to, leadTo: undefined, isToEnd };
  const lead = Math.min(leadRecords, Math.floor((to - from) * LEAD_SHARE));
  return { partition, from, to, leadTo: Math.max(part.from, from + lead), isToEnd };
}

function timeField<Name extends string>(name: Name, timeMs: number): { readonly [key in Name]?: string } {
  return (Number.isFinite(timeMs) ? { [name]: new Date(timeMs).toISOString() } : {}) as { [key in Name]?: string };
}

function countsOf(differences: readonly Difference[], unreadable: number): VerifyReport['differences'] {
  const counts = { missing: 0, changed: 0, unexpected: unreadable, doubled: 0, outdated: 0 };
  for (const { kind } of differences) counts[kind]++;
  return counts;
}

async function listedOf(
  differences: readonly Difference[],
  published: PublishedAlerts,
  signal: AbortSignal,
): Promise<ListedDifference[]> {
  const listed: ListedDifference[] = [];
  for (const kind of DIFFERENCE_KINDS) {
    const ofKind = differences.filter((difference) => difference.kind === kind).slice(0, LISTED_MAX);
    for (const difference of ofKind) {
      const { id, revision, revisedMs, place } = difference;
      const detail = await detailOf(difference, published, signal);
      listed.push({ kind, id, revision, revisedAt: new Date(revisedMs).toISOString(), ...place, detail });
    }
    if (kind === 'unexpected') listed.push(...published.unreadable.map(listedUnreadable));
  }
  return listed;
}

function listedUnreadable({ key, detail, partition, offset }: Unreadable): ListedDifference {
  return { kind: 'unexpected', id: key, partition, offset, detail };
}

async function detailOf(difference: Difference, published: PublishedAlerts, signal: AbortSignal): Promise<string> {
  switch (difference.kind) {
    case 'missing':
      if (difference.isDeleted) return 'deleted by a tombstone';
      return difference.published === 0 ? 'not there' : `the last one there is revision ${difference.published}`;
    case 'outdated':
      return `revision ${difference.last} was published again behind it, and compaction keeps that`;
    case 'unexpected':
      return 'published, but not recomputed';
    case 'changed': {
      const there = await published.alertAt(difference.place, signal);
      if (there === undefined || difference.recomputed === undefined) return 'differs from what was recomputed';
      return describe(firstDifference(there, difference.recomputed), 'published', 'recomputed');
    }
    case 'doubled': {
      const [second, first] = [
        await published.alertAt(difference.place, signal),
        await published.alertAt(difference.other, signal),
      ];
      if (first === undefined || second === undefined) return 'published twice, not the same';
      const { partition, offset } = difference.other;
      return describe(firstDifference(second, first), 'here', `at ${partition}:${offset}`);
    }
  }
}

function describe(difference: FieldDifference | undefined, a: string, b: string): string {
  if (difference === undefined) return 'no longer differs';
  const shown = (text = 'nothing'): string => (text.length > SHOWN_UNITS ? `${text.slice(0, SHOWN_UNITS)}...` : text);
  return `${difference.field}: ${a} ${shown(difference.a)}, ${b} ${shown(difference.b)}`;
}
