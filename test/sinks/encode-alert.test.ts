import { readFileSync } from 'node:fs';
import avro from 'avsc';
import { describe, expect, test } from 'vitest';
import type { Alert } from '../../src/model.ts';
import { publishedSchema } from '../../src/registry/schemas.ts';
import { alertCodec, type AlertEncoding } from '../../src/sinks/encode-alert.ts';

const AVRO = publishedSchema('alert', 'avro');
const ENCODINGS: readonly AlertEncoding[] = [
  { kind: 'json' },
  { kind: 'framed-json', schemaId: 0x01_02_03_04 },
  { kind: 'framed-avro', schemaId: 0x01_02_03_04, schema: AVRO.schema },
];

function json(path: string): unknown {
  return JSON.parse(readFileSync(new URL(`../../schemas/${path}`, import.meta.url), 'utf8'));
}

/** As the engine gives them: an example that was changed by a spread has `mergedInto` last. */
function withFieldsInOrder(alert: Alert): Alert {
  const { schema, id, revision, status, mergedInto, ...rest } = alert;
  return { schema, id, revision, status, ...(mergedInto === undefined ? {} : { mergedInto }), ...rest };
}

const example = json('examples/alert.v1.valid.json') as Alert;
const ALERTS: readonly Alert[] = [
  ...readFileSync(new URL('../golden/harbour.alerts.ndjson', import.meta.url), 'utf8')
    .trim()
    .split('\n')
    .map((line) => ({ ...(JSON.parse(line) as Alert), engine: example.engine, topology: example.topology })),
  example,
  withFieldsInOrder({
    ...example,
    status: 'merged',
    mergedInto: '0123456789abcdef',
    postCount: 2 ** 40,
    text: 'Grüße 👋\n\u2028',
    platforms: { 'x.y': 1, '7': 2, twitter: 3 },
    revisedAt: '1970-01-01T00:00:00.000Z',
    openedAt: '9999-12-31T23:59:59.999Z',
  }),
];

describe.each(ENCODINGS)('$kind', (encoding) => {
  test('an alert comes back as it was, to the order of its fields', () => {
    const codec = alertCodec(encoding);
    for (const alert of ALERTS) {
      const back = codec.decode(codec.encode(alert));
      expect(back).toStrictEqual(alert);
      expect(JSON.stringify(back)).toBe(JSON.stringify(alert));
    }
  });

  test('the same alert gives the same bytes, here and in another codec', () => {
    const [one, other] = [alertCodec(encoding), alertCodec(encoding)];
    for (const alert of ALERTS) {
      const bytes = one.encode(alert);
      one.encode(ALERTS[0]!);
      expect(other.encode(structuredClone(alert)).equals(bytes)).toBe(true);
    }
  });
});

test('framing: a byte 0, the schema id, the payload', () => {
  const bytes = alertCodec(ENCODINGS[1]!).encode(example);
  expect([...bytes.subarray(0, 5)]).toEqual([0, 1, 2, 3, 4]);
  expect(bytes.subarray(5).toString()).toBe(JSON.stringify(example));
  expect([...alertCodec(ENCODINGS[2]!).encode(example).subarray(0, 5)]).toEqual([0, 1, 2, 3, 4]);
});

test('content types tell the encodings apart', () => {
  expect(ENCODINGS.map((encoding) => alertCodec(encoding).contentType)).toEqual([
    'application/json',
    'application/json;framing=confluent',
    'application/avro;framing=confluent',
  ]);
});

describe('the Avro schemas', () => {
  const types = {
    alert: avro.Type.forSchema(json('alert.v1.avsc') as avro.Schema, { wrapUnions: 'always' }),
    post: avro.Type.forSchema(json('post.v1.avsc') as avro.Schema, { wrapUnions: 'always' }),
  };

  test.each(['alert', 'post'] as const)('the examples of %s are what their names say', (of) => {
    expect(() => types[of].fromString(JSON.stringify(json(`examples/${of}.v1.avro.valid.json`)))).not.toThrow();
    expect(() => types[of].fromString(JSON.stringify(json(`examples/${of}.v1.avro.invalid.json`)))).toThrow('invalid');
  });

  test('the valid example is that of the JSON Schema', () => {
    const codec = alertCodec(ENCODINGS[2]!);
    const value = types.alert.fromString(JSON.stringify(json('examples/alert.v1.avro.valid.json')));
    expect(codec.decode(Buffer.concat([Buffer.alloc(5), types.alert.toBuffer(value)]))).toStrictEqual(example);
  });

  interface Field {
    readonly name: string;
    readonly default?: unknown;
    readonly doc?: string;
  }
  test.each(['alert', 'post'] as const)('%s has the fields of its JSON Schema, optional where they are', (of) => {
    const { fields } = json(`${of}.v1.avsc`) as { fields: Field[] };
    const schema = json(`${of}.v1.schema.json`) as {
      properties: Record<string, object>;
      required: string[];
      /** What is required of a post, but not of a deletion. */
      else?: { required: string[] };
    };
    const required = [...schema.required, ...(schema.else?.required ?? [])];
    expect(fields.map(({ name }) => name)).toEqual(Object.keys(schema.properties));
    expect(fields.filter((field) => field.default !== null).map(({ name }) => name)).toEqual(
      Object.keys(schema.properties).filter((name) => required.includes(name)),
    );
    expect(fields.filter(({ doc }) => doc === undefined)).toEqual([]);
  });
});
