/** The port of `chorus run`: what all its threads say, as one. */
import { sumSamples, type Sample } from '../metrics.ts';
import { HealthPort } from '../runtime/health.ts';
import type { DeploymentConfig } from './config-deployment.ts';
import type { LogLine } from './log.ts';
import type { Member } from './run-members.ts';
import type { MemberReport, WatchedMember } from './run-worker.ts';
import { VERSION } from './version.ts';

/** The port as a member of the run, where the configuration has one. @throws ChorusError `port_unusable` by its start */
export function healthMember(config: DeploymentConfig, members: readonly WatchedMember[], log: LogLine): Member[] {
  const { host, port } = config.shell.http;
  if (port === undefined) return [];
  const reports = async (): Promise<(MemberReport | undefined)[]> =>
    await Promise.all(members.map((member) => member.report()));
  const health: HealthPort = new HealthPort(
    {
      samples: async () => samplesOf(await reports(), health),
      isReady: async () => (await reports()).every((report) => report?.status.isReady === true),
      status: async () => statusOf(config, await reports()),
    },
    { host, port, version: VERSION },
  );
  return [
    {
      start: async () => {
        const actual = await health.start();
        log('info', 'listening', { host, port: actual });
      },
      stop: () => health.stop(),
    },
  ];
}

function samplesOf(reports: readonly (MemberReport | undefined)[], health: HealthPort): Sample[] {
  for (const report of reports) {
    for (const [stage, seconds] of report?.batches ?? []) health.observeBatch(stage, seconds);
  }
  return sumSamples(reports.flatMap((report) => report?.samples ?? []));
}

/** Settings without the secret; passwords and tokens are none of them. */
function statusOf(config: DeploymentConfig, reports: readonly (MemberReport | undefined)[]): unknown {
  const { secret: _secret, ...settings } = config.settings;
  const workers = reports.map((report) => report?.status ?? null);
  return { version: VERSION, settings, shell: config.shell, topics: config.topics, workers };
}
