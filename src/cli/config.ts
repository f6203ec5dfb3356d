/**
 * The configuration: defaults, then the file, then the command line, into the `Settings` of the engine and those of the shell.
 *
 * A setting has one name everywhere; durations lose their `Ms` here, since they are given with a unit (`window: 24h`).
 * All problems are told at once, and none shows a secret. What only a deployment needs is in config-deployment.ts.
 */
import { readFileSync } from 'node:fs';
import { totalmem } from 'node:os';
import { ConfigError, type ConfigProblem } from '../errors.ts';
import { BOUNDS, DEFAULTS, type Settings } from '../settings.ts';
import { accept, describe, typed, type Bound } from './config-bounds.ts';
import { SHELL_BOUNDS, SHELL_DEFAULTS, type ShellSettings } from './config-shell.ts';
import { checkTogether } from './config-together.ts';
import type { EvidencePaths } from './evidence-files.ts';
import { secretAdvice, shown } from './secrets.ts';
import { nearest } from './suggest.ts';
import { parseYaml } from './yaml.ts';

const MIB = 2 ** 20;
const SECRET = 'secret';

/** What the embedded engine is told. */
export interface Config {
  readonly settings: Settings;
  /** Path of the frequency table; undefined for the one that comes with Chorus. */
  readonly table: string | undefined;
  readonly evidence: EvidencePaths;
  readonly sortMemoryBytes: number;
}

export interface ConfigSources {
  /** Path of a YAML file. */
  readonly file?: string | undefined;
  /** Settings of the command line by their name; the text is as it was typed. */
  readonly overrides?: Readonly<Record<string, string | undefined>>;
  readonly secret?: string | undefined;
}

/** All settings, and what is wrong with them. One that is wrong has its default. */
export interface Reading {
  readonly settings: Settings;
  readonly shell: ShellSettings;
  readonly problems: ConfigProblem[];
}

export interface Entry {
  readonly bound: Bound;
  readonly owner: 'engine' | 'shell';
  /** Where it lies in the settings of its owner. */
  readonly path: readonly string[];
  /** As the program takes it. */
  readonly fallback: unknown;
}

/** All settings by their name. */
export const ENTRIES: ReadonlyMap<string, Entry> = new Map([
  ...entriesOf('engine', BOUNDS as unknown as Tree, DEFAULTS),
  ...entriesOf('shell', SHELL_BOUNDS as unknown as Tree, SHELL_DEFAULTS),
]);

interface Tree {
  readonly [name: string]: Tree | Bound;
}

function entriesOf(
  owner: Entry['owner'],
  tree: Tree,
  defaults: object,
  path: readonly string[] = [],
): [string, Entry][] {
  return Object.entries(tree).flatMap(([key, bound]): [string, Entry][] => {
    const at = [...path, key];
    const fallback = (defaults as Record<string, unknown>)[key];
    if (!isBound(bound)) return entriesOf(owner, bound, fallback as object, at);
    const isDuration = bound.kind === 'duration' || bound.kind === 'durationOrOff';
    const name = isDuration ? at.join('.').replace(/Ms$/, '') : at.join('.');
    return [[name, { bound, owner, path: at, fallback }]];
  });
}

function isBound(value: Tree | Bound): value is Bound {
  return typeof value.kind === 'string';
}

/** @throws ConfigError with all problems of the file and the command line. */
export function loadConfig(sources: ConfigSources): Config {
  const { settings, shell, problems } = readConfig(sources);
  if (problems.length > 0) throw new ConfigError(problems);
  const { table, evidence, limits } = shell;
  return { settings, table, evidence, sortMemoryBytes: limits.sortMemoryBytes ?? defaultSortMemoryBytes() };
}

/** A quarter of the machine's memory, 1 GiB at the most. */
function defaultSortMemoryBytes(): number {
  return Math.min(1024 * MIB, Math.floor(totalmem() / 4));
}

/** Throws nothing. */
export function readConfig(sources: ConfigSources): Reading {
  const problems: ConfigProblem[] = [];
  const given = new Map<string, unknown>();
  if (sources.file !== undefined) readFile(sources.file, given, problems);
  if (sources.secret !== undefined) given.set(SECRET, sources.secret);
  for (const [name, text] of Object.entries(sources.overrides ?? {}))
    if (text !== undefined) given.set(name, typed(text, ENTRIES.get(name)!.bound));

  const settings = structuredClone(DEFAULTS);
  const shell = structuredClone(SHELL_DEFAULTS);
  for (const [name, value] of given) {
    const { bound, owner, path } = ENTRIES.get(name)!;
    const accepted = accept(value, bound);
    if (accepted === undefined) problems.push({ name, value: shown(name, value), bound: describe(bound) });
    else place(owner === 'engine' ? settings : shell, path, accepted.value);
  }
  if (problems.length === 0) problems.push(...checkTogether(settings, shell));
  return { settings, shell, problems };
}

function readFile(file: string, given: Map<string, unknown>, problems: ConfigProblem[]): void {
  let root: unknown;
  try {
    root = parseYaml(readFileSync(file, 'utf8'));
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
    const problem = (bound: string): void => void problems.push({ name, value: shown(name, value), bound });
    if (ENTRIES.has(name)) given.set(name, value);
    else if (!isSection) problem(secretAdvice(name) ?? unknownName(name));
    else if (isMapping(value)) flatten(value, `${name}.`, given, problems);
    else if (value !== null) problem('a mapping of names to values');
  }
}

function unknownName(name: string): string {
  const known = nearest(name, ENTRIES.keys());
  return known === undefined ? 'the name of a setting' : `the name of a setting; is "${known}" meant`;
}

function isMapping(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function place(target: object, path: readonly string[], value: unknown): void {
  let at = target as Record<string, unknown>;
  for (const key of path.slice(0, -1)) at = at[key] as Record<string, unknown>;
  at[path.at(-1)!] = value;
}
