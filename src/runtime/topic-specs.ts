/**
 * What the topics of a deployment must be like, and why.
 *
 * State is a function of the log: what a topic drops too early cannot be built again, and what a topic dates by another clock
 * than the broker's is dropped at once where old posts are read.
 */
import type { TopicSpec } from '../kafka/topics.ts';
import type { DeploymentTopics } from './deployment.ts';

export interface TopicNeeds {
  readonly topics: DeploymentTopics;
  /** Of the topic of fingerprints. */
  readonly partitions: number;
  readonly windowMs: number;
  readonly outOfOrdernessMs: number;
  /** How long all instances may be away, and still find what they have not read. */
  readonly outageAllowanceMs: number;
}

export interface TopicSpecs {
  /** With the number of partitions that each is made with. */
  readonly created: readonly TopicSpec[];
  /** What must hold before a deployment starts. */
  readonly checked: readonly TopicSpec[];
}

/** The broker's default. Frames of fingerprints and snapshots stay below it, and so does what the producer puts together. */
const MESSAGE_BYTES = 1_048_588;
/** Frames of links, with all posts that one is linked to, and alerts, with all that they list, may be so large where texts are long. */
const LARGE_MESSAGE_BYTES = 4_194_304;

export function topicSpecs(needs: TopicNeeds): TopicSpecs {
  const { topics, partitions } = needs;
  const log = {
    configs: {
      'cleanup.policy': 'delete',
      // Retention counts from when the broker took a frame: by event time, a replayed year would be gone as it is written.
      'message.timestamp.type': 'LogAppendTime',
      // A bound by bytes would cut the time.
      'retention.bytes': '-1',
    },
    atLeast: {
      'retention.ms': 2 * needs.windowMs + needs.outOfOrdernessMs + needs.outageAllowanceMs,
      'max.message.bytes': MESSAGE_BYTES,
    },
  };
  const fingerprints: TopicSpec = { name: topics.fingerprints, partitions, ...log };
  // All links of a node must meet.
  const links: TopicSpec = {
    name: topics.links,
    partitions: 1,
    ...log,
    atLeast: { ...log.atLeast, 'max.message.bytes': LARGE_MESSAGE_BYTES },
  };
  // The last revision of each campaign stays; by key, so any number of partitions will do.
  const alerts: TopicSpec = {
    name: topics.alerts,
    configs: { 'cleanup.policy': 'compact' },
    atLeast: { 'max.message.bytes': LARGE_MESSAGE_BYTES },
  };
  // How long they are kept is for those who look at them to say. They have no key, so they must not be compacted.
  const dead: TopicSpec[] =
    topics.deadLetters === undefined
      ? []
      : [
          {
            name: topics.deadLetters,
            configs: { 'cleanup.policy': 'delete' },
            atLeast: { 'max.message.bytes': MESSAGE_BYTES },
          },
        ];
  const feed: TopicSpec = { name: topics.feed, configs: {} };
  return {
    created: [fingerprints, links, ...[alerts, ...dead].map((spec) => ({ ...spec, partitions: 1 }))],
    checked: [feed, fingerprints, links, alerts, ...dead],
  };
}
