import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { createClient, type ApiEntry } from 'taskcluster-client';
import apis from 'taskcluster-client/src/apis.js';
import { errorCatalogue, type ErrorCode } from '../../../domain/error-catalogue.js';
import { launchMachines, poolDefinition, startTestApi, type TestApi } from '../../support/api.js';
import { realProviders } from '../../support/real-providers.js';

interface Schema {
  readonly type?: string;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly items?: Schema;
  readonly anyOf?: readonly Schema[];
  readonly enum?: readonly unknown[];
  readonly additionalProperties?: boolean | Schema;
}

let api: TestApi;
let entries: ApiEntry[];
beforeAll(async () => {
  api = await startTestApi();
  entries = (await get('/references/worker-manager/v1/api.json')).entries as ApiEntry[];
});
afterAll(() => api.close());

/** `path` is below the root URL. */
const get = async (path: string) => (await api.call('GET', `/${path}`)).body as Record<string, unknown>;
const HEADERS_OF: Readonly<Record<string, readonly string[]>> = {
  401: ['WWW-Authenticate'],
  405: ['Allow'],
  503: ['Retry-After'],
};
const entryOf = (name: string) => entries.find((entry) => entry.name === name);
const theirs = apis.WorkerManager.reference.entries;
const page = readFileSync('docs/taskcluster-compatibility.md', 'utf8').replaceAll(/\s+/g, ' ');

/** Operations that Taskcluster’s client does not know. The first is one of a later version of Taskcluster. */
const ADDED = [
  ...['shouldWorkerTerminate', 'listWorkerPoolDecisions'],
  ...['holdWorkerPool', 'releaseWorkerPool', 'holdAll', 'releaseAll', 'listHolds', 'getEntityHistory'],
  ...['sweepOrphans', 'orphanSweep', 'listOrphans', 'listAuditHistory'],
  ...['workerPoolOverview', 'reconcileWorkerPool', 'openSession', 'closeSession', 'whoami'],
  ...['explainWorkerPool', 'explainTaskQueue', 'explainWorker', 'workerHistory', 'workerPoolLaunchConfigHistory'],
  ...['dryRunWorkerPool', 'deploymentUsage', 'endLaunchConfigBackoff'],
  ...['workerPoolChart', 'deploymentChart', 'deploymentSettings'],
];

/** They need no scope, and read credentials all the same. */
const ABOUT_CALLERS = ['openSession', 'closeSession', 'whoami'];

describe('the reference', () => {
  test.each(theirs.map(({ name }) => name))('the reference describes %s as Taskcluster’s does', (name) => {
    const { method, route, args, query, category, stability, scopes, input, output } = theirs.find(
      (entry) => entry.name === name,
    )!;
    expect(entryOf(name)).toMatchObject({ method, route, args, category, stability });
    expect([...entryOf(name)!.query].sort()).toEqual([...query].sort());
    const { scopes: ours, input: body, output: answer } = entryOf(name)!;
    expect({ scopes: ours, input: body, output: answer }).toEqual({ scopes, input, output });
  });

  test('the reference has no operation but Taskcluster’s and those that the compatibility page adds', () => {
    const known = new Set([...theirs.map(({ name }) => name), ...ADDED]);
    expect(entries.map(({ name }) => name).filter((name) => !known.has(name))).toEqual([]);
    for (const name of ADDED) expect(page).toContain(`\`${name}\``);
  });

  test('the reference makes a client that calls the API', async () => {
    const WorkerManager = createClient({ entries, ...(await get('/references/worker-manager/v1/api.json')) }, 'Ours');
    const rootUrl = await api.app.listen({ host: '127.0.0.1', port: 0 });
    const client = new WorkerManager({ rootUrl, retries: 0 });
    await client['createWorkerPool']!('prov/reference', poolDefinition);
    await launchMachines(api, 'prov/reference', ['i-1']);
    const verdict = await client['shouldWorkerTerminate']!('prov/reference', 'here', 'i-1');
    expect(verdict).toEqual({ terminate: false, reason: 'none' });
  });

  test('the manifest names the reference, and the reference names schemas that are there', async () => {
    expect((await get('/references/manifest.json'))['references']).toEqual(['/references/worker-manager/v1/api.json']);
    const names = entries.flatMap(({ input, output }) => [input ?? [], output ?? []].flat());
    for (const name of names) {
      const path = `/schemas/worker-manager/${name.replace(/#$/, '')}`;
      expect(await get(path)).toMatchObject({ $id: `${path}#`, type: 'object' });
    }
    expect((await get('/schemas/worker-manager/v1/none.json'))['code']).toBe('ResourceNotFound');
  });
});

