/** A range of the alerts topic once more to one sink, outside of its group: what it missed. Receivers know repeats by their key. */
import type { Buffer } from 'node:buffer';
import type { KafkaClient } from '../kafka/client.ts';
import { readRange } from '../kafka/reader.ts';
import type { Alert } from '../model.ts';
import { passes } from '../sinks/port.ts';
import { SinkQueue } from '../sinks/queue.ts';
import { feedParts, measureLog, type FeedBound } from './feed-bounds.ts';
import { AlertDecoder } from './published-alerts.ts';
import { queueOptions, SinkCounts, type SinkLog, type SinkParts } from './sink-member.ts';

export interface ResendOptions {
  readonly client: KafkaClient;
  readonly topic: string;
  readonly parts: SinkParts;
  readonly from: FeedBound | undefined;
  readonly to: FeedBound | undefined;
  readonly signal: AbortSignal;
  readonly log: SinkLog;
}

export interface ResendReport {
  readonly records: number;
  /** Tombstones, and alerts that the sink's filter keeps back. */
  readonly passedOver: number;
  readonly unreadable: number;
  readonly sent: number;
  readonly dropped: number;
}

const LOOK_MS = 1000;

/** @throws ConfigError, ChorusError as feedParts and readRange do; what the signal says */
export async function resend(options: ResendOptions): Promise<ResendReport> {
  const { client, topic, parts, signal, log } = options;
  const counts = new SinkCounts();
  const found = { records: 0, passedOver: 0, unreadable: 0 };
  const decoder = new AlertDecoder();
  const bounds = await feedParts(client, topic, await measureLog(client, topic, signal), options);
  for (const { partition, from, to } of bounds) {
    const queue = new SinkQueue(from, queueOptions(parts, counts, log));
    const onAbort = (): void => void queue.close();
    signal.addEventListener('abort', onAbort, { once: true });
    try {
      for await (const { records } of readRange(client, { topic, partition, from, to, signal })) {
        for (const { value, offset } of records) {
          found.records++;
          const alert = value === null ? undefined : decoded(decoder, value);
          if (alert === 'unreadable') found.unreadable++;
          const taken = typeof alert === 'object' && passes(alert, parts.plan.filter) ? alert : undefined;
          if (taken === undefined && alert !== 'unreadable') found.passedOver++;
          const bytes = taken === undefined ? 0 : (value?.length ?? 0);
          queue.push([{ alert: taken, next: offset + 1, bytes }]);
        }
        while (!(await queue.room(LOOK_MS))) signal.throwIfAborted();
      }
      await queue.drained();
      signal.throwIfAborted();
      await parts.sink.settle();
    } finally {
      signal.removeEventListener('abort', onAbort);
      await queue.close();
    }
  }
  return { ...found, sent: counts.sent, dropped: counts.dropped };
}

function decoded(decoder: AlertDecoder, value: Buffer): Alert | 'unreadable' {
  try {
    return decoder.alert(value);
  } catch {
    return 'unreadable';
  }
}
