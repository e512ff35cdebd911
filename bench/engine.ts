import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startDevServer } from '../launcher/dev-server.js';
import { findTemporalCli } from '../launcher/temporal-cli.js';
import { searchAttributeNames } from '../temporal/search-attributes.js';

/** Runs `work` with a Temporal dev server of its own, in memory; gives it host:port and the server's process id. */
export async function withEngine<T>(work: (address: string, pid: number) => Promise<T>): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), 'worker-manager-bench-'));
  const cli = await findTemporalCli((line) => process.stderr.write(`${line}\n`));
  const server = await startDevServer({
    cli: cli.path,
    uiPort: false,
    namespace: 'default',
    searchAttributes: searchAttributeNames,
    logFile: join(folder, 'temporal.log'),
    extraArgs: ['--dynamic-config-value', 'system.forceSearchAttributesCacheRefreshOnRead=true'],
  });
  try {
    return await work(server.address, server.pid);
  } finally {
    await server.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}
