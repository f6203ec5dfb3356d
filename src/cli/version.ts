import { readFileSync } from 'node:fs';

const manifest = new URL('../../package.json', import.meta.url);

/** The version of package.json. */
export const VERSION = (JSON.parse(readFileSync(manifest, 'utf8')) as { version: string }).version;

/** How an alert names what made it. */
export const ENGINE = `chorus/${VERSION}`;
