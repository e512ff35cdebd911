import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { jsonb } from '../../../../database/client/sql.js';
import { launchMachines, poolDefinition, startTestApi, type TestApi } from '../../../support/api.js';
import { entry } from '../../../support/pool-records.js';

const clients = [
  { clientId: 'ops', accessToken: 'token-of-an-operator-0123456789', scopes: ['*'] },
  {
    clientId: 'of-linux',
    accessToken: 'token-of-the-pool-0123456789',
    scopes: ['worker-manager:get-worker-pool:proj/linux'],
  },
] as const;
const bearer = (index: 0 | 1) => ({ authorization: `Bearer ${clients[index].accessToken}` });
const pool = '/worker-pool/proj%2Flinux';

let api: TestApi;
beforeAll(async () => {
  api = await startTestApi({ auth: { type: 'static', clients } });
  await api.call('PUT', pool, poolDefinition, bearer(0));
  await launchMachines(api, 'proj/linux', ['i-1'], bearer(0));
  // The machine's row is younger than the API's clock of its start.
  api.clock.ms = Date.now() + 1_000;
  const now = api.clock.ms;
  const { launchConfigs: _, ...config } = poolDefinition.config;
  await api.database.db
    .insertInto('poolRevisions')
    .values({
      ...{ workerPoolId: 'proj/linux', revision: 1000, at: now - 60_000, clientId: 'ops', action: 'created' },
      definition: jsonb({ ...poolDefinition, config, launchConfigs: [] }),
    })
    .execute();
  await api.database.db
    .insertInto('demandPolls')
    .values({
      ...{ begun: now - 1_000, ended: now - 900, process: 'host/1/ab', fullId: null, intervalMs: 10_000 },
      ...{ pools: jsonb({ 'proj/linux': entry({ pending: 41, running: 1 }) }), errors: jsonb([]) },
    })
    .execute();
});
afterAll(() => api.close());

test('the API explains a pool by its path and by its queue’s', async () => {
  await api.database.db
    .insertInto('spans')
    .values({
      ...{ kind: 'hold', subject: 'proj/linux', begins: api.clock.ms - 500, ends: api.clock.ms + 500, endedBy: null },
      data: jsonb({ reason: 'bad image', clientId: 'ops' }),
    })
    .execute();
  for (const path of [`${pool}/explain`, '/task-queue/proj%2Flinux/explain', '/task-queue/proj/linux/explain']) {
    const { status, body } = await api.call('GET', path, undefined, bearer(1));
    expect(status).toBe(200);
    expect(body).toMatchObject({
      ...{ subject: 'proj/linux', cause: 'held', certainty: 'exact' },
      sentence: expect.stringContaining('("bad image")'),
      inputs: { pendingTasks: 41, maxCapacity: 10 },
    });
    expect(body.arithmetic.map(({ name }: { name: string }) => name)).toContain('want');
  }
});

test('the API answers 200 for a queue that no pool serves and a worker that nobody knows', async () => {
  const { status, body } = await api.call('GET', '/task-queue/no%2Fpool/explain', undefined, bearer(0));
  expect({ status, cause: body.cause }).toEqual({ status: 200, cause: 'no-such-pool' });
  const unknown = await api.call('GET', '/workers/proj%2Flinux/here/i-9/explain', undefined, bearer(0));
  expect([200, 'no-such-worker']).toEqual([unknown.status, unknown.body.cause]);
});

test('the API explains a worker', async () => {
  const { items } = { items: (await api.call('GET', '/workers/proj%2Flinux', undefined, bearer(0))).body.workers };
  const [{ workerGroup, workerId }] = items;
  const path = `/workers/proj%2Flinux/${workerGroup}/${workerId}/explain`;
  const { status, body } = await api.call('GET', path, undefined, bearer(0));
  expect(status).toBe(200);
  expect(body).toMatchObject({ cause: 'booting', sentence: expect.stringContaining(`${workerId}, requested at `) });
});

test('the API gives the causes of a span of time', async () => {
  const [from, to] = [api.clock.ms - 60_000, api.clock.ms].map((ms) => new Date(ms).toISOString());
  const { status, body } = await api.call('GET', `${pool}/explain?from=${from}&to=${to}`, undefined, bearer(0));
  expect(status).toBe(200);
  expect(body.strip.at(0)).toMatchObject({ from, cause: 'no-record' });
  expect(body.strip.at(-1)).toMatchObject({ to });
});

test('the API refuses instants that it cannot read and callers without the scope', async () => {
  for (const query of [
    'at=yesterday',
    'from=2026-11-28T12:00:00Z',
    'from=2026-11-28T12:00:00Z&to=2026-11-28T11:00:00Z',
  ]) {
    expect((await api.call('GET', `${pool}/explain?${query}`, undefined, bearer(0))).status).toBe(400);
  }
  expect((await api.call('GET', '/task-queue/proj%2Fmac/explain', undefined, bearer(1))).status).toBe(403);
});
