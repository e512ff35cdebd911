import { ProviderError } from '../errors.js';
import type { MachineRef, Observation } from '../provider.js';
import type { AzureCalls } from './calls.js';
import type { Place } from './listing.js';
import { ourTags, type Tags, WORKER_TAG } from './marks.js';
import { namesOf } from './names.js';
import { observationOf, stepOfType } from './observations.js';
import { networkInterfaceResource, type Resource, statusesOf, vmResource } from './resources.js';

const RESOURCES_API_VERSION = '2021-04-01';

/**
 * One machine by its names: two reads, and one more when neither VM nor network interface is there: for whatever else
 * bears its mark. Gone when nothing is left.
 */
export async function look(
  calls: AzureCalls,
  machine: MachineRef,
  place: Place,
  deploymentId: string,
): Promise<Observation> {
  const names = namesOf(machine.workerId);
  const { account, group } = place;
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
  const own = found.filter((each) => each !== null && ourTags(each.tags, deploymentId) !== null) as Resource[];
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

const orNull = async (looking: Promise<Resource>): Promise<Resource | null> => {
  try {
    return await looking;
  } catch (error) {
    if (error instanceof ProviderError && error.code === 'NotFound') return null;
    throw error;
  }
};

interface Brief {
  readonly id?: string;
  readonly name?: string;
  readonly type?: string;
  readonly location?: string;
  readonly tags?: Tags;
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
    return ((answer as { value?: Brief[] } | null)?.value ?? []).flatMap(({ id, name, type, location, tags }) => {
      const step = stepOfType[type?.toLowerCase() ?? ''];
      if (!step || ourTags(tags, deploymentId) === null) return [];
      return [
        {
          step,
          id: id ?? '',
          name: name ?? '',
          location: location ?? '',
          tags: tags ?? {},
          state: 'running' as const,
          reason: null,
          heldBy: null,
        },
      ];
    });
  } catch (error) {
    if (error instanceof ProviderError && error.code === 'NotFound') return [];
    throw error;
  }
}

const gone = ({ workerGroup, workerId, location }: MachineRef): Observation => ({
  workerGroup,
  workerId,
  location,
  state: 'gone',
  reason: null,
  launchToken: null,
  workerPoolId: null,
  resources: {},
});
