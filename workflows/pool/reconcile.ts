import { proxyActivities } from '@temporalio/workflow';
import type { PendingLaunch, PoolActivities, PoolFacts } from '../../activities/pool/activities.js';
import type { Decision, LaunchOutcome } from '../../domain/decision.js';
import { type Estimate, estimate } from '../../domain/estimator.js';
import { chooseLaunchConfigs, type LaunchConfigOption, type PassedOver } from '../../domain/selection.js';
import { type LaunchesInFlight, unfinished } from './in-flight.js';

/** Each round of a pass launches what the one before could not get, from the launch configs that are left. */
const MOST_ROUNDS = 5;
/** The most machines of one pass; what is missing then is the next pass's. */
const MOST_MACHINES = 500;
/** A reconciliation waits so long for a launch of its own, and for one that it carries on; both go on beside it. */
const OUTCOME_TIMEOUT_MS = 10_000;
const CARRIED_ON_TIMEOUT_MS = 3_000;

const pool = proxyActivities<PoolActivities>({
  startToCloseTimeout: '30 seconds',
  scheduleToCloseTimeout: '3 minutes',
  retry: { initialInterval: '500 milliseconds', backoffCoefficient: 2, maximumInterval: '10 seconds' },
});

/**
 * One reconciliation of a pool: go on with what earlier ones left open → assess → estimate → choose launch configs → launch →
 * start the lifecycles → decide terminations → record the decision. `passId` is unique for ever and names its launches.
 */
export async function pass(workerPoolId: string, passId: string, launches: LaunchesInFlight): Promise<void> {
  let facts = await pool.assessPool(workerPoolId);
  if (!facts) return;
  const outcomes: LaunchOutcome[] = [];
  if (facts.unfinished.length > 0) {
    outcomes.push(...(await carryOn(facts, launches)));
    facts = await pool.assessPool(workerPoolId);
    if (!facts) return;
  }
  const estimated = estimate(facts.estimator, facts.inputs);
  const limitedBy = [...facts.blockedBy];
  const passedOver: PassedOver[] = [];
  let launched: { capacity: number; limitEndsAt: number | null } = { capacity: 0, limitEndsAt: null };
  if (facts.blockedBy.length === 0 && estimated.spawnCapacity > 0) {
    const round = await launchInRounds(facts, estimated, passId, launches);
    outcomes.push(...round.outcomes);
    limitedBy.push(...round.limitedBy);
    passedOver.push(...round.passedOver);
    launched = round;
  }
  const decision: Omit<Decision, 'terminations'> = {
    inputs: facts.inputs,
    estimate: estimated,
    limitedBy,
    launches: outcomes,
    passedOver,
  };
  await pool.concludePass(workerPoolId, decision, {
    launchedCapacity: launched.capacity,
    limitEndsAt: launched.limitEndsAt,
    blockedForPolls: facts.blockedForPolls,
  });
}

/** Goes on with open launches whose time has come; those that are in flight already, or in doubt, hold nobody. */
async function carryOn(facts: PoolFacts, launches: LaunchesInFlight): Promise<LaunchOutcome[]> {
  const blocked = facts.blockedBy.length > 0;
  const nowMs = Date.now();
  // The provider of an old launch may have left the configuration, or the pool may have moved to another: nothing is sent
  // there any more. What was sent is searched for, where it is served.
  const isServed = ({ providerId }: PendingLaunch) => facts.providers.includes(providerId);
  const mayLaunch = (launch: PendingLaunch) =>
    !blocked && isServed(launch) && launch.providerId === facts.inputs.providerId;
  const unsent = facts.unfinished.filter((launch) => launch.neverSent && !mayLaunch(launch));
  if (unsent.length > 0) await pool.dropLaunches(unsent.map(({ token }) => token));
  const open = facts.unfinished.filter((launch) => !unsent.includes(launch) && !launches.has(launch.token));
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
      return await launches.launch(launch, { mayLaunch: mayLaunch(launch), waitMs: CARRIED_ON_TIMEOUT_MS });
    }),
  );
}

async function launchInRounds(facts: PoolFacts, estimated: Estimate, passId: string, launches: LaunchesInFlight) {
  const outcomes: LaunchOutcome[] = [];
  const limitedBy = new Set<string>();
  let passedOver: readonly PassedOver[] = [];
  let options: readonly LaunchConfigOption[] = facts.options;
  let missing = Math.ceil(estimated.spawnCapacity);
  let room = estimated.roomCapacity;
  let machinesLeft = MOST_MACHINES;
  let limitEndsAt: number | null = null;

  for (let round = 0; round < MOST_ROUNDS && missing > 0 && machinesLeft > 0; round += 1) {
    const chosen = chooseLaunchConfigs({
      options,
      capacity: missing,
      poolMaxCapacity: facts.inputs.maxCapacity,
      poolRoom: room,
      maxMachines: machinesLeft,
      nowMs: Date.now(),
      random: Math.random,
    });
    passedOver = chosen.passedOver;
    if (chosen.choices.length === 0) break;
    const reserved = await pool.reserveLaunches({
      workerPoolId: facts.workerPoolId,
      tokenPrefix: `${passId}.${round}`,
      choices: chosen.choices.map(({ launchConfigId, revision, machines }) => ({ launchConfigId, revision, machines })),
      mostMachines: machinesLeft,
    });
    for (const limit of reserved.limitedBy) limitedBy.add(limit);
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
      // What is unfinished may exist: it counts as made.
      const machines = outcome.outcome === 'unfinished' ? outcome.asked : outcome.made;
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
      .map((option) => {
        const capacity = used.get(option.launchConfigId) ?? 0;
        const { usedCapacity, unregisteredRoom, capacityPerInstance } = option;
        return {
          ...option,
          usedCapacity: usedCapacity + capacity,
          unregisteredRoom: unregisteredRoom === null ? null : unregisteredRoom - capacity / capacityPerInstance,
        };
      });
  }
  return { outcomes, limitedBy: [...limitedBy], passedOver, capacity: estimated.roomCapacity - room, limitEndsAt };
}
