/** The schemas in the form that goes to a registry say the same as the files. */
import { readFileSync } from 'node:fs';
import { Ajv } from 'ajv';
import addFormats from 'ajv-formats';
import { describe, expect, test } from 'vitest';
import { publishedSchema } from '../../src/registry/schemas.ts';

function read(name: string): unknown {
  return JSON.parse(readFileSync(new URL(`../../schemas/${name}`, import.meta.url), 'utf8'));
}

describe.each(['alert', 'post'] as const)('%s', (of) => {
  test('JSON: nothing in it is newer than the draft that it names, and the examples are what their names say', () => {
    const ajv = new Ajv({ allErrors: true, strict: true, allowUnionTypes: true });
    addFormats.default(ajv);
    const { type, schema } = publishedSchema(of, 'json');
    // A keyword that draft-07 does not know is refused here.
    const isValid = ajv.compile(JSON.parse(schema) as object);
    expect(type).toBe('JSON');
    expect(isValid(read(`examples/${of}.v1.valid.json`)) || isValid.errors).toBe(true);
    expect(isValid(read(`examples/${of}.v1.invalid.json`))).toBe(false);
  });

  test('Avro: the file, without white space', () => {
    const { type, schema } = publishedSchema(of, 'avro');
    expect(type).toBe('AVRO');
    expect(schema).toBe(JSON.stringify(read(`${of}.v1.avsc`)));
  });
});
