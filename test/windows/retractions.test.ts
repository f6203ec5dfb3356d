import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { hashStrings, hex64 } from '../../src/fingerprints/hash.ts';
import { Holdings, Retractions, versionOf, type RetractionRow } from '../../src/windows/retractions.ts';
import { TextNode, type MemberPost } from '../../src/windows/text-nodes.ts';

const LIFE_MS = 10;

function keyOf(...parts: string[]): string {
  const { hi, lo } = hashStrings(...parts);
  return hex64(hi, lo);
}

function member(id: string, editedAt?: number): MemberPost {
  const post = {
    id,
    platform: 'x',
    account: 'a',
    text: 't',
    createdAt: 1,
    ...(editedAt === undefined ? {} : { editedAt }),
  };
  const key = editedAt === undefined ? keyOf('x', id) : keyOf('x', id, String(editedAt));
  return { key, account: 'x\u0000a', post, forwarded: false };
}

describe('a version of a post', () => {
  test('has the key of the post as its own where it is no edit, and one of its own where it is', () => {
    const [first, edit] = [member('p'), member('p', 7)];
    expect(versionOf(first.key, first.post)).toEqual({ post: first.key, versionMs: 0 });
    expect(versionOf(edit.key, edit.post)).toEqual({ post: first.key, versionMs: 7 });
    expect(edit.key).not.toBe(first.key);
  });
});

describe('retractions that are remembered', () => {
  interface Model {
    readonly timeMs: number;
    readonly beforeMs: number;
  }

  test('cover the versions before their time for as long as they count, whenever they are swept and saved', () => {
    const steps = fc.array(
      fc.record({
        gapMs: fc.nat(6),
        post: fc.constantFrom('a', 'b', 'c', 'd', 'e'),
        beforeMs: fc.constantFrom(1, 2, 3, Infinity),
        isSwept: fc.boolean(),
        isSaved: fc.boolean(),
      }),
      { maxLength: 60 },
    );
    fc.assert(
      fc.property(steps, fc.integer({ min: 1, max: 5 }), fc.boolean(), (all, countMax, isUntold) => {
        let retractions = new Retractions();
        const model = new Map<string, Model>();
        let [nowMs, dropped] = [isUntold ? 0 : 100, 0];
        for (const { gapMs, post, beforeMs, isSwept, isSaved } of all) {
          if (nowMs > 0 || gapMs > 3) nowMs = Math.max(100, nowMs) + gapMs;
          const expiredMs = nowMs - LIFE_MS;
          const alive = ({ timeMs }: Model): boolean => timeMs === 0 || timeMs > expiredMs;
          if (isSwept) retractions.sweep(expiredMs);
          retractions.add([post, nowMs, beforeMs], expiredMs, countMax);
          for (const [other, known] of model) if (!alive(known)) model.delete(other);
          const known = model.get(post);
          const timeMs = known?.timeMs === 0 ? 0 : nowMs;
          if (timeMs > 0) model.delete(post);
          model.set(post, { timeMs, beforeMs: Math.max(beforeMs, known?.beforeMs ?? 0) });
          if (model.size > countMax) {
            // Those without a time go last.
            const passing = Array.from(model).find(([, { timeMs: at }]) => at > 0);
            model.delete(passing?.[0] ?? model.keys().next().value!);
            dropped++;
          }
          if (isSaved) {
            const rows = JSON.parse(JSON.stringify(Array.from(retractions.rows()))) as [
              string,
              number,
              number | null,
            ][];
            const read = new Retractions();
            for (const [of, at, before] of rows) read.restore([of, at, before ?? Infinity] satisfies RetractionRow);
            read.dropped = retractions.dropped;
            retractions = read;
          }
          for (const of of ['a', 'b', 'c', 'd', 'e']) {
            for (const versionMs of [0, 1, 2, 3, 1e15]) {
              const wanted = versionMs < (model.get(of)?.beforeMs ?? 0);
              expect(retractions.covers({ post: of, versionMs }, expiredMs)).toBe(wanted);
            }
          }
          expect(retractions.count).toBeLessThanOrEqual(countMax);
          expect(retractions.dropped).toBe(dropped);
        }
      }),
      { numRuns: 300 },
    );
  });

  test('are not more than they may be: the oldest goes first', () => {
    const retractions = new Retractions();
    for (let i = 0; i < 5; i++) retractions.add([`p${i}`, 100 + i, Infinity], 90, 3);
    expect([retractions.count, retractions.dropped]).toEqual([3, 2]);
    expect(['p1', 'p2'].map((post) => retractions.covers({ post, versionMs: 0 }, 90))).toEqual([false, true]);
  });
});

describe('where versions are held', () => {
  test('is told once, for the versions before a time', () => {
    const [one, two] = [new TextNode('1', 't', 20, 1), new TextNode('2', 't', 20, 1)];
    const [first, edit, other] = [member('p'), member('p', 7), member('q')];
    one.source = versionOf(first.key, first.post);
    one.posts.push(first, other);
    const holdings = new Holdings([one, two]);
    holdings.add(two, edit);
    const held = holdings.take(first.key, 7);
    expect(held.map(({ node, member: of }) => [node.id, of])).toEqual([
      ['1', undefined],
      ['1', first],
    ]);
    expect(holdings.take(first.key, 7)).toEqual([]);
    expect(holdings.take(first.key, 8).map(({ node, member: of }) => [node.id, of])).toEqual([['2', edit]]);
    expect(holdings.take(first.key, Infinity)).toEqual([]);
    expect(holdings.take(other.key, Infinity)).toHaveLength(1);
  });

  test('is stale when it has grown to twice what it began with', () => {
    const node = new TextNode('1', 't', 20, 1);
    const holdings = new Holdings([node]);
    for (let i = 0; i <= 10_000; i++) {
      expect(holdings.isStale).toBe(false);
      holdings.add(node, member(`p${i}`));
    }
    expect(holdings.isStale).toBe(true);
    for (let i = 0; i <= 10; i++) holdings.take(keyOf('x', `p${i}`), Infinity);
    expect(holdings.isStale).toBe(false);
  });
});
