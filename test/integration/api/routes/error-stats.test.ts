import { afterAll, beforeAll, expect, test } from '@jest/globals';
import taskcluster from 'taskcluster-client';
import { poolDefinition, startTestApi, type TestApi } from '../../../support/api.js';

const report = { workerGroup: 'here', workerId: 'i-1', kind: 'boot', title: 'No disk', description: 'D', extra: {} };
const token = (name: string) => `access-token-of-the-client-${name}`;
const clientWith = (clientId: string, ...scopes: string[]) => ({ clientId, accessToken: token(clientId), scopes });
const everything = clientWith('everything', '*');
const ofOne = clientWith('of-one', 'worker-manager:list-worker-pool-errors:prov/one_pool');
const ofAll = clientWith('of-all', 'worker-manager:list-worker-pool-errors:*');

let api: TestApi;
let rootUrl: string;
beforeAll(async () => {
  api = await startTestApi({ auth: { type: 'static', clients: [everything, ofOne, ofAll] } });
  rootUrl = await api.app.listen({ host: '127.0.0.1', port: 0 });
  for (const pool of ['prov/one-pool', 'prov/two']) {
    await managerOf(everything).createWorkerPool(pool, poolDefinition);
    await managerOf(everything).reportWorkerError(pool, report);
  }
});
afterAll(() => api.close());

const managerOf = ({ clientId, accessToken }: typeof everything) =>
  new taskcluster.WorkerManager({ rootUrl, credentials: { clientId, accessToken }, retries: 0 });

test('workerPoolErrorStats counts the errors of one pool, or of all, by day, hour, title, code, pool and launch config', async () => {
  const one = await managerOf(ofAll).workerPoolErrorStats({ workerPoolId: 'prov/two' });
  expect(one).toMatchObject({
    workerPoolId: 'prov/two',
    totals: {
      total: 1,
      title: { 'No disk': 1 },
      code: { other: 1 },
      workerPool: { 'prov/two': 1 },
      launchConfig: { unknown: 1 },
    },
  });
  const { daily, hourly } = one.totals as Record<'daily' | 'hourly', Record<string, number>>;
  expect([Object.keys(daily).length, Object.keys(hourly).length]).toEqual([7, 24]);
  const today = `${new Date(api.clock.ms).toISOString().slice(0, 10)}T00:00:00.000Z`;
  expect(Object.entries(daily).at(-1)).toEqual([today, 1]);
  for (const query of [{}, { workerPoolId: '' }]) {
    expect(await managerOf(ofAll).workerPoolErrorStats(query)).toMatchObject({
      workerPoolId: '',
      totals: { total: 2, workerPool: { 'prov/one-pool': 1, 'prov/two': 1 }, launchConfig: {} },
    });
  }
});

test('workerPoolErrorStats of a pool without errors, or that nobody knows, is zeros and empty objects', async () => {
  const { totals } = await managerOf(ofOne).workerPoolErrorStats({ workerPoolId: 'prov/one_pool' });
  expect(totals).toMatchObject({ total: 0, title: {}, code: {}, workerPool: {}, launchConfig: {} });
});

test('workerPoolErrorStats needs the scope of the pool, and without a pool that of all', async () => {
  const refused = expect.objectContaining({ code: 'InsufficientScopes', statusCode: 403 });
  await expect(managerOf(ofOne).workerPoolErrorStats({ workerPoolId: 'prov/two' })).rejects.toEqual(refused);
  await expect(managerOf(ofOne).workerPoolErrorStats()).rejects.toEqual(refused);
});

test('workerPoolErrorStats rejects a pool’s id with other characters', async () => {
  const refused = expect.objectContaining({ code: 'InvalidRequestArguments', statusCode: 400 });
  await expect(managerOf(ofAll).workerPoolErrorStats({ workerPoolId: 'a.b' })).rejects.toEqual(refused);
});
