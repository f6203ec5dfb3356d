import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { backoffMs, retryAfterMs } from '../../../src/consumers/feeds/backoff.ts';
import { CursorFile } from '../../../src/consumers/feeds/cursor.ts';
import { ChorusError } from '../../../src/errors.ts';
import { temporaryFolder } from '../../support/feeds.ts';

const folder = temporaryFolder();
let files = 0;
const newPath = (): string => join(folder, `cursor-${files++}`);

describe('a cursor file', () => {
  test('keeps the position from one run to the next', () => {
    const path = newPath();
    const first = new CursorFile(path, 'jetstream:a');
    expect(first.load()).toBeUndefined();
    first.save(1_783_175_888_090);
    expect(new CursorFile(path, 'jetstream:a').load()).toBe(1_783_175_888_090);
    expect(JSON.parse(readFileSync(path, 'utf8'))).toMatchObject({ position: '2026-07-04T14:38:08.090Z' });
  });

  test('is written at once, then at most once a second, and at the end', () => {
    const path = newPath();
    const cursor = new CursorFile(path, 's');
    for (const position of [1, 2, 3]) cursor.save(position);
    expect(new CursorFile(path, 's').load()).toBe(1);
    cursor.flush();
    expect(new CursorFile(path, 's').load()).toBe(3);
    expect(existsSync(`${path}.next`)).toBe(false);
  });

  test('refuses what is no cursor, and that of another source', () => {
    const path = newPath();
    new CursorFile(path, 'jetstream:a').save(1);
    expect(() => new CursorFile(path, 'jetstream:b').load()).toThrow('another file: this one is of jetstream:a');
    for (const text of ['', '{}', '{"schema":"chorus.cursor.v1","source":"s","positionMs":"1"}', 'x'.repeat(100)]) {
      writeFileSync(path, text);
      expect(() => new CursorFile(path, 's').load()).toThrow('that Chorus has written');
    }
    expect(() => new CursorFile(folder, 's').load()).toThrow('a file that can be read');
  });

  test('says where it cannot be written', () => {
    const cursor = new CursorFile(join(folder, 'none', 'cursor'), 's');
    expect(() => cursor.save(1)).toThrow(ChorusError);
  });
});

describe('the wait before an attempt', () => {
  test('is anything up to a bound that doubles, and no less than the server asks', () => {
    expect([0, 1, 2, 5, 6, 100].map((attempt) => backoffMs(attempt, undefined, 1))).toEqual([
      1000, 2000, 4000, 32_000, 60_000, 60_000,
    ]);
    expect(backoffMs(3, undefined, 0)).toBe(0);
    expect(backoffMs(0, 7000, 0.5)).toBe(7500);
    expect(backoffMs(0, 10 ** 12, 0)).toBe(900_000);
    fc.assert(
      fc.property(
        fc.nat(),
        fc.option(fc.nat(), { nil: undefined }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        (n, asked, random) => {
          const waitMs = backoffMs(n, asked, random);
          return waitMs >= Math.min(asked ?? 0, 900_000) && waitMs <= 900_000 + 60_000;
        },
      ),
    );
  });

  test('is read from Retry-After', () => {
    const nowMs = Date.UTC(2026, 0, 1);
    expect(retryAfterMs('120', nowMs)).toBe(120_000);
    expect(retryAfterMs('Thu, 01 Jan 2026 00:00:30 GMT', nowMs)).toBe(30_000);
    expect(retryAfterMs('Wed, 31 Dec 2025 00:00:30 GMT', nowMs)).toBe(0);
    for (const header of [undefined, '', 'soon', '-1'])
      expect(retryAfterMs(header, Date.UTC(2100, 0))).toBeOneOf([undefined, 0]);
  });
});
