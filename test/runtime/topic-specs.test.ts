import { expect, test } from 'vitest';
import { topicSpecs, type TopicNeeds } from '../../src/runtime/topic-specs.ts';

const NEEDS: TopicNeeds = {
  topics: { feed: 'posts', fingerprints: 'c.fingerprints', links: 'c.links', alerts: 'alerts', deadLetters: 'dead' },
  partitions: 4,
  windowMs: 3_600_000,
  outOfOrdernessMs: 5000,
  outageAllowanceMs: 86_400_000,
};

test('internal topics keep two windows, what may come late and an outage, by the clock of the broker', () => {
  const { checked } = topicSpecs(NEEDS);
  const log = {
    configs: { 'cleanup.policy': 'delete', 'message.timestamp.type': 'LogAppendTime', 'retention.bytes': '-1' },
    atLeast: { 'retention.ms': 93_605_000, 'max.message.bytes': 1_048_588 },
  };
  expect(checked.find(({ name }) => name === 'c.fingerprints')).toEqual({
    name: 'c.fingerprints',
    partitions: 4,
    ...log,
  });
  // A post with all that it is linked to.
  const links = { ...log, atLeast: { ...log.atLeast, 'max.message.bytes': 4_194_304 } };
  expect(checked.find(({ name }) => name === 'c.links')).toEqual({ name: 'c.links', partitions: 1, ...links });
});

test('the feed must only be there, alerts are compacted, dead letters are not; all of these have any number of partitions', () => {
  const { checked } = topicSpecs(NEEDS);
  expect(checked.map(({ name }) => name)).toEqual(['posts', 'c.fingerprints', 'c.links', 'alerts', 'dead']);
  expect(checked[0]).toEqual({ name: 'posts', configs: {} });
  const [, , , alerts, dead] = checked;
  expect(alerts?.configs).toEqual({ 'cleanup.policy': 'compact' });
  expect(alerts?.atLeast).toEqual({ 'max.message.bytes': 4_194_304 });
  expect(dead?.configs).toEqual({ 'cleanup.policy': 'delete' });
  for (const spec of [alerts!, dead!]) expect(spec).not.toHaveProperty('partitions');
});

test('all but the feed are made, and each as it will be checked', () => {
  const { created, checked } = topicSpecs(NEEDS);
  expect(created.map(({ name, partitions }) => [name, partitions])).toEqual([
    ['c.fingerprints', 4],
    ['c.links', 1],
    ['alerts', 1],
    ['dead', 1],
  ]);
  for (const { partitions: _partitions, ...spec } of created) {
    expect(checked.find(({ name }) => name === spec.name)).toMatchObject(spec);
  }
  const without = topicSpecs({ ...NEEDS, topics: { ...NEEDS.topics, deadLetters: undefined } });
  expect([without.created.length, without.checked.length]).toEqual([3, 4]);
});
