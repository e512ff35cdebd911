import type { DeploymentExtended } from '@azure/arm-resourcesdeployments';
import type { MachineLocation } from '../../../domain/worker.js';
import type { Machines, ProviderContext, TaggedResource } from '../../provider.js';
import { mergePages } from '../../shared/merge-pages.js';
import type { AzureCalls } from '../arm/client.js';
import type { Deployments } from '../arm/deployments.js';
import { groupKey, type ResourceGroupRef } from '../arm/scope.js';
import { DEPLOYMENT_STEP } from '../model/arm-deployment-states.js';
import { MAX_PER_LAUNCH, namesOf, workerIdOf } from '../model/names.js';
import { bearsName, nameOf } from '../model/resource-ids.js';
import { type BriefResource, stepOfType } from '../model/resources.js';
import { DEPLOYMENT_TAG, LAUNCH_TAG } from '../../shared/tags.js';
import { belongsToAnother, GROUP_TAG, ownTags, type Tags, WORKER_TAG } from '../model/tags.js';
import { listSubscription } from './remaining-resources.js';

/**
 * What carries our tag in a subscription, whatever its group, by one list of Resource Manager; and the records of
 * deployments, which that list leaves out, of every group that is known.
 */
export const inventoryOf = (
  calls: AzureCalls,
  deployments: Deployments,
  home: ResourceGroupRef,
  { deploymentId }: ProviderContext,
): Machines['inventory'] => {
  const filter = `tagName eq '${DEPLOYMENT_TAG}' and tagValue eq '${deploymentId}'`;

  async function* resources(account: string, prove: LaunchProof): AsyncGenerator<TaggedResource[]> {
    const listed = await listSubscription(calls, account, filter);
    yield listed.flatMap((brief) => taggedResource(brief, account, deploymentId, prove));
  }
  async function* records(groupRef: ResourceGroupRef, prove: LaunchProof): AsyncGenerator<TaggedResource[]> {
    const listed = await deployments.list(groupRef);
    yield [...listed.values()].flatMap((record) => taggedRecord(record, groupRef, deploymentId, prove));
  }

  return (locations) => {
    const groups = groupsOf([{ ...home, region: null }, ...locations]);
    const accounts = new Set(groups.map(({ account }) => account));
    const prove = launchProof();
    return mergePages([
      ...[...accounts].map((account) => resources(account, prove)),
      ...groups.map((groupRef) => records(groupRef, prove)),
    ]);
  };
};

const groupsOf = (locations: readonly MachineLocation[]): ResourceGroupRef[] => [
  ...new Map(
    locations.flatMap(({ account, group }) =>
      account === null || group === null ? [] : [[groupKey({ account, group }), { account, group }] as const],
    ),
  ).values(),
];

/** Whether a worker's id follows from the launch's token. */
type LaunchProof = (launchToken: string, workerId: string) => boolean;

/** Ids cost a hash each: those of a launch are made once, and no more of them than are listed. */
function launchProof(): LaunchProof {
  const idsOf = new Map<string, Set<string>>();
  return (launchToken, workerId) => {
    const ids = idsOf.get(launchToken) ?? new Set<string>();
    idsOf.set(launchToken, ids);
    while (!ids.has(workerId) && ids.size < MAX_PER_LAUNCH) ids.add(workerIdOf(launchToken, ids.size));
    return ids.has(workerId);
  };
}

function taggedResource(
  { id, type, location, tags }: BriefResource,
  account: string,
  deploymentId: string,
  prove: LaunchProof,
): TaggedResource[] {
  const group = /\/resourceGroups\/([^/]+)\//i.exec(id ?? '')?.[1];
  if (id === undefined || group === undefined) return [];
  const step = stepOfType[type?.toLowerCase() ?? ''] ?? 'disks';
  const named = tagged(tags, { account, group, region: location ?? null }, deploymentId);
  const isCopy = (workerId: string) => belongsToAnother({ name: nameOf(id), tags }, deploymentId, workerId);
  return named.map((one) => ({
    ...one,
    resourceId: id,
    exactly: [id],
    step,
    isMachine: step === 'vm',
    isOurs: isProven(one, prove) && isNamedFor(id, step, one.workerId) && !isCopy(one.workerId),
  }));
}

/** A VM has its worker's name and no longer one, or it is a copy; what a template adds to it may bear more. */
const isNamedFor = (id: string, step: string, workerId: string): boolean =>
  step === 'vm'
    ? nameOf(id).toLowerCase() === namesOf(workerId).vm
    : hasOwnName(id, workerId) || bearsName(id, workerId);

const hasOwnName = (id: string, workerId: string): boolean => {
  const { vm, networkInterface, publicIp, osDisk } = namesOf(workerId);
  return [vm, networkInterface, publicIp, osDisk].includes(nameOf(id).toLowerCase());
};

const taggedRecord = (
  { name, id, tags }: DeploymentExtended,
  groupRef: ResourceGroupRef,
  deploymentId: string,
  prove: LaunchProof,
): TaggedResource[] =>
  tagged(tags, { ...groupRef, region: null }, deploymentId).map((one) => ({
    ...one,
    resourceId: id ?? name ?? '',
    step: DEPLOYMENT_STEP,
    isMachine: false,
    isOurs: isProven(one, prove) && name === namesOf(one.workerId).deployment,
  }));

const isProven = ({ launchToken, workerId }: Pick<TaggedResource, 'launchToken' | 'workerId'>, prove: LaunchProof) =>
  launchToken !== null && prove(launchToken, workerId);

/** Whose it is, by its tags; nobody's where it does not carry ours. What names no worker stands for itself. */
function tagged(
  tags: Tags | undefined,
  location: MachineLocation,
  deploymentId: string,
): Pick<TaggedResource, 'workerGroup' | 'workerId' | 'location' | 'launchToken'>[] {
  const own = ownTags(tags, deploymentId);
  if (own === null) return [];
  const region = own[GROUP_TAG] ?? location.region ?? '';
  const workerId = own[WORKER_TAG] ?? '';
  return [{ workerGroup: region, workerId, location: { ...location, region }, launchToken: own[LAUNCH_TAG] ?? null }];
}
