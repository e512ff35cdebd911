import type { MachineLocation } from '../../../domain/worker.js';
import type { MachineState, Observation } from '../../provider.js';
import { causeByWords } from '../../shared/end-cause.js';
import { DEPLOYMENT_TAG, LAUNCH_TAG } from '../../shared/tags.js';
import { GROUP_TAG, belongsToAnother, ownTags, POOL_TAG, WORKER_TAG } from '../model/tags.js';
import type { RemovalStep, Resource } from '../model/resources.js';

/** In the order in which a machine is built; disks come with the VM. */
const stepOrder: readonly RemovalStep[] = ['publicIp', 'networkInterface', 'vm', 'disks'];
/** Of several resources of one kind the one that needs most attention stands for all. */
const severity: readonly MachineState[] = ['failed', 'stopping', 'pending', 'running', 'gone'];

/**
 * The resources of one resource group, put together by machine: by their tags, by the VM that holds them, and disks
 * that Azure created and named itself by their names; else by `tracked`, ids in lower case with their worker. Pure.
 * Resources of nobody, or that bear the tags of others, are left out, tracked or not.
 */
export function resourcesByWorker(
  resources: readonly Resource[],
  deploymentId: string,
  tracked: ReadonlyMap<string, string> = new Map(),
): Map<string, Resource[]> {
  const owners = new Map<string, string>();
  for (const vm of resources.filter(({ step }) => step === 'vm')) {
    const workerId = ownTags(vm.tags, deploymentId)?.[WORKER_TAG];
    const isOwn = workerId !== undefined && !belongsToAnother(vm, deploymentId, workerId);
    if (isOwn) owners.set(vm.id.toLowerCase(), workerId);
  }
  const byWorker = new Map<string, Resource[]>();
  for (const resource of resources) {
    const workerId = ownerOf(resource, owners, deploymentId) ?? tracked.get(resource.id.toLowerCase());
    if (workerId === undefined || belongsToAnother(resource, deploymentId, workerId)) continue;
    const own = byWorker.get(workerId);
    if (own) own.push(resource);
    else byWorker.set(workerId, [resource]);
  }
  return byWorker;
}

function ownerOf(
  { tags, heldBy, name, step }: Resource,
  owners: ReadonlyMap<string, string>,
  deploymentId: string,
): string | undefined {
  if (tags[DEPLOYMENT_TAG] !== undefined) return ownTags(tags, deploymentId)?.[WORKER_TAG];
  const holder = heldBy === null ? undefined : owners.get(heldBy);
  if (holder !== undefined || step !== 'disks') return holder;
  const [, implicit, own] = diskName.exec(name.toLowerCase()) ?? [];
  return implicit ?? (own === undefined ? undefined : `vm-${own}`);
}

/**
 * Names of Azure's own making, such as `<vm>_OsDisk_1_<32 hexadecimal digits>`, and of ours (`names.ts`), to the end:
 * an operator's copy of a disk is called after it. The worker's part cannot be guessed: 35 characters of a hash over
 * the launch's token. In lower case.
 */
const diskName = /^(?:(vm-[0-9a-z]{35})_(?:osdisk_1|disk\d+)_[0-9a-f]{32}|disk-([0-9a-z]{35})-(?:os|\d+))$/;

/**
 * One machine, from all that there is of it; `resources` has one or more. `rowGroup`: the worker group of its row, when
 * there is one. A template may pass no tags on, and where a resource is need not be its worker's group.
 */
export function observationOf(
  workerId: string,
  resources: readonly Resource[],
  place: Pick<MachineLocation, 'account' | 'group'>,
  rowGroup?: string,
): Observation {
  const tagged = resources.find(({ tags }) => tags[LAUNCH_TAG] !== undefined) ?? resources[0]!;
  const region = tagged.tags[GROUP_TAG] ?? rowGroup ?? tagged.location.toLowerCase().replaceAll(' ', '');
  const byStep = Object.fromEntries(
    stepOrder.flatMap((step) => {
      const own = resources.filter((resource) => resource.step === step);
      return own.length === 0 ? [] : [[step, worst(own.map(({ state }) => state))] as const];
    }),
  );
  return {
    workerGroup: region,
    workerId,
    location: { ...place, region },
    ...stateOfMachine(resources),
    launchToken: tagged.tags[LAUNCH_TAG] ?? null,
    workerPoolId: tagged.tags[POOL_TAG] ?? null,
    resources: byStep,
  };
}

/**
 * A machine is what its VM is. Without one it is being built, or what is left of it waits to be removed; a disk that no
 * VM holds tells, because disks come with their VM.
 */
function stateOfMachine(resources: readonly Resource[]): Pick<Observation, 'state' | 'reason'> {
  const vm = resources.find(({ step }) => step === 'vm');
  if (vm) return { state: vm.state, reason: vm.reason };
  const failed = resources.find(({ state }) => state === 'failed');
  if (failed) return { state: 'failed', reason: `${failed.name}: ${failed.reason}` };
  const leftOver = resources.some(({ step, heldBy, isSettled }) => step === 'disks' && heldBy === null && isSettled);
  return leftOver ? { state: 'stopping', reason: 'its VM is gone' } : { state: 'pending', reason: null };
}

/** By Azure's codes, with which the reasons of failed resources begin. */
export const causeOf = causeByWords(
  [/^preempted\b/, 'preempted'],
  [/AllocationFailed|Insufficient\w*Capacity/i, 'capacity'],
  [/LimitExceeded|Quota/i, 'quota'],
);

const worst = (states: readonly MachineState[]): MachineState => severity.find((state) => states.includes(state))!;
