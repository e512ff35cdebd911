import { describe, expect, test } from '@jest/globals';
import { workersWithoutRow } from '../../../database/orphans.js';
import { engines, launched, makePool, poolId } from '../../support/database.js';
import { databaseFor } from '../../support/database-suite.js';

/** More than one statement takes. */
const MANY = 25_000;

describe.each(engines)('workersWithoutRow on %s', (engine) => {
  const database = databaseFor(engine);

  test('workersWithoutRow gives those without a row, however many there are', async () => {
    const { db } = database;
    await makePool(db);
    await launched(db, 't', 2);
    const keyOf = (workerId: string) => ({ workerPoolId: poolId, workerGroup: 'us-west-2', workerId });
    const unknown = Array.from({ length: MANY }, (_, n) => keyOf(`unknown-${n}`));
    const found = await workersWithoutRow(db, [keyOf('t-0'), ...unknown, keyOf('t-1')]);
    expect(found.map(({ workerId }) => workerId).sort()).toEqual(unknown.map(({ workerId }) => workerId).sort());
  });

  test('workersWithoutRow asks nothing when there are no workers', async () => {
    expect(await workersWithoutRow(database.db, [])).toEqual([]);
  });
});
