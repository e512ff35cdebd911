import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { Agent, get, type IncomingMessage } from 'node:http';
import { once } from 'node:events';
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
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  try {
    const { connection, headers } = await ping(address, agent);
    expect(headers['keep-alive']).toBe('timeout=1');
    expect((await ping(address, agent)).connection).toBe(connection);
    const idleSince = performance.now();
    await once(connection, 'close');
    expect(performance.now() - idleSince).toBeGreaterThan(900);
  } finally {
    agent.destroy();
  }
});

async function ping(address: string, agent: Agent) {
  const request = get(`${address}/api/worker-manager/v1/ping`, { agent });
  const [answer] = (await once(request, 'response')) as [IncomingMessage];
  const connection = request.socket!;
  await once(answer.resume(), 'end');
  // The agent takes the connection back only then.
  await new Promise((resolve) => setImmediate(resolve));
  return { connection, headers: answer.headers };
}
