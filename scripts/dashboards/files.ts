/** The dashboards as the files that Grafana reads. */
import type { Dashboard } from '@grafana/grafana-foundation-sdk/dashboard';
import { format } from 'prettier';
import { UID_PREFIX } from './dashboard.ts';
import { kafka } from './kafka.ts';
import { overview } from './overview.ts';
import { processDashboard } from './process.ts';
import { stages } from './stages.ts';
import { state } from './state.ts';

const DASHBOARDS: readonly Dashboard[] = [overview, stages, state, kafka, processDashboard];

/** Texts by file name (the address without the prefix that tells them from other dashboards), formatted like all files here. */
export async function dashboardFiles(): Promise<ReadonlyMap<string, string>> {
  const files = DASHBOARDS.map(async (dashboard): Promise<[string, string]> => {
    const text = await format(JSON.stringify(dashboard), { parser: 'json', printWidth: 120 });
    return [`${dashboard.uid!.slice(UID_PREFIX.length)}.json`, text];
  });
  return new Map(await Promise.all(files));
}
