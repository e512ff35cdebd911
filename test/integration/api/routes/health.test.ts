import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { once } from 'node:events';
import { connect } from 'node:net';
import { startTestApi, type TestApi } from '../../../support/api.js';

let api: TestApi;
beforeAll(async () => {
  api = await startTestApi({
    auth: { type: 'static', clients: [] },
    server: { host: '0.0.0.0', keepAliveSeconds: 1 },
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

test('a connection stays open between two requests for as long as the configuration says', async () => {
  const address = await api.app.listen({ host: '127.0.0.1', port: 0 });
  const connection = connect(Number(new URL(address).port), '127.0.0.1').setEncoding('utf8');
  for (let request = 0; request < 2; request += 1) {
    connection.write('GET /api/worker-manager/v1/ping HTTP/1.1\r\nHost: localhost\r\n\r\n');
    expect((await once(connection, 'data')).join()).toMatch(/^HTTP\/1.1 200 [^]*keep-alive: timeout=1\r\n/i);
  }
  const idleSince = performance.now();
  await once(connection, 'end');
  expect(performance.now() - idleSince).toBeGreaterThan(900);
});
