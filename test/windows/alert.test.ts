import { describe, expect, test } from 'vitest';
import { NO_RULES } from '../../src/evidence/marks.ts';
import { Fingerprinter } from '../../src/fingerprints/fingerprint.ts';
import { FrequencyTable } from '../../src/fingerprints/frequency-table.ts';
import { hashStrings, hex64 } from '../../src/fingerprints/hash.ts';
import { Similarity } from '../../src/fingerprints/similarity.ts';
import type { Alert, AlertStatus } from '../../src/model.ts';
import { Random } from '../../src/simulate/random.ts';
import { AlertBuilder } from '../../src/windows/alert.ts';
import { FAMILY } from '../../src/windows/bucket-index.ts';
import { Campaign, type AlertState } from '../../src/windows/campaigns.ts';
import { Participants } from '../../src/windows/participants.ts';
import { TextNode, type MemberPost } from '../../src/windows/text-nodes.ts';
import { tableBytes } from '../support/table.ts';

const TABLE = new FrequencyTable(tableBytes({ natsPerLevel: 1 }));
const FINGERPRINTER = new Fingerprinter({ table: TABLE, secretHi: 1, secretLo: 2, simhash: true });
const START_MS = Date.UTC(2025, 1, 4, 9);
const LIMITS = { postsMax: 1000, variantsMax: 1000, accountsMax: 1000 };
const LISTED = { variantsListed: 3, accountsListed: 4, samplesListed: 5 };
const STATE: AlertState = {
  id: 'aaaaaaaaaaaaaaaa',
  openedMs: START_MS + 4000,
  revision: 3,
  publishedMs: 0,
  publishedAccounts: 0,
  publishedPosts: 0,
};

interface Sent {
  readonly text: string;
  readonly account: string;
  readonly seconds: number;
  readonly platform?: string;
  readonly forwarded?: boolean;
  readonly fields?: Partial<MemberPost['post']>;
}

function member(sent: Sent, id: string): MemberPost {
  const { text, account, seconds, platform = 'one', forwarded = false, fields } = sent;
  const post = { id, platform, account, text, createdAt: START_MS + 1000 * seconds, ...fields };
  return { key: `key-${id}`, account: `${platform}\u0000${account}`, post, forwarded };
}

/** A campaign of posts; its nodes join in the order in which `nodeOrder` puts their texts. */
function campaignOf(posts: readonly Sent[], nodeOrder = (texts: string[]): string[] => texts): Campaign {
  const campaign = new Campaign(LIMITS);
  const members = posts.map((sent, i) => member(sent, `p${i}`));
  for (const text of nodeOrder(Array.from(new Set(posts.map((sent) => sent.text))))) {
    const own = members.filter(({ post }) => post.text === text);
    const node = new TextNode(`id of ${text}`, text, 100, own[0]!.post.createdAt);
    for (const { post, account } of own) {
      node.lastMs = post.createdAt;
      node.noteAccount(account, post.createdAt);
    }
    node.posts.push(...own);
    campaign.join(node);
  }
  return campaign;
}

function build(
  campaign: Campaign,
  listed = LISTED,
  status: AlertStatus = 'updated',
  mergedInto?: string,
  participants = new Participants(),
): Alert {
  const settings = {
    windowMs: 60_000,
    engine: 'chorus/test',
    topology: 'fedcba9876543210',
    minutesListed: 3,
    rules: NO_RULES,
    creation: undefined,
    ...listed,
  };
  const builder = new AlertBuilder(settings, FINGERPRINTER, new Similarity(TABLE.idfNats), participants);
  return builder.build(campaign, STATE, status, START_MS + 99_000, mergedInto);
}

/** Six variants by up to seven accounts each, posted in turn. */
const POSTS: Sent[] = Array.from({ length: 70 }, (_, i) => ({
  text: `the harbour toll robs every nurse on variant ${'abcdef'.charAt(i % 6)}`,
  account: `a${(i * 5) % 37}`,
  seconds: i,
}));

