import type { Call } from '../faults.js';
import { objectAt, textAt } from '../members.js';
import { resourceTypes, type Properties, type ResourceKind } from './resource.js';
import type { ArmStore } from './store.js';
import { deploymentId, resourceId, type Target } from './target.js';

/**
 * By what a fault may choose a call: the resource's own name, its deployment's machine, and the tags for worker and
 * pool that the call sends or that what it is about has.
 */
export function faultTargetOf(
  store: ArmStore,
  target: Target,
  body: Properties,
): Pick<Call, 'workerIds' | 'workerPoolId'> {
  const { 'worker-id': workerId, 'worker-pool-id': workerPoolId } = { ...tagsOfTarget(store, target), ...tagsOf(body) };
  const names = [target.name, target.within, textAt(body, 'properties', 'parameters', 'vmName', 'value'), workerId];
  return {
    workerIds: names.filter((name): name is string => typeof name === 'string'),
    ...(typeof workerPoolId === 'string' && { workerPoolId }),
  };
}

/** Tags in a request; of a deployment, also those that it gives to its resources. */
export const tagsOf = (body: Properties): Properties => ({
  ...objectAt(body, 'tags'),
  ...objectAt(body, 'properties', 'parameters', 'tags', 'value'),
});

// oxlint-disable-next-line complexity -- one case for each kind of target
function tagsOfTarget(store: ArmStore, { kind, subscriptionId, resourceGroup, name, within }: Target): Properties {
  const group = resourceGroup ?? '';
  const deployment = (called: string | null) =>
    store.deployment(deploymentId(subscriptionId, group, called ?? ''))?.tags;
  const resource = (type: ResourceKind) => store.resource(resourceId(subscriptionId, group, type, name ?? ''))?.tags;
  switch (kind) {
    case 'operations': {
      const id = store.operation(name)?.targetId ?? '';
      return store.resource(id)?.tags ?? store.deployment(id)?.tags ?? {};
    }
    case 'deployments':
    case 'deploymentCancel':
      return deployment(name) ?? {};
    case 'deploymentOperations':
      return deployment(within) ?? {};
    case 'instanceView':
      return resource('virtualMachines') ?? {};
    default:
      return (isResource(kind) && resource(kind)) || {};
  }
}

const isResource = (kind: Target['kind']): kind is ResourceKind => kind in resourceTypes;
