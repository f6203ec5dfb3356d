/** The port of `chorus run`: what all its threads say, as one. */
import { setTimeout as sleep } from 'node:timers/promises';
import { sumSamples, type Sample } from '../metrics.ts';
import { HealthPort } from '../runtime/health.ts';
import { memoryLimitBytes } from '../runtime/thread-samples.ts';
import type { DeploymentConfig } from './config-deployment.ts';
import { publicConfig, type PublicConfig } from './config-difference.ts';
import type { LogLine } from './log.ts';
import type { Lookout } from './run-members.ts';
import type { MemberReport, WatchedMember } from './run-worker.ts';
import { VERSION } from './version.ts';

/** Two intervals of a scrape at its usual 15 s. */
const SEEN_MAX_MS = 30_000;

/** The port as a part of the run, where the configuration has one. @throws ChorusError `port_unusable` by its start */
export function healthPort(
  config: DeploymentConfig,
  members: readonly WatchedMember[],
  log: LogLine,
): Lookout | undefined {
  const { host, port } = config.shell.http;
  if (port === undefined) return undefined;
  const view = new RunView(config, members);
  const health = new HealthPort(view, { host, port });
  return {
    start: async () => {
      const actual = await health.start();
      log('info', 'listening', { host, port: actual });
    },
    stop: () => health.stop(),
    // A process that has met a gap meets it again at each start, and might be gone each time before anybody looks.
    seen: async (signal) => {
      if (signal.aborted || !(await view.hasGap())) return;
      log('warn', 'records are missing in a log: waiting until /metrics was read', { seconds: SEEN_MAX_MS / 1000 });
      await Promise.race([health.scraped(), sleep(SEEN_MAX_MS, undefined, { signal }).catch(() => undefined)]);
    },
  };
}

/** What the port tells of the threads of a run. */
export class RunView {
  readonly #config: PublicConfig;
  readonly #members: readonly WatchedMember[];
  /** Of each thread, what it has said last: with one that is busy missing, sums would fall, and counters must not. */
  readonly #last: (MemberReport | undefined)[];

  constructor(config: DeploymentConfig, members: readonly WatchedMember[]) {
    this.#config = publicConfig(config);
    this.#members = members;
    this.#last = members.map(() => undefined);
  }

  samples = async (): Promise<Sample[]> => {
    const reports = await this.#reports();
    const last = this.#last.filter((report) => report !== undefined);
    const topology = last.find(({ status }) => status.topology !== '')?.status.topology;
    return [
      ...sumSamples(last.flatMap(({ samples }) => samples)),
      { name: 'ready', labels: {}, value: isReady(reports) ? 1 : 0 },
      { name: 'build_info', labels: { version: VERSION, node: process.versions.node }, value: 1 },
      { name: 'memory_limit_bytes', labels: {}, value: memoryLimitBytes() },
      ...(topology === undefined ? [] : [{ name: 'topology_info' as const, labels: { topology }, value: 1 }]),
    ];
  };

  isReady = async (): Promise<boolean> => isReady(await this.#reports());

  /** Settings without secrets, and where each partition of each thread stands; null for a thread that is busy. */
  status = async (): Promise<unknown> => {
    const reports = await this.#reports();
    const known = this.#last.find((report) => report !== undefined)?.status;
    return {
      version: VERSION,
      isReady: isReady(reports),
      topology: known?.topology,
      stagesTopology: known?.stagesTopology,
      sources: known?.sources,
      ...this.#config,
      workers: reports.map((report) => (report === undefined ? null : stagesOf(report))),
    };
  };

  async hasGap(): Promise<boolean> {
    return (await this.samples()).some(({ name, value }) => name === 'chain_gaps_total' && value > 0);
  }

  async #reports(): Promise<(MemberReport | undefined)[]> {
    const reports = await Promise.all(this.#members.map((member) => member.report()));
    for (const [i, report] of reports.entries()) this.#last[i] = report ?? this.#last[i];
    return reports;
  }
}

/** One of them has a partition, and nothing restores. A thread that does not answer may be at anything. */
function isReady(reports: readonly (MemberReport | undefined)[]): boolean {
  const isSettled = reports.every((report) => report !== undefined && !report.status.isRestoring);
  return isSettled && reports.some((report) => report?.status.isReady === true);
}

function stagesOf({ status: { isReady: isOneReady, isRestoring, stages } }: MemberReport): unknown {
  return { isReady: isOneReady, isRestoring, stages };
}
