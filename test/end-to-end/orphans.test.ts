import { join } from 'node:path';
import { EC2Client, RunInstancesCommand } from '@aws-sdk/client-ec2';
import { expect, test } from '@jest/globals';
import type { WorkerKey } from '../../domain/ids.js';
import { lifecycleId } from '../../temporal/ids.js';
import type { OrphanSweepRequest } from '../../temporal/messages.js';
import { awsPool } from '../../dev/testing/api-client.js';
import { ProductProcess } from '../../dev/testing/product.js';
import { awsAt, awsSpec, REGION } from '../support/aws-harness.js';
import {
  deploymentIdOf,
  letTimePass,
  NO_SWEEPS,
  orphan,
  orphanVerdicts,
  sweepOrphans,
} from '../support/orphan-steps.js';
import { endPool, expectAllStopped, machinesOf, removeAll, settled } from '../support/pool-steps.js';
import { recordedContext } from '../support/provider-context.js';
import { suiteOf } from '../support/suite.js';

/** What carries the deployment's tag and belongs to nobody, on a cloud with others' machines beside it. */

const { system, newPool } = suiteOf('orphans/pool', {
  config: NO_SWEEPS,
});

const sweep = (request: Partial<OrphanSweepRequest> = {}) => sweepOrphans(system(), request);
const stateOf = async (instanceId: string) =>
  (await system().simulator.machines()).find((machine) => machine.instanceId === instanceId)?.state ?? 'gone';
const keyOf = ({ workerGroup, workerId }: WorkerKey) => `${workerGroup}/${workerId}`;

/** A pool with so many running machines, which from now on wants none. */
async function runningPool(count: number) {
  const pool = newPool();
  await system().api.createPool(pool, awsPool({ minCapacity: count }));
  await settled(system(), pool, count);
  await system().api.updatePool(pool, awsPool({ maxCapacity: 0 }));
  return { pool, workers: await system().api.workers(pool) };
}

test('a machine whose row was closed is removed by the second sweep that sees it, and others’ machines stay', async () => {
  const { pool, workers } = await runningPool(2);
  const [lost, kept] = workers;
  await orphan(system(), lost!, 'closed');
  expect(await sweep()).toMatchObject({ machines: 2, orphans: 1, removed: 0, held: [] });
  expect(await orphanVerdicts(system())).toEqual({ [keyOf(lost!)]: 'young' });
  await letTimePass(system());
  expect(await sweep({ isDryRun: true })).toMatchObject({ orphans: 1, removed: 0 });
  expect(await stateOf(lost!.workerId)).toBe('running');
  expect(await sweep()).toMatchObject({ orphans: 1, removed: 1, failed: 0 });
  await system().waitFor(async () => (await stateOf(lost!.workerId)) === 'terminated', 'the end of the machine');
  expect(await sweep()).toMatchObject({ orphans: 0 });
  expect(await orphanVerdicts(system())).toEqual({});
  const acts = await system().query('select thing_id, act, detail from orphan_acts');
  expect(acts).toEqual([{ thing_id: keyOf(lost!), act: 'removal', detail: 'instance' }]);
  expect(await stateOf(kept!.workerId)).toBe('running');
  await endPool(system(), pool);
});

test('a machine that lost its row gets a lifecycle that begins in stopping when nobody wants it', async () => {
  const { pool, workers } = await runningPool(1);
  await orphan(system(), workers[0]!, 'lost');
  await sweep();
  await letTimePass(system());
  expect(await sweep()).toMatchObject({ orphans: 1, removed: 1, failed: 0 });
  await expectAllStopped(system(), pool);
  const [row] = await system().query('select state, stop_reason from workers where worker_pool_id = $1', [pool]);
  expect(row).toEqual({ state: 'stopped', stop_reason: 'found without an owner' });
});

test('a machine that lost its row is adopted while its pool wants capacity, and nothing is launched', async () => {
  const { pool, workers } = await runningPool(1);
  await orphan(system(), workers[0]!, 'lost');
  const hold = `/worker-pool/${encodeURIComponent(pool)}/hold`;
  await system().api.call('PUT', hold, { reason: 'by a test' });
  await system().api.updatePool(pool, awsPool({ minCapacity: 1 }));
  await sweep();
  await letTimePass(system());
  expect(await sweep()).toMatchObject({ orphans: 1, adopted: 1, removed: 0 });
  await system().api.call('DELETE', hold);
  await system().waitFor(async () => {
    const { status } = await system().temporal.workflow.getHandle(lifecycleId(workers[0]!)).describe();
    return status.name === 'RUNNING';
  }, 'its lifecycle');
  expect(await sweep()).toMatchObject({ orphans: 0 });
  expect((await machinesOf(system(), pool)).map(({ instanceId }) => instanceId)).toEqual([workers[0]!.workerId]);
  await system().api.updatePool(pool, awsPool({ maxCapacity: 0 }));
  await removeAll(system(), pool);
  await expectAllStopped(system(), pool);
});

