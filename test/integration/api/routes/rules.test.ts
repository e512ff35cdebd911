import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { sql } from 'kysely';
import { DAY_MS } from '../../../../domain/durations.js';
import { type WorkerKey, workerKeyText } from '../../../../domain/ids.js';
import { setShouldTerminate } from '../../../../database/termination-advice.js';
import { recordStopped } from '../../../../database/worker-changes.js';
import { launchMachines, poolDefinition, startTestApi, type Answer, type TestApi } from '../../../support/api.js';

/**
 * The rules of each operation, one test for each of Taskcluster's sentences, with the code and status that it names;
 * where the compatibility page differs, what that says.
 */

const token = (name: string) => `access-token-of-the-client-${name}`;
const clientWith = (clientId: string, ...scopes: string[]) => ({ clientId, accessToken: token(clientId), scopes });
const clients = [
  clientWith('everything', '*'),
  clientWith('manager', 'worker-manager:manage-worker-pool:*', 'worker-manager:provider:hand'),
  clientWith('worker', 'assume:worker-pool:*', 'assume:worker-id:here/mine', 'worker-manager:reregister-worker:x/*'),
];
const SECRET = 'a'.repeat(44);

let api: TestApi;
let count = 0;
let pool: string;
let path: string;
beforeAll(async () => {
  api = await startTestApi({ auth: { type: 'static', clients } });
});
afterAll(() => api.close());
beforeEach(() => {
  api.failedProviders.clear();
  pool = `rules/p${(count += 1)}`;
  path = `/worker-pool/${encodeURIComponent(pool)}`;
});

type Method = 'GET' | 'PUT' | 'POST' | 'DELETE';
const as = (clientId: string) => (method: Method, url: string, body?: unknown) =>
  api.call(method, url, body, { authorization: `Bearer ${token(clientId)}` });
const call = as('everything');
const create = (changes: object = {}) => call('PUT', path, { ...poolDefinition, ...changes });
const update = (changes: object = {}) => call('POST', path, { ...poolDefinition, ...changes });
const withLaunchConfigs = (...launchConfigs: object[]) => ({ config: { ...poolDefinition.config, launchConfigs } });
const named = (launchConfigId: string, machine: object = {}) => ({ ...machine, workerManager: { launchConfigId } });
const rowsOf = async <T>(query: ReturnType<typeof sql<T>>) => (await query.execute(api.database.db)).rows;
const setProvider = (providerId: string) =>
  sql`update worker_pools set provider_id = ${providerId} where worker_pool_id = ${pool}`.execute(api.database.db);
const topics = async () =>
  (
    await rowsOf(
      sql<{ topic: string }>`select topic from events where payload ->> 'workerPoolId' = ${pool} order by id`,
    )
  ).map((row) => row.topic);
const audited = async () =>
  (
    await rowsOf(
      sql<{ action: string; clientId: string }>`
        select action, client_id from audit where entity_id = ${pool} and entity_type = 'worker-pool' order by id`,
    )
  ).map(({ action, clientId }) => `${action} by ${clientId}`);

const workerPath = (workerId: string) => `/workers/${encodeURIComponent(pool)}/here/${workerId}`;
const launch = async (...workerIds: string[]) => {
  await create();
  return launchMachines(api, pool, workerIds, { authorization: `Bearer ${token('everything')}` });
};
const claim = (workerId: string, changes: object = {}) => ({
  ...{ workerPoolId: pool, workerGroup: 'here', workerId, providerId: 'cloud' },
  workerIdentityProof: { document: `I am ${workerId}` },
  ...changes,
});
const register = (workerId: string, changes: object = {}) => call('POST', '/worker/register', claim(workerId, changes));
const reregister = (workerId: string, secret: string) =>
  call('POST', '/worker/reregister', { workerPoolId: pool, workerGroup: 'here', workerId, secret });