describe('an alert', () => {
  const alert = build(campaignOf(POSTS));

  test('says of each list how much it lacks', () => {
    expect(alert.variants.listed).toHaveLength(3);
    expect(alert.accounts.listed).toHaveLength(4);
    expect(alert.samples.listed).toHaveLength(5);
    expect(alert.variants.listed.length + alert.variants.leftOut).toBe(alert.variantCount);
    expect(alert.accounts.listed.length + alert.accounts.leftOut).toBe(alert.accountCount);
    expect(alert.samples.listed.length + alert.samples.leftOut).toBe(alert.postCount);
    expect([alert.variantCount, alert.accountCount, alert.postCount]).toEqual([6, 37, 70]);
  });

  test('leaves nothing out where there is room', () => {
    const whole = build(campaignOf(POSTS), { variantsListed: 50, accountsListed: 50, samplesListed: 100 });
    expect([whole.variants.leftOut, whole.accounts.leftOut, whole.samples.leftOut]).toEqual([0, 0, 0]);
    expect(whole.samples.listed.map(({ id }) => id)).toEqual(POSTS.map((_, i) => `p${i}`));
    expect(whole.variants.listed.reduce((sum, { postCount }) => sum + postCount, 0)).toBe(70);
    expect(whole.accounts.listed.reduce((sum, { postCount }) => sum + postCount, 0)).toBe(70);
  });

  test('has one element each where lists hold one', () => {
    const small = build(campaignOf(POSTS), { variantsListed: 1, accountsListed: 1, samplesListed: 1 });
    expect([small.variants.leftOut, small.accounts.leftOut, small.samples.leftOut]).toEqual([5, 36, 69]);
    expect(small.accounts.listed[0]!.account).toBe('a0');
    expect(small.samples.listed[0]!.id).toBe('p0');
  });

  test('is the same bytes in whatever order its nodes came', () => {
    const bytes = JSON.stringify(alert);
    for (let seed = 0; seed < 20; seed++) {
      const shuffled = campaignOf(POSTS, (texts) => new Random(seed).shuffled(texts));
      expect(JSON.stringify(build(shuffled)), `seed ${seed}`).toBe(bytes);
    }
  });

  test('carries its times, its state and what made it', () => {
    expect(alert).toMatchObject({
      schema: 'chorus.alert.v1',
      id: STATE.id,
      revision: 3,
      status: 'updated',
      finding: 'coordinated posting',
      revisedAt: '2025-02-04T09:01:39.000Z',
      openedAt: '2025-02-04T09:00:04.000Z',
      firstPostAt: '2025-02-04T09:00:00.000Z',
      lastPostAt: '2025-02-04T09:01:09.000Z',
      windowMs: 60_000,
      engine: 'chorus/test',
      topology: 'fedcba9876543210',
    });
    expect(alert).not.toHaveProperty('mergedInto');
  });

  test('that is merged says into which', () => {
    const merged = build(campaignOf(POSTS), LISTED, 'merged', 'bbbbbbbbbbbbbbbb');
    expect([merged.status, merged.mergedInto]).toEqual(['merged', 'bbbbbbbbbbbbbbbb']);
  });

  test('says nothing of automation or of who the accounts are', () => {
    expect(JSON.stringify(alert)).not.toMatch(/\b(bots?|inauthentic|fake)\b/i);
  });
});

describe('variants', () => {
  const alert = build(
    campaignOf([
      { text: 'few accounts many posts here', account: 'x', seconds: 1 },
      { text: 'few accounts many posts here', account: 'x', seconds: 2 },
      { text: 'few accounts many posts here', account: 'x', seconds: 3 },
      { text: 'many accounts few posts here', account: 'x', seconds: 4 },
      { text: 'many accounts few posts here', account: 'y', seconds: 5 },
      { text: 'later of two equal ones', account: 'z', seconds: 7 },
      { text: 'earlier of two equal ones', account: 'z', seconds: 6 },
    ]),
    { ...LISTED, variantsListed: 4 },
  );

  test('stand in order of accounts, then posts, then time', () => {
    expect(alert.variants.listed.map(({ text }) => text)).toEqual([
      'many accounts few posts here',
      'few accounts many posts here',
      'earlier of two equal ones',
      'later of two equal ones',
    ]);
    expect(alert.variants.listed.map(({ accountCount, postCount }) => [accountCount, postCount])).toEqual([
      [2, 2],
      [1, 3],
      [1, 1],
      [1, 1],
    ]);
  });

  test('the widest represents the alert, and R is to it', () => {
    expect(alert.text).toBe('many accounts few posts here');
    const [self, other] = alert.variants.listed;
    // Five tokens of 15 nats.
    expect(self!.similarity).toBeCloseTo(75 / 95, 3);
    expect(other!.similarity).toBeCloseTo(75 / 95, 3);
    const far = alert.variants.listed[3]!;
    expect(far.similarity).toBeLessThan(0.2);
    expect(alert.variants.listed.every(({ similarity }) => Number.isInteger(Math.round(similarity * 1e6) / 1e3))).toBe(
      true,
    );
  });

  test('carry the SimHash64 of their own text', () => {
    for (const { text, simhash } of alert.variants.listed) {
      FINGERPRINTER.compute(text);
      expect(simhash).toBe(hex64(FINGERPRINTER.simHi, FINGERPRINTER.simLo));
    }
  });
});

