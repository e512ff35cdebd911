import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { makePgliteTemplate } from './pglite.js';
import { startPostgres } from './postgres.js';
import { startTemporalServer } from './temporal-server.js';

/** Where global set-up tells the test files which Temporal servers are theirs: one for each process that runs files. */
const TEMPORAL_ADDRESSES = 'TEST_TEMPORAL_ADDRESSES';

/**
 * host:port of a dev server of this test run. Files share it: take a task queue (and, for schedules, ids) of your own.
 */
export function temporalAddress(): string {
  const addresses = process.env[TEMPORAL_ADDRESSES]?.split(',') ?? [];
  const address = addresses[(Number(process.env['JEST_WORKER_ID'] ?? 1) - 1) % addresses.length];
  if (!address) throw new Error('no Temporal in this test run: only the projects integration and end-to-end have one');
  return address;
}

/**
 * Starts what all integration tests of one run share: Postgres, an embedded database to copy, and a Temporal dev server
 * in memory for each of the processes that run files. One for all has a single connection to its SQLite, and on a busy
 * machine a statement that takes too long leaves that connection interrupted for ever.
 */
export async function startServices(processes: number): Promise<{ stop(): Promise<void> }> {
  // The product's processes start a hundred times and more: each takes what one before it has compiled.
  const compiled = mkdtempSync(join(tmpdir(), 'worker-manager-compiled-'));
  process.env['NODE_COMPILE_CACHE'] = compiled;
  const starts = await Promise.allSettled([startPostgres(), startTemporal(processes), makePgliteTemplate()]);
  const stop = async () => {
    await Promise.all(starts.flatMap((start) => (start.status === 'fulfilled' ? [start.value.stop()] : [])));
    rmSync(compiled, { recursive: true, force: true, maxRetries: 5 });
  };
  const failed = starts.find((start) => start.status === 'rejected');
  if (failed) {
    await stop();
    throw failed.reason;
  }
  return { stop };
}

async function startTemporal(count: number) {
  const servers = await Promise.all(Array.from({ length: count }, () => startTemporalServer()));
  process.env[TEMPORAL_ADDRESSES] = servers.map(({ address }) => address).join(',');
  return { stop: async () => void (await Promise.all(servers.map((server) => server.stop()))) };
}
