import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import hawk from 'hawk';
import type { Credentials } from 'taskcluster-client';
import { HOUR_MS } from '../../../../domain/durations.js';
import { type FaultRequest, startSimulator, type SimulatorHandle } from '../../../../dev/testing/simulator.js';
import { API, ISSUER, poolDefinition, startTestApi, type TestApi } from '../../../support/api.js';
import { temporaryCredentials } from '../../../support/temporary-credentials.js';

const HOST = 'localhost:8080';
const maker = { clientId: 'project/maker', accessToken: 'access-token-of-the-maker!' };
const scopes = [
  'worker-manager:*',
  'assume:makers',
  'auth:create-client:project/maker/*',
  'auth:create-client:worker/*',
];
const operation = 'authenticateHawk';
const MANY = 10_000;

let simulator: SimulatorHandle;
let api: TestApi;
let questionsBefore = 0;
beforeAll(async () => {
  simulator = await startSimulator({ machines: 'off' });
  api = await startTestApi({ auth: { type: 'taskcluster' }, rootUrl: simulator.url });
});
afterAll(async () => {
  await api?.close();
  await simulator?.stop();
});
beforeEach(async () => {
  api.clock.ms = Date.now();
  await simulator.reset();
  await simulator.setAuthClient(maker.clientId, { accessToken: maker.accessToken, scopes });
  questionsBefore = allQuestions().length;
});
afterEach(() => simulator.clearFaults());

interface Signing {
  readonly method?: 'GET' | 'PUT' | 'POST' | 'DELETE';
  readonly url?: string;
  readonly payload?: string;
}

function signed({ clientId: id, accessToken: key, certificate }: Credentials, path: string, signing: Signing = {}) {
  const { method = 'GET', url = `http://${HOST}`, payload } = signing;
  const ext = certificate && Buffer.from(`{"certificate":${certificate}}`).toString('base64');
  return hawk.client.header(`${url}${API}${path}`, method, {
    credentials: { id, key, algorithm: 'sha256' },
    ...(ext && { ext }),
    ...(payload !== undefined && { payload, contentType: 'application/json' }),
  }).header;
}

const get = (path: string, authorization?: string, headers: Record<string, string> = {}) =>
  api.call('GET', path, undefined, { host: HOST, ...(authorization && { authorization }), ...headers });
const as = (credentials: Credentials, path = '/providers') => get(path, signed(credentials, path));
const statusOf = async (credentials: Credentials) => (await as(credentials)).status;
/** Questions that the auth service got in this test. */
const questions = () => allQuestions().slice(questionsBefore);
const allQuestions = () => simulator.log().filter(({ kind }) => kind === 'auth');
const fail = (fault: Partial<FaultRequest>) => simulator.addFault({ operation, mode: 'refuse', times: MANY, ...fault });

/** A worker that registered, and calls made with what it was given. */
async function registeredWorker(workerPoolId: string) {
  const put = async (path: string, body: object) => {
    const payload = JSON.stringify(body);
    const authorization = signed(maker, path, { method: 'PUT', payload });
    expect((await api.call('PUT', path, body, { host: HOST, authorization })).status).toBe(200);
  };
  const pool = encodeURIComponent(workerPoolId);
  await put(`/worker-pool/${pool}`, { ...poolDefinition, providerId: 'hand', config: {} });
  const staticSecret = 's'.repeat(44);
  const expires = new Date(api.clock.ms + HOUR_MS).toISOString();
  await put(`/workers/${pool}/room/w`, { expires, capacity: 1, providerInfo: { staticSecret } });
  const key = { workerPoolId, workerGroup: 'room', workerId: 'w' };
  const { body } = await api.call('POST', '/worker/register', {
    ...{ ...key, providerId: 'hand', workerIdentityProof: { staticSecret } },
  });
  const { credentials, secret } = body as { credentials: Required<Credentials>; secret: string };
  return { key, credentials, secret, path: `/workers/${pool}/room/w` };
}

const adviceFor = (credentials: Credentials, path: string) =>
  get(`${path}/should-terminate`, signed(credentials, `${path}/should-terminate`));

