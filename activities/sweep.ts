import { Context } from '@temporalio/activity';
import { logEvent } from '../observability/log-events.js';
import { expireRows, removeArchivedLaunchConfigs, removeDeletedPools } from '../records/retention.js';
import { vacuum } from '../records/vacuum.js';
import { listPoolIds } from '../records/pools.js';
import { reconcileSchedules } from '../temporal/reconcile-schedules.js';
import type { ActivityDeps } from './deps.js';
import { withHeartbeat } from './heartbeat.js';
import { scannedProviders } from './scan.js';
import { startMissingLifecycles } from './start-lifecycles.js';

export interface SweepActivities {
  /** Removes what has outlived its time: stopped workers, errors, decisions, deleted pools that nothing uses. */
  expireRows(): Promise<void>;
  /** Gives every live worker that has lost its lifecycle a new one, and says how many. */
  startMissingLifecycles(): Promise<number>;
  /** Makes the Schedules match the records. */
  reconcileSchedules(): Promise<void>;
}

export function sweepActivities(deps: ActivityDeps): SweepActivities {
  const { config, records, providers, client, log } = deps;
  return {
    async expireRows() {
      const removed = await withHeartbeat(async () => {
        await expireRows(records.db, config.retention, Date.now());
        await removeArchivedLaunchConfigs(records.db);
        return await removeDeletedPools(records.db);
      });
      for (const workerPoolId of removed) logEvent(log, 'worker-pool-gone', { workerPoolId });
      await withHeartbeat(() => vacuum(records));
    },

    async startMissingLifecycles() {
      const startedBy = Context.current().info.workflowExecution?.workflowId ?? 'sweep';
      return await withHeartbeat(() => startMissingLifecycles(deps, startedBy));
    },

    async reconcileSchedules() {
      const { taskQueuePrefix } = config.temporal;
      const { deploymentId } = records.deployment;
      await withHeartbeat(() =>
        reconcileSchedules(
          { client, deploymentId, taskQueuePrefix, intervals: config.intervals },
          { workerPoolIds: () => listPoolIds(records.db), providerIds: scannedProviders(providers) },
        ),
      );
    },
  };
}
