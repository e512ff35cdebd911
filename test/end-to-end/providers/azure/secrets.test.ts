import { randomBytes } from 'node:crypto';
import { expect, test } from '@jest/globals';
import { lifecycleId, provisionId } from '../../../../temporal/ids.js';
import { adminCredentials } from '../../../../providers/azure/create/admin.js';
import { openDatabase } from '../../../../database/client/open.js';
import { providerContext } from '../../../../providers/context.js';
import { awsPool, type WorkerResponse } from '../../../../dev/testing/api-client.js';
import { azurePool, azureTemplatePool } from '../../../../dev/testing/azure-pool.js';
import { azureSystemOverTls, expectNothingLeft } from '../../../support/azure-system.js';
import { keptTexts, placesOf, shownTexts, type KeptTexts } from '../../../support/kept-texts.js';
import { endPool, restart } from '../../../support/pool-steps.js';
import { suiteOf } from '../../../support/suite.js';
import { awsProviders } from '../../../../dev/testing/system.js';

const newSecret = () => randomBytes(24).toString('base64url');
const CLIENT_SECRET = newSecret();
const ISSUER_TOKEN = newSecret();
/** What the simulator's token endpoint gives, as long as it is true. */
const BEARER_TOKEN = /simulated\.\d+\.[-0-9a-f]{36}/;

const azure = azureSystemOverTls(CLIENT_SECRET, { machines: 'off' });
const { system, newPool } = suiteOf('secrets/pool', {
  ...azure,
  roles: 'all',
  providers: async (simulator, folder) => ({
    ...(await azure.providers!(simulator, folder)),
    ...(await awsProviders(simulator, folder)),
  }),
  config: { issuer: { clientId: 'issuer', accessToken: ISSUER_TOKEN }, log: { level: 'debug', format: 'json' } },
});

interface Registered {
  readonly worker: WorkerResponse;
  readonly secrets: Readonly<Record<string, string>>;
}

/** The machine of this new pool registers, and once more. */
async function register(pool: string): Promise<Registered> {
  const { api, simulator } = system();
  const isRunning = async (): Promise<WorkerResponse | undefined> => {
    const [worker] = await api.workers(pool, 'requested');
    const machines = await simulator.machines();
    return machines.some(({ instanceId, state }) => instanceId === worker?.workerId && state === 'running')
      ? worker
      : undefined;
  };
  const worker = await system().waitFor(isRunning, `a running machine of ${pool}`);
  const { workerPoolId, workerGroup, workerId, providerId } = worker;
  const key = { workerPoolId, workerGroup, workerId };
  const workerIdentityProof =
    providerId === 'aws' ? await simulator.identityDocument(workerId) : await simulator.attestedDocument(workerId);
  // As a machine does that is put off.
  const first = await system().waitFor(async () => {
    const answer = await api.register({ ...key, providerId, workerIdentityProof });
    return answer.status === 503 ? null : answer;
  }, `an answer to ${workerId}`);
  expect(first.status).toBe(200);
  const second = await api.call('POST', '/worker/reregister', { ...key, secret: first.body.secret });
  expect(second.status).toBe(200);
  const granted = [first, second].flatMap(({ body }, index) => {
    const { accessToken, certificate } = body.credentials as Record<string, string>;
    const { signature } = JSON.parse(certificate!) as { signature: string };
    return Object.entries({ secret: body.secret as string, accessToken: accessToken!, signature }).map(
      ([name, value]) => [`${name} ${index + 1} of ${workerId}`, value] as const,
    );
  });
  const proof = Object.entries(workerIdentityProof).map(([name, value]) => [`${name} of ${workerId}`, value] as const);
  return { worker, secrets: Object.fromEntries([...granted, ...proof]) };
}

/** Calculated as the product does it, from the key in its database. */
async function adminOf(): Promise<(workerId: string) => { adminUsername: string; adminPassword: string; key: string }> {
  const database = await openDatabase({ url: system().databaseUrl });
  await database.close();
  const limiter = { acquire: () => Promise.resolve(), reportQuota: () => Promise.resolve() };
  const { deployment } = database;
  const rootUrl = system().simulator.url;
  const context = providerContext('azure', { rootUrl, deployment, limiter, onCall: () => {} });
  return (workerId) => ({ ...adminCredentials(context, workerId), key: deployment.deploymentKey });
}

const tablesWithPools = [
  ...['worker_pools', 'launch_configs', 'launch_config_revisions', 'audit', 'launches', 'workers'],
  ...['decisions', 'events'],
  ...['demand_polls', 'reconciliations', 'attempts', 'worker_events', 'pool_revisions'],
];
const tables = [
  ...tablesWithPools,
  ...['deployment', 'holds', 'credentials_used', 'launch_backoffs', 'worker_pool_errors', 'scans', 'scan_notes'],
  ...['rate_limits', 'provider_accounts', 'spans', 'error_hours'],
];
const get = (path: string): string => `GET /api/worker-manager/v1/${path}`;