const COUNTERS = ['requested', 'running', 'stopping', 'stopped'].flatMap((state) => [
  `${state}Count`,
  `${state}Capacity`,
]);
const DEFINITION = 'providerId description config owner emailOnError';
const POOL = `workerPoolId ${DEFINITION} created lastModified currentCapacity ${COUNTERS.join(' ')}`;
const ERROR = 'workerPoolId errorId reported kind title description extra launchConfigId?';
const WORKER =
  'workerPoolId workerGroup workerId providerId created expires state capacity launchConfigId? lastModified lastChecked';
const QUEUE_WORKER =
  'workerPoolId workerGroup workerId firstClaim lastDateActive? quarantineUntil? state capacity providerId launchConfigId?';
const CREDENTIALS = 'expires credentials credentials.clientId credentials.accessToken credentials.certificate secret';
const ofEach = (list: string, members: string) =>
  `${list} ${members.replaceAll(/\S+/g, (member) => `${list}[].${member}`)} continuationToken?`;
const TOTALS = ['total', 'daily', 'hourly', 'title', 'code', 'workerPool', 'launchConfig'];

/**
 * Every property of Taskcluster’s bodies; `?` is one that may be missing. Inside `config`, `extra` and such it is
 * anything.
 */
const BODIES: Readonly<Record<string, string>> = {
  'create-worker-pool-request': DEFINITION,
  'update-worker-pool-request': `${DEFINITION} workerPoolId? created? lastModified?`,
  'worker-pool-full': POOL,
  'worker-pool-list': ofEach('workerPools', POOL),
  'worker-pool-list-stats': ofEach('workerPoolsStats', `workerPoolId currentCapacity ${COUNTERS.join(' ')}`),
  'worker-pool-stats': ofEach(
    'launchConfigStats',
    `workerPoolId launchConfigId currentCapacity ${COUNTERS.join(' ')}`,
  ).replace(' continuationToken?', ''),
  'worker-pool-launch-config-list': ofEach(
    'workerPoolLaunchConfigs',
    'launchConfigId workerPoolId isArchived configuration created lastModified',
  ),
  'worker-pool-error': ERROR,
  'worker-pool-error-list': ofEach('workerPoolErrors', ERROR),
  'worker-pool-error-stats': `workerPoolId totals ${TOTALS.map((each) => `totals.${each}`).join(' ')}`,
  'report-worker-error-request': 'workerGroup workerId kind title description extra',
  'worker-full': WORKER,
  'worker-list': ofEach('workers', WORKER),
  'create-worker-request': 'expires capacity? providerInfo? providerInfo?.staticSecret?',
  'register-worker-request':
    'workerPoolId providerId workerGroup workerId workerIdentityProof systemBootTime? workerIdentityProof.token? ' +
    'workerIdentityProof.staticSecret? workerIdentityProof.document? workerIdentityProof.signature?',
  'register-worker-response': `${CREDENTIALS} workerConfig`,
  'reregister-worker-request': 'workerPoolId workerGroup workerId secret',
  'reregister-worker-response': CREDENTIALS,
  'should-worker-terminate-response': 'terminate reason',
  'provider-list': ofEach('providers', 'providerId providerType'),
  'list-workers-response': ofEach('workers', `${QUEUE_WORKER} latestTask? latestTask?.taskId latestTask?.runId`),
  'worker-response':
    `provisionerId workerType ${QUEUE_WORKER} expires recentTasks recentTasks[].taskId recentTasks[].runId ` +
    'quarantineDetails ' +
    ['clientId', 'quarantineUntil', 'updatedAt', 'quarantineInfo']
      .map((each) => `quarantineDetails[].${each}`)
      .join(' '),
};

