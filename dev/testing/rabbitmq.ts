import { spawn, type ChildProcess } from 'node:child_process';
import { chownSync, existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { freePort, listens } from '../servers/ports.js';
import { eventually } from './eventually.js';
import { packageUser, type ProcessUser } from './package-user.js';
import { PATIENCE_MS } from './patience.js';

const DEBIAN_ROOT = '/usr/lib/rabbitmq/lib';

/**
 * A RabbitMQ of a test's own, on 127.0.0.1 and in a temporary folder, with a name service of its own: nothing of it is
 * shared with a broker that the machine may run.
 */
export class RabbitMq {
  readonly #folder: string;
  readonly #ports: { readonly amqp: number; readonly distribution: number; readonly names: number };
  readonly #user: ProcessUser;
  #names: ChildProcess | null = null;
  #server: ChildProcess | null = null;

  static async start(): Promise<RabbitMq> {
    const [amqp, distribution, names] = [await freePort(), await freePort(), await freePort()];
    const broker = new RabbitMq({ amqp, distribution, names });
    await broker.start();
    return broker;
  }

  private constructor(ports: { amqp: number; distribution: number; names: number }) {
    this.#ports = ports;
    this.#user = packageUser('rabbitmq', 'rabbitmq-server');
    this.#folder = mkdtempSync(join(tmpdir(), 'worker-manager-rabbitmq-'));
    const { uid, gid } = this.#user;
    if (uid !== undefined && gid !== undefined) chownSync(this.#folder, uid, gid);
    writeFileSync(join(this.#folder, 'rabbitmq.conf'), `listeners.tcp.1 = 127.0.0.1:${ports.amqp}\n`);
  }

  /** The same after each start. */
  get url(): string {
    return `amqp://guest:guest@127.0.0.1:${this.#ports.amqp}`;
  }

  /** With what it has stored: durable queues and their persistent messages. */
  async start(): Promise<void> {
    const { amqp, distribution, names } = this.#ports;
    const env = {
      PATH: process.env['PATH'],
      HOME: this.#folder,
      RABBITMQ_CONFIG_FILE: join(this.#folder, 'rabbitmq.conf'),
      RABBITMQ_NODENAME: 'worker-manager-test@localhost',
      RABBITMQ_MNESIA_BASE: join(this.#folder, 'mnesia'),
      RABBITMQ_LOG_BASE: join(this.#folder, 'log'),
      RABBITMQ_ENABLED_PLUGINS_FILE: join(this.#folder, 'plugins'),
      RABBITMQ_DIST_PORT: String(distribution),
      // One scheduler that does not spin: it shares the machine with what is tested.
      RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS: '+S 1:1 +sbwt none -kernel inet_dist_use_interface {127,0,0,1}',
      ERL_EPMD_PORT: String(names),
      ERL_EPMD_ADDRESS: '127.0.0.1',
    };
    const options = { ...this.#user, cwd: this.#folder, env, stdio: 'ignore' as const };
    this.#names ??= spawn('epmd', ['-port', String(names), '-address', '127.0.0.1'], options);
    // Whoever finds no name service starts one, which would outlive this test.
    await eventually(() => listens(names), { withinMs: PATIENCE_MS, everyMs: 10, what: 'the name service' });
    // Its start script runs the server as a child: a group of their own ends as one.
    const server = spawn(serverProgram(), [], { ...options, detached: true });
    server.on('error', () => undefined);
    this.#server = server;
    await this.#untilAnswers(amqp, server);
  }

  /** As a crash does. */
  async kill(): Promise<void> {
    const server = this.#server;
    this.#server = null;
    if (!server?.pid || server.exitCode !== null) return;
    const ended = new Promise((resolve) => server.once('exit', resolve));
    process.kill(-server.pid, 'SIGKILL');
    await ended;
    await untilRefused(this.#ports.amqp);
  }

  async stop(): Promise<void> {
    await this.kill();
    this.#names?.kill('SIGKILL');
    rmSync(this.#folder, { recursive: true, force: true, maxRetries: 5 });
  }

  async #untilAnswers(port: number, server: ChildProcess): Promise<void> {
    const deadline = Date.now() + PATIENCE_MS;
    while (!(await answers(port))) {
      if (server.exitCode !== null || Date.now() > deadline) {
        const [log] = readdirSync(join(this.#folder, 'log')).map((name) => join(this.#folder, 'log', name));
        throw new Error(`RabbitMQ did not start:\n${log ? readFileSync(log, 'utf8').slice(-2_000) : ''}`);
      }
      await delay(50);
    }
  }
}

/** Whether it is a broker that answers: the listener is there before the rest is. */
function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1' });
    const end = (answered: boolean) => {
      socket.destroy();
      resolve(answered);
    };
    socket.setTimeout(5_000, () => end(false));
    socket.on('error', () => end(false));
    socket.on('end', () => end(false));
    socket.on('data', () => end(true));
    socket.write('AMQP\0\0\x09\x01', 'latin1');
  });
}

async function untilRefused(port: number): Promise<void> {
  while (await answers(port)) await delay(20);
}

/** Debian's wrapper insists on its own folders, so the server's script is called that it wraps. */
function serverProgram(): string {
  const versions = existsSync(DEBIAN_ROOT) ? readdirSync(DEBIAN_ROOT).sort() : [];
  const found = versions
    .map((version) => join(DEBIAN_ROOT, version, 'sbin/rabbitmq-server'))
    .findLast((path) => existsSync(path));
  if (!found) throw new Error("RabbitMQ is not installed: these tests need Debian's package rabbitmq-server");
  return found;
}
