/** `chorus plant`: files of posts in, what would be found of campaigns among them out. The work is in tune/plant.ts. */
import type { Command } from 'commander';
import { ConfigError, type ConfigProblem } from '../errors.ts';
import { LEVEL_WORDS, PLANT_LEVELS, type PlantLevel, type PlantPlan } from '../tune/planting.ts';
import { plant, type PlantCell, type PlantResult } from '../tune/plant.ts';
import type { Recall } from '../tune/recall.ts';
import { formatDuration, parseDurationMs } from './duration.ts';
import {
  addGridOptions,
  checkOutputs,
  COLUMNS,
  describeArchive,
  exitCodeOf,
  gridPlan,
  STDOUT,
  textTable,
  varying,
  withArchive,
  writeOutput,
  type GridFlags,
  type GridPlan,
} from './grid-flags.ts';
import { counted } from './summary.ts';
import { ENGINE } from './version.ts';

interface PlantFlags extends GridFlags {
  readonly levels: string;
  readonly campaigns: string;
  readonly accounts: string;
  readonly span: string;
  readonly seed: string;
}

const ACCOUNTS_MAX = 1000;
const CAMPAIGNS_MAX = 1000;
/** All of them are made and sorted; their texts are held. */
const PLANTED_MAX = 20_000;
const SPAN_MS_MAX = 21 * 86_400_000;
/** More of them than this would make another feed of it. */
const MUCH_PLANTED_SHARE = 0.1;

export function addPlantCommand(program: Command): void {
  const command = program
    .command('plant')
    .description('plant campaigns in an archive of your own, in memory, and tell which of them would be found')
    .argument('<FILE...>', 'files of posts, or - for standard input; they are read only')
    .option('--levels <list>', 'how much copies differ, some of L0 to L6, or a range', 'L0..L6')
    .option('--campaigns <n>', 'campaigns of each level and size', '20')
    .option('--accounts <list>', 'sizes of campaigns, in accounts', '5,10,30')
    .option('--span <duration>', 'how long a campaign posts', '1h')
    .option('--seed <n>', 'the same seed plants the same campaigns', '1');
  addGridOptions(command, {})
    .addHelpText(
      'after',
      `
Examples:
  chorus plant last-week-*.ndjson.gz
  chorus plant --levels L3..L5 --accounts 5,8,20 --windows 1h,6h --min-accounts 3,5 --json plant.json posts.ndjson
  chorus plant --span 10m --config candidate.yaml posts.ndjson

Their texts are those of your archive, so this is recall on your feed. A campaign is found if one alert holds as many of its
accounts as the setting asks for. docs/tuning.md says how to read the tables.`,
    )
    .action(async (inputs: string[], flags: PlantFlags) => {
      process.exitCode = await plantCommand(inputs, flags);
    });
}

/** Returns the exit code. @throws ConfigError, InputError, ChorusError `sink_io` */
async function plantCommand(inputs: readonly string[], flags: PlantFlags): Promise<number> {
  checkOutputs({ '--json': flags.json }, inputs);
  const problems: ConfigProblem[] = [];
  const plan = planOf(flags, problems);
  const gridded = gridPlan(inputs, flags, {}, problems);
  const { grid } = gridded;
  const { result, source } = await withArchive(inputs, gridded, (shared) => plant({ ...shared, grid, plan }));
  if (result.planted === 0 && result.run.failure === undefined) {
    const bound = 'posts with texts that were posted once and carry some evidence, to copy them';
    throw new ConfigError([{ name: 'FILE', value: inputs.join(' '), bound }]);
  }
  const { json } = flags;
  if (json !== STDOUT)
    process.stdout.write(`${describeArchive(source, result.run)}${describePlant(gridded, plan, result)}`);
  if (json !== undefined) writeOutput(json, `${JSON.stringify(document(inputs, plan, result), undefined, 2)}\n`);
  return exitCodeOf(source, result.run);
}

function planOf(flags: PlantFlags, problems: ConfigProblem[]): PlantPlan {
  const levels = levelsOf(flags.levels);
  if (levels === undefined) {
    problems.push({ name: '--levels', value: flags.levels, bound: 'some of L0 to L6, such as L0,L3 or L2..L5' });
  }
  const perKind = integer('--campaigns', flags.campaigns, 1, CAMPAIGNS_MAX, problems);
  const sizes = flags.accounts.split(',').map((text) => integer('--accounts', text.trim(), 2, ACCOUNTS_MAX, problems));
  const seed = integer('--seed', flags.seed, 0, Number.MAX_SAFE_INTEGER - 2 ** 32, problems);
  const spanMs = parseDurationMs(flags.span);
  if (spanMs === undefined || spanMs < 1000 || spanMs > SPAN_MS_MAX) {
    problems.push({ name: '--span', value: flags.span, bound: 'a duration from 1s to 21d, such as 10m or 6h' });
  }
  const plan = { levels: levels ?? [], sizes: [...new Set(sizes)], perKind, spanMs: spanMs ?? 0, seed };
  const planted = plan.levels.length * plan.sizes.length * perKind;
  if (planted > PLANTED_MAX) {
    problems.push({
      name: 'campaigns to plant',
      value: planted,
      bound: `at most ${PLANTED_MAX} (levels x sizes x --campaigns)`,
    });
  }
  return plan;
}

