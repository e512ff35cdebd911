import { Refusal } from '../errors.js';
import { shortageCodes } from '../shortages.js';
import type { Cloud } from './cloud.js';
import type { Launch, Tag } from './instance.js';
import type { Parameters } from './parameters.js';
import { renderInstance, renderReservation } from './render.js';
import type { Performed } from './performed.js';

const MAX_USER_DATA_BYTES = 16 * 1024;
const MAX_CLIENT_TOKEN = 64;
/** EC2 takes a thousand machines in one reservation at the most when the account's own limits allow them. */
const MAX_COUNT = 1000;

export function runInstances(cloud: Cloud, region: string, parameters: Parameters, nowMs: number): Performed {
  const counts = readCounts(parameters);
  const clientToken = readClientToken(parameters);
  const parametersHash = parameters.hash();
  if (clientToken !== null) {
    const earlier = cloud.launchByToken(region, clientToken);
    if (earlier) return repeat(cloud, earlier, parametersHash, nowMs);
  }
  const order = readOrder(parameters, region, clientToken, parametersHash, nowMs);
  if (parameters.get('DryRun') === 'true') {
    throw new Refusal('DryRunOperation', 'Request would have succeeded, but DryRun flag is set.', 412);
  }
  const room = cloud.room(region, order.instanceType, nowMs);
  if (room < counts.min) {
    throw new Refusal(
      shortageCodes.ec2,
      `We currently do not have sufficient ${order.instanceType} capacity in the Availability Zone you requested (${order.availabilityZone}).`,
      500,
    );
  }
  const created = cloud.launch(order, Math.min(counts.max, room));
  const [first] = created;
  if (!first) throw new Error('a launch made nothing');
  return {
    body: renderReservation(
      cloud.launchOf(first),
      created.map((instance) => renderInstance(cloud, instance, nowMs)),
    ),
    created: created.map((instance) => instance.instanceId),
    details: { requested: counts.max, instanceType: order.instanceType, tags: tagsOf(order.tags) },
  };
}

/** The same answer again; only the machines' states may differ. Nothing is created. */
function repeat(cloud: Cloud, earlier: Launch, parametersHash: string, nowMs: number): Performed {
  if (earlier.parametersHash !== parametersHash) {
    throw new Refusal(
      'IdempotentParameterMismatch',
      'Arguments on this idempotent request are inconsistent with arguments used in previous request(s).',
    );
  }
  const instances = earlier.instanceIds.flatMap((id) => cloud.find(id, nowMs) ?? []);
  const alive = instances.some((instance) => cloud.stateOf(instance, nowMs) !== 'terminated');
  if (!alive) {
    throw new Refusal(
      'IdempotentInstanceTerminated',
      'The request uses the same client token as a previous request for which the instance has been terminated.',
    );
  }
  return {
    body: renderReservation(
      earlier,
      instances.map((instance) => renderInstance(cloud, instance, nowMs)),
    ),
    details: { repeated: true, returned: instances.map((instance) => instance.instanceId) },
  };
}

function readCounts(parameters: Parameters): { min: number; max: number } {
  const read = (name: string): number => {
    const text = parameters.get(name);
    if (text === undefined) throw new Refusal('MissingParameter', `The request must contain the parameter ${name}`);
    const value = Number(text);
    if (!Number.isInteger(value) || value < 1 || value > MAX_COUNT) {
      throw new Refusal('InvalidParameterValue', `Value (${text}) for parameter ${name} is invalid.`);
    }
    return value;
  };
  const counts = { min: read('MinCount'), max: read('MaxCount') };
  if (counts.min > counts.max) {
    throw new Refusal('InvalidParameterValue', 'MinCount may not exceed MaxCount.');
  }
  return counts;
}

function readClientToken(parameters: Parameters): string | null {
  const token = parameters.get('ClientToken');
  if (token === undefined || token === '') return null;
  if (token.length > MAX_CLIENT_TOKEN || !/^[\x20-\x7e]+$/.test(token)) {
    throw new Refusal('InvalidClientToken', 'Client tokens are case-sensitive strings of up to 64 ASCII characters.');
  }
  return token;
}

