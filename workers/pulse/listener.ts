import { randomUUID } from 'node:crypto';
import type { Channel } from 'amqplib';
import { poolOfTaskPending, TASK_PENDING_EXCHANGE, taskPendingPattern } from '../../domain/messages.js';
import { PUSH_PRESENCE_MS, PUSH_PRESENCE, PUSH_PRESENCE_INTERVAL_MS } from '../../domain/demand.js';
import { endPresence, extendPresence } from '../../database/leases.js';
import { listPoolIds } from '../../database/pools.js';
import type { Db } from '../../database/client/schema.js';
import type { Log } from '../../observability/log-events.js';
import { Broker } from './broker.js';
import { BrokerError } from './limited.js';
import { Outage } from './outage.js';
import { pause } from './pause.js';

/** What polls have found by themselves is no use any more. */
const MESSAGE_TTL_MS = 60_000;
/** More than these are dropped, the oldest first: a message only says that it is worth reading the queue's counts. */
const MAX_MESSAGES = 20_000;
/** Without a listener for so long the queue is gone. */
const EXPIRES_MS = 10 * 60_000;

export interface ListenerOptions {
  readonly db: Db;
  readonly url: string;
  readonly namespace: string;
  readonly log: Log<'info' | 'warn'>;
  /** At each message: cheap, and never waits. */
  readonly onTaskPending: (workerPoolId: string) => void;
}

/**
 * Hears from Taskcluster's queue which pools have new tasks. One queue of our own is shared by all processes, and one
 * of them gets its messages. While some process listens the database says so (`leases`), and polls leave quiet pools
 * alone; what is lost, with a process or with the broker, is found by the next poll.
 */
export class TaskPendingListener {
  readonly #options: ListenerOptions;
  readonly #outage: Outage;
  readonly #holder = randomUUID();

  constructor(options: ListenerOptions) {
    this.#options = options;
    this.#outage = new Outage('listener', options.log);
  }

  /** Until `signal` is aborted. Never rejects. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        await this.#listen(signal);
      } catch (error) {
        if (!signal.aborted) await pause(this.#outage.failed(error), signal);
      }
    }
  }

  /** Throws what ended the connection, or kept it from being of use. */
  async #listen(signal: AbortSignal): Promise<void> {
    const { db, url } = this.#options;
    const broker = await Broker.open(url, signal);
    const over = new AbortController();
    const ended = AbortSignal.any([signal, over.signal]);
    void broker.closed.then(() => over.abort());
    try {
      const channel = await broker.channel();
      const queue = await this.#declareQueue(broker, channel);
      const bound = new Set<string>();
      await this.#bindPools(broker, channel, queue, bound);
      await broker.call(channel.consume(queue, (message) => this.#onMessage(broker, message), { noAck: true }));
      while (!ended.aborted) {
        await extendPresence(db, PUSH_PRESENCE, this.#holder, PUSH_PRESENCE_MS);
        this.#outage.ended();
        await pause(PUSH_PRESENCE_INTERVAL_MS, ended);
        if (!ended.aborted) await this.#bindPools(broker, channel, queue, bound);
      }
      if (!signal.aborted) throw await broker.closed;
    } finally {
      await Promise.allSettled([endPresence(db, PUSH_PRESENCE), broker.close()]);
    }
  }

  async #declareQueue(broker: Broker, channel: Channel): Promise<string> {
    const name = `queue/${this.#options.namespace}/worker-manager/task-pending`;
    const options = {
      durable: true,
      expires: EXPIRES_MS,
      messageTtl: MESSAGE_TTL_MS,
      maxLength: MAX_MESSAGES,
      arguments: { 'x-single-active-consumer': true },
    };
    const { queue } = await broker.call(channel.assertQueue(name, options));
    return queue;
  }

  /** Messages of our pools and of no others; pools come and go. */
  async #bindPools(broker: Broker, channel: Channel, queue: string, bound: Set<string>): Promise<void> {
    const pools = new Set(await listPoolIds(this.#options.db));
    const change = (call: 'bindQueue' | 'unbindQueue', pool: string) =>
      broker.call(channel[call](queue, TASK_PENDING_EXCHANGE, taskPendingPattern(pool)));
    // One after the other, as the protocol wants it: each has a limit of its own, however many there are.
    for (const pool of [...pools].filter((id) => !bound.has(id))) {
      await change('bindQueue', pool);
      bound.add(pool);
    }
    for (const pool of [...bound].filter((id) => !pools.has(id))) {
      await change('unbindQueue', pool);
      bound.delete(pool);
    }
  }

  /** Null: somebody has deleted the queue. */
  #onMessage(broker: Broker, message: { readonly fields: { readonly routingKey: string } } | null): void {
    if (!message) {
      broker.destroy(new BrokerError('the queue of pending tasks was deleted'));
      return;
    }
    const workerPoolId = poolOfTaskPending(message.fields.routingKey);
    if (workerPoolId !== null) this.#options.onTaskPending(workerPoolId);
  }
}
