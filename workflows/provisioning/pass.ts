import { ActivityFailure, proxyActivities, workflowInfo } from '@temporalio/workflow';
import type { LaunchActivities } from '../../activities/launch.js';
import type { PoolActivities, PoolFacts } from '../../activities/pool.js';
import type { Decision, LaunchOutcome } from '../../domain/decision.js';
import { type Estimate, estimate } from '../../domain/estimator.js';
import { chooseLaunchConfigs, type LaunchConfigOption, type PassedOver } from '../../domain/selection.js';
import { cloudTaskQueue } from '../../temporal/names.js';
import { startLifecycles } from './start-lifecycles.js';

/** Each round of a pass launches what the one before could not get, from the launch configs that are left. */
const MOST_ROUNDS = 5;
/** The most machines of one pass; what is missing then is the next pass's. */
const MOST_MACHINES = 500;

const pool = proxyActivities<PoolActivities>({
  startToCloseTimeout: '30 seconds',
  scheduleToCloseTimeout: '3 minutes',
  retry: { initialInterval: '500 milliseconds', backoffCoefficient: 2, maximumInterval: '10 seconds' },
});

/**
 * One look at a pool: finish what earlier passes left open → assess → estimate → choose launch configs → launch → start
 * the lifecycles → decide terminations → write the decision down. `passId` is unique for ever and names its launches.
 */
export async function pass(workerPoolId: string, passId: string): Promise<void> {
  let facts = await pool.assessPool(workerPoolId);
  if (!facts) return;
  const outcomes: LaunchOutcome[] = [];
  if (facts.unfinished.length > 0) {
    const blocked = facts.blockedBy.length > 0;
    const unsent = facts.unfinished.filter(({ neverSent }) => blocked && neverSent);
    if (unsent.length > 0) await pool.dropLaunches(unsent.map(({ token }) => token));
    const open = facts.unfinished.filter((launch) => !unsent.includes(launch));
    outcomes.push(...(await launchAll(facts.providers, open)));
    facts = await pool.assessPool(workerPoolId);
    if (!facts) return;
  }
  const estimated = estimateFrom(facts);
  const limitedBy = [...facts.blockedBy];
  const passedOver: PassedOver[] = [];
  if (estimated && facts.blockedBy.length === 0 && estimated.spawnCapacity > 0) {
    const round = await launchInRounds(facts, estimated, passId);
    outcomes.push(...round.outcomes);
    limitedBy.push(...round.limitedBy);
    passedOver.push(...round.passedOver);
  }
  const decision: Omit<Decision, 'terminations'> = {
    inputs: facts.inputs,
    estimate: estimated,
    limitedBy,
    launches: outcomes,
    passedOver,
  };
  await pool.concludePass(workerPoolId, decision);
}

function estimateFrom({ inputs, estimator }: PoolFacts): Estimate | null {
  const { pendingTasks, claimedTasks } = inputs;
  if (pendingTasks === null || claimedTasks === null) return null;
  return estimate(estimator, inputs);
}

async function launchInRounds(facts: PoolFacts, estimated: Estimate, passId: string) {
  const outcomes: LaunchOutcome[] = [];
  const limitedBy = new Set<string>();
  let passedOver: readonly PassedOver[] = [];
  let options: readonly LaunchConfigOption[] = facts.options;
  let missing = Math.ceil(estimated.spawnCapacity);
  let room = estimated.roomCapacity;
  let machinesLeft = MOST_MACHINES;

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
    for (const brake of reserved.limitedBy) limitedBy.add(brake);
    outcomes.push(...reserved.refused);
    const launched = await launchAll(facts.providers, reserved.launches);
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
  return { outcomes, limitedBy: [...limitedBy], passedOver };
}

/** Sends the launches, all at once, and starts the lifecycles of the machines that they made. */
async function launchAll(
  providers: PoolFacts['providers'],
  launches: readonly { token: string; launchConfigId: string; providerId: string; count: number }[],
): Promise<LaunchOutcome[]> {
  const results = await Promise.all(
    launches.map(async ({ token, launchConfigId, providerId, count }) => {
      const base = { token, launchConfigId, asked: count };
      // The provider of an old launch may have left the configuration; its intent waits for it.
      if (!providers.includes(providerId)) {
        return {
          outcome: { ...base, made: 0, outcome: 'unfinished' as const, failure: 'provider is not configured' },
          group: null,
        };
      }
      try {
        const result = await launcher(providerId).launchMachines(token);
        return {
          outcome: { ...base, made: result.made, outcome: result.outcome, failure: result.failure },
          group: result.group,
        };
      } catch (error) {
        if (!(error instanceof ActivityFailure)) throw error;
        const failure = error.cause?.message ?? error.message;
        return { outcome: { ...base, made: 0, outcome: 'unfinished' as const, failure }, group: null };
      }
    }),
  );
  await startLifecycles(
    results.filter(({ outcome }) => outcome.made > 0).map(({ outcome, group }) => ({ ...outcome, group })),
  );
  return results.map(({ outcome }) => outcome);
}

/**
 * A launch that stays without an answer is left open and is the next pass's to finish, with the same token and request.
 * The heartbeat tells within seconds that the process of an attempt has died.
 */
const launcher = (providerId: string) =>
  proxyActivities<LaunchActivities>({
    taskQueue: cloudTaskQueue(workflowInfo().taskQueue, providerId, 'create'),
    startToCloseTimeout: '75 seconds',
    scheduleToCloseTimeout: '100 seconds',
    heartbeatTimeout: '8 seconds',
    retry: { initialInterval: '500 milliseconds', backoffCoefficient: 2, maximumInterval: '10 seconds' },
  });
