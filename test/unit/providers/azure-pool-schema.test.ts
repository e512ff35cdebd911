import { describe, expect, test } from '@jest/globals';
import { azureAt, azureLaunchConfig, azurePool } from '../../support/azure-harness.js';
import { isAzurePool, realPools, testRealData } from '../../support/shared-data.js';

const { provider } = azureAt(null);
const reasonOf = (definition: unknown): string => {
  const validation = provider.validatePool(definition);
  return validation.ok ? 'valid' : validation.reason;
};
const withConfig = (launchConfig: object) => ({ ...azurePool, launchConfigs: [launchConfig] });

const specs = '/subscriptions/s/resourceGroups/g/providers/Microsoft.Resources/templateSpecs/one/versions/1';
const armDeployment = {
  mode: 'Incremental',
  templateLink: { id: specs },
  parameters: { location: { value: 'eastus' }, size: { value: 'big' } },
};
const template = { workerConfig: {}, armDeployment };
const withDeployment = (changes: object) =>
  withConfig({ ...template, armDeployment: { ...armDeployment, ...changes } });

testRealData('all real Azure pools, of both shapes, are valid and come back as they were', () => {
  const azurePools = realPools().filter(isAzurePool);
  const launchConfigs = azurePools.flatMap(({ config }) => config.launchConfigs ?? []);
  expect(launchConfigs.filter((one) => 'armDeployment' in one).length).toBeGreaterThanOrEqual(40);
  expect(launchConfigs.filter((one) => 'subnetId' in one).length).toBeGreaterThanOrEqual(29);
  for (const { config } of azurePools) {
    const validation = provider.validatePool(config);
    if (!validation.ok) throw new Error(validation.reason);
    expect(validation.launchConfigs).toEqual(config.launchConfigs);
  }
});

describe('Azure pool definitions', () => {
  test('a launch config has one of two shapes', () => {
    expect(reasonOf(withConfig(azureLaunchConfig))).toBe('valid');
    expect(reasonOf(withConfig(template))).toBe('valid');
    expect(reasonOf(withConfig({ ...azureLaunchConfig, ...template }))).toBe(
      'config.launchConfigs[0] has members that exclude each other',
    );
    expect(reasonOf(withConfig({ workerConfig: {} }))).toBe(
      "config.launchConfigs[0] must have required property 'location'; " +
        "config.launchConfigs[0] must have required property 'subnetId'; " +
        "config.launchConfigs[0] must have required property 'hardwareProfile'; " +
        "config.launchConfigs[0] must have required property 'storageProfile'",
    );
  });

  test.each([
    [{ workerConfig: undefined }, "must have required property 'workerConfig'"],
    [{ location: 'East US' }, '.location must match pattern'],
    [{ subnetId: 'default' }, '.subnetId must match pattern'],
    [{ hardwareProfile: {} }, "must have required property 'vmSize'"],
    [{ storageProfile: {} }, "must have required property 'osDisk'"],
    [{ storageProfile: { osDisk: {}, dataDisks: {} } }, '.storageProfile.dataDisks must be array'],
    [{ storageProfile: { osDisk: { deleteOption: 'Keep' } } }, 'must be equal to one of the allowed values'],
    [{ networkProfile: {} }, "must have required property 'networkInterfaces'"],
    [{ workerManager: { publicIp: 'yes' } }, '.workerManager.publicIp must be boolean'],
    [{ workerManager: { other: 1 } }, '.workerManager must not have "other"'],
    [{ tags: [] }, '.tags must be object'],
  ])('%j in a sequential launch config is refused: %s', (changes, reason) => {
    expect(reasonOf(withConfig({ ...azureLaunchConfig, ...changes }))).toContain(reason);
  });

  test.each([
    [{ mode: 'Other' }, '.mode must be equal to one of the allowed values'],
    [{ template: {} }, 'must match exactly one schema in oneOf'],
    [{ templateLink: undefined }, "must have required property 'template"],
    [{ templateLink: { id: 'x' } }, '.templateLink.id must match pattern'],
    [{ templateLink: { id: specs, uri: 'https://example.com' } }, '.templateLink.uri must not be given'],
    [{ parameters: {} }, "must have required property 'location'"],
    [{ parameters: { location: { value: 'eastus' }, other: 1 } }, '.parameters.other must be object'],
    [{ unheardOf: 1 }, '.armDeployment must not have "unheardOf"'],
  ])('%j in a deployment is refused: %s', (changes, reason) => {
    expect(reasonOf(withDeployment(changes))).toContain(reason);
  });

  test('what the original takes beside is taken', () => {
    expect(
      reasonOf(
        withConfig({
          ...azureLaunchConfig,
          priority: 'spot',
          zones: ['1'],
          capacityPerInstance: 2,
          ignoreFailedProvisioningStates: ['OSProvisioningTimedOut'],
          workerManager: { publicIp: true, ignoreFailedProvisioningStates: [], keepDeployment: true, maxCapacity: 5 },
        }),
      ),
    ).toBe('valid');
    const secret = { reference: { keyVault: { id: 'vault' }, secretName: 'name' } };
    expect(reasonOf(withDeployment({ parameters: { location: { value: 'eastus' }, secret } }))).toBe('valid');
  });
});
