/**
 * The list `sinks` of the settings: each of its entries checked, with its secrets read. What an entry may have depends on its type.
 *
 * The secret of a webhook, and the URL of Slack or of a webhook that is one, come from the environment (CHORUS_SINK_<NAME>_SECRET
 * and CHORUS_SINK_<NAME>_URL) or from files.
 */
import { X509Certificate } from 'node:crypto';
import type { ConfigProblem } from '../errors.ts';
import { ALERT_STATUSES, type AlertStatus } from '../model.ts';
import type { SinkKind, SinkSettings } from '../runtime/sinks.ts';
import { accept, describe, type Bound } from './config-bounds.ts';
import { readText, shown, type Environment } from './secrets.ts';
import { nearest } from './suggest.ts';

const MIB = 2 ** 20;
const SECOND_MS = 1000;
const DAY_MS = 86_400_000;
const SINK_TYPES = ['file', 'webhook', 'slack', 'osprey'] as const;
const NAME = /^[a-z][a-z0-9-]{0,39}$/;
const TEXT = { kind: 'text' } as const;

interface Field {
  readonly bound: Bound;
  /** As people write it; undefined for what must be given, null for what may be left out. */
  readonly fallback: unknown;
}

const COMMON: Readonly<Record<string, Field>> = {
  minSeverity: { bound: { kind: 'integer', min: 0, max: 100 }, fallback: 0 },
  start: { bound: { kind: 'choice', choices: ['end', 'beginning'] }, fallback: 'end' },
  attempts: { bound: { kind: 'integer', min: 1, max: 1000 }, fallback: 8 },
  deadLetters: { bound: TEXT, fallback: null },
  queueBytes: { bound: { kind: 'integer', min: MIB, max: 2 ** 40 }, fallback: 16 * MIB },
};
const POST: Readonly<Record<string, Field>> = {
  timeout: { bound: { kind: 'duration', min: 100, max: 120 * SECOND_MS }, fallback: '10s' },
  allowPrivate: { bound: { kind: 'boolean' }, fallback: false },
  ca: { bound: TEXT, fallback: null },
};
const FIELDS: Readonly<Record<SinkKind['type'], Readonly<Record<string, Field>>>> = {
  file: {
    path: { bound: TEXT, fallback: undefined },
    maxBytes: { bound: { kind: 'integer', min: MIB, max: 2 ** 40 }, fallback: 64 * MIB },
    maxAge: { bound: { kind: 'durationOrOff', min: 60 * SECOND_MS, max: 365 * DAY_MS }, fallback: '24h' },
    fsync: { bound: { kind: 'boolean' }, fallback: false },
  },
  webhook: {
    ...POST,
    url: { bound: { kind: 'url' }, fallback: null },
    urlFile: { bound: TEXT, fallback: null },
    secretFile: { bound: TEXT, fallback: null },
  },
  slack: {
    ...POST,
    urlFile: { bound: TEXT, fallback: null },
    interval: { bound: { kind: 'duration', min: SECOND_MS, max: 60 * SECOND_MS }, fallback: '1s' },
  },
  osprey: { topic: { bound: { kind: 'topic', lengthMax: 249 }, fallback: 'osprey.actions_input' } },
};
/** Read apart from the fields. */
const OTHERS = ['name', 'type', 'statuses'];
const BACKOFF = { firstMs: SECOND_MS, maxMs: 60 * SECOND_MS };

/** @param problems takes all that is wrong */
export function sinksOf(
  entries: readonly unknown[],
  env: Environment,
  taken: ReadonlySet<string>,
  problems: ConfigProblem[],
): SinkSettings[] {
  const names = new Set<string>();
  return entries.flatMap((entry, i) => {
    const before = problems.length;
    const sink = new Entry(entry, `sinks.${i}`, env, problems).read(names, taken);
    return sink === undefined || problems.length > before ? [] : [sink];
  });
}

class Entry {
  readonly #given: Readonly<Record<string, unknown>>;
  readonly #at: string;
  readonly #env: Environment;
  readonly #problems: ConfigProblem[];

  constructor(entry: unknown, at: string, env: Environment, problems: ConfigProblem[]) {
    const isMapping = typeof entry === 'object' && entry !== null && !Array.isArray(entry);
    this.#given = isMapping ? (entry as Record<string, unknown>) : {};
    this.#at = at;
    this.#env = env;
    this.#problems = problems;
  }

  read(names: Set<string>, taken: ReadonlySet<string>): SinkSettings | undefined {
    const { name, type, statuses = ALERT_STATUSES } = this.#given;
    const isName = typeof name === 'string' && NAME.test(name) && !names.has(name);
    if (!isName) this.#problem('name', name, 'a name that no other sink has: a-z, 0-9 and "-", 40 characters at most');
    else names.add(name);
    if (!isType(type)) {
      this.#problem('type', type, SINK_TYPES.join(', '));
      return undefined;
    }
    if (!areStatuses(statuses)) this.#problem('statuses', statuses, `a list of ${ALERT_STATUSES.join(', ')}`);
    const values = this.#values({ ...COMMON, ...FIELDS[type] });
    const kind = this.#kind(type, String(name), values, taken);
    const { minSeverity, start, attempts, deadLetters, queueBytes } = values;
    return {
      name: name as string,
      filter: { minSeverity: minSeverity as number, statuses: statuses as AlertStatus[] },
      start: start as 'beginning' | 'end',
      attemptsMax: attempts as number,
      queueBytes: queueBytes as number,
      backoff: BACKOFF,
      deadLetters: deadLetters as string | undefined,
      kind,
    };
  }

