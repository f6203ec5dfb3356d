/** A deployment that starts again: on the same disk, an empty one, one of other settings, a damaged one, on none at all. */
import { existsSync } from 'node:fs';
import { readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeAll, expect, inject, test } from 'vitest';
import type { MatchTask } from '../../src/runtime/match-task.ts';
import type { StoreCounters } from '../../src/state/store.ts';
import { NO_DIFFERENCE, replayed, Site, type InstanceSettings, type LocalInstance } from '../support/deployment.ts';
import { ending, posts, simulatedDay } from '../support/day.ts';

const SOURCES = 2;
const PARTITIONS = 2;

const open: Site[] = [];
afterEach(() => Promise.all(open.splice(0).map((site) => site.close())));

let lines: string[];
let expected: ReadonlyMap<string, string>;
beforeAll(async () => {
  // Half a day in a window of six hours: at the break, alerts are open and the window is full.
  lines = simulatedDay({ posts: 20_000, hours: 12, campaigns: 16, copying: 6 });
  expected = await replayed(lines, ['--window', '6h']);
});

/** A site whose first instance has done half of the day and stopped. */
async function half(changes: Partial<InstanceSettings> = {}): Promise<Site> {
  const site = await Site.open(inject('kafka'), { sources: SOURCES, partitions: PARTITIONS, windowMs: 6 * 3_600_000 });
  open.push(site);
  await site.send(posts(lines.slice(0, lines.length / 2)));
  const instance = await site.start({ stateFolder: stateOf(site), ...changes });
  await site.drained();
  await instance.stop();
  expect((await site.published()).alerts.size).toBeGreaterThan(5);
  return site;
}

function stateOf(site: Site): string {
  return join(site.folder, 'state');
}

/** @param sent posts of it that were sent before */
async function otherHalf(site: Site, instance: LocalInstance, sent = 0): Promise<void> {
  await site.send(posts(lines.slice(lines.length / 2 + sent)));
  await site.send(ending(SOURCES));
  await site.drained();
  expect(instance.failure).toBeUndefined();
  expect((await site.published()).differences(expected)).toEqual(NO_DIFFERENCE);
}

/** Of the stores of the match stage, once it has them all. */
async function storesOf(instance: LocalInstance): Promise<StoreCounters[]> {
  await instance.assigned('match', PARTITIONS);
  const tasks = instance.deployment.runner('match')!.tasks();
  return tasks.map((task) => (task as MatchTask).store.counters);
}

test('on the same disk: from what is there', async () => {
  expect(expected.size).toBeGreaterThan(20);
  const site = await half();
  const instance = await site.start({ stateFolder: stateOf(site) });
  for (const { framesScanned, framesPut } of await storesOf(instance)) {
    expect(framesScanned).toBeGreaterThan(0);
    expect(framesPut).toBe(0);
  }
  await otherHalf(site, instance);
});

test('on an empty disk: from the log', async () => {
  const site = await half();
  await rm(stateOf(site), { recursive: true });
  const instance = await site.start({ stateFolder: stateOf(site) });
  for (const { framesScanned, framesPut } of await storesOf(instance)) {
    expect(framesScanned).toBe(0);
    expect(framesPut).toBeGreaterThan(0);
  }
  await otherHalf(site, instance);
});

test('in memory: from the log', async () => {
  const site = await half({ stateFolder: undefined });
  expect(existsSync(stateOf(site))).toBe(false);
  const instance = await site.start();
  await otherHalf(site, instance);
});

test('on a damaged disk: set aside, built again from the log, and said so', async () => {
  const site = await half();
  const damaged = join(stateOf(site), 'match-1');
  for (const name of await readdir(damaged)) {
    if (name.startsWith('MANIFEST-')) await truncate(join(damaged, name), 10);
  }
  const instance = await site.start({ stateFolder: stateOf(site) });
  await storesOf(instance);
  const told = instance.logged.filter(({ message }) => message.startsWith('state set aside'));
  expect(told).toHaveLength(1);
  expect(told[0]).toMatchObject({ level: 'warn', fields: { detail: { task: 'match-1' } } });
  const { keptAt } = (told[0]!.fields as { detail: { keptAt: string } }).detail;
  expect(existsSync(keptAt)).toBe(true);
  await otherHalf(site, instance);
});

test('on a disk that opens well and is damaged where it is read: set aside, built again from the log, and said so', async () => {
  // Small buffers, so that most of the window lies in files, and not in the library's log, which is checked at open.
  const site = await half({ storeMemoryBytes: 2 ** 20 });
  const damaged = join(stateOf(site), 'match-1');
  const tables = (await readdir(damaged)).filter((name) => name.endsWith('.sst'));
  expect(tables).not.toEqual([]);
  for (const name of tables) {
    const bytes = await readFile(join(damaged, name));
    // Not to the end: the last frame is looked at when the store is opened.
    for (let at = 2000; at < bytes.length / 2; at += 2500) bytes[at]! ^= 1;
    await writeFile(join(damaged, name), bytes);
  }
  const instance = await site.start({ stateFolder: stateOf(site), storeMemoryBytes: 2 ** 20 });
  await storesOf(instance);
  expect(instance.logged.filter(({ message }) => message.startsWith('state set aside'))).toMatchObject([
    { level: 'warn', fields: { detail: { task: 'match-1' } } },
  ]);
  await otherHalf(site, instance);
});

test('on a disk of other settings: refused, with what mends it', async () => {
  const site = await half();
  const { feed } = site.topics;
  const settings = { ...site.settings.settings, minAccounts: 6 };
  const other = await Site.open(inject('kafka'), {
    sources: SOURCES,
    partitions: PARTITIONS,
    feed,
    settings: { settings },
  });
  open.push(other);
  const instance = await other.start({ stateFolder: stateOf(site) });
  const { code, message } = await instance.failed(30_000);
  expect(code).toBe('store_topology');
  expect(message).toContain(stateOf(site));
  expect(message).toContain('rm -r');
  await instance.stop();
  // Nothing was touched: with the settings of before it goes on.
  await otherHalf(site, await site.start({ stateFolder: stateOf(site) }));
});

test('on logs of other settings: refused before anything is written, with what mends it', async () => {
  const site = await half();
  const settings = { ...site.settings.settings, minAccounts: 6 };
  await site.send(posts(lines.slice(lines.length / 2, lines.length / 2 + 100)));
  await expect(site.start({ stateFolder: join(site.folder, 'another'), settings })).rejects.toMatchObject({
    code: 'frame_topology',
    message: expect.stringContaining('kafka.prefix') as string,
  });
  await otherHalf(site, await site.start({ stateFolder: stateOf(site) }), 100);
});

test('on a disk that another instance has: it waits, and then refuses', async () => {
  const site = await half();
  const first = await site.start({ stateFolder: stateOf(site) });
  await storesOf(first);
  const second = await site.start({ stateFolder: stateOf(site), groupPrefix: `${site.settings.groupPrefix}-b` });
  const { code, message } = await second.failed(30_000);
  expect(code).toBe('store_locked');
  expect(message).toContain(stateOf(site));
  await second.stop();
  await otherHalf(site, first);
});
