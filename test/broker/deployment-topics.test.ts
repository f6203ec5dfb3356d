/** What happens to the topics below a running deployment: it stops, and says which topic and why. */
import { afterAll, describe, expect, inject, test } from 'vitest';
import { Site, type LocalInstance } from '../support/deployment.ts';
import { posts, simulatedDay } from '../support/day.ts';

const SOURCES = 2;
const lines = simulatedDay({ posts: 3000, campaigns: 2, copying: 0 });

const open: Site[] = [];
afterAll(() => Promise.all(open.splice(0).map((site) => site.close())));

/** A site with an instance that has work behind it. */
async function running(): Promise<{ site: Site; instance: LocalInstance }> {
  const site = await Site.open(inject('kafka'), { sources: SOURCES, partitions: 2 });
  open.push(site);
  const instance = await site.start();
  await site.send(posts(lines.slice(0, 2000)));
  await site.drained();
  return { site, instance };
}

// Side by side, since each of them waits for something that takes its time.
describe.concurrent('a deployment whose topic', () => {
  test('gets another partition: stops, and a new one is refused too', async () => {
    const { site, instance } = await running();
    const { feed } = site.topics;
    await site.admin.createPartitions({ topicPartitions: [{ topic: feed, count: SOURCES + 1 }] });
    const { code, message } = await instance.failed(60_000);
    expect(code).toBe('partitions_changed');
    expect(message).toContain(feed);
    expect(message).toContain('kafka.prefix');
    await instance.stop();
    await expect(site.start()).rejects.toMatchObject({ code: 'frame_topology' });
  });

  test.each(['feed', 'fingerprints', 'links', 'alerts'] as const)('of %s is deleted', async (which) => {
    const { site, instance } = await running();
    const topic = site.topics[which];
    await site.admin.deleteTopics({ topics: [topic] });
    if (which !== 'feed') await site.send(posts(lines.slice(2000)));
    const { code, message } = await instance.failed(60_000);
    expect({ code, message }).toEqual({ code: 'topic_missing', message: expect.stringContaining(topic) as string });
  });

  test.each(['feed', 'fingerprints', 'links', 'alerts'] as const)('of %s is not there at the start', async (which) => {
    const { site, instance } = await running();
    await instance.stop();
    const topic = `${site.topics[which]}-other`;
    await expect(site.start({ topics: { ...site.topics, [which]: topic } })).rejects.toMatchObject({
      code: 'topic_missing',
      message: expect.stringContaining(topic) as string,
    });
  });
});
