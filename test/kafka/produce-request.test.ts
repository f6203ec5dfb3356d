/** The bytes of a request are those that kafkajs writes. */
import { createRequire } from 'node:module';
import fc from 'fast-check';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { produceRequest, type ProduceFields, type ProduceRequest } from '../../src/kafka/produce-request.ts';

const require = createRequire(import.meta.url);

/** A file of kafkajs as it came, without what has taken its place. */
function original(name: string): unknown {
  const path = require.resolve(name);
  const replaced = require.cache[path];
  delete require.cache[path];
  const loaded: unknown = require(name);
  if (replaced !== undefined) require.cache[path] = replaced;
  return loaded;
}

type Encode = (fields: ProduceFields) => ProduceRequest;
type Wrap = (fields: {
  correlationId: number;
  clientId: string;
  request: ProduceRequest;
}) => Promise<{ buffer: Buffer }>;

const kafkajsProduce = original('kafkajs/src/protocol/requests/produce/v3/request.js') as Encode;
const kafkajsWrap = original('kafkajs/src/protocol/request.js') as Wrap;
const wrap = require('kafkajs/src/protocol/request.js') as Wrap;
const produce = require('kafkajs/src/protocol/requests/produce/v3/request.js') as Encode;

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['Date'], now: 1_750_000_000_123 });
});
afterEach(() => {
  vi.useRealTimers();
});

const content = fc.oneof(
  fc.constant(null),
  fc.string({ unit: 'binary', maxLength: 40 }),
  fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
  // Where a varint takes one byte more.
  fc.constantFrom(63, 64, 65, 8191, 8192, 70_000).map((length) => Buffer.alloc(length, 7)),
);
const present = content.filter((value) => value !== null);
const message = fc.record({
  key: content,
  value: content,
  headers: fc.dictionary(
    fc.string({ minLength: 1, maxLength: 8 }),
    fc.oneof(present, fc.array(present, { maxLength: 3 })),
    {
      maxKeys: 3,
    },
  ),
});
const fields: fc.Arbitrary<ProduceFields> = fc.record({
  acks: fc.constantFrom(-1, 0, 1),
  timeout: fc.nat(),
  producerId: fc.constantFrom('-1', '0', '9007199254740993'),
  producerEpoch: fc.nat({ max: 32_767 }),
  topicData: fc.array(
    fc.record({
      topic: fc.string({ minLength: 1, maxLength: 20 }),
      partitions: fc.array(
        fc.record({
          partition: fc.nat({ max: 1000 }),
          firstSequence: fc.nat(),
          messages: fc.array(message, { minLength: 1, maxLength: 70 }),
        }),
        { maxLength: 3 },
      ),
    }),
    { maxLength: 3 },
  ),
});

test('a request has the bytes that kafkajs would write', async () => {
  await fc.assert(
    fc.asyncProperty(fields, fc.nat(), fc.string({ maxLength: 10 }), async (given, correlationId, clientId) => {
      const ours = await wrap({ correlationId, clientId, request: produceRequest(given) });
      const theirs = await kafkajsWrap({ correlationId, clientId, request: kafkajsProduce(given) });
      expect(ours.buffer.equals(theirs.buffer)).toBe(true);
    }),
    { numRuns: 200 },
  );
});

test('kafkajs is given the writer, and keeps what is compressed or has times of its own', async () => {
  const messages = [{ key: null, value: Buffer.from('x') }];
  const request = (extra: object, more: object = {}): ProduceFields => ({
    acks: -1,
    timeout: 1,
    ...extra,
    topicData: [{ topic: 't', partitions: [{ partition: 0, messages: messages.map((one) => ({ ...one, ...more })) }] }],
  });
  for (const given of [request({}), request({ compression: 1 }), request({}, { timestamp: '1700000000000' })]) {
    const [ours, theirs] = await Promise.all([produce(given).encode(), kafkajsProduce(given).encode()]);
    expect(ours.buffer.equals(theirs.buffer)).toBe(true);
  }
});

test('without an answer to wait for, and with one', () => {
  const given = { timeout: 1, topicData: [] };
  expect([-1, 0, 1].map((acks) => produceRequest({ acks, ...given }).expectResponse())).toEqual([true, false, true]);
});
