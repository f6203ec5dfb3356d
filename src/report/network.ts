/**
 * Accounts of one campaign -> a drawn network, the same bytes for the same accounts.
 *
 * Lines join accounts that have other campaigns of the file in common, and accounts that posted within a minute of each other.
 * The layout is a fixed number of steps of springs and repulsion from fixed places, by + - * / and square roots only: those are
 * exact everywhere, where sines differ between engines in their last digits and a layout makes such a difference grow.
 */
import type { AccountBook } from './account-book.ts';
import { escapeHtml, oneLine } from './escape.ts';
import { smallestGapMs, type AccountRow } from './evidence.ts';
import { counted, lengthOf, number } from './words.ts';

export const NODES_MAX = 60;
const NEAR_MS = 60_000;
/** Lines of one account, of those that have most in common or are closest: all of them would be one black spot. */
const SHARED_LINES_MAX = 6;
const NEAR_LINES_MAX = 3;
const STEPS = 150;
const PULL_IN = 1.5;
const WIDTH = 720;
const HEIGHT = 440;
const MARGIN = 40;
const LABELS_MAX = 40;
const LABEL_CHARACTERS = 16;
/** A wide letter of the labels' font; most are narrower. */
const LABEL_UNIT = 7;

export interface NetworkLine {
  readonly a: number;
  readonly b: number;
  /** Other campaigns in common; 0 for a line that stands for nearness in time only. */
  readonly shared: number;
  /** Smallest gap between their posts, ms. */
  readonly gapMs: number;
}

export interface Network {
  readonly rows: readonly AccountRow[];
  readonly lines: readonly NetworkLine[];
}

/** Of more accounts than can be drawn: those with other campaigns first, then those with most posts. */
export function networkOf(rows: readonly AccountRow[], book: AccountBook, campaign: number): Network {
  const reach = (row: AccountRow): number => book.get(row.key)?.campaigns.length ?? 1;
  const drawn = rows.toSorted((a, b) => reach(b) - reach(a) || b.postCount - a.postCount).slice(0, NODES_MAX);
  return { rows: drawn, lines: linesOf(drawn, book, campaign) };
}

function linesOf(rows: readonly AccountRow[], book: AccountBook, campaign: number): NetworkLine[] {
  const sharing: NetworkLine[] = [];
  const near: NetworkLine[] = [];
  for (const [a, one] of rows.entries()) {
    for (let b = a + 1; b < rows.length; b++) {
      const other = rows[b]!;
      const gapMs = smallestGapMs(one.times, other.times);
      const shared = book.sharedCount(one.key, other.key, campaign);
      if (shared > 0) sharing.push({ a, b, shared, gapMs });
      else if (gapMs <= NEAR_MS) near.push({ a, b, shared, gapMs });
    }
  }
  return [...strongest(sharing, rows.length, SHARED_LINES_MAX), ...strongest(near, rows.length, NEAR_LINES_MAX)];
}

/** At most so many for each account. */
function strongest(lines: NetworkLine[], count: number, linesMax: number): NetworkLine[] {
  const degrees = new Uint16Array(count);
  lines.sort((one, other) => {
    return other.shared - one.shared || one.gapMs - other.gapMs || one.a - other.a || one.b - other.b;
  });
  return lines.filter(({ a, b }) => {
    if (degrees[a]! >= linesMax || degrees[b]! >= linesMax) return false;
    degrees[a]!++;
    degrees[b]!++;
    return true;
  });
}

/** A figure; empty for a network without lines. */
export function networkHtml({ rows, lines }: Network, accountCount: number): string {
  if (lines.length === 0) return '';
  const places = layOut(rows.length, lines);
  const sharing = lines.filter(({ shared }) => shared > 0).length;
  const description =
    `${counted(rows.length, 'account')} as circles, larger for more posts. ${counted(sharing, 'thick line')} between ` +
    `accounts that have other campaigns of this report in common; ${counted(lines.length - sharing, 'thin line')} between accounts ` +
    `that posted within a minute of each other.`;
  const left = accountCount - rows.length;
  const note =
    `Thick lines: other campaigns in common. Thin lines: posts within a minute of each other. Of each account at most the ` +
    `${SHARED_LINES_MAX} and ${NEAR_LINES_MAX} strongest. Closeness in the drawing means nothing else.${left > 0 ? ` ${counted(left, 'account is', 'accounts are')} not drawn.` : ''}`;
  return `<figure class="chart">
<svg viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-labelledby="network-title network-description">
<title id="network-title">Network of accounts</title>
<desc id="network-description">${escapeHtml(description)}</desc>
${lines.map((line) => lineSvg(line, rows, places)).join('\n')}
${rows.map((row, i) => nodeSvg(row, places[i]!)).join('\n')}
${labelsSvg(rows, lines, places)}
</svg>
<figcaption>${escapeHtml(note)}</figcaption>
</figure>`;
}

interface Place {
  readonly x: number;
  readonly y: number;
}

function lineSvg({ a, b, shared, gapMs }: NetworkLine, rows: readonly AccountRow[], places: readonly Place[]): string {
  const [from, to] = [places[a]!, places[b]!];
  const what = shared > 0 ? `${counted(shared, 'other campaign')} in common` : `posted ${lengthOf(gapMs)} apart`;
  const title = `${nameOf(rows[a]!)} and ${nameOf(rows[b]!)}: ${what}`;
  const kind = shared > 0 ? 'shared' : 'near';
  return `<path class="${kind}" d="M${from.x} ${from.y}L${to.x} ${to.y}"><title>${escapeHtml(title)}</title></path>`;
}

