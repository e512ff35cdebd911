import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { DAY_MS } from '../../../../domain/durations.js';
import { recordStopped } from '../../../../database/worker-changes.js';
import { launchMachines, poolDefinition, startTestApi, type TestApi } from '../../../support/api.js';

const SECRET = 'a'.repeat(44);
const OTHER_SECRET = 'b'.repeat(44);

let api: TestApi;
let count = 0;
let workerId: string;
let path: string;
beforeAll(async () => {
  api = await startTestApi();
  const config = { workerConfig: { from: 'pool' }, lifecycle: { reregistrationTimeout: 3600 } };
  const { minCapacity: _, ...rest } = { minCapacity: 0, ...poolDefinition, providerId: 'hand', config };
  expect((await api.call('PUT', '/worker-pool/hand%2Fmade', rest)).status).toBe(200);
});
afterAll(() => api.close());
beforeEach(() => {
  workerId = `w${(count += 1)}`;
  path = `/workers/hand%2Fmade/room/${workerId}`;
});

const inDays = (days: number) => new Date(api.clock.ms + days * DAY_MS).toISOString();
const definition = (changes: object = {}) => ({
  expires: inDays(1),
  capacity: 2,
  providerInfo: { staticSecret: SECRET },
  ...changes,
});
const register = (staticSecret: string) =>
  api.call('POST', '/worker/register', {
    workerPoolId: 'hand/made',
    providerId: 'hand',
    workerGroup: 'room',
    workerId,
    workerIdentityProof: { staticSecret },
  });

test('a static worker is created, registers with its secret and gets the pool’s configuration and timeout', async () => {
  const { status, body } = await api.call('PUT', path, definition());
  expect(status).toBe(200);
  expect(body).toMatchObject({ workerId, state: 'running', capacity: 2, providerId: 'hand', expires: inDays(1) });
  const registered = await register(SECRET);
  expect(registered.body).toMatchObject({ workerConfig: { from: 'pool' } });
  expect(Date.parse(registered.body.expires)).toBe(api.clock.ms + 3600_000);
  expect((await register(OTHER_SECRET)).body.code).toBe('InputError');
});

test('a static worker’s secret is neither stored nor logged nor repeated in an error', async () => {
  await api.call('PUT', path, definition());
  const failed = await api.call('PUT', path, definition({ expires: 'soon' }));
  expect(failed.body.requestInfo.payload.providerInfo).toBe('(OMITTED)');
  const { rows } = await api.database.db.executeQuery<object>(
    api.database.db.selectFrom('workers').selectAll().where('workerId', '=', workerId).compile(),
  );
  expect(JSON.stringify([rows, api.logged, failed.body])).not.toContain(SECRET);
});

test('a static worker created again is a success, and with another secret, expiry or capacity a conflict that changes nothing', async () => {
  const first = await api.call('PUT', path, definition());
  expect((await api.call('PUT', path, definition())).body).toEqual(first.body);
  for (const changes of [{ providerInfo: { staticSecret: OTHER_SECRET } }, { expires: inDays(3) }, { capacity: 3 }]) {
    expect((await api.call('PUT', path, definition(changes))).body.code).toBe('RequestConflict');
  }
  expect((await api.call('GET', path)).body).toEqual(first.body);
});

test('an update changes expiry, capacity and secret, and without a secret keeps the one there is', async () => {
  await api.call('PUT', path, definition());
  const kept = await api.call('POST', path, { expires: inDays(2), capacity: 5 });
  expect(kept.body).toMatchObject({ expires: inDays(2), capacity: 5 });
  expect((await register(SECRET)).status).toBe(200);
  await api.call('POST', path, definition({ providerInfo: { staticSecret: OTHER_SECRET } }));
  expect((await register(OTHER_SECRET)).status).toBe(200);
});

test('an expiry that its owner sets stands, also one in the past', async () => {
  await api.call('PUT', path, definition());
  expect((await api.call('POST', path, definition({ expires: inDays(-1) }))).body.expires).toBe(inDays(-1));
  expect((await register(SECRET)).body.code).toBe('InputError');
});

async function stop(): Promise<void> {
  const key = { workerPoolId: 'hand/made', workerGroup: 'room', workerId };
  expect((await api.call('DELETE', path)).status).toBe(200);
  await recordStopped(api.database.db, key, { nowMs: api.clock.ms, expires: api.clock.ms + DAY_MS });
}

