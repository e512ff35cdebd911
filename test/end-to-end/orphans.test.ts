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
  expectHeldByIncompleteList,
  letTimePass,
  NO_SWEEPS,
  orphan,
  orphanVerdicts,
  sweepOrphans,
} from '../support/orphan-steps.js';
import { longTest } from '../support/long.js';
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

test('machines whose row was closed or lost are removed by the second sweep that sees them, and copies and others’ machines stay', async () => {
  const { pool, workers } = await runningPool(3);
  const [closed, lost, kept] = workers.map((worker) => ({ ...worker, key: keyOf(worker) }));
  const foreign = await launchAs('c0ffee00-0000-4000-8000-00000000beef');
  const copies = await launchMoreLike(pool);
  await orphan(system(), closed!, 'closed');
  await orphan(system(), lost!, 'lost');
  await system().waitFor(async () => (await sweep()).orphans === 4, 'the copies in the lists');
  expect(await orphanVerdicts(system())).toMatchObject({ [closed!.key]: 'young', [lost!.key]: 'young' });
  await letTimePass(system());
  expect(await sweep({ isDryRun: true })).toMatchObject({ machines: 3, orphans: 4, removed: 0 });
  expect(await stateOf(lost!.workerId)).toBe('running');
  expect(await sweep()).toMatchObject({ machines: 3, orphans: 4, removed: 2, failed: 0, held: [] });
  for (const { workerId } of [closed!, lost!]) {
    await system().waitFor(async () => (await stateOf(workerId)) === 'terminated', 'the end of the machine');
  }
  await system().waitFor(async () => {
    const [row] = await system().query('select state, stop_reason from workers where worker_id = $1', [lost!.workerId]);
    return JSON.stringify(row) === JSON.stringify({ state: 'stopped', stop_reason: 'found without an owner' });
  }, 'the end of the worker that had lost its row');
  const acts = await system().query('select thing_id, act, detail from orphan_acts order by detail');
  expect(acts).toEqual([
    { thing_id: closed!.key, act: 'removal', detail: 'instance' },
    { thing_id: lost!.key, act: 'removal', detail: 'its row and its lifecycle' },
  ]);
  expect(await sweep({ confirmed: 10 })).toMatchObject({ orphans: 2, removed: 0, held: [] });
  expect(Object.values(await orphanVerdicts(system()))).toEqual(['tagged', 'tagged']);
  for (const id of [...copies, foreign, kept!.workerId]) expect(await stateOf(id)).toBe('running');
  for (const id of [...copies, foreign]) await system().simulator.killMachine(id);
  await endPool(system(), pool);
});

longTest('a machine that lost its row is adopted while its pool wants capacity, and nothing is launched', async () => {
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
  const confirmed = await command('--confirm', '2');
  expect(confirmed).toContain('2 removed, 0 failed.');
  expect(confirmed).not.toContain('without --confirm');
  await system().waitFor(async () => (await stateOf(unknown)) === 'terminated', 'the end of the unknown machine');
  await expectAllStopped(system(), pool);
  expect(await sweep()).toMatchObject({ orphans: 0, held: [] });
});

longTest('a list that is not complete removes nothing, also when that is confirmed', async () => {
  const { pool, workers } = await runningPool(1);
  await orphan(system(), workers[0]!, 'closed');
  const refusal = { mode: 'refuse', code: 'Unavailable', status: 503, region: REGION, times: 1_000 } as const;
  await expectHeldByIncompleteList(system(), workers[0]!.workerId, async () => {
    const { id } = await system().simulator.addFault({ operation: 'DescribeInstances', ...refusal });
    return () => system().simulator.releaseFault(id);
  });
  expect(await sweep()).toMatchObject({ removed: 1, held: [] });
  await expectAllStopped(system(), pool);
});

/** Somebody launches machines with the tags of one of the pool's, and one without any. */
async function launchMoreLike(pool: string): Promise<string[]> {
  const [row] = await system().query<{ launch_token: string }>(
    'select launch_token from workers where worker_pool_id = $1',
    [pool],
  );
  const ours = { 'worker-manager-deployment': await deploymentIdOf(system()), WorkerPoolId: pool };
  const tags = { ...ours, 'worker-manager-launch': row!.launch_token };
  return await Promise.all([runInstance(tags), runInstance(tags, 'a-token-of-theirs'), runInstance({})]);
}

/** What the operator's command says. */
async function command(...args: string[]): Promise<string> {
  const { folder, api } = system();
  const process = new ProductProcess(['sweep', ...args, '--url', api.url], join(folder, `sweep-${args[0]}.log`));
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
