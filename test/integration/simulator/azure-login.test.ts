import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { startSimulator, type SimulatorHandle } from '../../../dev/testing/simulator.js';
import { quick, subscriptionId } from './azure.js';

const tenant = '99999999-8888-4777-8666-555555555555';
let simulator: SimulatorHandle;
let directory: string;
beforeAll(async () => {
  simulator = await startSimulator({ ...quick, tlsPort: 0, azureClientSecret: 'right' });
  directory = mkdtempSync(join(tmpdir(), 'azure-login-'));
  writeFileSync(join(directory, 'ca.pem'), (await simulator.azureCertificates()).tlsCa);
});
afterAll(async () => {
  rmSync(directory, { recursive: true, force: true });
  await simulator.stop();
});

/** In a process of its own, which trusts the simulator's authority by NODE_EXTRA_CA_CERTS as a deployment would. */
function listMachinesWith(secret: string): { ok: boolean; message: string } {
  const base = `https://127.0.0.1:${simulator.tlsPort}`;
  const program = `
    import { ClientSecretCredential } from '@azure/identity';
    import { ComputeManagementClient } from '@azure/arm-compute';
    const options = { authorityHost: '${base}/azure-login', disableInstanceDiscovery: true, retryOptions: { maxRetries: 0 } };
    const credential = new ClientSecretCredential('${tenant}', 'client', '${secret}', options);
    const compute = new ComputeManagementClient(credential, '${subscriptionId}', { endpoint: '${base}/azure', retryOptions: { maxRetries: 0 } });
    try {
      let machines = 0;
      for await (const _ of compute.virtualMachines.listAll()) machines++;
      console.log(JSON.stringify({ ok: true, message: machines + ' machines' }));
    } catch (error) {
      console.log(JSON.stringify({ ok: false, message: error.message }));
    }`;
  const root = new URL('../../../', import.meta.url).pathname;
  const env = { ...process.env, NODE_OPTIONS: '', NODE_EXTRA_CA_CERTS: join(directory, 'ca.pem') };
  const ran = spawnSync(process.execPath, ['--input-type=module', '-e', program], { cwd: root, env, encoding: 'utf8' });
  if (ran.status !== 0) throw new Error(ran.stderr);
  return JSON.parse(ran.stdout) as { ok: boolean; message: string };
}

describe('Azure over TLS', () => {
  test('Azure over TLS gives the real credential a token for the right secret, and accepts it', () => {
    expect(listMachinesWith('right')).toEqual({ ok: true, message: '0 machines' });
  });

  test('Azure over TLS refuses a wrong secret, until it is the right one', async () => {
    expect(listMachinesWith('wrong')).toEqual({ ok: false, message: expect.stringContaining('AADSTS7000215') });
    await simulator.setAzureClientSecret('wrong');
    expect(listMachinesWith('wrong')).toMatchObject({ ok: true });
  });
});
