import { connect, type Channel, type ChannelModel, type ConfirmChannel } from 'amqplib';
import { isIP } from 'node:net';
import type { Config } from '../../config/schema.js';
import { BrokerError, limited } from './limited.js';

/** Name, sign-in and tuning of a connection together. */
const CONNECT_TIMEOUT_MS = 10_000;
/** What the broker answers by itself: declarations, bindings. */
const CALL_TIMEOUT_MS = 10_000;
const CLOSE_TIMEOUT_MS = 2_000;
/** The protocol's code of a reply. */
const NOT_FOUND = 404;
/**
 * A broker that is silent for two to three of these has gone; a connection that a firewall forgets is kept alive by
 * them.
 */
const HEARTBEAT_SECONDS = 5;

/**
 * One connection to the message broker. Whatever waits for the broker has a limit, and at that limit the connection is
 * destroyed: of a connection that did not answer nothing more is to be expected.
 */
export class Broker {
  readonly #model: ChannelModel;
  readonly #socket: AbortController;
  readonly #signal: AbortSignal | undefined;
  readonly #closed = Promise.withResolvers<unknown>();
  #isOpen = true;

  /** Rejects when there is no connection within 10 s. Whatever waits for it ends as soon as `signal` is aborted. */
  static async open(url: string, signal?: AbortSignal): Promise<Broker> {
    const socket = new AbortController();
    const options = { noDelay: true, keepAlive: true, timeout: CONNECT_TIMEOUT_MS, signal: socket.signal };
    const connecting = connect(withHeartbeat(url), options);
    try {
      return new Broker(await limited(connecting, CONNECT_TIMEOUT_MS, 'no connection', signal), socket, signal);
    } catch (error) {
      socket.abort();
      throw error;
    }
  }

  private constructor(model: ChannelModel, socket: AbortController, signal: AbortSignal | undefined) {
    this.#model = model;
    this.#socket = socket;
    this.#signal = signal;
    // An `error` is followed by a `close`, which has it too.
    model.on('error', () => undefined);
    model.on('close', (error) => this.#end(error ?? new BrokerError('the connection was closed')));
  }

  get isOpen(): boolean {
    return this.#isOpen;
  }

  /** Resolves with why, when the connection has come to its end. */
  get closed(): Promise<unknown> {
    return this.#closed.promise;
  }

  channel = (): Promise<Channel> => this.#prepare(() => this.#model.createChannel());

  confirmChannel = (): Promise<ConfirmChannel> => this.#prepare(() => this.#model.createConfirmChannel());

  /** Declares nothing. Of a connection that has found none nothing more is to be expected. */
  async hasExchange(name: string): Promise<boolean> {
    const channel = await this.channel();
    try {
      await this.call(channel.checkExchange(name));
      return true;
    } catch (error) {
      if (error instanceof Error && 'code' in error && error.code === NOT_FOUND) return false;
      throw error;
    }
  }

  /** Waits for an answer of the broker. */
  async call<T>(answer: Promise<T>): Promise<T> {
    try {
      return await limited(answer, CALL_TIMEOUT_MS, 'no answer', this.#signal);
    } catch (error) {
      this.destroy(error);
      throw error;
    }
  }

  /** Ends the connection as a client should, and by force where the broker does not answer. Never rejects. */
  async close(): Promise<void> {
    if (!this.#isOpen) return;
    try {
      await limited(this.#model.close(), CLOSE_TIMEOUT_MS, 'no answer');
    } catch {
      // It is destroyed all the same.
    }
    this.destroy(new BrokerError('the connection was closed'));
  }

  destroy(reason: unknown): void {
    this.#end(reason);
    this.#socket.abort();
  }

  async #prepare<T extends Channel>(create: () => Promise<T>): Promise<T> {
    if (!this.#isOpen) throw new BrokerError('the connection has ended');
    const channel = await this.call(create());
    // One that the broker closes, for something that it refuses, is no good any more; nor is what was set up on it.
    channel.on('error', (error) => this.destroy(error));
    channel.on('close', () => this.destroy(new BrokerError('the channel was closed')));
    return channel;
  }

  #end(reason: unknown): void {
    this.#isOpen = false;
    this.#closed.resolve(reason);
  }
}

function withHeartbeat(url: string): string {
  const address = new URL(url);
  address.searchParams.set('heartbeat', String(HEARTBEAT_SECONDS));
  return address.href;
}

type PulseOptions = NonNullable<Config['pulse']>;

/** Where the broker is: the configuration's URL, or its parts over TLS. */
export function brokerUrl({ url, hostname = '', vhost = '/', username = '', password = '' }: PulseOptions): string {
  if (url !== undefined) return url;
  const host = isIP(hostname) === 6 ? `[${hostname}]` : hostname;
  const [user, secret, path] = [username, password, vhost].map(encodeURIComponent);
  return `amqps://${user}:${secret}@${host}/${path}`;
}

/** First part of the names of our own queues: the broker lets a user have those of its name. */
export function namespaceOf({ namespace, url, username }: PulseOptions): string {
  return namespace ?? username ?? (decodeURIComponent(new URL(url ?? 'amqp://').username) || 'guest');
}
