/**
 * Values of an input topic -> posts: texts of one format, or behind a registry's framing texts of that format or Avro.
 *
 * A value is decoded at once where its schema is known, which is nearly always; only while a schema is asked for is the
 * answer a promise. A registry that does not answer is no fault of the post: the promise rejects with a retryable
 * `registry_unavailable`, and the caller asks again. Bad values are rejections, as everywhere.
 */
import { Buffer, isUtf8 } from 'node:buffer';
import { LRUCache } from 'lru-cache';
import { compileAvro, UnusableSchemaError, type AvroReader } from '../consumers/formats/avro.ts';
import { decodeFields } from '../consumers/formats/canonical.ts';
import { FRAMING_BYTES, isSchemaId, schemaIdOf } from '../consumers/formats/confluent.ts';
import { recordDecoder, type RecordFormat } from '../consumers/formats/format.ts';
import { LINE_BYTES_MAX } from '../consumers/lines.ts';
import type { Decoded, RejectionReason } from '../model.ts';
import type { Registry, ResolvedSchema } from './registry.ts';

/** Several things only where a value says several: one post at the most. */
type Answer = Decoded | readonly Decoded[];

type Format =
  | { readonly kind: 'json' }
  | { readonly kind: 'avro'; readonly reader: AvroReader }
  | { readonly kind: 'unusable'; readonly detail: string };

const FORMATS_MAX = 1000;
/** Things that one value may say: they go into one frame. */
const ANSWERS_MAX = 256;
/** What Buffer makes of bytes that are no UTF-8. A text may have it of its own, so it only calls for a closer look. */
const REPLACEMENT = '\uFFFD';

export class RecordDecoder {
  /** Values are posts in the canonical format, so that they can be kept as they are. */
  readonly isCanonical: boolean;
  readonly #registry: Registry | undefined;
  readonly #decodeText: (text: string) => Answer;
  readonly #formats = new LRUCache<number, Format>({ max: FORMATS_MAX });
  // Feeds have one schema for long stretches: this saves the look into the cache (50 ns).
  #lastId = -1;
  #lastFormat: Format | undefined;

  /** @param registry undefined where none is configured: framed values are then rejected */
  constructor(registry?: Registry, format: RecordFormat = 'canonical') {
    this.#registry = registry;
    this.#decodeText = recordDecoder(format);
    this.isCanonical = format === 'canonical';
  }

  /** @throws ChorusError by the promise, `registry_unavailable` (retryable) or `registry_denied` */
  decode(value: Uint8Array): Answer | Promise<Answer> {
    const bytes = Buffer.isBuffer(value) ? value : Buffer.from(value.buffer, value.byteOffset, value.byteLength);
    if (bytes.length > LINE_BYTES_MAX) {
      return rejection('line_too_long', `the value has ${bytes.length} bytes, at most ${LINE_BYTES_MAX}`);
    }
    const id = schemaIdOf(bytes);
    if (id === undefined) return this.#decodeJson(bytes, 0);
    const format = id === this.#lastId ? this.#lastFormat : this.#formats.get(id);
    if (format === undefined) return this.#resolve(id, bytes);
    this.#lastId = id;
    this.#lastFormat = format;
    return this.#decodeFramed(format, bytes);
  }

  async #resolve(id: number, bytes: Buffer): Promise<Answer> {
    if (this.#registry === undefined) {
      return rejection('unknown_schema', `the value has schema id ${id}, but no registry is configured`);
    }
    const schema = isSchemaId(id) ? await this.#registry.schema(id) : undefined;
    if (schema === undefined) return rejection('unknown_schema', `the registry does not know schema id ${id}`);
    const format = this.#formats.get(id) ?? formatOf(schema);
    this.#formats.set(id, format);
    return this.#decodeFramed(format, bytes);
  }

  #decodeFramed(format: Format, bytes: Buffer): Answer {
    if (format.kind === 'json') return this.#decodeJson(bytes, FRAMING_BYTES);
    if (format.kind === 'unusable') return rejection('unusable_schema', format.detail);
    const result = format.reader.read(bytes, FRAMING_BYTES);
    if (result.kind === 'fields') return decodeFields(result.fields, result.hasNul);
    return rejection(result.isUtf8Fault ? 'invalid_utf8' : 'invalid_avro', result.detail);
  }

  #decodeJson(bytes: Buffer, start: number): Answer {
    const text = strictText(bytes, start, bytes.length);
    if (text === undefined) return rejection('invalid_utf8', 'the value is not valid UTF-8');
    const answer = this.#decodeText(text);
    return 'kind' in answer ? answer : checked(answer);
  }
}

/** A topic has posts one by one: more of them would not fit a frame. */
function checked(answers: readonly Decoded[]): Answer {
  const postCount = answers.filter(({ kind }) => kind === 'post').length;
  if (postCount > 1) return rejection('wrong_type', `the value holds ${postCount} posts, must hold one`);
  if (answers.length <= ANSWERS_MAX) return answers;
  return rejection('field_too_long', `the value says ${answers.length} things, at most ${ANSWERS_MAX}`);
}

function formatOf({ id, type, schema, references }: ResolvedSchema): Format {
  if (type === 'JSON') return { kind: 'json' };
  if (type !== 'AVRO') {
    return { kind: 'unusable', detail: `schema ${id} is of type ${type}, must be AVRO or JSON` };
  }
  try {
    return { kind: 'avro', reader: compileAvro(schema, references, strictText) };
  } catch (error) {
    if (!(error instanceof UnusableSchemaError)) throw error;
    return { kind: 'unusable', detail: `schema ${id}: ${error.message}` };
  }
}

function strictText(bytes: Uint8Array, start: number, end: number): string | undefined {
  const text = (bytes as Buffer).toString('utf8', start, end);
  return text.includes(REPLACEMENT) && !isUtf8(bytes.subarray(start, end)) ? undefined : text;
}

function rejection(reason: RejectionReason, detail: string): Decoded {
  return { kind: 'rejection', reason, detail };
}
