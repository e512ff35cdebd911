import { orNull } from '../errors.js';
import { gone } from '../gone.js';
import type { MachineRef, Observation } from '../provider.js';
import type { AzureCalls } from './calls.js';
import { listFiltered, rememberedLeft } from './deployment/left.js';
import type { Place } from './listing.js';
import { ourTags, WORKER_TAG } from './marks.js';
import { namesOf } from './names.js';
import { observationOf } from './observations.js';
import {
  briefResource,
  networkInterfaceResource,
  type Resource,
  statusesOf,
  stepOfType,
  vmResource,
} from './resources.js';

/**
 * One machine by its names (two reads) or by what is remembered of it (one for each), and where that is all gone, one read
 * more for whatever else bears its mark. Gone when nothing is left.
 */
export async function look(
  calls: AzureCalls,
  machine: MachineRef,
  place: Place,
  deploymentId: string,
): Promise<Observation> {
  const own = machine.made?.length
    ? await rememberedLeft(calls, machine, deploymentId)
    : await named(calls, machine, place, deploymentId);
  const vm = own.find(({ step }) => step === 'vm');
  const left = own.length > 0 ? own : await listMarked(calls, place, machine.workerId, deploymentId);
  if (left.length === 0) return gone(machine);
  const seen = observationOf(machine.workerId, left, place);
  if (vm) return seen;
  const resources = { ...seen.resources, vm: 'gone' as const };
  return {
    ...seen,
    resources,
    state: seen.state === 'failed' ? 'failed' : 'stopping',
    reason: seen.reason ?? 'its VM is gone',
  };
}

/** Of VM and network interface those that are there, and ours. */
async function named(
  calls: AzureCalls,
  machine: MachineRef,
  { account, group }: Place,
  deploymentId: string,
): Promise<Resource[]> {
  const names = namesOf(machine.workerId);
  const found = await Promise.all([
    orNull(
      calls.call(account, 'read', 'GET networkInterfaces', async ({ network }) =>
        networkInterfaceResource(await network.networkInterfaces.get(group, names.networkInterface)),
      ),
    ),
    orNull(
      calls.call(account, 'read', 'GET virtualMachines', async ({ compute }) => {
        const vm = await compute.virtualMachines.get(group, names.vm, { expand: 'instanceView' });
        return vmResource(vm, statusesOf(vm));
      }),
    ),
  ]);
  return found.filter((each) => each !== null && ourTags(each.tags, deploymentId) !== null) as Resource[];
}

/** Resources of our kinds with the machine's mark. */
async function listMarked(
  calls: AzureCalls,
  place: Place,
  workerId: string,
  deploymentId: string,
): Promise<Resource[]> {
  const filter = `tagName eq '${WORKER_TAG}' and tagValue eq '${workerId.replaceAll("'", "''")}'`;
  return (await listFiltered(calls, place, filter)).flatMap((brief) => {
    const isOurs = stepOfType[brief.type?.toLowerCase() ?? ''] && ourTags(brief.tags, deploymentId) !== null;
    return isOurs ? [briefResource(brief)] : [];
  });
}
