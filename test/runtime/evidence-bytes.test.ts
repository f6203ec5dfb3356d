/** What is kept of a post that has more bytes than evidence may take. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { decodeCanonical } from '../../src/consumers/formats/canonical.ts';
import { LinksFrameBuilder, LINKS_EVENT } from '../../src/frames/links.ts';
import type { Post } from '../../src/model.ts';
import { EVIDENCE_BYTES_MAX, evidenceBytes } from '../../src/runtime/evidence.ts';
import { topicSpecs } from '../../src/runtime/topic-specs.ts';

const POST: Post = { id: '1', platform: 'x', account: 'a', text: 'short', createdAt: 1_700_000_000_000 };

function read(bytes: Uint8Array): Post {
  const decoded = decodeCanonical(Buffer.from(bytes).toString('utf8'));
  if (decoded.kind !== 'post') throw new Error(JSON.stringify(decoded));
  return decoded.post;
}

test('a post of ordinary length is kept whole', () => {
  const post: Post = { ...POST, urls: ['https://example.org/'], handle: 'h', lang: 'en', media: ['m'] };
  expect(read(evidenceBytes(post))).toEqual(post);
});

test('of the longest ones a beginning of the text is kept, which can be read again, and the bound holds', () => {
  const unit = fc.constantFrom('a', '"', '\u0001', '漢', '😀', 'é');
  const text = (max: number): fc.Arbitrary<string> =>
    fc.tuple(fc.array(unit, { minLength: 1, maxLength: 5 }), fc.integer({ min: 1, max })).map(([units, length]) => {
      const long = units.join('').repeat(length).slice(0, max);
      return /[\uD800-\uDBFF]$/.test(long) ? `${long.slice(0, -1)}x` : long;
    });
  const post = fc.record(
    {
      id: text(512),
      platform: text(512),
      account: text(512),
      text: text(65_536),
      createdAt: fc.constant(POST.createdAt),
      handle: text(512),
      lang: text(512),
      replyTo: text(512),
      quoteOf: text(512),
      urls: fc.array(text(8192), { maxLength: 256 }),
      accountCreatedAt: fc.constant(1_600_000_000_000),
      editedAt: fc.constant(1_700_000_000_001),
    },
    { requiredKeys: ['id', 'platform', 'account', 'text', 'createdAt'] },
  );
  fc.assert(
    fc.property(post, (given) => {
      const bytes = evidenceBytes(given);
      expect(bytes.length).toBeLessThanOrEqual(EVIDENCE_BYTES_MAX);
      const kept = read(bytes);
      expect(given.text.startsWith(kept.text)).toBe(true);
      expect(kept).toMatchObject({ id: given.id, platform: given.platform, account: given.account });
      expect(kept.editedAt).toBe(given.editedAt);
      // Room is made no further than it takes.
      if (kept.text !== given.text) expect(bytes.length).toBeGreaterThan(EVIDENCE_BYTES_MAX - 64);
    }),
    { numRuns: 200 },
  );
});

test('a post with all the links that one can have fits a record of the topic of links', () => {
  const bytes = evidenceBytes({ ...POST, text: '漢'.repeat(65_536) });
  const posts = Array.from({ length: 145 }, (_, keyLo) => ({
    timeMs: 1,
    keyHi: 0,
    keyLo,
    bytes,
    place: { partition: 0, offset: keyLo },
  }));
  const cause = { position: 0, timeMs: 1, postHi: 0, postLo: 0, textHi: 0, textLo: 0 };
  const builder = new LinksFrameBuilder();
  const add = (i: number, evidence: (typeof posts)[number], otherEvidence: (typeof posts)[number]): void =>
    builder.add({
      kind: LINKS_EVENT.link,
      cause,
      evidence,
      otherEvidence,
      otherHi: 0,
      otherLo: i,
      similarity: 0.5,
      families: 1,
    });
  // What others have said before takes the frame to where it is not full yet.
  for (let i = 0; !builder.isFull; i++) add(i, { ...posts[0]!, keyLo: 1000 + i }, { ...posts[1]!, keyLo: 5000 + i });
  for (let i = 1; i < posts.length; i++) add(i, posts[0]!, posts[i]!);
  const route = { topology: '0123456789abcdef', source: 0, target: 0, sources: 1, targets: 1 };
  const frame = builder.finish(route, { from: 0, to: 1, watermark: 0 });
  const topics = { feed: 'f', fingerprints: 'p', links: 'l', alerts: 'a', deadLetters: undefined };
  const needs = { topics, partitions: 1, windowMs: 1, outOfOrdernessMs: 0, outageAllowanceMs: 0 };
  const links = topicSpecs(needs).created.find(({ name }) => name === 'l')!;
  expect(frame.byteLength).toBeLessThan(links.atLeast!['max.message.bytes']! - 1000);
});
