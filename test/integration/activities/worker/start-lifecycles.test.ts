import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import type { Client } from '@temporalio/client';
import { lifecycleStarts } from '../../../../activities/worker/start-lifecycles.js';
import { sweepActivities } from '../../../../activities/sweep.js';
import { lifecycleId } from '../../../../temporal/ids.js';
import { scanNotes, setNotes } from '../../../../database/scans.js';
import { openLifecycles } from '../../../../temporal/namespace.js';
import { activityDeps, asActivity } from '../../../support/activities.js';
import { eventually } from '../../../../dev/testing/eventually.js';
import { createNamespace } from '../../../../dev/testing/namespace.js';
import { recordedContext } from '../../../support/provider-context.js';
import { recordedLog, type RecordedLog } from '../../../support/recorded-log.js';
import { RecordingCloud } from '../../../support/recording-cloud.js';
import { recordingProvider } from '../../../support/recording-provider.js';
import { engines, makePool, NOW, newIntent, poolId, reserve, times } from '../../../support/database.js';
import { recordLaunchedWorkers } from '../../../../database/launches.js';
import { databaseFor } from '../../../support/database-suite.js';
import { temporalAddress } from '../../../../dev/testing/services.js';

/** The engine takes no id of this length. */
const TOO_LONG = 'm'.repeat(1_100);

