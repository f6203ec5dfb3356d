/** What is read from a real broker: records of every kind, ranges, and what a lone member of a group is told. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import kafkajs from 'kafkajs';
import type { KafkaClient } from '../../src/kafka/client.ts';
import type { KafkaBatch } from '../../src/kafka/group.ts';
import { committedOffsets, logBounds, offsetsAt } from '../../src/kafka/offsets.ts';
import { FrameProducer } from '../../src/kafka/producer.ts';
import { readRange } from '../../src/kafka/reader.ts';
import { startBroker, type Broker } from '../support/broker/broker.ts';
import { clientOf, fill, makeTopic, Members, Notes, unique, until } from './support.ts';

let broker: Broker;
let client: KafkaClient;
const members = new Members();

beforeAll(async () => {
  // Compaction within a second or two, for the topics that ask for it.
  broker = await startBroker({ properties: { 'log.cleaner.backoff.ms': '200' } });
  client = clientOf(broker);
});
afterEach(() => members.stopAll());
afterAll(() => broker.stop());

async function read(topic: string, partition: number, from: number, to: number): Promise<KafkaBatch[]> {
  const batches: KafkaBatch[] = [];
  for await (const batch of readRange(client, { topic, partition, from, to })) batches.push(batch);
  return batches;
}

function valuesOf(batches: readonly KafkaBatch[]): (string | undefined)[] {
  return batches.flatMap(({ records }) => records.map(({ value }) => value?.toString()));
}

async function withAdmin<Result>(work: (admin: ReturnType<KafkaClient['admin']>) => Promise<Result>): Promise<Result> {
  const admin = client.admin();
  await admin.connect();
  try {
    return await work(admin);
  } finally {
    await admin.disconnect();
  }
}

/** Of partition 0. */
async function dropBefore(topic: string, offset: number): Promise<void> {
  await withAdmin(async (admin) => {
    // kafkajs does not load the metadata that this needs by itself.
    await admin.fetchTopicOffsets(topic);
    await admin.deleteTopicRecords({ topic, partitions: [{ partition: 0, offset: String(offset) }] });
  });
}

