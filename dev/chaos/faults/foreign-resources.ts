import { EC2Client, RunInstancesCommand } from '@aws-sdk/client-ec2';
import { AZURE_GROUP, AZURE_SUBSCRIPTION } from '../../testing/azure-pool.js';
import { googleProject } from '../../testing/simulated-google.js';
import { PLANTED_TAG } from '../check/world.js';
import type { Draw } from '../draw.js';
import type { Scene } from '../scene.js';
import type { FaultKind } from './kind.js';

/** Somebody else's machines and resources, with our tags on them or another deployment's. */

type Tags = Readonly<Record<string, string>>;

const ANOTHER_DEPLOYMENT = 'c0ffee00-0000-4000-8000-00000000beef';

async function plantInstance({ deployment, journal }: Scene, draw: Draw): Promise<number> {
  const machines = (await deployment.simulator.machines()).filter(({ instanceId }) => instanceId.startsWith('i-'));
  const original = draw.pick(machines);
  if (!original) return 0;
  const tags = disguised(original.tags, draw);
  const credentials = { accessKeyId: 'somebody', secretAccessKey: 'else' };
  const client = new EC2Client({ region: original.region, endpoint: deployment.simulator.ec2Endpoint, credentials });
  const Tags = Object.entries(tags).map(([Key, Value]) => ({ Key, Value }));
  const launched = client.send(
    new RunInstancesCommand({
      ...{ ImageId: 'ami-12345678', InstanceType: 't3.micro', MinCount: 1, MaxCount: 1 },
      // Another's token, or none at all.
      ...(draw.chance(0.5) && { ClientToken: `theirs-${draw.whole(0, 1e9)}` }),
      TagSpecifications: [{ ResourceType: 'instance', Tags }],
    }),
  );
  // Faults strike calls of others as well.
  const answer = await launched.catch(() => null);
  client.destroy();
  for (const { InstanceId } of answer?.Instances ?? []) journal.foreign.add(InstanceId!);
  return answer ? 1 : 0;
}

/** An address in our group, called nearly as one of a worker's is. */
async function plantAddress({ deployment, journal }: Scene, draw: Draw): Promise<number> {
  const { resources } = await deployment.simulator.azureState();
  const original = draw.pick(resources.filter(({ type }) => type.endsWith('/networkInterfaces')));
  if (!original) return 0;
  const name = `${original.name}-copy-${draw.whole(0, 1e9)}`;
  const group = `/subscriptions/${AZURE_SUBSCRIPTION}/resourceGroups/${AZURE_GROUP}`;
  const id = `${group}/providers/Microsoft.Network/publicIPAddresses/${name}`;
  // With all tags of a template's worker, in its own group, it would be taken for a part of it
  // (docs/reliability.md#limits).
  const { 'worker-id': _worker, ...others } = original.tags;
  const tags = 'worker-manager-names' in original.tags ? original.tags : others;
  for (const known of [name, id]) journal.foreign.add(known);
  // An answer may be lost, as any: what exists tells.
  await fetch(`${deployment.simulator.azureEndpoint}${id}?api-version=2024-05-01`, {
    method: 'PUT',
    headers: { 'content-type': 'application/json', authorization: 'Bearer emulator' },
    body: JSON.stringify({
      ...{ location: 'westus2', tags: disguised(tags, draw), sku: { name: 'Standard' } },
      properties: { publicIPAllocationMethod: 'Static' },
    }),
  }).catch(() => null);
  const { resources: now } = await deployment.simulator.azureState();
  if (now.some((one) => one.id === id)) return 1;
  for (const known of [name, id]) journal.foreign.delete(known);
  return 0;
}

/** As "create similar" in the console makes one. */
async function plantGoogle({ deployment }: Scene, draw: Draw): Promise<number> {
  const machines = (await deployment.simulator.machines()).filter(({ name }) => name !== undefined);
  const original = draw.pick(machines);
  if (!original) return 0;
  const zone = original.region;
  const url = `${deployment.simulator.url}/compute/v1/projects/${googleProject}/zones/${zone}/instances`;
  const answer = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: 'Bearer somebody' },
    body: JSON.stringify({
      name: `${original.name}-copy${draw.whole(0, 999)}`,
      machineType: `zones/${zone}/machineTypes/n2-standard-4`,
      labels: disguised(original.tags, draw),
      disks: [{ boot: true, autoDelete: true, initializeParams: { sourceImage: 'projects/x/global/images/y' } }],
      networkInterfaces: [{ network: 'global/networks/default' }],
    }),
  }).catch(() => null);
  return answer?.ok ? 1 : 0;
}

/** Ours to the letter, or with another deployment's name. */
const disguised = (tags: Tags, draw: Draw): Tags => ({
  ...tags,
  ...(draw.chance(0.3) && { 'worker-manager-deployment': ANOTHER_DEPLOYMENT }),
  [PLANTED_TAG]: 'yes',
});

const plants: readonly FaultKind['strike'][] = [plantInstance, plantAddress, plantGoogle];

export const foreignResources: FaultKind = {
  name: 'look-alike planted',
  everySeconds: 20,
  strike: (scene, draw) => draw.pick(plants)!(scene, draw),
};
