import { Refusal } from '../errors.js';
import { resourceTypes, type ResourceKind } from './resource.js';

export type TargetKind =
  | ResourceKind
  | 'resourceGroups'
  | 'resources'
  | 'virtualNetworks'
  | 'subnets'
  | 'instanceView'
  | 'deployments'
  | 'deploymentOperations'
  | 'deploymentCancel'
  | 'operations';

/** What a path under `/azure` names. */
export interface Target {
  readonly kind: TargetKind;
  readonly subscriptionId: string;
  readonly resourceGroup: string | null;
  /** Null for a list. */
  readonly name: string | null;
  /** The virtual network of a subnet, the deployment of an operation, `operations` or `operationResults`. */
  readonly within: string | null;
}

const single: Record<string, TargetKind> = {
  'microsoft.network/publicipaddresses': 'publicIPAddresses',
  'microsoft.network/networkinterfaces': 'networkInterfaces',
  'microsoft.network/networksecuritygroups': 'networkSecurityGroups',
  'microsoft.network/virtualnetworks': 'virtualNetworks',
  'microsoft.compute/virtualmachines': 'virtualMachines',
  'microsoft.compute/disks': 'disks',
  'microsoft.resources/deployments': 'deployments',
};
const nested: Record<string, TargetKind> = {
  'virtualNetworks/subnets': 'subnets',
  'deployments/operations': 'deploymentOperations',
  'deployments/operationstatuses': 'operations',
  'virtualMachines/extensions': 'extensions',
};

/**
 * Reads the path after `/azure`; names of groups and types are in any case, as the real service takes them.
 * Throws a Refusal where there is nothing.
 */
// oxlint-disable-next-line complexity -- one branch for each form of a path, as Azure documents them
export function parseTarget(path: string): Target {
  const parts = path.split('/').filter(Boolean).map(decode);
  const [word = '', subscriptionId = '', next = ''] = parts;
  if (word.toLowerCase() !== 'subscriptions' || subscriptionId === '') throw nothingAt(path);
  const inGroup = next.toLowerCase() === 'resourcegroups';
  const resourceGroup = inGroup ? (parts[3] ?? null) : null;
  const place = { subscriptionId, resourceGroup };
  const rest = parts.slice(inGroup ? 4 : 2);
  if (inGroup && rest.length === 0) return { ...place, kind: 'resourceGroups', name: resourceGroup, within: null };
  if (rest.length === 1 && rest[0]?.toLowerCase() === 'resources') {
    return { ...place, kind: 'resources', name: null, within: null };
  }
  // The list of a deployment's operations has no provider in its path.
  const [first = '', deployment = null, operations, operation = null] = rest;
  if (inGroup && first.toLowerCase() === 'deployments' && operations?.toLowerCase() === 'operations') {
    return { ...place, kind: 'deploymentOperations', name: operation, within: deployment };
  }
  if (first.toLowerCase() !== 'providers' || rest.length < 3) throw nothingAt(path);
  return parseProvider(place, rest.slice(1), path);
}

// oxlint-disable-next-line complexity -- one branch for each form of a path, as Azure documents them
function parseProvider(place: Pick<Target, 'subscriptionId' | 'resourceGroup'>, rest: string[], path: string): Target {
  const [namespace = '', type = '', name = null, subtype = null, subname = null, extra] = rest;
  if (type.toLowerCase() === 'locations') {
    const results = /^operation(result)?s$/i.exec(subtype ?? '');
    if (!results || subname === null) throw nothingAt(path);
    return { ...place, kind: 'operations', name: subname, within: results[1] ? 'operationResults' : 'operations' };
  }
  const kind = single[`${namespace}/${type}`.toLowerCase()];
  if (!kind || extra !== undefined) throw nothingAt(path);
  if (subtype === null) return { ...place, kind, name, within: null };
  if (kind === 'virtualMachines' && subtype.toLowerCase() === 'instanceview' && subname === null) {
    return { ...place, kind: 'instanceView', name, within: null };
  }
  if (kind === 'deployments' && subtype.toLowerCase() === 'cancel' && subname === null) {
    return { ...place, kind: 'deploymentCancel', name, within: null };
  }
  const inner = nested[`${kind}/${subtype.toLowerCase()}`];
  if (!inner) throw nothingAt(path);
  if (inner === 'operations') return { ...place, kind: inner, name: subname, within: 'operations' };
  return { ...place, kind: inner, name: subname, within: name };
}

/** The id of a resource, in the spelling in which it was first named. */
export const resourceId = (subscriptionId: string, resourceGroup: string, kind: ResourceKind, name: string): string =>
  `/subscriptions/${subscriptionId}/resourceGroups/${resourceGroup}/providers/${resourceTypes[kind]}/${name}`;

export const deploymentId = (subscriptionId: string, resourceGroup: string, name: string): string =>
  `/subscriptions/${subscriptionId}/resourceGroups/${resourceGroup}/providers/Microsoft.Resources/deployments/${name}`;

const nothingAt = (path: string): Refusal =>
  new Refusal('InvalidResourceType', `There is no resource type at ${path.slice(0, 300)}.`, 404);

function decode(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    throw new Refusal('InvalidRequestUri', 'The path is not well encoded.');
  }
}
