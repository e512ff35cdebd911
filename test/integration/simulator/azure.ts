import { ComputeManagementClient, type VirtualMachine } from '@azure/arm-compute';
import { NetworkManagementClient, type NetworkInterface } from '@azure/arm-network';
import { DeploymentsClient } from '@azure/arm-resourcesdeployments';
import { bearerTokenAuthenticationPolicyName, type Pipeline } from '@azure/core-rest-pipeline';
import type { SimulatorFlags, SimulatorHandle } from '../../../dev/testing/simulator.js';

export const subscriptionId = '11111111-2222-4333-8444-555555555555';
export const group = 'worker-manager';
export const location = 'eastus';
/** Polls come quickly, because no answer has a Retry-After. */
export const fast = { updateIntervalInMs: 20 };

export const quick: SimulatorFlags = {
  machines: 'off',
  azureRetryAfterSeconds: 0,
  azurePageSize: 3,
  azureVmCreateMs: 120,
  azureVmDeleteMs: 80,
  azureNetworkCreateMs: 40,
  azureNetworkDeleteMs: 40,
  azureDiskDeleteMs: 40,
  azureDeploymentMs: 40,
};

/** The vendor's own clients. Over plain HTTP they send no token: their policy for it refuses such addresses. */
export function azureClients(simulator: SimulatorHandle) {
  const credential = { getToken: async () => ({ token: 'any', expiresOnTimestamp: Date.now() + 3_600_000 }) };
  const options = {
    endpoint: simulator.azureEndpoint,
    allowInsecureConnection: true,
    retryOptions: { maxRetries: 0 },
  };
  const compute = new ComputeManagementClient(credential, subscriptionId, options);
  const network = new NetworkManagementClient(credential, subscriptionId, options);
  const deployments = new DeploymentsClient(credential, subscriptionId, options);
  for (const { pipeline } of [compute, network, deployments] as { pipeline: Pipeline }[]) {
    pipeline.removePolicy({ name: bearerTokenAuthenticationPolicyName });
  }
  return { compute, network, deployments };
}
export type AzureClients = ReturnType<typeof azureClients>;

const groupPath = `/subscriptions/${subscriptionId}/resourceGroups/${group}`;
export const networkId = (type: string, name: string): string =>
  `${groupPath}/providers/Microsoft.Network/${type}/${name}`;
export const subnetId = `${networkId('virtualNetworks', 'default')}/subnets/default`;
export const tags = { 'worker-pool-id': 'proj-example/azure', owner: 'somebody@example.com' };

export const address = { location, tags, sku: { name: 'Standard' }, publicIPAllocationMethod: 'Static' };

export const nic = (publicIp?: string, subnet = subnetId): NetworkInterface => ({
  location,
  tags,
  ipConfigurations: [
    {
      name: 'main',
      privateIPAllocationMethod: 'Dynamic',
      subnet: { id: subnet },
      ...(publicIp && { publicIPAddress: { id: networkId('publicIPAddresses', publicIp) } }),
    },
  ],
});

export const customData = (rootUrl: string): string =>
  Buffer.from(
    JSON.stringify({
      rootUrl,
      workerPoolId: 'proj-example/azure',
      providerId: 'azure',
      workerGroup: location,
      workerConfig: {},
    }),
  ).toString('base64');

export const vm = (
  nicName: string,
  options: { deleteOption?: string; data?: string; spot?: Pick<VirtualMachine, 'priority' | 'evictionPolicy'> } = {},
): VirtualMachine => ({
  location,
  tags,
  ...options.spot,
  hardwareProfile: { vmSize: 'Standard_D2s_v5' },
  storageProfile: {
    imageReference: { id: 'any-image' },
    osDisk: { createOption: 'FromImage', name: `${nicName}-os`, deleteOption: options.deleteOption },
  },
  osProfile: {
    computerName: 'machine',
    adminUsername: 'somebody',
    adminPassword: 'Not-A-Real-Pass-1',
    customData: options.data ?? customData('http://127.0.0.1:1'),
  },
  networkProfile: {
    networkInterfaces: [
      { id: networkId('networkInterfaces', nicName), primary: true, deleteOption: options.deleteOption },
    ],
  },
});

/** Network interface and machine, until the machine runs. */
export async function makeMachine(
  clients: AzureClients,
  name: string,
  options: Parameters<typeof vm>[1] = {},
): Promise<VirtualMachine> {
  await clients.network.networkInterfaces.createOrUpdate(group, `${name}-nic`, nic(), fast);
  return clients.compute.virtualMachines.createOrUpdate(group, name, vm(`${name}-nic`, options), fast);
}

export async function all<T>(pages: AsyncIterable<T>): Promise<T[]> {
  const items: T[] = [];
  for await (const item of pages) items.push(item);
  return items;
}

/** One request without a client, for what the clients do not offer. */
export async function raw(simulator: SimulatorHandle, method: string, path: string, body?: unknown): Promise<Response> {
  const mark = path.includes('?') ? '&' : '?';
  return fetch(`${simulator.azureEndpoint}/subscriptions/${subscriptionId}${path}${mark}api-version=2024-01-01`, {
    method,
    ...(body !== undefined && { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }),
  });
}
