import type { WorkerKey } from '../domain/ids.js';

/**
 * Ids of workflows and Schedules: operators and scripts rely on them (ARCHITECTURE.md#names-in-temporal), and running
 * deployments are found by them.
 */

export const lifecycleId = (worker: WorkerKey): string =>
  `worker/${worker.workerPoolId}/${worker.workerGroup}/${worker.workerId}`;

/**
 * The worker that a lifecycle's id names; null where it names none. No part of the key but the pool's id has a slash.
 */
export function workerOfLifecycle(workflowId: string): WorkerKey | null {
  const [kind, owner, name, workerGroup, workerId, ...rest] = workflowId.split('/');
  if (kind !== 'worker' || rest.length > 0 || workerGroup === undefined || workerId === undefined) return null;
  return { workerPoolId: `${owner}/${name}`, workerGroup, workerId };
}

export const provisionId = (workerPoolId: string): string => `provision/${workerPoolId}`;
export const cronScheduleId = (workerPoolId: string): string => `cron/${workerPoolId}`;
export const scanScheduleId = (providerId: string): string => `scan/${providerId}`;
/** The scan that follows removals until none is left; fixed, so that any number of triggers gives one. */
export const fastScanId = (providerId: string): string => `scan/${providerId}/follow`;
export const DEMAND_SCHEDULE_ID = 'demand';
export const WORKERS_SCHEDULE_ID = 'workers';
export const SWEEP_SCHEDULE_ID = 'sweep';
/** The sweep of orphans that an operator wants: one at a time. */
export const ORPHAN_SWEEP_ID = 'sweep/orphans';