function readOrder(
  parameters: Parameters,
  region: string,
  clientToken: string | null,
  parametersHash: string,
  nowMs: number,
): Omit<Launch, 'reservationId' | 'instanceIds'> {
  if (parameters.get('LaunchTemplate.LaunchTemplateId') ?? parameters.get('LaunchTemplate.LaunchTemplateName')) {
    throw new Refusal('InvalidLaunchTemplateId.NotFound', 'The specified launch template does not exist.');
  }
  const imageId = parameters.get('ImageId');
  if (!imageId) throw new Refusal('MissingParameter', 'The request must contain the parameter ImageId');
  if (!/^ami-([0-9a-f]{8}|[0-9a-f]{17})$/.test(imageId)) {
    throw new Refusal('InvalidAMIID.Malformed', `Invalid id: "${imageId}" (expecting "ami-...")`);
  }
  const instanceType = parameters.get('InstanceType') ?? 'm1.small';
  if (!/^[a-z0-9-]+\.[a-z0-9-]+$/.test(instanceType)) {
    throw new Refusal('InvalidParameterValue', `Invalid value '${instanceType}' for InstanceType.`);
  }
  const zone = parameters.get('Placement.AvailabilityZone');
  if (zone !== undefined && !new RegExp(`^${region}[a-z]$`).test(zone)) {
    throw new Refusal('InvalidParameterValue', `Invalid availability zone: [${zone}]`);
  }
  const market = parameters.get('InstanceMarketOptions.MarketType');
  if (market !== undefined && market !== 'spot') {
    throw new Refusal('InvalidParameterValue', `Invalid value '${market}' for MarketType.`);
  }
  const spot = market === 'spot';
  return {
    region,
    clientToken,
    parametersHash,
    imageId,
    instanceType,
    availabilityZone: zone ?? `${region}a`,
    // Graviton types have a "g" after the generation's number: m7g, c6gn, t4g.
    architecture: /^[a-z]+\d+g/.test(instanceType) ? 'arm64' : 'x86_64',
    spot,
    isSpotPersistent: readSpotType(parameters, spot) === 'persistent',
    shutdownBehaviour: readShutdownBehaviour(parameters, spot),
    isTerminationProtected: parameters.get('DisableApiTermination') === 'true',
    keptVolumes: readKeptVolumes(parameters),
    keptInterfaces: readKeptInterfaces(parameters),
    tags: readTags(parameters),
    subnetId: parameters.get('SubnetId') ?? parameters.get('NetworkInterface.1.SubnetId') ?? null,
    groupIds: [...parameters.list('SecurityGroupId'), ...parameters.list('NetworkInterface.1.SecurityGroupId')],
    userData: readUserData(parameters),
    launchedMs: nowMs,
  };
}

function readKeptVolumes(parameters: Parameters): string[] {
  const kept: string[] = [];
  for (let index = 1; index <= parameters.structures('BlockDeviceMapping'); index++) {
    const prefix = `BlockDeviceMapping.${index}`;
    if (parameters.get(`${prefix}.Ebs.DeleteOnTermination`) !== 'false') continue;
    kept.push(parameters.get(`${prefix}.DeviceName`) ?? `device ${index}`);
  }
  return kept;
}

function readKeptInterfaces(parameters: Parameters): number[] {
  const kept: number[] = [];
  for (let index = 1; index <= parameters.structures('NetworkInterface'); index++) {
    if (parameters.get(`NetworkInterface.${index}.DeleteOnTermination`) === 'false') kept.push(index);
  }
  return kept;
}

function readSpotType(parameters: Parameters, spot: boolean): 'one-time' | 'persistent' | null {
  const type = parameters.get('InstanceMarketOptions.SpotOptions.SpotInstanceType') ?? 'one-time';
  if (type !== 'one-time' && type !== 'persistent') {
    throw new Refusal('InvalidParameterValue', `Invalid value '${type}' for SpotInstanceType.`);
  }
  return spot ? type : null;
}

/** A machine that shuts itself down is stopped unless its launch said otherwise; a one-time spot machine can't be. */
function readShutdownBehaviour(parameters: Parameters, spot: boolean): 'stop' | 'terminate' {
  const requested = parameters.get('InstanceInitiatedShutdownBehavior') ?? (spot ? 'terminate' : 'stop');
  if (requested !== 'stop' && requested !== 'terminate') {
    throw new Refusal(
      'InvalidParameterValue',
      `Value (${requested}) for parameter InstanceInitiatedShutdownBehavior is invalid.`,
    );
  }
  return requested;
}

function readUserData(parameters: Parameters): string {
  const encoded = parameters.get('UserData') ?? '';
  if (!/^[A-Za-z0-9+/\s]*={0,2}\s*$/.test(encoded)) {
    throw new Refusal('InvalidUserData.Malformed', 'Invalid BASE64 encoding of user data.');
  }
  if (Buffer.from(encoded, 'base64').length > MAX_USER_DATA_BYTES) {
    throw new Refusal('InvalidParameterValue', 'User data is limited to 16384 bytes');
  }
  return encoded;
}

/** Tags of the machines themselves; those of volumes and others are checked and not kept. */
function readTags(parameters: Parameters): Tag[] {
  const tags: Tag[] = [];
  for (let index = 1; index <= parameters.structures('TagSpecification'); index++) {
    const prefix = `TagSpecification.${index}`;
    const type = parameters.get(`${prefix}.ResourceType`);
    if (!type) throw new Refusal('MissingParameter', 'Tag specification must have a resource type');
    const keys = new Set<string>();
    for (let tag = 1; tag <= parameters.structures(`${prefix}.Tag`); tag++) {
      const key = parameters.get(`${prefix}.Tag.${tag}.Key`) ?? '';
      const value = parameters.get(`${prefix}.Tag.${tag}.Value`) ?? '';
      checkTag(key, value);
      if (keys.has(key)) throw new Refusal('InvalidParameterValue', `Duplicate tag key '${key}' specified.`);
      keys.add(key);
      if (type === 'instance') tags.push({ key, value });
    }
    if (keys.size > 50) throw new Refusal('TagLimitExceeded', 'More than 50 tags specified');
  }
  return tags;
}

function checkTag(key: string, value: string): void {
  if (key === '' || key.length > 128)
    throw new Refusal('InvalidParameterValue', 'Tag key must be 1 to 128 characters.');
  if (value.length > 256)
    throw new Refusal('InvalidParameterValue', 'Tag value exceeds the maximum length of 256 characters');
  if (key.toLowerCase().startsWith('aws:'))
    throw new Refusal('InvalidParameterValue', 'Tag keys starting with aws: are reserved');
}

const tagsOf = (tags: readonly Tag[]): Record<string, string> =>
  Object.fromEntries(tags.map((tag) => [tag.key, tag.value]));
