import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { Ajv2020 } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import { describe, expect, test } from 'vitest';
import { REJECTION_REASONS } from '../../src/model.ts';
import { DEFAULTS } from '../../src/settings.ts';
import { Random } from '../../src/simulate/random.ts';
import { alertCodec } from '../../src/sinks/encode-alert.ts';
import { copies, line, replayAll, simulatedDay, temporaryFolder, TEXT, writeLines } from '../support/feeds.ts';

const folder = temporaryFolder();
const DAY = simulatedDay(4000);
const day = writeLines(folder, 'day.ndjson', DAY);

function fileOf(name: string, lines: readonly string[]): string {
  return writeLines(folder, `${name}.ndjson`, lines);
}

/** A zstd frame (RFC 8878) of raw blocks: Node 20 has no encoder. */
function zstdStored(bytes: Buffer): Buffer {
  const blocks: Buffer[] = [Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x38])];
  for (let at = 0; at < bytes.length; at += 65_536) {
    const block = bytes.subarray(at, at + 65_536);
    const header = Buffer.alloc(3);
    header.writeUIntLE((block.length << 3) | (at + 65_536 >= bytes.length ? 1 : 0), 0, 3);
    blocks.push(header, block);
  }
  return Buffer.concat(blocks);
}

describe('the same posts give the same bytes', async () => {
  const wanted = JSON.stringify((await replayAll([day])).alerts);

  test('there is something to compare', () => {
    expect(JSON.parse(wanted).length).toBeGreaterThan(6);
  });

  test.each([1, 2, 3, 4])('shuffled with seed %i', async (seed) => {
    const { alerts } = await replayAll([fileOf('shuffled', new Random(seed).shuffled(DAY))]);
    expect(JSON.stringify(alerts)).toBe(wanted);
  });

  test('newest first', async () => {
    const { alerts } = await replayAll([fileOf('reversed', DAY.toReversed())]);
    expect(JSON.stringify(alerts)).toBe(wanted);
  });

  test.each([3, 7])('in %i files', async (count) => {
    const files = Array.from({ length: count }, (_, i) =>
      fileOf(
        `part-${count}-${i}`,
        DAY.filter((_line, at) => at % count === i),
      ),
    );
    expect(JSON.stringify((await replayAll(files)).alerts)).toBe(wanted);
    expect(JSON.stringify((await replayAll(files.toReversed())).alerts)).toBe(wanted);
  });

  test('sorted on disk, with memory for a few hundred posts', async () => {
    const shuffled = fileOf('spilling', new Random(5).shuffled(DAY));
    const { alerts, summary } = await replayAll([shuffled], { sortMemoryBytes: 200_000 });
    expect(summary.spilledBytes).toBeGreaterThan(400_000);
    expect(JSON.stringify(alerts)).toBe(wanted);
  });

  test('packed, and from standard input', async () => {
    const packed = join(folder, 'day.gz');
    writeFileSync(packed, gzipSync(readFileSync(day)));
    expect(JSON.stringify((await replayAll([packed])).alerts)).toBe(wanted);
    writeFileSync(packed, zstdStored(readFileSync(day)));
    expect(JSON.stringify((await replayAll([packed])).alerts)).toBe(wanted);
    const stdin = (async function* () {
      yield readFileSync(day);
    })();
    expect(JSON.stringify((await replayAll(['-'], { stdin })).alerts)).toBe(wanted);
  });

  test('and other settings another topology', async () => {
    const { summary } = await replayAll([day]);
    const other = await replayAll([day], { settings: { ...DEFAULTS, minAccounts: 6 } });
    expect(other.summary.topology).not.toBe(summary.topology);
  });

  test('every line twice counts once', async () => {
    const { alerts, summary, members } = await replayAll([day, day]);
    expect(JSON.stringify(alerts)).toBe(wanted);
    const posts = Array.from(members.values()).flat();
    expect(new Set(posts.map(({ id }) => id)).size).toBe(posts.length);
    expect(summary.posts).toBe(2 * DAY.length);
    expect(summary.duplicates).toBeGreaterThanOrEqual(posts.length);
  });
});

