import { ProviderError } from '../errors.js';
import { gone } from '../gone.js';
import type { MachineRef, Observation } from '../provider.js';
import type { AzureCalls } from './calls.js';
import { rememberedLeft } from './deployment/left.js';
import { orNull } from './deployment/records.js';
import type { Place } from './listing.js';
import { ourTags, WORKER_TAG } from './marks.js';
import { namesOf } from './names.js';
import { observationOf } from './observations.js';
import {
  briefResource,
  type BriefResource,
  networkInterfaceResource,
  type Resource,
  statusesOf,
  stepOfType,
  vmResource,
} from './resources.js';

const RESOURCES_API_VERSION = '2021-04-01';

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

/** Resources of our kinds with the machine's mark (REST: Resources, List By Resource Group). */
async function listMarked(
  calls: AzureCalls,
  { account, group }: Place,
  workerId: string,
  deploymentId: string,
): Promise<Resource[]> {
  const filter = encodeURIComponent(`tagName eq '${WORKER_TAG}' and tagValue eq '${workerId.replaceAll("'", "''")}'`);
  const path =
    `/subscriptions/${account}/resourceGroups/${encodeURIComponent(group)}/resources` +
    `?$filter=${filter}&api-version=${RESOURCES_API_VERSION}`;
  try {
    const answer = await calls.raw(account, 'read', 'LIST resources', { method: 'GET', path });
    return ((answer as { value?: BriefResource[] } | null)?.value ?? []).flatMap((brief) => {
      const isOurs = stepOfType[brief.type?.toLowerCase() ?? ''] && ourTags(brief.tags, deploymentId) !== null;
      return isOurs ? [briefResource(brief)] : [];
    });
  } catch (error) {
    if (error instanceof ProviderError && error.code === 'NotFound') return [];
    throw error;
  }
}
