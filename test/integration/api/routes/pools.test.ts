import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { eventually } from '../../../../dev/testing/eventually.js';
import { launchMachines, poolDefinition, startTestApi, type TestApi } from '../../../support/api.js';

let api: TestApi;
let count = 0;
let pool: string;
let path: string;
beforeAll(async () => {
  api = await startTestApi();
});
afterAll(() => api.close());
beforeEach(() => {
  api.lifecycles.failure = null;
  api.lifecycles.requested.length = 0;
  pool = `pools/p${(count += 1)}`;
  path = `/worker-pool/${encodeURIComponent(pool)}`;
});

const create = (changes: object = {}) => api.call('PUT', path, { ...poolDefinition, ...changes });
const config = (...launchConfigs: object[]) => ({ config: { ...poolDefinition.config, launchConfigs } });

async function pagesOf<T>(list: string, key: string): Promise<{ items: T[]; pages: number }> {
  const items: T[] = [];
  let pages = 0;
  for (let query: string | null = ''; query !== null; pages += 1) {
    const { body } = await api.call('GET', `${list}${query}`);
    items.push(...(body[key] as T[]));
    query = body.continuationToken ? `?continuationToken=${body.continuationToken}` : null;
  }
  return { items, pages };
}

describe('createWorkerPool', () => {
  test('createWorkerPool stores the pool, fills in ids, creates its Schedule and requests a reconciliation', async () => {
    const { status, body } = await create();
    expect(status).toBe(200);
    expect(body).toMatchObject({ workerPoolId: pool, providerId: 'cloud', currentCapacity: 0, stoppedCount: 0 });
    const [launchConfig] = body.config.launchConfigs;
    expect(launchConfig.workerManager.launchConfigId).toMatch(/^lc-[0-9a-f]{20}$/);
    expect(api.lifecycles.requested).toEqual([`schedule ${pool}`, `reconcile ${pool}`]);
    expect((await api.call('GET', path)).body).toEqual(body);
  });

  test('createWorkerPool succeeds when repeated with ids that were computed', async () => {
    const first = await create();
    const second = await create();
    expect([second.status, second.body]).toEqual([200, first.body]);
  });

  test('createWorkerPool succeeds when the stored form is sent back', async () => {
    const { body } = await create();
    const { providerId, description, owner, emailOnError } = body;
    const again = await api.call('POST', path, { providerId, description, owner, emailOnError, config: body.config });
    expect([again.status, again.body.config]).toEqual([200, body.config]);
  });

  test('createWorkerPool gives a conflict for another definition, which is not stored', async () => {
    await create();
    expect((await create({ description: 'other' })).body.code).toBe('RequestConflict');
    expect((await api.call('GET', path)).body.description).toBe(poolDefinition.description);
  });

  test('createWorkerPool succeeds although the engine cannot be reached', async () => {
    api.lifecycles.failure = new Error('no engine');
    expect((await create()).status).toBe(200);
  });

  test.each<[string, object, string]>([
    ['an unknown provider', { providerId: 'nope' }, 'InputError'],
    ['an owner who is no address', { owner: 'me' }, 'InputValidationError'],
    ['a key too many', { more: 1 }, 'InputValidationError'],
    ['no description', { description: undefined }, 'InputValidationError'],
    ['a config that its provider refuses', { providerId: 'hand', config: { maxCapacity: 1 } }, 'InputValidationError'],
    ['a config that is no object', { config: [] }, 'InputValidationError'],
    ['a launch config that is none', { config: { launchConfigs: [null] } }, 'InputValidationError'],
    ['an id that is none', config({ workerManager: { launchConfigId: { a: 1 } } }), 'InputValidationError'],
    [
      'one id for two machines',
      config({ a: 1, workerManager: { launchConfigId: 'x' } }, { a: 2, workerManager: { launchConfigId: 'x' } }),
      'RequestConflict',
    ],
  ])('createWorkerPool rejects %s', async (_, changes, code) => {
    expect((await create(changes)).body.code).toBe(code);
    expect((await api.call('GET', path)).status).toBe(404);
  });

  test('createWorkerPool rejects a pool while its provider is not set up', async () => {
    api.failedProviders.add('cloud');
    const { status, body } = await create();
    api.failedProviders.clear();
    expect([status, body.code]).toEqual([503, 'ProviderSetupFailed']);
  });

  test('createWorkerPool rejects a maximum below the capacity of one machine', async () => {
    const never = config({ region: 'a', workerManager: { capacityPerInstance: 20 } });
    const { body } = await create(never);
    expect(body.code).toBe('InputValidationError');
    expect(body.message).toContain('maxCapacity 10 is below the capacity of its smallest machine, 20');
    expect((await api.call('GET', path)).status).toBe(404);
  });

  test('createWorkerPool reports once, as an error of the pool, that a maximum is no multiple of a machine’s capacity', async () => {
    const odd = config({ region: 'a', workerManager: { capacityPerInstance: 4 } });
    expect((await create(odd)).status).toBe(200);
    expect((await create(odd)).status).toBe(200);
    const { body } = await api.call('GET', `/worker-pool-errors/${encodeURIComponent(pool)}`);
    expect(body.workerPoolErrors).toEqual([
      expect.objectContaining({ kind: 'pool-definition', description: expect.stringContaining('no multiple of 4') }),
    ]);
  });

  test('createWorkerPool stores a thousand launch configs of 8 MB, and gives them back in their order', async () => {
    const regions = Array.from({ length: 1000 }, (_, n) => `region-${(n * 7) % 1000}`);
    const sent = config(...regions.map((region) => ({ region, note: 'x'.repeat(8_000) })));
    const { status, body } = await create(sent);
    expect(status).toBe(200);
    expect(body.config.launchConfigs.map(({ region }: { region: string }) => region)).toEqual(regions);
    const listed = await pagesOf<{ configuration: { region: string } }>(
      `${path}/launch-configs`,
      'workerPoolLaunchConfigs',
    );
    expect(listed.items.map(({ configuration }) => configuration.region).toSorted()).toEqual(regions.toSorted());
    // A page ends by its size too.
    expect(listed.pages).toBeGreaterThan(1);
    const more = config(...regions.concat('one-more').map((region) => ({ region })));
    expect((await create(more)).body.code).toBe('InputValidationError');
  });

  test('createWorkerPool rejects a launch config that occurs twice, also when only its weight differs', async () => {
    const twice = config({ a: 1 }, { a: 1, workerManager: { initialWeight: 0.5 } });
    expect((await create(twice)).body).toMatchObject({ code: 'InputValidationError' });
  });
});

