import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Random } from '../../src/simulate/random.ts';
import { Campaign, campaignOf, type CampaignLimits } from '../../src/windows/campaigns.ts';
import { TextNode, type MemberPost } from '../../src/windows/text-nodes.ts';

const NO_LIMITS = { postsMax: Infinity, variantsMax: Infinity, accountsMax: Infinity };

function member(random: Random, number: number): MemberPost {
  const account = `a${random.below(12)}`;
  const post = { id: `p${number}`, platform: 'x', account, text: 't', createdAt: number + random.below(5) };
  return { key: post.id, account: `x\u0000${account}`, post, forwarded: random.below(3) === 0 };
}

/** What a campaign says, in plain numbers. */
function saidBy(campaign: Campaign): unknown {
  const summaries = campaign.accountSummaries();
  return {
    posts: campaign.postCount,
    kept: campaign.keptPosts,
    forwards: campaign.forwardCount,
    lastMs: campaign.lastMs,
    byAccount: Array.from(campaign.accounts).sort((a, b) => (a[0] < b[0] ? -1 : 1)),
    accounts: Array.from(summaries, ([name, { postCount, firstMs, lastMs }]) => [
      name,
      postCount,
      firstMs,
      lastMs,
    ]).sort((a, b) => (a[0]! < b[0]! ? -1 : 1)),
  };
}

/** The same from the posts themselves. */
function saidByPosts(posts: readonly MemberPost[]): unknown {
  const times = posts.map(({ post }) => post.createdAt);
  const names = Array.from(new Set(posts.map(({ account }) => account))).sort((a, b) => (a < b ? -1 : 1));
  return {
    posts: posts.length,
    kept: posts.length,
    forwards: posts.filter(({ forwarded }) => forwarded).length,
    lastMs: Math.max(...times),
    byAccount: names.map((name) => [name, posts.filter(({ account }) => account === name).length]),
    accounts: names.map((name) => {
      const own = posts.filter(({ account }) => account === name).map(({ post }) => post.createdAt);
      return [name, own.length, Math.min(...own), Math.max(...own)];
    }),
  };
}

describe('a campaign', () => {
  test('sums up its posts, whatever joins, posts, leaves and unites', () => {
    fc.assert(
      fc.property(fc.nat(), fc.integer({ min: 1, max: 120 }), (seed, steps) => {
        const random = new Random(seed);
        const campaigns = Array.from({ length: 4 }, () => new Campaign(NO_LIMITS));
        const nodes: TextNode[] = [];
        const posts = new Map<TextNode, MemberPost[]>();
        for (let step = 0; step < steps; step++) {
          const dice = random.below(10);
          const node = nodes[random.below(Math.max(1, nodes.length))];
          if (node === undefined || dice < 2) {
            const fresh = new TextNode(`n${step}`, 't', 100, step);
            const first = Array.from({ length: random.between(1, 4) }, (_, i) => member(random, 10 * step + i));
            fresh.posts.push(...first);
            nodes.push(fresh);
            posts.set(fresh, first);
            campaignAt(random, campaigns).join(fresh);
          } else if (dice < 7) {
            const post = member(random, 10 * step);
            posts.get(node)!.push(post);
            campaignOf(node)!.add(node, post);
          } else if (dice < 9) {
            const old = campaignOf(node)!;
            const next = campaignAt(random, campaigns);
            if (old === next) continue;
            old.leave([node]);
            expect(campaignOf(node)).toBeUndefined();
            next.join(node);
          } else {
            const [a, b] = [campaignAt(random, campaigns), campaignAt(random, campaigns)];
            if (a !== b) a.absorb(b);
          }
        }
        for (const campaign of campaigns) {
          const own = nodes.filter((node) => campaignOf(node) === campaign);
          expect(new Set(campaign.nodes)).toEqual(new Set(own));
          if (campaign.into === undefined) {
            expect(saidBy(campaign)).toEqual(saidByPosts(own.flatMap((node) => posts.get(node)!)));
          }
          for (const node of own) {
            const times = posts.get(node)!.map(({ post }) => post.createdAt);
            expect([node.postCount, node.firstPostMs, node.lastPostMs]).toEqual([
              times.length,
              Math.min(...times),
              Math.max(...times),
            ]);
          }
        }
      }),
      { numRuns: 300 },
    );
  });

  function campaignAt(random: Random, campaigns: readonly Campaign[]): Campaign {
    return random.pick(campaigns.filter(({ into }) => into === undefined));
  }

  test('counts what its limits do not let it keep', () => {
    const limits: CampaignLimits = { postsMax: 5, variantsMax: 3, accountsMax: 4 };
    const campaign = new Campaign(limits);
    for (let n = 0; n < 6; n++) {
      const node = new TextNode(`n${n}`, 't', 100, n);
      const post = { id: `p${n}`, platform: 'x', account: `a${n}`, text: 't', createdAt: n };
      node.posts.push({ key: post.id, account: `x\u0000a${n}`, post, forwarded: false });
      campaign.join(node);
    }
    expect([campaign.postCount, campaign.keptPosts, campaign.nodes.size, campaign.accounts.size]).toEqual([6, 5, 3, 4]);
    expect(campaign.lastMs).toBe(5);
    const kept = Array.from(campaign.nodes).flatMap((node) => node.posts);
    expect(kept.map(({ key }) => key)).toEqual(['p0', 'p1', 'p2']);
  });

  test('one that takes another over keeps to its limits', () => {
    const limits: CampaignLimits = { postsMax: 3, variantsMax: 9, accountsMax: 9 };
    const random = new Random(1);
    const [a, b] = [new Campaign(limits), new Campaign(limits)];
    for (const campaign of [a, b]) {
      const node = new TextNode(`n${campaign === a ? 0 : 1}`, 't', 100, 0);
      node.posts.push(member(random, 1), member(random, 2));
      campaign.join(node);
    }
    a.absorb(b);
    expect([a.postCount, a.keptPosts]).toEqual([4, 3]);
    expect(Array.from(a.nodes).flatMap((node) => node.posts)).toHaveLength(3);
    expect(b.into).toBe(a);
  });

  test('forgets the nodes without a post after the bound, and counts accounts after it', () => {
    const campaign = new Campaign(NO_LIMITS);
    for (let n = 0; n < 5; n++) {
      const node = new TextNode(`n${n}`, 't', 100, n);
      const post = { id: `p${n}`, platform: 'x', account: `a${n}`, text: 't', createdAt: n };
      node.posts.push({ key: post.id, account: `x\u0000a${n}`, post, forwarded: false });
      campaign.join(node);
    }
    expect(campaign.accountsSince(2, 99)).toBe(2);
    expect(campaign.accountsSince(-1, 3)).toBe(3);
    campaign.forget(2);
    expect(Array.from(campaign.nodes, ({ id }) => id)).toEqual(['n3', 'n4']);
    expect([campaign.postCount, campaign.lastMs, campaign.accounts.size]).toEqual([2, 4, 2]);
  });
});
