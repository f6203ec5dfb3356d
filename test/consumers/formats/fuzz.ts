/**
 * Mutates valid records and holds what a decoder makes of them to what holds for every input: it returns (no exception, no
 * hang), its result has the shape and the bounds of the model, and no text in it is invented.
 *
 *   npx tsx test/consumers/formats/fuzz.ts --runs 1000000 [--format jetstream] [--seed 1]
 */
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { TEXT_UNITS_MAX, FIELD_UNITS_MAX, URL_UNITS_MAX, URLS_MAX } from '../../../src/consumers/formats/checks.ts';
import { type Decoded, IGNORED_REASONS, type Post, REJECTION_REASONS } from '../../../src/model.ts';
import { mutate, type RandomInteger, seededIntegers } from './mutations.ts';

/** What the texts of a result may be taken from. */
export interface Source {
  readonly record: string;
  /** Each name and text in the record, also of JSON inside of a text, and each number as its digits. */
  readonly strings: ReadonlySet<string>;
}

export interface FuzzTarget {
  readonly name: string;
  readonly decode: (record: string) => Decoded | readonly Decoded[];
  /** Valid records, small ones: each is mutated many times. */
  readonly records: readonly string[];
  /** Whether a text that is not literally in the record comes from it by what the decoder documents (joined ids, HTML). */
  readonly isDerived?: (field: string, value: string, source: Source) => boolean;
  /** Ways to mutate records that are not JSON; each gives a new record. */
  readonly mutations?: readonly ((record: string, random: RandomInteger) => string)[];
}

export interface FuzzOptions {
  readonly runs: number;
  readonly seed: number;
}

export interface FuzzReport {
  readonly runs: number;
  /** How often each result came: post, deletion, "ignored no_text", "rejection not_json" ... */
  readonly results: Readonly<Record<string, number>>;
  readonly slowestMs: number;
}

/** Of one call, for a record of at most some 100,000 characters, on a machine that others use too. */
const CALL_MS_MAX = 100;
/** A call that takes longer is measured again: the machine may have paused. */
const PAUSE_MS = 5;
const LONE_SURROGATE = /[\uD800-\uDFFF]/u;
const TIME_MAX_MS = 253_402_300_799_999;
const POST_KEYS: ReadonlySet<string> = new Set<keyof Post>([
  ...([
    'id',
    'platform',
    'account',
    'text',
    'createdAt',
    'handle',
    'lang',
    'urls',
    'repostOf',
    'replyTo',
    'quoteOf',
  ] as const),
  ...(['media', 'accountCreatedAt', 'editedAt', 'replaces'] as const),
]);
const LISTS: ReadonlySet<string> = new Set(['urls', 'media', 'replaces']);
const TIMES: ReadonlySet<string> = new Set(['createdAt', 'accountCreatedAt', 'editedAt']);

/** Throws an Error that names seed, run and record at the first result that may not be. */
export function fuzz(target: FuzzTarget, { runs, seed }: FuzzOptions): FuzzReport {
  const random = seededIntegers(seed);
  const results: Record<string, number> = {};
  let slowestMs = 0;
  for (let run = 0; run < runs; run++) {
    const record = mutate(target.records, random, target.mutations ?? []);
    try {
      const startMs = performance.now();
      const outcome = target.decode(record);
      const callMs = performance.now() - startMs;
      slowestMs = Math.max(slowestMs, callMs > PAUSE_MS ? fastestMs(target, record) : callMs);
      if (slowestMs > CALL_MS_MAX) throw new Error(`a call took ${slowestMs.toFixed(0)} ms`);
      for (const decoded of checkedOutcome(target, record, outcome)) {
        const key = 'reason' in decoded ? `${decoded.kind} ${decoded.reason}` : decoded.kind;
        results[key] = (results[key] ?? 0) + 1;
      }
    } catch (error) {
      const at = `${target.name}, seed ${seed}, run ${run}`;
      throw new Error(`${at}: ${String(error)}\n${record.slice(0, 20_000)}`, { cause: error });
    }
  }
  return { runs, results, slowestMs };
}

function fastestMs(target: FuzzTarget, record: string): number {
  const times = [1, 2, 3].map(() => {
    const startMs = performance.now();
    target.decode(record);
    return performance.now() - startMs;
  });
  return Math.min(...times);
}

function checkedOutcome(target: FuzzTarget, record: string, outcome: Decoded | readonly Decoded[]): readonly Decoded[] {
  const list: readonly Decoded[] = Array.isArray(outcome) ? outcome : [outcome as Decoded];
  if (list.length === 0) throw new Error('a record without any result would not be counted');
  let source: Source | undefined;
  const sourceOf = (): Source => (source ??= { record, strings: stringsIn(record) });
  for (const decoded of list) checkDecoded(target, decoded, sourceOf);
  return list;
}

