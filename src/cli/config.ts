/**
 * The configuration: defaults, then the file, then the command line, into the `Settings` of the engine and a few of the shell.
 *
 * A setting has one name everywhere; durations lose their `Ms` here, since they are given with a unit (`window: 24h`).
 * All problems are told at once.
 */
import { readFileSync } from 'node:fs';
import { totalmem } from 'node:os';
import { parse } from 'yaml';
import { ConfigError, type ConfigProblem } from '../errors.ts';
import { BOUNDS, DEFAULTS, type Bound, type Settings } from '../settings.ts';
import { formatDuration, parseDurationMs } from './duration.ts';
import { nearest } from './suggest.ts';

const MIB = 2 ** 20;

/** What the shell is told beside the settings of the engine. None of it changes an alert, but for the table. */
export interface Config {
  readonly settings: Settings;
  /** Path of the frequency table; undefined for the one that comes with Chorus. */
  readonly table: string | undefined;
  readonly sortMemoryBytes: number;
}

export interface ConfigSources {
  /** Path of a YAML file. */
  readonly file?: string | undefined;
  /** Settings of the command line by their name; the text is as it was typed. */
  readonly overrides?: Readonly<Record<string, string | undefined>>;
  readonly secret?: string | undefined;
}

interface Entry {
  readonly bound: Bound;
  /** Where it lies in `Settings`; undefined for a setting of the shell. */
  readonly path: readonly string[] | undefined;
}

const SORT_MEMORY = 'limits.sortMemoryBytes';
const TABLE = 'table';
const SECRET = 'secret';

const ENTRIES: ReadonlyMap<string, Entry> = new Map([
  ...entriesOf(BOUNDS as unknown as Tree, []),
  [SORT_MEMORY, { bound: { kind: 'integer', min: MIB, max: 2 ** 40 }, path: undefined }],
  [TABLE, { bound: { kind: 'text' }, path: undefined }],
]);

interface Tree {
  readonly [name: string]: Tree | Bound;
}

function entriesOf(tree: Tree, path: readonly string[]): [string, Entry][] {
  return Object.entries(tree).flatMap(([key, value]): [string, Entry][] => {
    const at = [...path, key];
    if (!isBound(value)) return entriesOf(value, at);
    const name = value.kind === 'duration' ? at.join('.').replace(/Ms$/, '') : at.join('.');
    return [[name, { bound: value, path: at }]];
  });
}

function isBound(value: Tree | Bound): value is Bound {
  return typeof value.kind === 'string';
}

/** @throws ConfigError with all problems of the file and the command line. */
export function loadConfig(sources: ConfigSources): Config {
  const problems: ConfigProblem[] = [];
  const given = new Map<string, unknown>();
  if (sources.file !== undefined) readFile(sources.file, given, problems);
  if (sources.secret !== undefined) given.set(SECRET, sources.secret);
  for (const [name, text] of Object.entries(sources.overrides ?? {}))
    if (text !== undefined) given.set(name, typed(name, text));

  const settings = structuredClone(DEFAULTS) as unknown as Record<string, unknown>;
  const shell = new Map<string, unknown>();
  for (const [name, value] of given) {
    const { bound, path } = ENTRIES.get(name)!;
    const accepted = accept(value, bound);
    if (accepted === undefined) problems.push({ name, value, bound: describe(bound) });
    else if (path === undefined) shell.set(name, accepted);
    else place(settings, path, accepted);
  }
  if (problems.length === 0) checkTogether(settings as unknown as Settings, problems);
  if (problems.length > 0) throw new ConfigError(problems);
  return {
    settings: settings as unknown as Settings,
    table: shell.get(TABLE) as string | undefined,
    sortMemoryBytes: (shell.get(SORT_MEMORY) as number | undefined) ?? defaultSortMemoryBytes(),
  };
}

/** A quarter of the machine's memory, 1 GiB at the most. */
function defaultSortMemoryBytes(): number {
  return Math.min(1024 * MIB, Math.floor(totalmem() / 4));
}