const inDays = (days: number) => new Date(api.clock.ms + days * DAY_MS).toISOString();
const handMade = async (changes: object = {}) => {
  await create({ providerId: 'hand', config: {} });
  return call('PUT', workerPath('w'), { expires: inDays(1), providerInfo: { staticSecret: SECRET }, ...changes });
};
const report = (workerId: string) => ({
  ...{ workerGroup: 'here', workerId, kind: 'k', title: 'T', description: 'D', extra: { own: 1 } },
});
const reportError = (workerId: string, client = call) =>
  client('POST', `/worker-pool-errors/${encodeURIComponent(pool)}`, report(workerId));

type Rule = readonly [rule: string, act: () => Promise<Answer>, status: number, code?: string];
const each = (rules: readonly Rule[]) =>
  test.each(rules.map(([rule, act, status, code = null]) => [rule, act, status, code] as const))(
    '%s',
    async (_, act, status, code) => {
      const answer = await act();
      expect([answer.status, answer.body.code ?? null]).toEqual([status, code]);
    },
  );

describe('createWorkerPool', () => {
  each([
    [
      'createWorkerPool needs the scope of the provider that the body names',
      () => as('manager')('PUT', path, poolDefinition),
      ...([403, 'InsufficientScopes'] as const),
    ],
    ['createWorkerPool rejects an unknown provider', () => create({ providerId: 'nope' }), 400, 'InputError'],
    [
      'createWorkerPool is put off while the provider cannot be set up',
      () => (api.failedProviders.add('cloud'), create()),
      ...([503, 'ProviderSetupFailed'] as const),
    ],
    [
      'createWorkerPool rejects a config that the provider does not take',
      () => create({ providerId: 'hand', config: { more: 1 } }),
      ...([400, 'InputValidationError'] as const),
    ],
    ['createWorkerPool accepts a repetition', async () => (await create(), create()), 200],
    [
      'createWorkerPool rejects another definition of a pool that exists',
      async () => (await create(), create({ owner: 'somebody@example.com' })),
      ...([409, 'RequestConflict'] as const),
    ],
    [
      'createWorkerPool rejects two launch configs of one id',
      () => create(withLaunchConfigs(named('x', { a: 1 }), named('x', { a: 2 }))),
      ...([409, 'RequestConflict'] as const),
    ],
  ]);

  test('createWorkerPool names a conflict of pools and one of launch configs otherwise', async () => {
    await create(withLaunchConfigs(named('x', { a: 1 })));
    expect((await create({ owner: 'somebody@example.com' })).body.message).toContain(`Worker pool ${pool} exists`);
    const clash = await update(withLaunchConfigs(named('x', { a: 2 })));
    expect(clash.body.message).toContain(`Launch config x of ${pool} exists`);
  });

  test('createWorkerPool announces the pool and then its launch configs, and is audited, once', async () => {
    const { body } = await create(withLaunchConfigs(named('a', { a: 1 }), named('b', { b: 1 })));
    await create(withLaunchConfigs(named('a', { a: 1 }), named('b', { b: 1 })));
    expect(await topics()).toEqual(['worker-pool-created', 'launch-config-created', 'launch-config-created']);
    expect(await audited()).toEqual(['created by everything']);
    expect((await call('GET', path)).body).toEqual(body);
  });
});

