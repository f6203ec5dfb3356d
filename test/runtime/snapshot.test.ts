import { describe, expect, test } from 'vitest';
import type { ChorusError } from '../../src/errors.ts';
import { FRAME_KIND, FrameError, readHeader } from '../../src/frames/frame.ts';
import { evidenceOf } from '../../src/runtime/evidence.ts';
import { isSnapshot, snapshotFrames, SnapshotReader } from '../../src/runtime/snapshot.ts';
import { Random } from '../../src/simulate/random.ts';
import { CampaignPartition } from '../../src/stages/campaign-partition.ts';
import { encodeCampaignState } from '../../src/windows/campaign-state.ts';
import { mutated } from '../support/frames.ts';
import { linksLog, postOf, STAGES, START_MS, TOPOLOGY } from '../support/tasks.ts';

const ROUTE = { topology: TOPOLOGY, sources: 1, target: 0, targets: 1 };
const POSITION = 40;

/** Posts that gzip cannot make small: a snapshot of them has several parts. */
async function largeLog(): Promise<Uint8Array[]> {
  const random = new Random(3);
  const url = (): string =>
    Array.from({ length: 4000 }, () => String.fromCharCode(33 + random.below(90)))
      .join('')
      .replaceAll(/["\\]/gu, '+');
  const posts = Array.from({ length: 80 }, (_, i) =>
    postOf(i, START_MS + i * 20, { urls: [url(), url(), url(), url()] }),
  );
  return (await linksLog(posts, 1)).map(({ value }) => value!);
}

/** @param everyFrame false where events wait until the last frame, so that all is released and swept at once */
function partitionOf(frames: readonly Uint8Array[], everyFrame: boolean): CampaignPartition {
  const partition = new CampaignPartition(STAGES.campaign, ROUTE, evidenceOf);
  for (const frame of frames) {
    partition.ingest(frame);
    if (everyFrame) partition.release([]);
  }
  partition.release([]);
  return partition;
}

function codeOf(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    return (error as ChorusError).code;
  }
  return 'none';
}

const frames = await largeLog();
const { limits } = STAGES.campaign;
const saved = snapshotFrames(partitionOf(frames, true), POSITION, { ...ROUTE, source: 0 });
const otherwise = snapshotFrames(partitionOf(frames, false), POSITION, { ...ROUTE, source: 0 });
const reader = (): SnapshotReader => new SnapshotReader(POSITION, ROUTE);

describe('a snapshot in the topic of links', () => {
  test('has several parts, each a frame that says what it is', () => {
    expect(saved.length).toBeGreaterThan(1);
    for (const [part, frame] of saved.entries()) {
      expect(isSnapshot(frame)).toBe(true);
      const { kind, from, to, wordCount } = readHeader(frame);
      expect([kind, from, to, wordCount]).toEqual([FRAME_KIND.snapshot, POSITION, POSITION, part]);
      expect(frame.byteLength).toBeLessThan(600_000);
    }
    expect(isSnapshot(frames[0]!)).toBe(false);
    expect(isSnapshot(new Uint8Array(3))).toBe(false);
  });

  test('is read when its last part has come, in whatever order and however often they come', () => {
    const one = partitionOf(frames, true);
    const lines = Array.from(encodeCampaignState(one.stage.state));
    const order = [...saved.toReversed(), ...saved];
    const target = reader();
    const read = order.map((frame) => target.take(frame, limits));
    expect(read.slice(0, saved.length - 1)).toEqual(read.slice(0, saved.length - 1).map(() => undefined));
    const snapshot = read[saved.length - 1]!;
    expect(snapshot.chain).toBe(one.chain.encode());
    expect(snapshot.pending).toEqual(one.pending);
    expect(Array.from(encodeCampaignState(snapshot.state))).toEqual(lines);
  });

  test('is not mixed with one that another instance has written at the same position in other steps', () => {
    // The same state to all that follows, in other bytes: what is swept when shows in them.
    expect(Buffer.concat(otherwise).equals(Buffer.concat(saved))).toBe(false);
    const target = reader();
    expect(target.take(saved[0]!, limits)).toBeUndefined();
    for (const frame of otherwise.slice(1)) expect(target.take(frame, limits)).toBeUndefined();
    const [snapshot] = [target.take(otherwise[0]!, limits)];
    expect(snapshot?.chain).toBe(partitionOf(frames, false).chain.encode());
  });

  test('of another position is passed over, as is what is no snapshot', () => {
    const target = new SnapshotReader(POSITION + 1, ROUTE);
    for (const frame of [...saved, ...frames]) expect(target.take(frame, limits)).toBeUndefined();
  });

  test('of another topology or number of partitions is refused', () => {
    for (const route of [
      { ...ROUTE, topology: 'ffffffffffffffff' },
      { ...ROUTE, sources: 2 },
    ]) {
      expect(codeOf(() => new SnapshotReader(POSITION, route).take(saved[0]!, limits))).toBe('frame_topology');
    }
  });

  test('that is torn or damaged is refused or never complete; nothing else happens', () => {
    const random = new Random(11);
    const small = snapshotFrames(partitionOf(frames.slice(0, 4), true), POSITION, { ...ROUTE, source: 0 });
    expect(small.length).toBe(1);
    let refused = 0;
    for (let i = 0; i < 3000; i++) {
      try {
        reader().take(mutated(random, small[0]!), limits);
      } catch (error) {
        const { code } = error as ChorusError;
        if (!(error instanceof FrameError) && code !== 'snapshot_invalid') throw error;
        refused++;
      }
    }
    expect(refused).toBeGreaterThan(1000);
  });
});
