/**
 * The canonical format: one JSON object a line, the fields of `Post` under their own names. Pure; never throws.
 *
 * Required: `id`, `platform`, `account`, `text` (strings that are not empty), `createdAt` (formats/time.ts). Optional:
 * `handle`, `lang`, `repostOf`, `replyTo`, `quoteOf`, `urls`, `accountCreatedAt`; null stands for "not there", as many
 * exporters write it. Nothing is coerced or cut: a field of the wrong type or beyond its bound rejects the line. Fields
 * of other names are ignored; of two with one name the last counts.
 */
import type { Decoded, Post, RejectionReason } from '../../model.ts';
import { parseTimeMs } from './time.ts';

export const TEXT_UNITS_MAX = 65_536;
/** For each string field except `text` and the elements of `urls`. */
export const FIELD_UNITS_MAX = 512;
const URL_UNITS_MAX = 8_192;
export const URLS_MAX = 256;
/** JSON.parse takes 190 ms for a line of 500,000 nested arrays, so depth is looked at before it. */
const NESTING_DEPTH_MAX = 64;

const TIME_BOUND =
  'must be an ISO 8601 date-time with Z or an offset, or an integer of milliseconds, from 1970 to 9999';

/** With the u flag a surrogate pair is one character outside this range. */
const LONE_SURROGATE = /[\uD800-\uDFFF]/u;

type OptionalField = 'handle' | 'lang' | 'repostOf' | 'replyTo' | 'quoteOf';
type MutablePost = { -readonly [K in keyof Post]: Post[K] };

/**
 * @param line one line without its end, decoded from valid UTF-8 (so a lone surrogate can only come from an escape)
 */
export function decodeCanonical(line: string): Decoded {
  if (isNestedTooDeep(line)) return rejection('nested_too_deep', `more than ${NESTING_DEPTH_MAX} levels of nesting`);
  let parsed: unknown;
  try {
    parsed = JSON.parse(line);
  } catch {
    return rejection('not_json', 'the line is not JSON');
  }
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) {
    return rejection('not_an_object', `the line is ${typeName(parsed)}, must be an object`);
  }
  return decodeFields(parsed as Record<string, unknown>, line.includes('\\u'));
}

/**
 * The checks alone, for values that were not written as JSON.
 * @param hasEscapes false where no text can have a NUL or a lone surrogate
 */
export function decodeFields(fields: Readonly<Record<string, unknown>>, hasEscapes: boolean): Decoded {
  // Read by literal names, which V8 caches (12 of them: 10 ns a line in all); a loop over names would look each of them up.
  const { id, platform, account, text, createdAt } = fields;
  const fault =
    requiredFault('id', id, FIELD_UNITS_MAX, hasEscapes) ??
    requiredFault('platform', platform, FIELD_UNITS_MAX, hasEscapes) ??
    requiredFault('account', account, FIELD_UNITS_MAX, hasEscapes) ??
    requiredFault('text', text, TEXT_UNITS_MAX, hasEscapes);
  if (fault !== undefined) return fault;
  if (createdAt === undefined || createdAt === null) return rejection('missing_field', 'createdAt is missing');
  const timeMs = parseTimeMs(createdAt);
  if (timeMs === undefined) return timeFault('createdAt', createdAt);

  const post: MutablePost = {
    id: id as string,
    platform: platform as string,
    account: account as string,
    text: text as string,
    createdAt: timeMs,
  };
  const { handle, lang, urls, repostOf, replyTo, quoteOf, accountCreatedAt } = fields;
  const optionalFault =
    setString(post, 'handle', handle, hasEscapes) ??
    setString(post, 'lang', lang, hasEscapes) ??
    setString(post, 'repostOf', repostOf, hasEscapes) ??
    setString(post, 'replyTo', replyTo, hasEscapes) ??
    setString(post, 'quoteOf', quoteOf, hasEscapes) ??
    setUrls(post, urls, hasEscapes) ??
    setAccountCreatedAt(post, accountCreatedAt);
  return optionalFault ?? { kind: 'post', post };
}

