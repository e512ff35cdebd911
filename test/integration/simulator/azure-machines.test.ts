import { X509Certificate, createVerify } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import forge from 'node-forge';
import { eventually } from '../../../dev/testing/eventually.js';
import { startSimulator, type SimulatorHandle } from '../../../dev/testing/simulator.js';
import {
  azureClients,
  customData,
  fast,
  group,
  makeMachine,
  nic,
  quick,
  subscriptionId,
  type AzureClients,
} from './azure.js';
import { WorkerManagerStandIn } from './worker-manager-stand-in.js';

const flags = { ...quick, machines: 'on', bootMs: 30, taskMs: 50, idleMs: 60_000 } as const;
let simulator: SimulatorHandle;
let clients: AzureClients;
let workerManager: WorkerManagerStandIn;
beforeAll(async () => {
  simulator = await startSimulator(flags);
  clients = azureClients(simulator);
  workerManager = new WorkerManagerStandIn({});
  await simulator.setApi(await workerManager.listen());
});
afterAll(async () => {
  workerManager.close();
  await simulator.stop();
});
beforeEach(async () => {
  await simulator.reset();
  workerManager.seen.splice(0);
  await simulator.setApi(workerManager.url);
});

const find = async (name: string) => (await simulator.machines()).find((machine) => machine.instanceId === name);
const registered = (name: string) => eventually(async () => (await find(name))?.registered === true);

/** Takes a document apart as a verifier does; throws unless signature and chain are good. */
async function verified(document: string): Promise<Record<string, unknown>> {
  const { trustedRoots, trustedIntermediates } = await simulator.azureCertificates();
  const der = forge.asn1.fromDer(Buffer.from(document, 'base64').toString('latin1'));
  const message = forge.pkcs7.messageFromAsn1(der) as forge.pkcs7.PkcsSignedData & {
    rawCapture: { content: forge.asn1.Asn1; signature: string };
  };
  expect(message.certificates).toHaveLength(1);
  const pem = forge.pki.certificateToPem(message.certificates[0]!);
  const leaf = new X509Certificate(pem);
  const [intermediate, root] = [trustedIntermediates[0], trustedRoots[0]].map(
    (text) => new X509Certificate(text ?? ''),
  );
  expect(leaf.subject).toContain('CN=metadata.azure.com');
  expect(leaf.verify(intermediate!.publicKey) && intermediate!.verify(root!.publicKey)).toBe(true);
  const octets = message.rawCapture.content.value;
  const content = Buffer.from(typeof octets === 'string' ? octets : (octets[0]?.value as string), 'latin1');
  const signature = Buffer.from(message.rawCapture.signature, 'latin1');
  expect(createVerify('sha256').update(content).verify(leaf.publicKey, signature)).toBe(true);
  return JSON.parse(content.toString()) as Record<string, unknown>;
}

