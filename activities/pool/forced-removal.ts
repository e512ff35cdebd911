import { capacityBounds } from '../../domain/capacity.js';
import { decideForcedRemovals, type ForcedRemoval } from '../../domain/forced-removal.js';
import { runningCandidates, runningMachines } from '../../database/forced-removal.js';
import { poolSnapshot } from '../../database/pool-snapshot.js';
import { logEvent } from '../../observability/log-events.js';
import { LifecycleNotFoundError, LifecycleSignals } from '../../temporal/lifecycle-signals.js';
import type { ActivityDeps } from '../support/deps.js';
import { engineNow } from '../support/engine-clock.js';
import { withHeartbeat } from '../support/heartbeat.js';
import { inParallel } from '../support/in-parallel.js';
import type { PoolActivities } from './types.js';

const QUEUE_TIMEOUT_MS = 10_000;
const REMOVALS_AT_ONCE = 8;

/** One wave: the end of a worker triggers its pool, and with it the next. */
export function removeByForce(deps: ActivityDeps): PoolActivities['removeByForce'] {
  const { database, client, log } = deps;
  const { db } = database;
  const lifecycles = new LifecycleSignals(client);

  return (workerPoolId) => withHeartbeat(() => removeSome(workerPoolId));

  async function removeSome(workerPoolId: string): Promise<number> {
    const removals = await decide(workerPoolId);
    let removed = 0;
    let failure: unknown = null;
    await inParallel(removals, REMOVALS_AT_ONCE, async ({ workerGroup, workerId, reason }) => {
      try {
        await lifecycles.remove({ workerPoolId, workerGroup, workerId }, `removed by force: ${reason}`);
        removed += 1;
      } catch (error) {
        // Its launch's reconciliation or the sweep starts it.
        if (!(error instanceof LifecycleNotFoundError)) failure ??= error;
      }
    });
    if (removals.length > 0)
      logEvent(log, 'workers-removed-by-force', { workerPoolId, due: removals.length, removed, err: failure });
    return removed;
  }

  async function decide(workerPoolId: string): Promise<readonly ForcedRemoval[]> {
    const nowMs = engineNow();
    const snapshot = await poolSnapshot(db, workerPoolId, nowMs);
    // guard(a-held-pool-removes-nobody): use !snapshot?.pool.config.forcedRemoval
    if (!snapshot?.pool.config.forcedRemoval || snapshot.hold) return [];
    const { pool, requestedCapacity, runningCapacity, quarantinedCapacity, inDoubtCapacity } = snapshot;
    const { maxCapacity } = capacityBounds(pool.providerId, pool.config);
    const existing = requestedCapacity + runningCapacity + quarantinedCapacity + inDoubtCapacity;
    const candidates = await runningCandidates(db, workerPoolId, nowMs);
    const undecided = { candidates: candidates.map(withBusy(null)), excessCapacity: existing - maxCapacity };
    const machines = await runningMachines(db, workerPoolId);
    // Most of the time there is nobody to ask the queue about.
    if (decideForcedRemovals({ ...undecided, ...machines }).length === 0) return [];
    const busy = await claimants(workerPoolId);
    return decideForcedRemovals({ ...undecided, ...machines, candidates: candidates.map(withBusy(busy)) });
  }

  /** Names of those with a task; null when the queue does not say, or not all. */
  async function claimants(workerPoolId: string): Promise<ReadonlySet<string> | null> {
    try {
      const { entries, complete } = await deps.demand.claimants(workerPoolId, AbortSignal.timeout(QUEUE_TIMEOUT_MS));
      return complete ? new Set(entries.map(nameOf)) : null;
    } catch {
      return null;
    }
  }
}

interface Named {
  readonly workerGroup: string;
  readonly workerId: string;
}

const nameOf = ({ workerGroup, workerId }: Named): string => `${workerGroup}/${workerId}`;

const withBusy =
  (busy: ReadonlySet<string> | null) =>
  <Candidate extends Named>(candidate: Candidate) => ({
    ...candidate,
    busy: busy && busy.has(nameOf(candidate)),
  });