  #values(fields: Readonly<Record<string, Field>>): Record<string, unknown> {
    const known = [...Object.keys(fields), ...OTHERS];
    for (const key of Object.keys(this.#given)) {
      if (!known.includes(key)) this.#problem(key, this.#given[key], unknownField(key, known));
    }
    const values: Record<string, unknown> = {};
    for (const [key, { bound, fallback }] of Object.entries(fields)) {
      const value = this.#given[key] ?? fallback;
      if (value === null) continue;
      const accepted = accept(value, bound);
      if (accepted === undefined) this.#problem(key, value, describe(bound));
      else values[key] = accepted.value;
    }
    return values;
  }

  #kind(
    type: SinkKind['type'],
    name: string,
    values: Readonly<Record<string, unknown>>,
    taken: ReadonlySet<string>,
  ): SinkKind {
    if (type === 'osprey') {
      const topic = values['topic'] as string;
      if (taken.has(topic)) this.#problem('topic', topic, 'another topic than those of the deployment');
      return { type, topic };
    }
    if (type === 'file') {
      const { path, maxBytes, maxAge, fsync } = values;
      const maxAgeMs = maxAge as number | undefined;
      return { type, path: path as string, maxBytes: maxBytes as number, maxAgeMs, fsync: fsync as boolean };
    }
    const { timeout, allowPrivate } = values;
    const post = { timeoutMs: timeout as number, allowPrivate: allowPrivate as boolean, ca: this.#ca(values['ca']) };
    if (type === 'webhook') {
      const secret = this.#secret(name, 'secret', values['secretFile']);
      return { type, ...post, ...this.#webhookUrl(name, values), secret };
    }
    const url = this.#secretUrl(name, values['urlFile']);
    return { type, ...post, url, isUrlHidden: true, intervalMs: values['interval'] as number };
  }

  #webhookUrl(
    name: string,
    { url, urlFile }: Readonly<Record<string, unknown>>,
  ): { url: string; isUrlHidden: boolean } {
    const isGiven = this.#given['url'] !== undefined;
    if (isGiven && urlFile !== undefined) this.#problem('urlFile', urlFile, 'left out where url is given');
    if (urlFile !== undefined || this.#isInEnvironment(name, 'url')) {
      return { url: this.#secretUrl(name, urlFile), isUrlHidden: true };
    }
    const others = `or urlFile, or ${variableOf(name, 'url')} in the environment`;
    if (!isGiven) this.#problem('url', undefined, `an http or https URL, ${others}`);
    return { url: String(url), isUrlHidden: false };
  }

  #ca(path: unknown): string | undefined {
    if (typeof path !== 'string') return undefined;
    const pem = readText(`${this.#at}.ca`, path, this.#problems);
    try {
      if (pem !== undefined) void new X509Certificate(pem);
    } catch (cause) {
      this.#problem('ca', path, `a PEM file with certificates (${(cause as Error).message})`);
    }
    return pem;
  }

  #isInEnvironment(name: string, what: 'secret' | 'url'): boolean {
    return (this.#env[variableOf(name, what)] ?? '') !== '';
  }

  #secret(name: string, what: 'secret' | 'url', file: unknown): string | undefined {
    if (this.#isInEnvironment(name, what)) return this.#env[variableOf(name, what)];
    if (typeof file !== 'string') return undefined;
    const text = readText(`${this.#at}.${what}File`, file, this.#problems)?.trim();
    if (text === '') this.#problem(`${what}File`, file, 'a file that is not empty');
    return text;
  }

  #secretUrl(name: string, file: unknown): string {
    const before = this.#problems.length;
    const url = this.#secret(name, 'url', file);
    const isGood = url !== undefined && accept(url, { kind: 'url' }) !== undefined;
    if (!isGood && this.#problems.length === before) {
      // Whoever has the URL of a hook can post.
      this.#problem(
        'urlFile',
        file,
        `a file with an http or https URL, or ${variableOf(name, 'url')} in the environment`,
      );
    }
    return url ?? '';
  }

  #problem(key: string, value: unknown, bound: string): void {
    const name = `${this.#at}.${key}`;
    // Those of webhooks of Slack and others are secrets by themselves.
    const isUrl = typeof value === 'string' && value.includes('://');
    this.#problems.push({ name, value: isUrl ? '(hidden)' : shown(name, value), bound });
  }
}

function isType(type: unknown): type is SinkKind['type'] {
  return SINK_TYPES.some((known) => known === type);
}

function areStatuses(value: unknown): value is AlertStatus[] {
  return (
    Array.isArray(value) && value.length > 0 && value.every((one) => ALERT_STATUSES.some((status) => status === one))
  );
}

function variableOf(name: string, what: 'secret' | 'url'): string {
  return `CHORUS_SINK_${name.toUpperCase().replaceAll('-', '_')}_${what.toUpperCase()}`;
}

function unknownField(key: string, known: readonly string[]): string {
  if (key === 'secret' || key === 'url') {
    return `left out of this file: give it as CHORUS_SINK_<NAME>_${key.toUpperCase()} in the environment, or in a file as ${key}File`;
  }
  const near = nearest(key, known);
  return near === undefined ? `one of ${known.join(', ')}` : `the name of a setting of a sink; is "${near}" meant`;
}
