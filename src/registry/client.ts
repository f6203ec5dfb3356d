/**
 * The registry over HTTP, through `@confluentinc/schemaregistry`. The only file that names that package.
 *
 * It is an optional dependency (170 MB with the clients of four clouds) and loaded only where a registry is configured; of
 * it only the client, since its index takes 50 MB and 0.4 s more. Its serializers are not used: they take 21 us a value.
 * It retries nothing here: at the start this file waits, later the caller does, and both can say so.
 */
import { Agent } from 'node:http';
import { Agent as TlsAgent } from 'node:https';
import { setTimeout as sleep } from 'node:timers/promises';
import { ChorusError, ConfigError, type ConfigProblem } from '../errors.ts';
import {
  CachedRegistry,
  type CacheOptions,
  type Compatibility,
  type Registry,
  type RegistryPort,
  type ResolvedSchema,
  type SchemaText,
  type SubjectSchema,
} from './registry.ts';

export interface RegistrySettings {
  /** Base of the Confluent-compatible API. */
  readonly url: string;
  readonly username?: string;
  readonly password?: string;
  /** Sent as `Authorization: Bearer`. */
  readonly token?: string;
  /** Certificates to trust, PEM. */
  readonly ca?: string;
  /** For one request. */
  readonly timeoutMs: number;
  /** How long opening keeps trying to reach it. */
  readonly retryMs: number;
}

export const REGISTRY_DEFAULTS = { timeoutMs: 5000, retryMs: 60_000 } as const;

export interface OpenOptions {
  readonly cache?: CacheOptions;
  readonly signal?: AbortSignal;
  /** Told before each wait: what is wrong, and how long it has been so. */
  readonly onWait?: (detail: string, waitedMs: number) => void;
  readonly loadClient?: () => Promise<unknown>;
}

const CLIENT_PACKAGE = '@confluentinc/schemaregistry';
// A variable, so that the compiler does without the package where it is not installed.
const CLIENT_MODULE: string = `${CLIENT_PACKAGE}/dist/schemaregistry-client.js`;
const CLIENT_VERSION = '1.10.1';
const WAIT_MIN_MS = 100;
const WAIT_MAX_MS = 5000;
const RESPONSE_BYTES_MAX = 16_777_216;
const REFERENCES_MAX = 64;

const SUBJECT_UNKNOWN = 40401;
const VERSION_UNKNOWN = 40402;
const SCHEMA_UNKNOWN = 40403;

interface Reference {
  readonly name: string;
  readonly subject: string;
  readonly version: number;
}

interface ClientSchema {
  readonly schema: string;
  readonly schemaType?: string;
  readonly references?: readonly Reference[];
}

/** What is used of the package's client. */
interface Client {
  register(subject: string, schema: ClientSchema, normalize: boolean): Promise<number>;
  getBySubjectAndId(subject: string, id: number): Promise<ClientSchema>;
  getId(subject: string, schema: ClientSchema, normalize: boolean): Promise<number>;
  getLatestSchemaMetadata(subject: string): Promise<ClientSchema & { readonly id: number; readonly version: number }>;
  getSchemaMetadata(subject: string, version: number, deleted: boolean): Promise<ClientSchema>;
  testSubjectCompatibility(subject: string, schema: ClientSchema): Promise<boolean>;
  getConfig(subject: string): Promise<CompatibilityAnswer>;
  getDefaultConfig(): Promise<CompatibilityAnswer>;
  updateCompatibility(subject: string, level: string): Promise<unknown>;
  clearLatestCaches(): void;
  close(): void;
}

interface CompatibilityAnswer {
  readonly compatibilityLevel?: string;
  readonly compatibility?: string;
}

interface ClientModule {
  readonly SchemaRegistryClient: { newClient(config: Record<string, unknown>): Client };
}

/**
 * Waits until the registry answers, at most `retryMs`.
 * @throws ConfigError for settings; ChorusError `registry_client_missing`, `registry_unavailable`, `registry_denied`,
 *   `registry_tls`
 */
