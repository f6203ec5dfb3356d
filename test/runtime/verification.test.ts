/** What `chorus verify` says of alerts that were published, without a broker: a topic in memory. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { KafkaClient } from '../../src/kafka/client.ts';
import type { Alert } from '../../src/model.ts';
import { firstDifference } from '../../src/runtime/alert-difference.ts';
import { PublishedAlerts, digestOf, factsOf } from '../../src/runtime/published-alerts.ts';
import { Verification, type Difference, type VerificationSettings } from '../../src/runtime/verification.ts';
import { alertId, alertOf } from '../support/alerts.ts';

const HOUR_MS = 3_600_000;
const START_MS = Date.UTC(2025, 1, 4, 9);
const ALL: VerificationSettings = { untilMs: Infinity, knownFromMs: -Infinity, growsMs: HOUR_MS };

/** An alert of five accounts whose first post is so many seconds after the start. */
function alert(number: number, revision: number, seconds: number, changes: Partial<Alert> = {}): Alert {
  const posts = [0, 1, 2, 3, 4].map((i) => ({
    account: `${number}-${i}`,
    text: `text ${number}`,
    seconds: seconds + i,
  }));
  const revisedAt = new Date(START_MS + (seconds + 60 * revision) * 1000).toISOString();
  return alertOf(alertId(number), posts, { revision, revisedAt, status: 'updated', ...changes });
}

/** With tombstones among them. */
function publishedOf(alerts: readonly (Alert | { readonly deleted: string })[]): PublishedAlerts {
  const published = new PublishedAlerts({
    client: {} as KafkaClient,
    topic: 'alerts',
    topology: 'any',
    isMarked: true,
  });
  for (const [offset, one] of alerts.entries()) {
    if ('deleted' in one) {
      const campaign = published.campaigns.get(one.deleted)!;
      Object.assign(campaign, { isDeleted: true, last: 0, highest: 0 });
      continue;
    }
    const known = published.campaigns.get(one.id) ?? { revisions: new Map(), isDeleted: false, last: 0, highest: 0 };
    known.last = one.revision;
    known.highest = Math.max(known.highest, one.revision);
    const copy = { digest: digestOf(one), partition: 0, offset };
    known.revisions.set(one.revision, { ...factsOf(one, true), copies: [copy], isSeen: false });
    published.campaigns.set(one.id, known);
  }
  return published;
}

function verified(
  recomputed: readonly Alert[],
  published: PublishedAlerts,
  settings: Partial<VerificationSettings> = {},
): { readonly differences: string[]; readonly counts: Verification['counts'] } {
  const verification = new Verification(published, { ...ALL, ...settings });
  for (const one of recomputed) verification.take(one);
  const named = ({ kind, id, revision }: Difference): string => `${kind} ${Number.parseInt(id, 16)}/${revision}`;
  return { differences: verification.finish().map(named), counts: verification.counts };
}

describe('a whole range', () => {
  const revisions = [1, 2, 3].map((revision) => alert(1, revision, 0));

  test('is the same whichever earlier revisions compaction has left', () => {
    fc.assert(
      fc.property(fc.subarray([0, 1]), (left) => {
        const there = [...left.map((i) => revisions[i]!), revisions[2]!];
        const { differences, counts } = verified(revisions, publishedOf(there));
        expect(differences).toEqual([]);
        expect(counts).toMatchObject({ judged: there.length, compacted: 3 - there.length, campaigns: 1 });
      }),
    );
  });

  test('lacks the last revision, or all of them', () => {
    expect(verified(revisions, publishedOf(revisions.slice(0, 2))).differences).toEqual(['missing 1/3']);
    const { differences, counts } = verified(revisions, publishedOf([]));
    expect(differences).toEqual(['missing 1/3']);
    expect(counts).toMatchObject({ judged: 1, compacted: 2 });
    const deleted = publishedOf([...revisions, { deleted: alertId(1) }]);
    expect(verified(revisions, deleted).differences).toEqual(['missing 1/3']);
  });

  test('may lack what is not due, and have what is due later', () => {
    const untilMs = START_MS + 130_000;
    expect(verified(revisions, publishedOf(revisions.slice(0, 2)), { untilMs }).differences).toEqual([]);
    expect(verified(revisions.slice(0, 2), publishedOf(revisions), { untilMs }).differences).toEqual([]);
    expect(verified(revisions, publishedOf(revisions.slice(0, 1)), { untilMs }).differences).toEqual(['missing 1/2']);
    expect(verified(revisions.slice(0, 2), publishedOf(revisions)).differences).toEqual(['unexpected 1/3']);
  });

  test('has other content, in any field but the engine', () => {
    const other = { ...revisions[1]!, postCount: 6 };
    expect(verified(revisions, publishedOf([revisions[0]!, other, revisions[2]!])).differences).toEqual([
      'changed 1/2',
    ]);
    const engine = { ...revisions[2]!, engine: 'another/1' };
    expect(verified(revisions, publishedOf([engine])).differences).toEqual([]);
  });

  test('an earlier revision lies behind the last', () => {
    expect(verified(revisions, publishedOf([...revisions, revisions[0]!])).differences).toEqual(['outdated 1/3']);
  });

  test('what retention has removed is not missing', () => {
    const published = publishedOf([alert(2, 1, 7200)]);
    published.heldFromMs = START_MS + HOUR_MS;
    const { differences, counts } = verified([...revisions, alert(2, 1, 7200), alert(3, 1, 7300)], published);
    expect(differences).toEqual(['missing 3/1']);
    expect(counts.removed).toBe(1);
  });
});

