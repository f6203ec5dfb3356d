import { describe, expect, test } from 'vitest';
import type { ChorusError } from '../../src/errors.ts';
import { FRAME_ENTRIES_MAX } from '../../src/frames/frame.ts';
import { FingerprintsFrameBuilder } from '../../src/frames/fingerprints.ts';
import { LINKS_EVENT, LinksFrame } from '../../src/frames/links.ts';
import { evidenceOf } from '../../src/runtime/evidence.ts';
import type { Beginning, LogRecord, Output } from '../../src/runtime/task.ts';
import { Random } from '../../src/simulate/random.ts';
import { CampaignPartition } from '../../src/stages/campaign-partition.ts';
import type { Revision } from '../../src/stages/campaign.ts';
import { FingerprintStage } from '../../src/stages/fingerprint.ts';
import { SourcePartition } from '../../src/stages/source-partition.ts';
import { MemoryStoreProvider } from '../../src/state/memory.ts';
import {
  beginning,
  fingerprintLog,
  matchTask,
  postOf,
  recordOf,
  recordsOf,
  sayings,
  STAGES,
  START_MS,
  TOPOLOGY,
} from '../support/tasks.ts';

type Commit = NonNullable<Beginning['committed']>;

/** A window of 1,000 ms; posts 15 ms apart, so that the last third of the log is the window. */
const POSTS = Array.from({ length: 200 }, (_, i) => postOf(i, START_MS + i * 15));
const LOG = await fingerprintLog(POSTS, 3, START_MS + 10_000);

/** All that links frames say, without how they were cut. */
function saidIn(outputs: readonly Output[]): string[] {
  return outputs.flatMap(({ value }) => new LinksFrame(value).events.map((event) => JSON.stringify(event)));
}

async function whole(): Promise<{ outputs: Output[]; commits: Commit[] }> {
  const { task } = await matchTask();
  expect(await task.restore(beginning(LOG))).toBe(0);
  return sayings(task, LOG, 0);
}

async function refusal(run: () => Promise<unknown>): Promise<ChorusError> {
  try {
    await run();
  } catch (error) {
    return error as ChorusError;
  }
  throw new Error('nothing was refused');
}

/** A store that has come to `position` of the log, closed. */
async function diskAt(position: number): Promise<{ provider: MemoryStoreProvider; committed: Commit | undefined }> {
  const { task, provider } = await matchTask();
  await task.restore(beginning(LOG));
  const { commits } = await sayings(task, LOG.slice(0, position), 0);
  await task.close();
  return { provider, committed: commits.at(-1) };
}