export async function openRegistry(settings: RegistrySettings, options: OpenOptions = {}): Promise<Registry> {
  const base = checkedUrl(settings);
  const { SchemaRegistryClient } = await loadedClient(options.loadClient ?? (() => import(CLIENT_MODULE)));
  const client = new RegistryClient(SchemaRegistryClient.newClient(clientConfig(base, settings)), withoutUser(base));
  try {
    await reached(client, settings.retryMs, options);
  } catch (error) {
    client.close();
    throw error;
  }
  return new CachedRegistry(client, options.cache);
}

async function reached(client: RegistryClient, retryMs: number, { signal, onWait }: OpenOptions): Promise<void> {
  const start = performance.now();
  for (let waitMs = WAIT_MIN_MS; ; waitMs = Math.min(2 * waitMs, WAIT_MAX_MS)) {
    signal?.throwIfAborted();
    let leftMs = retryMs;
    try {
      return await client.ping();
    } catch (error) {
      const waitedMs = Math.round(performance.now() - start);
      if (!(error instanceof ChorusError && error.retryable)) throw error;
      if (waitedMs >= retryMs) {
        throw new ChorusError(
          'registry_unavailable',
          `${error.message}; tried for ${waitedMs} ms (registry.retryMs: ${retryMs})`,
          { retryable: true, cause: error.cause },
        );
      }
      onWait?.(error.message, waitedMs);
      leftMs = retryMs - waitedMs;
    }
    await sleep(Math.min(waitMs, leftMs), undefined, signal === undefined ? {} : { signal });
  }
}

async function loadedClient(load: () => Promise<unknown>): Promise<ClientModule> {
  try {
    const loaded = (await load()) as ClientModule & { readonly default?: ClientModule };
    return loaded.default ?? loaded;
  } catch (cause) {
    throw new ChorusError(
      'registry_client_missing',
      `a schema registry is configured, but the package ${CLIENT_PACKAGE} is not installed; mend it with ` +
        `"npm install ${CLIENT_PACKAGE}@${CLIENT_VERSION}"`,
      { cause },
    );
  }
}

function checkedUrl({ url, username, password, token }: RegistrySettings): URL {
  const problems: ConfigProblem[] = [];
  const base = URL.canParse(url) ? new URL(url) : undefined;
  if (base === undefined || !/^https?:$/.test(base.protocol)) {
    // Not the value: it may hold a password.
    problems.push({ name: 'registry.url', value: base?.protocol ?? '(no URL)', bound: 'an http or https URL' });
  }
  const hasUser = username !== undefined || (base?.username ?? '') !== '';
  if (username !== undefined && password === undefined) {
    problems.push({ name: 'registry.password', value: undefined, bound: 'given along with registry.username' });
  }
  if (token !== undefined && hasUser) {
    problems.push({ name: 'registry.token', value: '(given)', bound: 'left out where there is a user name' });
  }
  if (problems.length > 0) throw new ConfigError(problems);
  return base!;
}

function clientConfig(base: URL, settings: RegistrySettings): Record<string, unknown> {
  const { token, ca, timeoutMs } = settings;
  const username = settings.username ?? decodeURIComponent(base.username);
  const password = settings.password ?? decodeURIComponent(base.password);
  return {
    baseURLs: [withoutUser(base)],
    maxRetries: 0,
    // The cache is ours (registry.ts).
    cacheCapacity: 1,
    createAxiosDefaults: {
      timeout: timeoutMs,
      maxContentLength: RESPONSE_BYTES_MAX,
      ...(token === undefined ? {} : { headers: { Authorization: `Bearer ${token}` } }),
      // Requests are minutes or days apart: a connection that was kept would be found closed by the one that needs it.
      httpAgent: new Agent({ keepAlive: false }),
      httpsAgent: new TlsAgent({ keepAlive: false, ...(ca === undefined ? {} : { ca }) }),
    },
    ...(username === ''
      ? {}
      : { basicAuthCredentials: { credentialsSource: 'USER_INFO', userInfo: `${username}:${password}` } }),
  };
}

