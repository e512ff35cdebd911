import { setTimeout as delay } from 'node:timers/promises';
import { lifecycleTiming, registrationDeadline } from '../../domain/lifecycle.js';
import { DAY_MS } from '../../domain/durations.js';
import type { Orphan } from '../../domain/orphans.js';
import type { LaunchRow } from '../../database/client/schema.js';
import { inTransaction } from '../../database/client/sql.js';
import { getLaunch, recordLaunchedWorkers } from '../../database/launches.js';
import { recordAct } from '../../database/orphans.js';
import { getPool } from '../../database/pools.js';
import { logEvent } from '../../observability/log-events.js';
import { ProviderError } from '../../providers/errors.js';
import type { LaunchedMachine, MachineRef, Provider } from '../../providers/provider.js';
import { type LaunchContext, lifecycleInput, unwantedLifecycleInput } from '../../temporal/lifecycle-input.js';
import type { LifecycleInput } from '../../temporal/messages.js';
import { startLifecycle } from '../../temporal/start-lifecycle.js';
import type { Worker } from '../../domain/worker.js';
import type { ActivityDeps } from '../support/deps.js';
import { engineNow } from '../support/engine-clock.js';
import { loggedDeadline, loggedWorker } from '../support/worker-log.js';

/** Why a machine that nobody wants begins its life with its end. */
export const UNWANTED = 'found without an owner';
/** A resource that another one still holds is deleted a moment after that. */
const BUSY_WAIT_MS = 2_000;
const MAX_BUSY_WAITS = 8;

/** Who acts, for the record. */
export interface Actor {
  readonly runId: string;
  readonly workflowId: string;
}

/**
 * What the sweep does to one orphan. Each act goes through what is there already: adoption through the launch's own
 * path, removal of a machine through a lifecycle. Only what can have none (its worker has stopped, its pool is gone, no
 * machine is left) is deleted from here, and again by the next sweep while anything is listed.
 */
export class OrphanActs {
  private readonly deps: ActivityDeps;

  constructor(deps: ActivityDeps) {
    this.deps = deps;
  }

  private get db() {
    return this.deps.database.db;
  }

  /**
   * The machine gets its row and a lifecycle, as a machine of any launch; its pool's reconciliation ends the launch.
   */
  async adopt(orphan: Orphan, actor: Actor): Promise<void> {
    const recorded = await this.record(orphan, actor, 'adopted');
    if (recorded === 'poolless') throw new Error('its pool is gone');
    if (recorded === 'owned') return;
    const { worker, context } = recorded;
    await this.start(lifecycleInput(worker, context), actor);
  }

  async remove(orphan: Orphan, actor: Actor): Promise<void> {
    const { thing, launch, row } = orphan;
    if (thing.isMachine && launch !== null && row === null) {
      const recorded = await this.record(orphan, actor, 'removal');
      if (recorded === 'owned') return;
      if (recorded !== 'poolless') {
        const { worker, context } = recorded;
        return await this.start(unwantedLifecycleInput(worker, context, UNWANTED), actor);
      }
    }
    await recordAct(this.db, actOf(orphan, actor, 'removal', thing.steps.join(', ')));
    await this.deleteAll(orphan);
  }

  async failed(orphan: Orphan, actor: Actor, error: unknown): Promise<void> {
    const detail = error instanceof Error ? error.message : String(error);
    await recordAct(this.db, actOf(orphan, actor, 'failed', detail));
  }

