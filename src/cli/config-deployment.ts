/**
 * The configuration of a deployment: what `chorus run` and `chorus topics` need beyond the settings, with secrets and
 * certificates read. Plain values, so that a worker thread can be given them.
 */
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { ConfigError, type ConfigProblem } from '../errors.ts';
import type { KafkaSettings, SaslSettings, TlsSettings } from '../kafka/client.ts';
import {
  tokenFromClientCredentials,
  tokenFromEnvironment,
  tokenFromFile,
  type ClientCredentials,
  type TokenProvider,
} from '../kafka/oauth.ts';
import type { RegistrySettings } from '../registry/client.ts';
import type { DeploymentSettings, DeploymentTopics, StageName } from '../runtime/deployment.ts';
import type { SinkSettings } from '../runtime/sinks.ts';
import type { Settings } from '../settings.ts';
import { describe } from './config-bounds.ts';
import { ENTRIES, readConfig, type ConfigSources } from './config.ts';
import type { ShellSettings } from './config-shell.ts';
import { sinksOf } from './config-sinks.ts';
import { internalTopics } from './config-together.ts';
import { loadEvidence } from './evidence-files.ts';
import { missingSecret, readSecret, readText, type Environment } from './secrets.ts';
import { loadTable } from './table.ts';
import { ENGINE } from './version.ts';

export interface DeploymentConfig {
  readonly settings: Settings;
  readonly shell: ShellSettings;
  readonly topics: DeploymentTopics;
  readonly brokers: readonly string[];
  readonly tls: TlsSettings | undefined;
  readonly sasl: SaslConfig | undefined;
  readonly registry: RegistrySettings | undefined;
  readonly sinks: readonly SinkSettings[];
}

export type SaslConfig =
  | Exclude<SaslSettings, { readonly mechanism: 'oauthbearer' }>
  | { readonly mechanism: 'oauthbearer'; readonly token: TokenSource };

type TokenSource =
  | { readonly from: 'file'; readonly path: string }
  | { readonly from: 'environment'; readonly variable: string }
  | { readonly from: 'endpoint'; readonly credentials: ClientCredentials };

const TOKEN_VARIABLE = 'CHORUS_KAFKA_TOKEN';

/** @throws ConfigError with all problems of the file, the environment and the files that it names. */
export function loadDeployment(sources: ConfigSources, env: Environment): DeploymentConfig {
  const { settings, shell, problems } = readConfig(sources);
  const known = new Set(problems.map(({ name }) => name));
  const more: ConfigProblem[] = [];
  const { kafka } = shell;
  const brokers = required('kafka.brokers', kafka.brokers, more) ?? [];
  const feed = required('kafka.topic', kafka.topic, more) ?? '';
  const tls = tlsOf(kafka.tls, env, more);
  const sasl = saslOf(kafka.sasl, env, more);
  const registry = registryOf(shell.registry, env, more);
  const { prefix, alertsTopic: alerts, deadLettersTopic: deadLetters } = kafka;
  const topics = { feed, ...internalTopics(prefix), alerts, deadLetters };
  const sinks = sinksOf(
    shell.sinks ?? [],
    env,
    new Set(Object.values(topics).filter((topic) => topic !== undefined)),
    more,
  );
  // What is out of bounds already is not missing as well, and without the file everything is.
  if (!known.has('config')) problems.push(...more.filter(({ name }) => !known.has(name)));
  if (problems.length > 0) throw new ConfigError(problems);
  return { settings, shell, topics, brokers, tls, sasl, registry, sinks };
}

function required<T>(name: string, value: T | undefined, problems: ConfigProblem[]): T | undefined {
  if (value === undefined) problems.push({ name, value, bound: describe(ENTRIES.get(name)!.bound) });
  return value;
}

function tlsOf(
  tls: ShellSettings['kafka']['tls'],
  env: Environment,
  problems: ConfigProblem[],
): TlsSettings | undefined {
  const { enabled, ca, cert, key, servername, rejectUnauthorized } = tls;
  const isAsked = [ca, cert, key, servername].some((value) => value !== undefined) || !rejectUnauthorized;
  if (!(enabled ?? isAsked)) return undefined;
  const text = (part: 'ca' | 'cert' | 'key', path: string | undefined): string | undefined =>
    path === undefined ? undefined : readText(`kafka.tls.${part}`, path, problems);
  const parts = {
    ca: text('ca', ca),
    cert: text('cert', cert),
    key: text('key', key),
    passphrase: readSecret('kafka.tls.passphrase', tls.passphraseFile, env, problems),
  };
  checkPem('kafka.tls.ca', ca, parts.ca, 'certificates', (pem) => new X509Certificate(pem), problems);
  checkPem('kafka.tls.cert', cert, parts.cert, 'a certificate', (pem) => new X509Certificate(pem), problems);
  checkPem('kafka.tls.key', key, parts.key, 'a private key', (pem) => privateKey(pem, parts.passphrase), problems);
  return given({ ...parts, servername, rejectUnauthorized });
}

function privateKey(pem: string, passphrase: string | undefined): unknown {
  return createPrivateKey(passphrase === undefined ? pem : { key: pem, passphrase });
}

/** Here, where the path is known: Node tells of it only when it connects, or takes no notice. */
function checkPem(
  name: string,
  path: string | undefined,
  pem: string | undefined,
  what: string,
  read: (pem: string) => unknown,
  problems: ConfigProblem[],
): void {
  if (pem === undefined) return;
  try {
    read(pem);
  } catch (cause) {
    problems.push({ name, value: path, bound: `a PEM file with ${what} (${(cause as Error).message})` });
  }
}