describe('accounts', () => {
  test('stand in order of their first post, ties by platform and id, with what is known of them', () => {
    const text = 'one text of this campaign';
    const made = Date.UTC(2020, 0, 1);
    const alert = build(
      campaignOf([
        { text, account: 'b', seconds: 1, platform: 'two' },
        { text, account: 'b', seconds: 1, platform: 'one' },
        { text, account: 'a', seconds: 1, platform: 'two', fields: { handle: '@a', accountCreatedAt: made } },
        { text, account: 'c', seconds: 2 },
        { text, account: 'b', seconds: 9, platform: 'one' },
      ]),
    );
    expect(alert.accounts.listed.map(({ platform, account }) => `${platform} ${account}`)).toEqual([
      'one b',
      'two a',
      'two b',
      'one c',
    ]);
    expect(alert.accounts.listed[0]).toEqual({
      platform: 'one',
      account: 'b',
      postCount: 2,
      firstPostAt: '2025-02-04T09:00:01.000Z',
      lastPostAt: '2025-02-04T09:00:09.000Z',
      earlierCampaigns: 0,
    });
    expect(alert.accounts.listed[1]).toMatchObject({ handle: '@a', accountCreatedAt: '2020-01-01T00:00:00.000Z' });
    expect(JSON.stringify(alert.platforms)).toBe('{"one":2,"two":2}');
  });
});

describe('samples', () => {
  test('show the first post of each variant before any second one, in order of time', () => {
    const sent = (text: string, account: string, seconds: number): Sent => ({ text, account, seconds });
    const campaign = campaignOf([
      sent('first variant of it', 'a', 0),
      sent('first variant of it', 'b', 1),
      sent('first variant of it', 'c', 2),
      sent('second variant of it', 'd', 3),
      sent('second variant of it', 'e', 4),
      sent('third variant of it', 'f', 9),
    ]);
    const idsOf = (samplesListed: number): string[] =>
      build(campaign, { ...LISTED, samplesListed }).samples.listed.map(({ id }) => id);
    expect(idsOf(2)).toEqual(['p0', 'p3']);
    expect(idsOf(3)).toEqual(['p0', 'p3', 'p5']);
    expect(idsOf(5)).toEqual(['p0', 'p1', 'p2', 'p3', 'p5']);
    expect(idsOf(9)).toEqual(['p0', 'p1', 'p2', 'p3', 'p4', 'p5']);
  });

  test('carry links where there are any', () => {
    const text = 'one text of this campaign';
    const { samples } = build(
      campaignOf([
        { text, account: 'a', seconds: 0, fields: { urls: ['https://example.org/x'] } },
        { text, account: 'b', seconds: 1, fields: { urls: [] } },
      ]),
    );
    expect(samples.listed[0]!.urls).toEqual(['https://example.org/x']);
    expect(samples.listed[1]).not.toHaveProperty('urls');
  });
});

describe('how it was found', () => {
  test('by one text of several accounts, by buckets, or both', () => {
    const lone = campaignOf([{ text: 'a text by one account', account: 'a', seconds: 0 }]);
    expect(build(lone).foundBy).toEqual([]);
    lone.families = FAMILY.simhash;
    expect(build(lone).foundBy).toEqual(['simhash']);
    const shared = campaignOf(POSTS);
    shared.families = FAMILY.simhash | FAMILY.shingle;
    expect(build(shared).foundBy).toEqual(['text', 'shingle', 'simhash']);
  });

  test('posts that forward by hand are counted', () => {
    const forwarded = POSTS.map((sent, i) => ({ ...sent, forwarded: i % 10 === 0 }));
    expect(build(campaignOf(forwarded)).forwardCount).toBe(7);
  });
});