describe('a request under auth.type taskcluster', () => {
  test('a request is made with the scopes that the auth service gives it, roles expanded', async () => {
    await simulator.setAuthClient('user', { accessToken: 'access-token-of-a-user', scopes: ['assume:readers'] });
    const user = { clientId: 'user', accessToken: 'access-token-of-a-user' };
    expect((await as(user)).body.code).toBe('InsufficientScopes');
    await simulator.setAuthRole('readers', ['worker-manager:list-providers']);
    expect((await as(user)).body).toMatchObject({ providers: [{ providerId: 'cloud' }, { providerId: 'hand' }] });
  });

  test('a request without credentials has what the role anonymous gives to everybody', async () => {
    expect((await get('/providers')).body.code).toBe('InsufficientScopes');
    await simulator.setAuthRole('anonymous', ['worker-manager:list-providers']);
    expect((await get('/providers')).status).toBe(200);
  });

  test('a request of the same client is checked anew each time: changed, disabled or removed, it is out at its next', async () => {
    expect(await statusOf(maker)).toBe(200);
    await simulator.setAuthClient(maker.clientId, { accessToken: 'another-access-token', scopes });
    expect(await statusOf(maker)).toBe(401);
    const rotated = { ...maker, accessToken: 'another-access-token' };
    expect(await statusOf(rotated)).toBe(200);
    await simulator.setAuthClient(maker.clientId, { accessToken: rotated.accessToken, scopes, disabled: true });
    expect(await statusOf(rotated)).toBe(401);
    await simulator.setAuthClient(maker.clientId, { accessToken: rotated.accessToken, scopes: [] });
    expect(await statusOf(rotated)).toBe(403);
    await simulator.removeAuthClient(maker.clientId);
    expect(await statusOf(rotated)).toBe(401);
    expect(questions()).toHaveLength(6);
  });

  test('a request whose payload is not the one that was signed is rejected', async () => {
    const path = '/worker-pool/prov%2Fsigned';
    const payload = JSON.stringify(poolDefinition);
    const put = (body: object) => {
      const authorization = signed(maker, path, { method: 'PUT', payload });
      return api.call('PUT', path, body, { host: HOST, authorization });
    };
    expect((await put({ ...poolDefinition, owner: 'thief@example.com' })).body.code).toBe('AuthenticationFailed');
    expect((await put(poolDefinition)).status).toBe(200);
  });

  test('a request by a signed URL is one of whoever signed it', async () => {
    const credentials = { id: maker.clientId, key: maker.accessToken, algorithm: 'sha256' as const };
    const bewit = hawk.client.getBewit(`http://${HOST}${API}/providers?limit=1`, { credentials, ttlSec: 60 });
    expect((await get(`/providers?limit=1&bewit=${bewit}`)).body.providers).toHaveLength(1);
    expect((await get(`/providers?limit=2&bewit=${bewit}`)).status).toBe(401);
  });

  test.each([
    ['Bearer', `Bearer ${ISSUER.accessToken}`],
    ['Basic', 'Basic abc'],
  ])('a request with a %s header is rejected without a question to the auth service', async (_, authorization) => {
    expect((await get('/providers', authorization)).body.code).toBe('AuthenticationFailed');
    expect(questions()).toEqual([]);
  });

  test('a request for what does not exist costs no question', async () => {
    expect((await get('/nothing', signed(maker, '/nothing'))).status).toBe(404);
    expect((await get('/ping', signed(maker, '/ping'))).status).toBe(200);
    expect(questions()).toEqual([]);
  });

  test('a request behind a proxy that renames the host costs one question, about the name of the deployment', async () => {
    const authorization = signed(maker, '/providers', { url: simulator.url });
    expect((await get('/providers', authorization, { host: 'inner:1234' })).status).toBe(200);
    expect(questions()).toHaveLength(1);
  });

  test('a request’s client is the one that the audit names', async () => {
    await registeredWorker('audited/pool');
    const rows = await api.database.db.selectFrom('audit').select('clientId').distinct().execute();
    expect(rows).toContainEqual({ clientId: maker.clientId });
  });
});

