import { Refusal } from '../errors.js';
import { textAt } from '../members.js';
import { openGroup, readTags, requireGroup } from './checks.js';
import { deleteResource } from './delete-resource.js';
import type { Deployment } from './deployment.js';
import { cancelDeployment, deleteDeployment, inGroup, putDeployment } from './deployments.js';
import { pageOf, resourceFilter, same } from './lists.js';
import { putResource } from './put-resource.js';
import * as render from './render.js';
import { resourceTypes } from './resource.js';
import type { Ending, Operation, Properties, Resource, ResourceKind } from './resource.js';
import type { ArmStore } from './store.js';
import { deploymentId, resourceId, type Target } from './target.js';

export interface ArmCall {
  readonly method: string;
  readonly target: Target;
  readonly query: URLSearchParams;
  readonly body: Properties;
  /** How an operation that this call begins is to end. */
  readonly ending: Ending;
}

export interface ArmAnswer {
  readonly status: number;
  readonly body?: Properties;
  /** It has begun, or goes on: the answer says where to ask about it. */
  readonly operation?: Operation;
  /** For `$skiptoken` of the next page. */
  readonly next?: string | null;
  readonly created?: readonly string[];
  readonly tags?: Readonly<Record<string, string>>;
}

/** Does what the call asks. Throws a Refusal with the real service's code and status. */
export function perform(store: ArmStore, call: ArmCall, pageSize: number, nowMs: number): ArmAnswer {
  const { target } = call;
  switch (target.kind) {
    case 'resourceGroups':
      return onGroups(store, call);
    case 'operations':
      return onOperation(store, call);
    case 'deployments':
      return onDeployments(store, call, pageSize, nowMs);
    case 'deploymentCancel':
      return cancel(store, call, nowMs);
    case 'deploymentOperations':
      return readDeploymentOperations(store, call);
    case 'virtualNetworks':
    case 'subnets':
      return readNetwork(call);
    case 'instanceView':
      return readInstanceView(store, call, nowMs);
    case 'resources':
      return listResources(store, call, pageSize);
    default:
      return target.name === null
        ? listKind(store, call, target.kind, pageSize, nowMs)
        : onResource(store, call, target.kind, target.name, nowMs);
  }
}

// oxlint-disable-next-line complexity -- the methods of one resource, with their refusals
function onGroups(store: ArmStore, { method, target, body }: ArmCall): ArmAnswer {
  const { subscriptionId, name } = target;
  if (name === null) {
    only(method, ['GET']);
    return { status: 200, body: { value: store.groups(subscriptionId).map(render.renderGroup) } };
  }
  const known = store.group(subscriptionId, name);
  if (method === 'HEAD') return { status: known ? 204 : 404 };
  if (method === 'GET') return { status: 200, body: render.renderGroup(requireGroup(store, subscriptionId, name)) };
  only(method, ['GET', 'HEAD', 'PUT', 'DELETE']);
  if (method === 'DELETE') {
    store.keepGroup({ ...requireGroup(store, subscriptionId, name), state: 'Deleting' });
    return { status: 202 };
  }
  if (!/^[-\w.()]{0,89}[-\w()]$/.test(name))
    throw new Refusal('InvalidResourceGroup', 'The name of the group is invalid.');
  const location = textAt(body, 'location')?.toLowerCase();
  if (!location) throw new Refusal('LocationRequired', 'The location property is required for this definition.');
  if (known) openGroup(store, subscriptionId, name);
  if (known && known.location !== location) {
    const message = `The group '${name}' already exists in location '${known.location}'.`;
    throw new Refusal('InvalidResourceGroupLocation', message, 409);
  }
  const group = {
    subscriptionId,
    name: known?.name ?? name,
    location,
    tags: readTags(body['tags']),
    state: 'Succeeded' as const,
  };
  store.keepGroup(group);
  return { status: known ? 200 : 201, body: render.renderGroup(group), created: known ? [] : [name] };
}

