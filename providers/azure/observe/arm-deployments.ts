import type { DeploymentExtended } from '@azure/arm-resourcesdeployments';
import type { MachineRef, Observation } from '../../provider.js';
import type { ResourceGroupRef } from '../arm/scope.js';
import { LAUNCH_TAG } from '../../shared/tags.js';
import { GROUP_TAG, ownTags, POOL_TAG, WORKER_TAG } from '../model/tags.js';
import { DEPLOYMENT_STEP, deploymentState } from '../model/arm-deployment-states.js';
import { trackedIds } from '../model/resource-ids.js';

/**
 * Adds to a listing of a group's machines what their deployments say. A deployment that is under way is a machine to
 * come; one that has ended, and of which nothing else is to be seen, matters to a worker of which nothing is tracked
 * yet. Pure.
 */
export function withDeployments(
  machines: readonly Observation[],
  deployments: Iterable<DeploymentExtended>,
  of: { readonly groupRef: ResourceGroupRef; readonly deploymentId: string; readonly known: readonly MachineRef[] },
): Observation[] {
  const seen = new Map(machines.map((machine) => [machine.workerId, machine]));
  const untracked = new Set(of.known.filter(({ resourceIds }) => !resourceIds?.length).map(({ workerId }) => workerId));
  for (const { tags, location, properties } of deployments) {
    const own = ownTags(tags, of.deploymentId);
    const workerId = own?.[WORKER_TAG];
    const state = deploymentState(properties?.provisioningState);
    if (!own || workerId === undefined || state === null) continue;
    const machine = seen.get(workerId);
    const region = own[GROUP_TAG] ?? location ?? '';
    if (machine)
      seen.set(workerId, {
        ...withState(machine, state),
        resources: { ...machine.resources, [DEPLOYMENT_STEP]: state },
      });
    else if (state === 'pending' || untracked.has(workerId)) {
      seen.set(workerId, {
        workerGroup: region,
        workerId,
        location: { ...of.groupRef, region },
        state: 'pending',
        reason: null,
        launchToken: own[LAUNCH_TAG] ?? null,
        workerPoolId: own[POOL_TAG] ?? null,
        resources: { [DEPLOYMENT_STEP]: state },
      });
    }
  }
  return [...seen.values()];
}

/** What failed while its deployment is under way, the deployment will tell, with the reason. */
const withState = (machine: Observation, deployment: string): Observation =>
  machine.state === 'failed' && deployment === 'pending' ? { ...machine, state: 'pending', reason: null } : machine;

/** Ids of tracked resources, lower-case, with the worker that each belongs to. */
export const trackedOwners = (known: readonly MachineRef[]): Map<string, string> =>
  new Map(known.flatMap((machine) => trackedIds(machine).map((id) => [id.toLowerCase(), machine.workerId] as const)));
