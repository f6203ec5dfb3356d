import { Buffer } from 'node:buffer';
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as zlib from 'node:zlib';
import { afterAll, describe, expect, test } from 'vitest';
import { inputBytes, readLines, type InputProgress, type ReadLinesOptions } from '../../src/consumers/file.ts';
import { InputError } from '../../src/errors.ts';

const folder = mkdtempSync(join(tmpdir(), 'chorus-file-test-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function fileOf(name: string, content: Uint8Array | string): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

/** What `two-frames.ndjson.zst` holds: a skippable frame, 2,500 lines with a checksum, 1,500 without (zstd 1.5 -19). */
function countedLine(i: number): string {
  return JSON.stringify({
    id: `p${i}`,
    platform: 'example',
    account: `a${(i * 7) % 101}`,
    text: `note ${(i * i) % 9973} of the day, ünïcode \u2028 ${i % 13}`,
    createdAt: new Date(1_767_225_600_000 + i * 1000).toISOString(),
  });
}
const LINES = Array.from({ length: 4000 }, (_, i) => countedLine(i));
const PLAIN = Buffer.from(`${LINES.join('\n')}\n`);
const ZSTD = readFileSync(new URL('../fixtures/two-frames.ndjson.zst', import.meta.url));
const HALF = PLAIN.indexOf('\n', PLAIN.length / 2) + 1;
const GZIP = Buffer.concat([zlib.gzipSync(PLAIN.subarray(0, HALF)), zlib.gzipSync(PLAIN.subarray(HALF))]);
const CHECKSUM = Buffer.from('5388bd91', 'hex');
const hasNativeZstd = 'createZstdDecompress' in zlib;

async function textsOf(
  path: string,
  options?: ReadLinesOptions,
): Promise<{ texts: (string | undefined)[]; error: unknown }> {
  const texts: (string | undefined)[] = [];
  try {
    for await (const batch of readLines(path, options)) for (let i = 0; i < batch.count; i++) texts.push(batch.text(i));
    return { texts, error: undefined };
  } catch (error) {
    return { texts, error };
  }
}

async function* piecesOf(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

describe('plain, gzip and zstd are one', () => {
  test.each([
    ['plain', PLAIN],
    ['gzip of two members', GZIP],
    ['gzip padded with zeros', Buffer.concat([GZIP, Buffer.alloc(10_000)])],
    ['zstd of two frames', ZSTD],
  ])('%s', async (name, bytes) => {
    const fromFile = await textsOf(fileOf('posts', bytes));
    expect(fromFile.error).toBeUndefined();
    expect(fromFile.texts).toStrictEqual(LINES);
    for (const size of [1, 3, 1000, 50_000]) {
      if (size === 1 && name === 'plain') continue;
      const fromStdin = await textsOf('-', { stdin: piecesOf(bytes, size) });
      expect(fromStdin.error).toBeUndefined();
      expect(fromStdin.texts).toStrictEqual(LINES);
    }
  });

  test.each([
    ['nothing', ''],
    ['one byte', '1'],
  ])('an input of %s', async (_, content) => {
    expect(await textsOf(fileOf('short', content))).toStrictEqual({
      texts: content === '' ? [] : [content],
      error: undefined,
    });
    expect((await textsOf(fileOf('short.gz', zlib.gzipSync(content)))).texts).toStrictEqual(
      content === '' ? [] : [content],
    );
  });

  test('progress counts the bytes of the file up to its size', async () => {
    const path = fileOf('progress', GZIP);
    const seen: InputProgress[] = [];
    await textsOf(path, { onProgress: (progress) => seen.push(progress) });
    expect(seen.at(-1)).toStrictEqual({ bytesRead: GZIP.length, bytesTotal: GZIP.length });
    expect(await inputBytes(path)).toBe(GZIP.length);
    expect(await inputBytes('-')).toBeUndefined();
  });

  test('a reader may stop early', async () => {
    for (const bytes of [PLAIN, GZIP, ZSTD]) {
      const path = fileOf('early', bytes);
      for await (const batch of readLines(path)) {
        expect(batch.text(0)).toBe(LINES[0]);
        break;
      }
    }
  });
});

describe('inputs that end badly', () => {
  test.each([
    ['gzip', GZIP],
    ['zstd', ZSTD],
  ])('a truncated %s file yields what is before, then says where', async (_, bytes) => {
    for (const length of [5, 20, Math.floor(bytes.length / 2), bytes.length - 2]) {
      const path = fileOf('truncated', bytes.subarray(0, length));
      const { texts, error } = await textsOf(path);
      expect(error, `${length} bytes`).toBeInstanceOf(InputError);
      expect(error).toMatchObject({ code: 'input_truncated', input: path, byteOffset: length });
      expect(texts).toStrictEqual(LINES.slice(0, texts.length));
      if (length > 1000) expect(texts.length).toBeGreaterThan(1000);
    }
  });

  test('a corrupt gzip file', async () => {
    const bytes = Buffer.from(GZIP);
    bytes.fill(0xff, bytes.length - 13_000, bytes.length - 12_950);
    const { texts, error } = await textsOf(fileOf('corrupt', bytes));
    expect(error).toMatchObject({ code: 'input_corrupt' });
    expect(texts.length).toBeGreaterThan(1900);
    expect(texts.slice(0, 1900)).toStrictEqual(LINES.slice(0, 1900));
  });

  test('a corrupt zstd file', async () => {
    const bytes = Buffer.from(ZSTD);
    bytes.fill(0xff, bytes.length - 3000, bytes.length - 2000);
    const { texts, error } = await textsOf(fileOf('corrupt', bytes));
    expect(error).toMatchObject({ code: 'input_corrupt' });
    expect(texts.slice(0, 2500)).toStrictEqual(LINES.slice(0, 2500));
  });

  test.each([
    // zlib keeps to itself what it decoded of the last slice.
    ['gzip', GZIP, 3000],
    ['zstd', ZSTD, 4000],
  ])('text behind %s data', async (_, bytes, linesMin) => {
    const garbage = Buffer.from('{"id":"not in the archive"}\n');
    const { texts, error } = await textsOf(fileOf('garbage', Buffer.concat([bytes, garbage])));
    expect(error).toMatchObject({ code: 'input_corrupt' });
    expect(texts).toStrictEqual(LINES.slice(0, texts.length));
    expect(texts.length).toBeGreaterThanOrEqual(linesMin);
  });

  test('bytes that are changed at random never hang, and throw nothing but an InputError', async () => {
    let faults = 0;
    for (let i = 0; i < 300; i++) {
      const bytes = Buffer.from(i % 2 === 0 ? GZIP : ZSTD);
      for (let change = 0; change < 3; change++) {
        bytes[(i * 7919 + change * 104_729) % bytes.length]! ^= 1 + ((i * 31 + change) % 255);
      }
      const { error } = await textsOf('-', { stdin: piecesOf(bytes, 65_536) });
      if (error !== undefined && !(error instanceof InputError)) throw error;
      if (error !== undefined) faults++;
    }
    // Only the second zstd frame has no checksum.
    expect(faults).toBeGreaterThan(240);
  });

  test('the checksum of a zstd frame is checked', async () => {
    // Raw blocks decode whatever is in them: "hello\\n" with the checksum that zstd --check writes for it, then for "jello\\n".
    const frameOf = (text: string): Buffer =>
      Buffer.concat([Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0x24, 6, 0x31, 0, 0]), Buffer.from(text), CHECKSUM]);
    expect(await textsOf(fileOf('sum.zst', frameOf('hello\n')))).toStrictEqual({ texts: ['hello'], error: undefined });
    expect((await textsOf(fileOf('sum.zst', frameOf('jello\n')))).error).toMatchObject({ code: 'input_corrupt' });
  });

  test.skipIf(hasNativeZstd)('a zstd window beyond fzstd is refused, not misread', async () => {
    // Header of a frame with a window of 2^27 bytes, then an empty last block.
    const frame = Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0x00, 17 << 3, 1, 0, 0]);
    const { error } = await textsOf(fileOf('long.zst', Buffer.concat([ZSTD, frame])));
    expect(error).toMatchObject({ code: 'input_window_too_large' });
    expect((error as InputError).message).toContain('134217728');
    frame[5] = 16 << 3;
    expect((await textsOf(fileOf('long.zst', Buffer.concat([ZSTD, frame])))).error).toBeUndefined();
  });
});

