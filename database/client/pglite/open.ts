import { existsSync, mkdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { Dialect } from 'kysely';
import { PgliteClient } from './client.js';
import { PgliteThreadDialect } from './driver.js';
import { lockDirectory } from './lock-file.js';

export interface OpenPglite {
  readonly dialect: Dialect;
  readonly client: PgliteClient;
}

const opened = (client: PgliteClient, afterClose: () => void): OpenPglite => ({
  client,
  dialect: new PgliteThreadDialect(client, afterClose),
});

/**
 * Opens `:memory:` or a directory, which holds the lock and the database's own directory `data`, and is made when
 * missing. Throws DatabaseInUseError.
 */
export async function openPglite(place: string): Promise<OpenPglite> {
  if (place === ':memory:') return opened(await PgliteClient.start(null), () => undefined);
  const directory = resolve(place);
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const unlock = lockDirectory(directory);
  try {
    return opened(await PgliteClient.start(directory), unlock);
  } catch (error) {
    unlock();
    throw error;
  }
}

/** Whether there is a database in the directory already; never in memory. */
export const hasPglite = (place: string): boolean => place !== ':memory:' && existsSync(join(resolve(place), 'data'));
