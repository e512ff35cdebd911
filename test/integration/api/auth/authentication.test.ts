import { connect } from 'node:net';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import hawk from 'hawk';
import taskcluster, { type Credentials } from 'taskcluster-client';
import { HOUR_MS } from '../../../../domain/durations.js';
import type { WorkerKey } from '../../../../domain/ids.js';
import { registrationSnapshot } from '../../../../database/registration.js';
import { API, ISSUER, launchMachines, poolDefinition, startTestApi, type TestApi } from '../../../support/api.js';
import { temporaryCredentials } from '../../../support/temporary-credentials.js';

const reader = { clientId: 'reader', accessToken: 'access-token-of-the-reader', scopes: ['worker-manager:list-*'] };
const maker = {
  clientId: 'maker',
  accessToken: 'access-token-of-the-maker!',
  scopes: ['worker-manager:*', 'auth:create-client:maker/*', 'assume:*'],
};
const gone = {
  clientId: 'gone',
  accessToken: 'access-token-of-somebody',
  scopes: ['*'],
  expires: '2020-01-01T00:00:00Z',
};

let api: TestApi;
let rootUrl: string;
beforeAll(async () => {
  api = await startTestApi({ auth: { type: 'static', clients: [reader, maker, gone] } });
  rootUrl = await api.app.listen({ host: '127.0.0.1', port: 0 });
});
afterAll(() => api.close());
beforeEach(() => {
  api.clock.ms = Date.now();
});

const client = (credentials: Credentials) => new taskcluster.WorkerManager({ rootUrl, credentials, retries: 0 });
const listProviders = (credentials: Credentials) => client(credentials).listProviders();
const refusal = (code: string, statusCode: number) => expect.objectContaining({ code, statusCode });

const temporary = (changes: Partial<Parameters<typeof temporaryCredentials>[1]> = {}) =>
  temporaryCredentials(maker, { scopes: ['worker-manager:list-providers'], ...changes });

/** For calls that the peer's client does not know. */
async function signedGet(credentials: Required<Credentials>, path: string): Promise<[number, unknown]> {
  const url = `${rootUrl}${API}${path}`;
  const ext = Buffer.from(JSON.stringify({ certificate: JSON.parse(credentials.certificate) })).toString('base64');
  const hawkCredentials = { id: credentials.clientId, key: credentials.accessToken, algorithm: 'sha256' as const };
  const authorization = hawk.client.header(url, 'GET', { credentials: hawkCredentials, ext }).header;
  const response = await fetch(url, { headers: { authorization } });
  return [response.status, await response.json()];
}

/** Bytes as no client library would send them. */
async function rawRequest(bytes: string): Promise<string> {
  const socket = connect(Number(new URL(rootUrl).port), '127.0.0.1');
  socket.write(bytes);
  let answer = '';
  for await (const chunk of socket) answer += String(chunk);
  return answer;
}

