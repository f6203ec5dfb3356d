/**
 * Alerts -> values of the alerts topic, and back. The bytes are a function of the alert alone: the same alert gives the same
 * bytes in every process, so a reader that sees a revision twice sees no difference.
 */
import { Buffer } from 'node:buffer';
import avro from 'avsc';
import { FRAMING_BYTES, writeFraming } from '../consumers/formats/confluent.ts';
import type { Alert } from '../model.ts';

export type AlertEncoding =
  | { readonly kind: 'json' }
  | { readonly kind: 'framed-json'; readonly schemaId: number }
  | {
      readonly kind: 'framed-avro';
      readonly schemaId: number;
      /** Text of `schemas/alert.v1.avsc`. */ readonly schema: string;
    };

export interface AlertCodec {
  /** For the header. */
  readonly contentType: string;
  encode(alert: Alert): Buffer;
  /** The alert of a value that `encode` made. @throws Error for other bytes */
  decode(value: Uint8Array): Alert;
}

export function alertCodec(encoding: AlertEncoding): AlertCodec {
  switch (encoding.kind) {
    case 'json':
      return {
        contentType: 'application/json',
        encode: (alert) => Buffer.from(JSON.stringify(alert)),
        decode: (value) => JSON.parse(asBuffer(value).toString()) as Alert,
      };
    case 'framed-json':
      return framedCodec('application/json', encoding.schemaId, {
        encode: (alert) => Buffer.from(JSON.stringify(alert)),
        decode: (payload) => JSON.parse(payload.toString()) as Alert,
      });
    case 'framed-avro': {
      const type = avro.Type.forSchema(JSON.parse(encoding.schema) as avro.Schema, {
        logicalTypes: { 'timestamp-millis': Instant },
      });
      return framedCodec('application/avro', encoding.schemaId, {
        encode: (alert) => type.toBuffer(alert),
        decode: (payload) => withoutNulls(type.fromBuffer(payload)) as Alert,
      });
    }
  }
}

interface PayloadCodec {
  encode(alert: Alert): Buffer;
  decode(payload: Buffer): Alert;
}

function framedCodec(contentType: string, schemaId: number, payloads: PayloadCodec): AlertCodec {
  const framing = Buffer.alloc(FRAMING_BYTES);
  writeFraming(framing, schemaId);
  return {
    contentType: `${contentType};framing=confluent`,
    encode: (alert) => Buffer.concat([framing, payloads.encode(alert)]),
    decode: (value) => payloads.decode(asBuffer(value).subarray(FRAMING_BYTES)),
  };
}

function asBuffer(value: Uint8Array): Buffer {
  return Buffer.from(value.buffer, value.byteOffset, value.byteLength);
}

/** A time of an alert, which is ISO 8601 in JSON and a count of ms in Avro. */
class Instant extends avro.types.LogicalType {
  protected override _fromValue(ms: number): string {
    return new Date(ms).toISOString();
  }

  protected override _toValue(time: string): number {
    return Date.parse(time);
  }
}

/** What is not there is null in Avro, and no field at all in an alert. Fields keep their order, so the JSON is the same too. */
function withoutNulls(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutNulls);
  if (typeof value !== 'object' || value === null) return value;
  const fields = Object.entries(value).filter(([, field]) => field !== null);
  return Object.fromEntries(fields.map(([name, field]) => [name, withoutNulls(field)]));
}
