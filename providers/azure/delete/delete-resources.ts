import { ignoreNotFound, ProviderError } from '../../errors.js';
import type { MachineRef, Machines, ProviderContext } from '../../provider.js';
import type { AzureCalls, AzureClients } from '../arm/client.js';
import { type ResourceGroupRef, groupRefOf } from '../arm/scope.js';
import type { Deployments } from '../arm/deployments.js';
import { DEPLOYMENT_STEP, isActive } from '../model/arm-deployment-states.js';
import { namesOf } from '../model/names.js';
import { nameOf, otherTrackedIds, trackedIdsFor, typeOf } from '../model/resource-ids.js';
import { type RemovalStep, removalSteps, stepOfType } from '../model/resources.js';
import { kindOf, ownOf, readEach, versioned } from '../observe/remaining-resources.js';
import type { SharedListings } from '../observe/shared-listings.js';

/**
 * Deletes what a machine has of one step, whichever way it was created: Azure accepts each deletion, or has no such
 * resource. Throws the first refusal; the caller asks again until a scan confirms that nothing is left.
 */
export const resourceDeleter =
  (
    calls: AzureCalls,
    deployments: Deployments,
    listings: SharedListings,
    { deploymentId }: ProviderContext,
  ): Machines['deleteResource'] =>
  async (machine, name) => {
    const groupRef = groupRefOf(machine.location);
    if (name === DEPLOYMENT_STEP) return await deleteRecord(deployments, groupRef, machine);
    const step = stepOf(name);
    if (machine.exactly?.length) return await deleteExactly(calls, groupRef, step, machine.exactly);
    const names = new Set(await namesToDelete(listings, machine, groupRef, step));
    const verdicts = await Promise.allSettled([...names].map((each) => deleteOne(calls, groupRef, step, each)));
    const failed = verdicts.find((verdict) => verdict.status === 'rejected');
    if (failed) throw failed.reason;
    if (step === 'disks') await deleteOthers(calls, machine, deploymentId);
  };

/** What a machine's deployment has created is not deleted with its record. One that is active is cancelled first. */
async function deleteRecord(deployments: Deployments, groupRef: ResourceGroupRef, { workerId }: MachineRef) {
  const { deployment } = namesOf(workerId);
  const record = await deployments.get(groupRef, deployment);
  if (isActive(record?.properties?.provisioningState) && record) await deployments.cancel(groupRef, deployment);
  await deployments.delete(groupRef, deployment);
}

/** Of these resources, those that go in this step. */
async function deleteExactly(
  calls: AzureCalls,
  { account }: ResourceGroupRef,
  step: RemovalStep,
  ids: readonly string[],
): Promise<void> {
  const due = ids.filter((id) => (stepOfType[typeOf(id) ?? ''] ?? 'disks') === step);
  const verdicts = await Promise.allSettled(
    due.map(async (id) =>
      ignoreNotFound(calls.raw(account, 'delete', `DELETE ${kindOf(id)}`, { method: 'DELETE', path: versioned(id) })),
    ),
  );
  const failed = verdicts.find((verdict) => verdict.status === 'rejected');
  if (failed) throw failed.reason;
}

async function namesToDelete(
  listings: SharedListings,
  machine: MachineRef,
  groupRef: ResourceGroupRef,
  step: RemovalStep,
): Promise<string[]> {
  const vms = trackedIdsFor(machine, 'vm').map(nameOf);
  // A template may call its VM as it likes; one that is not tracked is found by its tags.
  if (step === 'vm' && (vms.length > 0 || !machine.resourceIds?.length))
    return [...deterministic(step, machine.workerId), ...vms];
  const others = await listings.namesOf(groupRef, step, machine);
  // What a template created has names of its own; those that are still there are listed.
  return machine.resourceIds?.length && step !== 'vm' ? others : [...deterministic(step, machine.workerId), ...others];
}

const deterministic = (step: RemovalStep, workerId: string): string[] => {
  const names = namesOf(workerId);
  return {
    vm: [names.vm],
    networkInterface: [names.networkInterface],
    publicIp: [names.publicIp],
    disks: [names.osDisk],
  }[step];
};

/** Accepted, or not there. Another operation on it (409) is Unavailable: the caller asks again. */
async function deleteOne(
  calls: AzureCalls,
  { account, group }: ResourceGroupRef,
  step: RemovalStep,
  name: string,
): Promise<void> {
  const begin: Readonly<Record<RemovalStep, (clients: AzureClients) => { submitted(): Promise<void> }>> = {
    vm: ({ compute }) => compute.virtualMachines.delete(group, name),
    networkInterface: ({ network }) => network.networkInterfaces.delete(group, name),
    publicIp: ({ network }) => network.publicIPAddresses.delete(group, name),
    disks: ({ compute }) => compute.disks.delete(group, name),
  };
  await ignoreNotFound(
    calls.call(account, 'delete', `DELETE ${types[step]}`, (clients) => begin[step](clients).submitted()),
  );
}

const types: Readonly<Record<RemovalStep, string>> = {
  vm: 'virtualMachines',
  networkInterface: 'networkInterfaces',
  publicIp: 'publicIPAddresses',
  disks: 'disks',
};

function stepOf(name: string): RemovalStep {
  const step = removalSteps.find((each) => each === name);
  if (step) return step;
  throw new ProviderError({ code: 'InvalidRequest', message: `There is no step ${name} to remove` });
}

/** Of those that are left and do not bear others' tags: Azure accepts the deletion, or has no such resource. */
async function deleteOthers(calls: AzureCalls, machine: MachineRef, deploymentId: string): Promise<void> {
  const groupRef = groupRefOf(machine.location);
  const left = ownOf(machine, await readEach(calls, groupRef, otherTrackedIds(machine)), deploymentId);
  await Promise.all(
    left.map(({ id }) =>
      ignoreNotFound(
        calls.raw(groupRef.account, 'delete', `DELETE ${kindOf(id)}`, { method: 'DELETE', path: versioned(id) }),
      ),
    ),
  );
}
