/** `--format`, `--map` and `--encoding` from the command line on, and all that docs/formats.md shows. */
import { mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import iconv from 'iconv-lite';
import { afterAll, describe, expect, test } from 'vitest';
import { formatOfFile, openRecords } from '../../src/consumers/file.ts';
import { parseCsvMap } from '../../src/consumers/formats/csv-map.ts';
import { FORMATS, type Format } from '../../src/consumers/formats/format.ts';
import type { FormatChoice } from '../../src/consumers/framing.ts';
import { IGNORED_REASONS, type Decoded } from '../../src/model.ts';
import type { ReplaySummary } from '../../src/runtime/replay.ts';
import { chorus } from '../support/command.ts';

const folder = mkdtempSync(join(tmpdir(), 'chorus-formats-'));
afterAll(() => rmSync(folder, { recursive: true }));

let fileCount = 0;
function file(content: string | Uint8Array): string {
  const path = join(folder, `input-${fileCount++}`);
  writeFileSync(path, content);
  return path;
}

async function read(path: string, choice: FormatChoice): Promise<{ format: Format; all: Decoded[] }> {
  const { format, batches } = await openRecords(path, choice);
  const all: Decoded[] = [];
  for await (const batch of batches) for (let i = 0; i < batch.count; i++) all.push(...[batch.decode(i)].flat());
  return { format, all };
}

const DOCS = readFileSync(new URL('../../docs/formats.md', import.meta.url), 'utf8');

describe('docs/formats.md', () => {
  interface Shown {
    readonly format: Format;
    readonly map: string | undefined;
    readonly content: string;
    readonly post: string | undefined;
  }
  const blocks = Array.from(
    DOCS.matchAll(/```(\w+) (\S+)(?: --map (\S+))?\n(.*?)```/gs),
    ([, , name, map, content]) => ({ name: name!, map, content: content! }),
  );
  const shown: Shown[] = blocks.flatMap(({ name, map, content }, i) => {
    if (name === 'post') return [];
    const next = blocks[i + 1];
    return [{ format: name as Format, map, content, post: next?.name === 'post' ? next.content : undefined }];
  });

  test('shows each format, and tells each reason to ignore', () => {
    expect(shown.map(({ format }) => format).toSorted()).toStrictEqual([...FORMATS].toSorted());
    for (const format of FORMATS) expect(DOCS).toContain(`| \`${format}\``);
    for (const reason of IGNORED_REASONS) expect(DOCS).toContain(`| \`${reason}\``);
  });

  test.each(shown)(
    '$format: what it shows is what comes out, with and without --format',
    async ({ format, map, content, post }) => {
      const choice: FormatChoice = map === undefined ? {} : { map: parseCsvMap(map).map };
      const path = file(content);
      const named = await read(path, { ...choice, format });
      expect(named.all).toHaveLength(1);
      expect(named.all[0]!.kind).toBe('post');
      if (post !== undefined) expect(named.all).toStrictEqual([{ kind: 'post', post: JSON.parse(post) as unknown }]);
      expect(await read(path, choice)).toStrictEqual(named);
    },
  );
});

describe('chorus replay', () => {
  const CSV = [
    'post;user;body;time',
    ...Array.from(
      { length: 6 },
      (_, i) => `${i};u${i};"The harbour bridge will ruin our whole beautiful old town; vote no";2026-01-31 12:0${i}`,
    ),
    'x;u9;"broken',
  ].join('\n');
  const MAP = 'id=post,account=user,text=body,createdAt=time,platform=:forum';

  test('reads a table by a map, and counts its broken row', async () => {
    const { code, stdout, stderr } = await chorus(['replay', '--final', '--map', MAP, file(CSV)]);
    expect([code, JSON.parse(stdout) as object]).toMatchObject([0, { accountCount: 6, platforms: { forum: 6 } }]);
    expect(stderr).toContain('posts: 6 of 7 lines');
    expect(stderr).toContain('rejected: 1 (invalid_character 1)');
  });

  test('gives the same alerts for the same posts in any wrapping', async () => {
    const lines = CSV.split('\n').slice(1, 7);
    const posts = lines.map((line) => {
      const [id, account, text, time] = line.replaceAll('"', '').replace('town; vote', 'town, vote').split(';');
      return {
        id,
        account,
        text: text!.replace('town, vote', 'town; vote'),
        createdAt: `${time!.replace(' ', 'T')}:00Z`,
        platform: 'forum',
      };
    });
    const ndjson = posts.map((post) => JSON.stringify(post)).join('\n');
    const results = await Promise.all(
      [
        [file(ndjson)],
        [file(gzipSync(JSON.stringify(posts, null, 2)))],
        [file(iconv.encode(ndjson, 'utf-16le', { addBOM: true }))],
        ['--map', MAP, file(iconv.encode(CSV, 'utf-16be', { addBOM: true }))],
        ['--format', 'canonical', file(posts.map((post) => `data: ${JSON.stringify(post)}\n\n`).join(''))],
      ].map((args) => chorus(['replay', ...args])),
    );
    expect(results.map(({ code }) => code)).toStrictEqual([0, 0, 0, 0, 0]);
    expect(new Set(results.map(({ stdout }) => stdout)).size).toBe(1);
    expect(results[0]!.stdout).not.toBe('');
  }, 60_000);

  test('tells deletions and what is ignored', async () => {
    const events = readFileSync(new URL('../fixtures/formats/jetstream.ndjson', import.meta.url), 'utf8');
    const summary = join(folder, 'summary.json');
    const { stderr } = await chorus(['replay', '--summary', summary, file(events)]);
    expect(stderr).toMatch(/^ignored: \d+ \(other_event \d+/m);
    expect(stderr).toMatch(/^deletions: \d+$/m);
    const told = JSON.parse(readFileSync(summary, 'utf8')) as ReplaySummary;
    expect(told.posts + told.deletions + told.ignored.count + told.rejected.count).toBe(told.lines);
  });

  test.each([
    [['--format', 'word'], 'x', /--format: "word", must be one of canonical, jetstream/],
    [['--format', 'csv'], 'a,b\n1,2', /--map: not given, must be given with csv: \S+ has a, b/],
    [[], 'a,b\n1,2', /--map: not given, must be given: \S+ is a table with the columns a, b/],
    [
      ['--map', 'id=post,text=c'],
      'post,b\n',
      /--map: "id=post,text=c", must be a column or a value for platform, account, createdAt too/,
    ],
    [
      ['--map', `${MAP},lang=x`],
      'post,user,time,user\n',
      /--map: "user", must be a column that is there once[^]*--map: "body"[^]*--map: "x"/,
    ],
    [['--format', 'jetstream', '--map', MAP], '{}', /--map: .* must be left out, or given with --format csv/],
    [
      ['--format', 'ira-csv'],
      'tweet_id,author\n1,2\n',
      /--format: "ira-csv", must be a table with external_author_id, content, publish_date: \S+ has tweet_id, author/,
    ],
    [['--encoding', 'klingon'], 'x', /--encoding: "klingon", must be the name of an encoding/],
    [
      [],
      '{"msg":"hello","who":"anna"}\n',
      /--format: not given, must be one of .*: the beginning of \S+ has the fields msg, who, which does not tell/,
    ],
  ])('%j: what is wrong is said before anything is read', async (args, content, message) => {
    const { code, stderr } = await chorus(['replay', ...args, file(content)]);
    expect(code).toBe(2);
    expect(stderr).toMatch(message);
  });

  test('a document that is cut short: what was read stands', async () => {
    const whole = readFileSync(new URL('../fixtures/formats/telegram.json', import.meta.url), 'utf8');
    const { code, stderr } = await chorus(['replay', file(whole.slice(0, 1500))]);
    expect(code).toBe(3);
    expect(stderr).toContain('the JSON document is cut short');
    expect(stderr).toContain('posts: 2 of 3 lines');
  });

  test('other encodings by their names', async () => {
    const csv = 'post;user;body;time\n1;u;Мост через гавань;2026-01-31 12:00\n';
    const map = parseCsvMap(MAP).map;
    const { all } = await read(file(iconv.encode(csv, 'windows-1251')), { map, encoding: 'windows-1251' });
    expect(all).toMatchObject([{ post: { text: 'Мост через гавань' } }]);
  });
});

test('chorus explain and chorus train read the same formats', async () => {
  const path = file(
    'sep=;\npost;user;body;time\n1;u1;No bridge across the harbour;2026-01-31 12:00\n2;u2;No bridge across the harbour;2026-01-31 12:01\n',
  );
  const map = ['--map', 'id=post,account=user,text=body,createdAt=time,platform=:forum'];
  const explained = await chorus(['explain', path, '--post', '1', '--post', '2', ...map]);
  expect([explained.code, explained.stdout]).toEqual([0, expect.stringContaining('the same text')]);
  const out = join(folder, 'table.chdf.gz');
  const trained = await chorus(['train', path, '--out', out, ...map]);
  expect([trained.code, trained.stderr]).toEqual([
    0,
    expect.stringContaining('1 post counted of 2 lines (1 repeated, 0 native reposts, 0 passed over, 0 rejected)'),
  ]);
});

test('a file that is only asked for its format is closed', async () => {
  const path = file(
    '{"id":"1","platform":"x","account":"a","text":"t","createdAt":"2025-01-01T00:00:00Z"}\n'.repeat(9),
  );
  const open = (): number => readdirSync('/proc/self/fd').filter((fd) => pathOf(fd) === path).length;
  const pathOf = (fd: string): string => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`);
    } catch {
      return '';
    }
  };
  for (let i = 0; i < 5; i++) expect(await formatOfFile(path, {})).toBe('canonical');
  expect(open()).toBe(0);
});
