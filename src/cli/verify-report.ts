/** What `chorus verify` found, for people. */
import { DIFFERENCE_KINDS, type ListedDifference, type VerifyReport } from '../runtime/verify.ts';
import { counted, describeFeed } from './summary.ts';
import { oneLine } from './text.ts';

const MEANINGS: Readonly<Record<ListedDifference['kind'], string>> = {
  missing: 'due, but not in the topic',
  changed: 'published with other content than was recomputed',
  unexpected: 'published, but not recomputed',
  doubled: 'published twice with different content',
  outdated: 'an earlier revision lies behind the last one',
};

/** Differences of one kind that are shown; all that are listed are in the JSON. */
const SHOWN_MAX = 20;

/** Lines, each ended. */
export function describeVerification(report: VerifyReport): string {
  const { feed, counts, published, differences } = report;
  const total = DIFFERENCE_KINDS.reduce((sum, kind) => sum + differences[kind], 0);
  const lines = [
    `records: ${counted(feed.records, 'record')}, ${counted(feed.posts, 'post')}, ${feed.rejected.count} rejected (${report.seconds.toFixed(1)} s)`,
    ...describeFeed(feed),
    `published in ${report.alertsTopic}: ${counted(published.records, 'record')}, ${counted(published.tombstones, 'tombstone')}` +
      (published.ofOtherTopology === 0 ? '' : `, ${published.ofOtherTopology} of other settings, which are left alone`),
    report.dueBefore === undefined
      ? 'due: nothing yet, a source or a match partition has not begun'
      : `due: alerts of event time before ${report.dueBefore}`,
    `judged: ${counted(counts.judged, 'revision')} of ${counted(counts.campaigns, 'campaign')}; ` +
      `${counts.compacted} more have given way to later ones`,
    ...describeUnjudged(report),
    total === 0 ? 'all the same' : `${counted(total, 'difference')}:`,
    ...DIFFERENCE_KINDS.flatMap((kind) => describeKind(kind, report)),
    ...(total > 0 && report.judgedFrom !== undefined ? [DOUBT] : []),
  ];
  return `${lines.join('\n')}\n`;
}

/** V3 does not see it: such a text stands in no alert by which it could be told. */
const DOUBT =
  'The range does not begin with the log. A text that was posted all the time, from before the range on, may differ for that\n' +
  'reason alone: what differs with an earlier --from as well is certain.';

function describeUnjudged({ judgedFrom, counts }: VerifyReport): string[] {
  const { tooEarly, entangled, removed } = counts;
  const lines: string[] = [];
  if (judgedFrom !== undefined) {
    lines.push(
      `not judged: ${counted(tooEarly, 'revision')} with a first post before ${judgedFrom}, and ${entangled} that share texts ` +
        'or posts with these',
    );
  }
  if (removed > 0) lines.push(`not judged: ${counted(removed, 'campaign')} that retention may have removed`);
  return lines;
}

function describeKind(kind: ListedDifference['kind'], { differences, listed }: VerifyReport): string[] {
  const count = differences[kind];
  if (count === 0) return [];
  const shown = listed.filter((difference) => difference.kind === kind).slice(0, SHOWN_MAX);
  const more = count - shown.length;
  return [
    `${kind}: ${count} (${MEANINGS[kind]})`,
    ...shown.map(describeDifference),
    ...(more > 0 ? [`  and ${more} more`] : []),
  ];
}

function describeDifference({ id, revision, partition, offset, detail }: ListedDifference): string {
  const name = revision === undefined ? `key "${id}"` : `${id} revision ${revision}`;
  const place = partition === undefined ? '' : ` at ${partition}:${offset}`;
  return `  ${oneLine(`${name}${place}: ${detail}`)}`;
}
