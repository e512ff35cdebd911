import { afterAll, beforeAll, beforeEach } from '@jest/globals';
import type { Records } from '../../database/client/open.js';
import type { Db } from '../../database/client/schema.js';
import { emptyRecords, openTestRecords, type EngineName } from './records.js';

/** Records of the calling block's own, empty before each of its tests. `db` is there inside tests and hooks. */
export function recordsFor(engine: EngineName): { readonly db: Db } {
  let records: Records | undefined;
  beforeAll(async () => {
    records = await openTestRecords(engine);
  });
  afterAll(async () => await records?.close());
  const suite = {
    get db(): Db {
      if (!records) throw new Error('the records are not open yet');
      return records.db;
    },
  };
  beforeEach(() => emptyRecords(suite.db));
  return suite;
}
