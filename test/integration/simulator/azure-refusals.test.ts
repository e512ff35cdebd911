import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { eventually } from '../../../dev/testing/eventually.js';
import { startSimulator, type SimulatorHandle } from '../../../dev/testing/simulator.js';
import { address, azureClients, fast, group, makeMachine, quick, raw, type AzureClients } from './azure.js';

let simulator: SimulatorHandle;
let clients: AzureClients;
beforeAll(async () => {
  simulator = await startSimulator(quick);
  clients = azureClients(simulator);
});
afterAll(() => simulator.stop());
beforeEach(() => simulator.reset());

const soldOut = { code: 'SkuNotAvailable', message: 'Standard_D2s_v5 is not available in eastus.' };
const details = [{ code: 'ResourceDeploymentFailure', message: 'See inner errors.', details: [soldOut] }];
const refused = (code: string, statusCode: number) => expect.objectContaining({ code, statusCode });
const addressPath = `/resourceGroups/${group}/providers/Microsoft.Network/publicIPAddresses/ip`;

describe('an Azure refusal', () => {
  test('an Azure refusal has the errors in it that its fault says, at any depth', async () => {
    const code = 'InvalidTemplateDeployment';
    const fault = { operation: 'GET publicIPAddresses', mode: 'refuse', code } as const;
    await simulator.addFault({ ...fault, details, times: 2 });
    await expect(clients.network.publicIPAddresses.get(group, 'ip')).rejects.toEqual(refused(code, 400));
    expect(await (await raw(simulator, 'GET', addressPath)).json()).toEqual({
      error: { code, message: 'refused on purpose', details },
    });
  });

  test('an Azure refusal and an Azure answer have names of their own, and of all that the call led to', async () => {
    const create = { location: 'eastus', properties: {} };
    const answers = [await raw(simulator, 'GET', addressPath), await raw(simulator, 'PUT', addressPath, create)];
    expect(answers.map(({ status }) => status)).toEqual([404, 201]);
    const names = answers.flatMap(({ headers }) => [
      headers.get('x-ms-request-id'),
      headers.get('x-ms-correlation-request-id'),
    ]);
    for (const name of names) expect(name).toMatch(/^[0-9a-f-]{36}$/);
    expect(new Set(names).size).toBe(4);
  });

  test('an Azure refusal says when to come back as its fault says', async () => {
    const fault = { operation: 'GET publicIPAddresses', mode: 'refuse', code: 'TooManyRequests' } as const;
    await simulator.addFault({ ...fault, retryAfterSeconds: 86_400 });
    await simulator.addFault(fault);
    const [requested, otherwise] = [await raw(simulator, 'GET', addressPath), await raw(simulator, 'GET', addressPath)];
    expect([requested.status, requested.headers.get('retry-after')]).toEqual([429, '86400']);
    expect([otherwise.status, otherwise.headers.get('retry-after')]).toEqual([429, '1']);
  });
});

test('an Azure operation that fails on purpose has the nested errors in its own', async () => {
  const code = 'ResourceDeploymentFailure';
  await simulator.addFault({ operation: 'PUT publicIPAddresses', mode: 'fail-operation', code, details });
  const answer = await raw(simulator, 'PUT', addressPath, { location: 'eastus', properties: {} });
  const status = answer.headers.get('azure-asyncoperation') ?? '';
  const ended = await eventually(async () => {
    const operation = (await (await fetch(status)).json()) as { status: string };
    return operation.status !== 'InProgress' && operation;
  });
  expect(ended).toMatchObject({ status: 'Failed', error: { code, details } });
});

test('an Azure resource group that is being deleted takes nothing new, and shows and lets go what it has', async () => {
  await makeMachine(clients, 'vm');
  const path = `/resourcegroups/${group}`;
  expect((await raw(simulator, 'DELETE', path)).status).toBe(202);
  expect(await (await raw(simulator, 'GET', path)).json()).toMatchObject({
    properties: { provisioningState: 'Deleting' },
  });
  await expect(clients.network.publicIPAddresses.createOrUpdate(group, 'ip', address, fast)).rejects.toEqual(
    refused('ResourceGroupBeingDeleted', 409),
  );
  const deployment = { properties: { mode: 'Incremental', template: {}, parameters: {} } } as const;
  await expect(clients.deployments.deployments.createOrUpdate(group, 'd', deployment, fast)).rejects.toEqual(
    refused('ResourceGroupBeingDeleted', 409),
  );
  expect((await raw(simulator, 'PUT', path, { location: 'eastus' })).status).toBe(409);
  expect(await clients.compute.virtualMachines.get(group, 'vm')).toMatchObject({ name: 'vm' });
  await clients.compute.virtualMachines.delete(group, 'vm', fast);
  expect((await simulator.azureState()).resources.map(({ name }) => name)).not.toContain('vm');
  expect((await raw(simulator, 'DELETE', '/resourcegroups/unknown')).status).toBe(404);
});
