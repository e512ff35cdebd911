import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { makePgliteTemplate } from './pglite.js';
import { startPostgres } from './postgres.js';
import { startTemporalServer } from './temporal-server.js';

/** Where global set-up tells the test files which Temporal server is theirs. */
const TEMPORAL_ADDRESS = 'TEST_TEMPORAL_ADDRESS';

/** host:port of the dev server of this test run. Files share it: take a task queue (and, for schedules, ids) of your own. */
export function temporalAddress(): string {
  const address = process.env[TEMPORAL_ADDRESS];
  if (!address) throw new Error('no Temporal in this test run: only the projects integration and end-to-end have one');
  return address;
}

/** Starts what all integration tests of one run share: Postgres, a Temporal dev server in memory, and an embedded database to copy. */
export async function startServices(): Promise<{ stop(): Promise<void> }> {
  // The product's processes start a hundred times and more: each takes what one before it has compiled.
  const compiled = mkdtempSync(join(tmpdir(), 'worker-manager-compiled-'));
  process.env['NODE_COMPILE_CACHE'] = compiled;
  const starts = await Promise.allSettled([startPostgres(), startTemporal(), makePgliteTemplate()]);
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

async function startTemporal() {
  const server = await startTemporalServer();
  process.env[TEMPORAL_ADDRESS] = server.address;
  return server;
}
