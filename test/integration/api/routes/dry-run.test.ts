import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { recordReadings } from '../../../../database/demand-readings.js';
import { launchMachines, poolDefinition, startTestApi, type TestApi } from '../../../support/api.js';

const pool = '/worker-pool/proj%2Flinux';
const launchConfigs = [
  { region: 'here', workerManager: { launchConfigId: 'lc-a' } },
  { region: 'there', workerManager: { launchConfigId: 'lc-b' } },
];
const definitionOf = (config: object) => ({ ...poolDefinition, config: { ...poolDefinition.config, ...config } });

let api: TestApi;
beforeAll(async () => {
  api = await startTestApi();
  await api.call('PUT', pool, definitionOf({ launchConfigs }));
  await launchMachines(api, 'proj/linux', ['i-1']);
  const reading = { workerPoolId: 'proj/linux', pendingTasks: 5, claimedTasks: 0, wantedMachines: 4 };
  await recordReadings(api.database.db, [reading], api.clock.ms);
});
afterAll(() => api.close());

const dryRun = (path: string, definition: object) => api.call('POST', `${path}/dry-run`, definition);

test('a dry run says which launch configs change and what would be launched, and changes nothing', async () => {
  const before = await api.call('GET', pool);
  const [first] = launchConfigs;
  const changed = { ...first, workerManager: { launchConfigId: 'lc-a', initialWeight: 0.5 } };
  const added = { region: 'new', workerManager: { launchConfigId: 'lc-c', initialWeight: 0 } };
  const { status, body } = await dryRun(pool, definitionOf({ maxCapacity: 3, launchConfigs: [changed, added] }));
  expect(status).toBe(200);
  expect(body).toMatchObject({
    outcome: 'updated',
    launchConfigs: { created: ['lc-c'], revised: ['lc-a'], archived: ['lc-b'] },
    ...{ pendingTasks: 5, existingCapacity: 1, wantedCapacity: 4, roomCapacity: 2, spawnCapacity: 2, bound: 'maximum' },
    choices: [{ launchConfigId: 'lc-a', machines: 2, capacity: 2 }],
    passedOver: [{ launchConfigId: 'lc-c', reason: 'weight 0' }],
  });
  expect(await api.call('GET', pool)).toMatchObject({ status: 200, body: before.body });
  const audit = await api.call('GET', '/audit/worker-pool/proj%2Flinux');
  expect(audit.body.auditHistory).toHaveLength(1);
});

test('a dry run of a pool that is not there creates none, and says what holds its launches back', async () => {
  await api.call('PUT', '/hold', { reason: 'maintenance' });
  const { status, body } = await dryRun('/worker-pool/proj%2Fnew', definitionOf({ minCapacity: 2 }));
  expect(status).toBe(200);
  expect(body).toMatchObject({ outcome: 'created', pendingTasks: null, wantedCapacity: 2, bound: 'minimum' });
  expect(body.blockedBy[0]).toBe('held: maintenance');
  expect((await api.call('GET', '/worker-pool/proj%2Fnew')).status).toBe(404);
  await api.call('DELETE', '/hold');
});

test('a dry run refuses what the change would be refused for', async () => {
  expect((await dryRun(pool, { ...poolDefinition, providerId: 'nowhere' })).status).toBe(400);
  const conflict = definitionOf({
    launchConfigs: [{ region: 'elsewhere', workerManager: { launchConfigId: 'lc-a' } }],
  });
  expect((await dryRun(pool, conflict)).status).toBe(409);
});
