import { describe, expect, test } from 'vitest';
import { loadTable } from '../../src/cli/table.ts';
import { recordDecoder } from '../../src/consumers/formats/format.ts';
import { ListedRecords, type RecordBatch } from '../../src/consumers/records.ts';
import type { Alert } from '../../src/model.ts';
import { LiveEngine, rewoundMs, type LiveEngineOptions } from '../../src/runtime/live.ts';
import { DEFAULTS } from '../../src/settings.ts';
import { Random } from '../../src/simulate/random.ts';
import type { Revision } from '../../src/stages/campaign.ts';
import {
  copies,
  line,
  replayAll,
  simulatedDay,
  START_MS,
  temporaryFolder,
  TEXT,
  writeLines,
} from '../support/feeds.ts';

const folder = temporaryFolder();
const OUT_OF_ORDERNESS_MS = 60_000;
const table = loadTable();

function engineOf(changes: Partial<LiveEngineOptions> = {}, waitingMax?: number): LiveEngine {
  return new LiveEngine(
    {
      settings: DEFAULTS,
      table,
      engine: 'chorus/test',
      outOfOrdernessMs: OUT_OF_ORDERNESS_MS,
      source: 'test',
      isCanonical: true,
      ...changes,
    },
    waitingMax,
  );
}

function batchOf(lines: readonly string[]): RecordBatch {
  return new ListedRecords(
    lines.map((text, i) => ({ bytes: Buffer.from(text), number: i })),
    recordDecoder('canonical'),
  );
}

const timeOf = (text: string): number => Date.parse((JSON.parse(text) as { createdAt: string }).createdAt);

/** Feeds in batches of a random size, with the clock at the latest post. */
function feed(engine: LiveEngine, lines: readonly string[], seed = 1): Alert[] {
  const random = new Random(seed);
  const out: Revision[] = [];
  let nowMs = 0;
  for (let at = 0; at < lines.length;) {
    const batch = lines.slice(at, at + 1 + random.below(50));
    at += batch.length;
    for (const text of batch) nowMs = Math.max(nowMs, timeOf(text));
    engine.take(batchOf(batch), nowMs, out);
  }
  return out.map(({ alert }) => alert);
}

/** As it may come: each post at most so much later than those around it. */
function disordered(lines: readonly string[], byMs: number, seed: number): string[] {
  const random = new Random(seed);
  const keyed = lines.map((text) => ({ text, atMs: timeOf(text) + random.below(byMs) }));
  return keyed.sort((a, b) => a.atMs - b.atMs).map(({ text }) => text);
}

const DAY = simulatedDay(4000);

describe('a live engine', async () => {
  const replayed = (await replayAll([writeLines(folder, 'day.ndjson', DAY)])).alerts;

  test.each([1, 2, 3])('says what a replay says, in whatever order within the bound (seed %i)', (seed) => {
    const engine = engineOf();
    const alerts = feed(engine, disordered(DAY, OUT_OF_ORDERNESS_MS, seed), seed);
    const out: Revision[] = [];
    engine.finish(out);
    alerts.push(...out.map(({ alert }) => alert));
    expect(engine.counters).toMatchObject({ posts: DAY.length, late: 0 });
    expect(engine.waiting).toBe(0);
    // What falls due behind the last post nobody has waited for.
    const wanted = replayed.filter(({ revisedAt }) => Date.parse(revisedAt) <= engine.watermark);
    expect(wanted.length).toBeGreaterThan(6);
    expect(alerts).toEqual(wanted);
  });

  test('started again from a cursor, tells what comes behind it, as it would have, and nothing twice', () => {
    const day = DAY.toSorted((a, b) => timeOf(a) - timeOf(b));
    const half = Math.floor(day.length / 2);
    const first = engineOf();
    const before = feed(first, day.slice(0, half));
    const untilMs = first.untilMs!;
    const fromMs = rewoundMs(untilMs, DEFAULTS.windowMs, OUT_OF_ORDERNESS_MS);
    const second = engineOf({ toldUntilMs: untilMs });
    const after = feed(
      second,
      day.filter((text) => timeOf(text) >= fromMs),
    );
    const told = new Set(before.map(({ id, revision }) => `${id} ${revision}`));
    for (const { id, revision, revisedAt } of after) {
      expect(told).not.toContain(`${id} ${revision}`);
      expect(Date.parse(revisedAt)).toBeGreaterThanOrEqual(untilMs);
    }
    // Campaigns that began within what was read again are told as if nothing had happened.
    const recent = replayed.filter(
      ({ firstPostAt, revisedAt }) => Date.parse(firstPostAt) > untilMs && Date.parse(revisedAt) <= second.watermark,
    );
    expect(recent.length).toBeGreaterThan(2);
    const byId = new Map(after.map((alert) => [`${alert.id} ${alert.revision}`, alert]));
    for (const alert of recent) {
      const accounts = { ...alert, accounts: undefined, severity: undefined };
      const found = byId.get(`${alert.id} ${alert.revision}`);
      // The register of earlier campaigns is not rebuilt.
      expect({ ...found, accounts: undefined, severity: undefined }).toEqual(accounts);
    }
  });
});

