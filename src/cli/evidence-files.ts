/** The files that `evidence.rules` and `evidence.creation` name: explanations and disclosures of one's own, and when the feed's accounts were made. */
import { readFileSync } from 'node:fs';
import { ConfigError, type ConfigProblem } from '../errors.ts';
import { checkedBaseline, type CreationBaseline } from '../evidence/creation.ts';
import type { CustomExplanation, EvidenceRules } from '../evidence/marks.ts';
import { EXPLANATIONS } from '../model.ts';
import type { EvidenceOptions } from '../runtime/engine.ts';
import { parseYaml } from './yaml.ts';

const NAME = /^[a-z][a-z0-9_]{0,63}$/;
const PHRASE_UNITS_MAX = 500;
const PHRASES_MAX = 1000;
/** Fewer letters would be found everywhere. */
const PHRASE_LETTERS_MIN = 2;

/** Paths; undefined for what is not given. */
export interface EvidencePaths {
  readonly rules: string | undefined;
  readonly creation: string | undefined;
}

/** @throws ConfigError with all that is wrong in both files */
export function loadEvidence({ rules, creation }: EvidencePaths): EvidenceOptions {
  const problems: ConfigProblem[] = [];
  const read = <T>(path: string | undefined, load: (path: string) => T): T | undefined => {
    if (path === undefined) return undefined;
    try {
      return load(path);
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      problems.push(...error.problems);
      return undefined;
    }
  };
  const own = read(rules, loadRules);
  const baseline = read(creation, loadBaseline);
  if (problems.length > 0) throw new ConfigError(problems);
  return { ...(own === undefined ? {} : { rules: own }), ...(baseline === undefined ? {} : { creation: baseline }) };
}

function loadBaseline(path: string): CreationBaseline {
  return checkedBaseline(parsed('evidence.creation', path, JSON.parse), 'evidence.creation', path);
}

function loadRules(path: string): EvidenceRules {
  const root = parsed('evidence.rules', path, parseYaml);
  const problems: ConfigProblem[] = [];
  const refuse = (field: string, value: unknown, bound: string): void =>
    void problems.push({ name: `evidence.rules: ${field}`, value, bound });
  if (!isMapping(root)) {
    throw new ConfigError([
      { name: 'evidence.rules', value: path, bound: 'a mapping with disclosures or explanations' },
    ]);
  }
  checkNames(root, ['disclosures', 'explanations'], '', refuse);
  const disclosures = phrases(root['disclosures'], 'disclosures', refuse);
  const listed = root['explanations'] ?? [];
  if (!Array.isArray(listed)) refuse('explanations', listed, 'a list');
  const explanations = Array.isArray(listed) ? listed.map((each, i) => explanation(each, i, refuse)) : [];
  const names = explanations.map(({ name }) => name);
  for (const name of names.filter((each, i) => names.indexOf(each) < i)) refuse('name', name, 'given once');
  const count =
    disclosures.length + explanations.reduce((sum, each) => sum + each.texts.length + each.patterns.length, 0);
  if (count > PHRASES_MAX) refuse('texts and patterns', count, `at most ${PHRASES_MAX} in all`);
  if (problems.length > 0) throw new ConfigError(problems);
  return { disclosures, explanations };
}

type Refuse = (field: string, value: unknown, bound: string) => void;

function explanation(value: unknown, index: number, refuse: Refuse): CustomExplanation {
  const at = `explanations[${index}]`;
  const fields = isMapping(value) ? value : {};
  if (!isMapping(value)) refuse(at, value, 'a mapping with name, description, texts and patterns');
  checkNames(fields, ['name', 'description', 'texts', 'patterns'], `${at}.`, refuse);
  const { name, description } = fields;
  const isFree = typeof name === 'string' && NAME.test(name) && !(EXPLANATIONS as readonly string[]).includes(name);
  if (!isFree) {
    refuse(`${at}.name`, name, 'a name of a-z, 0-9 and "_" that begins with a letter, and none that comes with Chorus');
  }
  const isTold = typeof description === 'string' && description !== '' && description.length <= PHRASE_UNITS_MAX;
  if (!isTold) refuse(`${at}.description`, description, `a text of at most ${PHRASE_UNITS_MAX} characters`);
  const texts = phrases(fields['texts'], `${at}.texts`, refuse);
  const patterns = phrases(fields['patterns'], `${at}.patterns`, refuse);
  if (texts.length + patterns.length === 0) refuse(at, undefined, 'at least one text or pattern');
  return { name: String(name), description: String(description), texts, patterns };
}

function phrases(value: unknown, at: string, refuse: Refuse): string[] {
  if (value === undefined) return [];
  if (!Array.isArray(value)) {
    refuse(at, value, 'a list of texts');
    return [];
  }
  return value.filter((each: unknown, i): each is string => {
    const letters = typeof each === 'string' ? (each.match(/[\p{L}\p{N}]/gu) ?? []).length : 0;
    const isGood = typeof each === 'string' && each.length <= PHRASE_UNITS_MAX && letters >= PHRASE_LETTERS_MIN;
    const bound = `a text of ${PHRASE_LETTERS_MIN} letters or more, at most ${PHRASE_UNITS_MAX} characters`;
    if (!isGood) refuse(`${at}[${i}]`, each, bound);
    return isGood;
  });
}

function checkNames(
  fields: Readonly<Record<string, unknown>>,
  known: readonly string[],
  at: string,
  refuse: Refuse,
): void {
  for (const [name, value] of Object.entries(fields)) {
    if (!known.includes(name)) refuse(`${at}${name}`, value, `one of ${known.join(', ')}`);
  }
}

function parsed(name: string, path: string, read: (text: string) => unknown): unknown {
  try {
    return read(readFileSync(path, 'utf8'));
  } catch (cause) {
    const detail = (cause as Error).message.split('\n')[0]!.replace(/:$/, '');
    throw new ConfigError([{ name, value: path, bound: `a file that can be read (${detail})` }]);
  }
}

function isMapping(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
