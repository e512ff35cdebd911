import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import hawk from 'hawk';
import taskcluster from 'taskcluster-client';
import { HOUR_MS, MINUTE_MS } from '../../../domain/durations.js';
import { startSimulator, type SimulatorHandle } from '../../../dev/testing/simulator.js';

const redirectUri = 'https://pools.example.com/back';
const scope = ['worker-manager:list-providers', 'worker-manager:remove-worker:proj/*', 'secrets:get:x'];
const wanted = { client_id: 'pools-page', redirect_uri: redirectUri, scope: scope.join(' '), state: 'a&b' };

let simulator: SimulatorHandle;
beforeAll(async () => {
  simulator = await startSimulator({ machines: 'off' });
});
afterAll(() => simulator.stop());
beforeEach(async () => {
  await simulator.reset();
  await simulator.setAuthRole('staff', ['worker-manager:list-*']);
  await simulator.setLoginUser('sso/jane', ['assume:staff', 'worker-manager:remove-worker:proj/pool/*']);
  await simulator.setLoginApplication('pools-page', { scope, redirectUri: [redirectUri], responseType: 'code' });
});

const at = (path: string, init: RequestInit = {}) =>
  fetch(`${simulator.url}/login/oauth/${path}`, { redirect: 'manual', ...init });
const form = (values: Record<string, string>): RequestInit => ({ method: 'POST', body: new URLSearchParams(values) });
const open = (changes: Record<string, string> = {}) =>
  at(`authorize?${new URLSearchParams({ ...wanted, response_type: 'code', ...changes }).toString()}`);

/** What somebody does on the page: says who they are, and decides. Gives where the browser is sent. */
async function decide(changes: Record<string, string> = {}, decision = 'allow', identity = 'sso/jane'): Promise<URL> {
  const page = await (await open(changes)).text();
  const transaction_id = /name="transaction_id" value="(\w+)"/.exec(page)?.[1] ?? '';
  const { status, headers } = await at('authorize/decision', form({ transaction_id, decision, identity }));
  expect(status).toBe(302);
  return new URL(headers.get('location') ?? '');
}

const exchange = async (code: string, changes: Record<string, string> = {}) => {
  const grant = { grant_type: 'authorization_code', code, redirect_uri: redirectUri, client_id: 'pools-page' };
  const answer = await at('token', form({ ...grant, ...changes }));
  return { status: answer.status, body: (await answer.json()) as Record<string, string> };
};
const credentialsFor = async (token: string) => {
  const answer = await at('credentials', { headers: { authorization: `Bearer ${token}` } });
  const body = (await answer.json()) as { expires: string; credentials: { clientId: string; accessToken: string } };
  return { status: answer.status, body };
};
const login = async (changes: Record<string, string> = {}) => {
  const { body } = await exchange((await decide(changes)).searchParams.get('code') ?? '');
  return credentialsFor(body['access_token'] ?? '');
};

