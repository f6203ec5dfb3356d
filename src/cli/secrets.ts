/**
 * Passwords, tokens, passphrases: where they come from, and that no message shows one.
 *
 * From the environment, else from a file that a setting names; never from the command line, where every user of the machine
 * reads it, nor from the file of the settings, which is kept with the code.
 */
import { readFileSync } from 'node:fs';
import type { ConfigProblem } from '../errors.ts';

const HIDDEN = '(hidden)';

/** Where to give what people try to give in the file: by the end of the name they choose for it. */
const SOURCES: ReadonlyMap<string, string> = new Map([
  ['kafka.sasl.password', 'CHORUS_KAFKA_PASSWORD'],
  ['kafka.sasl.token', 'CHORUS_KAFKA_TOKEN'],
  ['kafka.sasl.clientSecret', 'CHORUS_KAFKA_CLIENT_SECRET'],
  ['kafka.tls.passphrase', 'CHORUS_KAFKA_KEY_PASSPHRASE'],
  ['feed.token', 'CHORUS_FEED_TOKEN'],
  ['registry.password', 'CHORUS_REGISTRY_PASSWORD'],
  ['registry.token', 'CHORUS_REGISTRY_TOKEN'],
]);

export type Environment = Readonly<Record<string, string | undefined>>;

/** What to say of a secret in the file of the settings; undefined for any other name. */
export function secretAdvice(name: string): string | undefined {
  const variable = SOURCES.get(name);
  return variable && `left out of this file: give it as ${variable} in the environment, or in a file as ${name}File`;
}

/** A value as a message may show it. */
export function shown(name: string, value: unknown): unknown {
  if (isSecretName(name)) return HIDDEN;
  if (typeof value === 'string') return value.includes('@') || value.includes('PRIVATE KEY') ? HIDDEN : value;
  return typeof value === 'object' && value !== null && holdsSecret(value) ? HIDDEN : value;
}

/** `passwordFile` and the like are paths. */
function isSecretName(name: string): boolean {
  return /passw|pwd|secret|token|passphrase|credential|apikey|sasl$/i.test(name) && !/(File|Url)$/.test(name);
}

function holdsSecret(value: object): boolean {
  return Object.entries(value).some(([key, inner]) => shown(key, inner) === HIDDEN);
}

/**
 * A secret by the name of its setting, without `File`. The environment wins.
 * @param problems takes what is wrong with the file
 */
export function readSecret(
  name: string,
  file: string | undefined,
  env: Environment,
  problems: ConfigProblem[],
): string | undefined {
  const given = env[SOURCES.get(name)!];
  if (given !== undefined && given !== '') return given;
  if (file === undefined) return undefined;
  const text = readText(`${name}File`, file, problems)?.replace(/\r?\n$/, '');
  if (text === '') problems.push({ name: `${name}File`, value: file, bound: 'a file that is not empty' });
  return text === '' ? undefined : text;
}

/** What to say of one that is needed and not given. */
export function missingSecret(name: string): ConfigProblem {
  return { name: `${name}File`, value: undefined, bound: `given, or ${SOURCES.get(name)!} in the environment` };
}

export function readText(name: string, file: string, problems: ConfigProblem[]): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch (cause) {
    problems.push({ name, value: file, bound: `a file that can be read (${(cause as Error).message})` });
    return undefined;
  }
}
