import { orNull } from '../../errors.js';
import { gone } from '../../shared/gone.js';
import type { MachineRef, Observation } from '../../provider.js';
import type { AzureCalls } from '../arm/client.js';
import { listFiltered, rememberedLeft } from './remaining-resources.js';
import { nameOf, rememberedFor } from '../model/resource-ids.js';
import type { Place } from '../arm/scope.js';
import { isOfOthers, ourTags, type Tags, WORKER_TAG } from '../model/tags.js';
import { namesOf } from '../model/names.js';
import { observationOf } from './observations.js';
import { briefResource, type Resource, statusesOf, stepOfType, vmResource } from '../model/resources.js';

/**
 * One machine: its VM by name, a list of everything else that bears its mark, and what is remembered of it. Gone when
 * nothing is left.
 */
export async function look(
  calls: AzureCalls,
  machine: MachineRef,
  place: Place,
  deploymentId: string,
): Promise<Observation> {
  const names = vmNames(machine);
  const [vms, marked, remembered] = await Promise.all([
    Promise.all(names.map((name) => readVm(calls, place, name))),
    listMarked(calls, place, machine.workerId, deploymentId),
    machine.made?.length ? rememberedLeft(calls, machine, deploymentId) : [],
  ]);
  const vm = vms.find((one) => one !== null && isOurs(one.tags, machine, deploymentId)) ?? null;
  // Of the VMs that were read themselves, a list may be late to tell.
  const wasRead = ({ step, name }: Resource) => step === 'vm' && names.includes(name.toLowerCase());
  const left = [...(vm ? [vm] : []), ...[...marked, ...remembered].filter((one) => !wasRead(one))];
  if (left.length === 0) return gone(machine);
  const seen = observationOf(machine.workerId, left, place, machine.workerGroup);
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
  const remembered = rememberedFor(machine, 'vm').map((id) => nameOf(id).toLowerCase());
  return remembered.length > 0 ? remembered : [namesOf(machine.workerId).vm.toLowerCase()];
}

const readVm = (calls: AzureCalls, { account, group }: Place, name: string): Promise<Resource | null> =>
  orNull(
    calls.call(account, 'read', 'GET virtualMachines', async ({ compute }) => {
      const vm = await compute.virtualMachines.get(group, name, { expand: 'instanceView' });
      return vmResource(vm, statusesOf(vm));
    }),
  );

/** What is remembered may have no marks. */
const isOurs = (tags: Tags, { made, workerId }: MachineRef, deploymentId: string): boolean =>
  made?.length ? !isOfOthers(tags, deploymentId, workerId) : ourTags(tags, deploymentId) !== null;

/** Resources of our kinds with the machine's mark. */
async function listMarked(
  calls: AzureCalls,
  place: Place,
  workerId: string,
  deploymentId: string,
): Promise<Resource[]> {
  const filter = `tagName eq '${WORKER_TAG}' and tagValue eq '${workerId.replaceAll("'", "''")}'`;
  return (await listFiltered(calls, place, filter)).flatMap((brief) => {
    const isKnown = stepOfType[brief.type?.toLowerCase() ?? ''] && ourTags(brief.tags, deploymentId) !== null;
    return isKnown ? [briefResource(brief)] : [];
  });
}