describe.each(engines)('on %s,', (engine) => {
  const database = databaseFor(engine);
  let client: Client;
  let log: RecordedLog;
  beforeAll(async () => {
    ({ client } = await createNamespace(temporalAddress()));
  }, 60_000);
  afterAll(() => client?.connection.close());
  beforeEach(async () => {
    log = recordedLog();
    await makePool(database.db);
  });

  const provider = recordingProvider(recordedContext({ providerId: 'aws' }), new RecordingCloud(), 'bulk');
  const depsOf = (providers: readonly string[] = ['aws']) =>
    activityDeps({
      database,
      providers: { get: (providerId) => (providers.includes(providerId) ? provider : undefined) },
      client,
      log: log.log,
    });
  const key = (workerId: string) => ({ workerPoolId: poolId, workerGroup: 'us-west-2', workerId });
  const handleOf = (workerId: string) => client.workflow.getHandle(lifecycleId(key(workerId)));
  const isOpen = async (workerId: string): Promise<boolean> => {
    const status = await handleOf(workerId)
      .describe()
      .then((description) => description.status.name)
      .catch(() => 'NONE');
    return status === 'RUNNING';
  };
  const openOnes = async (workerIds: readonly string[]) => {
    const open = await Promise.all(workerIds.map(isOpen));
    return workerIds.filter((_, index) => open[index]);
  };
  /** Ids are a test's own: nobody works on their lifecycles, which stay open. */
  const launch = async (token: string, workerIds: readonly string[]) => {
    await reserve(database.db, [newIntent(token, workerIds.length)]);
    const location = { account: null, region: 'us-west-2', group: null };
    const machines = workerIds.map((workerId) => ({
      workerGroup: 'us-west-2',
      workerId,
      location,
      identityAttributes: {},
    }));
    await recordLaunchedWorkers(database.db, token, machines, times);
  };

  describe('startLifecycles', () => {
    test('startLifecycles starts all others when one machine’s start is rejected, and leaves that one to the sweep', async () => {
      await launch('t', ['a', TOO_LONG, 'z']);
      const starts = lifecycleStarts(depsOf());
      expect(await asActivity(() => starts.ofLaunch('t', 'test'))).toBe(true);
      expect(await openOnes(['a', 'z'])).toEqual(['a', 'z']);
      expect(await asActivity(() => starts.ofLaunch('t', 'test'))).toBe(true);
      expect(log.of('lifecycle-start-failed')).toMatchObject([{ workerId: TOO_LONG }]);
    });

    test('startLifecycles leaves a launch whose pool or provider is unknown to the sweep', async () => {
      await launch('t', ['b']);
      const starts = lifecycleStarts(depsOf([]));
      expect(await asActivity(() => starts.ofLaunch('t', 'test'))).toBe(true);
      expect(await openOnes(['b'])).toEqual([]);
      expect(log.of('lifecycle-start-failed')).toMatchObject([{ start: 'launch t' }]);
    });

    test('startLifecycles says that its time did not last, and starts the rest when called again', async () => {
      await launch('late', ['c', 'd']);
      const outOfTime = lifecycleStarts(depsOf(), { startsMs: -1, listMs: 60_000 });
      expect(await asActivity(() => outOfTime.ofLaunch('late', 'test'))).toBe(false);
      expect(await openOnes(['c', 'd'])).toEqual([]);
      expect(await asActivity(() => lifecycleStarts(depsOf()).ofLaunch('late', 'test'))).toBe(true);
      expect(await openOnes(['c', 'd'])).toEqual(['c', 'd']);
    });
  });

  describe('startMissingLifecycles', () => {
    const untilListed = (workerId: string) =>
      eventually(async () => (await openLifecycles(client, () => false)).ids.has(lifecycleId(key(workerId))), {
        withinMs: 30_000,
        what: `${workerId} in the list`,
      });

    test('startMissingLifecycles replaces a terminated lifecycle, which the next scan signals everything, and leaves an open one', async () => {
      await launch('t', ['terminated', 'open']);
      await asActivity(() => lifecycleStarts(depsOf()).ofLaunch('t', 'test'));
      const { runId } = await handleOf('open').describe();
      await handleOf('terminated').terminate();
      await untilListed('open');
      await eventually(
        async () => !(await openLifecycles(client, () => false)).ids.has(lifecycleId(key('terminated'))),
      );
      const note = { noted: 'gone', since: NOW, signalledAt: NOW, nextSignalAt: NOW, signalFailures: 0 };
      await setNotes(database.db, 'aws', [{ ...key('terminated'), ...note }]);
      const activities = sweepActivities(depsOf());
      expect(await asActivity(() => activities.startMissingLifecycles())).toEqual({ started: 1, failed: 0, left: 0 });
      expect(await openOnes(['terminated', 'open'])).toEqual(['terminated', 'open']);
      expect((await handleOf('open').describe()).runId).toBe(runId);
      expect(log.of('lifecycle-replaced')).toMatchObject([{ workerId: 'terminated', state: 'requested' }]);
      expect(await scanNotes(database.db, 'aws')).toEqual([]);
    });

    test('startMissingLifecycles starts all others when one start is rejected, fails at the end, and logs it once', async () => {
      await launch('t', ['e', TOO_LONG, 'f']);
      const activities = sweepActivities(depsOf());
      const failure = { type: 'Unfinished', nonRetryable: true };
      await expect(asActivity(() => activities.startMissingLifecycles())).rejects.toMatchObject(failure);
      expect(await openOnes(['e', 'f'])).toEqual(['e', 'f']);
      await expect(asActivity(() => activities.startMissingLifecycles())).rejects.toMatchObject(failure);
      expect(log.of('lifecycle-start-failed')).toMatchObject([{ workerId: TOO_LONG }]);
    });

    test('startMissingLifecycles starts all others when a worker’s pool or provider is unknown, and names that worker', async () => {
      await launch('t', ['g', 'h']);
      await database.db.updateTable('workers').set({ providerId: 'left' }).where('workerId', '=', 'g').execute();
      const activities = sweepActivities(depsOf());
      await expect(asActivity(() => activities.startMissingLifecycles())).rejects.toMatchObject({
        message: expect.stringContaining(lifecycleId(key('g'))),
        nonRetryable: true,
      });
      expect(await openOnes(['g', 'h'])).toEqual(['h']);
    });

    test('startMissingLifecycles concludes nothing from a list that it could not read to the end', async () => {
      await launch('listed', ['i']);
      await asActivity(() => lifecycleStarts(depsOf()).ofLaunch('listed', 'test'));
      await untilListed('i');
      await launch('lost', ['j']);
      const starts = lifecycleStarts(depsOf(), { startsMs: 60_000, listMs: -1 });
      expect(await asActivity(() => starts.missing('test'))).toMatchObject({ started: 0 });
      expect(await openOnes(['j'])).toEqual([]);
      expect(log.of('lifecycle-list-incomplete')).toMatchObject([{ live: 2 }]);
    });

    test('startMissingLifecycles leaves what its time does not last for to the next sweep', async () => {
      await launch('lost', ['k', 'l']);
      const starts = lifecycleStarts(depsOf(), { startsMs: -1, listMs: 60_000 });
      expect(await asActivity(() => starts.missing('test'))).toMatchObject({ started: 0, left: 2 });
    });
  });
});
