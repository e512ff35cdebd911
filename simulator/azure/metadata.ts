import type { ServerResponse } from 'node:http';
import { Refusal } from '../errors.js';
import { sendJson, sendText } from '../http/exchange.js';
import { parseUserData, readMetadata, type Introduce } from '../machines/registration.js';
import { textAt } from '../members.js';
import type { Arm } from './arm.js';
import { attestedFacts, signDocument } from './attested-document.js';
import type { AzureKeys } from './certificates.js';

/** The instance metadata service; each machine has its own at `/azure-metadata/<name>`. */
export function handleAzureMetadata(
  arm: Arm,
  keys: () => AzureKeys,
  path: string,
  query: URLSearchParams,
  response: ServerResponse,
): void {
  const [name = '', ...rest] = path.split('/').map(decodeURIComponent);
  const vm = arm.run((store) => store.machine(name));
  if (vm?.machine?.power !== 'running') throw new Refusal('NotFound', 'no such machine is running', 404);
  switch (rest.join('/')) {
    case 'metadata/attested/document': {
      const facts = attestedFacts(vm, query.get('nonce') ?? '', Date.now());
      return sendJson(response, 200, { encoding: 'pkcs7', signature: signDocument(facts, keys().signer) });
    }
    case 'metadata/instance':
      return sendJson(response, 200, {
        compute: {
          name: vm.name,
          vmId: vm.machine.vmId,
          location: vm.location,
          resourceGroupName: vm.resourceGroup,
          resourceId: vm.id,
          subscriptionId: vm.subscriptionId,
          vmSize: textAt(vm.properties, 'hardwareProfile', 'vmSize'),
          tagsList: Object.entries(vm.tags).map(([tag, value]) => ({ name: tag, value })),
        },
      });
    // In place of the file that a real machine finds on its provisioning disk.
    case 'custom-data':
      return sendText(response, Buffer.from(vm.machine.customData, 'base64').toString());
    default:
      throw new Refusal('NotFound', 'no such metadata', 404);
  }
}

/** A virtual machine: its custom data, and an attested document. */
export const introduceVirtualMachine =
  (metadataUrl: string): Introduce =>
  async (signal) => {
    const userData = parseUserData(await readMetadata(`${metadataUrl}/custom-data`, signal));
    if (!userData) return null;
    const answer = await readMetadata(`${metadataUrl}/metadata/attested/document?api-version=2021-02-01`, signal);
    return { userData, proof: { document: (JSON.parse(answer) as { signature: string }).signature } };
  };
