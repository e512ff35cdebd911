import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { InjectOptions } from 'fastify';
import fc from 'fast-check';
import { launchMachines, poolDefinition, startTestApi, type TestApi } from '../../support/api.js';

/** Whatever is sent to whatever route, nothing of it is an incident. */

const TOKEN = 'access-token-of-the-operator';
let api: TestApi;
let routes: { readonly method: string; readonly path: string }[];
const tokens: string[] = [];
beforeAll(async () => {
  const operator = { clientId: 'operator', accessToken: TOKEN, scopes: ['*'] };
  api = await startTestApi({ auth: { type: 'static', clients: [operator] } });
  const { body } = await api.call('GET', '//openapi.json');
  routes = Object.entries(body.paths as Record<string, object>).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => ({ method: method.toUpperCase(), path })),
  );
  const headers = { authorization: `Bearer ${TOKEN}` };
  for (const pool of ['prov/one', 'prov/two']) {
    await api.call('PUT', `/worker-pool/${encodeURIComponent(pool)}`, poolDefinition, headers);
  }
  await launchMachines(api, 'prov/one', ['i-1', 'i-2'], headers);
  // A token of one list must not be an incident in another.
  for (const list of ['/worker-pools', '/workers/prov%2Fone', '/providers']) {
    tokens.push((await api.call('GET', `${list}?limit=1`, undefined, headers)).body.continuationToken);
  }
});
afterAll(() => api.close());

const oddTexts = [
  '\0',
  '%',
  '%00',
  '%zz',
  '%2F',
  '%25',
  '..',
  '',
  ' ',
  'é',
  '😀',
  '\u2028',
  '__proto__',
  'constructor',
];
const text = fc.oneof(
  fc.string({ maxLength: 30 }),
  fc.constantFrom(...oddTexts, 'prov/one', 'prov%2Fone', 'prov/one:', 'here', 'i-1', 'cloud', 'hand', 'null-provider'),
  fc.integer({ min: 1, max: 12_000 }).map((length) => 'a'.repeat(length)),
);
const part = text.chain((value) => fc.constantFrom(value, encodeURIComponent(value.toWellFormed())));
const number = fc.oneof(fc.double(), fc.integer(), fc.constantFrom(1e21, -0, 2 ** 31, 2 ** 53, 1e308));
const json = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4 },
    text,
    number,
    fc.boolean(),
    fc.constant(null),
    fc.array(tie('value'), { maxLength: 4 }),
    fc.dictionary(text, tie('value'), { maxKeys: 4 }),
  ),
})).value;
const bodyKeys = ['providerId', 'description', 'config', 'owner', 'emailOnError', 'workerPoolId', 'created', 'reason']
  .concat(['workerGroup', 'workerId', 'workerIdentityProof', 'secret', 'kind', 'title', 'extra', 'expires', 'capacity'])
  .concat(['providerInfo', 'systemBootTime', 'lastModified']);
const body = fc.oneof(
  json,
  fc.dictionary(fc.constantFrom(...bodyKeys), fc.oneof(json, fc.constantFrom({}, [], 'owner@example.com', true))),
  fc
    .record({ config: fc.dictionary(fc.constantFrom('launchConfigs', 'maxCapacity', 'lifecycle'), json) })
    .map((odd) => ({
      ...poolDefinition,
      ...odd,
    })),
);
const queryKeys = ['limit', 'continuationToken', 'launchConfigId', 'errorId', 'state', 'includeArchived', 'bewit'];

const request = fc.record({
  route: fc.nat(),
  parts: fc.array(part, { minLength: 5, maxLength: 5 }),
  query: fc.dictionary(fc.oneof(fc.constantFrom(...queryKeys), text), fc.oneof(text, fc.nat(2)), { maxKeys: 3 }),
  body: fc.option(body),
  rawBody: fc.option(fc.uint8Array({ maxLength: 50 }), { freq: 10 }),
  headers: fc.dictionary(
    fc.constantFrom('authorization', 'content-type', 'origin', 'x-forwarded-for', 'x-forwarded-host', 'host', 'accept'),
    fc.oneof(
      fc.constantFrom(
        'Hawk id="operator"',
        'Hawk mac="',
        'Bearer',
        `Bearer ${TOKEN}`,
        'application/json',
        'null',
        'a,b',
        '::1',
      ),
      fc.string({ maxLength: 20 }).filter((value) => /^[\x20-\x7e]*$/.test(value)),
    ),
    { maxKeys: 2 },
  ),
});

test('the API answers whatever is sent to any route, and never with an incident', async () => {
  const statuses = new Map<number, number>();
  await fc.assert(
    fc.asyncProperty(request, async (sent) => {
      const { method, path } = routes[sent.route % routes.length]!;
      let next = 0;
      const filled = path.replace(/\{[^}]+\}/g, () => sent.parts[next++ % sent.parts.length]!);
      const query = Object.entries(sent.query).map(([key, value]) => {
        const given = typeof value === 'number' ? tokens[value]! : value;
        return `${encodeURIComponent(key.toWellFormed())}=${encodeURIComponent(given.toWellFormed())}`;
      });
      const payload = sent.rawBody === null ? JSON.stringify(sent.body) : Buffer.from(sent.rawBody);
      const { statusCode, body: answer } = await api.app.inject({
        method: method as InjectOptions['method'],
        url: `${filled.toWellFormed().replace(/[^\x21-\x7e]|#/gu, encodeURIComponent)}?${query.join('&')}`,
        headers: {
          host: 'localhost',
          authorization: `Bearer ${TOKEN}`,
          'content-type': 'application/json',
          ...sent.headers,
        },
        ...(method === 'GET' || sent.body === null ? {} : { payload }),
      });
      statuses.set(statusCode, (statuses.get(statusCode) ?? 0) + 1);
      expect([statusCode, answer]).not.toEqual([500, answer]);
      expect(statusCode).toBeLessThan(504);
    }),
    { seed: 7, numRuns: 3000, endOnFailure: true },
  );
  // The property would hold of an API that refuses everything.
  expect(statuses.get(200)).toBeGreaterThan(30);
  expect(statuses.get(400)).toBeGreaterThan(300);
}, 120_000);

test('the API answers a path component of any length with a 4xx', async () => {
  const headers = { authorization: `Bearer ${TOKEN}` };
  for (const length of [39, 1999, 2001, 10_000, 15_000, 60_000, 200_000]) {
    for (const path of ['/worker-pool/P', '/workers/prov%2Fone/P', '/workers/prov%2Fone/here/P', '/P']) {
      const { status } = await api.call('GET', path.replace('P', 'a'.repeat(length)), undefined, headers);
      expect([path, length, [400, 404, 414].includes(status)]).toEqual([path, length, true]);
    }
  }
});

test('the API rejects a continuation token of another list', async () => {
  const headers = { authorization: `Bearer ${TOKEN}` };
  const [ofPools] = tokens;
  for (const list of ['/worker-pool/prov%2Fone/decisions', '/worker-pool-errors/prov%2Fone', '/workers/prov%2Fone']) {
    const { status, body: answer } = await api.call('GET', `${list}?continuationToken=${ofPools}`, undefined, headers);
    expect([status, answer.code]).toEqual([400, 'InputError']);
  }
});