function checkDecoded(target: FuzzTarget, decoded: Decoded, sourceOf: () => Source): void {
  switch (decoded.kind) {
    case 'post':
      for (const [field, value] of Object.entries(decoded.post)) checkField(target, field, value, sourceOf);
      for (const field of ['id', 'platform', 'account', 'text', 'createdAt'] as const) {
        if (decoded.post[field] === undefined) throw new Error(`a post without ${field}`);
      }
      return;
    case 'deletion':
      for (const field of ['id', 'platform', 'createdAt'] as const)
        checkField(target, field, decoded.deletion[field], sourceOf);
      return;
    case 'ignored':
      if (!IGNORED_REASONS.includes(decoded.reason)) throw new Error(`ignored for ${decoded.reason}`);
      return;
    case 'rejection':
      if (!REJECTION_REASONS.includes(decoded.reason)) throw new Error(`rejected for ${decoded.reason}`);
      if (decoded.detail.length === 0 || decoded.detail.length > 1000) throw new Error(`detail is ${decoded.detail}`);
      return;
    default:
      throw new Error(`no result of a decoder: ${JSON.stringify(decoded)}`);
  }
}

function checkField(target: FuzzTarget, field: string, value: unknown, sourceOf: () => Source): void {
  if (!POST_KEYS.has(field)) throw new Error(`${field} is no field of a post`);
  if (TIMES.has(field)) {
    if (!Number.isInteger(value) || (value as number) < 0 || (value as number) > TIME_MAX_MS)
      throw new Error(`${field} is ${String(value)}`);
  } else if (LISTS.has(field)) {
    const list = value as readonly unknown[];
    if (!Array.isArray(value) || list.length === 0 || list.length > URLS_MAX) throw new Error(`${field} has no length`);
    for (const element of list) checkText(target, field, element, URL_UNITS_MAX, sourceOf);
  } else checkText(target, field, value, field === 'text' ? TEXT_UNITS_MAX : FIELD_UNITS_MAX, sourceOf);
}

function checkText(target: FuzzTarget, field: string, value: unknown, unitsMax: number, sourceOf: () => Source): void {
  if (typeof value !== 'string' || value === '' || value.length > unitsMax) throw new Error(`${field} has no bound`);
  if (value.includes('\0') || LONE_SURROGATE.test(value)) throw new Error(`${field} has a NUL or a lone surrogate`);
  if (field === 'platform') return;
  const source = sourceOf();
  if (source.strings.has(value) || target.isDerived?.(field, value, source)) return;
  throw new Error(`${field} is invented: ${JSON.stringify(value.slice(0, 500))}`);
}

const NUMBER = /-?\d+/g;

function stringsIn(record: string): Set<string> {
  const strings = new Set<string>(record.match(NUMBER));
  strings.add(record);
  collectJson(record, strings, 0);
  return strings;
}

/** Texts of texts, such as an event that is written as a text inside of another, are looked into as well. */
function collectJson(text: string, strings: Set<string>, depth: number): void {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return;
  }
  collect(value, strings, depth);
}

function collect(value: unknown, strings: Set<string>, depth: number): void {
  if (typeof value === 'string') {
    strings.add(value);
    if (depth < 2 && /^\s*[[{]/.test(value)) {
      for (const digits of value.match(NUMBER) ?? []) strings.add(digits);
      collectJson(value, strings, depth + 1);
    }
  } else if (typeof value === 'object' && value !== null) {
    for (const [key, element] of Object.entries(value)) {
      strings.add(key);
      collect(element, strings, depth);
    }
  }
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      runs: { type: 'string', default: '1000000' },
      seed: { type: 'string', default: '1' },
      format: { type: 'string' },
    },
  });
  // Only here: the targets import this file.
  const { FUZZ_TARGETS } = await import('./fuzz-targets.ts');
  for (const target of FUZZ_TARGETS.filter(({ name }) => values.format === undefined || name === values.format)) {
    const startMs = performance.now();
    const report = fuzz(target, { runs: Number(values.runs), seed: Number(values.seed) });
    const seconds = ((performance.now() - startMs) / 1000).toFixed(0);
    console.log(`${target.name}: ${report.runs} runs, ${seconds} s, slowest call ${report.slowestMs.toFixed(1)} ms`);
    console.log(
      `  ${Object.entries(report.results)
        .map(([result, count]) => `${result} ${count}`)
        .join(', ')}`,
    );
  }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) await main();