describe('what is emitted', () => {
  const ajv = new Ajv2020({ allErrors: true, strict: true, allowUnionTypes: true });
  addFormats.default(ajv);
  const schemas = join(import.meta.dirname, '../../schemas');
  const read = (name: string): unknown => JSON.parse(readFileSync(join(schemas, name), 'utf8'));
  const isAlert = ajv.compile(read('alert.v1.schema.json') as object);
  const isPost = ajv.compile(read('post.v1.schema.json') as object);

  test('fits the published schema, in each revision of a day', async () => {
    const { alerts } = await replayAll([day]);
    for (const alert of alerts) expect(isAlert(alert) || isAlert.errors).toBe(true);
    expect(new Set(alerts.map(({ status }) => status))).toContain('updated');
  });

  test('the posts of a day fit theirs', () => {
    for (const text of DAY) expect(isPost(JSON.parse(text)) || isPost.errors).toBe(true);
  });

  test('the examples are what their names say', () => {
    expect(isAlert(read('examples/alert.v1.valid.json')) || isAlert.errors).toBe(true);
    expect(isPost(read('examples/post.v1.valid.json')) || isPost.errors).toBe(true);
    expect(isAlert(read('examples/alert.v1.invalid.json'))).toBe(false);
    const faults = isAlert.errors!.map(({ keyword }) => keyword);
    for (const keyword of ['additionalProperties', 'const', 'type', 'pattern', 'false schema'])
      expect(faults).toContain(keyword);
    expect(isPost(read('examples/post.v1.invalid.json'))).toBe(false);
  });

  test('revisions count 1, 2, 3 and end with closed or merged', async () => {
    const { alerts } = await replayAll([day]);
    for (const id of new Set(alerts.map((alert) => alert.id))) {
      const revisions = alerts.filter((alert) => alert.id === id);
      expect(revisions.map(({ revision }) => revision)).toEqual(revisions.map((_, i) => i + 1));
      expect(revisions[0]!.status).toBe('open');
      expect(['closed', 'merged']).toContain(revisions.at(-1)!.status);
      for (const { status } of revisions.slice(1, -1)) expect(status).toBe('updated');
    }
  });

  test('a post is in one campaign at most, and the numbers are those of the members', async () => {
    const { finals, members } = await replayAll([day]);
    const keys = Array.from(members.values()).flatMap((posts) => posts.map(({ platform, id }) => `${platform} ${id}`));
    expect(new Set(keys).size).toBe(keys.length);
    const closed = finals.filter(({ status }) => status === 'closed');
    expect(closed.length).toBe(members.size);
    for (const alert of closed) {
      const posts = members.get(alert.id)!;
      expect(alert.postCount).toBe(posts.length);
      expect(alert.accountCount).toBe(new Set(posts.map(({ platform, account }) => `${platform} ${account}`)).size);
      expect(posts.map(({ createdAt }) => createdAt)).toEqual(
        posts.map(({ createdAt }) => createdAt).toSorted((a, b) => a - b),
      );
    }
  });
});

