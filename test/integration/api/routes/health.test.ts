import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { startTestApi, type TestApi } from '../../../support/api.js';

let api: TestApi;
beforeAll(async () => {
  api = await startTestApi({
    auth: { type: 'static', clients: [] },
    server: { host: '0.0.0.0' },
  });
});
afterAll(() => api.close());

test('the heartbeat names what does not work, for all to see and at most 5 s late', async () => {
  expect(await api.call('GET', '/__heartbeat__')).toMatchObject({ status: 200, body: {} });
  api.checks.temporal = () => Promise.reject(new Error('password wrong'));
  expect((await api.call('GET', '/__heartbeat__')).status).toBe(200);
  api.clock.ms += 5000;
  expect(await api.call('GET', '/__heartbeat__')).toMatchObject({ status: 503, body: { failed: ['temporal'] } });
});

test('the API tells a page of another origin what it may send', async () => {
  const { status, headers } = await api.call('OPTIONS', '/worker-pools', undefined, { origin: 'http://ui.example' });
  expect(status).toBe(204);
  expect(headers).toMatchObject({
    'access-control-allow-origin': '*',
    'access-control-allow-methods': 'OPTIONS,GET,PUT,POST,DELETE',
    'access-control-allow-headers': 'X-Requested-With,Content-Type,Authorization,Accept,Origin,Cache-Control',
    'access-control-max-age': '900',
  });
});

test('the overview needs scopes, the dashboard’s page does not', async () => {
  expect((await api.call('GET', '//')).status).toBe(200);
  expect((await api.call('GET', '/overview')).body.code).toBe('InsufficientScopes');
});
