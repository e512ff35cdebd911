import { createHash } from 'node:crypto';
import { ScheduleNotFoundError } from '@temporalio/client';
import { failureClassOf } from '../domain/backoff.js';
import type { Decision, DecisionInputs, LaunchOutcome } from '../domain/decision.js';
import { type EstimatorKind, estimate } from '../domain/estimator.js';
import { cronScheduleId, NULL_PROVIDER, provisionId } from '../domain/ids.js';
import { isOverdue } from '../domain/launch.js';
import { type LaunchConfigOption, smallestMachine } from '../domain/selection.js';
import { advise, decideTerminations, groupCandidates } from '../domain/termination.js';
import { logEvent } from '../observability/log-events.js';
import { ProviderError } from '../providers/errors.js';
import { capacityPerInstance } from '../domain/worker-pool.js';
import { recordDecision } from '../records/decisions.js';
import { poolFacts, type UnfinishedLaunch as RecordedLaunch } from '../records/facts.js';
import { dropLaunches, recordLaunchFailure } from '../records/launch-failures.js';
import { finishLaunches, reserveLaunches, type NewLaunch } from '../records/launches.js';
import { getPool } from '../records/pools.js';
import { setShouldTerminate, terminationCandidates } from '../records/terminations.js';
import { creationError } from './creation-error.js';
import type { ActivityDeps } from './deps.js';
import { reportLaunches } from './launch-report.js';
import { logPoolError } from './log-pool-error.js';
import { restAfter } from './rest.js';
import { lifecycleStarts } from './start-lifecycles.js';

export interface PoolActivities {
  /** Everything a pass needs to know, in a few KiB; null when the pool does not exist any more. */
  assessPool(workerPoolId: string): Promise<PoolFacts | null>;
  /** Writes the intents, within the deployment's limits. Idempotent by token. */
  reserveLaunches(request: ReserveRequest): Promise<Reserved>;
  /** Gives up intents that were never sent; a blocked pool launches nothing. */
  dropLaunches(tokens: readonly string[]): Promise<void>;
  /** Tells the owner of each of these launches, once, that it has been in doubt for too long. */
  reportLaunches(tokens: readonly string[], nowMs: number): Promise<void>;
  /**
   * Starts the lifecycles of a launch's machines; those that have been started stay as they are. False: the time was over
   * before all were tried.
   */
  startLifecycles(token: string, startedBy: string): Promise<boolean>;
  /** Ends a pass: tells running workers whether to stop when idle, closes the launches, writes the decision down. */
  concludePass(workerPoolId: string, decision: Omit<Decision, 'terminations'>): Promise<void>;
}

export interface PoolFacts {
  readonly workerPoolId: string;
  readonly estimator: EstimatorKind;
  readonly inputs: DecisionInputs;
  readonly options: readonly LaunchConfigOption[];
  readonly unfinished: readonly UnfinishedLaunch[];
  /** Why nothing may be launched, in words; empty when it may. */
  readonly blockedBy: readonly string[];
  /** Providers that this deployment can call. */
  readonly providers: readonly string[];
}

export interface PendingLaunch {
  readonly token: string;
  readonly providerId: string;
  readonly launchConfigId: string;
  readonly count: number;
}

export interface UnfinishedLaunch extends PendingLaunch {
  /** No attempt of it can have made anything: a blocked pool gives it up. */
  readonly neverSent?: boolean;
  /** Not carried on before; null or absent: at once. */
  readonly nextAttemptAt?: number | null;
  /** It has been in doubt for too long, and its owner has not heard of it. */
  readonly isUnreported?: boolean;
}

export interface ReserveRequest {
  readonly workerPoolId: string;
  readonly tokenPrefix: string;
  readonly choices: readonly {
    readonly launchConfigId: string;
    readonly revision: number;
    readonly machines: number;
  }[];
  readonly mostMachines: number;
}

export interface Reserved {
  readonly launches: readonly PendingLaunch[];
  /** Orders that can never be sent. */
  readonly refused: readonly LaunchOutcome[];
  readonly limitedBy: readonly string[];
}

