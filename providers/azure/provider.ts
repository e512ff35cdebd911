import { type AzureProviderConfig, azureStepLabels } from './config.js';
import type { Worker } from '../../domain/worker.js';
import { ignoreNotFound, ProviderError } from '../errors.js';
import { poolValidator } from '../shared/pool-schema.js';
import type { Provider, ProviderContext } from '../provider.js';
import { AzureCalls } from './arm/client.js';
import { checkDefinition } from './check-definition.js';
import { deploymentMode } from './create/template.js';
import { Deployments } from './arm/deployments.js';
import { trackDeployments } from './create/resource-tracking.js';
import { azureIdentity } from './identity/verify.js';
import { azureLaunching } from './create/launching.js';
import { inventoryOf } from './observe/inventory.js';
import { vmNames } from './observe/machine.js';
import { resourceDeleter } from './delete/delete-resources.js';
import { machineReader } from './observe/machines.js';
import { causeOf } from './observe/observations.js';
import { listStep } from './observe/resource-listing.js';
import { SharedListings } from './observe/shared-listings.js';
import { removalSteps } from './model/resources.js';
import { azurePoolSchema } from './pool-schema.js';
import { sequentialMode } from './create/sequential.js';

const GROUPS_API_VERSION = '2021-04-01';

/** Microsoft Azure. Throws ProviderConfigError when it cannot be built from this configuration. */
export function azureProvider(config: AzureProviderConfig, context: ProviderContext): Provider {
  const calls = new AzureCalls(config, context);
  const deployments = new Deployments(calls);
  const identity = azureIdentity({
    subscriptionId: config.subscriptionId,
    trustedRoots: config.trustedRoots,
    trustedIntermediates: config.trustedIntermediates,
  });
  const place = { account: config.subscriptionId, group: config.resourceGroupName };
  const launching = azureLaunching(
    [sequentialMode(calls, place, context), deploymentMode(calls, deployments, place, context)],
    trackDeployments(calls, deployments, context.deploymentId),
  );
  const listings = new SharedListings((groupRef, step) => listStep(calls, groupRef, step), context.deploymentId);
  const validate = poolValidator(azurePoolSchema);
  return {
    providerId: context.providerId,
    providerType: 'azure',
    launching,
    machines: {
      removalSteps,
      ...machineReader(calls, deployments, listings, context),
      deleteResource: resourceDeleter(calls, deployments, listings, context),
      causeOf,
      inventory: inventoryOf(calls, deployments, place, context),
    },
    stepLabels: azureStepLabels,
    setup: () => checkGroup(calls, place),
    validatePool: (submitted, pool) => checkDefinition(validate(submitted), pool, (spec) => launching.prepare(spec)),
    verifyIdentity: (worker, proof, nowMs) => identity.verify(() => vmIdOf(calls, worker), proof, nowMs),
  };
}

/**
 * Azure chooses it when the machine is created, after the row was written; null while Azure does not show the machine.
 */
async function vmIdOf(calls: AzureCalls, worker: Worker): Promise<string | null> {
  const { location, identityAttributes } = worker;
  if (identityAttributes['vmId']) return identityAttributes['vmId'];
  const vm = await ignoreNotFound(
    calls.call(location.account, 'read', 'GET virtualMachines', ({ compute }) =>
      compute.virtualMachines.get(location.group ?? '', vmNames(worker)[0]!),
    ),
  );
  return vm?.vmId ?? null;
}

/** Throws PermissionDenied for credentials that are not good, InvalidRequest when the group does not exist. */
async function checkGroup(calls: AzureCalls, { account, group }: { account: string; group: string }): Promise<[]> {
  const path = `/subscriptions/${account}/resourceGroups/${encodeURIComponent(group)}?api-version=${GROUPS_API_VERSION}`;
  try {
    await calls.raw(account, 'read', 'GET resourceGroups', { method: 'GET', path });
    return [];
  } catch (error) {
    if (!(error instanceof ProviderError) || error.code !== 'NotFound') throw error;
    throw new ProviderError({ code: 'InvalidRequest', message: `the subscription has no resource group ${group}` });
  }
}
