/** The sinks of `chorus run`, in the main thread: a member that never fails the run, and counts along with that of the thread. */
import { Sinks, type SinksOptions } from '../runtime/sinks.ts';
import { kafkaSettings, type DeploymentConfig } from './config-deployment.ts';
import type { WatchedMember } from './run-worker.ts';
import type { LogLine } from './log.ts';

/** The member of the main thread, with the sinks beside it. */
export function withSinks(member: WatchedMember, config: DeploymentConfig, log: LogLine): WatchedMember {
  if (config.sinks.length === 0) return member;
  const sinks = new Sinks(sinksOptions(config, log));
  return {
    start: async () => {
      sinks.start();
      await member.start();
    },
    // At once: neither waits for the other.
    stop: async () => {
      await Promise.all([member.stop(), sinks.stop()]);
    },
    report: async () => {
      const report = await member.report();
      return report && { ...report, samples: [...report.samples, ...sinks.samples()] };
    },
  };
}

function sinksOptions(config: DeploymentConfig, log: LogLine): SinksOptions {
  const { sessionTimeoutMs, heartbeatMs, commitIntervalMs, prefix } = config.shell.kafka;
  return {
    kafka: kafkaSettings(config),
    topic: config.topics.alerts,
    groupPrefix: prefix,
    sinks: config.sinks,
    sessionTimeoutMs,
    heartbeatMs,
    commitIntervalMs,
    log,
  };
}
