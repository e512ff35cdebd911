import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import taskcluster, { createTemporaryCredentials, type Credentials } from 'taskcluster-client';
import apis from 'taskcluster-client/src/apis.js';
import { HOUR_MS } from '../../../../domain/durations.js';
import { startSimulator, type SimulatorHandle } from '../../../../dev/testing/simulator.js';
import { poolDefinition, startTestApi, type TestApi } from '../../../support/api.js';
import { type ClientPage, openClientPage } from '../../../support/client-page.js';
import {
  type ClientProgram,
  type ProgramCall,
  startPythonTaskcluster,
  startRustTaskcluster,
} from '../../../support/client-programs.js';
import { isLong, longTest } from '../../../support/long.js';
import { scriptedServer } from '../../../support/scripted-server.js';
import { wholeLife } from '../../../support/taskcluster-calls.js';

/**
 * Clients that nobody here wrote, with every kind of credentials and in both modes that check them: npm's
 * `taskcluster-client` and PyPI's `taskcluster`; at full length the crate `taskcluster`, which signs bodies too, and
 * npm's `taskcluster-client-web` in a page of another origin.
 */
const maker = { clientId: 'maker', accessToken: 'access-token-of-the-maker!' };
const ALL = ['worker-manager:*', 'assume:worker-pool:*', 'assume:worker-id:*'];
const scopes = [...ALL, 'auth:create-client:maker/*'];

interface Shown {
  readonly credentials: Credentials;
  readonly authorizedScopes?: readonly string[];
}

/** How a client makes a call: gives what it answers, or throws what it throws. */
interface Client {
  call(shown: Shown, name: string, args: readonly unknown[]): Promise<unknown>;
  signedUrl(shown: Shown, name: string, args: readonly unknown[]): Promise<string>;
  temporary(scopes: readonly string[], name?: string): Promise<Credentials>;
}

/** A new machine builds the crate and fills a virtual environment first. */
const SET_UP_TIMEOUT_MS = 15 * 60_000;

let simulator: SimulatorHandle;
let python: ClientProgram;
let rust: ClientProgram | undefined;
let page: ClientPage | undefined;
beforeAll(async () => {
  [simulator, python] = await Promise.all([startSimulator({ machines: 'off' }), startPythonTaskcluster()]);
  if (isLong) [rust, page] = await Promise.all([startRustTaskcluster(), openClientPage()]);
  await simulator.setAuthClient(maker.clientId, { accessToken: maker.accessToken, scopes });
}, SET_UP_TIMEOUT_MS);
afterAll(async () => {
  python?.stop();
  rust?.stop();
  await page?.stop();
  await simulator?.stop();
});

const settingsOf = {
  static: () => ({ auth: { type: 'static', clients: [{ ...maker, scopes }] } }),
  taskcluster: () => ({ auth: { type: 'taskcluster' }, rootUrl: simulator.url }),
} as const;

