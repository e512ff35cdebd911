import { capacityBounds } from '../../domain/capacity.js';
import { capacityOf, estimate } from '../../domain/estimator.js';
import { type WorkerKey, workerKeyText } from '../../domain/ids.js';
import { type PoolWant, type SweepFacts, type TaggedListing, type TaggedPart, thingsOf } from '../../domain/orphans.js';
import {
  knownLaunches,
  launchLocations,
  launchTokens,
  orphansFirstSeen,
  rowsOfLaunches,
  workersWithoutRow,
} from '../../database/orphans.js';
import { poolSnapshot } from '../../database/pool-snapshot.js';
import { liveWorkerKeys } from '../../database/workers.js';
import type { Machines } from '../../providers/provider.js';
import { workerOfLifecycle } from '../../temporal/ids.js';
import { openLifecycles, startOfLifecycle } from '../../temporal/namespace.js';
import type { ActivityDeps } from '../support/deps.js';
import { engineNow } from '../support/engine-clock.js';
import { FirstFailures } from '../support/first-failures.js';
import { timeLimit } from '../support/time-limit.js';
import { logEvent } from '../../observability/log-events.js';

/** A provider whose list takes longer is not read to its end; the others are. */
const LIST_TIMEOUT_MS = 90_000;
const LIFECYCLES_TIMEOUT_MS = 60_000;
/**
 * Lists of workflows lag behind: a lifecycle without a row is asked for by its id, and one that has just begun may
 * write it.
 */
const MAX_DESCRIBED = 20;
const STRAY_AFTER_MS = 60_000;

/** Everything that the decision is made from. */
export class SweepFactsReader {
  private readonly deps: ActivityDeps;
  private readonly failing = new FirstFailures();

  constructor(deps: ActivityDeps) {
    this.deps = deps;
  }

  private get db() {
    return this.deps.database.db;
  }

  /** Throws when the database cannot be read: then nothing is decided. */
  async read(confirmed: number | null): Promise<SweepFacts> {
    const begunAt = engineNow();
    // Lifecycles and clouds before rows: what has got its row meanwhile has an owner.
    const [open, listings] = await Promise.all([this.readLifecycles(), this.listAll()]);
    const live = await liveWorkerKeys(this.db);
    const owned = new Set(live.map(({ workerGroup, workerId }) => `${workerGroup}/${workerId}`));
    const tokens = listings
      .flatMap(({ things }) => things)
      .flatMap(({ workerGroup, workerId, launchToken }) =>
        launchToken === null || owned.has(`${workerGroup}/${workerId}`) ? [] : launchToken,
      );
    const launches = await knownLaunches(this.db, tokens);
    const rows = [
      ...live.map((key) => ({ ...key, isLive: true, stoppedAt: null })),
      ...(await rowsOfLaunches(this.db, tokens)),
    ];
    const pools = new Set(launches.map(({ workerPoolId }) => workerPoolId));
    return {
      ...{ listings, rows, begunAt, confirmed },
      launches: new Map(launches.map((launch) => [launch.token, launch])),
      pools: await this.wantsOf([...pools], begunAt),
      openLifecycles: open && new Set(open.map(workerKeyText)),
      strayLifecycles: open ? await this.countStray(open) : 0,
      firstSeen: await orphansFirstSeen(this.db),
    };
  }

  /** Null when the list was not read to its end. */
  private async readLifecycles(): Promise<WorkerKey[] | null> {
    const isOver = timeLimit(LIFECYCLES_TIMEOUT_MS);
    const { ids, complete } = await openLifecycles(this.deps.client, isOver).catch(() => ({
      ids: [],
      complete: false,
    }));
    return complete ? [...ids].flatMap((id) => workerOfLifecycle(id) ?? []) : null;
  }

  private async listAll(): Promise<TaggedListing[]> {
    const clouds = this.deps.providers
      .list()
      .flatMap(({ providerId, machines }) => (machines ? [{ providerId, machines }] : []));
    return await Promise.all(clouds.map(({ providerId, machines }) => this.listOne(providerId, machines)));
  }

  /** What was listed until the end, or until it failed. */
  private async listOne(providerId: string, machines: Machines): Promise<TaggedListing> {
    const parts: TaggedPart[] = [];
    const isOver = timeLimit(LIST_TIMEOUT_MS);
    let isComplete = false;
    try {
      const locations = await launchLocations(this.db, providerId);
      for await (const page of machines.inventory(locations, () => launchTokens(this.db, providerId))) {
        parts.push(...page);
        if (isOver()) throw new Error(`the list took longer than ${LIST_TIMEOUT_MS / 1_000} s`);
      }
      isComplete = true;
      this.failing.worked(providerId);
    } catch (error) {
      if (this.failing.isFirst(providerId))
        logEvent(this.deps.log, 'orphan-list-incomplete', { providerId, err: error });
    }
    return { providerId, isComplete, things: thingsOf(providerId, parts) };
  }

  private async wantsOf(workerPoolIds: readonly string[], nowMs: number): Promise<Map<string, PoolWant>> {
    const wants = new Map<string, PoolWant>();
    for (const workerPoolId of workerPoolIds) {
      const snapshot = await poolSnapshot(this.db, workerPoolId, nowMs);
      if (!snapshot) continue;
      const { pool, options, readings } = snapshot;
      const { pendingTasks, claimedTasks } = readings?.latest ?? { pendingTasks: null, claimedTasks: null };
      const { wantedCapacity, roomCapacity } = estimate(this.deps.config.provisioning.estimator, {
        ...{ pendingTasks, claimedTasks },
        ...capacityOf(snapshot),
        ...capacityBounds(pool.providerId, pool.config),
        scalingRatio: pool.config.scalingRatio ?? 1,
      });
      const launchConfigIds = options.map(({ launchConfigId }) => launchConfigId);
      wants.set(workerPoolId, { providerId: pool.providerId, wantedCapacity, roomCapacity, launchConfigIds });
    }
    return wants;
  }

  /** Open lifecycles without a row, as far as it takes to know that there are some. */
  private async countStray(open: readonly WorkerKey[]): Promise<number> {
    const missing = await workersWithoutRow(this.db, open);
    const verdicts = await Promise.all(missing.slice(0, MAX_DESCRIBED).map((worker) => this.isStray(worker)));
    return verdicts.filter(Boolean).length;
  }

  private async isStray(worker: WorkerKey): Promise<boolean> {
    const startedAt = await startOfLifecycle(this.deps.client, worker);
    return startedAt !== null && engineNow() - startedAt >= STRAY_AFTER_MS;
  }
}