describe('authentication with the peer’s own client over a socket', () => {
  test('permanent credentials are accepted', async () => {
    expect(await listProviders(reader)).toMatchObject({ providers: [{ providerId: 'cloud' }, { providerId: 'hand' }] });
  });

  test('a pool’s id with a slash and a query are signed as they are sent', async () => {
    await client(maker).createWorkerPool('prov/signed', poolDefinition);
    const { workerPoolErrors } = await client(maker).listWorkerPoolErrors('prov/signed', { limit: 3 });
    expect(workerPoolErrors).toEqual([]);
  });

  test('named and unnamed temporary credentials are accepted', async () => {
    await expect(listProviders(temporary({ clientId: 'maker/of/names' }))).resolves.toBeDefined();
    await expect(listProviders(temporary())).resolves.toBeDefined();
  });

  test('unnamed temporary credentials are accepted whose certificate says null for the issuer, as the browsers’ client does', async () => {
    const { certificate, ...rest } = temporary();
    const withNull = JSON.stringify({ ...JSON.parse(certificate), issuer: null });
    await expect(listProviders({ ...rest, certificate: withNull })).resolves.toBeDefined();
  });

  test.each<[string, () => Credentials]>([
    ['an unknown client', () => ({ clientId: 'nobody', accessToken: 'x' })],
    ['a wrong access token', () => ({ ...reader, accessToken: maker.accessToken })],
    ['a client that has expired', () => gone],
    ['a certificate that has expired', () => temporary({ expiry: new Date(Date.now() - 1000) })],
    ['a certificate of the future', () => temporary({ start: new Date(Date.now() + HOUR_MS / 2) })],
    ['a name that the issuer may not give', () => temporary({ clientId: 'other/name' })],
    ['scopes that the issuer does not have', () => temporary({ scopes: ['queue:claim-work:x'] })],
    ['a certificate by an expired client', () => temporary({ credentials: gone })],
    ['another name than was signed', () => ({ ...temporary({ clientId: 'maker/a' }), clientId: 'maker/b' })],
    [
      'scopes changed after signing',
      () => {
        const credentials = temporary();
        return { ...credentials, certificate: credentials.certificate.replace('list-providers', 'list-worker-pools') };
      },
    ],
    [
      'a span of more than 31 days',
      () => {
        const credentials = temporary();
        const certificate = JSON.parse(credentials.certificate) as { expiry: number };
        certificate.expiry += 32 * 24 * HOUR_MS;
        return { ...credentials, certificate: JSON.stringify(certificate) };
      },
    ],
    ['a certificate that is none', () => ({ ...temporary(), certificate: '{"version":2}' })],
  ])('a call with %s is rejected', async (_, credentials) => {
    await expect(listProviders(credentials())).rejects.toEqual(refusal('AuthenticationFailed', 401));
  });

  test('temporary credentials have their own scopes, not their issuer’s', async () => {
    await expect(client(temporary()).listWorkerPools()).rejects.toEqual(refusal('InsufficientScopes', 403));
  });

  test('authorizedScopes give up all other scopes', async () => {
    const restricted = (scopes: string[]) =>
      new taskcluster.WorkerManager({ rootUrl, credentials: reader, retries: 0, authorizedScopes: scopes });
    const narrow = restricted(['worker-manager:list-providers']);
    await expect(narrow.listProviders()).resolves.toBeDefined();
    await expect(narrow.listWorkerPools()).rejects.toEqual(refusal('InsufficientScopes', 403));
    await expect(restricted(['more']).listProviders()).rejects.toEqual(refusal('AuthenticationFailed', 401));
  });

  test('a call without credentials has no scopes', async () => {
    await expect(listProviders({ clientId: '', accessToken: '' })).rejects.toEqual(refusal('InsufficientScopes', 403));
  });

  test('a registered worker calls with what it was given, for itself only, and that counts as credentials used', async () => {
    await client(maker).createWorkerPool('prov/live', poolDefinition);
    const root = { authorization: `Bearer ${maker.accessToken}` };
    const [one, two] = (await launchMachines(api, 'prov/live', ['i-1', 'i-2'], root)) as [WorkerKey, WorkerKey];
    const { body } = await api.call('POST', '/worker/register', {
      ...one,
      providerId: 'cloud',
      workerIdentityProof: { document: 'I am i-1' },
    });
    const credentialsUsedAt = async () => (await registrationSnapshot(api.database.db, one, 'cloud')).credentialsUsedAt;
    expect(await credentialsUsedAt()).toBeNull();
    const itself = client(body.credentials);
    const path = (worker: WorkerKey) => [worker.workerPoolId, worker.workerGroup, worker.workerId] as const;
    const adviceFor = ({ workerPoolId, workerGroup, workerId }: WorkerKey) =>
      signedGet(
        body.credentials,
        `/workers/${encodeURIComponent(workerPoolId)}/${workerGroup}/${workerId}/should-terminate`,
      );
    expect(await adviceFor(one)).toEqual([200, { terminate: false, reason: 'none' }]);
    expect(await credentialsUsedAt()).toBe(api.clock.ms);
    expect(await adviceFor(two)).toEqual([403, expect.objectContaining({ code: 'InsufficientScopes' })]);

    const report = { kind: 'boot', title: 'No disk', description: 'It is gone', extra: { code: 7 } };
    const reported = await itself.reportWorkerError('prov/live', { workerGroup: 'here', workerId: 'i-1', ...report });
    expect(reported).toMatchObject({ ...report, extra: { code: 7, workerGroup: 'here', workerId: 'i-1' } });
    await expect(
      itself.reportWorkerError('prov/live', { workerGroup: 'here', workerId: 'i-2', ...report }),
    ).rejects.toEqual(refusal('InsufficientScopes', 403));

    const next = await itself.reregisterWorker({ ...one, secret: body.secret });
    await expect(client(next.credentials).removeWorker(...path(one))).resolves.toEqual({});
  });
});

