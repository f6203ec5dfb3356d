/**
 * Posts into the feed topic of a deployment, by account: what one account posts stays in order. Owns its client and its producer.
 *
 * At least once and no more: a producer that has failed says so, and whoever writes starts anew.
 */
import { KafkaClient } from '../kafka/client.ts';
import { FrameProducer, type OutgoingRecord } from '../kafka/producer.ts';
import type { Post } from '../model.ts';
import { feedKey, feedPartition, partitionsOf } from '../runtime/ingest.ts';
import { kafkaSettings, type DeploymentConfig } from './config-deployment.ts';

/** As many records as a request of ordinary posts takes. */
const GATHERED_MAX = 2000;

export class FeedTopic {
  readonly #topic: string;
  readonly #partitions: number;
  readonly #producer: FrameProducer;
  #gathered: OutgoingRecord[] = [];

  private constructor(topic: string, partitions: number, producer: FrameProducer) {
    this.#topic = topic;
    this.#partitions = partitions;
    this.#producer = producer;
  }

  /** @throws ChorusError `kafka_unreachable`, `kafka_login`, `topic_missing` */
  static async open(config: DeploymentConfig): Promise<FeedTopic> {
    const { feed } = config.topics;
    const client = new KafkaClient(kafkaSettings(config), () => undefined);
    const producer = new FrameProducer(client);
    // First, because it tells brokers that are away from those that refuse us.
    await producer.connect();
    try {
      return new FeedTopic(feed, await partitionsOf(client, feed), producer);
    } catch (error) {
      await producer.disconnect(0);
      throw error;
    }
  }

  /** A promise if the brokers must be waited for. @throws ChorusError `send_failed` and others of the producer */
  write(post: Pick<Post, 'platform' | 'account'>, value: string): Promise<void> | undefined {
    const key = feedKey(post);
    this.#gathered.push({ partition: feedPartition(key, this.#partitions), key, value });
    return this.#gathered.length < GATHERED_MAX ? undefined : this.flush();
  }

  /** Resolves when all that was written is stored. @throws as write */
  async flush(): Promise<void> {
    const records = this.#gathered;
    this.#gathered = [];
    await this.#producer.send(this.#topic, records);
  }

  async close(): Promise<void> {
    await this.flush();
    // Nothing is under way any more.
    await this.#producer.disconnect(0);
  }
}