describe('an auth service that does not say who calls', () => {
  const expectPutOff = async (answer: Promise<{ status: number; headers: Record<string, unknown>; body: unknown }>) => {
    const { status, headers, body } = await answer;
    expect({ status, body }).toEqual({ status: 503, body: expect.objectContaining({ code: 'TryAgain' }) });
    expect(Number(headers['retry-after'])).toBeGreaterThanOrEqual(3);
  };

  test.each<[string, Partial<FaultRequest>]>([
    ['that refuses us', { code: 'InsufficientScopes', status: 403 }],
    ['that does not know us', { code: 'AuthenticationFailed', status: 401 }],
    ['that gets too many questions', { code: 'TooManyRequests', status: 429 }],
    ['that fails', { code: 'InternalServerError', status: 500 }],
    ['that is down', { code: 'ServiceUnavailable', status: 503 }],
    ['whose connections break', { mode: 'lose-request' }],
    ['whose answers are lost', { mode: 'lose-answer' }],
  ])('an auth service %s puts every caller off with 503, known or unknown', async (_, fault) => {
    await fail(fault);
    for (const credentials of [maker, { ...maker, accessToken: 'x' }, { ...maker, clientId: 'nobody' }]) {
      await expectPutOff(as(credentials));
    }
    await expectPutOff(get('/providers'));
    await simulator.clearFaults();
    expect(await statusOf(maker)).toBe(200);
  });

  const success = {
    status: 'auth-success',
    clientId: 'x',
    scheme: 'hawk',
    scopes: ['*'],
    expires: '3000-01-01T00:00:00Z',
  };
  const successWithout = (key: string) => JSON.stringify({ ...success, [key]: undefined });
  test.each<[string, Parameters<SimulatorHandle['setAuthAnswer']>[0]]>([
    ['a page of HTML', { type: 'text/html', body: '<html>Welcome</html>' }],
    ['nothing', { body: '' }],
    ['null', { body: 'null' }],
    ['a list', { body: '[]' }],
    ['another status', { body: '{"status":"auth-maybe","scopes":["*"]}' }],
    ['success without a client', { body: successWithout('clientId') }],
    ['success without scopes', { body: successWithout('scopes') }],
    ['success with scopes that are a text', { body: JSON.stringify({ ...success, scopes: '*' }) }],
    ['success with scopes that are no texts', { body: JSON.stringify({ ...success, scopes: [1] }) }],
    ['success with a hash that is no text', { body: JSON.stringify({ ...success, hash: 5 }) }],
    ['that no credentials were sent', { body: '{"status":"no-auth","scheme":"none","scopes":["*"]}' }],
    ['the right answer with status 201', { status: 201, body: JSON.stringify(success) }],
    ['a redirection', { status: 302, body: JSON.stringify(success) }],
    ['eleven megabytes', { body: ' ', repeat: 11 * 1024 * 1024 }],
  ])('an auth service that answers with %s puts the caller off with 503', async (_, answer) => {
    await simulator.setAuthAnswer(answer);
    await expectPutOff(as(maker));
    await simulator.setAuthAnswer(null);
    expect(await statusOf(maker)).toBe(200);
  });

  test('an auth service that says success to a call without credentials puts the caller off with 503', async () => {
    await simulator.setAuthAnswer({ body: JSON.stringify(success) });
    await expectPutOff(get('/providers'));
  });

  test('an auth service that cannot be reached puts the caller off with 503', async () => {
    const alone = await startTestApi({ auth: { type: 'taskcluster' }, rootUrl: 'http://127.0.0.1:9' });
    const authorization = signed(maker, '/providers');
    await expectPutOff(alone.call('GET', '/providers', undefined, { host: HOST, authorization }));
    await alone.close();
  });

  test('an auth service that takes too long is not waited for', async () => {
    const { id } = await fail({ mode: 'hold-request' });
    const answers = [as(maker), as({ ...maker, accessToken: 'x' })];
    await simulator.faultHit(id, { hits: 2 });
    for (const answer of answers) await expectPutOff(answer);
  });

  test('an auth service gets fifty requests at once, and the others wait', async () => {
    const { id } = await fail({ mode: 'hold-request' });
    const answers = Array.from({ length: 80 }, () => as(maker));
    const { held } = await simulator.faultHit(id, { hits: 50 });
    expect(held).toBe(50);
    await simulator.releaseFault(id);
    const statuses = (await Promise.all(answers)).map(({ status }) => status);
    // On a machine that is slow enough, some of them have waited too long.
    expect(new Set(statuses)).not.toContain(401);
    expect(statuses).toContain(200);
  });

  test('an auth service that fails is in the log once a minute, and nothing of the request is', async () => {
    const own = await startTestApi({ auth: { type: 'taskcluster' }, rootUrl: simulator.url });
    await fail({ code: 'InternalServerError', status: 500 });
    const authorization = signed(maker, '/providers');
    for (let calls = 0; calls < 3; calls += 1) {
      await own.call('GET', '/providers', undefined, { host: HOST, authorization });
    }
    const lines = own.logged.filter((line) => line.includes('auth-service-failed'));
    expect(lines.map((line) => JSON.parse(line))).toEqual([
      expect.objectContaining({ level: 50, reason: 'status 500', failures: 1 }),
    ]);
    const mac = /mac="([^"]+)"/.exec(authorization)?.[1];
    expect(own.logged.join()).not.toContain(mac);
    await own.close();
  });

  test('a header with a known client and a wrong MAC gets nobody in while auth is up, slow or down', async () => {
    const thief = { ...maker, accessToken: 'guessed' };
    const outcomes: unknown[] = [[await statusOf(maker), await statusOf(thief)]];
    const { id } = await fail({ mode: 'hold-request' });
    const slow = [as(maker), as(thief)];
    await simulator.faultHit(id, { hits: 2 });
    outcomes.push(await Promise.all(slow.map(async (answer) => (await answer).status)));
    await simulator.clearFaults();
    await fail({ mode: 'lose-request' });
    outcomes.push([await statusOf(maker), await statusOf(thief)]);
    await simulator.clearFaults();
    outcomes.push([await statusOf(maker), await statusOf(thief)]);
    expect(outcomes).toEqual([
      [200, 401],
      [503, 503],
      [503, 503],
      [200, 401],
    ]);
  });
});

