import { readFileSync } from 'node:fs';
import type { FastifyInstance } from 'fastify';
import { noWorkers } from '../../records/counts.js';
import { latestDecisions } from '../../records/decisions.js';
import { ALL_POOLS, listHolds } from '../../records/holds.js';
import { listPools, poolCounters } from '../../records/pools.js';
import type { ApiContext } from '../context.js';
import { requireScopes } from '../operation.js';

const page = readFileSync(new URL('../page/index.html', import.meta.url), 'utf8');
/** Pools that the page shows. */
const MOST_POOLS = 1000;

/** `GET /` for people, what it shows as JSON, and the API's description. */
export function addFrontPage(app: FastifyInstance, context: ApiContext): void {
  app.get('/', { schema: { hide: true }, config: { operation: 'frontPage', isPublic: true } }, (_request, reply) =>
    reply.type('text/html; charset=utf-8').send(page),
  );
  app.get('/overview.json', { schema: { hide: true }, config: { operation: 'overview' } }, async (request) => {
    requireScopes(request.caller, ['worker-manager:list-worker-pools']);
    return overview(context);
  });
  app.get('/openapi.json', { schema: { hide: true }, config: { operation: 'openapi', isPublic: true } }, async () =>
    app.swagger(),
  );
}

async function overview({ db, temporalUiUrl }: ApiContext) {
  const { items } = await listPools(db, { limit: MOST_POOLS, after: null });
  const ids = items.map(({ pool }) => pool.workerPoolId);
  const [counters, decisions, holds] = await Promise.all([poolCounters(db, ids), latestDecisions(db), listHolds(db)]);
  const lastOf = new Map(decisions.map((row) => [row.workerPoolId, row]));
  const held = new Set(holds.map(({ scope }) => scope));
  return {
    temporalUiUrl,
    pools: items.map(({ pool: { workerPoolId, providerId } }) => {
      const { requestedCount, runningCount, stoppingCount, stoppedCount } = counters.get(workerPoolId) ?? noWorkers;
      const decision = lastOf.get(workerPoolId);
      return {
        workerPoolId,
        providerId,
        // As the pool's last look saw it; null when it has not looked or could not.
        pending: decision?.decision.inputs.pendingTasks ?? null,
        lookedAt: decision?.lastAt ?? null,
        requested: requestedCount,
        running: runningCount,
        stopping: stoppingCount,
        stopped: stoppedCount,
        held: held.has(workerPoolId) || held.has(ALL_POOLS),
      };
    }),
  };
}
