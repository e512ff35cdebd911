import type { FastifyInstance } from 'fastify';
import { endBackoff } from '../../database/backoff-end.js';
import { getPool } from '../../database/pools.js';
import { logEvent } from '../../observability/log-events.js';
import type { ApiContext } from '../http/context.js';
import { notFound } from '../http/errors.js';
import { addOperation } from '../http/operation.js';
import { noSuchPool } from '../pools/accepted.js';
import { nameOf } from '../pools/submission.js';
import { empty, identifier, poolParams } from '../schemas/common.js';

/** Added to Taskcluster's calls (docs/taskcluster-compatibility.md#routes). */
export function addBackoffOperations(api: FastifyInstance, { db, lifecycles, now }: ApiContext): void {
  addOperation(api, {
    name: 'endLaunchConfigBackoff',
    category: 'Worker Pool Launch Configs',
    stability: 'experimental',
    method: 'DELETE',
    path: '/worker-pool/:workerPoolId/launch-configs/:launchConfigId/backoff',
    summary: 'Ends the backoff of a launch config, which is tried at once; one that does not back off is no error',
    params: { ...poolParams, launchConfigId: identifier },
    scopes: ({ workerPoolId }) => [`worker-manager:manage-worker-pool:${workerPoolId}`],
    response: empty,
    handle: async ({ params: { workerPoolId, launchConfigId }, caller, log }) => {
      const pool = await getPool(db, workerPoolId);
      if (!pool) throw noSuchPool(workerPoolId);
      if (!pool.launchConfigs.some((each) => each.launchConfigId === launchConfigId))
        throw notFound(`The pool ${workerPoolId} has no active launch config ${launchConfigId}.`);
      const ended = await endBackoff(db, { workerPoolId, launchConfigId, clientId: nameOf(caller), nowMs: now() });
      if (!ended) return {};
      await lifecycles.requestReconcile(workerPoolId, 'released').catch((error: unknown) => {
        logEvent(log, 'pool-change-signal-failed', { workerPoolId, err: error });
      });
      return {};
    },
  });
}