/** `operations` is the style of Azure-AsyncOperation, `operationResults` that of Location. */
function onOperation(store: ArmStore, { method, target }: ArmCall): ArmAnswer {
  only(method, ['GET']);
  const operation = store.operation(target.name);
  if (!operation) throw new Refusal('NotFound', `The operation ${target.name ?? ''} was not found.`, 404);
  if (target.within === 'operations') {
    const inProgress = operation.status === 'InProgress';
    return { status: 200, body: render.renderOperation(operation), ...(inProgress && { operation }) };
  }
  if (operation.status === 'InProgress') return { status: 202, operation };
  if (operation.failure) throw new Refusal(operation.failure.code, operation.failure.message, 409, operation.failure);
  const resource = operation.method === 'DELETE' ? undefined : store.resource(operation.targetId);
  return resource ? { status: 200, body: render.renderResource(resource) } : { status: 204 };
}

function onResource(store: ArmStore, call: ArmCall, kind: ResourceKind, name: string, nowMs: number): ArmAnswer {
  const { method, target, query, body, ending } = call;
  const { subscriptionId } = target;
  only(method, kind === 'disks' || kind === 'extensions' ? ['GET', 'DELETE'] : ['GET', 'PUT', 'DELETE']);
  if (method === 'PUT') {
    const resourceGroup = target.resourceGroup ?? '';
    const { resource, status, operation, created } = putResource(
      store,
      { kind, subscriptionId, resourceGroup, name, body, ending },
      nowMs,
    );
    return {
      status,
      body: render.renderResource(resource),
      ...(operation && { operation }),
      created,
      tags: resource.tags,
    };
  }
  const resource = find(store, target, kind, name);
  if (method === 'GET') {
    if (!resource) throw notFound(target, kind, name);
    const view = kind === 'virtualMachines' && query.get('$expand')?.toLowerCase() === 'instanceview';
    return { status: 200, body: render.renderResource(resource, view) };
  }
  if (!resource) return { status: 204 };
  return { status: 202, operation: deleteResource(store, resource, ending, nowMs), tags: resource.tags };
}

function listKind(store: ArmStore, call: ArmCall, kind: ResourceKind, pageSize: number, nowMs: number): ArmAnswer {
  const { method, target, query } = call;
  only(method, ['GET']);
  if (target.resourceGroup !== null) requireGroup(store, target.subscriptionId, target.resourceGroup);
  if (query.get('$filter')) throw new Refusal('InvalidParameter', 'This list takes no filter here.');
  const all = [...store.resources()].filter(
    (one) => one.kind === kind && inScope(one, target) && nowMs >= (one.machine?.hiddenUntilMs ?? 0),
  );
  const view = query.get('statusOnly') === 'true' || query.get('$expand')?.toLowerCase() === 'instanceview';
  const { items, next } = pageOf(all, query, pageSize);
  const value = items.map((one) => render.renderResource(one, view && kind === 'virtualMachines'));
  return { status: 200, body: { value }, next };
}

function listResources(store: ArmStore, { method, target, query }: ArmCall, pageSize: number): ArmAnswer {
  only(method, ['GET']);
  if (target.resourceGroup !== null) requireGroup(store, target.subscriptionId, target.resourceGroup);
  const wanted = resourceFilter(query.get('$filter'));
  const all = [...store.resources()].filter((one) => inScope(one, target) && wanted(one));
  const { items, next } = pageOf(all, query, pageSize);
  return { status: 200, body: { value: items.map(render.renderBrief) }, next };
}

function readInstanceView(store: ArmStore, { method, target }: ArmCall, nowMs: number): ArmAnswer {
  only(method, ['GET']);
  const name = target.name ?? '';
  const vm = find(store, target, 'virtualMachines', name);
  if (!vm || nowMs < (vm.machine?.hiddenUntilMs ?? 0)) throw notFound(target, 'virtualMachines', name);
  return { status: 200, body: render.renderInstanceView(vm) };
}

