/**
 * What the decoders of networks have in common: a record of JSON is parsed, its fields are read by type, and the post that
 * they make is held to the bounds of checks.ts. Pure.
 *
 * J1 A field that is read and has another type than its format says rejects the record, with the name of the field; null, and
 *    an empty text of an optional field, stand for "not there".
 * J2 What one author can make long without breaking the format (links, media) is cut to the bound, so that nobody's post gets
 *    out of sight by it; everything else beyond its bound rejects.
 * J3 An id that is written as a number keeps all its digits.
 *
 * Readers throw a RecordFault; `decodeRecord` and `decodeEach` turn it into a rejection, and nothing leaves them.
 */
import type { Decoded, Deletion, IgnoredReason, RejectionReason } from '../../model.ts';
import {
  depthFault,
  FIELD_UNITS_MAX,
  isJsonObject,
  type JsonObject,
  type MutablePost,
  parseJson,
  type Rejection,
  rejection,
  requiredFault,
  stringFault,
  TEXT_UNITS_MAX,
  typeName,
  URL_UNITS_MAX,
  URLS_MAX,
} from './checks.ts';

/** One record can be a page of many. */
export type Outcome = Decoded | readonly Decoded[];

/** What is known of the record that is being read. */
export interface RecordContext {
  /** False where no text can have a NUL or a lone surrogate. */
  readonly hasEscapes: boolean;
  /** Integers beyond 2^53 have been made texts. */
  readonly isExact: boolean;
}

export class RecordFault extends Error {
  readonly rejection: Rejection;

  constructor(reason: RejectionReason, detail: string) {
    super(detail);
    this.rejection = rejection(reason, detail);
  }
}

/** An id is a number that JSON.parse has rounded. */
class InexactId extends RecordFault {}

export function decodeRecord(record: string, decode: (value: unknown, context: RecordContext) => Outcome): Outcome {
  if (record.trim() === '') return ignored('keep_alive');
  const fault = depthFault(record);
  if (fault !== undefined) return fault;
  const value = parseJson(record);
  if (value === undefined) return rejection('not_json', 'the record is not JSON');
  const context = { hasEscapes: record.includes('\\u'), isExact: false };
  try {
    return decode(value, context);
  } catch (error) {
    if (!(error instanceof InexactId)) return rejectionOf(error, context);
  }
  // Rare: X writes each id as a text too, and only old copies lack it. So the digits are looked up when they are missed.
  const exact = { ...context, isExact: true };
  try {
    return decode(parseJson(quoteLongIntegers(record)), exact);
  } catch (error) {
    return rejectionOf(error, exact);
  }
}

/** Each element of a page for itself, so that a fault in one loses no other; a page of none says nothing. */
export function decodeEach<T>(
  elements: readonly T[],
  context: RecordContext,
  decode: (element: T) => Outcome,
): Outcome {
  if (elements.length === 0) return ignored('other_event');
  return elements.flatMap((element) => {
    try {
      return decode(element);
    } catch (error) {
      return rejectionOf(error, context);
    }
  });
}

function rejectionOf(error: unknown, context: RecordContext): Rejection {
  if (!(error instanceof RecordFault) || (error instanceof InexactId && !context.isExact)) throw error;
  return error.rejection;
}

export function asObject(value: unknown, name: string): JsonObject {
  if (!isJsonObject(value)) throw new RecordFault('not_an_object', `${name} is ${typeName(value)}, must be an object`);
  return value;
}

export function optionalObject(object: JsonObject, name: string): JsonObject | undefined {
  const value = object[name];
  if (value === undefined || value === null) return undefined;
  if (!isJsonObject(value)) throw wrongTypeOf(name, value, 'an object');
  return value;
}

export function requiredObject(object: JsonObject, name: string): JsonObject {
  return optionalObject(object, name) ?? missing(name);
}

