import { describe, expect, test } from 'vitest';
import { ENTRY_HEADER_WORDS, entryIsRetraction, entryLength } from '../../src/frames/entry.ts';
import { FingerprintsFrame } from '../../src/frames/fingerprints.ts';
import { FRAME_HEADER_BYTES, FRAME_KIND, FrameError, viewOf, writeHeader } from '../../src/frames/frame.ts';
import { LINKS_EVENT, LinksFrame, LinksFrameBuilder } from '../../src/frames/links.ts';
import { Random } from '../../src/simulate/random.ts';
import { fingerprintsFrame, mutated, randomBytes, randomEntries, randomEvents } from '../support/frames.ts';

const SEED = 20_240_101;
const INPUTS = 120_000;
const ROUTE = { topology: '0123456789abcdef', source: 0, sources: 2, target: 1, targets: 3 };
const TIME_BUDGET_MS = 1000;

/** Is what was read what the bytes can hold? */
function expectSoundFingerprints(bytes: Uint8Array): void {
  const frame = new FingerprintsFrame(bytes);
  const { from, to } = frame.header;
  let before = -1;
  let evidence = 0;
  for (let i = 0; i < frame.entryCount; i++) {
    const start = frame.starts[i]!;
    const end = frame.starts[i + 1] ?? frame.words.length;
    // Assertions are plain here: a million calls of `expect` take longer than all the rest.
    if (end - start !== entryLength(frame.words, start) || end - start < ENTRY_HEADER_WORDS) throw new Error('length');
    const offset = frame.offset(i);
    if (offset < before || offset < from || offset >= to) throw new Error('offset');
    before = offset;
    if (entryIsRetraction(frame.words, start) && frame.evidence(i).byteLength > 0) throw new Error('evidence of none');
    evidence += frame.evidence(i).byteLength;
  }
  const size = FRAME_HEADER_BYTES + 8 * frame.entryCount + 4 * frame.words.length + evidence;
  if (size !== bytes.byteLength) throw new Error('size');
}

function expectSoundLinks(bytes: Uint8Array): void {
  const { events, header } = new LinksFrame(bytes);
  for (const { kind, cause, evidence, otherEvidence, similarity } of events) {
    if (kind > LINKS_EVENT.retraction || !Number.isFinite(similarity) || !Number.isFinite(cause.timeMs))
      throw new Error('event');
    if (cause.position < header.from || cause.position >= header.to) throw new Error('position');
    if ((kind === LINKS_EVENT.retraction) !== (evidence === undefined)) throw new Error('evidence of none');
    for (const post of [evidence, otherEvidence]) {
      if (post === undefined) continue;
      if (!Number.isFinite(post.timeMs) || post.bytes.byteLength > bytes.byteLength) throw new Error('evidence');
    }
  }
}

function fingerprintsOf(random: Random): Uint8Array {
  const entries = randomEntries(random, random.below(6), 50);
  return fingerprintsFrame(ROUTE, { from: 50, to: (entries.at(-1)?.offset ?? 50) + 1, watermark: 9 }, entries);
}

function linksOf(random: Random): Uint8Array {
  const builder = new LinksFrameBuilder();
  for (const event of randomEvents(random, random.below(6), 50)) builder.add(event);
  return builder.finish(ROUTE, { from: 50, to: 80, watermark: 9 });
}

/** How many were read and how many refused; every one within the time. */
function fuzz(
  make: (random: Random) => Uint8Array,
  check: (bytes: Uint8Array) => void,
): { read: number; refused: number } {
  const random = new Random(SEED);
  let bases = [make(random)];
  const outcome = { read: 0, refused: 0 };
  for (let i = 0; i < INPUTS; i++) {
    if (i % 500 === 0) bases = Array.from({ length: 8 }, () => make(random));
    const base = random.pick(bases);
    const dice = random.below(20);
    const bytes =
      dice === 0
        ? randomBytes(random, random.below(300))
        : dice === 1
          ? base.subarray(0, random.below(base.byteLength + 1))
          : mutated(random, base);
    const startedMs = performance.now();
    try {
      check(bytes);
      outcome.read++;
    } catch (error) {
      if (!(error instanceof FrameError)) {
        const hex = Buffer.from(bytes).toString('hex');
        throw new Error(`seed ${SEED}, input ${i}: ${String(error)}\n${hex}`, { cause: error });
      }
      outcome.refused++;
    }
    if (performance.now() - startedMs > TIME_BUDGET_MS) throw new Error(`seed ${SEED}, input ${i} takes too long`);
  }
  return outcome;
}

describe('frames that are damaged', () => {
  test.each([
    ['fingerprints', fingerprintsOf, expectSoundFingerprints],
    ['links', linksOf, expectSoundLinks],
  ] as const)(`of %s are read as something sound or refused, ${INPUTS} of them`, (_, make, check) => {
    const { read, refused } = fuzz(make, check);
    // A change within a post or a hash shows in nothing, so both happen.
    expect(read).toBeGreaterThan(INPUTS / 50);
    expect(refused).toBeGreaterThan(INPUTS / 3);
  });

  test.each([
    ['fingerprints', FRAME_KIND.fingerprints, FingerprintsFrame],
    ['links', FRAME_KIND.links, LinksFrame],
  ] as const)('of %s that announce what they cannot hold make nothing of that size', (_, kind, Frame) => {
    for (const entryCount of [0, 1, 4096, 2 ** 32 - 1]) {
      for (const wordCount of [0, 2 ** 20, 2 ** 31, 2 ** 32 - 1]) {
        for (const byteCount of [0, 2 ** 31, 2 ** 32 - 1]) {
          if (entryCount + wordCount + byteCount === 0) continue;
          const bytes = new Uint8Array(FRAME_HEADER_BYTES + 64);
          writeHeader(viewOf(bytes), {
            ...ROUTE,
            kind,
            from: 0,
            to: 9,
            watermark: 0,
            entryCount,
            wordCount,
            byteCount,
          });
          const before = process.memoryUsage().arrayBuffers;
          expect(() => new Frame(bytes)).toThrow(FrameError);
          expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(1e6);
        }
      }
    }
  });

  test('of links with a piece of evidence of 4 GB are refused', () => {
    const random = new Random(4);
    const builder = new LinksFrameBuilder();
    const events = randomEvents(random, 3, 50);
    expect(events[0]!.evidence).toBeDefined();
    for (const event of events) builder.add(event);
    const bytes = builder.finish(ROUTE, { from: 50, to: 80, watermark: 9 });
    viewOf(bytes).setUint32(FRAME_HEADER_BYTES + 3 * 64 + 16, 2 ** 32 - 1, true);
    expect(() => new LinksFrame(bytes)).toThrow(/4294967295 bytes is cut off/u);
  });
});
