import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startDevServer, type DevServer } from '../servers/dev-server.js';
import { findTemporalCli } from '../servers/temporal-cli.js';
import { searchAttributeNames } from '../../temporal/search-attributes.js';

export interface TemporalServerOptions {
  /** That hold for the whole server, as `NAME=VALUE`. */
  readonly settings?: readonly string[];
  readonly ui?: boolean;
  /** It keeps what it knows in a file, and not in memory. */
  readonly inFile?: boolean;
}

/**
 * A Temporal dev server with our search attributes, which forgets everything when it is stopped. The caller stops it.
 */
export async function startTemporalServer(options: TemporalServerOptions = {}): Promise<DevServer> {
  const { settings = [], ui = false, inFile = false } = options;
  const folder = mkdtempSync(join(tmpdir(), 'worker-manager-temporal-'));
  const cli = await findTemporalCli((line) => process.stderr.write(`${line}\n`));
  const server = await startDevServer({
    cli: cli.path,
    ...(inFile && { dbFile: join(folder, 'temporal.db') }),
    ...(!ui && { uiPort: false }),
    namespace: 'default',
    searchAttributes: searchAttributeNames,
    logFile: join(folder, 'temporal.log'),
    // Search attributes are cached otherwise, so that a test that adds a namespace would wait for them.
    extraArgs: ['system.forceSearchAttributesCacheRefreshOnRead=true', ...settings].flatMap((setting) => [
      '--dynamic-config-value',
      setting,
    ]),
  });
  return {
    ...server,
    async stop() {
      await server.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