describe('a worker’s own credentials', () => {
  test('a worker’s own credentials are judged here, whatever the auth service does', async () => {
    const worker = await registeredWorker('own/credentials');
    await fail({ mode: 'lose-request' });
    const before = questions().length;
    expect((await adviceFor(worker.credentials, worker.path)).body).toEqual({ terminate: false, reason: 'none' });
    const post = (credentials: Credentials, path: string, method: 'POST' | 'DELETE', body?: object) =>
      api.call(method, path, body, { host: HOST, authorization: signed(credentials, path, { method }) });
    const { body } = await post(worker.credentials, '/worker/reregister', 'POST', {
      ...worker.key,
      secret: worker.secret,
    });
    expect((await adviceFor(body.credentials, worker.path)).status).toBe(200);
    expect((await post(body.credentials, worker.path, 'DELETE')).status).toBe(200);
    expect(questions()).toHaveLength(before);
  });

  test('a worker’s own credentials with a wrong access token or a changed certificate are rejected, also while auth is down', async () => {
    const { credentials, path } = await registeredWorker('own/wrong');
    const wrong = [
      { ...credentials, accessToken: 'x' },
      { ...credentials, certificate: credentials.certificate.replace('own/wrong', 'own/right') },
      { ...credentials, clientId: credentials.clientId.replace('/w', '/v') },
    ];
    const statuses = () => Promise.all(wrong.map(async (each) => (await adviceFor(each, path)).status));
    expect(await statuses()).toEqual([401, 401, 401]);
    await fail({ mode: 'lose-request' });
    expect(await statuses()).toEqual([401, 401, 401]);
  });

  test('a worker’s own credentials that another issuer has signed are judged by the auth service', async () => {
    const { credentials, path } = await registeredWorker('own/issued');
    const advice = 'worker-manager:should-worker-terminate:own/issued/room/w';
    const foreign = temporaryCredentials(maker, { clientId: credentials.clientId, scopes: [advice] });
    expect((await adviceFor(foreign, path)).status).toBe(200);
    await fail({ mode: 'lose-request' });
    expect((await adviceFor(foreign, path)).status).toBe(503);
  });

  test('a certificate of our issuer for anybody but a worker is judged by the auth service, which may not know it', async () => {
    const temporaryOf = (clientId?: string) =>
      temporaryCredentials(ISSUER, {
        ...(clientId !== undefined && { clientId }),
        scopes: ['worker-manager:remove-worker:*'],
      });
    for (const credentials of [ISSUER, temporaryOf(), temporaryOf('somebody')])
      expect(await statusOf(credentials)).toBe(401);
  });
});

