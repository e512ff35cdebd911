import { ignoreNotFound } from '../../errors.js';
import { gone } from '../../shared/gone.js';
import type { MachineRef, Observation } from '../../provider.js';
import type { AzureCalls } from '../arm/client.js';
import { listFiltered, remainingTrackedResources } from './remaining-resources.js';
import { nameOf, trackedIdsFor } from '../model/resource-ids.js';
import type { ResourceGroupRef } from '../arm/scope.js';
import { shown } from '../arm/pages.js';
import { belongsToAnother, ownTags, WORKER_TAG } from '../model/tags.js';
import { namesOf } from '../model/names.js';
import { observationOf } from './observations.js';
import { briefResource, type Resource, statusesOf, stepOfType, vmResource } from '../model/resources.js';

/**
 * One machine: its VM by name, a list of everything else that bears its tag, and its tracked resources. Gone when
 * nothing is left.
 */
export async function readMachine(
  calls: AzureCalls,
  machine: MachineRef,
  groupRef: ResourceGroupRef,
  deploymentId: string,
): Promise<Observation> {
  const names = vmNames(machine);
  const [vms, tagged, tracked] = await Promise.all([
    Promise.all(names.map((name) => readVm(calls, groupRef, name))),
    listTagged(calls, groupRef, machine.workerId, deploymentId),
    machine.resourceIds?.length ? remainingTrackedResources(calls, machine, deploymentId) : [],
  ]);
  // Somebody may have taken its tags away: it exists all the same.
  // guard(a-machine-without-tags-is-not-gone): use one !== null && ownTags(one.tags, deploymentId) !== null
  const isItself = (one: Resource | null) => one !== null && !belongsToAnother(one, deploymentId, machine.workerId);
  const vm = vms.find(isItself) ?? null;
  // Of the VMs that were read themselves, a list may be late to tell.
  const wasRead = ({ step, name }: Resource) => step === 'vm' && names.includes(name.toLowerCase());
  const left = [...(vm ? [vm] : []), ...[...tagged, ...tracked].filter((one) => !wasRead(one))];
  if (left.length === 0) return gone(machine);
  const seen = observationOf(machine.workerId, left, groupRef, machine.workerGroup);
  if (vm) return seen;
  const resources = { ...seen.resources, vm: 'gone' as const };
  return {
    ...seen,
    resources,
    state: seen.state === 'failed' ? 'failed' : 'stopping',
    reason: seen.reason ?? 'its VM is gone',
  };
}

/** Names that a machine's VM may have, lower-case: a template may call it as it likes. Never none. */
export function vmNames(machine: MachineRef): string[] {
  const tracked = trackedIdsFor(machine, 'vm').map((id) => nameOf(id).toLowerCase());
  return tracked.length > 0 ? tracked : [namesOf(machine.workerId).vm.toLowerCase()];
}

const readVm = (calls: AzureCalls, { account, group }: ResourceGroupRef, name: string): Promise<Resource | null> =>
  ignoreNotFound(
    calls.call(account, 'read', 'GET virtualMachines', async ({ compute }) => {
      const vm = shown(await compute.virtualMachines.get(group, name, { expand: 'instanceView' }));
      return vmResource(vm, statusesOf(vm));
    }),
  );

/** Resources of our kinds with the machine's tag. */
async function listTagged(
  calls: AzureCalls,
  groupRef: ResourceGroupRef,
  workerId: string,
  deploymentId: string,
): Promise<Resource[]> {
  const filter = `tagName eq '${WORKER_TAG}' and tagValue eq '${workerId.replaceAll("'", "''")}'`;
  return (await listFiltered(calls, groupRef, filter)).flatMap((brief) => {
    const isKnown = stepOfType[brief.type?.toLowerCase() ?? ''] && ownTags(brief.tags, deploymentId) !== null;
    const found = isKnown ? [briefResource(brief)] : [];
    return found.filter((one) => !belongsToAnother(one, deploymentId, workerId));
  });
}
