/** Counts over time -> bar charts as inline SVG, with the numbers beside them as a table for those who cannot see them. */
import { escapeHtml } from './escape.ts';
import { counted, dateOf, minuteOf, momentOf, number, timeOf } from './words.ts';

const SECOND_MS = 1000;
const MINUTE_MS = 60 * SECOND_MS;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;
const STEPS_MS = [
  ...[1, 5, 10, 15, 30].map((count) => count * SECOND_MS),
  ...[1, 2, 5, 10, 15, 30].map((count) => count * MINUTE_MS),
  ...[1, 2, 3, 6, 12].map((count) => count * HOUR_MS),
  ...[1, 2, 7, 14, 28, 56, 112, 364].map((count) => count * DAY_MS),
];
const BARS_MAX = 60;

const WIDTH = 720;
const HEIGHT = 200;
const PLOT = { left: 44, right: 708, top: 24, bottom: 160 };

export interface Bar {
  /** What the bar stands for, in words. */
  readonly label: string;
  readonly count: number;
}

export interface Chart {
  readonly id: string;
  readonly title: string;
  /** What the picture shows, for those who do not see it. */
  readonly description: string;
  /** "post", "account". */
  readonly noun: string;
  readonly bars: readonly Bar[];
  /** Words below the axis, each at a bar's left edge (a fraction of a bar is fine). */
  readonly ticks: readonly { readonly at: number; readonly label: string }[];
  readonly mark?: { readonly at: number; readonly label: string };
}

interface Counted {
  readonly ms: number;
  readonly count: number;
}

/** Posts over time, in bars of the smallest step that leaves at most 60 of them. Undefined for no posts. */
export function timeline(points: readonly Counted[], stepMinMs: number, exactness: string): Chart | undefined {
  if (points.length === 0) return undefined;
  const firstMs = points.reduce((first, { ms }) => Math.min(first, ms), Infinity);
  const lastMs = points.reduce((last, { ms }) => Math.max(last, ms), -Infinity);
  const stepMs =
    STEPS_MS.find((step) => step >= stepMinMs && barsOf(firstMs, lastMs, step) <= BARS_MAX) ?? 364 * DAY_MS;
  const startMs = Math.floor(firstMs / stepMs) * stepMs;
  const counts = zeros(barsOf(firstMs, lastMs, stepMs));
  for (const { ms, count } of points) counts[Math.floor((ms - startMs) / stepMs)]! += count;
  const label = stepMs < MINUTE_MS ? momentOf : stepMs < DAY_MS ? minuteOf : dateOf;
  const most = counts.indexOf(Math.max(...counts));
  return {
    id: 'timeline',
    title: 'Posts over time',
    description:
      `${counted(counts.length, 'bar')} from ${label(startMs)} UTC, one for each ${stepWords(stepMs)}. ` +
      `The tallest, ${counted(counts[most]!, 'post')}, begins at ${label(startMs + most * stepMs)}. ${exactness}`.trim(),
    noun: 'post',
    bars: counts.map((count, i) => ({ label: label(startMs + i * stepMs), count })),
    ticks: ticksOf(startMs, stepMs, counts.length),
  };
}

function zeros(count: number): number[] {
  return Array.from({ length: count }, () => 0);
}

function barsOf(firstMs: number, lastMs: number, stepMs: number): number {
  return Math.floor(lastMs / stepMs) - Math.floor(firstMs / stepMs) + 1;
}

function stepWords(stepMs: number): string {
  const [noun, size] =
    stepMs < MINUTE_MS
      ? (['second', SECOND_MS] as const)
      : stepMs < HOUR_MS
        ? (['minute', MINUTE_MS] as const)
        : stepMs < DAY_MS
          ? (['hour', HOUR_MS] as const)
          : (['day', DAY_MS] as const);
  return stepMs === size ? noun : counted(stepMs / size, noun);
}

/** About five, with the date where it changes. */
function ticksOf(startMs: number, stepMs: number, bars: number): Chart['ticks'] {
  const every = Math.max(1, Math.ceil(bars / 5));
  let date = '';
  return Array.from({ length: Math.ceil(bars / every) }, (_, i) => {
    const ms = startMs + i * every * stepMs;
    const isNewDate = dateOf(ms) !== date;
    date = dateOf(ms);
    const time = stepMs < MINUTE_MS ? timeOf(ms) : timeOf(ms).slice(0, 5);
    const label = stepMs >= DAY_MS ? date : isNewDate ? `${date} ${time}` : time;
    return { at: i * every, label };
  });
}

/** Where a calendar unit begins, and the next one. Months have no fixed length, so they are counted from year 0. */
interface Calendar {
  readonly noun: string;
  readonly index: (ms: number) => number;
  readonly label: (index: number) => string;
}

const CALENDARS: readonly Calendar[] = [
  { noun: 'day', index: (ms) => Math.floor(ms / DAY_MS), label: (index) => dateOf(index * DAY_MS) },
  monthly('month', 1, 7),
  monthly('quarter', 3, 7),
  monthly('year', 12, 4),
];

function monthly(noun: string, months: number, digits: number): Calendar {
  return {
    noun,
    index: (ms) => Math.floor((new Date(ms).getUTCFullYear() * 12 + new Date(ms).getUTCMonth()) / months),
    label: (index) => dateOf(Date.UTC(Math.floor((index * months) / 12), (index * months) % 12)).slice(0, digits),
  };
}

