import { randomUUID } from 'node:crypto';
import type { ConfirmChannel } from 'amqplib';
import { orderKey, exchangeOf, toMessage, topics, type Message, type Topic } from '../../domain/messages.js';
import { acquireLease, releaseLease } from '../../database/leases.js';
import {
  deleteEvents,
  oldestEvents,
  outboxHorizon,
  stillOpen,
  type Horizon,
  type StoredEvent,
} from '../../database/outbox.js';
import type { Db } from '../../database/client/schema.js';
import { type Log, logEvent } from '../../observability/log-events.js';
import { pause } from './pause.js';
import { Broker } from './broker.js';
import { limited } from './limited.js';
import { Outage } from './outage.js';

const LEASE = 'publisher';
/** After a process was killed the next one waits so long. */
const LEASE_MS = 15_000;
/** The lease is given up so long before its end: what is sent then has arrived before anybody else sends. */
const LEASE_MARGIN_MS = 3_000;
/** How late a message may be because there was nothing to send before it. */
const IDLE_INTERVAL_MS = 500;
/** While another process has the lease. */
const STANDBY_INTERVAL_MS = 2_000;
/** The broker has written a message to disk, and its consumers' queues have it. */
const CONFIRM_TIMEOUT_MS = 10_000;
/** Messages that are on their way at once; so many may come twice after a crash. */
const BATCH = 200;
/** So often a message is sent of which the broker says that a queue did not take it; the others have it by then. */
const MAX_REFUSALS = 5;
const WRITERS_INTERVAL_MS = 20;
/** Longer than any transaction of ours can last (database/client/postgres.ts): what is open still is not ours. */
const MAX_WAIT_FOR_WRITERS_MS = 90_000;

export interface PublisherOptions {
  readonly db: Db;
  readonly url: string;
  readonly log: Log<'info' | 'warn' | 'error'>;
  /** For tests. */
  readonly leaseMs?: number;
  readonly onPublished?: (exchange: string) => void;
}

/**
 * Delivers the outbox: each event at least once, those of one worker and of one pool in their order. Of all processes
 * the one with the lease does. An event is deleted when the broker has confirmed its message; what was sent and not
 * confirmed is sent again. While there is no broker the events wait, and nothing else does.
 */
export class Publisher {
  readonly #options: PublisherOptions;
  readonly #holder = randomUUID();
  readonly #leaseMs: number;
  readonly #outage: Outage;
  /** Refusals of messages that are still in the outbox. */
  readonly #refusals = new Map<number, number>();
  /** Transactions that were waited for in vain. */
  readonly #foreign = new Set<string>();
  #renewedAt = -Infinity;
  #broker: { readonly connection: Broker; readonly channel: ConfirmChannel } | null = null;

  constructor(options: PublisherOptions) {
    this.#options = options;
    this.#leaseMs = options.leaseMs ?? LEASE_MS;
    this.#outage = new Outage('publisher', options.log);
  }

