import { generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { ComputeCalls } from '../../../../providers/google/calls.js';
import type { GoogleProviderConfig } from '../../../../providers/google/config.js';
import { computeTypes, usedMethods } from '../../../../providers/google/descriptor.js';
import { eventually } from '../../../../dev/testing/eventually.js';
import { recordedContext } from '../../../support/provider-context.js';
import { ScriptedGoogle } from '../../../support/scripted-google.js';
import { type ScriptedServer, scriptedServer } from '../../../support/scripted-server.js';

let google: ScriptedGoogle;
beforeAll(async () => {
  google = await ScriptedGoogle.start();
});
afterAll(() => google.stop());
beforeEach(() => {
  google.requests.length = 0;
  google.say = () => ({ body: {} });
});

const config = (changes: Partial<GoogleProviderConfig> = {}): GoogleProviderConfig => ({
  providerType: 'google',
  project: 'p',
  workerServiceAccountId: '1',
  endpoint: google.url,
  jwksUrl: null,
  draining: false,
  ...changes,
});
const context = recordedContext();
const calls = () => new ComputeCalls(config(), context);

const zone = 'us-central1-a';
const get = { service: 'instances', method: 'get', callClass: 'read', zone, request: { instance: '7' } } as const;
const insert = {
  service: 'instances',
  method: 'bulkInsert',
  callClass: 'create',
  zone,
  request: {
    requestId: 'r',
    bulkInsertInstanceResourceResource: { count: '2', instanceProperties: { machineType: 't' } },
  },
} as const;

const sent = [
  [insert, 'POST', '/instances/bulkInsert'],
  [get, 'GET', '/instances/7'],
  [{ ...get, method: 'list', request: { filter: 'f' } }, 'GET', '/instances'],
  [{ ...get, method: 'delete', callClass: 'delete' }, 'DELETE', '/instances/7'],
  [{ ...get, service: 'zoneOperations', request: { operation: 'o' } }, 'GET', '/operations/o'],
  [{ ...get, service: 'zoneOperations', method: 'list', request: {} }, 'GET', '/operations'],
] as const;

describe('the SDK', () => {
  test.each(sent)('the SDK sends %j as the API has it', async (call, method, path) => {
    await calls().call(call);
    expect(google.requests).toMatchObject([{ method, path: `/compute/v1/projects/p/zones/${zone}${path}` }]);
    expect(google.requests[0]!.headers.authorization).toBeUndefined();
  });

  test('the SDK sends a list of all zones as the API has it', async () => {
    await calls().call({ ...get, method: 'aggregatedList', zone: null, request: { maxResults: 1 } });
    expect(google.requests).toMatchObject([{ method: 'GET', path: '/compute/v1/projects/p/aggregated/instances' }]);
  });

  test('the SDK carries a body and its parameters, and gives ids as they are', async () => {
    google.say = () => ({ body: { name: 'operation-1', status: 'PENDING', targetId: '9007199254740993123' } });
    const operation = await calls().call(insert);
    expect(operation).toMatchObject({ name: 'operation-1', status: 'PENDING', targetId: '9007199254740993123' });
    const [{ query, body }] = google.requests as [(typeof google.requests)[number]];
    expect(query.get('requestId')).toBe('r');
    expect(body).toMatchObject({ count: '2', instanceProperties: { machineType: 't' } });
  });

  test('the SDK gives the whole page of a list, its warning too', async () => {
    const page = {
      kind: 'compute#instanceList',
      items: [{ id: '1' }],
      nextPageToken: 'n',
      warning: { code: 'UNREACHABLE' },
    };
    google.say = () => ({ body: page });
    const list = { ...get, method: 'list', request: { maxResults: 500 }, fields: 'items(id)' };
    expect(await calls().call(list)).toMatchObject({ ...page, items: [{ id: '1' }] });
    expect(google.requests[0]!.headers['x-goog-fieldmask']).toBe('items(id)');
  });

  test('the SDK sends each request once, whatever the answer', async () => {
    google.say = () => ScriptedGoogle.refusal(503, 'backendError');
    for (const [call] of sent) {
      google.requests.length = 0;
      await expect(calls().call(call)).rejects.toMatchObject({ code: 'Unavailable' });
      expect(google.requests).toHaveLength(1);
    }
  });

  test('the SDK is loaded by two files alone, and at their first need', () => {
    const naming = readdirSync('providers', { recursive: true, encoding: 'utf8' }).filter((file) => {
      const source = file.endsWith('.ts') ? readFileSync(join('providers', file), 'utf8') : '';
      expect(source).not.toMatch(/^import .*'(@google-cloud\/|google-gax')/m);
      return /'(@google-cloud\/[^']*|google-gax)'/.test(source);
    });
    expect(naming.toSorted()).toEqual(['google/descriptor.ts', 'google/sdk.ts']);
  });

  test('the SDK describes no more than is used, and all of that', () => {
    const types = computeTypes();
    expect(Object.keys(types).length).toBeLessThan(200);
    for (const [service, names] of Object.entries(usedMethods)) {
      const { methods = {} } = types[service]!;
      expect(Object.keys(methods)).toEqual(names);
      for (const { requestType, responseType } of Object.values(methods)) {
        expect(types[requestType]?.fields).toBeDefined();
        expect(types[responseType]?.fields).toBeDefined();
      }
    }
    expect(types.InstanceProperties?.fields).toMatchObject({ machineType: { type: 'string' } });
  });
});

