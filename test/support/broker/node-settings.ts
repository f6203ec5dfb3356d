/** What each broker of ours is told, however it is started, and how to ask whether it answers. */
import { Kafka } from 'kafkajs';

/** 16 bytes in base64url, as Kafka wants it; the same for all, since none lives longer than a test run. */
export const CLUSTER_ID = 'Q2hvcnVzVGVzdEJyb2tlcg';

export const HEAP_MB = 256;

/** A broker of a test is up before the second compiler pays; one thread for garbage leaves the other core to the test. */
export const QUICK_JVM = ['-XX:TieredStopAtLevel=1', '-XX:+UseSerialGC'];

/** Controller and broker in one process. */
export function nodeProperties(own: Readonly<Record<string, string>>): Record<string, string> {
  return {
    'process.roles': 'broker,controller',
    'node.id': '1',
    'inter.broker.listener.name': 'PLAINTEXT',
    'controller.listener.names': 'CONTROLLER',
    'listener.security.protocol.map': 'CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT',
    'auto.create.topics.enable': 'false',
    'offsets.topic.num.partitions': '4',
    'offsets.topic.replication.factor': '1',
    'transaction.state.log.num.partitions': '4',
    'transaction.state.log.replication.factor': '1',
    'transaction.state.log.min.isr': '1',
    'share.coordinator.state.topic.num.partitions': '1',
    'share.coordinator.state.topic.replication.factor': '1',
    'share.coordinator.state.topic.min.isr': '1',
    'group.initial.rebalance.delay.ms': '0',
    'group.min.session.timeout.ms': '1000',
    // A broker that was killed is let in again once its former session is over: 5 s after its start, with the default 9 s 11 s.
    'broker.session.timeout.ms': '3000',
    'broker.heartbeat.interval.ms': '500',
    // The default of 128 MiB does not fit into a small heap: the broker would not start.
    'log.cleaner.dedupe.buffer.size': '4194304',
    'num.network.threads': '2',
    'num.io.threads': '2',
    ...own,
  };
}

/** Whether a broker there knows its cluster. @throws whatever the connection meets. */
export async function answers(bootstrap: readonly string[]): Promise<boolean> {
  const kafka = new Kafka({
    brokers: [...bootstrap],
    connectionTimeout: 1000,
    requestTimeout: 2000,
    retry: { retries: 0 },
    logCreator: () => () => undefined,
  });
  const admin = kafka.admin();
  try {
    await admin.connect();
    const { brokers } = await admin.describeCluster();
    return brokers.length > 0;
  } finally {
    await admin.disconnect();
  }
}
