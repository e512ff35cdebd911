import { connect, type ChannelModel } from 'amqplib';
import { exchangeOf, topics, type Topic } from '../../domain/messages.js';

export interface RecordedMessage {
  readonly topic: Topic;
  readonly routingKey: string;
  readonly body: Readonly<Record<string, unknown>>;
  readonly properties: { readonly contentType: unknown; readonly deliveryMode: unknown };
}

const QUEUE = 'queue/guest/recorded-messages';

/**
 * What a consumer of all ten exchanges gets, in its order. Its queue outlives the broker's restarts; a message is taken
 * off it when it has been recorded.
 */
export class RecordedMessages {
  readonly messages: RecordedMessage[] = [];
  #model: ChannelModel | null = null;

  static async of(url: string): Promise<RecordedMessages> {
    const recorded = new RecordedMessages();
    await recorded.listen(url);
    return recorded;
  }

  /** Again, after the broker has gone and come. */
  async listen(url: string): Promise<void> {
    const model = await connect(url);
    this.#model = model;
    model.on('error', () => undefined);
    const channel = await model.createChannel();
    channel.on('error', () => undefined);
    await channel.assertQueue(QUEUE, { durable: true });
    for (const topic of topics) {
      await channel.assertExchange(exchangeOf(topic), 'topic', { durable: true });
      await channel.bindQueue(QUEUE, exchangeOf(topic), '#');
    }
    await channel.consume(QUEUE, (message) => {
      if (!message) return;
      const { exchange, routingKey } = message.fields;
      const topic = topics.find((each) => exchangeOf(each) === exchange);
      if (!topic) throw new Error(`a message of ${exchange}`);
      const { contentType, deliveryMode } = message.properties;
      const body = JSON.parse(message.content.toString()) as RecordedMessage['body'];
      this.messages.push({ topic, routingKey, body, properties: { contentType, deliveryMode } });
      channel.ack(message);
    });
  }

  /** Topics of one worker's messages, in their order. */
  topicsOf(workerId: string): Topic[] {
    return this.messages.filter(({ body }) => body.workerId === workerId).map(({ topic }) => topic);
  }

  /** As an end of the consumer; what comes meanwhile waits in its queue. */
  async stop(): Promise<void> {
    await this.#model?.close().catch(() => undefined);
  }
}

/** Each value once, where it came first: what is left of a sequence without repetitions. */
export const firstOccurrences = <T>(sequence: readonly T[]): T[] => [...new Set(sequence)];