describe('a session with the auth service', () => {
  const ours = { host: HOST, origin: `http://${HOST}`, 'content-type': 'application/json' };
  const opened = (body: object) => api.call('POST', '/session', body, ours);
  const cookieOf = async (body: object) => String((await opened(body)).headers['set-cookie']).split(';')[0]!;

  test('credentials of a client open a session, whose calls the auth service judges as if the client had signed them', async () => {
    const { body, headers } = await opened(maker);
    const all = expect.arrayContaining(scopes) as unknown;
    expect(body).toMatchObject({ clientId: maker.clientId, scopes: all, authType: 'taskcluster' });
    expect(headers['set-cookie']).toMatch(
      /^worker-manager-session=sealed\.[\w-]+; Max-Age=43200; Path=\/; HttpOnly; SameSite=Strict$/,
    );
    const cookie = String(headers['set-cookie']).split(';')[0]!;
    const { body: who } = await get('/whoami', undefined, { cookie });
    expect(who).toMatchObject({ clientId: maker.clientId, scopes: all, sessionExpires: expect.any(String) });
    const held = await api.call('PUT', '/hold', { reason: 'x' }, { ...ours, cookie });
    expect(held.status).toBe(200);
    expect((await api.call('DELETE', '/hold', undefined, { ...ours, cookie })).status).toBe(200);
    expect((await get('/whoami', undefined, { cookie, origin: 'https://evil.example' })).body.clientId).toBeNull();
  });

  test('temporary credentials open a session that ends with them', async () => {
    const temporary = temporaryCredentials(maker, { scopes: ['worker-manager:list-worker-pools'] });
    const { status, body } = await opened(temporary);
    expect([status, body.scopes]).toEqual([200, ['assume:anonymous', 'worker-manager:list-worker-pools']]);
    expect(Date.parse(String(body.sessionExpires))).toBe(
      (JSON.parse(temporary.certificate) as { expiry: number }).expiry,
    );
  });

  test('a session is over when its client is gone, and its page can still sign out', async () => {
    const cookie = await cookieOf(maker);
    await simulator.setAuthClient(maker.clientId, { accessToken: 'another-token-of-the-maker!!', scopes });
    expect((await get('/whoami', undefined, { cookie })).body).toMatchObject({ clientId: null, sessionExpires: null });
    expect((await api.call('DELETE', '/session', undefined, { ...ours, cookie })).status).toBe(200);
  });

  test('wrong credentials open no session, and none opens while the auth service is silent', async () => {
    const wrong = await opened({ ...maker, accessToken: 'a-token-that-is-nobodys' });
    expect([wrong.status, wrong.body.code]).toEqual([401, 'AuthenticationFailed']);
    expect(JSON.stringify(wrong.body)).not.toContain('a-token-that-is-nobodys');
    expect((await opened({ accessToken: maker.accessToken })).body.code).toBe('InputError');
    await fail({ code: 'InternalServerError', status: 500 });
    expect((await opened(maker)).status).toBe(503);
  });
});
