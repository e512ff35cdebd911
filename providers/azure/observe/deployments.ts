import type { DeploymentExtended } from '@azure/arm-resourcesdeployments';
import type { MachineRef, Observation } from '../../provider.js';
import type { Place } from '../arm/scope.js';
import { GROUP_TAG, LAUNCH_TAG, ourTags, POOL_TAG, WORKER_TAG } from '../model/tags.js';
import { DEPLOYMENT_STEP, deploymentState } from '../model/deployment-states.js';
import { remembered } from '../model/resource-ids.js';

/**
 * Adds to a look at a group's machines what their deployments say. A deployment that is under way is a machine to come; one
 * that has ended, and of which nothing else is to be seen, matters to a worker of which nothing is remembered yet. Pure.
 */
export function withDeployments(
  machines: readonly Observation[],
  deployments: Iterable<DeploymentExtended>,
  of: { readonly place: Place; readonly deploymentId: string; readonly known: readonly MachineRef[] },
): Observation[] {
  const seen = new Map(machines.map((machine) => [machine.workerId, machine]));
  const unremembered = new Set(of.known.filter(({ made }) => !made?.length).map(({ workerId }) => workerId));
  for (const { tags, location, properties } of deployments) {
    const marks = ourTags(tags, of.deploymentId);
    const workerId = marks?.[WORKER_TAG];
    const state = deploymentState(properties?.provisioningState);
    if (!marks || workerId === undefined || state === null) continue;
    const machine = seen.get(workerId);
    const region = marks[GROUP_TAG] ?? location ?? '';
    if (machine)
      seen.set(workerId, {
        ...withState(machine, state),
        resources: { ...machine.resources, [DEPLOYMENT_STEP]: state },
      });
    else if (state === 'pending' || unremembered.has(workerId)) {
      seen.set(workerId, {
        workerGroup: region,
        workerId,
        location: { ...of.place, region },
        state: 'pending',
        reason: null,
        launchToken: marks[LAUNCH_TAG] ?? null,
        workerPoolId: marks[POOL_TAG] ?? null,
        resources: { [DEPLOYMENT_STEP]: state },
      });
    }
  }
  return [...seen.values()];
}

/** What failed while its deployment is under way, the deployment will tell, with the reason. */
const withState = (machine: Observation, deployment: string): Observation =>
  machine.state === 'failed' && deployment === 'pending' ? { ...machine, state: 'pending', reason: null } : machine;

/** Ids of remembered resources, lower-case, with the worker that each belongs to. */
export const rememberedOwners = (known: readonly MachineRef[]): Map<string, string> =>
  new Map(known.flatMap((machine) => remembered(machine).map((id) => [id.toLowerCase(), machine.workerId] as const)));
