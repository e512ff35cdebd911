import type { FastifyInstance } from 'fastify';
import { launchConfigStats, noWorkers } from '../../database/counts.js';
import { getPool, listPoolProviders } from '../../database/pools.js';
import type { ApiContext } from '../http/context.js';
import { addOperation } from '../http/operation.js';
import { pagingQuery } from '../http/paging.js';
import { poolParams } from '../schemas/common.js';
import { poolListStats, poolStats } from '../schemas/pools.js';
import { noSuchPool } from '../pools/accepted.js';

/** Name under which workers without a launch config are counted. */
const NO_LAUNCH_CONFIG = 'unknown';

export function addStatsOperations(api: FastifyInstance, { db, counters: shared, pagingOf }: ApiContext): void {
  const paging = pagingOf('pools');
  addOperation(api, {
    name: 'workerPoolStats',
    category: 'Worker Pools',
    stability: 'experimental',
    method: 'GET',
    path: '/worker-pool/:workerPoolId/stats',
    summary: 'Workers of a pool by launch config and state',
    params: poolParams,
    scopes: ({ workerPoolId }) => [`worker-manager:get-worker-pool:${workerPoolId}`],
    response: poolStats,
    handle: async ({ params: { workerPoolId } }) => {
      if (!(await getPool(db, workerPoolId))) throw noSuchPool(workerPoolId);
      const stats = await launchConfigStats(db, workerPoolId);
      const entries = stats.length > 0 ? stats : [{ launchConfigId: null, ...noWorkers }];
      return {
        launchConfigStats: entries.map(({ launchConfigId, ...counters }) => ({
          workerPoolId,
          launchConfigId: launchConfigId ?? NO_LAUNCH_CONFIG,
          ...counters,
        })),
      };
    },
  });

  addOperation(api, {
    name: 'listWorkerPoolsStats',
    category: 'Worker Pools',
    stability: 'experimental',
    method: 'GET',
    path: '/worker-pools/stats',
    summary: 'Workers of all pools by state',
    query: pagingQuery,
    scopes: () => ['worker-manager:list-worker-pools'],
    response: poolListStats,
    handle: async ({ query }) => {
      const { items, after } = await listPoolProviders(db, paging.page(query));
      const counters = await shared.get();
      return {
        workerPoolsStats: items.map(({ workerPoolId }) => ({
          workerPoolId,
          ...(counters.get(workerPoolId) ?? noWorkers),
        })),
        ...paging.continuation(after),
      };
    },
  });
}
