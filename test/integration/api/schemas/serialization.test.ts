import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { API, launchMachines, poolDefinition, startTestApi, type TestApi } from '../../../support/api.js';

let api: TestApi;
beforeAll(async () => {
  api = await startTestApi();
  await api.call('PUT', '/worker-pool/prov%2Ftype', poolDefinition);
  await launchMachines(api, 'prov/type', ['i-1']);
});
afterAll(() => api.close());

const get = (url: string) => api.call('GET', url);

describe('paths', () => {
  test.each([
    '/worker-pool/prov%2Ftype',
    '/worker-pool/prov%2ftype',
    '/worker-pool/prov/type',
    '/worker-pool/prov%2Ftype/stats',
    '/worker-pool/prov%2Ftype/launch-configs',
    '/worker-pool/prov%2Ftype/decisions',
    '/worker-pool-errors/prov/type',
    '/worker-pool-errors/prov%2Ftype?launchConfigId=with_underscore',
    '/workers/prov/type',
    '/workers/prov%2Ftype?state=requested&launchConfigId=with_underscore',
    '/workers/prov%2Ftype?state=standalone',
    '/workers/prov%2Ftype/here',
    '/workers/prov%2Ftype:/here',
    '/workers/prov%2Ftype/here/i-1',
    '/workers/prov%2Ftype:/here/i-1',
  ])('the path %s is found', async (url) => {
    expect((await get(url)).status).toBe(200);
  });

  test.each([
    ['/worker-pool/UPPER%2FUPPER', 'InvalidRequestArguments'],
    ['/worker-pool/nothing', 'InvalidRequestArguments'],
    ['/workers/prov%2Ftype/gr.oup/i-1', 'InvalidRequestArguments'],
    [`/workers/prov%2Ftype/${'g'.repeat(39)}/i-1`, 'InvalidRequestArguments'],
    ['/worker-pools?unknown=1', 'InvalidRequestArguments'],
    ['/workers/prov%2Ftype?state=dead', 'InvalidRequestArguments'],
    ['/worker-pool/%', 'InvalidRequestArguments'],
    ['/audit/%00/prov%2Ftype', 'InvalidRequestArguments'],
    ['/audit/worker_pool/%00', 'InvalidRequestArguments'],
    ['/worker-pool-errors/prov%2Ftype?launchConfigId=%00', 'InvalidRequestArguments'],
    ['/worker-pools?bewit=wrong', 'AuthenticationFailed'],
    ['/workers/prov%2Ftype/here/i-2', 'ResourceNotFound'],
    ['/workers/prov%2Fnone', 'ResourceNotFound'],
    ['/worker-pool/prov%2Fnone', 'ResourceNotFound'],
    ['/worker-pool/prov%2Fnone/stats', 'ResourceNotFound'],
    ['/worker-pool/prov%2Fnone/launch-configs', 'ResourceNotFound'],
    ['/worker-pool/prov%2Fnone/decisions', 'ResourceNotFound'],
    ['/nothing/here', 'ResourceNotFound'],
  ])('the path %s is %s', async (url, code) => {
    expect((await get(url)).body.code).toBe(code);
  });

  test('a pool called stats is a pool', async () => {
    await api.call('PUT', '/worker-pool/prov/stats', poolDefinition);
    expect((await get('/worker-pool/prov/stats')).body.workerPoolId).toBe('prov/stats');
  });
});

describe('answers', () => {
  test('an answer is JSON, uncacheable, and readable from other origins', async () => {
    const { headers } = await get('/ping');
    expect(headers).toMatchObject({
      'content-type': 'application/json; charset=utf-8',
      'cache-control': 'no-store no-cache must-revalidate',
      'access-control-allow-origin': '*',
    });
  });

  test('an answer with an error says which call failed, with what, and when', async () => {
    const { body } = await api.call('PUT', '/worker-pool/prov%2Ferr', { description: 'only' });
    expect(Object.keys(body).sort()).toEqual(['code', 'message', 'requestInfo']);
    expect(body.requestInfo).toEqual({
      method: 'createWorkerPool',
      params: { workerPoolId: 'prov/err' },
      payload: { description: 'only' },
      time: new Date(api.clock.ms).toISOString(),
    });
    expect(body.message).toMatch(/\n---\n\n\* method: +createWorkerPool\n\* errorCode: +InputValidationError\n/);
  });

  test('a worker has Taskcluster’s properties and no other', async () => {
    const { body } = await get('/workers/prov%2Ftype/here/i-1');
    expect(Object.keys(body).sort()).toEqual(
      ['workerPoolId', 'workerGroup', 'workerId', 'providerId', 'created', 'expires', 'state', 'capacity']
        .concat(['launchConfigId', 'lastModified', 'lastChecked'])
        .sort(),
    );
  });
});

