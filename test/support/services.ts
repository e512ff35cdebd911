import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startDevServer } from '../../launcher/dev-server.js';
import { findTemporalCli } from '../../launcher/temporal-cli.js';
import { searchAttributeNames } from '../../temporal/search-attributes.js';
import { makePgliteTemplate } from './pglite.js';
import { startPostgres } from './postgres.js';

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
  const folder = mkdtempSync(join(tmpdir(), 'worker-manager-test-'));
  const starts = await Promise.allSettled([
    startPostgres(),
    startTemporal(join(folder, 'temporal.log')),
    makePgliteTemplate(),
  ]);
  const stop = async () => {
    await Promise.all(starts.flatMap((start) => (start.status === 'fulfilled' ? [start.value.stop()] : [])));
    rmSync(folder, { recursive: true, force: true });
  };
  const failed = starts.find((start) => start.status === 'rejected');
  if (failed) {
    await stop();
    throw failed.reason;
  }
  return { stop };
}

async function startTemporal(logFile: string) {
  const cli = await findTemporalCli((line) => process.stderr.write(`${line}\n`));
  const server = await startDevServer({
    cli: cli.path,
    uiPort: false,
    namespace: 'default',
    searchAttributes: searchAttributeNames,
    logFile,
    // Search attributes are cached otherwise, so that a test that adds a namespace would wait for them.
    extraArgs: ['--dynamic-config-value', 'system.forceSearchAttributesCacheRefreshOnRead=true'],
  });
  process.env[TEMPORAL_ADDRESS] = server.address;
  return server;
}
