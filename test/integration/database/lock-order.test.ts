import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { sql } from 'kysely';
import { dropLaunches } from '../../../database/launch-failures.js';
import { openDatabase, type Database } from '../../../database/client/open.js';
import { recordProviderAccounts } from '../../../database/provider-accounts.js';
import type { Db } from '../../../database/client/schema.js';
import { setShouldTerminate } from '../../../database/termination-advice.js';
import { createDatabase } from '../../../dev/testing/postgres.js';
import { emptyDatabase, launched, makePool, NOW, newIntent, poolId, reserve, finish } from '../../support/database.js';

const ROWS = 400;
const ROUNDS = 12;
const numbers = Array.from({ length: ROWS }, (_, number) => number);
const tokenOf = (number: number) => `token-${String(number).padStart(4, '0')}`;

/** Each changes all rows that are named, in the order in which they are named; `round` makes each call a change. */
const writes: [string, (db: Db, named: readonly number[], round: number) => Promise<unknown>][] = [
  [
    'terminations',
    (db, named, round) =>
      setShouldTerminate(
        db,
        poolId,
        named.map((number) => ({
          workerGroup: 'us-west-2',
          workerId: `token-workers-${number}`,
          terminate: round % 2 === 0,
          reason: 'over capacity',
        })),
        NOW + round,
      ),
  ],
  ['launches that are done', (db, named) => finish(db, named.map(tokenOf), NOW)],
  ['launches that are given up', (db, named) => dropLaunches(db, named.map(tokenOf), NOW)],
  [
    'accounts of providers',
    (db, named, round) =>
      recordProviderAccounts(
        db,
        named.map((number) => ({ providerId: `provider-${number}`, account: `account-${round}` })),
      ),
  ],
];

describe('two processes that write the same rows at once, in opposite orders', () => {
  let database: Database[];
  beforeAll(async () => {
    const url = await createDatabase();
    database = [await openDatabase({ url }), await openDatabase({ url })];
  });
  afterAll(async () => await Promise.all(database.map((each) => each.close())));
  beforeEach(async () => {
    const { db } = database[0]!;
    await emptyDatabase(db);
    // What the planner knows when tables have grown since they were looked at: plans must not rest on it.
    await sql`analyze`.execute(db);
    await makePool(db);
    await launched(db, 'token-workers', ROWS);
    await reserve(
      db,
      numbers.map((number) => newIntent(tokenOf(number), 1)),
    );
  });

  test.each(writes)('two processes do not deadlock that write the same rows: %s', async (_, write) => {
    for (let round = 0; round < ROUNDS; round += 1) {
      // Open again, and in the table in an order that is neither's.
      await sql`update launches set status = case when ${round % 2 === 0} then 'fulfilled' else 'open' end
        where token <> 'token-workers'`.execute(database[0]!.db);
      const both = await Promise.allSettled([
        write(database[0]!.db, numbers, round),
        write(database[1]!.db, numbers.toReversed(), round + 1),
      ]);
      const failures = both.flatMap((end) => (end.status === 'rejected' ? [String(end.reason)] : []));
      expect(failures).toEqual([]);
    }
  });
});