describe('what makes an alert', () => {
  test('five accounts with one text', async () => {
    const { finals } = await replayAll([fileOf('five', copies(5))]);
    expect(finals).toHaveLength(1);
    expect(finals[0]).toMatchObject({ accountCount: 5, postCount: 5, variantCount: 1, text: TEXT, foundBy: ['text'] });
    expect((await replayAll([fileOf('four', copies(4))])).alerts).toEqual([]);
  });

  test('one account that posts 500 times is one account', async () => {
    const lines = Array.from({ length: 500 }, (_, i) => line('loud', TEXT, i));
    expect((await replayAll([fileOf('loud', lines)])).alerts).toEqual([]);
    const { finals } = await replayAll([fileOf('loud-and-others', [...lines, ...copies(4)])]);
    expect(finals).toHaveLength(1);
    expect(finals[0]).toMatchObject({ accountCount: 5, postCount: 504 });
  });

  test('accounts of two platforms with one name are two', async () => {
    const both = [...copies(3), ...copies(3, TEXT, { platform: 'other' })];
    const { finals } = await replayAll([fileOf('platforms', both)]);
    expect(finals[0]).toMatchObject({ accountCount: 6, platforms: { example: 3, other: 3 } });
  });

  test.each(['lol', 'thank you', '[good][doge]', 'good morning', '😂😂😂', 'https://example.org/a', '@anna @ben'])(
    'not a short text: %s',
    async (text) => {
      expect((await replayAll([fileOf('short', copies(50, text))])).alerts).toEqual([]);
    },
  );

  test('not native reposts, but forwards by hand, which are counted', async () => {
    const reposts = copies(40, TEXT, { repostOf: 'p0' });
    const silent = await replayAll([fileOf('reposts', reposts)]);
    expect(silent.alerts).toEqual([]);
    expect(silent.summary).toMatchObject({ posts: 40, nativeReposts: 40 });
    const forwards = [...copies(2), ...copies(6, `RT @anna: ${TEXT}`)];
    const { finals } = await replayAll([fileOf('forwards', [...forwards, ...reposts])]);
    expect(finals).toHaveLength(1);
    expect(finals[0]).toMatchObject({ accountCount: 8, forwardCount: 6, variantCount: 1 });
  });

  test('within the window only', async () => {
    const apart = Array.from({ length: 10 }, (_, i) => line(`a${i}`, TEXT, i * 15 * 60));
    expect((await replayAll([fileOf('apart', apart)])).alerts).toEqual([]);
    const settings = { ...DEFAULTS, windowMs: 2 * 3_600_000 };
    const { finals } = await replayAll([fileOf('apart', apart)], { settings });
    expect(finals.map(({ accountCount }) => accountCount)).toEqual([10]);
  });

  test('again after weeks of nothing, and the gap costs nothing', async () => {
    const later = Array.from({ length: 6 }, (_, i) => line(`b${i}`, TEXT, 400 * 86_400 + i));
    const { finals, summary } = await replayAll([fileOf('weeks', [...later, ...copies(6)])]);
    expect(finals.map(({ accountCount }) => accountCount)).toEqual([6, 6]);
    expect(new Set(finals.map(({ id }) => id)).size).toBe(2);
    expect(summary.seconds).toBeLessThan(20);
  });
});

describe('deletions and edits in files', () => {
  const six = copies(6);
  const posts = six.map((text) => JSON.parse(text) as Record<string, unknown>);
  const startMs = Date.parse(String(posts[0]!['createdAt']));
  const idOf = (i: number): string => String(posts[i]!['id']);
  const deletion = (id: string, seconds: number): string =>
    JSON.stringify({
      deleted: true,
      id,
      platform: 'example',
      createdAt: new Date(startMs + seconds * 1000).toISOString(),
    });
  const edit = JSON.stringify({
    ...posts[1],
    text: `${TEXT} edited`,
    createdAt: startMs + 900_000,
    editedAt: startMs + 900_000,
  });

  test('say the same wherever they stand, and however often', async () => {
    const lines = [...six, deletion(idOf(0), 1200), edit];
    const wanted = await replayAll([fileOf('deleted', lines)]);
    expect(wanted.summary).toMatchObject({ lines: 8, posts: 7, deletions: 1 });
    expect(wanted.finals).toHaveLength(1);
    expect(wanted.finals[0]).toMatchObject({ accountCount: 5, postCount: 5, removedCount: 2 });
    expect(JSON.stringify(wanted.finals)).not.toContain(String(posts[0]!['account']));
    const others = [
      [fileOf('first', [deletion(idOf(0), 1200), edit, ...six])],
      [fileOf('a', lines.slice(4)), fileOf('b', lines.slice(0, 4))],
      [fileOf('twice', [...lines, ...lines])],
    ];
    for (const files of others)
      expect(JSON.stringify((await replayAll(files)).alerts)).toBe(JSON.stringify(wanted.alerts));
    const [, before] = wanted.alerts;
    expect(before!.status).toBe('updated');
  });

  test('of posts that are not there change nothing', async () => {
    const plain = await replayAll([fileOf('plain', six)]);
    const more = [...six, deletion('nobody', 5), deletion(idOf(0), 90 * 86_400)];
    const { alerts, summary } = await replayAll([fileOf('nobody', more)]);
    expect(JSON.stringify(alerts)).toBe(JSON.stringify(plain.alerts));
    expect(summary).toMatchObject({ posts: 6, deletions: 2 });
  });

  test('fit the schemas, also when nothing is left', async () => {
    const schemas = join(import.meta.dirname, '../../schemas');
    const ajv = new Ajv2020({ allErrors: true, strict: true, allowUnionTypes: true });
    addFormats.default(ajv);
    const compiled = (name: string) => ajv.compile(JSON.parse(readFileSync(join(schemas, name), 'utf8')) as object);
    const [isAlert, isPost] = [compiled('alert.v1.schema.json'), compiled('post.v1.schema.json')];
    const lines = [...six, ...posts.map((_, i) => deletion(idOf(i), 1200 + i))];
    for (const text of [...lines, edit]) expect(isPost(JSON.parse(text)) || isPost.errors).toBe(true);
    expect(isPost({ ...posts[0], account: undefined })).toBe(false);
    const { alerts } = await replayAll([fileOf('nothing-left', lines)]);
    const codec = alertCodec({
      kind: 'framed-avro',
      schemaId: 1,
      schema: readFileSync(join(schemas, 'alert.v1.avsc'), 'utf8'),
    });
    for (const alert of alerts) {
      expect(isAlert(alert) || isAlert.errors).toBe(true);
      expect(codec.decode(codec.encode(alert))).toStrictEqual(alert);
    }
    expect(alerts.at(-1)).toMatchObject({ status: 'closed', text: '', postCount: 0, removedCount: 6 });
  });
});

