import type { Deployment, DeploymentStep } from './deployment.js';
import { resourceTypes, type Operation, type Properties, type Resource, type ResourceGroup } from './resource.js';

export const renderGroup = (group: ResourceGroup): Properties => ({
  id: `/subscriptions/${group.subscriptionId}/resourceGroups/${group.name}`,
  name: group.name,
  type: 'Microsoft.Resources/resourceGroups',
  location: group.location,
  tags: group.tags,
  properties: { provisioningState: group.state },
});

export function renderResource(resource: Resource, view = false): Properties {
  const { kind, usedBy } = resource;
  const held =
    usedBy === null
      ? {}
      : kind === 'networkInterfaces'
        ? { virtualMachine: { id: usedBy } }
        : kind === 'publicIPAddresses'
          ? { ipConfiguration: { id: `${usedBy}/ipConfigurations/main` } }
          : {};
  return {
    ...resource.extras,
    ...renderBrief(resource),
    ...(kind === 'disks' && usedBy !== null && { managedBy: usedBy }),
    properties: {
      ...resource.properties,
      ...held,
      ...(kind === 'disks' && { diskState: usedBy === null ? 'Unattached' : 'Attached' }),
      ...(view && { instanceView: renderInstanceView(resource) }),
      provisioningState: resource.state,
    },
  };
}

/** As lists of resources of all types give it. */
export const renderBrief = ({ id, name, kind, location, tags }: Resource): Properties => ({
  id,
  name,
  type: resourceTypes[kind],
  location,
  tags,
});

/**
 * Statuses as `instanceView` gives them: always the provisioning state, and the power state of a machine that has one.
 */
export function renderInstanceView(vm: Resource): Properties {
  const time = new Date(vm.machine?.runningSinceMs ?? vm.createdMs).toISOString();
  const failed = vm.state === 'Failed' && vm.failure;
  const provisioning = failed
    ? {
        code: `ProvisioningState/failed/${failed.code}`,
        level: 'Error',
        displayStatus: 'Provisioning failed',
        message: failed.message,
        time,
      }
    : {
        code: `ProvisioningState/${vm.state.toLowerCase()}`,
        level: 'Info',
        displayStatus: vm.state === 'Succeeded' ? 'Provisioning succeeded' : vm.state,
        time,
      };
  const power = vm.machine?.power ?? 'off';
  if (power === 'off') return { statuses: [provisioning] };
  return { statuses: [provisioning, { code: `PowerState/${power}`, level: 'Info', displayStatus: `VM ${power}` }] };
}

export function renderDeployment(deployment: Deployment): Properties {
  const { id, name, tags, shown, correlationId, startedMs, endedMs, state, failure, steps } = deployment;
  const created = steps.filter((step) => step.state === 'Succeeded');
  return {
    id,
    name,
    type: 'Microsoft.Resources/deployments',
    tags,
    properties: {
      ...shown,
      provisioningState: state,
      correlationId,
      timestamp: new Date(endedMs ?? startedMs).toISOString(),
      duration: duration(startedMs, endedMs),
      outputs: state === 'Succeeded' ? { template: { type: 'String', value: deployment.template } } : {},
      outputResources: state === 'Succeeded' ? created.map((step) => ({ id: step.targetId })) : [],
      ...(failure && { error: failure }),
    },
  };
}

/** One entry for each resource that the deployment has begun to create. */
export const renderDeploymentOperations = (deployment: Deployment): Properties[] =>
  deployment.steps.filter((step) => step.state !== 'Waiting').map((step, index) => renderStep(deployment, step, index));

function renderStep(deployment: Deployment, step: DeploymentStep, index: number): Properties {
  const operationId = step.operationId ?? String(index + 1);
  return {
    id: `${deployment.id}/operations/${operationId}`,
    operationId,
    properties: {
      provisioningOperation: 'Create',
      provisioningState: step.state,
      timestamp: new Date(step.endedMs ?? step.startedMs ?? 0).toISOString(),
      duration: duration(step.startedMs ?? 0, step.endedMs),
      statusCode: step.state === 'Running' ? 'Accepted' : step.state === 'Failed' ? 'Conflict' : 'Created',
      ...(step.failure && { statusMessage: { status: 'Failed', error: step.failure } }),
      targetResource: { id: step.targetId, resourceType: resourceTypes[step.kind], resourceName: step.name },
    },
  };
}

export const renderOperation = (operation: Operation): Properties => ({
  name: operation.id,
  status: operation.status,
  startTime: new Date(operation.startedMs).toISOString(),
  ...(operation.endedMs !== null && { endTime: new Date(operation.endedMs).toISOString() }),
  ...(operation.failure && { error: operation.failure }),
});

/** ISO 8601. */
const duration = (fromMs: number, toMs: number | null): string =>
  `PT${Math.max(0, (toMs ?? Date.now()) - fromMs) / 1000}S`;
