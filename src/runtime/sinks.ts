/** The sinks of a deployment: what they are made of, and their life. */
import { KafkaClient, type KafkaSettings } from '../kafka/client.ts';
import { FrameProducer } from '../kafka/producer.ts';
import { hashStrings } from '../fingerprints/hash.ts';
import type { Sample } from '../metrics.ts';
import type { PostOptions } from '../sinks/http-post.ts';
import { NdjsonFileSink } from '../sinks/ndjson-file.ts';
import { OspreySink } from '../sinks/osprey.ts';
import type { AlertSink } from '../sinks/port.ts';
import { SlackSink } from '../sinks/slack.ts';
import { WebhookSink } from '../sinks/webhook.ts';
import { partitionsOf } from './ingest.ts';
import { SinkMember, type SinkLog, type SinkParts, type SinkPlan } from './sink-member.ts';

interface PostSettings {
  readonly url: string;
  /** No message shows any of it. */
  readonly isUrlHidden: boolean;
  readonly timeoutMs: number;
  readonly allowPrivate: boolean;
  /** PEM. */
  readonly ca: string | undefined;
}

export type SinkKind =
  | {
      readonly type: 'file';
      readonly path: string;
      readonly maxBytes: number;
      readonly maxAgeMs: number | undefined;
      readonly fsync: boolean;
    }
  | ({ readonly type: 'webhook'; readonly secret: string | undefined } & PostSettings)
  | ({ readonly type: 'slack'; readonly intervalMs: number } & PostSettings)
  | { readonly type: 'osprey'; readonly topic: string };

/** Plain values. */
export type SinkSettings = SinkPlan & { readonly deadLetters: string | undefined; readonly kind: SinkKind };

export interface SinksOptions {
  readonly kafka: KafkaSettings;
  readonly topic: string;
  /** Groups are called `<prefix>.sinks.<name of the sink>`. */
  readonly groupPrefix: string;
  readonly sinks: readonly SinkSettings[];
  readonly sessionTimeoutMs: number;
  readonly heartbeatMs: number;
  readonly commitIntervalMs: number;
  readonly log: SinkLog;
}

/** Dead letters are few; a day of them in one file is easy to find. */
const DEAD_LETTERS = { maxBytes: 2 ** 26, maxAgeMs: undefined, fsync: true };

export class Sinks {
  readonly #members: readonly SinkMember[];

  constructor(options: SinksOptions) {
    const { kafka, topic, groupPrefix, sinks, sessionTimeoutMs, heartbeatMs, commitIntervalMs, log } = options;
    const client = clientOf(kafka, log);
    this.#members = sinks.map((settings) => {
      const groupId = `${groupPrefix}.sinks.${settings.name}`;
      const shared = { client, topic, groupId, sessionTimeoutMs, heartbeatMs, commitIntervalMs, log };
      return new SinkMember(openSink(settings, client), shared);
    });
  }

  start(): void {
    for (const member of this.#members) member.start();
  }

  async stop(): Promise<void> {
    await Promise.all(this.#members.map((member) => member.stop()));
  }

  samples(): Sample[] {
    return this.#members.flatMap((member) => member.samples());
  }
}

function clientOf(kafka: KafkaSettings, log: SinkLog): KafkaClient {
  return new KafkaClient(kafka, (level, message, fields) => {
    if (level === 'warn') log('warn', message, fields);
  });
}

/** Reaches nothing yet. */
export function openSink(settings: SinkSettings, client: KafkaClient): SinkParts {
  const { kind, deadLetters, ...plan } = settings;
  return {
    plan,
    sink: sinkOf(kind, client),
    deadLetters: deadLetters === undefined ? undefined : new NdjsonFileSink({ path: deadLetters, ...DEAD_LETTERS }),
  };
}

function sinkOf(kind: SinkKind, client: KafkaClient): AlertSink {
  switch (kind.type) {
    case 'file':
      return new NdjsonFileSink(kind);
    case 'webhook':
      return new WebhookSink({ ...postOf(kind), secret: kind.secret });
    case 'slack':
      return new SlackSink({ ...postOf(kind), intervalMs: kind.intervalMs });
    case 'osprey':
      return ospreySink(kind.topic, client);
  }
}

function postOf({ url, isUrlHidden, timeoutMs, allowPrivate, ca }: PostSettings): PostOptions {
  return { url: new URL(url), isUrlHidden, timeoutMs, isPrivateAllowed: allowPrivate, ca };
}

/** Connects with the first alert, and anew after a fault, since a producer that has failed refuses all further work. */
function ospreySink(topic: string, client: KafkaClient): OspreySink {
  const producer = new FrameProducer(client);
  let partitions: Promise<number> | undefined;
  let isFailed = false;
  const open = async (): Promise<number> => {
    await producer.connect();
    return await partitionsOf(client, topic);
  };
  return new OspreySink(
    async (key, value) => {
      try {
        if (isFailed) await producer.reset();
        isFailed = false;
        partitions ??= open();
        const partition = (hashStrings(key).lo >>> 0) % (await partitions);
        await producer.send(topic, [{ partition, key, value }]);
      } catch (error) {
        isFailed = partitions !== undefined;
        partitions = undefined;
        throw error;
      }
    },
    () => producer.disconnect(0),
  );
}
