/**
 * The framing that Schema Registry serializers put before a value: a magic byte 0, the schema id (32 bits, big endian), the
 * payload. Pure. No JSON text begins with a byte 0, so the first byte tells a framed value from a plain one.
 *
 * https://docs.confluent.io/platform/current/schema-registry/fundamentals/serdes-develop/index.html#wire-format
 */
export const FRAMING_BYTES = 5;
const MAGIC = 0;
const ID_MAX = 0x7f_ff_ff_ff;

/** The schema id of a framed value; undefined for a value that is not framed. An id may be beyond what registries give. */
export function schemaIdOf(value: Uint8Array): number | undefined {
  if (value.length < FRAMING_BYTES || value[0] !== MAGIC) return undefined;
  return ((value[1]! << 24) | (value[2]! << 16) | (value[3]! << 8) | value[4]!) >>> 0;
}

/** Registries count in signed 32 bits: an id beyond is garbage, and asking for it brings anything from 404 to 500. */
export function isSchemaId(id: number): boolean {
  return Number.isInteger(id) && id >= 0 && id <= ID_MAX;
}

/** Writes the framing at the start of `target`. */
export function writeFraming(target: Uint8Array, schemaId: number): void {
  target[0] = MAGIC;
  target[1] = schemaId >>> 24;
  target[2] = schemaId >>> 16;
  target[3] = schemaId >>> 8;
  target[4] = schemaId;
}
