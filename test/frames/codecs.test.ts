import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ENTRY_WORDS_MAX } from '../../src/frames/entry.ts';
import { FingerprintsFrame, FingerprintsFrameBuilder } from '../../src/frames/fingerprints.ts';
import { FRAME_BYTES_SOFT_MAX, FRAME_ENTRIES_MAX, FRAME_HEADER_BYTES, FRAME_KIND } from '../../src/frames/frame.ts';
import { LINKS_EVENT, LinksFrame, LinksFrameBuilder, type LinksEvent } from '../../src/frames/links.ts';
import { Random } from '../../src/simulate/random.ts';
import { fingerprintsFrame, randomBytes, randomEntries, randomEvents, type FrameEntry } from '../support/frames.ts';

const ROUTE = { topology: '0123456789abcdef', source: 1, sources: 3, target: 2, targets: 4 };

const shape = fc.record({
  seed: fc.nat(),
  count: fc.integer({ min: 0, max: 40 }),
  from: fc.integer({ min: 0, max: 2 ** 35 }),
});

function expectEntries(frame: FingerprintsFrame, entries: readonly FrameEntry[]): void {
  expect(frame.entryCount).toBe(entries.length);
  for (const [i, entry] of entries.entries()) {
    const start = frame.starts[i]!;
    const end = frame.starts[i + 1] ?? frame.words.length;
    expect(frame.words.subarray(start, end)).toEqual(entry.words);
    expect(frame.offset(i)).toBe(entry.offset);
    expect(Array.from(frame.evidence(i))).toEqual(Array.from(entry.evidence));
  }
}

describe('a frame of fingerprints', () => {
  test('is read as it was written, at any address', () => {
    fc.assert(
      fc.property(shape, ({ seed, count, from }) => {
        const random = new Random(seed);
        const entries = randomEntries(random, count, from);
        const span = { from, to: (entries.at(-1)?.offset ?? from) + 1 + random.below(5), watermark: random.below(1e9) };
        const bytes = fingerprintsFrame(ROUTE, span, entries);
        const moved = new Uint8Array(bytes.byteLength + 7);
        moved.set(bytes, 5);
        for (const frame of [new FingerprintsFrame(bytes), new FingerprintsFrame(moved.subarray(5, -2))]) {
          expect(frame.header).toMatchObject({ ...ROUTE, ...span, kind: FRAME_KIND.fingerprints, entryCount: count });
          expectEntries(frame, entries);
        }
      }),
    );
  });

  test('a slice of it has the bytes of a frame of those entries', () => {
    fc.assert(
      fc.property(shape, fc.nat(), fc.nat(), ({ seed, count, from }, a, b) => {
        const entries = randomEntries(new Random(seed), count, from);
        const span = { from, to: (entries.at(-1)?.offset ?? from) + 1, watermark: 5 };
        const moved = new Uint8Array(fingerprintsFrame(ROUTE, span, entries).byteLength + 3);
        moved.set(fingerprintsFrame(ROUTE, span, entries), 3);
        const [first, last] = [a % (count + 1), b % (count + 1)].sort((x, y) => x - y) as [number, number];
        const slice = new FingerprintsFrame(moved.subarray(3)).slice(first, last);
        expect(slice).toEqual(fingerprintsFrame(ROUTE, span, entries.slice(first, last)));
      }),
    );
  });

  test('leaves an empty builder behind, and what it said is its own', () => {
    const random = new Random(3);
    const builder = new FingerprintsFrameBuilder();
    const frames = [17, 0, 5].map((count) => {
      const entries = randomEntries(random, count, 100);
      for (const { words, offset, evidence } of entries) {
        builder.words.set(words, builder.wordCount);
        builder.add(words.length, offset - 100, evidence);
      }
      const { size } = builder;
      const bytes = builder.finish(ROUTE, { from: 100, to: 200, watermark: 1 });
      expect(bytes.byteLength).toBe(size);
      expect([builder.entryCount, builder.wordCount, builder.size]).toEqual([0, 0, FRAME_HEADER_BYTES]);
      return { entries, bytes };
    });
    for (const { entries, bytes } of frames) expectEntries(new FingerprintsFrame(bytes), entries);
  });

  test('holds as many entries of the largest size as a frame may have', () => {
    const builder = new FingerprintsFrameBuilder();
    const evidence = new Uint8Array(3).fill(7);
    const words = new Uint32Array(ENTRY_WORDS_MAX);
    // 96 tokens and six keys: all that an entry can have.
    words[0] = 96 | (6 << 8);
    for (let i = 0; i < FRAME_ENTRIES_MAX; i++) {
      builder.words.set(words, builder.wordCount);
      builder.add(words.length, i, evidence);
    }
    const frame = new FingerprintsFrame(builder.finish(ROUTE, { from: 0, to: FRAME_ENTRIES_MAX, watermark: 0 }));
    expect(frame.entryCount).toBe(FRAME_ENTRIES_MAX);
    expect(frame.evidence(FRAME_ENTRIES_MAX - 1)).toEqual(evidence);
  });
});