describe('Hawk behind a proxy', () => {
  const header = (url: string) =>
    hawk.client.header(url, 'GET', {
      credentials: { id: reader.clientId, key: reader.accessToken, algorithm: 'sha256' },
    }).header;
  const path = '/api/worker-manager/v1/providers';

  test('a Hawk signature over the public URL holds whatever name the ingress uses inside', async () => {
    const headers = { host: 'inner:1234', authorization: header(`http://localhost:8080${path}`) };
    expect((await api.call('GET', '/providers', undefined, headers)).status).toBe(200);
  });

  test('a Hawk signature over another name does not hold', async () => {
    const headers = { host: 'inner:1234', authorization: header(`http://elsewhere${path}`) };
    const { status, body } = await api.call('GET', '/providers', undefined, headers);
    expect([status, body.code]).toEqual([401, 'AuthenticationFailed']);
  });

  test('a Hawk signature for another host is rejected although the Host header names it', async () => {
    const headers = { host: 'elsewhere', authorization: header(`http://elsewhere${path}`) };
    expect((await api.call('GET', '/providers', undefined, headers)).status).toBe(401);
  });

  test('a Hawk signature for a name of this machine holds, with whatever port', async () => {
    const headers = { host: '127.0.0.1:4711', authorization: header(`http://127.0.0.1:4711${path}`) };
    expect((await api.call('GET', '/providers', undefined, headers)).status).toBe(200);
  });

  test('X-Forwarded-Host counts for nothing unless the proxy is trusted', async () => {
    const forwarded = { 'x-forwarded-host': 'localhost:99', authorization: header(`http://localhost:99${path}`) };
    expect((await api.call('GET', '/providers', undefined, forwarded)).status).toBe(401);
  });

  test('the last name of a trusted proxy’s X-Forwarded-Host counts', async () => {
    const trusting = await startTestApi({
      auth: { type: 'static', clients: [reader] },
      server: { trustProxy: ['127.0.0.0/8'] },
    });
    const authorization = header(`http://localhost:99${path}`);
    const statuses = await Promise.all(
      ['localhost:99', 'localhost:98, localhost:99', 'localhost:99, localhost:98'].map(async (forwarded) => {
        const headers = { 'x-forwarded-host': forwarded, authorization };
        return (await trusting.call('GET', '/providers', undefined, headers)).status;
      }),
    );
    await trusting.close();
    expect(statuses).toEqual([200, 200, 401]);
  });

  test.each([
    [14, 200],
    [16, 401],
  ])('a clock that is %i minutes off is answered with %i', async (minutes, expected) => {
    for (const way of [1, -1]) {
      api.clock.ms = Date.now();
      const authorization = header(`http://localhost:8080${path}`);
      api.clock.ms += way * minutes * 60_000;
      expect((await api.call('GET', '/providers', undefined, { authorization })).status).toBe(expected);
    }
  });
});

describe('the Host header', () => {
  test.each([
    ['names in a row', 'Host: localhost,other'],
    ['two of them', 'Host: localhost\r\nHost: localhost'],
    ['a path', 'Host: localhost/x'],
    ['userinfo', 'Host: a@localhost'],
    ['more than a name has characters', `Host: ${'a'.repeat(300)}`],
  ])('a Host header with %s is rejected before credentials are read', async (_, line) => {
    const answer = await rawRequest(
      `GET ${API}/providers HTTP/1.1\r\n${line}\r\nAuthorization: Hawk id="x"\r\nConnection: close\r\n\r\n`,
    );
    expect(answer).toMatch(/^HTTP\/1.1 400 /);
    expect(answer).toContain('InvalidRequestArguments');
  });

  test('a Host header may be missing from a load balancer’s HTTP/1.0', async () => {
    const answer = await rawRequest(`GET ${API}/__lbheartbeat__ HTTP/1.0\r\n\r\n`);
    expect(answer).toMatch(/^HTTP\/1.1 200 /);
  });
});