/** The elements of a list; none where it is not there. */
export function listOf(object: JsonObject, name: string): readonly unknown[] {
  const value = object[name];
  if (value === undefined || value === null) return [];
  if (!Array.isArray(value)) throw wrongTypeOf(name, value, 'an array');
  return value;
}

export function objectsOf(object: JsonObject, name: string): readonly JsonObject[] {
  const list = listOf(object, name);
  const other = list.find((element) => !isJsonObject(element));
  if (other !== undefined) throw wrongTypeOf(`an element of ${name}`, other, 'an object');
  return list as readonly JsonObject[];
}

export function stringsOf(object: JsonObject, name: string): readonly string[] {
  const list = listOf(object, name);
  const other = list.find((element) => typeof element !== 'string');
  if (other !== undefined) throw wrongTypeOf(`an element of ${name}`, other, 'a string');
  return list as readonly string[];
}

export function optionalString(object: JsonObject, name: string): string | undefined {
  const value = object[name];
  if (value === undefined || value === null || value === '') return undefined;
  if (typeof value !== 'string') throw wrongTypeOf(name, value, 'a string');
  return value;
}

export function requiredString(object: JsonObject, name: string): string {
  const value = object[name];
  if (value === undefined || value === null) return missing(name);
  if (typeof value !== 'string') throw wrongTypeOf(name, value, 'a string');
  return value;
}

/** An id that a platform writes as a text or as an integer, as its text. */
export function optionalId(object: JsonObject, name: string): string | undefined {
  const value = object[name];
  if (typeof value !== 'number') return optionalString(object, name);
  if (!Number.isInteger(value) || value < 0) throw wrongTypeOf(name, value, 'a string or an integer from 0');
  if (!Number.isSafeInteger(value)) {
    throw new InexactId('wrong_type', `${name} is a number beyond 2^53 without all its digits, must be a string`);
  }
  return String(value);
}

export function requiredTime(
  object: JsonObject,
  name: string,
  parse: (value: unknown) => number | undefined,
  form: string,
): number {
  return optionalTime(object, name, parse, form) ?? missing(name);
}

/** @param form what `parse` reads, for whoever has to mend the record */
export function optionalTime(
  object: JsonObject,
  name: string,
  parse: (value: unknown) => number | undefined,
  form: string,
): number | undefined {
  const value = object[name];
  if (value === undefined || value === null) return undefined;
  const timeMs = parse(value);
  if (timeMs !== undefined) return timeMs;
  if (typeof value !== 'string' && typeof value !== 'number') throw wrongTypeOf(name, value, form);
  throw new RecordFault('invalid_time', `${name} must be ${form}`);
}

export function missing(name: string): never {
  throw new RecordFault('missing_field', `${name} is missing`);
}

export function ignored(reason: IgnoredReason): Decoded {
  return { kind: 'ignored', reason };
}

/** A post as a decoder has put it together, before its bounds are checked. */
export interface PostDraft {
  readonly platform: string;
  readonly id: string;
  readonly account: string;
  readonly text: string;
  readonly createdAt: number;
  readonly handle?: string | undefined;
  readonly lang?: string | undefined;
  readonly urls?: readonly string[];
  readonly media?: readonly string[];
  readonly repostOf?: string | undefined;
  readonly replyTo?: string | undefined;
  readonly quoteOf?: string | undefined;
  readonly accountCreatedAt?: number | undefined;
  readonly editedAt?: number | undefined;
  readonly replaces?: readonly string[];
}

const OPTIONAL_STRINGS = ['handle', 'lang', 'repostOf', 'replyTo', 'quoteOf'] as const;

