import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { startTestApi, type TestApi } from '../../../support/api.js';

let api: TestApi;
beforeAll(async () => {
  api = await startTestApi({ rootUrl: 'http://deployment.test' });
});
afterAll(() => api.close());

const get = (headers: { host?: string; origin?: string; authorization?: string }) =>
  api.call('GET', '/providers', undefined, { ...headers });

test.each([
  { host: 'localhost:8080' },
  { host: '127.0.0.1:1' },
  { host: '[::1]:8080' },
  { host: 'deployment.test' },
  { host: 'localhost:8080', origin: 'http://localhost:8080' },
  { host: 'localhost:8080', origin: 'http://deployment.test' },
])('an open API allows everything without credentials for %j', async (headers) => {
  expect((await get(headers)).status).toBe(200);
});

test.each([
  { host: 'attacker.example' },
  { host: 'attacker.example', origin: 'http://attacker.example' },
  { host: 'localhost:8080', origin: 'http://attacker.example' },
  { host: 'localhost:8080', origin: 'http://localhost:8233' },
  { host: 'localhost:8080', origin: 'null' },
])('an open API rejects a page in the operator’s browser: %j', async (headers) => {
  const { status, body } = await get(headers);
  expect([status, body.code]).toEqual([403, 'InsufficientScopes']);
});

test('an open API rejects credentials that do not hold', async () => {
  expect((await get({ authorization: 'Bearer wrong' })).status).toBe(401);
});
