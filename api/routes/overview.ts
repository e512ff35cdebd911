import type { FastifyInstance } from 'fastify';
import { noWorkers, poolCounters, type StateCounts } from '../../database/counts.js';
import { ALL_POOLS, listHolds } from '../../database/holds.js';
import {
  backedOffPools,
  errorsOfLastHour,
  type PoolBackoff,
  type PoolOverview,
  poolOverviews,
} from '../../database/overview.js';
import type { Hold } from '../../database/client/schema.js';
import type { ApiContext } from '../http/context.js';
import { addOperation } from '../http/operation.js';
import { SharedAnswer } from '../http/shared-answers.js';
import { type Overview, overview, type PoolRow } from '../schemas/overview.js';
import { iso } from '../schemas/serialization.js';

/** Pools that one answer shows. */
const MAX_POOLS = 2000;
const OVERVIEW_SHARED_MS = 1000;

export const overviewScopes: readonly string[] = ['worker-manager:list-worker-pools'];

/** Added to Taskcluster's calls (docs/taskcluster-compatibility.md#routes). */
export function addOverviewOperations(api: FastifyInstance, shared: SharedAnswer<Overview>): void {
  addOperation(api, {
    name: 'workerPoolOverview',
    category: 'Worker Pools',
    stability: 'experimental',
    method: 'GET',
    path: '/overview',
    summary: 'What waits, what runs and what is wrong, of all pools, a second old at most',
    scopes: () => overviewScopes,
    response: overview,
    handle: () => shared.get(),
  });
}

export const sharedOverview = (context: ApiContext): SharedAnswer<Overview> =>
  new SharedAnswer(() => readOverview(context), OVERVIEW_SHARED_MS);

async function readOverview({ db, counters, temporalUiUrl, now }: ApiContext): Promise<Overview> {
  const at = now();
  const [pools, counts, holds, errors, backoffs] = await Promise.all([
    poolOverviews(db, MAX_POOLS + 1, null),
    counters.get(),
    listHolds(db),
    errorsOfLastHour(db, at),
    backedOffPools(db, at),
  ]);
  const held = new Map(holds.map((hold) => [hold.scope, hold]));
  return {
    at: iso(at),
    pools: pools
      .slice(0, MAX_POOLS)
      .map((pool) => toPoolRow(pool, counts.get(pool.workerPoolId), { held, errors, backoffs })),
    isComplete: pools.length <= MAX_POOLS,
    temporalUiUrl,
  };
}

/** The same of one pool; null when there is no such pool. */
export async function readPoolRow({ db, now }: ApiContext, workerPoolId: string): Promise<PoolRow | null> {
  const [pools, counts, holds, errors, backoffs] = await Promise.all([
    poolOverviews(db, 1, workerPoolId),
    poolCounters(db, [workerPoolId]),
    listHolds(db),
    errorsOfLastHour(db, now()),
    backedOffPools(db, now()),
  ]);
  const held = new Map(holds.map((hold) => [hold.scope, hold]));
  return pools[0] ? toPoolRow(pools[0], counts.get(workerPoolId), { held, errors, backoffs }) : null;
}

function toPoolRow(
  pool: PoolOverview,
  counts: StateCounts = noWorkers,
  {
    held,
    errors,
    backoffs,
  }: {
    held: ReadonlyMap<string, Hold>;
    errors: ReadonlyMap<string, number>;
    backoffs: ReadonlyMap<string, PoolBackoff>;
  },
): PoolRow {
  const { workerPoolId, providerId, maxCapacity, pendingTasks, claimedTasks, polledAt, decidedAt } = pool;
  const backoff = backoffs.get(workerPoolId) ?? null;
  const hold = held.get(workerPoolId) ?? held.get(ALL_POOLS) ?? null;
  return {
    ...{ workerPoolId, providerId, pendingTasks, claimedTasks },
    maxCapacity: typeof maxCapacity === 'number' ? maxCapacity : null,
    polledAt: polledAt === null ? null : iso(polledAt),
    requested: counts.requestedCount,
    running: counts.runningCount,
    stopping: counts.stoppingCount,
    stopped: counts.stoppedCount,
    errorsLastHour: errors.get(workerPoolId) ?? 0,
    hold: hold && { clientId: hold.clientId, reason: hold.reason, since: iso(hold.at) },
    wantedCapacity: pool.wantedCapacity,
    limitedBy: [...(pool.limitedBy ?? [])],
    decidedAt: decidedAt === null ? null : iso(decidedAt),
    backoff: backoff && { failureClass: backoff.failureClass, until: iso(backoff.until) },
  };
}
