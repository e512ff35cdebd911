import { isCancellation, proxyActivities, rootCause } from '@temporalio/workflow';
import type {
  PendingLaunch,
  PoolActivities,
  PoolAssessment,
  ReconciliationReport,
  UnfinishedLaunch,
} from '../../activities/pool/types.js';
import { roundOf } from '../../domain/candidates.js';
import type { Decision, LaunchOutcome } from '../../domain/decision-record.js';
import { type Estimate, estimate } from '../../domain/estimator.js';
import type { LimitNumbers, TriggerCause } from '../../domain/evidence.js';
import { chooseLaunchConfigs, type LaunchConfigOption, type PassedOver } from '../../domain/selection.js';
import { type LaunchesInFlight, unfinished } from './in-flight.js';

/** Each round of a reconciliation launches what the one before could not get, from the launch configs that are left. */
const MAX_ROUNDS = 5;
/** The most machines of one reconciliation; what is missing then is left to the next one. */
const MAX_MACHINES = 500;
/** A reconciliation waits so long for a launch of its own, and for one that it resumes; both go on beside it. */
const OUTCOME_TIMEOUT_MS = 10_000;
const RESUMED_TIMEOUT_MS = 3_000;
/**
 * Nobody hears that an operator has unpaused a pool's cron Schedule: a pool that wants machines is evaluated again so
 * soon.
 */
const PAUSED_INTERVAL_MS = 60_000;

const pool = proxyActivities<PoolActivities>({
  startToCloseTimeout: '30 seconds',
  scheduleToCloseTimeout: '3 minutes',
  retry: { initialInterval: '500 milliseconds', backoffCoefficient: 2, maximumInterval: '10 seconds' },
});

/** A reconciliation that has failed is over; evidence of it is worth a moment. */
const evidence = proxyActivities<Pick<PoolActivities, 'recordFailedReconciliation'>>({
  startToCloseTimeout: '5 seconds',
  scheduleToCloseTimeout: '10 seconds',
  retry: { initialInterval: '500 milliseconds', maximumInterval: '2 seconds' },
});

/**
 * One reconciliation of a pool: go on with what earlier ones left open → assess → estimate → choose launch configs →
 * launch → start the lifecycles → decide terminations → record the decision. Its id is unique for ever and names
 * its launches.
 */
export async function reconcilePool(
  workerPoolId: string,
  { id, triggeredBy }: { readonly id: string; readonly triggeredBy: readonly TriggerCause[] },
  launches: LaunchesInFlight,
): Promise<void> {
  const report: GrowingReport = { reconciliationId: id, triggeredBy, begunAt: Date.now(), ...nothingKnown };
  try {
    await reconcile(workerPoolId, report, launches);
  } catch (error) {
    if (!isCancellation(error)) {
      const failure = rootCause(error) ?? String(error);
      await evidence.recordFailedReconciliation(workerPoolId, report, failure.slice(0, 500)).catch(unlessCancelled);
    }
    throw error;
  }
}

/** What is known of a reconciliation grows while it runs; one that fails leaves what there is by then. */
type GrowingReport = { -readonly [Key in keyof ReconciliationReport]: ReconciliationReport[Key] };

const nothingKnown: Pick<ReconciliationReport, 'estimator' | 'demandError' | 'blocks' | 'rounds'> = {
  ...{ estimator: null, demandError: null, blocks: [], rounds: [] },
};

function unlessCancelled(error: unknown): void {
  if (isCancellation(error)) throw error;
}

/** Completes `report` as it goes. */
async function reconcile(workerPoolId: string, report: GrowingReport, launches: LaunchesInFlight): Promise<void> {
  let assessment = await pool.assessPool(workerPoolId);
  if (!assessment) return;
  const outcomes: LaunchOutcome[] = [];
  if (assessment.unfinished.length > 0) {
    outcomes.push(...(await resumeLaunches(assessment, launches)));
    assessment = await pool.assessPool(workerPoolId);
    if (!assessment) return;
  }
  const { estimator, demandError, blocks } = assessment;
  Object.assign(report, { estimator, demandError, blocks });
  const estimated = estimate(estimator, assessment.inputs);
  const limitedBy = [...assessment.blockedBy];
  const passedOver: PassedOver[] = [];
  let launched: { capacity: number; limitEndsAt: number | null } = { capacity: 0, limitEndsAt: unpausedAt(assessment) };
  if (assessment.blockedBy.length === 0 && estimated.spawnCapacity > 0) {
    const round = await launchInRounds(assessment, estimated, report, launches);
    outcomes.push(...round.outcomes);
    limitedBy.push(...round.limitedBy);
    passedOver.push(...round.passedOver);
    launched = round;
  }
  const decision: Omit<Decision, 'terminations'> = {
    inputs: assessment.inputs,
    estimate: estimated,
    limitedBy,
    launches: outcomes,
    passedOver,
  };
  await pool.concludeReconciliation(workerPoolId, decision, {
    launchedCapacity: launched.capacity,
    limitEndsAt: launched.limitEndsAt,
    blockedForPolls: assessment.blockedForPolls,
    report,
  });
  if (assessment.forcedRemoval) await pool.removeByForce(workerPoolId);
}

/** When to evaluate a pool again that is blocked by what no poll knows of; null for any other. */
const unpausedAt = ({ blockedBy, blockedForPolls }: PoolAssessment): number | null =>
  blockedBy.length > 0 && !blockedForPolls ? Date.now() + PAUSED_INTERVAL_MS : null;