describe('a task of the match stage', () => {
  test('says of each batch what was released, with a chain of positions, and expires what the window has left', async () => {
    const { task, store } = await matchTask();
    await task.restore(beginning(LOG));
    const { outputs, commits } = await sayings(task, LOG, 0, 4);
    let expected = 0;
    for (const { value } of outputs) {
      const { header } = new LinksFrame(value);
      expect(header).toMatchObject({
        topology: TOPOLOGY,
        source: 0,
        sources: 1,
        target: 0,
        targets: 1,
        from: expected,
      });
      expected = header.to;
    }
    expect(expected).toBe(POSTS.length);
    expect(saidIn(outputs).length).toBeGreaterThan(100);
    expect(commits.at(-1)!.offset).toBe(LOG.length);
    const [version, position] = Buffer.from(store.checkpoint!).toString().split(';');
    expect([version, position]).toEqual(['2', String(LOG.length)]);
    // The tick at the end has passed everything.
    expect([task.partition.pending, task.partition.retainedFrames]).toEqual([0, 0]);
    const kept: number[] = [];
    for await (const frames of store.scan(0)) kept.push(...frames.map(({ offset }) => offset));
    expect(kept).toEqual([]);
  });

  test('says the same from any commit on: on the same disk, on an older one, on an empty one', async () => {
    const { outputs, commits } = await whole();
    const all = saidIn(outputs);
    const random = new Random(9);
    for (let cut = 3; cut < LOG.length; cut += 7) {
      const committed = commits[cut - 1]!;
      const before = saidIn(outputs.slice(0, cut)).length;
      for (const disk of [cut, random.below(cut), 0, -1]) {
        const provider = disk < 0 ? new MemoryStoreProvider() : (await diskAt(disk)).provider;
        const { task } = await matchTask({}, provider);
        const start = beginning(LOG, committed);
        expect(await task.restore(start)).toBe(cut);
        expect(start.reads.every(([from, to]) => from >= 0 && to === cut)).toBe(true);
        if (disk === cut) expect(start.reads).toEqual([]);
        const rest = await sayings(task, LOG, cut, random.between(1, 5));
        expect(saidIn(rest.outputs)).toEqual(all.slice(before));
        await task.close();
      }
    }
  });

  test('goes on from a disk that is ahead of the commit, without saying anything twice', async () => {
    const { outputs } = await whole();
    const { provider } = await diskAt(40);
    const { commits } = await whole();
    const { task } = await matchTask({}, provider);
    expect(await task.restore(beginning(LOG, commits[24]))).toBe(40);
    const rest = await sayings(task, LOG, 40);
    expect(saidIn(rest.outputs)).toEqual(saidIn(outputs.slice(40)));
    expect(new LinksFrame(rest.outputs[0]!.value).header.from).toBe(new LinksFrame(outputs[40]!.value).header.from);
  });

  test('reads the log from `low` of the commit, not from its offset, and says how far it is', async () => {
    const { commits } = await whole();
    const committed = commits[50]!;
    const low = Number.parseInt(committed.metadata.split(';')[1]!, 36);
    expect(low).toBeGreaterThan(10);
    expect(low).toBeLessThan(45);
    const start = beginning(LOG, committed, { low });
    const { task } = await matchTask();
    expect(await task.restore(start)).toBe(51);
    expect(start.reads).toEqual([[low, 51]]);
    expect(start.progress.at(-1)).toEqual([51 - low, 51 - low]);
    expect(start.progress.map(([done]) => done)).toEqual(
      start.progress.map(([done]) => done).toSorted((a, b) => a - b),
    );
  });

  test('drops what comes twice, however it was cut, and stops at a gap', async () => {
    const frames = LOG.map(({ value }) => value!);
    const recut = (await fingerprintLog(POSTS, 5)).map(({ value }) => value!);
    const twice = frames.slice(0, 10).concat(frames.slice(4, 12), recut.slice(2, 9), frames.slice(11));
    const { outputs } = await whole();
    const { task } = await matchTask();
    await task.restore(beginning([]));
    const again = await sayings(task, recordsOf(twice), 0, 3);
    expect(saidIn(again.outputs)).toEqual(saidIn(outputs));
    expect(task.partition.counters.repeated).toBeGreaterThan(20);
    expect(task.partition.counters.accepted).toBe(POSTS.length);
    await expect(task.process([recordOf(999, recut.at(-1)!)], 1000)).resolves.toBeDefined();
    const { task: gapped } = await matchTask();
    await gapped.restore(beginning([]));
    await gapped.process(LOG.slice(0, 2), 2);
    await expect(gapped.process(LOG.slice(3, 4), 4)).rejects.toThrow(/F1.*position 6.*begins at 9/u);
  });

  test('passes over tombstones, and covers holes at the end of a batch', async () => {
    const { task, store } = await matchTask();
    await task.restore(beginning([]));
    const step = await task.process([recordOf(3, null), recordOf(5, LOG[0]!.value)], 9);
    await store.write(step.batch!);
    expect([step.position, step.outputs.length]).toEqual([9, 1]);
    expect(Buffer.from(store.checkpoint!).toString().split(';')[1]).toBe('9');
    expect((await store.read([5 * FRAME_ENTRIES_MAX]))[0]).toBeDefined();
  });

  test('makes several frames of what is too much for one, which say what one would', async () => {
    // 300 posts of one text with 4 kB each, released at once.
    const posts = Array.from({ length: 300 }, (_, i) =>
      postOf(0, START_MS + Math.floor(i / 3), {
        id: `p${i}`,
        account: `a${i % 9}`,
        urls: [`https://x.example/${'y'.repeat(3500)}`],
      }),
    );
    const log = await fingerprintLog(posts, 300, START_MS + 5000);
    const { task } = await matchTask();
    await task.restore(beginning([]));
    const { outputs } = await sayings(task, log, 0, log.length);
    expect(outputs.length).toBeGreaterThan(1);
    const frames = outputs.map(({ value }) => new LinksFrame(value));
    let position = 0;
    const campaign = new CampaignPartition(
      STAGES.campaign,
      { topology: TOPOLOGY, sources: 1, target: 0, targets: 1 },
      evidenceOf,
    );
    const out: Revision[] = [];
    for (const [i, { header, events }] of frames.entries()) {
      expect(header.from).toBe(position);
      position = header.to;
      expect(outputs[i]!.value.byteLength).toBeLessThan(1_000_000);
      // Events of one post are never in two frames.
      const next = frames[i + 1]?.events[0];
      if (next !== undefined) expect(events.at(-1)!.cause.position).toBeLessThan(next.cause.position);
      campaign.ingest(outputs[i]!.value);
      campaign.release(out);
    }
    expect(position).toBe(300);
    expect(out.at(-1)!.alert.postCount).toBe(300);
  });

  test('reads posts from its store when they are not kept decoded', async () => {
    const { task } = await matchTask({ cacheBytes: 1 });
    const { outputs } = await whole();
    await task.restore(beginning(LOG));
    const said = await sayings(task, LOG, 0);
    expect(saidIn(said.outputs)).toEqual(saidIn(outputs));
    expect(task.counters.cacheMisses).toBeGreaterThan(10);
  });

  test('gives up building its state when it is told to', async () => {
    const { commits } = await whole();
    const stopped = AbortSignal.abort(new Error('told to stop'));
    const { task } = await matchTask();
    await expect(task.restore({ ...beginning(LOG, commits[30]), signal: stopped })).rejects.toThrow('told to stop');
    const { provider } = await diskAt(30);
    const { task: onDisk } = await matchTask({}, provider);
    await expect(onDisk.restore({ ...beginning(LOG, commits[29]), signal: stopped })).rejects.toThrow('told to stop');
  });
});

