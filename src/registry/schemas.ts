/** The schemas that Chorus publishes, in the form in which a registry keeps them. */
import { readFileSync } from 'node:fs';
import type { SchemaText } from './registry.ts';

export const SCHEMA_FORMATS = ['json', 'avro'] as const;
export type SchemaFormat = (typeof SCHEMA_FORMATS)[number];

/**
 * Registries compare JSON Schemas with a library that knows no draft after this one: under 2020-12 each later version of a
 * subject is answered with status 500 (Apicurio 3.0.9). Nothing in our schemas is newer than it.
 */
const JSON_SCHEMA_DRAFT = 'http://json-schema.org/draft-07/schema#';

/** Without white space: registries look up a schema by its text. */
export function publishedSchema(of: 'alert' | 'post', format: SchemaFormat): SchemaText {
  const name = format === 'json' ? `${of}.v1.schema.json` : `${of}.v1.avsc`;
  // The same two folders up from src/registry/ and from dist/registry/.
  const schema = JSON.parse(readFileSync(new URL(`../../schemas/${name}`, import.meta.url), 'utf8')) as object;
  if (format === 'avro') return { type: 'AVRO', schema: JSON.stringify(schema) };
  return { type: 'JSON', schema: JSON.stringify({ ...schema, $schema: JSON_SCHEMA_DRAFT }) };
}
