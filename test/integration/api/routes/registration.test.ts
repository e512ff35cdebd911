import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { LifecycleUnavailableError } from '../../../../temporal/lifecycle-client.js';
import type { WorkerKey } from '../../../../domain/ids.js';
import { eventually } from '../../../../dev/testing/eventually.js';
import { getWorker } from '../../../../database/workers.js';
import {
  API,
  cloudIsAway,
  launchMachines,
  openLaunch,
  poolDefinition,
  startTestApi,
  type TestApi,
} from '../../../support/api.js';

const poolPath = (id: string) => `/worker-pool/${encodeURIComponent(id)}`;
const workerPath = ({ workerPoolId, workerGroup, workerId }: WorkerKey) =>
  `/workers/${encodeURIComponent(workerPoolId)}/${workerGroup}/${workerId}`;

let api: TestApi;
let count = 0;
let pool: string;
beforeAll(async () => {
  api = await startTestApi();
});
afterAll(() => api.close());
beforeEach(async () => {
  api.lifecycles.failure = null;
  api.lifecycles.registersAfter = Promise.resolve();
  api.queueKnows.worker = async () => null;
  pool = `prov/pool${(count += 1)}`;
  expect((await api.call('PUT', poolPath(pool), poolDefinition)).status).toBe(200);
});

const claim = (worker: WorkerKey, proof: object = { document: `I am ${worker.workerId}` }) => ({
  ...worker,
  providerId: 'cloud',
  workerIdentityProof: proof,
});
const register = (worker: WorkerKey, proof?: object) => api.call('POST', '/worker/register', claim(worker, proof));

test('a machine registers, is listed as running, should not terminate, re-registers and is removed', async () => {
  const [worker] = (await launchMachines(api, pool, ['i-1'])) as [WorkerKey];
  const answer = await register(worker);
  expect(answer.status).toBe(200);
  expect(answer.body).toMatchObject({
    workerConfig: { from: 'launch config' },
    secret: expect.stringMatching(/^[\w-]{44}$/),
    credentials: { clientId: `worker/cloud/${pool}/here/i-1` },
  });
  expect(Date.parse(answer.body.expires)).toBe(api.clock.ms + 96 * 3600_000);
  const listed = await api.call('GET', `/workers/${encodeURIComponent(pool)}?state=running`);
  expect(listed.body.workers).toHaveLength(1);
  expect(listed.body.workers[0]).toMatchObject({ ...worker, state: 'running', capacity: 1, providerId: 'cloud' });
  expect((await api.call('GET', `${workerPath(worker)}/should-terminate`)).body).toEqual({
    terminate: false,
    reason: 'none',
  });

  const again = await api.call('POST', '/worker/reregister', { ...worker, secret: answer.body.secret });
  expect(again.status).toBe(200);
  expect(again.body.secret).not.toBe(answer.body.secret);

  expect((await api.call('DELETE', workerPath(worker))).body).toEqual({});
  expect((await api.call('GET', workerPath(worker))).body.state).toBe('stopping');
  const late = await api.call('POST', '/worker/reregister', { ...worker, secret: again.body.secret });
  expect(late.body.code).toBe('InputError');
});

describe('a lost answer', () => {
  test('a lost answer to a registration is given again: same proof, working secret', async () => {
    const [worker] = (await launchMachines(api, pool, ['i-1'])) as [WorkerKey];
    await register(worker);
    const second = await register(worker);
    expect(second.status).toBe(200);
    const next = await api.call('POST', '/worker/reregister', { ...worker, secret: second.body.secret });
    expect(next.status).toBe(200);
  });

  test('a lost answer to a re-registration is given again: the old secret gives the same new one', async () => {
    const [worker] = (await launchMachines(api, pool, ['i-1'])) as [WorkerKey];
    const { secret } = (await register(worker)).body;
    const first = await api.call('POST', '/worker/reregister', { ...worker, secret });
    const second = await api.call('POST', '/worker/reregister', { ...worker, secret });
    expect(second.body.secret).toBe(first.body.secret);
    await api.call('POST', '/worker/reregister', { ...worker, secret: first.body.secret });
    expect((await api.call('POST', '/worker/reregister', { ...worker, secret })).body.code).toBe('InputError');
  });
});

