import { describe, expect, test } from 'vitest';
import { FingerprintsFrame } from '../../src/frames/fingerprints.ts';
import { ENTRY, entryIsRetraction, entryTimeMs, retractedBeforeMs } from '../../src/frames/entry.ts';
import { FRAME_ENTRIES_MAX, FrameError } from '../../src/frames/frame.ts';
import type { Post } from '../../src/model.ts';
import { TICK_HEADER, type FingerprintTask } from '../../src/runtime/fingerprint-task.ts';
import type { LogRecord, Output } from '../../src/runtime/task.ts';
import { Random } from '../../src/simulate/random.ts';
import {
  beginning,
  bytesOf,
  fingerprintTask,
  outputsTo,
  postOf,
  recordOf,
  recordsOf,
  START_MS,
  TOPOLOGY,
} from '../support/tasks.ts';

const LETTERS = { deadLettersOf: 'posts' };
const DAY_MS = 86_400_000;

function framesOf(outputs: readonly Output[]): FingerprintsFrame[] {
  return outputsTo('fingerprints', outputs).map(({ value }) => new FingerprintsFrame(value));
}

/** All that a task counts but the number of records. */
function accountOf({ counters }: FingerprintTask): number {
  const { records: _, rejected, ignored, ...outcomes } = counters;
  return [...Object.values(outcomes), ...rejected.values(), ...ignored.values()].reduce((sum, count) => sum + count, 0);
}

function tickRecord(offset: number, value: string): LogRecord {
  return recordOf(offset, null, START_MS, { [TICK_HEADER]: value });
}

