import taskcluster from 'taskcluster-client';
import type { Config } from '../config/schema.js';
import type { DemandSource } from './demand-source.js';

/** One look at one queue; the next is seconds away, so a slow answer is worth less than none. */
const TIMEOUT_MS = 10_000;

/** Counts of Taskcluster's queue (`taskQueueCounts`), by HTTP. */
export function taskclusterDemand({ demand, rootUrl }: Pick<Config, 'demand' | 'rootUrl'>): DemandSource {
  const queue = new taskcluster.Queue({
    rootUrl: demand.rootUrl ?? rootUrl,
    credentials: demand.credentials && { ...demand.credentials },
    timeout: TIMEOUT_MS,
    retries: 1,
  });
  return {
    async counts(workerPoolId) {
      const { pendingTasks, claimedTasks } = await queue.taskQueueCounts(workerPoolId);
      if (!isCount(pendingTasks) || !isCount(claimedTasks))
        throw new Error(`The queue's counts of ${workerPoolId} are no numbers`);
      return { pendingTasks, claimedTasks };
    },
  };
}

const isCount = (value: unknown): value is number => typeof value === 'number' && Number.isFinite(value) && value >= 0;
