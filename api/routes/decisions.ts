import type { FastifyInstance } from 'fastify';
import { listDecisions } from '../../database/decisions.js';
import { getPool } from '../../database/pools.js';
import type { ApiContext } from '../http/context.js';
import { addOperation } from '../http/operation.js';
import { pagingQuery } from '../http/paging.js';
import { poolParams } from '../schemas/common.js';
import { decisionList } from '../schemas/pools.js';
import { iso } from '../schemas/serialization.js';
import { noSuchPool } from '../pools/accepted.js';

export function addDecisionOperations(api: FastifyInstance, { db, pagingOf }: ApiContext): void {
  const paging = pagingOf('decisions');
  addOperation(api, {
    name: 'listWorkerPoolDecisions',
    category: 'Worker Pools',
    stability: 'experimental',
    method: 'GET',
    path: '/worker-pool/:workerPoolId/decisions',
    summary: 'Why a pool has, or has not, got more machines; newest first',
    params: poolParams,
    query: pagingQuery,
    scopes: ({ workerPoolId }) => [`worker-manager:get-worker-pool:${workerPoolId}`],
    response: decisionList,
    handle: async ({ params: { workerPoolId }, query }) => {
      const page = paging.page(query);
      if (!(await getPool(db, workerPoolId))) throw noSuchPool(workerPoolId);
      const { items, after } = await listDecisions(db, workerPoolId, page);
      return {
        decisions: items.map((row) => ({ ...row, firstAt: iso(row.firstAt), lastAt: iso(row.lastAt) })),
        ...paging.continuation(after),
      };
    },
  });
}
