import { describe, expect, test } from 'vitest';
import type { Decoded, Post } from '../../../src/model.ts';
import { fuzz, type FuzzTarget } from './fuzz.ts';
import { FUZZ_TARGETS } from './fuzz-targets.ts';

/** `npx tsx test/consumers/formats/fuzz.ts` does a million. FUZZ_SEED repeats what a failure has named. */
const RUNS = 4_000;

describe('spoilt records', () => {
  test.each(FUZZ_TARGETS.map((target) => [target.name, target] as const))('%s', (_name, target) => {
    const seed = Number(process.env['FUZZ_SEED'] ?? Date.now() % 1_000_000);
    const { results } = fuzz(target, { runs: RUNS, seed });
    // Else the mutations would have left nothing whole, or nothing to find.
    expect(Object.keys(results)).toContain('post');
    expect(Object.keys(results).filter((result) => result.startsWith('rejection')).length).toBeGreaterThan(1);
  });
});

describe('what the harness finds', () => {
  /** A decoder without fault, whose posts `spoil` changes. */
  const decoder =
    (spoil: (post: Post) => Post): FuzzTarget['decode'] =>
    (record) => {
      let value: unknown;
      try {
        value = JSON.parse(record);
      } catch {
        return { kind: 'rejection', reason: 'not_json', detail: 'the record is not JSON' };
      }
      const text = (value as { t?: unknown } | null)?.t;
      if (typeof text !== 'string' || !/^[a-z]{1,500}$/.test(text)) return { kind: 'ignored', reason: 'no_text' };
      return { kind: 'post', post: spoil({ id: text, platform: 'x', account: text, text, createdAt: 3 }) };
    };
  const run = (decode: FuzzTarget['decode']) => (): unknown =>
    fuzz({ name: 'bad', decode, records: ['{"id":"1","t":"hello"}'] }, { runs: 300, seed: 1 });

  test('nothing in a decoder without fault', () => {
    expect(run(decoder((post) => post))).not.toThrow();
  });

  test('an exception, with the record', () => {
    expect(run((record) => JSON.parse(record) as Decoded)).toThrow(/^bad, seed 1, run \d+: .*\n./s);
  });

  test('a text that is not in the record', () => {
    expect(run(decoder((post) => ({ ...post, handle: 'made up' })))).toThrow('handle is invented: "made up"');
    expect(run(decoder((post) => ({ ...post, urls: [post.id, 'made up'] })))).toThrow('urls is invented: "made up"');
  });

  test('a result that is none, a field beyond its bounds, a time that is no integer', () => {
    expect(run(() => [])).toThrow('would not be counted');
    expect(run(() => ({ kind: 'ignored', reason: 'boring' }) as unknown as Decoded)).toThrow('ignored for boring');
    expect(run(decoder((post) => ({ ...post, lang: 'x'.repeat(600) })))).toThrow('lang has no bound');
    expect(run(decoder((post) => ({ ...post, createdAt: 0.5 })))).toThrow('createdAt is 0.5');
    expect(run(decoder((post) => ({ ...post, likes: 3 }) as Post))).toThrow('likes is no field');
  });

  test('a call that hangs', () => {
    const slow = (): Decoded => {
      const endMs = performance.now() + 150;
      while (performance.now() < endMs);
      return { kind: 'ignored', reason: 'no_text' };
    };
    expect(run(slow)).toThrow('a call took');
  });
});
