import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { azureProvider } from '../../../../providers/azure/provider.js';
import { IdentityError } from '../../../../providers/errors.js';
import type { Provider } from '../../../../providers/provider.js';
import { attestedContent, azureTime, certify, signAttested } from '../../../support/attested-documents.js';
import { azureProviderConfig } from '../../../../dev/testing/azure-pool.js';
import { recordedContext, type RecordedContext } from '../../../support/provider-context.js';
import { startSimulator, type SimulatorHandle } from '../../../../dev/testing/simulator.js';
import { workerOf } from '../../../support/workers.js';
import { azureClients, group, location, makeMachine, quick, subscriptionId } from '../../simulator/azure.js';

/**
 * The provider against documents of a metadata service, and against Resource Manager, which knows the machine's vmId.
 */

const HOUR = 3_600_000;
const folder = mkdtempSync(join(tmpdir(), 'azure-identity-'));
let simulator: SimulatorHandle;
let context: RecordedContext;
let provider: Provider;
let vmId: string;

const providerFor = async (own: SimulatorHandle): Promise<Provider> => {
  const files = await azureProviderConfig(own, mkdtempSync(join(folder, 'of-')));
  const config = {
    ...files,
    providerType: 'azure',
    endpoint: simulator.azureEndpoint,
    subscriptionId,
    authorityHost: null,
    draining: false,
  } as const;
  return azureProvider(config, context);
};

beforeAll(async () => {
  simulator = await startSimulator(quick);
  context = recordedContext();
  provider = await providerFor(simulator);
  const clients = azureClients(simulator);
  const [vm] = await Promise.all(['vm-1', 'vm-2'].map((name) => makeMachine(clients, name)));
  vmId = vm!.vmId!;
});
afterAll(async () => {
  await simulator?.stop();
  rmSync(folder, { recursive: true, force: true });
});

const verify = async (workerId: string, document: string, nowMs = Date.now(), by = provider): Promise<void> => {
  const place = { account: subscriptionId, group, region: location };
  const worker = workerOf({ workerGroup: location, workerId, location: place, identityAttributes: { vmId: null } });
  await by.verifyIdentity(worker, { document }, nowMs);
};
const documentOf = async (name: string, identityAttributes: Record<string, unknown> = {}): Promise<string> =>
  (await simulator.attestedDocument(name, identityAttributes)).document;

test('a document is that of its own machine, and of no other', async () => {
  const document = await documentOf('vm-1');
  await expect(verify('vm-1', document)).resolves.toBeUndefined();
  await expect(verify('vm-2', document)).rejects.toThrow('vmId is not the machine’s');
});

test('a machine that Azure does not show may try again', async () => {
  await expect(verify('vm-3', await documentOf('vm-1'))).rejects.toMatchObject({
    name: 'ProviderError',
    code: 'Unavailable',
  });
});

test('a document of another subscription, or too old, is rejected without a call to Azure', async () => {
  const calls = context.acquired.length;
  const foreign = await documentOf('vm-1', { subscriptionId: '99999999-2222-4333-8444-555555555555' });
  await expect(verify('vm-1', foreign)).rejects.toThrow(/another subscription/);
  await expect(verify('vm-1', await documentOf('vm-1'), Date.now() + 7 * HOUR)).rejects.toThrow(/expired at/);
  const times = { createdOn: azureTime(Date.now() - 7 * HOUR), expiresOn: azureTime(Date.now() - HOUR) };
  await expect(verify('vm-1', await documentOf('vm-1', { timeStamp: times }))).rejects.toThrow(/expired at/);
  expect(context.acquired).toHaveLength(calls);
});

test('a document of an authority with the same names and other keys is rejected', async () => {
  const other = await startSimulator(quick);
  try {
    const document = await documentOf('vm-1');
    await expect(verify('vm-1', document, Date.now(), await providerFor(other))).rejects.toThrow(IdentityError);
  } finally {
    await other.stop();
  }
});

test('a document that its bearer signed is rejected, whatever it says', async () => {
  const nowMs = Date.now();
  const thief = certify({ name: 'metadata.azure.com', issuer: null, nowMs, ca: false });
  const identityAttributes = { vmId, subscriptionId, createdMs: nowMs, expiresMs: nowMs + HOUR };
  await expect(verify('vm-1', signAttested(thief, attestedContent(identityAttributes)))).rejects.toThrow(IdentityError);
});