describe('records', () => {
  test('keys, nulls, tombstones, empty values, headers, times', async () => {
    const topic = await makeTopic(client, 2, { 'message.timestamp.type': 'LogAppendTime' });
    const producer = new FrameProducer(client);
    await producer.connect();
    const startMs = Date.now();
    await producer.send(topic, [
      { partition: 1, key: 'k', value: 'v', headers: { a: 'x', ä: Buffer.from([0, 255]) } },
      { partition: 1, key: null, value: null },
      { partition: 1, key: '', value: '' },
      { partition: 1, key: Buffer.from([0, 0, 0, 0]), value: Buffer.alloc(70_000, 3), headers: { only: '' } },
    ]);
    await producer.disconnect();
    const records = (await read(topic, 1, 0, 4)).flatMap((batch) => batch.records);
    expect(records.map(({ offset }) => offset)).toEqual([0, 1, 2, 3]);
    expect(records.map(({ key }) => key)).toEqual([Buffer.from('k'), null, Buffer.alloc(0), Buffer.alloc(4)]);
    expect(records.map(({ value }) => value)).toEqual([
      Buffer.from('v'),
      null,
      Buffer.alloc(0),
      Buffer.alloc(70_000, 3),
    ]);
    expect(records.map(({ headers }) => headers)).toEqual([
      [
        { key: 'a', value: Buffer.from('x') },
        { key: 'ä', value: Buffer.from([0, 255]) },
      ],
      [],
      [],
      [{ key: 'only', value: Buffer.alloc(0) }],
    ]);
    for (const { timestampMs } of records) expect(Math.abs(timestampMs - startMs)).toBeLessThan(60_000);
  });

  test.each(['gzip', 'snappy', 'lz4', 'zstd'])('compressed by the broker with %s', async (codec) => {
    const topic = await makeTopic(client, 1, { 'compression.type': codec });
    await fill(client, topic, 1, 3000);
    const expected = Array.from({ length: 3000 }, (_, i) => String(i));
    expect(valuesOf(await read(topic, 0, 0, 3000))).toEqual(expected);
    expect(valuesOf(await read(topic, 0, 1234, 1300))).toEqual(expected.slice(1234, 1300));
  });

  test.each(['gzip', 'snappy'] as const)('compressed by the producer with %s', async (compression) => {
    const topic = await makeTopic(client, 1);
    const producer = new FrameProducer(client, { compression });
    await producer.connect();
    await producer.send(topic, [{ partition: 0, key: null, value: 'x'.repeat(100_000) }]);
    await producer.disconnect();
    expect(valuesOf(await read(topic, 0, 0, 1))).toEqual(['x'.repeat(100_000)]);
  });

  test('aborted transactions of two producers are left out, and the position passes their markers', async () => {
    const topic = await makeTopic(client, 1);
    const kafka = new kafkajs.Kafka({
      brokers: broker.bootstrap,
      logLevel: kafkajs.logLevel.NOTHING,
      retry: { initialRetryTime: 5 },
    });
    const producers = ['a', 'b'].map((name) =>
      kafka.producer({ transactionalId: unique(name), maxInFlightRequests: 1 }),
    );
    await Promise.all(producers.map((producer) => producer.connect()));
    const expected: string[] = [];
    for (let round = 0; round < 12; round++) {
      const [first, second] = await Promise.all(producers.map((producer) => producer.transaction()));
      const send = async (transaction: typeof first, name: string): Promise<void> => {
        await transaction!.send({ topic, messages: [{ partition: 0, value: `${name}${round}` }] });
      };
      await send(second, 'b');
      await send(first, 'a');
      await first!.abort();
      await send(second, 'c');
      if (round % 3 === 0) {
        await second!.commit();
        expected.push(`b${round}`, `c${round}`);
      } else {
        await second!.abort();
      }
    }
    await Promise.all(producers.map((producer) => producer.disconnect()));
    const { high } = (await withAdmin((admin) => logBounds(admin, topic)))[0]!;
    const batches = await read(topic, 0, 0, high);
    expect(valuesOf(batches)).toEqual(expected);
    expect(batches.at(-1)!.next).toBe(high);
  }, 60_000);

  test('holes that compaction left, at the end of a range too', async () => {
    const topic = await makeTopic(client, 1, {
      'cleanup.policy': 'compact',
      'segment.ms': '100',
      'min.cleanable.dirty.ratio': '0.001',
      'max.compaction.lag.ms': '100',
    });
    const producer = new FrameProducer(client);
    await producer.connect();
    const put = (key: string, value: string | null): Promise<void> =>
      producer.send(topic, [{ partition: 0, key, value }]);
    for (let i = 0; i < 190; i++) await put('same', String(i));
    // One batch, of which only the first record will stay.
    const same = Array.from({ length: 9 }, () => ({ partition: 0, key: 'same', value: 's' }));
    await producer.send(topic, [{ partition: 0, key: 'stays', value: 'e' }, ...same]);
    await put('same', 'the last');
    let batches: KafkaBatch[] = [];
    await until('compacted', async () => {
      await put('later', String(Math.random()));
      batches = await read(topic, 0, 0, 200);
      return batches.flatMap(({ records }) => records).length === 1;
    });
    await producer.disconnect();
    expect(valuesOf(batches)).toEqual(['e']);
    expect(batches[0]!.from).toBe(0);
    for (const [i, batch] of batches.slice(1).entries()) expect(batch.from).toBe(batches[i]!.next);
    expect(batches.at(-1)!.next).toBe(200);
    expect(valuesOf(await read(topic, 0, 195, 201))).toEqual(['the last']);
    // Ranges with nothing in them end as well.
    expect(valuesOf(await read(topic, 0, 191, 200))).toEqual([]);
    expect(valuesOf(await read(topic, 0, 0, 100))).toEqual([]);
  }, 60_000);
});

