import { afterEach, expect, test } from '@jest/globals';
import { azureAt, azureSpec } from '../../../support/azure-harness.js';
import { type ScriptedServer, scriptedServer } from '../../../support/scripted-server.js';

let server: ScriptedServer;
afterEach(() => server.close());

/** Azure's lists, which are empty, and for every single resource the answer of something in between. */
async function behind(page: { readonly status: number; readonly type: string; readonly body: string }) {
  server = await scriptedServer(({ url = '' }, response) => {
    const isList = /\/(resources|virtualMachines|networkInterfaces|publicIPAddresses|disks|deployments)\?/.test(url);
    const { status, type, body } = isList ? { status: 200, type: 'application/json', body: '{"value":[]}' } : page;
    response.writeHead(status, { 'content-type': type }).end(body);
  });
  const azure = azureAt(server.url);
  const launch = azure.launching.prepare(azureSpec());
  const [machine] = azure.launching.machines(launch);
  return { azure, launch, machine: machine! };
}

const pages = [
  { status: 200, type: 'text/html', body: '<html>sign in</html>' },
  { status: 200, type: 'application/json', body: '{}' },
  { status: 404, type: 'text/html', body: '<html>not found</html>' },
];

test.each(pages)('a machine is not gone by an answer that is not Azure’s: $status $body', async (page) => {
  const { azure, machine } = await behind(page);
  await expect(azure.provider.machines!.get(machine)).rejects.toMatchObject({ code: 'Unavailable' });
  // What a template made is read by its id.
  const resourceIds = ['vm', 'extra'].map(
    (kind) =>
      `/subscriptions/${machine.location.account}/resourceGroups/${machine.location.group}/providers/` +
      (kind === 'vm'
        ? `Microsoft.Compute/virtualMachines/${machine.workerId}`
        : `Microsoft.Network/networkSecurityGroups/nsg-${machine.workerId}`),
  );
  await expect(azure.provider.machines!.get({ ...machine, resourceIds })).rejects.toMatchObject({
    code: 'Unavailable',
  });
});

test.each(pages)('a resource is not there by an answer that is not Azure’s: $status $body', async (page) => {
  const { azure, launch, machine } = await behind(page);
  await expect(azure.launching.submit(launch, machine, 'networkInterface')).rejects.toMatchObject({
    code: 'Unavailable',
  });
});