/** Goes on with open launches whose time has come; those that are in flight already, or in doubt, hold nobody. */
async function resumeLaunches(assessment: PoolAssessment, launches: LaunchesInFlight): Promise<LaunchOutcome[]> {
  const blocked = assessment.blockedBy.length > 0;
  const nowMs = Date.now();
  // The provider of an old launch may have left the configuration, the pool may have moved to another, or the launch
  // config may have been archived: nothing is sent any more. What was sent is searched for, where its provider is
  // served.
  const isServed = ({ providerId }: PendingLaunch) => assessment.providers.includes(providerId);
  const mayLaunch = (launch: UnfinishedLaunch) =>
    !blocked && !launch.isArchived && isServed(launch) && launch.providerId === assessment.inputs.providerId;
  const unsent = assessment.unfinished.filter((launch) => launch.neverSent && !mayLaunch(launch));
  if (unsent.length > 0) await pool.dropLaunches(unsent.map(({ token }) => token));
  const open = assessment.unfinished.filter((launch) => !unsent.includes(launch) && !launches.has(launch.token));
  const unreported = open.filter(({ isUnreported }) => isUnreported);
  if (unreported.length > 0)
    await pool.reportLaunches(
      unreported.map(({ token }) => token),
      nowMs,
    );
  return await Promise.all(
    open.map(async (launch) => {
      if (!isServed(launch)) return unfinished(launch, 'provider is not configured');
      if ((launch.nextAttemptAt ?? 0) > nowMs) return unfinished(launch, 'in doubt');
      return await launches.launch(launch, { mayLaunch: mayLaunch(launch), waitMs: RESUMED_TIMEOUT_MS });
    }),
  );
}

async function launchInRounds(
  assessment: PoolAssessment,
  estimated: Estimate,
  report: GrowingReport,
  launches: LaunchesInFlight,
) {
  const outcomes: LaunchOutcome[] = [];
  const limitedBy = new Set<string>();
  let passedOver: readonly PassedOver[] = [];
  let options: readonly LaunchConfigOption[] = assessment.options;
  let missing = Math.ceil(estimated.spawnCapacity);
  let room = estimated.roomCapacity;
  let machinesLeft = MAX_MACHINES;
  let limitEndsAt: number | null = null;

  for (let round = 0; round < MAX_ROUNDS && missing > 0 && machinesLeft > 0; round += 1) {
    const selection = {
      ...{ options, capacity: missing, poolRoom: room, maxMachines: machinesLeft },
      poolMaxCapacity: assessment.inputs.maxCapacity,
      ...{ nowMs: Date.now(), random: Math.random },
    };
    const chosen = chooseLaunchConfigs(selection);
    passedOver = chosen.passedOver;
    const note = (limit: LimitNumbers | null) =>
      (report.rounds = [...report.rounds.slice(0, round), { ...roundOf(selection, chosen), limit }]);
    note(null);
    if (chosen.choices.length === 0) break;
    const reserved = await pool.reserveLaunches({
      workerPoolId: assessment.workerPoolId,
      tokenPrefix: `${report.reconciliationId}.${round}`,
      choices: chosen.choices.map(({ launchConfigId, revision, machines }) => ({ launchConfigId, revision, machines })),
      maxMachines: machinesLeft,
      ...(assessment.lastAdoption !== undefined && { lastAdoption: assessment.lastAdoption }),
    });
    for (const limit of reserved.limitedBy) limitedBy.add(limit);
    note(reserved.limit);
    limitEndsAt = reserved.limitEndsAt ?? limitEndsAt;
    outcomes.push(...reserved.refused);
    const launched = await Promise.all(
      reserved.launches.map((launch) => launches.launch(launch, { mayLaunch: true, waitMs: OUTCOME_TIMEOUT_MS })),
    );
    outcomes.push(...launched);

    const used = new Map<string, number>();
    const exhausted = new Set<string>();
    for (const outcome of [...reserved.refused, ...launched]) {
      const option = options.find(({ launchConfigId }) => launchConfigId === outcome.launchConfigId);
      // What is unfinished may exist: it counts as launched.
      const machines = outcome.outcome === 'unfinished' ? outcome.requested : outcome.launched;
      const capacity = machines * (option?.capacityPerInstance ?? 1);
      used.set(outcome.launchConfigId, (used.get(outcome.launchConfigId) ?? 0) + capacity);
      machinesLeft -= machines;
      missing -= capacity;
      room -= capacity;
      if (outcome.outcome !== 'launched') exhausted.add(outcome.launchConfigId);
    }
    if (exhausted.size === 0) break;
    options = options
      .filter(({ launchConfigId }) => !exhausted.has(launchConfigId))
      .map((option) => afterLaunch(option, used.get(option.launchConfigId) ?? 0));
  }
  return { outcomes, limitedBy: [...limitedBy], passedOver, capacity: estimated.roomCapacity - room, limitEndsAt };
}

/** What a launch of `capacity` leaves of a launch config. */
function afterLaunch(option: LaunchConfigOption, capacity: number): LaunchConfigOption {
  const { usedCapacity, unregisteredRoom, capacityPerInstance } = option;
  return {
    ...option,
    usedCapacity: usedCapacity + capacity,
    unregisteredRoom: unregisteredRoom === null ? null : unregisteredRoom - capacity / capacityPerInstance,
  };
}
