import { describe, expect, test } from 'vitest';
import {
  checkRoute,
  FRAME_ENTRIES_MAX,
  FRAME_HEADER_BYTES,
  FRAME_KIND,
  FrameError,
  POSITION_MAX,
  readHeader,
  viewOf,
  writeHeader,
  type FrameHeader,
} from '../../src/frames/frame.ts';

const HEADER: FrameHeader = {
  kind: FRAME_KIND.links,
  topology: '0123456789abcdef',
  source: 3,
  sources: 8,
  target: 0,
  targets: 1,
  from: 2 ** 33,
  to: 2 ** 33 + 5,
  watermark: 1_700_000_000_000,
  entryCount: 7,
  wordCount: 9,
  byteCount: 11,
};

function written(changes: Partial<FrameHeader> = {}): Uint8Array {
  const bytes = new Uint8Array(FRAME_HEADER_BYTES);
  writeHeader(viewOf(bytes), { ...HEADER, ...changes });
  return bytes;
}

function refusal(read: () => unknown): FrameError {
  try {
    read();
  } catch (error) {
    if (error instanceof FrameError) return error;
    throw error;
  }
  throw new Error('nothing was refused');
}

describe('the header of a frame', () => {
  test.each<Partial<FrameHeader>>([
    {},
    { kind: FRAME_KIND.fingerprints, watermark: -Infinity },
    { kind: FRAME_KIND.snapshot, from: 0, to: 0 },
    { from: POSITION_MAX, to: POSITION_MAX, topology: 'ffffffffffffffff' },
    { source: 65_534, sources: 65_535, target: 65_534, targets: 65_535, entryCount: FRAME_ENTRIES_MAX },
  ])('is read as it was written: %o', (changes) => {
    expect(readHeader(written(changes))).toEqual({ ...HEADER, ...changes });
  });

  test('is read at any address', () => {
    const bytes = new Uint8Array(FRAME_HEADER_BYTES + 3);
    bytes.set(written(), 3);
    expect(readHeader(bytes.subarray(3))).toEqual(HEADER);
  });

  test.each<[string, Partial<FrameHeader>, RegExp]>([
    ['a source that is none of its sources', { source: 8 }, /partition 8 of 8 to 0 of 1/u],
    ['a target that is none of its targets', { target: 1 }, /partition 3 of 8 to 1 of 1/u],
    ['positions that go backwards', { to: 2 ** 33 - 1 }, /from position 8589934592 to 8589934591/u],
    ['a position that is not whole', { from: 0.5 }, /from position 0.5/u],
    ['a position below zero', { from: -1 }, /from position -1/u],
    ['a position beyond the bound', { to: POSITION_MAX + 1 }, /to 68719476737/u],
    ['a position that is no number', { to: Number.NaN }, /to NaN/u],
    ['a watermark that is no number', { watermark: Number.NaN }, /watermark is NaN/u],
    ['a watermark at the end of time', { watermark: Infinity }, /watermark is Infinity/u],
    ['too many entries', { entryCount: FRAME_ENTRIES_MAX + 1 }, /4097 entries, at most 4096/u],
    ['no kind that there is', { kind: 4 as FrameHeader['kind'] }, /kind 4/u],
  ])('is refused with %s', (_, changes, message) => {
    const error = refusal(() => readHeader(written(changes)));
    expect(error.code).toBe('frame_invalid');
    expect(error.message).toMatch(message);
  });

  test('is refused when it is cut off, or begins with something else', () => {
    for (let length = 0; length < FRAME_HEADER_BYTES; length++) {
      expect(refusal(() => readHeader(written().subarray(0, length))).message).toContain(`${length} bytes`);
    }
    const bytes = written();
    bytes[0] = 0x7b;
    expect(refusal(() => readHeader(bytes)).message).toContain('does not begin with "Ch"');
  });

  test('of another version is refused, with both versions and the way out', () => {
    const bytes = written();
    bytes[3] = 1;
    const { code, message } = refusal(() => readHeader(bytes));
    expect(code).toBe('frame_version');
    expect(message).toMatch(
      /version 1, this program reads 2: run the version that wrote it, or start on new internal topics/u,
    );
  });
});

describe('the route of a frame', () => {
  const { topology, target, targets, sources } = HEADER;
  const expected = { topology, target, targets, sources };

  test('is the one that is expected', () => {
    expect(() => checkRoute(HEADER, FRAME_KIND.links, expected)).not.toThrow();
  });

  test('of another kind is refused', () => {
    const error = refusal(() => checkRoute(HEADER, FRAME_KIND.fingerprints, expected));
    expect([error.code, error.message]).toEqual(['frame_invalid', 'a frame cannot be read: its kind is 2, expected 1']);
  });

  test('of another topology is refused, with both names and the setting that mends it', () => {
    const other = { ...expected, topology: 'aaaaaaaaaaaaaaaa' };
    const { code, message } = refusal(() => checkRoute(HEADER, FRAME_KIND.links, other));
    expect(code).toBe('frame_topology');
    expect(message).toContain('0123456789abcdef');
    expect(message).toContain('aaaaaaaaaaaaaaaa');
    expect(message).toContain('kafka.prefix');
  });

  test.each([{ target: 1, targets: 2 }, { targets: 2 }, { sources: 9 }])(
    'of other partitions is refused, with their numbers and the setting that mends it: %o',
    (changes) => {
      const wanted = { ...expected, ...changes };
      const { code, message } = refusal(() => checkRoute(HEADER, FRAME_KIND.links, wanted));
      expect(code).toBe('frame_topology');
      expect(message).toContain('from one of 8 partitions to 0 of 1');
      expect(message).toContain(`at ${wanted.target} of ${wanted.targets}, with ${wanted.sources} sources`);
      expect(message).toContain('kafka.prefix');
    },
  );
});