  /**
   * Gives a machine of a known launch its row. `owned`: it has one by now, and whoever wrote that looks after it.
   * `poolless`: its pool is gone, and with it every lifecycle that it might have.
   */
  private async record(
    orphan: Orphan,
    actor: Actor,
    act: 'adopted' | 'removal',
  ): Promise<Recorded | 'owned' | 'poolless'> {
    const { thing } = orphan;
    const provider = this.deps.providers.get(thing.providerId);
    const launch = await getLaunch(this.db, thing.launchToken ?? '');
    if (!provider || !launch) throw new Error('its provider or its launch is not here');
    const pool = await getPool(this.db, launch.workerPoolId);
    if (!pool) return 'poolless';
    const machine = (await machinesOf(provider, launch)).find(({ workerId }) => workerId === thing.workerId);
    if (!machine) throw new Error('its launch does not show it');
    const nowMs = engineNow();
    const terminateAfter = registrationDeadline(
      nowMs,
      lifecycleTiming(pool.pool.config.lifecycle, this.deps.config.defaults),
    );
    const times = { nowMs, terminateAfter, expires: terminateAfter + 7 * DAY_MS };
    const worker = await inTransaction(this.db, async (trx) => {
      const workers = await recordLaunchedWorkers(trx, launch.token, [machine], times);
      const own = workers?.find(({ workerId, created }) => workerId === thing.workerId && created === nowMs);
      if (own) await recordAct(trx, actOf(orphan, actor, act, 'its row and its lifecycle'));
      return own ?? null;
    });
    if (worker === null) return 'owned';
    logEvent(this.deps.log, 'worker-requested', { ...loggedWorker(worker), ...loggedDeadline(worker) });
    return { worker, context: { pool: pool.pool, provider, launch, defaults: this.deps.config.defaults } };
  }

  /**
   * It may have had a lifecycle that was terminated, which the pool's reconciliation does not replace. One that was
   * started meanwhile is as good; the sweep starts what is missing after a crash.
   */
  private async start(input: LifecycleInput, { workflowId }: Actor): Promise<void> {
    const { taskQueuePrefix } = this.deps.config.temporal;
    await startLifecycle(this.deps.client, input, { startedBy: workflowId, taskQueuePrefix });
    this.deps.triggers.requestReconcileSoon(input.workerPoolId);
  }

  /** What belongs to no removal of a machine goes first: it may still create something. */
  private async deleteAll({ thing }: Orphan): Promise<void> {
    const machines = this.deps.providers.get(thing.providerId)?.machines;
    if (!machines) throw new Error(`Provider ${thing.providerId} is not configured here`);
    const { workerGroup, workerId, location, resourceIds } = thing;
    const ref: MachineRef = { workerGroup, workerId, location, ...(resourceIds.length > 0 && { resourceIds }) };
    const others = thing.steps.filter((step) => !machines.removalSteps.includes(step));
    const ordered = machines.removalSteps.filter((step) => thing.steps.includes(step));
    let accepted = 0;
    for (const step of [...others, ...ordered]) {
      try {
        await whenFree(() => machines.deleteResource(ref, step));
        accepted += 1;
      } catch (error) {
        // What is on its way still holds the rest: the next sweep's.
        if (accepted > 0 && isBusy(error)) return;
        throw error;
      }
    }
  }
}

const isBusy = (error: unknown): boolean => error instanceof ProviderError && error.code === 'Unavailable';

interface Recorded {
  readonly worker: Worker;
  readonly context: LaunchContext;
}

/** As the launch itself knows its machines. */
async function machinesOf({ launching }: Provider, launch: LaunchRow): Promise<readonly LaunchedMachine[]> {
  if (!launching) return [];
  return launching.kind === 'bulk' ? (await launching.find(launch)).machines : launching.machines(launch);
}

/** Repeats what another resource is in the way of, for a while. */
async function whenFree(work: () => Promise<void>): Promise<void> {
  for (let waits = 0; ; waits += 1) {
    try {
      return await work();
    } catch (error) {
      if (!isBusy(error) || waits === MAX_BUSY_WAITS) throw error;
    }
    await delay(BUSY_WAIT_MS);
  }
}

function actOf({ thing, launch }: Orphan, { runId }: Actor, act: 'adopted' | 'removal' | 'failed', detail: string) {
  const { providerId, thingId, launchToken } = thing;
  const workerPoolId = launch?.workerPoolId ?? null;
  return { at: engineNow(), runId, providerId, thingId, launchToken, workerPoolId, act, detail };
}
