/** `chorus topics create|check`: the topics of a deployment. */
import { ConfigError } from '../errors.ts';
import { KafkaClient } from '../kafka/client.ts';
import { kafkaSettings, loadDeployment } from './config-deployment.ts';
import { reportTopics } from './deployment-topics.ts';
import { parseDurationMs } from './duration.ts';
import { EXIT } from './exit.ts';
import { onInterrupt } from './interrupt.ts';
import type { Environment } from './secrets.ts';
import type { TopicsAction } from './topics-actions.ts';

export interface TopicsFlags {
  readonly config?: string;
  readonly wait: string;
}

export interface Output {
  readonly out: (text: string) => void;
  readonly err: (text: string) => void;
}

/** Returns the exit code. @throws ConfigError, ChorusError as reportTopics does */
export async function topicsCommand(
  action: TopicsAction,
  flags: TopicsFlags,
  env: Environment,
  { out, err }: Output,
): Promise<number> {
  const config = loadDeployment({ file: flags.config, secret: env['CHORUS_SECRET'] }, env);
  const boundMs = parseDurationMs(flags.wait);
  if (boundMs === undefined) {
    throw new ConfigError([{ name: '--wait', value: flags.wait, bound: 'a duration such as 10s or 2m' }]);
  }
  const interrupt = onInterrupt();
  try {
    const report = await reportTopics(new KafkaClient(kafkaSettings(config)), config, action === 'create', {
      boundMs,
      signal: interrupt.signal,
      log: (level, message, { error }) => {
        if (level === 'warn') err(`chorus: ${message} (${String(error)})\n`);
      },
    });
    if (report === undefined) return EXIT.failed;
    for (const name of report.created) out(`created topic ${name}\n`);
    for (const warning of report.warnings) out(`warning: ${warning}\n`);
    for (const problem of report.problems) out(`${problem}\n`);
    if (report.problems.length === 0) out('all topics are as they must be\n');
    return report.problems.length === 0 ? EXIT.done : EXIT.failed;
  } finally {
    interrupt.dispose();
  }
}
