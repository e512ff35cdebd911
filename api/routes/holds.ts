import type { FastifyInstance } from 'fastify';
import { logEvent } from '../../observability/log-events.js';
import { ALL_POOLS, hold, listHolds, release } from '../../database/holds.js';
import { getPool } from '../../database/pools.js';
import type { ApiContext } from '../http/context.js';
import { addOperation } from '../http/operation.js';
import { nameOf } from '../pools/submission.js';
import { empty, poolParams } from '../schemas/common.js';
import { holdList, holdRequest } from '../schemas/pools.js';
import { iso } from '../schemas/serialization.js';
import { noSuchPool } from '../pools/accepted.js';

/**
 * A held scope launches nothing; everything else goes on. Added to Taskcluster's calls
 * (docs/taskcluster-compatibility.md#routes).
 */
export function addHoldOperations(api: FastifyInstance, context: ApiContext): void {
  addPoolHolds(api, context);
  addHoldsOfAll(api, context);
}

function addPoolHolds(api: FastifyInstance, context: ApiContext): void {
  const { db, now } = context;
  const ofPool = {
    path: '/worker-pool/:workerPoolId/hold',
    params: poolParams,
    scopes: ({ workerPoolId }: { workerPoolId: string }) => [`worker-manager:manage-worker-pool:${workerPoolId}`],
    response: empty,
  };

  addOperation(api, {
    ...ofPool,
    name: 'holdWorkerPool',
    category: 'Worker Pools',
    stability: 'experimental',
    method: 'PUT',
    summary: 'Holds a pool: it launches nothing until it is released',
    body: holdRequest,
    handle: async ({ params: { workerPoolId }, body, caller }) => {
      if (!(await getPool(db, workerPoolId))) throw noSuchPool(workerPoolId);
      await hold(db, workerPoolId, { reason: body.reason, clientId: nameOf(caller), nowMs: now() });
      return {};
    },
  });
  addOperation(api, {
    ...ofPool,
    name: 'releaseWorkerPool',
    category: 'Worker Pools',
    stability: 'experimental',
    method: 'DELETE',
    summary: 'Releases a held pool; one that is not held is no error',
    handle: async ({ params: { workerPoolId }, caller, log }) => {
      if (!(await getPool(db, workerPoolId))) throw noSuchPool(workerPoolId);
      await release(db, workerPoolId, { clientId: nameOf(caller), nowMs: now() });
      await context.lifecycles.requestReconcile(workerPoolId, 'released').catch((error: unknown) => {
        logEvent(log, 'pool-change-signal-failed', { workerPoolId, err: error });
      });
      return {};
    },
  });
}

function addHoldsOfAll(api: FastifyInstance, { db, now }: ApiContext): void {
  addOperation(api, {
    name: 'listHolds',
    category: 'Worker Pools',
    stability: 'experimental',
    method: 'GET',
    path: '/holds',
    summary: 'What is held, by whom and why; the scope * is every pool',
    scopes: () => ['worker-manager:list-worker-pools'],
    response: holdList,
    handle: async () => {
      const holds = await listHolds(db);
      return { holds: holds.map(({ at, ...held }) => ({ ...held, since: iso(at) })) };
    },
  });

  const ofAll = {
    path: '/hold',
    scopes: () => ['worker-manager:manage-worker-pool:*'],
    response: empty,
  };

  addOperation(api, {
    ...ofAll,
    name: 'holdAll',
    category: 'Worker Pools',
    stability: 'experimental',
    method: 'PUT',
    summary: 'Holds every pool',
    body: holdRequest,
    handle: async ({ body, caller }) => {
      await hold(db, ALL_POOLS, { reason: body.reason, clientId: nameOf(caller), nowMs: now() });
      return {};
    },
  });
  addOperation(api, {
    ...ofAll,
    name: 'releaseAll',
    category: 'Worker Pools',
    stability: 'experimental',
    method: 'DELETE',
    summary: 'Releases what holdAll held; pools held on their own stay so',
    handle: async ({ caller }) => {
      await release(db, ALL_POOLS, { clientId: nameOf(caller), nowMs: now() });
      return {};
    },
  });
}
