/**
 * Two instances, and what may happen to them: killed, frozen and woken, their broker killed. In the end nothing is lost, changed or
 * doubled, and every record that was fed is accounted for. CHAOS=100 kills more often than the 20 times of a usual run; CHAOS_SEED
 * chooses other moments.
 */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, expect, inject, test } from 'vitest';
import { Random } from '../../src/simulate/random.ts';
import { startBroker, type Broker } from '../support/broker/broker.ts';
import type { ChildInstance } from '../support/child-instance.ts';
import { NO_DIFFERENCE, replayed, Site, type SiteOptions } from '../support/deployment.ts';
import { countOf, ending, replayLines, simulatedDay, withFaults, type FedRecord } from '../support/day.ts';

const KILLS = Number(process.env.CHAOS ?? 20);
const SEED = Number(process.env.CHAOS_SEED ?? 1);
const POSTS_PER_KILL = 2500;
const SOURCES = 4;
/** Slices of the feed that go out between two kills. */
const SLICES = 20;

const open: Site[] = [];
let ownBroker: Broker | undefined;
afterEach(async () => {
  await Promise.all(open.splice(0).map((site) => site.close()));
  await ownBroker?.stop();
  ownBroker = undefined;
});

async function siteOf(bootstrap: readonly string[], options: SiteOptions): Promise<Site> {
  const site = await Site.open(bootstrap, options);
  open.push(site);
  return site;
}

/** Feeds a day slice by slice, for as long as something else goes on, and the rest of it at the end. */
class Load {
  readonly records: readonly FedRecord[];
  readonly #site: Site;
  #at = 0;

  constructor(site: Site, records: readonly FedRecord[]) {
    this.#site = site;
    this.records = records;
  }