describe('a task of the fingerprint stage', () => {
  test('makes a frame for every partition of each batch, empty ones too, and chains them', async () => {
    const task = fingerprintTask({ route: { topology: TOPOLOGY, source: 2, sources: 3, targets: 5 } });
    expect(await task.restore(beginning([], undefined, { low: 70 }))).toBe(70);
    const first = await task.process([recordOf(72, bytesOf(postOf(1, START_MS)))], 75);
    const second = await task.process([], 80);
    const [a, b] = [framesOf(first.outputs), framesOf(second.outputs)];
    expect(first.outputs.map(({ partition }) => partition)).toEqual([0, 1, 2, 3, 4]);
    for (const [target, { header }] of a.entries()) {
      expect(header).toMatchObject({ topology: TOPOLOGY, source: 2, sources: 3, target, targets: 5 });
      expect([header.from, header.to, header.watermark]).toEqual([70, 75, START_MS - 10]);
    }
    for (const { header, entryCount } of b) {
      expect([header.from, header.to, header.watermark, entryCount]).toEqual([75, 80, START_MS - 10, 0]);
    }
    expect(a.some(({ entryCount }) => entryCount > 0)).toBe(true);
    for (const frame of a) if (frame.entryCount > 0) expect(frame.offset(0)).toBe(72);
    expect([first.position, second.position]).toEqual([75, 80]);
  });

  test('accounts for every record that it has read', async () => {
    const random = new Random(5);
    const make: (() => Omit<LogRecord, 'offset'>)[] = [
      () => recordOf(0, bytesOf(postOf(random.below(99), START_MS + random.below(50)))),
      () => recordOf(0, bytesOf(postOf(7, START_MS + 60, { repostOf: 'p1' }))),
      () => recordOf(0, bytesOf(postOf(8, START_MS + 60, { text: '\u{1f642} https://x.example' }))),
      () => recordOf(0, bytesOf(postOf(9, START_MS - DAY_MS))),
      () => recordOf(0, bytesOf(postOf(10, START_MS + DAY_MS))),
      () => recordOf(0, bytesOf({ id: 3 })),
      () => recordOf(0, Buffer.from('no post')),
      () => recordOf(0, Buffer.alloc(0)),
      () => recordOf(0, null),
      () => recordOf(0, null, START_MS, { other: 'x' }),
      () => tickRecord(0, String(START_MS + random.below(30))),
      () => tickRecord(0, 'soon'),
    ];
    const task = fingerprintTask(LETTERS);
    await task.restore(beginning([]));
    let offset = 0;
    for (let batch = 0; batch < 40; batch++) {
      const records = Array.from({ length: random.below(12) }, () => ({ ...random.pick(make)(), offset: offset++ }));
      await task.process(records, offset);
      expect(task.counters.records).toBe(offset);
      expect(accountOf(task)).toBe(offset);
    }
    const { accepted, nativeReposts, nothingToCompare, late, tombstones, ticks, rejected } = task.counters;
    for (const count of [accepted, nativeReposts, nothingToCompare, late, tombstones, ticks])
      expect(count).toBeGreaterThan(0);
    expect(Array.from(rejected.keys()).toSorted()).toEqual(['not_json', 'time_ahead', 'wrong_type']);
  });

  test('keeps what it cannot take as a dead letter: the bytes as they came, and where they came from', async () => {
    const route = { topology: TOPOLOGY, source: 4, sources: 6, targets: 2 };
    const task = fingerprintTask({ ...LETTERS, route });
    await task.restore(beginning([]));
    const broken = Buffer.from('{"id":"1", broken \u00ff');
    const late = bytesOf(postOf(2, START_MS - 11));
    const ahead = bytesOf(postOf(3, START_MS + 600_001));
    const values = [bytesOf(postOf(1, START_MS)), broken, late, ahead];
    const { outputs } = await task.process(recordsOf(values, 10), 14);
    const letters = outputsTo('deadLetters', outputs);
    expect(letters.map(({ value }) => value)).toEqual([broken, late, ahead]);
    const place = { 'chorus-topic': 'posts', 'chorus-partition': '4' };
    expect(letters.map(({ headers }) => headers)).toEqual([
      { 'chorus-reason': 'not_json: the line is not JSON', 'chorus-offset': '11', ...place },
      { 'chorus-reason': 'late', 'chorus-offset': '12', ...place },
      {
        'chorus-reason': 'time_ahead: createdAt is more than 10 minutes after the broker took it',
        'chorus-offset': '13',
        ...place,
      },
    ]);
    expect(letters.every(({ partition, key }) => partition === 0 && key === null)).toBe(true);
    expect(outputsTo('fingerprints', outputs).length).toBe(2);
  });

  test('keeps as much of a long dead letter as fits a record, and says how long it was', async () => {
    const task = fingerprintTask(LETTERS);
    await task.restore(beginning([]));
    const value = Buffer.alloc(1_000_000, 'x');
    const { outputs } = await task.process(recordsOf([value]), 1);
    const [letter] = outputsTo('deadLetters', outputs);
    expect(Buffer.from(letter!.value).equals(value.subarray(0, 900_000))).toBe(true);
    expect(letter!.headers).toMatchObject({ 'chorus-bytes': '1000000', 'chorus-offset': '0' });
  });

  test('keeps no dead letters where there is no topic for them, and counts all the same', async () => {
    const task = fingerprintTask();
    await task.restore(beginning([]));
    const { outputs } = await task.process(recordsOf([Buffer.from('x')]), 1);
    expect(outputsTo('deadLetters', outputs)).toEqual([]);
    expect(Array.from(task.counters.rejected)).toEqual([['not_json', 1]]);
  });

  test('a post far ahead of the broker moves nothing; one just within the bound counts', async () => {
    const task = fingerprintTask();
    await task.restore(beginning([]));
    await task.process(recordsOf([bytesOf(postOf(1, START_MS)), bytesOf(postOf(2, Date.UTC(2099, 0)))]), 2);
    expect(task.watermark).toBe(START_MS - 10);
    await task.process([recordOf(2, bytesOf(postOf(3, START_MS + 600_000)))], 3);
    expect([task.watermark, task.counters.accepted]).toEqual([START_MS + 599_990, 2]);
  });

  test('by the time of the broker, what a post says of itself moves nothing and is not late', async () => {
    const task = fingerprintTask({ eventTime: 'record' });
    await task.restore(beginning([]));
    const values = [bytesOf(postOf(1, Date.UTC(2099, 0))), bytesOf(postOf(2, START_MS - DAY_MS))];
    const { outputs } = await task.process(
      [recordOf(0, values[0]!, START_MS), recordOf(1, values[1]!, START_MS + 5)],
      2,
    );
    expect([task.counters.accepted, task.watermark]).toEqual([2, START_MS - 5]);
    // The evidence is the record as it came; the entry has the time that counts.
    const [frame] = framesOf(outputs);
    expect(Buffer.from(frame!.evidence(1)).equals(values[1]!)).toBe(true);
  });

  test('lateness is decided by the watermark before the post, in the order of offsets', async () => {
    const task = fingerprintTask();
    await task.restore(beginning([]));
    const times = [0, 10, 0, -1, 30, 19, 20];
    const { outputs } = await task.process(recordsOf(times.map((time, i) => bytesOf(postOf(i, START_MS + time)))), 7);
    const [frame] = framesOf(outputs);
    expect(Array.from({ length: frame!.entryCount }, (_, i) => frame!.offset(i))).toEqual([0, 1, 2, 4, 6]);
    expect(task.counters.late).toBe(2);
  });

  test('the posts of long records are kept anew, without what is beside the post', async () => {
    const task = fingerprintTask();
    await task.restore(beginning([]));
    const post = postOf(1, START_MS);
    const { outputs } = await task.process(recordsOf([bytesOf({ ...post, padding: 'x'.repeat(5000) })]), 1);
    expect(JSON.parse(Buffer.from(framesOf(outputs)[0]!.evidence(0)).toString())).toEqual(post);
  });

  test('cuts frames where they are full, for all partitions at once, without a gap', async () => {
    const task = fingerprintTask({ route: { topology: TOPOLOGY, source: 0, sources: 1, targets: 2 } });
    await task.restore(beginning([]));
    const count = FRAME_ENTRIES_MAX + 1000;
    const values = Array.from({ length: count }, (_, i) =>
      bytesOf(postOf(i, START_MS, { text: postOf(i % 5, 0).text })),
    );
    const { outputs } = await task.process(recordsOf(values), count);
    const frames = framesOf(outputs);
    expect(frames.length).toBeGreaterThan(2);
    for (const target of [0, 1]) {
      let expected = 0;
      for (const { header } of frames.filter((frame) => frame.header.target === target)) {
        expect(header.from).toBe(expected);
        expected = header.to;
      }
      expect(expected).toBe(count);
    }
    expect(Math.max(...outputs.map(({ value }) => value.byteLength))).toBeLessThan(1_000_000);
  });
});

