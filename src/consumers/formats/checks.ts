/**
 * What every decoder holds its input to: bounds of JSON before it is parsed, bounds of strings after. Pure; nothing throws.
 */
import type { Decoded, Post, RejectionReason } from '../../model.ts';

export const TEXT_UNITS_MAX = 65_536;
/** For each string field except `text` and the elements of `urls` and `media`. */
export const FIELD_UNITS_MAX = 512;
export const URL_UNITS_MAX = 8_192;
/** Elements of `urls`, of `media` and of `replaces`. */
export const URLS_MAX = 256;
/** JSON.parse takes 190 ms for a line of 500,000 nested arrays, so depth is looked at before it. */
const NESTING_DEPTH_MAX = 64;

/** With the u flag a surrogate pair is one character outside this range. */
const LONE_SURROGATE = /[\uD800-\uDFFF]/u;

export type MutablePost = { -readonly [K in keyof Post]: Post[K] };
export type Rejection = Extract<Decoded, { kind: 'rejection' }>;
export type JsonObject = Readonly<Record<string, unknown>>;

/** The value of a JSON text; undefined, which no JSON text stands for, if it is none. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** A text that may be handed to `parseJson`. */
export function depthFault(text: string): Rejection | undefined {
  if (!isNestedTooDeep(text)) return undefined;
  return rejection('nested_too_deep', `more than ${NESTING_DEPTH_MAX} levels of nesting`);
}

/** @param hasEscapes false where no text can have a NUL or a lone surrogate */
export function requiredFault(
  name: string,
  value: unknown,
  unitsMax: number,
  hasEscapes: boolean,
): Rejection | undefined {
  if (value === undefined || value === null) return rejection('missing_field', `${name} is missing`);
  return stringFault(name, value, unitsMax, hasEscapes);
}

export function stringFault(
  name: string,
  value: unknown,
  unitsMax: number,
  hasEscapes: boolean,
): Rejection | undefined {
  if (typeof value !== 'string') return wrongType(name, value, 'a string');
  if (value.length === 0) return rejection('empty_field', `${name} is empty`);
  if (value.length > unitsMax) {
    const reason = name === 'text' ? 'text_too_long' : 'field_too_long';
    return rejection(reason, `${name} has ${value.length} UTF-16 units, at most ${unitsMax}`);
  }
  // JSON allows NUL and lone surrogates as escapes only, and few lines have one: one scan a line saves two a field.
  return hasEscapes ? characterFault(name, value) : undefined;
}

function characterFault(name: string, value: string): Rejection | undefined {
  if (value.includes('\0')) return rejection('invalid_character', `${name} has a NUL character`);
  if (LONE_SURROGATE.test(value)) return rejection('invalid_character', `${name} has a lone surrogate`);
  return undefined;
}

export function wrongType(name: string, value: unknown, bound: string): Rejection {
  return rejection('wrong_type', `${name} is ${typeName(value)}, must be ${bound}`);
}

export function rejection(reason: RejectionReason, detail: string): Rejection {
  return { kind: 'rejection', reason, detail };
}

export function typeName(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'an array';
  return typeof value === 'object' ? 'an object' : `a ${typeof value}`;
}

function isNestedTooDeep(text: string): boolean {
  // Nearly every line has fewer brackets than the bound in all, which two native scans tell (80 ns); the walk takes 500 ns.
  if (countUpTo(text, '{', NESTING_DEPTH_MAX) + countUpTo(text, '[', NESTING_DEPTH_MAX) < NESTING_DEPTH_MAX)
    return false;
  return isDeeperThan(text, NESTING_DEPTH_MAX);
}

/** How often `character` is in `text` after its first unit, counted no further than to `max`. */
function countUpTo(text: string, character: string, max: number): number {
  let count = 0;
  for (let at = text.indexOf(character, 1); at >= 0 && count < max; at = text.indexOf(character, at + 1)) count++;
  return count;
}

function isDeeperThan(text: string, max: number): boolean {
  let depth = 0;
  let inString = false;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
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
