import type { WorkerKey } from '../domain/ids.js';

/**
 * Ids of workflows and Schedules: operators and scripts rely on them (ARCHITECTURE.md#names-in-temporal), and running
 * deployments are found by them.
 */

export const lifecycleId = (worker: WorkerKey): string =>
  `worker/${worker.workerPoolId}/${worker.workerGroup}/${worker.workerId}`;

export const provisionId = (workerPoolId: string): string => `provision/${workerPoolId}`;
export const cronScheduleId = (workerPoolId: string): string => `cron/${workerPoolId}`;
export const scanScheduleId = (providerId: string): string => `scan/${providerId}`;
/** The scan that follows removals until none is left; fixed, so that any number of triggers gives one. */
export const fastScanId = (providerId: string): string => `scan/${providerId}/follow`;
export const DEMAND_SCHEDULE_ID = 'demand';
export const WORKERS_SCHEDULE_ID = 'workers';
export const SWEEP_SCHEDULE_ID = 'sweep';
