/**
 * `chorus replay`: options and files in, sinks and the person at the terminal out. The work is in runtime/replay.ts.
 */
import { statSync } from 'node:fs';
import { inputBytes } from '../consumers/file.ts';
import { ConfigError, type ConfigProblem } from '../errors.ts';
import type { Alert, Post } from '../model.ts';
import { replay, type ReplayResult } from '../runtime/replay.ts';
import type { Revision } from '../stages/campaign.ts';
import { NdjsonSink, STDOUT } from '../sinks/ndjson.ts';
import { loadConfig, type Config, type ConfigSources } from './config.ts';
import { EXIT } from './exit.ts';
import { startProgress } from './progress.ts';
import { describeRejections, describeSummary } from './summary.ts';
import { onInterrupt, stdinUntil } from './interrupt.ts';
import { loadTable } from './table.ts';
import { ENGINE } from './version.ts';

const STDIN = '-';

export interface ReplayFlags {
  readonly window?: string;
  readonly minAccounts?: string;
  readonly alerts?: string;
  readonly final?: boolean;
  readonly members?: string;
  readonly summary?: string;
  readonly config?: string;
  readonly table?: string;
}

/** Returns the exit code. @throws ConfigError, InputError */
export async function replayCommand(inputs: readonly string[], flags: ReplayFlags): Promise<number> {
  const config = configOf(flags, inputs);
  const table = loadTable(config.table);
  for (const input of inputs) await inputBytes(input);
  const interrupt = onInterrupt();
  const sinks = openSinks(flags, inputs, () => interrupt.abort());
  const progress = startProgress();
  try {
    const result = await replay({
      inputs,
      settings: config.settings,
      table,
      engine: ENGINE,
      sortMemoryBytes: config.sortMemoryBytes,
      onRevision: (revision) => writeRevision(sinks, revision),
      signal: interrupt.signal,
      ...(progress === undefined ? {} : { onProgress: progress.update }),
      ...(inputs.includes(STDIN) ? { stdin: stdinUntil(interrupt.signal) } : {}),
    });
    progress?.stop();
    await sinks.summary?.write(result.summary);
    process.stderr.write(describeSummary(result.summary));
    return exitCode(result);
  } finally {
    progress?.stop();
    await closeSinks(sinks);
    interrupt.dispose();
  }
}

function exitCode({ summary, rejections, failure }: ReplayResult): number {
  if (failure !== undefined) {
    process.stderr.write(`chorus: ${failure.message}\n`);
    return EXIT.unreadableInput;
  }
  if (summary.rejected.count * 2 <= summary.lines) return EXIT.done;
  process.stderr.write(describeRejections(summary, rejections));
  return EXIT.mostlyRejected;
}

function configOf(flags: ReplayFlags, inputs: readonly string[]): Config {
  const problems: ConfigProblem[] = [];
  const repeated = inputs.filter((input, i) => inputs.indexOf(input) < i);
  if (inputs.length === 0)
    problems.push({ name: 'FILE', value: undefined, bound: 'one or more files, or - for standard input' });
  if (repeated.includes(STDIN)) problems.push({ name: 'FILE', value: STDIN, bound: 'given once' });
  const sources: ConfigSources = {
    file: flags.config,
    overrides: { window: flags.window, minAccounts: flags.minAccounts, table: flags.table },
    secret: process.env['CHORUS_SECRET'],
  };
  let config: Config | undefined;
  try {
    config = loadConfig(sources);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    problems.push(...error.problems);
  }
  if (config === undefined || problems.length > 0) throw new ConfigError(problems);
  return config;
}

interface Sinks {
  readonly alerts: NdjsonSink;
  readonly members: NdjsonSink | undefined;
  readonly summary: NdjsonSink | undefined;
  readonly isFinal: boolean;
}

function openSinks(flags: ReplayFlags, inputs: readonly string[], onGone: () => void): Sinks {
  checkOutputs(flags, inputs);
  const open = (name: string, path: string): NdjsonSink => new NdjsonSink({ name, path, onGone });
  return {
    members: flags.members === undefined ? undefined : open('--members', flags.members),
    summary: flags.summary === undefined ? undefined : open('--summary', flags.summary),
    alerts: open('--alerts', flags.alerts ?? STDOUT),
    isFinal: flags.final ?? false,
  };
}

/** Opening an output empties it, so it must be neither an input nor another output. */
function checkOutputs(flags: ReplayFlags, inputs: readonly string[]): void {
  const taken = new Map(inputs.filter((input) => input !== STDIN).map((input) => [identity(input), 'an input']));
  const problems: ConfigProblem[] = [];
  const outputs = { '--alerts': flags.alerts ?? STDOUT, '--members': flags.members, '--summary': flags.summary };
  for (const [name, path] of Object.entries(outputs)) {
    if (path === undefined) continue;
    const id = path === STDOUT ? STDOUT : identity(path);
    const other = taken.get(id);
    if (other !== undefined) problems.push({ name, value: path, bound: `another file than ${other}` });
    taken.set(id, `that of ${name}`);
  }
  if (problems.length > 0) throw new ConfigError(problems);
}

function identity(path: string): string {
  const found = statSync(path, { throwIfNoEntry: false });
  return found === undefined || !found.isFile() ? path : `${found.dev}:${found.ino}`;
}

function writeRevision(sinks: Sinks, { alert, members }: Revision): Promise<void> | undefined {
  const alerts = sinks.isFinal && !isFinal(alert) ? undefined : sinks.alerts.write(alert);
  if (sinks.members === undefined || members === undefined) return alerts;
  return writeMembers(sinks.members, alert.id, members, alerts);
}

async function writeMembers(
  sink: NdjsonSink,
  campaign: string,
  members: readonly Post[],
  alerts: Promise<void> | undefined,
): Promise<void> {
  await alerts;
  for (const { id, account, platform, createdAt } of members) {
    await sink.write({ campaign, post: id, account, platform, createdAt: new Date(createdAt).toISOString() });
  }
}

function isFinal(alert: Alert): boolean {
  return alert.status === 'closed' || alert.status === 'merged';
}

async function closeSinks({ alerts, members, summary }: Sinks): Promise<void> {
  const sinks = [alerts, members, summary].filter((sink) => sink !== undefined);
  const outcomes = await Promise.allSettled(sinks.map((sink) => sink.close()));
  for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason;
}
