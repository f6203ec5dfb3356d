/** What the demo prints: campaigns with their texts side by side, then planted against found. */
import pc from 'picocolors';
import type { AlertVariant } from '../model.ts';
import type { FoundCampaign } from './demo.ts';
import type { DemoTruth, Origin, Planted } from './demo-truth.ts';
import { counted, span } from './summary.ts';
import { columnsOf, oneLine, pad, wrap } from './text.ts';

const COLUMNS = 100;
const GUTTER = '  ';
const VARIANTS_SIDE_BY_SIDE = 3;
const LINES_OF_TEXT = 4;
const CAMPAIGNS_SHOWN = 8;

/** The planted campaigns that were found, the strongest first. */
export function describeCampaigns(found: readonly FoundCampaign[], truth: DemoTruth): string {
  const shown = found.filter(({ members }) => truth.originOf(members).kind === 'planted').slice(0, CAMPAIGNS_SHOWN);
  return shown.map(describeCampaign).join('\n');
}

function describeCampaign({ alert }: FoundCampaign): string {
  const platforms = Object.entries(alert.platforms).map(([platform, count]) => `${platform} ${count}`);
  const size = `${counted(alert.accountCount, 'account')}, ${counted(alert.postCount, 'post')}, ${counted(alert.variantCount, 'wording')}`;
  return [
    pc.bold(pc.cyan(`${size}  ${span(alert.firstPostAt, alert.lastPostAt)}`)),
    pc.dim(`  ${platforms.join(', ')}; found by ${alert.foundBy.join(', ')}; alert ${alert.id}`),
    ...sideBySide(chosen(alert.variants.listed)),
    '',
  ].join('\n');
}

/** The representative, then the wordings least like it: they show what was seen through. */
function chosen(variants: readonly AlertVariant[]): readonly AlertVariant[] {
  const [first, ...others] = variants;
  if (first === undefined) return [];
  const distant = others.sort((a, b) => a.similarity - b.similarity).slice(0, VARIANTS_SIDE_BY_SIDE - 1);
  return [first, ...distant];
}

function sideBySide(variants: readonly AlertVariant[]): string[] {
  const columns = Math.floor((COLUMNS - GUTTER.length) / Math.max(1, variants.length)) - GUTTER.length;
  const wrapped = variants.map(({ text }) => wrap(oneLine(text), columns, LINES_OF_TEXT));
  const height = Math.max(0, ...wrapped.map((lines) => lines.length));
  return Array.from({ length: height }, (_, row) => {
    return (GUTTER + wrapped.map((lines) => pad(lines[row] ?? '', columns)).join(GUTTER)).trimEnd();
  });
}

/** The table of planted campaigns, then every other alert and what it is. */
export function describeOutcome(found: readonly FoundCampaign[], truth: DemoTruth): string {
  const rows = truth.planted.map((planted) => plantedRow(planted, found, truth));
  const header = ['planted campaign', 'level', 'accounts', 'found', 'in one alert'];
  const others = found.filter(({ members }) => truth.originOf(members).kind !== 'planted');
  return [
    pc.bold('Planted and found'),
    ...table([header, ...rows]),
    '',
    pc.bold('Other alerts: copying that nobody planned'),
    ...(others.length === 0
      ? ['  none']
      : others.map((campaign) => describeOther(campaign, truth.originOf(campaign.members)))),
    '',
    'Chorus finds coordinated posting. Who coordinates, and whether it is wrong, is for people to judge:',
    'a shared headline looks like a campaign of one text, and a heavily reworded campaign looks like many opinions.',
  ].join('\n');
}

function plantedRow(planted: Planted, found: readonly FoundCampaign[], truth: DemoTruth): string[] {
  const best = Math.max(0, ...found.map(({ members }) => truth.accountsFound(planted, members)));
  const { name, level, accounts } = planted;
  return [
    name,
    level,
    String(accounts.size),
    String(best),
    best >= accounts.size / 2 ? 'yes' : best > 0 ? 'in part' : 'no',
  ];
}

function describeOther({ alert }: FoundCampaign, origin: Origin): string {
  const what = origin.kind === 'copying' ? origin.name : 'chatter';
  return `  ${what}: ${counted(alert.accountCount, 'account')}, "${wrap(oneLine(alert.text), 60, 1)[0] ?? ''}"`;
}

function table(rows: readonly (readonly string[])[]): string[] {
  const widths = rows[0]!.map((_, i) => Math.max(...rows.map((row) => columnsOf(row[i]!))));
  return rows.map((row) => `  ${row.map((cell, i) => pad(cell, widths[i]!)).join(GUTTER)}`.trimEnd());
}
