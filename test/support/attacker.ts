import { Worker } from 'node:worker_threads';

export interface Attack {
  readonly port: number;
  /** A whole request; sent again as soon as the one before is answered, `everyMs` apart at least. */
  readonly request: string;
  readonly everyMs: number;
}

/** A thread of its own, so that what it costs to attack is not taken for what it costs to be attacked. */
const SCRIPT = `
  const { parentPort, workerData: { port, request, everyMs } } = require('node:worker_threads');
  const { connect } = require('node:net');
  let isOver = false;
  parentPort.on('message', () => { isOver = true; });
  function once() {
    return new Promise((resolve) => {
      const socket = connect(port, '127.0.0.1');
      let answer = '';
      socket.on('data', (chunk) => { answer += chunk; });
      socket.on('error', () => {});
      socket.on('close', () => resolve(Number(answer.slice(9, 12))));
      socket.write(request);
    });
  }
  (async () => {
    while (!isOver) {
      const begun = Date.now();
      parentPort.postMessage(await once());
      await new Promise((resolve) => setTimeout(resolve, Math.max(0, begun + everyMs - Date.now())));
    }
    parentPort.close();
  })();
`;

/** Repeats a request until it is stopped. `statuses` has 0 where the server hung up before it had read everything. */
export class Attacker {
  readonly statuses: number[] = [];
  readonly #worker: Worker;

  constructor(attack: Attack) {
    this.#worker = new Worker(SCRIPT, { eval: true, workerData: attack });
    this.#worker.on('message', (status: number) => void this.statuses.push(status));
  }

  async stop(): Promise<void> {
    const ended = new Promise((resolve, reject) => {
      this.#worker.once('exit', resolve);
      this.#worker.once('error', reject);
    });
    this.#worker.postMessage('stop');
    await ended;
  }
}

/** The bytes of one request, after which the server closes the connection. */
export function rawRequest(method: string, path: string, headers: Record<string, string>, body = ''): string {
  const all = {
    host: 'localhost',
    connection: 'close',
    ...(body && { 'content-type': 'application/json', 'content-length': String(Buffer.byteLength(body)) }),
    ...headers,
  };
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}`);
  return `${method} ${path} HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\n${body}`;
}
