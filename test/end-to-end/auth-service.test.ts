import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { beforeEach, expect, test } from '@jest/globals';
import taskcluster from 'taskcluster-client';
import { awsPool } from '../../dev/testing/api-client.js';
import { startChromium } from '../../dev/testing/chromium.js';
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

test('a user signs in on the dashboard with a client’s credentials, and is out once the client is removed', async () => {
  const browser = await startChromium();
  try {
    const page = await browser.newPage();
    await page.goto(`${system().api.url}/`);
    await page.getByRole('button', { name: 'Sign in' }).click();
    const form = page.locator('form.login');
    await form.getByLabel('Client').fill(user.clientId);
    await form.getByLabel('Access token').fill('a-token-that-is-nobodys');
    await form.getByRole('button', { name: 'Sign in' }).click();
    await page.getByRole('alert').waitFor();
    await form.getByLabel('Access token').fill(user.accessToken);
    await form.getByRole('button', { name: 'Sign in' }).click();
    await page.getByRole('button', { name: `Sign out ${user.clientId}` }).waitFor();
    await page.reload();
    await page.getByRole('button', { name: `Sign out ${user.clientId}` }).waitFor();
    await system().simulator.removeAuthClient(user.clientId);
    await page.reload();
    await page.getByRole('button', { name: 'Sign in' }).waitFor();
    expect(await page.getByRole('button', { name: /^Sign out/ }).count()).toBe(0);
  } finally {
    await browser.close();
  }
});

const signed = {
  TASKCLUSTER_CLIENT_ID: user.clientId,
  TASKCLUSTER_ACCESS_TOKEN: user.accessToken,
  TASKCLUSTER_CERTIFICATE: '',
};

/** What an operator's command says, and its exit code. */
async function command(...args: string[]): Promise<{ readonly code: number | null; readonly output: string }> {
  const logFile = join(system().folder, `${args[0]}-${randomBytes(4).toString('hex')}.log`);
  const process = new ProductProcess([...args, '--url', system().api.url], logFile, signed);
  return { code: (await process.ended).code, output: process.output() };
}

test('hold signs with the credentials that Taskcluster’s tools read, and explain says who holds the pool, and no longer once it is released', async () => {
  const pool = newPool();
  await asUser().createWorkerPool(pool, awsPool({ maxCapacity: 0 }));
  const held = await command('hold', '--pool', pool, '--reason', 'a test');
  expect(held).toMatchObject({ code: 0, output: expect.stringContaining('held') });
  const holds = await system().query<object>('select scope, client_id from holds');
  expect(holds).toContainEqual({ scope: pool, client_id: user.clientId });

  const why = async (query = '') =>
    (await system().api.call('GET', `/worker-pool/${encodeURIComponent(pool)}/explain${query}`)).body as {
      readonly cause: string;
      readonly sentence: string;
      readonly at: string;
    };
  const during = await system().waitFor(async () => {
    const explained = await why();
    return explained.cause === 'held' ? explained : null;
  }, 'a poll of the pool that is held');
  expect(during.sentence).toMatch(
    new RegExp(`^${user.clientId} held the pool at [\\d:]+ \\("a test"\\); 0 more were wanted`),
  );
  await command('release', '--pool', pool);
  await system().waitFor(async () => (await why()).cause !== 'held', 'the end of the hold');

  // That second is explained as before: from the rows.
  expect(await why(`?at=${during.at}`)).toMatchObject({ cause: 'held', sentence: during.sentence });
  const past = await command('explain', pool, '--at', during.at);
  expect(past).toMatchObject({ code: 0, output: expect.stringContaining(during.sentence) });
  const never = await command('explain', pool, '--at', '2020-01-01T00:00:00Z');
  expect(never).toMatchObject({ code: 3, output: expect.stringContaining('Nothing is recorded of that instant') });
});
