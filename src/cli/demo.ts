/**
 * `npm run demo`: makes a day of posts with planted campaigns, replays it, shows what was found and holds it against what
 * was planted. No network; its files are in a temporary folder that is gone at the end.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pc from 'picocolors';
import type { Alert, Post } from '../model.ts';
import { PostFiles } from '../runtime/post-files.ts';
import { replay } from '../runtime/replay.ts';
import { demoDay, postLine, simulate } from '../simulate/feed.ts';
import { NdjsonSink } from '../sinks/ndjson.ts';
import { loadConfig } from './config.ts';
import { describeCampaigns, describeOutcome } from './demo-report.ts';
import { DemoTruth } from './demo-truth.ts';
import { startProgress } from './progress.ts';
import { counted, describeSummary } from './summary.ts';
import { loadTable } from './table.ts';
import { ENGINE } from './version.ts';

const SEED = 1;
const WINDOW = '1h';

export interface FoundCampaign {
  readonly alert: Alert;
  readonly members: readonly Post[];
}

async function demo(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'chorus-demo-'));
  try {
    const path = join(folder, 'day.ndjson');
    const truth = await writeDay(path);
    print(
      pc.bold(`A made-up day: ${counted(truth.postCount, 'post')}, ${truth.planted.length} campaigns planted in it.`),
    );
    print(
      `A file like it: npx chorus simulate --out day.ndjson, then: npx chorus replay --window ${WINDOW} day.ndjson\n`,
    );
    const found = await replayDay(path);
    print(describeCampaigns(found, truth));
    print(describeOutcome(found, truth));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function writeDay(path: string): Promise<DemoTruth> {
  const truth = new DemoTruth();
  const sink = new NdjsonSink({ name: 'the temporary folder', path });
  for (const simulated of simulate(demoDay(SEED))) {
    truth.add(simulated);
    await sink.writeLine(postLine(simulated.post));
  }
  await sink.close();
  return truth;
}

async function replayDay(path: string): Promise<FoundCampaign[]> {
  const { settings, table, sortMemoryBytes } = loadConfig({ overrides: { window: WINDOW } });
  const found: FoundCampaign[] = [];
  const progress = startProgress();
  const { summary } = await replay({
    source: new PostFiles([path]),
    settings,
    table: loadTable(table),
    engine: ENGINE,
    sortMemoryBytes,
    onRevision: ({ alert, members }) => {
      if (members !== undefined) found.push({ alert, members });
      return undefined;
    },
    ...(progress === undefined ? {} : { onProgress: progress.update }),
  });
  progress?.stop();
  const told = { ...summary, strongest: [] };
  print(describeSummary(told));
  return found.sort((a, b) => b.alert.accountCount - a.alert.accountCount);
}

function print(text: string): void {
  process.stdout.write(`${text}\n`);
}

await demo();