describe('inputs that cannot be read', () => {
  test('a missing file', async () => {
    const path = join(folder, 'missing');
    expect((await textsOf(path)).error).toMatchObject({ code: 'input_missing', input: path, retryable: false });
    await expect(inputBytes(path)).rejects.toMatchObject({ code: 'input_missing' });
    expect((await textsOf(join(fileOf('plain', 'x'), 'below'))).error).toMatchObject({ code: 'input_missing' });
  });

  test('a directory', async () => {
    expect((await textsOf(folder)).error).toMatchObject({ code: 'input_is_directory', input: folder });
  });

  test.skipIf(process.getuid?.() === 0)('a file without permission', async () => {
    const path = fileOf('denied', 'x');
    chmodSync(path, 0);
    expect((await textsOf(path)).error).toMatchObject({ code: 'input_denied' });
  });

  test.each([
    ['bzip2', 'BZh91AY&SY'],
    ['xz', Buffer.from([0xfd, 0x37, 0x7a, 0x58, 0x5a, 0])],
    ['zip', 'PK\x03\x04rest'],
    ['lz4', Buffer.from([0x04, 0x22, 0x4d, 0x18, 0x40])],
  ])('%s data', async (name, bytes) => {
    const { error } = await textsOf(fileOf('foreign', bytes));
    expect(error).toMatchObject({ code: 'input_unreadable' });
    expect((error as InputError).message).toContain(name);
  });

  test('an error of standard input that is not about the input passes through', async () => {
    const broken = new Error('a bug');
    const stdin = (async function* () {
      yield Buffer.from('first\nsecond');
      throw broken;
    })();
    expect(await textsOf('-', { stdin })).toStrictEqual({ texts: ['first'], error: broken });
  });
});
