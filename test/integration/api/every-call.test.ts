import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { createClient, type Credentials } from 'taskcluster-client';
import apis from 'taskcluster-client/src/apis.js';
import { HOUR_MS } from '../../../domain/durations.js';
import { launchMachines, poolDefinition, startTestApi, type TestApi } from '../../support/api.js';
import { temporaryCredentials } from '../../support/temporary-credentials.js';

const all = {
  clientId: 'all',
  accessToken: 'access-token-of-the-client-all',
  scopes: ['worker-manager:*', 'assume:*', 'auth:create-client:all/*'],
};
const nothing = { clientId: 'nothing', accessToken: 'access-token-of-nobody-much', scopes: [] };

let api: TestApi;
let rootUrl: string;
beforeAll(async () => {
  api = await startTestApi({ auth: { type: 'static', clients: [all, nothing] } });
  rootUrl = await api.app.listen({ host: '127.0.0.1', port: 0 });
});
afterAll(() => api.close());

const WorkerManager = createClient(apis.WorkerManager.reference, 'WorkerManager');
const { entries } = apis.WorkerManager.reference;
const permanent = ({ clientId, accessToken }: typeof all): Credentials => ({ clientId, accessToken });
const temporary = (clientId?: string): Credentials =>
  temporaryCredentials(all, {
    ...(clientId === undefined ? {} : { clientId }),
    scopes: ['worker-manager:*', 'assume:*'],
  });

/** What every call of Taskcluster’s client gets that succeeds, in an order in which each finds what it needs. */
async function everyCall(pool: string, call: (name: string, ...args: unknown[]) => Promise<unknown>): Promise<void> {
  const [provisionerId, workerType] = pool.split('/');
  const hand = `${pool}-hand`;
  const worker = [pool, 'here', `i-${workerType}`] as const;
  const announcedWorker = [hand, 'here', 'w'] as const;
  const expires = new Date(Date.now() + HOUR_MS).toISOString();
  const announced = { expires, capacity: 1, providerInfo: { staticSecret: 'a'.repeat(44) } };
  for (const name of ['ping', 'lbheartbeat', 'version', 'heartbeat', 'listProviders']) await call(name);
  await call('createWorkerPool', pool, poolDefinition);
  await call('createWorkerPool', hand, { ...poolDefinition, providerId: 'hand', config: {} });
  await call('updateWorkerPool', pool, { ...poolDefinition, description: 'other' });
  await launchMachines(api, pool, [worker[2]], bearer(all));
  for (const name of ['workerPool', 'workerPoolStats', 'listWorkerPoolLaunchConfigs', 'listWorkersForWorkerPool']) {
    await call(name, pool);
  }
  for (const name of ['listWorkerPools', 'listWorkerPoolsStats', 'workerPoolErrorStats']) await call(name);
  const proof = { workerIdentityProof: { document: `I am ${worker[2]}` } };
  const names = { workerPoolId: pool, workerGroup: worker[1], workerId: worker[2] };
  const registered = await call('registerWorker', { ...names, providerId: 'cloud', ...proof });
  await call('reregisterWorker', {
    ...names,
    secret: (registered as { secret: string } | undefined)?.secret ?? 'a'.repeat(44),
  });
  const report = { workerGroup: worker[1], workerId: worker[2], kind: 'k', title: 'T', description: 'D', extra: {} };
  await call('reportWorkerError', pool, report);
  await call('listWorkerPoolErrors', pool, { limit: 1 });
  await call('listWorkersForWorkerGroup', pool, worker[1]);
  await call('worker', ...worker);
  await call('createWorker', ...announcedWorker, announced);
  await call('updateWorker', ...announcedWorker, { ...announced, capacity: 2 });
  await call('listWorkers', provisionerId, workerType, { quarantined: 'true' });
  api.queueKnows.worker = async (_, { workerGroup, workerId }) => ({
    ...{ workerGroup, workerId, firstClaimAt: 1, lastActiveAt: 1, quarantineUntil: null, expiresAt: null },
    ...{ recentTasks: [], quarantines: [] },
  });
  await call('getWorker', provisionerId, workerType, worker[1], worker[2]);
  api.queueKnows.worker = async () => null;
  await call('removeWorker', ...worker);
  await call('deleteWorkerPool', pool);
}

const bearer = ({ accessToken }: typeof all) => ({ authorization: `Bearer ${accessToken}` });

test.each<[string, () => Credentials]>([
  ['permanent credentials', () => permanent(all)],
  ['unnamed temporary credentials', () => temporary()],
  ['named temporary credentials', () => temporary('all/named')],
])('every call of Taskcluster’s client works with %s', async (kind, credentials) => {
  const client = new WorkerManager({ rootUrl, credentials: credentials(), retries: 0 });
  const called = new Set<string>();
  await everyCall(`calls/${kind.split(' ')[0]}`, (name, ...args) => {
    called.add(name);
    return client[name]!(...args);
  });
  expect([...called].sort()).toEqual(entries.map(({ name }) => name).sort());
});

test.each<[string, object]>([
  ['a client without scopes', { credentials: permanent(nothing) }],
  ['credentials restricted to another scope', { credentials: permanent(all), authorizedScopes: ['assume:nothing'] }],
  ['no credentials', {}],
])('every call of Taskcluster’s client that needs scopes is rejected with %s', async (kind, options) => {
  const pool = `refused/${kind.split(' ').at(-1)}`;
  const client = new WorkerManager({ rootUrl, retries: 0, ...options });
  const manager = new WorkerManager({ rootUrl, retries: 0, credentials: permanent(all) });
  const refused: string[] = [];
  await everyCall(pool, async (name, ...args) => {
    const { scopes } = entries.find((entry) => entry.name === name)!;
    if (scopes !== undefined) {
      const refusal = expect.objectContaining({ code: 'InsufficientScopes', statusCode: 403 });
      await expect(client[name]!(...args)).rejects.toEqual(refusal);
      refused.push(name);
    }
    return manager[name]!(...args);
  });
  expect(new Set(refused).size).toBe(entries.filter(({ scopes }) => scopes !== undefined).length);
});