describe('what a commit of the fingerprint stage says', () => {
  test('is the watermark, so that lateness goes on as if nothing had happened', async () => {
    const values = [5, 40, 20, 31, 29, 55].map((time, i) => bytesOf(postOf(i, START_MS + time)));
    const records = recordsOf(values);
    const whole = fingerprintTask();
    await whole.restore(beginning(records));
    await whole.process(records, 6);
    for (let cut = 0; cut <= 6; cut++) {
      const before = fingerprintTask();
      await before.restore(beginning(records));
      const { position: offset, metadata } = await before.process(records.slice(0, cut), cut);
      const after = fingerprintTask();
      expect(await after.restore(beginning(records, { offset, metadata }))).toBe(cut);
      await after.process(records.slice(cut), 6);
      expect(before.counters.late + after.counters.late).toBe(whole.counters.late);
      expect(after.watermark).toBe(whole.watermark);
    }
    expect(whole.counters.late).toBe(2);
  });

  test('is read before the first post, too', async () => {
    const task = fingerprintTask();
    await task.restore(beginning([]));
    const { metadata } = await task.process([recordOf(0, null)], 1);
    expect(metadata).toBe('1;-');
    const next = fingerprintTask();
    await next.restore(beginning([], { offset: 1, metadata }));
    expect(next.watermark).toBe(-Infinity);
  });

  test.each(['', '2;abc', '1', '1;', '1;abc;d', '1;x y', 'anything'])(
    'is refused as "%s", which is named',
    (metadata) => {
      const restored = (): unknown => fingerprintTask().restore(beginning([], { offset: 5, metadata }));
      expect(restored).toThrow(FrameError);
    },
  );
});

describe('ticks', () => {
  test('of the owner are committed first, then written to every partition, and never go back', async () => {
    const task = fingerprintTask({ route: { topology: TOPOLOGY, source: 0, sources: 1, targets: 3 } });
    await task.restore(beginning([]));
    await task.process(recordsOf([bytesOf(postOf(1, START_MS))]), 1);
    const commits: [number, string][] = [];
    const commit = (offset: number, metadata: string): Promise<void> => {
      commits.push([offset, metadata]);
      return Promise.resolve();
    };
    expect(await task.tick(START_MS - 10, commit)).toBeUndefined();
    expect(commits).toEqual([]);
    const step = await task.tick(START_MS + 70, commit);
    expect(commits).toEqual([[1, `1;${(START_MS + 70).toString(36)}`]]);
    expect([step!.position, step!.metadata]).toEqual(commits[0]);
    expect(framesOf(step!.outputs).map(({ header }) => [header.from, header.to, header.watermark])).toEqual(
      [0, 1, 2].map(() => [1, 1, START_MS + 70]),
    );
    await task.process(recordsOf([bytesOf(postOf(2, START_MS + 69))], 1), 2);
    expect([task.counters.late, task.counters.ticks]).toEqual([1, 0]);
  });

  test('say nothing when their commit is refused', async () => {
    const task = fingerprintTask();
    await task.restore(beginning([]));
    await expect(task.tick(START_MS, () => Promise.reject(new Error('no member')))).rejects.toThrow('no member');
  });

  test('in the log move the watermark where they stand; what is none is a tombstone', async () => {
    const task = fingerprintTask();
    await task.restore(beginning([]));
    const records = [
      recordOf(0, bytesOf(postOf(1, START_MS))),
      tickRecord(1, String(START_MS + 30)),
      recordOf(2, bytesOf(postOf(2, START_MS + 29))),
      tickRecord(3, String(START_MS)),
      tickRecord(4, '1.5'),
      recordOf(5, null, START_MS),
    ];
    await task.process(records, 6);
    const { accepted, late, ticks, tombstones } = task.counters;
    expect({ accepted, late, ticks, tombstones }).toEqual({ accepted: 1, late: 1, ticks: 2, tombstones: 2 });
    expect(task.watermark).toBe(START_MS + 30);
  });
});

