/** `chorus sweep`: files of posts in, what each setting finds out, as a table, JSON and a plot. The work is in tune/sweep.ts. */
import type { Command } from 'commander';
import { sweep, type SweepCell, type SweepResult } from '../tune/sweep.ts';
import { sweepPlot } from '../tune/sweep-plot.ts';
import { formatDuration } from './duration.ts';
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

interface SweepFlags extends GridFlags {
  readonly plot?: string;
}

const FIGURES = ['alerts', 'accounts', 'posts', 'explained', 'severity', 'severe', 'alerts +-', 'accounts kept', 'new'];
const DEFAULTS = { windows: '15m,1h,24h', minAccounts: '3,5,10' };

export function addSweepCommand(program: Command): void {
  const command = program
    .command('sweep')
    .description('try windows, thresholds and minimum accounts on an archive of your own, side by side in one pass')
    .argument('<FILE...>', 'files of posts, or - for standard input');
  addGridOptions(command, DEFAULTS)
    .option('--plot <file>', 'a plot as SVG')
    .addHelpText(
      'after',
      `
Examples:
  chorus sweep last-week-*.ndjson.gz
  chorus sweep --windows 15m,1h,24h --min-accounts 3,5,10 --json sweep.json --plot sweep.svg posts.ndjson
  chorus sweep --windows 1h --min-accounts 5 --strong .42,.46,.5 --weak .34,.38 --config chorus.yaml posts.ndjson

The row with * is the configured setting; it is added where the lists leave it out. Each row is what "chorus replay" with its
settings finds. docs/tuning.md says how to read the table.`,
    )
    .action(async (inputs: string[], flags: SweepFlags) => {
      process.exitCode = await sweepCommand(inputs, flags);
    });
}

/** Returns the exit code. @throws ConfigError, InputError, ChorusError `sink_io` */
async function sweepCommand(inputs: readonly string[], flags: SweepFlags): Promise<number> {
  checkOutputs({ '--json': flags.json, '--plot': flags.plot }, inputs);
  const plan = gridPlan(inputs, flags, DEFAULTS, []);
  const { result, source } = await withArchive(inputs, plan, (shared) => sweep({ ...shared, grid: plan.grid }));
  const { json, plot } = flags;
  if (json !== STDOUT) process.stdout.write(`${describeArchive(source, result.run)}${describeSweep(plan, result)}`);
  if (json !== undefined)
    writeOutput(json, `${JSON.stringify(document(inputs, source.counts.posts, result), undefined, 2)}\n`);
  if (plot !== undefined) writeOutput(plot, sweepPlot(result.cells, formatDuration));
  return exitCodeOf(source, result.run);
}

function document(inputs: readonly string[], posts: number, { cells, run }: SweepResult): object {
  const { interrupted, seconds } = run;
  return { schema: 'chorus.sweep.v1', engine: ENGINE, inputs, posts, interrupted, seconds, cells };
}

function describeSweep({ grid }: GridPlan, { cells }: SweepResult): string {
  const shown = varying(grid.cells);
  const head = ['', ...shown.map((name) => COLUMNS[name].title), ...FIGURES];
  const table = textTable([head, ...cells.map((cell) => row(cell, shown))]);
  const { configured, contradictory } = grid;
  const { windowMs, strongSimilarity, weakSimilarity, minAccounts } = grid.cells[configured]!;
  return (
    `* is the configured setting: window ${formatDuration(windowMs)}, strong ${strongSimilarity}, weak ${weakSimilarity}, ` +
    `min accounts ${minAccounts}\n\n${table}` +
    (contradictory === 0 ? '' : `\n${counted(contradictory, 'combination')} left out: strong below weak\n`)
  );
}

function row(cell: SweepCell, shown: ReturnType<typeof varying>): string[] {
  const { alerts, accounts, posts, explainedShare, medianSeverity, severe, change, isConfigured } = cell;
  const changes = isConfigured
    ? ['', '', '']
    : [signed(change.alerts), percent(change.accountsKeptShare), String(change.accountsNew)];
  return [
    isConfigured ? '*' : '',
    ...shown.map((name) => COLUMNS[name].write(cell[name])),
    ...[alerts, accounts, posts].map(String),
    percent(explainedShare),
    medianSeverity === null ? '-' : String(medianSeverity),
    String(severe),
    ...changes,
  ];
}

function signed(count: number): string {
  return count > 0 ? `+${count}` : String(count);
}

function percent(share: number | null): string {
  return share === null ? '-' : `${Math.round(share * 100)}%`;
}
