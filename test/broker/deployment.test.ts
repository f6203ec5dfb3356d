/** A simulated day through a real broker: the alerts are, byte for byte, those of a replay of the posts. */
import { afterEach, beforeAll, describe, expect, inject, test } from 'vitest';
import { NO_DIFFERENCE, replayed, Site, type SiteOptions } from '../support/deployment.ts';
import { ending, posts, simulatedDay } from '../support/day.ts';

const POSTS = Number(process.env.CHORUS_DAY_POSTS ?? 200_000);

const open: Site[] = [];
afterEach(() => Promise.all(open.splice(0).map((site) => site.close())));

async function siteOf(options: SiteOptions): Promise<Site> {
  const site = await Site.open(inject('kafka'), options);
  open.push(site);
  return site;
}

describe('a day of posts', () => {
  let lines: string[];
  let expected: ReadonlyMap<string, string>;
  beforeAll(async () => {
    lines = simulatedDay({ posts: POSTS, campaigns: 24, copying: 12 });
    expected = await replayed(lines);
  });

  test.each([1, 3, 8])('in %i partitions, through 1 and 3 partitions of fingerprints', async (sources) => {
    expect(expected.size).toBeGreaterThan(50);
    const first = await siteOf({ sources, partitions: 1 });
    await first.send(posts(lines));
    await first.send(ending(sources));
    const second = await siteOf({ sources, partitions: 3, feed: first.topics.feed, alertPartitions: 2 });
    for (const site of [first, second]) {
      const instance = await site.start();
      await site.drained();
      await instance.stop();
      expect((await site.published()).differences(expected)).toEqual(NO_DIFFERENCE);
    }
  });
});
