import { describe, expect, test } from '@jest/globals';
import { azureAt, azureLaunchConfig, azurePool } from '../../../support/azure-harness.js';
import { isAzurePool, realPools, testRealData } from '../../../support/shared-data.js';

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

testRealData('every real Azure pool, of both shapes, is valid and comes back as it was', () => {
  const azurePools = realPools().filter(isAzurePool);
  const launchConfigs = azurePools.flatMap(({ config }) => config.launchConfigs ?? []);
  expect(launchConfigs.filter((one) => 'armDeployment' in one).length).toBeGreaterThanOrEqual(40);
  expect(launchConfigs.filter((one) => 'subnetId' in one).length).toBeGreaterThanOrEqual(29);
  for (const { config, workerPoolId, owner } of azurePools) {
    const validation = provider.validatePool(config, { workerPoolId, owner });
    if (!validation.ok) throw new Error(validation.reason);
    expect(validation.launchConfigs).toEqual(config.launchConfigs);
  }
});

describe('azurePoolSchema', () => {
  test('a launch config of Azure has one of two shapes', () => {
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
    [{ zones: [1] }, '.zones[0] must be string'],
    [{ zones: '1' }, '.zones must be array'],
    [{ storageProfile: { osDisk: { diskSizeGB: '30' } } }, '.diskSizeGB must be integer'],
    [{ tags: { 'team<1>': 'a' } }, '.tags has the name team<1>'],
    [{ tags: { Team: 'a', team: 'b' } }, '.tags has the name team twice'],
    [{ tags: { [`n${'n'.repeat(512)}`]: 'a' } }, '.tags has a name of 513 characters'],
    [{ tags: { team: 'v'.repeat(257) } }, '.tags: the value of team has 257 characters'],
    [{ tags: Object.fromEntries(Array.from({ length: 51 }, (_, n) => [`t${n}`, ''])) }, 'there are 51'],
  ])('a launch config of Azure with %j in its sequential form is rejected: %s', (changes, reason) => {
    expect(reasonOf(withConfig({ ...azureLaunchConfig, ...changes }))).toContain(reason);
  });

  test.each([
    [{ mode: 'Other' }, '.mode must be "Incremental"'],
    [{ mode: 'Complete' }, '.mode must be "Incremental"'],
    [{ template: {} }, 'must match exactly one schema in oneOf'],
    [{ templateLink: undefined }, "must have required property 'template"],
    [{ templateLink: { id: 'x' } }, '.templateLink.id must match pattern'],
    [{ templateLink: { id: specs, uri: 'https://example.com' } }, '.templateLink.uri must not be given'],
    [{ parameters: {} }, "must have required property 'location'"],
    [{ parameters: { location: { value: 'eastus' }, other: 1 } }, '.parameters.other must be object'],
    [{ parametersLink: { uri: 'https://example.com' } }, '.parametersLink must not be given'],
    [{ onErrorDeployment: { type: 'LastSuccessful' } }, '.onErrorDeployment must not be given'],
    [{ unheardOf: 1 }, '.armDeployment must not have "unheardOf"'],
  ])('a launch config of Azure with %j in its deployment is rejected: %s', (changes, reason) => {
    expect(reasonOf(withDeployment(changes))).toContain(reason);
  });

  const owner = { workerPoolId: 'proj/azure', owner: 'me@example.com' };

  test('an Azure pool has with its owner no more than 50 tags, ours included', () => {
    const tags = (length: number) => Object.fromEntries(Array.from({ length }, (_, n) => [`t${n}`, '']));
    const check = (length: number) =>
      provider.validatePool(withConfig({ ...azureLaunchConfig, tags: tags(length) }), owner);
    expect(check(38)).toMatchObject({ ok: true });
    expect(check(39)).toMatchObject({ ok: false, reason: expect.stringContaining('with ours there are 51') });
  });

  test('an Azure pool with an owner that is too long for a tag is rejected', () => {
    const pool = { ...owner, owner: 'o'.repeat(257) };
    for (const one of [azureLaunchConfig, template]) {
      expect(provider.validatePool(withConfig(one), pool)).toMatchObject({
        ok: false,
        reason: expect.stringContaining('owner'),
      });
    }
  });

  test('an Azure pool may name a subnet in any case', () => {
    const subnetId = azureLaunchConfig.subnetId.replace('resourceGroups', 'resourcegroups').toLowerCase();
    expect(reasonOf(withConfig({ ...azureLaunchConfig, subnetId }))).toBe('valid');
  });

  test('an Azure pool needs no parameters for a template, except for a group of its own', () => {
    const definition = withDeployment({ parameters: undefined });
    expect(provider.validatePool(definition, owner)).toMatchObject({ ok: true });
    const launchConfigs = definition.launchConfigs.map((one) => ({ ...one, armDeploymentResourceGroup: 'another' }));
    expect(provider.validatePool({ ...definition, launchConfigs }, owner)).toMatchObject({ ok: false });
  });

  test('an Azure pool has no lock in a template, at any depth', () => {
    const lock = { type: 'Microsoft.Authorization/locks', name: 'keep' };
    const resources = [{ type: 'Microsoft.Compute/virtualMachines', resources: [lock] }];
    const definition = withDeployment({ templateLink: undefined, template: { resources } });
    expect(reasonOf(definition)).toContain('.armDeployment.template must not have locks');
  });

  test('an Azure pool may have the other fields that Taskcluster accepts', () => {
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