describe('a call', () => {
  test('a call takes its place by region, and reports its outcome', async () => {
    const before = [context.acquired.length, context.outcomes.length];
    await calls().call(get);
    expect(context.acquired.slice(before[0])).toMatchObject([
      { operation: 'instances.get', callClass: 'read', region: 'us-central1' },
    ]);
    expect(context.outcomes.slice(before[1])).toMatchObject([{ operation: 'instances.get', result: 'ok' }]);
  });

  test('a call that is refused for its rate makes every caller wait for the next minute', async () => {
    google.say = () => ScriptedGoogle.refusal(403, 'rateLimitExceeded');
    await expect(calls().call(insert)).rejects.toMatchObject({ code: 'Throttled' });
    const { retryAfterMs, remaining } = context.quotaUpdates.at(-1)!;
    expect(remaining).toBeNull();
    expect(retryAfterMs).toBeGreaterThan(0);
    expect(retryAfterMs).toBeLessThanOrEqual(64_000);
  });

  test('a call that is refused for the rate of one resource makes nobody else wait', async () => {
    const message = "Operation rate exceeded for resource 'projects/p/global/images/i'. Too frequent operations.";
    google.say = () => ScriptedGoogle.refusal(403, 'rateLimitExceeded', message);
    const before = context.quotaUpdates.length;
    await expect(calls().call(insert)).rejects.toMatchObject({ code: 'Throttled', retryAfterMs: 10_000 });
    expect(context.quotaUpdates).toHaveLength(before);
  });

  test('a call that is refused with details tells concurrency from rate', async () => {
    const details = [
      {
        '@type': 'type.googleapis.com/google.rpc.ErrorInfo',
        reason: 'CONCURRENT_OPERATIONS_QUOTA_EXCEEDED',
        domain: 'd',
      },
    ];
    google.say = () => ScriptedGoogle.refusal(403, 'rateLimitExceeded', 'too many', details);
    await expect(calls().call(insert)).rejects.toMatchObject({ code: 'Throttled', retryAfterMs: 10_000 });
  });

  test('a call that is refused with details does not have the SDK parse its whole description anew', async () => {
    const details = [{ '@type': 'type.googleapis.com/google.rpc.ErrorInfo', reason: 'R', domain: 'd' }];
    google.say = () => ScriptedGoogle.refusal(403, 'rateLimitExceeded', 'too many', details);
    const load = createRequire(import.meta.url);
    const { protobuf, googleAuthLibrary } = load('google-gax') as {
      protobuf: { Root: { fromJSON(json: object): object } };
      googleAuthLibrary: { PassThroughClient: new () => object };
    };
    const opened = calls();
    await expect(opened.call(insert)).rejects.toMatchObject({ code: 'Throttled' });
    // The few types of errors are parsed at each; they are small.
    const parsedWhole = (parsed: readonly (readonly [object])[]) =>
      parsed.some(([json]) => json === load('@google-cloud/compute/build/protos/protos.json'));
    const parsing = jest.spyOn(protobuf.Root, 'fromJSON');
    await expect(opened.call(insert)).rejects.toMatchObject({ code: 'Throttled' });
    expect(parsedWhole(parsing.mock.calls)).toBe(false);

    // The SDK's public method does: that is what the product keeps away from.
    const { InstancesClient } = load('@google-cloud/compute/build/src/v1/instances_client.js') as {
      InstancesClient: new (options: object) => { get(request: object): Promise<unknown> };
    };
    const { hostname: apiEndpoint, port } = new URL(google.url);
    const authClient = new googleAuthLibrary.PassThroughClient();
    const client = new InstancesClient({
      fallback: true,
      apiEndpoint,
      port: Number(port),
      protocol: 'http',
      authClient,
    });
    await expect(client.get({ project: 'p', zone, instance: '7' })).rejects.toThrow('too many');
    expect(parsedWhole(parsing.mock.calls)).toBe(true);
    parsing.mockRestore();
  });

  test('a call keeps the request out of its error', async () => {
    google.say = () => ScriptedGoogle.refusal(400, 'invalid');
    const secret = {
      ...insert,
      request: { bulkInsertInstanceResourceResource: { instanceProperties: { description: 'SECRET' } } },
    };
    const error = await calls()
      .call(secret)
      .catch((thrown: unknown) => thrown);
    expect(JSON.stringify(error, [...Object.getOwnPropertyNames(error), 'cause'])).not.toMatch(/SECRET/);
    expect((error as Error).cause).toBeUndefined();
  });

  test('a call without a network ends in doubt, and one without an answer too', async () => {
    const nowhere = new ComputeCalls(config({ endpoint: 'http://127.0.0.1:1' }), context);
    await expect(nowhere.call(get)).rejects.toMatchObject({ code: 'Unavailable' });
    google.say = () => ({ body: '<html>not Google’s</html>' });
    await expect(calls().call(get)).rejects.toMatchObject({ code: 'Unavailable' });
  });

  test('a call with malformed credentials is rejected before it is sent, again and again, and ends no process', async () => {
    const unhandled: unknown[] = [];
    const note = (error: unknown) => void unhandled.push(error);
    process.on('unhandledRejection', note);
    const creds = { type: 'service_account', client_email: 'a@b.c', private_key: 'not a key' };
    const broken = new ComputeCalls(config({ endpoint: 'https://127.0.0.1:1', creds }), context);
    await expect(broken.call(insert)).rejects.toMatchObject({ code: 'PermissionDenied' });
    await expect(broken.call(insert)).rejects.toMatchObject({ code: 'PermissionDenied' });
    process.off('unhandledRejection', note);
    expect(unhandled).toEqual([]);
    expect(google.requests).toEqual([]);
  });

  test('a call is not sent while the token address cannot be reached, and may be repeated', async () => {
    const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2_048 });
    const creds = {
      type: 'authorized_user',
      client_id: 'a',
      client_secret: 'b',
      refresh_token: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    };
    const offline = new ComputeCalls(config({ endpoint: 'https://127.0.0.1:1', creds }), context);
    await expect(offline.call(insert)).rejects.toMatchObject({ code: 'GivenUp' });
  });

  test('a call is not sent while the token address says nothing, may be repeated, and then asks for a token anew', async () => {
    const tokens = await tokenServer(() => false);
    const silent = new ComputeCalls(unreachable({ creds: externalAccount(tokens.server.url) }), context, 50);
    for (const requested of [1, 2]) {
      await expect(silent.call(insert)).rejects.toMatchObject({
        code: 'GivenUp',
        message: 'No credentials for Google: no answer within 0.05 s',
      });
      await eventually(() => tokens.requested() === requested);
    }
    await tokens.server.close();
  });

  test('a call with credentials of another identity provider gets a token for them, and no word on the console', async () => {
    const warn = jest.spyOn(console, 'warn');
    const tokens = await tokenServer(() => true);
    const external = new ComputeCalls(unreachable({ creds: externalAccount(tokens.server.url) }), context);
    await expect(external.call(get)).rejects.toMatchObject({ code: 'Unavailable' });
    expect(tokens.requested()).toBe(1);
    expect(warn).not.toHaveBeenCalled();
    warn.mockRestore();
    await tokens.server.close();
  });

  test('a call takes credentials of the environment without searching for a project', async () => {
    const tokens = await tokenServer(() => true);
    const directory = mkdtempSync(join(tmpdir(), 'google-credentials-'));
    const path = join(directory, 'credentials.json');
    writeFileSync(path, JSON.stringify(externalAccount(tokens.server.url)));
    const before = process.env['GOOGLE_APPLICATION_CREDENTIALS'];
    process.env['GOOGLE_APPLICATION_CREDENTIALS'] = path;
    try {
      await expect(new ComputeCalls(unreachable(), context).call(get)).rejects.toMatchObject({ code: 'Unavailable' });
      expect(tokens.requested()).toBe(1);
    } finally {
      if (before === undefined) delete process.env['GOOGLE_APPLICATION_CREDENTIALS'];
      else process.env['GOOGLE_APPLICATION_CREDENTIALS'] = before;
      rmSync(directory, { recursive: true });
      await tokens.server.close();
    }
  });
});

/** With credentials, and nobody there. */
const unreachable = (changes: Partial<GoogleProviderConfig> = {}) =>
  config({ endpoint: 'https://127.0.0.1:1', ...changes });

/** Tokens of another identity provider, exchanged at this address; any file is one. */
const externalAccount = (url: string) => ({
  type: 'external_account',
  audience: '//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/pool/providers/any',
  subject_token_type: 'urn:ietf:params:oauth:token-type:jwt',
  token_url: `${url}/v1/token`,
  credential_source: { file: fileURLToPath(import.meta.url) },
});

/** While it does not answer, requests stay open. */
async function tokenServer(answers: () => boolean): Promise<{ server: ScriptedServer; requested: () => number }> {
  let requested = 0;
  const server = await scriptedServer((_request, response) => {
    requested += 1;
    if (!answers()) return;
    const token = { access_token: 'token', issued_token_type: 't', token_type: 'Bearer', expires_in: 3_600 };
    response.writeHead(200, { 'content-type': 'application/json' });
    response.end(JSON.stringify(token));
  });
  return { server, requested: () => requested };
}