describe('updateWorkerPool', () => {
  test('updateWorkerPool replaces everything, and archives launch configs that are left out', async () => {
    await create(config({ a: 1 }, { a: 2 }));
    const next = { ...poolDefinition, ...config({ a: 2 }, { a: 3 }), description: 'next', workerPoolId: pool };
    const { status, body } = await api.call('POST', path, next);
    expect([status, body.description, body.config.launchConfigs.length]).toEqual([200, 'next', 2]);
    const active = await api.call('GET', `${path}/launch-configs`);
    expect(active.body.workerPoolLaunchConfigs).toHaveLength(2);
    const all = await api.call('GET', `${path}/launch-configs?includeArchived=true`);
    expect(all.body.workerPoolLaunchConfigs).toHaveLength(3);
  });

  test('updateWorkerPool rejects the id of another pool, an unknown pool, and another content under an id', async () => {
    expect((await api.call('POST', path, poolDefinition)).body.code).toBe('ResourceNotFound');
    await create(config({ a: 1, workerManager: { launchConfigId: 'x' } }));
    const other = { ...poolDefinition, workerPoolId: 'other/pool' };
    expect((await api.call('POST', path, other)).body.code).toBe('InputError');
    const clash = { ...poolDefinition, ...config({ a: 2, workerManager: { launchConfigId: 'x' } }) };
    expect((await api.call('POST', path, clash)).body.code).toBe('RequestConflict');
  });
});

test('a deleted pool belongs to the null provider, without launch configs, and may be defined again', async () => {
  await create();
  const { body } = await api.call('DELETE', path);
  expect(body.providerId).toBe('null-provider');
  expect(body.config).not.toHaveProperty('launchConfigs');
  expect((await api.call('POST', path, poolDefinition)).body.config.launchConfigs).toHaveLength(1);
  expect((await api.call('DELETE', '/worker-pool/pools%2Fnever')).body.code).toBe('ResourceNotFound');
});