describe('the watermark of a live engine', () => {
  const far = (seconds: number): string => line('zz', 'good morning everybody out there', seconds);
  const nowMs = START_MS + 3_600_000;
  const take = (engine: LiveEngine, lines: readonly string[], now = nowMs): Alert[] => {
    const out: Revision[] = [];
    engine.take(batchOf(lines), now, out);
    return out.map(({ alert }) => alert);
  };

  test('waits for what may come out of order, and drops what is later', () => {
    const engine = engineOf();
    expect(take(engine, copies(6))).toEqual([]);
    expect(take(engine, [far(66)])).toHaveLength(1);
    take(engine, [line('late', TEXT, 3)]);
    expect(engine.counters).toMatchObject({ late: 1, opened: 1, posts: 8 });
  });

  test('no post from the future makes the others late', () => {
    const engine = engineOf();
    take(engine, [far(3600 + 599)]);
    expect(engine.watermark).toBe(nowMs - OUT_OF_ORDERNESS_MS);
    take(engine, [far(3600 + 601)]);
    expect(engine.rejections.byReason()).toMatchObject([{ reason: 'time_ahead', count: 1 }]);
    expect(engine.waiting).toBe(1);
  });

  test('an idle source is passed by the clock', () => {
    const engine = engineOf();
    take(engine, copies(6));
    const out: Revision[] = [];
    engine.advance(START_MS + 100_000, out);
    expect(out).toHaveLength(1);
    engine.advance(START_MS + 10 * 3_600_000, out);
    expect(out.map(({ alert }) => alert.status)).toEqual(['open', 'updated', 'closed']);
  });

  test('deletions before, after and behind the watermark leave the text nowhere', () => {
    const [first, ...others] = copies(6);
    const { id } = JSON.parse(first!) as { id: string };
    const deletion = (seconds: number): string =>
      JSON.stringify({ id, platform: 'example', deleted: true, createdAt: START_MS + 1000 * seconds });
    const orders = [
      [first!, ...others, deletion(10)],
      [deletion(0), first!, ...others],
      [first!, ...others, far(200), deletion(10)],
    ];
    for (const lines of orders) {
      const engine = engineOf();
      const out = take(engine, lines);
      const more: Revision[] = [];
      engine.advance(START_MS + 3 * 3_600_000, more);
      const alerts = [...out, ...more.map(({ alert }) => alert)];
      expect(engine.counters.deletions).toBe(1);
      expect(alerts.at(-1)).toMatchObject({ status: 'closed', accountCount: 5 });
    }
  });

  test('memory is bounded: when too many wait, the earlier half goes on', () => {
    const engine = engineOf({}, 100);
    const lines = Array.from({ length: 500 }, (_, n) =>
      line(`x${n}`, `some text of its own, number ${n} of many`, n % 30),
    );
    take(engine, lines);
    expect(engine.waiting).toBeLessThanOrEqual(100);
    expect(engine.counters.hurried).toBeGreaterThan(0);
    expect(engine.counters.posts).toBe(500);
  });
});