describe('updateWorkerPool', () => {
  each([
    [
      'updateWorkerPool needs the scope of the provider that the body names',
      async () => (await create(), as('manager')('POST', path, poolDefinition)),
      ...([403, 'InsufficientScopes'] as const),
    ],
    [
      'updateWorkerPool rejects an unknown provider',
      async () => (await create(), update({ providerId: 'nope' })),
      ...([400, 'InputError'] as const),
    ],
    [
      'updateWorkerPool rejects a config that the provider does not take',
      async () => (await create(), update({ providerId: 'hand', config: { more: 1 } })),
      ...([400, 'InputValidationError'] as const),
    ],
    [
      'updateWorkerPool rejects a body with the id of another pool',
      async () => (await create(), update({ workerPoolId: 'another/pool' })),
      ...([400, 'InputError'] as const),
    ],
    ['updateWorkerPool rejects an unknown pool', () => update(), 404, 'ResourceNotFound'],
    [
      'updateWorkerPool rejects another content of a launch config',
      async () => (
        await create(withLaunchConfigs(named('x', { a: 1 }))),
        update(withLaunchConfigs(named('x', { a: 2 })))
      ),
      ...([409, 'RequestConflict'] as const),
    ],
    [
      'updateWorkerPool goes on although the provider cannot be set up',
      async () => (await create(), api.failedProviders.add('cloud'), update()),
      200,
    ],
  ]);

  test('updateWorkerPool replaces every field, and ignores the times of the body', async () => {
    const { body } = await create();
    api.clock.ms += 1_000;
    const next = { providerId: 'hand', description: 'other', owner: 'you@example.com', emailOnError: true, config: {} };
    const { body: updated } = await update({
      ...next,
      workerPoolId: pool,
      created: inDays(-9),
      lastModified: inDays(9),
    });
    expect(updated).toMatchObject({ ...next, workerPoolId: pool, created: body.created });
    expect(updated.lastModified).toBe(new Date(api.clock.ms).toISOString());
  });

  test('updateWorkerPool announces the former provider always, then launch configs updated, created and archived', async () => {
    await create(withLaunchConfigs(named('a', { a: 1 }), named('b', { b: 1 })));
    const before = (await topics()).length;
    await update(withLaunchConfigs(named('c', { c: 1 }), named('b', { b: 1 })));
    expect((await topics()).slice(before)).toEqual([
      'worker-pool-updated',
      ...['launch-config-updated', 'launch-config-created', 'launch-config-archived'],
    ]);
    const [updated] = await rowsOf(
      sql<{ payload: unknown }>`select payload from events where topic = 'worker-pool-updated'
        and payload ->> 'workerPoolId' = ${pool}`,
    );
    expect(updated?.payload).toEqual({ workerPoolId: pool, providerId: 'cloud', previousProviderId: 'cloud' });
    expect(await audited()).toEqual(['created by everything', 'updated by everything']);
  });

  test('updateWorkerPool leaves a worker with the provider that launched it', async () => {
    await launch('i-1');
    await update({ providerId: 'hand', config: {} });
    expect((await call('GET', workerPath('i-1'))).body.providerId).toBe('cloud');
    expect((await register('i-1')).status).toBe(200);
  });
});

describe('deleteWorkerPool', () => {
  each([
    ['deleteWorkerPool rejects an unknown pool', () => call('DELETE', path), 404, 'ResourceNotFound'],
    ['deleteWorkerPool needs no scope of a provider', async () => (await create(), as('manager')('DELETE', path)), 200],
    [
      'deleteWorkerPool goes on although the provider cannot be set up',
      async () => (await create(), api.failedProviders.add('cloud'), call('DELETE', path)),
      200,
    ],
  ]);

  test('deleteWorkerPool gives the pool to the null provider, keeps what people wrote, and archives its launch configs', async () => {
    await create(withLaunchConfigs(named('a', { a: 1 })));
    const { body } = await call('DELETE', path);
    const { description, owner, emailOnError } = poolDefinition;
    expect(body).toMatchObject({ providerId: 'null-provider', description, owner, emailOnError });
    expect(body.config).toEqual({ minCapacity: 0, maxCapacity: 10 });
    const listed = await call('GET', `${path}/launch-configs?includeArchived=true`);
    expect(listed.body.workerPoolLaunchConfigs).toMatchObject([{ launchConfigId: 'a', isArchived: true }]);
    expect((await call('GET', `${path}/launch-configs`)).body).toEqual({ workerPoolLaunchConfigs: [] });
    expect((await topics()).slice(-2)).toEqual(['worker-pool-updated', 'launch-config-archived']);
    expect(await audited()).toEqual(['created by everything', 'deleted by everything']);
  });
});