function withoutUser(base: URL): string {
  const url = new URL(base);
  url.username = '';
  url.password = '';
  return url.href.replace(/\/+$/, '');
}

class RegistryClient implements RegistryPort {
  readonly #client: Client;
  readonly #url: string;

  constructor(client: Client, url: string) {
    this.#client = client;
    this.#url = url;
  }

  /** Whether it answers at all; that the global configuration may not be read is an answer too. */
  async ping(): Promise<void> {
    try {
      const answer = await this.#ask('ask for its configuration', () => this.#client.getDefaultConfig());
      if (levelOf(answer) === undefined) throw this.#notARegistry('ask for its configuration', 'no level in it');
    } catch (error) {
      if (error instanceof ChorusError && (error.cause as RestFault | undefined)?.status === 403) return;
      throw error;
    }
  }

  async schema(id: number): Promise<ResolvedSchema | undefined> {
    const what = `look up schema id ${id}`;
    const found = await this.#find(what, [SCHEMA_UNKNOWN], () => this.#client.getBySubjectAndId('', id));
    if (found === undefined) return undefined;
    if (typeof found.schema !== 'string') throw this.#notARegistry(what, 'no schema in the answer');
    // Some registries leave the type out for Avro, the first type there was.
    const type = found.schemaType ?? 'AVRO';
    const references = new Map<string, string>();
    if (type === 'AVRO') await this.#addReferences(found.references ?? [], references, new Set());
    return { id, type, schema: found.schema, references: [...references.values()] };
  }

  /** Those that cannot be had are left out, which makes the schema one that cannot be used. */
  async #addReferences(references: readonly Reference[], texts: Map<string, string>, seen: Set<string>): Promise<void> {
    for (const { subject, version } of references) {
      const key = JSON.stringify([subject, version]);
      if (seen.has(key) || seen.size === REFERENCES_MAX) continue;
      seen.add(key);
      const found = await this.#find(
        `look up version ${version} of ${subject}`,
        [SUBJECT_UNKNOWN, VERSION_UNKNOWN, SCHEMA_UNKNOWN],
        () => this.#client.getSchemaMetadata(subject, version, true),
      );
      if (found === undefined) continue;
      await this.#addReferences(found.references ?? [], texts, seen);
      texts.set(key, found.schema);
    }
  }

  id(subject: string, schema: SchemaText): Promise<number | undefined> {
    return this.#find(`look up the schema of ${subject}`, [SUBJECT_UNKNOWN, SCHEMA_UNKNOWN], () =>
      this.#client.getId(subject, clientSchema(schema), false),
    );
  }

  async latest(subject: string): Promise<SubjectSchema | undefined> {
    this.#client.clearLatestCaches();
    const found = await this.#find(`look up ${subject}`, [SUBJECT_UNKNOWN, VERSION_UNKNOWN], () =>
      this.#client.getLatestSchemaMetadata(subject),
    );
    return found && { id: found.id, type: found.schemaType ?? 'AVRO', version: found.version };
  }

  async register(subject: string, schema: SchemaText): Promise<number> {
    try {
      return await this.#ask(`register a schema for ${subject}`, () =>
        this.#client.register(subject, clientSchema(schema), false),
      );
    } catch (error) {
      const fault = error instanceof ChorusError ? (error.cause as RestFault | undefined) : undefined;
      if (fault?.status !== 409) throw error;
      throw new ChorusError(
        'schema_incompatible',
        `${subject}: the registry refuses the schema as incompatible with what is there: ${fault.message}`,
        { cause: fault },
      );
    }
  }

  isCompatible(subject: string, schema: SchemaText): Promise<boolean> {
    return this.#ask(`check a schema for ${subject}`, () =>
      this.#client.testSubjectCompatibility(subject, clientSchema(schema)),
    );
  }

  async compatibility(subject: string): Promise<Compatibility> {
    const what = `ask for the compatibility of ${subject}`;
    const own = await this.#find(what, [SUBJECT_UNKNOWN, NO_OWN_LEVEL], () => this.#client.getConfig(subject));
    const level = levelOf(own ?? (await this.#ask(what, () => this.#client.getDefaultConfig())));
    if (level === undefined) throw this.#notARegistry(what, 'no level in the answer');
    return { level, isOwn: own !== undefined };
  }

  async setCompatibility(subject: string, level: 'BACKWARD'): Promise<void> {
    await this.#ask(`set the compatibility of ${subject}`, () => this.#client.updateCompatibility(subject, level));
  }

  close(): void {
    this.#client.close();
  }

  /** Undefined if the registry says by one of these codes that there is no such thing. */
  async #find<T>(what: string, unknownCodes: readonly number[], question: () => Promise<T>): Promise<T | undefined> {
    try {
      return await this.#ask(what, question);
    } catch (error) {
      const fault = error instanceof ChorusError ? (error.cause as RestFault | undefined) : undefined;
      if (fault?.status === 404 && unknownCodes.includes(fault.errorCode ?? 0)) return undefined;
      throw error;
    }
  }

  async #ask<T>(what: string, question: () => Promise<T>): Promise<T> {
    try {
      return await question();
    } catch (error) {
      throw this.#failure(what, restFault(error));
    }
  }

  #failure(what: string, fault: RestFault): ChorusError {
    const { status } = fault;
    if (status === 404 && fault.errorCode === undefined) return this.#notARegistry(what, 'status 404', fault);
    const message = `schema registry ${this.#url}: cannot ${what}: ${status ? `status ${status}, ` : ''}${fault.message}`;
    if (CERTIFICATE_FAULT.test(fault.code)) {
      const advice = 'check registry.ca, and that registry.url has the name of the certificate';
      return new ChorusError('registry_tls', `${message}; ${advice}`, { cause: fault });
    }
    if (status === undefined || status >= 500 || status === 408 || status === 429) {
      return new ChorusError('registry_unavailable', message, { retryable: true, cause: fault });
    }
    const code = status === 401 || status === 403 ? 'registry_denied' : 'registry_refused';
    return new ChorusError(code, message, { cause: fault });
  }

  /** Retryable: a gateway before a registry that is just starting answers so too. */
  #notARegistry(what: string, detail: string, cause?: RestFault): ChorusError {
    return new ChorusError(
      'registry_unavailable',
      `schema registry ${this.#url}: cannot ${what}: what answers is no schema registry (${detail}); registry.url must ` +
        'be the base of the Confluent-compatible API, such as http://host:8081 or http://host:8080/apis/ccompat/v7',
      { retryable: true, cause },
    );
  }
}

