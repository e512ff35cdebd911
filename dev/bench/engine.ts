import { startTemporalServer } from '../testing/temporal-server.js';

/** Runs `work` with a Temporal dev server of its own, in memory; gives it host:port and the server's process id. */
export async function withEngine<T>(work: (address: string, pid: number) => Promise<T>): Promise<T> {
  const server = await startTemporalServer();
  try {
    return await work(server.address, server.pid);
  } finally {
    await server.stop();
  }
}