describe('a payload hash', () => {
  const url = () => `http://localhost:8080${API}/worker-pool/prov%2Fhashed`;
  const send = (
    payload: string | undefined,
    signed: string | undefined,
    contentType: string,
    method: 'PUT' | 'GET' = 'PUT',
  ) => {
    const { header: authorization } = hawk.client.header(url(), method, {
      credentials: { id: maker.clientId, key: maker.accessToken, algorithm: 'sha256' },
      ...(signed !== undefined && { payload: signed, contentType }),
    });
    return api.app.inject({
      method,
      url: `${API}/worker-pool/prov%2Fhashed`,
      headers: {
        host: 'localhost:8080',
        authorization,
        ...(payload !== undefined && { 'content-type': 'application/json' }),
      },
      ...(payload !== undefined && { payload }),
    });
  };
  const definition = JSON.stringify(poolDefinition);

  test.each(['application/json', 'text/json', ''])(
    'a payload hash of the body that is sent holds, hashed as "%s"',
    async (type) => {
      expect((await send(definition, definition, type)).statusCode).toBe(200);
    },
  );

  test('a payload hash of another body is rejected, and nothing is done', async () => {
    const changed = JSON.stringify({ ...poolDefinition, owner: 'thief@example.com' });
    const answer = await send(changed, definition, 'application/json');
    expect([answer.statusCode, answer.json().code]).toEqual([401, 'AuthenticationFailed']);
    expect((await send(undefined, undefined, '', 'GET')).json().owner).not.toBe('thief@example.com');
  });

  test('a payload hash of no body holds for a call without one, and not for a call with a body', async () => {
    expect((await send(undefined, '', '', 'GET')).statusCode).toBe(200);
    expect((await send(undefined, definition, 'application/json', 'GET')).statusCode).toBe(401);
  });
});

describe('other Authorization headers', () => {
  const call = (authorization: string) => api.call('GET', '/providers', undefined, { authorization });

  test('a Bearer header takes the access token of one client', async () => {
    expect((await call(`Bearer ${reader.accessToken}`)).status).toBe(200);
    expect((await call(`Bearer ${ISSUER.accessToken}`)).body.code).toBe('InsufficientScopes');
    expect((await call(`Bearer ${reader.accessToken}x`)).body.code).toBe('AuthenticationFailed');
    expect((await call(`Bearer ${gone.accessToken}`)).body.code).toBe('AuthenticationFailed');
  });

  test.each([
    ['another scheme', 'Basic abc'],
    ['Hawk without attributes', 'Hawk'],
    ['Hawk without a signature', 'Hawk id="reader"'],
    ['Hawk with an ext that is no JSON', 'Hawk id="reader", ext="###", mac="x"'],
    ['Bearer without a token', 'Bearer'],
    ['five thousand letters', 'x'.repeat(5000)],
  ])('an Authorization header of %s is rejected', async (_, authorization) => {
    const { status, body } = await call(authorization);
    expect([status, body.code]).toEqual([401, 'AuthenticationFailed']);
  });

  test('a missing scope is named, and the call is not carried out', async () => {
    const headers = { authorization: `Bearer ${reader.accessToken}` };
    const { body } = await api.call('PUT', '/worker-pool/prov%2Fnever', poolDefinition, headers);
    expect(body.code).toBe('InsufficientScopes');
    expect(body.message).toContain('worker-manager:manage-worker-pool:prov/never');
    const bearer = { authorization: `Bearer ${maker.accessToken}` };
    expect((await api.call('GET', '/worker-pool/prov%2Fnever', undefined, bearer)).status).toBe(404);
  });
});
