/**
 * Avro binary -> the fields of a post. A writer's schema is compiled once; reading then costs about a microsecond. Pure.
 *
 * Evolution is by name, as between a writer's schema and `schemas/post.v1.avsc`: fields that a post has are read, all others
 * skipped, optional ones that the writer lacks are not there. Values go through the checks of the canonical format and are
 * never converted, so a writer with a number for an id gets its posts rejected.
 *
 * By hand and not with avsc, because these bytes come from others: avsc 5.7.9 loops for ever on a skipped block of negative
 * size, makes 30 million elements of four bytes before it looks at the end, and hands on broken UTF-8 as U+FFFD. The
 * bounds that hold here are in avro-cursor.ts.
 */
import type { Post } from '../../model.ts';
import { AvroFault, Cursor, NESTING_DEPTH_MAX, type ReadText } from './avro-cursor.ts';

/** A writer's schema that no post can be read with: no Avro, or beyond a bound. */
export class UnusableSchemaError extends Error {}

type FieldName = keyof Post | 'deleted';

/** The values that a writer gave under the names of the fields of a post or deletion, unchecked. */
export type AvroFields = Record<FieldName, unknown>;

export type AvroResult =
  | { readonly kind: 'fields'; readonly fields: AvroFields; /** Some text has a NUL. */ readonly hasNul: boolean }
  | { readonly kind: 'fault'; readonly isUtf8Fault: boolean; readonly detail: string };

export interface AvroReader {
  /** Reads the value that fills `bytes` from `start` to the end. Never throws. */
  read(bytes: Uint8Array, start: number): AvroResult;
}

const SCHEMA_UNITS_MAX = 1_048_576;

/** What a value is that cannot be part of a post: the checks name its type. */
const OPAQUE: Readonly<Record<string, never>> = Object.freeze({});

/** How values of one type are read, and passed over. */
interface Codec {
  readonly read: (cursor: Cursor) => unknown;
  readonly skip: (cursor: Cursor) => void;
}

// Each name literally: V8 keeps the object in one shape, and a keyed store of changing names would look each of them up.
const SETTERS: Readonly<Record<FieldName, (fields: AvroFields, value: unknown) => void>> = {
  id: (fields: AvroFields, value: unknown) => void (fields.id = value),
  platform: (fields: AvroFields, value: unknown) => void (fields.platform = value),
  account: (fields: AvroFields, value: unknown) => void (fields.account = value),
  text: (fields: AvroFields, value: unknown) => void (fields.text = value),
  createdAt: (fields: AvroFields, value: unknown) => void (fields.createdAt = value),
  handle: (fields: AvroFields, value: unknown) => void (fields.handle = value),
  lang: (fields: AvroFields, value: unknown) => void (fields.lang = value),
  urls: (fields: AvroFields, value: unknown) => void (fields.urls = value),
  repostOf: (fields: AvroFields, value: unknown) => void (fields.repostOf = value),
  replyTo: (fields: AvroFields, value: unknown) => void (fields.replyTo = value),
  quoteOf: (fields: AvroFields, value: unknown) => void (fields.quoteOf = value),
  media: (fields: AvroFields, value: unknown) => void (fields.media = value),
  accountCreatedAt: (fields: AvroFields, value: unknown) => void (fields.accountCreatedAt = value),
  editedAt: (fields: AvroFields, value: unknown) => void (fields.editedAt = value),
  replaces: (fields: AvroFields, value: unknown) => void (fields.replaces = value),
  deleted: (fields: AvroFields, value: unknown) => void (fields.deleted = value),
};

function noFields(): AvroFields {
  return {
    id: undefined,
    platform: undefined,
    account: undefined,
    text: undefined,
    createdAt: undefined,
    handle: undefined,
    lang: undefined,
    urls: undefined,
    repostOf: undefined,
    replyTo: undefined,
    quoteOf: undefined,
    media: undefined,
    accountCreatedAt: undefined,
    editedAt: undefined,
    replaces: undefined,
    deleted: undefined,
  };
}

/**
 * @param schema the writer's schema, a record
 * @param references schemas whose names it uses, each after those that it uses itself
 * @throws UnusableSchemaError
 */
export function compileAvro(schema: string, references: readonly string[], readText: ReadText): AvroReader {
  const compiler = new Compiler();
  for (const reference of references) compiler.compile(parsed(reference), '', 0);
  const root = parsed(schema);
  if (!isObject(root) || root['type'] !== 'record') {
    throw new UnusableSchemaError('the schema is no Avro record');
  }
  const steps = compiler.fieldSteps(root);
  const cursor = new Cursor(readText);
  return { read: (bytes, start) => readRecord(steps, cursor, bytes, start) };
}

type FieldStep = (cursor: Cursor, fields: AvroFields) => void;

