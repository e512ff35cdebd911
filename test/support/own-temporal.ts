import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client, Connection } from '@temporalio/client';
import { startDevServer } from '../../launcher/dev-server.js';
import { findTemporalCli } from '../../launcher/temporal-cli.js';
import { searchAttributeNames } from '../../temporal/search-attributes.js';

export interface OwnTemporal {
  readonly client: Client;
  /** host:port */
  readonly address: string;
  stop(): Promise<void>;
}

/**
 * A dev server of one test file's own, for settings that hold for a whole server (`NAME=VALUE`). It keeps what it knows in a file:
 * one in memory forgets everything when a call is broken off at the wrong moment.
 */
export async function startOwnTemporal(settings: readonly string[]): Promise<OwnTemporal> {
  const folder = mkdtempSync(join(tmpdir(), 'worker-manager-temporal-'));
  const cli = await findTemporalCli((line) => process.stderr.write(`${line}\n`));
  const server = await startDevServer({
    cli: cli.path,
    dbFile: join(folder, 'temporal.db'),
    uiPort: false,
    namespace: 'default',
    searchAttributes: searchAttributeNames,
    logFile: join(folder, 'temporal.log'),
    extraArgs: settings.flatMap((setting) => ['--dynamic-config-value', setting]),
  });
  const connection = await Connection.connect({ address: server.address });
  return {
    client: new Client({ connection }),
    address: server.address,
    async stop() {
      await connection.close();
      await server.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
