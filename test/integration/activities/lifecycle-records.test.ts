import { beforeEach, describe, expect, test } from '@jest/globals';
import { sql } from 'kysely';
import { lifecycleRecords } from '../../../activities/lifecycle-records.js';
import { lifecycleId } from '../../../domain/ids.js';
import { isRefusedForGood } from '../../../records/failures.js';
import { activityDeps } from '../../support/activities.js';
import { recordedLog } from '../../support/recorded-log.js';
import { engines, launched, makePool, NOW, poolId } from '../../support/records.js';
import { recordsFor } from '../../support/records-suite.js';

describe.each(engines)('a worker whose row %s refuses for good', (engine) => {
  const records = recordsFor(engine);
  beforeEach(async () => {
    await makePool(records.db);
    await launched(records.db, 't', 1);
  });

  test('is logged with the state that it could not be given', async () => {
    const { db } = records;
    const log = recordedLog();
    const activities = lifecycleRecords(activityDeps({ records, log: log.log }));
    const key = { workerPoolId: poolId, workerGroup: 'us-west-2', workerId: 't-0' };
    await sql`alter table workers add constraint refuses check (state = 'requested')`.execute(db);
    const stopping = { ...key, providerId: 'aws', launchConfigId: 'lc-a' };
    const refusals = await Promise.allSettled([
      activities.recordStopping(stopping, { reason: 'over', failure: null }, NOW),
      activities.recordStopped(key, NOW),
    ]).finally(() => sql`alter table workers drop constraint refuses`.execute(db));
    for (const refusal of refusals)
      expect(refusal.status === 'rejected' && isRefusedForGood(refusal.reason)).toBe(true);
    const workflowId = lifecycleId(key);
    expect(
      log
        .of('worker-row-refused')
        .map((line) => [line['workflowId'], line['state']])
        .toSorted(),
    ).toEqual([
      [workflowId, 'stopped'],
      [workflowId, 'stopping'],
    ]);
  });
});
