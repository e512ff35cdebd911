import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';

/** Spreads connections over processes in turn, and passes over those that accept none. */
export class Balancer {
  readonly #server: Server;
  readonly #ports: readonly number[];
  readonly #open = new Set<Socket>();
  #next = 0;

  static async start(ports: readonly number[]): Promise<Balancer> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const server = createServer((client) => balancer.#accept(client));
    const balancer = new Balancer(server, ports);
    server.listen(0, '127.0.0.1', resolve);
    await promise;
    return balancer;
  }

  private constructor(server: Server, ports: readonly number[]) {
    this.#server = server;
    this.#ports = ports;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  async stop(): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    for (const socket of this.#open) socket.destroy();
    await closed;
  }

  #accept(client: Socket): void {
    this.#open.add(client);
    client.setNoDelay(true);
    client.on('error', () => undefined);
    client.on('close', () => this.#open.delete(client));
    this.#next = (this.#next + 1) % this.#ports.length;
    this.#connect(client, [...this.#ports.slice(this.#next), ...this.#ports.slice(0, this.#next)]);
  }

  /** To the first of these processes that accepts, each of which is tried once, whatever other connections try. */
  #connect(client: Socket, [port, ...others]: readonly number[]): void {
    if (port === undefined) return void client.destroy();
    const server = connect({ host: '127.0.0.1', port });
    const passOver = () => this.#connect(client, others);
    server.once('error', passOver);
    server.once('connect', () => {
      server.off('error', passOver);
      server.on('error', () => undefined);
      server.setNoDelay(true);
      // Whichever side ends, the other ends.
      server.on('close', () => client.destroy());
      client.on('close', () => server.destroy());
      client.pipe(server);
      server.pipe(client);
    });
  }
}