  /** Until `signal` is aborted. Never rejects. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        await pause(await this.#publishSome(signal), signal);
      } catch (error) {
        await this.#disconnect();
        if (!signal.aborted) await pause(this.#outage.failed(error), signal);
      }
    }
    await this.#disconnect();
    await releaseLease(this.#options.db, LEASE, this.#holder).catch(() => undefined);
  }

  /** Gives for how long there is nothing to do. */
  async #publishSome(signal: AbortSignal): Promise<number> {
    if (!(await this.#renewed())) {
      await this.#disconnect();
      return STANDBY_INTERVAL_MS;
    }
    const { db } = this.#options;
    const horizon = await outboxHorizon(db);
    if (!horizon) return IDLE_INTERVAL_MS;
    // Both may take long: the lease is renewed after them.
    const channel = await this.#channel(signal);
    await this.#untilEnded(horizon, signal);
    if (signal.aborted || !(await this.#renewed())) return 0;
    const events = await oldestEvents(db, horizon.lastId, BATCH);
    const done = await this.#publish(channel, events, signal);
    await deleteEvents(db, done.ids);
    for (const id of done.ids) this.#refusals.delete(id);
    if (done.failure !== null) throw done.failure;
    this.#outage.ended();
    return events.length === BATCH ? 0 : IDLE_INTERVAL_MS;
  }

  async #renewed(): Promise<boolean> {
    const at = performance.now();
    if (at - this.#renewedAt < this.#leaseMs / 4) return true;
    const acquired = await acquireLease(this.#options.db, LEASE, this.#holder, this.#leaseMs);
    this.#renewedAt = acquired ? at : -Infinity;
    return acquired;
  }

  /** By a clock that nobody sets, from before the lease was acquired. */
  #mayPublish(): boolean {
    return performance.now() - this.#renewedAt < this.#leaseMs - LEASE_MARGIN_MS;
  }

  /** What is below the horizon is complete when those who wrote then have ended. */
  async #untilEnded({ writers: all }: Horizon, signal: AbortSignal): Promise<void> {
    const until = performance.now() + MAX_WAIT_FOR_WRITERS_MS;
    let writers: readonly string[] = all.filter((writer) => !this.#foreign.has(writer));
    // guard(horizon-waits-for-writers): false
    while (writers.length > 0 && performance.now() < until && !signal.aborted) {
      await pause(WRITERS_INTERVAL_MS, signal);
      await this.#renewed();
      writers = await stillOpen(this.#options.db, writers);
    }
    if (!signal.aborted) for (const writer of writers) this.#foreign.add(writer);
  }

  /** Gives the events that are delivered, and the first failure. Those of one key are sent one after the other. */
  async #publish(
    channel: ConfirmChannel,
    events: readonly StoredEvent[],
    signal: AbortSignal,
  ): Promise<{ readonly ids: number[]; readonly failure: unknown }> {
    const ids: number[] = [];
    const failures: unknown[] = [];
    const lanes = [...Map.groupBy(events, orderKey).values()].map(async (lane) => {
      for (const event of lane) {
        try {
          await this.#deliver(channel, event, signal);
          ids.push(event.id);
        } catch (error) {
          failures.push(error);
          // guard(message-waits-for-the-one-before): drop
          return;
        }
      }
    });
    await Promise.all(lanes);
    return { ids, failure: failures[0] ?? null };
  }

  async #deliver(channel: ConfirmChannel, event: StoredEvent, signal: AbortSignal): Promise<void> {
    const { log, onPublished } = this.#options;
    const message = toMessage(event);
    if (!message) {
      logEvent(log, 'message-impossible', { eventId: event.id, topic: event.topic });
      return;
    }
    try {
      await this.#send(channel, message, signal);
      onPublished?.(message.exchange);
    } catch (error) {
      if (!(error instanceof RefusedError)) throw error;
      const refusals = (this.#refusals.get(event.id) ?? 0) + 1;
      this.#refusals.set(event.id, refusals);
      if (refusals < MAX_REFUSALS) throw error;
      logEvent(log, 'message-refused', { eventId: event.id, topic: event.topic, refusals });
    }
  }

  async #send(channel: ConfirmChannel, { exchange, routingKey, body }: Message, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    // guard(publisher-has-the-lease): drop
    if (!this.#mayPublish()) throw new Error('the lease has ended');
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const confirmed = (error: unknown) => {
      if (error === null) resolve();
      else reject(isRefusal(error) ? new RefusedError('a queue of the broker did not take a message') : error);
    };
    const options = { persistent: true, contentType: 'application/json', contentEncoding: 'utf-8', CC: [] };
    channel.publish(exchange, routingKey, Buffer.from(JSON.stringify(body)), options, confirmed);
    await limited(promise, CONFIRM_TIMEOUT_MS, 'no confirmation', signal);
  }

  /** Exchanges are there once the connection is. */
  async #channel(signal: AbortSignal): Promise<ConfirmChannel> {
    if (this.#broker?.connection.isOpen) return this.#broker.channel;
    await this.#disconnect();
    const connection = await Broker.open(this.#options.url, signal);
    try {
      const channel = await connection.confirmChannel();
      const options = { durable: true, internal: false, autoDelete: false };
      const declare = (topic: Topic) => channel.assertExchange(exchangeOf(topic), 'topic', options);
      await connection.call(Promise.all(topics.map(declare)));
      this.#broker = { connection, channel };
      return channel;
    } catch (error) {
      connection.destroy(error);
      throw error;
    }
  }

  async #disconnect(): Promise<void> {
    const broker = this.#broker;
    this.#broker = null;
    await broker?.connection.close();
  }
}

/** The broker has passed a message on to some queues and not to others. */
class RefusedError extends Error {
  override readonly name = 'RefusedError';
}

/** Of the client library, which has no other sign of it. */
const isRefusal = (error: unknown): boolean => error instanceof Error && error.message === 'message nacked';