describe('a rejected registration', () => {
  test('a registration is rejected in the same words for an unknown pool, provider and worker', async () => {
    const known = { workerPoolId: pool, workerGroup: 'here', workerId: 'i-9' };
    const answers = await Promise.all([
      register({ ...known, workerPoolId: 'prov/none' }),
      api.call('POST', '/worker/register', { ...claim(known), providerId: 'nope' }),
      register(known),
    ]);
    const texts = answers.map(({ status, body }) => [status, body.code, body.message.split('\n')[0]]);
    expect(texts[0]).toEqual([404, 'ResourceNotFound', 'There is no such worker to register.']);
    expect(new Set(texts.map(String)).size).toBe(1);
  });

  test('a registration with a foreign proof is rejected, without a trace of the document in answer and log', async () => {
    const [worker, other] = (await launchMachines(api, pool, ['i-1', 'i-2'])) as [WorkerKey, WorkerKey];
    const answer = await register(worker, { document: `I am ${other.workerId}` });
    expect([answer.status, answer.body.code]).toEqual([400, 'InputError']);
    expect(answer.body.requestInfo.payload).toBe('(OMITTED)');
    expect(JSON.stringify(answer.body)).not.toContain('I am');
    expect(api.logged.join()).not.toContain('I am');
    expect(api.logged.join()).toContain('names somebody else');
    expect((await api.call('GET', workerPath(worker))).body.state).toBe('requested');
  });

  test('a registration for the pool of another machine is rejected', async () => {
    await launchMachines(api, pool, ['i-1']);
    const other = `prov/other${count}`;
    await api.call('PUT', poolPath(other), poolDefinition);
    const answer = await register({ workerPoolId: other, workerGroup: 'here', workerId: 'i-1' });
    expect(answer.status).toBe(404);
  });

  test('a registration after its time is rejected', async () => {
    const [worker] = (await launchMachines(api, pool, ['i-1'])) as [WorkerKey];
    api.clock.ms += 1801_000;
    expect((await register(worker)).body.code).toBe('InputError');
  });

  test('a registration is rejected when the machine is in use already', async () => {
    const [worker] = (await launchMachines(api, pool, ['i-1'])) as [WorkerKey];
    await register(worker);
    api.clock.ms += 601_000;
    expect((await register(worker)).body.code).toBe('InputError');
  });

  test('a registration is rejected when the queue has seen the worker claim a task', async () => {
    const [worker] = (await launchMachines(api, pool, ['i-1'])) as [WorkerKey];
    await register(worker);
    const claimed = { ...worker, firstClaimAt: api.clock.ms, lastActiveAt: null, quarantineUntil: null };
    api.queueKnows.worker = async () => ({ ...claimed, expiresAt: null, recentTasks: [], quarantines: [] });
    expect((await register(worker)).body.code).toBe('InputError');
  });
});

describe('a repeated registration', () => {
  test('a repeated registration is accepted when the queue does not know the worker, and when it does not answer', async () => {
    const [worker] = (await launchMachines(api, pool, ['i-1'])) as [WorkerKey];
    await register(worker);
    expect((await register(worker)).status).toBe(200);
    api.queueKnows.worker = async () => await Promise.reject(new Error('no answer'));
    expect((await register(worker)).status).toBe(200);
  });

  test('a registration is accepted without a call to the queue while the worker has not registered', async () => {
    const [worker] = (await launchMachines(api, pool, ['i-1'])) as [WorkerKey];
    const requested: string[] = [];
    api.queueKnows.worker = async (workerPoolId) => (requested.push(workerPoolId), null);
    expect((await register(worker)).status).toBe(200);
    expect(requested).toEqual([]);
  });
});

describe('a registration answered with 503 and Retry-After', () => {
  test('a registration is put off while a launch of its pool has no rows yet', async () => {
    await openLaunch(api, pool, `token-${count}`, 1);
    const answer = await register({ workerPoolId: pool, workerGroup: 'here', workerId: 'i-1' });
    expect([answer.status, answer.body.code]).toEqual([503, 'TryAgain']);
    expect(Number(answer.headers['retry-after'])).toBeGreaterThanOrEqual(3);
  });

  test('a registration is put off while the engine does not answer, and works afterwards', async () => {
    const [worker] = (await launchMachines(api, pool, ['i-1'])) as [WorkerKey];
    api.lifecycles.failure = new LifecycleUnavailableError('slow');
    expect((await register(worker)).status).toBe(503);
    api.lifecycles.failure = null;
    expect((await register(worker)).status).toBe(200);
  });

  test('a registration is put off while its proof cannot be checked', async () => {
    const [worker] = (await launchMachines(api, pool, ['i-1'])) as [WorkerKey];
    const answer = await register(worker, { document: cloudIsAway });
    expect([answer.status, answer.body.code]).toEqual([503, 'TryAgain']);
    expect((await register(worker)).status).toBe(200);
  });
});

test('a machine whose provider could not be set up registers: that needs no call to the cloud', async () => {
  const [worker] = (await launchMachines(api, pool, ['i-1'])) as [WorkerKey];
  api.failedProviders.add('cloud');
  const answer = await register(worker);
  api.failedProviders.clear();
  expect(answer.status).toBe(200);
});