describe('what an alert says of its posts', () => {
  const text = 'The harbour toll robs nurses twice a day, scrap it';
  const sent = (account: string, seconds: number, changed = text, fields = {}): Sent => {
    return { text: changed, account, seconds, fields };
  };

  test('variants differ from the representative by words', () => {
    const { variants, template } = build(
      campaignOf([sent('a', 0), sent('b', 1), sent('c', 2, text.replace('nurses', 'doctors'))]),
    );
    expect(variants.listed[0]!.diff).toEqual([{ op: 'same', text }]);
    expect(variants.listed[1]!.diff).toEqual([
      { op: 'same', text: 'The harbour toll robs ' },
      { op: 'removed', text: 'nurses' },
      { op: 'added', text: 'doctors' },
      { op: 'same', text: ' twice a day, scrap it' },
    ]);
    expect(template).toMatchObject({
      parts: [{ text: 'The harbour toll robs ' }, { slot: 1 }, { text: ' twice a day, scrap it' }],
      share: 1,
    });
  });

  test('accounts that disclose an affiliation are counted, each once, with the phrase', () => {
    const alert = build(
      campaignOf([
        sent('a', 0, `${text} #ad`),
        sent('a', 1, `${text} Paid for by the port`),
        sent('b', 2),
        sent('c', 3, `${text} I work for them`),
      ]),
    );
    expect(alert.disclosedCount).toBe(2);
    expect(alert.accounts.listed.map(({ disclosure }) => disclosure)).toEqual(['#ad', undefined, 'i work for']);
    expect(alert.accounts.listed[1]).not.toHaveProperty('disclosure');
  });

  test('accounts show in how many closed alerts they were before', () => {
    const participants = new Participants();
    participants.add(['one\u0000b', 'one\u0000x'], 10);
    participants.add(['one\u0000b'], 10);
    const campaign = campaignOf([sent('a', 0), sent('b', 1)]);
    const alert = build(campaign, LISTED, 'updated', undefined, participants);
    expect(alert.accounts.listed.map(({ earlierCampaigns }) => earlierCampaigns)).toEqual([0, 2]);
    expect(alert.severity.parts.repeats).toBe(10);
    expect(build(campaign).severity.parts.repeats).toBe(0);
  });

  test('timing is that of all posts', () => {
    const alert = build(campaignOf(POSTS), { ...LISTED, variantsListed: 1 });
    expect(alert.timing).toEqual({
      perMinute: {
        listed: [
          { minute: '2025-02-04T09:00:00.000Z', postCount: 60 },
          { minute: '2025-02-04T09:01:00.000Z', postCount: 10 },
        ],
        leftOut: 0,
      },
      medianGapMs: 1000,
      smallestGapMs: 1000,
      firstMinuteAccountCount: 37,
      spanMs: 69_000,
    });
  });

  test('creation dates where enough are known', () => {
    const made = (day: number): object => ({ accountCreatedAt: Date.UTC(2025, 0, day) });
    const some = Array.from({ length: 6 }, (_, i) => sent(`a${i}`, i, text, i < 5 ? made(20) : {}));
    expect(build(campaignOf(some)).creation).toMatchObject({
      knownCount: 5,
      within: { accountCount: 5, from: '2025-01-20' },
    });
    expect(build(campaignOf(some.slice(1)))).not.toHaveProperty('creation');
  });

  test('obfuscation counts for severity and as a candidate technique', () => {
    const hidden = text.replace('toll', 't\u200boll');
    const alert = build(campaignOf([sent('a', 0), sent('b', 1), sent('c', 2, hidden), sent('d', 3, hidden)]));
    expect(alert.severity.parts.obfuscation).toBe(10);
    expect(alert.techniques.map(({ id }) => id)).toEqual(['T0084.001', 'T0049.004', 'T0121.001']);
  });

  test('explanations take points away', () => {
    const forwarded = `RT @kestrel: ${text}`;
    const alert = build(
      campaignOf([sent('a', 0, forwarded), sent('b', 1, forwarded), sent('c', 2, forwarded), sent('d', 3)]),
    );
    expect(alert.explanations).toMatchObject([{ name: 'forwarded_by_hand', share: 0.75, postCount: 3 }]);
    expect(alert.severity.parts.explained).toBe(-19);
  });

  // Keys that begin alike lie in one bucket, which is then cut.
  test.each(['', 'abc'])(
    'of many posts a fair sample is looked at, the same in any order; keys begin with "%s"',
    (begin) => {
      const many = Array.from({ length: 2500 }, (_, i) =>
        sent(`a${i}`, i, i % 2 === 0 ? `RT @kestrel: ${text}` : text),
      );
      const campaign = new Campaign({ ...LIMITS, postsMax: 10_000, accountsMax: 10_000 });
      const reversed = new Campaign({ ...LIMITS, postsMax: 10_000, accountsMax: 10_000 });
      for (const into of [campaign, reversed]) {
        const texts = into === campaign ? [`RT @kestrel: ${text}`, text] : [text, `RT @kestrel: ${text}`];
        for (const each of texts) {
          const node = new TextNode(`id of ${each}`, each, 100, START_MS);
          const own = many.flatMap((one, i) => {
            const { hi, lo } = hashStrings('one', `p${i}`);
            return one.text === each ? [{ ...member(one, `p${i}`), key: begin + hex64(hi, lo) }] : [];
          });
          node.posts.push(...own);
          into.join(node);
        }
      }
      const alert = build(campaign);
      expect(alert.explanations[0]!.share).toBeGreaterThan(0.45);
      expect(alert.explanations[0]!.share).toBeLessThan(0.55);
      expect(alert.explanations[0]!.evidence).toBe(
        `forwards of: @kestrel (${alert.explanations[0]!.postCount}); among 2000 of 2500 posts`,
      );
      expect(JSON.stringify(build(reversed))).toBe(JSON.stringify(alert));
    },
  );
});
