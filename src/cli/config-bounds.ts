/** What a setting may be: how a value of the file or the command line is taken, and how the bound is told to people. */
import type { Bound as EngineBound } from '../settings.ts';
import { formatDuration, parseDurationMs } from './duration.ts';

export type Bound =
  | EngineBound
  /** `off` is taken for undefined. */
  | { readonly kind: 'durationOrOff'; readonly min: number; readonly max: number }
  | { readonly kind: 'choice'; readonly choices: readonly string[] }
  | { readonly kind: 'topic'; readonly lengthMax: number }
  /** A list, or one text with commas. */
  | { readonly kind: 'brokers' }
  | { readonly kind: 'url' }
  /** Mappings, whose own bounds are in config-sinks.ts. */
  | { readonly kind: 'list' };

/** In a box, since undefined is a value too. */
export interface Accepted {
  readonly value: unknown;
}

const OFF = 'off';

/** The value as the program takes it; undefined if it is out of bounds. */
export function accept(value: unknown, bound: Bound): Accepted | undefined {
  switch (bound.kind) {
    case 'boolean':
      return accepted(value, typeof value === 'boolean');
    case 'text':
      return accepted(value, typeof value === 'string' && value !== '');
    case 'duration':
      return duration(value, bound);
    case 'durationOrOff':
      return value === OFF ? { value: undefined } : duration(value, bound);
    case 'integer':
      return accepted(value, Number.isSafeInteger(value) && isWithin(value as number, bound));
    case 'number':
      return accepted(value, typeof value === 'number' && isWithin(value, bound));
    case 'choice':
      return accepted(value, typeof value === 'string' && bound.choices.includes(value));
    case 'topic':
      return accepted(value, typeof value === 'string' && isTopic(value, bound.lengthMax));
    case 'brokers':
      return brokers(value);
    case 'list':
      return accepted(value, Array.isArray(value) && value.every((one) => typeof one === 'object' && one !== null));
    case 'url':
      return accepted(value, typeof value === 'string' && isPlainUrl(value));
  }
}

export function describe(bound: Bound): string {
  switch (bound.kind) {
    case 'boolean':
      return 'true or false';
    case 'text':
      return 'a text that is not empty (in quotes if it looks like a number)';
    case 'duration':
      return `a duration from ${formatDuration(bound.min)} to ${formatDuration(bound.max)}, such as 90s, 15m, 24h or 7d`;
    case 'durationOrOff':
      return `off, or a duration from ${formatDuration(bound.min)} to ${formatDuration(bound.max)}`;
    case 'integer':
      return `an integer from ${bound.min} to ${bound.max}`;
    case 'number':
      return `a number from ${bound.min} to ${bound.max}`;
    case 'choice':
      return `${bound.choices.slice(0, -1).join(', ')} or ${bound.choices.at(-1)!}`;
    case 'topic':
      return `at most ${bound.lengthMax} of the characters a-z, A-Z, 0-9, "." "_" and "-"`;
    case 'brokers':
      return 'host:port of one or more brokers, as a list or with commas between them';
    case 'list':
      return 'a list of mappings of names to values';
    case 'url':
      return 'an http or https URL without a user name or password in it';
  }
}

/** A value of the command line in the type that YAML would have given it. */
export function typed(text: string, { kind }: Bound): unknown {
  const isNumber = (kind === 'integer' || kind === 'number') && /^-?\d+(\.\d+)?$/.test(text);
  return isNumber ? Number(text) : text;
}

function accepted(value: unknown, isGood: boolean): Accepted | undefined {
  return isGood ? { value } : undefined;
}

function duration(value: unknown, bound: { min: number; max: number }): Accepted | undefined {
  const ms = typeof value === 'string' ? parseDurationMs(value) : undefined;
  return accepted(ms, ms !== undefined && isWithin(ms, bound));
}

function isWithin(value: number, { min, max }: { min: number; max: number }): boolean {
  return value >= min && value <= max;
}

/** Kafka's own rule for the names of topics. */
function isTopic(name: string, lengthMax: number): boolean {
  return /^[a-zA-Z0-9._-]+$/.test(name) && name.length <= lengthMax && name !== '.' && name !== '..';
}

function brokers(value: unknown): Accepted | undefined {
  const list: unknown = typeof value === 'string' ? value.split(',').map((each) => each.trim()) : value;
  return accepted(list, Array.isArray(list) && list.length > 0 && list.every(isAddress));
}

function isAddress(value: unknown): boolean {
  // kafkajs parts host and port at the first colon, so an IPv6 address must have a name.
  const match = typeof value === 'string' ? /^[a-zA-Z0-9._-]+:(\d{1,5})$/.exec(value) : null;
  return match !== null && isWithin(Number(match[1]), { min: 1, max: 65_535 });
}

/** Credentials in a URL end up in logs and messages. */
function isPlainUrl(text: string): boolean {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  return url !== undefined && /^https?:$/.test(url.protocol) && url.username === '' && url.password === '';
}