describe('bodies', () => {
  const send = (payload: string, type = 'application/json', url = '/worker-pool/prov%2Fbody') =>
    api.app.inject({
      method: 'PUT',
      url: `${API}${url}`,
      headers: { host: 'localhost', 'content-type': type },
      payload,
    });

  test.each<[string, string, string, string, number]>([
    ['no JSON', '{', 'application/json', 'MalformedPayload', 400],
    ['another type', '{}', 'text/plain', 'MalformedPayload', 400],
    ['nothing', '', 'application/json', 'InputValidationError', 400],
    ['null', 'null', 'application/json', 'InputValidationError', 400],
    ['a NUL character', '{"description":"\\u0000"}', 'application/json', 'MalformedPayload', 400],
    ['half a surrogate pair', '{"description":"\\ud800"}', 'application/json', 'MalformedPayload', 400],
    ['very deep JSON', `${'['.repeat(5000)}${']'.repeat(5000)}`, 'application/json', 'MalformedPayload', 400],
    ['a prototype', '{"__proto__":{}}', 'application/json', 'MalformedPayload', 400],
    ['a number that no double holds', '{"config":{"a":1e999}}', 'application/json', 'MalformedPayload', 400],
    ['more than 10 MB', `"${'x'.repeat(10 * 1024 * 1024)}"`, 'application/json', 'InputTooLarge', 413],
  ])('a body of %s is rejected', async (_, payload, type, code, status) => {
    const response = await send(payload, type);
    expect([response.statusCode, response.json().code]).toEqual([status, code]);
  });

  test('a body of bytes that are no UTF-8 is rejected', async () => {
    const payload = Buffer.concat([Buffer.from('{"description":"'), Buffer.from([0xff]), Buffer.from('"}')]);
    const headers = { host: 'localhost', 'content-type': 'application/json' };
    const response = await api.app.inject({ method: 'PUT', url: `${API}/worker-pool/prov%2Fbody`, headers, payload });
    expect([response.statusCode, response.json().code]).toEqual([400, 'MalformedPayload']);
  });

  test('a large body is not repeated by the error about it', async () => {
    const response = await send(JSON.stringify({ description: 'x'.repeat(100_000) }));
    expect(response.statusCode).toBe(400);
    expect(response.json().requestInfo.payload).toBe('(OMITTED, too large)');
  });

  test('a registration of more than 64 KiB is rejected unread', async () => {
    const body = { workerIdentityProof: { document: 'x'.repeat(70_000) } };
    const { status, body: answer } = await api.call('POST', '/worker/register', body);
    expect([status, answer.code]).toEqual([413, 'InputTooLarge']);
  });

  test('a body of registerWorker or reregisterWorker does nothing more than be rejected', async () => {
    const text = fc.oneof(fc.string(), fc.constantFrom('prov/type', 'cloud', 'here', 'i-1', 'a'.repeat(44)));
    const proof = fc.oneof(
      fc.json({ maxDepth: 2 }).map((json) => JSON.parse(json) as unknown),
      fc.record({ document: text }),
      fc.record({ document: text, signature: text }),
      fc.record({ staticSecret: text }),
      fc.record({ token: text }),
    );
    const body = fc.record(
      {
        workerPoolId: text,
        providerId: text,
        workerGroup: text,
        workerId: text,
        workerIdentityProof: proof,
        secret: text,
        systemBootTime: text,
      },
      { requiredKeys: [] },
    );
    await fc.assert(
      fc.asyncProperty(body, fc.constantFrom('register', 'reregister'), async (payload, call) => {
        const { status } = await api.call('POST', `/worker/${call}`, payload);
        expect(status).toBeGreaterThanOrEqual(400);
        expect(status).toBeLessThan(500);
      }),
      { seed: 20, numRuns: 300 },
    );
    expect((await get('/workers/prov%2Ftype/here/i-1')).body.state).toBe('requested');
  });
});

test('an internal error says no more than an incident’s id, which the log has too', async () => {
  api.lifecycles.failure = new Error('secret detail');
  const { status, body } = await api.call('DELETE', '/workers/prov%2Ftype/here/i-1');
  api.lifecycles.failure = null;
  expect([status, body.code]).toEqual([500, 'InternalServerError']);
  expect(JSON.stringify(body)).not.toContain('secret detail');
  const incident = /incident ([0-9a-f-]{36})/.exec(body.message)?.[1];
  expect(api.logged.some((line) => line.includes(incident!) && line.includes('secret detail'))).toBe(true);
});

