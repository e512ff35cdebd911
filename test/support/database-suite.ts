import { afterAll, beforeAll, beforeEach } from '@jest/globals';
import type { Database } from '../../database/client/open.js';
import type { Db } from '../../database/client/schema.js';
import { emptyDatabase, openTestDatabase, type EngineName } from './database.js';

/** A database of the calling block's own, empty before each of its tests. `db` is there inside tests and hooks. */
export function databaseFor(engine: EngineName): { readonly db: Db } {
  let database: Database | undefined;
  beforeAll(async () => {
    database = await openTestDatabase(engine);
  });
  afterAll(async () => await database?.close());
  const suite = {
    get db(): Db {
      if (!database) throw new Error('the database is not open yet');
      return database.db;
    },
  };
  beforeEach(() => emptyDatabase(suite.db));
  return suite;
}
