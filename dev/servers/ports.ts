import { randomInt } from 'node:crypto';
import { connect, createServer } from 'node:net';

export const HOST = '127.0.0.1';
/** Systems take ports from 32768 or 49152 on where a program binds any port: what is free below stays free. */
const FIRST_PORT = 10_000;
/**
 * A port is free until its program listens, seconds later: each process of jest takes from a thousand of its own, so
 * that two never choose the same one meanwhile.
 */
const PORTS_EACH = 1_000;
const SHARES = 22;
const given = new Set<number>();

/** A port of 127.0.0.1 that nobody listens on at this moment: the wished one where it is free. */
export async function freePort(wished = ownPort()): Promise<number> {
  const server = createServer();
  const opened = await new Promise<boolean>((resolve, reject) => {
    server.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EADDRINUSE' || error.code === 'EACCES') resolve(false);
      else reject(error);
    });
    server.listen(wished, HOST, () => resolve(true));
  });
  if (!opened) return freePort();
  await new Promise((resolve) => server.close(resolve));
  return wished;
}

/** One that this process has not been given yet, until it had all of them. */
function ownPort(): number {
  if (given.size === PORTS_EACH) given.clear();
  const share = Number(process.env['JEST_WORKER_ID'] ?? 0) % SHARES;
  let port: number;
  do port = FIRST_PORT + share * PORTS_EACH + randomInt(PORTS_EACH);
  while (given.has(port));
  given.add(port);
  return port;
}

/** Whether anything accepts connections at the port. */
export const listens = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect(port, HOST);
    socket.on('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.on('error', () => resolve(false));
  });