describe('reads of what nobody knows', () => {
  const poolId = () => encodeURIComponent(pool);
  each([
    ['workerPool rejects an unknown pool', () => call('GET', path), 404, 'ResourceNotFound'],
    ['workerPoolStats rejects an unknown pool', () => call('GET', `${path}/stats`), 404, 'ResourceNotFound'],
    [
      'listWorkerPoolLaunchConfigs rejects an unknown pool',
      () => call('GET', `${path}/launch-configs`),
      ...([404, 'ResourceNotFound'] as const),
    ],
    [
      'listWorkersForWorkerPool rejects an unknown pool',
      () => call('GET', `/workers/${poolId()}`),
      ...([404, 'ResourceNotFound'] as const),
    ],
    ['listWorkersForWorkerGroup is empty for an unknown pool', () => call('GET', `/workers/${poolId()}/here`), 200],
    ['listWorkerPoolErrors is empty for an unknown pool', () => call('GET', `/worker-pool-errors/${poolId()}`), 200],
    [
      'listWorkers is empty for an unknown pool',
      () => call('GET', `/provisioners/rules/worker-types/${pool.split('/')[1]}/workers`),
      200,
    ],
    ['worker rejects an unknown worker', () => call('GET', workerPath('i-1')), 404, 'ResourceNotFound'],
  ]);
});

describe('reportWorkerError', () => {
  each([
    [
      'reportWorkerError needs the scope of the worker that the body names',
      async () => (await create(), reportError('other', as('worker'))),
      ...([403, 'InsufficientScopes'] as const),
    ],
    ['reportWorkerError rejects an unknown pool', () => reportError('i-1'), 404, 'ResourceNotFound'],
    [
      'reportWorkerError rejects a pool whose provider is not configured',
      async () => (await create(), await setProvider('gone'), reportError('i-1')),
      ...([400, 'InputError'] as const),
    ],
    [
      'reportWorkerError goes on although the provider cannot be set up',
      async () => (await create(), api.failedProviders.add('cloud'), reportError('i-1')),
      200,
    ],
  ]);

  test('reportWorkerError adds group and id to what the worker sent, and the launch config of a worker that has a row', async () => {
    await launch('i-1');
    const [known, unknown] = [await reportError('i-1'), await reportError('mine', as('worker'))];
    expect(known.body).toMatchObject({ extra: { own: 1, workerGroup: 'here', workerId: 'i-1' } });
    expect(known.body.launchConfigId).toMatch(/^lc-/);
    expect([unknown.status, unknown.body.extra.workerId, 'launchConfigId' in unknown.body]).toEqual([
      200,
      'mine',
      false,
    ]);
  });
});

describe('createWorker', () => {
  const createAnother = () =>
    call('PUT', workerPath('w2'), { expires: inDays(1), providerInfo: { staticSecret: SECRET } });
  each([
    [
      'createWorker rejects an unknown pool',
      () => call('PUT', workerPath('w'), { expires: inDays(1), providerInfo: { staticSecret: SECRET } }),
      ...([404, 'ResourceNotFound'] as const),
    ],
    ['createWorker rejects an expiry in the past', () => handMade({ expires: inDays(-1) }), 400, 'InputError'],
    [
      'createWorker rejects a pool whose provider is not configured',
      async () => (await handMade(), await setProvider('gone'), call('PUT', workerPath('w2'), { expires: inDays(1) })),
      ...([404, 'ResourceNotFound'] as const),
    ],
    [
      'createWorker rejects a pool whose provider launches its workers itself',
      async () => (await create(), call('PUT', workerPath('w'), { expires: inDays(1) })),
      ...([400, 'InputError'] as const),
    ],
    [
      'createWorker rejects other properties of a worker that exists',
      async () => (await handMade(), handMade({ capacity: 2 })),
      ...([409, 'RequestConflict'] as const),
    ],
    ['createWorker accepts a repetition', async () => (await handMade(), handMade()), 200],
    [
      'createWorker rejects a static worker without a secret',
      async () => (
        await create({ providerId: 'hand', config: {} }),
        call('PUT', workerPath('w'), { expires: inDays(1) })
      ),
      ...([400, 'InputError'] as const),
    ],
    [
      'createWorker goes on although the provider cannot be set up',
      async () => (await handMade(), api.failedProviders.add('hand'), createAnother()),
      200,
    ],
  ]);
});