function saslOf(
  sasl: ShellSettings['kafka']['sasl'],
  env: Environment,
  problems: ConfigProblem[],
): SaslConfig | undefined {
  const { mechanism, username } = sasl;
  if (mechanism === undefined) return undefined;
  if (mechanism === 'oauthbearer') {
    const token = tokenSource(sasl, env, problems);
    return token && { mechanism, token };
  }
  const password = readSecret('kafka.sasl.password', sasl.passwordFile, env, problems);
  if (password === undefined && sasl.passwordFile === undefined) problems.push(missingSecret('kafka.sasl.password'));
  return username === undefined || password === undefined ? undefined : { mechanism, username, password };
}

function tokenSource(
  sasl: ShellSettings['kafka']['sasl'],
  env: Environment,
  problems: ConfigProblem[],
): TokenSource | undefined {
  const { tokenUrl: url, clientId, tokenFile, scope } = sasl;
  if (url !== undefined) {
    const clientSecret = readSecret('kafka.sasl.clientSecret', sasl.clientSecretFile, env, problems);
    if (clientSecret === undefined) {
      if (sasl.clientSecretFile === undefined) problems.push(missingSecret('kafka.sasl.clientSecret'));
      return undefined;
    }
    if (clientId === undefined) return undefined;
    const credentials = { url, clientId, clientSecret, ...given({ scope }) };
    checkEndpoint(credentials, problems);
    return { from: 'endpoint', credentials };
  }
  // The file comes first here: a token runs out, and only a file can be given a new one while the program runs.
  if (tokenFile !== undefined) {
    readSecret('kafka.sasl.token', tokenFile, {}, problems);
    return { from: 'file', path: tokenFile };
  }
  if (env[TOKEN_VARIABLE] !== undefined && env[TOKEN_VARIABLE] !== '') {
    return { from: 'environment', variable: TOKEN_VARIABLE };
  }
  problems.push(missingSecret('kafka.sasl.token'));
  return undefined;
}

function checkEndpoint(credentials: ClientCredentials, problems: ConfigProblem[]): void {
  try {
    tokenFromClientCredentials(credentials);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    problems.push(...error.problems.map((problem) => ({ ...problem, name: 'kafka.sasl.tokenUrl' })));
  }
}

function registryOf(
  registry: ShellSettings['registry'],
  env: Environment,
  problems: ConfigProblem[],
): RegistrySettings | undefined {
  const { url, username, timeoutMs, retryMs } = registry;
  if (url === undefined) return undefined;
  const isUser = username !== undefined;
  const password = isUser ? readSecret('registry.password', registry.passwordFile, env, problems) : undefined;
  if (isUser && password === undefined && registry.passwordFile === undefined) {
    problems.push(missingSecret('registry.password'));
  }
  const token = isUser ? undefined : readSecret('registry.token', registry.tokenFile, env, problems);
  const ca = registry.ca === undefined ? undefined : readText('registry.ca', registry.ca, problems);
  checkPem('registry.ca', registry.ca, ca, 'certificates', (pem) => new X509Certificate(pem), problems);
  return { url, timeoutMs, retryMs, ...given({ username, password, token, ca }) };
}

type Given<T> = { [Key in keyof T]?: Exclude<T[Key], undefined> };

/** Without what is undefined. */
function given<T extends object>(values: T): Given<T> {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as Given<T>;
}

export function kafkaSettings({ shell, brokers, tls, sasl }: DeploymentConfig): KafkaSettings {
  const settings = { brokers, clientId: shell.kafka.clientId, ...given({ ssl: tls }) };
  if (sasl === undefined) return settings;
  if (sasl.mechanism !== 'oauthbearer') return { ...settings, sasl };
  return { ...settings, sasl: { mechanism: sasl.mechanism, token: tokenProvider(sasl.token) } };
}

function tokenProvider(source: TokenSource): TokenProvider {
  if (source.from === 'file') return tokenFromFile(source.path);
  if (source.from === 'environment') return tokenFromEnvironment(source.variable);
  return tokenFromClientCredentials(source.credentials);
}

/** @throws ConfigError for a table or a file of `evidence` that cannot be read */
export function deploymentSettings(config: DeploymentConfig, stages: readonly StageName[]): DeploymentSettings {
  const { settings, shell, topics, registry } = config;
  const { kafka, state, alerts } = shell;
  return {
    settings,
    table: loadTable(shell.table),
    evidence: loadEvidence(shell.evidence),
    engine: ENGINE,
    kafka: kafkaSettings(config),
    topics,
    groupPrefix: kafka.prefix,
    partitions: kafka.partitions,
    eventTime: kafka.eventTime,
    outOfOrdernessMs: kafka.outOfOrdernessMs,
    format: kafka.format,
    idleMs: kafka.idleMs,
    stages,
    stateFolder: state.folder,
    storeMemoryBytes: state.memoryBytes,
    cacheBytes: state.cacheBytes,
    snapshotBytes: state.snapshotBytes,
    commitIntervalMs: kafka.commitIntervalMs,
    sessionTimeoutMs: kafka.sessionTimeoutMs,
    heartbeatMs: kafka.heartbeatMs,
    stopMaxMs: shell.run.stopTimeoutMs,
    registry,
    provenance: alerts.provenance ? topics.feed : undefined,
    alertFormat: alerts.format,
  };
}
