import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  accountOf,
  CampaignCollector,
  decodeAlert,
  type FoundCampaign,
  type ListedAccount,
} from '../../src/cli/alert-lines.ts';
import { compareCampaigns, KINDS, type Group, type Kind, type Tie } from '../../src/cli/compare-alerts.ts';
import type { Alert } from '../../src/model.ts';
import { alertId, alertOf, type AlertChanges, type AlertPost } from '../support/alerts.ts';

const SEED = Number(process.env['SEED'] ?? Date.now() % 2 ** 31);

function campaignsOf(alerts: readonly Alert[]): FoundCampaign[] {
  const collector = new CampaignCollector();
  for (const alert of alerts) {
    const decoded = decodeAlert(JSON.stringify(alert));
    if (decoded.kind === 'rejection') throw new Error(decoded.detail);
    collector.take(decoded.alert);
  }
  return collector.campaigns();
}

function compare(a: readonly Alert[], b: readonly Alert[], minChange = 1): Group[] {
  return compareCampaigns(campaignsOf(a), campaignsOf(b), { minChange });
}

/** One account a second from `from` on, each with one post. */
function posts(from: number, to: number, text = 'the toll'): AlertPost[] {
  return Array.from({ length: to - from }, (_, i) => ({ account: `acc${from + i}`, text, seconds: from + i }));
}

function kinds(groups: readonly Group[]): Kind[] {
  return groups.map(({ kind }) => kind);
}

function names(accounts: readonly ListedAccount[]): string[] {
  return accounts.map((listed) => accountOf(listed).account);
}

const X = alertId(1);
const Y = alertId(2);
const Z = alertId(3);

describe('one campaign', () => {
  test('is the same under another id', () => {
    const [group] = compare([alertOf(X, posts(0, 9))], [alertOf(Y, posts(0, 9))]);
    expect(group).toMatchObject({ kind: 'same', sharedAccounts: 9, ties: [{ a: X, b: Y, byId: false }] });
  });

  test('has other accounts, told on each side', () => {
    const [group] = compare([alertOf(X, posts(0, 9))], [alertOf(Y, posts(2, 12))]);
    expect(group!.kind).toBe('changed');
    expect([names(group!.removed), names(group!.added)]).toEqual([
      ['acc0', 'acc1'],
      ['acc9', 'acc10', 'acc11'],
    ]);
    expect(group!.uncompared).toEqual({ a: 0, b: 0 });
  });

  test.each([
    [5, 'changed'],
    [6, 'same'],
  ])('with five accounts added and removed is, at --min-change %i, %s', (minChange, kind) => {
    const [group] = compare([alertOf(X, posts(0, 9))], [alertOf(Y, posts(2, 12))], minChange);
    expect([group!.kind, group!.added.length + group!.removed.length]).toEqual([kind, 5]);
  });

  test('is told by its id where it shares nothing that is listed', () => {
    const others = alertOf(X, posts(50, 60, 'another text'));
    expect(compare([alertOf(X, posts(0, 9))], [others])).toMatchObject([{ kind: 'changed', ties: [{ byId: true }] }]);
    expect(kinds(compare([alertOf(X, posts(0, 9))], [{ ...others, id: Y }]))).toEqual(['only_a', 'only_b']);
  });

  test('takes half of the smaller one', () => {
    const a = alertOf(X, posts(0, 10, 'one'));
    const sharing = (count: number): Alert => {
      return alertOf(Y, [...posts(0, count, 'one'), ...posts(100, 110 - count, 'other')]);
    };
    expect(kinds(compare([a], [sharing(5)]))).toEqual(['changed']);
    expect(kinds(compare([a], [sharing(4)]))).toEqual(['only_a', 'only_b']);
  });
});

