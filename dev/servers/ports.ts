import { randomInt } from 'node:crypto';
import { connect, createServer } from 'node:net';

export const HOST = '127.0.0.1';
/** Systems take ports from 32768 or 49152 on where a program binds any port: what is free below stays free. */
const PORTS = [10_000, 32_000] as const;

/** A port of 127.0.0.1 that nobody listens on at this moment: the wished one where it is free. */
export async function freePort(wished = randomInt(...PORTS)): Promise<number> {
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
