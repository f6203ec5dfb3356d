/**
 * Values of an input topic -> posts: canonical JSON, or behind a registry's framing canonical JSON or Avro.
 *
 * A value is decoded at once where its schema is known, which is nearly always; only while a schema is asked for is the
 * answer a promise. A registry that does not answer is no fault of the post: the promise rejects with a retryable
 * `registry_unavailable`, and the caller asks again. Bad values are rejections, as everywhere.
 */
import { Buffer, isUtf8 } from 'node:buffer';
import { LRUCache } from 'lru-cache';
import { compileAvro, UnusableSchemaError, type AvroReader } from '../consumers/formats/avro.ts';
import { decodeCanonical, decodeFields } from '../consumers/formats/canonical.ts';
import { FRAMING_BYTES, isSchemaId, schemaIdOf } from '../consumers/formats/confluent.ts';
import { LINE_BYTES_MAX } from '../consumers/lines.ts';
import type { Decoded, RejectionReason } from '../model.ts';
import type { Registry, ResolvedSchema } from './registry.ts';

type Format =
  | { readonly kind: 'json' }
  | { readonly kind: 'avro'; readonly reader: AvroReader }
  | { readonly kind: 'unusable'; readonly detail: string };

const FORMATS_MAX = 1000;
/** What Buffer makes of bytes that are no UTF-8. A text may have it of its own, so it only calls for a closer look. */
const REPLACEMENT = '\uFFFD';

export class RecordDecoder {
  readonly #registry: Registry | undefined;
  readonly #formats = new LRUCache<number, Format>({ max: FORMATS_MAX });
  // Feeds have one schema for long stretches: this saves the look into the cache (50 ns).
  #lastId = -1;
  #lastFormat: Format | undefined;

  /** @param registry undefined where none is configured: framed values are then rejected */
  constructor(registry?: Registry) {
    this.#registry = registry;
  }

  /** @throws ChorusError by the promise, `registry_unavailable` (retryable) or `registry_denied` */
  decode(value: Uint8Array): Decoded | Promise<Decoded> {
    const bytes = Buffer.isBuffer(value) ? value : Buffer.from(value.buffer, value.byteOffset, value.byteLength);
    if (bytes.length > LINE_BYTES_MAX) {
      return rejection('line_too_long', `the value has ${bytes.length} bytes, at most ${LINE_BYTES_MAX}`);
    }
    const id = schemaIdOf(bytes);
    if (id === undefined) return decodeJson(bytes, 0);
    const format = id === this.#lastId ? this.#lastFormat : this.#formats.get(id);
    if (format === undefined) return this.#resolve(id, bytes);
    this.#lastId = id;
    this.#lastFormat = format;
    return decodeFramed(format, bytes);
  }

  async #resolve(id: number, bytes: Buffer): Promise<Decoded> {
    if (this.#registry === undefined) {
      return rejection('unknown_schema', `the value has schema id ${id}, but no registry is configured`);
    }
    const schema = isSchemaId(id) ? await this.#registry.schema(id) : undefined;
    if (schema === undefined) return rejection('unknown_schema', `the registry does not know schema id ${id}`);
    const format = this.#formats.get(id) ?? formatOf(schema);
    this.#formats.set(id, format);
    return decodeFramed(format, bytes);
  }
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

function decodeFramed(format: Format, bytes: Buffer): Decoded {
  if (format.kind === 'json') return decodeJson(bytes, FRAMING_BYTES);
  if (format.kind === 'unusable') return rejection('unusable_schema', format.detail);
  const result = format.reader.read(bytes, FRAMING_BYTES);
  if (result.kind === 'fields') return decodeFields(result.fields, result.hasNul);
  return rejection(result.isUtf8Fault ? 'invalid_utf8' : 'invalid_avro', result.detail);
}

function decodeJson(bytes: Buffer, start: number): Decoded {
  const text = strictText(bytes, start, bytes.length);
  if (text === undefined) return rejection('invalid_utf8', 'the value is not valid UTF-8');
  return decodeCanonical(text);
}

function strictText(bytes: Uint8Array, start: number, end: number): string | undefined {
  const text = (bytes as Buffer).toString('utf8', start, end);
  return text.includes(REPLACEMENT) && !isUtf8(bytes.subarray(start, end)) ? undefined : text;
}

function rejection(reason: RejectionReason, detail: string): Decoded {
  return { kind: 'rejection', reason, detail };
}
