import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { beforeEach, expect, test } from '@jest/globals';
import taskcluster from 'taskcluster-client';
import { awsPool } from '../../dev/testing/api-client.js';
import { ProductProcess } from '../../dev/testing/product.js';
import { machinesOf, settled } from '../support/pool-steps.js';
import { suiteOf } from '../support/suite.js';

const issuer = { clientId: 'static/worker-manager', accessToken: randomBytes(24).toString('base64url') };
const user = { clientId: 'user', accessToken: randomBytes(24).toString('base64url') };
const { system, newPool } = suiteOf('auth/pool', { config: { auth: { type: 'taskcluster' }, issuer } });

beforeEach(async () => {
  await system().simulator.setAuthRole('anonymous', ['worker-manager:*']);
  await system().simulator.setAuthClient(user.clientId, { accessToken: user.accessToken, scopes: ['assume:admin'] });
  await system().simulator.setAuthRole('admin', ['worker-manager:*']);
});

/** Through the root URL, as every client of a deployment. */
const asUser = () => new taskcluster.WorkerManager({ rootUrl: system().simulator.url, credentials: user, retries: 0 });

test('a user of the deployment makes a pool with what the auth service says, until the client is removed there', async () => {
  const pool = newPool();
  await asUser().createWorkerPool(pool, awsPool({ maxCapacity: 0 }));
  expect(await asUser().listWorkerPools()).toMatchObject({
    workerPools: expect.arrayContaining([expect.objectContaining({ workerPoolId: pool })]),
  });
  await system().simulator.removeAuthClient(user.clientId);
  await expect(asUser().listWorkerPools()).rejects.toMatchObject({ statusCode: 401, code: 'AuthenticationFailed' });
});

test('workers register, get advice, renew their credentials and leave while the auth service is away, and users are put off', async () => {
  const pool = newPool();
  await asUser().createWorkerPool(pool, awsPool({ minCapacity: 2, maxCapacity: 2 }));
  const { simulator } = system();
  await simulator.addFault({ operation: 'authenticateHawk', mode: 'lose-request', times: 100_000 });
  const registered = async () => (await machinesOf(system(), pool)).filter((machine) => machine.registered);
  const machines = await system().waitFor(async () => {
    const all = await registered();
    return all.length === 2 ? all : null;
  }, 'two registered machines');
  for (const { instanceId } of machines) {
    expect(await simulator.act(instanceId, 'should-terminate')).toEqual({ terminate: false });
    await simulator.act(instanceId, 'reregister');
  }
  await expect(asUser().listWorkerPools()).rejects.toMatchObject({ statusCode: 503, code: 'TryAgain' });
  expect((await system().api.call('GET', '/worker-pools')).status).toBe(503);

  const [leaving] = machines;
  await simulator.act(leaving!.instanceId, 'remove');
  await system().waitFor(
    async () => (await machinesOf(system(), pool)).every(({ instanceId }) => instanceId !== leaving!.instanceId),
    'the end of the machine that left',
  );
  await simulator.clearFaults();
  await settled(system(), pool, 2);
  expect(await asUser().listWorkerPools()).toBeDefined();
});

test('hold signs with the credentials that Taskcluster’s tools read', async () => {
  const pool = newPool();
  await asUser().createWorkerPool(pool, awsPool({ maxCapacity: 0 }));
  const args = ['hold', '--pool', pool, '--reason', 'a test', '--url', system().api.url];
  const signed = {
    TASKCLUSTER_CLIENT_ID: user.clientId,
    TASKCLUSTER_ACCESS_TOKEN: user.accessToken,
    TASKCLUSTER_CERTIFICATE: '',
  };
  const command = new ProductProcess(args, join(system().folder, 'hold.log'), signed);
  expect(await command.ended).toMatchObject({ code: 0 });
  expect(command.output()).toContain('held');
  const holds = await system().query<object>('select scope, client_id from holds');
  expect(holds).toContainEqual({ scope: pool, client_id: user.clientId });
});
