import { lifecycleId } from '../../temporal/ids.js';
import { type WorkerKey, workerKeyText } from '../../domain/ids.js';
import type { SweepFacts } from '../../domain/orphans.js';
import {
  isMissedTwice,
  missedStrays,
  type MissedLifecycle,
  type StrayLifecycle,
} from '../../domain/stray-lifecycles.js';
import { missedLifecycles, recordMissedLifecycles, workersWithoutRow } from '../../database/orphans.js';
import { logEvent } from '../../observability/log-events.js';
import { lifecycleRun, locationOfLifecycle } from '../../temporal/lifecycle-run.js';
import { LifecycleSignals } from '../../temporal/lifecycle-signals.js';
import type { ActivityDeps } from '../support/deps.js';
import { engineNow } from '../support/engine-clock.js';
import { FirstFailures } from '../support/first-failures.js';
import { inParallel } from '../support/in-parallel.js';

/** Lists of workflows lag behind, so that each of these is read by its id; what is left over counts as one. */
const MAX_READ = 200;
const READS_AT_ONCE = 8;
/** A lifecycle that has just begun may be about to write its row. */
const STRAY_AFTER_MS = 60_000;
const NO_ROW = 'its worker has no row and its machine is gone';

/** Open lifecycles of workers without a row. */
export class Strays {
  private readonly deps: ActivityDeps;
  private readonly lifecycles: LifecycleSignals;
  private readonly failing = new FirstFailures();

  constructor(deps: ActivityDeps) {
    this.deps = deps;
    this.lifecycles = new LifecycleSignals(deps.client);
  }

  private get db() {
    return this.deps.database.db;
  }

  /** `unread`: so many more may be. */
  async find(open: readonly WorkerKey[]): Promise<{ found: readonly StrayLifecycle[]; unread: number }> {
    const suspects = await workersWithoutRow(this.db, open);
    if (suspects.length === 0) return { found: [], unread: 0 };
    const missedSince = await missedLifecycles(this.db);
    const found: StrayLifecycle[] = [];
    let unread = Math.max(0, suspects.length - MAX_READ);
    await inParallel(suspects.slice(0, MAX_READ), READS_AT_ONCE, async (worker) => {
      try {
        const run = await lifecycleRun(this.deps.client, worker);
        if (!run?.isOpen || engineNow() - run.startedAt < STRAY_AFTER_MS) return;
        const { providerId, startedAt } = run;
        found.push({ ...worker, providerId, startedAt, missedSince: missedSince.get(workerKeyText(worker)) ?? null });
      } catch {
        unread += 1;
      }
    });
    return { found, unread };
  }

  /** Ends those whose machine is proven to be gone. Gives their number; one that cannot be ended keeps no other. */
  async end(strays: readonly StrayLifecycle[], { listings, begunAt }: SweepFacts, isDryRun: boolean): Promise<number> {
    if (listings.some(({ isComplete }) => !isComplete)) return 0;
    const providers = this.deps.providers.list();
    const withoutMachines = new Set(providers.flatMap(({ machines, providerId }) => (machines ? [] : [providerId])));
    const missed = missedStrays({ strays, listings, withoutMachines, begunAt });
    await recordMissedLifecycles(this.db, missed);
    let ended = 0;
    const due = isDryRun ? [] : missed.filter((stray) => isMissedTwice(stray, begunAt));
    await inParallel(due, READS_AT_ONCE, async (stray) => {
      if (await this.endOne(stray)) ended += 1;
    });
    return ended;
  }

  private async endOne(stray: MissedLifecycle): Promise<boolean> {
    const { workerPoolId, workerGroup, workerId } = stray;
    const logged = { workerPoolId, workerGroup, workerId, workflowId: lifecycleId(stray) };
    try {
      if (!(await this.hasNoMachine(stray))) return false;
      await this.lifecycles.observed(stray, { state: 'gone', reason: NO_ROW, at: engineNow() });
      // One that has not begun to build believes nothing that is said of its machine.
      await this.lifecycles.end(stray);
      logEvent(this.deps.log, 'stray-lifecycle-ended', logged);
      return true;
    } catch (error) {
      if (this.failing.isFirst(lifecycleId(stray)))
        logEvent(this.deps.log, 'stray-lifecycle-not-ended', { ...logged, err: error });
      return false;
    }
  }

  /** The last proof, whatever the tags of the machine say (ARCHITECTURE.md#gone). */
  private async hasNoMachine(stray: MissedLifecycle): Promise<boolean> {
    const machines = this.deps.providers.get(stray.providerId ?? '')?.machines;
    if (!machines) return true;
    const { workerGroup, workerId } = stray;
    const location = await locationOfLifecycle(this.deps.client, stray);
    return (await machines.get({ workerGroup, workerId, location })).state === 'gone';
  }
}