describe('several campaigns', () => {
  const whole = alertOf(X, posts(0, 30));
  const parts = [alertOf(Y, posts(0, 18)), alertOf(Z, posts(18, 28))];

  test('one is split into several, several are united', () => {
    const [split] = compare([whole], parts);
    expect(split).toMatchObject({ kind: 'split', sharedAccounts: 28, added: [] });
    expect(names(split!.removed)).toEqual(['acc28', 'acc29']);
    expect(kinds(compare(parts, [whole]))).toEqual(['united']);
  });

  test('several are several others', () => {
    const a = [alertOf(X, posts(0, 10)), alertOf(Y, posts(10, 40))];
    const b = [alertOf(alertId(8), posts(0, 26)), alertOf(alertId(9), posts(26, 40))];
    expect(compare(a, b)).toMatchObject([{ kind: 'regrouped', sharedAccounts: 40, added: [], removed: [] }]);
  });

  test('a text that comes back is another campaign, one in between is a part', () => {
    const morning = posts(0, 9, 'good morning');
    const nextDay = posts(90_000, 90_009, 'good morning');
    const apart = [alertOf(X, morning), alertOf(Y, nextDay)];
    expect(compare(apart, [alertOf(Z, morning), alertOf(alertId(4), nextDay)])).toMatchObject([
      { kind: 'same', ties: [{ a: X, b: Z }] },
      { kind: 'same', ties: [{ a: Y, b: alertId(4) }] },
    ]);
    expect(kinds(compare(apart, [alertOf(Z, [...morning, ...nextDay])]))).toEqual(['united']);
  });

  test('of one network of accounts, which posts two texts in the same seconds, stay two', () => {
    const files = [1, 3].map((id) => [
      alertOf(alertId(id), posts(0, 9, 'one text')),
      alertOf(alertId(id + 1), posts(0, 9, 'other text')),
    ]) as [Alert[], Alert[]];
    expect(compare(...files)).toMatchObject([
      { kind: 'same', ties: [{ a: alertId(1), b: alertId(3) }] },
      { kind: 'same', ties: [{ a: alertId(2), b: alertId(4) }] },
    ]);
  });
});

describe('lists that are cut', () => {
  const cut: AlertChanges = { accountsListed: 10, samplesListed: 2 };

  test('name no account as removed that may stand beyond the end', () => {
    const [group] = compare([alertOf(X, posts(0, 40), cut)], [alertOf(Y, posts(3, 40), cut)]);
    // B lists acc3 to acc12, A acc0 to acc9.
    expect([names(group!.removed), names(group!.added)]).toEqual([['acc0', 'acc1', 'acc2'], []]);
    expect(group).toMatchObject({ kind: 'changed', uncompared: { a: 30, b: 30 } });
  });

  test('hide a change that the counts tell', () => {
    const longer = alertOf(Y, posts(0, 42), cut);
    expect(compare([alertOf(X, posts(0, 40), cut)], [longer])).toMatchObject([
      { kind: 'changed', added: [], removed: [] },
    ]);
    expect(kinds(compare([alertOf(X, posts(0, 40), cut)], [longer], 3))).toEqual(['same']);
  });

  test('a part whose accounts are all beyond the end is found by its text', () => {
    const parts = [alertOf(Y, posts(0, 20), cut), alertOf(Z, posts(30, 38), cut)];
    expect(compare([alertOf(X, posts(0, 40), cut)], parts)).toMatchObject([
      { kind: 'split', ties: [{ b: Y }, { b: Z, accountShare: 0 }] },
    ]);
  });
});

