/** `chorus topics` as people use it: a process of its own beside a real broker. */
import { appendFileSync } from 'node:fs';
import type { Admin } from 'kafkajs';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { KafkaClient } from '../../src/kafka/client.ts';
import { unique } from '../kafka/support.ts';
import { chorus } from '../support/command.ts';
import { temporaryFolder } from '../support/feeds.ts';
import { configured, makeFeed } from './deployed.ts';

const folder = temporaryFolder();
let admin: Admin;

beforeAll(async () => {
  admin = new KafkaClient({ brokers: inject('kafka'), clientId: 'test' }).admin();
  await admin.connect();
});
afterAll(() => admin?.disconnect());

describe('chorus topics', () => {
  test('check tells all that is wrong, create makes what is missing, and says what is still wrong', async () => {
    const { file, feed, prefix, alerts } = configured(
      folder,
      `  partitions: 3\n  deadLettersTopic: ${unique('dead')}\n`,
    );
    const before = await chorus(['topics', 'check', '--config', file]);
    expect(before.code).toBe(1);
    for (const name of [feed, `${prefix}.fingerprints`, `${prefix}.links`, alerts]) {
      expect(before.stdout).toContain(`topic ${name} does not exist\n  mend it with: `);
    }
    expect(before.stdout).toContain(
      `kafka-topics.sh --bootstrap-server ${inject('kafka').join(',')} --create --topic ${feed}`,
    );

    const halfway = await chorus(['topics', 'create', '--config', file]);
    expect(halfway.code).toBe(1);
    expect(halfway.stdout).toContain(`created topic ${prefix}.fingerprints\n`);
    expect(halfway.stdout).toContain(`topic ${feed} does not exist`);
    expect(halfway.stdout.match(/does not exist/g)).toHaveLength(1);

    await makeFeed(admin, feed);
    expect(await chorus(['topics', 'check', '--config', file])).toMatchObject({
      code: 0,
      stdout: 'all topics are as they must be\n',
    });
    const again = await chorus(['topics', 'create', '--config', file]);
    expect(again).toMatchObject({ code: 0, stdout: 'all topics are as they must be\n' });
    const { topics } = await admin.fetchTopicMetadata({
      topics: [`${prefix}.fingerprints`, `${prefix}.links`, alerts],
    });
    expect(new Map(topics.map(({ name, partitions }) => [name, partitions.length]))).toEqual(
      new Map([
        [`${prefix}.fingerprints`, 3],
        [`${prefix}.links`, 1],
        [alerts, 1],
      ]),
    );
  });

  test('a feed that producers date is warned of, but not where posts give the time', async () => {
    const { file, feed } = configured(folder);
    await makeFeed(admin, feed, 'CreateTime');
    const made = await chorus(['topics', 'create', '--config', file]);
    expect(made.code).toBe(0);
    expect(made.stdout).toContain(`warning: topic ${feed}: message.timestamp.type is CreateTime`);
    appendFileSync(file, '  eventTime: payload\n');
    expect((await chorus(['topics', 'check', '--config', file])).stdout).toBe('all topics are as they must be\n');
  });

  test('brokers that do not answer are waited for, then told', async () => {
    const { file } = configured(folder, '', ['127.0.0.1:1']);
    const { code, stderr } = await chorus(['topics', 'check', '--config', file, '--wait', '300ms']);
    expect(code).toBe(1);
    expect(stderr).toContain('chorus: Kafka at 127.0.0.1:1: no success for');
    expect(stderr).not.toContain('    at ');
  });
});
