import { type Channel, type ChannelModel, connect } from 'amqplib';
import type { RequestLog } from '../request-log.js';
import type { Task } from './queue.js';

const EXCHANGE = 'exchange/taskcluster-queue/v1/task-pending';
const RECONNECT_MS = 500;

/** Says over the message broker which tasks are pending; while there is no broker nobody hears of them. */
export class TaskMessages {
  readonly #url: string;
  readonly #log: RequestLog;
  #model: ChannelModel | null = null;
  #channel: Channel | null = null;
  #timer: NodeJS.Timeout | undefined;
  #stopped = false;

  constructor(url: string, log: RequestLog) {
    this.#url = url;
    this.#log = log;
  }

  /** Resolves after the first attempt to reach the broker. */
  async start(): Promise<void> {
    try {
      const model = await connect(this.#url);
      model.on('error', () => undefined);
      model.on('close', () => this.#again());
      const channel = await model.createChannel();
      channel.on('error', () => undefined);
      await channel.assertExchange(EXCHANGE, 'topic', { durable: true });
      this.#model = model;
      this.#channel = channel;
      if (this.#stopped) this.stop();
    } catch {
      this.#again();
    }
  }

  pending({ taskId, taskQueueId, runId }: Task): void {
    const [provisionerId, workerType] = taskQueueId.split('/');
    const routingKey = ['primary', taskId, runId, '_', '_', provisionerId, workerType, 'simulator', taskId, '_'].join(
      '.',
    );
    const run = { runId, state: 'pending', reasonCreated: 'scheduled', scheduled: new Date().toISOString() };
    const body = { status: { taskId, provisionerId, workerType, taskQueueId, state: 'pending', runs: [run] }, runId };
    const options = { persistent: true, contentType: 'application/json', contentEncoding: 'utf-8' };
    this.#channel?.publish(EXCHANGE, routingKey, Buffer.from(JSON.stringify(body)), options);
    const outcome = this.#channel ? 'ok' : 'no-broker';
    this.#log.write({ kind: 'queue', operation: 'taskPending', outcome, taskQueueId, taskId });
  }

  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
    this.#model?.close().catch(() => undefined);
  }

  #again(): void {
    this.#model = null;
    this.#channel = null;
    clearTimeout(this.#timer);
    if (!this.#stopped) this.#timer = setTimeout(() => void this.start(), RECONNECT_MS);
  }
}
