import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { googleProvider } from '../../../../providers/google/provider.js';
import type { MachineRef, Machines } from '../../../../providers/provider.js';
import { startGcplocal } from '../../../support/gcplocal.js';
import { recordedContext } from '../../../support/provider-context.js';
import type { RunningServer } from '../../../support/python-server.js';
import { googleClients, insert, project, single, zone } from '../../simulator/google.js';

/**
 * The same provider against a Compute Engine that nobody here wrote. Where gcplocal differs from Google's:
 * - It has no `bulkInsert`, so that machines are inserted with the SDK, one by one.
 * - It knows machines by their names only, which stand here where the number would, and keeps no description.
 * - Its 404 does not name the machine as Google's does, so that it is no proof of absence; nor has it lists of
 *   operations.
 */
let gcplocal: RunningServer;
let machines: Machines;
beforeAll(async () => {
  gcplocal = await startGcplocal();
  const config = { project, workerServiceAccountId: '1', endpoint: gcplocal.endpoint, jwksUrl: null, draining: false };
  machines = googleProvider({ providerType: 'google', ...config }, recordedContext()).machines!;
}, 300_000);
afterAll(() => gcplocal.stop());

const location = { account: project, region: 'us-central1', group: zone };
const machine = (name: string): MachineRef => ({ workerGroup: zone, workerId: name, location });

async function states(known: readonly MachineRef[] = []): Promise<string[]> {
  const seen: string[] = [];
  for await (const page of machines.observe([location], known)) seen.push(...page.map(({ state }) => state));
  return seen;
}

test('machines of gcplocal are listed, read and deleted, and what it says of one that is gone proves nothing', async () => {
  const clients = await googleClients({ port: Number(new URL(gcplocal.endpoint).port) });
  await insert(clients, single('one'));
  await insert(clients, single('two'));
  expect(await states()).toEqual(['running', 'running']);
  expect(await machines.get(machine('one'))).toMatchObject({ workerGroup: zone, state: 'running', location });

  await machines.deleteResource(machine('one'), machines.removalSteps[0]!);
  expect(await states([machine('one')])).toEqual(['running']);
  await expect(machines.get(machine('one'))).rejects.toMatchObject({ name: 'ProviderError' });
  await expect(machines.deleteResource(machine('one'), machines.removalSteps[0]!)).rejects.toMatchObject({
    name: 'ProviderError',
  });
  expect(await machines.get(machine('two'))).toMatchObject({ state: 'running' });
});
