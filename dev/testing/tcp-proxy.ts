import { createServer, connect, type AddressInfo, type Server, type Socket } from 'node:net';

/** What a byte stream does on its way; both ways of a connection are treated alike. */
type Way = 'passes' | 'held' | 'lost';

interface Watch {
  readonly statement: RegExp;
  /** Whether the server still gets what is watched for. */
  readonly arrives: boolean;
  met(connection: ProxiedConnection): void;
}

/** One client's connection through the proxy. */
export class ProxiedConnection {
  /** The port from which the proxy speaks to the server: what `pg_stat_activity.client_port` shows. */
  get serverSidePort(): number {
    return this.#server.localPort ?? 0;
  }
  readonly #client: Socket;
  readonly #server: Socket;
  #way: Way;
  #held: (() => void)[] = [];
  #delayMs = 0;
  #watch: Watch | null = null;
  /** Resolves when both sockets are closed. */
  readonly closed: Promise<unknown>;

  constructor(client: Socket, server: Socket, way: Way) {
    this.#client = client;
    this.#server = server;
    this.#way = way;
    client.on('data', (bytes) => this.#fromClient(bytes));
    server.on('data', (bytes) => this.#send(() => client.write(bytes)));
    client.on('close', () => this.#send(() => server.destroy()));
    server.on('close', () => this.#send(() => client.destroy()));
    this.closed = Promise.all([client, server].map((socket) => new Promise((resolve) => socket.on('close', resolve))));
    // What breaks closes as well.
    client.on('error', () => undefined);
    server.on('error', () => undefined);
  }

  /** Both sockets stay open; what either side sends waits until `resume`. */
  hold(): void {
    if (this.#way === 'passes') this.#way = 'held';
  }

  resume(): void {
    if (this.#way !== 'held') return;
    this.#way = 'passes';
    for (const send of this.#held.splice(0)) send();
  }

  /**
   * Both sockets stay open, and nothing that either side sends ever arrives: a host that has vanished without a FIN.
   */
  cut(): void {
    this.#way = 'lost';
    this.#held = [];
  }

  /** Where it is lost, both sides notice, as their keepalives would let them. */
  expire(): void {
    if (this.#way === 'lost') this.reset();
  }

  /** Cut when the client sends what is watched for; null for nothing. */
  watchFor(watch: Watch | null): void {
    this.#watch = watch;
  }

  delay(ms: number): void {
    this.#delayMs = ms;
  }

  reset(): void {
    this.#client.resetAndDestroy();
    this.#server.resetAndDestroy();
  }

  end(): void {
    this.#client.destroy();
    this.#server.destroy();
  }

  #fromClient(bytes: Buffer): void {
    const watch = this.#watch;
    const cuts = watch?.statement.test(bytes.toString('latin1')) ?? false;
    if (!cuts || watch?.arrives) this.#send(() => this.#server.write(bytes));
    if (!cuts) return;
    this.cut();
    watch?.met(this);
  }

  #send(send: () => void): void {
    if (this.#way === 'lost') return;
    if (this.#way === 'held') this.#held.push(send);
    else if (this.#delayMs > 0) setTimeout(send, this.#delayMs);
    else send();
  }
}

/** A TCP proxy in this process in front of a server (a database, Temporal), which can be made to misbehave. */
export class TcpProxy {
  /** The server's URL by way of the proxy. */
  readonly url: string;
  readonly #server: Server;
  readonly #connections = new Set<ProxiedConnection>();
  #silent = false;
  #delayMs = 0;
  #watch: Watch | null = null;

  static async start(serverUrl: string): Promise<TcpProxy> {
    const target = new URL(serverUrl);
    const proxy: { current?: TcpProxy } = {};
    const server = createServer({ allowHalfOpen: false }, (client) => proxy.current?.accept(client, target));
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(0, '127.0.0.1', resolve);
    });
    proxy.current = new TcpProxy(server, target);
    return proxy.current;
  }

  private constructor(server: Server, target: URL) {
    this.#server = server;
    const url = new URL(target);
    url.hostname = '127.0.0.1';
    url.port = String((server.address() as AddressInfo).port);
    this.url = url.href;
  }

  /** host:port of the proxy. */
  get address(): string {
    return new URL(this.url).host;
  }

  get connections(): readonly ProxiedConnection[] {
    return [...this.#connections];
  }

  /** The connection that the server shows with this `client_port`. */
  connectionAt(serverSidePort: number): ProxiedConnection {
    const found = this.connections.find((connection) => connection.serverSidePort === serverSidePort);
    if (!found) throw new Error(`no connection through the proxy comes from port ${serverSidePort}`);
    return found;
  }

  /** Nothing arrives any more, on connections that are open and on new ones, which are accepted all the same. */
  silence(): void {
    this.#silent = true;
    for (const connection of this.#connections) connection.hold();
  }

  /** Ends the silence. What was sent meanwhile arrives now; `lost`: the connections of the silence never work again. */
  speak(meanwhile: 'arrives' | 'lost' = 'arrives'): void {
    this.#silent = false;
    for (const connection of this.#connections) {
      if (meanwhile === 'lost') connection.cut();
      else connection.resume();
    }
  }

  /** Both sides of every connection that is lost end, as their keepalives would end them. */
  expireLost(): void {
    for (const connection of this.#connections) connection.expire();
  }

  /** Every answer and question takes so much longer, from now on. */
  delay(ms: number): void {
    this.#delayMs = ms;
    for (const connection of this.#connections) connection.delay(ms);
  }

  /**
   * Cuts the next connection whose client sends what matches, and resolves then. The server gets the statement, and its
   * answer is lost; with `lost` it does not get it.
   */
  async cutOnce(statement: RegExp, itself: 'arrives' | 'lost' = 'arrives'): Promise<ProxiedConnection> {
    const { promise, resolve } = Promise.withResolvers<ProxiedConnection>();
    const met = (connection: ProxiedConnection) => {
      this.#watchFor(null);
      resolve(connection);
    };
    this.#watchFor({ statement, arrives: itself === 'arrives', met });
    return await promise;
  }

  resetAll(): void {
    for (const connection of this.#connections) connection.reset();
  }

  async stop(): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    for (const connection of this.#connections) connection.end();
    await closed;
  }

  #watchFor(watch: Watch | null): void {
    this.#watch = watch;
    for (const connection of this.#connections) connection.watchFor(watch);
  }

  private accept(client: Socket, target: URL): void {
    const server = connect({ host: target.hostname, port: Number(target.port || 5432) });
    client.setNoDelay(true);
    server.setNoDelay(true);
    const connection = new ProxiedConnection(client, server, this.#silent ? 'held' : 'passes');
    connection.delay(this.#delayMs);
    connection.watchFor(this.#watch);
    this.#connections.add(connection);
    void connection.closed.then(() => this.#connections.delete(connection));
  }
}
