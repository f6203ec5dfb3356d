/** Values of a topic in other formats than the canonical one. */
import { Buffer } from 'node:buffer';
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { decodeCanonical } from '../../src/consumers/formats/canonical.ts';
import { RECORD_FORMATS, recordDecoder } from '../../src/consumers/formats/format.ts';
import { FingerprintsFrame } from '../../src/frames/fingerprints.ts';
import { RecordDecoder } from '../../src/registry/decoder.ts';
import { FingerprintTask } from '../../src/runtime/fingerprint-task.ts';
import { beginning, recordOf, STAGES, START_MS, TOPOLOGY } from '../support/tasks.ts';

function fixture(name: string): string[] {
  const text = readFileSync(new URL(`../fixtures/formats/${name}.ndjson`, import.meta.url), 'utf8');
  return text.split('\n').slice(0, -1);
}

const NOSTR = {
  id: 'e1',
  pubkey: 'p1',
  created_at: START_MS / 1000,
  kind: 1,
  tags: [],
  content: 'No bridge across the harbour',
  sig: 's',
};
const nostr = (changes: object): Buffer => Buffer.from(JSON.stringify(['EVENT', 'sub', { ...NOSTR, ...changes }]));

describe('the decoder of a topic', () => {
  test.each(RECORD_FORMATS.filter((format) => format !== 'canonical' && format !== 'telegram'))(
    'of %s',
    async (format) => {
      const decoder = new RecordDecoder(undefined, format);
      expect(decoder.isCanonical).toBe(false);
      for (const record of fixture(format)) {
        const wanted = recordDecoder(format)(record);
        const posts = [wanted].flat().filter(({ kind }) => kind === 'post');
        const answer = await decoder.decode(Buffer.from(record));
        if (posts.length < 2) expect(answer).toStrictEqual(wanted);
        else
          expect(answer).toMatchObject({
            reason: 'wrong_type',
            detail: `the value holds ${posts.length} posts, must hold one`,
          });
      }
    },
  );

  test('takes what one value says of many posts, up to what fits a frame', () => {
    const decoder = new RecordDecoder(undefined, 'nostr');
    const deleting = (count: number): Buffer =>
      nostr({ kind: 5, tags: Array.from({ length: count }, (_, i) => ['e', `e${i}`]) });
    expect(decoder.decode(deleting(3))).toHaveLength(3);
    expect(decoder.decode(deleting(256))).toHaveLength(256);
    expect(decoder.decode(deleting(257))).toMatchObject({
      reason: 'field_too_long',
      detail: 'the value says 257 things, at most 256',
    });
  });
});

test('the task keeps the canonical post of a value in another format', async () => {
  const task = new FingerprintTask(
    {
      fingerprint: STAGES.fingerprint,
      route: { topology: TOPOLOGY, source: 0, sources: 1, targets: 1 },
      outOfOrdernessMs: 10,
      eventTime: 'payload',
      deadLettersOf: 'posts',
    },
    new RecordDecoder(undefined, 'nostr'),
  );
  await task.restore(beginning([]));
  const values = [
    nostr({}),
    Buffer.from(JSON.stringify(NOSTR)),
    nostr({ kind: 7 }),
    nostr({
      kind: 5,
      tags: [
        ['e', 'a'],
        ['e', 'b'],
      ],
    }),
    Buffer.from('{'),
  ];
  const { outputs } = await task.process(
    values.map((value, offset) => recordOf(offset, value)),
    values.length,
  );
  expect(task.counters).toMatchObject({ records: 5, accepted: 2, deletions: 2 });
  expect([...task.counters.ignored, ...task.counters.rejected]).toStrictEqual([
    ['other_event', 1],
    ['not_json', 1],
  ]);
  const frame = new FingerprintsFrame(outputs.find(({ topic }) => topic === 'fingerprints')!.value);
  for (const i of [0, 1]) {
    const kept = decodeCanonical(Buffer.from(frame.evidence(i)).toString('utf8'));
    expect(kept).toMatchObject({
      post: { id: 'p1/e1', platform: 'nostr', text: 'No bridge across the harbour', createdAt: START_MS },
    });
  }
});
