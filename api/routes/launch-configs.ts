import type { FastifyInstance } from 'fastify';
import { Type } from 'typebox';
import { listLaunchConfigs } from '../../database/launch-configs.js';
import { getPool } from '../../database/pools.js';
import type { ApiContext } from '../http/context.js';
import { addOperation } from '../http/operation.js';
import { pagingQuery } from '../http/paging.js';
import { flag, poolParams } from '../schemas/common.js';
import { launchConfigList } from '../schemas/pools.js';
import { toLaunchConfigResponse } from '../schemas/serialization.js';
import { noSuchPool } from '../pools/accepted.js';

export function addLaunchConfigOperations(api: FastifyInstance, { db, pagingOf }: ApiContext): void {
  const paging = pagingOf('launch-configs');
  addOperation(api, {
    name: 'listWorkerPoolLaunchConfigs',
    category: 'Worker Pool Launch Configs',
    stability: 'experimental',
    method: 'GET',
    path: '/worker-pool/:workerPoolId/launch-configs',
    summary: 'Launch configs of a pool, by id',
    params: poolParams,
    query: { ...pagingQuery, includeArchived: Type.Optional(flag) },
    scopes: ({ workerPoolId }) => [`worker-manager:get-worker-pool:${workerPoolId}`],
    response: launchConfigList,
    handle: async ({ params: { workerPoolId }, query }) => {
      const page = paging.page(query);
      if (!(await getPool(db, workerPoolId))) throw noSuchPool(workerPoolId);
      const filter = { includeArchived: query.includeArchived === 'true' };
      const { items, after } = await listLaunchConfigs(db, workerPoolId, filter, page);
      return { workerPoolLaunchConfigs: items.map(toLaunchConfigResponse), ...paging.continuation(after) };
    },
  });
}