function readRecord(steps: readonly FieldStep[], cursor: Cursor, bytes: Uint8Array, start: number): AvroResult {
  cursor.reset(bytes, start);
  const fields = noFields();
  try {
    for (const step of steps) step(cursor, fields);
    const left = bytes.length - cursor.at;
    if (left !== 0) return { kind: 'fault', isUtf8Fault: false, detail: `${left} bytes behind the record` };
    return { kind: 'fields', fields, hasNul: cursor.hasNul };
  } catch (error) {
    if (!(error instanceof AvroFault)) throw error;
    return { kind: 'fault', isUtf8Fault: error.isUtf8Fault, detail: error.message };
  }
}

const skipLong = (cursor: Cursor): void => void cursor.long();
const skipText = (cursor: Cursor): void => void cursor.take(cursor.long());
const LONG: Codec = { read: (cursor) => cursor.long(), skip: skipLong };
/** Cut to ms, as fractions of a written time are. */
const MICROS: Codec = { read: (cursor) => Math.floor(cursor.long() / 1000), skip: skipLong };

const PRIMITIVES: Readonly<Record<string, Codec>> = {
  null: { read: () => null, skip: () => undefined },
  boolean: { read: (cursor) => cursor.bytes[cursor.take(1)] !== 0, skip: (cursor) => void cursor.take(1) },
  int: LONG,
  long: LONG,
  float: { read: (cursor) => cursor.double(false), skip: (cursor) => void cursor.take(4) },
  double: { read: (cursor) => cursor.double(true), skip: (cursor) => void cursor.take(8) },
  bytes: opaque(skipText),
  string: { read: (cursor) => cursor.text(), skip: skipText },
};

class Compiler {
  readonly #named = new Map<string, Codec>();

  /** @param namespace the enclosing one, "" for none */
  compile(schema: unknown, namespace: string, depth: number): Codec {
    if (depth > NESTING_DEPTH_MAX) {
      throw new UnusableSchemaError(`the schema has more than ${NESTING_DEPTH_MAX} levels of nesting`);
    }
    if (typeof schema === 'string') return this.#reference(schema, namespace);
    if (Array.isArray(schema)) return union(schema.map((branch) => this.compile(branch, namespace, depth + 1)));
    if (!isObject(schema))
      throw new UnusableSchemaError('a type in the schema is neither a name, an object nor an array');
    switch (schema['type']) {
      case 'record':
      case 'error':
        return this.#record(schema, namespace, depth);
      case 'enum':
        return this.#name(schema, namespace, enumeration(symbolsOf(schema)));
      case 'fixed':
        return this.#name(schema, namespace, fixed(schema['size']));
      case 'array':
        return array(this.compile(schema['items'], namespace, depth + 1));
      case 'map':
        return map(this.compile(schema['values'], namespace, depth + 1));
      default:
        return logical(schema, this.compile(schema['type'], namespace, depth + 1));
    }
  }

  /** The fields of the outermost record: those that a post has are read, the others skipped. */
  fieldSteps(schema: Record<string, unknown>): FieldStep[] {
    // A record may hold itself; as an element it is never part of a post, so it is only skipped there.
    const names = new Set<string>();
    const own: Codec[] = [];
    this.#name(schema, '', opaque(sequence(own)));
    const namespace = namespaceOf(schema, '');
    return fieldsOf(schema).map(({ name, type }) => {
      if (names.has(name)) throw new UnusableSchemaError(`the schema has two fields "${name}"`);
      names.add(name);
      const codec = this.compile(type, namespace, 1);
      own.push(codec);
      if (!Object.hasOwn(SETTERS, name)) return codec.skip;
      const set = SETTERS[name as FieldName];
      return (cursor, fields) => set(fields, codec.read(cursor));
    });
  }

  #record(schema: Record<string, unknown>, namespace: string, depth: number): Codec {
    const fields: Codec[] = [];
    // Named before its fields are compiled: they may hold it.
    const codec = this.#name(schema, namespace, opaque(sequence(fields)));
    const inner = namespaceOf(schema, namespace);
    for (const { type } of fieldsOf(schema)) fields.push(this.compile(type, inner, depth + 1));
    return codec;
  }

  #name(schema: Record<string, unknown>, namespace: string, codec: Codec): Codec {
    const name = fullName(nameOf(schema), namespaceOf(schema, namespace));
    if (this.#named.has(name)) throw new UnusableSchemaError(`the schema defines "${name}" twice`);
    this.#named.set(name, codec);
    return codec;
  }

  #reference(name: string, namespace: string): Codec {
    if (Object.hasOwn(PRIMITIVES, name)) return PRIMITIVES[name]!;
    const codec = this.#named.get(fullName(name, namespace)) ?? this.#named.get(name);
    if (codec === undefined) throw new UnusableSchemaError(`the schema uses "${name}", which it does not define`);
    return codec;
  }
}

/** For types that no field of a post can have: passed over, and the checks are told that something is there. */
function opaque(skip: (cursor: Cursor) => void): Codec {
  return {
    skip,
    read: (cursor) => {
      skip(cursor);
      return OPAQUE;
    },
  };
}

