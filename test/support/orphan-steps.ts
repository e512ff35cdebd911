import { randomUUID } from 'node:crypto';
import { expect } from '@jest/globals';
import type { WorkerKey } from '../../domain/ids.js';
import type { MachineLocation } from '../../domain/worker.js';
import { lifecycleId } from '../../temporal/ids.js';
import type { OrphanSweepRequest, OrphanSweepResult } from '../../temporal/messages.js';
import { mainTaskQueue, workflowTypes } from '../../temporal/names.js';
import type { System } from '../../dev/testing/system.js';

/** Steps of tests that take owners away from machines, and sweep when they want. */

/** Sweeps come when a test wants one. */
export const NO_SWEEPS = { intervals: { sweepSeconds: 3_600 } };

const SCHEDULED: OrphanSweepRequest = { isDryRun: false, confirmed: null, clientId: null };

/** The sweep of orphans alone; as the Schedule's, but for what the request says. */
export const sweepOrphans = (system: System, request: Partial<OrphanSweepRequest> = {}): Promise<OrphanSweepResult> =>
  system.temporal.workflow.execute<(request: OrphanSweepRequest) => Promise<OrphanSweepResult>>(workflowTypes.sweep, {
    workflowId: `sweep/${randomUUID()}`,
    taskQueue: mainTaskQueue('worker-manager'),
    args: [{ ...SCHEDULED, ...request }],
  });

/** Verdicts by the thing's name. */
export async function orphanVerdicts(system: System): Promise<Record<string, string>> {
  const rows = await system.query<{ thing_id: string; verdict: string }>('select thing_id, verdict from orphans');
  return Object.fromEntries(rows.map(({ thing_id: thing, verdict }) => [thing, verdict]));
}

/** Whatever let go of anything did so longer ago than anybody waits. */
export async function letTimePass(system: System): Promise<void> {
  const before = (table: string, column: string) =>
    system.query(`update ${table} set ${column} = ${column} - 600000 where ${column} is not null`);
  await before('launches', 'closed');
  await before('workers', 'stopped_at');
  await before('orphans', 'first_seen');
}

/** Terminates the worker's lifecycle, and closes its row or loses it. */
export async function orphan(system: System, worker: WorkerKey, how: 'closed' | 'lost'): Promise<void> {
  await system.temporal.workflow.getHandle(lifecycleId(worker)).terminate('by a test');
  // Lists lag behind, and a sweep reads one.
  const open = `WorkflowId = '${lifecycleId(worker)}' AND ExecutionStatus = 'Running'`;
  await system.waitFor(async () => (await system.temporal.workflow.count(open)).count === 0, 'the end in the list');
  const statement = {
    closed: `update workers set state = 'stopped', stopped_at = cast(extract(epoch from now()) * 1000 as bigint)
      where worker_id = $1`,
    lost: 'delete from workers where worker_id = $1',
  }[how];
  await system.query(statement, [worker.workerId]);
}

/**
 * The machine, an orphan, stays while a list is not complete, also when its removal is confirmed; that is said once.
 * `hide` makes it so, and gives what ends it.
 */
export async function expectHeldByIncompleteList(
  system: System,
  machineId: string,
  hide: () => Promise<() => Promise<unknown>>,
): Promise<void> {
  const lines = () =>
    system
      .process('worker')
      .output()
      .match(/"orphan-removals-held"/g)?.length ?? 0;
  await sweepOrphans(system);
  await letTimePass(system);
  const before = lines();
  const show = await hide();
  for (const request of [{}, {}, { confirmed: 5 }]) {
    expect(await sweepOrphans(system, request)).toMatchObject({ removed: 0, held: ['incomplete list'] });
  }
  const machines = await system.simulator.machines();
  expect(machines.find(({ instanceId }) => instanceId === machineId)).toMatchObject({ state: 'running' });
  expect(lines()).toBe(before + 1);
  await show();
}

export async function deploymentIdOf(system: System): Promise<string> {
  const [row] = await system.query<{ deployment_id: string }>('select deployment_id from deployment');
  return row!.deployment_id;
}

/** Makes a launch known to the database that never went through it: one that has ended long ago. */
export async function knowLaunch(
  system: System,
  { token, location }: { readonly token: string; readonly location: MachineLocation },
  workerPoolId: string,
): Promise<void> {
  const statement = `
    insert into launches (token, worker_pool_id, provider_id, launch_config_id, launch_config_revision, location, request,
      count, capacity_per_machine, status, attempts, created, closed, machines)
    select $1, worker_pool_id, provider_id, launch_config_id, launch_config_revision, cast($3 as jsonb), request, 1, 1, 'done', 1,
      created, created, 1
    from launches where worker_pool_id = $2 limit 1`;
  await system.query(statement, [token, workerPoolId, JSON.stringify(location)]);
}