/** Where ours differ, and what the compatibility page says of it. */
const DIFFERENCES: Readonly<Record<string, readonly [theirs: string, ours: string, line: string]>> = {
  'create-worker-request': ['providerInfo?.staticSecret?', 'providerInfo?.staticSecret', 'must have the form of one'],
  'provider-list': [
    '',
    `providers[].health ${['message', 'since', 'state'].map((each) => `providers[].health.${each}`).join(' ')}`,
    '`listProviders` gives the `health` of each provider too',
  ],
  'list-workers-response': ['workers[].firstClaim', 'workers[].firstClaim?', '`firstClaim` and `expires` too'],
  'worker-response': ['expires firstClaim', 'expires? firstClaim?', '`firstClaim` and `expires` too'],
};

const propertiesOf = (schema: Schema, path = ''): string[] =>
  Object.entries(schema.properties ?? {}).flatMap(([name, property]) => {
    const own = `${path}${name}${schema.required?.includes(name) ? '' : '?'}`;
    const branches = (property.anyOf ?? []).flatMap((branch) => propertiesOf({ ...branch, required: [] }, `${own}.`));
    return [own, ...propertiesOf(property, `${own}.`), ...propertiesOf(property.items ?? {}, `${own}[].`), ...branches];
  });

const sorted = (properties: readonly string[]) => [...new Set(properties)].sort();

