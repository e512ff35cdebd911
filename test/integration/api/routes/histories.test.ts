import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { recordStopping } from '../../../../database/worker-changes.js';
import { launchMachines, poolDefinition, startTestApi, type TestApi } from '../../../support/api.js';

const pool = '/worker-pool/proj%2Flinux';
const worker = { workerPoolId: 'proj/linux', workerGroup: 'here', workerId: 'i-1' };

let api: TestApi;
let launchConfigId: string;
beforeAll(async () => {
  api = await startTestApi();
  await api.call('PUT', pool, poolDefinition);
  await launchMachines(api, 'proj/linux', ['i-1']);
  const { body } = await api.call('GET', `${pool}/launch-configs`);
  launchConfigId = body.workerPoolLaunchConfigs[0].launchConfigId;
});
afterAll(() => api.close());

test('the API gives a worker’s history, and 404 for a worker that never was', async () => {
  await recordStopping(api.database.db, worker, { reason: 'by hand', nowMs: api.clock.ms, clientId: 'ops' });
  const { status, body } = await api.call('GET', '/workers/proj%2Flinux/here/i-1/history');
  expect(status).toBe(200);
  expect(body.history).toMatchObject([
    { what: 'requested', call: null },
    { what: 'stopping', cause: 'by hand', clientId: 'ops' },
  ]);
  expect((await api.call('GET', '/workers/proj%2Flinux/here/i-2/history')).status).toBe(404);
});

test('the API gives a launch config’s history, and 404 where the pool has none', async () => {
  const { status, body } = await api.call('GET', `${pool}/launch-configs/${launchConfigId}/history`);
  expect(status).toBe(200);
  expect(body).toMatchObject({
    ...{ launchConfigId, workerPoolId: 'proj/linux', isArchived: false },
    revisions: [{ revision: 1, configuration: { region: 'here' } }],
    launches: [{ wanted: 1, status: 'fulfilled', requestIds: [] }],
  });
  expect((await api.call('GET', `${pool}/launch-configs/none/history`)).status).toBe(404);
});
