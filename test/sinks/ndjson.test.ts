import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { ConfigError } from '../../src/errors.ts';
import { NdjsonSink } from '../../src/sinks/ndjson.ts';
import { temporaryFolder } from '../support/feeds.ts';

const folder = temporaryFolder();

function pathOf(name: string): string {
  return join(folder, name);
}

describe('an NDJSON file', () => {
  test('has a line for each value, in order, and nothing of an older file', async () => {
    const path = pathOf('values.ndjson');
    writeFileSync(path, 'older and longer '.repeat(1000));
    const sink = new NdjsonSink({ name: '--out', path });
    for (const value of [{ a: 1 }, 'two\nlines', null]) await sink.write(value);
    await sink.writeLine('made\talready');
    await sink.close();
    expect(readFileSync(path, 'utf8')).toBe('{"a":1}\n"two\\nlines"\nnull\nmade\talready\n');
  });

  test('is waited for when much is written, and loses nothing', async () => {
    const path = pathOf('much.ndjson');
    const sink = new NdjsonSink({ name: '--out', path });
    const text = 'ü'.repeat(1000);
    let waited = 0;
    for (let i = 0; i < 500; i++) {
      const wait = sink.write({ i, text });
      if (wait === undefined) continue;
      waited++;
      await wait;
    }
    await sink.close();
    expect(waited).toBeGreaterThan(5);
    const lines = readFileSync(path, 'utf8').trimEnd().split('\n');
    expect(lines.map((line) => (JSON.parse(line) as { i: number }).i)).toEqual(
      Array.from({ length: 500 }, (_, i) => i),
    );
  });

  test('exists and is empty where nothing was written', async () => {
    const path = pathOf('nothing.ndjson');
    await new NdjsonSink({ name: '--out', path }).close();
    expect(readFileSync(path, 'utf8')).toBe('');
  });

  test('that cannot be written is told with the setting', () => {
    const path = pathOf('no/such/folder.ndjson');
    expect(() => new NdjsonSink({ name: '--alerts', path })).toThrow(ConfigError);
    expect(() => new NdjsonSink({ name: '--alerts', path })).toThrow(
      /^--alerts: ".*", must be a file that can be written/,
    );
  });

  test.skipIf(!existsSync('/dev/full'))('on a full disk is an error, at once and for good', async () => {
    const sink = new NdjsonSink({ name: '--alerts', path: '/dev/full' });
    await sink.write(1);
    await expect(sink.close()).rejects.toMatchObject({
      code: 'sink_io',
      message: expect.stringContaining('/dev/full') as string,
    });
    expect(() => sink.write(2)).toThrow(/cannot write \/dev\/full/);
  });
});
