/** What sweep and plant have alike: files of posts, a configuration, lists of settings to try, and where the results go. */
import { writeFileSync } from 'node:fs';
import type { Command } from 'commander';
import type { FormatChoice } from '../consumers/framing.ts';
import { ChorusError, ConfigError, type ConfigProblem } from '../errors.ts';
import type { EvidenceOptions } from '../runtime/engine.ts';
import { PostFiles } from '../runtime/post-files.ts';
import type { GridRunOptions, GridRunResult } from '../tune/grid-run.ts';
import { gridOf, type Cell, type Grid, type GridAxes } from '../tune/grid.ts';
import { accept, describe, typed } from './config-bounds.ts';
import { ENTRIES, loadConfig, type Config } from './config.ts';
import { formatDuration } from './duration.ts';
import { loadEvidence } from './evidence-files.ts';
import { EXIT } from './exit.ts';
import {
  checkInputs,
  ENCODING_OPTION,
  FORMAT_OPTION,
  MAP_OPTION,
  parseFormatFlags,
  type FormatFlags,
} from './format-flags.ts';
import { onInterrupt, stdinUntil } from './interrupt.ts';
import { startProgress } from './progress.ts';
import { counted } from './summary.ts';
import { loadTable } from './table.ts';
import { ENGINE } from './version.ts';

const STDIN = '-';
export const STDOUT = '-';
/** Each cell holds the campaigns of its own, each window an index of its own. */
const CELLS_MAX = 100;

export interface GridFlags extends FormatFlags {
  readonly windows?: string;
  readonly minAccounts?: string;
  readonly strong?: string;
  readonly weak?: string;
  readonly config?: string;
  readonly table?: string;
  readonly json?: string;
}

export interface GridDefaults {
  readonly windows?: string;
  readonly minAccounts?: string;
}

/** Adds the options of the grid, in the order in which help tells them. */
export function addGridOptions(command: Command, { windows, minAccounts }: GridDefaults): Command {
  const fallback = (list: string | undefined): string => (list === undefined ? 'the configured one' : list);
  return command
    .option('--windows <list>', `windows to try, such as 15m,1h,24h (default: ${fallback(windows)})`)
    .option('--min-accounts <list>', `minimum accounts to try, such as 3,5,10 (default: ${fallback(minAccounts)})`)
    .option('--strong <list>', 'values of core.strongSimilarity to try, such as .42,.46 (default: the configured one)')
    .option('--weak <list>', 'values of core.weakSimilarity to try, such as .34,.38 (default: the configured one)')
    .option('--config <file>', 'settings as YAML: what is tried is told against them')
    .option('--table <file>', 'frequency table, as in replay')
    .addOption(FORMAT_OPTION)
    .addOption(MAP_OPTION)
    .addOption(ENCODING_OPTION)
    .option('--json <file>', 'everything as JSON; - for standard output, in place of the table');
}

export interface GridPlan {
  readonly config: Config;
  readonly grid: Grid;
  readonly choice: FormatChoice;
}

/**
 * @param problems what else is wrong with the flags
 * @throws ConfigError with all problems of the settings and the flags
 */
export function gridPlan(
  inputs: readonly string[],
  flags: GridFlags,
  defaults: GridDefaults,
  problems: ConfigProblem[],
): GridPlan {
  if (inputs.filter((input) => input === STDIN).length > 1) {
    problems.push({ name: 'FILE', value: STDIN, bound: 'given once' });
  }
  const choice = parseFormatFlags(flags, problems);
  const axes: GridAxes = {
    windowsMs: listOf('--windows', flags.windows ?? defaults.windows, 'window', problems),
    minAccounts: listOf('--min-accounts', flags.minAccounts ?? defaults.minAccounts, 'minAccounts', problems),
    strongSimilarity: listOf('--strong', flags.strong, 'core.strongSimilarity', problems),
    weakSimilarity: listOf('--weak', flags.weak, 'core.weakSimilarity', problems),
  };
  let config: Config | undefined;
  try {
    const overrides = { table: flags.table };
    config = loadConfig({ file: flags.config, overrides, secret: process.env['CHORUS_SECRET'] });
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    problems.push(...error.problems);
  }
  if (config === undefined) throw new ConfigError(problems);
  const grid = gridOf(config.settings, axes);
  problems.push(...gridProblems(grid, axes, config));
  if (problems.length > 0) throw new ConfigError(problems);
  return { config, grid, choice };
}

/** Values with commas between them, by the bound of the setting that they are tried for. */
function listOf(flag: string, text: string | undefined, setting: string, problems: ConfigProblem[]): number[] {
  if (text === undefined) return [];
  const { bound } = ENTRIES.get(setting)!;
  return text.split(',').flatMap((part) => {
    const value = part.trim().replace(/^\./, '0.');
    const accepted = accept(typed(value, bound), bound);
    if (accepted !== undefined) return [accepted.value as number];
    problems.push({ name: flag, value: part, bound: `${describe(bound)}, with commas between several` });
    return [];
  });
}