/** Creation dates of accounts up to the first post of the campaign, which is marked. Undefined for none. */
export function creationHistogram(createdMs: readonly number[], campaignMs: number): Chart | undefined {
  if (createdMs.length === 0) return undefined;
  const firstMs = createdMs.reduce((first, ms) => Math.min(first, ms), campaignMs);
  const lastMs = createdMs.reduce((last, ms) => Math.max(last, ms), campaignMs);
  const calendar = CALENDARS.find(({ index }) => index(lastMs) - index(firstMs) < BARS_MAX) ?? CALENDARS.at(-1)!;
  const start = calendar.index(firstMs);
  const counts = zeros(calendar.index(lastMs) - start + 1);
  for (const ms of createdMs) counts[calendar.index(ms) - start]!++;
  const most = counts.indexOf(Math.max(...counts));
  const every = Math.max(1, Math.ceil(counts.length / 6));
  return {
    id: 'creation',
    title: 'When the accounts were created',
    description:
      `Creation dates of ${counted(createdMs.length, 'account')}, one bar for each ${calendar.noun} from ` +
      `${calendar.label(start)}. The tallest bar is ${calendar.label(start + most)} with ${counted(counts[most]!, 'account')}. ` +
      `A line marks the first post of this campaign, ${dateOf(campaignMs)}.`,
    noun: 'account',
    bars: counts.map((count, i) => ({ label: calendar.label(start + i), count })),
    ticks: Array.from({ length: Math.ceil(counts.length / every) }, (_, i) => ({
      at: i * every,
      label: calendar.label(start + i * every),
    })),
    mark: { at: calendar.index(campaignMs) - start + 0.5, label: 'first post' },
  };
}

/** A figure with the drawing, its description, and the numbers in a table. */
export function chartHtml(chart: Chart, note: string): string {
  const { id, title, description, bars } = chart;
  const rows = bars
    .filter(({ count }) => count > 0)
    .map(
      ({ label, count }) =>
        `<tr><th scope="row">${escapeHtml(label)}</th><td class="number">${number(count)}</td></tr>`,
    );
  return `<figure class="chart">
<svg viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-labelledby="${id}-title ${id}-description">
<title id="${id}-title">${escapeHtml(title)}</title>
<desc id="${id}-description">${escapeHtml(description)}</desc>
${drawing(chart)}
</svg>
<figcaption>${escapeHtml(note)}</figcaption>
<details><summary>The numbers</summary>
<table class="narrow"><thead><tr><th scope="col">From (UTC)</th><th scope="col">${chart.noun === 'post' ? 'Posts' : 'Accounts'}</th></tr></thead>
<tbody>${rows.join('')}</tbody></table></details>
</figure>`;
}

function drawing({ bars, ticks, mark, noun }: Chart): string {
  const top = niceTop(bars.reduce((most, { count }) => Math.max(most, count), 1));
  const barWidth = (PLOT.right - PLOT.left) / bars.length;
  const x = (at: number): number => PLOT.left + at * barWidth;
  const y = (count: number): number => PLOT.bottom - (count / top) * (PLOT.bottom - PLOT.top);
  const gap = Math.min(2, barWidth * 0.2);
  const grid = [0, top / 2, top].filter(Number.isInteger).map((count) => {
    const at = rounded(y(count));
    return `<path class="grid" d="M${PLOT.left} ${at}H${PLOT.right}"/><text class="axis" x="${PLOT.left - 6}" y="${rounded(y(count) + 4)}" text-anchor="end">${number(count)}</text>`;
  });
  const drawn = bars.map(({ label, count }, i) => {
    if (count === 0) return '';
    const height = Math.max(1, y(0) - y(count));
    return `<rect class="bar" x="${rounded(x(i) + gap / 2)}" y="${rounded(PLOT.bottom - height)}" width="${rounded(barWidth - gap)}" height="${rounded(height)}"><title>${escapeHtml(`${label}: ${counted(count, noun)}`)}</title></rect>`;
  });
  const words = ticks.map(({ at, label }) => {
    return `<path class="grid" d="M${rounded(x(at))} ${PLOT.bottom}v5"/><text class="axis" x="${rounded(x(at))}" y="${PLOT.bottom + 20}">${escapeHtml(label)}</text>`;
  });
  return [...grid, ...drawn, ...words, mark === undefined ? '' : marker(x(mark.at), mark.label)].join('\n');
}

function marker(x: number, label: string): string {
  const isRight = x > (PLOT.left + PLOT.right) / 2;
  const text = `<text class="axis" x="${rounded(x + (isRight ? -5 : 5))}" y="${PLOT.top - 8}" text-anchor="${isRight ? 'end' : 'start'}">${escapeHtml(label)}</text>`;
  return `<path class="mark" d="M${rounded(x)} ${PLOT.top - 18}V${PLOT.bottom}"/>${text}`;
}

/** The smallest of 1, 2, 3, 4, 5, 6, 8, 10, 20 ... that is not below. */
function niceTop(count: number): number {
  for (let size = 1; ; size *= 10)
    for (const first of [1, 2, 3, 4, 5, 6, 8]) if (first * size >= count) return first * size;
}

function rounded(value: number): number {
  return Math.round(value * 10) / 10;
}