describe('a task of the match stage that cannot build its state', () => {
  test('names what retention has removed, and what mends it', async () => {
    const { commits } = await whole();
    const committed = commits[50]!;
    const low = Number.parseInt(committed.metadata.split(';')[1]!, 36);
    const { task } = await matchTask();
    const { code, message } = await refusal(() => task.restore(beginning(LOG, committed, { low: low + 1 })));
    expect(code).toBe('offset_lost');
    expect(message).toContain(`begins at position ${low} of its log, which now begins at ${low + 1}`);
    expect(message).toMatch(/retention.*kafka\.prefix/u);
  });

  test('does not mind an old disk that retention has left behind', async () => {
    const { outputs, commits } = await whole();
    const committed = commits[50]!;
    const low = Number.parseInt(committed.metadata.split(';')[1]!, 36);
    const { provider } = await diskAt(5);
    const { task, store } = await matchTask({}, provider);
    expect(await task.restore(beginning(LOG, committed, { low }))).toBe(51);
    for await (const frames of store.scan(0)) {
      for (const { offset } of frames) expect(offset).toBeGreaterThanOrEqual(low * FRAME_ENTRIES_MAX);
    }
    const rest = await sayings(task, LOG, 51);
    expect(saidIn(rest.outputs)).toEqual(saidIn(outputs.slice(51)));
  });

  test('names a disk that is ahead of the log, and what mends it', async () => {
    const { provider } = await diskAt(40);
    const { task } = await matchTask({}, provider);
    const { code, message } = await refusal(() => task.restore(beginning(LOG.slice(0, 30))));
    expect(code).toBe('store_ahead');
    expect(message).toMatch(/position 40 of its log, which ends at 30.*Remove the data folder or name another/u);
  });

  test.each([
    '',
    '0;1;2;3',
    '1;0;0;-1.-',
    '2;X;0;-1.-;0',
    '2;0;0;-1.-;X',
    '2;0;0;0',
    '2;0;0;-1.-;more;0',
    '2;0;0;-1.-,-1.-;0',
  ])('refuses the metadata "%s"', async (metadata) => {
    const { task } = await matchTask();
    const error = await refusal(() => task.restore(beginning(LOG, { offset: 5, metadata })));
    expect(error.code).toBe('frame_invalid');
  });

  test('begins anew on a store of another format', async () => {
    const { outputs, commits } = await whole();
    const { task, store } = await matchTask();
    await store.write({ checkpoint: Buffer.from('9;who knows') });
    expect(await task.restore(beginning(LOG, commits[20]))).toBe(21);
    const rest = await sayings(task, LOG, 21);
    expect(saidIn(rest.outputs)).toEqual(saidIn(outputs.slice(21)));
  });

  test('stops when its store has let go of a post of the window', async () => {
    const { provider, committed } = await diskAt(30);
    const { task, store } = await matchTask({ cacheBytes: 1 }, provider);
    await task.restore(beginning(LOG, committed));
    const read = store.read.bind(store);
    store.read = async (offsets) => (await read(offsets)).map(() => undefined);
    const stops = async (): Promise<void> => {
      for (let at = 30; at < LOG.length; at++) await task.process(LOG.slice(at, at + 1), at + 1);
    };
    await expect(stops()).rejects.toThrow(/R1.*have been let go/u);
  });
});

