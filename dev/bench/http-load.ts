import { connect, type Socket } from 'node:net';

export interface Load {
  readonly port: number;
  /** Connections, each with one call at a time. */
  readonly atOnce: number;
  /** The next request as it is sent; null when there is none left. */
  next(): string | null;
}

export interface LoadResult {
  readonly seconds: number;
  /** How long each call took that was answered with 200. */
  readonly times: readonly number[];
  /** Answers by status. */
  readonly statuses: ReadonlyMap<number, number>;
  /** Of answers with 200, where they are kept. */
  readonly bodies: readonly string[];
}

const HEADERS_END = '\r\n\r\n';

export const request = (
  method: string,
  path: string,
  { port, headers = {}, body = '' }: { port: number; headers?: Readonly<Record<string, string>>; body?: string },
): string => {
  const length: Record<string, string> = body === '' ? {} : { 'content-length': String(Buffer.byteLength(body)) };
  const all = Object.entries({ host: `127.0.0.1:${port}`, ...headers, ...length });
  return `${[`${method} ${path} HTTP/1.1`, ...all.map(([name, value]) => `${name}: ${value}`)].join('\r\n')}${HEADERS_END}${body}`;
};

/**
 * Calls over connections that stay open, at a fraction of what an HTTP client costs: the generator has to be quicker
 * than what it measures. `keepBodies`: for few calls.
 */
export async function run(load: Load, { keepBodies = false } = {}): Promise<LoadResult> {
  const times: number[] = [];
  const statuses = new Map<number, number>();
  const bodies: string[] = [];
  const begun = performance.now();
  const connections = Array.from({ length: load.atOnce }, async () => {
    const socket = connect(load.port, '127.0.0.1');
    socket.setNoDelay(true);
    try {
      for (let text = load.next(); text !== null; text = load.next()) {
        const sentAt = performance.now();
        const { status, body } = await exchange(socket, text);
        statuses.set(status, (statuses.get(status) ?? 0) + 1);
        if (status !== 200) continue;
        times.push(performance.now() - sentAt);
        if (keepBodies) bodies.push(body);
      }
    } finally {
      socket.destroy();
    }
  });
  await Promise.all(connections);
  return { seconds: (performance.now() - begun) / 1000, times, statuses, bodies };
}

/** Calls for so long. */
export async function runFor(seconds: number, load: Load): Promise<LoadResult> {
  const until = performance.now() + seconds * 1000;
  return await run({ ...load, next: () => (performance.now() < until ? load.next() : null) });
}

function exchange(socket: Socket, text: string): Promise<{ status: number; body: string }> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let missing = Infinity;
    const end = (finish: () => void) => {
      socket.off('data', take).off('error', fail).off('close', fail);
      finish();
    };
    const fail = (error: unknown) =>
      end(() => reject(error instanceof Error ? error : new Error('the server has closed the connection')));
    const take = (chunk: Buffer) => {
      chunks.push(chunk);
      if (missing === Infinity) {
        const head = chunks.length === 1 ? chunk : Buffer.concat(chunks);
        const at = head.indexOf(HEADERS_END);
        if (at < 0) return;
        const length = /\r\ncontent-length: (\d+)/i.exec(head.toString('latin1', 0, at))?.[1];
        missing = at + HEADERS_END.length + Number(length) - head.length;
      } else missing -= chunk.length;
      if (missing > 0) return;
      const [head = '', body = ''] = Buffer.concat(chunks).toString().split(HEADERS_END, 2);
      end(() => resolve({ status: Number(head.split(' ', 2)[1]), body }));
    };
    socket.on('data', take).on('error', fail).on('close', fail);
    socket.write(text);
  });
}
