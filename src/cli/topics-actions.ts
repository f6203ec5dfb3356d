/** What `chorus topics` can do. Apart from it, so that the list is there without loading the client of Kafka. */
export const TOPICS_ACTIONS = {
  create: 'make the topics that are missing, then check all; one that exists is left as it is',
  check: 'say what is wrong with the topics, and the command that mends it; changes nothing',
} as const;

export type TopicsAction = keyof typeof TOPICS_ACTIONS;
