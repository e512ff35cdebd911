import type { FastifyInstance } from 'fastify';
import { recordAudit } from '../../database/audit.js';
import { getPool } from '../../database/pools.js';
import type { ApiContext } from '../http/context.js';
import { addOperation } from '../http/operation.js';
import { nameOf } from '../pools/submission.js';
import { empty, poolParams } from '../schemas/common.js';
import { noSuchPool } from '../pools/accepted.js';

/** Added to Taskcluster's calls (docs/taskcluster-compatibility.md#routes). */
export function addReconciliationOperations(api: FastifyInstance, { db, lifecycles, now }: ApiContext): void {
  addOperation(api, {
    name: 'reconcileWorkerPool',
    category: 'Worker Pools',
    stability: 'experimental',
    method: 'POST',
    path: '/worker-pool/:workerPoolId/reconcile',
    summary: 'Requests a reconciliation of a pool now; answers when that is on its way',
    params: poolParams,
    scopes: ({ workerPoolId }) => [`worker-manager:manage-worker-pool:${workerPoolId}`],
    response: empty,
    handle: async ({ params: { workerPoolId }, caller }) => {
      if (!(await getPool(db, workerPoolId))) throw noSuchPool(workerPoolId);
      await lifecycles.requestReconcile(workerPoolId, 'requested');
      const entity = { entityType: 'worker-pool', entityId: workerPoolId };
      await recordAudit(db, { ...entity, clientId: nameOf(caller), action: 'reconciled' }, now());
      return {};
    },
  });
}
