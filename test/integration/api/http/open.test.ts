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
])('without credentials everything is allowed for %j', async (headers) => {
  expect((await get(headers)).status).toBe(200);
});

test.each([
  { host: 'attacker.example' },
  { host: 'attacker.example', origin: 'http://attacker.example' },
  { host: 'localhost:8080', origin: 'http://attacker.example' },
  { host: 'localhost:8080', origin: 'http://localhost:8233' },
  { host: 'localhost:8080', origin: 'null' },
])('a page in the operator’s browser is refused: %j', async (headers) => {
  const { status, body } = await get(headers);
  expect([status, body.code]).toEqual([403, 'InsufficientScopes']);
});

test('credentials that are given must hold all the same', async () => {
  expect((await get({ authorization: 'Bearer wrong' })).status).toBe(401);
});
