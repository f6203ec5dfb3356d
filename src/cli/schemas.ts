/**
 * `chorus schemas register|check`: the schemas of alerts and posts under the subjects of their topics.
 *
 * Nothing that holds for the whole registry is set or asked to be set. Registering is refused by the registry where the
 * subject's compatibility level forbids the change; a subject that is new gets the level BACKWARD.
 */
import { readFileSync } from 'node:fs';
import type { Command } from 'commander';
import { ChorusError, ConfigError, type ConfigProblem } from '../errors.ts';
import { openRegistry, REGISTRY_DEFAULTS, type RegistrySettings } from '../registry/client.ts';
import type { Registry, SchemaText } from '../registry/registry.ts';
import { publishedSchema, SCHEMA_FORMATS, type SchemaFormat } from '../registry/schemas.ts';
import { parseDurationMs } from './duration.ts';
import { EXIT } from './exit.ts';

export interface SchemasFlags {
  readonly registry?: string;
  readonly alerts?: string;
  readonly posts?: string;
  readonly format?: string;
  readonly user?: string;
  readonly ca?: string;
  readonly wait?: string;
}

const NEW_LEVEL = 'BACKWARD';
const NO_LEVEL = 'NONE';
const ONE_FORMAT = 'a subject keeps one format, see --format';
const WAIT_DEFAULT = '10s';

interface Item {
  readonly subject: string;
  readonly schema: SchemaText;
}

/** A line for people, and whether all is well. */
interface Finding {
  readonly line: string;
  readonly isGood: boolean;
}

export type SchemasAction = keyof typeof ACTIONS;

const ACTIONS = {
  register: { act: registerItem, description: 'register what is not there; an incompatible change is refused' },
  check: { act: checkItem, description: 'say whether they are registered, or could be; changes nothing' },
} as const;

export function addSchemasCommand(program: Command): void {
  const schemas = program.command('schemas').description('register or check the schemas of alerts and posts');
  for (const [name, { description }] of Object.entries(ACTIONS)) {
    schemas
      .command(name)
      .description(description)
      .option('--registry <url>', 'base of the Confluent-compatible API (or CHORUS_REGISTRY_URL)')
      .option('--alerts <topic>', 'topic of the alerts; the subject is <topic>-value')
      .option('--posts <topic>', 'topic of the posts; the subject is <topic>-value')
      .option('--format <format>', SCHEMA_FORMATS.join(' or '), 'json')
      .option('--user <name>', 'user name (the password: CHORUS_REGISTRY_PASSWORD)')
      .option('--ca <file>', 'certificates to trust, PEM')
      .option('--wait <duration>', `how long to wait for a registry that does not answer (default: ${WAIT_DEFAULT})`)
      .addHelpText(
        'after',
        `
Example:
  chorus schemas ${name} --registry http://localhost:8081 --alerts chorus-alerts --format avro

CHORUS_REGISTRY_PASSWORD or CHORUS_REGISTRY_TOKEN in the environment is the secret.`,
      )
      .action(async (flags: SchemasFlags) => {
        process.exitCode = await schemasCommand(name as SchemasAction, flags, process.env, (line) =>
          process.stdout.write(line),
        );
      });
  }
}

/** @returns the exit code. @throws ConfigError, ChorusError `registry_unavailable`, `schema_incompatible` and others */
export async function schemasCommand(
  action: SchemasAction,
  flags: SchemasFlags,
  env: Readonly<Record<string, string | undefined>>,
  write: (text: string) => void,
): Promise<number> {
  const { settings, items } = parsedFlags(flags, env);
  const registry = await openRegistry(settings, {
    onWait: (detail, waitedMs) => process.stderr.write(`chorus: ${detail}; waiting (${waitedMs} ms so far)\n`),
  });
  try {
    let isGood = true;
    for (const item of items) {
      const finding = await ACTIONS[action].act(registry, item);
      write(`${item.subject}: ${finding.line}\n`);
      isGood &&= finding.isGood;
    }
    return isGood ? EXIT.done : EXIT.failed;
  } finally {
    registry.close();
  }
}