describe('the schemas', () => {
  test.each(Object.entries(BODIES))(
    'the schema %s has Taskcluster’s properties, or a listed difference',
    async (name, list) => {
      const schema = (await get(`/schemas/worker-manager/v1/${name}.json`)) as Schema;
      const [missing = '', instead = '', line = ''] = DIFFERENCES[name] ?? [];
      const expected = list.split(' ').filter((property) => !missing.split(' ').includes(property));
      expect(sorted(propertiesOf(schema))).toEqual(sorted([...expected, ...instead.split(' ').filter(Boolean)]));
      expect(page).toContain(line);
      expect(schema.additionalProperties).toBe(false);
    },
  );

  test('the schemas of the table are all that the reference names, beside those of added operations', () => {
    const names = entries
      .filter(({ name }) => !ADDED.includes(name) || name === 'shouldWorkerTerminate')
      .flatMap(({ input, output }) => [input ?? [], output ?? []].flat())
      .map((name) => name.replace(/^v1\/|\.json#$/g, ''));
    expect(sorted(names)).toEqual(Object.keys(BODIES).sort());
  });
});

describe('the description for OpenAPI', () => {
  interface Described {
    readonly operationId: string;
    readonly security?: readonly object[];
    readonly parameters?: readonly { readonly name: string }[];
    readonly requestBody?: Media;
    readonly responses: Readonly<Record<string, Media & { readonly headers?: object }>>;
  }
  interface Media {
    readonly content: { readonly 'application/json': { readonly schema: Schema; readonly example?: object } };
  }
  const described = async (): Promise<Described[]> => {
    const { paths } = (await get('/openapi.json')) as { paths: Record<string, Record<string, Described>> };
    return Object.values(paths).flatMap((path) => Object.values(path));
  };

  test('the description for OpenAPI has the operations of the reference, with security and errors', async () => {
    const operations = await described();
    expect(sorted(operations.map(({ operationId }) => operationId))).toEqual(sorted(entries.map(({ name }) => name)));
    for (const { operationId, security, parameters, responses } of operations) {
      const entry = entryOf(operationId)!;
      const isPublic = !('scopes' in entry) && !ABOUT_CALLERS.includes(operationId);
      const bewit = entry.method === 'get' ? [{ bewit: [] }] : [];
      const any = [{ hawk: [] }, { bearer: [] }, ...bewit, {}];
      expect([operationId, security]).toEqual([operationId, isPublic ? [] : any]);
      expect(Object.keys(responses)).toEqual(expect.arrayContaining(['200', '400', '403', '405', '500', '503']));
      expect([operationId, '401' in responses]).toEqual([operationId, !isPublic]);
      expect((parameters ?? []).map(({ name }) => name)).toEqual(expect.arrayContaining(entry.query));
      expect((parameters ?? []).some(({ name }) => name === 'bewit')).toBe(false);
    }
  });

  test('the description for OpenAPI names the codes and the headers of each error’s status, and no other', async () => {
    for (const { operationId, responses } of await described()) {
      for (const [status, { content, headers }] of Object.entries(responses)) {
        // A heartbeat that fails names what has failed.
        if (status === '200' || (operationId === 'heartbeat' && status === '503')) continue;
        const { anyOf, enum: only } = content['application/json'].schema.properties!['code']!;
        const codes = (anyOf?.flatMap((each) => each.enum ?? []) ?? only ?? []) as ErrorCode[];
        expect(codes.map((code) => errorCatalogue[code].status)).toEqual(codes.map(() => Number(status)));
        expect(codes.length).toBeGreaterThan(0);
        expect(Object.keys(headers ?? {})).toEqual(HEADERS_OF[status] ?? []);
      }
    }
  });

  test('the description for OpenAPI has examples that the API accepts', async () => {
    const real = await startTestApi({}, { providers: await realProviders() });
    const exampleOf = async (name: string) =>
      (await described()).find(({ operationId }) => operationId === name)?.requestBody?.content['application/json']
        .example;
    const pool = '/worker-pool/proj-ci%2Flinux';
    for (const [name, method, path] of [
      ['createWorkerPool', 'PUT', pool],
      ['updateWorkerPool', 'POST', pool],
      ['reportWorkerError', 'POST', '/worker-pool-errors/proj-ci%2Flinux'],
    ] as const) {
      const { status, body } = await real.call(method, path, await exampleOf(name));
      expect([name, status, body.message]).toEqual([name, 200, undefined]);
    }
    await real.close();
  });
});

describe('methods', () => {
  test.each(['POST', 'PATCH', 'DELETE', 'PUT', 'QUERY', 'TRACE'])(
    'the method %s of a path that has only others is answered with those',
    async (method) => {
      const { status, headers, body } = await api.call(method, '/worker-pools');
      expect([status, body.code, headers['allow']]).toEqual([405, 'MethodNotAllowed', 'GET, HEAD, OPTIONS']);
    },
  );

  test('every path answers each method that it does not have with 405', async () => {
    const { paths } = (await get('/openapi.json')) as { paths: Record<string, object> };
    const answers = [];
    for (const [path, operations] of Object.entries(paths)) {
      for (const method of ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'QUERY', 'TRACE']) {
        if (method.toLowerCase() in operations) continue;
        const url = path.replaceAll(/\{\w+Id\}/g, 'a%2Fb').replaceAll(/\{\w+\}/g, 'c');
        const { statusCode } = await api.app.inject({ method: method as 'GET', url });
        if (statusCode !== 405) answers.push(`${method} ${path}: ${statusCode}`);
      }
    }
    expect(answers).toEqual([]);
  });

  test.each(['GET', 'POST', 'QUERY', 'TRACE'])(
    'the method %s of a path that there is not finds nothing',
    async (method) => {
      expect(await api.call(method, '/no-such-call')).toMatchObject({
        status: 404,
        body: { code: 'ResourceNotFound' },
      });
    },
  );

  test('the method GET of a path that begins a registration is not allowed', async () => {
    expect(await api.call('GET', '/worker/register')).toMatchObject({
      status: 405,
      headers: { allow: 'POST, OPTIONS' },
    });
  });
});
