import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { AzureProviderConfig } from '../../providers/azure/config.js';
import { azureProvider } from '../../providers/azure/provider.js';
import type { LaunchedMachine, LaunchSpec, Provider, StepwiseLaunching } from '../../providers/provider.js';
import { certificateFiles } from '../../dev/testing/azure-pool.js';
import { eventually } from '../../dev/testing/eventually.js';
import { type RecordedContext, recordedContext } from './provider-context.js';
import type { ProviderHarness } from './provider-contract.js';
import type { SimulatorFlags, SimulatorHandle } from '../../dev/testing/simulator.js';
import { workerOf } from './workers.js';

export const SUBSCRIPTION = '11111111-2222-4333-8444-555555555555';
export const GROUP = 'worker-manager';
export const LOCATION = 'eastus';
const place = { account: SUBSCRIPTION, region: LOCATION, group: GROUP };
const groupPath = `/subscriptions/${SUBSCRIPTION}/resourceGroups/${GROUP}`;

export const quickAzure: SimulatorFlags = {
  machines: 'off',
  azureRetryAfterSeconds: 0,
  azurePageSize: 3,
  azureVmCreateMs: 100,
  azureVmDeleteMs: 60,
  azureNetworkCreateMs: 40,
  azureNetworkDeleteMs: 30,
  azureDiskDeleteMs: 30,
};

export const azureLaunchConfig = {
  location: LOCATION,
  subnetId: `${groupPath}/providers/Microsoft.Network/virtualNetworks/default/subnets/default`,
  hardwareProfile: { vmSize: 'Standard_D2s_v5' },
  storageProfile: { imageReference: { id: 'any-image' }, osDisk: { createOption: 'FromImage' } },
  workerConfig: {},
};

/** Everything outlives its VM, and must be deleted one after the other. */
export const detached = {
  ...azureLaunchConfig,
  workerManager: { publicIp: true },
  networkProfile: { networkInterfaces: [{ primary: true, deleteOption: 'Detach' }] },
  storageProfile: {
    imageReference: { id: 'any-image' },
    osDisk: { createOption: 'FromImage', deleteOption: 'Detach' },
    dataDisks: [{ lun: 0, createOption: 'Empty', diskSizeGB: 30, deleteOption: 'Detach' }],
  },
};

export const azurePool = { minCapacity: 0, maxCapacity: 10, launchConfigs: [azureLaunchConfig] };

export const azureSpec = (changes: Partial<LaunchSpec> = {}): LaunchSpec => ({
  token: randomUUID(),
  workerPoolId: 'proj/azure',
  owner: 'me@example.com',
  launchConfigId: 'lc-1',
  configuration: azureLaunchConfig,
  count: 1,
  ...changes,
});

export const azureConfig = (
  endpoint: string | null,
  changes: Partial<AzureProviderConfig> = {},
): AzureProviderConfig => ({
  providerType: 'azure',
  subscriptionId: SUBSCRIPTION,
  resourceGroupName: GROUP,
  endpoint,
  authorityHost: null,
  trustedRoots: null,
  trustedIntermediates: null,
  draining: false,
  ...changes,
});

export function azureAt(
  endpoint: string | null,
  changes: Partial<AzureProviderConfig> = {},
  context: RecordedContext = recordedContext({ providerId: 'azure' }),
): { provider: Provider; launching: StepwiseLaunching; context: RecordedContext } {
  const provider = azureProvider(azureConfig(endpoint, changes), context);
  return { provider, launching: provider.launching as StepwiseLaunching, context };
}

/** Builds a whole machine as its lifecycle does: each step, then a wait until it is ready. */
export async function buildMachine(
  { provider, launching }: { provider: Provider; launching: StepwiseLaunching },
  spec: LaunchSpec = azureSpec(),
): Promise<LaunchedMachine[]> {
  const launch = launching.prepare(spec);
  const created = launching.machines(launch);
  for (const machine of created) {
    for (const step of launching.steps(launch)) {
      await eventually(async () => (await launching.submit(launch, machine, step)) === null);
    }
    await eventually(async () => (await provider.machines!.get(machine)).state === 'running');
  }
  return [...created];
}

/** The Azure provider with a simulator behind it. */
export async function azureHarness(simulator: SimulatorHandle): Promise<ProviderHarness> {
  const folder = mkdtempSync(join(tmpdir(), 'azure-contract-'));
  const files = await certificateFiles(simulator, folder);
  const at = azureAt(simulator.azureEndpoint, files);
  const operations = {
    create: 'PUT networkInterfaces',
    read: 'LIST virtualMachines',
    delete: 'DELETE virtualMachines',
  };
  return {
    ...at,
    pool: azurePool,
    spec: azureSpec,
    makeForeign: async () => {
      const deploymentId = 'c0ffee00-0000-4000-8000-00000000beef';
      const theirs = azureAt(simulator.azureEndpoint, {}, recordedContext({ providerId: 'azure', deploymentId }));
      const [machine] = await buildMachine(theirs);
      return machine!;
    },
    unknownMachine: () => ({ workerGroup: LOCATION, workerId: `vm-${'0'.repeat(35)}`, location: place }),
    throttle: async (operation) => {
      const fault = { mode: 'refuse', code: 'SubscriptionRequestsThrottled', status: 429 } as const;
      await simulator.addFault({ operation: operations[operation], ...fault });
    },
    proven: async () => {
      const [machine, another] = await buildMachine(at, azureSpec({ count: 2 }));
      const proof = await simulator.attestedDocument(machine!.workerId);
      return { worker: workerOf(machine!), proof, other: workerOf(another!) };
    },
    close: async () => {
      rmSync(folder, { recursive: true, force: true });
      await simulator.stop();
    },
  };
}