/** "Subject does not have subject-level compatibility configured". */
const NO_OWN_LEVEL = 40408;

/** By what Node calls them. One that has run out is not among them: waiting helps where it is renewed. */
const CERTIFICATE_FAULT = /SELF_SIGNED|VERIFY_LEAF|ISSUER_CERT|ALTNAME/;

/** What is kept of an error of the client: the error itself holds the request with its credentials. */
class RestFault extends Error {
  readonly status: number | undefined;
  readonly errorCode: number | undefined;
  /** Of a connection that failed; empty for an answer. */
  readonly code: string;

  constructor(message: string, status: number | undefined, errorCode: number | undefined, code: string) {
    super(message);
    this.status = status;
    this.errorCode = errorCode;
    this.code = code;
  }
}

function restFault(error: unknown): RestFault {
  const { message, code, status, errorCode } = error as Partial<Record<string, unknown>>;
  // A refused connection to a name with two addresses has a code but no message.
  const text = (typeof message === 'string' ? message : '').replace(/; Error code: -?\d+$/, '') || String(code);
  return new RestFault(
    text,
    typeof status === 'number' ? status : undefined,
    typeof errorCode === 'number' && errorCode > 0 ? errorCode : undefined,
    typeof code === 'string' && typeof status !== 'number' ? code : '',
  );
}

function clientSchema({ type, schema }: SchemaText): ClientSchema {
  return { schemaType: type, schema };
}

function levelOf({ compatibilityLevel, compatibility }: CompatibilityAnswer): string | undefined {
  return compatibilityLevel ?? compatibility;
}
