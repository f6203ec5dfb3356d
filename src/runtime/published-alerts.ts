/**
 * What the alerts topic holds, by campaign and revision: digests in place of alerts, so that years of them fit in memory.
 *
 * The name and version of the engine are left out of what is compared: an alert is the same whichever version published it.
 */
import { Buffer } from 'node:buffer';
import { createHash } from 'node:crypto';
import { hashStrings } from '../fingerprints/hash.ts';
import type { KafkaClient } from '../kafka/client.ts';
import { readRange } from '../kafka/reader.ts';
import type { KafkaRecord } from '../kafka/records.ts';
import type { Alert } from '../model.ts';
import { FRAMING_BYTES, schemaIdOf } from '../consumers/formats/confluent.ts';
import { publishedSchema } from '../registry/schemas.ts';
import { alertCodec, type AlertCodec } from '../sinks/encode-alert.ts';
import { measureLog } from './feed-bounds.ts';

/** Where a record lies in the alerts topic. */
export interface Place {
  readonly partition: number;
  readonly offset: number;
}

export interface Copy extends Place {
  readonly digest: string;
}

/** What is known of a revision, recomputed or published. */
export interface RevisionFacts {
  readonly id: string;
  readonly revision: number;
  readonly revisedMs: number;
  readonly firstPostMs: number;
  readonly lastPostMs: number;
  /** Hashes of the texts and posts that it lists; none unless asked for. */
  readonly marks: readonly number[];
}

export interface PublishedRevision extends RevisionFacts {
  /** Records that differ from each other; one in a sound topic. */
  readonly copies: Copy[];
  /** Has it been recomputed? */
  isSeen: boolean;
}

export interface PublishedCampaign {
  readonly revisions: Map<number, PublishedRevision>;
  /** Was there a tombstone? */
  isDeleted: boolean;
  /** Revision of its last record, the one that compaction keeps; 0 for a tombstone. */
  last: number;
  /** Since the last tombstone. */
  highest: number;
}

/** A record that is no alert, or that of another key. */
export interface Unreadable extends Place {
  readonly key: string;
  readonly detail: string;
}

export interface PublishedOptions {
  readonly client: KafkaClient;
  readonly topic: string;
  /** That of the stages; alerts of others are counted and left alone. */
  readonly topology: string;
  readonly isMarked: boolean;
}

/** Kept to be told; the rest is counted. */
const UNREADABLE_MAX = 100;

export class PublishedAlerts {
  readonly campaigns = new Map<string, PublishedCampaign>();
  /** The first of them. */
  readonly unreadable: Unreadable[] = [];
  readonly counts = { records: 0, tombstones: 0, ofOtherTopology: 0, unreadable: 0 };
  readonly engines = new Set<string>();
  /** Earliest revision there is where retention has removed others; -Infinity otherwise. */
  heldFromMs = -Infinity;
  readonly #options: PublishedOptions;
  readonly #decode = new AlertDecoder();

  constructor(options: PublishedOptions) {
    this.#options = options;
  }

  /** Reads the topic up to its end as it is now. @throws ChorusError as readRange does */
  async read(signal: AbortSignal): Promise<void> {
    const { client, topic } = this.#options;
    const log = await measureLog(client, topic, signal);
    let earliestMs = Infinity;
    for (const [partition, { low: from, high: to }] of log.entries()) {
      for await (const { records } of readRange(client, { topic, partition, from, to, signal })) {
        for (const record of records) earliestMs = Math.min(earliestMs, this.#take(record, partition));
      }
    }
    // Compaction leaves the first offset where it is.
    if (log.some(({ low }) => low > 0)) this.heldFromMs = earliestMs;
  }

  /** The alert at a place; undefined if compaction has removed it meanwhile. */
  async alertAt({ partition, offset }: Place, signal: AbortSignal): Promise<Alert | undefined> {
    const { client, topic } = this.#options;
    for await (const { records } of readRange(client, { topic, partition, from: offset, to: offset + 1, signal })) {
      const value = records[0]?.value ?? null;
      return value === null ? undefined : this.#decode.alert(value);
    }
    return undefined;
  }

  /** Returns the time of the revision; Infinity for what is none. */
  #take(record: KafkaRecord, partition: number): number {
    const { key, value, offset } = record;
    const id = key?.toString() ?? '';
    this.counts.records++;
    if (value === null) {
      this.counts.tombstones++;
      this.#delete(id);
      return Infinity;
    }
    const place = { partition, offset };
    let alert: Alert;
    try {
      alert = this.#decode.alert(value);
    } catch (error) {
      this.#refuse({ key: id, detail: `no alert: ${(error as Error).message}`, ...place });
      return Infinity;
    }
    if (alert.topology !== this.#options.topology) {
      this.counts.ofOtherTopology++;
      return Infinity;
    }
    if (alert.id !== id) this.#refuse({ key: id, detail: `alert ${alert.id} under another key`, ...place });
    this.engines.add(alert.engine);
    return this.#add(alert, place);
  }

