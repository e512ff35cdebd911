import { describe, expect, test } from '@jest/globals';
import { recordAttempts } from '../../../database/attempts.js';
import { callsOfLaunch, deletionCalls, eventsOfWorker, launchConfigHistory } from '../../../database/histories.js';
import { recordLaunchedWorkers } from '../../../database/launches.js';
import { updatePool } from '../../../database/pools.js';
import { recordStopped, recordStopping } from '../../../database/worker-changes.js';
import type { CallAttempt } from '../../../providers/shared/attempts.js';
import {
  callAttempt,
  engines,
  launchConfig,
  launched,
  machines,
  makePool,
  newIntent,
  newPool,
  NOW,
  poolId,
  reserve,
  times,
} from '../../support/database.js';
import { databaseFor } from '../../support/database-suite.js';

const call = (change: Partial<CallAttempt>) => callAttempt({ waitedMs: 12, requestId: 'req-1', ...change });
const deletion = (requestId: string, ...subjects: string[]): CallAttempt =>
  call({
    call: { providerId: 'aws', operation: 'TerminateInstances', callClass: 'delete', region: 'us-west-2' },
    ...{ launchToken: null, workerPoolId: null, subjects, requestId },
  });
const worker = { workerPoolId: poolId, workerGroup: 'us-west-2', workerId: 'i-0' };

describe.each(engines)('histories on %s', (engine) => {
  const database = databaseFor(engine);

  test('eventsOfWorker and the calls about a worker tell its life, without what others did', async () => {
    const { db } = database;
    await makePool(db);
    await reserve(db, [newIntent('t', 2)]);
    await recordLaunchedWorkers(db, 't', machines(2), { ...times, calls: { process: 'p', attempts: [call({})] } });
    await recordStopping(db, worker, { reason: 'by hand', nowMs: NOW, clientId: 'ops' });
    const attempts = [deletion('req-2', 'i-0', 'i-9'), deletion('req-3', 'i-1')];
    await recordAttempts(db, { process: 'p', attempts });
    await recordStopped(db, worker, { nowMs: NOW, expires: NOW });

    const events = await eventsOfWorker(db, worker);
    expect(events.map(({ event, cause, clientId }) => [event, cause, clientId])).toEqual([
      ['requested', null, null],
      ['stopping', 'by hand', 'ops'],
      ['stopped', null, null],
    ]);
    expect(await callsOfLaunch(db, 't')).toMatchObject([
      { operation: 'RunInstances', result: 'ok', requestId: 'req-1', waitedMs: 12 },
    ]);
    const from = events[0]!.at - 60_000;
    expect(await deletionCalls(db, 'i-0', from, from + 3600_000)).toMatchObject([
      { operation: 'TerminateInstances', requestId: 'req-2' },
    ]);
    expect(await deletionCalls(db, 'i-0', from - 1, from)).toEqual([]);
  });

  test('launchConfigHistory gives revisions and launches, newest first, with what the cloud called the launches', async () => {
    const { db } = database;
    await makePool(db);
    await launched(db, 'old', 1);
    await launched(db, 'other', 1, { launchConfigId: 'lc-b' });
    await reserve(db, [newIntent('t', 3)], poolId, NOW + 1);
    const attempts = [call({ result: 'Throttled', requestId: null }), call({ requestId: 'req-2' })];
    await recordLaunchedWorkers(db, 't', machines(3, 't'), { ...times, calls: { process: 'p', attempts } });
    const workerManager = { launchConfigId: 'lc-a', initialWeight: 0.5 };
    const launchConfigs = [launchConfig('lc-a', { workerManager }), launchConfig('lc-b')];
    await updatePool(db, { pool: newPool(), launchConfigs, clientId: 'ops', nowMs: NOW + 2 });

    const { revisions, launches, ...config } = (await launchConfigHistory(db, poolId, 'lc-a'))!;
    expect(config).toMatchObject({ isArchived: false, created: NOW });
    expect(revisions).toMatchObject([
      { revision: 2, configuration: { workerManager: { initialWeight: 0.5 } } },
      { revision: 1, configuration: { region: 'us-west-2' } },
    ]);
    expect(launches).toMatchObject([
      { token: 't', revision: 1, wanted: 3, waitedMs: 24, requestIds: ['req-2'], failure: null },
      { token: 'old', wanted: 1, waitedMs: 0, requestIds: [] },
    ]);
    expect(await launchConfigHistory(db, poolId, 'lc-none')).toBeNull();
  });
});
