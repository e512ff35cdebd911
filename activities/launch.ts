import { ApplicationFailure } from '@temporalio/common';
import { failureClassOf } from '../domain/backoff.js';
import { lifecycleTiming, registrationDeadline } from '../domain/lifecycle.js';
import { provisionId } from '../domain/ids.js';
import { LISTED_AFTER_MS } from '../domain/observation.js';
import type { LaunchOutcome } from '../domain/decision.js';
import { logEvent } from '../observability/log-events.js';
import { loggedDeadline, loggedWorker } from '../observability/worker-log.js';
import { ProviderError } from '../providers/errors.js';
import type { BulkLaunching, LaunchedMachine } from '../providers/provider.js';
import { failLaunch, noteShortage } from '../records/launch-failures.js';
import { beginAttempt, bookLaunch, settleAttempt, workersOfLaunch } from '../records/launches.js';
import type { LaunchRow } from '../records/schema.js';
import { getPool } from '../records/pools.js';
import { lifecycleCommon } from '../temporal/lifecycle-input.js';
import type { LaunchedGroup } from '../temporal/messages.js';
import { creationError } from './creation-error.js';
import type { ActivityDeps } from './deps.js';
import { toApplicationFailure } from './failures.js';
import { withHeartbeat } from './heartbeat.js';
import { logPoolError } from './log-pool-error.js';
import { restAfter } from './rest.js';

export interface LaunchActivities {
  /**
   * Carries out the launch of this token, as often as it takes: the same token, the same frozen request. Idempotent.
   * Throws when there is no answer yet; the intent stays open then, and a later pass goes on with it.
   */
  launchMachines(token: string): Promise<LaunchResult>;
}

export interface LaunchResult {
  readonly made: number;
  readonly outcome: LaunchOutcome['outcome'];
  readonly failure: string | null;
  /** The machines' lifecycles to start; null when they are too many to travel through a history. */
  readonly group: LaunchedGroup | null;
}

/** Launches up to this many machines give their names to the tick, which starts them as children. */
const MOST_NAMED = 25;
/** Clouds forget tokens after a day or so: an older launch is only looked for, never repeated. */
const TOKEN_GOOD_MS = 6 * 60 * 60_000;
const DAY_MS = 24 * 60 * 60_000;

