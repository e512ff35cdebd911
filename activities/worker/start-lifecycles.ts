import type { WorkerKey } from '../../domain/ids.js';
import { lifecycleId } from '../../temporal/ids.js';
import { logEvent } from '../../observability/log-events.js';
import { getLaunch, workersOfLaunch } from '../../database/launches.js';
import { getPool } from '../../database/pools.js';
import { clearNotes } from '../../database/scans.js';
import { liveWorkerKeys } from '../../database/workers.js';
import { type LaunchContext, lifecycleInput } from '../../temporal/lifecycle-input.js';
import type { LifecycleInput } from '../../temporal/messages.js';
import { openLifecycles } from '../../temporal/namespace.js';
import { lifecycleRun } from '../../temporal/lifecycle-run.js';
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

/** Why a worker ends of which an older database says that it is alive. */
const ENDED_BEFORE = 'its lifecycle had ended already';

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
   * Starts a lifecycle for each live worker that has none, from its row: somebody terminated it, or the engine lost it.
   * One whose lifecycle has come to its end, which only an older database calls alive, gets one that ends it again.
   * A list of open lifecycles that lags behind does no harm, since one that is open is not started again.
   */
  missing(
    startedBy: string,
    limits?: { readonly listMs?: number; readonly startsMs?: number },
  ): Promise<MissingLifecycles>;
}

/** Starts are idempotent. One that fails keeps no other, is logged once, and is left to the sweep. */
export function lifecycleStarts(deps: ActivityDeps, timeouts = TIMEOUTS): LifecycleStarts {
  const starts = new Starts(deps, timeouts);
  return {
    ofLaunch: (token, startedBy) => withHeartbeat(() => starts.ofLaunch(token, startedBy)),
    missing: (startedBy) => withHeartbeat(() => starts.missing(startedBy)),
  };
}

class Starts {
  private readonly deps: ActivityDeps;
  private readonly timeouts: typeof TIMEOUTS;
  private readonly loadInput: ReturnType<typeof lifecycleInputLoader>;
  private readonly failing = new FirstFailures();

  constructor(deps: ActivityDeps, timeouts: typeof TIMEOUTS) {
    this.deps = deps;
    this.timeouts = timeouts;
    this.loadInput = lifecycleInputLoader(deps);
  }

  async ofLaunch(token: string, startedBy: string): Promise<boolean> {
    const { database, providers, config } = this.deps;
    const launch = await getLaunch(database.db, token);
    const pool = launch && (await getPool(database.db, launch.workerPoolId));
    const provider = launch && providers.get(launch.providerId);
    if (!launch || !pool || !provider) {
      const error = new Error('Its pool or provider is not here');
      this.noteFailure(`launch ${token}`, error, { workerPoolId: null, workerGroup: null, workerId: null });
      return true;
    }
    const context = { pool: pool.pool, provider, launch, defaults: config.defaults };
    return await this.startLaunched(token, context, startedBy);
  }

  async missing(startedBy: string): Promise<MissingLifecycles> {
    const { database, client, log } = this.deps;
    const nothing = { started: 0, failed: 0, impossible: [], left: 0 };
    // Rows first: a lifecycle that is started meanwhile is then in the list.
    const live = await liveWorkerKeys(database.db);
    if (live.length === 0) return nothing;
    const open = await openLifecycles(client, timeLimit(this.timeouts.listMs));
    // guard(incomplete-list-concludes-nothing): false
    if (!open.complete) {
      logEvent(log, 'lifecycle-list-incomplete', { listed: open.ids.size, live: live.length });
      return nothing;
    }
    return await this.startAll(
      live.filter((key) => !open.ids.has(lifecycleId(key))),
      startedBy,
      timeLimit(this.timeouts.startsMs),
    );
  }

  /** False when it has one, or has ended. */
  private start(input: LifecycleInput, startedBy: string, followsEnded = false): Promise<boolean> {
    const { client, config } = this.deps;
    const { taskQueuePrefix } = config.temporal;
    return startLifecycle(client, input, { startedBy, taskQueuePrefix, followsEnded });
  }

  private async startLaunched(token: string, context: LaunchContext, startedBy: string): Promise<boolean> {
    const isOver = timeLimit(this.timeouts.startsMs);
    const workers = (await workersOfLaunch(this.deps.database.db, token)).filter(({ state }) => state !== 'stopped');
    let left = 0;
    await inParallel(workers, STARTS_AT_ONCE, async (worker) => {
      if (isOver()) return void (left += 1);
      try {
        await this.start(lifecycleInput(worker, context), startedBy);
        this.failing.worked(lifecycleId(worker));
      } catch (error) {
        this.noteFailure(lifecycleId(worker), error, worker);
      }
    });
    return left === 0;
  }

  private async startAll(
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
        const outcome = await this.startMissing(key, startedBy);
        if (outcome === 'impossible') impossible.push(lifecycleId(key));
        if (outcome === 'started') counts.started += 1;
        this.failing.worked(lifecycleId(key));
      } catch (error) {
        counts.failed += 1;
        this.noteFailure(lifecycleId(key), error, key);
      }
    });
    return { ...counts, impossible: impossible.toSorted() };
  }

  /**
   * A lifecycle ends only after its row says stopped. A row that is alive after that is of a database that is older
   * than the end: a new lifecycle begins with the removal, and records it again once the cloud shows nothing.
   */
  private async startMissing(key: WorkerKey, startedBy: string): Promise<'started' | 'impossible' | 'none'> {
    const outcome = await this.startFromRow(key, startedBy, null);
    if (outcome !== 'exists') return outcome;
    const endedAt = (await lifecycleRun(this.deps.client, key))?.completedAt ?? null;
    if (endedAt === null) return 'none';
    // Rows after the end: one that has come to it meanwhile says so.
    const ending = await this.startFromRow(key, startedBy, endedAt);
    return ending === 'exists' ? 'none' : ending;
  }

  /** `endedAt`: of the lifecycle that it follows; null where it takes the place of one that did not come to its end. */
  private async startFromRow(
    key: WorkerKey,
    startedBy: string,
    endedAt: number | null,
  ): Promise<'started' | 'impossible' | 'none' | 'exists'> {
    const { database, log } = this.deps;
    const isEnding = endedAt !== null;
    const input = await this.loadInput(key, isEnding ? ENDED_BEFORE : undefined);
    if (input === 'stopped') return 'none';
    if (input === 'impossible') return 'impossible';
    if (!(await this.start(input, startedBy, isEnding))) return 'exists';
    // The new lifecycle has no observation yet: the next scan signals it what it sees.
    // guard(new-lifecycle-hears-everything): drop
    await clearNotes(database.db, [key]);
    const { workerPoolId, workerGroup, workerId } = key;
    const state = input.resumeFrom?.state ?? 'requested';
    const replaced = { workerPoolId, workerGroup, workerId, workflowId: lifecycleId(key), state };
    if (!isEnding) logEvent(log, 'lifecycle-replaced', replaced);
    else logEvent(log, 'worker-outlives-lifecycle', { ...replaced, ended: new Date(endedAt).toISOString() });
    return 'started';
  }

  private noteFailure(name: string, error: unknown, key: { [Part in keyof WorkerKey]: string | null }): void {
    if (!this.failing.isFirst(name)) return;
    const { workerPoolId, workerGroup, workerId } = key;
    logEvent(this.deps.log, 'lifecycle-start-failed', { start: name, workerPoolId, workerGroup, workerId, err: error });
  }
}
