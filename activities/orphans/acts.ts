import { setTimeout as delay } from 'node:timers/promises';
import { lifecycleTiming, registrationDeadline } from '../../domain/lifecycle.js';
import { DAY_MS } from '../../domain/durations.js';
import type { Orphan } from '../../domain/orphans.js';
import type { LaunchRow } from '../../database/client/schema.js';
import { inTransaction } from '../../database/client/sql.js';
import { getLaunch, recordLaunchedWorkers } from '../../database/launches.js';
import { lockPool, recordAct, recordUnwantedMachine } from '../../database/orphans.js';
import { getPool } from '../../database/pools.js';
import { supersedeReservations } from '../../database/reservations.js';
import { logEvent } from '../../observability/log-events.js';
import { aboutCalls } from '../../providers/shared/attempts.js';
import { ProviderError } from '../../providers/errors.js';
import type { LaunchedMachine, MachineRef, Provider } from '../../providers/provider.js';
import { lifecycleInput } from '../../temporal/lifecycle-input.js';
import { startLifecycle } from '../../temporal/start-lifecycle.js';
import type { Worker } from '../../domain/worker.js';
import type { WorkerPool } from '../../domain/worker-pool.js';
import type { ActivityDeps } from '../support/deps.js';
import { engineNow } from '../support/engine-clock.js';
import { loggedDeadline, loggedWorker } from '../support/worker-log.js';
import { poolWant } from './facts.js';

/** Why a machine that nobody wants begins its life with its end. */
const UNWANTED = 'found without an owner';
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
   * False: it has an owner by now, or its pool has launched what it wants.
   */
  async adopt(orphan: Orphan, actor: Actor): Promise<boolean> {
    const found = await this.find(orphan);
    if (found === null) throw new Error('its pool is gone');
    const { pool, launch, machine } = found;
    const nowMs = engineNow();
    const timing = lifecycleTiming(pool.config.lifecycle, this.deps.config.defaults);
    const terminateAfter = registrationDeadline(nowMs, timing);
    const times = { nowMs, terminateAfter, expires: terminateAfter + 7 * DAY_MS };
    const worker = await inTransaction(this.db, async (trx) => {
      // What its pool has reserved since the decision counts, and what it reserves next counts this machine.
      await lockPool(trx, pool.workerPoolId);
      const want = await poolWant(this.deps, trx, pool.workerPoolId, nowMs);
      // guard(adoption-counts-what-was-reserved-meanwhile): false
      if (!want || want.wantedCapacity <= 0 || want.roomCapacity < launch.capacityPerMachine) return null;
      const workers = await recordLaunchedWorkers(trx, launch.token, [machine], times);
      const own = workers?.find(({ workerId, created }) => workerId === machine.workerId && created === nowMs);
      if (!own) return null;
      await recordAct(trx, actOf(orphan, actor, 'adopted', 'its row and its lifecycle'));
      await supersedeReservations(trx);
      return own;
    });
    if (worker === null) return false;
    logEvent(this.deps.log, 'worker-requested', { ...loggedWorker(worker), ...loggedDeadline(worker) });
    await this.start(worker, found, actor);
    return true;
  }

  /** False: it has an owner by now. */
  async remove(orphan: Orphan, actor: Actor): Promise<boolean> {
    const { thing, launch, row } = orphan;
    const found = thing.isMachine && launch !== null && row === null ? await this.find(orphan) : null;
    if (found) return await this.endLife(orphan, found, actor);
    await recordAct(this.db, actOf(orphan, actor, 'removal', thing.steps.join(', ')));
    await this.deleteAll(orphan);
    return true;
  }

  private async endLife(orphan: Orphan, found: Found, actor: Actor): Promise<boolean> {
    const nowMs = engineNow();
    const times = { nowMs, expires: nowMs + 7 * DAY_MS, reason: UNWANTED };
    const worker = await inTransaction(this.db, async (trx) => {
      const own = await recordUnwantedMachine(trx, found.launch.token, found.machine, times);
      if (own) await recordAct(trx, actOf(orphan, actor, 'removal', 'its row and its lifecycle'));
      return own;
    });
    if (worker === null) return false;
    await this.start(worker, found, actor);
    return true;
  }

  async failed(orphan: Orphan, actor: Actor, error: unknown): Promise<void> {
    const detail = error instanceof Error ? error.message : String(error);
    await recordAct(this.db, actOf(orphan, actor, 'failed', detail));
  }

  /** A machine of a known launch, as the launch itself shows it. Null when its pool is gone, and all that it had. */
  private async find({ thing }: Orphan): Promise<Found | null> {
    const provider = this.deps.providers.get(thing.providerId);
    const launch = await getLaunch(this.db, thing.launchToken ?? '');
    if (!provider || !launch) throw new Error('its provider or its launch is not here');
    const pool = await getPool(this.db, launch.workerPoolId);
    if (!pool) return null;
    const machine = (await machinesOf(provider, launch)).find(({ workerId }) => workerId === thing.workerId);
    if (!machine) throw new Error('its launch does not show it');
    return { provider, launch, pool: pool.pool, machine };
  }

  /**
   * It may have had a lifecycle that was terminated, which the pool's reconciliation does not replace. One that was
   * started meanwhile is as good; the sweep starts what is missing after a crash.
   */
  private async start(worker: Worker, { pool, provider, launch }: Found, { workflowId }: Actor): Promise<void> {
    const { defaults, temporal } = this.deps.config;
    const input = lifecycleInput(worker, { pool, provider, launch, defaults });
    await startLifecycle(this.deps.client, input, { startedBy: workflowId, taskQueuePrefix: temporal.taskQueuePrefix });
    this.deps.triggers.requestReconcileSoon(input.workerPoolId, 'observed');
  }

  /** What belongs to no removal of a machine goes first: it may still create something. */
  private async deleteAll({ thing, launch }: Orphan): Promise<void> {
    const machines = this.deps.providers.get(thing.providerId)?.machines;
    if (!machines) throw new Error(`Provider ${thing.providerId} is not configured here`);
    const { workerGroup, workerId, location, resourceIds } = thing;
    // Nothing else that carries the worker's tags: it may be a copy.
    const ref: MachineRef = { workerGroup, workerId, location, exactly: resourceIds };
    const others = thing.steps.filter((step) => !machines.removalSteps.includes(step));
    const ordered = machines.removalSteps.filter((step) => thing.steps.includes(step));
    const subject = {
      launchToken: thing.launchToken,
      workerPoolId: launch?.workerPoolId ?? null,
      subjects: [workerId],
    };
    let accepted = 0;
    for (const step of [...others, ...ordered]) {
      try {
        await whenFree(() => aboutCalls(subject, () => machines.deleteResource(ref, step)));
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

interface Found {
  readonly provider: Provider;
  readonly launch: LaunchRow;
  readonly pool: WorkerPool;
  readonly machine: LaunchedMachine;
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
