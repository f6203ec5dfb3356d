/** YAML, as settings and lists are written in. */
import { createRequire } from 'node:module';

/** No aliases: a setting has nothing to share with another, and a few lines of them can fill the memory. */
const OPTIONS = { maxAliasCount: 0, logLevel: 'error' } as const;

const require = createRequire(import.meta.url);

/** Loaded at the first file: it takes as long as all else that a replay loads. @throws Error with a place in the text */
export function parseYaml(text: string): unknown {
  const { parse } = require('yaml') as typeof import('yaml');
  return parse(text, OPTIONS);
}
