/** What is safe, and when: against a producer whose brokers answer when they are told to. */
import { describe, expect, test } from 'vitest';
import { recordDecoder } from '../../src/consumers/formats/format.ts';
import { ListedRecords, type RecordBatch } from '../../src/consumers/records.ts';
import { ChorusError } from '../../src/errors.ts';
import type { KafkaClient } from '../../src/kafka/client.ts';
import { Ingest } from '../../src/runtime/ingest.ts';
import { until } from '../kafka/support.ts';

interface Request {
  readonly values: string[];
  readonly answer: (error?: Error) => void;
}

/** Stands for the brokers: requests wait until they are answered. */
class Brokers {
  readonly requests: Request[] = [];
  producers = 0;

  get client(): KafkaClient {
    const send = ({ topicMessages }: { topicMessages: { messages: { value: string }[] }[] }): Promise<void> =>
      new Promise((resolve, reject) => {
        const values = topicMessages.flatMap(({ messages }) => messages.map(({ value }) => value));
        this.requests.push({ values, answer: (error) => (error === undefined ? resolve() : reject(error)) });
      });
    const nothing = (): Promise<void> => Promise.resolve();
    const client = {
      producer: () => {
        this.producers++;
        return { producer: { connect: nothing, sendBatch: send }, close: nothing };
      },
      wire: () => ({ cluster: { connect: nothing, addTargetTopic: nothing }, close: nothing }),
      admin: () => ({
        connect: nothing,
        disconnect: nothing,
        listTopics: () => Promise.resolve(['posts']),
        fetchTopicMetadata: () => Promise.resolve({ topics: [{ partitions: [{}, {}, {}] }] }),
      }),
    };
    return client as unknown as KafkaClient;
  }
}

function batchOf(first: number, count: number, text = 'some text'): RecordBatch {
  const records = Array.from({ length: count }, (_, i) => {
    const post = { id: `p${first + i}`, platform: 'x', account: `a${i}`, text, createdAt: 1_767_225_600_000 };
    return { bytes: Buffer.from(JSON.stringify(post)), number: i };
  });
  return new ListedRecords(records, recordDecoder('canonical'));
}

async function opened(): Promise<{ brokers: Brokers; ingest: Ingest; safe: number[]; retries: string[] }> {
  const brokers = new Brokers();
  const safe: number[] = [];
  const retries: string[] = [];
  const ingest = new Ingest({
    client: brokers.client,
    topic: 'posts',
    deadLetters: undefined,
    source: 'test',
    isRaw: false,
    onSafe: (positionMs) => safe.push(positionMs),
    onRetry: (detail) => retries.push(detail),
  });
  await ingest.open(new AbortController().signal);
  return { brokers, ingest, safe, retries };
}

describe('a position', () => {
  test('is safe when the brokers have acknowledged what is before it, and not earlier', async () => {
    const { brokers, ingest, safe } = await opened();
    await ingest.write(batchOf(0, 3), 100);
    await until('it is sent', () => brokers.requests.length === 1);
    await ingest.write(batchOf(3, 2), 200);
    expect(safe).toEqual([]);
    brokers.requests[0]!.answer();
    await until('the next is sent', () => brokers.requests.length === 2);
    expect(safe).toEqual([100]);
    expect(brokers.requests[1]!.values).toHaveLength(2);
    brokers.requests[1]!.answer();
    await ingest.flush();
    expect(safe).toEqual([100, 200]);
    expect(ingest.counters).toMatchObject({ written: 5, waiting: 0 });
  });

  test('is safe too where nothing is to be written', async () => {
    const { ingest, safe } = await opened();
    await ingest.write(batchOf(0, 0), 300);
    await ingest.flush();
    expect(safe).toEqual([300]);
  });

  test('waits for the repetition of what has failed', async () => {
    const { brokers, ingest, safe, retries } = await opened();
    await ingest.write(batchOf(0, 3), 100);
    await until('it is sent', () => brokers.requests.length === 1);
    brokers.requests[0]!.answer(new Error('gone for a while'));
    await until('it is sent again', () => brokers.requests.length === 2);
    expect([safe, brokers.producers]).toEqual([[], 2]);
    expect(brokers.requests[1]!.values).toEqual(brokers.requests[0]!.values);
    expect(retries[0]).toContain('gone for a while');
    brokers.requests[1]!.answer();
    await ingest.flush();
    expect(safe).toEqual([100]);
  });

  test('is never safe where the brokers refuse for good', async () => {
    const { brokers, ingest, safe } = await opened();
    await ingest.write(batchOf(0, 1), 100);
    await until('it is sent', () => brokers.requests.length === 1);
    brokers.requests[0]!.answer(new ChorusError('kafka_denied', 'not for you'));
    await expect(ingest.flush()).rejects.toThrow('not for you');
    await expect(ingest.write(batchOf(1, 1), 200)).rejects.toThrow('not for you');
    expect(safe).toEqual([]);
  });
});

test('memory is bounded: a writer waits while the brokers do not answer', async () => {
  const { brokers, ingest } = await opened();
  let written = 0;
  const writing = (async (): Promise<void> => {
    for (; written < 30; written++) await ingest.write(batchOf(written, 10, 'z'.repeat(30_000)), written);
  })();
  await until('it waits', () => brokers.requests.length === 1);
  await new Promise((resolve) => setTimeout(resolve, 100));
  const early = written;
  expect(early).toBeLessThan(30);
  let answered = 0;
  while (ingest.counters.written < 300) {
    await until('a request', () => brokers.requests.length > answered);
    brokers.requests[answered++]!.answer();
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  await writing;
  expect(ingest.counters.written).toBe(300);
});