function linksFrame(events: readonly LinksEvent[], from: number, to: number): Uint8Array {
  const builder = new LinksFrameBuilder();
  for (const event of events) builder.add(event);
  return builder.finish(ROUTE, { from, to, watermark: 5 });
}

describe('a frame of links', () => {
  test('is read as it was written, at any address', () => {
    fc.assert(
      fc.property(shape, ({ seed, count, from }) => {
        const random = new Random(seed);
        const events = randomEvents(random, count, from);
        const to = (events.at(-1)?.cause.position ?? from) + 1;
        const bytes = linksFrame(events, from, to);
        const moved = new Uint8Array(bytes.byteLength + 7);
        moved.set(bytes, 5);
        for (const frame of [new LinksFrame(bytes), new LinksFrame(moved.subarray(5, -2))]) {
          expect(frame.header).toMatchObject({ ...ROUTE, from, to, watermark: 5, kind: FRAME_KIND.links });
          expect(frame.events).toEqual(events);
        }
      }),
    );
  });

  test('holds a post once, however many events show it', () => {
    const random = new Random(1);
    const [event] = randomEvents(random, 1, 0);
    const many = Array.from({ length: 100 }, (_, position) => ({ ...event!, cause: { ...event!.cause, position } }));
    const once = linksFrame([event!], 0, 1).byteLength;
    expect(linksFrame(many, 0, 100).byteLength).toBe(once + 99 * 64);
  });

  test('is full of bytes or of events, before it is more than a broker takes', () => {
    const random = new Random(1);
    const [event] = randomEvents(random, 1, 0);
    const builder = new LinksFrameBuilder();
    let size = 0;
    while (!builder.isFull) {
      const place = { partition: 0, offset: size };
      const evidence = { timeMs: 1, keyHi: 1, keyLo: size, place, bytes: randomBytes(random, 4000) };
      builder.add({ ...event!, evidence, otherEvidence: undefined });
      size++;
    }
    const bytes = builder.finish(ROUTE, { from: 0, to: 10, watermark: 1 });
    expect(bytes.byteLength).toBeGreaterThan(FRAME_BYTES_SOFT_MAX);
    expect(bytes.byteLength).toBeLessThan(FRAME_BYTES_SOFT_MAX + 10_000);
    expect([builder.entryCount, builder.isFull]).toEqual([0, false]);
    for (let i = 0; !builder.isFull; i++) builder.add({ ...event!, cause: { ...event!.cause, position: i } });
    // One entry makes 144 links at the most: they have room in what is left.
    expect(builder.entryCount).toBeLessThan(FRAME_ENTRIES_MAX - 144);
  });
});

/** Bytes as lines of `offset  hex  what it is`: the format on paper. */
function dump(bytes: Uint8Array, parts: readonly (readonly [length: number, what: string])[]): string {
  let at = 0;
  const lines = parts.map(([length, what]) => {
    const hex = Buffer.from(bytes.subarray(at, at + length))
      .toString('hex')
      .replaceAll(/(.{8})(?=.)/gu, '$1 ');
    const line = `${String(at).padStart(4)}  ${hex}  ${what}`;
    at += length;
    return line;
  });
  expect(at).toBe(bytes.byteLength);
  return `${lines.join('\n')}\n`;
}

const HEADER_PARTS: readonly (readonly [number, string])[] = [
  [4, 'magic "Ch", kind, version'],
  [8, 'source, sources, target, targets'],
  [4, 'entries'],
  [8, 'topology id'],
  [8, 'from'],
  [8, 'to'],
  [8, 'watermark'],
  [8, 'words and bytes of the columns'],
];

function goldenFingerprints(): { bytes: Uint8Array; text: string } {
  const post = Buffer.from('{"id":"1"}');
  const words = Uint32Array.from([
    0x0004_b202, 0x6546_1a00, 0x18b, 0x1111_1111, 0x2222_2222, 0x3333_3333, 0x4444_4444, 0x5555_5555, 0x6666_6666,
    0xaaaa_aaaa, 0xbbbb_bbbb, 1, 2, 3, 4, 5, 6, 7, 8, 0x9999_7777, 0x0000_00cd,
  ]);
  const bare = Uint32Array.from([0x0000_8000, 0x6546_1a01, 0x18b, 1, 2, 3, 4, 5, 6, 1, 2, 3, 4, 5, 6, 7, 8]);
  const retraction = Uint32Array.from([0x0000_0f00, 0x6546_1a02, 0x18b, 7, 8, 0x18b, 0x6546_1a01, 0, 0]);
  const entries = [
    { words, offset: 1000, evidence: post },
    { words: bare, offset: 1003, evidence: new Uint8Array() },
    { words: retraction, offset: 1003, evidence: new Uint8Array() },
  ];
  const bytes = fingerprintsFrame(ROUTE, { from: 1000, to: 1005, watermark: 1_700_000_000_000 }, entries);
  const text = dump(bytes, [
    ...HEADER_PARTS,
    [12, 'offsets from `from`'],
    [12, 'lengths of evidence'],
    [4, 'entry 0: 2 tokens, 2 keys, bands 0 and 1, home, dropped flags 4'],
    [8, 'event time'],
    [8, 'post key'],
    [8, 'text hash'],
    [8, 'SimHash64'],
    [8, 'keys'],
    [32, 'record: bitmap of trigrams'],
    [4, 'record: tokens'],
    [4, 'record: levels'],
    [4, 'entry 1: no tokens, no keys, no bands, home'],
    [8, 'event time'],
    [24, 'post key, text hash, SimHash64'],
    [32, 'record: bitmap of trigrams'],
    [4, 'entry 2: a retraction'],
    [8, 'event time'],
    [8, 'hash of platform and id'],
    [8, 'versions before this time'],
    [8, 'zero'],
    [10, 'evidence of entry 0'],
  ]);
  return { bytes, text };
}