describe('updateWorker', () => {
  const updateWorker = (expires: string) =>
    call('POST', workerPath('w'), { expires, providerInfo: { staticSecret: SECRET } });
  each([
    ['updateWorker rejects an unknown pool', () => updateWorker(inDays(1)), 404, 'ResourceNotFound'],
    [
      'updateWorker rejects an unknown worker',
      async () => (await create({ providerId: 'hand', config: {} }), updateWorker(inDays(1))),
      ...([404, 'ResourceNotFound'] as const),
    ],
    ['updateWorker accepts an expiry in the past', async () => (await handMade(), updateWorker(inDays(-1))), 200],
    [
      'updateWorker rejects a pool whose provider is not configured',
      async () => (await handMade(), await setProvider('gone'), updateWorker(inDays(1))),
      ...([404, 'ResourceNotFound'] as const),
    ],
    [
      'updateWorker rejects a worker whose pool has a provider that launches its workers itself',
      async () => (await handMade(), await setProvider('cloud'), updateWorker(inDays(1))),
      ...([400, 'InputError'] as const),
    ],
    [
      'updateWorker goes on although the provider cannot be set up',
      async () => (await handMade(), api.failedProviders.add('hand'), updateWorker(inDays(1))),
      200,
    ],
  ]);
});

describe('removeWorker', () => {
  const remove = () => call('DELETE', workerPath('i-1'));
  const setWorkerProvider = (providerId: string) =>
    sql`update workers set provider_id = ${providerId} where worker_pool_id = ${pool}`.execute(api.database.db);
  each([
    ['removeWorker rejects an unknown worker', remove, 404, 'ResourceNotFound'],
    [
      'removeWorker rejects a worker whose provider is not configured',
      async () => (await launch('i-1'), await setWorkerProvider('gone'), remove()),
      ...([404, 'ResourceNotFound'] as const),
    ],
    [
      'removeWorker goes on although the provider cannot be set up',
      async () => (await launch('i-1'), api.failedProviders.add('cloud'), remove()),
      200,
    ],
  ]);

  test('removeWorker uses the provider of the worker, answers with nothing, and may be repeated in any state', async () => {
    const [worker] = (await launch('i-1')) as [WorkerKey];
    await setProvider('gone');
    for (let time = 0; time < 2; time += 1) expect(await remove()).toMatchObject({ status: 200, body: {} });
    expect((await call('GET', workerPath('i-1'))).body.state).toBe('stopping');
    await recordStopped(api.database.db, worker, { nowMs: api.clock.ms, expires: api.clock.ms + DAY_MS });
    expect(await remove()).toMatchObject({ status: 200, body: {} });
    const [row] = await rowsOf(sql<{ reason: string }>`
      select stop_reason as reason from workers where worker_pool_id = ${pool}`);
    expect(row?.reason).toBe('workerManager.removeWorker API call');
    const audit = await rowsOf(
      sql`select client_id, action, entity_type from audit where entity_id = ${workerKeyText(worker)}`,
    );
    expect(audit).toEqual([{ clientId: 'everything', action: 'removed', entityType: 'worker' }]);
  });
});

describe('shouldWorkerTerminate', () => {
  const verdict = () => call('GET', `${workerPath('i-1')}/should-terminate`);
  each([['shouldWorkerTerminate rejects an unknown worker', verdict, 404, 'ResourceNotFound']]);

  test.each(['needed', 'over capacity', 'launch config archived'] as const)(
    'shouldWorkerTerminate gives the stored verdict «%s», and before there is one «none»',
    async (reason) => {
      await launch('i-1');
      await register('i-1');
      expect((await verdict()).body).toEqual({ terminate: false, reason: 'none' });
      const terminate = reason !== 'needed';
      const stored = { workerGroup: 'here', workerId: 'i-1', terminate, reason };
      await setShouldTerminate(api.database.db, pool, [stored], api.clock.ms);
      expect((await verdict()).body).toEqual({ terminate, reason });
    },
  );
});

