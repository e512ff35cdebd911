import type { WorkerKey } from '../../domain/ids.js';
import { lifecycleId } from '../../temporal/ids.js';
import { logEvent } from '../../observability/log-events.js';
import { getLaunch, workersOfLaunch } from '../../database/launches.js';
import { getPool } from '../../database/pools.js';
import { clearNotes } from '../../database/scans.js';
import { liveWorkerKeys } from '../../database/workers.js';
import { type LaunchContext, lifecycleInput } from '../../temporal/lifecycle-input.js';
import { openLifecycles } from '../../temporal/namespace.js';
import { startLifecycle } from '../../temporal/start-lifecycle.js';
import type { ActivityDeps } from '../support/deps.js';
import { FirstFailures } from '../support/first-failures.js';
import { withHeartbeat } from '../support/heartbeat.js';
import { inParallel } from '../support/in-parallel.js';
import { timeLimit } from '../support/time-limit.js';
import { lifecycleInputLoader } from './lifecycle-input-loader.js';

/** Measured: 500 starts at 32 at a time take 4 to 6 s; more at once gain nothing. */
const STARTS_AT_ONCE = 32;
/** After this long no further start begins, or no further page is read. The activities' own time limits are longer. */
const TIMEOUTS = { startsMs: 90_000, listMs: 90_000 };

export interface MissingLifecycles {
  readonly started: number;
  /** Their start failed; the next sweep tries again. */
  readonly failed: number;
  /** Their pool or provider is not here. */
  readonly impossible: readonly string[];
  /** The next sweep's: the time was over. */
  readonly left: number;
}

export interface LifecycleStarts {
  /** Starts the lifecycles of all machines of a launch. False: the time was over before all were tried. */
  ofLaunch(token: string, startedBy: string): Promise<boolean>;
  /**
   * Starts a lifecycle for each live worker that has none, from its row: somebody terminated it, or the engine lost it. A
   * list of open lifecycles that lags behind does no harm, since one that is open is not started again.
   */
  missing(
    startedBy: string,
    limits?: { readonly listMs?: number; readonly startsMs?: number },
  ): Promise<MissingLifecycles>;
}

/** Starts are idempotent. One that fails keeps no other, is logged once, and is left to the sweep. */
export function lifecycleStarts(deps: ActivityDeps, timeouts = TIMEOUTS): LifecycleStarts {
  const { database, providers, config, client, log } = deps;
  const { db } = database;
  const { taskQueuePrefix } = config.temporal;
  const loadInput = lifecycleInputLoader(deps);
  const failing = new FirstFailures();

  return {
    ofLaunch: (token, startedBy) =>
      withHeartbeat(async () => {
        const launch = await getLaunch(db, token);
        const pool = launch && (await getPool(db, launch.workerPoolId));
        const provider = launch && providers.get(launch.providerId);
        if (!launch || !pool || !provider) {
          const error = new Error('Its pool or provider is not here');
          noteFailure(`launch ${token}`, error, { workerPoolId: null, workerGroup: null, workerId: null });
          return true;
        }
        const context = { pool: pool.pool, provider, launch, defaults: config.defaults };
        return await startLaunched(token, context, startedBy);
      }),

    missing: (startedBy) =>
      withHeartbeat(async () => {
        const nothing = { started: 0, failed: 0, impossible: [], left: 0 };
        // Rows first: a lifecycle that is started meanwhile is then in the list.
        const live = await liveWorkerKeys(db);
        if (live.length === 0) return nothing;
        const open = await openLifecycles(client, timeLimit(timeouts.listMs));
        // guard(incomplete-list-concludes-nothing): false
        if (!open.complete) {
          logEvent(log, 'lifecycle-list-incomplete', { listed: open.ids.size, live: live.length });
          return nothing;
        }
        return await startAll(
          live.filter((key) => !open.ids.has(lifecycleId(key))),
          startedBy,
          timeLimit(timeouts.startsMs),
        );
      }),
  };

  async function startLaunched(token: string, context: LaunchContext, startedBy: string): Promise<boolean> {
    const isOver = timeLimit(timeouts.startsMs);
    const workers = (await workersOfLaunch(db, token)).filter(({ state }) => state !== 'stopped');
    let left = 0;
    await inParallel(workers, STARTS_AT_ONCE, async (worker) => {
      if (isOver()) return void (left += 1);
      try {
        await startLifecycle(client, lifecycleInput(worker, context), { startedBy, taskQueuePrefix });
        failing.worked(lifecycleId(worker));
      } catch (error) {
        noteFailure(lifecycleId(worker), error, worker);
      }
    });
    return left === 0;
  }

  async function startAll(
    keys: readonly WorkerKey[],
    startedBy: string,
    isOver: () => boolean,
  ): Promise<MissingLifecycles> {
    const impossible: string[] = [];
    const counts = { started: 0, failed: 0, left: 0 };
    await inParallel(keys, STARTS_AT_ONCE, async (key) => {
      // guard(missing-starts-are-bounded): false
      if (isOver()) return void (counts.left += 1);
      try {
        const outcome = await startMissing(key, startedBy);
        if (outcome === 'impossible') impossible.push(lifecycleId(key));
        if (outcome === 'started') counts.started += 1;
        failing.worked(lifecycleId(key));
      } catch (error) {
        counts.failed += 1;
        noteFailure(lifecycleId(key), error, key);
      }
    });
    return { ...counts, impossible: impossible.toSorted() };
  }

  async function startMissing(key: WorkerKey, startedBy: string): Promise<'started' | 'impossible' | 'none'> {
    const input = await loadInput(key);
    if (input === 'stopped') return 'none';
    if (input === 'impossible') return 'impossible';
    if (!(await startLifecycle(client, input, { startedBy, taskQueuePrefix }))) return 'none';
    // The new lifecycle has heard of nothing: the next scan tells it what it sees.
    // guard(new-lifecycle-hears-everything): drop
    await clearNotes(db, [key]);
    const { workerPoolId, workerGroup, workerId } = key;
    const state = input.resumeFrom?.state ?? 'requested';
    logEvent(log, 'lifecycle-replaced', { workerPoolId, workerGroup, workerId, workflowId: lifecycleId(key), state });
    return 'started';
  }

  function noteFailure(name: string, error: unknown, key: { [Part in keyof WorkerKey]: string | null }): void {
    if (!failing.isFirst(name)) return;
    const { workerPoolId, workerGroup, workerId } = key;
    logEvent(log, 'lifecycle-start-failed', { start: name, workerPoolId, workerGroup, workerId, err: error });
  }
}
