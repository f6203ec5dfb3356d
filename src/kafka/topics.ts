/**
 * Makes topics and tells how they differ from what they must be, with the command that mends it.
 */
import kafkajs, { type Admin } from 'kafkajs';
import { ChorusError } from '../errors.ts';
import { messageOf, Patience } from './wire.ts';

const KNOWN_MAX_MS = 30_000;

export interface TopicSpec {
  readonly name: string;
  /** If not given, any number will do, and it is not created. */
  readonly partitions?: number;
  /** What must be as given, in the broker's words. */
  readonly configs: Readonly<Record<string, string>>;
  /** What must be at least so much; -1 in the topic stands for no limit. Created with exactly so much. */
  readonly atLeast?: Readonly<Record<string, number>>;
}

export interface TopicProblem {
  readonly topic: string;
  /** What differs: `topic`, `partitions` or the name of a config. */
  readonly what: string;
  readonly found: string;
  readonly wanted: string;
  readonly message: string;
  /** A command that mends it; `<brokers>` is left to fill in. */
  readonly command: string;
}

/**
 * Names of those created; one that exists already is left as it is.
 * @throws ChorusError `topic_create`
 */
export async function createTopics(
  admin: Admin,
  specs: readonly TopicSpec[],
  replicationFactor: number,
): Promise<string[]> {
  const existing = new Set(await admin.listTopics());
  const missing = specs.filter(({ name, partitions }) => partitions !== undefined && !existing.has(name));
  if (missing.length === 0) return [];
  try {
    await admin.createTopics({
      // kafkajs gives up the wait as soon as a broker does not know a topic yet, and calls that a failure.
      waitForLeaders: false,
      topics: missing.map(({ name, partitions, configs, atLeast }) => ({
        topic: name,
        // kafkajs would send -1 for either of these, which older brokers refuse.
        numPartitions: partitions!,
        replicationFactor,
        configEntries: [...Object.entries(configs), ...Object.entries(atLeast ?? {})].map(([key, value]) => ({
          name: key,
          value: String(value),
        })),
      })),
    });
  } catch (error) {
    throw new ChorusError(
      'topic_create',
      `topics ${missing.map(({ name }) => name).join(', ')} cannot be created with replication factor ${replicationFactor}: ` +
        reasonsOf(error),
      { cause: error },
    );
  }
  const names = missing.map(({ name }) => name);
  await known(admin, names);
  return names;
}

/** Waits until the brokers know topics that were just created, and the leader of each partition that it is one. */
async function known(admin: Admin, topics: string[]): Promise<void> {
  const patience = new Patience(
    `topics ${topics.join(', ')}: created, waiting for their leaders`,
    KNOWN_MAX_MS,
    () => {},
  );
  for (;;) {
    try {
      await admin.fetchTopicMetadata({ topics });
      // A broker may tell of itself as the leader before it answers as one.
      for (const topic of topics) await admin.fetchTopicOffsets(topic);
      return;
    } catch (error) {
      await patience.wait(error);
    }
  }
}

/** kafkajs puts what is wrong with each topic below one error that says nothing. */
function reasonsOf(error: unknown): string {
  const { errors } = error as { errors?: unknown };
  const all = Array.isArray(errors) ? errors : [error];
  return all
    .map((one: unknown) => {
      const { topic } = one as { topic?: unknown };
      return typeof topic === 'string' ? `${topic}: ${messageOf(one)}` : messageOf(one);
    })
    .join('; ');
}

/** Empty if all is as it must be. */
export async function checkTopics(admin: Admin, specs: readonly TopicSpec[]): Promise<TopicProblem[]> {
  const existing = new Set(await admin.listTopics());
  const found = specs.filter(({ name }) => existing.has(name));
  const problems = specs.filter(({ name }) => !existing.has(name)).map(missingTopic);
  if (found.length === 0) return problems;
  const { topics } = await admin.fetchTopicMetadata({ topics: found.map(({ name }) => name) });
  const counts = new Map(topics.map(({ name, partitions }) => [name, partitions.length]));
  const { resources } = await admin.describeConfigs({
    includeSynonyms: false,
    resources: found.map(({ name, configs, atLeast }) => ({
      type: kafkajs.ConfigResourceTypes.TOPIC,
      name,
      configNames: [...Object.keys(configs), ...Object.keys(atLeast ?? {})],
    })),
  });
  const configs = new Map(
    resources.map(({ resourceName, configEntries }) => [
      resourceName,
      new Map(configEntries.map(({ configName, configValue }) => [configName, configValue])),
    ]),
  );
  for (const spec of found) {
    problems.push(...countProblems(spec, counts.get(spec.name) ?? 0));
    problems.push(...configProblems(spec, configs.get(spec.name) ?? new Map()));
  }
  return problems;
}

function missingTopic({ name, partitions }: TopicSpec): TopicProblem {
  const own = partitions !== undefined;
  return {
    topic: name,
    what: 'topic',
    found: 'missing',
    wanted: 'existing',
    message: `topic ${name} does not exist`,
    command: own
      ? 'chorus topics create'
      : `kafka-topics.sh --bootstrap-server <brokers> --create --topic ${name} --partitions <count>`,
  };
}

function countProblems({ name, partitions }: TopicSpec, count: number): TopicProblem[] {
  if (partitions === undefined || count === partitions) return [];
  const wanted = String(partitions);
  const message = `topic ${name} has ${count} partitions, must have ${partitions}`;
  const command =
    count < partitions
      ? `kafka-topics.sh --bootstrap-server <brokers> --alter --topic ${name} --partitions ${partitions}`
      : `kafka-topics.sh --bootstrap-server <brokers> --delete --topic ${name} && chorus topics create`;
  return [{ topic: name, what: 'partitions', found: String(count), wanted, message, command }];
}

function configProblems(spec: TopicSpec, values: ReadonlyMap<string, string | null>): TopicProblem[] {
  const problems: TopicProblem[] = [];
  for (const [what, wanted] of Object.entries(spec.configs)) {
    const found = values.get(what) ?? '';
    if (sameSet(found, wanted)) continue;
    problems.push(configProblem(spec.name, what, found, wanted, `must be ${wanted}`));
  }
  for (const [what, least] of Object.entries(spec.atLeast ?? {})) {
    const found = values.get(what) ?? '';
    const number = Number(found);
    if (found !== '' && (number === -1 || number >= least)) continue;
    problems.push(configProblem(spec.name, what, found, String(least), `must be at least ${least} or -1`));
  }
  return problems;
}

/** `compact,delete` and `delete,compact` are one policy. */
function sameSet(found: string, wanted: string): boolean {
  const sorted = (list: string): string => list.split(',').sort().join(',');
  return sorted(found) === sorted(wanted);
}

function configProblem(topic: string, what: string, found: string, wanted: string, must: string): TopicProblem {
  return {
    topic,
    what,
    found,
    wanted,
    message: `topic ${topic}: ${what} is ${found === '' ? 'not set' : found}, ${must}`,
    command:
      `kafka-configs.sh --bootstrap-server <brokers> --alter --entity-type topics --entity-name ${topic} ` +
      `--add-config ${what}=${wanted.includes(',') ? `[${wanted}]` : wanted}`,
  };
}
