/** The closing summary of a replay for people. The same words with and without a terminal; colours are for terminals. */
import type { FeedCounts } from '../runtime/post-source.ts';
import type { Rejections } from '../runtime/rejections.ts';
import type { ReplaySummary, StrongCampaign } from '../runtime/replay.ts';
import { formatDuration } from './duration.ts';
import { formatBytes } from './progress.ts';
import { fit, oneLine } from './text.ts';

const TEXT_COLUMNS = 90;
const REASONS_SHOWN = 3;
const PARTITIONS_SHOWN = 16;

/** Lines, each ended. */
export function describeSummary(summary: ReplaySummary): string {
  const { alerts, rejected } = summary;
  const rate = Math.round(summary.lines / Math.max(summary.seconds, 0.001));
  const noun = lineNoun(summary);
  const lines = [
    ...(summary.interrupted ? ['interrupted: what follows is of the posts read until then'] : []),
    `posts: ${number(summary.posts)} of ${counted(summary.lines, noun)} (${number(rate)} ${noun}s/s, ${summary.seconds.toFixed(1)} s)`,
    `rejected: ${number(rejected.count)}${rejected.count === 0 ? '' : ` (${reasons(summary)})`}`,
    ...(summary.ignored.count === 0 ? [] : [`ignored: ${number(summary.ignored.count)} (${ignoredReasons(summary)})`]),
    ...(summary.deletions === 0 ? [] : [`deletions: ${number(summary.deletions)}`]),
    `not compared: ${counted(summary.nativeReposts, 'native repost')}, ${number(summary.nothingToCompare)} without letters`,
    `duplicates: ${number(summary.duplicates)}`,
    ...(summary.feed === undefined ? [] : describeFeed(summary.feed)),
    ...(summary.firstPostAt === undefined ? [] : [`event time: ${span(summary.firstPostAt, summary.lastPostAt!)}`]),
    `window: ${formatDuration(summary.windowMs)}, at least ${summary.minAccounts} accounts`,
    ...(summary.spilledBytes === 0 ? [] : [`sorted on disk: ${formatBytes(summary.spilledBytes)}`]),
    `alerts: ${counted(alerts.campaigns, 'campaign')} of coordinated posting (${alerts.opened} opened, ${alerts.merged} merged)`,
    ...summary.strongest.flatMap(describeCampaign),
  ];
  return `${lines.join('\n')}\n`;
}

function lineNoun({ feed }: ReplaySummary): string {
  return feed === undefined ? 'line' : 'record';
}

export function describeFeed({ topic, late, ticks, tombstones, partitions }: FeedCounts): string[] {
  const shown = partitions
    .slice(0, PARTITIONS_SHOWN)
    .map(({ partition, from, to }) => `${partition}: ${from} to ${to}`);
  const more = partitions.length - shown.length;
  return [
    `late: ${number(late)}`,
    `no posts: ${counted(ticks, 'tick')}, ${counted(tombstones, 'tombstone')}`,
    `offsets of ${topic}: ${shown.join(', ')}${more > 0 ? `, and ${counted(more, 'partition')} more` : ''}`,
  ];
}

function reasons({ rejected }: ReplaySummary): string {
  return rejected.byReason.map(({ reason, count }) => `${reason} ${number(count)}`).join(', ');
}

function ignoredReasons({ ignored }: ReplaySummary): string {
  const byCount = Object.entries(ignored.byReason).sort(([, a], [, b]) => b - a);
  return byCount.map(([reason, count]) => `${reason} ${number(count)}`).join(', ');
}

function describeCampaign(campaign: StrongCampaign): string[] {
  const { id, accountCount, postCount, variantCount, firstPostAt, lastPostAt, text } = campaign;
  return [
    `  ${id}  ${counted(accountCount, 'account')}, ${counted(postCount, 'post')}, ${counted(variantCount, 'variant')}, ${span(firstPostAt, lastPostAt)}`,
    `    ${fit(oneLine(text), TEXT_COLUMNS)}`,
  ];
}

/** Says why so many lines were rejected, with a line to look at for each of the commonest reasons. */
export function describeRejections(summary: ReplaySummary, rejections: Rejections): string {
  const { rejected, lines } = summary;
  const noun = lineNoun(summary);
  const described = rejected.byReason.slice(0, REASONS_SHOWN).flatMap(({ reason, count, samples }) => {
    const { input, line, detail } = samples[0]!;
    const name = input === '-' ? 'standard input' : input;
    return [
      `  ${reason}: ${counted(count, noun)}, the first is ${name}:${line}: ${detail}`,
      `    ${rejections.excerpt(reason)}`,
    ];
  });
  const head = `chorus: ${number(rejected.count)} of ${counted(lines, noun)} rejected, must be at most half:`;
  return `${[head, ...described].join('\n')}\n`;
}

/** Two times of one event as people read them. */
export function span(firstAt: string, lastAt: string): string {
  const first = `${firstAt.slice(0, 10)} ${firstAt.slice(11, 19)}`;
  const last =
    firstAt.slice(0, 10) === lastAt.slice(0, 10)
      ? lastAt.slice(11, 19)
      : `${lastAt.slice(0, 10)} ${lastAt.slice(11, 19)}`;
  return `${first} to ${last} UTC`;
}

export function counted(count: number, noun: string): string {
  return `${number(count)} ${noun}${count === 1 ? '' : 's'}`;
}

function number(count: number): string {
  return String(count).replaceAll(/\B(?=(\d{3})+$)/g, ',');
}