describe('a deletion in the feed', () => {
  const deletion = (id: string, createdAt: number): Uint8Array =>
    bytesOf({ deleted: true, id, platform: 'x', createdAt });
  /** Of the retractions of a frame: offset, event time and version. */
  const retractionsIn = (frame: FingerprintsFrame): [offset: number, timeMs: number, beforeMs: number][] =>
    Array.from(frame.starts).flatMap((at, i) => {
      const { words } = frame;
      if (!entryIsRetraction(words, at)) return [];
      expect(frame.evidence(i)).toHaveLength(0);
      const beforeMs = retractedBeforeMs(words[at + ENTRY.textHi]!, words[at + ENTRY.textLo]!);
      return [[frame.offset(i), entryTimeMs(words, at), beforeMs]];
    });

  test('takes effect at its time, behind the watermark at that, ahead of the broker at the time of the broker', async () => {
    const task = fingerprintTask(LETTERS);
    const records = recordsOf([
      deletion('a', START_MS + 100),
      deletion('b', START_MS + 90),
      deletion('c', START_MS + 5),
      bytesOf({ deleted: true, id: 'd', platform: 'x', createdAt: '1970-01-01T00:00:00Z' }),
      deletion('e', START_MS + DAY_MS),
    ]);
    const { outputs } = await task.process(records, 5);
    const [frame] = framesOf(outputs);
    expect(retractionsIn(frame!)).toEqual([
      [0, START_MS + 100, Infinity],
      [1, START_MS + 90, Infinity],
      [2, START_MS + 90, Infinity],
      [3, START_MS + 90, Infinity],
      [4, START_MS + 90, Infinity],
    ]);
    expect([task.counters.deletions, task.watermark, outputsTo('deadLetters', outputs)]).toEqual([
      5,
      START_MS + 90,
      [],
    ]);
  });

  test('has the time of the broker where that counts', async () => {
    const task = fingerprintTask({ eventTime: 'record' });
    const { outputs } = await task.process([recordOf(0, deletion('a', START_MS + 77), START_MS + 3)], 1);
    expect(retractionsIn(framesOf(outputs)[0]!)).toEqual([[0, START_MS + 3, Infinity]]);
    expect(task.watermark).toBe(START_MS + 3 - 10);
  });

  test('in the form of an edit goes a millisecond after the new text, and also where that is late or says nothing', async () => {
    const task = fingerprintTask();
    const edits: [number, Partial<Post>][] = [
      [100, { editedAt: START_MS + 70 }],
      [99, { id: 'new', replaces: ['old', 'new', 'older'] }],
      [5, { editedAt: START_MS + 4 }],
      [98, { editedAt: START_MS + 71, text: '\u{1f642}' }],
      [97, { editedAt: START_MS + 72, repostOf: 'p0' }],
    ];
    const records = recordsOf(edits.map(([timeMs, changes]) => bytesOf(postOf(1, START_MS + timeMs, changes))));
    const { outputs } = await task.process(records, records.length);
    const [frame] = framesOf(outputs);
    expect(retractionsIn(frame!)).toEqual([
      [0, START_MS + 101, START_MS + 70],
      [1, START_MS + 100, Infinity],
      [1, START_MS + 100, Infinity],
      [2, START_MS + 90, START_MS + 4],
      [3, START_MS + 99, START_MS + 71],
      [4, START_MS + 98, START_MS + 72],
    ]);
    expect(frame!.entryCount).toBe(8);
    const { accepted, late, nothingToCompare, nativeReposts } = task.counters;
    expect([accepted, late, nothingToCompare, nativeReposts]).toEqual([2, 1, 1, 1]);
  });

  test('that replaces as many posts as may be has room in a frame, however full it is', async () => {
    const task = fingerprintTask();
    const replaces = Array.from({ length: 256 }, (_, i) => `old${i}`);
    const count = 60;
    const records = recordsOf(
      Array.from({ length: count }, (_, i) => bytesOf(postOf(i, START_MS, { editedAt: START_MS, replaces }))),
    );
    const { outputs } = await task.process(records, count);
    const frames = framesOf(outputs);
    expect(frames.length).toBeGreaterThan(3);
    for (const { entryCount } of frames) expect(entryCount).toBeLessThanOrEqual(FRAME_ENTRIES_MAX);
    expect(frames.reduce((sum, { entryCount }) => sum + entryCount, 0)).toBe(258 * count);
  });
});
