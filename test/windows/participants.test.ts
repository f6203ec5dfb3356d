import { expect, test } from 'vitest';
import { Participants } from '../../src/windows/participants.ts';

test('an account is counted once for each alert that closes', () => {
  const participants = new Participants();
  participants.add(['a', 'b'], 10);
  participants.add(['b', 'c'], 10);
  expect(['a', 'b', 'c', 'd'].map((account) => participants.alertsOf(account))).toEqual([1, 2, 1, 0]);
});

test('at the bound those are forgotten whose last alert is longest ago', () => {
  const participants = new Participants();
  participants.add(['a', 'b', 'c'], 3);
  participants.add(['a'], 3);
  participants.add(['d'], 3);
  expect(Array.from(participants.rows())).toEqual([
    ['c', 1],
    ['a', 2],
    ['d', 1],
  ]);
  expect([participants.count, participants.forgotten]).toEqual([3, 1]);
});

test('what was written is restored in its order', () => {
  const participants = new Participants();
  participants.add(['a', 'b'], 10);
  participants.add(['a'], 10);
  const restored = new Participants();
  for (const row of participants.rows()) restored.restore(row);
  restored.add(['c', 'd'], 3);
  expect(Array.from(restored.rows())).toEqual([
    ['a', 2],
    ['c', 1],
    ['d', 1],
  ]);
});