describe.each(['static', 'taskcluster'] as const)('auth.type %s', (type) => {
  let api: TestApi;
  let rootUrl: string;
  let pools = 0;
  beforeAll(async () => {
    api = await startTestApi(settingsOf[type]());
    api.queueKnows.worker = async (_, worker) => ({
      ...worker,
      ...{ firstClaimAt: null, lastActiveAt: null, quarantineUntil: null, expiresAt: null },
      ...{ recentTasks: [], quarantines: [] },
    });
    rootUrl = await api.app.listen({ host: '127.0.0.1', port: 0 });
  });
  afterAll(async () => await api?.close());

  const node: Client = {
    call: (shown, name, args) => nodeClient(shown)[name]!(...args),
    signedUrl: async (shown, name, args) => {
      const client = nodeClient(shown);
      return (await client.buildSignedUrl!(client[name], ...args)) as string;
    },
    temporary: async (wanted, name) =>
      createTemporaryCredentials({
        ...(name !== undefined && { clientId: name }),
        start: new Date(Date.now() - 5 * 60_000),
        expiry: new Date(Date.now() + HOUR_MS),
        scopes: [...wanted],
        credentials: maker,
      }),
  };
  const nodeClient = (shown: Shown) =>
    new taskcluster.WorkerManager({
      rootUrl,
      credentials: shown.credentials,
      retries: 0,
      ...(shown.authorizedScopes && { authorizedScopes: [...shown.authorizedScopes] }),
    }) as unknown as Record<string, (...args: unknown[]) => Promise<unknown>>;

  const programClient = (program: () => Omit<ClientProgram, 'stop'>, kind: ProgramCall['kind']): Client => {
    const run = async (how: ProgramCall['kind'], shown: Shown, method: string, args: readonly unknown[]) => {
      const answer = await program().call({ kind: how, rootUrl, ...shown, method, args });
      if (answer.failure === undefined) return answer.value;
      throw Object.assign(new Error(answer.failure), { statusCode: answer.status, code: answer.code });
    };
    return {
      call: (...call) => run(kind, ...call),
      signedUrl: async (...call) => (await run('signed', ...call)) as string,
      temporary: (wanted, name) => program().temporary(maker, wanted, name),
    };
  };
  const clients: Record<string, Client> = {
    'npm’s client': node,
    'PyPI’s client': programClient(() => python, 'sync'),
    'PyPI’s asynchronous client': programClient(() => python, 'async'),
    ...(isLong && {
      'the crate': programClient(() => rust!, 'sync'),
      'npm’s client for pages': programClient(() => page!, 'sync'),
    }),
  };

  const kinds: Record<string, (client: Client, granted: readonly string[]) => Promise<Shown>> = {
    permanent: async () => ({ credentials: maker }),
    temporary: async (client, granted) => ({ credentials: await client.temporary(granted) }),
    'named temporary': async (client, granted) => ({
      credentials: await client.temporary(granted, 'maker/of/names'),
    }),
    restricted: async (_, granted) => ({ credentials: maker, authorizedScopes: granted }),
  };
  const cases = Object.keys(clients).flatMap((client) => Object.keys(kinds).map((kind) => [client, kind] as const));
  const clientOf = (name: string) => clients[name]!;

  test.each(cases)('%s makes every call with %s credentials, and reads by signed URLs', async (name, kind) => {
    const client = clientOf(name);
    const shown = await kinds[kind]!(client, ALL);
    const answers: Record<string, unknown> = {};
    const statuses: Record<string, number> = {};
    for (const step of wholeLife(`life/of-${(pools += 1)}`)) {
      const args = step.args(answers);
      answers[step.name] = (await client.call(shown, step.name, args)) ?? null;
      if (step.isGet) statuses[step.name] = (await fetch(await client.signedUrl(shown, step.name, args))).status;
    }
    const operations = apis.WorkerManager.reference.entries.map((entry) => entry.name);
    expect(Object.keys(answers).sort()).toEqual(operations.toSorted());
    expect(Object.entries(statuses).filter(([, status]) => status !== 200)).toEqual([]);
    expect(answers.workerPool).toMatchObject({ providerId: 'hand', config: { workerConfig: { from: 'pool' } } });
    expect(answers.reregisterWorker).toMatchObject({
      credentials: { clientId: expect.stringMatching(/^worker\/hand\//) },
    });
  });

  test.each(cases.filter(([, kind]) => kind !== 'permanent'))(
    '%s with %s credentials may do what they say and no more',
    async (name, kind) => {
      const client = clientOf(name);
      const shown = await kinds[kind]!(client, ['worker-manager:list-providers']);
      await expect(client.call(shown, 'listProviders', [])).resolves.toBeDefined();
      const refusal = { statusCode: 403, code: 'InsufficientScopes' };
      await expect(client.call(shown, 'listWorkerPools', [])).rejects.toMatchObject(refusal);
      const { status } = await fetch(await client.signedUrl(shown, 'listWorkerPools', []));
      expect(status).toBe(403);
    },
  );

  test.each(Object.keys(clients))('%s reports credentials that do not hold', async (name) => {
    const client = clientOf(name);
    const named = await client.temporary(ALL, 'maker/a');
    const wrong: Record<string, Shown> = {
      'a wrong access token': { credentials: { ...maker, accessToken: 'x' } },
      'an unknown client': { credentials: { ...maker, clientId: 'nobody' } },
      'another name than was signed': { credentials: { ...named, clientId: 'maker/b' } },
      'a name that the issuer may not give': { credentials: await client.temporary(ALL, 'other/name') },
      'scopes that the issuer does not have': { credentials: await client.temporary(['queue:claim-work:x']) },
      'authorizedScopes beyond its own': { credentials: maker, authorizedScopes: ['queue:claim-work:x'] },
    };
    const outcomes = await inTurn(Object.entries(wrong), async ([what, shown]) => {
      const failure = await client.call(shown, 'listProviders', []).then(
        () => null,
        (error: { statusCode?: number }) => error.statusCode,
      );
      return [what, failure, (await fetch(await client.signedUrl(shown, 'listProviders', []))).status];
    });
    expect(outcomes).toEqual(Object.keys(wrong).map((what) => [what, 401, 401]));
  });

  longTest('a signed body is refused when it was changed on its way', async () => {
    const definition = { ...poolDefinition, providerId: 'hand', config: {}, description: 'as it was signed' };
    const changing = await scriptedServer(async (request, response) => {
      const sent = await text(request);
      const { method = '', url = '', headers } = request;
      const answer = await api.app.inject({
        method: method as 'PUT',
        url,
        headers,
        payload: sent.replace('as it was signed', 'as somebody else'),
      });
      response.writeHead(answer.statusCode, { 'content-type': 'application/json' }).end(answer.body);
    });
    const create = (url: string, args: readonly unknown[]) =>
      rust!.call({ kind: 'sync', rootUrl: url, credentials: maker, method: 'createWorkerPool', args });
    const changed = await create(changing.url, [`life/signed-${type}`, definition]);
    const asSent = await create(changing.url, [`life/signed-${type}`, { ...definition, description: 'other' }]);
    await changing.close();
    expect(changed).toMatchObject({ status: 401, failure: expect.stringContaining('payload') });
    expect(asSent).toMatchObject({ value: { description: 'other' } });
  });
});

async function inTurn<T, R>(all: readonly T[], work: (one: T) => Promise<R>): Promise<R[]> {
  const results: R[] = [];
  for (const one of all) results.push(await work(one));
  return results;
}
