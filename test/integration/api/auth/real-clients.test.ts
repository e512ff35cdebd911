import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import taskcluster, { createTemporaryCredentials, type Credentials } from 'taskcluster-client';
import apis from 'taskcluster-client/src/apis.js';
import { HOUR_MS } from '../../../../domain/durations.js';
import { startSimulator, type SimulatorHandle } from '../../../../dev/testing/simulator.js';
import {
  type PythonCall,
  type PythonTaskcluster,
  startPythonTaskcluster,
} from '../../../support/python-taskcluster.js';
import { startTestApi, type TestApi } from '../../../support/api.js';
import { wholeLife } from '../../../support/taskcluster-calls.js';

/**
 * Programs that nobody here wrote, npm's `taskcluster-client` and PyPI's `taskcluster`, with every kind of credentials
 * and in both modes that check them.
 */
const maker = { clientId: 'maker', accessToken: 'access-token-of-the-maker!' };
const ALL = ['worker-manager:*', 'assume:worker-pool:*', 'assume:worker-id:*'];
const scopes = [...ALL, 'auth:create-client:maker/*'];

interface Shown {
  readonly credentials: Credentials;
  readonly authorizedScopes?: readonly string[];
}

/** How a client makes a call: gives what it answers, or throws what it throws. */
interface ClientProgram {
  call(shown: Shown, name: string, args: readonly unknown[]): Promise<unknown>;
  signedUrl(shown: Shown, name: string, args: readonly unknown[]): Promise<string>;
  temporary(scopes: readonly string[], name?: string): Promise<Credentials>;
}

let simulator: SimulatorHandle;
let python: PythonTaskcluster;
beforeAll(async () => {
  [simulator, python] = await Promise.all([startSimulator({ machines: 'off' }), startPythonTaskcluster()]);
  await simulator.setAuthClient(maker.clientId, { accessToken: maker.accessToken, scopes });
});
afterAll(async () => {
  python?.stop();
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

  const node: ClientProgram = {
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

  const pythonProgram = (kind: PythonCall['kind']): ClientProgram => {
    const run = async (how: PythonCall['kind'], shown: Shown, method: string, args: readonly unknown[]) => {
      const answer = await python.call({ kind: how, rootUrl, ...shown, method, args });
      if (answer.failure === undefined) return answer.value;
      throw Object.assign(new Error(answer.failure), { statusCode: answer.status, code: answer.code });
    };
    return {
      call: (...call) => run(kind, ...call),
      signedUrl: async (...call) => (await run('signed', ...call)) as string,
      temporary: (wanted, name) => python.temporary(maker, wanted, name),
    };
  };
  const programs: Record<string, ClientProgram> = {
    'npm’s client': node,
    'PyPI’s client': pythonProgram('sync'),
    'PyPI’s asynchronous client': pythonProgram('async'),
  };

  const kinds: Record<string, (program: ClientProgram, granted: readonly string[]) => Promise<Shown>> = {
    permanent: async () => ({ credentials: maker }),
    temporary: async (program, granted) => ({ credentials: await program.temporary(granted) }),
    'named temporary': async (program, granted) => ({
      credentials: await program.temporary(granted, 'maker/of/names'),
    }),
    restricted: async (_, granted) => ({ credentials: maker, authorizedScopes: granted }),
  };
  const cases = Object.keys(programs).flatMap((program) => Object.keys(kinds).map((kind) => [program, kind] as const));
  const programOf = (name: string) => programs[name]!;

  test.each(cases)('%s makes every call with %s credentials, and reads by signed URLs', async (name, kind) => {
    const program = programOf(name);
    const shown = await kinds[kind]!(program, ALL);
    const answers: Record<string, unknown> = {};
    const statuses: Record<string, number> = {};
    for (const step of wholeLife(`life/of-${(pools += 1)}`)) {
      const args = step.args(answers);
      answers[step.name] = (await program.call(shown, step.name, args)) ?? null;
      if (step.isGet) statuses[step.name] = (await fetch(await program.signedUrl(shown, step.name, args))).status;
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
      const program = programOf(name);
      const shown = await kinds[kind]!(program, ['worker-manager:list-providers']);
      await expect(program.call(shown, 'listProviders', [])).resolves.toBeDefined();
      const refusal = { statusCode: 403, code: 'InsufficientScopes' };
      await expect(program.call(shown, 'listWorkerPools', [])).rejects.toMatchObject(refusal);
      const { status } = await fetch(await program.signedUrl(shown, 'listWorkerPools', []));
      expect(status).toBe(403);
    },
  );

  test.each(Object.keys(programs))('%s reports credentials that do not hold', async (name) => {
    const program = programOf(name);
    const named = await program.temporary(ALL, 'maker/a');
    const wrong: Record<string, Shown> = {
      'a wrong access token': { credentials: { ...maker, accessToken: 'x' } },
      'an unknown client': { credentials: { ...maker, clientId: 'nobody' } },
      'another name than was signed': { credentials: { ...named, clientId: 'maker/b' } },
      'a name that the issuer may not give': { credentials: await program.temporary(ALL, 'other/name') },
      'scopes that the issuer does not have': { credentials: await program.temporary(['queue:claim-work:x']) },
      'authorizedScopes beyond its own': { credentials: maker, authorizedScopes: ['queue:claim-work:x'] },
    };
    const outcomes = await inTurn(Object.entries(wrong), async ([what, shown]) => {
      const failure = await program.call(shown, 'listProviders', []).then(
        () => null,
        (error: { statusCode?: number }) => error.statusCode,
      );
      return [what, failure, (await fetch(await program.signedUrl(shown, 'listProviders', []))).status];
    });
    expect(outcomes).toEqual(Object.keys(wrong).map((what) => [what, 401, 401]));
  });
});

async function inTurn<T, R>(all: readonly T[], work: (one: T) => Promise<R>): Promise<R[]> {
  const results: R[] = [];
  for (const one of all) results.push(await work(one));
  return results;
}
