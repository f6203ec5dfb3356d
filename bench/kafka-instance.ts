/** One process of a benchmarked deployment: runs the stages that it is told to, and reports where they are. */
import { loadTable } from '../src/cli/table.ts';
import type { CampaignTask } from '../src/runtime/campaign-task.ts';
import { Deployment, type DeploymentTopics, type StageName } from '../src/runtime/deployment.ts';
import { MatchTask } from '../src/runtime/match-task.ts';
import type { PartitionReport } from '../src/runtime/stage-samples.ts';
import { DEFAULTS, type Settings } from '../src/settings.ts';

export interface InstanceRequest {
  readonly brokers: readonly string[];
  readonly stages: readonly StageName[];
  readonly topics: DeploymentTopics;
  readonly partitions: number;
  readonly settings: Partial<Settings>;
  readonly eventTime: 'record' | 'payload';
  readonly outOfOrdernessMs: number;
  readonly stateFolder?: string;
}

export interface InstanceReport {
  readonly stages: Readonly<Partial<Record<StageName, readonly PartitionReport[]>>>;
  /** Event time that the campaign stage has reached; null without it. */
  readonly watermark: number | null;
  readonly nodes: number;
  readonly rssBytes: number;
  /** Of the process, since it began. */
  readonly cpuSeconds: number;
  readonly batchSeconds: Readonly<Partial<Record<StageName, number>>>;
}

const REPORT_EVERY_MS = 50;

const request = JSON.parse(process.argv[2]!) as InstanceRequest;
const { brokers, stages, stateFolder, ...rest } = request;
const deployment = new Deployment(
  {
    ...rest,
    settings: { ...DEFAULTS, ...request.settings },
    table: loadTable(),
    engine: 'chorus/bench',
    kafka: { brokers, clientId: 'bench' },
    groupPrefix: 'bench',
    format: 'canonical',
    idleMs: undefined,
    stages,
    stateFolder,
    storeMemoryBytes: 64 * 2 ** 20,
    cacheBytes: 64 * 2 ** 20,
    snapshotBytes: 64 * 2 ** 20,
    commitIntervalMs: 200,
    sessionTimeoutMs: 30_000,
    heartbeatMs: 1000,
    registry: undefined,
    alertFormat: 'json',
  },
  {
    log: (level, message, fields) => {
      if (level !== 'info') console.error(level, message, fields);
    },
    onFatal: (error) => {
      console.error(error);
      process.exit(1);
    },
  },
);

function report(): InstanceReport {
  const campaign = deployment.runner('campaign')?.tasks()[0] as CampaignTask | undefined;
  const matches = (deployment.runner('match')?.tasks() ?? []).filter((task) => task instanceof MatchTask);
  const { user, system } = process.cpuUsage();
  const watermark = campaign?.partition.watermark ?? -Infinity;
  return {
    stages: deployment.status().stages,
    watermark: Number.isFinite(watermark) ? watermark : null,
    nodes: matches.reduce((sum, { partition }) => sum + partition.stage.index.nodes, 0),
    rssBytes: process.memoryUsage().rss,
    cpuSeconds: (user + system) / 1e6,
    batchSeconds: Object.fromEntries(
      stages.map((stage) => [stage, deployment.runner(stage)?.counters.batchSeconds ?? 0]),
    ),
  };
}

process.once('SIGTERM', () => {
  void deployment.stop().then(() => process.exit(0));
});
await deployment.start();
setInterval(() => process.send!(report()), REPORT_EVERY_MS);