function readFile(file: string, given: Map<string, unknown>, problems: ConfigProblem[]): void {
  let root: unknown;
  try {
    // No aliases: a setting has nothing to share with another, and a few lines of them can fill the memory.
    root = parse(readFileSync(file, 'utf8'), { maxAliasCount: 0, logLevel: 'error' });
  } catch (cause) {
    const { message, syscall } = cause as NodeJS.ErrnoException;
    const detail = message.split('\n')[0]!.replace(/:$/, '');
    const bound = syscall === undefined ? `YAML without aliases (${detail})` : `a file that can be read (${detail})`;
    problems.push({ name: 'config', value: file, bound });
    return;
  }
  if (root === null || root === undefined) return;
  if (!isMapping(root)) problems.push({ name: 'config', value: file, bound: 'a mapping of names to values' });
  else flatten(root, '', given, problems);
}

function flatten(
  mapping: Readonly<Record<string, unknown>>,
  prefix: string,
  given: Map<string, unknown>,
  problems: ConfigProblem[],
): void {
  for (const [key, value] of Object.entries(mapping)) {
    const name = prefix + key;
    const isSection = Array.from(ENTRIES.keys()).some((known) => known.startsWith(`${name}.`));
    if (ENTRIES.has(name)) given.set(name, value);
    else if (!isSection) problems.push({ name, value, bound: unknownName(name) });
    else if (isMapping(value)) flatten(value, `${name}.`, given, problems);
    else if (value !== null) problems.push({ name, value, bound: 'a mapping of names to values' });
  }
}

function unknownName(name: string): string {
  const known = nearest(name, ENTRIES.keys());
  return known === undefined ? 'the name of a setting' : `the name of a setting; is "${known}" meant`;
}

function isMapping(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** A value of the command line in the type that YAML would have given it. */
function typed(name: string, text: string): unknown {
  const { kind } = ENTRIES.get(name)!.bound;
  const isNumber = (kind === 'integer' || kind === 'number') && /^-?\d+(\.\d+)?$/.test(text);
  return isNumber ? Number(text) : text;
}

/** The value as the engine takes it; undefined if it is out of bounds. */
function accept(value: unknown, bound: Bound): unknown {
  switch (bound.kind) {
    case 'boolean':
      return typeof value === 'boolean' ? value : undefined;
    case 'text':
      return typeof value === 'string' && value !== '' ? value : undefined;
    case 'duration':
      return within(typeof value === 'string' ? parseDurationMs(value) : undefined, bound);
    case 'integer':
      return Number.isSafeInteger(value) ? within(value as number, bound) : undefined;
    case 'number':
      return typeof value === 'number' ? within(value, bound) : undefined;
  }
}

function within(value: number | undefined, { min, max }: { min: number; max: number }): number | undefined {
  return value !== undefined && value >= min && value <= max ? value : undefined;
}

function describe(bound: Bound): string {
  switch (bound.kind) {
    case 'boolean':
      return 'true or false';
    case 'text':
      return 'a text that is not empty (in quotes if it looks like a number)';
    case 'duration':
      return `a duration from ${formatDuration(bound.min)} to ${formatDuration(bound.max)}, such as 90s, 15m, 24h or 7d`;
    case 'integer':
      return `an integer from ${bound.min} to ${bound.max}`;
    case 'number':
      return `a number from ${bound.min} to ${bound.max}`;
  }
}

function place(target: Record<string, unknown>, path: readonly string[], value: unknown): void {
  let at = target;
  for (const key of path.slice(0, -1)) at = at[key] as Record<string, unknown>;
  at[path.at(-1)!] = value;
}

/** What each setting alone cannot tell. */
function checkTogether(settings: Settings, problems: ConfigProblem[]): void {
  const { link, core, windowMs, durationMaxMs } = settings;
  const atLeast = (name: string, value: number, otherName: string, other: number): void => {
    if (value < other) problems.push({ name, value, bound: `at least ${otherName} (${other})` });
  };
  atLeast('core.weakSimilarity', core.weakSimilarity, 'link.similarity', link.similarity);
  atLeast('core.unitesSimilarity', core.unitesSimilarity, 'link.similarity', link.similarity);
  atLeast('core.strongSimilarity', core.strongSimilarity, 'core.weakSimilarity', core.weakSimilarity);
  if (durationMaxMs < windowMs) {
    const bound = `at least window (${formatDuration(windowMs)})`;
    problems.push({ name: 'durationMax', value: formatDuration(durationMaxMs), bound });
  }
}