/** What a line of a file cannot be: these need a registry's framing, or a broker's time. */
const OF_RECORDS: ReadonlySet<string> = new Set(['unknown_schema', 'unusable_schema', 'invalid_avro', 'time_ahead']);

describe('bad lines', () => {
  const good = copies(5);
  const field = (changes: Record<string, unknown>): string => JSON.stringify({ ...JSON.parse(good[0]!), ...changes });
  const bad = {
    not_json: ['{"id":"x"', 'hello', '{"id":"a"}{"id":"b"}'],
    not_an_object: ['[]', 'null', '7', '"text"'],
    nested_too_deep: ['['.repeat(500_000), `{"a":${'{"a":'.repeat(5000)}1${'}'.repeat(5001)}`],
    missing_field: [
      field({ text: undefined }),
      '{}',
      field({ createdAt: null }),
      '{"__proto__":{"id":"x","text":"y"}}',
    ],
    wrong_type: [field({ id: 12 }), field({ text: ['x'] }), field({ urls: 'x' }), field({ createdAt: true })],
    empty_field: [field({ id: '' }), field({ text: '' })],
    field_too_long: [field({ id: 'x'.repeat(513) })],
    text_too_long: [field({ text: 'x'.repeat(1_000_000) })],
    line_too_long: [field({ text: 'x'.repeat(1_100_000) })],
    invalid_time: [
      field({ createdAt: '2025-02-30T00:00:00Z' }),
      field({ createdAt: 'soon' }),
      field({ createdAt: -1 }),
    ],
    invalid_character: [good[0]!.replace('harbour', 'har\\ud800bour'), good[0]!.replace('harbour', 'har\\u0000bour')],
  } as const;
  const lines = Object.values(bad).flat();
  const invalidUtf8 = Buffer.from([0x7b, 0x22, 0xff, 0xfe, 0x22, 0x7d, 0x0a]);

  function inputWith(end: string): Buffer {
    const mixed = good.flatMap((text, i) => [text, ...lines.filter((_, at) => at % good.length === i)]);
    return Buffer.concat([Buffer.from(`\ufeff${mixed.join(end)}${end}`), invalidUtf8, Buffer.from('{"id":"cut')]);
  }

  test.each(['\n', '\r\n', '\n\n'])('are counted by reason and lose nothing else, line end %j', async (end) => {
    const path = join(folder, 'bad.ndjson');
    writeFileSync(path, inputWith(end));
    const { summary, finals } = await replayAll([path]);
    const counts = Object.fromEntries(summary.rejected.byReason.map(({ reason, count }) => [reason, count]));
    const wanted = Object.fromEntries(Object.entries(bad).map(([reason, texts]) => [reason, texts.length]));
    expect(counts).toEqual({ ...wanted, not_json: bad.not_json.length + 1, invalid_utf8: 1 });
    expect(Object.keys(counts).toSorted()).toEqual(
      REJECTION_REASONS.filter((reason) => !OF_RECORDS.has(reason)).sort(),
    );
    expect(summary.lines).toBe(summary.posts + summary.rejected.count);
    expect(summary.posts).toBe(5);
    expect(finals).toHaveLength(1);
    expect(finals[0]).toMatchObject({ accountCount: 5, postCount: 5 });
  });

  test('are told with up to three places each, and none of their text', async () => {
    const path = fileOf('places', [...good, 'secret words', '{"secret', ...good, 'x', 'y']);
    const { summary, rejections } = await replayAll([path]);
    const [reason] = summary.rejected.byReason;
    expect(reason).toMatchObject({ reason: 'not_json', count: 4 });
    expect(reason!.samples.map((sample) => sample.line)).toEqual([6, 7, 13]);
    expect(JSON.stringify(summary.rejected)).not.toContain('secret');
    expect(rejections.excerpt('not_json')).toBe('secret words');
  });

  test('U+2028 in a text is no line end', async () => {
    const { summary, finals } = await replayAll([fileOf('separator', copies(5, `${TEXT}\u2028${TEXT}\u2029`))]);
    expect(summary).toMatchObject({ lines: 5, posts: 5 });
    expect(finals).toHaveLength(1);
  });

  test('a post of a long line is kept without what is beside it', async () => {
    const { finals } = await replayAll([
      fileOf('long', copies(5, TEXT, { ballast: 'x'.repeat(10_000), handle: 'anna' })),
    ]);
    expect(finals[0]!.accounts.listed[0]).toMatchObject({ handle: 'anna' });
    expect(finals[0]).toMatchObject({ accountCount: 5, text: TEXT });
  });
});