/** @throws ChorusError `schema_incompatible` */
async function registerItem(registry: Registry, { subject, schema }: Item): Promise<Finding> {
  const known = await registry.id(subject, schema);
  if (known !== undefined) return { line: `unchanged, schema id ${known}`, isGood: true };
  const latest = await registry.latest(subject);
  const isNew = latest === undefined;
  if (!isNew && latest.type !== schema.type) {
    throw new ChorusError(
      'schema_incompatible',
      `${subject}: version ${latest.version} is of type ${latest.type}, not ${schema.type}; ${ONE_FORMAT}`,
    );
  }
  const before = await registry.compatibility(subject);
  const isOurs = isNew && !before.isOwn;
  // Before a version is there, so that no other writer comes in between without a check.
  if (isOurs) await registry.setCompatibility(subject, NEW_LEVEL);
  const id = await registry.register(subject, schema);
  const version = (await registry.latest(subject))?.version ?? 1;
  let about = `compatible by ${before.level}`;
  if (isOurs) about = `compatibility set to ${NEW_LEVEL}, as the subject is new`;
  else if (before.level === NO_LEVEL) about = unchecked(subject);
  return { line: `registered ${schema.type}, schema id ${id}, version ${version}; ${about}`, isGood: true };
}

async function checkItem(registry: Registry, { subject, schema }: Item): Promise<Finding> {
  const known = await registry.id(subject, schema);
  if (known !== undefined) return { line: `registered, schema id ${known}`, isGood: true };
  const latest = await registry.latest(subject);
  if (latest === undefined) {
    return { line: 'not registered, the subject is new; register it with "chorus schemas register"', isGood: false };
  }
  const { level } = await registry.compatibility(subject);
  const other = `not registered; version ${latest.version} is another ${latest.type} schema (id ${latest.id})`;
  if (latest.type !== schema.type) {
    return { line: `${other}, not ${schema.type}; ${ONE_FORMAT}`, isGood: false };
  }
  if (level === NO_LEVEL) return { line: `${other}; ${unchecked(subject)}`, isGood: false };
  const line = (await registry.isCompatible(subject, schema))
    ? `${other}, which this one may follow by ${level}; register it with "chorus schemas register"`
    : `${other}, and this one is incompatible with it by ${level}`;
  return { line, isGood: false };
}

function unchecked(subject: string): string {
  return `the registry checks nothing, compatibility is ${NO_LEVEL} (set it for ${subject} to have it checked)`;
}

/** @throws ConfigError with all that is wrong */
function parsedFlags(
  flags: SchemasFlags,
  env: Readonly<Record<string, string | undefined>>,
): { settings: RegistrySettings; items: Item[] } {
  const problems: ConfigProblem[] = [];
  const url = flags.registry ?? env['CHORUS_REGISTRY_URL'] ?? '';
  if (url === '') problems.push({ name: '--registry', value: undefined, bound: 'the URL of a schema registry' });
  const format = flags.format ?? 'json';
  if (!SCHEMA_FORMATS.includes(format as SchemaFormat)) {
    problems.push({ name: '--format', value: format, bound: SCHEMA_FORMATS.join(' or ') });
  }
  if (flags.alerts === undefined && flags.posts === undefined) {
    problems.push({ name: '--alerts', value: undefined, bound: 'a topic, or --posts one' });
  } else if (flags.alerts === flags.posts) {
    problems.push({ name: '--posts', value: flags.posts, bound: 'another topic than --alerts' });
  }
  const retryMs = parseDurationMs(flags.wait ?? WAIT_DEFAULT);
  if (retryMs === undefined)
    problems.push({ name: '--wait', value: flags.wait, bound: 'a duration such as 10s or 2m' });
  const password = env['CHORUS_REGISTRY_PASSWORD'];
  if (flags.user !== undefined && password === undefined) {
    problems.push({ name: 'CHORUS_REGISTRY_PASSWORD', value: undefined, bound: 'set along with --user' });
  }
  const ca = flags.ca === undefined ? undefined : certificates(flags.ca, problems);
  if (problems.length > 0 || retryMs === undefined) throw new ConfigError(problems);

  const token = env['CHORUS_REGISTRY_TOKEN'];
  return {
    settings: {
      url,
      ...(flags.user === undefined ? {} : { username: flags.user }),
      ...(password === undefined ? {} : { password }),
      ...(token === undefined ? {} : { token }),
      ...(ca === undefined ? {} : { ca }),
      timeoutMs: REGISTRY_DEFAULTS.timeoutMs,
      retryMs,
    },
    items: [...itemOf('alert', flags.alerts, format), ...itemOf('post', flags.posts, format)],
  };
}

function itemOf(of: 'alert' | 'post', topic: string | undefined, format: string): Item[] {
  if (topic === undefined) return [];
  return [{ subject: `${topic}-value`, schema: publishedSchema(of, format as SchemaFormat) }];
}

function certificates(path: string, problems: ConfigProblem[]): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (cause) {
    problems.push({ name: '--ca', value: path, bound: `a file that can be read (${(cause as Error).message})` });
    return undefined;
  }
}