function nodeSvg(row: AccountRow, { x, y }: Place): string {
  const title = `${nameOf(row)} on ${row.platform}: ${counted(row.postCount, 'post')}`;
  return `<circle class="node" cx="${x}" cy="${y}" r="${radiusOf(row)}"><title>${escapeHtml(title)}</title></circle>`;
}

function radiusOf({ postCount }: AccountRow): number {
  return rounded(Math.min(12, 4 + Math.sqrt(postCount)));
}

function nameOf({ handle, account }: { readonly handle: string | undefined; readonly account: string }): string {
  return oneLine(handle ?? account, 40) || '(no name)';
}

/** Names of those with most lines, where they hide no other name. */
function labelsSvg(rows: readonly AccountRow[], lines: readonly NetworkLine[], places: readonly Place[]): string {
  const degrees = new Float64Array(rows.length);
  for (const { a, b, shared } of lines) for (const end of [a, b]) degrees[end]! += 1 + 10 * shared;
  const order = Array.from(rows.keys()).sort((a, b) => degrees[b]! - degrees[a]! || a - b);
  const taken: { left: number; right: number; y: number }[] = [];
  const labels: string[] = [];
  for (const i of order) {
    const { x, y } = places[i]!;
    const label = oneLine(nameOf(rows[i]!), LABEL_CHARACTERS);
    const half = (label.length * LABEL_UNIT) / 2;
    const at = { left: Math.max(2, Math.min(WIDTH - 2 - 2 * half, x - half)), y: y - radiusOf(rows[i]!) - 4 };
    const box = { left: at.left, right: at.left + 2 * half, y: at.y };
    if (taken.some((other) => box.left < other.right && other.left < box.right && Math.abs(box.y - other.y) < 13))
      continue;
    taken.push(box);
    labels.push(
      `<text class="name" x="${rounded(at.left + half)}" y="${rounded(at.y)}" text-anchor="middle">${escapeHtml(label)}</text>`,
    );
    if (labels.length === LABELS_MAX) break;
  }
  return labels.join('\n');
}

/**
 * Fruchterman and Reingold (1991): repulsion k^2/d, springs d^2/k, steps that grow shorter.
 *
 * Typed arrays and no function calls within the loops: 1.1 s of a report of 1,000 campaigns, where a closure for each pair took 5.8.
 */
function layOut(count: number, lines: readonly NetworkLine[]): Place[] {
  const [xs, ys] = startingPlaces(count);
  const [moveXs, moveYs] = [new Float64Array(count), new Float64Array(count)];
  const k = Math.sqrt((WIDTH * HEIGHT) / count) * 0.6;
  for (let step = 0; step < STEPS; step++) {
    repel(xs, ys, moveXs, moveYs, k * k);
    for (const { a, b, shared } of lines) {
      const [x, y] = [xs[a]! - xs[b]!, ys[a]! - ys[b]!];
      const pull = (Math.max(1, Math.sqrt(x * x + y * y)) * (shared > 0 ? 1 : 0.4)) / k;
      moveXs[a]! -= x * pull;
      moveYs[a]! -= y * pull;
      moveXs[b]! += x * pull;
      moveYs[b]! += y * pull;
    }
    const lengthMax = (WIDTH / 10) * (1 - step / STEPS);
    for (let i = 0; i < count; i++) {
      // Keeps parts that nothing ties to each other from drifting away.
      const x = moveXs[i]! + (WIDTH / 2 - xs[i]!) * PULL_IN;
      const y = moveYs[i]! + (HEIGHT / 2 - ys[i]!) * PULL_IN;
      const length = Math.sqrt(x * x + y * y) || 1;
      const part = Math.min(length, lengthMax) / length;
      xs[i]! += x * part;
      ys[i]! += y * part;
    }
  }
  const [across, down] = [scale(xs, WIDTH), scale(ys, HEIGHT)];
  return Array.from(xs, (x, i) => ({ x: rounded(across(x)), y: rounded(down(ys[i]!)) }));
}

/** Sets the moves to what all others push. */
function repel(xs: Float64Array, ys: Float64Array, moveXs: Float64Array, moveYs: Float64Array, strength: number): void {
  moveXs.fill(0);
  moveYs.fill(0);
  for (let a = 0; a < xs.length; a++) {
    for (let b = a + 1; b < xs.length; b++) {
      const x = xs[a]! - xs[b]!;
      const y = ys[a]! - ys[b]!;
      const part = strength / Math.max(1, x * x + y * y);
      moveXs[a]! += x * part;
      moveYs[a]! += y * part;
      moveXs[b]! -= x * part;
      moveYs[b]! -= y * part;
    }
  }
}

/** Stretched to the frame; a distance in the drawing says nothing anyway. */
function scale(values: Float64Array, size: number): (value: number) => number {
  const least = values.reduce((a, b) => Math.min(a, b), Infinity);
  const most = values.reduce((a, b) => Math.max(a, b), -Infinity);
  const factor = (size - 2 * MARGIN) / Math.max(1, most - least);
  return (value) => MARGIN + (value - least) * factor;
}

/** Spread by the golden ratio in one direction and evenly in the other, so that no two are in one place. */
function startingPlaces(count: number): readonly [Float64Array, Float64Array] {
  const xs = Float64Array.from({ length: count }, (_, i) => ((i * 0.6180339887498949) % 1) * WIDTH);
  const ys = Float64Array.from({ length: count }, (_, i) => ((i + 0.5) / count) * HEIGHT);
  return [xs, ys];
}

function rounded(value: number): number {
  return Math.round(value * 10) / 10;
}

/** For the caption of a network that is not drawn. */
export const NO_LINES = `No two of these accounts are in another campaign of this report together, and none of their known posts are within ${number(NEAR_MS / 1000)} seconds of each other.`;
