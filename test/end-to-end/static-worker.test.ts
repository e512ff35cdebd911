import { randomBytes } from 'node:crypto';
import { expect, test } from '@jest/globals';
import taskcluster, { type Credentials } from 'taskcluster-client';
import { API_PREFIX } from '../../api/http/paths.js';
import type { Overview } from '../../api/schemas/overview.js';
import { HOUR_MS, DAY_MS } from '../../domain/durations.js';
import type { Explanation } from '../../domain/explain/explanation.js';
import { whyOf } from '../../domain/pool-status.js';
import { lifecycleId } from '../../temporal/ids.js';
import { DatabaseLock } from '../support/database-locks.js';
import { restart } from '../support/pool-steps.js';
import { suiteOf } from '../support/suite.js';

const ops = { clientId: 'ops', accessToken: randomBytes(24).toString('base64url'), scopes: ['worker-manager:*'] };
const issuer = { clientId: 'issuer', accessToken: randomBytes(24).toString('base64url') };

const key = { workerPoolId: 'lab/bench', workerGroup: 'shelf', workerId: 'phone-1' };
const path = [key.workerPoolId, key.workerGroup, key.workerId] as const;
const newSecret = () => randomBytes(33).toString('base64url');
const refusedInput = expect.objectContaining({ code: 'InputError', statusCode: 400 });

const { system } = suiteOf('lab/static', {
  config: { auth: { type: 'static', clients: [ops] }, issuer, providers: { hand: { providerType: 'static' } } },
});

/** As the sweep does when the row has expired. */
const deleteRow = () => system().query('delete from workers where worker_id = $1', [key.workerId]);

/** The peer's own client, as operators and machines use it; it repeats a call as Retry-After says. */
const as = (credentials?: Credentials) =>
  new taskcluster.WorkerManager({ rootUrl: system().api.url, ...(credentials && { credentials }) });
const register = (staticSecret: string) =>
  as().registerWorker({ ...key, providerId: 'hand', workerIdentityProof: { staticSecret } });
const reregister = (credentials: Credentials, secret: string) => as(credentials).reregisterWorker({ ...key, secret });

async function read<T>(path: string): Promise<T> {
  const headers = { authorization: `Bearer ${ops.accessToken}` };
  const response = await fetch(`${system().api.url}${API_PREFIX}${path}`, { headers });
  return (await response.json()) as T;
}

test('a pool of static machines is not said to be down while no task waits for one, in the list and when explained', async () => {
  const workerPoolId = 'lab/empty';
  await as(ops).createWorkerPool(workerPoolId, {
    ...{ providerId: 'hand', description: '', owner: 'owner@example.com', emailOnError: false, config: {} },
  });
  const said = async () => {
    const { pools } = await read<Overview>('/overview');
    const row = pools.find((each) => each.workerPoolId === workerPoolId);
    const { cause } = await read<Explanation>(`/worker-pool/${encodeURIComponent(workerPoolId)}/explain`);
    return [row?.limitedBy, row && whyOf(row), cause];
  };
  const expectSaid = async (word: string, level: string) => {
    const wanted = JSON.stringify([['provider hand launches nothing by itself'], { word, level }, word]);
    await system().waitFor(async () => JSON.stringify(await said()) === wanted, `${word}, ${level}`);
  };
  await expectSaid('nothing-wanted', 'fine');
  await system().simulator.addTasks(workerPoolId, 2);
  await expectSaid('provider-down', 'bad');
});

test('a static machine registers, re-registers, gets another secret and is removed, with a crash in the middle', async () => {
  const [first, second] = [newSecret(), newSecret()];
  const expires = new Date(Date.now() + DAY_MS).toISOString();
  await as(ops).createWorkerPool(key.workerPoolId, {
    providerId: 'hand',
    description: 'phones on a shelf',
    owner: 'owner@example.com',
    emailOnError: false,
    config: { lifecycle: { reregistrationTimeout: 3_600 }, workerConfig: { colour: 'green' } },
  });
  const definition = { expires, capacity: 2, providerInfo: { staticSecret: first } };
  expect(await as(ops).createWorker(...path, definition)).toMatchObject({ state: 'running', capacity: 2, expires });

  await expect(register(second)).rejects.toEqual(refusedInput);
  const registered = await register(first);
  expect(registered.workerConfig).toEqual({ colour: 'green' });
  expect(Math.abs(Date.parse(registered.expires) - Date.now() - HOUR_MS)).toBeLessThan(60_000);

  const report = { kind: 'boot', title: 'Battery', description: 'It is hot', extra: {} };
  const itself = { workerGroup: key.workerGroup, workerId: key.workerId };
  await as(registered.credentials).reportWorkerError(key.workerPoolId, { ...itself, ...report });
  await expect(
    as(registered.credentials).reportWorkerError(key.workerPoolId, { ...itself, ...report, workerId: 'phone-2' }),
  ).rejects.toEqual(expect.objectContaining({ statusCode: 403 }));

  const again = await reregister(registered.credentials, registered.secret);
  expect(again.secret).not.toBe(registered.secret);
  await expect(reregister(again.credentials, first)).rejects.toEqual(refusedInput);

  // The process dies while the change is being written; whoever asked is answered in the end.
  const lock = await DatabaseLock.acquire(system().databaseUrl, 'workers', 'writes');
  const change = { expires, capacity: 3, providerInfo: { staticSecret: second } };
  const changed = as(ops).updateWorker(...path, change);
  await lock.isMet();
  await restart(system(), 'worker');
  await lock.release();
  expect(await changed).toMatchObject({ state: 'running', capacity: 3, expires });
  await expect(register(first)).rejects.toEqual(refusedInput);
  const withSecond = await register(second);
  expect(await reregister(withSecond.credentials, withSecond.secret)).toMatchObject({ secret: expect.any(String) });

  const lifecycle = system().temporal.workflow.getHandle(lifecycleId(key));
  expect((await lifecycle.describe()).status.name).toBe('RUNNING');
  await as(ops).removeWorker(...path);
  await lifecycle.result();
  expect((await lifecycle.describe()).status.name).toBe('COMPLETED');
  expect(await as(ops).worker(...path)).toMatchObject({ state: 'stopped', capacity: 3 });
  await expect(register(second)).rejects.toEqual(refusedInput);
  await system().waitFor(
    async () => (await system().temporal.workflow.count("WorkflowType = 'workerLifecycle'")).count === 1,
    'its one lifecycle in the list',
  );

  // A new life, then another after the row has expired: neither the old row nor the old lifecycle is in the way.
  const third = newSecret();
  const anew = { expires, capacity: 4, providerInfo: { staticSecret: third } };
  expect(await as(ops).createWorker(...path, anew)).toMatchObject({ state: 'running', capacity: 4 });
  await expect(register(second)).rejects.toEqual(refusedInput);
  const inNewLifecycle = await register(third);
  await expect(reregister(inNewLifecycle.credentials, withSecond.secret)).rejects.toEqual(refusedInput);
  await as(inNewLifecycle.credentials).removeWorker(...path);
  await lifecycle.result();
  await system().waitFor(
    async () => ((await as(ops).worker(...path)) as { state: string }).state === 'stopped',
    'its second end',
  );
  await deleteRow();
  expect(await as(ops).createWorker(...path, anew)).toMatchObject({ state: 'running', capacity: 4 });
  expect((await lifecycle.describe()).status.name).toBe('RUNNING');

  expect(
    system()
      .simulator.log()
      .filter(({ operation }) => operation === 'RunInstances'),
  ).toEqual([]);
});