test('nothing that a deployment keeps, logs or shows holds a secret of its machines or its clouds', async () => {
  const { api, simulator } = system();
  const [crashed, template, amazon, failing, failingTemplate] = [newPool(), newPool(), newPool(), newPool(), newPool()];
  const held = await simulator.addFault({ operation: 'PUT virtualMachines', mode: 'hold-answer' });
  await api.createPool(crashed, azurePool({ minCapacity: 1, publicIp: true }));
  await simulator.faultHit(held.id);
  await restart(system(), 'all');
  await simulator.releaseFault(held.id, 'drop');
  await api.createPool(template, azureTemplatePool('one-nic', { minCapacity: 1 }));
  await api.createPool(amazon, awsPool({ minCapacity: 1 }));
  const registered = [await register(crashed), await register(template), await register(amazon)];

  await simulator.addFault({ operation: 'PUT virtualMachines', mode: 'fail-operation', code: 'AllocationFailed' });
  await api.createPool(failing, azurePool({ minCapacity: 1 }));
  await api.createPool(failingTemplate, azureTemplatePool('fails-half-way', { minCapacity: 1 }));
  for (const pool of [failing, failingTemplate])
    await system().waitFor(async () => (await api.errors(pool)).length > 0, `an error of ${pool}`);

  const running = await shownTexts(
    system(),
    registered.map(({ worker }) => worker),
  );
  const { resources } = await simulator.azureState();
  for (const pool of [crashed, template, failing, failingTemplate]) {
    await endPool(system(), pool, azurePool({ maxCapacity: 0 }));
  }
  await endPool(system(), amazon);
  await system().waitFor(async () => (await simulator.azureState()).deployments.length === 0, 'no deployment');
  await expectNothingLeft(system());

  const pools = [crashed, template, amazon, failing, failingTemplate];
  const workers = (await Promise.all(pools.map((pool) => api.workers(pool)))).flat();
  expect(workers.length).toBeGreaterThanOrEqual(pools.length);
  // Lists of workflows lag behind.
  await system().waitFor(async () => {
    const closed = await system().temporal.workflow.count("WorkflowType = 'workerLifecycle' AND CloseTime > 0");
    return closed.count >= workers.length;
  }, 'every lifecycle in the list');
  const ended = await shownTexts(system(), workers);
  const kept = await keptTexts(system());
  const everything: KeptTexts = {
    ...kept,
    ...ended,
    ...Object.fromEntries(Object.entries(running).map(([place, text]) => [`${place} before the end`, text])),
    'resources in Azure': JSON.stringify(resources),
  };

  // Everything was searched, and the search finds what is there, in every kind of place.
  expect(Object.keys(kept)).toEqual(expect.arrayContaining(tables.map((table) => `table ${table}`)));
  expect(Object.keys(kept).filter((place) => place.startsWith('log '))).toEqual(['log all-1.log', 'log all-2.log']);
  for (const pool of pools) {
    const found = placesOf(pool, everything);
    const path = encodeURIComponent(pool);
    expect(found).toEqual(
      expect.arrayContaining([
        ...tablesWithPools.map((table) => `table ${table}`),
        'log all-2.log',
        `schedule cron/${pool}`,
        ...[`workers/${path}`, 'worker-pools', `worker-pool/${path}`, `worker-pool/${path}/launch-configs`].map(get),
      ]),
    );
    expect(Object.keys(ended)).toEqual(
      expect.arrayContaining([`worker-pool/${path}/decisions`, `worker-pool-errors/${path}`].map(get)),
    );
    expect(found.some((place) => place.startsWith(`workflow ${provisionId(pool)} `))).toBe(true);
  }
  for (const pool of [crashed, template]) expect(placesOf(pool, everything)).toContain('resources in Azure');
  for (const pool of [crashed, template, amazon])
    expect(placesOf(pool, everything)).toContain('GET /metrics before the end');
  for (const pool of [failing, failingTemplate])
    expect(placesOf(pool, everything)).toEqual(
      expect.arrayContaining(['table worker_pool_errors', get(`worker-pool-errors/${encodeURIComponent(pool)}`)]),
    );
  for (const worker of workers) {
    const found = placesOf(worker.workerId, everything);
    expect(found.some((place) => place.startsWith(`workflow ${lifecycleId(worker)} `))).toBe(true);
  }
  const hidden = { here: Buffer.from('something in base64, further in').toString('base64') };
  expect(placesOf('in base64', hidden)).toEqual(['here']);

  const admin = await adminOf();
  const [machine] = resources.filter(
    ({ type, name }) => type.endsWith('/virtualMachines') && name === registered[0]!.worker.workerId,
  );
  expect(machine?.properties['osProfile']).toMatchObject({
    adminUsername: admin(registered[0]!.worker.workerId).adminUsername,
  });
  const secrets: Record<string, string> = { 'the client secret': CLIENT_SECRET, 'the issuer’s token': ISSUER_TOKEN };
  for (const { workerId } of workers) secrets[`admin password of ${workerId}`] = admin(workerId).adminPassword;
  for (const each of registered) Object.assign(secrets, each.secrets);
  for (const [name, secret] of Object.entries(secrets)) {
    expect([name, secret]).toEqual([name, expect.stringMatching(/.{15}/)]);
    expect([name, placesOf(secret, everything)]).toEqual([name, []]);
  }
  for (const { workerId } of workers) {
    const found = placesOf(admin(workerId).adminUsername, everything);
    expect(found.filter((place) => place !== 'resources in Azure')).toEqual([]);
  }
  expect(placesOf(admin('any').key, everything)).toEqual(['table deployment']);

  const form = new URLSearchParams({ grant_type: 'client_credentials', client_secret: CLIENT_SECRET });
  const login = await fetch(`${simulator.url}/azure-login/tenant/oauth2/v2.0/token`, { method: 'POST', body: form });
  expect(await login.text()).toMatch(BEARER_TOKEN);
  expect(Object.entries(everything).filter(([, text]) => BEARER_TOKEN.test(text))).toEqual([]);
});
