/**
 * Names that outsiders rely on: identifiers of the wire protocol and ids of workflows and schedules.
 * The rules are Taskcluster's (docs/taskcluster-compatibility.md#identifiers).
 */

/** Providers, launch configs, worker groups and worker ids. Never a dot: they become words of a routing key. */
export const identifierPattern = /^[a-zA-Z0-9_-]{1,38}$/;
export const workerPoolIdPattern = /^[a-zA-Z0-9_-]{1,38}\/[a-z]([-a-z0-9]{0,36}[a-z0-9])?$/;

/** A pool that has this provider launches nothing and goes away with its last worker. */
export const NULL_PROVIDER = 'null-provider';

export interface WorkerKey {
  readonly workerPoolId: string;
  readonly workerGroup: string;
  readonly workerId: string;
}

export const lifecycleId = (worker: WorkerKey): string =>
  `worker/${worker.workerPoolId}/${worker.workerGroup}/${worker.workerId}`;

export const provisionId = (workerPoolId: string): string => `provision/${workerPoolId}`;
export const cronScheduleId = (workerPoolId: string): string => `cron/${workerPoolId}`;
export const scanScheduleId = (providerId: string): string => `scan/${providerId}`;
/** The scan that follows removals until none is left; fixed, so that any number of asks gives one. */
export const followScanId = (providerId: string): string => `scan/${providerId}/follow`;
export const DEMAND_SCHEDULE_ID = 'demand';
export const WORKERS_SCHEDULE_ID = 'workers';
export const SWEEP_SCHEDULE_ID = 'sweep';

/** A stable text form of a worker's key, for maps. */
export const workerKeyText = (worker: WorkerKey): string =>
  `${worker.workerPoolId}/${worker.workerGroup}/${worker.workerId}`;
