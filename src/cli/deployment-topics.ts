/** The topics of a deployment on its brokers: made, checked, and what is wrong told with the command that mends it. */
import kafkajs, { type Admin } from 'kafkajs';
import { ChorusError } from '../errors.ts';
import type { KafkaClient } from '../kafka/client.ts';
import { checkTopics, createTopics, type TopicProblem } from '../kafka/topics.ts';
import { lastingError, messageOf, Patience, type Log } from '../kafka/wire.ts';
import { topicSpecs, type TopicSpecs } from '../runtime/topic-specs.ts';
import type { DeploymentConfig } from './config-deployment.ts';

const TIMESTAMP_TYPE = 'message.timestamp.type';

export interface TopicReport {
  readonly created: readonly string[];
  /** Text for people, one problem each; empty if all is as it must be. */
  readonly problems: readonly string[];
  /** What may be meant so. */
  readonly warnings: readonly string[];
}

export interface ReachOptions {
  /** How long the brokers may be away. */
  readonly boundMs: number;
  readonly signal: AbortSignal;
  /** Told of each attempt that failed. */
  readonly log: Log;
}

/**
 * Waits for the brokers, then makes what is missing if so asked, and checks. Undefined if the signal came first.
 * @throws ChorusError `kafka_unreachable` after the bound, `kafka_login`, `kafka_tls`, `kafka_denied`, `topic_create`
 */
export async function reportTopics(
  client: KafkaClient,
  config: DeploymentConfig,
  isCreated: boolean,
  { boundMs, signal, log }: ReachOptions,
): Promise<TopicReport | undefined> {
  const patience = new Patience(`Kafka at ${config.brokers.join(',')}`, boundMs, log);
  const specs = specsOf(config);
  while (!signal.aborted) {
    try {
      // Looked for first, since an administration that finds none says so only after a minute.
      await reach(client);
      return await withAdmin(client, (admin) => report(admin, config, specs, isCreated));
    } catch (error) {
      await patience.wait(error, signal);
    }
  }
  return undefined;
}

function specsOf({ settings, shell, topics }: DeploymentConfig): TopicSpecs {
  const { partitions, outOfOrdernessMs, outageAllowanceMs } = shell.kafka;
  return topicSpecs({ topics, partitions, windowMs: settings.windowMs, outOfOrdernessMs, outageAllowanceMs });
}

async function reach(client: KafkaClient): Promise<void> {
  const wire = client.wire();
  try {
    await wire.cluster.connect();
  } finally {
    await wire.close();
  }
}

async function withAdmin<T>(client: KafkaClient, use: (admin: Admin) => Promise<T>): Promise<T> {
  const admin = client.admin();
  try {
    await admin.connect();
    return await use(admin);
  } catch (error) {
    throw lastingError(error, 'checking topics') ?? (isPassing(error) ? error : refusedError(error));
  } finally {
    await admin.disconnect();
  }
}

/** kafkajs' word for it; where it gave up trying, whatever the cause was may pass. */
function isPassing(error: unknown): boolean {
  const { retriable, name } = error as { retriable?: boolean; name?: string };
  return retriable === true || name === 'KafkaJSNumberOfRetriesExceeded';
}

function refusedError(error: unknown): ChorusError {
  return new ChorusError('kafka_refused', `the topics cannot be checked: ${messageOf(error)}`, { cause: error });
}

async function report(
  admin: Admin,
  config: DeploymentConfig,
  specs: TopicSpecs,
  isCreated: boolean,
): Promise<TopicReport> {
  const created = isCreated ? await createTopics(admin, specs.created, config.shell.kafka.replicationFactor) : [];
  const found = await checkTopics(admin, specs.checked);
  const isFeedThere = !found.some(({ topic, what }) => topic === config.topics.feed && what === 'topic');
  const warnings = isFeedThere && (await isDatedByProducers(admin, config)) ? [clockWarning(config)] : [];
  const ours = new Set(specs.created.map(({ name }) => name));
  return { created, problems: found.map((problem) => textOf(problem, config, ours)), warnings };
}

function textOf(
  { topic, what, message, command }: TopicProblem,
  { brokers }: DeploymentConfig,
  ours: Set<string>,
): string {
  const isMissing = what === 'topic' && ours.has(topic);
  const mend = isMissing ? 'chorus topics create' : command.replaceAll('<brokers>', brokers.join(','));
  return `${message}\n  mend it with: ${mend}`;
}

async function isDatedByProducers(admin: Admin, { shell, topics }: DeploymentConfig): Promise<boolean> {
  if (shell.kafka.eventTime !== 'record') return false;
  const { resources } = await admin.describeConfigs({
    includeSynonyms: false,
    resources: [{ type: kafkajs.ConfigResourceTypes.TOPIC, name: topics.feed, configNames: [TIMESTAMP_TYPE] }],
  });
  return resources[0]?.configEntries[0]?.configValue !== 'LogAppendTime';
}

function clockWarning({ topics, brokers }: DeploymentConfig): string {
  return (
    `topic ${topics.feed}: ${TIMESTAMP_TYPE} is CreateTime, so kafka.eventTime record takes the times that producers give: ` +
    'one wrong clock makes all others late\n' +
    `  mend it with: kafka-configs.sh --bootstrap-server ${brokers.join(',')} --alter --entity-type topics ` +
    `--entity-name ${topics.feed} --add-config ${TIMESTAMP_TYPE}=LogAppendTime`
  );
}