export function poolActivities(deps: ActivityDeps): PoolActivities {
  const { config, records, providers, demand, client, log } = deps;
  const { db } = records;
  const starts = lifecycleStarts(deps);

  return {
    async assessPool(workerPoolId) {
      const nowMs = Date.now();
      const [facts, counts, paused] = await Promise.all([
        poolFacts(db, workerPoolId, nowMs),
        // The decision says that they could not be read; the poll of all pools logs it once.
        demand.counts(workerPoolId).catch(() => null),
        isSchedulePaused(workerPoolId),
      ]);
      if (!facts) return null;
      const { providerId } = facts.pool;
      const provider = providers.get(providerId);
      const blockedBy: string[] = [];
      if (facts.hold) blockedBy.push(`held: ${facts.hold.reason}`);
      if (paused) blockedBy.push('held: its cron Schedule is paused');
      if (!counts) blockedBy.push('its demand cannot be read');
      if (providerId === NULL_PROVIDER) blockedBy.push('the pool has been deleted');
      else if (!provider) blockedBy.push(`provider ${providerId} is not configured`);
      else if (providers.state(providerId).state === 'failed') blockedBy.push(`provider ${providerId} is not healthy`);
      else if (providers.isDraining(providerId)) blockedBy.push(`provider ${providerId} is draining`);
      else if (!provider.launching) blockedBy.push(`provider ${providerId} launches nothing by itself`);
      return {
        workerPoolId,
        estimator: config.provisioning.estimator,
        inputs: {
          providerId,
          pendingTasks: counts?.pendingTasks ?? null,
          claimedTasks: counts?.claimedTasks ?? null,
          requestedCapacity: facts.requestedCapacity,
          runningCapacity: facts.runningCapacity,
          stoppingCapacity: facts.stoppingCapacity,
          quarantinedCapacity: facts.quarantinedCapacity,
          inDoubtCapacity: facts.inDoubtCapacity,
          currentCapacity: facts.currentCapacity,
          minCapacity: facts.pool.config.minCapacity ?? 0,
          maxCapacity: facts.pool.config.maxCapacity ?? 0,
          scalingRatio: facts.pool.config.scalingRatio ?? 1,
        },
        options: facts.options,
        unfinished: facts.unfinished.map((launch) => unfinishedLaunch(launch, nowMs)),
        blockedBy,
        providers: providers.list().map((each) => each.providerId),
      };
    },

    async reserveLaunches({ workerPoolId, tokenPrefix, choices, mostMachines }) {
      const pool = await getPool(db, workerPoolId);
      const launching = pool && providers.get(pool.pool.providerId)?.launching;
      if (!pool || !launching) return { launches: [], refused: [], limitedBy: ['the pool has changed'] };

      const refused: LaunchOutcome[] = [];
      const orders: NewLaunch[] = [];
      let left = mostMachines;
      for (const { launchConfigId, revision, machines } of choices) {
        const launchConfig = pool.launchConfigs.find((each) => each.launchConfigId === launchConfigId);
        // Edited since it was chosen: the next pass sees the new one.
        if (launchConfig?.revision !== revision) continue;
        for (let missing = Math.min(machines, left); missing > 0; missing -= launching.maxPerLaunch) {
          const token = `${tokenPrefix}.${orders.length + refused.length}`;
          const count = Math.min(missing, launching.maxPerLaunch);
          const order = {
            token,
            workerPoolId,
            owner: pool.pool.owner,
            launchConfigId,
            configuration: launchConfig.configuration,
          };
          const freeze = (allowed: number) => launching.freeze({ ...order, count: allowed });
          try {
            freeze(count);
          } catch (error) {
            if (!(error instanceof ProviderError)) throw error;
            await noteRefusal(workerPoolId, launchConfigId, revision, error);
            refused.push({ token, launchConfigId, asked: count, made: 0, outcome: 'failed', failure: error.message });
            break;
          }
          orders.push({
            token,
            launchConfigId,
            launchConfigRevision: revision,
            capacityPerMachine: capacityPerInstance(launchConfig.configuration),
            count,
            freeze,
          });
          left -= count;
        }
      }
      const providerId = pool.pool.providerId;
      const reserved = await reserveLaunches(db, {
        workerPoolId,
        providerId,
        orders,
        limits: config.limits,
        nowMs: Date.now(),
      });
      return {
        launches: reserved.launches.map(({ token, count }) => ({
          token,
          providerId,
          count,
          launchConfigId: orders.find((order) => order.token === token)?.launchConfigId ?? '',
        })),
        refused,
        limitedBy: reserved.brake ? [`limits.${reserved.brake}`] : [],
      };
    },

    async dropLaunches(tokens) {
      await dropLaunches(db, tokens, Date.now());
    },

    reportLaunches: (tokens, nowMs) => reportLaunches(deps, tokens, nowMs),

    startLifecycles: (token, startedBy) => starts.ofLaunch(token, startedBy),

    async concludePass(workerPoolId, decision) {
      const nowMs = Date.now();
      const { inputs } = decision;
      let terminations = 0;
      if (inputs.pendingTasks !== null && inputs.claimedTasks !== null) {
        const candidates = await terminationCandidates(db, workerPoolId);
        const options = (await poolFacts(db, workerPoolId, nowMs))?.options ?? [];
        const advice = advise({
          pool: inputs,
          estimate: estimate(config.provisioning.estimator, inputs),
          groups: groupCandidates(candidates),
          machineCapacity: smallestMachine(options, inputs.maxCapacity),
          previousSurplus: Number.POSITIVE_INFINITY,
        });
        const decisions = advice ? decideTerminations(candidates, advice) : [];
        terminations = decisions.filter(({ terminate }) => terminate).length;
        if (decisions.length > 0) await setShouldTerminate(db, workerPoolId, decisions, nowMs);
      }
      const booked = decision.launches.filter(({ made }) => made > 0).map(({ token }) => token);
      if (booked.length > 0) await finishLaunches(db, booked, nowMs);
      const full: Decision = { ...decision, terminations };
      await recordDecision(db, workerPoolId, full, { fingerprint: fingerprint(full), nowMs });
      if (decision.launches.length > 0) logDecision(workerPoolId, full);
    },
  };

  function logDecision(workerPoolId: string, { inputs, launches, limitedBy }: Decision): void {
    const { providerId, pendingTasks, claimedTasks, requestedCapacity, runningCapacity, stoppingCapacity } = inputs;
    const existingCapacity = requestedCapacity + runningCapacity;
    logEvent(log, 'worker-pool-provisioned', {
      ...{ workerPoolId, workflowId: provisionId(workerPoolId), providerId, pendingTasks, claimedTasks },
      ...{ existingCapacity, requestedCapacity, stoppingCapacity },
      asked: launches.reduce((sum, { asked }) => sum + asked, 0),
      made: launches.reduce((sum, { made }) => sum + made, 0),
      limitedBy,
    });
  }

  /** An order that can never be sent: its launch config rests, and its owner hears of it. */
  async function noteRefusal(
    workerPoolId: string,
    launchConfigId: string,
    revision: number,
    error: ProviderError,
  ): Promise<void> {
    const poolError = creationError({ workerPoolId, launchConfigId, error });
    await recordLaunchFailure(db, {
      ...restAfter(failureClassOf(error.code), Date.now()),
      workerPoolId,
      launchConfigId,
      revision,
      error: poolError,
    });
    logPoolError(log, poolError);
  }

  /** Operators pause a pool's cron in the Temporal UI to hold it. */
  async function isSchedulePaused(workerPoolId: string): Promise<boolean> {
    try {
      return (await client.schedule.getHandle(cronScheduleId(workerPoolId)).describe()).state.paused;
    } catch (error) {
      if (error instanceof ScheduleNotFoundError) return false;
      throw error;
    }
  }
}

const unfinishedLaunch = (launch: RecordedLaunch, nowMs: number): UnfinishedLaunch => ({
  token: launch.token,
  providerId: launch.providerId,
  launchConfigId: launch.launchConfigId,
  count: launch.count,
  neverSent: launch.status === 'open' && launch.doubtfulAttempts === 0,
  // One whose machines have their rows only waits for their lifecycles.
  nextAttemptAt: launch.status === 'open' ? launch.nextAttemptAt : null,
  isUnreported: launch.status === 'open' && launch.reportedAt === null && isOverdue(launch, nowMs),
});

/** Launches have names of their own; what they were about decides whether two decisions are the same. */
function fingerprint({ launches, ...decision }: Decision): string {
  const anonymous = launches.map(({ token: _token, ...launch }) => launch);
  return createHash('sha256')
    .update(JSON.stringify({ ...decision, launches: anonymous }))
    .digest('hex');
}