/** `L0,L3`, `L2..L5`, or both; in order, each once. */
function levelsOf(text: string): PlantLevel[] | undefined {
  const found = new Set<PlantLevel>();
  for (const part of text.split(',')) {
    const [first = '', last = first, more] = part.trim().split('..');
    const [from, to] = [first, last].map((name) => PLANT_LEVELS.findIndex((level) => level === name.toUpperCase()));
    if (more !== undefined || from! < 0 || to! < from!) return undefined;
    for (const level of PLANT_LEVELS.slice(from, to! + 1)) found.add(level);
  }
  return PLANT_LEVELS.filter((level) => found.has(level));
}

function integer(name: string, text: string, min: number, max: number, problems: ConfigProblem[]): number {
  const value = /^\d+$/.test(text) ? Number(text) : NaN;
  if (Number.isSafeInteger(value) && value >= min && value <= max) return value;
  problems.push({ name, value: text, bound: `an integer from ${min} to ${max}` });
  return min;
}

function document(inputs: readonly string[], plan: PlantPlan, { run, cells, ...result }: PlantResult): object {
  const { interrupted, seconds } = run;
  return { schema: 'chorus.plant.v1', engine: ENGINE, inputs, plan, interrupted, seconds, ...result, cells };
}

function describePlant({ grid }: GridPlan, plan: PlantPlan, result: PlantResult): string {
  const { cells, planted, wanted, plantedPosts, comparedPosts, tooLittle } = result;
  const share = comparedPosts === 0 ? 0 : tooLittle / comparedPosts;
  const lines = [
    `${counted(planted, 'campaign')} planted, ${counted(plantedPosts, 'post')} within ${formatDuration(plan.spanMs)} each`,
    `${percent(share)} of the posts carry too little text for a campaign of copies to be told from chance; none of these was copied`,
  ];
  if (planted < wanted) lines.push(`${wanted - planted} left out: the archive has no more texts that were posted once`);
  if (plantedPosts > MUCH_PLANTED_SHARE * comparedPosts) {
    lines.push('that is much for this archive: plant less (--campaigns, --accounts) or take more of it');
  }
  const configured = cells[grid.configured]!;
  const setting = Object.entries(COLUMNS).map(([name, { title, write }]) => {
    return `${title} ${write(configured[name as keyof typeof COLUMNS])}`;
  });
  lines.push('', `At the configured setting (${setting.join(', ')}):`, '', describeCell(configured, plan));
  if (cells.length > 1)
    lines.push('Recall/coverage in % at each setting, * the configured one:', '', describeCells(grid.cells, cells));
  return `${lines.join('\n')}\n`;
}

function describeCell(cell: PlantCell, { sizes }: PlantPlan): string {
  const head = ['level', 'copies differ by', 'recall', '95 %', 'coverage', ...sizes.map((size) => `${size} accounts`)];
  const rows = cell.byLevel.map((row) => {
    const { level, recall, interval, coverage } = row;
    const bySize = sizes.map((size) => {
      const ofSize = cell.bySize.find((one) => one.level === level && one.accounts === size);
      return ofSize === undefined ? '-' : `${ofSize.found}/${ofSize.campaigns} ${intervalText(ofSize.interval)}`;
    });
    return [level, LEVEL_WORDS[level], percent(recall), intervalText(interval), percent(coverage), ...bySize];
  });
  const { alertsWithPlants, mixedWithOrganic, mixedCampaigns, organicAlerts } = cell;
  return (
    `${textTable([head, ...rows], 2)}\n${counted(alertsWithPlants, 'alert')} with planted posts: ` +
    `${mixedWithOrganic} of them mixed up with a group of the archive, ${mixedCampaigns} with another planted campaign; ` +
    `${counted(organicAlerts, 'alert')} without\n`
  );
}

function describeCells(gridCells: GridPlan['grid']['cells'], cells: readonly PlantCell[]): string {
  const shown = varying(gridCells);
  const levels = cells[0]!.byLevel.map(({ level }) => level);
  const head = ['', ...shown.map((name) => COLUMNS[name].title), ...levels, 'mixed', 'other alerts'];
  const rows = cells.map((cell) => [
    cell.isConfigured ? '*' : '',
    ...shown.map((name) => COLUMNS[name].write(cell[name])),
    ...cell.byLevel.map(recallText),
    String(cell.mixedWithOrganic),
    String(cell.organicAlerts),
  ]);
  return textTable([head, ...rows]);
}

function recallText({ recall, coverage }: Recall): string {
  return `${Math.round(100 * recall)}/${Math.round(100 * coverage)}`;
}

function intervalText([low, high]: Recall['interval']): string {
  return `${Math.round(100 * low)}-${Math.round(100 * high)}`;
}

function percent(share: number): string {
  return `${Math.round(share * 100)}%`;
}
