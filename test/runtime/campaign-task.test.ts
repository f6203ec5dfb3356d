import { describe, expect, test } from 'vitest';
import type { ChorusError } from '../../src/errors.ts';
import { isSnapshot } from '../../src/runtime/snapshot.ts';
import type { Beginning, LogRecord, Output } from '../../src/runtime/task.ts';
import { Random } from '../../src/simulate/random.ts';
import {
  beginning,
  campaignTask,
  linksLog,
  outputsTo,
  postOf,
  recordsOf,
  sayings,
  START_MS,
} from '../support/tasks.ts';

type Commit = NonNullable<Beginning['committed']>;

/** Five campaigns, one after the other. */
const POSTS = Array.from({ length: 150 }, (_, i) =>
  postOf(i, START_MS + i * 20 + Math.floor(i / 30) * 2000, { text: postOf(Math.floor(i / 30), 0).text }),
);
const LINKS = await linksLog(POSTS, 2, START_MS + 100_000);

const textsOf = (outputs: readonly Output[]): string[] =>
  outputsTo('alerts', outputs).map(({ value }) => Buffer.from(value).toString());

/** A run over a log that takes up the snapshots that the task writes, as the topic does. */
async function run(snapshotBytes: number): Promise<{ log: LogRecord[]; outputs: Output[][]; commits: Commit[] }> {
  const task = campaignTask({ snapshotBytes });
  const queue = LINKS.map(({ value }) => value!);
  const log: LogRecord[] = [];
  const outputs: Output[][] = [];
  const commits: Commit[] = [];
  await task.restore(beginning([]));
  for (let position = 0; position < queue.length; position++) {
    const [record] = recordsOf([queue[position]!], position);
    log.push(record!);
    const step = await task.process([record!], position + 1);
    outputs.push([...step.outputs]);
    commits.push({ offset: step.position, metadata: step.metadata });
    // The snapshot comes a little later in the log than the position that it is of.
    queue.splice(position + 3, 0, ...outputsTo('links', step.outputs).map(({ value }) => value));
  }
  return { log, outputs, commits };
}

async function refusal(attempt: () => Promise<unknown>): Promise<ChorusError> {
  try {
    await attempt();
  } catch (error) {
    return error as ChorusError;
  }
  throw new Error('nothing was refused');
}

