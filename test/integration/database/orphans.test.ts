import { describe, expect, test } from '@jest/globals';
import { recordLaunchedWorkers } from '../../../database/launches.js';
import { workersWithoutRow } from '../../../database/orphans.js';
import { engines, machines, makePool, newIntent, poolId, reserve, times } from '../../support/database.js';
import { databaseFor } from '../../support/database-suite.js';

/** More than one statement takes. */
const MANY = 25_000;

describe.each(engines)('workersWithoutRow on %s', (engine) => {
  const database = databaseFor(engine);

  test('workersWithoutRow gives those without a row, however many there are', async () => {
    const { db } = database;
    await makePool(db);
    await reserve(db, [newIntent('t', 2)]);
    await recordLaunchedWorkers(db, 't', machines(2), times);
    const keyOf = (workerId: string) => ({ workerPoolId: poolId, workerGroup: 'us-west-2', workerId });
    const unknown = Array.from({ length: MANY }, (_, n) => keyOf(`unknown-${n}`));
    const found = await workersWithoutRow(db, [keyOf('i-0'), ...unknown, keyOf('i-1')]);
    expect(found.map(({ workerId }) => workerId).sort()).toEqual(unknown.map(({ workerId }) => workerId).sort());
  });

  test('workersWithoutRow asks nothing when there are no workers', async () => {
    expect(await workersWithoutRow(database.db, [])).toEqual([]);
  });
});