test('counters and stats count workers by state and launch config', async () => {
  await create();
  expect((await api.call('GET', `${path}/stats`)).body.launchConfigStats).toEqual([
    expect.objectContaining({ launchConfigId: 'unknown', currentCapacity: 0 }),
  ]);
  const [worker] = await launchMachines(api, pool, ['i-1', 'i-2']);
  await api.call('DELETE', `/workers/${encodeURIComponent(pool)}/here/${worker!.workerId}`);
  const expected = { currentCapacity: 2, requestedCount: 1, stoppingCount: 1, runningCount: 0 };
  expect((await api.call('GET', path)).body).toMatchObject(expected);
  expect((await api.call('GET', `${path}/stats`)).body.launchConfigStats).toEqual([expect.objectContaining(expected)]);
  const { body } = await api.call('GET', '/worker-pools/stats');
  expect(body.workerPoolsStats).toContainEqual(expect.objectContaining({ workerPoolId: pool, ...expected }));
});

describe('paging', () => {
  test('paging goes through all pools once, whatever page size, while others appear', async () => {
    const mine: string[] = [];
    for (const name of ['a', 'b', 'c', 'd', 'e']) {
      mine.push(`paged/${name}`);
      await api.call('PUT', `/worker-pool/paged%2F${name}`, poolDefinition);
    }
    const seen: string[] = [];
    let query = '?limit=2';
    for (;;) {
      const { body } = await api.call('GET', `/worker-pools${query}`);
      expect(body.workerPools.length).toBeLessThanOrEqual(2);
      seen.push(...body.workerPools.map((one: { workerPoolId: string }) => one.workerPoolId));
      if (!body.continuationToken) break;
      query = `?limit=2&continuationToken=${body.continuationToken}`;
      await api.call('PUT', `/worker-pool/aaa%2Fnew${seen.length}`, poolDefinition);
    }
    expect(seen.filter((id) => id.startsWith('paged/'))).toEqual(mine);
  });

  test('paging rejects a token that is not ours, and a limit that is no number', async () => {
    expect((await api.call('GET', '/worker-pools?continuationToken=abcd')).body.code).toBe('InputError');
    expect((await api.call('GET', '/worker-pools?continuationToken=;drop')).body.code).toBe('InvalidRequestArguments');
    expect((await api.call('GET', '/worker-pools?limit=many')).body.code).toBe('InvalidRequestArguments');
    expect((await api.call('GET', '/providers?limit=1')).body).toMatchObject({
      providers: [{ providerId: 'cloud', providerType: 'cloud' }],
      continuationToken: expect.any(String),
    });
  });
});

describe('while a provider could not be set up', () => {
  afterEach(() => api.failedProviders.clear());

  test('a pool whose provider could not be set up is edited and deleted, its workers removed, and their errors stored', async () => {
    await create();
    const [worker] = await launchMachines(api, pool, ['i-1']);
    api.failedProviders.add('cloud');
    const edited = await api.call('POST', path, { ...poolDefinition, description: 'edited' });
    expect([edited.status, edited.body.description]).toEqual([200, 'edited']);
    const report = { workerGroup: 'here', workerId: 'i-1', kind: 'boot', title: 'T', description: 'D', extra: {} };
    expect((await api.call('POST', `/worker-pool-errors/${encodeURIComponent(pool)}`, report)).status).toBe(200);
    const workerPath = `/workers/${encodeURIComponent(pool)}/here/${worker!.workerId}`;
    expect((await api.call('DELETE', workerPath)).status).toBe(200);
    expect((await api.call('GET', workerPath)).body.state).toBe('stopping');
    expect((await api.call('DELETE', path)).status).toBe(200);
  });
});

describe('the order of config.launchConfigs', () => {
  const regions = (body: { config: { launchConfigs: { region: string }[] } }) =>
    body.config.launchConfigs.map(({ region }) => region);
  const inOrder = (...names: string[]) => config(...names.map((region) => ({ region })));

  test('config.launchConfigs comes back in the order in which it was sent, from every call that gives a pool', async () => {
    const sent = ['c', 'a', 'd', 'b'];
    expect(regions((await create(inOrder(...sent))).body)).toEqual(sent);
    expect(regions((await api.call('GET', path)).body)).toEqual(sent);
    const { items } = await pagesOf<Parameters<typeof regions>[0] & { workerPoolId: string }>(
      '/worker-pools',
      'workerPools',
    );
    expect(items.filter(({ workerPoolId }) => workerPoolId === pool).map(regions)).toEqual([sent]);
  });

  test('config.launchConfigs takes a new order, also of launch configs that come back from the archive', async () => {
    await create(inOrder('a', 'b', 'c'));
    for (const sent of [['c', 'b', 'a'], ['b'], ['a', 'e', 'b', 'c']]) {
      const { body } = await api.call('POST', path, { ...poolDefinition, ...inOrder(...sent) });
      expect(regions(body)).toEqual(sent);
    }
  });

  test('config.launchConfigs in another order is another definition', async () => {
    await create(inOrder('a', 'b'));
    expect((await create(inOrder('b', 'a'))).body.code).toBe('RequestConflict');
    expect((await create(inOrder('a', 'b'))).status).toBe(200);
  });
});