describe('a static worker that has stopped', () => {
  test('a stopped static worker begins a new life when it is created again, with whatever properties', async () => {
    const first = await api.call('PUT', path, definition());
    await stop();
    api.clock.ms += 1000;
    const again = await api.call(
      'PUT',
      path,
      definition({ capacity: 7, providerInfo: { staticSecret: OTHER_SECRET } }),
    );
    expect([again.status, again.body.state, again.body.capacity]).toEqual([200, 'running', 7]);
    expect(again.body.created).not.toBe(first.body.created);
    expect((await register(SECRET)).body.code).toBe('InputError');
    expect((await register(OTHER_SECRET)).status).toBe(200);
    const stats = await api.call('GET', '/worker-pool/hand%2Fmade/stats');
    expect(stats.body.launchConfigStats[0]).toMatchObject({ stoppedCount: 0 });
  });

  test('a stopped static worker begins a new life in which the secrets of the former open nothing', async () => {
    const reregister = async (secret: string) =>
      (
        await api.call('POST', '/worker/reregister', {
          workerPoolId: 'hand/made',
          workerGroup: 'room',
          workerId,
          secret,
        })
      ).status;
    await api.call('PUT', path, definition());
    const former = await register(SECRET);
    await stop();
    api.clock.ms += 1000;
    await api.call('PUT', path, definition());
    const current = await register(SECRET);
    expect(await reregister(former.body.secret)).toBe(400);
    expect(await reregister(current.body.secret)).toBe(200);
  });

  test('a static worker created while it is still stopping is put off: a repeat will succeed', async () => {
    await api.call('PUT', path, definition());
    await api.call('DELETE', path);
    const answer = await api.call('PUT', path, definition());
    expect([answer.status, answer.body.code]).toEqual([503, 'TryAgain']);
  });

  test('a static worker does not get a cloud worker’s name', async () => {
    await api.call('PUT', '/worker-pool/cloud%2Fformer', poolDefinition);
    const [cloudWorker] = await launchMachines(api, 'cloud/former', ['i-1']);
    await recordStopped(api.database.db, cloudWorker!, { nowMs: api.clock.ms, expires: api.clock.ms + DAY_MS });
    await api.call('POST', '/worker-pool/cloud%2Fformer', { ...poolDefinition, providerId: 'hand', config: {} });
    expect((await api.call('PUT', '/workers/cloud%2Fformer/here/i-1', definition())).body.code).toBe('RequestConflict');
  });
});

test.each([
  ['9998-06-30T23:59:60Z', '9998-07-01T00:00:00.000Z'],
  ['9999-12-31T23:59:59.999Z', '9999-12-31T23:59:59.999Z'],
  ['9000-01-01t00:00:00+01:00', '8999-12-31T23:00:00.000Z'],
])('an expiry of %s is stored as %s', async (expires, stored) => {
  expect((await api.call('PUT', path, definition({ expires }))).body.expires).toBe(stored);
});

test.each(['2127-06-30T23:59:59+01', '2127-06-30 23:59:59Z', '2127-02-30T00:00:00Z', '9999-12-31T23:59:60Z', 'soon'])(
  'an expiry of %s is rejected before anything begins',
  async (expires) => {
    api.lifecycles.requested.length = 0;
    expect((await api.call('PUT', path, definition({ expires }))).body.code).toBe('InputValidationError');
    expect((await api.call('POST', path, definition({ expires }))).body.code).toBe('InputValidationError');
    expect(api.lifecycles.requested).toEqual([]);
    expect((await api.call('PUT', path, definition())).status).toBe(200);
  },
);

test('a malformed static worker is rejected', async () => {
  const code = async (where: string, body: object, method: 'PUT' | 'POST' = 'PUT') =>
    (await api.call(method, where, body)).body.code;
  expect(await code(path, definition({ expires: inDays(-1) }))).toBe('InputError');
  expect(await code(path, definition({ providerInfo: undefined }))).toBe('InputError');
  expect(await code(path, definition({ providerInfo: { staticSecret: 'short' } }))).toBe('InputValidationError');
  expect(await code(path, definition({ capacity: 0 }))).toBe('InputValidationError');
  expect(await code(path, definition(), 'POST')).toBe('ResourceNotFound');
  expect(await code('/workers/no%2Fpool/room/w', definition())).toBe('ResourceNotFound');
  await api.call('PUT', '/worker-pool/cloud%2Fpool', poolDefinition);
  expect(await code('/workers/cloud%2Fpool/room/w', definition())).toBe('InputError');
  await launchMachines(api, 'cloud/pool', ['i-1']);
  expect(await code('/workers/cloud%2Fpool/here/i-1', definition(), 'POST')).toBe('InputError');
});
