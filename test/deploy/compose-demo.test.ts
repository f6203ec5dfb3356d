/**
 * The promise of deploy/compose.yaml, kept without its images: on a real broker, with the settings and the commands that the file
 * has, campaigns are on /metrics long before two minutes are over.
 */
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ChildProcess } from 'node:child_process';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { KafkaClient } from '../../src/kafka/client.ts';
import { unique, until } from '../kafka/support.ts';
import { startBroker, type Broker } from '../support/broker/broker.ts';
import { freePort } from '../support/broker/service.ts';
import { chorus, start } from '../support/command.ts';
import { temporaryFolder } from '../support/feeds.ts';
import { compose, deployText } from './files.ts';

const START_TIMEOUT_MS = 240_000;
/** What the images take to come up, generously, is left of the two minutes. */
const BOUND_MS = 75_000;

const folder = temporaryFolder();
const running: ChildProcess[] = [];
let broker: Broker;

beforeAll(async () => {
  broker = await startBroker();
}, START_TIMEOUT_MS);
afterAll(async () => {
  await Promise.all(running.map(ended));
  await broker?.stop();
});

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const over = once(child, 'close');
  child.kill('SIGKILL');
  await over;
}

/** The arguments of a service, for another file of settings. */
function argumentsOf(service: string, file: string): string[] {
  return compose().services[service]!.command!.map((word) => word.replace('/etc/chorus/chorus.yaml', file));
}

/** Its output is read away, else it would wait for that. */
function keepRunning(args: readonly string[]): void {
  const child = start(args, { CHORUS_SECRET: 'only-a-demo' });
  child.stdout!.resume();
  child.stderr!.resume();
  running.push(child);
}

/** Undefined while there is none. */
async function metric(port: number, name: string): Promise<number | undefined> {
  const response = await fetch(`http://127.0.0.1:${port}/metrics`).catch(() => undefined);
  const line = (await response?.text())?.split('\n').find((each) => each.startsWith(`${name} `));
  return line === undefined ? undefined : Number(line.split(' ')[1]);
}

test('the demo shows campaigns within two minutes', { timeout: START_TIMEOUT_MS }, async () => {
  const port = await freePort();
  const feed = unique('demo');
  const file = join(folder, 'chorus.yaml');
  // What is another here: addresses, folders, and names that a broker shared with other tests has not seen.
  const changed = deployText('compose/chorus.yaml')
    .replace('kafka:9092', broker.bootstrap.join(','))
    .replace('topic: posts\n', `topic: ${feed}\n  prefix: ${feed}\n  alertsTopic: ${feed}-alerts\n`)
    .replace('posts-dead-letters', `${feed}-dead-letters`)
    .replace('/var/lib/chorus', join(folder, 'state'))
    .replace(/registry:\n.*\n/, '')
    .replace('0.0.0.0', '127.0.0.1')
    .replace('9464', String(port));
  writeFileSync(file, changed);
  const admin = new KafkaClient({ brokers: broker.bootstrap, clientId: 'demo' }).admin();
  await admin.connect();
  const made = compose().services['feed-topic']!.command!;
  const numPartitions = Number(made.find((word) => word.startsWith('--partitions='))!.split('=')[1]);
  const configEntries = [{ name: 'message.timestamp.type', value: 'LogAppendTime' }];
  await admin.createTopics({ topics: [{ topic: feed, numPartitions, replicationFactor: 1, configEntries }] });
  await admin.disconnect();

  const beganMs = performance.now();
  expect(await chorus(argumentsOf('topics', file))).toMatchObject({ code: 0 });
  keepRunning(argumentsOf('chorus', file));
  keepRunning(argumentsOf('feed', file));
  const opened = async (): Promise<boolean> => ((await metric(port, 'chorus_alerts_total{status="open"}')) ?? 0) >= 2;
  await until('two campaigns are found', opened, BOUND_MS);
  const tookMs = performance.now() - beganMs;
  expect(tookMs).toBeLessThan(BOUND_MS);
  expect(await metric(port, 'chorus_posts_late_total')).toBe(0);
});