  /** The next part of the day, spread over so long. */
  async part(parts: number, durationMs: number): Promise<void> {
    const end = Math.min(this.records.length, this.#at + Math.ceil(this.records.length / parts));
    const size = Math.ceil((end - this.#at) / SLICES);
    while (this.#at < end) {
      const slice = this.records.slice(this.#at, Math.min(end, this.#at + size));
      this.#at += slice.length;
      // Paced, so that there is work to be disturbed at any moment.
      await Promise.all([this.#site.send(slice), sleep(durationMs / SLICES)]);
    }
  }

  async rest(): Promise<void> {
    await this.#site.send(this.records.slice(this.#at));
    this.#at = this.records.length;
    await this.#site.send(ending(SOURCES));
  }
}

function dayOf(posts: number): FedRecord[] {
  return withFaults(simulatedDay({ posts, campaigns: 16, copying: 6 }), SEED);
}

/** Alerts as of a replay, and every record of the feed in one place. */
async function checkAll(site: Site, records: readonly FedRecord[]): Promise<void> {
  const expected = await replayed(replayLines(records));
  expect(expected.size).toBeGreaterThan(20);
  expect((await site.published()).differences(expected)).toEqual(NO_DIFFERENCE);
  await checkAccounts(site, records);
}

/**
 * Stage 1 over the whole log gives what has become of each record. Against it: the frames of every source follow each other without a
 * hole, and between them hold just the posts that it takes; the dead letters are just the records that it does not take, as they came.
 */
async function checkAccounts(site: Site, records: readonly FedRecord[]): Promise<void> {
  const { counts, entries } = await site.recounted();
  const { accepted, nothing, rejected, late, tombstones, ticks } = counts;
  expect(counts.records).toBe(accepted + nothing + rejected + late + tombstones + ticks);
  expect({ posts: accepted + nothing, rejected, late, tombstones, ticks }).toEqual({
    posts: countOf(records, 'post'),
    rejected: countOf(records, 'rejected'),
    late: countOf(records, 'late'),
    tombstones: countOf(records, 'tombstone'),
    ticks: SOURCES,
  });
  expect(nothing).toBeGreaterThan(0);
  const framed = await site.framed();
  expect(framed.entries.size).toBe(accepted);
  expect(framed.entries).toEqual(entries);
  const dead = await site.deadLetters();
  expect(dead.size).toBe(rejected + late);
  for (const { partition, record } of await site.records(site.topics.feed)) {
    const letter = dead.get(`${partition} ${record.offset}`);
    if (letter !== undefined && !letter.value.equals(record.value!)) throw new Error(`dead letter of ${record.offset}`);
  }
}

function checkUnfailed(instances: readonly ChildInstance[]): void {
  for (const { name, failure } of instances) expect({ name, failure }).toEqual({ name, failure: undefined });
}

test(
  `one of two instances killed ${KILLS} times under load`,
  async () => {
    const random = new Random(SEED);
    const site = await siteOf(inject('kafka'), {
      sources: SOURCES,
      partitions: 3,
      settings: { sessionTimeoutMs: 2000, heartbeatMs: 300, commitIntervalMs: 100, snapshotBytes: 100_000 },
    });
    const states = ['a', 'b'].map((name) => join(site.folder, `state-${name}`));
    const instances = await Promise.all(['a', 'b'].map((name, i) => site.spawn(name, { stateFolder: states[i]! })));
    await Promise.all(instances.map((instance) => instance.said('started', 1)));
    const load = new Load(site, dayOf(KILLS * POSTS_PER_KILL));
    for (let kills = 0; kills < KILLS; kills++) {
      const moment = random.between(100, 2500);
      const feeding = load.part(KILLS + 1, 2500);
      await sleep(moment);
      const victim = random.below(2);
      await instances[victim]!.kill();
      // Some come back on an empty disk.
      if (random.below(4) === 0) await rm(states[victim]!, { recursive: true, force: true });
      await instances[victim]!.start();
      await feeding;
    }
    await load.rest();
    await site.drained();
    checkUnfailed(instances);
    await checkAll(site, load.records);
    // Else no work was under way at any of the moments.
    expect((await site.framed()).repeated).toBeGreaterThan(0);
  },
  120_000 + KILLS * 10_000,
);

test('a frozen instance that wakes up when others have taken its place', async () => {
  const site = await siteOf(inject('kafka'), { sources: SOURCES, partitions: 3, settings: { commitIntervalMs: 100 } });
  const spawned = ['a', 'b'].map((name) => site.spawn(name, { stateFolder: join(site.folder, `state-${name}`) }));
  const instances = await Promise.all(spawned);
  await Promise.all(instances.map((instance) => instance.said('started', 1)));
  const load = new Load(site, dayOf(30_000));
  for (const [nth, frozen] of instances.entries()) {
    const other = instances[1 - nth]!;
    await load.part(6, 1000);
    const feeding = load.part(6, 10_000);
    const before = assignments(other);
    frozen.freeze();
    try {
      // The session is 6 s: then the other one has all of them, four sources, three partitions and the links.
      await other.said('partition assigned', before + SOURCES + 3 + 1);
    } finally {
      frozen.wake();
    }
    await feeding;
  }
  await load.rest();
  await site.drained();
  checkUnfailed(instances);
  await checkAll(site, load.records);
});

function assignments(instance: ChildInstance): number {
  return instance.logged.filter(({ message }) => message === 'partition assigned').length;
}

test('the broker killed and started again under load', async () => {
  const broker = (ownBroker = await startBroker({ own: true }));
  const site = await siteOf(broker.bootstrap, { sources: SOURCES, partitions: 2 });
  const instance = await site.start({ stateFolder: join(site.folder, 'state') });
  const load = new Load(site, dayOf(30_000));
  for (let kills = 0; kills < 3; kills++) {
    const feeding = load.part(4, 2000);
    await sleep(500 + 300 * kills);
    await broker.kill!();
    await broker.restart!();
    await feeding;
  }
  await load.rest();
  await site.drained();
  expect(instance.failure).toBeUndefined();
  expect(instance.logged.filter(({ level }) => level === 'warn')).not.toEqual([]);
  await checkAll(site, load.records);
});
