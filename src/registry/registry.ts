/**
 * What Chorus asks of a schema registry, and the cache in front of it.
 *
 * A schema id never changes its meaning, so what is known stays known, also while the registry is away. What is not known
 * may be registered a moment later, so that answer is kept for a short time only; no answer at all is kept never.
 */
import { LRUCache } from 'lru-cache';
import { isSchemaId } from '../consumers/formats/confluent.ts';

export interface SchemaText {
  /** As the registry names it: AVRO, JSON, PROTOBUF. */
  readonly type: string;
  readonly schema: string;
}

export interface ResolvedSchema extends SchemaText {
  readonly id: number;
  /** Texts of the schemas that it refers to, each after those that it refers to itself. */
  readonly references: readonly string[];
}

/** A schema of a subject. */
export interface SubjectSchema {
  readonly id: number;
  readonly type: string;
  readonly version: number;
}

export interface Compatibility {
  /** NONE, BACKWARD, FULL and so on. */
  readonly level: string;
  /** Set for the subject; else it is that of the whole registry. */
  readonly isOwn: boolean;
}

/**
 * The questions that go over the wire. Each throws ChorusError: `registry_unavailable` (retryable) where no answer came,
 * `registry_denied` for credentials, `registry_refused` for a request that the registry calls wrong.
 */
export interface RegistryPort {
  /** Undefined for an id that the registry does not know. */
  schema(id: number): Promise<ResolvedSchema | undefined>;
  /** The id of just this schema under the subject; undefined if it is not there. */
  id(subject: string, schema: SchemaText): Promise<number | undefined>;
  /** The newest schema of a subject; undefined if there is no such subject. */
  latest(subject: string): Promise<SubjectSchema | undefined>;
  /** Its id. @throws ChorusError `schema_incompatible` with the registry's reason */
  register(subject: string, schema: SchemaText): Promise<number>;
  isCompatible(subject: string, schema: SchemaText): Promise<boolean>;
  /** The level that holds for a subject, which may be a new one. */
  compatibility(subject: string): Promise<Compatibility>;
  setCompatibility(subject: string, level: 'BACKWARD'): Promise<void>;
  close(): void;
}

export interface RegistryCounters {
  /** Questions about an id, and how they were answered. */
  readonly hits: number;
  readonly misses: number;
  readonly unknown: number;
  readonly unavailable: number;
  readonly evictions: number;
}

export interface Registry extends RegistryPort {
  readonly counters: RegistryCounters;
}

export interface CacheOptions {
  readonly schemasMax?: number;
  /** How long "unknown" stands. */
  readonly unknownMs?: number;
}

const SCHEMAS_MAX = 1000;
const UNKNOWN_IDS_MAX = 10_000;
const UNKNOWN_MS = 10_000;

type MutableCounters = { -readonly [K in keyof RegistryCounters]: RegistryCounters[K] };

export class CachedRegistry implements Registry {
  readonly #port: RegistryPort;
  readonly #known: LRUCache<number, ResolvedSchema>;
  readonly #unknown: LRUCache<number, true>;
  /** Questions under way: all who ask meanwhile get the one answer. */
  readonly #asked = new Map<number, Promise<ResolvedSchema | undefined>>();
  readonly #counters: MutableCounters = { hits: 0, misses: 0, unknown: 0, unavailable: 0, evictions: 0 };

  constructor(port: RegistryPort, { schemasMax = SCHEMAS_MAX, unknownMs = UNKNOWN_MS }: CacheOptions = {}) {
    this.#port = port;
    this.#known = new LRUCache({
      max: schemasMax,
      disposeAfter: (_schema, _id, reason) => {
        if (reason === 'evict') this.#counters.evictions++;
      },
    });
    this.#unknown = new LRUCache({ max: UNKNOWN_IDS_MAX, ttl: unknownMs });
  }

  get counters(): RegistryCounters {
    return this.#counters;
  }

  schema(id: number): Promise<ResolvedSchema | undefined> {
    const known = this.#known.get(id);
    if (known !== undefined || this.#unknown.has(id)) {
      this.#counters.hits++;
      return Promise.resolve(known);
    }
    if (!isSchemaId(id)) return Promise.resolve(undefined);
    let asked = this.#asked.get(id);
    if (asked === undefined) {
      asked = this.#ask(id).finally(() => this.#asked.delete(id));
      this.#asked.set(id, asked);
    } else this.#counters.hits++;
    return asked;
  }

  async #ask(id: number): Promise<ResolvedSchema | undefined> {
    this.#counters.misses++;
    let schema: ResolvedSchema | undefined;
    try {
      schema = await this.#port.schema(id);
    } catch (error) {
      this.#counters.unavailable++;
      throw error;
    }
    if (schema !== undefined) this.#known.set(id, schema);
    else {
      this.#counters.unknown++;
      this.#unknown.set(id, true);
    }
    return schema;
  }

  id(subject: string, schema: SchemaText): Promise<number | undefined> {
    return this.#port.id(subject, schema);
  }

  latest(subject: string): Promise<SubjectSchema | undefined> {
    return this.#port.latest(subject);
  }

  register(subject: string, schema: SchemaText): Promise<number> {
    return this.#port.register(subject, schema);
  }

  isCompatible(subject: string, schema: SchemaText): Promise<boolean> {
    return this.#port.isCompatible(subject, schema);
  }

  compatibility(subject: string): Promise<Compatibility> {
    return this.#port.compatibility(subject);
  }

  setCompatibility(subject: string, level: 'BACKWARD'): Promise<void> {
    return this.#port.setCompatibility(subject, level);
  }

  close(): void {
    this.#port.close();
  }
}
