import { estimatorInput } from '../../domain/capacity.js';
import { estimate } from '../../domain/estimator.js';
import { type WorkerKey, workerKeyText } from '../../domain/ids.js';
import type { KnownLaunch, KnownRow, PoolWant, SweepFacts } from '../../domain/orphans.js';
import type { StrayLifecycle } from '../../domain/stray-lifecycles.js';
import { type TaggedListing, type TaggedPart, thingsOf } from '../../domain/tagged-things.js';
import type { Db } from '../../database/client/schema.js';
import {
  knownLaunches,
  launchLocations,
  launchTokens,
  orphansFirstSeen,
  removalsOf,
  rowsOfLaunches,
} from '../../database/orphans.js';
import { poolSnapshot } from '../../database/pool-snapshot.js';
import { liveWorkerKeys } from '../../database/workers.js';
import type { Machines } from '../../providers/provider.js';
import { workerOfLifecycle } from '../../temporal/ids.js';
import { lifecycleRun } from '../../temporal/lifecycle-run.js';
import { openLifecycles } from '../../temporal/namespace.js';
import type { ActivityDeps } from '../support/deps.js';
import { engineNow } from '../support/engine-clock.js';
import { FirstFailures } from '../support/first-failures.js';
import { inParallel } from '../support/in-parallel.js';
import { timeLimit } from '../support/time-limit.js';
import { logEvent } from '../../observability/log-events.js';
import type { Strays } from './strays.js';

/** A provider whose list takes longer is not read to its end; the others are. */
const LIST_TIMEOUT_MS = 90_000;
const LIFECYCLES_TIMEOUT_MS = 60_000;
/** Reads of single lifecycles; there are few, or nothing is removed. */
const MAX_READ = 500;
const READS_AT_ONCE = 8;

/** Everything that the decision is made from. */
export class SweepFactsReader {
  private readonly deps: ActivityDeps;
  private readonly strays: Strays;
  private readonly failing = new FirstFailures();

  constructor(deps: ActivityDeps, strays: Strays) {
    this.deps = deps;
    this.strays = strays;
  }

  private get db() {
    return this.deps.database.db;
  }

  /** Throws when the database cannot be read: then nothing is decided. */
  async read(
    runId: string,
    confirmed: number | null,
  ): Promise<{ facts: SweepFacts; strays: readonly StrayLifecycle[] }> {
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
    const rows: KnownRow[] = [
      ...live.map((key) => ({ ...key, isLive: true, stoppedAt: null })),
      ...(await rowsOfLaunches(this.db, tokens)),
    ];
    rows.push(...(await this.endedWorkers(listings, launches, rows)));
    const pools = new Set(launches.map(({ workerPoolId }) => workerPoolId));
    const strays = open ? await this.strays.find(open) : { found: [], unread: 0 };
    const facts: SweepFacts = {
      ...{ listings, rows, begunAt, confirmed },
      launches: new Map(launches.map((launch) => [launch.token, launch])),
      pools: await this.wantsOf([...pools], begunAt),
      openLifecycles: open && new Set(open.map(workerKeyText)),
      strayLifecycles: strays.found.length + strays.unread,
      firstSeen: await orphansFirstSeen(this.db),
      alreadyRemoved: await removalsOf(this.db, runId),
    };
    return { facts, strays: strays.found };
  }

  /**
   * Machines without a row whose lifecycle has come to its end: their workers have stopped, and nothing leaves that
   * state. Their rows were deleted since.
   */
  private async endedWorkers(
    listings: readonly TaggedListing[],
    launches: readonly KnownLaunch[],
    rows: readonly KnownRow[],
  ): Promise<KnownRow[]> {
    const pools = new Map(launches.map(({ token, workerPoolId }) => [token, workerPoolId]));
    const named = new Set(rows.map(({ workerGroup, workerId }) => `${workerGroup}/${workerId}`));
    const ended: KnownRow[] = [];
    const rowless = listings
      .flatMap(({ things }) => things)
      .flatMap(({ workerGroup, workerId, launchToken, isMachine }): WorkerKey[] => {
        const workerPoolId = pools.get(launchToken ?? '');
        const mayHave = isMachine && workerPoolId !== undefined && !named.has(`${workerGroup}/${workerId}`);
        return mayHave ? [{ workerPoolId, workerGroup, workerId }] : [];
      });
    await inParallel(rowless.slice(0, MAX_READ), READS_AT_ONCE, async (worker) => {
      const stoppedAt = (await lifecycleRun(this.deps.client, worker))?.completedAt ?? null;
      if (stoppedAt !== null) ended.push({ ...worker, stoppedAt, isLive: false });
    });
    return ended;
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
      const want = await poolWant(this.deps, this.db, workerPoolId, nowMs);
      if (want) wants.set(workerPoolId, want);
    }
    return wants;
  }
}

/** What a reconciliation of the pool would find now; null when there is no such pool. */
export async function poolWant(
  { config }: Pick<ActivityDeps, 'config'>,
  db: Db,
  workerPoolId: string,
  nowMs: number,
): Promise<PoolWant | null> {
  const snapshot = await poolSnapshot(db, workerPoolId, nowMs);
  if (!snapshot) return null;
  const { pool, options, readings } = snapshot;
  const inputs = estimatorInput(pool, snapshot, readings?.latest ?? null);
  const { wantedCapacity, roomCapacity } = estimate(config.provisioning.estimator, inputs);
  const launchConfigIds = options.map(({ launchConfigId }) => launchConfigId);
  return { providerId: pool.providerId, wantedCapacity, roomCapacity, launchConfigIds };
}