/** Virtual networks and subnets need not be created: each that is named exists. */
function readNetwork({ method, target }: ArmCall): ArmAnswer {
  only(method, ['GET']);
  const { subscriptionId, resourceGroup, kind, within, name } = target;
  if (name === null) return { status: 200, body: { value: [] } };
  if (name === 'missing') throw new Refusal('ResourceNotFound', `The ${kind} '${name}' was not found.`, 404);
  const networks = `/subscriptions/${subscriptionId}/resourceGroups/${resourceGroup}/providers/Microsoft.Network/virtualNetworks`;
  const id = within === null ? `${networks}/${name}` : `${networks}/${within}/subnets/${name}`;
  return { status: 200, body: { id, name, properties: { provisioningState: 'Succeeded' } } };
}

function onDeployments(store: ArmStore, call: ArmCall, pageSize: number, nowMs: number): ArmAnswer {
  const { method, target, query, body, ending } = call;
  const { subscriptionId, name } = target;
  const resourceGroup = target.resourceGroup ?? '';
  if (name === null) {
    only(method, ['GET']);
    requireGroup(store, subscriptionId, resourceGroup);
    const { items, next } = pageOf(inGroup(store, subscriptionId, resourceGroup), query, pageSize);
    return { status: 200, body: { value: items.map(render.renderDeployment) }, next };
  }
  only(method, ['GET', 'HEAD', 'PUT', 'DELETE']);
  const known = findDeployment(store, target, name);
  if (method === 'PUT') {
    const deployment = putDeployment(store, { subscriptionId, resourceGroup, name, body, ending }, nowMs);
    const shown = render.renderDeployment(deployment);
    const operation = store.operation(deployment.operationId);
    return { status: known ? 200 : 201, body: shown, operation, created: known ? [] : [deployment.id] };
  }
  if (method === 'HEAD') return { status: known ? 204 : 404 };
  if (method === 'DELETE') {
    if (!known) return { status: 204 };
    return { status: 202, operation: deleteDeployment(store, known, ending, nowMs) };
  }
  return { status: 200, body: render.renderDeployment(requireDeployment(store, target, name)) };
}

function cancel(store: ArmStore, { method, target }: ArmCall, nowMs: number): ArmAnswer {
  only(method, ['POST']);
  const deployment = requireDeployment(store, target, target.name);
  cancelDeployment(store, deployment, nowMs);
  return { status: 204, tags: deployment.tags };
}

function readDeploymentOperations(store: ArmStore, { method, target }: ArmCall): ArmAnswer {
  only(method, ['GET']);
  const deployment = requireDeployment(store, target, target.within);
  const all = render.renderDeploymentOperations(deployment);
  if (target.name === null) return { status: 200, body: { value: all } };
  const one = all.find((operation) => operation['operationId'] === target.name);
  if (!one) throw new Refusal('DeploymentOperationNotFound', `There is no operation '${target.name}'.`, 404);
  return { status: 200, body: one };
}

/** A list is of one group or of a whole subscription. */
const inScope = (resource: Resource, { subscriptionId, resourceGroup }: Target): boolean =>
  same(resource.subscriptionId, subscriptionId) &&
  (resourceGroup === null || same(resource.resourceGroup, resourceGroup));

const find = (store: ArmStore, target: Target, kind: ResourceKind, name: string): Resource | undefined => {
  const full = kind === 'extensions' ? `${target.within ?? ''}/${name}` : name;
  return store.resource(resourceId(target.subscriptionId, target.resourceGroup ?? '', kind, full));
};

const notFound = (target: Target, kind: ResourceKind, name: string): Refusal =>
  new Refusal(
    'ResourceNotFound',
    `The Resource '${resourceTypes[kind]}/${name}' under resource group '${target.resourceGroup ?? ''}' was not found.`,
    404,
  );

const findDeployment = (store: ArmStore, target: Target, name: string | null): Deployment | undefined =>
  store.deployment(deploymentId(target.subscriptionId, target.resourceGroup ?? '', name ?? ''));

function requireDeployment(store: ArmStore, target: Target, name: string | null): Deployment {
  const deployment = findDeployment(store, target, name);
  if (deployment) return deployment;
  throw new Refusal('DeploymentNotFound', `Deployment '${name ?? ''}' could not be found.`, 404);
}

function only(method: string, allowed: readonly string[]): void {
  if (!allowed.includes(method)) throw new Refusal('MethodNotAllowed', `${method} is not simulated here.`, 405);
}