describe('a machine of Azure', () => {
  test('a machine of Azure registers after its boot with an attested document that the simulator’s chain verifies', async () => {
    const { vmId } = await makeMachine(clients, 'vm', { data: customData(simulator.url) });
    await registered('vm');
    const [call] = workerManager.calls('/worker/register');
    expect(call?.body).toMatchObject({ workerPoolId: 'proj-example/azure', workerGroup: 'eastus', workerId: 'vm' });
    const proof = call?.body['workerIdentityProof'] as { document: string } | undefined;
    expect(await verified(proof?.document ?? '')).toEqual({
      licenseType: '',
      nonce: '',
      plan: { name: '', product: '', publisher: '' },
      sku: '',
      subscriptionId,
      timeStamp: {
        createdOn: expect.stringMatching(/^\d\d\/\d\d\/\d\d \d\d:\d\d:\d\d -0000$/),
        expiresOn: expect.stringMatching(/^\d\d\/\d\d\/\d\d \d\d:\d\d:\d\d -0000$/),
      },
      vmId,
    });
  });

  test('a machine of Azure gives documents with other facts to tests', async () => {
    await makeMachine(clients, 'vm', { data: customData(simulator.url) });
    const { document } = await simulator.attestedDocument('vm', { vmId: 'another', nonce: '1' });
    expect(await verified(document)).toMatchObject({ vmId: 'another', nonce: '1' });
  });

  test('a machine of Azure works on tasks, and falls silent when it is deleted', async () => {
    await simulator.addTasks('proj-example/azure', 1);
    await makeMachine(clients, 'vm', { data: customData(simulator.url) });
    await eventually(async () => (await simulator.state()).pools['proj-example/azure']?.completedTasks === 1);
    await simulator.addFault({ operation: 'DELETE virtualMachines', mode: 'stick-operation' });
    await clients.compute.virtualMachines.delete(group, 'vm', fast).submitted();
    expect(await find('vm')).toMatchObject({ state: 'shutting-down', registered: false });
  });

  test('a machine of Azure is stopped by its own shutdown, and goes on existing', async () => {
    await makeMachine(clients, 'vm', { data: customData(simulator.url) });
    await registered('vm');
    await simulator.act('vm', 'shut-down');
    const view = await clients.compute.virtualMachines.instanceView(group, 'vm');
    expect(view.statuses?.at(-1)?.code).toBe('PowerState/stopped');
  });

  test('an idle machine of Azure asks whether it should terminate, and is stopped once it has left', async () => {
    const restless = await startSimulator({ ...flags, idleMs: 60, api: workerManager.url });
    workerManager.terminate = true;
    try {
      const own = azureClients(restless);
      await makeMachine(own, 'vm', { data: customData(restless.url) });
      await eventually(async () => (await restless.machines())[0]?.state === 'stopped');
      expect(workerManager.calls('/should-terminate')[0]).toMatchObject({ method: 'GET', genuine: true });
      const view = await own.compute.virtualMachines.instanceView(group, 'vm');
      expect(view.statuses?.at(-1)?.code).toBe('PowerState/stopped');
    } finally {
      workerManager.terminate = false;
      await restless.stop();
    }
  });

  test('a machine that Azure terminates is stopped, or unknown when it vanishes', async () => {
    await Promise.all(['a', 'b'].map((name) => makeMachine(clients, name)));
    await simulator.killMachine('a');
    expect(await find('a')).toMatchObject({ state: 'stopped' });
    await simulator.killMachine('b', { vanish: true });
    expect(await find('b')).toBeUndefined();
    expect((await simulator.azureState()).resources.map((one) => one.name)).toEqual(
      expect.arrayContaining(['b-nic', 'b-nic-os']),
    );
  });

  test('a Spot machine that Azure evicts goes as its eviction policy says, whatever case the words are in', async () => {
    const kept = { priority: 'spot', evictionPolicy: 'deallocate' };
    const deleted = [
      { priority: 'Spot', evictionPolicy: 'Delete' },
      { priority: 'spot', evictionPolicy: 'delete' },
    ];
    await Promise.all([kept, ...deleted].map((spot, nth) => makeMachine(clients, `spot-${nth}`, { spot })));
    for (const name of ['spot-0', 'spot-1', 'spot-2']) await simulator.killMachine(name);
    await eventually(async () => (await find('spot-1')) === undefined && (await find('spot-2')) === undefined);
    const view = await clients.compute.virtualMachines.instanceView(group, 'spot-0');
    expect(view.statuses?.at(-1)?.code).toBe('PowerState/deallocated');
  });

  test('a machine of Azure exists again after a restart, with its operations, its agent and the same authorities', async () => {
    const stateDir = mkdtempSync(join(tmpdir(), 'azure-state-'));
    const running: SimulatorHandle[] = [];
    const start = async (): Promise<SimulatorHandle> => {
      const started = await startSimulator({ ...flags, stateDir, api: workerManager.url });
      running.push(started);
      return started;
    };
    try {
      const first = await start();
      await makeMachine(azureClients(first), 'vm', { data: customData(first.url) });
      await eventually(async () => (await first.machines())[0]?.registered);
      await azureClients(first).network.networkInterfaces.createOrUpdate(group, 'nic', nic(), fast).submitted();
      const { trustedRoots } = await first.azureCertificates();
      await first.stop();
      const second = await start();
      await eventually(
        async () =>
          (await azureClients(second).network.networkInterfaces.get(group, 'nic')).provisioningState === 'Succeeded',
      );
      expect((await second.machines())[0]).toMatchObject({ instanceId: 'vm', state: 'running', registered: true });
      expect(readFileSync(join(stateDir, 'azure-root.pem'), 'utf8')).toBe(trustedRoots[0]);
      expect((await second.azureCertificates()).trustedRoots).toEqual(trustedRoots);
    } finally {
      await Promise.all(running.map((each) => each.stop()));
      rmSync(stateDir, { recursive: true, force: true });
    }
  });
});