describe('the task of the campaign stage', () => {
  test('publishes revisions with the key of their campaign, as the encoder makes them', async () => {
    const { outputs } = await run(1e9);
    const alerts = outputsTo('alerts', outputs.flat());
    expect(alerts.length).toBeGreaterThan(10);
    for (const { key, partition, value } of alerts) {
      const { id } = JSON.parse(Buffer.from(value).toString()) as { id: string };
      expect([key, partition]).toEqual([id, -1]);
    }
    expect(new Set(alerts.map(({ key }) => key)).size).toBe(5);
  });

  test('takes snapshots, which change nothing of what it says', async () => {
    const without = await run(1e9);
    const { outputs, commits, log } = await run(3000);
    expect(textsOf(outputs.flat())).toEqual(textsOf(without.outputs.flat()));
    expect(log.filter(({ value }) => isSnapshot(value!)).length).toBeGreaterThan(2);
    expect(commits[0]!.metadata).toBe('1;0;b');
    expect(commits.at(-1)!.metadata).toMatch(/^1;[0-9a-z]+;s$/u);
    expect(without.commits.at(-1)!.metadata).toBe('1;0;b');
  });

  test('takes a snapshot after a time, too, however little has come', async () => {
    const task = campaignTask({ snapshotEveryMs: 1000 });
    await task.restore(beginning([]));
    const taken: number[] = [];
    for (const [i, timestampMs] of [0, 400, 999, 1000, 1500, 2499, 2500, 9000].entries()) {
      const { outputs } = await task.process([{ ...LINKS[i]!, timestampMs }], i + 1);
      if (outputsTo('links', outputs).length > 0) taken.push(timestampMs);
    }
    // Counted from the first record behind the last snapshot.
    expect(taken).toEqual([1000, 2500]);
    await task.process([], 100);
    expect(task.counters.snapshots).toBe(2);
  });

  test.each([1e9, 3000])('says the same from any commit on, with a snapshot every %d bytes', async (snapshotBytes) => {
    const { log, outputs, commits } = await run(snapshotBytes);
    const random = new Random(4);
    let fromSnapshot = 0;
    for (let cut = 1; cut < log.length; cut += 3) {
      const committed = commits[cut - 1]!;
      const needed = Number.parseInt(committed.metadata.split(';')[1]!, 36);
      const task = campaignTask({ snapshotBytes: 1e9 });
      const start = beginning(log, committed, { low: needed });
      expect(await task.restore(start)).toBe(cut);
      expect(start.reads.at(-1)).toEqual([needed, cut]);
      if (committed.metadata.endsWith('s')) fromSnapshot++;
      const { outputs: said } = await sayings(task, log, cut, random.between(1, 4));
      expect(textsOf(said)).toEqual(textsOf(outputs.slice(cut).flat()));
    }
    expect(fromSnapshot > 0).toBe(snapshotBytes === 3000);
  });

  test('begins at the front of the log the first time, and says what it finds', async () => {
    const task = campaignTask();
    expect(await task.restore(beginning(LINKS.slice(7)))).toBe(7);
    const { commits } = await sayings(task, LINKS, 7);
    expect(commits.at(-1)!.metadata).toBe('1;7;b');
  });

  test('drops what comes twice and stops at a gap', async () => {
    const { outputs } = await run(1e9);
    const frames = LINKS.map(({ value }) => value!);
    const twice = recordsOf([...frames.slice(0, 20), ...frames.slice(3, 25), ...frames.slice(20)]);
    const task = campaignTask();
    await task.restore(beginning(twice));
    const { outputs: said } = await sayings(task, twice, 0, 5);
    expect(textsOf(said)).toEqual(textsOf(outputs.flat()));
    expect(task.partition.repeated).toBeGreaterThan(5);
    const gapped = campaignTask();
    await gapped.restore(beginning([]));
    await gapped.process(LINKS.slice(0, 5), 5);
    await expect(async () => gapped.process(LINKS.slice(9, 10), 10)).rejects.toThrow(/F1/u);
  });

  test('gives up building its state when it is told to', async () => {
    const { log, commits } = await run(3000);
    const signal = AbortSignal.abort(new Error('told to stop'));
    for (const cut of [2, log.length]) {
      const start = { ...beginning(log, commits[cut - 1]), signal };
      await expect(campaignTask().restore(start)).rejects.toThrow('told to stop');
    }
  });
});

describe('the task of the campaign stage that cannot build its state', () => {
  test('names the snapshot that retention has removed, and what mends it', async () => {
    const { log, commits } = await run(3000);
    const committed = commits.at(-1)!;
    const needed = Number.parseInt(committed.metadata.split(';')[1]!, 36);
    const start = beginning(log, committed, { low: needed + 1 });
    const { code, message } = await refusal(() => campaignTask().restore(start));
    expect(code).toBe('snapshot_lost');
    expect(message).toContain(`saved at position ${needed} of its log, which now reaches from ${needed + 1}`);
    expect(message).toMatch(/retention.*kafka\.prefix/u);
  });

  test('names a snapshot that is not there, or not whole', async () => {
    const { log, commits } = await run(3000);
    const without = log.filter(({ value }) => !isSnapshot(value!));
    const { code } = await refusal(() => campaignTask().restore(beginning(without, commits.at(-1))));
    expect(code).toBe('snapshot_lost');
  });

  test('refuses a snapshot that is damaged', async () => {
    const { log, commits } = await run(3000);
    const damaged = log.map((record) => {
      if (!isSnapshot(record.value!)) return record;
      const value = Buffer.from(record.value!);
      value.fill(0, value.byteLength - 40);
      return { ...record, value };
    });
    const { code } = await refusal(() => campaignTask().restore(beginning(damaged, commits.at(-1))));
    expect(code).toBe('snapshot_invalid');
  });

  test.each(['', '2;0;b', '1;0', '1;0;x', '1;;s', '1;0;b;more'])('refuses the metadata "%s"', async (metadata) => {
    const { code } = await refusal(() => campaignTask().restore(beginning(LINKS, { offset: 3, metadata })));
    expect(code).toBe('frame_invalid');
  });
});