function gridProblems(grid: Grid, axes: GridAxes, { settings }: Config): ConfigProblem[] {
  const problems: ConfigProblem[] = [];
  for (const value of axes.weakSimilarity) {
    if (value >= settings.link.similarity) continue;
    problems.push({ name: '--weak', value, bound: `at least link.similarity (${settings.link.similarity})` });
  }
  for (const windowMs of axes.windowsMs) {
    if (windowMs <= settings.durationMaxMs) continue;
    const bound = `at most durationMax (${formatDuration(settings.durationMaxMs)})`;
    problems.push({ name: '--windows', value: formatDuration(windowMs), bound });
  }
  if (grid.cells.length > CELLS_MAX) {
    problems.push({ name: 'settings to try', value: grid.cells.length, bound: `at most ${CELLS_MAX} combinations` });
  }
  return problems;
}

type Shared = Pick<
  GridRunOptions,
  'source' | 'table' | 'evidence' | 'engine' | 'sortMemoryBytes' | 'signal' | 'onProgress'
>;

/** Opens the files, runs `work` with a progress bar and Ctrl-C as in replay. @throws InputError, and what `work` throws */
export async function withArchive<Result>(
  inputs: readonly string[],
  { config, choice }: GridPlan,
  work: (shared: Shared, source: PostFiles) => Promise<Result>,
): Promise<{ result: Result; source: PostFiles }> {
  const table = loadTable(config.table);
  const evidence: EvidenceOptions = loadEvidence(config.evidence);
  await checkInputs(inputs, choice);
  const interrupt = onInterrupt();
  const progress = startProgress();
  try {
    const stdin = inputs.includes(STDIN) ? stdinUntil(interrupt.signal) : undefined;
    const source = new PostFiles(inputs, stdin, choice);
    const { sortMemoryBytes } = config;
    const watching = progress === undefined ? {} : { onProgress: progress.update };
    const { signal } = interrupt;
    const shared = { source, table, evidence, engine: ENGINE, sortMemoryBytes, signal, ...watching };
    return { result: await work(shared, source), source };
  } finally {
    progress?.stop();
    interrupt.dispose();
  }
}

/** What was read, as the first lines of the text; a warning where something is missing. */
export function describeArchive({ counts, rejections }: PostFiles, { interrupted, seconds }: GridRunResult): string {
  const rejected = rejections.count === 0 ? '' : ` (${counted(rejections.count, 'line')} rejected)`;
  const span = counts.firstMs > counts.lastMs ? '' : `, ${timeOf(counts.firstMs)} to ${timeOf(counts.lastMs)} UTC`;
  const warning = interrupted ? 'ended before the end of the input: what follows is of what was read\n' : '';
  return `${counted(counts.posts, 'post')}${span}${rejected}, in ${seconds} s\n${warning}`;
}

/** As replay has it. Tells on standard error what is wrong. */
export function exitCodeOf({ counts, rejections }: PostFiles, { failure }: GridRunResult): number {
  if (failure !== undefined) {
    process.stderr.write(`chorus: ${failure.message}\n`);
    return EXIT.unreadableInput;
  }
  if (rejections.count * 2 <= counts.lines) return EXIT.done;
  process.stderr.write(
    `chorus: ${rejections.count} of ${counted(counts.lines, 'line')} rejected, must be at most half; "chorus replay" says why\n`,
  );
  return EXIT.mostlyRejected;
}

/** Opened before the work, so that a path that cannot be written is told at once. @throws ConfigError */
export function checkOutputs(outputs: Readonly<Record<string, string | undefined>>, inputs: readonly string[]): void {
  const problems: ConfigProblem[] = [];
  const taken = new Set(inputs);
  for (const [name, path] of Object.entries(outputs)) {
    if (path === undefined || path === STDOUT) continue;
    if (taken.has(path)) problems.push({ name, value: path, bound: 'neither an input nor another output' });
    taken.add(path);
  }
  if (problems.length > 0) throw new ConfigError(problems);
}

/** @throws ChorusError `sink_io` */
export function writeOutput(path: string, text: string): void {
  if (path === STDOUT) {
    process.stdout.write(text);
    return;
  }
  try {
    writeFileSync(path, text);
  } catch (cause) {
    throw new ChorusError('sink_io', `cannot write ${path}: ${(cause as Error).message}`, { cause });
  }
}

/** Which settings a cell has, of those that differ within the grid. */
export function varying(cells: readonly Cell[]): readonly (keyof typeof COLUMNS)[] {
  const names = Object.keys(COLUMNS) as (keyof typeof COLUMNS)[];
  return names.filter((name) => new Set(cells.map((cell) => cell[name])).size > 1);
}

/** How tables and plots name the settings and write their values. */
export const COLUMNS = {
  windowMs: { title: 'window', write: formatDuration },
  strongSimilarity: { title: 'strong', write: String },
  weakSimilarity: { title: 'weak', write: String },
  minAccounts: { title: 'min accounts', write: String },
} as const;

/** Columns two spaces apart, to the right but for the first `texts`. */
export function textTable(rows: readonly (readonly string[])[], texts = 0): string {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  const cell = (text: string, column: number): string =>
    column < texts ? text.padEnd(widths[column]!) : text.padStart(widths[column]!);
  return rows.map((row) => `${row.map(cell).join('  ').trimEnd()}\n`).join('');
}

function timeOf(ms: number): string {
  return new Date(ms).toISOString().slice(0, 19).replace('T', ' ');
}
