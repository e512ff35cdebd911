import { expect, test } from '@jest/globals';
import type { ApiAnswer } from '../../../../dev/testing/api-client.js';
import { azurePool } from '../../../../dev/testing/azure-pool.js';
import { azureSystemOverTls, expectNothingLeft } from '../../../support/azure-system.js';
import { lastingRows } from '../../../support/kept-rows.js';
import { endPool, restart, settled } from '../../../support/pool-steps.js';
import { suiteOf } from '../../../support/suite.js';

/** A provider that could not be set up is tried again every 60 s. */
const RECOVERY_MS = 90_000;
const SECRET = 'the-secret-of-the-application';
const ROLES = ['api', 'worker'] as const;

const { system, newPool } = suiteOf('azure/secret', azureSystemOverTls(SECRET));

const path = (pool: string) => `/worker-pool/${encodeURIComponent(pool)}`;

/** The provider's health as each process logged it last. */
const health = () =>
  ROLES.map((role) => {
    const lines = system()
      .process(role)
      .output()
      .split('\n')
      .filter((line) => line.includes('"provider-health"'));
    const { state, message } = JSON.parse(lines.at(-1) ?? '{}') as { state?: string; message?: string | null };
    return { state, message };
  });
const isHealth = (wanted: string) => health().every(({ state }) => state === wanted);

test('a wrong client secret makes the provider unhealthy and calls 503, loses nothing, and is over when it is right', async () => {
  const [pool, later] = [newPool(), newPool()];
  await system().api.createPool(pool, azurePool({ minCapacity: 1 }));
  await settled(system(), pool, 1);
  const [worker] = await system().api.workers(pool);
  const { workerPoolId, workerGroup, workerId } = worker!;
  const key = { workerPoolId, workerGroup, workerId };
  const workerPath = `/workers/${[workerPoolId, workerGroup, workerId].map(encodeURIComponent).join('/')}`;
  const call = system().api.call.bind(system().api);
  // Wanted, and launched when the hold ends: by then nothing can be.
  await system().api.holdPool(pool, 'by a test');
  await system().api.updatePool(pool, azurePool({ minCapacity: 2 }));
  await system().waitFor(
    async () => (await call('GET', `${workerPath}/should-terminate`)).body.reason === 'needed',
    'the reconciliation after the update',
  );
  const before = await lastingRows(system().databaseUrl);

  await system().simulator.setAzureClientSecret('another');
  for (const role of ROLES) await restart(system(), role);
  await system().waitFor(() => isHealth('failed'), 'both processes to say that the provider is unhealthy');
  for (const { message } of health()) {
    expect(message).toMatch(/clientId, secret, domain.*AADSTS7000215/);
    expect(message).not.toContain(SECRET);
  }

  const refused: Record<string, ApiAnswer> = {
    createWorkerPool: await call('PUT', path(later), azurePool({ minCapacity: 1 })),
  };
  // What needs no call to the cloud is judged as ever: this proof is none.
  const registration = { ...key, providerId: 'azure', workerIdentityProof: { document: 'x' } };
  expect((await system().api.register(registration)).status).toBe(400);
  for (const [name, { status, headers, body }] of Object.entries(refused)) {
    expect([name, status, body.code]).toEqual([name, 503, 'ProviderSetupFailed']);
    expect([name, Number(headers.get('retry-after'))]).toEqual([name, expect.any(Number)]);
    expect(JSON.stringify(body)).not.toContain(SECRET);
  }
  expect((await call('GET', workerPath)).body).toMatchObject({ state: 'running' });
  const { providers } = (await call('GET', '/providers')).body;
  const message = expect.stringMatching(/AADSTS7000215/);
  const unhealthy = { state: 'failed', since: expect.any(String), message };
  expect(providers).toEqual([{ providerId: 'azure', providerType: 'azure', health: unhealthy }]);
  expect(JSON.stringify(providers)).not.toContain(SECRET);
  // The process itself works: a load balancer must not take it out.
  expect((await call('GET', '/__heartbeat__')).status).toBe(200);

  expect((await call('DELETE', `${path(pool)}/hold`)).status).toBe(200);
  await system().waitFor(async () => {
    const [decision] = await system().api.decisions(pool);
    return JSON.stringify(decision).includes('provider azure is not healthy');
  }, 'a decision that says why nothing is launched');
  const { audit, ...others } = await lastingRows(system().databaseUrl);
  expect({ ...others, audit: audit!.slice(0, -1) }).toEqual(before);
  expect(audit!.at(-1)).toContain(',released,');

  const pids = ROLES.map((role) => system().process(role).pid);
  await system().simulator.setAzureClientSecret(SECRET);
  await system().waitFor(() => isHealth('ok'), 'both processes to say that the provider is healthy', RECOVERY_MS);
  await settled(system(), pool, 2);
  expect((await system().api.workers(pool)).map((one) => one.workerId)).toContain(workerId);
  await system().api.createPool(later, azurePool({ minCapacity: 1 }));
  await settled(system(), later, 1);
  expect(ROLES.map((role) => [system().process(role).pid, system().process(role).hasEnded])).toEqual(
    pids.map((pid) => [pid, false]),
  );
  for (const each of [pool, later]) {
    await endPool(system(), each, azurePool({ maxCapacity: 0 }));
    expect(await system().api.errors(each)).toEqual([]);
  }
  await expectNothingLeft(system());
}, 240_000);