function goldenLinks(): { bytes: Uint8Array; text: string } {
  const place = { partition: 2, offset: 1000 };
  const first = { timeMs: 1_700_000_000_000, keyHi: 1, keyLo: 2, place, bytes: Buffer.from('{"id":"1"}') };
  const later = { partition: 0, offset: 2 ** 33 };
  const second = { timeMs: 1_700_000_000_005, keyHi: 3, keyLo: 4, place: later, bytes: Buffer.from('{"id":"22"}') };
  const cause = { position: 77, timeMs: 1_700_000_000_005, postHi: 3, postLo: 4, textHi: 5, textLo: 6 };
  const retracted = { ...cause, position: 79, textHi: 0xffff_ffff, textLo: 0xffff_ffff };
  const none = { otherHi: 0, otherLo: 0, otherEvidence: undefined, similarity: 0, families: 0 };
  const link = { otherHi: 7, otherLo: 8, otherEvidence: first, similarity: 0.5, families: 3 };
  const bytes = linksFrame(
    [
      { kind: LINKS_EVENT.first, cause, evidence: first, ...none },
      { kind: LINKS_EVENT.link, cause: { ...cause, position: 78 }, evidence: second, ...link },
      { kind: LINKS_EVENT.retraction, cause: retracted, evidence: undefined, ...none },
    ],
    70,
    80,
  );
  const event = (what: string): [number, string][] => [
    [4, `${what}: kind, families`],
    [4, 'position from `from`'],
    [8, 'event time'],
    [8, 'post key'],
    [8, 'text hash'],
    [8, 'text hash of the other node'],
    [8, 'R'],
    [8, 'evidence, other evidence'],
    [8, 'zero'],
  ];
  const piece = (length: number): [number, string][] => [
    [8, 'evidence: event time'],
    [8, 'post key'],
    [8, 'length, partition of the feed'],
    [8, 'offset in it'],
    [length, 'the post, zeros to 8 bytes'],
  ];
  const parts = [
    ...HEADER_PARTS,
    ...event('first post'),
    ...event('link'),
    ...event('retraction'),
    ...piece(16),
    ...piece(16),
  ];
  return { bytes, text: dump(bytes, parts) };
}

describe('golden frames', () => {
  const folder = join(import.meta.dirname, '../golden');

  // UPDATE_GOLDEN=1 writes them anew: a new format needs a new FRAME_VERSION.
  test.each([
    ['fingerprints-frame', goldenFingerprints],
    ['links-frame', goldenLinks],
  ] as const)('%s has the bytes that it always had', (name, make) => {
    const { bytes, text } = make();
    const path = join(folder, `${name}.bin`);
    if (process.env['UPDATE_GOLDEN'] === '1') {
      writeFileSync(path, bytes);
      writeFileSync(`${path}.txt`, text);
    }
    expect(existsSync(path)).toBe(true);
    expect(Buffer.from(bytes).toString('hex')).toBe(readFileSync(path).toString('hex'));
    expect(text).toBe(readFileSync(`${path}.txt`, 'utf8'));
  });

  test('are read', () => {
    const fingerprints = new FingerprintsFrame(readFileSync(join(folder, 'fingerprints-frame.bin')));
    expect([0, 1, 2].map((i) => fingerprints.offset(i))).toEqual([1000, 1003, 1003]);
    expect(Buffer.from(fingerprints.evidence(0)).toString()).toBe('{"id":"1"}');
    const links = new LinksFrame(readFileSync(join(folder, 'links-frame.bin')));
    expect(links.events.map(({ kind, cause }) => [kind, cause.position])).toEqual([
      [LINKS_EVENT.first, 77],
      [LINKS_EVENT.link, 78],
      [LINKS_EVENT.retraction, 79],
    ]);
    expect(links.events.map(({ evidence }) => evidence?.place.offset)).toEqual([1000, 2 ** 33, undefined]);
  });
});