function requiredFault(name: string, value: unknown, unitsMax: number, hasEscapes: boolean): Decoded | undefined {
  if (value === undefined || value === null) return rejection('missing_field', `${name} is missing`);
  return stringFault(name, value, unitsMax, hasEscapes);
}

function setString(post: MutablePost, name: OptionalField, value: unknown, hasEscapes: boolean): Decoded | undefined {
  if (value === undefined || value === null) return undefined;
  const fault = stringFault(name, value, FIELD_UNITS_MAX, hasEscapes);
  if (fault === undefined) post[name] = value as string;
  return fault;
}

function setUrls(post: MutablePost, value: unknown, hasEscapes: boolean): Decoded | undefined {
  if (value === undefined || value === null) return undefined;
  if (!Array.isArray(value)) return wrongType('urls', value, 'an array of strings');
  if (value.length > URLS_MAX)
    return rejection('field_too_long', `urls has ${value.length} elements, at most ${URLS_MAX}`);
  for (const url of value as unknown[]) {
    const fault = stringFault('an element of urls', url, URL_UNITS_MAX, hasEscapes);
    if (fault !== undefined) return fault;
  }
  post.urls = value as string[];
  return undefined;
}

function setAccountCreatedAt(post: MutablePost, value: unknown): Decoded | undefined {
  if (value === undefined || value === null) return undefined;
  const timeMs = parseTimeMs(value);
  if (timeMs === undefined) return timeFault('accountCreatedAt', value);
  post.accountCreatedAt = timeMs;
  return undefined;
}

function stringFault(name: string, value: unknown, unitsMax: number, hasEscapes: boolean): Decoded | undefined {
  if (typeof value !== 'string') return wrongType(name, value, 'a string');
  if (value.length === 0) return rejection('empty_field', `${name} is empty`);
  if (value.length > unitsMax) {
    const reason = name === 'text' ? 'text_too_long' : 'field_too_long';
    return rejection(reason, `${name} has ${value.length} UTF-16 units, at most ${unitsMax}`);
  }
  // JSON allows NUL and lone surrogates as escapes only, and few lines have one: one scan a line saves two a field.
  if (!hasEscapes) return undefined;
  if (value.includes('\0')) return rejection('invalid_character', `${name} has a NUL character`);
  if (LONE_SURROGATE.test(value)) return rejection('invalid_character', `${name} has a lone surrogate`);
  return undefined;
}

function timeFault(name: string, value: unknown): Decoded {
  if (typeof value === 'string' || typeof value === 'number') return rejection('invalid_time', `${name} ${TIME_BOUND}`);
  return wrongType(name, value, 'a string or an integer');
}

function wrongType(name: string, value: unknown, bound: string): Decoded {
  return rejection('wrong_type', `${name} is ${typeName(value)}, must be ${bound}`);
}

function rejection(reason: RejectionReason, detail: string): Decoded {
  return { kind: 'rejection', reason, detail };
}

function typeName(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'an array';
  return typeof value === 'object' ? 'an object' : `a ${typeof value}`;
}

function isNestedTooDeep(line: string): boolean {
  // Nearly every line has fewer brackets than the bound in all, which two native scans tell (80 ns); the walk takes 500 ns.
  if (countUpTo(line, '{', NESTING_DEPTH_MAX) + countUpTo(line, '[', NESTING_DEPTH_MAX) < NESTING_DEPTH_MAX)
    return false;
  return isDeeperThan(line, NESTING_DEPTH_MAX);
}

/** How often `character` is in `line` after its first unit, counted no further than to `max`. */
function countUpTo(line: string, character: string, max: number): number {
  let count = 0;
  for (let at = line.indexOf(character, 1); at >= 0 && count < max; at = line.indexOf(character, at + 1)) count++;
  return count;
}

function isDeeperThan(line: string, max: number): boolean {
  let depth = 0;
  let inString = false;
  for (let at = 0; at < line.length; at++) {
    const code = line.charCodeAt(at);
    if (inString) {
      if (code === 92) at++;
      else if (code === 34) inString = false;
    } else if (code === 34) inString = true;
    else if (code === 91 || code === 123) {
      if (++depth > max) return true;
    } else if (code === 93 || code === 125) depth--;
  }
  return false;
}
