/** For the tests of a deployment's commands: configurations with topics of their own on the broker of the project. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Admin } from 'kafkajs';
import { inject } from 'vitest';
import { unique } from '../kafka/support.ts';

export interface Deployed {
  readonly file: string;
  readonly feed: string;
  readonly prefix: string;
  readonly alerts: string;
}

/** @param more of the section `kafka`, indented, and then other sections */
export function configured(folder: string, more = '', brokers: readonly string[] = inject('kafka')): Deployed {
  const [prefix, feed, alerts] = [unique('run'), unique('feed'), unique('alerts')];
  const file = join(folder, `${prefix}.yaml`);
  writeFileSync(
    file,
    `kafka:
  brokers: ${brokers.join(',')}
  topic: ${feed}
  prefix: ${prefix}
  alertsTopic: ${alerts}
  outOfOrderness: 100ms
  idle: 300ms
  commitInterval: 200ms
  sessionTimeout: 3s
  heartbeat: 200ms
${more}`,
  );
  return { file, feed, prefix, alerts };
}

export async function makeFeed(admin: Admin, feed: string, type = 'LogAppendTime'): Promise<void> {
  const configEntries = [{ name: 'message.timestamp.type', value: type }];
  await admin.createTopics({
    waitForLeaders: true,
    topics: [{ topic: feed, numPartitions: 2, replicationFactor: 1, configEntries }],
  });
}
