import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { startTestApi, type TestApi } from '../../../support/api.js';

const clients = [
  { clientId: 'ops', accessToken: 'token-of-an-operator-0123456789', scopes: ['*'] },
  {
    clientId: 'of-linux',
    accessToken: 'token-of-the-pool-0123456789',
    scopes: ['worker-manager:get-worker-pool:proj/linux'],
  },
] as const;
const bearer = (index: 0 | 1) => ({ authorization: `Bearer ${clients[index].accessToken}` });
const ofPool = '/worker-pool/proj%2Flinux/charts';

let api: TestApi;
beforeAll(async () => {
  api = await startTestApi(
    { auth: { type: 'static', clients } },
    { settings: [{ key: 'limits.machines', value: '7', source: 'environment', from: 'MACHINES', isSecret: false }] },
  );
});
afterAll(() => api.close());

test('the API gives each chart of a pool that has no records yet: spans of the last day, and no value', async () => {
  for (const chart of ['demand', 'waits', 'registrations', 'errors', 'calls']) {
    const { status, body } = await api.call('GET', `${ofPool}/${chart}`, undefined, bearer(1));
    expect([chart, status]).toEqual([chart, 200]);
    const { spanMs, begins, lines } = body as { spanMs: number; begins: string[]; lines: { values: unknown[] }[] };
    expect(Date.parse(begins[0]!)).toBeLessThanOrEqual(api.clock.ms - 86_400_000);
    expect(Date.parse(begins.at(-1)!)).toBeGreaterThan(api.clock.ms - spanMs - 1);
    expect(lines.every(({ values }) => values.length === begins.length && values.every((each) => each === null))).toBe(
      true,
    );
  }
});

test('the API gives charts of all pools to who may list pools, and the settings in force to who has their scope', async () => {
  for (const path of ['/charts/demand', '/settings']) {
    expect([path, (await api.call('GET', path, undefined, bearer(0))).status]).toEqual([path, 200]);
    expect([path, (await api.call('GET', path, undefined, bearer(1))).status]).toEqual([path, 403]);
  }
  const { body } = await api.call('GET', '/settings', undefined, bearer(0));
  expect(body.settings).toMatchObject([{ key: 'limits.machines', value: '7', from: 'MACHINES' }]);
});

test.each([
  ['an instant that is none', 'demand?from=yesterday'],
  ['a begin after the end', 'demand?from=2030-01-02T00:00:00Z&to=2030-01-01T00:00:00Z'],
  ['more than 31 days', 'demand?from=2029-01-01T00:00:00Z&to=2030-01-01T00:00:00Z'],
  ['a chart that does not exist', 'weather'],
])('the API refuses a chart of %s', async (_, chart) => {
  expect((await api.call('GET', `${ofPool}/${chart}`, undefined, bearer(0))).status).toBe(400);
});