test('foreign and look-alike machines are never touched, whatever is confirmed', async () => {
  const { pool, workers } = await runningPool(1);
  const [{ launch_token: token }] = (await system().query<{ launch_token: string }>(
    'select launch_token from workers where worker_pool_id = $1',
    [pool],
  )) as [{ launch_token: string }];
  const ours = await deploymentIdOf(system());
  const foreign = await launchAs('c0ffee00-0000-4000-8000-00000000beef');
  // Somebody launched "more like this".
  const tags = { 'worker-manager-deployment': ours, 'worker-manager-launch': token, WorkerPoolId: pool };
  const copies = await Promise.all([runInstance(tags), runInstance(tags, 'a-token-of-theirs'), runInstance({})]);
  await system().waitFor(async () => (await sweep()).orphans === 2, 'the copies in the lists');
  await letTimePass(system());
  expect(await sweep()).toMatchObject({ machines: 1, orphans: 2, removed: 0, held: [] });
  expect(await sweep({ confirmed: 10 })).toMatchObject({ orphans: 2, removed: 0 });
  expect(Object.values(await orphanVerdicts(system()))).toEqual(['tagged', 'tagged']);
  for (const id of [...copies, foreign, workers[0]!.workerId]) expect(await stateOf(id)).toBe('running');
  for (const id of [...copies, foreign]) await system().simulator.killMachine(id);
  await endPool(system(), pool);
});

test('a machine of an unknown launch holds all removals, is said once, and goes when it is confirmed', async () => {
  const { pool, workers } = await runningPool(1);
  await orphan(system(), workers[0]!, 'closed');
  // The database was restored: it knows nothing of this launch.
  const unknown = await launchAs(await deploymentIdOf(system()));
  await system().waitFor(async () => (await sweep()).held.includes('unknown machines'), 'the unknown machine');
  await letTimePass(system());
  for (let again = 0; again < 2; again++) {
    expect(await sweep()).toMatchObject({ removed: 0, held: ['unknown machines'] });
  }
  expect(await orphanVerdicts(system())).toEqual({
    [`${REGION}/${unknown}`]: 'unknown',
    [keyOf(workers[0]!)]: 'held',
  });
  expect(await stateOf(unknown)).toBe('running');
  expect(
    system()
      .process('worker')
      .output()
      .match(/"orphan-removals-held"/g),
  ).toHaveLength(1);
  expect(await command('--dry-run')).toMatch(/^2 machines, 2 orphans; 0 adopted, 0 removed, 0 failed\.\nNo removal/m);
  expect(await command('--confirm', '2')).toContain('2 removed, 0 failed.');
  await system().waitFor(async () => (await stateOf(unknown)) === 'terminated', 'the end of the unknown machine');
  await expectAllStopped(system(), pool);
  expect(await sweep()).toMatchObject({ orphans: 0, held: [] });
});

test('a list that is not complete removes nothing, also when that is confirmed', async () => {
  const { pool, workers } = await runningPool(1);
  await orphan(system(), workers[0]!, 'closed');
  await sweep();
  await letTimePass(system());
  const refused = await system().simulator.addFault({
    ...{
      operation: 'DescribeInstances',
      mode: 'refuse',
      code: 'Unavailable',
      status: 503,
      region: REGION,
      times: 1_000,
    },
  });
  for (const request of [{}, { confirmed: 5 }]) {
    expect(await sweep(request)).toMatchObject({ removed: 0, held: ['incomplete list'] });
  }
  expect(await stateOf(workers[0]!.workerId)).toBe('running');
  await system().simulator.releaseFault(refused.id);
  expect(await sweep()).toMatchObject({ removed: 1, held: [] });
  await expectAllStopped(system(), pool);
});

/** What the operator's command says. */
async function command(...args: string[]): Promise<string> {
  const { folder, configFile } = system();
  const process = new ProductProcess(['sweep', ...args, '--config', configFile], join(folder, `sweep-${args[0]}.log`));
  expect(await process.ended).toEqual({ code: 0, signal: null });
  return process.output();
}

/** As the product launches, for this deployment; gives the machine's id. */
async function launchAs(deployment: string): Promise<string> {
  const { launching } = awsAt(system().simulator.ec2Endpoint, {}, recordedContext({ deploymentId: deployment }));
  const { machines } = await launching.submit(launching.prepare(awsSpec()));
  return machines[0]!.workerId;
}

async function runInstance(tags: Readonly<Record<string, string>>, ClientToken?: string): Promise<string> {
  const credentials = { accessKeyId: 'somebody', secretAccessKey: 'else' };
  const client = new EC2Client({ region: REGION, endpoint: system().simulator.ec2Endpoint, credentials });
  const Tags = Object.entries(tags).map(([Key, Value]) => ({ Key, Value }));
  const { Instances } = await client.send(
    new RunInstancesCommand({
      ...{ ImageId: 'ami-12345678', InstanceType: 't3.micro', MinCount: 1, MaxCount: 1, ClientToken },
      TagSpecifications: Tags.length > 0 ? [{ ResourceType: 'instance', Tags }] : undefined,
    }),
  );
  return Instances![0]!.InstanceId!;
}
