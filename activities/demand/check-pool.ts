import { makeReadingDue } from '../../database/demand-readings.js';
import { poolCapacity } from '../../database/pool-snapshot.js';
import type { ActivityDeps } from '../support/deps.js';
import { decidePoll } from './poll-decision.js';

/** An answer that comes later than this is the next poll's. */
const COUNTS_TIMEOUT_MS = 5_000;

/**
 * One pool between two polls, because tasks of it have come: what a poll does for it, but for the reading, which stands
 * for the time between two polls. The next poll reads the queue for it in any case.
 */
export async function checkPool(deps: ActivityDeps, workerPoolId: string): Promise<void> {
  const { database, demand, providers, triggers } = deps;
  const nowMs = Date.now();
  const providerIds = providers.list().map(({ providerId }) => providerId);
  const [pool, counts] = await Promise.all([
    poolCapacity(database.db, workerPoolId, { nowMs, providerIds }),
    // Polls log a queue that does not answer.
    demand.counts(workerPoolId, AbortSignal.timeout(COUNTS_TIMEOUT_MS)).catch(() => null),
  ]);
  if (!pool) return;
  const { triggered } = decidePoll(deps, pool, counts, nowMs);
  await Promise.all([
    makeReadingDue(database.db, workerPoolId),
    triggered ? triggers.requestReconcile(workerPoolId, 'message') : undefined,
  ]);
}
