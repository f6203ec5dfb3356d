/** Small feeds for tests: posts by hand, a simulated day, and a replay that keeps what it finds in memory. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from 'vitest';
import { loadTable } from '../../src/cli/table.ts';
import type { Alert, Post } from '../../src/model.ts';
import { PostFiles } from '../../src/runtime/post-files.ts';
import { replay, type ReplayOptions, type ReplayResult } from '../../src/runtime/replay.ts';
import { DEFAULTS } from '../../src/settings.ts';
import { postLine, simulate } from '../../src/simulate/feed.ts';

export const START_MS = Date.UTC(2025, 1, 4, 9);
export const TEXT =
  'The harbour toll robs nurses twice a day. Tell councillor Odhran Vale to scrap it before Thursday!';

let made = 0;

/** A canonical line. */
export function line(account: string, text: string, seconds: number, fields: Record<string, unknown> = {}): string {
  const createdAt = new Date(START_MS + seconds * 1000).toISOString();
  return JSON.stringify({ id: `p${++made}`, platform: 'example', account, text, createdAt, ...fields });
}

/** `count` accounts that post one text, a second apart. */
export function copies(count: number, text = TEXT, fields: Record<string, unknown> = {}): string[] {
  return Array.from({ length: count }, (_, i) => line(`${text.length}-${i}`, text, i, fields));
}

/** Lines of a seeded day with campaigns and copying in it. */
export function simulatedDay(posts: number, seed = 11): string[] {
  const options = { seed, posts, startMs: START_MS, durationMs: 6 * 3_600_000, campaigns: 6, copying: 3 };
  return Array.from(simulate(options), ({ post }) => postLine(post));
}

/** A folder of the test file, gone when its tests are done. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'chorus-test-'));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

export function writeLines(folder: string, name: string, lines: readonly string[]): string {
  const path = join(folder, name);
  writeFileSync(path, lines.map((text) => `${text}\n`).join(''));
  return path;
}

export interface Replayed extends ReplayResult {
  readonly alerts: Alert[];
  /** Last revisions only. */
  readonly finals: Alert[];
  /** Posts by id of their campaign. */
  readonly members: Map<string, readonly Post[]>;
}

export async function replayAll(
  inputs: readonly string[],
  { stdin, ...changes }: Partial<ReplayOptions> & { readonly stdin?: AsyncIterable<Uint8Array> } = {},
): Promise<Replayed> {
  const alerts: Alert[] = [];
  const members = new Map<string, readonly Post[]>();
  const result = await replay({
    source: new PostFiles(inputs, stdin),
    settings: DEFAULTS,
    table: loadTable(),
    engine: 'chorus/test',
    sortMemoryBytes: 64 * 2 ** 20,
    onRevision: (revision) => {
      alerts.push(revision.alert);
      if (revision.members !== undefined) members.set(revision.alert.id, revision.members);
      return undefined;
    },
    ...changes,
  });
  const finals = alerts.filter(({ status }) => status === 'closed' || status === 'merged');
  return { ...result, alerts, finals, members };
}