export function postOf(draft: PostDraft, context: RecordContext): Decoded {
  if (draft.text.trim() === '') return withoutText(draft, context);
  const { hasEscapes } = context;
  const fault =
    requiredFault('id', draft.id, FIELD_UNITS_MAX, hasEscapes) ??
    requiredFault('account', draft.account, FIELD_UNITS_MAX, hasEscapes) ??
    requiredFault('text', draft.text, TEXT_UNITS_MAX, hasEscapes);
  if (fault !== undefined) return fault;
  const { platform, id, account, text, createdAt } = draft;
  const post: MutablePost = { id, platform, account, text, createdAt };
  for (const name of OPTIONAL_STRINGS) {
    const value = draft[name];
    if (value === undefined) continue;
    const optionalFault = stringFault(name, value, FIELD_UNITS_MAX, hasEscapes);
    if (optionalFault !== undefined) return optionalFault;
    post[name] = value;
  }
  setList(post, 'urls', draft.urls, URL_UNITS_MAX, hasEscapes);
  setList(post, 'media', draft.media, URL_UNITS_MAX, hasEscapes);
  setList(post, 'replaces', draft.replaces, FIELD_UNITS_MAX, hasEscapes);
  if (draft.accountCreatedAt !== undefined) post.accountCreatedAt = draft.accountCreatedAt;
  if (draft.editedAt !== undefined) post.editedAt = draft.editedAt;
  return { kind: 'post', post };
}

/** An edit that leaves no text takes back the text that was there. */
function withoutText({ platform, id, createdAt, editedAt }: PostDraft, context: RecordContext): Decoded {
  return editedAt === undefined ? ignored('no_text') : deletionOf({ platform, id, createdAt }, context);
}

export function deletionOf(deletion: Deletion, { hasEscapes }: RecordContext): Decoded {
  const fault = requiredFault('id', deletion.id, FIELD_UNITS_MAX, hasEscapes);
  return fault ?? { kind: 'deletion', deletion };
}

function setList(
  post: MutablePost,
  name: 'urls' | 'media' | 'replaces',
  list: readonly string[] | undefined,
  unitsMax: number,
  hasEscapes: boolean,
): void {
  if (list === undefined || list.length === 0) return;
  const usable = [...new Set(list)].filter((element) => stringFault(name, element, unitsMax, hasEscapes) === undefined);
  if (usable.length > 0) post[name] = usable.slice(0, URLS_MAX);
}

function wrongTypeOf(name: string, value: unknown, bound: string): RecordFault {
  return new RecordFault('wrong_type', `${name} is ${typeName(value)}, must be ${bound}`);
}

const SAFE_DIGITS = String(Number.MAX_SAFE_INTEGER);

/**
 * A JSON text with each integer beyond 2^53 written as a text.
 * @param json what JSON.parse has taken, so that tokens need no checks here
 */
export function quoteLongIntegers(json: string): string {
  let out = '';
  let copied = 0;
  let at = 0;
  while (at < json.length) {
    const code = json.charCodeAt(at);
    if (code === 34) at = endOfString(json, at);
    else if (isDigit(code)) {
      const start = at;
      while (isDigit(json.charCodeAt(at))) at++;
      if (isFraction(json.charCodeAt(at))) at = endOfNumber(json, at);
      else if (isLong(json.slice(start, at)) && json.charCodeAt(start - 1) !== 45) {
        out += `${json.slice(copied, start)}"${json.slice(start, at)}"`;
        copied = at;
      }
    } else at++;
  }
  return out + json.slice(copied);
}

function isLong(digits: string): boolean {
  return digits.length > SAFE_DIGITS.length || (digits.length === SAFE_DIGITS.length && digits > SAFE_DIGITS);
}

function endOfString(json: string, start: number): number {
  let at = start + 1;
  while (json.charCodeAt(at) !== 34) at += json.charCodeAt(at) === 92 ? 2 : 1;
  return at + 1;
}

/** Behind the fraction and exponent whose first character is at `start`. */
function endOfNumber(json: string, start: number): number {
  let at = start + 1;
  for (let code = json.charCodeAt(at); isDigit(code) || isFraction(code) || code === 43 || code === 45;)
    code = json.charCodeAt(++at);
  return at;
}

function isDigit(code: number): boolean {
  return code >= 48 && code <= 57;
}

/** One of . e E: the number is no integer by its form. */
function isFraction(code: number): boolean {
  return code === 46 || code === 101 || code === 69;
}
