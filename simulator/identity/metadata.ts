import type { ServerResponse } from 'node:http';
import type { Cloud } from '../ec2/cloud.js';
import type { Instance } from '../ec2/instance.js';
import { ACCOUNT_ID } from '../ec2/render.js';
import { Refusal } from '../errors.js';
import { sendText } from '../http/exchange.js';
import type { RegionKeys } from './region-keys.js';

export type IdentityFacts = Record<string, string | null>;

/** The facts of an instance identity document, in the order and spelling of a real one. */
export function identityFacts(cloud: Cloud, instance: Instance): IdentityFacts {
  const launch = cloud.launchOf(instance);
  return {
    accountId: ACCOUNT_ID,
    architecture: launch.architecture,
    availabilityZone: launch.availabilityZone,
    billingProducts: null,
    devpayProductCodes: null,
    marketplaceProductCodes: null,
    imageId: launch.imageId,
    instanceId: instance.instanceId,
    instanceType: launch.instanceType,
    kernelId: null,
    pendingTime: new Date(launch.launchedMs).toISOString().replace(/\.\d+/, ''),
    privateIp: instance.privateIp,
    ramdiskId: null,
    region: instance.region,
    version: '2017-09-30',
  };
}

/** Written as the metadata service does it, a blank on both sides of each colon; the signature is over these bytes. */
export function renderIdentityDocument(facts: IdentityFacts): string {
  const lines = Object.entries(facts).map(([name, value]) => `  ${JSON.stringify(name)} : ${JSON.stringify(value)}`);
  return `{\n${lines.join(',\n')}\n}`;
}

/** The instance metadata service; each machine has its own at `/metadata/<instanceId>`. */
export function handleMetadata(cloud: Cloud, keys: RegionKeys, path: string, response: ServerResponse): void {
  const [instanceId = '', ...rest] = path.split('/');
  const instance = cloud.find(instanceId, Date.now());
  if (!instance || instance.endingMs !== null) throw new Refusal('NotFound', 'no such machine is running', 404);
  const item = rest.join('/');
  switch (item) {
    case 'latest/dynamic/instance-identity/document':
      return sendText(response, renderIdentityDocument(identityFacts(cloud, instance)));
    case 'latest/dynamic/instance-identity/signature':
      return sendText(response, keys.sign(instance.region, renderIdentityDocument(identityFacts(cloud, instance))));
    case 'latest/user-data':
      return sendText(response, Buffer.from(cloud.launchOf(instance).userData, 'base64').toString());
    case 'latest/meta-data/instance-id':
      return sendText(response, instanceId);
    default:
      throw new Refusal('NotFound', `no metadata ${item}`, 404);
  }
}