describe('the alerts of a file', () => {
  test('count by their last revision, wherever it stands', () => {
    const early = alertOf(X, posts(0, 5), { status: 'open' });
    const late = alertOf(X, posts(0, 9), { revision: 2 });
    for (const alerts of [
      [early, late],
      [late, early],
      [late, late, early],
    ]) {
      expect(campaignsOf(alerts)).toMatchObject([{ id: X, revision: 2, accountCount: 9, mergedIds: [] }]);
    }
  });

  test('merged ones belong to what took them, in steps and in any order, and are found by their ids', () => {
    const merged = (id: string, mergedInto: string): Alert => {
      return alertOf(id, posts(0, 30), { status: 'merged', mergedInto });
    };
    const alerts = [merged(Z, Y), alertOf(X, posts(0, 30)), merged(Y, X)];
    for (const order of [alerts, alerts.toReversed()]) {
      expect(campaignsOf(order)).toMatchObject([{ id: X, status: 'closed', mergedIds: [Y, Z] }]);
    }
    const apart = [alertOf(X, posts(0, 10)), alertOf(Z, posts(500, 510, 'nothing that is shared'))];
    expect(compare(alerts, apart)).toMatchObject([{ kind: 'split', ties: [{ b: X }, { b: Z, byId: true }] }]);
  });

  test('merged into one that is not in the file are that one; a circle is one campaign', () => {
    const lost = [Y, Z].map((id) => alertOf(id, posts(0, 9), { status: 'merged', mergedInto: X }));
    expect(campaignsOf(lost)).toMatchObject([{ id: X, status: 'merged', mergedIds: [Y, Z] }]);
    const circle = [
      alertOf(alertId(0), posts(0, 9), { status: 'merged', mergedInto: Z }),
      alertOf(Y, posts(0, 9), { status: 'merged', mergedInto: Z }),
      alertOf(Z, posts(0, 9), { status: 'merged', mergedInto: Y }),
    ];
    expect(campaignsOf(circle)).toMatchObject([{ id: Y, mergedIds: [alertId(0), Z] }]);
  });

  test('an alert whose posts were all removed has nothing left, and is read', () => {
    const nothing = { listed: [], leftOut: 0 };
    const changes = { text: '', accountCount: 0, postCount: 0, variantCount: 0 };
    const alert = alertOf(X, posts(0, 9), { ...changes, accounts: nothing, variants: nothing, samples: nothing });
    expect(campaignsOf([alert])).toMatchObject([{ id: X, text: '', accountCount: 0, accounts: [] }]);
  });

  test.each([
    ['{', 'not_json', 'the line is not JSON'],
    ['[]', 'not_an_object', 'must be an object'],
    ['{"id":"p1","text":"a post"}', 'missing_field', 'schema is missing, must be chorus.alert.v1'],
    [{ id: 'x' }, 'wrong_type', 'id must be 16 hexadecimal digits'],
    [{ revision: 0 }, 'wrong_type', 'revision must be an integer of at least 1'],
    [{ status: 'merged' }, 'missing_field', 'mergedInto is missing'],
    [{ firstPostAt: 'yesterday' }, 'invalid_time', 'firstPostAt must be an ISO 8601 date-time'],
    [{ accounts: { listed: [3], leftOut: 0 } }, 'missing_field', 'accounts.listed[0] is missing, must be an object'],
    [{ samples: { listed: [] } }, 'missing_field', 'samples.leftOut is missing'],
    [{ variants: [] }, 'wrong_type', 'variants must be an object with a list under "listed"'],
  ])('%j is refused', (given, reason, detail) => {
    const line = typeof given === 'string' ? given : JSON.stringify({ ...alertOf(X, posts(0, 9)), ...given });
    const decoded = decodeAlert(line);
    expect(decoded).toMatchObject({ kind: 'rejection', reason });
    expect(decoded.kind === 'rejection' && decoded.detail).toContain(detail);
  });
});

/** Which campaign of A and of B each post is in; 0 is none. Each account posts once, one second after the other. */
interface Feed {
  readonly posts: readonly { readonly text: number; readonly a: number; readonly b: number }[];
  /** Campaigns of B from here on have ids of their own. */
  readonly sharedIds: number;
  readonly accountsListed: number;
  readonly variantsListed: number;
}

const FEED: fc.Arbitrary<Feed> = fc.record({
  posts: fc.array(fc.record({ text: fc.nat(7), a: fc.nat(4), b: fc.nat(4) }), { minLength: 1, maxLength: 60 }),
  sharedIds: fc.nat(4),
  accountsListed: fc.constantFrom(3, 8, 100),
  variantsListed: fc.constantFrom(1, 3, 20),
});

function fileOf(feed: Feed, side: 'a' | 'b'): Alert[] {
  const members = membersOf(feed, side);
  return Array.from(members, ([id, own]) => alertOf(id, own, { ...feed, samplesListed: 2 }));
}

function membersOf({ posts: all, sharedIds }: Feed, side: 'a' | 'b'): Map<string, AlertPost[]> {
  const members = new Map<string, AlertPost[]>();
  for (const [i, post] of all.entries()) {
    const number = post[side];
    if (number === 0) continue;
    const id = alertId(side === 'a' || number <= sharedIds ? number : number + 10);
    const own = members.get(id) ?? [];
    members.set(id, [...own, { account: `acc${i}`, text: `text ${post.text}`, seconds: i }]);
  }
  return members;
}

const MIRRORED: Partial<Record<Kind, Kind>> = {
  only_a: 'only_b',
  only_b: 'only_a',
  split: 'united',
  united: 'split',
};

