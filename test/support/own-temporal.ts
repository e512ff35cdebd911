import { Client, Connection } from '@temporalio/client';
import { startTemporalServer } from '../../dev/testing/temporal-server.js';

export interface OwnTemporal {
  readonly client: Client;
  /** host:port */
  readonly address: string;
  stop(): Promise<void>;
}

/**
 * A dev server of one test file's own, for settings that hold for a whole server (`NAME=VALUE`). It keeps what it knows
 * in a file: one in memory forgets everything when a call is broken off at the wrong moment.
 */
export async function startOwnTemporal(settings: readonly string[]): Promise<OwnTemporal> {
  const server = await startTemporalServer({ settings, inFile: true });
  const connection = await Connection.connect({ address: server.address });
  return {
    client: new Client({ connection }),
    address: server.address,
    async stop() {
      await connection.close();
      await server.stop();
    },
  };
}
