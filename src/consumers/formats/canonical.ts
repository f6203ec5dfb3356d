/**
 * The canonical format: one JSON object a line, the fields of `Post` under their own names. Pure; never throws.
 *
 * Required: `id`, `platform`, `account`, `text` (strings that are not empty), `createdAt` (formats/time.ts). Optional:
 * `handle`, `lang`, `repostOf`, `replyTo`, `quoteOf`, `urls`, `media`, `accountCreatedAt`, `editedAt`, `replaces`; null
 * stands for "not there", as many exporters write it. With `deleted` true the line is a deletion, of which `id`, `platform`
 * and `createdAt` are read. Nothing is coerced or cut: a field of the wrong type or beyond its bound rejects the line.
 * Fields of other names are ignored; of two with one name the last counts.
 */
import type { Decoded } from '../../model.ts';
import {
  depthFault,
  FIELD_UNITS_MAX,
  isJsonObject,
  type MutablePost,
  parseJson,
  rejection,
  requiredFault,
  stringFault,
  TEXT_UNITS_MAX,
  typeName,
  URL_UNITS_MAX,
  URLS_MAX,
  wrongType,
} from './checks.ts';
import { parseTimeMs } from './time.ts';

const TIME_BOUND =
  'must be an ISO 8601 date-time with Z or an offset, or an integer of milliseconds, from 1970 to 9999';

type OptionalField = 'handle' | 'lang' | 'repostOf' | 'replyTo' | 'quoteOf';
type ListField = 'urls' | 'media' | 'replaces';
type TimeField = 'accountCreatedAt' | 'editedAt';

/**
 * @param line one line without its end, decoded from valid UTF-8 (so a lone surrogate can only come from an escape)
 */
export function decodeCanonical(line: string): Decoded {
  const fault = depthFault(line);
  if (fault !== undefined) return fault;
  const parsed = parseJson(line);
  if (parsed === undefined) return rejection('not_json', 'the line is not JSON');
  if (!isJsonObject(parsed)) return rejection('not_an_object', `the line is ${typeName(parsed)}, must be an object`);
  return decodeFields(parsed, line.includes('\\u'));
}

/**
 * The checks alone, for values that were not written as JSON.
 * @param hasEscapes false where no text can have a NUL or a lone surrogate
 */
export function decodeFields(fields: Readonly<Record<string, unknown>>, hasEscapes: boolean): Decoded {
  // Read by literal names, which V8 caches (12 of them: 10 ns a line in all); a loop over names would look each of them up.
  const { id, platform, account, text, createdAt, deleted } = fields;
  if (deleted !== undefined && deleted !== null && deleted !== false) {
    if (deleted !== true) return wrongType('deleted', deleted, 'true or false');
    return decodeDeletion(fields, hasEscapes);
  }
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
  const { handle, lang, urls, repostOf, replyTo, quoteOf, media, accountCreatedAt, editedAt, replaces } = fields;
  const optionalFault =
    setString(post, 'handle', handle, hasEscapes) ??
    setString(post, 'lang', lang, hasEscapes) ??
    setString(post, 'repostOf', repostOf, hasEscapes) ??
    setString(post, 'replyTo', replyTo, hasEscapes) ??
    setString(post, 'quoteOf', quoteOf, hasEscapes) ??
    setList(post, 'urls', urls, URL_UNITS_MAX, hasEscapes) ??
    setList(post, 'media', media, URL_UNITS_MAX, hasEscapes) ??
    setTime(post, 'accountCreatedAt', accountCreatedAt) ??
    setTime(post, 'editedAt', editedAt) ??
    setList(post, 'replaces', replaces, FIELD_UNITS_MAX, hasEscapes);
  return optionalFault ?? { kind: 'post', post };
}

function decodeDeletion(fields: Readonly<Record<string, unknown>>, hasEscapes: boolean): Decoded {
  const { id, platform, createdAt } = fields;
  const fault =
    requiredFault('id', id, FIELD_UNITS_MAX, hasEscapes) ??
    requiredFault('platform', platform, FIELD_UNITS_MAX, hasEscapes);
  if (fault !== undefined) return fault;
  if (createdAt === undefined || createdAt === null) return rejection('missing_field', 'createdAt is missing');
  const timeMs = parseTimeMs(createdAt);
  if (timeMs === undefined) return timeFault('createdAt', createdAt);
  return { kind: 'deletion', deletion: { platform: platform as string, id: id as string, createdAt: timeMs } };
}

function setString(post: MutablePost, name: OptionalField, value: unknown, hasEscapes: boolean): Decoded | undefined {
  if (value === undefined || value === null) return undefined;
  const fault = stringFault(name, value, FIELD_UNITS_MAX, hasEscapes);
  if (fault === undefined) post[name] = value as string;
  return fault;
}

function setList(
  post: MutablePost,
  name: ListField,
  value: unknown,
  unitsMax: number,
  hasEscapes: boolean,
): Decoded | undefined {
  if (value === undefined || value === null) return undefined;
  if (!Array.isArray(value)) return wrongType(name, value, 'an array of strings');
  if (value.length > URLS_MAX)
    return rejection('field_too_long', `${name} has ${value.length} elements, at most ${URLS_MAX}`);
  for (const element of value as unknown[]) {
    const fault = stringFault(`an element of ${name}`, element, unitsMax, hasEscapes);
    if (fault !== undefined) return fault;
  }
  post[name] = value as string[];
  return undefined;
}

function setTime(post: MutablePost, name: TimeField, value: unknown): Decoded | undefined {
  if (value === undefined || value === null) return undefined;
  const timeMs = parseTimeMs(value);
  if (timeMs === undefined) return timeFault(name, value);
  post[name] = timeMs;
  return undefined;
}

function timeFault(name: string, value: unknown): Decoded {
  if (typeof value === 'string' || typeof value === 'number') return rejection('invalid_time', `${name} ${TIME_BOUND}`);
  return wrongType(name, value, 'a string or an integer');
}
