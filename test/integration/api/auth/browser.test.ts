import { afterAll, beforeAll, expect, jest } from '@jest/globals';
import taskcluster, { type Credentials } from 'taskcluster-client';
import { startSimulator, type SimulatorHandle } from '../../../../dev/testing/simulator.js';
import { PATIENCE_MS } from '../../../../dev/testing/patience.js';
import { poolDefinition, startTestApi, type TestApi } from '../../../support/api.js';
import { type ClientPage, openClientPage } from '../../../support/client-page.js';
import { isLong, longTest } from '../../../support/long.js';

jest.setTimeout(2 * PATIENCE_MS);

/**
 * Somebody logs in to a deployment from a page of another origin, and the page acts in their name. It takes a browser.
 */
const scope = ['worker-manager:*', 'assume:worker-pool:*', 'assume:worker-id:*'];
const root = { clientId: 'root', accessToken: 'access-token-of-the-root-client' };
const definition = { ...poolDefinition, providerId: 'hand', config: {} };

let simulator: SimulatorHandle;
let api: TestApi;
let client: ClientPage;
beforeAll(async () => {
  if (!isLong) return;
  [simulator, client] = await Promise.all([startSimulator({ machines: 'off' }), openClientPage()]);
  api = await startTestApi({ auth: { type: 'taskcluster' }, rootUrl: simulator.url });
  await simulator.setApi(await api.app.listen({ host: '127.0.0.1', port: 0 }));
  await simulator.setAuthClient(root.clientId, { accessToken: root.accessToken, scopes: scope });
  await simulator.setLoginUser('sso/jane', ['worker-manager:list-*', 'worker-manager:remove-worker:browser/*']);
  await simulator.setLoginApplication('pools-page', { scope, redirectUri: [client.url], responseType: 'code' });
});
afterAll(async () => {
  await client?.stop();
  await api?.close();
  await simulator?.stop();
});

/** Goes to the deployment, says who they are, comes back with a code, and gets credentials for it. */
async function logIn(identity: string): Promise<Credentials> {
  const { page, url } = client;
  const wanted = {
    client_id: 'pools-page',
    redirect_uri: url,
    response_type: 'code',
    scope: scope.join(' '),
    state: 's',
  };
  await page.goto(`${simulator.url}/login/oauth/authorize?${new URLSearchParams(wanted).toString()}`);
  await page.getByLabel('You are').selectOption(identity);
  await Promise.all([page.waitForURL(/[?&]code=/), page.getByRole('button', { name: 'Allow' }).click()]);
  const back = new URL(page.url());
  expect([back.origin + back.pathname, back.searchParams.get('state')]).toEqual([url, 's']);
  return await page.evaluate(credentialsInPage, {
    login: `${simulator.url}/login/oauth`,
    grant: {
      grant_type: 'authorization_code',
      code: back.searchParams.get('code') ?? '',
      redirect_uri: url,
      client_id: 'pools-page',
    },
  });
}

/** Runs in the page, as Taskcluster's manual says it. */
async function credentialsInPage({ login, grant }: { login: string; grant: Record<string, string> }) {
  const token = await fetch(`${login}/token`, { method: 'POST', body: new URLSearchParams(grant) });
  const { access_token } = (await token.json()) as { access_token: string };
  const headers = { authorization: `Bearer ${access_token}`, 'content-type': 'application/json' };
  const answer = await fetch(`${login}/credentials`, { headers });
  return ((await answer.json()) as { credentials: Credentials }).credentials;
}

longTest('a page in which somebody logged in acts in their name, and can do no more than they', async () => {
  const { WorkerManager } = taskcluster;
  const operator = new WorkerManager({ rootUrl: simulator.url, credentials: root, retries: 0 });
  await operator.createWorkerPool('browser/pool', definition);
  await operator.createWorker('browser/pool', 'room', 'shelf-1', {
    expires: new Date(Date.now() + 3_600_000).toISOString(),
    providerInfo: { staticSecret: 's'.repeat(44) },
  });
  const credentials = await logIn('sso/jane');
  const call = (method: string, args: readonly unknown[], authorizedScopes?: readonly string[]) =>
    client.call({
      kind: 'sync',
      rootUrl: simulator.url,
      credentials,
      method,
      args,
      ...(authorizedScopes && { authorizedScopes }),
    });

  expect(await call('listWorkerPools', [])).toMatchObject({
    value: { workerPools: [{ workerPoolId: 'browser/pool' }] },
  });
  const listed = await call('listWorkersForWorkerPool', ['browser/pool', { state: 'running' }]);
  expect(listed.value.workers).toHaveLength(1);
  const refusal = { status: 403, code: 'InsufficientScopes' };
  expect(await call('createWorkerPool', ['browser/other', definition])).toMatchObject(refusal);
  // As Taskcluster's own pages do it.
  const worker = ['browser/pool', 'room', 'shelf-1'];
  const narrowed = [`worker-manager:remove-worker:${worker.join('/')}`];
  expect(await call('listWorkerPools', [], narrowed)).toMatchObject(refusal);
  expect(await call('removeWorker', worker, narrowed)).toEqual({ value: {} });
});

interface PageRequest {
  readonly method?: string;
  readonly headers?: Record<string, string>;
  readonly body?: string;
}

/** Runs in the page: the status that it may read, or null where the browser keeps the answer from it. */
async function statusInPage({ url, init }: { url: string; init: PageRequest }): Promise<number | null> {
  return fetch(url, init).then(
    ({ status }) => status,
    () => null,
  );
}

longTest(
  'a page of any origin may read answers and errors, with the methods and headers of Taskcluster’s services',
  async () => {
    const at = (path: string, init: PageRequest = {}) =>
      client.page.evaluate(statusInPage, { url: `${simulator.url}/api/worker-manager/v1${path}`, init });
    const headers = {
      authorization: 'Bearer nobody',
      'content-type': 'application/json',
      'x-requested-with': 'a-page',
      'cache-control': 'no-cache',
    };
    expect(await at('/ping')).toBe(200);
    for (const method of ['GET', 'PUT', 'POST', 'DELETE']) {
      const init = { method, headers, ...(method === 'PUT' && { body: '{}' }) };
      expect([method, await at('/worker-pool/browser%2Fpool', init)]).toEqual([method, 401]);
    }
    expect(await at('/nothing')).toBe(404);
    expect(await at('/worker-pools', { method: 'POST' })).toBe(405);
    expect(await at('/ping', { headers: { 'x-other': '1' } })).toBeNull();
    expect(await at('/worker-pool/browser%2Fpool', { method: 'PATCH' })).toBeNull();
  },
);
