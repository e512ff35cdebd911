import { afterAll, beforeAll, expect, jest, test } from '@jest/globals';
import { DescribeInstancesCommand, EC2Client } from '@aws-sdk/client-ec2';
import { awsPool } from '../../../../dev/testing/api-client.js';
import { type Moto, startMoto } from '../../../support/moto.js';
import { SYSTEM_TIMEOUT_MS } from '../../../../dev/testing/patience.js';
import { removeAll } from '../../../support/pool-steps.js';
import { awsProviders, startSystem, type System } from '../../../../dev/testing/system.js';

/**
 * The whole product against an EC2 that nobody here wrote. moto creates one machine whatever MaxCount says, and a
 * launch that gives fewer than it requested makes its launch config back off; so the pool's minimum grows by one
 * machine at a time.
 */
const WANTED = 10;
const REGION = 'us-east-1';
const POOL = 'moto/pool';

jest.setTimeout(SYSTEM_TIMEOUT_MS);

let moto: Moto;
let system: System;
beforeAll(async () => {
  moto = await startMoto();
  system = await startSystem({
    // The simulator is the queue here, and knows no machine.
    providers: async (simulator, folder) => {
      const { aws } = (await awsProviders(simulator, folder)) as { aws: object };
      return { aws: { ...aws, endpoint: moto.endpoint, regions: [REGION] } };
    },
  });
});
afterAll(async () => {
  await system?.stop();
  await moto?.stop();
});

/** Ids by state, as moto tells them to anybody. */
async function machines(): Promise<Record<string, string[]>> {
  const credentials = { accessKeyId: 'test', secretAccessKey: 'test' };
  const ec2 = new EC2Client({ region: REGION, endpoint: moto.endpoint, credentials });
  const { Reservations = [] } = await ec2.send(new DescribeInstancesCommand({}));
  const all = Reservations.flatMap(({ Instances = [] }) => Instances);
  const byState: Record<string, string[]> = {};
  for (const { InstanceId = '', State } of all) (byState[State?.Name ?? ''] ??= []).push(InstanceId);
  return byState;
}

test('ten machines of moto are launched, each the worker of one lifecycle, and go away again', async () => {
  const { api } = system;
  const wants = (minCapacity: number) => awsPool({ minCapacity, maxCapacity: minCapacity, regions: [REGION] });
  await api.createPool(POOL, wants(1));
  for (let wanted = 1; wanted <= WANTED; wanted += 1) {
    if (wanted > 1) await api.updatePool(POOL, wants(wanted));
    await system.waitFor(async () => (await api.workers(POOL)).length === wanted, `worker ${wanted}`);
  }
  const ids = (await api.workers(POOL)).map(({ workerId }) => workerId).toSorted();
  expect(await machines()).toEqual({ running: expect.arrayContaining(ids) });
  expect((await machines())['running']).toHaveLength(WANTED);
  await system.waitFor(async () => (await system.openLifecycles()) === WANTED, 'all lifecycles in the list');

  await api.updatePool(POOL, wants(0));
  await removeAll(system, POOL);
  await system.waitFor(async () => (await api.counts(POOL)).stopped === WANTED, 'all to stop');
  expect(Object.keys(await machines())).toEqual(['terminated']);
  expect(await api.errors(POOL)).toEqual([]);
});