describe('errors of a pool', () => {
  const report = { workerGroup: 'here', workerId: 'i-1', kind: 'boot', title: 'T', description: 'D', extra: { a: 1 } };

  test('errors of a pool are stored with the worker’s launch config and listed newest first', async () => {
    const first = await api.call('POST', '/worker-pool-errors/prov%2Ftype', report);
    expect(first.body).toMatchObject({ kind: 'boot', extra: { a: 1, workerId: 'i-1' } });
    expect(first.body.launchConfigId).toMatch(/^lc-/);
    api.clock.ms += 1000;
    await api.call('POST', '/worker-pool-errors/prov%2Ftype', { ...report, title: 'U' });
    const { body } = await get('/worker-pool-errors/prov%2Ftype');
    expect(body.workerPoolErrors.map((error: { title: string }) => error.title)).toEqual(['U', 'T']);
    const one = await get(`/worker-pool-errors/prov%2Ftype?errorId=${first.body.errorId}`);
    expect(one.body.workerPoolErrors).toHaveLength(1);
    expect((await get('/worker-pool-errors/never%2Fseen')).body).toEqual({ workerPoolErrors: [] });
  });

  test('errors of a pool are logged by the ids under which they are listed, without what the worker wrote', async () => {
    api.logged.length = 0;
    const { body } = await api.call('POST', '/worker-pool-errors/prov%2Ftype', { ...report, title: 'L' });
    const lines = api.logged.map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(lines.filter(({ msg }) => msg === 'worker-error')).toMatchObject([
      { errorId: body.errorId, workerPoolId: 'prov/type', workerId: 'i-1', title: 'L', description: null },
    ]);
  });

  test('errors of a pool with more than 64 KiB of extra are rejected, and not stored', async () => {
    const send = (bytes: number) =>
      api.call('POST', '/worker-pool-errors/prov%2Ftype', {
        ...report,
        workerId: 'i-large',
        extra: { a: 'x'.repeat(bytes - '{"a":""}'.length) },
      });
    expect((await send(64 * 1024)).status).toBe(200);
    for (const bytes of [64 * 1024 + 1, 1024 * 1024]) {
      const { status, body } = await send(bytes);
      expect([status, body.code]).toEqual([413, 'InputTooLarge']);
    }
  });

  test('errors of one worker are limited, those of others are not', async () => {
    const send = async (workerId: string, n: number) =>
      api.call('POST', '/worker-pool-errors/prov%2Ftype', { ...report, workerId, title: `T ${n}` });
    const statuses: number[] = [];
    for (let n = 0; n < 25; n += 1) statuses.push((await send('i-flood', n)).status);
    expect(statuses).toEqual([...Array<number>(20).fill(200), ...Array<number>(5).fill(503)]);
    expect((await send('i-other', 0)).status).toBe(200);
    api.clock.ms += 60_000;
    expect((await send('i-flood', 25)).status).toBe(200);
  });

  test('errors of a pool come in pages that end by their size too, and all of them come', async () => {
    const pool = 'prov/large';
    await api.call('PUT', `/worker-pool/${encodeURIComponent(pool)}`, poolDefinition);
    const sent = Array.from({ length: 150 }, (_, n) => `T ${n}`);
    for (const [n, title] of sent.entries()) {
      api.clock.ms += 1;
      const extra = { a: 'x'.repeat(60_000) };
      const error = { ...report, workerId: `i-${n}`, title, extra };
      await api.call('POST', `/worker-pool-errors/${encodeURIComponent(pool)}`, error);
    }
    const titles: string[] = [];
    let pages = 0;
    for (let token: string | undefined = ''; token !== undefined; pages += 1) {
      const query: string = token === '' ? '' : `?continuationToken=${token}`;
      const { body } = await get(`/worker-pool-errors/${encodeURIComponent(pool)}${query}`);
      expect(JSON.stringify(body).length).toBeLessThan(5 * 1024 * 1024);
      titles.push(...body.workerPoolErrors.map((error: { title: string }) => error.title));
      token = body.continuationToken;
    }
    expect(titles).toEqual(sent.toReversed());
    expect(pages).toBe(3);
  });

  test('errors of an unknown pool are rejected', async () => {
    expect((await api.call('POST', '/worker-pool-errors/no%2Fpool', report)).body.code).toBe('ResourceNotFound');
  });
});

describe('the pages beside the API', () => {
  test('the dashboard is HTML, and the description lists every call', async () => {
    expect((await get('//')).body).toContain('<title>Worker manager</title>');
    const { body } = await get('//openapi.json');
    const names = Object.values(body.paths as Record<string, Record<string, { operationId: string }>>).flatMap((path) =>
      Object.values(path).map(({ operationId }) => operationId),
    );
    expect(names).toEqual(
      expect.arrayContaining(['ping', 'heartbeat', 'createWorkerPool', 'registerWorker', 'listWorkerPoolDecisions']),
    );
  });

  test('the version is the build’s', async () => {
    expect((await get('/__version__')).body).toEqual({ source: 'here', version: '1.2.3', commit: 'abc', build: '1' });
    expect((await get('/__lbheartbeat__')).body).toEqual({});
    expect((await get('/ping')).body).toMatchObject({ alive: true });
  });
});