describe('ranges', () => {
  test('exactly [from, to), and the same in pieces', async () => {
    const topic = await makeTopic(client, 1);
    await fill(client, topic, 1, 500);
    expect(valuesOf(await read(topic, 0, 17, 18))).toEqual(['17']);
    expect(valuesOf(await read(topic, 0, 5, 5))).toEqual([]);
    const pieces = [...(await read(topic, 0, 0, 250)), ...(await read(topic, 0, 250, 500))];
    expect(valuesOf(pieces)).toEqual(valuesOf(await read(topic, 0, 0, 500)));
  });

  test('a range that is gone, a topic and a partition that are not there', async () => {
    const topic = await makeTopic(client, 1);
    await fill(client, topic, 1, 10);
    await dropBefore(topic, 4);
    await expect(read(topic, 0, 3, 10)).rejects.toMatchObject({
      code: 'offset_lost',
      message: expect.stringContaining('3'),
    });
    expect(valuesOf(await read(topic, 0, 4, 6))).toEqual(['4', '5']);
    await expect(read(topic, 0, 99, 101)).rejects.toMatchObject({ code: 'offset_lost' });
    await expect(read(topic, 7, 0, 1)).rejects.toMatchObject({ code: 'partition_missing' });
    const nowhere = { topic: unique('nowhere'), partition: 0, from: 0, to: 1, topicMissingMs: 200 };
    await expect(readRange(client, nowhere).next()).rejects.toMatchObject({ code: 'topic_missing' });
  });

  test('waits for records to come, and ends on abort', async () => {
    const topic = await makeTopic(client, 1);
    const abort = new AbortController();
    const range = readRange(client, { topic, partition: 0, from: 0, to: 5, signal: abort.signal });
    const first = range.next();
    await fill(client, topic, 1, 2);
    expect((await first).value?.records).toHaveLength(2);
    setTimeout(() => abort.abort(new Error('enough')), 100);
    await expect(range.next()).rejects.toThrow('enough');
  });

  test('offsets at a time', async () => {
    const topic = await makeTopic(client, 2, { 'message.timestamp.type': 'LogAppendTime' });
    await fill(client, topic, 2, 10);
    await new Promise((resolve) => setTimeout(resolve, 20));
    const betweenMs = Date.now();
    await new Promise((resolve) => setTimeout(resolve, 20));
    await fill(client, topic, 2, 10);
    await withAdmin(async (admin) => {
      expect(await logBounds(admin, topic)).toEqual([
        { low: 0, high: 10 },
        { low: 0, high: 10 },
      ]);
      expect(await offsetsAt(admin, topic, 0)).toEqual([0, 0]);
      expect(await offsetsAt(admin, topic, betweenMs)).toEqual([5, 5]);
      expect(await offsetsAt(admin, topic, Date.now() + 60_000)).toEqual([10, 10]);
    });
  });
});