export function launchActivities(deps: ActivityDeps): LaunchActivities {
  const { records, providers, config, log } = deps;
  const { db } = records;

  return {
    async launchMachines(token) {
      return await withHeartbeat(async () => {
        const begunAt = Date.now();
        const launch = await beginAttempt(db, token, begunAt);
        if (!launch) throw ApplicationFailure.nonRetryable(`There is no launch ${token}`, 'UnknownLaunch');
        if (launch.status === 'failed') return failed(launch.failure ?? 'failed before');
        if (launch.status !== 'open') return await booked(launch);
        const provider = providers.get(launch.providerId);
        const launching = provider?.launching;
        if (!launching) throw new Error(`Provider ${launch.providerId} cannot launch here`);
        if (launching.kind === 'stepwise') return await book(launch, launching.machines(launch));
        try {
          return await book(launch, await submit(launching, launch));
        } catch (error) {
          if (!(error instanceof ProviderError) || error.code === 'Unavailable') throw toApplicationFailure(error);
          return await settle(launching, launch, begunAt, error);
        }
      });
    },
  };

  /** One call to the cloud; none when the token is so old that the cloud may have forgotten it. */
  async function submit(launching: BulkLaunching, launch: LaunchRow): Promise<readonly LaunchedMachine[]> {
    const tooOld = launch.firstAttemptAt !== null && Date.now() - launch.firstAttemptAt > TOKEN_GOOD_MS;
    if (!tooOld) return await launching.submit(launch);
    throw new ProviderError({ code: 'TokenSpent', message: 'The launch is too old to be repeated' });
  }

  /**
   * The machines of earlier attempts. Lists show new machines late, so only all of them, or a list from long after the
   * last attempt, is an answer. Booking a part would leave the rest without an owner.
   */
  async function whatAttemptsMade(launching: BulkLaunching, launch: LaunchRow): Promise<readonly LaunchedMachine[]> {
    const found = await launching.find(launch);
    const settled = launch.lastAttemptAt === null || Date.now() - launch.lastAttemptAt >= LISTED_AFTER_MS;
    if (settled || found.length === launch.count) return found;
    throw ApplicationFailure.nonRetryable('An earlier attempt is still in doubt', 'InDoubt');
  }

  /** This attempt made nothing, and we know it. An earlier one may have made something all the same. */
  async function settle(
    launching: BulkLaunching,
    launch: LaunchRow,
    begunAt: number,
    error: ProviderError,
  ): Promise<LaunchResult> {
    const nowMs = Date.now();
    await settleAttempt(db, launch.token, { begunAt, before: launch.lastAttemptAt });
    if (error.retryable) throw toApplicationFailure(error);
    if (launch.doubtfulAttempts > 0 || error.code === 'TokenSpent') {
      const found = await whatAttemptsMade(launching, launch);
      if (found.length > 0) return await book(launch, found);
    }
    const poolError = creationError({ ...launch, error });
    const isNews = await failLaunch(db, launch.token, {
      ...restAfter(failureClassOf(error.code), nowMs),
      failure: error.message,
      error: poolError,
    });
    if (isNews) {
      logPoolError(log, poolError);
      logEnd(launch, 'failed', 0);
    }
    return failed(error.message);
  }

  async function book(launch: LaunchRow, machines: readonly LaunchedMachine[]): Promise<LaunchResult> {
    const nowMs = Date.now();
    const pool = await getPool(db, launch.workerPoolId);
    const timing = lifecycleTiming(pool?.pool.config.lifecycle, config.defaults);
    const terminateAfter = registrationDeadline(nowMs, timing);
    const times = { nowMs, terminateAfter, expires: terminateAfter + 7 * DAY_MS };
    const workers = await bookLaunch(db, launch.token, machines, times);
    // A repeat finds rows of an earlier instant.
    const fresh = workers.filter(({ created }) => created === nowMs);
    for (const row of fresh) logEvent(log, 'worker-requested', { ...loggedWorker(row), ...loggedDeadline(row) });
    if (fresh.length > 0) logEnd(launch, machines.length < launch.count ? 'short' : 'launched', machines.length);
    if (machines.length < launch.count) {
      const error = new ProviderError({
        code: 'InsufficientCapacity',
        title: 'Insufficient capacity',
        message: 'The cloud had room for fewer machines than were asked for',
      });
      const poolError = creationError({ ...launch, error });
      const isNews = await noteShortage(db, launch.token, {
        ...restAfter('capacity', nowMs),
        error: poolError,
      });
      if (isNews) logPoolError(log, poolError);
    }
    return await booked(launch);
  }

  function logEnd(launch: LaunchRow, outcome: LaunchOutcome['outcome'], made: number): void {
    const { workerPoolId, providerId, launchConfigId, token: launchToken, count: asked } = launch;
    const workflowId = provisionId(workerPoolId);
    const ids = { workerPoolId, workflowId, providerId, launchConfigId, launchToken };
    logEvent(log, 'launch-ended', { ...ids, outcome, asked, made });
  }

  async function booked(launch: LaunchRow): Promise<LaunchResult> {
    const workers = await workersOfLaunch(db, launch.token);
    const living = workers.filter(({ state }) => state !== 'stopped');
    const made = workers.length;
    const outcome = made < launch.count ? 'short' : 'launched';
    const result = { made, outcome, failure: null } as const;
    // One that has registered meanwhile has another deadline.
    const first = living.find(({ state }) => state === 'requested') ?? living[0];
    const pool = await getPool(db, launch.workerPoolId);
    const provider = providers.get(launch.providerId);
    if (!first || !pool || !provider || made > MOST_NAMED) return { ...result, group: null };
    const context = { pool: pool.pool, provider, launch, defaults: config.defaults };
    return {
      ...result,
      group: {
        common: lifecycleCommon(first, context),
        workers: living.map(({ workerGroup, workerId }) => ({ workerGroup, workerId })),
      },
    };
  }
}

const failed = (failure: string): LaunchResult => ({ made: 0, outcome: 'failed', failure, group: null });
