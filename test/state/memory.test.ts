import { expect, test } from 'vitest';
import { MemoryStoreProvider } from '../../src/state/memory.ts';
import { storeSuite } from './conformance.ts';
import { batch, TOPOLOGY } from './records.ts';

storeSuite('in memory', () => new MemoryStoreProvider());

test('a wiped disk is an empty one', async () => {
  const provider = new MemoryStoreProvider();
  const old = await provider.open('match-0', TOPOLOGY);
  const kept = await provider.open('match-1', TOPOLOGY);
  await old.write(batch('a'));
  await kept.write(batch('b'));
  provider.wipe('match-0');
  await expect(old.write(batch('c'))).rejects.toMatchObject({ code: 'store_closed' });
  expect((await provider.open('match-0', '1111111111111111')).checkpoint).toBeUndefined();
  expect(kept.checkpoint).toBeDefined();
  provider.wipe();
  expect((await provider.open('match-1', TOPOLOGY)).checkpoint).toBeUndefined();
});