describe('an abort', () => {
  // More posts than the 4,096 of one batch of the sorter, after each of which an abort is looked for.
  const many = copies(3000);

  test('while reading leaves what was read, and all of it is matched', async () => {
    const controller = new AbortController();
    const endless = (async function* () {
      for (let i = 0; ; i++) {
        if (i === 3) controller.abort();
        yield Buffer.from(`${many.map((text) => text.replace('"id":"', `"id":"${i}-`)).join('\n')}\n`);
      }
    })();
    const { summary, finals } = await replayAll(['-'], { stdin: endless, signal: controller.signal });
    expect(summary).toMatchObject({ interrupted: true, posts: 9000 });
    expect(finals.map(({ postCount }) => postCount)).toEqual([9000]);
  });

  test('while matching ends that, and closes what is open', async () => {
    const controller = new AbortController();
    const file = fileOf('many', [...many, ...copies(3000, TEXT.toUpperCase().padEnd(200, '!'))]);
    let matched = 0;
    const { summary, finals } = await replayAll([file], {
      signal: controller.signal,
      onProgress: (progress) => {
        if (progress.phase === 'matching') controller.abort();
        matched = progress.matched;
      },
    });
    expect(summary).toMatchObject({ interrupted: true, posts: 6000 });
    expect(finals.map(({ status, postCount }) => [status, postCount])).toEqual([['closed', matched]]);
    expect(matched).toBeLessThan(6000);
  });
});

describe('golden files', () => {
  const golden = join(import.meta.dirname, '../golden');
  const names = readdirSync(golden).filter((name) => name.endsWith('.posts.ndjson'));

  test('there are some', () => {
    expect(names.length).toBeGreaterThan(0);
  });

  // UPDATE_GOLDEN=1 writes them anew. The topology is left out: it changes with every setting and table.
  test.each(names)('%s', async (name) => {
    const { alerts } = await replayAll([join(golden, name)]);
    const lines = alerts.map((alert) => JSON.stringify({ ...alert, topology: undefined }));
    const path = join(golden, name.replace('.posts.', '.alerts.'));
    if (process.env['UPDATE_GOLDEN'] === '1') writeFileSync(path, `${lines.join('\n')}\n`);
    const wanted = readFileSync(path, 'utf8').trimEnd().split('\n');
    // First as values, whose difference can be read; then as bytes, in which the order of fields counts too.
    expect(lines.map((text) => JSON.parse(text) as unknown)).toEqual(wanted.map((text) => JSON.parse(text) as unknown));
    expect(lines).toEqual(wanted);
  });
});