  #refuse(record: Unreadable): void {
    this.counts.unreadable++;
    if (this.unreadable.length < UNREADABLE_MAX) this.unreadable.push(record);
  }

  #add(alert: Alert, place: Place): number {
    const { id, revision } = alert;
    const campaign: PublishedCampaign = this.campaigns.get(id) ?? {
      revisions: new Map(),
      isDeleted: false,
      last: 0,
      highest: 0,
    };
    this.campaigns.set(id, campaign);
    campaign.last = revision;
    campaign.highest = Math.max(campaign.highest, revision);
    const copy = { digest: digestOf(alert), ...place };
    const known = campaign.revisions.get(revision);
    if (known === undefined) {
      const facts = factsOf(alert, this.#options.isMarked);
      campaign.revisions.set(revision, { ...facts, copies: [copy], isSeen: false });
      return facts.revisedMs;
    }
    if (!known.copies.some(({ digest }) => digest === copy.digest)) known.copies.push(copy);
    return known.revisedMs;
  }

  #delete(id: string): void {
    const campaign = this.campaigns.get(id);
    if (campaign === undefined) return;
    campaign.isDeleted = true;
    campaign.highest = 0;
    campaign.last = 0;
  }
}

/** Of values in any of the formats in which alerts are published. */
export class AlertDecoder {
  readonly #json = alertCodec({ kind: 'json' });
  readonly #framedJson = alertCodec({ kind: 'framed-json', schemaId: 0 });
  #framedAvro: AlertCodec | undefined;

  /** @throws Error for anything but an alert */
  alert(value: Buffer): Alert {
    const alert: unknown = this.#codec(value).decode(value);
    if (!isAlert(alert)) throw new Error('id, revision, times or topology are not those of an alert');
    return alert;
  }

  #codec(value: Buffer): AlertCodec {
    if (schemaIdOf(value) === undefined) return this.#json;
    if (value[FRAMING_BYTES] === 0x7b) return this.#framedJson;
    const schema = (): string => publishedSchema('alert', 'avro').schema;
    return (this.#framedAvro ??= alertCodec({ kind: 'framed-avro', schemaId: 0, schema: schema() }));
  }
}

function isAlert(value: unknown): value is Alert {
  if (typeof value !== 'object' || value === null) return false;
  const { id, revision, revisedAt, firstPostAt, lastPostAt, topology, variants, samples } = value as Partial<Alert>;
  const times = [revisedAt, firstPostAt, lastPostAt];
  return (
    typeof id === 'string' &&
    typeof topology === 'string' &&
    Number.isSafeInteger(revision) &&
    times.every((time) => typeof time === 'string' && !Number.isNaN(Date.parse(time))) &&
    Array.isArray(variants?.listed) &&
    Array.isArray(samples?.listed)
  );
}

export function digestOf(alert: Alert): string {
  return createHash('sha256')
    .update(JSON.stringify({ ...alert, engine: '' }))
    .digest('base64url');
}

export function factsOf(alert: Alert, isMarked: boolean): RevisionFacts {
  const { id, revision, revisedAt, openedAt, firstPostAt, lastPostAt, windowMs, removedCount } = alert;
  const revisedMs = Date.parse(revisedAt);
  const [firstMs, lastMs] = [Date.parse(firstPostAt), Date.parse(lastPostAt)];
  // Of posts that were removed no time is told: they count for as long as they may have been there.
  const isWhole = !(removedCount > 0);
  return {
    id,
    revision,
    revisedMs,
    firstPostMs: isWhole ? firstMs : Math.min(firstMs, Date.parse(openedAt) - windowMs),
    lastPostMs: isWhole ? lastMs : Math.max(lastMs, revisedMs),
    marks: isMarked ? marksOf(alert) : [],
  };
}

function marksOf({ variants, samples }: Alert): number[] {
  return [
    ...variants.listed.map(({ text }) => markOf('text', text)),
    ...samples.listed.map(({ platform, id }) => markOf('post', platform, id)),
  ];
}

/** 53 bits. */
function markOf(...parts: string[]): number {
  const { hi, lo } = hashStrings(...parts);
  return hi * 2 ** 21 + (lo >>> 11);
}
