/** The port of `chorus run`: what all its threads say, as one. */
import { setTimeout as sleep } from 'node:timers/promises';
import { sumSamples, type Sample } from '../metrics.ts';
import { HealthPort } from '../runtime/health.ts';
import { memoryLimitBytes } from '../runtime/thread-samples.ts';
import type { DeploymentConfig } from './config-deployment.ts';
import { publicConfig, type PublicConfig } from './config-difference.ts';
import type { LogLine } from './log.ts';
import type { FeedMember } from './run-feed.ts';
import type { MemberReport, WatchedMember } from './run-worker.ts';
import { VERSION } from './version.ts';

/** Two intervals of a scrape at its usual 15 s. */
const SEEN_MAX_MS = 30_000;

/** The port of a run: it is there before the brokers are looked for, and until all else has ended. */
export interface RunPort {
  /** @throws ChorusError `port_unusable` */
  start(): Promise<void>;
  /** From now on it tells of these. */
  watch(members: readonly WatchedMember[], source: FeedMember | undefined): void;
  /** When all of them have ended after a failure: resolves when what nobody may miss was seen, within a bound or until the signal. */
  readonly seen: (signal: AbortSignal) => Promise<void>;
  stop(): Promise<void>;
}

/** Undefined where the configuration has none. */
export function runPort(config: DeploymentConfig, log: LogLine): RunPort | undefined {
  const { host, port } = config.shell.http;
  if (port === undefined) return undefined;
  const view = new RunView(config);
  const health = new HealthPort(view, { host, port });
  return {
    start: async () => {
      const actual = await health.start();
      log('info', 'listening', { host, port: actual });
    },
    watch: (members, source) => view.watch(members, source),
    stop: () => health.stop(),
    // A process that has met a gap meets it again at each start, and might be gone each time before anybody looks.
    seen: async (signal) => {
      if (signal.aborted || !(await view.hasGap())) return;
      log('warn', 'records are missing in a log: waiting until /metrics was read', { seconds: SEEN_MAX_MS / 1000 });
      await Promise.race([health.scraped(), sleep(SEEN_MAX_MS, undefined, { signal }).catch(() => undefined)]);
    },
  };
}

/** What the port tells of a run. */
export class RunView {
  readonly #config: PublicConfig;
  /** The threads; undefined as long as there are none. */
  #members: readonly WatchedMember[] | undefined;
  #source: FeedMember | undefined;
  /** Of each thread, what it has said last: with one that is busy missing, sums would fall, and counters must not. */
  #last: (MemberReport | undefined)[] = [];

  constructor(config: DeploymentConfig) {
    this.#config = publicConfig(config);
  }

  watch(members: readonly WatchedMember[], source?: FeedMember): void {
    this.#members = members;
    this.#source = source;
  }

  samples = async (): Promise<Sample[]> => {
    const reports = await this.#reports();
    const last = this.#last.filter((report) => report !== undefined);
    const topology = last.find(({ status }) => status.topology !== '')?.status.topology;
    return [
      ...sumSamples(last.flatMap(({ samples }) => samples)),
      ...(this.#source?.samples() ?? []),
      { name: 'ready', labels: {}, value: notReady(reports) === undefined ? 1 : 0 },
      { name: 'build_info', labels: { version: VERSION, node: process.versions.node }, value: 1 },
      { name: 'memory_limit_bytes', labels: {}, value: memoryLimitBytes() },
      ...(topology === undefined ? [] : [{ name: 'topology_info' as const, labels: { topology }, value: 1 }]),
    ];
  };

  notReady = async (): Promise<string | undefined> => notReady(await this.#reports());

  /** Settings without secrets, and where each partition of each thread stands; null for a thread that is busy. */
  status = async (): Promise<unknown> => {
    const reports = await this.#reports();
    const known = this.#last.find((report) => report !== undefined)?.status;
    const reason = notReady(reports);
    return {
      version: VERSION,
      isReady: reason === undefined,
      notReady: reason,
      topology: known?.topology ?? '',
      stagesTopology: known?.stagesTopology ?? '',
      sources: known?.sources ?? 0,
      ...this.#config,
      workers: reports?.map((report) => (report === undefined ? null : stagesOf(report))) ?? [],
    };
  };

  async hasGap(): Promise<boolean> {
    return (await this.samples()).some(({ name, value }) => name === 'chain_gaps_total' && value > 0);
  }

  /** Undefined as long as there are no threads. */
  async #reports(): Promise<(MemberReport | undefined)[] | undefined> {
    if (this.#members === undefined) return undefined;
    const reports = await Promise.all(this.#members.map((member) => member.report()));
    this.#last = reports.map((report, i) => report ?? this.#last[i]);
    return reports;
  }
}

/** It is ready where one thread has a partition, and nothing restores. A thread that does not answer may be at anything. */
function notReady(reports: readonly (MemberReport | undefined)[] | undefined): string | undefined {
  if (reports === undefined) return 'waiting for the brokers';
  if (reports.some((report) => report === undefined)) return 'a thread is busy';
  if (reports.some((report) => report?.status.isRestoring === true)) return 'restoring';
  return reports.some((report) => report?.status.isReady === true) ? undefined : 'without a partition';
}

function stagesOf({ status: { isReady: isOneReady, isRestoring, stages } }: MemberReport): unknown {
  return { isReady: isOneReady, isRestoring, stages };
}
