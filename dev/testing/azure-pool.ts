import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type CapacityShape, testPool } from './api-client.js';
import type { SimulatorHandle } from './simulator.js';

/** A deployment's Azure side: the simulator's Resource Manager, pools in it, and what is left in it. */

export const AZURE_SUBSCRIPTION = '11111111-2222-3333-4444-555555555555';
/** The simulator has it from the start. */
export const AZURE_GROUP = 'worker-manager';

/** What makes the provider trust the simulator's attested documents: files in `folder`. */
export async function certificateFiles(
  simulator: SimulatorHandle,
  folder: string,
): Promise<{ trustedRoots: string; trustedIntermediates: string }> {
  const { trustedRoots, trustedIntermediates } = await simulator.azureCertificates();
  const write = (name: string, pems: readonly string[]): string => {
    const path = join(folder, name);
    writeFileSync(path, pems.join('\n'));
    return path;
  };
  return {
    trustedRoots: write('azure-roots.pem', trustedRoots),
    trustedIntermediates: write('azure-intermediates.pem', trustedIntermediates),
  };
}

/** The `providers` entry of a deployment that runs against this simulator; its trusted roots are put into `folder`. */
export async function azureProviderConfig(simulator: SimulatorHandle, folder: string) {
  return {
    providerType: 'azure',
    endpoint: simulator.azureEndpoint,
    subscriptionId: AZURE_SUBSCRIPTION,
    resourceGroupName: AZURE_GROUP,
    ...(await certificateFiles(simulator, folder)),
  };
}

export interface AzurePoolShape extends CapacityShape {
  readonly location?: string;
  readonly publicIp?: boolean;
  /** `Detach`: a deleted machine leaves its interface and disks behind. */
  readonly deleteOption?: 'Delete' | 'Detach';
}

/** The definition of a sequential Azure pool. */
export function azurePool(shape: AzurePoolShape = {}) {
  const { location = 'westus2', publicIp = false, deleteOption } = shape;
  const launchConfig = {
    location,
    subnetId: `/subscriptions/${AZURE_SUBSCRIPTION}/resourceGroups/net/providers/Microsoft.Network/virtualNetworks/vnet/subnets/default`,
    hardwareProfile: { vmSize: 'Standard_F8s_v2' },
    storageProfile: {
      imageReference: {
        id: `/subscriptions/${AZURE_SUBSCRIPTION}/resourceGroups/images/providers/Microsoft.Compute/images/worker`,
      },
      osDisk: { createOption: 'FromImage', ...(deleteOption && { deleteOption }) },
    },
    ...(deleteOption && { networkProfile: { networkInterfaces: [{ id: 'ours', primary: true, deleteOption }] } }),
    workerManager: { publicIp },
    workerConfig: {},
  };
  return testPool('azure', shape, [launchConfig]);
}

export interface AzureTemplateShape extends Pick<AzurePoolShape, 'minCapacity' | 'maxCapacity'> {
  /** One of its own, made when it is first needed; the provider's when left out. */
  readonly group?: string;
}

/** The definition of a pool whose machines one of the simulator's templates describes. */
export function azureTemplatePool(template: string, shape: AzureTemplateShape = {}) {
  const { group } = shape;
  const { config, ...pool } = azurePool(shape);
  const specs = `/subscriptions/${AZURE_SUBSCRIPTION}/resourceGroups/templates/providers/Microsoft.Resources/templateSpecs`;
  const armDeployment = {
    mode: 'Incremental',
    templateLink: { id: `${specs}/${template}/versions/1.0` },
    parameters: { location: { value: 'westus2' } },
  };
  const launchConfig = { armDeployment, ...(group && { armDeploymentResourceGroup: group }), workerConfig: {} };
  return { ...pool, config: { ...config, launchConfigs: [launchConfig] } };
}