test('a log that two writers share gives what one gives', async () => {
  // A zombie lags behind and writes what has been written, in other steps.
  const own = LOG.map(({ value }) => value!);
  const zombie = (await fingerprintLog(POSTS, 2)).map(({ value }) => value!);
  const random = new Random(2);
  const mixed: Uint8Array[] = [];
  let behind = 0;
  for (const [i, frame] of own.entries()) {
    mixed.push(frame);
    while (behind < Math.min(zombie.length, 1.4 * i) && random.below(3) > 0) mixed.push(zombie[behind++]!);
  }
  const log: LogRecord[] = recordsOf(mixed);
  const { task } = await matchTask();
  await task.restore(beginning(log));
  const { outputs } = await sayings(task, log, 0, 4);
  expect(behind).toBeGreaterThan(50);
  expect(saidIn(outputs)).toEqual(saidIn((await whole()).outputs));
});

test('a retraction behind the watermark of its source takes effect there; a post is late', async () => {
  const route = { topology: TOPOLOGY, source: 0, sources: 1, targets: 1 };
  const partition = new SourcePartition(new FingerprintStage(STAGES.fingerprint), route, 10);
  const post = postOf(1, START_MS + 50);
  partition.begin(0);
  partition.take(post, 0, Buffer.from(JSON.stringify(post)));
  partition.delete({ platform: 'x', id: 'p1', createdAt: START_MS + 40 }, 1);
  const [late] = partition.finish(2);
  // The owner has promised more than the writer of the frame knows.
  const promise = new FingerprintsFrameBuilder().finish(
    { ...route, target: 0 },
    { from: 0, to: 0, watermark: START_MS + 90 },
  );
  const end = new FingerprintsFrameBuilder().finish(
    { ...route, target: 0 },
    { from: 2, to: 2, watermark: START_MS + 500 },
  );
  const log = recordsOf([promise, late!, end]);
  for (const isRebuilt of [false, true]) {
    const { task, provider } = await matchTask();
    await task.restore(beginning(log));
    const first = await sayings(task, log.slice(0, 2), 0);
    await task.close();
    const { task: next } = await matchTask({}, isRebuilt ? new MemoryStoreProvider() : provider);
    await next.restore(beginning(log, first.commits.at(-1)));
    const { outputs } = await sayings(next, log, 2);
    const events = [...first.outputs, ...outputs].flatMap(({ value }) => new LinksFrame(value).events);
    expect(events.map(({ kind, cause }) => [kind, cause.timeMs])).toEqual([[LINKS_EVENT.retraction, START_MS + 90]]);
    if (!isRebuilt) expect(task.partition.counters).toEqual({ accepted: 1, late: 1, repeated: 0 });
  }
});