describe('a range with unknown posts before it', () => {
  /** Judged from two hours after the start on. */
  const partial = { knownFromMs: START_MS + HOUR_MS };

  test('says nothing of campaigns that begin within a window of them, and all of later ones', () => {
    const early = [alert(1, 1, 7199), alert(2, 1, 1000)];
    const { differences, counts } = verified([early[0]!], publishedOf([early[1]!]), partial);
    expect(differences).toEqual([]);
    expect(counts).toMatchObject({ judged: 0, tooEarly: 2 });
    expect(verified([alert(1, 1, 7200)], publishedOf([alert(2, 1, 7200)]), partial).differences).toEqual([
      'missing 1/1',
      'unexpected 2/1',
    ]);
  });

  test('says nothing of a campaign any more that has taken in such a one, on either side', () => {
    const before = alert(1, 1, 8000);
    const taken = alert(1, 2, 8000, { firstPostAt: new Date(START_MS).toISOString() });
    const after = alert(1, 3, 8000);
    expect(verified([before, taken, after], publishedOf([before]), partial).differences).toEqual([]);
    expect(verified([before, after], publishedOf([before, taken]), partial).differences).toEqual([]);
    const changed = verified([before, taken], publishedOf([{ ...before, postCount: 9 }]), partial);
    expect(changed.differences).toEqual([]);
    expect(changed.counts.entangled).toBe(1);
  });

  test('says nothing of what differs and shares texts with such a one that was still growing', () => {
    const shared = { variants: alert(7, 1, 0).variants };
    const grown = (hours: number): Alert =>
      alert(1, 2, 0, { ...shared, lastPostAt: new Date(START_MS + hours * HOUR_MS).toISOString() });
    const later = alert(2, 1, 3 * 3600, shared);
    const { differences, counts } = verified([later], publishedOf([grown(2)]), partial);
    expect(differences).toEqual([]);
    expect(counts.entangled).toBe(1);
    expect(verified([later], publishedOf([grown(1.9)]), partial).differences).toEqual(['missing 2/1']);
    expect(verified([alert(2, 1, 3 * 3600)], publishedOf([grown(2)]), partial).differences).toEqual(['missing 2/1']);
  });
});

describe('the first difference of two alerts', () => {
  const one = alert(1, 1, 0);

  test('is none for the same, whichever engine published them', () => {
    expect(firstDifference(one, structuredClone({ ...one, engine: 'another/1' }))).toBeUndefined();
  });

  test('is named by its path, with both values', () => {
    const account = { ...one.accounts.listed[3]!, postCount: 7 };
    const other = { ...one, accounts: { ...one.accounts, listed: one.accounts.listed.with(3, account) } };
    expect(firstDifference(one, other)).toEqual({ field: 'accounts.listed[3].postCount', a: '1', b: '7' });
    const fewer = { ...one, samples: { ...one.samples, listed: one.samples.listed.slice(0, 4) } };
    const last = JSON.stringify(one.samples.listed[4]);
    expect(firstDifference(one, fewer)).toEqual({ field: 'samples.listed[4]', a: last, b: undefined });
    expect(firstDifference(one, { ...one, mergedInto: 'x' })).toEqual({ field: 'mergedInto', a: undefined, b: '"x"' });
    expect(firstDifference(one, { ...one, platforms: [] as never })).toMatchObject({ field: 'platforms', b: '[]' });
  });

  test('is the order of fields where nothing else differs', () => {
    const { schema, ...rest } = one;
    expect(firstDifference(one, { ...rest, schema })).toMatchObject({ field: 'order of fields' });
  });
});