describe('hold', () => {
  test('a hold of a pool or of all pools shows in the overview and among the holds, and releasing requests a reconciliation', async () => {
    await create();
    // The overview is shared for a second.
    const shows = (held: boolean) =>
      eventually(async () => {
        const { body } = await api.call('GET', '/overview');
        const row = body.pools.find((one: { workerPoolId: string }) => one.workerPoolId === pool);
        return row !== undefined && (row.hold !== null) === held;
      });
    await shows(false);
    expect((await api.call('PUT', `${path}/hold`, { reason: 'maintenance' })).body).toEqual({});
    await shows(true);
    await api.call('DELETE', `${path}/hold`);
    await shows(false);
    expect(api.lifecycles.requested.at(-1)).toBe(`reconcile ${pool}`);
    await api.call('PUT', '/hold', { reason: 'all' });
    await shows(true);
    const since = expect.any(String);
    const expected = { holds: [{ scope: '*', reason: 'all', clientId: 'anonymous', since }] };
    expect((await api.call('GET', '/holds')).body).toEqual(expected);
    await api.call('DELETE', '/hold');
    await shows(false);
  });

  test('a hold needs a reason and a pool', async () => {
    expect((await api.call('PUT', `${path}/hold`, { reason: 'x' })).body.code).toBe('ResourceNotFound');
    expect((await api.call('PUT', '/hold', {})).body.code).toBe('InputValidationError');
  });
});

describe('getEntityHistory', () => {
  test('getEntityHistory says who changed a pool and when, newest first, in pages', async () => {
    await create();
    api.clock.ms += 1_000;
    await api.call('POST', path, { ...poolDefinition, description: 'other' });
    api.clock.ms += 1_000;
    await api.call('DELETE', path);
    const history = `/audit/worker-pool/${encodeURIComponent(pool)}`;
    const first = await api.call('GET', `${history}?limit=2`);
    const second = await api.call('GET', `${history}?continuationToken=${first.body.continuationToken}`);
    const items = [...first.body.auditHistory, ...second.body.auditHistory] as { actionType: string }[];
    expect(items.map(({ actionType }) => actionType)).toEqual(['deleted', 'updated', 'created']);
    const [deleted, updated, created] = items as { changes?: { path: string }[] }[];
    expect(updated?.changes).toEqual([{ path: 'description', before: poolDefinition.description, after: 'other' }]);
    expect(deleted?.changes).toContainEqual({ path: 'providerId', before: 'cloud', after: 'null-provider' });
    expect(created?.changes).toContainEqual({ path: 'config.maxCapacity', after: poolDefinition.config.maxCapacity });
    expect(items[0]).toEqual({
      changes: expect.any(Array),
      clientId: 'anonymous',
      actionType: 'deleted',
      created: new Date(api.clock.ms).toISOString(),
      entityId: pool,
      entityType: 'worker-pool',
    });
    expect((await api.call('GET', '/audit/worker-pool/no%2Fpool')).body).toEqual({ auditHistory: [] });
  });

  test('getEntityHistory says who held and released a pool, and all of them', async () => {
    await create();
    await api.call('PUT', `${path}/hold`, { reason: 'maintenance' });
    await api.call('DELETE', `${path}/hold`);
    await api.call('PUT', '/hold', { reason: 'all' });
    await api.call('DELETE', '/hold');
    const actions = async (entity: string) => {
      const { body } = await api.call('GET', `/audit/worker-pool/${encodeURIComponent(entity)}`);
      return body.auditHistory.map((one: { clientId: string; actionType: string }) => [one.clientId, one.actionType]);
    };
    const both = ['released', 'held'].map((action) => ['anonymous', action]);
    expect(await actions(pool)).toEqual([...both, ['anonymous', 'created']]);
    expect((await actions('*')).slice(0, 2)).toEqual(both);
    const { body } = await api.call('GET', '/audit?limit=2');
    expect(body.auditHistory[1]).toMatchObject({ actionType: 'held', detail: { reason: 'all' } });
  });
});