function mirrored(groups: readonly Group[]): Group[] {
  const turned = groups.map((group): Group => {
    const { kind, a, b, ties, added, removed, uncompared } = group;
    const turnedTies = ties.map((tie): Tie => ({ ...tie, a: tie.b, b: tie.a }));
    return {
      ...group,
      kind: MIRRORED[kind] ?? kind,
      a: b,
      b: a,
      ties: turnedTies.sort((one, other) => (one.a + one.b < other.a + other.b ? -1 : 1)),
      added: removed,
      removed: added,
      uncompared: { a: uncompared.b, b: uncompared.a },
    };
  });
  // Stable, and within a kind the order is of neither side.
  return turned.sort((one, other) => KINDS.indexOf(one.kind) - KINDS.indexOf(other.kind));
}

describe('whatever the campaigns', () => {
  test('changing sides gives the same answer with the sides changed', () => {
    fc.assert(
      fc.property(FEED, fc.integer({ min: 1, max: 5 }), (feed, minChange) => {
        const [a, b] = [fileOf(feed, 'a'), fileOf(feed, 'b')];
        expect(compare(b, a, minChange)).toEqual(mirrored(compare(a, b, minChange)));
      }),
      { seed: SEED, numRuns: 500 },
    );
  });

  test('each is in one group, and the order of the lines changes nothing', () => {
    fc.assert(
      fc.property(FEED, (feed) => {
        const [a, b] = [fileOf(feed, 'a'), fileOf(feed, 'b')];
        const groups = compare(a, b);
        expect(compare(a.toReversed(), b.toReversed())).toEqual(groups);
        for (const [side, alerts] of [
          ['a', a],
          ['b', b],
        ] as const) {
          const told = groups.flatMap((group) => group[side].map(({ id }) => id));
          expect(told.toSorted()).toEqual(alerts.map(({ id }) => id).toSorted());
        }
      }),
      { seed: SEED, numRuns: 300 },
    );
  });

  test('a file is the same as itself', () => {
    fc.assert(
      fc.property(FEED, (feed) => {
        // In a real file a text is in one campaign at a time.
        const apart = feed.posts.map((post) => ({ ...post, text: 10 * post.a + post.text }));
        const a = fileOf({ ...feed, posts: apart }, 'a');
        for (const { kind, ties } of compare(a, a)) expect([kind, ties.length]).toEqual(['same', 1]);
      }),
      { seed: SEED, numRuns: 200 },
    );
  });

  test('no account is told as added that the other side has, nor left out where all are listed', () => {
    fc.assert(
      fc.property(FEED, (feed) => {
        const [inA, inB] = [membersOf(feed, 'a'), membersOf(feed, 'b')];
        for (const group of compare(fileOf(feed, 'a'), fileOf(feed, 'b'))) {
          if (group.a.length === 0 || group.b.length === 0) continue;
          const accounts = (members: typeof inA, campaigns: Group['a']): string[] =>
            campaigns.flatMap(({ id }) => members.get(id)!.map(({ account }) => account));
          const [ofA, ofB] = [new Set(accounts(inA, group.a)), new Set(accounts(inB, group.b))];
          const wanted = Array.from(ofB).filter((account) => !ofA.has(account));
          const told = names(group.added);
          expect(wanted).toEqual(expect.arrayContaining(told));
          if (feed.accountsListed === 100) expect(told.toSorted()).toEqual(wanted.toSorted());
        }
      }),
      { seed: SEED, numRuns: 300 },
    );
  });

  test('with all accounts and texts listed, what shares most of its accounts belongs together', () => {
    fc.assert(
      fc.property(FEED, (feed) => {
        const full = { ...feed, accountsListed: 100, variantsListed: 20 };
        const [inA, inB] = [membersOf(full, 'a'), membersOf(full, 'b')];
        const groups = compare(fileOf(full, 'a'), fileOf(full, 'b'));
        const ties = new Set(groups.flatMap((group) => group.ties.map(({ a, b }) => `${a} ${b}`)));
        for (const [a, ofA] of inA) {
          for (const [b, ofB] of inB) {
            const keys = new Set(ofB.map(({ account }) => account));
            const shared = ofA.filter(({ account }) => keys.has(account)).length;
            const isMost = shared * 2 >= Math.min(ofA.length, ofB.length);
            if (isMost) expect(ties).toContain(`${a} ${b}`);
            // Without a post in common only an id can tie them.
            if (shared === 0 && a !== b) expect(ties).not.toContain(`${a} ${b}`);
          }
        }
      }),
      { seed: SEED, numRuns: 300 },
    );
  });
});
