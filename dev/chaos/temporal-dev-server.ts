import { join } from 'node:path';
import { searchAttributeNames } from '../../temporal/search-attributes.js';
import { startDevServer } from '../servers/dev-server.js';
import { freePort } from '../servers/ports.js';
import { findTemporalCli } from '../servers/temporal-cli.js';
import { KeptServer } from './kept-server.js';

/** Temporal's dev server on a file: what is killed goes on where it was. */
export async function startKeptDevServer(
  folder: string,
  onUnexpectedEnd?: () => void,
): Promise<{ server: KeptServer; address: string }> {
  const { path: cli } = await findTemporalCli((line) => process.stderr.write(`${line}\n`));
  const port = await freePort();
  const start = () =>
    startDevServer({
      ...{ cli, port, uiPort: false, namespace: 'default', searchAttributes: searchAttributeNames },
      ...{ dbFile: join(folder, 'temporal.db'), logFile: join(folder, 'temporal.log') },
      extraArgs: ['--dynamic-config-value', 'system.forceSearchAttributesCacheRefreshOnRead=true'],
    });
  return { server: await KeptServer.begin(start, onUnexpectedEnd), address: `127.0.0.1:${port}` };
}