describe('a lone member', () => {
  test('is told in order, gets every record once, and goes on where it committed', async () => {
    const topic = await makeTopic(client, 3);
    const groupId = unique('group');
    await fill(client, topic, 3, 3000);
    const notes = new Notes();
    const member = await members.start(client, { topic, groupId, handler: notes });
    await until('all read', () => notes.values.length === 3000);
    await member.stop();
    expect(new Set(notes.values).size).toBe(3000);
    for (const partition of [0, 1, 2]) {
      const kinds = notes.told.filter((told) => told.partition === partition).map(({ kind }) => kind);
      expect(kinds[0]).toBe('assigned');
      expect(kinds.at(-1)).toBe('revoked');
      expect(kinds.slice(1, -1).every((kind) => kind === 'batch')).toBe(true);
    }
    await fill(client, topic, 3, 30, 3000);
    const later = new Notes();
    await members.start(client, { topic, groupId, handler: later });
    await until('the rest', () => later.values.length === 30);
    expect(Math.min(...later.values.map(Number))).toBe(3000);
    expect(later.committed.get(0)).toEqual({ offset: 1000, metadata: 'at 1000' });
  });

  test('metadata of a commit: 4096 units come back, one more is refused here', async () => {
    const topic = await makeTopic(client, 1);
    const groupId = unique('group');
    await fill(client, topic, 1, 1);
    const metadata = 'é世'.repeat(2048);
    const errors: unknown[] = [];
    const notes = new Notes();
    notes.batch = async (_partition, batch, commit) => {
      await commit(batch.next, `${metadata}x`).catch((error: unknown) => errors.push(error));
      await commit(batch.next, metadata);
    };
    const member = await members.start(client, { topic, groupId, handler: notes });
    await until('committed', () => member.counters.commits > 0);
    await member.stop();
    expect(errors).toMatchObject([{ code: 'metadata_too_large', message: expect.stringContaining('4097') }]);
    const found = await withAdmin((admin) => committedOffsets(admin, groupId, topic));
    expect(found.get(0)).toEqual({ offset: 1, metadata });
  });

  test('a position that the log has lost is an error, not a new beginning', async () => {
    const topic = await makeTopic(client, 2);
    const groupId = unique('group');
    await fill(client, topic, 2, 100);
    const notes = new Notes();
    notes.batch = async (_partition, _batch, commit) => commit(10, '');
    const member = await members.start(client, { topic, groupId, handler: notes });
    await until('committed', () => member.counters.commits > 0);
    await member.stop();
    await dropBefore(topic, 11);
    const after = new Notes();
    await members.start(client, { topic, groupId, handler: after });
    await until('failed', () => members.failures.length > 0);
    expect(members.failures).toMatchObject([
      { code: 'offset_lost', message: expect.stringContaining(`${topic}/0: offset 10`) },
    ]);
    expect(after.told).toEqual([]);
    expect((await withAdmin((admin) => committedOffsets(admin, groupId, topic))).get(0)?.offset).toBe(10);
  });

  test('records that vanish while it reads are an error', async () => {
    const topic = await makeTopic(client, 1);
    await fill(client, topic, 1, 100);
    const notes = new Notes();
    notes.assigned = async () => {
      await dropBefore(topic, 50);
      return 20;
    };
    await members.start(client, { topic, groupId: unique('group'), handler: notes });
    await until('failed', () => members.failures.length > 0);
    expect(members.failures).toMatchObject([{ code: 'offset_lost', message: expect.stringContaining('offset 20') }]);
    expect(notes.values).toEqual([]);
  });

  test('a batch that fails ends the member; nothing more is delivered, the partition is given back', async () => {
    const topic = await makeTopic(client, 2);
    const groupId = unique('group');
    await fill(client, topic, 2, 200);
    const notes = new Notes();
    notes.batch = async (partition) => {
      if (partition === 1) throw new Error('no room');
    };
    await members.start(client, { topic, groupId, handler: notes });
    await until('failed', () => members.failures.length > 0);
    expect(members.failures).toMatchObject([{ message: 'no room' }]);
    expect(notes.has.size).toBe(0);
    const successor = new Notes();
    const startMs = performance.now();
    await members.start(client, { topic, groupId, handler: successor });
    await until('all of it again', () => successor.values.length === 200);
    // It has left; nobody waits for its session to run out.
    expect(performance.now() - startMs).toBeLessThan(2500);
  });

  test('pause holds a partition back, resume lets it go on', async () => {
    const topic = await makeTopic(client, 2);
    const notes = new Notes();
    const member = await members.start(client, { topic, groupId: unique('group'), handler: notes });
    member.pause(0);
    await until('assigned', () => notes.has.size === 2);
    await fill(client, topic, 2, 100);
    await until('the other one', () => notes.values.length === 50);
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(notes.values.every((value) => Number(value) % 2 === 1)).toBe(true);
    expect(member.status().map(({ state }) => state)).toEqual(['paused', 'running']);
    member.resume(0);
    await until('both', () => notes.values.length === 100);
    await until('positions', () => member.status().every(({ position, high }) => position === 50 && high === 50));
  });

  test('a topic that is not there', async () => {
    const starting = members.start(client, {
      topic: unique('nowhere'),
      groupId: unique('group'),
      handler: new Notes(),
      topicMissingMs: 200,
    });
    await expect(starting).rejects.toMatchObject({ code: 'topic_missing' });
  });

  test('a partition that is added is told of, or shared out', async () => {
    const topic = await makeTopic(client, 1);
    const counts: number[] = [];
    const [told, silent] = [new Notes(), new Notes()];
    await members.start(client, {
      topic,
      groupId: unique('group'),
      handler: told,
      metadataIntervalMs: 100,
      onPartitionsChanged: (count) => counts.push(count),
    });
    await members.start(client, { topic, groupId: unique('group'), handler: silent, metadataIntervalMs: 100 });
    await until('assigned', () => told.has.size === 1 && silent.has.size === 1);
    await withAdmin((admin) => admin.createPartitions({ topicPartitions: [{ topic, count: 3 }] }));
    await until('noticed', () => counts.length > 0 && silent.has.size === 3);
    expect(counts).toEqual([3]);
    expect(told.has.size).toBe(1);
    await fill(client, topic, 3, 30);
    await until('read from the new ones', () => silent.values.length === 30);
  });
});