test('a machine’s boot time is stored at its first registration, and stays', async () => {
  const [worker] = (await launchMachines(api, pool, ['i-1'])) as [WorkerKey];
  const bootedAt = async (systemBootTime?: string) => {
    const body = { ...claim(worker), ...(systemBootTime !== undefined && { systemBootTime }) };
    expect((await api.call('POST', '/worker/register', body)).status).toBe(200);
    return (await getWorker(api.database.db, worker))?.systemBootTime;
  };
  expect(await bootedAt('2026-11-28T12:00:00.250Z')).toBe(Date.UTC(2026, 10, 28, 12, 0, 0, 250));
  expect(await bootedAt('2026-11-28T13:00:00Z')).toBe(Date.UTC(2026, 10, 28, 12, 0, 0, 250));
  expect(await bootedAt()).toBe(Date.UTC(2026, 10, 28, 12, 0, 0, 250));
});

describe('registrations of many machines at once', () => {
  const from = (address: string, worker: WorkerKey, headers: Record<string, string> = {}) =>
    api.app.inject({
      ...{ method: 'POST', url: `${API}/worker/register`, payload: claim(worker), remoteAddress: address },
      headers: { host: 'localhost:8080', ...headers },
    });
  type Answered = Awaited<ReturnType<typeof from>>;
  /** 16 of one address run and 500 wait; this many more are sent, and their answers given. */
  const beyondShare = async (calls: readonly Promise<Answered>[]) => {
    const answers: Answered[] = [];
    for (const call of calls) void call.then((answer) => answers.push(answer));
    await eventually(() => answers.length >= calls.length - 516, { what: 'the answers to those beyond the share' });
    return answers;
  };
  const expectPutOff = (answers: readonly Answered[]) => {
    for (const { statusCode, headers } of answers) {
      expect(statusCode).toBe(503);
      expect(Number(headers['retry-after'])).toBeGreaterThanOrEqual(3);
    }
  };

  test.each<[string, (n: number) => [string, Record<string, string>?]]>([
    ['of one address', () => ['192.0.2.1']],
    ['of one IPv6 network of 64 bits', (n) => [`2001:db8:1:2::${n.toString(16)}`]],
    ['of one address that names others', (n) => ['192.0.2.1', { 'x-forwarded-for': `10.0.0.${n % 250}` }]],
  ])('registrations %s beyond its share are put off at once, and hold up no other address', async (_, nth) => {
    const { promise, resolve } = Promise.withResolvers<void>();
    const workerIds = Array.from({ length: 541 }, (__, n) => `i-${n}`);
    const [other, ...many] = (await launchMachines(api, pool, workerIds)) as [WorkerKey, ...WorkerKey[]];
    api.lifecycles.registersAfter = promise;
    const calls = many.map((worker, n) => from(nth(n)[0], worker, nth(n)[1]));
    expectPutOff(await beyondShare(calls));
    api.lifecycles.registersAfter = Promise.resolve();
    expect((await from('198.51.100.7', other)).statusCode).toBe(200);
    resolve();
    const answered = await Promise.all(calls);
    expectPutOff(answered.filter(({ statusCode }) => statusCode !== 200));
    expect(answered.filter(({ statusCode }) => statusCode === 200).length).toBeGreaterThanOrEqual(16);
  });

  test('registrations that a trusted proxy forwards are in turn by the address that it names', async () => {
    const { promise, resolve } = Promise.withResolvers<void>();
    const behindProxy = await startTestApi({ server: { trustProxy: ['10.0.0.0/8'] } }, { database: api.database });
    behindProxy.lifecycles.registersAfter = promise;
    const [first, second] = (await launchMachines(api, pool, ['i-1', 'i-2'])) as [WorkerKey, WorkerKey];
    const call = (worker: WorkerKey, forwardedFor: string) =>
      behindProxy.app.inject({
        ...{ method: 'POST', url: `${API}/worker/register`, payload: claim(worker), remoteAddress: '10.0.0.1' },
        headers: { host: 'localhost:8080', 'x-forwarded-for': forwardedFor },
      });
    // The proxy’s own entry is the last, with or without the port that the machine called from.
    const calls = Array.from({ length: 520 }, (_, n) => call(first, `203.0.113.${n % 250}, 192.0.2.1:${4_000 + n}`));
    expectPutOff(await beyondShare(calls));
    behindProxy.lifecycles.registersAfter = Promise.resolve();
    expect((await call(second, '192.0.2.1, 198.51.100.7')).statusCode).toBe(200);
    resolve();
    await Promise.all(calls);
    await behindProxy.close();
  });
});

test('an address that guesses is throttled, and forgiven', async () => {
  const [worker] = (await launchMachines(api, pool, ['i-1'])) as [WorkerKey];
  const wrong = { document: 'I am somebody else' };
  let answer = await register(worker, wrong);
  for (let guesses = 1; answer.status !== 503; guesses += 1) {
    expect(answer.status).toBe(400);
    expect(guesses).toBeLessThan(500);
    answer = await register(worker, wrong);
  }
  expect(Number(answer.headers['retry-after'])).toBeGreaterThanOrEqual(3);
  api.clock.ms += 60_000;
  expect((await register(worker)).status).toBe(200);
});