describe('registerWorker', () => {
  each([
    ['registerWorker rejects an unknown pool', () => register('i-1'), 404, 'ResourceNotFound'],
    [
      'registerWorker rejects a provider that is not configured',
      async () => (await launch('i-1'), register('i-1', { providerId: 'gone' })),
      ...([404, 'ResourceNotFound'] as const),
    ],
    [
      'registerWorker goes on although the provider cannot be set up',
      async () => (await launch('i-1'), api.failedProviders.add('cloud'), register('i-1')),
      200,
    ],
    [
      'registerWorker rejects an unknown worker',
      async () => (await create(), register('i-1')),
      404,
      'ResourceNotFound',
    ],
    [
      'registerWorker rejects a worker of another provider',
      async () => (await launch('i-1'), register('i-1', { providerId: 'hand' })),
      ...([400, 'InputError'] as const),
    ],
    [
      'registerWorker rejects an unknown worker of a provider that its pool never had as it rejects any unknown one',
      async () => (await create(), register('i-1', { providerId: 'hand' })),
      ...([404, 'ResourceNotFound'] as const),
    ],
    [
      'registerWorker accepts a worker of a former provider of its pool',
      async () => (await launch('i-1'), await update({ providerId: 'hand', config: {} }), register('i-1')),
      200,
    ],
    [
      'registerWorker rejects a worker whose time is over',
      async () => {
        await launch('i-1');
        await sql`update workers set expires = 1 where worker_pool_id = ${pool}`.execute(api.database.db);
        return register('i-1');
      },
      ...([400, 'InputError'] as const),
    ],
    [
      'registerWorker rejects a proof that does not hold',
      async () => (await launch('i-1'), register('i-1', { workerIdentityProof: { document: 'I am i-2' } })),
      ...([400, 'InputError'] as const),
    ],
    [
      'registerWorker rejects a worker that is stopping',
      async () => (await launch('i-1'), await call('DELETE', workerPath('i-1')), register('i-1')),
      ...([400, 'InputError'] as const),
    ],
  ]);

  test('registerWorker gives a secret of 44 characters, an expiry in the future, and credentials of that worker', async () => {
    await launch('i-1');
    const { body } = await register('i-1', { systemBootTime: inDays(-0.01) });
    expect(body.secret).toMatch(/^[a-zA-Z0-9_-]{44}$/);
    expect(Date.parse(body.expires)).toBeGreaterThan(api.clock.ms);
    expect(body.credentials.clientId).toBe(`worker/cloud/${pool}/here/i-1`);
    expect(body.workerConfig).toEqual({ from: 'launch config' });
  });
});

describe('reregisterWorker', () => {
  const registered = async () => (await launch('i-1'), (await register('i-1')).body.secret as string);
  each([
    [
      'reregisterWorker needs the scope of the worker that the body names',
      async () => {
        const secret = await registered();
        const body = { workerPoolId: pool, workerGroup: 'here', workerId: 'i-1', secret };
        return as('worker')('POST', '/worker/reregister', body);
      },
      ...([403, 'InsufficientScopes'] as const),
    ],
    [
      'reregisterWorker rejects a worker that is not running',
      async () => {
        const secret = await registered();
        await call('DELETE', workerPath('i-1'));
        return reregister('i-1', secret);
      },
      ...([400, 'InputError'] as const),
    ],
    [
      'reregisterWorker rejects a worker whose time is over',
      async () => {
        const secret = await registered();
        await sql`update workers set expires = 1 where worker_pool_id = ${pool}`.execute(api.database.db);
        return reregister('i-1', secret);
      },
      ...([400, 'InputError'] as const),
    ],
  ]);

  test('reregisterWorker rejects an unknown worker, one that never registered, and a wrong secret in the same words', async () => {
    await launch('i-1', 'i-2');
    await register('i-1');
    const answers = [await reregister('i-0', SECRET), await reregister('i-2', SECRET), await reregister('i-1', SECRET)];
    const texts = answers.map(({ status, body }) => [status, body.code, body.message.split('\n')[0]]);
    expect(new Set(texts.map((text) => JSON.stringify(text))).size).toBe(1);
    expect(texts[0]!.slice(0, 2)).toEqual([400, 'InputError']);
  });

  test('reregisterWorker gives another secret and new credentials, and moves the deadline to their end', async () => {
    const secret = await registered();
    api.clock.ms += 3_600_000;
    const { status, body } = await reregister('i-1', secret);
    expect([status, body.secret === secret]).toEqual([200, false]);
    const [row] = await rowsOf(sql<{ deadline: number }>`
      select terminate_after as deadline from workers where worker_pool_id = ${pool}`);
    expect(new Date(row!.deadline).toISOString()).toBe(body.expires);
  });
});
