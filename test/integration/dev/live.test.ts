import { afterAll, beforeAll, beforeEach, expect, jest, test } from '@jest/globals';
import { runLive } from '../../../dev/live/run.js';
import { AZURE_GROUP, AZURE_SUBSCRIPTION } from '../../../dev/testing/azure-pool.js';
import { SYSTEM_TIMEOUT_MS } from '../../../dev/testing/patience.js';
import { googleProject, SimulatedGoogle } from '../../../dev/testing/simulated-google.js';
import { startSimulator, type SimulatorHandle } from '../../../dev/testing/simulator.js';

jest.setTimeout(SYSTEM_TIMEOUT_MS);

let simulator: SimulatorHandle;
let environment: Record<string, string>;
beforeAll(async () => {
  simulator = await startSimulator({
    ...{ machines: 'off', bootMs: 50, shutdownMs: 50, listDelayMs: 50, googleInsertMs: 50, googleDeleteMs: 50 },
    ...{ azureRetryAfterSeconds: 0, azureVmCreateMs: 50, azureVmDeleteMs: 50 },
    ...{ azureNetworkCreateMs: 50, azureNetworkDeleteMs: 50, azureDiskDeleteMs: 50 },
  });
  const { uniqueId } = await new SimulatedGoogle(simulator).serviceAccount();
  const network = `/subscriptions/${AZURE_SUBSCRIPTION}/resourceGroups/net/providers/Microsoft.Network/virtualNetworks/v`;
  environment = {
    LIVE_AWS_ENDPOINT: simulator.ec2Endpoint,
    LIVE_AWS_REGION: 'us-west-2',
    LIVE_AWS_IMAGE: 'ami-12345678',
    LIVE_AZURE_ENDPOINT: simulator.azureEndpoint,
    LIVE_AZURE_SUBSCRIPTION: AZURE_SUBSCRIPTION,
    LIVE_AZURE_RESOURCE_GROUP: AZURE_GROUP,
    LIVE_AZURE_LOCATION: 'westus2',
    LIVE_AZURE_SUBNET: `${network}/subnets/default`,
    LIVE_AZURE_IMAGE: `/subscriptions/${AZURE_SUBSCRIPTION}/resourceGroups/images/providers/Microsoft.Compute/images/i`,
    LIVE_GOOGLE_ENDPOINT: simulator.url,
    LIVE_GOOGLE_PROJECT: googleProject,
    LIVE_GOOGLE_WORKER_ACCOUNT: uniqueId,
    LIVE_GOOGLE_ZONE: 'us-central1-a',
    LIVE_GOOGLE_IMAGE: 'projects/images/global/images/worker',
  };
});
afterAll(async () => void (await simulator.stop()));
beforeEach(() => simulator.clearFaults());

async function live(variables: Readonly<Record<string, string>>) {
  const lines: string[] = [];
  const isWell = await runLive(variables, (line) => lines.push(line), 50);
  return { isWell, lines };
}
const only = (prefix: string) =>
  Object.fromEntries(Object.entries(environment).filter(([name]) => name.startsWith(prefix)));

/** Of all clouds: machines that are not gone, and whatever else may cost something. */
async function remaining(): Promise<string[]> {
  const machines = (await simulator.machines()).filter(({ state }) => state !== 'terminated');
  const { resources } = await simulator.azureState();
  const { instances, disks } = await new SimulatedGoogle(simulator).state();
  return [
    ...machines.map(({ instanceId }) => instanceId),
    ...[...resources, ...instances, ...disks].map(({ name }) => name),
  ];
}

test('the live run takes one machine of each cloud through its life and leaves nothing', async () => {
  const { isWell, lines } = await live(environment);
  expect({ isWell, lines }).toEqual({
    isWell: true,
    lines: [
      expect.stringMatching(/^aws: begun; whatever it creates has the tag worker-manager-deployment=[-0-9a-f]{36}$/),
      expect.stringMatching(/^aws: ok, i-[0-9a-f]+ in us-west-2 was launched, .* nothing is left$/),
      expect.stringMatching(/^azure: begun; /),
      expect.stringMatching(/^azure: ok, vm-\w+ in westus2 was launched, /),
      expect.stringMatching(/^google: begun; /),
      expect.stringMatching(/^google: ok, \d+ in us-central1-a was launched, /),
    ],
  });
  expect(await remaining()).toEqual([]);
});

test('the live run skips each cloud with the name of the variable that it lacks', async () => {
  const { LIVE_AZURE_SUBNET: _subnet, ...azure } = only('LIVE_AZURE');
  expect(await live(azure)).toEqual({
    isWell: true,
    lines: [
      'aws: skipped, LIVE_AWS_REGION is not set',
      'azure: skipped, LIVE_AZURE_SUBNET is not set',
      'google: skipped, LIVE_GOOGLE_PROJECT is not set',
    ],
  });
});

test('the live run repeats a launch whose answer was lost and creates no second machine', async () => {
  const fault = await simulator.addFault({ operation: 'instances.bulkInsert', mode: 'lose-answer' });
  expect((await live(only('LIVE_GOOGLE'))).isWell).toBe(true);
  const insertions = simulator.log().filter(({ operation }) => operation === 'end of instances.bulkInsert');
  expect(insertions.at(-1)).toMatchObject({ created: [expect.any(String)] });
  expect(insertions.flatMap(({ created }) => created)).toHaveLength(insertions.length);
  await simulator.faultHit(fault.id);
  expect(await remaining()).toEqual([]);
});

test('the live run names what is wrong with a cloud, after the tag by which to find what it left', async () => {
  await simulator.addFault({ operation: 'instances.delete', mode: 'refuse', code: 'forbidden', status: 403 });
  const { isWell, lines } = await live(only('LIVE_GOOGLE'));
  expect(isWell).toBe(false);
  expect(lines.slice(2)).toEqual([
    expect.stringMatching(/^google: begun; .* worker-manager-deployment=[-0-9a-f]{36}$/),
    expect.stringMatching(/^google: FAILED, .*; see by its tag what is left$/),
  ]);
  const unknown = await live({ ...only('LIVE_AWS'), LIVE_AWS_REGION: 'us-nowhere-1' });
  expect(unknown.isWell).toBe(false);
  expect(unknown.lines[1]).toMatch(/^aws: FAILED, /);
});
