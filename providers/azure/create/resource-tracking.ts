import type { DeploymentExtended } from '@azure/arm-resourcesdeployments';
import { ignoreNotFound, ProviderError } from '../../errors.js';
import type { LaunchedMachine, TrackedResources, MachineRef, ResourceTracking } from '../../provider.js';
import type { AzureCalls } from '../arm/client.js';
import { BUSY_RETRY_MS } from '../arm/errors.js';
import { shown } from '../arm/pages.js';
import { type ResourceGroupRef, groupRefOf } from '../arm/scope.js';
import { belongsToAnother } from '../model/tags.js';
import { namesOf } from '../model/names.js';
import { isActive, targetsOf } from '../model/arm-deployment-states.js';
import { isWord } from '../model/words.js';
import type { Deployments } from '../arm/deployments.js';
import { isDeployment, requestOf } from './template-request.js';
import { belongings } from '../model/resource-ids.js';

/** What a deployment created, read from its record before that is deleted. */
export function trackDeployments(calls: AzureCalls, deployments: Deployments, deploymentId: string): ResourceTracking {
  return {
    appliesTo: isDeployment,
    async discover(_launch, machine, stopping) {
      const groupRef = groupRefOf(machine.location);
      return stopping
        ? await finalResources(calls, deployments, machine, deploymentId)
        : await resourcesSoFar(deployments, groupRef, machine);
    },
    async forget(launch, machine) {
      if (requestOf(launch).keepDeployment) return;
      await deployments.delete(groupRefOf(machine.location), namesOf(machine.workerId).deployment);
    },
  };
}

async function resourcesSoFar(
  deployments: Deployments,
  groupRef: ResourceGroupRef,
  { workerId }: LaunchedMachine,
): Promise<TrackedResources> {
  const name = namesOf(workerId).deployment;
  const deployment = await deployments.find(groupRef, name);
  if (deployment === null) return { resources: [], hasRecord: false };
  if (isActive(deployment.properties?.provisioningState)) throw stillActive(name);
  // A listing names what was created, so one call shows it for many machines; but it may not.
  const ids = outputsOf(deployment) ?? targetsOf(await deployments.operations(groupRef, name));
  return { resources: belongings(ids, workerId, groupRef), hasRecord: true };
}

/** With what holds on to the VM: an implicit disk is in no template. */
async function finalResources(
  calls: AzureCalls,
  deployments: Deployments,
  machine: MachineRef,
  deploymentId: string,
): Promise<TrackedResources> {
  const { workerId } = machine;
  const groupRef = groupRefOf(machine.location);
  const name = namesOf(workerId).deployment;
  // One of which something is tracked had ended by then; its record, if it is there still, a listing shows.
  const deployment = await (machine.resourceIds?.length
    ? deployments.find(groupRef, name)
    : deployments.get(groupRef, name));
  if (isActive(deployment?.properties?.provisioningState) && deployment !== null) {
    await deployments.cancel(groupRef, name);
    throw stillActive(name);
  }
  const ids = deployment === null ? [] : targetsOf(await deployments.operations(groupRef, name));
  const { disks, interfaces } = await attachedTo(calls, groupRef, workerId, deploymentId);
  return {
    resources: belongings([...ids, ...interfaces], workerId, groupRef, disks),
    hasRecord: deployment !== null,
  };
}

async function attachedTo(
  calls: AzureCalls,
  { account, group }: ResourceGroupRef,
  workerId: string,
  deploymentId: string,
): Promise<{ readonly disks: string[]; readonly interfaces: string[] }> {
  const vm = await ignoreNotFound(
    calls.call(account, 'read', 'GET virtualMachines', async ({ compute }) =>
      shown(await compute.virtualMachines.get(group, workerId)),
    ),
  );
  if (vm === null || belongsToAnother(vm, deploymentId, workerId)) return { disks: [], interfaces: [] };
  const { osDisk, dataDisks = [] } = vm.storageProfile ?? {};
  return {
    disks: createdDisks(osDisk ? [osDisk, ...dataDisks] : dataDisks),
    interfaces: (vm.networkProfile?.networkInterfaces ?? []).flatMap(({ id }) => id ?? []),
  };
}

interface VmDisk {
  readonly createOption?: string;
  readonly managedDisk?: { readonly id?: string };
}

/**
 * Ids of the disks that were created with a VM. One that was there before and is only attached is not the machine's.
 */
export const createdDisks = (disks: readonly VmDisk[]): string[] =>
  disks.flatMap(({ createOption, managedDisk }) =>
    createOption === undefined || isWord(createOption, 'Attach') ? [] : (managedDisk?.id ?? []),
  );

const outputsOf = ({ properties }: DeploymentExtended): string[] | null => {
  const outputs = isWord(properties?.provisioningState, 'Succeeded') ? properties?.outputResources : undefined;
  return outputs?.length ? outputs.flatMap(({ id }) => id ?? []) : null;
};

const stillActive = (name: string): ProviderError =>
  new ProviderError({
    code: 'Unavailable',
    message: `The deployment ${name} may still make something.`,
    retryAfterMs: BUSY_RETRY_MS,
  });
