import type { DeploymentExtended } from '@azure/arm-resourcesdeployments';
import { orNull, ProviderError } from '../../errors.js';
import type { LaunchedMachine, Made, MachineRef, Remembering } from '../../provider.js';
import type { AzureCalls } from '../arm/client.js';
import { BUSY_RETRY_MS } from '../arm/errors.js';
import { type Place, placeOf } from '../arm/scope.js';
import { isOfOthers } from '../model/tags.js';
import { namesOf } from '../model/names.js';
import { isActive, targetsOf } from '../model/deployment-states.js';
import type { DeploymentRecords } from '../arm/deployments.js';
import { isDeployment, requestOf } from './deployment-request.js';
import { belongings } from '../model/resource-ids.js';

/** What a deployment made, read from its record before that is deleted. */
export function rememberDeployments(calls: AzureCalls, records: DeploymentRecords, deploymentId: string): Remembering {
  return {
    concerns: isDeployment,
    async made(_launch, machine, stopping) {
      const place = placeOf(machine.location);
      return stopping
        ? await madeInTheEnd(calls, records, machine, deploymentId)
        : await madeSoFar(records, place, machine);
    },
    async recorded(launch, machine) {
      if (requestOf(launch).keepDeployment) return;
      await records.delete(placeOf(machine.location), namesOf(machine.workerId).deployment);
    },
  };
}

async function madeSoFar(records: DeploymentRecords, place: Place, { workerId }: LaunchedMachine): Promise<Made> {
  const name = namesOf(workerId).deployment;
  const deployment = await records.find(place, name);
  if (deployment === null) return { resources: [], hasRecord: false };
  if (isActive(deployment.properties?.provisioningState)) throw stillActive(name);
  // A listing names what was made, so one call tells it of many machines; but it may not.
  const ids = outputsOf(deployment) ?? targetsOf(await records.operations(place, name));
  return { resources: belongings(ids, workerId, place), hasRecord: true };
}

/** With what holds on to the VM: an implicit disk is in no template. */
async function madeInTheEnd(
  calls: AzureCalls,
  records: DeploymentRecords,
  machine: MachineRef,
  deploymentId: string,
): Promise<Made> {
  const { workerId } = machine;
  const place = placeOf(machine.location);
  const name = namesOf(workerId).deployment;
  // One of which something is remembered had ended by then; its record, if it is there still, a listing shows.
  const deployment = await (machine.made?.length ? records.find(place, name) : records.get(place, name));
  if (isActive(deployment?.properties?.provisioningState) && deployment !== null) {
    await records.cancel(place, name);
    throw stillActive(name);
  }
  const ids = deployment === null ? [] : targetsOf(await records.operations(place, name));
  const { disks, interfaces } = await attachedTo(calls, place, workerId, deploymentId);
  return {
    resources: belongings([...ids, ...interfaces], workerId, place, disks),
    hasRecord: deployment !== null,
  };
}

async function attachedTo(
  calls: AzureCalls,
  { account, group }: Place,
  workerId: string,
  deploymentId: string,
): Promise<{ readonly disks: string[]; readonly interfaces: string[] }> {
  const vm = await orNull(
    calls.call(account, 'read', 'GET virtualMachines', ({ compute }) => compute.virtualMachines.get(group, workerId)),
  );
  if (vm === null || isOfOthers(vm.tags, deploymentId, workerId)) return { disks: [], interfaces: [] };
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

/** Ids of the disks that were made with a VM. One that was there before and is only attached is not the machine's. */
export const createdDisks = (disks: readonly VmDisk[]): string[] =>
  disks.flatMap(({ createOption, managedDisk }) =>
    createOption === undefined || createOption.toLowerCase() === 'attach' ? [] : (managedDisk?.id ?? []),
  );

const outputsOf = ({ properties }: DeploymentExtended): string[] | null => {
  const outputs = properties?.provisioningState === 'Succeeded' ? properties.outputResources : undefined;
  return outputs?.length ? outputs.flatMap(({ id }) => id ?? []) : null;
};

const stillActive = (name: string): ProviderError =>
  new ProviderError({
    code: 'Unavailable',
    message: `The deployment ${name} may still make something.`,
    retryAfterMs: BUSY_RETRY_MS,
  });