function sequence(fields: readonly Codec[]): (cursor: Cursor) => void {
  return (cursor) => {
    cursor.enter();
    cursor.step(1);
    for (const field of fields) field.skip(cursor);
    cursor.depth--;
  };
}

function union(branches: readonly Codec[]): Codec {
  const branchAt = (cursor: Cursor): Codec => {
    const index = cursor.long();
    const branch = branches[index];
    if (branch === undefined) throw new AvroFault(`branch ${index} of a union of ${branches.length}`);
    return branch;
  };
  return { read: (cursor) => branchAt(cursor).read(cursor), skip: (cursor) => branchAt(cursor).skip(cursor) };
}

function enumeration(symbols: readonly string[]): Codec {
  const read = (cursor: Cursor): string => {
    const index = cursor.long();
    const symbol = symbols[index];
    if (symbol === undefined) throw new AvroFault(`symbol ${index} of an enum of ${symbols.length}`);
    return symbol;
  };
  return { read, skip: (cursor) => void read(cursor) };
}

function fixed(size: unknown): Codec {
  if (!Number.isSafeInteger(size) || (size as number) < 0) {
    throw new UnusableSchemaError('a fixed type in the schema has no size that is an integer from 0');
  }
  return opaque((cursor) => void cursor.take(size as number));
}

function array(items: Codec): Codec {
  return {
    read: (cursor) => {
      const elements: unknown[] = [];
      readBlocks(cursor, (count) => {
        for (let i = 0; i < count; i++) elements.push(items.read(cursor));
      });
      return elements;
    },
    skip: (cursor) => skipBlocks(cursor, items.skip),
  };
}

function map(values: Codec): Codec {
  return opaque((cursor) =>
    skipBlocks(cursor, () => {
      skipText(cursor);
      values.skip(cursor);
    }),
  );
}

/** Elements come in blocks of a count; a negative one is followed by the bytes of the block. An empty block ends them. */
function readBlocks(cursor: Cursor, readBlock: (count: number) => void): void {
  cursor.enter();
  for (let count = cursor.long(); count !== 0; count = cursor.long()) {
    const isSized = count < 0;
    const size = isSized ? cursor.long() : 0;
    cursor.step(Math.abs(count));
    const start = cursor.at;
    readBlock(Math.abs(count));
    if (isSized && cursor.at - start !== size) {
      throw new AvroFault(`a block of ${size} bytes at byte ${start} takes ${cursor.at - start}`);
    }
  }
  cursor.depth--;
}

function skipBlocks(cursor: Cursor, skip: (cursor: Cursor) => void): void {
  cursor.enter();
  for (let count = cursor.long(); count !== 0; count = cursor.long()) {
    if (count < 0) {
      cursor.take(cursor.long());
      continue;
    }
    cursor.step(count);
    for (let i = 0; i < count; i++) skip(cursor);
  }
  cursor.depth--;
}

/** Times with a zone become ms; one without ("local-") is no instant, so it is not let through as one. */
function logical(schema: Record<string, unknown>, base: Codec): Codec {
  const kind = schema['logicalType'];
  if (kind === 'timestamp-micros' && base === LONG) return MICROS;
  return typeof kind === 'string' && kind.startsWith('local-timestamp-') ? opaque(base.skip) : base;
}

function parsed(schema: string): unknown {
  if (schema.length > SCHEMA_UNITS_MAX) {
    throw new UnusableSchemaError(`the schema has ${schema.length} UTF-16 units, at most ${SCHEMA_UNITS_MAX}`);
  }
  try {
    return JSON.parse(schema);
  } catch {
    throw new UnusableSchemaError('the schema is not JSON');
  }
}

function fieldsOf(schema: Record<string, unknown>): { readonly name: string; readonly type: unknown }[] {
  const { fields } = schema;
  if (!Array.isArray(fields)) throw new UnusableSchemaError('a record in the schema has no fields');
  return (fields as unknown[]).map((field) => {
    if (!isObject(field)) throw new UnusableSchemaError('a field in the schema is no object');
    return { name: nameOf(field), type: field['type'] };
  });
}

function symbolsOf(schema: Record<string, unknown>): string[] {
  const { symbols } = schema;
  if (Array.isArray(symbols) && symbols.every((symbol) => typeof symbol === 'string')) return symbols;
  throw new UnusableSchemaError('an enum in the schema has no list of symbols');
}

function nameOf(schema: Record<string, unknown>): string {
  const { name } = schema;
  if (typeof name !== 'string' || name === '')
    throw new UnusableSchemaError('a type or field in the schema has no name');
  return name;
}

function namespaceOf(schema: Record<string, unknown>, enclosing: string): string {
  const name = nameOf(schema);
  const dot = name.lastIndexOf('.');
  if (dot >= 0) return name.slice(0, dot);
  const { namespace } = schema;
  return typeof namespace === 'string' ? namespace : enclosing;
}

function fullName(name: string, namespace: string): string {
  return name.includes('.') || namespace === '' ? name : `${namespace}.${name}`;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
