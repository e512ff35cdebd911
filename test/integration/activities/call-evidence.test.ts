import { beforeEach, describe, expect, test } from '@jest/globals';
import { launchActivities } from '../../../activities/pool/launch.js';
import { AttemptLog } from '../../../activities/support/attempt-log.js';
import { deletionActivities } from '../../../activities/worker/delete-resources.js';
import type { Db } from '../../../database/client/schema.js';
import { ProviderError } from '../../../providers/errors.js';
import type { BulkLaunching } from '../../../providers/provider.js';
import { noteCall } from '../../../providers/shared/attempts.js';
import { activityDeps, asActivity } from '../../support/activities.js';
import { counting, engines, launchConfig, makePool, newIntent, NOW, poolId, reserve } from '../../support/database.js';
import { databaseFor } from '../../support/database-suite.js';
import { recordedContext } from '../../support/provider-context.js';
import { recordedLog } from '../../support/recorded-log.js';
import { RecordingCloud } from '../../support/recording-cloud.js';
import { recordingProvider } from '../../support/recording-provider.js';

describe.each(engines)('calls to a cloud on %s', (engine) => {
  const database = databaseFor(engine);
  let cloud: RecordingCloud;
  beforeEach(async () => {
    cloud = new RecordingCloud();
    await makePool(database.db, {}, [launchConfig('lc-a')]);
  });

  /** What a process does, and its log; calls are evidence as they are in the product. */
  function product(db: Db = database.db) {
    const recorded = recordedLog();
    const { log } = recorded;
    const attempts = new AttemptLog(db, log);
    const context = recordedContext({
      providerId: 'aws',
      onCall: (call, outcome) => noteCall(call, outcome, attempts.write),
    });
    const provider = recordingProvider(context, cloud, 'bulk');
    const providers = { get: () => provider, list: () => [provider] };
    const triggers = { requestFastScan: () => {} };
    const deps = activityDeps({ database: { db }, providers, triggers, log, attempts });
    const launching = provider.launching as BulkLaunching;
    return {
      attempts,
      logged: (event: string) => recorded.of(event),
      /** One attempt at a launch; null where it has no outcome. */
      launch: async (token: string) => {
        const spec = { token, workerPoolId: poolId, owner: 'me@example.com', launchConfigId: 'lc-a', count: 2 };
        const prepared = launching.prepare({ ...spec, configuration: launchConfig('lc-a').configuration });
        await reserve(database.db, [newIntent(token, 2, prepared)]).catch(() => {});
        const attempt = () => launchActivities(deps).launchMachines({ token, nowMs: NOW, mayLaunch: true });
        return await asActivity(attempt).catch(() => null);
      },
      remove: async (workerId: string) => {
        const location = { account: null, region: 'us-west-2', group: null };
        const machine = { workerPoolId: poolId, workerGroup: 'us-west-2', workerId, location };
        const activities = deletionActivities(deps);
        const remove = () =>
          activities.deleteResource({ ...machine, providerId: 'aws', launchConfigId: 'lc-a' }, 'machine');
        await asActivity(remove).catch(() => {});
      },
    };
  }

  const rows = () => database.db.selectFrom('attempts').selectAll().orderBy('id').execute();
  const requestId = expect.stringMatching(/^request-/);

  test('a launch leaves its call with what the cloud called it, in the statement that records its machines', async () => {
    await product().launch('t');
    expect(await rows()).toMatchObject([
      {
        ...{ providerId: 'aws', callClass: 'create', launchToken: 't', workerPoolId: poolId, subjects: [] },
        ...{ result: 'ok', message: null, requestId },
      },
    ]);
  });

  test('each attempt of a launch leaves a row: one without an answer, one that is refused', async () => {
    const { launch } = product();
    cloud.fail({ operation: 'submit', error: new ProviderError({ code: 'Unavailable', message: 'no answer' }) });
    await launch('t');
    expect(await rows()).toMatchObject([{ launchToken: 't', result: 'Unavailable', message: 'no answer' }]);
    cloud.fail({ operation: 'submit', error: new ProviderError({ code: 'QuotaExceeded', message: 'no more CPUs' }) });
    await launch('u');
    expect((await rows()).at(-1)).toMatchObject({ launchToken: 'u', result: 'QuotaExceeded', message: 'no more CPUs' });
  });

  test('a removal leaves its call, which nobody waits for', async () => {
    const { remove, attempts } = product();
    await remove('i-1');
    cloud.fail({ operation: 'remove', error: new ProviderError({ code: 'PermissionDenied', message: 'no' }) });
    await remove('i-2');
    await attempts.settled();
    expect(await rows()).toMatchObject([
      { callClass: 'delete', subjects: ['i-1'], workerPoolId: poolId, result: 'ok', requestId },
      { callClass: 'delete', subjects: ['i-2'], result: 'PermissionDenied', message: 'no' },
    ]);
  });

  test('calls cost one statement each at most, and those that end together share one', async () => {
    const { db, statements } = counting(database.db);
    const { remove, attempts } = product(db);
    await remove('i-1');
    await attempts.settled();
    expect(statements()).toBe(1);
    await Promise.all(Array.from({ length: 50 }, (_, n) => remove(`i-${n}`)));
    await attempts.settled();
    expect(statements()).toBeLessThan(50);
    expect(await rows()).toHaveLength(51);
  });

  test('calls that cannot be recorded are made all the same, and said once', async () => {
    const { remove, attempts, logged } = product();
    await database.db.schema.alterTable('attempts').renameTo('attempts_gone').execute();
    try {
      for (const workerId of ['i-1', 'i-2']) {
        await remove(workerId);
        await attempts.settled();
      }
    } finally {
      await database.db.schema.alterTable('attempts_gone').renameTo('attempts').execute();
    }
    expect(cloud.calls).toHaveLength(2);
    expect(logged('calls-not-recorded')).toHaveLength(1);
  });
});
