import {
  ActivityCancellationType,
  ActivityFailure,
  condition,
  proxyActivities,
  workflowInfo,
} from '@temporalio/workflow';
import type { LaunchActivities, LaunchResult, PendingLaunch } from '../../activities/pool/types.js';
import type { LaunchOutcome } from '../../domain/decision-record.js';
import { LAUNCH_ATTEMPT_TIMEOUT_MS } from '../../domain/launch.js';
import { cloudTaskQueue } from '../../temporal/names.js';
import { MAX_CHILDREN, startLifecycles } from './start-lifecycles.js';

/**
 * The launches that a run has sent and that have no outcome yet. A reconciliation waits for each only for a while; then
 * the launch goes on beside it and beside those that follow, so that a region without an answer holds nobody.
 */
export class LaunchesInFlight {
  private readonly inFlight = new Map<string, Promise<LaunchOutcome>>();
  private readonly onLateOutcome: () => void;
  private childrenLeft = MAX_CHILDREN;

  /**
   * `onLateOutcome` is called when a launch that nobody waited for any more has its outcome: it is the next
   * reconciliation's.
   */
  constructor(onLateOutcome: () => void) {
    this.onLateOutcome = onLateOutcome;
  }

  has(token: string): boolean {
    return this.inFlight.has(token);
  }

  get isEmpty(): boolean {
    return this.inFlight.size === 0;
  }

  /** Sends a launch, starts its lifecycles, and gives its outcome: `unfinished` when there is none within `waitMs`. */
  async launch(launch: PendingLaunch, options: { mayLaunch: boolean; waitMs: number }): Promise<LaunchOutcome> {
    const { token } = launch;
    let isAwaited = true;
    let hasEnded = false;
    const outcome = this.execute(launch, options.mayLaunch)
      .then((reached) => {
        this.inFlight.delete(token);
        if (!isAwaited && reached.outcome !== 'unfinished') this.onLateOutcome();
        return reached;
      })
      .finally(() => (hasEnded = true));
    // One that fails stays in flight, so that the run fails with it at the latest when it ends.
    outcome.catch(() => {});
    this.inFlight.set(token, outcome);
    if (await condition(() => hasEnded, options.waitMs)) return await outcome;
    isAwaited = false;
    return unfinished(launch, 'no answer yet');
  }

  /** Waits until every launch has its outcome, or stays without one. */
  async settled(): Promise<void> {
    await Promise.all(this.inFlight.values());
  }

  private async execute(launch: PendingLaunch, mayLaunch: boolean): Promise<LaunchOutcome> {
    const { token, launchConfigId, count } = launch;
    let result: LaunchResult;
    try {
      result = await launcher(launch.providerId).launchMachines({ token, nowMs: Date.now(), mayLaunch });
    } catch (error) {
      if (!(error instanceof ActivityFailure)) throw error;
      return unfinished(launch, error.cause?.message ?? error.message);
    }
    const { launched, outcome, failure, group } = result;
    const asChildren = group !== null && launched <= this.childrenLeft;
    if (asChildren) this.childrenLeft -= launched;
    if (launched > 0 && !(await startLifecycles({ token, group: asChildren ? group : null }))) {
      return unfinished(launch, 'not all of its lifecycles are started yet');
    }
    return { token, launchConfigId, requested: count, launched, outcome, failure };
  }
}

export const unfinished = ({ token, launchConfigId, count }: PendingLaunch, failure: string): LaunchOutcome => ({
  ...{ token, launchConfigId, requested: count, launched: 0 },
  outcome: 'unfinished',
  failure,
});

/**
 * A launch without an answer stays open and is a later reconciliation's to go on with, with the same token and request.
 * The heartbeat tells within seconds that the process of an attempt has died.
 */
const launcher = (providerId: string) =>
  proxyActivities<LaunchActivities>({
    taskQueue: cloudTaskQueue(workflowInfo().taskQueue, providerId, 'create'),
    startToCloseTimeout: '30 seconds',
    scheduleToCloseTimeout: LAUNCH_ATTEMPT_TIMEOUT_MS,
    heartbeatTimeout: '8 seconds',
    cancellationType: ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
    retry: {
      initialInterval: '500 milliseconds',
      backoffCoefficient: 2,
      maximumInterval: '10 seconds',
      // In doubt: repeated when its next attempt is due.
      // guard(launch-in-doubt-not-retried-at-once): drop
      nonRetryableErrorTypes: ['Unavailable'],
    },
  });
