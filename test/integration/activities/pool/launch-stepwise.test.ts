import { beforeEach, describe, expect, test } from '@jest/globals';
import { launchActivities } from '../../../../activities/pool/launch.js';
import type { LaunchResult } from '../../../../activities/pool/types.js';
import { beginAttempt } from '../../../../database/launch-attempts.js';
import { recordLaunchedWorkers, getLaunch, workersOfLaunch } from '../../../../database/launches.js';
import { updatePool } from '../../../../database/pools.js';
import { activityDeps, asActivity } from '../../../support/activities.js';
import { recordedContext } from '../../../support/provider-context.js';
import { RecordingCloud } from '../../../support/recording-cloud.js';
import { recordingProvider } from '../../../support/recording-provider.js';
import {
  engines,
  launchConfig,
  machines,
  makePool,
  MINUTE,
  newPool,
  NOW,
  newIntent,
  reserve,
  times,
} from '../../../support/database.js';
import { databaseFor } from '../../../support/database-suite.js';

describe.each(engines)('a stepwise launch on %s', (engine) => {
  const database = databaseFor(engine);
  beforeEach(async () => {
    await makePool(database.db, {}, [launchConfig('lc-a')]);
    await reserve(database.db, [newIntent('t', 2)]);
  });

  const provider = recordingProvider(recordedContext({ providerId: 'aws' }), new RecordingCloud(), 'stepwise');
  const attempt = (mayLaunch: boolean, nowMs: number, token = 't'): Promise<LaunchResult> => {
    const activities = launchActivities(
      activityDeps({ database, providers: { get: () => provider, list: () => [provider] } }),
    );
    return asActivity(() => activities.launchMachines({ token, nowMs, mayLaunch }));
  };
  /** An attempt whose process dies before it has recorded anything. */
  const lostAttempt = () => beginAttempt(database.db, 't', { nowMs: NOW, mayLaunch: true });

  test('a stepwise launch gives its machines their rows although an earlier attempt was lost', async () => {
    await lostAttempt();
    expect(await attempt(true, NOW + MINUTE)).toMatchObject({ outcome: 'launched', launched: 2 });
    expect(await attempt(true, NOW + MINUTE)).toMatchObject({ outcome: 'launched', launched: 2 });
    expect(await workersOfLaunch(database.db, 't')).toHaveLength(2);
  });

  test('a launch gives its machines the time to register that its pool has by then, and older ones keep theirs', async () => {
    await attempt(true, NOW);
    const config = { minCapacity: 0, maxCapacity: 100, lifecycle: { registrationTimeout: 600 } };
    const submission = { launchConfigs: [launchConfig('lc-a')], clientId: 't', nowMs: NOW + MINUTE };
    await updatePool(database.db, { pool: newPool({ config }), ...submission });
    await reserve(database.db, [newIntent('later', 1)]);
    const later = await attempt(true, NOW + 2 * MINUTE, 'later');
    const deadlines = async (token: string) =>
      (await workersOfLaunch(database.db, token)).map(({ terminateAfter }) => terminateAfter);
    expect(await deadlines('t')).toEqual([NOW + 30 * MINUTE, NOW + 30 * MINUTE]);
    expect(await deadlines('later')).toEqual([NOW + 12 * MINUTE]);
    expect(later.group?.common.timing.registrationMs).toBe(10 * MINUTE);
    expect(later.group?.common.registrationDeadline).toBe(NOW + 12 * MINUTE);
  });

  test.each([
    ['its pool may launch nothing any more', false, MINUTE],
    ['it has been in doubt for too long', true, 2 * MINUTE],
  ])('a stepwise launch is given up with no machine when %s', async (_, mayLaunch, after) => {
    await lostAttempt();
    const given = { outcome: 'failed', launched: 0, failure: 'given up before it was sent' };
    expect(await attempt(mayLaunch, NOW + after)).toMatchObject(given);
    expect(await attempt(true, NOW + after + 1)).toMatchObject(given);
    expect(await getLaunch(database.db, 't')).toMatchObject({ status: 'failed', inDoubtAttempts: 0, machines: 0 });
    expect(await workersOfLaunch(database.db, 't')).toEqual([]);
  });

  test('a stepwise launch that was given up gets no rows from an attempt that is still alive', async () => {
    const begun = await lostAttempt();
    await attempt(false, NOW + MINUTE);
    const proof = { attempts: begun!.attempts, by: 'unsent' } as const;
    expect(await recordLaunchedWorkers(database.db, 't', machines(2), { ...times, proof })).toBeNull();
    expect(await workersOfLaunch(database.db, 't')).toEqual([]);
  });

  test('a stepwise launch stays as it is when another attempt has recorded its machines', async () => {
    await attempt(true, NOW);
    expect(await attempt(false, NOW + MINUTE)).toMatchObject({ outcome: 'launched', launched: 2 });
  });
});
