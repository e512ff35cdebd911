import { describe, expect, test } from '@jest/globals';
import { recordAttempts } from '../../../database/attempts.js';
import { bucketStore } from '../../../database/rate-limits.js';
import { callPauses, usageOfCalls, usageOfLimits } from '../../../database/usage.js';
import { callAttempt, engines, launched, makePool, newIntent, NOW, reserve } from '../../support/database.js';
import { databaseFor } from '../../support/database-suite.js';

const HOUR = 3_600_000;

describe.each(engines)('usage on %s', (engine) => {
  const database = databaseFor(engine);

  test('usageOfLimits counts machines that exist or may, and what was launched in a minute', async () => {
    const { db } = database;
    await makePool(db);
    await launched(db, 'old', 2, {}, NOW - HOUR);
    await launched(db, 'new', 3);
    await reserve(db, [newIntent('open', 4)]);
    expect(await usageOfLimits(db, NOW + 1)).toEqual({ machines: 9, launchedLastMinute: 7 });
  });

  test('usageOfCalls counts calls by operation and region, and what was refused last', async () => {
    const { db } = database;
    const attempts = [
      callAttempt({ waitedMs: 40 }),
      callAttempt({ result: 'Throttled', cloudCode: 'RequestLimitExceeded' }),
      callAttempt({ call: { ...callAttempt().call, region: 'us-east-1' } }),
    ];
    await recordAttempts(db, { process: 'p', attempts });
    const [clock] = await db.selectFrom('attempts').select('begun').execute();
    const ofRunInstances = { providerId: 'aws', operation: 'RunInstances' };
    expect(await usageOfCalls(db, clock!.begun - HOUR)).toEqual([
      {
        ...{ ...ofRunInstances, region: 'us-west-2', calls: 2, refused: 1 },
        ...{ lastRefusal: 'RequestLimitExceeded', waitedMs: 40 },
      },
      { ...ofRunInstances, region: 'us-east-1', calls: 1, refused: 0, lastRefusal: null, waitedMs: 0 },
    ]);
    expect(await usageOfCalls(db, clock!.begun + HOUR)).toEqual([]);
  });

  test('callPauses gives those that last', async () => {
    const { db } = database;
    await bucketStore(db).lower('aws/us-west-2/create', { burst: 5, perSecond: 1 }, { left: 0, pauseMs: 60_000 });
    const [{ since, until } = { since: 0, until: 0 }] = await callPauses(db, 0);
    expect(until - since).toBe(60_000);
    expect(await callPauses(db, until)).toEqual([]);
  });
});
