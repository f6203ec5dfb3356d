/** A sweep as one SVG: a panel for each figure, windows along, a line for each combination of the other settings. Loads nothing. */
import type { SweepCell } from './sweep.ts';

interface Panel {
  readonly title: string;
  readonly valueOf: (cell: SweepCell) => number | null;
  /** Top of the axis; otherwise the largest value, rounded up. */
  readonly top?: number;
  readonly unit?: string;
}

interface Line {
  readonly label: string;
  readonly cells: readonly SweepCell[];
}

const PANELS: readonly Panel[] = [
  { title: 'Alerts', valueOf: ({ alerts }) => alerts },
  { title: 'Accounts in alerts', valueOf: ({ accounts }) => accounts },
  {
    title: 'Alerts explained',
    valueOf: ({ explainedShare }) => (explainedShare === null ? null : 100 * explainedShare),
    top: 100,
    unit: '%',
  },
  { title: 'Median severity', valueOf: ({ medianSeverity }) => medianSeverity, top: 100 },
];

const PANEL = { width: 400, height: 250, left: 64, right: 380, top: 40, bottom: 200 };
const TOP = 56;
const LEGEND_ROW = 20;
/** Okabe and Ito's, told apart by most colour-blind readers; dashes tell apart what colours no longer can. */
const COLOURS = ['#0072b2', '#d55e00', '#009e73', '#cc79a7', '#56b4e9', '#e69f00', '#000000'];
const DASHES = ['', '6 3', '2 3', '8 3 2 3'];
const TICKS = 4;

/** @param formatDuration how a window is written */
export function sweepPlot(cells: readonly SweepCell[], formatDuration: (ms: number) => string): string {
  const windows = [...new Set(cells.map(({ windowMs }) => windowMs))];
  const lines = linesOf(cells);
  const height = TOP + 2 * PANEL.height + LEGEND_ROW * (lines.length + 2);
  const panels = PANELS.map((panel, i) => {
    const at = `translate(${(i % 2) * PANEL.width},${TOP + Math.floor(i / 2) * PANEL.height})`;
    return `<g transform="${at}">${panelSvg(panel, lines, windows.map(formatDuration), windows)}</g>`;
  });
  const description = cells.map((cell) => described(cell, formatDuration)).join('; ');
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${2 * PANEL.width} ${height}" width="${2 * PANEL.width}" height="${height}" font-family="sans-serif" font-size="12" role="img" aria-labelledby="title description">`,
    `<title id="title">What each setting finds</title>`,
    `<desc id="description">${description}.</desc>`,
    `<rect width="100%" height="100%" fill="#fff"/>`,
    `<text x="16" y="26" font-size="16">What each setting finds</text>`,
    `<text x="16" y="44" fill="#555">by window; a line for each of the other settings, a ring around the configured one</text>`,
    ...panels,
    legend(lines, TOP + 2 * PANEL.height),
    '</svg>\n',
  ].join('\n');
}

function linesOf(cells: readonly SweepCell[]): Line[] {
  const byLabel = new Map<string, SweepCell[]>();
  const isVarying = (valueOf: (cell: SweepCell) => number): boolean => new Set(cells.map(valueOf)).size > 1;
  const showsStrong = isVarying(({ strongSimilarity }) => strongSimilarity);
  const showsWeak = isVarying(({ weakSimilarity }) => weakSimilarity);
  for (const cell of cells) {
    const parts = [`${cell.minAccounts} accounts or more`];
    if (showsStrong) parts.push(`strong ${cell.strongSimilarity}`);
    if (showsWeak) parts.push(`weak ${cell.weakSimilarity}`);
    const label = parts.join(', ');
    byLabel.set(label, [...(byLabel.get(label) ?? []), cell]);
  }
  return Array.from(byLabel, ([label, ofLabel]) => ({ label, cells: ofLabel }));
}

function panelSvg(panel: Panel, lines: readonly Line[], labels: readonly string[], windows: readonly number[]): string {
  const { left, right, top, bottom } = PANEL;
  const all = lines.flatMap(({ cells }) => cells.map((cell) => panel.valueOf(cell) ?? 0));
  const most = panel.top ?? roundUp(Math.max(...all, 1));
  const xOf = (index: number): number =>
    windows.length === 1 ? (left + right) / 2 : round(left + 16 + ((right - left - 32) * index) / (windows.length - 1));
  const yOf = (value: number): number => round(bottom - ((bottom - top) * value) / most);
  const svg = [`<text x="${left}" y="${top - 14}" font-size="14">${panel.title}</text>`];
  for (let tick = 0; tick <= TICKS; tick++) {
    const value = round((most * tick) / TICKS);
    const y = yOf(value);
    svg.push(`<line x1="${left}" y1="${y}" x2="${right}" y2="${y}" stroke="#ddd"/>`);
    svg.push(`<text x="${left - 8}" y="${y + 4}" text-anchor="end">${value}${panel.unit ?? ''}</text>`);
  }
  for (const [i, label] of labels.entries()) {
    svg.push(`<text x="${xOf(i)}" y="${bottom + 20}" text-anchor="middle">${label}</text>`);
  }
  for (const [i, { cells }] of lines.entries()) {
    const points = cells.flatMap((cell) => {
      const value = panel.valueOf(cell);
      return value === null ? [] : [{ cell, x: xOf(windows.indexOf(cell.windowMs)), y: yOf(value) }];
    });
    const path = points.map(({ x, y }) => `${x},${y}`).join(' ');
    svg.push(`<polyline points="${path}" fill="none" stroke-width="2" ${strokeOf(i)}/>`);
    for (const { cell, x, y } of points) {
      svg.push(`<circle cx="${x}" cy="${y}" r="3" fill="${colourOf(i)}"/>`);
      if (cell.isConfigured)
        svg.push(`<circle class="configured" cx="${x}" cy="${y}" r="8" fill="none" stroke="#000"/>`);
    }
  }
  return svg.join('');
}

function legend(lines: readonly Line[], top: number): string {
  const rows = lines.map(({ label }, i) => {
    const y = top + LEGEND_ROW * (i + 1);
    return `<line x1="64" y1="${y - 4}" x2="104" y2="${y - 4}" stroke-width="2" ${strokeOf(i)}/><text x="114" y="${y}">${label}</text>`;
  });
  return `<g>${rows.join('')}</g>`;
}

function described(cell: SweepCell, formatDuration: (ms: number) => string): string {
  const { windowMs, minAccounts, strongSimilarity, weakSimilarity, alerts, accounts, isConfigured } = cell;
  return (
    `window ${formatDuration(windowMs)}, ${minAccounts} accounts or more, strong ${strongSimilarity}, weak ${weakSimilarity}` +
    `${isConfigured ? ' (configured)' : ''}: ${alerts} alerts, ${accounts} accounts`
  );
}

function strokeOf(line: number): string {
  const dash = DASHES[Math.floor(line / COLOURS.length) % DASHES.length]!;
  return `stroke="${colourOf(line)}"${dash === '' ? '' : ` stroke-dasharray="${dash}"`}`;
}

function colourOf(line: number): string {
  return COLOURS[line % COLOURS.length]!;
}

/** To 4 times 1, 2, 2.5 or 5 times a power of ten, so that the ticks are round. */
function roundUp(value: number): number {
  const step = value / TICKS;
  let power = 1;
  while (power * 10 <= step) power *= 10;
  const factor = [1, 2, 2.5, 5, 10].find((each) => each * power >= step && Number.isInteger(each * power))!;
  return TICKS * factor * power;
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
