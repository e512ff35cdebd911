import { afterAll, beforeAll, beforeEach } from '@jest/globals';
import type { Database } from '../../database/client/open.js';
import type { Db } from '../../database/client/schema.js';
import { emptyDatabase, openTestDatabase, type EngineName } from './database.js';

/** Of the test file that imports this. */
const opened = new Map<EngineName, Promise<Database>>();
afterAll(async () => {
  for (const database of opened.values()) await (await database).close();
});

/** The file's own database, empty before each test of the calling block. `db` is there inside tests and hooks. */
export function databaseFor(engine: EngineName): { readonly db: Db } {
  let database: Database | undefined;
  beforeAll(async () => {
    const opening = opened.get(engine) ?? openTestDatabase(engine);
    opened.set(engine, opening);
    database = await opening;
  });
  const suite = {
    get db(): Db {
      if (!database) throw new Error('the database is not open yet');
      return database.db;
    },
  };
  beforeEach(() => emptyDatabase(suite.db));
  return suite;
}
