import type { CallClass } from '../providers/rate-limit.js';

/**
 * Names that operators and scripts rely on (ARCHITECTURE.md#names-in-temporal). Ids of workflows are in
 * `temporal/ids.ts`.
 */

export const workflowTypes = {
  watchDemand: 'watchDemand',
  watchWorkers: 'watchWorkers',
  poolCron: 'poolCron',
  provisionPool: 'provisionPool',
  workerLifecycle: 'workerLifecycle',
  scanProvider: 'scanProvider',
  sweep: 'sweep',
} as const;

export const RECONCILE_SIGNAL = 'reconcile';

/** Workflow tasks and everything that touches only the database. */
export const mainTaskQueue = (prefix: string): string => prefix;

/** One queue for each class of a provider's calls, so that deletes never wait behind creates. */
export const cloudTaskQueue = (prefix: string, providerId: string, callClass: CallClass): string =>
  `${prefix}-${providerId}-${callClass}`;