describe('the login pages', () => {
  test('the login page names the application, its scopes and who may log in', async () => {
    const page = await (await open()).text();
    for (const text of ['pools-page', ...scope, 'sso/jane']) expect(page).toContain(text);
  });

  test('the login page writes what it was sent as text', async () => {
    await simulator.setLoginUser('<b>"x"&', []);
    const page = await (await open({ scope: '<script>' })).text();
    expect(page).not.toContain('<script>');
    expect(page).not.toContain('<b>"x"');
  });

  test('a login gives a code, the code a token, and the token credentials of a client of its own', async () => {
    const back = await decide();
    expect(`${back.origin}${back.pathname}`).toBe(redirectUri);
    expect(Object.fromEntries(back.searchParams)).toEqual({ code: expect.any(String), state: 'a&b' });
    const { body } = await exchange(back.searchParams.get('code') ?? '');
    expect(body).toEqual({ access_token: expect.any(String), token_type: 'Bearer' });
    const given = await credentialsFor(body['access_token'] ?? '');
    expect(given).toEqual({
      status: 200,
      body: {
        expires: expect.any(String),
        credentials: {
          clientId: expect.stringMatching(/^sso\/jane\/pools-page-[\w-]{6}$/),
          accessToken: expect.stringMatching(/^[\w-]{44}$/),
        },
      },
    });
  });

  test('credentials of a login have the scopes that the page asked for and its user has', async () => {
    const { clientId, accessToken } = (await login()).body.credentials;
    const resource = '/api/worker-manager/v1/providers';
    const credentials = { id: clientId, key: accessToken, algorithm: 'sha256' as const };
    const { header: authorization } = hawk.client.header(`https://tc.example.com${resource}`, 'GET', { credentials });
    const question = { method: 'get', resource, host: 'tc.example.com', port: 443, authorization };
    const auth = new taskcluster.Auth({ rootUrl: simulator.url, retries: 0 });
    expect(await auth.authenticateHawk(question)).toMatchObject({
      clientId,
      scopes: ['assume:anonymous', 'worker-manager:list-providers', 'worker-manager:remove-worker:proj/pool/*'],
    });
  });

  test('credentials of a login end when the page asked, or when the application’s must, and say so half a minute early', async () => {
    const lastsMs = async (expires: string) => Date.parse((await login({ expires })).body.expires) - Date.now();
    for (const [expires, ms] of [
      ['10 minutes', 10 * MINUTE_MS],
      ['1 week', HOUR_MS],
      ['never', HOUR_MS],
    ] as const) {
      const lasts = await lastsMs(expires);
      expect(lasts).toBeLessThanOrEqual(ms - 30_000);
      expect(lasts).toBeGreaterThan(ms - 5 * MINUTE_MS);
    }
  });

  test('a token comes in the fragment where the application is registered for tokens', async () => {
    const registered = { scope, redirectUri: [redirectUri], responseType: 'token' as const };
    await simulator.setLoginApplication('pools-page', registered);
    const back = await decide({ response_type: 'token' });
    expect(back.search).toBe('');
    const values = new URLSearchParams(back.hash.slice(1));
    expect([values.get('token_type'), values.get('state')]).toEqual(['Bearer', 'a&b']);
    expect((await credentialsFor(values.get('access_token') ?? '')).status).toBe(200);
  });

  test('a login goes back with an error when it was denied, asked for other scopes or in another way', async () => {
    const errorOf = async (...decision: Parameters<typeof decide>) => {
      const back = await decide(...decision);
      return back.searchParams.get('error') ?? new URLSearchParams(back.hash.slice(1)).get('error');
    };
    expect(await errorOf({}, 'deny')).toBe('access_denied');
    expect(await errorOf({}, 'allow', 'sso/nobody')).toBe('access_denied');
    expect(await errorOf({ scope: 'secrets:get:x' })).toBe('invalid_scope');
    expect(await errorOf({ response_type: 'token' })).toBe('unsupported_response_type');
  });

  test('a login sends nobody to an address that is not registered', async () => {
    for (const [name, value] of [
      ['client_id', 'other'],
      ['redirect_uri', 'https://elsewhere.example.com/'],
    ] as const) {
      const { status, headers } = await open({ [name]: value });
      expect([status, headers.get('location')]).toEqual([403, null]);
    }
    expect((await at('authorize/decision', form({ transaction_id: 'x', decision: 'allow' }))).status).toBe(403);
  });

  test('a code counts for the page it was given for, and credentials are given once', async () => {
    const code = (await decide()).searchParams.get('code') ?? '';
    expect(await exchange('wrong')).toMatchObject({ status: 403, body: { error: 'invalid_grant' } });
    expect((await exchange(code, { redirect_uri: 'https://elsewhere.example.com/' })).status).toBe(403);
    expect(await exchange(code, { grant_type: 'password' })).toMatchObject({
      status: 501,
      body: { error: 'unsupported_grant_type' },
    });
    const { body } = await exchange(code);
    const token = body['access_token'] ?? '';
    expect((await credentialsFor(token)).status).toBe(200);
    expect(await credentialsFor(token)).toMatchObject({ status: 400, body: { code: 'InputError' } });
    expect((await credentialsFor('wrong')).status).toBe(400);
  });
});
