import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { MAX_RETRY_AFTER_MS } from '../../../../providers/errors.js';
import {
  azureAt,
  azureLaunchConfig,
  azureSpec,
  buildMachine,
  GROUP,
  LOCATION,
  quickAzure,
  SUBSCRIPTION,
} from '../../../support/azure-harness.js';
import { eventually } from '../../../../dev/testing/eventually.js';
import { startSimulator, type SimulatorHandle } from '../../../../dev/testing/simulator.js';

let simulator: SimulatorHandle;
let azure: ReturnType<typeof azureAt>;
beforeAll(async () => {
  simulator = await startSimulator(quickAzure);
});
afterAll(() => simulator.stop());
beforeEach(async () => {
  await simulator.reset();
  azure = azureAt(simulator.azureEndpoint);
});

const templates = `/subscriptions/${SUBSCRIPTION}/resourceGroups/templates/providers/Microsoft.Resources/templateSpecs`;
const armDeployment = {
  mode: 'Incremental',
  templateLink: { id: `${templates}/one-nic/versions/1.0` },
  parameters: { location: { value: LOCATION } },
};

/** Takes a launch up to the step, and gives what submits that. */
async function upTo(step: 'networkInterface' | 'vm' | 'deployment') {
  const configuration = step === 'deployment' ? { armDeployment, workerConfig: {} } : azureLaunchConfig;
  const launch = azure.launching.prepare(azureSpec({ configuration }));
  const machine = azure.launching.machines(launch)[0]!;
  if (step === 'vm') {
    await eventually(async () => (await azure.launching.submit(launch, machine, 'networkInterface')) === null);
  }
  return { machine, submit: () => azure.launching.submit(launch, machine, step) };
}

const soldOut = { code: 'SkuNotAvailable', message: 'Standard_D2s_v5 is not available in eastus.' };
const details = [{ code: 'ResourceDeploymentFailure', message: 'See inner errors.', details: [soldOut] }];
const capacityShortage = { code: 'InsufficientCapacity', cloudCode: 'SkuNotAvailable' };

describe('an error with others in it', () => {
  test.each([
    ['networkInterface', 'PUT networkInterfaces'],
    ['vm', 'PUT virtualMachines'],
    ['deployment', 'PUT deployments'],
  ] as const)(
    'a nested error that refuses a resource is a shortage of capacity in the words of its innermost: %s',
    async (step, operation) => {
      const { submit } = await upTo(step);
      await simulator.addFault({ operation, mode: 'refuse', code: 'InvalidTemplateDeployment', details });
      await expect(submit()).rejects.toMatchObject({
        ...capacityShortage,
        message: expect.stringContaining(soldOut.message),
      });
    },
  );

  test('a nested error that fails an operation is a shortage of capacity in the words of its innermost', async () => {
    const { machine, submit } = await upTo('vm');
    const code = 'ResourceDeploymentFailure';
    await simulator.addFault({ operation: 'PUT virtualMachines', mode: 'fail-operation', code, details });
    const operation = await submit();
    await eventually(async () => (await azure.provider.machines!.get(machine)).state === 'failed');
    expect(await azure.launching.explain(machine, 'vm', operation!)).toMatchObject({
      ...capacityShortage,
      message: expect.stringContaining(soldOut.message),
    });
  });
});

describe('a resource group that is being deleted', () => {
  const deleteGroup = () =>
    fetch(`${simulator.azureEndpoint}/subscriptions/${SUBSCRIPTION}/resourcegroups/${GROUP}?api-version=2021-04-01`, {
      method: 'DELETE',
    });

  test.each(['networkInterface', 'vm', 'deployment'] as const)(
    'a resource group that is being deleted refuses the %s for good',
    async (step) => {
      const { submit } = await upTo(step);
      await deleteGroup();
      await expect(submit()).rejects.toMatchObject({
        code: 'InvalidRequest',
        cloudCode: 'ResourceGroupBeingDeleted',
        retryAfterMs: null,
      });
    },
  );

  test('a resource group that is being deleted lets its machines be removed', async () => {
    const [machine] = await buildMachine(azure);
    await deleteGroup();
    await azure.provider.machines!.deleteResource(machine!, 'vm');
    await eventually(async () => (await azure.provider.machines!.get(machine!)).state === 'gone');
  });
});

test.each([
  ['SubscriptionRequestsThrottled', 429, 'Throttled', MAX_RETRY_AFTER_MS],
  ['ServiceUnavailable', 503, 'Unavailable', null],
] as const)('a Retry-After of a day is believed for minutes only with %s', async (cloudCode, status, code, pause) => {
  const { submit } = await upTo('networkInterface');
  const fault = { operation: 'PUT networkInterfaces', mode: 'refuse', code: cloudCode, status } as const;
  await simulator.addFault({ ...fault, retryAfterSeconds: 86_400 });
  await expect(submit()).rejects.toMatchObject({ code, cloudCode, retryAfterMs: MAX_RETRY_AFTER_MS });
  // The pause of all calls of the class.
  expect(azure.context.quotaUpdates.at(-1)).toMatchObject({ callClass: 'create', retryAfterMs: pause });
});
