/** What goes wrong around a member: others come, die, freeze and wake; the broker dies; the topic goes away. */
import { spawn, type ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { KafkaClient } from '../../src/kafka/client.ts';
import { FrameProducer } from '../../src/kafka/producer.ts';
import { readRange } from '../../src/kafka/reader.ts';
import { committedOffsets } from '../../src/kafka/offsets.ts';
import { startBroker, type Broker } from '../support/broker/broker.ts';
import { clientOf, fill, makeTopic, Members, Notes, unique, until } from './support.ts';

let broker: Broker;
let client: KafkaClient;
const members = new Members();
const children: ChildProcess[] = [];

beforeAll(async () => {
  broker = await startBroker({ own: true });
  client = clientOf(broker);
});
afterEach(async () => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
  await members.stopAll();
});
afterAll(() => broker.stop());

interface Child {
  readonly process: ChildProcess;
  readonly lines: string[];
}

function startChild(topic: string, groupId: string, name: string, batchMs = 0): Child {
  const program = new URL('member-child.ts', import.meta.url).pathname;
  const child = spawn(
    process.execPath,
    ['--import', 'tsx', program, broker.bootstrap.join(','), topic, groupId, name, String(batchMs)],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  children.push(child);
  const lines: string[] = [];
  createInterface({ input: child.stdout }).on('line', (line) => lines.push(line));
  return { process: child, lines };
}

/** Partitions that a child says it has. */
function held({ lines }: Child): Set<string> {
  const has = new Set<string>();
  for (const line of lines) {
    const [what, partition] = line.split(' ') as [string, string];
    if (what === 'assigned') has.add(partition);
    if (what === 'revoked') has.delete(partition);
  }
  return has;
}

describe('other members', () => {
  test('share the partitions; what each had it keeps; the rest comes back when one leaves', async () => {
    const topic = await makeTopic(client, 4);
    const groupId = unique('group');
    const [first, second] = [new Notes(), new Notes()];
    await members.start(client, { topic, groupId, handler: first, name: 'first' });
    await until('all to the first', () => first.has.size === 4);
    const startMs = performance.now();
    const other = await members.start(client, { topic, groupId, handler: second, name: 'second' });
    await until('shared', () => first.has.size === 2 && second.has.size === 2);
    expect(performance.now() - startMs).toBeLessThan(3000);
    expect([...first.has, ...second.has].toSorted((a, b) => a - b)).toEqual([0, 1, 2, 3]);
    expect([...first.has].toSorted((a, b) => a - b)).toEqual([0, 1]);
    await other.stop();
    await until('all back', () => first.has.size === 4);
    expect(second.has.size).toBe(0);
    // Kept partitions were given back and assigned anew each time.
    expect(first.told.filter(({ kind, partition }) => kind === 'assigned' && partition === 0)).toHaveLength(3);
  });

  test('finish and commit the batch that a rebalance meets, and nobody does it again', async () => {
    const topic = await makeTopic(client, 2);
    const groupId = unique('group');
    await fill(client, topic, 2, 2);
    const [slow, newcomer] = [new Notes(), new Notes()];
    const record = slow.batch.bind(slow);
    slow.batch = async (...args) => {
      await sleep(700);
      await record(...args);
    };
    await members.start(client, { topic, groupId, handler: slow });
    await until('assigned', () => slow.has.size === 2);
    await members.start(client, { topic, groupId, handler: newcomer });
    await until('shared', () => newcomer.has.size === 1);
    await sleep(300);
    expect([...slow.values, ...newcomer.values].sort()).toEqual(['0', '1']);
    expect([...newcomer.committed.values()]).toEqual([{ offset: 1, metadata: 'at 1' }]);
  });

  test('one whose restoring is cut short by a rebalance is told so', async () => {
    const topic = await makeTopic(client, 2);
    const groupId = unique('group');
    const notes = new Notes();
    let cut = 0;
    let restores = 0;
    notes.assigned = (partition, _committed, log, signal?: AbortSignal) =>
      new Promise((resolve) => {
        if (restores++ >= 2) {
          notes.has.add(partition);
          resolve(log.low);
        }
        signal?.addEventListener('abort', () => {
          cut += 1;
          resolve(0);
        });
      });
    await members.start(client, { topic, groupId, handler: notes });
    await until('restoring', () => restores === 2);
    await sleep(3500);
    // Longer than the session: the heartbeats went on.
    expect(cut).toBe(0);
    const other = new Notes();
    await members.start(client, { topic, groupId, handler: other });
    await until('shared', () => notes.has.size === 1 && other.has.size === 1);
    expect(cut).toBe(2);
    expect(notes.batches).toEqual([]);
  });

  test('killed: the survivor takes over where the dead one had committed', async () => {
    const topic = await makeTopic(client, 2);
    const groupId = unique('group');
    const victim = startChild(topic, groupId, 'victim', 20);
    await until('the child has all', () => held(victim).size === 2);
    await fill(client, topic, 2, 40);
    const survivor = new Notes();
    await members.start(client, { topic, groupId, handler: survivor });
    await until('shared', () => survivor.has.size === 1 && held(victim).size === 1);
    await fill(client, topic, 2, 40, 40);
    victim.process.kill('SIGKILL');
    const startMs = performance.now();
    await until('taken over', () => survivor.has.size === 2);
    expect(performance.now() - startMs).toBeLessThan(5000);
    await fill(client, topic, 2, 2, 80);
    const ranges = [...victim.lines]
      .filter((line) => line.startsWith('committed '))
      .map((line) => line.split(' ').map(Number) as [number, number, number]);
    for (const partition of [0, 1]) {
      const committedByVictim = Math.max(0, ...ranges.filter(([, p]) => p === partition).map(([, , next]) => next));
      const offsets = (): number[] =>
        survivor.told.flatMap((told) =>
          told.kind === 'batch' && told.partition === partition ? told.batch.records.map(({ offset }) => offset) : [],
        );
      await until('read to the end', () => offsets().at(-1) === 40);
      expect(offsets()).toEqual(Array.from({ length: offsets().length }, (_, i) => 41 - offsets().length + i));
      expect(offsets()[0]).toBeLessThanOrEqual(committedByVictim);
    }
  });

  test('frozen beyond its session and woken: its commit is refused, it joins again', async () => {
    const topic = await makeTopic(client, 1);
    const groupId = unique('group');
    await fill(client, topic, 1, 10);
    const zombie = startChild(topic, groupId, 'zombie', 300);
    await until('working', () => zombie.lines.some((line) => line.startsWith('batch ')));
    zombie.process.kill('SIGSTOP');
    const successor = new Notes();
    await members.start(client, { topic, groupId, handler: successor });
    await until('taken over', () => successor.values.length === 10);
    expect(successor.committed.get(0)).toBeUndefined();
    zombie.process.kill('SIGCONT');
    await until('refused', () => zombie.lines.includes('refused 0 partition_lost'));
    await until('in the group again', () => zombie.lines.includes('revoked 0'));
    expect(zombie.lines.filter((line) => line.startsWith('committed') || line.startsWith('fatal'))).toEqual([]);
    const admin = client.admin();
    await admin.connect();
    const found = await committedOffsets(admin, groupId, topic);
    await admin.disconnect();
    expect(found.get(0)).toEqual({ offset: 10, metadata: 'at 10' });
  });
});

describe('the broker', () => {
  test('killed and started again under load: nothing is lost or doubled, nobody gives up', async () => {
    const topic = await makeTopic(client, 3);
    const notes = new Notes();
    await members.start(client, { topic, groupId: unique('group'), handler: notes, sessionTimeoutMs: 10_000 });
    await until('assigned', () => notes.has.size === 3);
    const producer = new FrameProducer(client);
    await producer.connect();
    let sent = 0;
    const ending = new AbortController();
    const produce = async (): Promise<void> => {
      while (!ending.signal.aborted) {
        const first = sent;
        sent += 30;
        await producer.send(
          topic,
          Array.from({ length: 30 }, (_, i) => ({ partition: i % 3, key: null, value: String(first + i) })),
        );
      }
    };
    const producing = produce();
    const reading = (async () => {
      const values: string[] = [];
      for await (const { records } of readRange(client, { topic, partition: 0, from: 0, to: 400 })) {
        values.push(...records.map(({ value }) => String(value)));
        await sleep(20);
      }
      return values;
    })();
    await sleep(500);
    await broker.kill!();
    await sleep(4000);
    const whenKilled = sent;
    await broker.restart!();
    await until('going on', () => sent > whenKilled + 1000, 60_000);
    ending.abort();
    await producing;
    await until('all read', () => new Set(notes.values).size === sent, 60_000);
    expect(members.failures).toEqual([]);
    await producer.disconnect();
    // Stored once each, in order.
    const values = await reading;
    expect(values).toEqual(Array.from({ length: 400 }, (_, i) => String(3 * i)));
    for (const partition of [0, 1, 2]) {
      const all: number[] = [];
      const to = Math.ceil((sent - partition) / 3);
      for await (const { records } of readRange(client, { topic, partition, from: 0, to })) {
        all.push(...records.map(({ value }) => Number(value)));
      }
      expect(all).toEqual(Array.from({ length: to }, (_, i) => 3 * i + partition));
    }
    // The group's generation outlives the broker, so nothing had to be done twice either.
    expect(notes.values).toHaveLength(sent);
  }, 120_000);

  test('away for good: the error says so after the bound, and stopping does not hang', async () => {
    const topic = await makeTopic(client, 1);
    const notes = new Notes();
    const [patient, impatient] = await Promise.all(
      [60_000, 1000].map((outageMaxMs) =>
        members.start(client, { topic, groupId: unique('group'), handler: notes, outageMaxMs, stopMaxMs: 1000 }),
      ),
    );
    await until('assigned', () => notes.told.length === 2);
    await broker.pause!();
    try {
      const startMs = performance.now();
      await patient!.stop();
      expect(performance.now() - startMs).toBeLessThan(3000);
    } finally {
      await broker.resume!();
    }
    await broker.kill!();
    try {
      await until('given up', () => members.failures.length > 0);
      expect(members.failures).toMatchObject([{ code: 'kafka_unreachable', retryable: true }]);
      await impatient!.stop();
      const starting = members.start(client, { topic, groupId: unique('group'), handler: notes });
      await sleep(300);
      await members.stopAll();
      await starting;
    } finally {
      await broker.restart!();
    }
  }, 60_000);
});

test('a topic that is deleted stops its member, which says so', async () => {
  const topic = await makeTopic(client, 2);
  await fill(client, topic, 2, 10);
  const notes = new Notes();
  await members.start(client, { topic, groupId: unique('group'), handler: notes, topicMissingMs: 500 });
  await until('read', () => notes.values.length === 10);
  const admin = client.admin();
  await admin.connect();
  await admin.deleteTopics({ topics: [topic] });
  await admin.disconnect();
  await until('stopped', () => members.failures.length > 0);
  expect(members.failures).toMatchObject([{ code: 'topic_missing', message: expect.stringContaining(topic) }]);
  expect(notes.has.size).toBe(0);
});
